"""Hypothesis strategies from the structs: pushes almost as documented, and JSON that is nothing of the kind."""

from __future__ import annotations

import typing
from typing import Any

import msgspec
from hypothesis import strategies as st

from ingest.kinds.custom_api.payload import CustomApiPush
from tests.corpus.documents import Literal, is_struct, item_of, to_json, without_none
from tests.corpus.odd_values import AMOUNTS, DATES, HOSTILE_TEXTS, MOMENTS, NUMBERS, NUMBERS_ANYWHERE, OFFSETS

ODD_TEXTS = st.text(st.characters(codec=None), max_size=30)
"""Of any code point: nul, control characters, lone surrogates"""

_CORPUS = sorted({*HOSTILE_TEXTS.values(), *DATES, *MOMENTS, *OFFSETS, *AMOUNTS, *NUMBERS})
TEXTS = (
    ODD_TEXTS
    | st.sampled_from([text for text in _CORPUS if len(text) < 100])
    | st.text("+-:.TZ 0123456789", max_size=30)
    | st.dates().map(str)
    | st.datetimes(timezones=st.none() | st.timezones()).map(str)
    | st.decimals().map(str)
)
_DIGITS = st.text("0123456789", min_size=1, max_size=40)
NUMBERS_AS_WRITTEN = st.sampled_from([text for text in NUMBERS_ANYWHERE if len(text) < 2000]) | st.builds(
    "{}{}{}".format,
    st.integers(-(10**40), 10**40),
    st.just("") | _DIGITS.map(".{}".format),
    st.just("") | st.integers(-2000, 2000).map("e{}".format),
)
SCALARS = st.none() | st.booleans() | st.integers() | NUMBERS_AS_WRITTEN.map(Literal) | TEXTS
ANY_JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ODD_TEXTS, inner, max_size=4), max_leaves=8
)


def fitting(field_type: Any) -> st.SearchStrategy[Any]:
    """What a field of this type should hold, be it ever so odd."""
    if is_struct(field_type):
        return documents(field_type)
    if item := item_of(field_type):
        return st.lists(almost(item), max_size=3)
    if typing.get_origin(field_type) is dict:
        return st.dictionaries(ODD_TEXTS, ANY_JSON, max_size=4)
    return {str: TEXTS, int: st.integers()}.get(field_type, ANY_JSON)


def almost(field_type: Any) -> st.SearchStrategy[Any]:
    """What fits three times in five, is a string of what fits once, and any JSON otherwise."""
    fits = fitting(field_type)
    ways = [ANY_JSON, fits.map(lambda value: to_json(value).decode()), fits, fits, fits]
    return st.integers(0, 4).flatmap(ways.__getitem__)


def documents(struct: type[msgspec.Struct] = CustomApiPush) -> st.SearchStrategy[dict[str, Any]]:
    """Objects with any of a struct's fields, and now and then one that it does not know."""
    known = {one.encode_name: almost(without_none(one.type)) for one in msgspec.structs.fields(struct)}
    return st.fixed_dictionaries({}, optional={**known, "unknown": ANY_JSON, "workflow_id\0": ANY_JSON})


BODIES = (documents() | ANY_JSON).map(to_json) | st.binary(max_size=100)
"""The bytes of a push, of other JSON, or of nothing at all"""
