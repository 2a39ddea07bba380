"""From a market-data frame in the bot to the order request sent, over loopback.

A process moves the spot market further than what makes the bot quote at once. In the bot, the clock
starts when the socket hands out the book's frame and stops when the lane first waits, which is just
after the request was written; a second clock stops at the venue's answer. The bot is the real one:
default strategy, codec, engine, signer, on uvloop. The yardstick is the same bot whose orders go
through stock httpx.
"""

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Generator, Mapping
from typing import Any

import uvloop
from rich.console import Console

from mmbot.app.trading import Plan, Stopper, trade
from mmbot.app.wiring import run_prefix
from mmbot.clock import SystemClock
from mmbot.settings import load_settings
from mmbot.strategy.loader import load_strategy
from mmbot.venue.bitmex.auth import Signer
from mmbot.venue.bitmex.endpoint import Endpoint, endpoint_of
from mmbot.venue.bitmex.lane import HttpLane, HttpxLane
from mmbot.venue.bitmex.realtime import open_websocket
from mmbot.venue.bitmex.rest import BitMexVenue, Lines
from mmbot.venue.port import Lane, Reply, Socket
from scripts.benches.figures import Figure, say
from scripts.benches.serving import KEY, ROOT, SECRET, Server, exchange

MOVES = 120  # a round
PAUSE_S = 0.03
SPOT_BOOK = ('"table":"orderBookL2_25"', '"ETC_XBT"')
SETTINGS: dict[str, Any] = {
    "rates": {"foreign": 0.5},  # nobody lends here, and both sides are to be quoted
    "requests": {"capacity": 1e9, "reserve": 0.0},
    "log": {"level": "error"},
}


class Taps:
    """The clocks: when the last frame of the spot book came, and what followed from it."""

    def __init__(self) -> None:
        self.heard_ns = 0
        self.sent_us: list[float] = []
        self.answered_us: list[float] = []

    def heard(self, frame: str | bytes) -> None:
        """A frame was handed out."""
        text = frame if isinstance(frame, str) else frame.decode()
        if all(words in text for words in SPOT_BOOK):
            self.heard_ns = time.perf_counter_ns()

    def take(self) -> int:
        """Return when the frame came that an order follows from, once; 0 when it was taken."""
        heard_ns, self.heard_ns = self.heard_ns, 0
        return heard_ns


class TappedSocket:
    """A socket that says what it hands out."""

    def __init__(self, inner: Socket, taps: Taps) -> None:
        self._inner, self._taps = inner, taps

    async def send(self, text: str) -> None:
        """Send a frame."""
        await self._inner.send(text)

    async def recv(self) -> str | bytes:
        """Return the next frame."""
        frame = await self._inner.recv()
        self._taps.heard(frame)
        return frame

    async def pump(self, take: Callable[[str | bytes], None]) -> None:
        """Give each frame to ``take``."""

        def tapped(frame: str | bytes) -> None:
            self._taps.heard(frame)
            take(frame)

        await self._inner.pump(tapped)

    async def close(self) -> None:
        """Close it."""
        await self._inner.close()


class FirstWait:
    """Awaits a coroutine and calls ``waits`` when it waits for the first time."""

    def __init__(self, inner: Coroutine[Any, Any, Reply], waits: Callable[[], None]) -> None:
        self._inner, self._waits = inner, waits

    def __await__(self) -> Generator[Any, Any, Reply]:
        steps = self._inner.__await__()
        wanted = next(steps)
        self._waits()
        while True:
            try:
                given = yield wanted
            except BaseException as error:
                wanted = steps.throw(error)
            else:
                try:
                    wanted = steps.send(given)
                except StopIteration as stop:
                    reply: Reply = stop.value
                    return reply


class TappedLane:
    """A lane that times the orders that follow from a frame."""

    def __init__(self, inner: Lane, taps: Taps) -> None:
        self._inner, self._taps = inner, taps

    async def request(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes = b""
    ) -> Reply:
        """Send one request and return its answer."""
        sending = self._inner.request(method, target, headers, body)
        is_order = method in {"POST", "PUT"} and target.rpartition("/")[2] in {"order", "bulk"}
        heard_ns = self._taps.take() if is_order else 0
        if not heard_ns:
            return await sending
        taps = self._taps

        def sent() -> None:
            taps.sent_us.append((time.perf_counter_ns() - heard_ns) / 1e3)

        reply = await FirstWait(sending, sent)
        taps.answered_us.append((time.perf_counter_ns() - heard_ns) / 1e3)
        return reply

    async def close(self) -> None:
        """Close it."""
        await self._inner.close()


def measure(rounds: int) -> list[Figure]:
    """Run the bot on both lanes, in turn."""
    ours: list[Taps] = []
    stock: list[Taps] = []
    for _ in range(rounds):
        for kept, fast in ((ours, True), (stock, False)):
            with exchange() as server, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                kept.append(runner.run(_run(server, fast=fast)))
    say(f"bench: frame, {sum(len(taps.sent_us) for taps in ours)} orders timed")
    return [
        _figure("frame to order request sent, median", ours, stock, "sent_us", 0.5),
        _figure("frame to order request sent, p99", ours, stock, "sent_us", 0.99),
        _figure("frame to the venue's answer, median", ours, stock, "answered_us", 0.5),
    ]


def _figure(what: str, ours: list[Taps], stock: list[Taps], name: str, share: float) -> Figure:
    return Figure(
        bench="frame",
        what=what,
        unit="us",
        rounds=[_quantile(getattr(taps, name), share) for taps in ours],
        yardstick="the same bot on stock httpx",
        yardstick_rounds=[_quantile(getattr(taps, name), share) for taps in stock],
    )


def _quantile(values: list[float], share: float) -> float:
    if len(values) < MOVES // 3:
        raise RuntimeError(f"only {len(values)} of {MOVES} moves made the bot quote")
    return statistics.median(values) if share == 0.5 else sorted(values)[int(len(values) * share)]


async def _run(server: Server, *, fast: bool) -> Taps:
    taps = Taps()
    url = f"http://{server.host}:{server.port}"
    words = [server.host, str(server.port), str(MOVES), str(PAUSE_S)]
    mover = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "scripts.benches.mover", *words),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    await _line(mover)
    stopper = Stopper()
    main = _venue(endpoint_of(url), taps, fast=fast)
    moving = asyncio.create_task(_move(mover, taps, stopper))
    try:
        await trade(_plan(url, main, stopper))
        await moving
    finally:
        moving.cancel()
        stopper.close()
        await main.close()
        if mover.returncode is None:
            mover.terminate()
        await mover.communicate()
    return taps


async def _move(mover: asyncio.subprocess.Process, taps: Taps, stopper: Stopper) -> None:
    await asyncio.sleep(2.0)  # the bot connects and quotes
    taps.sent_us.clear()
    taps.answered_us.clear()
    if mover.stdin is not None:
        mover.stdin.write(b"move\n")
    await _line(mover)
    stopper.stop()


async def _line(mover: asyncio.subprocess.Process) -> bytes:
    line = await mover.stdout.readline() if mover.stdout else b""
    if not line:
        raise RuntimeError("the mover of the market has ended")
    return line


def _plan(url: str, main: BitMexVenue, stopper: Stopper) -> Plan:
    clock = SystemClock()
    settings = load_settings(
        overrides={**SETTINGS, "venue": {"url": url}, "api_key": KEY, "api_secret": SECRET}
    )
    return Plan(
        settings=settings,
        strategy=load_strategy(settings.strategy.ref, settings.strategy.params),
        main=main,
        hedge=None,
        clock=clock,
        prefix=run_prefix(clock.now_ns()),
        stopper=stopper,
        title="bench",
        plain=True,
        console=Console(quiet=True),
    )


def _venue(endpoint: Endpoint, taps: Taps, *, fast: bool) -> BitMexVenue:
    async def open_socket(target: str, headers: Mapping[str, str]) -> Socket:
        url = endpoint.stream + target
        return TappedSocket(await open_websocket(url, headers, use_proxy=False), taps)

    orders = HttpLane(endpoint.rest) if fast else HttpxLane(endpoint.rest, trust_env=False)
    reads = HttpxLane(endpoint.rest, trust_env=False)
    lines = Lines(orders=TappedLane(orders, taps), reads=reads, open_socket=open_socket)
    clock = SystemClock()
    return BitMexVenue("main", lines, signer=Signer(KEY, SECRET, clock), clock=clock)
