"""Personal: for each column of a table, what stays of it once its person is erased, and what analysts may see of it.

The texts are SQL, in which `{column}` stands for the column.
"""
# ruff: noqa: S608 - the SQL is built of the declarations alone

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Personal:
    """`left`: what stays, "" where nothing may. `shown`: what analysts see, each with a name."""

    left: str
    shown: tuple[tuple[str, str], ...]

    def tells_nobody(self, column: str) -> bool:
        """Whether the column tells of no person. Then it stays when one is erased, and analysts see it as it is, or not
        at all."""
        return self.left == "{column}" and (not self.shown or (column, column) in self.shown)


def pseudonym(name: str, *more: tuple[str, str]) -> Personal:
    """Tells who somebody is: gone when they are erased; analysts see the same pseudonym for the same person.

    The secret is read once a query, and nothing is computed where the pseudonym is not asked for.
    """
    return Personal("", (("airudder.pseudonym((SELECT secret FROM airudder.pseudonym_key), {column})", name), *more))


def documented(lookup: str, column: str) -> Personal:
    """A word of the vendor's stays if it is one of those in a table of meanings; any other may be about a person."""
    # The words are read once, not for each row.
    known = f"CASE WHEN {{column}} IN (SELECT known.{column} FROM airudder.{lookup} AS known) THEN {{column}} END"
    return Personal(known, ((known, column),))


def one_of(column: str, *words: str) -> Personal:
    """The same where the vendor documents these words alone, in whatever case, and no meanings of theirs."""
    known = f"CASE WHEN upper({{column}}) IN ({', '.join(f'{word!r}' for word in words)}) THEN {{column}} END"
    return Personal(known, ((known, column),))


def kept(column: str, *more: str) -> Personal:
    """Says nothing of a person: stays, and is shown, with columns that Postgres computes from it."""
    return Personal("{column}", tuple((name, name) for name in (column, *more)))


def kept_all(columns: str) -> dict[str, Personal]:
    """`kept` of each of these columns, divided by spaces."""
    return {column: kept(column) for column in columns.split()}


def kept_unseen(columns: str) -> dict[str, Personal]:
    """Each of these columns, divided by spaces, says nothing of a person, and nothing that analysts ask for."""
    return dict.fromkeys(columns.split(), Personal("{column}", ()))


def erased_all(columns: str) -> dict[str, Personal]:
    """Each of these columns, divided by spaces, may hold anything about a person: none of it stays or is shown."""
    return dict.fromkeys(columns.split(), ERASED)


ERASED = Personal("", ())

_LETTER = "CASE WHEN {column} ~ '^([A-Za-z]|--)$' THEN {column} END"
INTENTION = Personal(_LETTER, ((_LETTER, "intention"),))
"""A letter stands for a class of answers, two dashes for another; what is longer may be the callee's words."""

MASKED_NUMBER = ("concat(country, '…', substring({column} FROM '[0-9]{{2}}$'))", "masked_number")
