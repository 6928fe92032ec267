"""What holds of decoding, normalising and writing for any push whatever; `--hypothesis-profile long` looks longer."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import Connection

import workers.settle
from ingest.kinds.normalise import normalise
from tests.corpus import cases
from tests.corpus.documents import documented, replaced, to_json
from tests.corpus.odd_objects import nested
from tests.fuzz.target import check
from tests.odd_pushes import BODIES, documents
from tests.pushes import entry
from workers.database import Database
from workers.settle import COPY_FROM, settle


@given(BODIES)
def test_any_body_comes_to_storable_rows(body: bytes) -> None:
    """Any bytes are refused with one of two errors or come to the same rows each time, and nothing is lost silently."""
    check(body)


def test_corpus_comes_to_storable_rows() -> None:
    """So does every body of the corpus."""
    wrong = {}
    for case in cases():
        try:
            check(case.body)
        except Exception as error:
            wrong[case.name] = repr(error)
    assert wrong == {}


def test_depth_near_pythons_limit_has_outcome() -> None:
    """Where decoding only just succeeds, which is for Python to say, what is done with the result does too."""
    for levels in range(900, 1010):
        for place in (("custom_attribute",), ("call", "intention"), ("callee", "extend", "variables")):
            rows = normalise(entry(to_json(replaced(documented(levels), place, {"a": nested(levels)}))))
            assert rows.push.status in ("normalised", "dead")


def test_what_web_takes_when_it_may_is_settled(database: Database, connection: Connection[dict[str, Any]]) -> None:
    """Bodies of 10 MB, as a raised INGEST_MAX_BODY lets in, come to their outcomes too, byte for byte."""
    bodies = [case.body for case in cases() if case.status == 413]
    for body in bodies:
        check(body)

    settle(database, [entry(body) for body in bodies])

    rows = connection.execute("SELECT status, body FROM airudder.pushes ORDER BY push_id").fetchall()
    assert [(row["status"], row["body"]) for row in rows] == list(
        zip(["normalised", "normalised", "dead"], bodies, strict=True)
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(bodies=st.lists(documents().map(to_json), min_size=1, max_size=4), copy_from=st.sampled_from([1, COPY_FROM]))
def test_any_batch_is_settled_together(
    database: Database,
    connection: Connection[dict[str, Any]],
    caplog: pytest.LogCaptureFixture,
    bodies: list[bytes],
    copy_from: int,
) -> None:
    """Postgres takes the rows of any pushes as they are: none sends its batch-mates through one by one."""
    caplog.clear()
    entries = [entry(body) for body in bodies]
    with caplog.at_level(logging.WARNING), pytest.MonkeyPatch.context() as patch:
        patch.setattr(workers.settle, "COPY_FROM", copy_from)
        settle(database, entries)

    assert caplog.messages == []
    where = {"push_ids": [one.uuid for one in entries]}
    statement = "SELECT push_id, body FROM airudder.pushes WHERE push_id = ANY (%(push_ids)s)"
    stored = {row["push_id"]: row["body"] for row in connection.execute(statement, where)}
    assert stored == {one.uuid: one.body for one in entries}
