"""E5: orders hold what they would open, before they are accepted."""

import msgspec
import pytest

from sim_exchange.core import commands as c
from sim_exchange.core.types import MarkMethod, OrdType, Reason
from tests.core.world import (
    BUY,
    ETC7D,
    SELL,
    START_NS,
    World,
    cents_world,
    composite,
    inverse_world,
    order,
    world,
)

# One contract is worth 100 minor units a whole point, so that 1 % of a point is 1.
PLAIN = msgspec.structs.replace(
    ETC7D,
    symbol="PLAIN",
    multiplier=100,
    tick_pico=10**12,
    mark_decimals=8,
    init_margin_ppm=10_000,
    maint_margin_ppm=5_000,
    maker_fee_ppm=0,
    taker_fee_ppm=0,
    risk_limit=10**12,
    reference_symbol=".P",
)


def plain(mark: str, method: MarkMethod = MarkMethod.FAIR) -> tuple[World, int]:
    """A fee-free market at IM 1 % and an account."""
    w = World()
    w.ok(c.ListIndex(spec=composite(".P")))
    w.index(".P", mark)
    w.enlist(PLAIN, mark_method=method)
    return w, w.account("a", XBt=10**6)


def held(w: World, account: int) -> int:
    """What the account's orders hold."""
    return w.x.margin(account, "XBt").init_margin


@pytest.mark.parametrize(("bids", "asks", "margin"), [(20, 15, 2_750), (15, 20, 3_000)])
def test_E5_buys_are_charged_for_what_exceeds_the_sells(bids: int, asks: int, margin: int) -> None:
    w, a = plain("125")
    w.place(a, BUY, bids, 100, "PLAIN")
    w.place(a, SELL, asks, 150, "PLAIN")
    assert held(w, a) == margin  # 27.5 and 30 quote units


def test_E5_the_lowest_buys_drop_out() -> None:
    w, a = plain("125")
    w.place(a, BUY, 10, 100, "PLAIN")
    w.place(a, BUY, 10, 110, "PLAIN")
    w.place(a, SELL, 10, 150, "PLAIN")
    assert held(w, a) == 1_100 + 1_500


def test_E5_a_buy_above_the_mark_funds_the_whole_gap() -> None:
    w, a = plain("100")
    w.place(a, BUY, 10, 110, "PLAIN")
    assert held(w, a) == (11 + 100) * 100
    view = w.x.position(a, "PLAIN")
    assert view is not None
    assert (view.open_buy_qty, view.open_buy_cost, view.open_buy_premium) == (10, 110_000, 10_000)


def test_E5_only_fair_marks_have_an_open_premium() -> None:
    w, a = plain("100", MarkMethod.INDEX)
    w.place(a, BUY, 10, 110, "PLAIN")
    assert held(w, a) == 1_100


@pytest.mark.parametrize("method", [MarkMethod.INDEX, MarkMethod.LAST_PROTECTED])
@pytest.mark.parametrize("amended", [False, True])
def test_L2_8_what_trades_at_once_beyond_a_mark_that_stays_is_covered(
    method: MarkMethod, amended: bool
) -> None:
    """60 of 100 are offered at 110, at a mark of 100: 10 each are lost, the rest holds its 1 %."""
    w = cents_world(mark_method=method, opening_reference=100_00)
    maker = w.account("maker", XBt=10**10)
    w.place(maker, SELL, 60, 110_00, "TSTM18")
    needed = 1_100_000 + 60 * 100_000
    poor, able = w.account("poor", XBt=needed - 1), w.account("able", XBt=needed)
    if amended:
        resting = [w.place(one, BUY, 100, 90_00, "TSTM18") for one in (poor, able)]
        amends = [
            c.AmendOrder(account=one.account, order_id=one.order_id, price=110_00)
            for one in resting
        ]
        assert w.refused(amends[0]).reason is Reason.INSUFFICIENT_BALANCE
        w.ok(amends[1])
    else:
        refused = w.refused(order(poor, BUY, 100, 110_00, "TSTM18"))
        assert (refused.reason, refused.detail) == (Reason.INSUFFICIENT_BALANCE, needed)
        w.place(able, BUY, 100, 110_00, "TSTM18")

    assert w.qty(able, "TSTM18") == 60
    # A protected mark has gone to the edge of its band since: 100.25.
    gained = 0 if method is MarkMethod.INDEX else 60 * 2_500
    assert w.x.margin(able, "XBt").available == gained


def test_E5_premium_counts_only_what_opens() -> None:
    w, a = plain("100")
    b = w.account("b", XBt=10**6)
    w.place(a, SELL, 6, 100, "PLAIN")
    w.place(b, BUY, 6, 100, "PLAIN")

    w.place(a, BUY, 10, 110, "PLAIN")

    # 4 of the 10 open: 1 % of 4*110, and ceil(100*4/10) quote units of premium
    assert held(w, a) == 440 + 4_000


def test_E5_orders_that_only_reduce_hold_nothing_best_price_first() -> None:
    w, a = plain("100")
    b = w.account("b", XBt=10**6)
    w.place(a, BUY, 10, 100, "PLAIN")
    w.place(b, SELL, 10, 100, "PLAIN")
    w.place(a, SELL, 8, 120, "PLAIN")
    assert held(w, a) == 0
    w.place(a, SELL, 8, 110, "PLAIN")  # 8 of these reduce, 2 of the others; 6 @120 open
    assert held(w, a) == 720


def test_E5_a_sell_is_valued_at_the_bid_when_that_is_higher() -> None:
    w, a = plain("100")
    b = w.account("b", XBt=10**7)
    w.place(b, BUY, 1, 200, "PLAIN")
    rich = w.account("exact", XBt=200)
    poor = w.account("short", XBt=199)
    w.x._state.markets["PLAIN"].is_fair_marked = False  # no premium: the valuation alone
    assert w.refused(order(poor, SELL, 1, 100, "PLAIN")).detail == 200
    w.place(rich, SELL, 1, 100, "PLAIN")
    assert a


def inverse_with_a_bid() -> World:
    """XBTUSD, marked by its index at 10,000, with 100 contracts bid for at that price."""
    w = inverse_world("10000", mark_method=MarkMethod.INDEX)
    b = w.account("b", XBt=10**9)
    w.place(b, BUY, 100, 20_000, "XBTUSD")
    return w


# 1,000 contracts @9,000 are worth 11,111,000, of which IM 1 % and fees hold 1.15075 %.
AT_9000 = 127_860


def test_E5_an_inverse_sell_below_the_bid_must_be_covered_at_its_limit() -> None:
    w = inverse_with_a_bid()
    poor = w.account("short", XBt=AT_9000 - 1)
    # max(limit, best bid) would ask for 115,075, and leave -11,508 after the fill below.
    refused = w.refused(order(poor, SELL, 1_000, 18_000, "XBTUSD"))
    assert (refused.reason, refused.detail) == (Reason.INSUFFICIENT_BALANCE, AT_9000)

    a = w.account("exact", XBt=AT_9000)
    rest = w.place(a, SELL, 1_000, 18_000, "XBTUSD")

    assert (w.trades, rest.leaves_qty) == ([(100, 20_000)], 900)
    # The fee is 750, the 100 @10,000 hold 10,000 and 758, the 900 @9,000 hold 115,074.
    assert held(w, a) == 115_074
    assert w.x.margin(a, "XBt").available == AT_9000 - 750 - 10_758 - 115_074 == 1_278


def test_E5_an_inverse_sell_amended_below_the_bid_must_be_covered_at_its_limit() -> None:
    w = inverse_with_a_bid()
    poor = w.account("short", XBt=AT_9000 - 1)
    resting = w.place(poor, SELL, 1_000, 22_000, "XBTUSD")
    amend = c.AmendOrder(account=poor, order_id=resting.order_id, price=18_000)
    assert w.refused(amend).reason is Reason.INSUFFICIENT_BALANCE

    w.ok(c.Deposit(to_account=poor, currency="XBt", amount=1))
    w.ok(amend)
    assert (resting.leaves_qty, w.x.margin(poor, "XBt").available) == (900, 1_278)


@pytest.mark.parametrize(("wallet", "sold"), [(AT_9000 - 1, 0), (AT_9000, 100)])
def test_E5_a_triggered_inverse_sell_must_be_covered_at_its_limit(wallet: int, sold: int) -> None:
    w = inverse_with_a_bid()
    a = w.account("a", XBt=wallet)
    stop = w.ok(
        c.PlaceOrder(
            account=a,
            symbol="XBTUSD",
            side=SELL,
            ord_type=OrdType.STOP_LIMIT,
            order_qty=1_000,
            price=18_000,
            stop_px=19_999,
        )
    )
    w.index(".BXBT", "9999.5")
    told = w.x.orders[stop]
    assert w.qty(a, "XBTUSD") == -sold
    assert told.end_reason is (None if sold else Reason.INSUFFICIENT_BALANCE)


@pytest.mark.parametrize(
    ("ticks", "qty", "leverage_cents", "cost", "margin"),
    [(19_800, 60, 0, 606_060, 6_975), (6_000, 1, 100, 33_333, 33_408)],
)
def test_E5_real_reserves(
    ticks: int, qty: int, leverage_cents: int, cost: int, margin: int
) -> None:
    w = inverse_world("10000")
    a = w.account("a", XBt=margin)
    if leverage_cents:
        w.ok(c.SetLeverage(account=a, symbol="XBTUSD", leverage_cents=leverage_cents))
    w.place(a, BUY, qty, ticks, "XBTUSD")
    view = w.x.position(a, "XBTUSD")
    assert view is not None
    assert (-view.open_buy_cost, held(w, a), w.x.margin(a, "XBt").available) == (cost, margin, 0)

    b = w.account("b", XBt=margin - 1)
    if leverage_cents:
        w.ok(c.SetLeverage(account=b, symbol="XBTUSD", leverage_cents=leverage_cents))
    refused = w.refused(order(b, BUY, qty, ticks, "XBTUSD"))
    assert (refused.reason, refused.detail) == (Reason.INSUFFICIENT_BALANCE, margin)


def test_E5_what_does_not_raise_the_charge_is_never_refused() -> None:
    w = world(spot=False)
    a, b = w.account("a", XBt=120_000_000), w.account("b", XBt=10**10)
    w.place(b, SELL, 1_000, 20_000)
    w.place(a, BUY, 1_000, 20_000)
    w.print(".ETCXBT", "0.0196")
    w.advance(5 * 10**9)
    assert (w.qty(a), w.x.margin(a, "XBt").available) == (1_000, 0)
    assert w.refused(order(a, BUY, 1, 19_000)).reason is Reason.INSUFFICIENT_BALANCE
    w.place(a, SELL, 1_000, 21_000)


def test_E11_orders_beyond_the_risk_limit_are_refused() -> None:
    w, a = plain("100")
    w.ok(c.Deposit(to_account=a, currency="XBt", amount=10**12))
    w.enlist(PLAIN, symbol="SMALL", risk_limit=100_000, listing_ns=START_NS)
    w.place(a, BUY, 10, 100, "SMALL")  # 100,000: at the limit is allowed
    refused = w.refused(order(a, BUY, 1, 100, "SMALL"))
    assert (refused.reason, refused.detail) == (Reason.RISK_LIMIT, 110_000)
    w.place(a, SELL, 10, 100, "SMALL")
