"""Notes on the chores: what they tell when the sweeper's clock is not what it was."""

from __future__ import annotations

import time
from typing import Any

import pytest

from ingest.batch import keys
from workers.sweeper.chore import Chore, Guard
from workers.sweeper.notes import Notes

DAY = 86_400.0


class Succeeding(Chore):
    """One that has nothing to do."""

    name = "this and that"

    def run_once(self) -> int:
        """Do nothing."""
        return 0


def noted(client: Any, guard: Guard) -> dict[str, float]:
    """What is noted of a chore by a sweeper that writes now."""
    Notes(client, [guard]).write_if_due()
    return keys.by_chore(client.hgetall(keys.CHORES))[guard.name]


@pytest.mark.parametrize("is_restarted", [False, True])
def test_step_of_the_clock_hides_no_failure(client: Any, monkeypatch: pytest.MonkeyPatch, is_restarted: bool) -> None:
    """A clock that was a day ahead and is right again: a chore that fails from then on has succeeded no later than
    that, as a watcher of its age has to know."""
    with monkeypatch.context() as ahead:
        right = time.time
        ahead.setattr(time, "time", lambda: right() + DAY)
        guard = Guard(Succeeding(), time.monotonic)
        guard.run_if_due()
        assert noted(client, guard)["succeeded_at"] > right() + DAY / 2

    later = Guard(Succeeding(), time.monotonic) if is_restarted else guard
    put_right = noted(client, later)
    again = noted(client, later)

    for what in ("begun_at", "succeeded_at"):
        assert put_right[what] <= time.time()
        assert again[what] == put_right[what]
