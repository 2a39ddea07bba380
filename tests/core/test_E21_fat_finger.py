"""E21: fat-finger protection, where a contract has it (2021); and E23's rule on self-trades."""

import pytest

from sim_exchange.core import commands as c
from sim_exchange.core.events import SelfTraded
from sim_exchange.core.types import OrdStatus, Reason, SelfTrade, TimeInForce
from tests.core.world import BUY, SELL, XBT, World, cents_world, order, world

T = "TSTM18"
MAKER, TAKER = 1, 2
HALF = 5 * 10**11


def fat_world(mark: str = "101", tick_pico: int = 10**10, ppm: int = 50_000) -> World:
    """Nothing in the book, and the mark given."""
    made = cents_world(mark, fat_finger_ppm=ppm, tick_pico=tick_pico)
    for name in ("maker", "taker"):
        made.account(name, XBt=1_000 * XBT)
    return made


@pytest.mark.parametrize(("tick_pico", "cap"), [(10**10, 106_05), (HALF, 212)])  # 106.05; 106.0
def test_E21_golden_ask_100_mark_101_caps_a_buy_at_106_05(tick_pico: int, cap: int) -> None:
    w = fat_world(tick_pico=tick_pico)
    unit = 10**12 // tick_pico  # ticks in 1
    w.place(MAKER, SELL, 10, 100 * unit, T)
    w.place(MAKER, SELL, 10, cap, T)
    w.place(MAKER, SELL, 10, cap + 1, T)

    bought = w.place(TAKER, BUY, 30, None, T)
    assert w.trades == [(10, 100 * unit), (10, cap)]
    assert (bought.status, bought.end_reason) == (OrdStatus.CANCELED, Reason.MARKET_REMAINDER)


@pytest.mark.parametrize(("tick_pico", "cap"), [(10**10, 94_05), (HALF, 189)])  # 94.05; 94.5
def test_E21_golden_bid_99_mark_101_caps_a_sell_at_94_05(tick_pico: int, cap: int) -> None:
    w = fat_world(tick_pico=tick_pico)
    unit = 10**12 // tick_pico
    for price in (99 * unit, cap, cap - 1):
        w.place(MAKER, BUY, 10, price, T)

    w.place(TAKER, SELL, 30, None, T)
    assert w.trades == [(10, 99 * unit), (10, cap)]


def test_E21_a_limit_beyond_that_and_larger_than_the_touch_is_refused() -> None:
    w = fat_world()
    w.place(MAKER, SELL, 10, 100_00, T)
    refused = w.refused(order(TAKER, BUY, 11, 106_06, T))
    assert (refused.reason, refused.detail) == (Reason.FAT_FINGER, 106_05)

    within = w.place(TAKER, BUY, 11, 106_05, T)
    assert within.cum_qty == 10
    w.cancel(within)
    w.place(MAKER, SELL, 10, 100_00, T)
    assert w.place(TAKER, BUY, 10, 106_06, T).cum_qty == 10


def test_E21_an_amend_is_looked_at_like_a_new_limit() -> None:
    w = fat_world()
    w.place(MAKER, SELL, 10, 100_00, T)
    mine = w.place(TAKER, BUY, 11, 99_00, T)
    command = c.AmendOrder(account=TAKER, order_id=mine.order_id, price=106_06)
    assert w.refused(command).reason is Reason.FAT_FINGER


def test_E21_the_rule_is_off_by_default() -> None:
    w = fat_world(ppm=0)
    w.place(MAKER, SELL, 10, 150_00, T)
    assert w.place(TAKER, BUY, 10, None, T).status is OrdStatus.FILLED


# --- self-trades


def test_E4_a_self_trade_is_allowed_and_flagged() -> None:
    w = fat_world(ppm=0)
    w.place(MAKER, SELL, 10, 100_00, T)
    w.place(MAKER, BUY, 4, 100_00, T)
    assert w.trades == [(4, 100_00)]
    (flag,) = w.of(SelfTraded)
    assert isinstance(flag, SelfTraded)
    assert (flag.account, flag.symbol) == (MAKER, T)
    w.place(TAKER, BUY, 4, 100_00, T)
    assert w.of(SelfTraded) == []


def test_E23_where_the_rule_is_on_the_incoming_side_of_a_self_trade_is_canceled() -> None:
    w = world()
    w.enlist(w.x.markets["ETC_XBT"].spec, symbol="ETC_BTC", self_trade=SelfTrade.CANCEL_INCOMING)
    maker = w.account("maker", XBt=100 * XBT, ETC=1_000 * XBT)
    taker = w.account("taker", XBt=100 * XBT, ETC=1_000 * XBT)
    w.place(maker, SELL, 10 * XBT, 2_000_000, "ETC_BTC")
    own = w.place(taker, SELL, 10 * XBT, 2_000_001, "ETC_BTC")
    w.place(maker, SELL, 10 * XBT, 2_000_002, "ETC_BTC")

    bought = w.place(taker, BUY, 30 * XBT, 2_000_002, "ETC_BTC")
    assert w.trades == [(10 * XBT, 2_000_000)]
    assert (bought.status, bought.end_reason) == (OrdStatus.CANCELED, Reason.SELF_TRADE)
    assert own.working

    whole = w.place(taker, BUY, 5 * XBT, 2_000_002, "ETC_BTC", tif=TimeInForce.FOK)
    assert whole.end_reason is Reason.FOK_NOT_FILLED
    w.cancel(own)
    whole = w.place(taker, BUY, 5 * XBT, 2_000_002, "ETC_BTC", tif=TimeInForce.FOK)
    assert whole.status is OrdStatus.FILLED


def test_E23_the_rule_holds_for_contracts_too() -> None:
    w = cents_world(self_trade=SelfTrade.CANCEL_INCOMING)
    w.account("maker", XBt=1_000 * XBT)
    w.account("taker", XBt=1_000 * XBT)
    w.place(MAKER, SELL, 10, 100_00, T)
    assert w.place(MAKER, BUY, 10, None, T).end_reason is Reason.SELF_TRADE
    assert w.place(TAKER, BUY, 10, None, T).status is OrdStatus.FILLED
