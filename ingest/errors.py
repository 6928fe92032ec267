"""Every condition that this project names; a docstring is the message's meaning."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from uuid import UUID


class IngestError(Exception):
    """A condition we expect and can explain; its text is shown to the user and holds nothing personal."""


class SettingError(IngestError):
    """A setting is missing or unusable; the text names the variable to set."""


class NotJsonError(IngestError):
    """The body is not JSON in UTF-8; the text says where it stops being so."""


class NotAnObjectError(IngestError):
    """The body is JSON, but not a JSON object."""


class NotOpenedError(IngestError):
    """The functions of its source do not verify or decrypt a push; the text says which one, and nothing of either."""


class UnknownKindError(IngestError):
    """A push is of a kind that this process does not know: a newer web took it."""


class BrokenEncodingError(IngestError):
    """The body begins as gzip and cannot be unpacked; `body` is what came."""

    def __init__(self, text: str, body: bytes) -> None:
        super().__init__(text)
        self.body = body


class NowhereToStoreError(IngestError):
    """Neither Redis nor Postgres confirmed the push: the sender must try again."""


class TooSlowError(NowhereToStoreError):
    """Postgres did not store so many pushes in time; it may store fewer."""


class WorkWaitsError(IngestError):
    """Work cannot be done now, and is to be tried again: no push is at fault, and none is lost."""


class PostgresAwayError(WorkWaitsError):
    """Postgres did not answer, or asked for another try, for longer than a job may wait."""


class LockedError(PostgresAwayError):
    """Somebody holds a lock for longer than we wait; other rows can be written."""


class RefusedError(WorkWaitsError):
    """Pushes were refused for a reason that may not be theirs, such as a missing table: they wait, and are tried again.

    `push_ids`: which pushes, if not all.
    """

    def __init__(self, text: str, push_ids: Sequence[UUID] = ()) -> None:
        super().__init__(text)
        self.push_ids = push_ids


class NotNowError(RefusedError):
    """Pushes wait for something else than Postgres, such as memory or a release that knows their kind."""


class KeyAwayError(NotNowError):
    """A push waits for a file or a server that the functions of its source need."""


class NoAnswerError(IngestError):
    """A question of the console's has no answer in time: a server is frozen or slow."""


class RedisAwayError(IngestError):
    """Redis did not answer a command of ours."""


class NotAllowedError(IngestError):
    """The database user lacks a right that a command needs; the text names both."""


class ClocksDifferError(IngestError):
    """This host's clock is far from Postgres's: nobody can tell what is old."""


class MigrationError(IngestError):
    """The tables could not be made or brought up to date; the text says why."""


class BatchFailedError(IngestError):
    """A job failed for a reason nobody foresaw; the text says which and where, and the batch stays in Redis."""


class StillInHandError(IngestError):
    """A worker or the sweeper has had pushes in hand for longer than a job may take."""


class EraseError(IngestError):
    """A person could not be erased to the end; the text says why, and what is left."""


class AlreadyRunningError(IngestError):
    """Another `ingest up` holds the data folder; the text says which process."""


class ReleaseFailedError(IngestError):
    """The Procfile's release step failed: nothing else was started."""


class VendorError(IngestError):
    """AI Rudder's API did not answer as documented; the text says which request and how, and holds no credential."""


class AlertError(IngestError):
    """A receiver has not taken a notice; the text says why, and holds no URL."""


class ServerStartError(IngestError):
    """An embedded server did not start; the text says where its log is."""


def describe(error: BaseException) -> str:
    """Type and place of an error without its text, which may hold a row or a payload: fit for a log."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {frames[-1].name}:{frames[-1].lineno}" if frames else ""
    state = getattr(error, "sqlstate", None)
    return f"{type(error).__name__}{f' {state}' if state else ''}{place}"
