"""JSON as people read it."""

from __future__ import annotations

import json
from typing import Any

from ops.console.rendering import cut


def pretty(value: Any, most: int) -> str:
    """JSON's values on indented lines; of a long text its beginning, and how much is left out."""
    return cut(json.dumps(value, indent=2, ensure_ascii=False), most)
