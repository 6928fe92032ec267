"""What we lean on in parts of libraries that they may change at any time: an upgrade that does so fails here, with a
sentence on what it breaks. Nothing of ours may lean on more than is named here."""

from __future__ import annotations

import ast
import dis
import functools
import importlib
import inspect
import types
from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import Any

import pytest

from tests.contracts import CALLS, PARAMETERS, PARTS, REPLACED, Lean
from tests.sources import SOURCES, tree


def found(owner: str) -> Any:
    """What stands at `module:name`; the module itself where there is no name."""
    module, _, name = owner.partition(":")
    return functools.reduce(getattr, name.split(".") if name else [], importlib.import_module(module))


def members(owner: Any) -> set[str]:
    """What it has, and what its methods set."""
    return set(dir(owner)) | {
        step.argval
        for base in (owner.__mro__ if isinstance(owner, type) else ())
        for function in vars(base).values()
        if isinstance(function, types.FunctionType)
        for step in dis.get_instructions(inspect.unwrap(function))
        if step.opname == "STORE_ATTR"
    }


def uses(owner: Any) -> set[str]:
    """The attributes and globals that a function uses."""
    return set(inspect.unwrap(owner).__code__.co_names)


def takes(owner: Any) -> set[str]:
    """The parameters of a function, or of a class that is made."""
    return set(inspect.signature(owner).parameters)


def complaints(lean: Lean, of: Callable[[Any], set[str]], words: str) -> list[str]:
    """A sentence for each name that is missing."""
    try:
        there = of(found(lean.owner))
    except (ImportError, AttributeError):
        return [lean.broken("is gone")]
    return [lean.broken(f"{words} {name}") for name in lean.names.split() if name not in there]


def by_owner(lean: Lean) -> str:
    """A test's name."""
    return lean.owner.rpartition(".")[2] or lean.owner


@pytest.mark.parametrize("lean", PARTS, ids=by_owner)
def test_part_is_there(lean: Lean) -> None:
    """Each attribute that we read, call or override."""
    assert complaints(lean, members, "no longer has") == []


@pytest.mark.parametrize("lean", PARAMETERS, ids=by_owner)
def test_parameter_is_taken(lean: Lean) -> None:
    """Each parameter that goes through functions of ours."""
    assert complaints(lean, takes, "no longer takes") == []


@pytest.mark.parametrize("lean", CALLS, ids=by_owner)
def test_override_is_asked(lean: Lean) -> None:
    """Each function of ours that a library is to call in place of its own."""
    assert complaints(lean, uses, "no longer uses") == []


@pytest.mark.parametrize("lean", REPLACED, ids=by_owner)
def test_replaced_function_is_as_it_was(lean: Lean) -> None:
    """What we do in place of a library's function was written against what that does."""
    assert complaints(lean, uses, "no longer uses") == []
    new = uses(found(lean.owner)) - set(lean.names.split())
    assert new == set(), f"{lean.library} {version(lean.library)}: {lean.owner} does more; should {lean.ours}, too?"


def test_complaint_is_a_sentence() -> None:
    """Whoever upgrades reads what broke, and where."""
    lean = Lean("rq", "rq:Queue", "key gone", "ingest.batch.queue", "giving a batch its job")

    assert complaints(lean, members, "no longer has") == [
        f"rq {version('rq')}: rq:Queue no longer has gone, which ingest.batch.queue needs for giving a batch its job"
    ]
    assert complaints(lean._replace(owner="rq.nowhere:Queue"), members, "no longer has") == [
        f"rq {version('rq')}: rq.nowhere:Queue is gone, which ingest.batch.queue needs for giving a batch its job"
    ]


def classes_of(module: str) -> Iterator[tuple[ast.ClassDef, type, type]]:
    """The classes of a module that are made from a library's, directly or not: its text, the class, the library's."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.ClassDef):
            ours = getattr(importlib.import_module(module), node.name)
            for base in ours.__mro__:
                if base.__module__.partition(".")[0] in {"uvicorn", "rq", "psycopg", "redis", "rq_dashboard"}:
                    yield node, ours, base
                    break


def inherited(node: ast.ClassDef, base: type) -> set[str]:
    """The base's names that a class's methods use or override."""
    own = {one.name for one in node.body if isinstance(one, ast.FunctionDef)}
    declared = {ast.unparse(one.target) for one in node.body if isinstance(one, ast.AnnAssign)}
    used = {
        one.attr
        for one in ast.walk(node)
        if isinstance(one, ast.Attribute) and (isinstance(one.value, ast.Name) or ast.unparse(one.value) == "super()")
    }
    return {name for name in (own | used) - declared if not name.startswith("__")} & members(base)


def test_all_that_is_inherited_is_named() -> None:
    """A class of ours uses and overrides of a library's nothing but what is named here."""
    named = {name for lean in PARTS for name in lean.names.split()}
    product = [module for module in SOURCES if not module.startswith("bench")]
    classes = [one for module in product for one in classes_of(module)]
    unnamed = {
        f"{ours.__module__}: {base.__name__}.{name}"
        for node, ours, base in classes
        for name in inherited(node, base) - named
    }

    assert len(classes) >= 4
    assert unnamed == set()


def test_nothing_private_is_imported() -> None:
    """No module of a library whose name says that it is nobody else's."""
    private = [
        f"{module}: {name}"
        for module in SOURCES
        if not module.startswith("bench")
        for node in ast.walk(tree(module))
        if isinstance(node, ast.ImportFrom) and node.module
        for name in (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))
        if any(part.startswith("_") and not part.endswith("__") for part in name.split("."))
        and not name.startswith(("ingest", "workers", "ops", "__future__"))
    ]
    assert private == []
