"""E4: price first, then time; what is left rests, or ends with its reason."""

from typing import TYPE_CHECKING

import pytest

from sim_exchange.core import commands as c
from sim_exchange.core.events import Accepted, BookChanged, Executed, OrderOpened, Refused, Traded
from sim_exchange.core.types import (
    ExecInst,
    ExecType,
    OrdStatus,
    OrdType,
    Reason,
    Side,
    TimeInForce,
)
from tests.core.world import BUY, SELL, World, order, world

if TYPE_CHECKING:
    from sim_exchange.core.orders.order import Order

P = 20_000  # ticks; the book of the goldens stands around it


@pytest.fixture
def w() -> World:
    """Asks 10 @ P+100 and 5 @ P+101, as the goldens have them at 100 and 101."""
    made = world(spot=False)
    maker = made.account("maker", XBt=10**10)
    made.account("taker", XBt=10**10)
    made.place(maker, SELL, 10, P + 100)
    made.place(maker, SELL, 5, P + 101)
    return made


TAKER = 2


def test_E4_a_limit_takes_at_resting_prices_and_is_filled(w: World) -> None:
    bought = w.place(TAKER, BUY, 12, P + 101)

    assert w.trades == [(10, P + 100), (2, P + 101)]
    assert (bought.status, bought.leaves_qty) == (OrdStatus.FILLED, 0)
    assert w.x.markets["ETC7D"].book.levels(SELL) == [(P + 101, 3)]
    assert w.x.markets["ETC7D"].book.levels(BUY) == []


def test_E4_what_a_limit_leaves_over_rests(w: World) -> None:
    bought = w.place(TAKER, BUY, 12, P + 100)

    assert w.trades == [(10, P + 100)]
    assert (bought.status, bought.leaves_qty, bought.working) == (
        OrdStatus.PARTIALLY_FILLED,
        2,
        True,
    )
    assert w.x.markets["ETC7D"].book.levels(BUY) == [(P + 100, 2)]


def test_E4_what_an_IOC_leaves_over_is_canceled(w: World) -> None:
    bought = w.place(TAKER, BUY, 12, P + 100, tif=TimeInForce.IOC)

    assert w.trades == [(10, P + 100)]
    assert (bought.status, bought.cum_qty, bought.leaves_qty) == (OrdStatus.CANCELED, 10, 0)
    assert bought.end_reason is Reason.IOC_REMAINDER


def test_E4_a_FOK_fills_whole_or_not_at_all(w: World) -> None:
    missed = w.place(TAKER, BUY, 16, P + 101, tif=TimeInForce.FOK)
    assert w.trades == []
    assert (missed.status, missed.end_reason) == (OrdStatus.CANCELED, Reason.FOK_NOT_FILLED)

    assert w.place(TAKER, BUY, 15, P + 101, tif=TimeInForce.FOK).status is OrdStatus.FILLED


def test_E4_post_only_is_canceled_where_it_would_take_and_rests_where_not(w: World) -> None:
    crossing = w.place(TAKER, BUY, 10, P + 100, inst=ExecInst.POST_ONLY)
    assert w.trades == []
    assert (crossing.status, crossing.leaves_qty) == (OrdStatus.CANCELED, 0)
    assert crossing.end_reason is Reason.POST_ONLY_WOULD_CROSS
    assert [e.exec_type for e in w.executions(TAKER)] == [ExecType.NEW, ExecType.CANCELED]

    resting = w.place(TAKER, BUY, 10, P + 99, inst=ExecInst.POST_ONLY)
    assert (resting.status, resting.working) == (OrdStatus.NEW, True)


def test_E4_a_market_order_takes_what_there_is_and_the_rest_is_canceled(w: World) -> None:
    bought = w.place(TAKER, BUY, 20)

    assert w.trades == [(10, P + 100), (5, P + 101)]
    assert (bought.status, bought.end_reason) == (OrdStatus.CANCELED, Reason.MARKET_REMAINDER)
    assert bought.price == P + 101  # its worst fill


def test_E4_a_market_order_takes_the_levels_that_the_account_can_hold() -> None:
    w = world(spot=False)
    maker, poor = w.account("maker", XBt=10**12), w.account("poor", XBt=10_000_000)
    w.place(maker, SELL, 50, P)
    w.place(maker, SELL, 2_000, P + 1)

    bought = w.place(poor, BUY, 1_000)

    assert w.trades == [(50, P)]
    assert (bought.status, bought.end_reason) == (OrdStatus.CANCELED, Reason.MARGIN_RAN_OUT)
    assert w.refused(order(poor, BUY, 1_000)).reason is Reason.INSUFFICIENT_BALANCE


def test_E4_time_decides_at_one_price(w: World) -> None:
    first = w.place(TAKER, BUY, 3, P)
    second = w.place(TAKER, BUY, 3, P)
    w.place(1, SELL, 4, P)

    assert (first.cum_qty, second.cum_qty) == (3, 1)


def test_E4_both_legs_of_a_self_trade_print_and_nothing_is_held(w: World) -> None:
    bought = w.place(1, BUY, 10, P + 100)

    assert bought.status is OrdStatus.FILLED
    assert len([e for e in w.executions(1) if e.exec_type is ExecType.TRADE]) == 2
    assert w.qty(1) == 0


def test_E4_iceberg_shows_slices_that_go_to_the_back(w: World) -> None:
    hidden = w.place(1, SELL, 100, P, display=10)
    behind = w.place(1, SELL, 3, P)
    assert w.x.markets["ETC7D"].book.size_at(SELL, P) == 13

    w.place(TAKER, BUY, 13, P)

    assert w.trades == [(10, P), (3, P)]  # the refill stands behind the other order
    assert (hidden.cum_qty, behind.cum_qty) == (10, 3)


def test_E4_iceberg_golden() -> None:
    w = world(spot=False)
    maker, taker = w.account("maker", XBt=10**10), w.account("taker", XBt=10**10)
    iceberg = w.place(maker, SELL, 100, P, display=10)

    w.place(taker, BUY, 35, P)

    made = [e for e in w.executions(maker) if e.exec_type is ExecType.TRADE]
    assert [e.last_qty for e in made] == [10, 10, 10, 5]
    assert [e.commission_ppm for e in made] == [2_500] * 4
    assert (iceberg.shown, iceberg.leaves_qty - iceberg.shown) == (5, 60)

    w.place(taker, BUY, 64, P)
    made = [e for e in w.executions(maker) if e.exec_type is ExecType.TRADE]
    # ... 5 10 10 10 10 10 leave a last slice of 10 with nothing hidden behind it
    assert [(e.last_qty, e.commission_ppm) for e in made] == [
        (5, 2_500),
        (10, 2_500),
        (10, 2_500),
        (10, 2_500),
        (10, 2_500),
        (10, 2_500),
        (9, -500),
    ]


def test_E4_a_hidden_order_stands_behind_visible_ones_at_its_price(w: World) -> None:
    hidden = w.place(1, SELL, 5, P, display=0)
    visible = w.place(1, SELL, 5, P)
    assert w.x.markets["ETC7D"].book.best_ask() == P
    assert w.x.markets["ETC7D"].book.size_at(SELL, P) == 5

    w.place(TAKER, BUY, 6, P)

    assert (visible.cum_qty, hidden.cum_qty) == (5, 1)


# --- reduce-only and close


def long_100(w: World) -> None:
    """Make TAKER long 100 @ P."""
    w.place(1, SELL, 100, P)
    w.place(TAKER, BUY, 100, P)


def test_E4_reduce_only_orders_shrink_least_aggressive_first(w: World) -> None:
    long_100(w)
    near = w.place(TAKER, SELL, 60, P + 105, inst=ExecInst.REDUCE_ONLY)
    far = w.place(TAKER, SELL, 60, P + 106, inst=ExecInst.REDUCE_ONLY)
    assert (near.leaves_qty, far.leaves_qty, far.order_qty) == (60, 40, 40)

    w.place(1, BUY, 50, P)
    w.place(TAKER, SELL, 50)

    assert (far.status, far.end_reason) == (OrdStatus.CANCELED, Reason.POSITION_SHRANK)
    assert (near.leaves_qty, near.order_qty, near.status) == (50, 50, OrdStatus.NEW)


def test_E4_a_nearer_reduce_only_order_cuts_one_that_rests_further_out(w: World) -> None:
    long_100(w)
    far = w.place(TAKER, SELL, 100, P + 106, inst=ExecInst.REDUCE_ONLY)
    near = w.place(TAKER, SELL, 70, P + 105, inst=ExecInst.REDUCE_ONLY)

    assert (near.leaves_qty, far.leaves_qty) == (70, 30)


def test_E4_reduce_only_is_cut_to_the_position_before_it_can_turn_it(w: World) -> None:
    long_100(w)
    w.place(TAKER, SELL, 60, P + 50, inst=ExecInst.REDUCE_ONLY)
    w.place(TAKER, SELL, 50, P + 51)
    reduce = w.place(TAKER, SELL, 40, P + 52, inst=ExecInst.REDUCE_ONLY)

    w.place(1, BUY, 150, P + 52)  # takes 60, then 50: nothing is left to reduce

    assert w.qty(TAKER) == -10
    assert (reduce.status, reduce.cum_qty) == (OrdStatus.CANCELED, 0)


@pytest.mark.parametrize("side", [BUY, None])
def test_E4_reduce_only_and_close_need_a_position_to_reduce(w: World, side: Side | None) -> None:
    for inst, reason in (
        (ExecInst.REDUCE_ONLY, Reason.REDUCE_WITHOUT_POSITION),
        (ExecInst.CLOSE, Reason.CLOSE_WITHOUT_POSITION),
    ):
        if side is None and inst is ExecInst.REDUCE_ONLY:
            continue
        assert w.refused(order(TAKER, side, 10, P, inst=inst)).reason is reason
    long_100(w)
    refused = w.refused(order(TAKER, BUY, 10, P, inst=ExecInst.CLOSE))
    assert (refused.reason, refused.detail) == (Reason.CLOSE_WITHOUT_POSITION, 100)


def test_E4_close_without_a_quantity_is_the_whole_position(w: World) -> None:
    long_100(w)
    w.place(1, BUY, 500, P)

    closed = w.place(TAKER, None, None, inst=ExecInst.CLOSE)

    assert (closed.side, closed.order_qty, closed.status) == (SELL, 100, OrdStatus.FILLED)
    assert w.qty(TAKER) == 0


def test_E4_close_cancels_orders_of_its_side_that_exceed_the_position(w: World) -> None:
    long_100(w)
    other = w.place(TAKER, SELL, 50, P + 200)
    bid = w.place(TAKER, BUY, 50, P - 200)

    closing = w.place(TAKER, SELL, 60, P + 150, inst=ExecInst.CLOSE)

    assert other.end_reason is Reason.CLOSE_ORDER
    assert (bid.status, closing.leaves_qty) == (OrdStatus.NEW, 60)


def test_E4_nobody_closes_past_his_bankruptcy(w: World) -> None:
    thin = w.account("thin", XBt=12_000_000)
    w.place(1, SELL, 100, P)
    w.place(thin, BUY, 100, P)
    w.place(1, BUY, 50, P - 500)
    w.place(1, BUY, 50, P - 5_000)

    closed = w.place(thin, None, None, inst=ExecInst.CLOSE)

    assert w.trades == [(50, P - 500)]
    assert (closed.status, closed.end_reason) == (OrdStatus.CANCELED, Reason.MARGIN_RAN_OUT)
    assert w.wallet(thin) > 0


def test_E4_no_profit_of_the_rest_pays_for_what_is_closed(w: World) -> None:
    short = w.account("short", XBt=40_000_000)
    w.place(1, BUY, 300, P)
    w.place(short, SELL, 300, P)
    w.print(".ETCXBT", "0.017")
    w.advance(5 * 10**9)
    assert w.x.position(short, "ETC7D").unrealised_pnl == 90_000_000  # type: ignore[union-attr]
    w.cancel(w.x.open_orders(1)[0])
    w.cancel(w.x.open_orders(1)[0])
    w.place(1, SELL, 50, P - 3_000)
    w.place(1, SELL, 150, P + 4_000)  # loses 60,000,000: more than the wallet has

    closed = w.place(short, None, None, inst=ExecInst.CLOSE)

    assert w.trades == [(50, P - 3_000)]
    assert closed.end_reason is Reason.MARGIN_RAN_OUT
    assert w.wallet(short) > 0


def test_E4_a_resting_close_that_its_account_can_not_bear_is_canceled(w: World) -> None:
    thin = w.account("thin", XBt=12_000_000)
    w.place(1, SELL, 100, P)
    w.place(thin, BUY, 100, P)
    resting = w.place(thin, SELL, 100, P - 3_000)

    w.place(1, BUY, 100, P - 3_000)

    assert (resting.status, resting.end_reason) == (OrdStatus.CANCELED, Reason.MARGIN_RAN_OUT)
    assert w.qty(thin) == 100
    assert w.wallet(thin) > 0


# --- what is told


def test_E4_one_command_tells_each_thing_once(w: World) -> None:
    w.place(TAKER, BUY, 12, P + 101)

    kinds = [type(event) for event in w.events]
    assert kinds.count(OrderOpened) == 1
    assert kinds.count(Traded) == 2
    assert kinds.index(Traded) < kinds.index(BookChanged)
    levels = [(e.side, e.price, e.size) for e in w.events if isinstance(e, BookChanged)]
    assert levels == [(SELL, P + 100, 0), (SELL, P + 101, 3)]
    first = next(e for e in w.events if isinstance(e, Executed) and e.exec_type is ExecType.TRADE)
    assert (first.account, first.leaves_qty, first.ord_status) == (1, 0, OrdStatus.FILLED)


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (order(9, BUY, 1, P), Reason.UNKNOWN_ACCOUNT),
        (order(0, BUY, 1, P), Reason.UNKNOWN_ACCOUNT),
        (order(TAKER, BUY, 1, P, "NONE"), Reason.UNKNOWN_SYMBOL),
        (order(TAKER, None, 1, P), Reason.BAD_SIDE),
        (order(TAKER, BUY, 0, P), Reason.BAD_QTY),
        (order(TAKER, BUY, -1, P), Reason.BAD_QTY),
        (order(TAKER, BUY, True, P), Reason.BAD_QTY),
        (order(TAKER, BUY, None, P), Reason.BAD_QTY),
        (order(TAKER, BUY, 10_000_001, P), Reason.BAD_QTY),
        (order(TAKER, BUY, 1, 0), Reason.BAD_PRICE),
        (order(TAKER, BUY, 1, -P), Reason.BAD_PRICE),
        (order(TAKER, BUY, 1, 100_000_001), Reason.BAD_PRICE),
        (order(TAKER, BUY, 1, P, inst=ExecInst.FIXED), Reason.EXEC_INST_FOR_TYPE),
        (order(TAKER, BUY, 1, P, inst=ExecInst.ALL_OR_NONE), Reason.BAD_EXEC_INST),
        (order(TAKER, BUY, 1, inst=ExecInst.POST_ONLY), Reason.BAD_EXEC_INST),
        (
            order(TAKER, BUY, 1, P, inst=ExecInst.POST_ONLY, tif=TimeInForce.IOC),
            Reason.BAD_EXEC_INST,
        ),
        (order(TAKER, BUY, 1, P, tif=TimeInForce.AT_THE_CLOSE), Reason.BAD_TIME_IN_FORCE),
        (order(TAKER, BUY, 1, P, display=2), Reason.BAD_DISPLAY_QTY),
        (order(TAKER, BUY, 1, P, display=-1), Reason.BAD_DISPLAY_QTY),
        (
            c.PlaceOrder(
                account=TAKER,
                symbol="ETC7D",
                side=BUY,
                order_qty=1,
                price=P,
                ord_type=OrdType.MARKET,
            ),
            Reason.BAD_PRICE,
        ),
        (
            c.PlaceOrder(account=TAKER, symbol="ETC7D", side=BUY, order_qty=1, price=P, stop_px=P),
            Reason.BAD_STOP_PX,
        ),
        (
            c.PlaceOrder(
                account=TAKER, symbol="ETC7D", side=BUY, order_qty=1, ord_type=OrdType.STOP
            ),
            Reason.BAD_STOP_PX,
        ),
    ],
)
def test_E4_what_is_wrong_is_refused_without_a_trace(
    w: World, command: c.PlaceOrder, reason: Reason
) -> None:
    assert w.refused(command).reason is reason


def test_E4_a_name_is_used_once_a_session(w: World) -> None:
    named = w.place(TAKER, BUY, 1, P, name="mine")
    assert w.refused(order(TAKER, BUY, 1, P, name="mine")).reason is Reason.DUPLICATE_CL_ORD_ID
    w.cancel(named)
    assert w.refused(order(TAKER, BUY, 1, P, name="mine")).reason is Reason.DUPLICATE_CL_ORD_ID
    w.place(1, BUY, 1, P, name="mine")  # of another account


def test_E4_orders_are_refused_beyond_the_most_open_ones(w: World) -> None:
    w.checked = False
    for step in range(200):
        w.place(TAKER, BUY, 1, P - step)
    assert w.refused(order(TAKER, BUY, 1, P)).reason is Reason.TOO_MANY_ORDERS
    w.place(TAKER, BUY, 1, P + 101, tif=TimeInForce.IOC)


def test_E4_a_bulk_answers_item_by_item_and_has_one_symbol(w: World) -> None:
    w.do(
        c.PlaceBulk(
            account=TAKER,
            orders=(order(TAKER, BUY, 1, P), order(TAKER, BUY, 0, P), order(TAKER, BUY, 2, P)),
        )
    )
    told = [(type(e).__name__, e.index) for e in w.events if hasattr(e, "index")]
    assert told == [("Accepted", 0), ("Refused", 1), ("Accepted", 2)]

    mixed = (order(TAKER, BUY, 1, P), order(TAKER, BUY, 1, P, "OTHER"))
    assert w.refused(c.PlaceBulk(account=TAKER, orders=mixed)).reason is Reason.SYMBOLS_DIFFER


def test_E4_day_orders_end_at_midnight(w: World) -> None:
    day = w.place(TAKER, BUY, 1, P, tif=TimeInForce.DAY)
    w.checked = False
    w.advance(12 * 3600 * 10**9)

    assert (day.status, day.end_reason) == (OrdStatus.CANCELED, Reason.DAY_END)


def test_E4_an_ended_order_stays_readable_for_a_minute(w: World) -> None:
    ended = w.place(TAKER, BUY, 1, P)
    w.cancel(ended)
    w.advance(60 * 10**9)
    assert ended.order_id in w.x.orders
    w.advance(10**9)
    assert ended.order_id not in w.x.orders


def test_E4_all_orders_that_ended_over_a_minute_ago_are_forgotten_at_once(w: World) -> None:
    ended = [w.place(TAKER, BUY, 1, P) for _ in range(5)]
    for one in ended:
        w.cancel(one)
    w.advance(61 * 10**9)
    assert not [one for one in ended if one.order_id in w.x.orders]


def test_E4_cancel_by_ids_and_names_answers_each_in_order(w: World) -> None:
    first, second = w.place(TAKER, BUY, 1, P), w.place(TAKER, BUY, 1, P, name="two")
    theirs: Order = next(iter(w.x.open_orders(1)))
    w.cancel(first)

    w.do(
        c.CancelOrders(
            account=TAKER,
            order_ids=(first.order_id, 999, theirs.order_id),
            cl_ord_ids=("two", "nobody"),
            text="enough",
        )
    )

    told = [
        (e.index, getattr(e, "reason", None), e.ref)
        for e in w.events
        if isinstance(e, (Accepted, Refused))
    ]
    assert told == [
        (0, Reason.ALREADY_ENDED, first.order_id),
        (1, Reason.UNKNOWN_ORDER, 999),
        (2, Reason.UNKNOWN_ORDER, theirs.order_id),
        (3, None, second.order_id),
        (4, Reason.UNKNOWN_ORDER, 0),
    ]
    assert (second.end_reason, second.end_text) == (Reason.CANCELED_BY_USER, "enough")


def test_E4_cancel_all_takes_symbol_and_side(w: World) -> None:
    bid, ask = w.place(TAKER, BUY, 1, P), w.place(TAKER, SELL, 1, P + 300)
    w.ok(c.CancelAll(account=TAKER, symbol="ETC7D", side=BUY))
    assert (bid.is_open, ask.is_open) == (False, True)
    w.ok(c.CancelAll(account=TAKER))
    assert list(w.x.open_orders(TAKER)) == []
    assert w.refused(c.CancelAll(account=TAKER, symbol="X")).reason is Reason.UNKNOWN_SYMBOL


def test_E4_the_dead_man_switch_fires_once_and_can_be_moved_or_disarmed(w: World) -> None:
    second = 10**9
    resting = w.place(TAKER, BUY, 1, P)
    w.ok(c.CancelAllAfter(account=TAKER, timeout_ns=60 * second))
    w.advance(59 * second)
    w.ok(c.CancelAllAfter(account=TAKER, timeout_ns=60 * second))
    assert w.x.dead_man_ns(TAKER) == w.now + 60 * second
    w.advance(59 * second)
    assert resting.is_open
    w.advance(second)
    assert resting.end_reason is Reason.CANCEL_ALL_AFTER
    assert w.x.dead_man_ns(TAKER) is None

    again = w.place(TAKER, BUY, 1, P)
    w.ok(c.CancelAllAfter(account=TAKER, timeout_ns=second))
    w.ok(c.CancelAllAfter(account=TAKER, timeout_ns=0))
    w.advance(2 * second)
    assert again.is_open
    assert w.refused(c.CancelAllAfter(account=TAKER, timeout_ns=-1)).reason is Reason.BAD_AMOUNT
