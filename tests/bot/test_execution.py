"""Orders, the reconciler and the limits, each by itself."""

from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmbot.errors import StateDivergedError, StrategyError
from mmbot.execution.limits import Bounds, check_quotes, clip, keep_apart
from mmbot.execution.orders import InFlight, OwnOrder, OwnOrders
from mmbot.execution.reconcile import Plan, in_bulks, reconcile
from mmbot.strategy.api import Level, Quotes
from mmbot.types import OrderSeen, OrdStatus, Side
from tests.bot.instruments import ETC7D

BUY, SELL = Side.BUY, Side.SELL


def order(price, qty, *, side=BUY, cum=0, in_flight=None, name="") -> OwnOrder:
    return OwnOrder(
        cl_ord_id=name or f"mm-q{next(NUMBERS)}",
        symbol="ETC7D",
        side=side,
        price=price,
        order_qty=qty,
        cum_qty=cum,
        status=OrdStatus.NEW,
        in_flight=in_flight,
    )


NUMBERS = count(1)


def steps(wished, live, side=BUY, tolerance=2) -> Plan:
    plan = Plan()
    live = sorted(live, key=lambda own: own.price * side)
    reconcile(plan, side, wished, live, tolerance=tolerance)
    return plan


def row(cl_ord_id, **changes) -> OrderSeen:
    facts: dict[str, Any] = {
        "order_id": "x-" + cl_ord_id,
        "symbol": "ETC7D",
        "side": BUY,
        "price": 100,
        "order_qty": 10,
        "leaves_qty": 10,
        "cum_qty": 0,
        "status": OrdStatus.NEW,
    }
    return OrderSeen(at_ns=0, cl_ord_id=cl_ord_id, **{**facts, **changes})


# --- reconcile ------------------------------------------------------------------------------------


def test_nothing_live_makes_new_orders():
    assert steps([(100, 5), (98, 5)], []).new == [(BUY, 98, 5), (BUY, 100, 5)]


def test_what_is_right_or_near_is_left_alone():
    assert steps([(100, 5), (90, 5)], [order(101, 5), order(90, 5)]).is_empty


def test_what_is_off_is_amended_in_place():
    live = [order(100, 5), order(90, 5)]

    plan = steps([(110, 5), (100, 5)], live)

    assert [(t.order.price, t.price) for t in plan.amend] == [(90, 100), (100, 110)]
    assert not plan.new
    assert not plan.cancel


def test_a_taken_inner_order_costs_one_new_order():
    plan = steps([(100, 5), (90, 5), (80, 5)], [order(90, 5), order(80, 5)])

    assert plan.new == [(BUY, 100, 5)]
    assert not plan.amend


def test_an_amended_quantity_counts_from_the_start_of_the_order():
    plan = steps([(120, 5)], [order(100, 10, cum=7)])

    assert (plan.amend[0].order_qty, plan.amend[0].price) == (12, 120)


def test_a_partly_filled_order_keeps_its_place_until_a_fifth_is_gone():
    assert steps([(100, 10)], [order(100, 10, cum=2)]).is_empty
    plan = steps([(101, 10)], [order(100, 10, cum=3)])
    assert (plan.amend[0].price, plan.amend[0].order_qty) == (100, 13)


def test_what_is_in_flight_is_left_alone_and_counts():
    live = [order(50, 5, in_flight=InFlight.NEW), order(60, 5, in_flight=InFlight.AMEND)]

    assert steps([(100, 5), (90, 5)], live).is_empty


def test_what_is_being_canceled_is_not_replaced_before_it_has_left():
    assert steps([(100, 5)], [order(100, 5, in_flight=InFlight.CANCEL)]).is_empty


def test_more_than_wished_is_canceled_innermost():
    plan = steps([(90, 5)], [order(100, 5), order(90, 5)])

    assert [own.price for own in plan.cancel] == [100]


def test_bulks_of_ten():
    assert [part.stop - part.start for part in in_bulks(25)] == [10, 10, 5]


ladders = st.lists(
    st.tuples(st.integers(50, 150), st.integers(1, 20)),
    max_size=6,
    unique_by=lambda level: level[0],
)


@given(
    ladders,
    st.lists(
        st.tuples(
            st.integers(50, 150),
            st.integers(1, 20),
            st.integers(0, 5),
            st.sampled_from([None, *InFlight]),
        ),
        max_size=8,
    ),
    st.sampled_from(list(Side)),
)
def test_reconcile_never_doubles_an_order_and_settles_in_one_round(wished, live, side):
    wished = sorted(wished, key=lambda level: -level[0] * side)
    own = [
        order(price, qty + cum, side=side, cum=cum, in_flight=flight)
        for price, qty, cum, flight in live
    ]

    plan = steps(wished, own, side, tolerance=0)

    touched = [t.order for t in plan.amend] + plan.cancel
    assert len({id(o) for o in touched}) == len(touched)
    assert all(o.in_flight is None for o in touched)
    assert not plan.new or len(own) + len(plan.new) <= len(wished)
    if all(o.in_flight is None for o in own):
        after = [o for o in own if o not in plan.cancel]
        for target in plan.amend:
            target.order.price, target.order.order_qty = target.price, target.order_qty
        after += [order(price, qty, side=side) for _, price, qty in plan.new]
        assert steps(wished, after, side, tolerance=0).is_empty
        assert sorted(o.price for o in after) == sorted(price for price, _ in wished)


# --- orders ---------------------------------------------------------------------------------------


def test_an_order_that_has_ended_stays_ended_whatever_comes_late():
    orders = OwnOrders("mm-")
    orders.sent(order(100, 10, name=orders.next_id("q"), in_flight=InFlight.NEW))

    assert orders.see(row("mm-q1", status=OrdStatus.FILLED, cum_qty=10))
    assert not orders.see(row("mm-q1", status=OrdStatus.NEW))

    assert orders.live == {}


def test_answer_and_stream_may_come_in_any_order():
    for first, second in ((0, 3), (3, 0)):
        orders = OwnOrders("mm-")
        orders.sent(order(100, 10, name=orders.next_id("q"), in_flight=InFlight.NEW))

        for cum in (first, second):
            status = OrdStatus.PARTIALLY_FILLED if cum else OrdStatus.NEW
            orders.see(row("mm-q1", cum_qty=cum, status=status))

        assert orders.live["mm-q1"].leaves == 7
        assert orders.live["mm-q1"].in_flight is None


def test_an_order_taken_for_ended_may_turn_up_alive():
    orders = OwnOrders("mm-")
    orders.sent(order(100, 10, name=orders.next_id("q"), in_flight=InFlight.NEW))

    assert orders.resync([], asked_ns=1)
    orders.see(row("mm-q1"))

    assert list(orders.live) == ["mm-q1"]


def test_resync_leaves_alone_what_was_sent_after_the_question():
    orders = OwnOrders("mm-")
    own = order(100, 10, name=orders.next_id("q"), in_flight=InFlight.NEW)
    own.sent_ns = 5
    orders.sent(own)

    assert not orders.resync([], asked_ns=5)

    assert own.in_flight is InFlight.NEW


def test_an_open_order_with_our_prefix_and_a_number_we_never_gave_is_a_divergence():
    with pytest.raises(StateDivergedError, match="mm-q9"):
        OwnOrders("mm-").see(row("mm-q9"))


def test_orders_of_others_are_nobody_of_ours():
    orders = OwnOrders("mm-")

    assert not orders.see(row("by-hand"))
    assert orders.role_of("mm-h3") == "h"
    assert orders.role_of("by-hand") == ""
    assert orders.live == {}


# --- limits ---------------------------------------------------------------------------------------


def bounds(**changes) -> Bounds:
    facts: dict[str, Any] = {
        "capacity": 100,
        "max_order_qty": 1000,
        "low": 0.01,
        "high": 0.03,
        "passive": None,
    }
    return Bounds(**{**facts, **changes})


def test_sizes_are_cut_from_the_outside_in():
    levels = (Level(0.0199, 60), Level(0.0198, 60))

    assert clip(levels, BUY, ETC7D, bounds()) == (((19900, 60), (19800, 40)), "position limit")
    assert clip(levels, BUY, ETC7D, bounds(capacity=0)) == ((), "position limit")


def test_order_size_and_price_band_hold():
    ladder, why = clip((Level(0.0199, 60),), BUY, ETC7D, bounds(max_order_qty=50))
    assert (ladder, why) == (((19900, 50),), "order size limit 50")
    ladder, why = clip((Level(0.2, 60),), SELL, ETC7D, bounds())
    assert ladder == ()
    assert why == "price 0.2 is outside 0.01 to 0.03"


def test_levels_of_one_price_are_merged():
    assert clip((Level(0.01990012, 3), Level(0.01990001, 4)), BUY, ETC7D, bounds())[0] == (
        (19900, 7),
    )


def test_a_quote_that_would_take_is_put_one_tick_before():
    assert clip((Level(0.0202, 3),), BUY, ETC7D, bounds(passive=20100))[0] == ((20099, 3),)
    assert clip((Level(0.0198, 3),), SELL, ETC7D, bounds(passive=19900))[0] == ((19901, 3),)


def test_best_prices_are_kept_two_ticks_apart():
    assert keep_apart(((100, 1), (99, 2)), ((100, 3),)) == (((99, 3),), ((101, 3),))
    assert keep_apart((), ((100, 3),)) == ((), ((100, 3),))


@pytest.mark.parametrize(
    ("quotes", "words"),
    [
        (None, "must return Quotes, not NoneType"),
        (Quotes(bids=(Level(0.02, 0),)), "whole size above 0"),
        (
            Quotes(bids=(Level(0.02, 1.5),)),  # type: ignore[arg-type]
            "whole size above 0",
        ),
        (Quotes(asks=(Level(float("nan"), 1),)), "finite price above 0"),
        (Quotes(asks=(Level(-1.0, 1),)), "finite price above 0"),
        (Quotes(bids=(Level(0.02, 1),), asks=(Level(0.02, 1),)), "crosses itself"),
    ],
)
def test_what_is_not_a_quote_is_a_strategy_error(quotes, words):
    with pytest.raises(StrategyError, match=words):
        check_quotes(quotes)
