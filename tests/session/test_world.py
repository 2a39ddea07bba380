"""A whole exchange in one process: virtual and manual time, the operator's hand, digests."""

import asyncio
from pathlib import Path

import pytest

from sim_exchange.app import VirtualLoop, build_world, load, virtual_world
from sim_exchange.app.pump import FactorControl, ManualControl, Pump, VirtualControl
from sim_exchange.clock import FactorClock, ManualClock
from sim_exchange.core.commands import CancelAllAfter, PlaceOrder
from sim_exchange.core.events import DeadManFired
from sim_exchange.core.types import SECOND_NS, Side, State
from sim_exchange.errors import BadRequestError, CoreError
from sim_exchange.journal import Header, MemoryJournal
from sim_exchange.session import Session
from tests.interpreters import said_elsewhere

ROOT = Path(__file__).resolve().parents[2]
FRIDAY_NS = 1_515_758_400 * 10**9


def settings(**more):
    return load({"durability": "none", **more}, environ={})


@pytest.fixture
def loop():
    loop = VirtualLoop()
    yield loop
    loop.close()


def live(loop, world, seconds):
    """Let virtual time pass."""

    async def pass_time():
        pump = asyncio.create_task(world.pump())
        await asyncio.sleep(seconds)
        pump.cancel()

    loop.run_until_complete(pass_time())


def test_a_virtual_world_begins_at_the_listing_with_a_market(loop):
    world = virtual_world(loop, settings())
    facts = world.facts()

    assert (facts.symbol, facts.spot_symbol, facts.coin) == ("ETC7D", "ETC_XBT", "ETC")
    assert facts.start_ns == facts.listing_ns == loop.clock.now_ns() == FRIDAY_NS
    assert facts.expiry_ns == FRIDAY_NS + 7 * 86_400 * SECOND_NS
    spot = world.exchange.markets["ETC_XBT"].book
    assert len(spot.levels(Side.BUY)) + len(spot.levels(Side.SELL)) >= 18
    assert world.exchange.markets["ETC7D"].state is State.OPEN
    assert world.exchange.indices[".ETCXBT"].price > 0
    assert world.exchange.indices[".ETCBON"].price > 0


@pytest.mark.parametrize("coin", ["ADA", "ETH", "LTC"])
def test_any_coin_has_a_market_a_minute_after_listing(loop, coin):
    files = (ROOT / f"sim_exchange/market/data/{coin}_XBT-5m.csv",)
    world = virtual_world(loop, settings(candles=files))

    live(loop, world, 60)

    for symbol in (f"{coin}7D", f"{coin}_XBT"):
        book = world.exchange.markets[symbol].book
        assert (book.best_bid() or 0) < (book.best_ask() or 0)
    assert world.exchange.check()


def test_time_passes_for_the_exchange_only_as_it_passes_for_the_loop(loop):
    world = virtual_world(loop, settings())
    heard = []
    world.session.subscribe(lambda _seq, at_ns, *_: heard.append((at_ns, loop.clock.now_ns())))

    live(loop, world, 120)

    assert heard
    assert all(stamped == now for stamped, now in heard)


def test_a_timer_that_a_client_makes_runs_at_its_own_instant(loop):
    world = virtual_world(loop, settings(market="none"))
    account = world.grant_demo().account
    fired: list[tuple[DeadManFired, int]] = []

    def hear(_seq, _at_ns, _command, events):
        fired.extend((e, loop.clock.now_ns()) for e in events if isinstance(e, DeadManFired))

    world.session.subscribe(hear)
    loop.call_later(1.0, world.session.submit, CancelAllAfter(account=account, timeout_ns=10**9))
    live(loop, world, 10)

    ((event, now_ns),) = fired
    assert event.at_ns == now_ns == FRIDAY_NS + 2 * SECOND_NS


def test_a_large_order_moves_the_spot_book_and_depth_comes_back_in_seconds(loop):
    world = virtual_world(loop, settings())
    account = world.grant_demo().account
    book = world.exchange.markets["ETC_XBT"].book
    live(loop, world, 20)
    before = sum(size for _, size in book.levels(Side.SELL))

    world.session.submit(
        PlaceOrder(
            account=account, symbol="ETC_XBT", side=Side.BUY, order_qty=1_000 * 10**8,
            price=(book.best_ask() or 0) * 11 // 10,
        )
    )  # fmt: skip
    hit = sum(size for _, size in book.levels(Side.SELL))
    live(loop, world, 1)
    soon = sum(size for _, size in book.levels(Side.SELL))
    live(loop, world, 14)
    later = sum(size for _, size in book.levels(Side.SELL))

    assert hit == before - 1_000 * 10**8
    assert soon < before
    assert later > before * 0.9


def slippage(world, coins):
    book = world.exchange.markets["ETC_XBT"].book
    middle = (book.best_bid() + book.best_ask()) / 2
    left, cost = coins * 10**8, 0
    for price, size in book.levels(Side.SELL):
        taken = min(left, size)
        cost += taken * price
        left -= taken
    assert left == 0
    return cost / (coins * 10**8) / middle - 1


def test_ten_a_hundred_and_a_thousand_ETC_slip_differently(loop):
    world = virtual_world(loop, settings())
    seen: dict[int, list[float]] = {10: [], 100: [], 1000: []}
    for _ in range(40):
        live(loop, world, 15)
        for coins, sample in seen.items():
            sample.append(slippage(world, coins))
    means = [sum(sample) / len(sample) for sample in seen.values()]

    assert 0.0003 < means[0] < means[1] * 0.97
    assert means[1] < means[2] * 0.6
    assert means[2] < 0.01


def digest(seed, seconds=1_800):
    loop = VirtualLoop()
    world = virtual_world(loop, settings(seed=seed))
    live(loop, world, seconds)
    loop.close()
    return world.digest


def test_one_seed_one_digest_another_seed_another():
    assert digest(7) == digest(7) != digest(8)


def test_the_digest_is_the_same_in_every_process():
    program = (
        "import sys; sys.path.insert(0, 'tests/session')\n"
        "import test_world; print(test_world.digest(7, 600))"
    )
    assert said_elsewhere("-c", program) == {digest(7, 600)}


def test_adding_a_coin_does_not_change_the_draws_of_another(loop):
    data = ROOT / "sim_exchange/market/data"
    files = (data / "ETC_XBT-5m.csv", data / "LTC_XBT-5m.csv")
    one = virtual_world(loop, settings())
    other_loop = VirtualLoop()
    two = virtual_world(other_loop, settings(candles=files))
    live(loop, one, 600)
    live(other_loop, two, 600)
    other_loop.close()

    assert one.exchange.indices[".ETCXBT"].price == two.exchange.indices[".ETCXBT"].price
    books = [w.exchange.markets["ETC_XBT"].book.levels(Side.BUY) for w in (one, two)]
    assert books[0] == books[1]


def advance(world, seconds):
    """Move a manual world."""
    control = ManualControl(world.clock, world.session)
    control.advance_to(world.clock.now_ns() + seconds * SECOND_NS)


def test_on_any_date_a_week_is_live_and_is_relisted_after_it_has_settled():
    world = build_world(settings(clock="manual", start="2031-05-02T11:58:00Z"))
    market = world.exchange.markets["ETC7D"]
    noon_ns = market.spec.expiry_ns
    assert noon_ns is not None
    assert noon_ns - world.clock.now_ns() == 120 * SECOND_NS
    assert market.state is State.OPEN

    advance(world, 124)
    assert world.exchange.markets["ETC7D"].state is State.SETTLED
    advance(world, 1)

    market = world.exchange.markets["ETC7D"]
    assert market.state is State.OPEN
    assert market.spec.listing_ns == noon_ns + 5 * SECOND_NS
    assert market.spec.expiry_ns == noon_ns + 7 * 86_400 * SECOND_NS
    advance(world, 60)
    assert market.book.levels(Side.BUY)
    assert world.exchange.check()


def test_without_a_market_a_week_that_has_settled_stays_settled(tmp_path):
    options = settings(clock="manual", start="2018-01-19T11:59:00Z", market="none")
    world = build_world(options, tmp_path)
    advance(world, 86_400)
    assert world.exchange.markets["ETC7D"].state is State.SETTLED
    asyncio.run(world.close())

    again = build_world(options, tmp_path)

    assert again.exchange.markets["ETC7D"].state is State.SETTLED
    asyncio.run(again.close())


def test_a_busy_exchange_goes_on_from_its_folder_with_its_traders(tmp_path):
    options = settings(clock="manual", start="2018-01-13T00:00:00Z")
    first = build_world(options, tmp_path)
    advance(first, 600)
    accounts, digest, at_ns = len(first.exchange.accounts), first.digest, first.clock.now_ns()
    asyncio.run(first.close())

    second = build_world(options, tmp_path)
    assert second.clock.now_ns() == at_ns
    assert len(second.exchange.accounts) == accounts
    advance(second, 600)

    spot = second.exchange.markets["ETC_XBT"].book
    assert len(spot.levels(Side.BUY)) >= 9
    assert second.digest != digest
    assert second.exchange.check()
    asyncio.run(second.close())


def test_weeks_that_nobody_lived_through_end_in_a_new_listing(tmp_path):
    first = build_world(settings(clock="manual", start="2018-01-13T00:00:00Z"), tmp_path)
    asyncio.run(first.close())

    second = build_world(settings(clock="manual", start="2018-01-20T00:00:00Z"), tmp_path)
    market = second.exchange.markets["ETC7D"]
    assert market.state is State.OPEN
    assert (market.spec.expiry_ns or 0) > second.clock.now_ns()
    advance(second, 120)
    assert second.exchange.check()
    asyncio.run(second.close())


class Ticking:
    """An exchange with one timer a second."""

    def __init__(self):
        self.due = SECOND_NS
        self.broken = False

    def next_due_ns(self):
        return self.due

    def still_until_ns(self, upto_ns):
        return 0

    def apply(self, command, at_ns):
        if self.broken:
            raise CoreError("planted")
        while self.due <= at_ns:
            self.due += SECOND_NS
        return ()


def make_session(clock, exchange=None):
    header = Header(start_ns=0, seed=1, era="2018")
    return Session(exchange or Ticking(), MemoryJournal(header, keep=True), clock)


def test_the_operator_moves_a_manual_clock_and_everything_on_the_way_runs():
    clock = ManualClock(0)
    session = make_session(clock)
    seen = []
    session.subscribe(lambda _seq, at_ns, *_: seen.append((at_ns, clock.now_ns())))
    control = ManualControl(clock, session)

    control.advance_to(3 * SECOND_NS + SECOND_NS // 2)

    assert seen == [(at, at) for at in (10**9, 2 * 10**9, 3 * 10**9, 3_500_000_000)]
    assert clock.now_ns() == session.at_ns == 3_500_000_000
    for refused in (
        lambda: control.advance_to(0),
        lambda: control.set_factor(2),
        lambda: control.set_paused(True),
    ):
        with pytest.raises(BadRequestError):
            refused()


def test_the_operator_only_looks_at_virtual_time():
    control = VirtualControl()
    for refused in (
        lambda: control.advance_to(0),
        lambda: control.set_factor(2),
        lambda: control.set_paused(True),
    ):
        with pytest.raises(BadRequestError, match="virtual"):
            refused()


def test_a_clock_that_follows_the_host_is_paused_sped_up_and_not_moved():
    async def run():
        clock = FactorClock(0, 1)
        session = make_session(clock)
        pump = Pump(session, clock.host_seconds_until)
        control = FactorControl(clock, pump)
        task = asyncio.create_task(pump.run())

        control.set_paused(True)
        await asyncio.sleep(0.05)
        still = session.seq
        control.set_paused(False)
        control.set_factor(100)
        await asyncio.sleep(0.3)
        moved = session.seq
        task.cancel()

        assert control.kind == "factor"
        with pytest.raises(BadRequestError, match="can't be moved"):
            control.advance_to(10**18)
        return still, moved

    still, moved = asyncio.run(run())
    assert still == 0
    assert moved > 10


def test_a_broken_promise_ends_the_pump():
    async def run():
        exchange = Ticking()
        clock = FactorClock(0, 1000)
        session = make_session(clock, exchange)
        exchange.broken = True
        await Pump(session, clock.host_seconds_until).run()

    with pytest.raises(CoreError, match="planted"):
        asyncio.run(run())
