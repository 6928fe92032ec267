"""The modules of this repository, as they are written."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def _modules(*folders: str) -> dict[str, Path]:
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for folder in folders
        for path in sorted((ROOT / folder).rglob("*.py"))
    }


SOURCES = _modules("ingest", "workers", "ops", "bench")
TESTS = _modules("tests")


def tree(module: str) -> ast.Module:
    """A module's syntax tree."""
    return ast.parse((SOURCES | TESTS)[module].read_text())


def imports(module: str) -> set[str]:
    """Every module that a module imports, and every name that it takes from one, by full name."""
    found: set[str] = set()
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def anchors(page: Path) -> set[str]:
    """The fragments by which a page's headings are reached, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S), re.M)
    return set(map(anchor_of, headings))


def anchor_of(heading: str) -> str:
    """The fragment by which a heading is reached."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
