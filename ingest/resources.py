"""Where the files beside the code are, such as schema.sql: at the top of a checkout, inside the package of a wheel."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent


def locate(name: str) -> Path:
    """The path of `schema.sql`, `migrations`, `Procfile` or `docs/configuration.md`."""
    packaged = _PACKAGE / name
    return packaged if packaged.exists() else _PACKAGE.parent / name
