"""E4: an order is changed in place; what it keeps of its place depends on the change."""

import pytest

from sim_exchange.core import commands as c
from sim_exchange.core.orders.order import Order
from sim_exchange.core.types import ExecInst, ExecType, OrdStatus, Reason
from tests.core.world import BUY, SELL, World, world

P = 20_000
MAKER, TAKER = 1, 2


@pytest.fixture
def w() -> World:
    """Two rich accounts and an empty book."""
    made = world(spot=False)
    made.account("maker", XBt=10**10)
    made.account("taker", XBt=10**10)
    return made


def filled_4_of_10(w: World) -> Order:
    """A buy of 10 with 4 filled."""
    placed = w.place(MAKER, BUY, 10, P)
    w.place(TAKER, SELL, 4, P)
    return placed


def test_E4_amended_order_qty_counts_from_the_start(w: World) -> None:
    placed = filled_4_of_10(w)
    w.amend(placed, order_qty=8)
    assert (placed.order_qty, placed.leaves_qty, placed.cum_qty) == (8, 4, 4)
    assert placed.status is OrdStatus.PARTIALLY_FILLED
    assert placed.amended == ("order_qty",)


def test_E4_amended_leaves_qty_counts_from_now(w: World) -> None:
    placed = filled_4_of_10(w)
    w.amend(placed, leaves_qty=8)
    assert (placed.order_qty, placed.leaves_qty) == (12, 8)


def test_E4_amend_that_lowers_the_size_keeps_queue_priority(w: World) -> None:
    first, second = w.place(MAKER, BUY, 5, P), w.place(MAKER, BUY, 5, P)
    w.amend(first, leaves_qty=3)
    w.place(TAKER, SELL, 3, P)
    assert (first.cum_qty, second.cum_qty) == (3, 0)


@pytest.mark.parametrize("change", [{"leaves_qty": 6}, {"price": P - 1}])
def test_E4_amend_that_raises_size_or_moves_price_loses_queue_priority(
    w: World, change: dict[str, int]
) -> None:
    first, second = w.place(MAKER, BUY, 5, P), w.place(MAKER, BUY, 5, P)
    w.amend(first, **change)
    if "price" in change:
        w.amend(first, price=P)
    w.place(TAKER, SELL, 3, P)
    assert (first.cum_qty, second.cum_qty) == (0, 3)


def test_E4_amended_price_may_take(w: World) -> None:
    placed = w.place(MAKER, BUY, 5, P)
    w.place(TAKER, SELL, 3, P + 10)

    w.amend(placed, price=P + 10)

    assert w.trades == [(3, P + 10)]
    assert [e.exec_type for e in w.executions(MAKER)] == [ExecType.REPLACED, ExecType.TRADE]
    assert (placed.leaves_qty, placed.working) == (2, True)


def test_E4_post_only_amended_across_is_canceled(w: World) -> None:
    placed = w.place(MAKER, BUY, 5, P, inst=ExecInst.POST_ONLY)
    w.place(TAKER, SELL, 3, P + 10)
    w.amend(placed, price=P + 10)
    assert (placed.status, placed.end_reason) == (
        OrdStatus.CANCELED,
        Reason.POST_ONLY_WOULD_CROSS,
    )


def test_E4_amended_leaves_qty_revives_a_filled_order_for_60_s(w: World) -> None:
    placed = w.place(MAKER, BUY, 5, P)
    w.place(TAKER, SELL, 5, P)
    w.advance(60 * 10**9)

    w.amend(placed, leaves_qty=2)

    assert (placed.status, placed.leaves_qty, placed.order_qty, placed.working) == (
        OrdStatus.PARTIALLY_FILLED,
        2,
        7,
        True,
    )
    w.place(TAKER, SELL, 2, P)
    w.advance(60 * 10**9 + 1)
    late = c.AmendOrder(account=MAKER, order_id=placed.order_id, leaves_qty=2)
    w.do(late)
    assert [e.reason for e in w.events if hasattr(e, "reason")] in (
        [Reason.UNKNOWN_ORDER],
        [Reason.ORDER_NOT_OPEN],
    )


def test_E4_amended_to_nothing_is_canceled(w: World) -> None:
    placed = filled_4_of_10(w)
    w.amend(placed, order_qty=0)
    assert (placed.status, placed.cum_qty, placed.leaves_qty) == (OrdStatus.CANCELED, 4, 0)


def test_E4_refused_amends_change_nothing(w: World) -> None:
    placed = filled_4_of_10(w)
    ended = w.place(MAKER, BUY, 1, P - 5, name="ended")
    w.cancel(ended)
    one = placed.order_id

    def reason(**fields: object) -> Reason:
        return w.refused(c.AmendOrder(account=MAKER, **fields)).reason  # type: ignore[arg-type]

    assert reason(order_id=one, order_qty=10) is Reason.NOTHING_TO_AMEND
    assert reason(order_id=one, price=P) is Reason.NOTHING_TO_AMEND
    assert reason(order_id=one) is Reason.NOTHING_TO_AMEND
    assert reason(order_id=one, order_qty=4) is Reason.BAD_QTY
    assert reason(order_id=one, order_qty=3) is Reason.BAD_QTY
    assert reason(order_id=one, order_qty=8, leaves_qty=3) is Reason.BAD_QTY
    assert reason(order_id=one, leaves_qty=-1) is Reason.BAD_QTY
    assert reason(order_id=one, price=0) is Reason.BAD_PRICE
    assert reason(order_id=one, stop_px=P) is Reason.BAD_STOP_PX
    assert reason(order_id=999, price=1) is Reason.UNKNOWN_ORDER
    assert reason(orig_cl_ord_id="x", price=1) is Reason.UNKNOWN_ORDER
    assert reason(orig_cl_ord_id="ended", price=1) is Reason.ORDER_NOT_OPEN
    assert w.refused(c.AmendOrder(account=TAKER, order_id=one, price=1)).reason is (
        Reason.UNKNOWN_ORDER
    )


def test_L2_8_a_bulk_can_not_hold_one_coin_for_a_contract_and_for_spot() -> None:
    w = world()
    a = w.account("a", XBt=11_025_000 + 2_005_000 + 999_999)
    spot = w.place(a, BUY, 10**8, 2_000_000, "ETC_XBT")  # holds 2,005,000
    future = w.place(a, BUY, 100, P)  # holds 11,025,000

    def grow(coins: int, contracts: int) -> c.AmendBulk:
        amends = (
            c.AmendOrder(order_id=spot.order_id, leaves_qty=coins),
            c.AmendOrder(order_id=future.order_id, leaves_qty=contracts),
        )
        return c.AmendBulk(account=a, amends=amends)

    # 0.4 coins more hold 802,000, 8 contracts 882,000: either, but not both
    assert w.refused(grow(140_000_000, 108)).reason is Reason.INSUFFICIENT_BALANCE
    w.ok(grow(140_000_000, 101))
    assert w.x.margin(a, "XBt").available == 999_999 - 802_000 - 110_250


def test_L2_8_a_bulk_can_not_hold_one_coin_on_two_spot_markets() -> None:
    w = world()
    w.enlist(w.x.markets["ETC_XBT"].spec, symbol="LTC_XBT", base_currency="LTC")
    a = w.account("a", XBt=2 * 2_005_000 + 1_000_000)
    orders = [w.place(a, BUY, 10**8, 2_000_000, name) for name in ("ETC_XBT", "LTC_XBT")]
    amends = tuple(c.AmendOrder(order_id=one.order_id, leaves_qty=140_000_000) for one in orders)

    refused = w.refused(c.AmendBulk(account=a, amends=amends))

    assert refused.reason is Reason.INSUFFICIENT_BALANCE


def test_E11_a_contract_without_a_risk_limit_lets_orders_grow(w: World) -> None:
    w.enlist(w.x.markets["ETC7D"].spec, symbol="WIDE", risk_limit=0, risk_step=0)
    placed = w.place(MAKER, BUY, 5, P, "WIDE")
    w.amend(placed, leaves_qty=50)
    assert placed.leaves_qty == 50


def test_E4_an_amend_by_name_may_rename(w: World) -> None:
    placed = w.place(MAKER, BUY, 5, P, name="old")
    w.ok(c.AmendOrder(account=MAKER, orig_cl_ord_id="old", cl_ord_id="new", price=P - 1))
    assert placed.cl_ord_id == "new"
    w.ok(c.AmendOrder(account=MAKER, orig_cl_ord_id="new", price=P))
    other = w.place(MAKER, BUY, 5, P, name="other")
    command = c.AmendOrder(account=MAKER, orig_cl_ord_id="other", cl_ord_id="old", price=P - 1)
    assert w.refused(command).reason is Reason.DUPLICATE_CL_ORD_ID
    assert other.cl_ord_id == "other"


def test_E4_one_bad_amend_refuses_the_whole_bulk(w: World) -> None:
    one, two = w.place(MAKER, BUY, 5, P), w.place(MAKER, BUY, 5, P - 1)
    good = c.AmendOrder(account=MAKER, order_id=one.order_id, price=P - 2)
    bad = c.AmendOrder(account=MAKER, order_id=two.order_id, price=0)
    refused = w.refused(c.AmendBulk(account=MAKER, amends=(good, bad)))
    assert (refused.reason, refused.index) == (Reason.BAD_PRICE, 1)

    fine = c.AmendOrder(account=MAKER, order_id=two.order_id, leaves_qty=9)
    w.ok(c.AmendBulk(account=MAKER, amends=(good, fine)))
    assert (one.price, two.leaves_qty) == (P - 2, 9)


def test_E4_a_bulk_of_amends_changes_all_then_matches_in_turn(w: World) -> None:
    bid, ask = w.place(MAKER, BUY, 5, P), w.place(MAKER, SELL, 5, P + 10)
    up = c.AmendOrder(account=MAKER, order_id=bid.order_id, price=P + 10)
    away = c.AmendOrder(account=MAKER, order_id=ask.order_id, price=P + 20)

    w.ok(c.AmendBulk(account=MAKER, amends=(up, away)))

    assert w.trades == []
    assert (bid.price, ask.price, ask.leaves_qty) == (P + 10, P + 20, 5)


def test_E4_a_bulk_of_amends_is_held_together(w: World) -> None:
    poor = w.account("poor", XBt=20_000_000)
    one, two = w.place(poor, BUY, 100, P), w.place(poor, BUY, 50, P - 1)
    up = c.AmendOrder(account=poor, order_id=one.order_id, leaves_qty=150)
    down = c.AmendOrder(account=poor, order_id=two.order_id, leaves_qty=10)

    assert w.refused(up).reason is Reason.INSUFFICIENT_BALANCE
    w.ok(c.AmendBulk(account=poor, amends=(up, down)))
    assert (one.leaves_qty, two.leaves_qty) == (150, 10)
