"""How tests find the processes that they are about."""

from __future__ import annotations

from tests.processes import below

PROCESSES = [
    ("7", "31999", "ingest worker"),
    ("8", "31999", "ingest worker"),
    ("9", "1", "ingest worker"),
    ("31998", "1", "ingest up"),
    ("31999", "31998", "ingest worker"),
    ("32000", "31998", "ingest web"),
]
"""As after the kernel's highest pid, where they begin anew"""


def test_pool_comes_before_its_workers() -> None:
    """Whatever numbers they have."""
    assert below(31998, PROCESSES, "ingest worker$") == [31999, 7, 8]


def test_processes_of_others_are_no_descendants() -> None:
    """Nor is the process itself."""
    assert below(31999, PROCESSES) == [7, 8]
    assert below(9, PROCESSES) == []
