"""E4, protocol.md 4.8: orders of one clOrdLinkID act on each other."""

from typing import Any

import pytest

from sim_exchange.core import commands as c
from sim_exchange.core.orders.order import Order
from sim_exchange.core.types import ExecType, Mode, OrdStatus, OrdType, Reason, Side
from tests.core.world import BUY, SELL, XBT, World, cents_world

T = "TSTM18"
MAKER, ALICE, BOB = 1, 2, 3
OCO, OTO = "OneCancelsTheOther", "OneTriggersTheOther"
OUOA, OUOP = "OneUpdatesTheOtherAbsolute", "OneUpdatesTheOtherProportional"


@pytest.fixture
def w() -> World:
    """Mark 100.00; 1,000 bid at 80.00 and 1,000 offered at 120.00."""
    made = cents_world()
    for name in ("maker", "alice", "bob"):
        made.account(name, XBt=1_000 * XBT)
    made.place(MAKER, BUY, 1_000, 80_00, T)
    made.place(MAKER, SELL, 1_000, 120_00, T)
    return made


def linked_order(
    side: Side,
    kind: str,
    qty: int = 10,
    price: int | None = None,
    stop_px: int | None = None,
    link: str = "a",
    account: int = ALICE,
    symbol: str = T,
    **fields: Any,
) -> c.PlaceOrder:
    """An order of a link: with ``stop_px`` a stop, with a price a limit, else a market order."""
    if stop_px is None:
        ord_type = OrdType.MARKET if price is None else OrdType.LIMIT
    else:
        ord_type = OrdType.STOP if price is None else OrdType.STOP_LIMIT
    return c.PlaceOrder(
        account=account,
        symbol=symbol,
        side=side,
        ord_type=ord_type,
        order_qty=qty,
        price=price,
        stop_px=stop_px,
        cl_ord_link_id=link,
        contingency_type=kind,
        **fields,
    )


def linked(w: World, side: Side, kind: str, **fields: Any) -> Order:
    """Place an order of a link that must be taken."""
    return w.x.orders[w.ok(linked_order(side, kind, **fields))]


def test_E4_OCO_a_partial_fill_of_one_cancels_the_others(w: World) -> None:
    profit = linked(w, SELL, OCO, price=110_00)
    guard = linked(w, SELL, OCO, stop_px=90_00)
    assert (profit.contingency_type, profit.cl_ord_link_id) == (OCO, "a")

    w.place(BOB, BUY, 1, 110_00, T)
    assert profit.status is OrdStatus.PARTIALLY_FILLED
    assert (guard.status, guard.end_reason) == (OrdStatus.CANCELED, Reason.LINKED)


def test_E4_OCO_a_trigger_of_one_cancels_the_others(w: World) -> None:
    profit = linked(w, SELL, OCO, price=110_00)
    guard = linked(w, SELL, OCO, stop_px=90_00, price=95_00)
    w.index(".TST", "90")
    assert (guard.triggered, guard.working) == ("StopOrderTriggered", True)
    assert profit.end_reason is Reason.LINKED


def test_E4_OCO_a_cancel_of_one_cancels_the_others(w: World) -> None:
    one, two = (linked(w, SELL, OCO, price=price) for price in (110_00, 111_00))
    other = linked(w, SELL, OCO, price=112_00, link="b")
    bobs = linked(w, SELL, OCO, price=112_00, account=BOB)
    w.cancel(one)
    assert (one.end_reason, two.end_reason) == (Reason.CANCELED_BY_USER, Reason.LINKED)
    assert other.is_open
    assert bobs.is_open
    w.amend(other, leaves_qty=0)
    assert not other.is_open


def test_E4_OCO_a_sweep_fills_one_of_two_that_stand_in_its_way(w: World) -> None:
    linked(w, SELL, OCO, price=110_00)
    linked(w, SELL, OCO, price=111_00)
    w.place(BOB, BUY, 20, 111_00, T)
    assert w.trades == [(10, 110_00)]


def test_E4_OCO_both_sides_of_one_match_end_together(w: World) -> None:
    resting = linked(w, SELL, OCO, qty=4, price=110_00)
    crossing = linked(w, BUY, OCO, qty=10, price=110_00)
    assert w.trades == [(4, 110_00)]
    assert (resting.status, crossing.status) == (OrdStatus.FILLED, OrdStatus.CANCELED)
    assert crossing.cum_qty == 4


def test_E4_an_amend_that_fills_one_of_a_link_spares_the_match_of_the_other(w: World) -> None:
    w.place(MAKER, BUY, 50, 99_00, T)
    one, two = (linked(w, SELL, OCO, price=price) for price in (110_00, 111_00))
    amends = tuple(
        c.AmendOrder(account=ALICE, order_id=o.order_id, price=99_00) for o in (one, two)
    )
    w.ok(c.AmendBulk(account=ALICE, amends=amends))
    assert (one.status, two.status, two.cum_qty) == (OrdStatus.FILLED, OrdStatus.CANCELED, 0)


def test_E4_OTO_secondaries_wait_until_the_primary_is_filled_whole(w: World) -> None:
    entry = linked(w, BUY, OTO, price=99_00)
    profit = linked(w, SELL, OCO, price=110_00)
    guard = linked(w, SELL, OCO, stop_px=98_00)
    plain = linked(w, SELL, "", price=115_00)
    w.index(".TST", "97")  # a guard of nothing is not triggered
    for one in (profit, guard, plain):
        assert (one.status, one.working, one.triggered) == (OrdStatus.NEW, False, "")

    w.place(BOB, SELL, 9, 99_00, T)
    assert not profit.working
    w.index(".TST", "100")
    w.place(BOB, SELL, 1, 99_00, T)
    assert entry.status is OrdStatus.FILLED
    assert (profit.working, plain.working, guard.working) == (True, True, False)
    kinds = [e.exec_type for e in w.executions(ALICE)]
    assert kinds == [ExecType.TRADE, ExecType.TRIGGERED, ExecType.TRIGGERED]

    w.index(".TST", "98")
    assert guard.status is OrdStatus.FILLED
    assert (profit.end_reason, plain.is_open) == (Reason.LINKED, True)


def test_E4_OTO_a_canceled_primary_takes_its_secondaries_with_it(w: World) -> None:
    entry = linked(w, BUY, OTO, price=99_00)
    later = linked(w, SELL, OCO, price=110_00)
    w.place(BOB, SELL, 3, 99_00, T)
    w.cancel(entry)
    assert (later.status, later.end_reason) == (OrdStatus.CANCELED, Reason.LINKED)


def test_E4_OTO_a_secondary_may_be_a_primary_itself(w: World) -> None:
    linked(w, BUY, OTO, price=99_00)
    second = linked(w, SELL, OTO, price=110_00)
    third = linked(w, BUY, "", price=98_00)
    w.place(BOB, SELL, 10, 99_00, T)
    assert (second.working, third.working) == (True, False)
    w.place(BOB, BUY, 10, 110_00, T)
    assert third.working


def test_E4_OTO_what_a_secondary_is_refused_for_when_it_enters_cancels_it(w: World) -> None:
    linked(w, BUY, OTO, price=99_00)
    huge = linked(w, SELL, "", qty=1_000_000, price=99_00)
    w.place(BOB, SELL, 10, 99_00, T)
    assert huge.end_reason is Reason.RISK_LIMIT


def test_E4_a_waiting_secondary_is_amended_where_it_waits(w: World) -> None:
    linked(w, BUY, OTO, price=99_00)
    later = linked(w, SELL, "", stop_px=98_00)
    w.amend(later, stop_px=97_00, order_qty=4)
    w.index(".TST", "90")
    assert (later.triggered, later.stop_px, later.leaves_qty) == ("", 97_00, 4)


def test_E17_secondaries_wait_for_trading_to_resume(w: World) -> None:
    linked(w, BUY, OTO, price=99_00)
    later = linked(w, SELL, "", price=110_00)
    w.ok(c.SetMode(symbol=T, mode=Mode.CANCEL_ONLY))
    w.ok(c.CancelAll(account=BOB))
    assert not later.working
    w.ok(c.SetMode(symbol=T, mode=Mode.OPEN))
    w.place(BOB, SELL, 10, 99_00, T)
    assert later.working


def test_E4_OUOA_takes_what_was_executed_from_the_others(w: World) -> None:
    one, two = (linked(w, SELL, OUOA, price=price) for price in (110_00, 111_00))
    guard = linked(w, SELL, OUOA, qty=8, stop_px=90_00)
    w.place(BOB, BUY, 3, 110_00, T)
    assert (one.leaves_qty, two.leaves_qty, guard.leaves_qty) == (7, 7, 5)
    assert (two.order_qty, guard.order_qty) == (7, 5)

    w.place(BOB, BUY, 5, 110_00, T)
    assert (one.leaves_qty, two.leaves_qty) == (2, 2)
    assert (guard.status, guard.end_reason) == (OrdStatus.CANCELED, Reason.LINKED)
    w.cancel(one)
    assert two.is_open


def test_E4_OUOP_takes_the_same_part_from_the_others(w: World) -> None:
    one = linked(w, SELL, OUOP, qty=10, price=110_00)
    guard = linked(w, SELL, OUOP, qty=40, stop_px=90_00)
    w.place(BOB, BUY, 3, 110_00, T)
    assert guard.leaves_qty == 28
    w.place(BOB, BUY, 5, 110_00, T)
    assert guard.leaves_qty == 8
    w.place(BOB, BUY, 2, 110_00, T)
    assert (one.status, guard.status) == (OrdStatus.FILLED, OrdStatus.CANCELED)


def test_E4_a_clOrdLinkID_alone_links_nothing(w: World) -> None:
    one, two = (linked(w, SELL, "", price=price) for price in (110_00, 111_00))
    w.cancel(one)
    assert two.is_open


def test_E4_links_are_refused_without_a_name_across_symbols_and_where_the_era_has_none() -> None:
    w = cents_world()
    w.account("maker", XBt=XBT)
    w.account("alice", XBt=XBT)
    w.enlist(w.x.markets[T].spec, symbol="TSTU18")
    w.enlist(w.x.markets[T].spec, symbol="TSTZ18", contingent_orders=False)

    assert w.refused(linked_order(SELL, OCO, price=110_00, link="")).reason is Reason.BAD_LINK
    linked(w, SELL, OCO, qty=1, price=110_00)
    other = linked_order(SELL, OCO, price=110_00, symbol="TSTU18")
    assert w.refused(other).reason is Reason.BAD_LINK
    unknown = linked_order(SELL, "OneLikesTheOther", price=110_00)
    assert w.refused(unknown).reason is Reason.BAD_CONTINGENCY
    gone = linked_order(SELL, OCO, price=110_00, link="b", symbol="TSTZ18")
    assert w.refused(gone).reason is Reason.BAD_CONTINGENCY


def test_E14_settlement_ends_links(w: World) -> None:
    linked(w, BUY, OTO, price=99_00)
    linked(w, SELL, OCO, price=110_00)
    linked(w, SELL, OCO, stop_px=90_00)
    w.ok(c.ExpireNow(symbol=T))
    assert w.x.open_orders(ALICE) == []
