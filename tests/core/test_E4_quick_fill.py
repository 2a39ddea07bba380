"""A match by the short way does what concerns the market, the contest and who can't bear it."""

from typing import Any

import msgspec
import pytest

from sim_exchange.core import commands as c
from sim_exchange.core.events import Liquidated
from sim_exchange.core.exchange import Exchange
from sim_exchange.core.orders.account import Account, Position
from sim_exchange.core.orders.book import Level
from sim_exchange.core.orders.market import Market
from sim_exchange.core.orders.order import Order
from sim_exchange.core.types import (
    PICO,
    SECOND_NS,
    LossMethod,
    OrdStatus,
    Reason,
    SettlementKind,
    Side,
)
from tests.core import test_E4_quick as quick
from tests.core.test_E4_quick import LINEAR, QUANTO, Trader, Twins
from tests.core.world import BUY, SELL, XBTUSD

RICH, POOR, OTHER = 3, 1, 6  # with 100 XBT, with 0.02 XBT, as rich as the first
STEPS = 1_500
HELD = 15_000  # contracts: most of what who is poor can hold
ODD_SPECS = (
    msgspec.structs.replace(XBTUSD, settlement_kind=SettlementKind.VWAP, risk_limit=0),
    msgspec.structs.replace(QUANTO, loss_method=LossMethod.DPE, maker_fee_ppm=0, taker_fee_ppm=0),
    msgspec.structs.replace(LINEAR, maker_fee_ppm=-250, taker_fee_ppm=250),
)
"""It counts its recent trades; it locks profits and costs nothing; it pays on what it takes in."""


def place(
    twins: Twins, account: int, side: Side, qty: int, price: int, display_qty: int | None = None
) -> None:
    """Enter a Limit order at a price in dollars."""
    twins.now += 1_000
    ticks = price * PICO // XBTUSD.tick_pico
    order = c.PlaceOrder(
        account=account,
        symbol="XBTUSD",
        side=side,
        order_qty=qty,
        price=ticks,
        display_qty=display_qty,
    )
    assert twins.do(order)


def rows(x: Exchange) -> list[list[object]]:
    """All that is known of each order, and of each position but what it is thought to have free."""
    state = x._state
    known: list[Any] = list(state.orders.values())
    for account in state.accounts.values():
        known += account.positions.values()
    return [
        [plain(getattr(one, name)) for name in type(one).__slots__ if name != "room"]
        for one in known
    ]


def plain(value: Any) -> object:
    """A value, or the name of what it stands for."""
    if isinstance(value, Order):
        return value.order_id
    if isinstance(value, Level):
        return (value.price, value.size, value.total, plain(value.head), plain(value.tail))
    if isinstance(value, dict):
        return list(value)
    if isinstance(value, Position):
        return value.key
    return type(value) if isinstance(value, Account | Market) else value


@pytest.mark.parametrize("seed", [1, 2])
def test_E4_markets_that_keep_more_than_most_are_told_alike(
    monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(quick, "SPECS", ODD_SPECS)
    twins = Twins(ODD_SPECS)
    assert twins.do(c.OpenContest())
    trader = Trader(twins, seed)
    for step in range(STEPS):
        trader.step()
        if step % 10 == 0:
            twins.check()
            assert rows(twins.quick) == rows(twins.long)

    short, long = twins.quick._state, twins.long._state
    assert short.commissions == long.commissions
    assert short.contest is not None
    assert long.contest is not None
    assert short.contest._turnover == long.contest._turnover != {}
    for spec in ODD_SPECS:
        ours, theirs = short.markets[spec.symbol], long.markets[spec.symbol]
        for name in ("total_volume", "total_turnover", "last_price", "last_direction", "longs"):
            assert getattr(ours, name) == getattr(theirs, name)
        assert ours.total_volume > 0
        if ours.recent is not None and theirs.recent is not None:
            assert list(ours.recent._trades) == list(theirs.recent._trades) != []
    assert any(account.locks for account in short.accounts.values())


def test_E4_who_cannot_bear_to_close_is_canceled_and_the_next_one_trades() -> None:
    """His sell far through the mark holds nothing, for it only closes; it would ruin him."""
    twins = Twins()
    place(twins, RICH, SELL, 1_000, 10_000)
    place(twins, POOR, BUY, 1_000, 10_000)
    place(twins, POOR, SELL, 1_000, 5_000)
    place(twins, OTHER, SELL, 400, 6_000)
    before = twins.short_ways

    place(twins, RICH, BUY, 1_000, 7_000)

    assert twins.short_ways == before + 1
    closing, other, taker = list(twins.quick._state.orders.values())[-3:]
    assert (closing.status, closing.end_reason) == (OrdStatus.CANCELED, Reason.MARGIN_RAN_OUT)
    assert (other.status, other.avg_px) == (OrdStatus.FILLED, 6_000 * PICO)
    assert (taker.cum_qty, taker.leaves_qty) == (400, 600)
    twins.check()


def test_E4_a_taker_goes_through_several_makers_and_each_is_booked() -> None:
    """What a taker's matches come to together is as if each had been booked by itself."""
    twins = Twins()
    for qty, price in ((300, 10_010), (200, 10_010), (500, 10_020)):
        place(twins, OTHER, SELL, qty, price)
    place(twins, RICH, SELL, 100, 10_030)
    before = twins.short_ways

    place(twins, RICH, BUY, 900, 10_030)

    assert twins.short_ways == before + 1
    market = twins.quick._state.markets["XBTUSD"]
    assert (market.total_volume, market.longs, market.open_interest) == (900, 900, 900)
    assert market.open_value == 900 * market.mark_value
    assert twins.quick._state.next_match == 4
    taker = list(twins.quick._state.orders.values())[-1]
    assert (taker.status, taker.cum_qty, taker.leaves_qty) == (OrdStatus.FILLED, 900, 0)
    assert taker.cum_price_qty == (500 * 20_020) + (400 * 20_040)
    assert market.total_turnover == taker.cum_cost
    twins.check()


def test_E4_who_was_filled_is_liquidated_by_the_next_mark() -> None:
    """His orders rested when the mark was found last; then a fill changed where he ends."""
    twins = Twins()
    place(twins, POOR, BUY, 100, 9_990)
    place(twins, RICH, BUY, 100, 9_000)
    place(twins, POOR, BUY, HELD, 9_995)
    twins.now += 5 * SECOND_NS
    twins.do(c.IndexPrints(index=".BXBT", prices=(10_000 * PICO,)))
    twins.now += 6 * SECOND_NS
    twins.do(c.Advance())
    before = twins.short_ways

    place(twins, RICH, SELL, HELD, 9_995)
    assert twins.short_ways == before + 1
    twins.check()

    twins.do(c.IndexPrints(index=".BXBT", prices=(9_900 * PICO,)))
    twins.now += 6 * SECOND_NS
    told = twins.quick.apply(c.Advance(), twins.now)
    assert told == twins.long.apply(c.Advance(), twins.now)
    assert [event.account for event in told if isinstance(event, Liquidated)] == [POOR]


def test_E4_what_is_hidden_stands_behind_what_comes_after_the_last_shown_was_taken() -> None:
    twins = Twins()
    place(twins, RICH, SELL, 100, 10_050)
    place(twins, POOR, SELL, 300, 10_010)
    place(twins, OTHER, SELL, 200, 10_010, display_qty=0)
    before = twins.short_ways

    place(twins, RICH, BUY, 300, 10_010)
    place(twins, POOR, SELL, 100, 10_010)
    place(twins, RICH, BUY, 150, 10_010)

    assert twins.short_ways == before + 3
    level = twins.quick._state.markets["XBTUSD"].book.asks.by_price[20_020]
    assert [(order.account, order.leaves_qty) for order in level.orders()] == [(OTHER, 150)]
    assert rows(twins.quick) == rows(twins.long)
    twins.check()
