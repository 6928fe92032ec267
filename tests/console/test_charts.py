"""The charts of the page Now: what was settled and counted, as data for the script and as figures for everybody."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from psycopg import Connection

from ops.console.charts import TITLES
from ops.console.rendering import STATIC
from ops.history.slots import SPANS
from tests.console.conftest import Console, Tab
from tests.pushes import entry, push
from workers.database import Database
from workers.settle import settle
from workers.sweeper.history.minutes import Minutes

Rows = Connection[dict[str, Any]]

MANY_SOURCES = """
INSERT INTO airudder.history (begun_at, minutes, seconds, refused, settled, keep_counts, lag_counts)
SELECT date_trunc('hour', now()) - n * interval '1 hour', 60, 3600, '{"wrong credential": 5}', many, ARRAY[n, n, n],
  ARRAY[n, n, n]
FROM generate_series(1, 720) AS n, (
  SELECT jsonb_object_agg('a source with a long name ' || n || E'\\tcustom-api', ARRAY[9999999, 1, 1]) AS many
  FROM generate_series(1, 40) AS n) AS one
ON CONFLICT DO NOTHING
"""
STRANGE = "<script>alert(1)"
"""A source may be called so."""


def drawn(page: str, chart: str) -> dict[str, list[float | None]]:
    """The lines that the script draws of a chart, by name."""
    text = page.partition(f'<script type="application/json" id="chart-{chart}">')[2].partition("</script>")[0]
    data = json.loads(text)
    assert all(len(line["values"]) == len(data["x"]) for line in data["lines"])
    return {line["name"]: line["values"] for line in data["lines"]}


def total(values: list[float | None]) -> float:
    """A line added up."""
    return sum(value or 0 for value in values)


@pytest.fixture
def settled(client: Any, database: Database) -> None:
    """Pushes of two sources, settled and written to history."""
    settle(database, [entry(push("c1")), entry(push("c2")), entry(push("c1")), entry(b"[]", source=STRANGE)])
    Minutes(client, database).run_once()


@pytest.mark.parametrize("span", SPANS)
@pytest.mark.usefixtures("settled")
def test_charts_show_what_was_settled(console: Console, span: str) -> None:
    """To a viewer as well: nothing in them is personal."""
    page = console.viewer.get(f"/now/charts?span={span}").text

    assert {name: total(values) for name, values in drawn(page, "outcomes").items()} == {
        "received": 0,
        "normalised": 2,
        "duplicate": 1,
        "dead": 1,
    }
    assert {name: total(values) for name, values in drawn(page, "sources").items()} == {"default": 3, STRANGE: 1}
    assert page.count('aria-current="true"') == 1


@pytest.mark.usefixtures("settled")
def test_sources_are_strangers_text(console: Console) -> None:
    """Whatever a source is called, it is text: in the data, in the figures and in the table."""
    for path in ("/now/charts", "/now/figures/sources", "/"):
        page = console.operator.get(path).text
        assert STRANGE not in page
        assert "alert(1)" in page


def test_empty_database_says_so(console: Console) -> None:
    """No chart is drawn of nothing, and none fails."""
    for path in ("/now/charts", *(f"/now/figures/{name}" for name in TITLES)):
        answer = console.viewer.get(path)
        assert answer.status_code == 200
        assert "Nothing in this time" in answer.text
        assert "Nothing is known of this time yet" in answer.text


@pytest.mark.usefixtures("settled")
def test_figures_are_those_of_the_chart(console: Console) -> None:
    """A row a minute that is known, the newest first; an unknown span is the shortest one."""
    page = console.viewer.get("/now/figures/outcomes?span=whenever").text

    assert '<td class="num">-</td><td class="num">2</td><td class="num">1</td><td class="num">1</td>' in page
    assert console.viewer.get("/now/figures/outcomes?span=1h").text.count("<tr>") == page.count("<tr>")
    assert console.viewer.get("/now/figures/passwords").status_code == 404


@pytest.mark.usefixtures("settled")
def test_page_is_light(console: Console, connection: Rows) -> None:
    """The page Now with all its charts, of a month of many sources: with script and style it is to be below 200 kB."""
    connection.execute(MANY_SOURCES)
    for span in SPANS:
        assert len(console.viewer.get(f"/?span={span}").content) < 80_000


@pytest.mark.usefixtures("settled")
def test_charts_are_drawn(tab: Tab) -> None:
    """In a browser, also of another span that is chosen."""
    page = tab.go("/")
    page.wait_for_selector("[data-chart=chart-outcomes] canvas")
    page.get_by_role("link", name="7 days", exact=True).click()
    page.locator("a[aria-current=true]", has_text="7 days").wait_for()
    page.wait_for_selector("[data-chart=chart-sources] canvas")
    page.wait_for_url("**/?span=7d")
    page.reload()
    page.locator("a[aria-current=true]", has_text="7 days").wait_for()


@pytest.mark.usefixtures("settled")
def test_dead_letters_have_the_colour_of_what_is_bad(console: Console) -> None:
    """As their badges have, in both looks; a redelivery is no alarm."""
    place = 1 + list(drawn(console.viewer.get("/now/charts?span=1h").text, "outcomes")).index("dead")
    looks = (STATIC / "console.css").read_text()
    colours = [re.findall(rf"--{name}: (#\w+)", looks) for name in (f"chart-{place}", "bad")]
    assert colours[0] == colours[1]
    assert len(colours[0]) == 2
