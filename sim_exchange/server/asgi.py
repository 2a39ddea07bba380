"""The ASGI app: REST, the realtime socket and the admin interface behind one callable.

uvicorn carries it over sockets; in virtual time the same object is called in memory. Start-up does
not depend on the lifespan protocol.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import structlog

from sim_exchange.core.types import SECOND_NS
from sim_exchange.errors import (
    AccessDeniedError,
    AuthenticationError,
    BadRequestError,
    ConnectionCutError,
    CoreError,
    RateLimitError,
    RequestError,
)
from sim_exchange.server import faulty
from sim_exchange.server.access import Credentials, Signed, authenticate
from sim_exchange.server.admin import ADMIN_BASE, Admin
from sim_exchange.server.publisher import Publisher
from sim_exchange.server.requests import Request, Route, encode, retry_after
from sim_exchange.server.rest import ROUTES
from sim_exchange.server.sockets import serve_socket
from sim_exchange.server.venue import Venue
from sim_exchange.wire.csvout import to_csv
from sim_exchange.wire.ratelimit import TokenBucket
from sim_exchange.wire.texts import not_found

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

MAX_BODY = 1_000_000
"""Largest body of a request, bytes."""
MAX_HEADERS = 32_000
"""Largest sum of a request's header names and values, bytes."""
MAX_TARGET = 16_000
"""Longest path and query, bytes."""

log = structlog.get_logger()

_REFUSED = 400  # and every status above: what counts towards a ban

_JSON = (b"content-type", b"application/json; charset=utf-8")
_CSV = (b"content-type", b"text/csv; charset=utf-8")
_SIGNED = {
    b"api-key": 0,
    b"api-signature": 1,
    b"api-expires": 2,
    b"api-nonce": 3,
}


class ExchangeApp:
    """The one app of a venue; ``on_core_error`` is told when the engine broke its promise."""

    def __init__(
        self,
        venue: Venue,
        publisher: Publisher,
        admin: Admin | None = None,
        on_core_error: Callable[[CoreError], None] | None = None,
    ) -> None:
        """Serve ``venue``; without ``admin`` there is no admin interface."""
        self.venue = venue
        self.publisher = publisher
        self.admin = admin
        self._on_core_error = on_core_error

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection event of the ASGI protocol."""
        kind = scope["type"]
        if kind == "http":
            await self._http(scope, receive, send)
        elif kind == "websocket":
            await serve_socket(self.venue, self.publisher, scope, receive, send)
        elif kind == "lifespan":
            await _lifespan(receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        if self.admin is not None and path.startswith(ADMIN_BASE):
            await self._admin(self.admin, scope, receive, send)
            return
        extra: list[tuple[bytes, bytes]] = []
        doorkeeper = self.venue.doorkeeper
        if doorkeeper is not None and (banned := doorkeeper.refusal(_address(scope))):
            await _respond(send, banned.status, error_body(banned), [_JSON, *retry_after(banned)])
            return
        try:
            status, body, kind = await self._answer(scope, receive, extra)
        except RequestError as error:
            status, body, kind = error.status, error_body(error), _JSON
            extra += retry_after(error)
        except ConnectionCutError:
            await faulty.cut(scope, receive)
            return
        except CoreError as error:
            status, body, kind = 500, self.core_failed(error), _JSON
        except Exception:
            log.exception("request failed", method=scope["method"], path=path)
            status, body, kind = 500, server_error_body(), _JSON
        if doorkeeper is not None and status >= _REFUSED:
            doorkeeper.refused(_address(scope))
        await _respond(send, status, body, [kind, *extra])

    def core_failed(self, error: CoreError) -> bytes:
        """Tell the app that the engine broke its promise; return the answer for the client."""
        log.error("engine stopped", error=str(error), kind=type(error).__name__)
        if self._on_core_error is not None:
            self._on_core_error(error)
        return server_error_body()

    async def _answer(
        self, scope: Scope, receive: Receive, extra: list[tuple[bytes, bytes]]
    ) -> tuple[int, bytes, tuple[bytes, bytes]]:
        venue = self.venue
        method: str = scope["method"]
        path: str = scope["path"]
        query: bytes = scope["query_string"]
        body = await read_body(receive)
        signed = _signed_headers(scope)
        now_ns = venue.host_now_ns()
        route = ROUTES.get((method, path))
        credentials = None
        if signed is not None:
            raw: bytes = scope.get("raw_path") or path.encode()
            target = raw + b"?" + query if query else raw
            try:
                credentials = authenticate(
                    venue.keys, signed, method.encode() + target, body, now_ns, _address(scope)
                )
            except (AuthenticationError, AccessDeniedError):
                self._take(_address(scope), None, now_ns, extra)
                raise
        request = Request(method, path, query, body, credentials)
        fault = None
        if venue.faults.all:
            fault = await faulty.before(venue, route, request, extra)
        who = credentials.account if credentials is not None else _address(scope)
        self._take(who, (route, request), now_ns, extra)
        if route is None:
            raise not_found()
        _require(route, credentials)
        if route.queued and venue.overload is not None:
            exempt = route.exempt is not None and route.exempt(request)
            await venue.overload.enter(now_ns, exempt=exempt)
        value = route.handler(venue, request)
        if venue.session.synced_seq < venue.session.seq:
            await venue.session.released()
        if fault is not None:
            await faulty.after(fault)
        if query and b"_format=csv" in query and isinstance(value, list):
            return 200, to_csv(value).encode(), _CSV
        return 200, encode(value), _JSON

    def _take(
        self,
        who: int | str,
        call: tuple[Route | None, Request] | None,
        now_ns: int,
        extra: list[tuple[bytes, bytes]],
    ) -> None:
        """Take the call's tokens and note the headers; raise when there are too few."""
        bucket = self.venue.limiter.bucket(who, now_ns)
        if bucket is None:
            return
        route, request = call if call is not None else (None, None)
        tokens = 1
        if route is not None and request is not None and route.tokens is not None:
            tokens = route.tokens(request)
        forced = route is not None and route.forced
        if bucket.take(now_ns, tokens, force=forced):
            extra.extend(_limit_headers(bucket, now_ns, bucket.full_at_s(now_ns)))
            return
        retry = bucket.retry_after_s(now_ns, tokens)
        # Whole seconds, and never before the host's now: a client sleeps until then (1.6).
        reset = -(-now_ns // SECOND_NS) + retry
        extra.extend(_limit_headers(bucket, now_ns, reset))
        raise RateLimitError(retry)

    async def _admin(self, admin: Admin, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await read_body(receive)
            await admin.answer(scope, body, send)
        except RequestError as error:
            await _respond(send, error.status, error_body(error), [_JSON])
        except ConnectionCutError:
            await faulty.cut(scope, receive)
        except CoreError as error:
            await _respond(send, 500, self.core_failed(error), [_JSON])
        except Exception:
            log.exception("admin request failed", path=scope["path"])
            await _respond(send, 500, server_error_body(), [_JSON])


def error_body(error: RequestError) -> bytes:
    """Spell an error as clients know it."""
    return encode({"error": {"message": error.message, "name": error.name}})


def server_error_body() -> bytes:
    """Spell what a client is told when the fault is ours."""
    return encode({"error": {"message": "Server Error", "name": "HTTPError"}})


async def read_body(receive: Receive) -> bytes:
    """Read a whole body.

    Raises:
        BadRequestError: 413, it is larger than ``MAX_BODY``.
    """
    message = await receive()
    body: bytes = message.get("body", b"")
    if message.get("more_body"):
        chunks = [body]
        size = len(body)
        while message.get("more_body"):
            message = await receive()
            if message["type"] == "http.disconnect":
                break
            chunk = message.get("body", b"")
            size += len(chunk)
            if size > MAX_BODY:
                break
            chunks.append(chunk)
        body = b"".join(chunks)
        if size > MAX_BODY:
            raise _too_large()
    if len(body) > MAX_BODY:
        raise _too_large()
    return body


def _too_large() -> BadRequestError:
    return BadRequestError(f"Request body is larger than {MAX_BODY} bytes", status=413)


def _require(route: Route, credentials: Credentials | None) -> None:
    """Refuse who may not do what a route does.

    Raises:
        AuthenticationError: nobody signed for something private.
        AccessDeniedError: the key may not.
    """
    if route.private:
        if credentials is None:
            raise AuthenticationError("Authorization Required")
        if route.permission:
            credentials.require(route.permission)


def _signed_headers(scope: Scope) -> Signed | None:
    """Return the credentials among the headers, None when there are none.

    Raises:
        BadRequestError: 431, the headers or the target are too large.
    """
    found = ["", "", "", ""]
    size = 0
    some = False
    for name, value in scope["headers"]:
        size += len(name) + len(value)
        place = _SIGNED.get(name)
        if place is not None:
            found[place] = value.decode("latin-1").strip()
            some = True
    if size > MAX_HEADERS:
        raise BadRequestError(f"Request headers are larger than {MAX_HEADERS} bytes", status=431)
    if len(scope["query_string"]) + len(scope["path"]) > MAX_TARGET:
        raise BadRequestError(f"Request target is longer than {MAX_TARGET} bytes", status=414)
    return Signed(*found) if some else None


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else "local"


def _limit_headers(
    bucket: TokenBucket, now_ns: int, reset_s: int
) -> tuple[tuple[bytes, bytes], ...]:
    return (
        (b"x-ratelimit-limit", b"%d" % bucket.capacity),
        (b"x-ratelimit-remaining", b"%d" % bucket.remaining(now_ns)),
        (b"x-ratelimit-reset", b"%d" % reset_s),
    )


async def _respond(
    send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]]
) -> None:
    headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            await send({"type": "lifespan.shutdown.complete"})
            return
