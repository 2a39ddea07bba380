"""One run of the bot on venues that are given: look up, start, run, clean up, add up."""

import asyncio
import contextlib
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import msgspec
from msgspec import structs
from rich.console import Console

from mmbot.app.runner import Runner
from mmbot.app.spot import IndexAsSpot
from mmbot.app.wiring import Market, engine_config, find_market, is_of_a_run
from mmbot.books.depth import DepthMeter
from mmbot.books.parts import BooksError, Opening
from mmbot.books.pnl import Attribution
from mmbot.books.recorder import Recorder
from mmbot.books.running import Books
from mmbot.books.store import RUN_FILE, Store
from mmbot.books.wallet_rows import WalletRow, interest_paid, transfers
from mmbot.clock import Clock
from mmbot.engine import Engine
from mmbot.errors import MMBotError, VenueError
from mmbot.log import get_log
from mmbot.settings import Settings
from mmbot.strategy.api import Strategy
from mmbot.types import (
    SECOND_NS,
    CancelOrders,
    Connected,
    Disconnected,
    Event,
    PositionSeen,
    WalletSeen,
)
from mmbot.venue.bitmex.rest import BitMexVenue
from mmbot.view.screen import Screen, Snapshot
from mmbot.view.terminal import open_screen

EVENTS_FILE = "events.mmr"


class Stopper:
    """Turns SIGINT and SIGTERM into the end of a run.

    It cancels the task that made it, until ``end`` names who can end the run better.
    """

    def __init__(self) -> None:
        """Take the signals."""
        task = asyncio.current_task()
        self.wanted = False
        self.end: Callable[[], object] = task.cancel if task is not None else _nobody
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.stop)

    def stop(self) -> None:
        """End the run."""
        self.wanted = True
        self.end()

    def close(self) -> None:
        """Give the signals back."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def _nobody() -> None:
    """There is nothing to end."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a run is made of."""

    settings: Settings
    strategy: Strategy
    main: BitMexVenue
    hedge: BitMexVenue | None
    clock: Clock
    prefix: str
    stopper: Stopper
    title: str
    directory: Path | None = None  # where the run's file and its recording go
    record: bool = False
    factor: int = 1  # seconds of the clock in a second of the loop
    idle_s: float = 1.0
    for_s: float | None = None  # end after this many seconds of the clock
    plain: bool = False
    console: Console | None = None


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """How a run ended.

    ``left`` are own orders that may still stand; ``error`` is what ended the run, None when it was
    done or stopped; ``result`` is None when the venue could not be asked for the last figures. The
    books' file is still open: ``finish`` closes it.
    """

    market: Market
    books: Books
    left: tuple[str, ...]
    error: Exception | None
    unhedged: int  # minor units of the coin, positive when long
    negligible: int  # what the hedge's threshold leaves alone, in the same units
    wallets: dict[str, WalletSeen]
    result: Attribution | None
    slippage_bp: dict[str, float]  # coins -> mean slippage of taking them from the spot book
    lasted_s: float
    was_stopped: bool


class Wallets:
    """The account's wallets as the stream tells them."""

    def __init__(self) -> None:
        """Know none."""
        self.latest: dict[str, WalletSeen] = {}

    def watch(self, event: Event) -> None:
        """Remember a wallet."""
        if isinstance(event, WalletSeen):
            self.latest[event.currency] = event


class Status:
    """Whether the main venue is connected."""

    def __init__(self) -> None:
        """Start unconnected."""
        self.connected = False

    def watch(self, event: Event) -> None:
        """Follow the main connection."""
        if isinstance(event, Connected | Disconnected) and event.venue == "main":
            self.connected = isinstance(event, Connected)


async def trade(plan: Plan) -> Ending:
    """Run the bot until its contract is settled, it is stopped, or something ends it.

    The plan's stopper stops it. Own orders are cancelled and confirmed before it returns, whatever
    ended it.

    Raises:
        SettingsError: the symbol or the hedge is not to be had.
        VenueError: the venue was refused or gone before there was anything to clean up.
    """
    market = await find_market(plan.settings, plan.main, plan.hedge)
    await _cancel_leftovers(plan, market)
    before = _earned(await _history(plan), await _balance(plan, market), market)
    opening = await opening_of(plan.main, plan.hedge or plan.main, market)
    engine = Engine(
        engine_config(plan.settings, market, plan.prefix, factor=plan.factor), plan.strategy
    )
    with contextlib.ExitStack() as stack:
        store = _open_store(plan, stack)
        books = Books(
            market.contract,
            market.spot if market.hedge_venue else None,
            store,
            opening=opening,
        )
        screen = open_screen(books, title=plan.title, console=plan.console, plain=plan.plain)
        stack.callback(screen.close)
        runner = Runner(
            engine,
            _venues(plan),
            plan.clock,
            prefix=plan.prefix,
            idle_s=plan.idle_s,
            factor=plan.factor,
            give_up_after_s=plan.settings.venue.give_up_after_s,
        )
        wallets, status = Wallets(), Status()
        if plan.record and plan.directory is not None:
            recorder = Recorder(plan.directory / EVENTS_FILE)
            stack.callback(recorder.close)
            runner.every.append(recorder.record)
        if opening.coins:
            # A venue has no row of a spot that was never traded, whatever its wallet holds.
            now_ns = plan.clock.now_ns()
            row = PositionSeen(at_ns=now_ns, symbol=market.spot_symbol, qty=opening.coins)
            runner.sink(row)
        runner.watch(wallets.watch, WalletSeen)
        runner.watch(status.watch, Connected, Disconnected)
        runner.readers += [books.on_note, screen.on_note]
        depth = DepthMeter(market.spot)
        runner.after_turn = _drawer(screen, engine, market, wallets, status, depth)
        start_ns = plan.clock.now_ns()
        error, was_stopped, left = await _run(plan, market, engine, runner)
        lasted_s = (plan.clock.now_ns() - start_ns) / SECOND_NS
        screen.close()
        result = await _add_up(plan, market, books, store, before)
        latest = await _wallets_now(plan, wallets)
    return Ending(
        market=market,
        books=books,
        left=left,
        error=error,
        unhedged=engine.unhedged,
        negligible=_negligible(plan, engine),
        wallets=latest,
        result=result,
        slippage_bp=depth.mean_bp(),
        lasted_s=lasted_s,
        was_stopped=was_stopped,
    )


async def _run(
    plan: Plan, market: Market, engine: Engine, runner: Runner
) -> tuple[Exception | None, bool, tuple[str, ...]]:
    loop = asyncio.get_running_loop()
    sink = runner.sink
    if market.spot is None:
        sink = IndexAsSpot(market.index_symbol, runner.sink).sink
    symbols, elsewhere = _symbols(market, separate=plan.hedge is not None)
    error: Exception | None = None
    was_stopped = False
    gone: list[asyncio.Task[None]] = []
    timer: asyncio.TimerHandle | None = None
    try:
        await plan.main.start(sink, symbols)
        gone.append(loop.create_task(_watch(plan.main, runner)))
        if plan.hedge is not None:
            await plan.hedge.start(sink, elsewhere)
            gone.append(loop.create_task(_watch(plan.hedge, runner)))
        plan.stopper.end = runner.stop
        if plan.for_s is not None:
            timer = loop.call_later(plan.for_s / plan.factor, runner.stop)
        try:
            await runner.run()
            was_stopped = not engine.is_done
        except Exception as ended:  # whatever it is, the orders must go first
            error = ended
        left = await _clean_up(runner, engine, error)
    finally:
        if timer is not None:
            timer.cancel()
        for task in gone:
            task.cancel()
        await asyncio.gather(*gone, return_exceptions=True)
        await runner.close()
    return error, was_stopped, left


async def _clean_up(runner: Runner, engine: Engine, error: Exception | None) -> tuple[str, ...]:
    log = get_log()
    if error is None or isinstance(error, MMBotError):
        try:
            await runner.close_engine()
        except Exception as failed:  # the sweep below does not need the engine
            log.warning("engine failed while closing", error=repr(failed))
    try:
        return tuple(f"{row.cl_ord_id} ({row.symbol})" for row in await runner.sweep())
    except VenueError as failed:
        known = [f"{order.cl_ord_id} ({order.symbol})" for order in engine.orders.live.values()]
        log.warning("nobody knows whether orders are left", error=str(failed))
        return tuple(known) or ("unknown: the venue did not answer",)


async def _watch(venue: BitMexVenue, runner: Runner) -> None:
    try:
        await venue.failed()
    except MMBotError as error:
        runner.fail(error)


def _negligible(plan: Plan, engine: Engine) -> int:
    price = engine.picture.spot_mid or engine.picture.index or 0.0
    return int(plan.settings.hedge.threshold / price * 10**8) if price else 0


def _venues(plan: Plan) -> dict[str, BitMexVenue]:
    return {"main": plan.main} | ({"hedge": plan.hedge} if plan.hedge is not None else {})


def _symbols(market: Market, *, separate: bool) -> tuple[list[str], list[str]]:
    # Beside spot the index is only wanted for the settlement: the engine asks for it then.
    spot = [market.spot.symbol] if market.spot is not None else []
    index = [] if spot else [market.index_symbol]
    here = [market.contract.symbol, *index, market.lending_symbol]
    if separate:
        return [symbol for symbol in here if symbol], spot
    return [symbol for symbol in (*here, *spot) if symbol], []


class Holds(Protocol):
    """A venue that tells what the account holds there."""

    async def positions(self) -> list[PositionSeen]:
        """Return the positions."""
        ...

    async def wallets(self) -> list[WalletSeen]:
        """Return the wallets."""
        ...


async def opening_of(main: Holds, hedge: Holds, market: Market) -> Opening:
    """Return what the account holds: contracts on ``main``, coins on ``hedge`` if it hedges."""
    symbol, coin = market.contract.symbol, market.contract.underlying
    held = {seen.symbol: seen for seen in await main.positions()}.get(symbol)
    opening = Opening(position=held.qty, cost=held.cost or 0) if held is not None else Opening()
    if not market.hedge_venue:
        return opening
    for wallet in await hedge.wallets():
        if wallet.currency == coin:
            owed = wallet.interest_owed
            coins = wallet.amount - wallet.borrowed - owed
            return structs.replace(opening, coins=coins, interest_owed=owed)
    return opening


def _open_store(plan: Plan, stack: contextlib.ExitStack) -> Store | None:
    if plan.directory is None:
        return None
    store = Store.create(plan.directory / RUN_FILE)
    stack.push(lambda kind, *_: store.close() if kind is not None else None)
    return store


def _drawer(
    screen: Screen,
    engine: Engine,
    market: Market,
    wallets: Wallets,
    status: Status,
    depth: DepthMeter,
) -> Callable[[int], None]:
    currency, coin = market.contract.settl_currency, market.contract.underlying
    armed_s = engine.config.dead_man_s

    def look() -> Snapshot:
        borrowed = wallets.latest.get(coin)
        unhedged = engine.unhedged
        return Snapshot(
            unhedged=unhedged,
            why=engine.why_unhedged if unhedged else "",
            connected=status.connected,
            open_orders=len(engine.orders.live),
            wallet=engine.picture.wallets.get(currency),
            borrowed=borrowed.borrowed if borrowed else 0,
            interest_owed=borrowed.interest_owed if borrowed else 0,
            dead_man_s=armed_s if armed_s > 0 and status.connected else None,
        )

    def draw(now_ns: int) -> None:
        screen.maybe_draw(now_ns, look)
        if now_ns >= depth.next_ns:
            depth.see(engine.picture.spot_book, now_ns)

    return draw


async def _cancel_leftovers(plan: Plan, market: Market) -> None:
    # Orders of an earlier run that was killed: our dead-man switch would keep them alive.
    symbols = {market.contract.symbol, market.spot_symbol}
    left = [
        row.order_id
        for row in await plan.main.open_orders()
        if row.symbol in symbols and is_of_a_run(row.cl_ord_id)
    ]
    if left:
        get_log().warning("canceling orders that an earlier run left", orders=len(left))
        await plan.main.perform(CancelOrders(action_id=0, order_ids=tuple(left)))


async def _add_up(
    plan: Plan, market: Market, books: Books, store: Store | None, before: int
) -> Attribution | None:
    try:
        rows = await _history(plan)
        after = _earned(rows, await _balance(plan, market), market)
    except VenueError as error:
        get_log().warning("the venue could not be asked for the last figures", error=str(error))
        return None
    if store is not None:
        store.add_wallet_rows(rows)
    try:
        return books.close(
            wallet_change=after - before,
            interest=interest_paid(rows, market.contract.underlying),
            at_ns=plan.clock.now_ns(),
        )
    except BooksError as error:
        get_log().error("the books can't be closed", error=str(error))
        return None


async def _history(plan: Plan) -> list[WalletRow]:
    return [
        WalletRow(
            at_ns=row.at_ns,
            currency=row.currency,
            kind=row.kind,
            amount=row.amount,
            fee=row.fee,
            balance=row.balance,
            text=row.text,
        )
        for row in await plan.main.wallet_history()
        if row.at_ns is not None
    ]


async def _balance(plan: Plan, market: Market) -> int:
    return await plan.main.wallet_balance(market.contract.settl_currency)


def _earned(rows: list[WalletRow], balance: int, market: Market) -> int:
    # Without what was paid in or out: a deposit during a run is not earned by it.
    return balance - transfers(rows, market.contract.settl_currency)


async def _wallets_now(plan: Plan, wallets: Wallets) -> dict[str, WalletSeen]:
    try:
        return {seen.currency: seen for seen in await plan.main.wallets()}
    except VenueError:
        return wallets.latest
