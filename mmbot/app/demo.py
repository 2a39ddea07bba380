"""``mmbot demo``: the whole life of one contract on the bundled exchange, in virtual time.

The bot speaks the same bytes as over a network: its own lane and codec, over an in-memory call of
the exchange's server and a pair of queues for the stream.
"""

import asyncio
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

import msgspec
from rich.console import Console

from mmbot.app.exits import ExitCode
from mmbot.app.finish import RunFacts, finish
from mmbot.app.live import tell_ending
from mmbot.app.trading import Ending, Plan, Stopper, trade
from mmbot.books.summary import Summary
from mmbot.clock import Clock
from mmbot.settings import Settings
from mmbot.strategy.api import Strategy
from mmbot.venue.bitmex.auth import Signer
from mmbot.venue.bitmex.rest import BitMexVenue, Lines
from mmbot.venue.inprocess import AsgiApp, AsgiLane, connect_asgi
from mmbot.venue.port import Socket

PREFIX = "mm-"
IDLE_S = 30.0
"""Virtual time without an event after which a Tick is sent: frames come every 5 s anyway."""


class DemoOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What a demo is made of."""

    seed: int = 7
    candles: Path | None = None
    report: Path | None = None
    plain: bool = False
    for_s: float | None = None  # virtual seconds; None = until settled


class Demo(msgspec.Struct, frozen=True, kw_only=True):
    """A demo that has run."""

    summary: Summary | None
    ending: Ending
    code: ExitCode


class VirtualWorld(Protocol):
    """What a demo needs of an exchange in virtual time; ``mmbot.bundled`` has one."""

    key: str
    secret: str
    symbol: str
    coin: str

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop that it lives on, which has not run yet."""
        ...

    @property
    def app(self) -> AsgiApp:
        """The server's ASGI application."""
        ...

    @property
    def clock(self) -> Clock:
        """The one clock of a virtual run."""
        ...

    def undisturbed(self) -> AbstractContextManager[None]:
        """Keep Python's collector from walking the world again and again while a run lasts."""
        ...

    @property
    def digest(self) -> str:
        """The journal's digest."""
        ...

    async def pump(self) -> None:
        """Let time pass until cancelled."""
        ...

    def audit(self) -> str:
        """Run every invariant; return what is broken."""
        ...

    async def close(self) -> None:
        """Close the journal."""
        ...


def play(
    settings: Settings,
    options: DemoOptions,
    strategy: Strategy,
    world: VirtualWorld,
    console: Console | None = None,
) -> Demo:
    """Run a contract's life in ``world``, on its loop, which is closed afterwards.

    Args:
        settings: of the bot; its symbol, venue and report are replaced by the demo's.
        options: of the demo.
        strategy: who decides the quotes.
        world: an exchange that has not run yet.
        console: where to draw and to tell; standard error when None.
    """
    began = time.perf_counter()
    with world.undisturbed(), asyncio.Runner(loop_factory=lambda: world.loop) as runner:
        ending, audit = runner.run(_play(settings, options, strategy, world, console))
    wall_s = time.perf_counter() - began
    told = Console(stderr=True) if console is None else console
    code = tell_ending(ending, told)
    if audit:
        told.print(f"mmbot: the exchange's audit failed: {audit}", style="red", markup=False)
    facts = RunFacts(
        event="demo",
        seed=options.seed,
        digest=world.digest,
        audit_ok=not audit,
        wall_s=wall_s,
        directory=directory_of(options, world.symbol),
    )
    summary = finish(ending, facts)
    if summary is None or audit or summary.unexplained:
        code = code or ExitCode.FAILED
    return Demo(summary=summary, ending=ending, code=code)


def directory_of(options: DemoOptions, symbol: str) -> Path:
    """Return the folder of a demo's report."""
    return options.report or Path("reports") / f"demo-{symbol.lower()}-{options.seed}"


async def _play(
    settings: Settings,
    options: DemoOptions,
    strategy: Strategy,
    world: VirtualWorld,
    console: Console | None,
) -> tuple[Ending, str]:
    stopper = Stopper()
    pump = asyncio.create_task(world.pump())
    main = _venue(world)
    try:
        run = asyncio.create_task(
            trade(
                Plan(
                    settings=settings.model_copy(update={"symbol": world.symbol}),
                    strategy=strategy,
                    main=main,
                    hedge=None,
                    clock=world.clock,
                    prefix=PREFIX,
                    stopper=stopper,
                    title=f"virtual, seed {options.seed}",
                    directory=directory_of(options, world.symbol),
                    idle_s=IDLE_S,
                    for_s=options.for_s,
                    plain=options.plain,
                    console=console,
                )
            )
        )
        await asyncio.wait({run, pump}, return_when=asyncio.FIRST_COMPLETED)
        if not run.done():
            run.cancel()
            await asyncio.gather(run, return_exceptions=True)
            await pump  # raises what broke the exchange
        return await run, world.audit()
    finally:
        pump.cancel()
        await asyncio.gather(pump, return_exceptions=True)
        await main.close()
        await world.close()
        stopper.close()


def _venue(world: VirtualWorld) -> BitMexVenue:
    async def open_socket(target: str, headers: Mapping[str, str]) -> Socket:
        return await connect_asgi(world.app, target, headers)

    lane = AsgiLane(world.app)
    return BitMexVenue(
        "main",
        Lines(orders=lane, reads=lane, open_socket=open_socket),
        signer=Signer(world.key, world.secret, world.clock),
        clock=world.clock,
        ping_after_s=None,
    )
