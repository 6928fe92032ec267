"""How often a push is tried that may be what ends or holds up the process that normalises it."""

from __future__ import annotations

ATTEMPTS_TOGETHER = 1
"""After so many attempts that ended without an outcome the pushes of a batch are normalised one by one."""
ATTEMPTS_ALONE = 2
"""A push that then ends so many more attempts, each with it alone in hand, is dead. One would not be enough: machines
are reset for other reasons, and some push is always in hand."""
