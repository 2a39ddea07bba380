"""The exchange's error tree: who is wrong, and what to do next.

SimExchangeError
├── SettingsError                 a settings file, an option or a data file is wrong (exit 2)
│     └── CandleError             a candle file has a bad row (line number, reason)
├── ConnectionCutError            a fault cuts this connection: there is no answer
├── RequestError                  the client is wrong; becomes {"error": {"message", "name"}}
│     ├── BadRequestError         400
│     ├── AuthenticationError     401
│     ├── AccessDeniedError       403
│     │     └── BannedError       403 to every request of an address, with retry_after_s
│     ├── NotFoundError           404
│     ├── RateLimitError          429, with retry_after_s
│     └── OverloadError           503: it has not reached the engine
└── CoreError                     we are wrong: stop, keep the journal
      ├── InvariantError          a ledger invariant broke
      ├── JournalError            the journal has a gap or a bad checksum
      └── SnapshotError           a snapshot can't be taken, read or trusted
"""


class SimExchangeError(Exception):
    """Base of every error that this package raises on purpose."""


class SettingsError(SimExchangeError):
    """A settings file, option or data file is wrong; it is named, with what is allowed."""


class CandleError(SettingsError):
    """A candle file has a bad row."""

    def __init__(self, path: str, line: int, reason: str) -> None:
        """Say where: ``line`` counts from 1, the header being line 1."""
        super().__init__(f"{path}, line {line}: {reason}")
        self.path = path
        self.line = line
        self.reason = reason


class ConnectionCutError(SimExchangeError):
    """A fault that the operator injected cuts this connection without an answer."""


class RequestError(SimExchangeError):
    """The client's request is refused; ``status``, ``name`` and ``message`` go on the wire."""

    status = 400
    name = "HTTPError"
    retry_after_s = 0
    """Whole seconds after which to come back, 0 = not told."""

    def __init__(self, message: str, *, name: str | None = None, status: int | None = None) -> None:
        """Keep the venue's words; ``name`` and ``status`` override those of the class."""
        super().__init__(message)
        self.message = message
        if name is not None:
            self.name = name
        if status is not None:
            self.status = status


class BadRequestError(RequestError):
    """400: the request can't be understood or breaks a rule of entry."""


class AuthenticationError(RequestError):
    """401: no, wrong or expired credentials."""

    status = 401


class AccessDeniedError(RequestError):
    """403: the key is good but may not do this."""

    status = 403


class BannedError(AccessDeniedError):
    """403: the address was refused too often (E19); try again after ``retry_after_s``."""

    def __init__(self, retry_after_s: int) -> None:
        """Say when to come back, in whole seconds."""
        super().__init__(
            "This IP address is banned for too many refused requests, "
            f"retry in {retry_after_s} seconds."
        )
        self.retry_after_s = retry_after_s


class NotFoundError(RequestError):
    """404: no such route or thing."""

    status = 404


class RateLimitError(RequestError):
    """429: too many requests; try again after ``retry_after_s``."""

    status = 429
    name = "RateLimitError"

    def __init__(self, retry_after_s: int) -> None:
        """Say when to come back, in whole seconds."""
        super().__init__(f"Rate limit exceeded, retry in {retry_after_s} seconds.")
        self.retry_after_s = retry_after_s


class OverloadError(RequestError):
    """503: too many requests wait for the engine; this one has not reached it."""

    status = 503

    def __init__(self) -> None:
        """Say it in the venue's words."""
        super().__init__("The system is currently overloaded. Please try again later.")


class CoreError(SimExchangeError):
    """The exchange broke its own promise: it stops at once and keeps the journal."""


class InvariantError(CoreError):
    """A ledger invariant (L2) does not hold."""


class JournalError(CoreError):
    """The journal can't be trusted: a gap, a bad checksum, another format."""


class SnapshotError(CoreError):
    """A snapshot can't be taken, or can't be read or trusted; the journal still may."""
