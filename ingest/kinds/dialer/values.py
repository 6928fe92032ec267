"""Values of a dialler's push that take more than one reading: its time, the results of a talk, an agent's day."""

from __future__ import annotations

from datetime import datetime
from types import UnionType
from typing import Any

from ingest.kinds.dialer.payload import DAY_COUNTERS, Body
from ingest.kinds.reading import values
from ingest.kinds.reading.aliases import plain
from ingest.kinds.reading.clean import clean
from ingest.kinds.reading.decode import decode_within
from ingest.kinds.reading.free_json import json_of
from ingest.kinds.reading.nothing import says_something
from ingest.kinds.reading.warn import Warnings, below
from ingest.tables.json_text import Json

TIMESTAMP = "$.body.timestamp"
_RESULTS = "$.body.customizeResults"
_RESULT = {"title": "title", "groupname": "group", "value": "value"}
"""A result's fields by their plain names, as their case varies"""


def time_of(body: Body, warnings: Warnings) -> datetime | None:
    """When the vendor says that it was so; milliseconds since the epoch may come as a number or as text."""
    return values.any_moment(body.timestamp, TIMESTAMP, warnings)


def results_of(body: Body, warnings: Warnings) -> Json | None:
    """The results of a talk as `[{"title": …, "group": …, "value": …}]`, without what is null, however they came; None
    where none has a value, as in a form that nobody has filled in yet."""
    sent = _decoded(body.customize_results, dict | list, _RESULTS, warnings)
    if isinstance(sent, dict):
        sent = [{"title": title, "value": value} for title, value in sent.items()]
    if not isinstance(sent, list):
        if says_something(sent):
            warnings.add(_RESULTS, f"an object or an array is expected, not {type(sent).__name__}")
        return None
    items = enumerate(values.bounded(sent, _RESULTS, warnings))
    results = [_result(item, below(_RESULTS, f"[{place}]"), warnings) for place, item in items]
    return json_of(results, _RESULTS, warnings) if any("value" in one for one in results) else None


def _decoded(sent: Any, wanted: type | UnionType, path: str, warnings: Warnings) -> Any:
    """What is in a string of JSON; anything else as it is."""
    within = decode_within(sent, wanted) if isinstance(sent, str) else None
    return sent if within is None else clean(within, path, warnings, path.count(".") + path.count("["))


def _result(item: Any, path: str, warnings: Warnings) -> dict[str, Any]:
    item = _decoded(item, dict, path, warnings)
    if not isinstance(item, dict):
        warnings.add(path, f"an object is expected, not {type(item).__name__}")
        return {}
    said = {key: value for key, value in item.items() if says_something(value)}
    told = {_RESULT[name]: value for key, value in said.items() if (name := plain(key)) in _RESULT}
    if said and not told:
        warnings.add(path, "neither title, groupName nor value is in it: it is in the raw push alone")
    return {name: told[name] for name in _RESULT.values() if name in told}


def day_counters_of(body: Body, warnings: Warnings) -> Json | None:
    """The agent's day until now, by the vendor's names; 0 is a count."""
    told = {
        called: _decoded(getattr(body, name), dict | list, f"$.body.{called}", warnings)
        for name, called in _VENDORS.items()
    }
    counters = {called: value for called, value in told.items() if says_something(value)}
    return json_of(counters, "$.body", warnings)


_NAMES = dict(zip(Body.__struct_fields__, Body.__struct_encode_fields__, strict=True))
_VENDORS = {name: _NAMES[name] for name in DAY_COUNTERS}
