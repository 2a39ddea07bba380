"""Background traders: ladders, refills, opinions, knowledge, loans; alone and in a world."""

from math import exp, log
from types import SimpleNamespace
from typing import Any

import pytest

from sim_exchange.app import VirtualLoop, load, virtual_world
from sim_exchange.clock import ManualClock
from sim_exchange.core.commands import CancelAll, PlaceOrder, SetMode
from sim_exchange.core.events import Accepted
from sim_exchange.core.types import DAY_NS, PICO, SECOND_NS, Mode, Side, State, TimeInForce
from sim_exchange.journal import Header, MemoryJournal
from sim_exchange.market.agents.desk import Desk, Wanderer, carry
from sim_exchange.market.agents.ladder import GridFigures, Ladder
from sim_exchange.market.agents.takers import (
    InformedFigures,
    InformedTakers,
    Names,
    OpinionFigures,
    OpinionTakers,
)
from sim_exchange.market.draws import source
from sim_exchange.session import Session

FIGURES = GridFigures(step=1e-3, levels=5, offset=0.0, slack=2e-4, value=0.2, jitter=0.3)
TICK = 10_000  # pico


def prices(ladder):
    return sorted((slot.price * TICK / PICO for slot in ladder.slots), reverse=True)


def test_a_ladder_stands_on_both_sides_of_the_path():
    bids, asks = Ladder(1, Side.BUY, FIGURES), Ladder(1, Side.SELL, FIGURES)

    assert len(bids.move(log(0.0025), TICK)) == len(asks.move(log(0.0025), TICK)) == 5

    assert prices(bids)[0] < 0.0025 < prices(asks)[-1]
    assert prices(asks)[-1] / prices(bids)[0] - 1 == pytest.approx(1e-3, rel=0.02)
    for one, next_one in zip(prices(bids), prices(bids)[1:], strict=False):
        assert one / next_one == pytest.approx(exp(1e-3), rel=1e-4)


def test_one_step_of_the_path_moves_one_order_a_side():
    bids = Ladder(1, Side.BUY, FIGURES)
    asks = Ladder(1, Side.SELL, FIGURES)
    middle = (round(log(0.0025) / 1e-3) + 0.5) * 1e-3
    for ladder in (bids, asks):
        ladder.move(middle, TICK)
    lowest, nearest = prices(bids)[-1], prices(asks)[-1]

    assert bids.move(middle + 0.6e-3, TICK) == asks.move(middle + 0.6e-3, TICK) == []
    (bid,), (ask,) = bids.move(middle + 0.8e-3, TICK), asks.move(middle + 0.8e-3, TICK)

    assert bid.price * TICK / PICO == max(prices(bids)) > lowest
    assert ask.price * TICK / PICO == max(prices(asks))
    assert lowest not in prices(bids)
    assert nearest not in prices(asks)


def test_a_jump_moves_every_order_once():
    bids = Ladder(1, Side.BUY, FIGURES)
    bids.move(log(0.0025), TICK)
    assert len(bids.move(log(0.0020), TICK)) == 5
    assert prices(bids)[0] < 0.0020


def test_a_coin_worth_a_few_ticks_never_has_bid_and_ask_at_one_price():
    for price in (1.0e-8, 3.0e-8, 7.3e-8, 7.0e-7):
        bids, asks = Ladder(1, Side.BUY, FIGURES), Ladder(1, Side.SELL, FIGURES)
        bids.move(log(price), TICK)
        asks.move(log(price), TICK)
        assert 0 < max(s.price for s in bids.slots) < min(s.price for s in asks.slots)


def test_a_wanderer_keeps_its_deviation_however_often_it_is_asked():
    for pause_s in (1, 100, 10_000):
        wanderer = Wanderer(source(1, "w"), 1.0, 1_000.0)
        drawn = [wanderer.at(k * pause_s * SECOND_NS) for k in range(60_000)]
        mean_square = sum(x * x for x in drawn) / len(drawn)
        assert mean_square == pytest.approx(1.0, rel=0.45 if pause_s == 1 else 0.1)


class Book:
    def __init__(self, bid, ask):
        self.bid, self.ask = bid, ask

    def best_bid(self):
        return self.bid

    def best_ask(self):
        return self.ask


class FakeExchange:
    """Takes every order and remembers it."""

    def __init__(self, bid, ask, rate=0):
        spec = SimpleNamespace(
            symbol="X7D", tick_pico=10**6, taker_fee_ppm=2_500, expiry_ns=7 * DAY_NS
        )
        market = SimpleNamespace(state=State.OPEN, spec=spec, book=Book(bid, ask))
        index = SimpleNamespace(price=250_000, spec=SimpleNamespace(decimals=8))
        self.markets = {"X7D": market}
        self.indices = {".XXBT": index}
        self.accounts = {}
        self.rate = rate
        self.now_ns = 0
        self.orders = []

    def loan_offers(self, currency):
        return [(1, self.rate)] if self.rate else []

    def next_due_ns(self):
        return None

    def still_until_ns(self, upto_ns):
        return 0

    def apply(self, command, at_ns):
        self.now_ns = at_ns
        if isinstance(command, PlaceOrder):
            self.orders.append(command)
        return (Accepted(ref=1),)


NAMES = Names("X", "X7D", "X_XBT", ".XXBT")


def desk_on(exchange):
    header = Header(start_ns=0, seed=1, era="2018")
    session = Session(exchange, MemoryJournal(header), ManualClock(0))
    return Desk(session, exchange, source(1, "t"), 2)


def opinions(bid, ask, **figures):
    exchange = FakeExchange(bid, ask)
    desk = desk_on(exchange)
    OpinionTakers(desk, NAMES, OpinionFigures(**figures)).start()
    desk.session.run_due(7 * DAY_NS)
    return exchange.orders


def test_takers_come_less_often_the_worse_the_price():
    counts = [len(opinions(2500 - half, 2500 + half)) for half in (0, 10, 25, 50)]

    assert counts == sorted(counts, reverse=True)
    # exp(-k * distance), with an opinion that moves both sides apart
    assert counts[2] / counts[0] < 0.12
    assert counts[0] > 1_500


def test_takers_come_to_both_sides_with_a_limit_and_a_size_in_bounds():
    orders = opinions(2495, 2505)

    buys = [order for order in orders if order.side is Side.BUY]
    assert 0.4 < len(buys) / len(orders) < 0.6
    for order in orders:
        assert order.time_in_force is TimeInForce.IOC
        assert 0.04 < order.order_qty * 0.0025 < 1.01
        assert order.price == (2510 if order.side is Side.BUY else 2490)


def test_an_empty_book_has_no_takers():
    assert opinions(None, None) == []


def informed(path_price, bid=2490, ask=2510):
    exchange = FakeExchange(bid, ask)
    desk = desk_on(exchange)
    path: Any = SimpleNamespace(price=lambda at_ns: path_price, coin="X")
    InformedTakers(desk, NAMES, path, InformedFigures(per_day=100)).start()
    desk.session.run_due(DAY_NS)
    return exchange.orders


@pytest.mark.parametrize(
    ("worth", "side"),
    [
        (2_500_000_000, None),
        (2_517_000_000, None),  # 0.28 % above the ask: the fee and the edge are 0.30 %
        (2_518_000_000, Side.BUY),
        (2_483_000_000, None),
        (2_482_000_000, Side.SELL),
    ],
)
def test_the_informed_take_only_when_it_pays_for_their_fee(worth, side):
    orders = informed(worth)
    assert {order.side for order in orders} == ({side} if side else set())


def test_B4_carry_is_minus_0_95_percent_at_fifty_percent_a_year():
    exchange: Any = FakeExchange(1, 2, rate=1_369_863_014)  # 0.1369863 % a day
    market = exchange.markets["X7D"]
    assert carry(exchange, market, "X") == pytest.approx(-0.0094979647, abs=1e-9)
    exchange.rate = 0
    assert carry(exchange, market, "X") == 0.0


@pytest.fixture
def world():
    loop = VirtualLoop()
    yield virtual_world(loop, load({"durability": "none"}, environ={}))
    loop.close()


def run_to(world, seconds):
    for _ in range(seconds):
        now_ns = world.session.at_ns + SECOND_NS
        world.session.clock = ManualClock(now_ns)
        world.session.run_due(now_ns)


def test_the_spot_makers_come_back_after_a_halt(world):
    book = world.exchange.markets["ETC_XBT"].book
    world.session.submit(SetMode(symbol="ETC_XBT", mode=Mode.HALT))
    run_to(world, 30)
    for account in list(world.exchange.accounts):
        world.session.submit(CancelAll(account=account, symbol="ETC_XBT"))
    world.session.submit(SetMode(symbol="ETC_XBT", mode=Mode.OPEN))
    run_to(world, 30)

    assert len(book.levels(Side.BUY)) >= 9
    assert len(book.levels(Side.SELL)) >= 9
    assert world.exchange.check()


def test_the_future_has_depth_before_anybody_else_comes(world):
    run_to(world, 130)
    book = world.exchange.markets["ETC7D"].book
    bid, ask = book.best_bid(), book.best_ask()
    middle = world.exchange.indices[".ETCXBT"].price / 10**8
    basis = carry(world.exchange, world.exchange.markets["ETC7D"], "ETC")
    assert bid * 1e-6 == pytest.approx(middle * (1 + basis) * 0.985, rel=0.008)
    assert ask * 1e-6 == pytest.approx(middle * (1 + basis) * 1.015, rel=0.008)
    assert len(book.levels(Side.BUY)) == len(book.levels(Side.SELL)) == 2


def test_the_lenders_rungs_stay_in_bounds_and_move_over_hours(world):
    seen = []
    world.session.subscribe(
        lambda _seq, _at, command, _events: (
            seen.append(command.offers) if type(command).__name__ == "OfferLoans" else None
        )
    )
    seen.append(tuple(world.exchange.loan_offers("ETC")))
    for _ in range(12):
        now_ns = world.session.at_ns + 3_600 * SECOND_NS
        world.session.clock = ManualClock(now_ns)
        world.session.run_due(now_ns)

    assert len(seen) >= 4
    bests = [offers[0][1] for offers in seen]
    assert len(set(bests)) >= 3
    assert all(500_000_000 <= best <= 2_000_000_000 for best in bests)
    for offers in seen:
        assert len(offers) == 5
        assert [rate for _, rate in offers] == sorted(rate for _, rate in offers)
