"""The docs and the code say the same: what there is stands in the docs, what stands in the docs is there, and works."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from ingest import settings
from ingest.kinds import KINDS
from ingest.resources import locate
from ops.commands import cli
from ops.commands.erase import PLACES
from ops.person.rows import PLACES as TABLES
from tests.reasons import reasons_given, reasons_told
from tests.servers import embedded_servers
from tests.sources import ROOT, anchor_of, anchors

README, CONFIGURATION = ROOT / "README.md", ROOT / "docs" / "configuration.md"
RUNBOOK, QUERIES = ROOT / "docs" / "runbook.md", ROOT / "docs" / "queries.md"
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "bench" / "README.md"])

MAX_README_LINES = 180
MAX_WORDS = 25
VARIABLE = r"\b(?:INGEST|AIRUDDER|RQ_DASHBOARD)_[A-Z]+(?:_[A-Z]+)*\b"
OWN_ARGUMENTS = ("psql", "redis-cli")
"""Commands that pass their arguments on"""


def section(page: Path, heading: str) -> str:
    """What stands under a heading, up to the next one of its rank or above."""
    found = re.search(rf"^(#+) {re.escape(heading)}\n(.*?)(?=^#{{1,2}} |\Z)", page.read_text(), re.M | re.S)
    assert found, heading
    return found[2]


def first_column(text: str) -> list[str]:
    """The first column of every table in a text, without the headings."""
    return re.findall(r"^\| (.*?) \|.*$(?!\n\|---)", text, re.M)


def in_code(text: str) -> list[str]:
    """What is marked as code: each line of the blocks, and each span."""
    blocks = re.findall(r"^ *```\w*\n(.*?)^ *```", text, re.M | re.S)
    spans = re.findall(r"`([^`]+)`", re.sub(r"^ *```.*?^ *```", "", text, flags=re.M | re.S))
    return [line for block in blocks for line in block.splitlines()] + [re.sub(r"\s+", " ", span) for span in spans]


def read_by(folder: str) -> set[str]:
    """The variables that begin as ours do, and that the modules of a folder name."""
    paths = (ROOT / folder).rglob("*.py")
    return {name for path in paths for name in re.findall(r"[\"']((?:INGEST|AIRUDDER)_[A-Z_]+)[\"']", path.read_text())}


def test_readme_is_short() -> None:
    """A stranger reads it to its end."""
    assert len(README.read_text().splitlines()) <= MAX_README_LINES


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "CHANGELOG.md"], ids=lambda page: page.name)
def test_sentences_are_short(page: Path) -> None:
    """No sentence of the running text has to be read twice."""
    text = re.sub(r"^ *```.*?^ *```", "", page.read_text(), flags=re.M | re.S)
    prose = re.sub(r"^(\||#|!\[|\[\w+\]\().*", "\n", text, flags=re.M)
    prose = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", re.sub(r"`[^`]*`", "x", prose))
    parts = [" ".join(part.split()) for part in re.split(r"\n\s*(?=\n|[-*] |\d+\. )", prose)]
    sentences = [one for part in parts for one in re.split(r"(?<=[.!?:;])[\s*]+", part)]
    assert [one for one in sentences if len(re.findall(r"\w[\w'-]*", one)) > MAX_WORDS] == []


def test_every_variable_is_documented() -> None:
    """docs/configuration.md has the variables that are read, and no other; no page names another."""
    listed = {name for cell in first_column(CONFIGURATION.read_text()) for name in cell.split(", ")}
    logins = {"RQ_DASHBOARD_USERNAME", "RQ_DASHBOARD_PASSWORD"}
    assert listed == {*settings.NAMES, *logins, *read_by("ingest"), *read_by("ops"), *read_by("workers")}
    for page in PAGES:
        assert set(re.findall(VARIABLE, page.read_text())) <= listed, page


class Command(NamedTuple):
    """A command of the console script: its words after `ingest`, and its options."""

    words: tuple[str, ...]
    options: set[str]


def commands(group: click.Group = cli, above: tuple[str, ...] = ()) -> Iterator[Command]:
    """Every command, groups among them."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command
        words = (*above, name)
        if isinstance(command, click.Group):
            yield from commands(command, words)
        options = {option for one in command.params if isinstance(one, click.Option) for option in one.opts}
        yield Command(words, options)


def test_every_command_is_documented() -> None:
    """README's table names each command and each of its options."""
    rows = section(README, "Commands").splitlines()
    for command in commands():
        row = next((row for row in rows if re.search(rf"`(?:ingest )?{command.words[0]}[ `]", row)), None)
        assert row, command.words
        named = " ".join(in_code(row))
        assert set(command.words) | command.options <= set(re.findall(r"(?:--)?[a-z][a-z-]*", named)), command


def test_no_other_command_is_documented() -> None:
    """Whatever a page says to type is a command, with options that it has."""
    known = {command.words: command.options for command in commands()}
    for page in PAGES:
        for line in in_code(page.read_text()):
            for typed in re.findall(r"(?:^|[/ (])ingest ((?:[a-z][a-z-]*)(?: [^`|;&)]*)?)", line):
                words = typed.split()
                name = tuple(words[:2]) if tuple(words[:2]) in known else (words[0],)
                assert name in known, (page, line)
                if name[0] not in OWN_ARGUMENTS:
                    assert {word for word in words if word.startswith("--")} <= known[name] | {"--help"}, (page, line)


def test_every_refusal_is_documented() -> None:
    """The runbook says of each reason for a refusal what to do, and names no other."""
    assert "wrong credential" in reasons_given()
    assert reasons_told().keys() == reasons_given()


def test_every_kind_is_documented() -> None:
    """docs/kinds.md names the kinds of push that are taken, and no other."""
    rows = re.findall(r"^\| `([a-z-]+)` \|", (ROOT / "docs" / "kinds.md").read_text(), re.M)
    assert rows == list(KINDS)


def test_every_exit_code_is_documented() -> None:
    """README names the exit codes that there are."""
    exits = [
        int(code)
        for path in (ROOT / "ops").rglob("*.py")
        for code in re.findall(r"sys\.exit\((.*?)\)", path.read_text())
    ]
    documented = re.search(r"^Exit codes: (.*?)\.", README.read_text(), re.M)
    assert documented
    assert set(map(int, re.findall(r"\d", documented[1]))) == {0, click.UsageError.exit_code, *exits}


def test_counts_of_an_erasure_are_documented() -> None:
    """The sample of `ingest erase --dry-run` has the names that are printed, in their order; some where … stands."""
    told = section(ROOT / "docs" / "personal-data.md", "Forget a person")
    names = re.findall(r"^  (\w+|…)", told, re.M)
    pattern = "".join(r"(?:\w+\n)+" if name == "…" else f"{name}\n" for name in names)
    assert re.fullmatch(pattern, "".join(f"{name}\n" for name in (*PLACES, *TABLES)))


@pytest.fixture(scope="module")
def own_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Postgres whose roles are these tests' alone, with the tables; the URL of its owner."""
    with embedded_servers(tmp_path_factory.mktemp("docs")) as servers:
        with psycopg.connect(servers.database_url, autocommit=True) as connection:
            connection.execute(locate("schema.sql").read_bytes())
            for role in ("worker", "analyst"):
                connection.execute(f"CREATE ROLE a_{role} LOGIN IN ROLE airudder_{role}")
        yield servers.database_url


def test_every_table_is_documented(own_database: str) -> None:
    """docs/queries.md lists the tables and views that there are, and the analysts'; README no other."""
    with psycopg.connect(own_database) as connection:
        rows = connection.execute(
            "SELECT relnamespace::regnamespace::text, relname FROM pg_class WHERE relkind IN ('r', 'p', 'v') "
            "AND NOT relispartition AND relnamespace::regnamespace::text LIKE 'airudder%'"
        ).fetchall()
    listed = re.findall(r"`([a-z_]+)`", "\n".join(first_column(section(QUERIES, "The tables"))))
    assert sorted(listed) == sorted(name for schema, name in rows if schema == "airudder")
    assert set(re.findall(r"`([a-z_]+)`", "\n".join(first_column(section(README, "Tables"))))) <= set(listed)
    of_analysts = {name for schema, name in rows if schema == "airudder_analytics"}
    assert of_analysts <= set(in_code(section(QUERIES, "Queries for analysts")))
    exist = {f"{schema}.{name}" for schema, name in rows}
    for page in PAGES:
        assert set(re.findall(r"\bairudder(?:_analytics)?\.[a-z_]+", page.read_text())) <= exist, page


def test_every_status_is_documented(own_database: str) -> None:
    """docs/queries.md explains each outcome that a push may have."""
    with psycopg.connect(own_database) as connection:
        row = connection.execute(
            "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'push_status_is_known' "
            "AND conrelid = 'airudder.pushes'::regclass"
        ).fetchone()
    assert row
    listed = [cell.strip("`") for cell in first_column(section(QUERIES, "Outcomes"))]
    assert sorted(listed) == sorted(re.findall(r"'(\w+)'", row[0]))


STATEMENTS = [
    (f"{page.name} {place}", textwrap.dedent(block))
    for page in PAGES
    for place, block in enumerate(re.findall(r"^ *```sql\n(.*?)^ *```", page.read_text(), re.M | re.S), start=1)
]
USERS = {
    "airudder_analyst": {"user": "a_analyst"},
    "airudder_worker": {"user": "a_worker"},
    "the owner": {},
    "an administrator": {},
}


@pytest.mark.parametrize("block", [block for _, block in STATEMENTS], ids=[name for name, _ in STATEMENTS])
def test_sql_runs(own_database: str, block: str) -> None:
    """Whatever SQL a page shows begins with whom it is for, and runs as that user."""
    whose = re.match(r"-- as (.*)\n", block)
    assert whose, "the first line says for whom it is: -- as …"
    url = make_conninfo("", **{**conninfo_to_dict(own_database), **USERS[whose[1]]})
    with psycopg.connect(url) as connection, connection.transaction(force_rollback=True):
        if whose[1] == "an administrator":  # who is asked where our roles could not be made
            connection.execute("DROP SCHEMA airudder, airudder_analytics CASCADE")
            connection.execute("DROP ROLE airudder_web, airudder_worker, airudder_console, airudder_analyst")
        connection.execute(block.encode())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Each relative link is to a file of ours, and to a heading that it has."""
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text()):
        if not re.match(r"\w+://", target):
            path, _, anchor = target.partition("#")
            linked = (page.parent / path).resolve() if path else page
            assert linked.exists(), target
            assert not anchor or anchor in anchors(linked), target


def test_every_page_is_reached() -> None:
    """Who follows the links of README finds every page."""
    seen, waiting = {README}, [README]
    while waiting:
        page = waiting.pop()
        linked = {(page.parent / path).resolve() for path in re.findall(r"\]\(([^)#]+\.md)", page.read_text())}
        waiting += linked - seen
        seen |= linked
    assert set(PAGES) <= seen


def test_contents_lead_to_each_section() -> None:
    """The line at the head of production.md has all that is below the first section, in its order."""
    contents, *sections = re.split(r"^## (.*)\n", (ROOT / "docs" / "production.md").read_text(), flags=re.M)
    assert re.findall(r"\]\(#([^)]+)\)", contents) == [anchor_of(heading) for heading in sections[2::2]]
