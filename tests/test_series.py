"""Series of history: what charts show is what was settled and counted, over every span."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from psycopg import Connection
from psycopg.types.json import Jsonb

from ingest import settings
from ingest.batch import keys
from ops.history.look import History, look
from ops.history.series import MOST_LINES, Lines
from ops.history.slots import ROWS_SINCE, SPANS
from ops.quantile import quantile
from tests.processes import running_web, wait_until
from tests.pushes import entry, push
from tests.stored import rows
from workers.database import Database
from workers.settle import settle
from workers.sweeper.history.hours import Hours
from workers.sweeper.history.minutes import Minutes

Rows = Connection[dict[str, Any]]

pytestmark = pytest.mark.usefixtures("environment")

FILL = """
INSERT INTO airudder.history (begun_at, minutes, seconds, kept, refused, keep_counts, settled, lag_counts)
SELECT begun_at, minutes, 60 * minutes, kept, '{"wrong credential": 3}', ARRAY[9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 0, 0, 0],
  settled, ARRAY[9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 0, 0, 0, 0, 0]
FROM (
  SELECT date_trunc('hour', now()) - interval '2 days' - n * interval '1 hour' AS begun_at, 60 AS minutes
  FROM generate_series(1, 720) AS n
  UNION ALL
  SELECT date_trunc('minute', now()) - n * interval '1 minute', 1 FROM generate_series(0, 2880) AS n
) AS one, (
  SELECT jsonb_object_agg('source ' || n || E'\\tcustom-api\\t200', n) AS kept,
    jsonb_object_agg('source ' || n || E'\\tcustom-api', ARRAY[n, 1, 1]) AS settled
  FROM generate_series(1, 20) AS n
) AS many
ON CONFLICT DO NOTHING
"""


def note(connection: Rows, ago: timedelta, **columns: Any) -> None:
    """A minute of history, so long ago."""
    names = ", ".join(columns)
    values = [Jsonb(value) if isinstance(value, dict) else value for value in columns.values()]
    connection.execute(
        f"INSERT INTO airudder.history (begun_at, {names}) "
        f"VALUES (date_trunc('minute', now() - %s){', %s' * len(values)})",
        [ago, *values],
    )


def total(lines: Lines) -> dict[str, float]:
    """Each line added up."""
    return {name: sum(value or 0 for value in values) for name, values in lines.items()}


def seen(span: str = "1h") -> History:
    """What a chart shows now."""
    return look(settings.load(), span)


@pytest.mark.parametrize("span", SPANS)
def test_nothing_is_known_of_an_empty_database(span: str) -> None:
    """There is a slot for each time and no number in it, which is no zero."""
    found = seen(span)

    slots, lines = found.slots, found.series.outcomes
    assert len(slots.begins) == len(slots.tallies) == SPANS[span].seconds // SPANS[span].slot
    assert {one % SPANS[span].slot for one in slots.begins} == {0}
    assert 0 <= datetime.now(UTC).timestamp() - slots.begins[-1] < SPANS[span].slot + 5
    assert lines == dict.fromkeys(("received", "normalised", "duplicate", "dead"), [None] * len(slots.begins))
    assert (found.series.kinds, found.series.refusals, slots.gaps, slots.written_at) == ({}, {}, [], None)


@pytest.mark.parametrize("span", SPANS)
def test_settled_pushes_add_up(client: Any, database: Database, span: str) -> None:
    """Each is in one slot, by outcome, kind and source: the newest, or the one before it if a minute ends meanwhile."""
    pushes = [entry(push(f"c{number}")) for number in range(5)]
    settle(database, [*pushes, entry(push("c1")), entry(b"[]", source="other")])
    Minutes(client, database).run_once()

    found = seen(span)

    assert total(found.series.outcomes) == {"received": 0, "normalised": 5, "duplicate": 1, "dead": 1}
    assert total(found.series.kinds) == {"custom-api": 7}
    assert total(found.series.sources) == {"default": 6, "other": 1}
    (place,) = (place for place, lag in enumerate(found.series.lag["half of them"]) if lag)
    assert place >= len(found.slots.begins) - 2


def test_what_web_counts_is_shown(client: Any, database: Database) -> None:
    """Pushes received, refusals by reason and how long acknowledging took, as real requests had it."""
    chore = Minutes(client, database)
    chore.run_once()
    with running_web(INGEST_TOKENS="shop=s3cret") as url:
        for secret in ("s3cret", "s3cret", "wrong", "wrong", "wrong"):
            httpx.post(f"{url}/airudder/custom-api/{secret}", json={})
        httpx.post(f"{url}/airudder/custom-api/s3cret", content=b"")
        wait_until(lambda: client.hget(keys.KEEP_SECONDS, "microseconds") and client.hlen(keys.REFUSED) == 2, "counts")
    chore.run_once()

    found = seen()

    assert total(found.series.refusals) == {"wrong credential": 3, "empty body": 1}
    assert total(found.series.outcomes)["received"] == 2
    took = [one for one in found.series.acknowledgement["99 in 100"] if one]
    assert len(took) in (1, 2)
    assert set(took) <= set(keys.KEEP_BOUNDS)


def test_minutes_and_hours_are_one_series(client: Any, database: Database, connection: Rows, clock: Any) -> None:
    """What has become hours stands in the same slots as before."""
    Minutes(client, database).run_once()
    for hours in range(24, 24 * 7 - 2, 5):
        note(connection, timedelta(hours=hours), seconds=60, settled={"shop\tcustom-api": [hours, 0, 1]})
    before = seen("7d").series

    Hours(database, clock).run_once()

    assert sum(row["minutes"] == 60 for row in rows(connection, "history")) > 20
    assert seen("7d").series.outcomes == before.outcomes
    assert total(before.outcomes)["normalised"] == sum(range(24, 24 * 7 - 2, 5))


def test_zero_is_told_from_nothing(connection: Rows) -> None:
    """A minute without a row is unknown; in one that was not watched it is unknown what web counted."""
    note(connection, timedelta(minutes=3), seconds=60, refused={"wrong method": 1})
    note(connection, timedelta(minutes=2), seconds=0)
    note(connection, timedelta(minutes=1), seconds=60)

    found = seen().series

    assert found.refusals["wrong method"][-5:] in ([None, 1, None, 0, None], [1, None, 0, None, None])
    assert found.outcomes["dead"][-5:] in ([None, 0, 0, 0, None], [0, 0, 0, None, None])


def test_gap_is_told(connection: Rows) -> None:
    """A minute that has the counts of ten others."""
    note(connection, timedelta(minutes=5), seconds=600, refused={"wrong method": 10})

    (gap,) = seen().slots.gaps

    assert gap.until - gap.since == timedelta(minutes=10)
    assert timedelta(minutes=3) < datetime.now(UTC) - gap.until < timedelta(minutes=6)


def test_many_sources_are_few_lines(connection: Rows) -> None:
    """The busiest ones have lines, and the others one together."""
    many = {f"s{number}\tcustom-api": [number, 0, 0] for number in range(1, 31)}
    note(connection, timedelta(minutes=1), settled=many)

    found = total(seen().series.sources)

    assert list(found) == [*(f"s{number}" for number in range(30, 30 - MOST_LINES + 1, -1)), "other sources"]
    assert sum(found.values()) == sum(range(1, 31))


def test_quantiles_are_bounds() -> None:
    """So many are not above it; what is above all bounds is shown at the last one."""
    assert quantile([0, 99, 1, 0], (1.0, 2.0, 3.0), 0.5) == 2.0
    assert quantile([0, 99, 1, 0], (1.0, 2.0, 3.0), 0.99) == 2.0
    assert quantile([0, 98, 2, 0], (1.0, 2.0, 3.0), 0.99) == 3.0
    assert quantile([0, 0, 0, 5], (1.0, 2.0, 3.0), 0.5) == 3.0
    assert quantile([0, 0, 0, 0], (1.0, 2.0, 3.0), 0.5) is None
    assert quantile([], (1.0, 2.0, 3.0), 0.5) is None


def test_month_is_read_by_index(connection: Rows) -> None:
    """A chart reads the rows of its span and no others, of a month at most 3,600: minutes of two days, then hours."""
    connection.execute(FILL)
    connection.execute("ANALYZE airudder.history")
    for span, most in (("1h", 60), ("24h", 1440), ("7d", 3002), ("30d", 3554)):
        since = datetime.now(UTC) - timedelta(seconds=SPANS[span].seconds)
        explained = connection.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {ROWS_SINCE}", {"since": since}).fetchone()
        assert explained
        plan = explained["QUERY PLAN"][0]["Plan"]
        assert plan["Actual Rows"] <= most + 1
        if span == "1h":
            assert "Seq Scan" not in str(plan)
        assert total(seen(span).series.outcomes)["duplicate"] >= 20 * (most - SPANS[span].slot // 60)
