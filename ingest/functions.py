"""Functions of the customer's own that settings name: `source=package.module:function`, and what they are."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any

from ingest import tokens
from ingest.errors import SettingError

Opener = Callable[[Mapping[str, str], bytes], Any]
"""Takes the headers that are kept with a push, and its body"""

_NAME = r"[^\W\d]\w*"
_PATH = re.compile(rf"{_NAME}(?:\.{_NAME})*:{_NAME}")


def parse_functions(variable: str, text: str) -> dict[str, str]:
    """Read `source=package.module:function,…`: a dotted path by source, not imported yet. SettingError names a bad item
    by its place."""
    paths: dict[str, str] = {}
    for place, item in enumerate((item for item in text.split(",") if item.strip()), start=1):
        source, path = (part.strip() for part in item.partition("=")[::2])
        if not (tokens.is_source(source) and _PATH.fullmatch(path)):
            raise SettingError(f"{variable}: item {place} is not of the form source=package.module:function")
        if paths.setdefault(source, path) != path:
            raise SettingError(f"{variable}: item {place} has the source of another item: a source has one function")
    return paths


def import_function(variable: str, source: str, path: str) -> Opener:
    """The function of a source. SettingError says why there is none, without the text of an error in it."""
    module, _, name = path.partition(":")
    try:
        function: Opener | None = getattr(importlib.import_module(module), name, None)
    except Exception as error:
        missing = f" {error.name}" if isinstance(error, ModuleNotFoundError) else ""
        why = f"{type(error).__name__}{missing}: is it on PYTHONPATH, or installed beside this program?"
        raise SettingError(f"{variable}: {source}={path} cannot be imported: {why}") from None
    if not callable(function) or inspect.iscoroutinefunction(function):
        raise SettingError(f"{variable}: {source}={path} is no plain function of that module")
    return function
