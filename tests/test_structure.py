"""The rules of the house: who may import whom, and how large things may grow."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest

from tests.imports import arrows, circle
from tests.sources import ROOT, SOURCES, TESTS, imports, tree

SQL = [ROOT / "schema.sql", *sorted((ROOT / "migrations").glob("*.sql"))]
CLIENTS = {"redis", "rq", "psycopg", "aiohttp", "httpx"}

MAX_FILE_LINES = 300
MAX_FUNCTION_LINES = 50
MAX_CLASS_LINES = 120
MAX_TEST_FILE_LINES = 400
MAX_MODULES_IN_FOLDER = 20
MAX_SQL_CHARACTERS = 120


def reachable(module: str) -> set[str]:
    """Every module that a module imports, or that one of ours among them does."""
    seen: set[str] = set()
    waiting = [module]
    while waiting:
        for name in imports(waiting.pop()) - seen:
            seen.add(name)
            if name in SOURCES:
                waiting.append(name)
    return seen


def imported_by(room: str) -> set[str]:
    """The rooms that a room imports from."""
    return {other for one, other in arrows() if one == room}


def packages(names: set[str]) -> set[str]:
    """The top-level packages of full names."""
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("module", [name for name in SOURCES if name.startswith("ingest")])
def test_ingest_never_imports_workers(module: str) -> None:
    """Data flows one way: what is before Redis knows nothing of what is after it."""
    assert "workers" not in packages(imports(module))


@pytest.mark.parametrize("module", [name for name in SOURCES if name.startswith(("ingest", "workers"))])
def test_nobody_imports_ops(module: str) -> None:
    """What people use rests on what pushes go through, and nothing of that on what people use."""
    assert "ops" not in packages(imports(module))


@pytest.mark.parametrize("module", [name for name in SOURCES if not name.startswith("bench")])
def test_product_never_imports_bench(module: str) -> None:
    """What measures the product is no part of it."""
    assert "bench" not in packages(imports(module))


@pytest.mark.parametrize("module", [name for name in SOURCES if name.startswith("ingest")])
def test_postgres_is_fallbacks_alone(module: str) -> None:
    """Before Redis only the fallback knows Postgres, and of a URL it is libpq that says how it is read."""
    if module not in ("ingest.web.fallback", "ingest.web.spare_connection", "ingest.urls"):
        assert "psycopg" not in packages(imports(module))


@pytest.mark.parametrize("module", [name for name in SOURCES if name.startswith(("ingest", "workers", "ops"))])
def test_every_session_is_set_up(module: str) -> None:
    """Whoever connects to Postgres sets what the session rests on, whatever the server says."""
    called = [ast.unparse(node.func) for node in ast.walk(tree(module)) if isinstance(node, ast.Call)]
    connects = [name for name in called if name in ("psycopg.connect", "Connection.connect", "AsyncConnection.connect")]
    assert len(connects) == called.count("session.set_up")


@pytest.mark.parametrize("module", [name for name in SOURCES if name.startswith("workers")])
def test_workers_know_no_web(module: str) -> None:
    """What is after Redis knows nothing of HTTP."""
    assert not packages(reachable(module)) & {"starlette", "uvicorn", "click"}
    assert not [name for name in reachable(module) if name.startswith("ingest.web")]


@pytest.mark.parametrize(
    "module",
    [name for name in SOURCES if name.startswith(("ingest.kinds", "ingest.tables"))] + ["workers.merge"],
)
def test_pure_steps_know_no_client(module: str) -> None:
    """From bytes to rows, and from rows to what is written, no server is touched, directly or through anything."""
    assert not packages(reachable(module)) & CLIENTS


@pytest.mark.parametrize("module", SOURCES)
def test_no_pickle(module: str) -> None:
    """Nothing here reads or writes pickles."""
    assert "pickle" not in packages(imports(module))


@pytest.mark.parametrize("module", SOURCES)
def test_module_introduces_itself(module: str) -> None:
    """Every module begins with a line that says which step it is."""
    assert ast.get_docstring(tree(module))


@pytest.mark.parametrize("module", SOURCES)
def test_sizes_stay_small(module: str) -> None:
    """Files and functions stay short enough to be read at once."""
    assert len(SOURCES[module].read_text().splitlines()) <= MAX_FILE_LINES
    functions = (node for node in ast.walk(tree(module)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    too_long = [one.name for one in functions if (one.end_lineno or 0) - one.lineno >= MAX_FUNCTION_LINES]
    assert too_long == []


@pytest.mark.parametrize("module", [name for name in SOURCES if not name.startswith("bench")])
def test_classes_stay_small(module: str) -> None:
    """A class of the product has one reason to change."""
    classes = (node for node in ast.walk(tree(module)) if isinstance(node, ast.ClassDef))
    assert [one.name for one in classes if (one.end_lineno or 0) - one.lineno >= MAX_CLASS_LINES] == []


def test_class_has_its_name_alone() -> None:
    """One word, one thing: no two classes of the product are called the same."""
    product = [module for module in SOURCES if not module.startswith("bench")]
    names = Counter(
        node.name for module in product for node in ast.walk(tree(module)) if isinstance(node, ast.ClassDef)
    )
    assert [name for name, count in names.items() if count > 1] == []


def test_rooms_import_in_one_direction() -> None:
    """Tables rest on nothing, and workers on what is shared: `make imports` prints the picture."""
    assert imported_by("ingest/tables") == set()
    assert imported_by("workers") == {"ingest", "ingest/batch", "ingest/kinds", "ingest/opening", "ingest/tables"}


def test_rooms_make_no_circle() -> None:
    """No room imports, directly or through others, from one that imports from it."""
    assert circle(arrows()) == []


def test_circle_is_found() -> None:
    """Through a third room, too."""
    found = circle({("ops", "workers"), ("workers", "ingest"), ("ingest", "ops")})
    assert sorted(found[1:]) == ["ingest", "ops", "workers"]
    assert found[0] == found[-1]


def test_folders_stay_small() -> None:
    """A folder shows at one look what is in it."""
    modules = Counter(path.parent for name, path in SOURCES.items() if path.name != "__init__.py")
    assert {str(folder): count for folder, count in modules.items() if count > MAX_MODULES_IN_FOLDER} == {}


@pytest.mark.parametrize("module", TESTS)
def test_tests_stay_small(module: str) -> None:
    """A file of tests is about one behaviour, or one command."""
    assert len(TESTS[module].read_text().splitlines()) <= MAX_TEST_FILE_LINES


@pytest.mark.parametrize("module", TESTS)
def test_tests_do_not_import_each_other(module: str) -> None:
    """What several files of tests use has a module of its own, whose name does not begin with `test_`."""
    assert [name for name in imports(module) if ".test_" in name] == []


@pytest.mark.parametrize("path", SQL, ids=lambda path: path.name)
def test_sql_lines_stay_short(path: Path) -> None:
    """SQL is as wide as Python, which ruff sees to."""
    lines = path.read_text().splitlines()
    assert [number for number, line in enumerate(lines, 1) if len(line) > MAX_SQL_CHARACTERS] == []
