"""One HTTP request as handlers see it, and what they may answer."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from sim_exchange.errors import AuthenticationError, RequestError
from sim_exchange.server.access import Credentials
from sim_exchange.wire.auth import NO_CREDENTIALS
from sim_exchange.wire.parse import Params, merge

if TYPE_CHECKING:
    from sim_exchange.server.venue import Venue

encode = msgspec.json.Encoder().encode
"""Spell an answer as JSON without spaces."""


def retry_after(error: RequestError) -> list[tuple[bytes, bytes]]:
    """Return the header that says when to come back, where the error does."""
    return [(b"retry-after", b"%d" % error.retry_after_s)] if error.retry_after_s else []


class Request:
    """A request after its signature was checked; parameters are merged when first asked for."""

    __slots__ = ("_params", "body", "credentials", "method", "path", "query")

    def __init__(
        self, method: str, path: str, query: bytes, body: bytes, credentials: Credentials | None
    ) -> None:
        """Take the raw parts; ``credentials`` is None for a request without a signature."""
        self.method = method
        self.path = path
        self.query = query
        self.body = body
        self.credentials = credentials
        self._params: Params | None = None

    @property
    def params(self) -> Params:
        """Merged parameters of query, form and JSON."""
        found = self._params
        if found is None:
            found = self._params = merge(self.query, self.body)
        return found

    @property
    def account(self) -> int:
        """The account that signed.

        Raises:
            AuthenticationError: nobody did.
        """
        if self.credentials is None:
            raise AuthenticationError(NO_CREDENTIALS)
        return self.credentials.account


Handler = Callable[["Venue", Request], object]
"""Does what a request asks and returns what is to be spelt as JSON."""


class Route(msgspec.Struct, frozen=True):
    """What answers a method and path.

    ``permission`` is what a key must be allowed ("" = any key may); ``forced`` calls take tokens
    but are never refused; ``tokens`` says what the call costs. ``queued`` ones wait for the engine
    while it is overloaded, and are shed unless ``exempt`` says that they are let in (E20).
    """

    handler: Handler
    private: bool = False
    permission: str = ""
    forced: bool = False
    tokens: Callable[[Request], int] | None = None
    queued: bool = False
    exempt: Callable[[Request], bool] | None = None
