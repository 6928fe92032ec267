"""The loop: look, find what is wrong, tell it. A process of its own, as any other may be what stands still.

No server and no receiver holds it up. A look that takes too long is a problem itself, and each receiver has a thread.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime

from ingest import logs, settings
from ingest.errors import AlertError, describe
from ingest.settings import Settings
from ops.problems.find import find_problems
from ops.problems.problem import BOTH, Problem, page
from ops.status.gather import gather
from ops.watch.notices import Notice, Notices
from ops.watch.receivers import Receiver, receivers
from workers.sweeper.stop import Stop

EVERY_SECONDS = 10.0
LOOK_SECONDS = 20.0
"""How long both servers may take to say what is going on; each has time-outs that are shorter."""
NO_ANSWER = Problem(
    name="no answer",
    what=f"Redis and Postgres do not say within {LOOK_SECONDS:.0f} s what is going on",
    bad="waits",
    page=page("pushes-are-not-coming-in"),
    told_by=(),
    hides=BOTH,
)

_log = logging.getLogger("watch")


class Looking:
    """Looks, one look at a time: while one hangs there is no other."""

    def __init__(self, look: Callable[[], list[Problem]]) -> None:
        self._look = look
        self._threads = ThreadPoolExecutor(1)
        self._running: Future[list[Problem]] | None = None

    def problems(self, seconds: float = LOOK_SECONDS) -> list[Problem]:
        """Everything that is wrong; that there is no answer, if it does not come in time."""
        self._running = self._running or self._threads.submit(self._look)
        try:
            found = self._running.result(seconds)
        except TimeoutError:
            return [NO_ANSWER]
        except Exception as error:
            _log.error("looking failed: %s", describe(error))
            found = [NO_ANSWER]
        self._running = None
        return found


class Teller:
    """Tells one receiver, in a thread that nobody waits for. A notice that it does not take is told again later."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._notices = Notices()
        self._thread: threading.Thread | None = None
        self._is_failing = False

    def tell(self, problems: list[Problem], now: datetime) -> None:
        """Begin to tell what is due, unless it is still busy with an earlier notice."""
        if self._thread and self._thread.is_alive():
            return
        if due := self._notices.due(problems, now):
            self._thread = threading.Thread(target=self._send, args=(due,), daemon=True)
            self._thread.start()

    def _send(self, due: list[Notice]) -> None:
        for notice in due:
            try:
                self._receiver.send(notice)
            except AlertError as error:
                if not self._is_failing:
                    _log.error("a notice is not taken, and tried again: %s", error)
                self._is_failing = True
                return
            self._notices.note_told(notice)
            self._is_failing = False
            _log.info("told %s: %s", self._receiver.name, notice.text)


def main() -> None:
    """Watch until SIGTERM. Raises SettingError."""
    current = settings.load()
    logs.configure("watch")
    tellers = [Teller(receiver) for receiver in receivers(current)]
    looking, stop = Looking(lambda: _look(current)), Stop()
    _log.info("watching every %.0f s", EVERY_SECONDS)
    while not stop.is_wanted:
        problems = looking.problems()
        for teller in tellers:
            teller.tell(problems, datetime.now(UTC))
        stop.wait(EVERY_SECONDS)
    logging.shutdown()
    os._exit(0)  # Python would wait for a look that hangs


def _look(current: Settings) -> list[Problem]:
    return find_problems(gather(current))
