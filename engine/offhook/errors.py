"""Every error offhook raises.

One tree under :class:`OffhookError`; each child is also the standard exception
that a reader would reach for, so ``except ValueError`` keeps working.  The
message is one line and says what to do.
"""

from __future__ import annotations

from collections.abc import Sequence


class OffhookError(Exception):
    """Base of all errors raised on purpose by this package."""


class ConfigError(OffhookError, ValueError):
    """The configuration or an agent file cannot be used as it is."""


class FieldsError(ConfigError):
    """Keys or values of a file are wrong: the message names the first, ``problems`` has a line for each."""

    def __init__(self, message: str, problems: Sequence[str]) -> None:
        super().__init__(message)
        self.problems = tuple(problems)


class UnreadableError(ConfigError):
    """A file or folder cannot be read: ``what`` says which and why, ``remedy`` what to do."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what}: {remedy}")
        self.what = what
        self.remedy = remedy


class DocumentError(OffhookError, ValueError):
    """A document cannot be read, or has nothing that could be said."""


class ModelError(OffhookError, RuntimeError):
    """A model is missing, corrupt, of the wrong kind, or failed while running."""

    lasting = False
    """Trying once more at once is of no use: it has been tried, or a person has to correct something."""


class ProtocolError(OffhookError, ValueError):
    """The peer sent something that the protocol does not allow."""


class HandoffError(ProtocolError):
    """A launcher's hello message is malformed, truncated or of a foreign version."""


class AgiError(ProtocolError):
    """Asterisk refused an AGI command, or answered in a form that AGI does not have."""


class AriError(ProtocolError):
    """Asterisk refused a request of ARI."""

    def __init__(self, message: str, status: int) -> None:
        """``status``: HTTP's."""
        super().__init__(message)
        self.status = status


class HangupError(OffhookError, ConnectionError):
    """The channel is gone; nothing more can be heard or said on it."""


class DeadlineError(OffhookError, TimeoutError):
    """An answer from outside did not come in time."""


class BusyError(OffhookError, BlockingIOError):
    """A limit is reached (calls, queue places); try again later or elsewhere."""

    asks_s = 0.0
    """A server asks to be left alone for so long; 0: it does not say."""


class PlaybackError(OffhookError, OSError):
    """Audio could not be written where Asterisk would play it from."""


class DatabaseError(OffhookError, ConnectionError):
    """The tenants' database cannot be reached, refused, or is of another version."""


class RegistryError(OffhookError, LookupError):
    """There is no such tenant, number, agent or call, or there is one already."""


class ToolError(OffhookError, RuntimeError):
    """A tool could not do what it was asked for."""

    def __init__(self, message: str, *, sent: bool = True) -> None:
        """``sent`` False: certainly nothing was changed, and it may be tried once more."""
        super().__init__(message)
        self.sent = sent


class TakenError(OffhookError, LookupError):
    """What is wanted has gone to somebody else, or is not to be had at that time."""
