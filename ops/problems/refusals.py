"""Refusals that are a problem: pushes of a source that we know. A stranger's requests are none, whatever they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

from ingest.web.refusals import Refusal
from ops.problems.problem import Problem, page
from ops.status.facts import Facts, RefusedLately

MANY = 10
"""Requests in a quarter of an hour. The vendor tries a push six times, so it takes at least two pushes."""
OF_OURS = ("a fault of ours",)
"""Reasons of which one is too many"""
SHUT_OUT = ("too many connections",)
"""Reasons that are noted before a source is known, and shut every sender out"""
KNOWN_SECRET, ANY_SECRET = 3, 10
"""How often one wrong secret comes until it is a sender's: one that was right at some time, and one that never was. A
stranger who guesses sends each but once."""
LATELY = timedelta(minutes=15)


def find(facts: Facts) -> Iterator[Problem]:
    """The problems, one for each reason and source, and one for each wrong secret."""
    for one in facts.redis.refused_lately:
        is_ours = one.reason in OF_OURS
        if is_ours or ((one.source or one.reason in SHUT_OUT) and one.requests >= MANY):
            yield _refused(one)
    yield from _wrong_secrets(facts)


def _refused(one: RefusedLately) -> Problem:
    whose = f" of {one.source}" if one.source else ""
    what = f"{one.requests:,} requests{whose} were refused within a quarter of an hour: {one.reason}"
    name = f"refused {one.reason} {one.source or ''}".strip()
    return Problem(name=name, what=what, bad="lost", since=one.since, page=page("refusals"), told_by=("redis",))


def _wrong_secrets(facts: Facts) -> Iterator[Problem]:
    recent = [
        one
        for one in facts.redis.last_refusals
        if one.reason == "wrong credential" and one.credential and facts.at - one.at < LATELY
    ]
    counts = Counter(one.credential for one in recent)
    for credential, requests in sorted(counts.items(), key=str):
        is_known = credential in facts.redis.known_credentials
        if requests >= (KNOWN_SECRET if is_known else ANY_SECRET):
            was = "was right once, and" if is_known else "was never right, and"
            what = f"a sender's secret is wrong: {credential} {was} came {requests} times: `ingest token list`"
            since = _first(recent, credential)
            yield Problem(
                name=f"wrong secret {credential}",
                what=what,
                bad="lost",
                since=since,
                page=page("refusals"),
                told_by=("redis",),
            )


def _first(refusals: list[Refusal], credential: str | None) -> datetime:
    return min(one.at for one in refusals if one.credential == credential)
