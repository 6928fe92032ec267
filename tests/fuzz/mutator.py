"""Mutations that keep a push a push: of bytes alone hardly one in a thousand would still be JSON."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

from tests.corpus.documents import Literal, fields, replaced, to_json
from tests.corpus.odd_values import ANY_JSON, HOSTILE_TEXTS, NUMBERS_ANYWHERE

MutateBytes = Callable[[bytes, int], bytes]

OF_BYTES = 0.2
"""The share of mutations that are the fuzzer's own, of the whole body"""

_FIELDS = list(fields())
_VALUES: list[Any] = [*ANY_JSON.values(), *HOSTILE_TEXTS.values(), *map(Literal, NUMBERS_ANYWHERE)]
_CHARACTERS = [
    "\0",
    "\ud800",
    "\udfff",
    "\x1b",
    "\n",
    "\u2028",
    "\x7f",
    "\U0010ffff",
    ".",
    "0",
    "9",
    "-",
    "+",
    "e",
    " ",
]


def mutate(body: bytes, max_length: int, seed: int, mutate_bytes: MutateBytes) -> bytes:
    """A body that differs in one place: as JSON where it is JSON, most of the time."""
    chance = random.Random(seed)
    if chance.random() < OF_BYTES:
        return mutate_bytes(body, max_length)
    try:
        document = json.loads(body, parse_int=Literal, parse_float=Literal, parse_constant=Literal)
        mutated = to_json(_Mutation(chance, mutate_bytes).of(document))
    except (ValueError, RecursionError):
        return mutate_bytes(body, max_length)
    return mutated if len(mutated) <= max_length else mutate_bytes(body, max_length)


class _Mutation:
    """One change somewhere in a document."""

    def __init__(self, chance: random.Random, mutate_bytes: MutateBytes) -> None:
        self._chance = chance
        self._mutate_bytes = mutate_bytes

    def of(self, document: Any) -> Any:
        places = _places(document)
        if isinstance(document, dict) and (not places or self._chance.random() < 0.2):
            return self._with_field(document)
        if not places:
            return self._other(document)
        container, key = self._chance.choice(places)
        self._change(container, key)
        return document

    def _with_field(self, document: dict[str, Any]) -> dict[str, Any]:
        field = self._chance.choice(_FIELDS)
        try:
            return replaced(document, field.steps, self._chance.choice(_VALUES))
        except (LookupError, TypeError):  # what should be above it is not there
            return document | {str(field.steps[0]): self._chance.choice(_VALUES)}

    def _change(self, container: Any, key: Any) -> None:
        action = self._chance.randrange(6)
        if action == 0:
            del container[key]
        elif action == 1 and isinstance(container, list):
            container.insert(key, container[key])
        elif action == 2 and isinstance(container, dict):
            container[self._text(key)] = container.pop(key)
        else:
            container[key] = self._other(container[key])

    def _other(self, value: Any) -> Any:
        if self._chance.random() < 0.2:
            return self._chance.choice(([value], {"a": value}, self._chance.choice(_VALUES)))
        if isinstance(value, Literal):
            digits = self._mutate_bytes(value.text.encode(), 64).decode("ascii", "ignore")
            return Literal("".join(one for one in digits if one in "0123456789.eE+-") or "0")
        return self._text(value) if isinstance(value, str) else self._chance.choice(_VALUES)

    def _text(self, text: str) -> str:
        if self._chance.random() < 0.3:
            at = self._chance.randint(0, len(text))
            return text[:at] + self._chance.choice(_CHARACTERS) + text[at:]
        mutated = self._mutate_bytes(text.encode("utf-8", "surrogatepass"), len(text) + 64)
        return mutated.decode("utf-8", "replace")


def _places(document: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    waiting = [document]
    while waiting:
        container = waiting.pop()
        if isinstance(container, dict | list):
            inside = list(container.items() if isinstance(container, dict) else enumerate(container))
            found += [(container, key) for key, _ in inside]
            waiting += [value for _, value in inside]
    return found
