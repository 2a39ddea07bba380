"""Talks to an ASGI application in the same process, with the bytes that would go over the network.

``AsgiLane`` is a lane for requests, ``AsgiSocket`` a socket for the stream. Each way takes
``latency_s`` of the running loop's time; what is under way stands in one queue with one timer, so
that a million frames cost a million entries and no tasks.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Generic, TypeVar
from urllib.parse import unquote

from mmbot.errors import AccessRefusedError, VenueUnavailableError
from mmbot.venue.port import Reply

Message = MutableMapping[str, Any]
AsgiApp = Callable[
    [
        MutableMapping[str, Any],
        Callable[[], Awaitable[Message]],
        Callable[[Message], Awaitable[None]],
    ],
    Awaitable[None],
]
"""Any ASGI 3 application."""

MILLISECOND_S = 0.001
FRAMES = "sim_exchange.frames"
"""Extension of a websocket scope, so that no task is woken for a frame: the application may give
text frames to its ``put``, which never blocks, instead of ``send``; and it may set ``take``, which
must not raise: it is given our frames, and ``receive`` is not.
"""

_Item = TypeVar("_Item")


class DelayLine(Generic[_Item]):
    """Hands items on, in order, each ``delay_s`` after it was put; one timer for all."""

    def __init__(self, delay_s: float, deliver: Callable[[_Item], None]) -> None:
        """Deliver by calling ``deliver`` from the running loop."""
        self._loop = asyncio.get_running_loop()
        self._delay_s = delay_s
        self._deliver = deliver
        self._under_way: deque[tuple[float, _Item]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def put(self, item: _Item) -> None:
        """Send ``item`` on its way."""
        due = self._loop.time() + self._delay_s
        self._under_way.append((due, item))
        if self._timer is None:
            self._timer = self._loop.call_at(due, self._arrive)

    def clear(self) -> None:
        """Drop what is under way."""
        self._under_way.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arrive(self) -> None:
        self._timer = None
        under_way = self._under_way
        # What was put at the same instant arrives together: half a microsecond is float dust.
        now = self._loop.time() + 0.5e-6
        while under_way and under_way[0][0] <= now:
            self._deliver(under_way.popleft()[1])
        if under_way and self._timer is None:
            self._timer = self._loop.call_at(under_way[0][0], self._arrive)


def _http_scope(method: str, target: str, headers: list[tuple[bytes, bytes]]) -> dict[str, Any]:
    path, _, query = target.partition("?")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "extensions": {},
    }


class AsgiLane:
    """A lane that calls the application; the bytes are those that ``HttpLane`` would send."""

    def __init__(self, app: AsgiApp, *, latency_s: float = MILLISECOND_S) -> None:
        """Call ``app``; ``latency_s`` is one way."""
        self._app = app
        self._latency_s = latency_s
        self._loop: asyncio.AbstractEventLoop  # since the first request; asking costs 2 us a time
        self._line: DelayLine[asyncio.Future[None]] | None = None

    async def request(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes = b""
    ) -> Reply:
        """Send one request and return its answer.

        Raises:
            VenueUnavailableError: the application ended without a whole answer.
        """
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        raw.append((b"host", b"127.0.0.1"))
        if body or method != "GET":
            raw.append((b"content-length", str(len(body)).encode()))
        call = _Call(body)
        await self._way()
        await self._app(_http_scope(method, target, raw), call.receive, call.send)
        await self._way()
        return call.reply()

    async def close(self) -> None:
        """Forget what is under way; idempotent."""
        if self._line is not None:
            self._line.clear()
            self._line = None

    def _way(self) -> "asyncio.Future[None]":
        if self._line is None:
            self._line = DelayLine(self._latency_s, _release)
            self._loop = asyncio.get_running_loop()
        future = self._loop.create_future()
        self._line.put(future)
        return future


def _release(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)


class _Call:
    # One request on the application's side of ASGI.

    def __init__(self, body: bytes) -> None:
        self._request: deque[Message] = deque(
            [{"type": "http.request", "body": body, "more_body": False}]
        )
        self._status = 0
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._whole = False

    async def receive(self) -> Message:
        return self._request.popleft() if self._request else {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            self._headers = {
                name.decode("latin-1").lower(): value.decode("latin-1")
                for name, value in message.get("headers", ())
            }
        elif message["type"] == "http.response.body":
            self._body.append(message.get("body", b""))
            self._whole = not message.get("more_body", False)

    def reply(self) -> Reply:
        if not (self._status and self._whole):
            raise VenueUnavailableError("the exchange in this process gave no whole answer")
        return Reply(self._status, self._headers, b"".join(self._body))


class AsgiSocket:
    """A websocket to the application: one task for it, one delay line a direction."""

    def __init__(self, *, latency_s: float = MILLISECOND_S) -> None:
        """Made by ``connect_asgi``; ``latency_s`` is one way."""
        self._loop = asyncio.get_running_loop()
        self._to_app: DelayLine[Message | str] = DelayLine(latency_s, self._give_app)
        self._to_us: DelayLine[Message | str] = DelayLine(latency_s, self._give_us)
        self._frames: dict[str, Callable[[str], None]] = {"put": self._to_us.put}
        self._app_inbox: deque[Message] = deque()
        self._app_waiter: asyncio.Future[None] | None = None
        self._inbox: deque[Message | str] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._take: Callable[[str | bytes], None] | None = None
        self._taken: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._ended = False

    async def open(self, app: AsgiApp, target: str, headers: Mapping[str, str]) -> None:
        """Shake hands.

        Raises:
            AccessRefusedError: refused with 401 or 403.
            VenueUnavailableError: refused with another status.
        """
        path, _, query = target.partition("?")
        scope = {
            "type": "websocket",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "scheme": "ws",
            "path": unquote(path),
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
            "subprotocols": [],
            "extensions": {"websocket.http.response": {}, FRAMES: self._frames},
        }
        self._app_inbox.append({"type": "websocket.connect"})
        self._task = self._loop.create_task(self._run(app, scope))
        message = _message_of(await self._next())
        if message["type"] == "websocket.accept":
            return
        status = message.get("status", 403)
        body = b""
        if message["type"] == "websocket.http.response.start":
            body = _message_of(await self._next()).get("body", b"")
        words = f"the stream was refused with {status}: {body.decode(errors='replace')}"
        if status in {401, 403}:
            raise AccessRefusedError(words, status=status)
        raise VenueUnavailableError(words, status=status)

    async def send(self, text: str) -> None:
        """Send a text frame."""
        self._to_app.put(text)

    def put(self, text: str) -> None:
        """Send a text frame (``InstantSocket``)."""
        self._to_app.put(text)

    async def recv(self) -> str | bytes:
        """Return the next frame.

        Raises:
            VenueUnavailableError: the socket was closed.
        """
        return _frame_of(self._inbox.popleft() if self._inbox else await self._next())

    async def pump(self, take: Callable[[str | bytes], None]) -> None:
        """Give each further frame to ``take`` at the instant of its arrival, until the end."""
        while self._inbox:
            take(await self.recv())
        self._taken = self._loop.create_future()
        self._take = take
        try:
            await self._taken
        finally:
            self._take = None

    async def close(self) -> None:
        """Say goodbye and wait for the application's task; idempotent."""
        if self._task is None:
            return
        task, self._task = self._task, None
        self._give_app({"type": "websocket.disconnect", "code": 1000})
        self._ended = True
        try:
            async with asyncio.timeout(1):
                await asyncio.shield(task)
        except TimeoutError:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        self._to_us.clear()
        self._to_app.clear()

    async def _run(self, app: AsgiApp, scope: MutableMapping[str, Any]) -> None:
        reason = "the application ended"
        try:
            await app(scope, self._receive, self._send)
        except Exception as error:  # handed on as the reason of the close
            reason = f"the application failed: {error!r}"
        self._to_us.put({"type": "websocket.close", "code": 1011, "reason": reason})

    async def _receive(self) -> Message:
        while not self._app_inbox:
            self._app_waiter = self._loop.create_future()
            await self._app_waiter
        return self._app_inbox.popleft()

    async def _send(self, message: Message) -> None:
        if not self._ended:
            self._to_us.put(message)

    def _give_app(self, message: Message | str) -> None:
        if isinstance(message, str):
            take = self._frames.get("take")
            if take is not None and not self._app_inbox:
                take(message)
                return
            message = {"type": "websocket.receive", "text": message}
        self._app_inbox.append(message)
        if self._app_waiter is not None and not self._app_waiter.done():
            self._app_waiter.set_result(None)

    def _give_us(self, message: Message | str) -> None:
        if self._take is not None and self._taken is not None:
            # No task is woken for a frame: there are hundreds of thousands in a week.
            try:
                self._take(message if type(message) is str else _frame_of(message))
            except Exception as error:  # handed on to whoever awaits the pump
                self._take = None
                self._taken.set_exception(error)
            return
        self._inbox.append(message)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _next(self) -> Message | str:
        while not self._inbox:
            if self._ended:
                return {"type": "websocket.close", "code": 1006}
            self._waiter = self._loop.create_future()
            await self._waiter
        return self._inbox.popleft()


def _message_of(item: Message | str) -> Message:
    return {"type": "websocket.send", "text": item} if isinstance(item, str) else item


def _frame_of(message: Message | str) -> str | bytes:
    if isinstance(message, str):
        return message
    if message["type"] == "websocket.send":
        text: str | None = message.get("text")
        return text if text is not None else message["bytes"]
    raise VenueUnavailableError(
        f"the stream was closed ({message.get('code', 1006)} {message.get('reason', '')})"
    )


async def connect_asgi(
    app: AsgiApp,
    target: str,
    headers: Mapping[str, str],
    *,
    latency_s: float = MILLISECOND_S,
) -> AsgiSocket:
    """Open a websocket to ``app`` at ``target`` (path and query)."""
    socket = AsgiSocket(latency_s=latency_s)
    await socket.open(app, target, headers)
    return socket
