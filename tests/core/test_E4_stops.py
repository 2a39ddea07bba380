"""E4: stops and if-touched orders wait outside the book until a price triggers them."""

from typing import Any

import pytest

from sim_exchange.core import commands as c
from sim_exchange.core.events import Executed
from sim_exchange.core.orders.order import Order
from sim_exchange.core.types import (
    DAY_NS,
    ExecInst,
    ExecType,
    MarkMethod,
    Mode,
    OrdStatus,
    OrdType,
    Reason,
    Side,
    TimeInForce,
    TriggerPrice,
)
from tests.core.world import BUY, SELL, XBT, World, cents_world, order, picture

T = "TSTM18"
MAKER, ALICE, BOB = 1, 2, 3
LAST = ExecInst.LAST_PRICE
STOP, STOP_LIMIT = OrdType.STOP, OrdType.STOP_LIMIT
TOUCHED, LIMIT_TOUCHED = OrdType.MARKET_IF_TOUCHED, OrdType.LIMIT_IF_TOUCHED


def made_world(**changes: Any) -> World:
    """Mark 100.00; 1,000 bid at 80.00 and 1,000 offered at 120.00."""
    w = cents_world(**changes)
    for name in ("maker", "alice", "bob"):
        w.account(name, XBt=1_000 * XBT)
    w.place(MAKER, BUY, 1_000, 80_00, T)
    w.place(MAKER, SELL, 1_000, 120_00, T)
    return w


@pytest.fixture
def w() -> World:
    """The world of these tests."""
    return made_world()


def stop_order(
    account: int,
    side: Side,
    stop_px: int | None,
    *,
    kind: OrdType = STOP,
    qty: int | None = 10,
    price: int | None = None,
    inst: ExecInst = ExecInst.NONE,
    tif: TimeInForce = TimeInForce.GTC,
    offset: int | None = None,
    name: str = "",
) -> c.PlaceOrder:
    """A stop to be, prices in cents; with ``offset`` a trailing one."""
    return c.PlaceOrder(
        account=account,
        symbol=T,
        side=side,
        ord_type=kind,
        order_qty=qty,
        price=price,
        stop_px=stop_px,
        exec_inst=inst,
        time_in_force=tif,
        peg_offset=offset,
        peg_price_type="" if offset is None else "TrailingStopPeg",
        cl_ord_id=name,
    )


def stop(w: World, account: int, side: Side, stop_px: int | None, **fields: Any) -> Order:
    """Place a stop that must be taken."""
    return w.x.orders[w.ok(stop_order(account, side, stop_px, **fields))]


def executions(w: World) -> list[Executed]:
    """Execution reports of everybody of the last command."""
    return [e for e in w.events if isinstance(e, Executed)]


def trade_at(w: World, price: int) -> None:
    """Let the maker and Bob trade one contract, so that it is the last price."""
    w.place(MAKER, BUY, 1, price, T)
    w.place(BOB, SELL, 1, price, T, tif=TimeInForce.IOC)
    assert w.trades[0] == (1, price)


def test_E4_a_waiting_stop_is_new_not_working_and_holds_nothing(w: World) -> None:
    free = w.x.margin(ALICE, "XBt").available
    waiting = stop(w, ALICE, SELL, 95_00)

    assert (waiting.status, waiting.working, waiting.triggered) == (OrdStatus.NEW, False, "")
    assert [(e.exec_type, e.working) for e in w.executions(ALICE)] == [(ExecType.NEW, False)]
    assert w.x.margin(ALICE, "XBt").available == free
    assert w.x.markets[T].book.levels(SELL) == [(120_00, 1_000)]
    assert [one.order_id for one in w.x.open_orders(ALICE)] == [waiting.order_id]


def test_E4_stop_golden_a_sell_stop_at_95_waits_at_mark_95_01_and_triggers_at_95_00(
    w: World,
) -> None:
    waiting = stop(w, ALICE, SELL, 95_00)

    w.index(".TST", "95.01")
    assert (waiting.triggered, waiting.status) == ("", OrdStatus.NEW)

    w.index(".TST", "95.00")
    assert waiting.triggered == "StopOrderTriggered"
    assert waiting.status is OrdStatus.FILLED
    kinds = [e.exec_type for e in w.executions(ALICE)]
    assert kinds == [ExecType.TRIGGERED, ExecType.TRADE]
    assert w.qty(ALICE, T) == -10


def test_E4_LastWithinMark_golden_last_94_and_94_99_do_not_trigger_and_95_does(w: World) -> None:
    inst = LAST | ExecInst.LAST_WITHIN_MARK
    waiting = stop(w, ALICE, SELL, 95_00, inst=inst)

    for price in (94_00, 94_99):  # under 0.95 * mark 100 = 95.00
        trade_at(w, price)
        assert waiting.triggered == ""
    trade_at(w, 95_00)
    assert waiting.triggered == "StopOrderTriggered"


def test_E4_LastWithinMark_of_a_buy_goes_up_to_105_percent_of_the_mark(w: World) -> None:
    inst = LAST | ExecInst.LAST_WITHIN_MARK
    waiting = stop(w, ALICE, BUY, 104_00, inst=inst)
    trade_at(w, 105_01)
    assert waiting.triggered == ""
    trade_at(w, 105_00)
    assert waiting.triggered == "StopOrderTriggered"


def test_E4_LastWithinMark_is_looked_at_again_when_the_mark_comes_nearer(w: World) -> None:
    waiting = stop(w, ALICE, SELL, 95_00, inst=LAST | ExecInst.LAST_WITHIN_MARK)
    trade_at(w, 94_00)
    w.index(".TST", "98.94")  # 0.95 of it is 93.993
    assert waiting.triggered == "StopOrderTriggered"


@pytest.mark.parametrize(
    ("kind", "side", "stop_px", "not_yet", "reached"),
    [
        (STOP, SELL, 95_00, "95.01", "95.00"),
        (STOP, BUY, 105_00, "104.99", "105.00"),
        (TOUCHED, SELL, 105_00, "104.99", "105.00"),
        (TOUCHED, BUY, 95_00, "95.01", "95.00"),
    ],
)
def test_E4_a_stop_triggers_against_the_side_and_if_touched_the_other_way_round(
    w: World, kind: OrdType, side: Side, stop_px: int, not_yet: str, reached: str
) -> None:
    waiting = stop(w, ALICE, side, stop_px, kind=kind)
    w.index(".TST", not_yet)
    assert waiting.triggered == ""
    w.index(".TST", reached)
    assert waiting.status is OrdStatus.FILLED
    assert w.qty(ALICE, T) == 10 * side


@pytest.mark.parametrize("kind", [STOP_LIMIT, LIMIT_TOUCHED])
def test_E4_a_triggered_limit_rests_at_its_price(w: World, kind: OrdType) -> None:
    stop_px = 105_00 if kind is STOP_LIMIT else 95_00
    waiting = stop(w, ALICE, BUY, stop_px, kind=kind, price=94_00)
    w.index(".TST", f"{stop_px // 100}.00")

    assert (waiting.status, waiting.working) == (OrdStatus.NEW, True)
    assert w.x.markets[T].book.levels(BUY)[0] == (94_00, 10)
    assert w.x.margin(ALICE, "XBt").init_margin > 0


def test_E4_LastPrice_stops_trigger_by_trades_in_the_same_command(w: World) -> None:
    waiting = stop(w, ALICE, SELL, 95_00, inst=LAST)
    w.index(".TST", "90")  # the mark is not its price
    assert waiting.triggered == ""
    w.place(MAKER, BUY, 1, 95_00, T)
    w.place(BOB, SELL, 1, 95_00, T)
    assert w.trades == [(1, 95_00), (10, 80_00)]
    assert waiting.status is OrdStatus.FILLED


def test_E4_IndexPrice_stops_look_at_the_index() -> None:
    w = made_world(mark_method=MarkMethod.LAST, opening_reference=100_00)
    by_mark = stop(w, ALICE, SELL, 95_00)
    by_index = stop(w, ALICE, SELL, 95_00, inst=ExecInst.INDEX_PRICE)
    w.index(".TST", "95")
    assert (by_mark.triggered, by_index.triggered) == ("", "StopOrderTriggered")


def test_E4_the_default_trigger_is_the_contracts() -> None:
    w = made_world(default_trigger=TriggerPrice.LAST)
    waiting = stop(w, ALICE, SELL, 95_00)
    w.index(".TST", "90")
    assert waiting.triggered == ""
    trade_at(w, 95_00)
    assert waiting.triggered == "StopOrderTriggered"


def test_E4_a_stop_that_is_beyond_its_trigger_at_entry_fires_at_once(w: World) -> None:
    waiting = stop(w, ALICE, SELL, 101_00)
    assert waiting.status is OrdStatus.FILLED
    assert [e.exec_type for e in w.executions(ALICE)] == [
        ExecType.NEW,
        ExecType.TRIGGERED,
        ExecType.TRADE,
    ]


def test_E4_a_cascade_runs_in_one_command_nearest_price_first_then_oldest(w: World) -> None:
    for price in (99_00, 98_00, 97_00, 96_00):
        w.place(MAKER, BUY, 10, price, T)
    third = stop(w, ALICE, SELL, 97_00, inst=LAST)
    first = stop(w, ALICE, SELL, 98_00, inst=LAST)
    second = stop(w, BOB, SELL, 98_00, inst=LAST)
    w.place(BOB, SELL, 11, 98_00, T)

    told = [e.order_id for e in executions(w) if e.exec_type is ExecType.TRIGGERED]
    assert told == [first.order_id, second.order_id, third.order_id]
    assert w.trades == [
        (10, 99_00),
        (1, 98_00),
        (9, 98_00),
        (1, 97_00),
        (9, 97_00),
        (1, 96_00),
        (9, 96_00),
        (1, 80_00),
    ]


def test_E4_a_long_cascade_needs_no_recursion(w: World) -> None:
    w.checked = False
    for one in range(150):
        account = w.account(f"holder {one}", XBt=XBT)
        w.place(MAKER, BUY, 1, 9_999 - one, T)
        stop(w, account, SELL, 9_999 - one, inst=LAST, qty=1)
    w.checked = True
    w.place(BOB, SELL, 1, 9_999, T)
    assert len(w.trades) == 151
    assert w.x.markets[T].waiting is None


@pytest.mark.parametrize("mode", [Mode.HALT, Mode.CANCEL_ONLY, Mode.POST_ONLY])
def test_E17_stops_wait_while_the_mode_does_not_allow_them_to_trade(w: World, mode: Mode) -> None:
    waiting = stop(w, ALICE, SELL, 95_00)
    w.ok(c.SetMode(symbol=T, mode=mode))
    w.index(".TST", "90")
    assert waiting.triggered == ""

    w.ok(c.SetMode(symbol=T, mode=Mode.OPEN))
    assert waiting.status is OrdStatus.FILLED


def test_E17_at_a_planned_resume_stops_trade_before_the_first_command(w: World) -> None:
    waiting = stop(w, ALICE, SELL, 95_00)
    until_ns = w.now + 60 * 10**9
    w.ok(c.SetMode(symbol=T, mode=Mode.HALT, until_ns=until_ns))
    w.print(".TST", "94")
    w.now = until_ns - 1
    w.do(c.Advance())
    assert waiting.triggered == ""

    w.now = until_ns
    w.place(BOB, SELL, 7, None, T)
    assert w.trades == [(10, 80_00), (7, 80_00)]


def test_E5_a_triggered_order_that_the_account_can_not_hold_is_canceled(w: World) -> None:
    poor = w.account("poor", XBt=10**6)
    waiting = stop(w, poor, SELL, 95_00, qty=1_000)
    limit = stop(w, poor, SELL, 95_00, kind=STOP_LIMIT, qty=1_000, price=94_00)
    w.index(".TST", "95")

    for one in (waiting, limit):
        assert (one.status, one.triggered) == (OrdStatus.CANCELED, "StopOrderTriggered")
        assert one.end_reason is Reason.INSUFFICIENT_BALANCE
    assert [e.exec_type for e in w.executions(poor)] == [ExecType.TRIGGERED, ExecType.CANCELED] * 2


def test_E4_a_Close_stop_without_a_quantity_closes_what_is_there_when_it_triggers(w: World) -> None:
    waiting = stop(w, ALICE, SELL, 95_00, qty=None, inst=ExecInst.CLOSE)
    assert (waiting.order_qty, waiting.leaves_qty) == (0, 0)
    w.place(ALICE, BUY, 70, None, T)
    resting = w.place(ALICE, SELL, 50, 130_00, T)

    w.index(".TST", "95")
    assert (waiting.order_qty, waiting.cum_qty, waiting.status) == (70, 70, OrdStatus.FILLED)
    assert w.qty(ALICE, T) == 0
    assert resting.end_reason is Reason.CLOSE_ORDER


def test_E4_reduce_only_and_close_stops_look_at_the_position_when_they_trigger(w: World) -> None:
    nothing = stop(w, ALICE, SELL, 95_00, inst=ExecInst.REDUCE_ONLY)
    closing = stop(w, BOB, SELL, 95_00, inst=ExecInst.CLOSE, qty=None)
    w.index(".TST", "95")
    assert nothing.end_reason is Reason.REDUCE_WITHOUT_POSITION
    assert closing.end_reason is Reason.CLOSE_WITHOUT_POSITION

    w.index(".TST", "100")
    w.place(ALICE, BUY, 6, None, T)
    cut = stop(w, ALICE, SELL, 95_00, inst=ExecInst.REDUCE_ONLY)
    w.index(".TST", "95")
    assert (cut.order_qty, cut.cum_qty) == (6, 6)


def test_E4_post_only_IOC_FOK_and_Day_hold_from_the_trigger_on(w: World) -> None:
    made: dict[Reason, dict[str, Any]] = {
        Reason.POST_ONLY_WOULD_CROSS: {"inst": ExecInst.POST_ONLY, "price": 80_00},
        Reason.IOC_REMAINDER: {"tif": TimeInForce.IOC, "price": 90_00},
        Reason.FOK_NOT_FILLED: {"tif": TimeInForce.FOK, "price": 90_00},
    }
    orders = {
        reason: stop(w, ALICE, SELL, 95_00, kind=STOP_LIMIT, **fields)
        for reason, fields in made.items()
    }
    w.index(".TST", "95")
    assert {reason: one.end_reason for reason, one in orders.items()} == {r: r for r in made}

    day = stop(w, ALICE, SELL, 50_00, tif=TimeInForce.DAY)
    w.advance(DAY_NS)
    assert day.end_reason is Reason.DAY_END


def test_E4_an_untriggered_stop_is_amended_and_canceled_like_any_order(w: World) -> None:
    waiting = stop(w, ALICE, SELL, 95_00, name="a")
    w.amend(waiting, stop_px=90_00, order_qty=4)
    assert (waiting.stop_px, waiting.order_qty, waiting.leaves_qty) == (90_00, 4, 4)
    assert waiting.amended == ("order_qty", "stop_px")
    assert [(e.exec_type, e.working) for e in w.executions(ALICE)] == [(ExecType.REPLACED, False)]
    w.index(".TST", "95")
    assert waiting.triggered == ""

    w.amend(waiting, stop_px=96_00)  # beyond its trigger: it fires at once
    assert waiting.cum_qty == 4

    limit = stop(w, ALICE, SELL, 90_00, kind=STOP_LIMIT, price=89_00)
    w.amend(limit, price=88_00)
    w.cancel(limit)
    assert (limit.price, limit.status, limit.end_reason) == (
        88_00,
        OrdStatus.CANCELED,
        Reason.CANCELED_BY_USER,
    )
    w.amend(stop(w, ALICE, SELL, 90_00), leaves_qty=0)
    assert w.x.open_orders(ALICE) == []


def test_E4_a_triggered_stop_is_a_live_limit_without_a_trigger(w: World) -> None:
    limit = stop(w, ALICE, BUY, 99_00, kind=STOP_LIMIT, price=90_00)
    assert limit.working
    refused = w.refused(c.AmendOrder(account=ALICE, order_id=limit.order_id, stop_px=98_00))
    assert refused.reason is Reason.BAD_STOP_PX
    w.amend(limit, price=91_00)
    assert w.x.markets[T].book.levels(BUY)[0] == (91_00, 10)


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (stop_order(ALICE, SELL, None), Reason.BAD_STOP_PX),
        (stop_order(ALICE, SELL, 0), Reason.BAD_STOP_PX),
        (stop_order(ALICE, SELL, -5), Reason.BAD_STOP_PX),
        (stop_order(ALICE, SELL, True), Reason.BAD_STOP_PX),
        (stop_order(ALICE, SELL, 10_000_001), Reason.BAD_STOP_PX),
        (stop_order(ALICE, SELL, 95_00, price=94_00), Reason.BAD_PRICE),
        (stop_order(ALICE, SELL, 95_00, kind=STOP_LIMIT), Reason.BAD_PRICE),
        (stop_order(ALICE, SELL, 95_00, qty=None), Reason.BAD_QTY),
        (stop_order(ALICE, SELL, 95_00, inst=ExecInst.POST_ONLY), Reason.BAD_EXEC_INST),
        (stop_order(ALICE, SELL, 95_00, inst=LAST | ExecInst.MARK_PRICE), Reason.BAD_EXEC_INST),
        (
            stop_order(ALICE, SELL, 95_00, inst=ExecInst.LAST_WITHIN_MARK),
            Reason.EXEC_INST_FOR_TYPE,
        ),
        (
            stop_order(ALICE, BUY, 95_00, kind=TOUCHED, inst=LAST | ExecInst.LAST_WITHIN_MARK),
            Reason.EXEC_INST_FOR_TYPE,
        ),
        (order(ALICE, SELL, 10, 95_00, T, inst=LAST), Reason.EXEC_INST_FOR_TYPE),
        (stop_order(ALICE, SELL, 95_00, offset=-1_00), Reason.BAD_STOP_PX),
        (stop_order(ALICE, SELL, None, offset=0), Reason.BAD_PEG_OFFSET),
        (stop_order(ALICE, SELL, None, offset=1_00), Reason.BAD_PEG_OFFSET),
        (stop_order(ALICE, BUY, None, offset=-1_00), Reason.BAD_PEG_OFFSET),
        (stop_order(ALICE, BUY, None, kind=TOUCHED, offset=1_00), Reason.BAD_PEG_OFFSET),
    ],
)
def test_E4_what_is_wrong_with_a_stop_is_refused_without_a_trace(
    w: World, command: c.PlaceOrder, reason: Reason
) -> None:
    assert w.refused(command).reason is reason


def test_E4_a_close_stop_says_its_side(w: World) -> None:
    command = c.PlaceOrder(
        account=ALICE, symbol=T, ord_type=STOP, stop_px=95_00, exec_inst=ExecInst.CLOSE
    )
    assert w.refused(command).reason is Reason.BAD_SIDE


def test_E4_at_most_ten_stops_wait_in_a_contract(w: World) -> None:
    for _ in range(10):
        stop(w, ALICE, SELL, 50_00)
    refused = w.refused(stop_order(ALICE, SELL, 50_00))
    assert (refused.reason, refused.detail) == (Reason.TOO_MANY_STOPS, 10)
    stop(w, BOB, SELL, 50_00)


def test_E4_the_dead_man_cancels_stops_too_and_settlement_leaves_none(w: World) -> None:
    first = stop(w, ALICE, SELL, 50_00)
    w.ok(c.CancelAllAfter(account=ALICE, timeout_ns=10**9))
    w.advance(10**9)
    assert first.end_reason is Reason.CANCEL_ALL_AFTER

    second = stop(w, ALICE, SELL, 50_00)
    w.ok(c.ExpireNow(symbol=T))
    assert second.end_reason is Reason.SETTLEMENT


# --- trailing stops


def test_E4_a_trailing_stop_follows_the_market_away_from_it_and_freezes_toward_it(
    w: World,
) -> None:
    trailing = stop(w, ALICE, SELL, None, offset=-5_00)
    assert trailing.stop_px == 95_00

    for price, expected in (
        ("100.10", 95_00),  # moved by exactly 0.1 %, not more
        ("100.11", 95_11),
        ("100.15", 95_11),  # only 0.04 % since
        ("102", 97_00),
        ("98", 97_00),
        ("103", 98_00),
    ):
        w.index(".TST", price)
        w.advance(10**9)
        assert trailing.stop_px == expected
    w.index(".TST", "98")
    assert trailing.status is OrdStatus.FILLED


def test_E4_a_trailing_stop_is_looked_at_once_a_second(w: World) -> None:
    trade_at(w, 100_00)
    trailing = stop(w, ALICE, SELL, None, offset=-5_00, inst=LAST)
    w.now += 10**8
    trade_at(w, 110_00)
    assert trailing.stop_px == 95_00
    w.now += 10**8
    trade_at(w, 102_00)  # what came between two looks is not seen
    w.advance(9 * 10**8)
    assert trailing.stop_px == 97_00


@pytest.mark.parametrize(
    ("kind", "side", "offset", "first", "away", "then"),
    [
        (STOP, BUY, 5_00, 105_00, "98", 103_00),
        (TOUCHED, BUY, -5_00, 95_00, "102", 97_00),
        (TOUCHED, SELL, 5_00, 105_00, "98", 103_00),
    ],
)
def test_E4_every_kind_may_trail(
    w: World, kind: OrdType, side: Side, offset: int, first: int, away: str, then: int
) -> None:
    trailing = stop(w, ALICE, side, None, kind=kind, offset=offset)
    assert trailing.stop_px == first
    w.index(".TST", away)
    w.advance(10**9)
    assert trailing.stop_px == then


def test_E4_an_amended_offset_starts_from_the_market_of_now(w: World) -> None:
    trailing = stop(w, ALICE, SELL, None, offset=-5_00)
    w.index(".TST", "98")
    w.amend(trailing, peg_offset=-2_00)
    assert (trailing.stop_px, trailing.amended) == (96_00, ("peg_offset",))
    command = c.AmendOrder(account=ALICE, order_id=trailing.order_id, peg_offset=0)
    assert w.refused(command).reason is Reason.BAD_PEG_OFFSET


# --- replays


def test_L2_15_a_replay_of_stops_makes_the_same_events() -> None:
    def run() -> tuple[object, ...]:
        w = made_world()
        stop(w, ALICE, SELL, 95_00)
        told = w.events
        w.index(".TST", "95")
        return told, w.events, picture(w.x)

    assert run() == run()
