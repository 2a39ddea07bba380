"""Keeps the stream up: connects, subscribes, tells of every frame, comes back when it falls.

The state of a connection is where its code stands: open, subscribe, wait for each topic's partial,
catch up on what was missed, ``Connected``, read until it ends, ``Disconnected``, wait, again.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from random import Random

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from mmbot.clock import Clock
from mmbot.errors import (
    AccessRefusedError,
    OrderRefusedError,
    StateDivergedError,
    VenueBusyError,
    VenueError,
    VenueUnavailableError,
)
from mmbot.types import Connected, Disconnected
from mmbot.venue.bitmex.auth import Signer
from mmbot.venue.bitmex.endpoint import STREAM_PATH
from mmbot.venue.bitmex.tables import Tables
from mmbot.venue.port import InstantSocket, Sink, Socket

SocketOpener = Callable[[str, Mapping[str, str]], Awaitable[Socket]]
"""Opens a socket at a target (path and query) with headers; raises ``VenueError``."""

PING_AFTER_S = 5.0
"""Silence after which the venue asks clients to send a raw ``ping``."""
ANSWER_WITHIN_S = 10.0
"""How long the answer to an operation on the socket may take."""
_DEAD_AFTER = 3  # such silences in a row: the connection counts as lost
PARTIALS_WITHIN_S = 15.0
"""How long the partials of a new subscription may take."""
_MAX_FRAME = 32 * 2**20  # bytes; a partial of every instrument has about 1 MiB


class WebSocket:
    """A websocket over the network."""

    def __init__(self, connection: ClientConnection) -> None:
        """Made by ``open_websocket``."""
        self._connection = connection

    async def send(self, text: str) -> None:
        """Send a text frame."""
        try:
            await self._connection.send(text)
        except ConnectionClosed as error:
            raise VenueUnavailableError(f"the stream was closed: {error}") from error

    async def recv(self) -> str | bytes:
        """Return the next frame, as bytes."""
        try:
            return await self._connection.recv(decode=False)
        except ConnectionClosed as error:
            raise VenueUnavailableError(f"the stream was closed: {error}") from error

    async def pump(self, take: Callable[[str | bytes], None]) -> None:
        """Give each further frame to ``take`` as it comes, until the stream ends."""
        while True:
            take(await self.recv())

    async def close(self) -> None:
        """Close it; idempotent."""
        await self._connection.close()


async def open_websocket(
    url: str,
    headers: Mapping[str, str],
    *,
    tls: ssl.SSLContext | None = None,
    use_proxy: bool = True,
    timeout_s: float = 10.0,
) -> WebSocket:
    """Open a websocket.

    Raises:
        AccessRefusedError: refused with 401 or 403.
        VenueBusyError: refused with 429.
        VenueUnavailableError: not reached, or refused otherwise.
    """
    options = {"ssl": tls} if tls is not None else {}
    try:
        connection = await connect(
            url,
            additional_headers=headers,
            open_timeout=timeout_s,
            close_timeout=1,
            ping_interval=None,  # a raw ping after silence instead, as the venue asks
            compression=None,
            max_size=_MAX_FRAME,
            proxy=True if use_proxy else None,
            **options,  # type: ignore[arg-type]
        )
    except InvalidStatus as error:
        raise _refusal(error) from error
    except (OSError, TimeoutError, InvalidHandshake) as error:
        raise VenueUnavailableError(
            f"{url} can't be reached: {str(error) or type(error).__name__}"
        ) from error
    return WebSocket(connection)


def _refusal(error: InvalidStatus) -> VenueError:
    status = error.response.status_code
    words = (error.response.body or b"").decode(errors="replace").strip()
    text = f"the stream was refused with {status}: {words}" if words else str(error)
    if status in {401, 403}:
        return AccessRefusedError(text, status=status)
    if status == 429:
        return VenueBusyError(text, retry_after_s=5.0, status=status)
    return VenueUnavailableError(text, status=status)


class Backoff:
    """How long to wait before the next attempt: doubled each time, with a seeded jitter."""

    def __init__(self, *, first_s: float = 0.25, most_s: float = 15.0, seed: int = 0) -> None:
        """Wait ``first_s`` after the first failure and ``most_s`` at most."""
        self._first_s = first_s
        self._most_s = most_s
        self._random = Random(seed)  # noqa: S311 -- spreads attempts, guards nothing
        self._failures = 0

    def reset(self) -> None:
        """It worked: start over."""
        self._failures = 0

    def next_s(self) -> float:
        """Return the next wait in seconds: between half of it and the whole."""
        whole = min(self._most_s, self._first_s * 2.0**self._failures)
        self._failures = min(self._failures + 1, 32)
        return whole * (0.5 + 0.5 * self._random.random())


class Realtime:
    """The stream of one venue."""

    def __init__(
        self,
        name: str,
        open_socket: SocketOpener,
        signer: Signer | None,
        clock: Clock,
        tables: Tables,
        *,
        ping_after_s: float | None = PING_AFTER_S,
        backoff: Backoff | None = None,
    ) -> None:
        """Prepare; nothing happens before ``start``.

        Args:
            name: of the venue, told in ``Connected``.
            open_socket: how a connection is made.
            signer: whose handshake is signed; None = public topics only.
            clock: stamps events.
            tables: reset for each connection.
            ping_after_s: silence after which a raw ping is sent; None where time is virtual.
            backoff: the waits between attempts.
        """
        self._name = name
        self._open_socket = open_socket
        self._signer = signer
        self._clock = clock
        self._tables = tables
        self._ping_after_s = ping_after_s
        self._backoff = backoff or Backoff()
        self._task: asyncio.Task[None] | None = None
        self._socket: Socket | None = None
        self._topics: list[str] = []
        self._up = asyncio.Event()
        self._heard = 0.0
        self._is_live = False
        self._sink: Sink = _nowhere
        self._arming: deque[_Arming] = deque()  # answers come in order
        self._put: Callable[[str], None] | None = None  # while it is live and never waits
        tables.on_dead_man = self._on_dead_man

    async def start(
        self,
        sink: Sink,
        topics: Sequence[str],
        *,
        catch_up: Callable[[], Awaitable[None]],
        within_s: float,
    ) -> None:
        """Return when the stream is up; it is kept up from then on.

        Args:
            sink: takes the events.
            topics: to subscribe to; each must answer with a partial.
            catch_up: awaited after the partials and before ``Connected``.
            within_s: how long the first connection may take.

        Raises:
            AccessRefusedError: the key is refused.
            OrderRefusedError: a topic is refused.
            VenueUnavailableError: not up within ``within_s``.
        """
        self._topics = list(topics)
        self._task = asyncio.create_task(self._run(sink, catch_up))
        up = asyncio.create_task(self._up.wait())
        done, _ = await asyncio.wait(
            {self._task, up}, timeout=within_s, return_when=asyncio.FIRST_COMPLETED
        )
        up.cancel()
        if self._task in done:
            await self._task
        if not done:
            await self.close()
            raise VenueUnavailableError(f"the stream of {self._name} was not up in {within_s:g} s")

    async def failed(self) -> None:
        """Wait until the stream is given up, which only a refused key or topic can bring about.

        Raises:
            AccessRefusedError: the key is refused.
            OrderRefusedError: a topic is refused.
        """
        if self._task is not None:
            await asyncio.shield(self._task)

    @property
    def can_arm(self) -> bool:
        """Whether the stream is up and is the account's, so that it takes ``arm_dead_man``."""
        return self._is_live and self._signer is not None

    async def arm_dead_man(self, timeout_ms: int) -> None:
        """Cancel all orders after ``timeout_ms``; 0 disarms (protocol 4.9). It takes no tokens.

        Raises:
            OrderRefusedError: the venue does not take it here.
            VenueUnavailableError: the stream ended or stayed silent: not known whether it was done.
        """
        if self._socket is None or not self._is_live:
            raise VenueUnavailableError(f"the stream of {self._name} is down")
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        arming = self._expect(lambda error: _settle(answer, error))
        try:
            await self._socket.send(_arm(timeout_ms))
            await answer
        finally:
            arming.late.cancel()

    def post_dead_man(self, timeout_ms: int, done: Callable[[VenueError | None], None]) -> bool:
        """Do the same without waiting, where the stream is in memory; False where it isn't.

        ``done`` is told once: None, or what ``arm_dead_man`` would have raised.
        """
        if self._put is None:
            return False
        self._expect(done)
        self._put(_arm(timeout_ms))
        return True

    async def close(self) -> None:
        """Close the stream; idempotent."""
        if self._task is None:
            return
        task, self._task = self._task, None
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def listen(self, topic: str) -> None:
        """Subscribe to one more topic, on this connection and on those to come.

        Raises:
            VenueUnavailableError: the stream has just ended; the next one will have the topic.
        """
        self._topics.append(topic)
        if self._socket is not None and self._is_live:
            await self._socket.send(_subscribe([topic]))

    async def _run(self, sink: Sink, catch_up: Callable[[], Awaitable[None]]) -> None:
        while True:
            wait_s, reason = 0.0, ""
            try:
                await self._live(sink, catch_up)
            except (AccessRefusedError, OrderRefusedError):
                raise  # the next attempt would fare no better
            except VenueBusyError as error:
                reason, wait_s = str(error), error.retry_after_s
            except (VenueUnavailableError, StateDivergedError) as error:
                reason = str(error)
            sink(Disconnected(at_ns=self._clock.now_ns(), venue=self._name, reason=reason))
            await asyncio.sleep(max(wait_s, self._backoff.next_s()))

    async def _live(self, sink: Sink, catch_up: Callable[[], Awaitable[None]]) -> None:
        signer, loop, topics = self._signer, asyncio.get_running_loop(), tuple(self._topics)
        headers = signer.headers("GET", STREAM_PATH) if signer else {}
        socket = self._socket = await self._open_socket(STREAM_PATH, headers)
        watch: asyncio.Task[None] | None = None
        try:
            self._heard = loop.time()
            if self._ping_after_s is not None:
                watch = asyncio.create_task(self._watch(socket, self._ping_after_s))
            tables = self._tables
            tables.reset()
            self._sink = sink
            await socket.send(_subscribe(topics))
            try:
                async with asyncio.timeout(PARTIALS_WITHIN_S):
                    while len(tables.partials) < len(topics):
                        self._hear(await socket.recv())
            except TimeoutError as error:
                raise VenueUnavailableError(
                    f"only {len(tables.partials)} of {len(topics)} topics began within "
                    f"{PARTIALS_WITHIN_S:g} s"
                ) from error
            await catch_up()
            self._backoff.reset()
            sink(Connected(at_ns=self._clock.now_ns(), venue=self._name))
            self._up.set()
            self._is_live = True
            self._put = socket.put if isinstance(socket, InstantSocket) else None
            if len(self._topics) > len(topics):  # asked for while the partials came
                await socket.send(_subscribe(self._topics[len(topics) :]))
            await socket.pump(self._hear)
        finally:
            self._is_live, self._put = False, None
            self._drop_answers()
            if watch is not None:
                watch.cancel()
            await socket.close()

    def _hear(self, frame: str | bytes) -> None:
        if self._ping_after_s is not None:
            self._heard = asyncio.get_running_loop().time()
            if len(frame) == 4 and frame in {b"pong", "pong"}:
                return
        for event in self._tables.on_frame(frame, self._clock.now_ns()):
            self._sink(event)

    def _on_dead_man(self, refusal: str) -> None:
        if self._arming:
            self._arming.popleft().end(OrderRefusedError(refusal) if refusal else None)

    def _expect(self, done: Callable[[VenueError | None], None]) -> "_Arming":
        arming = _Arming(done)
        self._arming.append(arming)
        return arming

    def _drop_answers(self) -> None:
        while self._arming:
            words = f"the stream of {self._name} ended before it answered"
            self._arming.popleft().end(VenueUnavailableError(words))

    async def _watch(self, socket: Socket, ping_after_s: float) -> None:
        # On the host's time: it guards the connection, not the market.
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(ping_after_s / 5)
            silent_s = loop.time() - self._heard
            if silent_s >= _DEAD_AFTER * ping_after_s:
                await socket.close()
                return
            if silent_s >= ping_after_s:
                await socket.send("ping")


class _Arming:
    # One renewal of the dead-man switch that waits for its answer; it ends once.

    __slots__ = ("_done", "late")

    def __init__(self, done: Callable[[VenueError | None], None]) -> None:
        self._done: Callable[[VenueError | None], None] | None = done
        self.late = asyncio.get_running_loop().call_later(ANSWER_WITHIN_S, self._never_came)

    def end(self, error: VenueError | None) -> None:
        self.late.cancel()
        done, self._done = self._done, None
        if done is not None:
            done(error)

    def _never_came(self) -> None:
        # It stays in the queue: its answer may still come, and is not the next one's.
        words = f"the stream did not answer in {ANSWER_WITHIN_S:g} s"
        self.end(VenueUnavailableError(words))


def _settle(answer: "asyncio.Future[None]", error: VenueError | None) -> None:
    if answer.done():
        return
    if error is None:
        answer.set_result(None)
    else:
        answer.set_exception(error)


def _subscribe(topics: Sequence[str]) -> str:
    return msgspec.json.encode({"op": "subscribe", "args": topics}).decode()


def _arm(timeout_ms: int) -> str:
    return f'{{"op":"cancelAllAfter","args":{timeout_ms}}}'


def _nowhere(_: object) -> None:
    """Take events before there is anybody to tell."""
