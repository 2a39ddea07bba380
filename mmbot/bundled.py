"""The one edge to the bundled exchange: a world in virtual time, or a process that serves one.

Only ``mmbot.app`` imports this, and inside a function, so that the bot runs without the exchange.
"""

import asyncio
import contextlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from mmbot.clock import Clock
from mmbot.errors import MMBotError, SettingsError
from mmbot.venue.inprocess import AsgiApp
from sim_exchange import app as exchange

READY_WITHIN_S = 30.0
STOP_WITHIN_S = 5.0
MARKS_EVERY_S = 60.0
"""In virtual time the bot is told every fill at once, and what marks do to a position seldom."""
PRICES_EVERY_S = 15.0
"""So it is with the contract's mark, which only guards against absurd quotes; books and indices are
told at once."""


class VirtualExchange:
    """The bundled exchange on a loop in virtual time: one contract from its listing on."""

    def __init__(self, *, seed: int, candles: Path | None = None) -> None:
        """Build it; nothing has run yet.

        Args:
            seed: fixes everything that is random.
            candles: a file of five-minute candles; None = the bundled one.

        Raises:
            SettingsError: the candle file is wrong.
        """
        self.loop = exchange.VirtualLoop()
        try:
            chosen = {
                "seed": seed,
                "limits": "off",
                "durability": "none",
                "marks_every_s": MARKS_EVERY_S,
                "prices_every_s": PRICES_EVERY_S,
                "candles": None if candles is None else (candles,),
            }
            # Not the environment's: what a seed gives must not depend on where it runs.
            settings = exchange.load(chosen, environ={})
            self._world = exchange.virtual_world(self.loop, settings)
        except exchange.SettingsError as error:
            self.loop.close()
            raise SettingsError(str(error)) from error
        record = self._world.grant_demo()
        facts = self._world.facts()
        self.key, self.secret = record.key, record.secret
        self.symbol = facts.symbol
        self.coin = facts.coin
        self.start_ns, self.expiry_ns = facts.start_ns, facts.expiry_ns

    @property
    def app(self) -> AsgiApp:
        """The server's ASGI application."""
        return self._world.asgi

    @property
    def clock(self) -> Clock:
        """The one clock of a virtual run."""
        return self.loop.clock

    @property
    def digest(self) -> str:
        """The journal's digest."""
        return self._world.digest

    async def pump(self) -> None:
        """Let time pass until cancelled."""
        await self._world.pump()

    def audit(self) -> str:
        """Run every invariant; return what is broken, "" when nothing is."""
        try:
            self._world.exchange.check()
        except exchange.SimExchangeError as error:
            return str(error)
        return ""

    async def close(self) -> None:
        """Close the journal."""
        await self._world.close()

    def undisturbed(self) -> contextlib.AbstractContextManager[None]:
        """Keep Python's collector from walking the world again and again while a run lasts."""
        return exchange.rare_collections()


class _Ready(msgspec.Struct):
    rest: str


class ServedExchange:
    """The bundled exchange in a process of its own, on a free port of this machine."""

    def __init__(self, process: asyncio.subprocess.Process, url: str) -> None:
        """Made by ``serve_exchange``."""
        self._process = process
        self.url = url

    async def failed(self) -> int:
        """Wait until the process has ended; return its exit code."""
        return await self._process.wait()

    async def close(self) -> None:
        """End the process; idempotent."""
        if self._process.returncode is not None:
            return
        self._process.terminate()
        try:
            async with asyncio.timeout(STOP_WITHIN_S):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()


async def serve_exchange(home: Path, options: Sequence[str]) -> ServedExchange:
    """Start ``sim-exchange serve`` and return when it accepts connections.

    It runs in a session of its own, so that a Ctrl-C in the terminal reaches the bot alone, which
    still needs it to cancel its orders; whoever called this ends it afterwards.

    Args:
        home: the exchange's folder, where it leaves the key of its demo account.
        options: of ``serve``.

    Raises:
        MMBotError: it did not start.
    """
    words = ["-m", "sim_exchange", "serve", "--port", "0", "--data", str(home / "data"), *options]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *words,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "SIM_EXCHANGE_HOME": str(home)},
        start_new_session=True,
    )
    served = ServedExchange(process, "")
    try:
        served.url = await _ready_url(process)
    except BaseException:
        await served.close()
        raise
    return served


async def _ready_url(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None  # noqa: S101 -- it is a pipe
    line = b""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(READY_WITHIN_S):
            line = await process.stdout.readline()
    if line:
        return msgspec.json.decode(line, type=_Ready).rest
    if process.returncode is None and not process.stdout.at_eof():
        raise MMBotError(f"the exchange was not ready within {READY_WITHIN_S:g} s")
    raise MMBotError(f"the exchange ended with {await process.wait()} before it was ready")
