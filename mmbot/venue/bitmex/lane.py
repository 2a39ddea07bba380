"""Carries one request and brings back the answer; nothing here knows what is said.

| lane | for | CPU a request |
| --- | --- | --- |
| ``HttpxLane`` | everything that is not urgent: proxies, redirects, compression | 400 us and more |
| ``HttpLane`` | orders: a few kept-alive connections, one write, one parse | 10-30 us |
| ``mmbot.venue.inprocess.AsgiLane`` | an exchange in the same process | its own |

All three raise ``VenueUnavailableError`` when no whole answer came.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import urlsplit

import httptools
import httpx
from typing_extensions import override

from mmbot.errors import VenueUnavailableError
from mmbot.venue.port import Reply


class HttpxLane:
    """Requests through httpx."""

    def __init__(self, origin: str, *, timeout_s: float = 10.0, trust_env: bool = True) -> None:
        """Send to ``origin`` (scheme, host, port).

        Args:
            origin: scheme, host and port.
            timeout_s: how long to wait for a whole answer.
            trust_env: whether proxies named in the environment are used.
        """
        self._origin = origin
        self._client = httpx.AsyncClient(timeout=timeout_s, trust_env=trust_env)

    async def request(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes = b""
    ) -> Reply:
        """Send one request and return its answer."""
        try:
            answer = await self._client.request(
                method, self._origin + target, headers=headers, content=body or None
            )
        except httpx.TransportError as error:
            raise VenueUnavailableError(
                f"{self._origin} can't be reached: {str(error) or type(error).__name__}"
            ) from error
        return Reply(answer.status_code, dict(answer.headers), answer.content)

    async def close(self) -> None:
        """Close all connections; idempotent."""
        await self._client.aclose()


class HttpLane:
    """Requests over a pool of kept-alive connections of our own, one in flight on each."""

    def __init__(
        self,
        origin: str,
        *,
        connections: int = 4,
        timeout_s: float = 10.0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Send to ``origin`` over at most ``connections`` at once; more requests wait their turn.

        Args:
            origin: scheme, host and port.
            connections: how many requests may be in flight.
            timeout_s: how long to wait for a whole answer.
            tls: for https; None = the system's certificate authorities.
        """
        parts = urlsplit(origin)
        secure = parts.scheme == "https"
        self._origin = origin
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if secure else 80)
        self._tls = (tls or ssl.create_default_context()) if secure else None
        self._timeout_s = timeout_s
        self._head = f"host: {parts.netloc}\r\naccept: application/json\r\n"
        self._slots = asyncio.Semaphore(connections)
        self._idle: deque[_Connection] = deque()
        self._busy: set[_Connection] = set()
        self._closed = False

    async def request(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes = b""
    ) -> Reply:
        """Send one request and return its answer."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        length = f"content-length: {len(body)}\r\n" if body or method != "GET" else ""
        head = f"{method} {target} HTTP/1.1\r\n{self._head}{lines}{length}\r\n"
        async with self._slots:
            connection = await self._connection()
            self._busy.add(connection)
            try:
                reply = await connection.exchange(head.encode() + body, self._timeout_s)
            finally:
                self._busy.discard(connection)
            if connection.is_reusable and not self._closed:
                self._idle.append(connection)
            else:
                connection.close()
            return reply

    async def close(self) -> None:
        """Close all connections; idempotent."""
        self._closed = True
        for connection in (*self._idle, *self._busy):
            connection.close()
        self._idle.clear()

    async def _connection(self) -> "_Connection":
        while self._idle:
            connection = self._idle.pop()
            if connection.is_reusable:
                return connection
        if self._closed:
            raise VenueUnavailableError(f"the lane to {self._origin} is closed")
        loop = asyncio.get_running_loop()
        connection = _Connection(self._origin, loop)
        try:
            async with asyncio.timeout(self._timeout_s):
                await loop.create_connection(
                    lambda: connection, self._host, self._port, ssl=self._tls
                )
        except (OSError, TimeoutError) as error:
            raise VenueUnavailableError(
                f"{self._origin} can't be reached: {str(error) or type(error).__name__}"
            ) from error
        return connection


class _Connection(asyncio.Protocol):
    # One kept-alive connection; the methods without a leading underscore but exchange, close and
    # is_reusable are called by asyncio and by the parser.

    def __init__(self, origin: str, loop: asyncio.AbstractEventLoop) -> None:
        self._origin = origin
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._parser: Any = None
        self._waiter: asyncio.Future[Reply] | None = None
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._lost = False
        self.is_reusable = True

    async def exchange(self, request: bytes, timeout_s: float) -> Reply:
        transport = self._transport
        if transport is None or self._lost:
            raise VenueUnavailableError(f"{self._origin} closed the connection")
        self._parser = httptools.HttpResponseParser(self)
        self._headers, self._body = {}, []
        self._waiter = waiter = self._loop.create_future()
        timer = self._loop.call_later(timeout_s, self._give_up, timeout_s)
        transport.write(request)
        try:
            reply: Reply = await waiter
        except asyncio.CancelledError:
            self.is_reusable = False  # its answer may still come
            transport.close()
            raise
        finally:
            timer.cancel()
            self._waiter = None
        return reply

    def close(self) -> None:
        self.is_reusable = False
        if self._transport is not None:
            self._transport.close()

    def _give_up(self, timeout_s: float) -> None:
        self._fail(f"{self._origin} did not answer within {timeout_s:g} s")
        self.close()

    def _fail(self, why: str) -> None:
        self.is_reusable = False
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(VenueUnavailableError(why))

    # asyncio

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # TCP gives a transport for both ways; uvloop's is not of asyncio's class.
        self._transport = cast("asyncio.Transport", transport)

    @override
    def data_received(self, data: bytes) -> None:
        if self._waiter is None or self._waiter.done():
            self.close()  # bytes that nobody asked for
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(f"{self._origin} answered what is not HTTP: {error}")
            self.close()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        self._fail(f"{self._origin} closed the connection: {exc or 'no answer'}")

    # httptools

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        self.is_reusable = self._parser.should_keep_alive()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(
                Reply(self._parser.get_status_code(), self._headers, b"".join(self._body))
            )
