"""The realtime connection over ASGI: real sockets under uvicorn and queues in memory alike."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import structlog

from sim_exchange.errors import NotFoundError, RequestError
from sim_exchange.server.access import Credentials, authenticate_socket
from sim_exchange.server.faulty import CUT, at_socket
from sim_exchange.server.publisher import Publisher
from sim_exchange.server.realtime import CLOSE_CUT, RealtimeConnection, read_handshake
from sim_exchange.server.requests import encode, retry_after
from sim_exchange.server.venue import Venue
from sim_exchange.wire.ratelimit import ConnectionQuota

REALTIME_PATH = "/realtime"
MAX_BACKLOG = 10_000_000
"""Characters that may wait for a slow reader; beyond that its socket is dropped."""

log = structlog.get_logger()

_TRY_LATER = 1013
_FAILED = 1011

FRAMES = "sim_exchange.frames"
"""Extension of a websocket scope in memory, so that no task is woken for a frame: its ``put`` takes
ours, in order with ``send``, and never blocks; its ``take``, when we set it, is given the client's.
"""

_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]


class Outbox:
    """Frames that wait for one socket; bounded, so that publishing never waits for a reader."""

    def __init__(self, send: _Send) -> None:
        """Write to an ASGI ``send``."""
        self._send = send
        self._frames: deque[str] = deque()
        self._size = 0
        self._waiter: asyncio.Future[None] | None = None  # what run() waits on; lighter than Event
        self.close_code: int | None = None

    def put(self, text: str) -> None:
        """Queue one frame; a reader that is too slow is dropped."""
        if self.close_code is not None:
            return
        self._size += len(text)
        if self._size > MAX_BACKLOG:
            self._frames.clear()
            self.close_code = _TRY_LATER
        else:
            self._frames.append(text)
        if self._waiter is not None:
            self._wake()

    def close(self, code: int) -> None:
        """Close the socket after what is queued."""
        if self.close_code is None:
            self.close_code = code
            self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def run(self) -> None:
        """Write frames until the socket is closed."""
        frames, loop = self._frames, asyncio.get_running_loop()
        while True:
            while frames:
                text = frames.popleft()
                self._size -= len(text)
                await self._send({"type": "websocket.send", "text": text})
            if self.close_code is not None:
                await self._send({"type": "websocket.close", "code": self.close_code})
                return
            self._waiter = loop.create_future()
            await self._waiter
            self._waiter = None


async def serve_socket(
    venue: Venue,
    publisher: Publisher,
    scope: _Message,
    receive: _Receive,
    send: _Send,
) -> None:
    """Serve one websocket scope from its handshake to its end."""
    await receive()  # websocket.connect
    doorkeeper = venue.doorkeeper
    if doorkeeper is not None and (banned := doorkeeper.refusal(_address(scope))):
        await _deny(scope, send, banned)
        return
    try:
        credentials, topics, remaining = _handshake(venue, venue.quota, scope)
    except RequestError as error:
        if doorkeeper is not None:
            doorkeeper.refused(_address(scope))
        await _deny(scope, send, error)
        return
    await send({"type": "websocket.accept"})
    outbox = Outbox(send)
    frames = scope.get("extensions", {}).get(FRAMES)
    put = outbox.put if frames is None else frames["put"]
    connection = RealtimeConnection(
        venue, publisher, put, _closer(scope, outbox), credentials, _address(scope)
    )
    connection.open(topics, remaining)
    if frames is not None:
        frames["take"] = _taker(connection, outbox)
    writer = asyncio.ensure_future(outbox.run())
    reader = asyncio.ensure_future(_read(connection, receive))
    try:
        await asyncio.wait((writer, reader), return_when=asyncio.FIRST_COMPLETED)
    finally:
        connection.closed_by_peer()
        for task in (writer, reader):
            task.cancel()
        # Both end now; an error of the transport means that the peer is gone, which is no fault.
        await asyncio.gather(writer, reader, return_exceptions=True)


def _closer(scope: _Message, outbox: Outbox) -> Callable[[int], None]:
    abort = scope.get("extensions", {}).get(CUT, {}).get("abort")

    def close(code: int) -> None:
        if code == CLOSE_CUT and abort is not None:
            abort()
        else:
            outbox.close(code)

    return close


def _taker(connection: RealtimeConnection, outbox: Outbox) -> Callable[[str], None]:
    def take(text: str) -> None:
        try:
            connection.on_text(text)
        except Exception:  # the peer must be told, whatever it is
            log.exception("realtime connection failed")
            outbox.close(_FAILED)

    return take


async def _read(connection: RealtimeConnection, receive: _Receive) -> None:
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            return
        text = message.get("text")
        if text is None:
            text = bytes(message.get("bytes") or b"").decode("utf-8", "replace")
        connection.on_text(text)


def _handshake(
    venue: Venue, quota: ConnectionQuota, scope: _Message
) -> tuple[Credentials | None, str, int]:
    if scope["path"].rstrip("/") != REALTIME_PATH:
        raise NotFoundError("Not Found")
    headers = {
        name.decode("latin-1").lower(): value.decode("latin-1").strip()
        for name, value in scope["headers"]
    }
    now_ns = venue.host_now_ns()
    remaining = quota.take(_address(scope), now_ns)
    signed, topics = read_handshake(scope["query_string"].decode("latin-1"), headers)
    credentials = None
    if signed is not None:
        credentials = authenticate_socket(venue.keys, signed, now_ns, _address(scope))
    at_socket(venue, 0 if credentials is None else credentials.account)
    return credentials, topics, remaining


def _address(scope: _Message) -> str:
    client = scope.get("client")
    return str(client[0]) if client else "local"


async def _deny(scope: _Message, send: _Send, error: RequestError) -> None:
    """Refuse a handshake with an HTTP answer where the server can, else with a close."""
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008})
        return
    body = encode({"error": {"message": error.message, "name": error.name}})
    headers = [
        (b"content-type", b"application/json; charset=utf-8"),
        (b"content-length", b"%d" % len(body)),
        *retry_after(error),
    ]
    await send(
        {"type": "websocket.http.response.start", "status": error.status, "headers": headers}
    )
    await send({"type": "websocket.http.response.body", "body": body})
