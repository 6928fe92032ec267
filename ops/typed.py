"""Options' values as they are typed: read, or refused with exit code 2 before anything is done."""

from __future__ import annotations

import math
from typing import Any

import click

from ingest.kinds.reading.identifiers import storable


class Text(click.ParamType[str]):
    """Words. Empty is refused: it comes of a variable that a script has not set, and would leave a condition out."""

    name = "text"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Read what was typed."""
        if not value.strip():
            self.fail("it is empty", param, ctx)
        if storable(value) != value:
            self.fail("it is not UTF-8", param, ctx)
        return value


class Share(click.ParamType[float]):
    """A part of a whole, as 1% or 0.01."""

    name = "share"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read what was typed; of infinity and NaN nothing can be a share."""
        text = str(value)
        try:
            share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
        except ValueError:
            share = -1.0
        if not 0 <= share <= 1:
            self.fail(f"{text} is not a share such as 1% or 0.01", param, ctx)
        return share


class Rate(click.FloatRange):
    """So many a second, 0 or more; infinity and NaN are larger than no bound, and none at all."""

    def __init__(self) -> None:
        super().__init__(0)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read what was typed."""
        rate: float = super().convert(value, param, ctx)
        if not math.isfinite(rate):
            self.fail(f"{value} is not a number", param, ctx)
        return rate
