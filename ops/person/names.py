"""One person: whom `erase` and `export` are about, and which pushes are theirs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any, TypeVar

import click

from ingest.kinds.kind import Ids
from ingest.kinds.reading.identifiers import canonical_id, id_spellings, storable
from ingest.kinds.reading.phone_numbers import canonical_number, digits_of
from ingest.kinds.reading.phone_spellings import mention_of, spellings
from ops.typed import Text

_Command = TypeVar("_Command", bound=Callable[..., Any])

SourcedId = tuple[str, str]
"""Source, and the id of a call or a case"""


@dataclass
class Person:
    """A person by telephone number, or one case of theirs by its id; of one source, or of all."""

    source: str | None
    case_id: str | None
    """None where all that is held on a person is meant"""
    numbers: set[str]
    """The person's, as they may be stored; none where a case is meant"""
    spellings: frozenset[str]
    """The digits of these"""
    mention: re.Pattern[bytes] | None
    """What finds them in bytes that name nobody"""
    case_spellings: frozenset[str] = frozenset()
    """How the case's id may be stored, where one is meant"""
    calls: set[SourcedId] = field(default_factory=set)
    """Those that are known to be theirs: some pushes say no more"""
    case_numbers: set[str] = field(default_factory=set)
    """Those that a case is known with, where one is meant"""
    cases: set[SourcedId] = field(default_factory=set)
    """The person's cases that nobody else has, for the same reason"""

    def parameters(self) -> dict[str, Any]:
        """For the statements that find them."""
        return {
            "source": self.source,
            "case_id": self.case_id,
            "case_spellings": sorted(self.case_spellings),
            "numbers": sorted(self.numbers),
            "spellings": sorted(self.spellings),
            "in_e164": [f"+{digits}" for digits in sorted(self.spellings)],
            "case_numbers": sorted(self.case_numbers),
            "call_sources": [source for source, _ in sorted(self.calls)],
            "call_ids": [call_id for _, call_id in sorted(self.calls)],
            "case_sources": [source for source, _ in sorted(self.cases)],
            "case_ids": [case_id for _, case_id in sorted(self.cases)],
        }

    def may_own(self, source: str, names: Ids) -> bool:
        """Whether a push names them, or nobody."""
        if self.source not in (None, source):
            return False
        if self.case_id is not None:
            return names.case_id in (None, self.case_id)
        return names.callee_number is None or self._is_number(names.callee_number)

    def owns(self, source: str, names: Ids, body: bytes) -> bool:
        """Whether a push names them; or nobody, and it is of a call or case of theirs or mentions them."""
        if not self.may_own(source, names):
            return False
        named = names.callee_number if self.case_id is None else names.case_id
        if named is not None or (source, names.call_id) in self.calls or (source, names.case_id) in self.cases:
            return True
        return self.mention is not None and self.mention.search(body) is not None

    def learn(self, source: str, call_id: str | None) -> None:
        """Take note of a call of theirs, as it is stored and as raw pushes are read."""
        if call_id:
            self.calls |= {(source, one) for one in id_spellings(call_id)}

    def _is_number(self, number: str) -> bool:
        return canonical_number(number) in self.numbers or digits_of(number) in self.spellings


def person_options(command: _Command) -> _Command:
    """The options by which a command is told whom it is about."""
    for option in (
        click.option("--source", type=Text(), help="Only what came with this source's token."),
        click.option("--case-id", help="One case, by the customer's id of it."),
        click.option("--callee-number", help="A person, by number; best in international form, +62…"),
    ):
        command = option(command)
    return command


def person_sought(callee_number: str | None, case_id: str | None, source: str | None) -> Person:
    """Whom the options mean; a usage error unless it is one number or one case."""
    number, typed_id = storable(callee_number or "").strip(), storable(case_id or "")
    case_id = canonical_id(typed_id)
    if bool(number) == bool(case_id):
        raise click.UsageError("name a person: --callee-number, or --case-id")
    if case_id:
        spelt = id_spellings(typed_id)
        return Person(source, case_id, set(), frozenset(), _case_mention(spelt), spelt)
    canonical = canonical_number(number)
    spelt = spellings(canonical)
    return Person(source, None, {number, canonical}, spelt, mention_of(spelt))


def _case_mention(ids: Collection[str]) -> re.Pattern[bytes]:
    """Finds the case by its key in what was no JSON: an id alone may be any number."""
    written = {form for one in ids for form in (one, json.dumps(one)[1:-1])}
    spelt = "|".join(map(re.escape, sorted(written)))
    return re.compile(rf"case_id[\"']?\s*[:=]\s*[\"']?(?:{spelt})(?![\w\-])".encode())
