"""``mmbot run``: the bot on a venue over sockets, in real time."""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from rich.console import Console

from mmbot.app.exits import ExitCode, exit_code
from mmbot.app.finish import RunFacts, finish
from mmbot.app.trading import Ending, Plan, Stopper, trade
from mmbot.app.wiring import (
    VenueClock,
    check_live,
    find_keys,
    hedge_endpoint,
    hedge_keys,
    network_venue,
    reach,
    run_prefix,
)
from mmbot.clock import SystemClock
from mmbot.errors import MMBotError
from mmbot.log import get_log
from mmbot.settings import Settings
from mmbot.strategy.loader import load_strategy
from mmbot.venue.bitmex.endpoint import endpoint_of
from mmbot.view.table import print_summary
from mmbot.view.words import coins

if TYPE_CHECKING:
    from mmbot.venue.bitmex.rest import BitMexVenue


class LiveOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line says besides settings."""

    live: bool = False
    for_s: float | None = None
    plain: bool = False


def run_live(settings: Settings, options: LiveOptions) -> ExitCode:
    """Run the bot until it is stopped or its contract is settled.

    Raises:
        MMBotError: it could not start.
    """
    return run_until_stopped(lambda stopper: run_here(settings, options, stopper))


def run_until_stopped(work: Callable[[Stopper], Awaitable[ExitCode]]) -> ExitCode:
    """Do ``work``, which a signal stops, on uvloop where there is one."""
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(_until_stopped(work))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32":
        return None
    import uvloop  # noqa: PLC0415 -- it can't be installed on every system

    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


async def _until_stopped(work: Callable[[Stopper], Awaitable[ExitCode]]) -> ExitCode:
    stopper = Stopper()
    try:
        return await work(stopper)
    except asyncio.CancelledError:
        if stopper.wanted:
            return ExitCode.FINE  # stopped before there was anything to clean up
        raise
    finally:
        stopper.close()


async def run_here(
    settings: Settings, options: LiveOptions, stopper: Stopper, *, home: Path | None = None
) -> ExitCode:
    """Run the bot on the running loop.

    Args:
        settings: of the bot.
        options: of the command line.
        stopper: ends it.
        home: where an exchange on this machine left its key; None = where it does by default.

    Raises:
        MMBotError: it could not start.
    """
    strategy = load_strategy(settings.strategy.ref, settings.strategy.params)
    endpoint = endpoint_of(settings.venue.url)
    elsewhere = hedge_endpoint(settings.hedge)
    check_live(endpoint, live=options.live)
    keys = find_keys(settings, endpoint, home)
    clock = VenueClock()
    main = network_venue("main", settings.venue, endpoint, keys, clock)
    hedge: BitMexVenue | None = None
    try:
        if elsewhere is not None:
            check_live(elsewhere, live=options.live)
            theirs = hedge_keys(settings.hedge, keys)
            hedge = network_venue("hedge", settings.venue, elsewhere, theirs, clock)
        log = get_log()
        for venue in filter(None, (main, hedge)):
            await reach(
                venue.wallets,
                within_s=settings.venue.connect_within_s,
                say=lambda words: log.warning("venue is not there yet", why=words),
            )
        await clock.follow(main)
        began = time.perf_counter()
        directory = Path(settings.report.directory) if settings.report.directory else None
        ending = await trade(
            Plan(
                settings=settings,
                strategy=strategy,
                main=main,
                hedge=hedge,
                clock=clock,
                prefix=run_prefix(SystemClock().now_ns()),
                stopper=stopper,
                title=f"{settings.symbol} on {endpoint.rest}",
                directory=directory,
                record=settings.report.record,
                factor=clock.factor,
                for_s=options.for_s,
                plain=options.plain,
            )
        )
    finally:
        await main.close()
        if hedge is not None:
            await hedge.close()
    code = tell_ending(ending, Console(stderr=True))
    facts = RunFacts(
        event="run",
        seed=None,
        digest="",
        audit_ok=None,
        wall_s=time.perf_counter() - began,
        directory=directory,
    )
    summary = finish(ending, facts)
    if summary is not None and (ending.books.fills or ending.books.hedges):
        print_summary(summary, Console())
    return code


def tell_ending(ending: Ending, console: Console) -> ExitCode:
    """Say on standard error how a run ended, and return its exit code."""
    coin = ending.market.contract.underlying
    if abs(ending.unhedged) > ending.negligible:
        why = "" if ending.market.hedge_venue else " (no hedge venue)"
        exposure = coins(ending.unhedged, coin)
        console.print(f"mmbot: unhedged exposure of {exposure} {coin} stays{why}", style="yellow")
    position = ending.books.position
    if position:
        symbol = ending.market.contract.symbol
        console.print(f"mmbot: position of {position:+d} {symbol} stays", style="yellow")
    if ending.error is not None:
        if not isinstance(ending.error, MMBotError):
            get_log().error("the run failed", exc_info=ending.error)
        console.print(
            f"mmbot: {str(ending.error) or repr(ending.error)}", style="red", markup=False
        )
    if ending.left:
        console.print(f"mmbot: own orders may be left: {', '.join(ending.left)}", style="red")
        return ExitCode.LEFT
    return ExitCode.FINE if ending.error is None else exit_code(ending.error)
