"""Bad input: every body that the receiver has to survive, by name, and the status that web answers it with.

What fuzzing found is a file in `found/`, named `<status>-<name>`. A case that is added here, or a field that is added
to the structs, goes through web, worker and Postgres in `tests/test_bad_input.py` by itself, and seeds the fuzzer.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.corpus import not_json, odd_objects, odd_values
from tests.corpus.documents import SAMPLE, documented, replaced, to_json

FOUND = Path(__file__).parent / "found"


@dataclass(frozen=True)
class Case:
    """A body, and the answer that README promises for it."""

    name: str
    body: bytes
    status: int

    @property
    def is_kept(self) -> bool:
        """Whether it has to have an outcome."""
        return bool(self.body) and self.status != 413


@functools.cache
def cases() -> tuple[Case, ...]:
    """The whole corpus; no two cases have the same name or body, as one would be the other's redelivery."""
    return tuple(_cases())


def _cases() -> Iterator[Case]:
    yield Case("the vendor's sample", SAMPLE.read_bytes(), 200)
    yield from (Case(*one) for one in not_json.bodies())
    yield from (Case(*one, 200) for one in odd_objects.bodies())
    yield from (Case(*one, 413) for one in odd_objects.too_large())
    for number, (name, steps, value) in enumerate((*odd_values.wrong_types(), *odd_values.edits())):
        yield Case(name, to_json(replaced(documented(number), steps, value)), 200)
    for name, document in odd_values.missing():
        yield Case(name, to_json(document), 200)
    for path in sorted(FOUND.glob("*-*")):
        status, name = path.stem.split("-", 1)
        yield Case(f"found: {name}", path.read_bytes(), int(status))
