"""Every condition that this project names; a docstring is the message's meaning."""


class IngestError(Exception):
    """A condition we expect and can explain; its text is shown to the user and holds nothing personal."""


class SettingError(IngestError):
    """A setting is missing or unusable; the text names the variable to set."""


class NotJsonError(IngestError):
    """The body is not JSON in UTF-8; the text says where it stops being so."""


class NotAnObjectError(IngestError):
    """The body is JSON, but not a JSON object."""


class NowhereToStoreError(IngestError):
    """Neither Redis nor Postgres confirmed the push: the sender must try again."""


class PostgresAwayError(IngestError):
    """Postgres did not answer, or asked for another try, for longer than a job may wait."""


class ServerStartError(IngestError):
    """An embedded server did not start; the text says where its log is."""
