"""B2: after each fill the net exposure goes back to 0 (Lesson 1)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmbot.hedge.delta import SpotOrder, hedge_order
from mmbot.types import Answered, FillRole, OrderSeen, OrdStatus, PlaceOrders, PositionSeen, Side
from tests.bot.instruments import COIN
from tests.bot.script import World


def test_B2_golden_sell_then_buy_300_ends_flat_with_the_lessons_pnl():
    world = World(mid=0.02)

    world.hit(Side.SELL, 300)
    world.settle()
    after_first = (world.position, world.spot_row)
    world.hit(Side.BUY, 300)
    exposure_before_hedge = world.engine.unhedged
    world.settle()

    assert after_first == (-300, 300 * COIN)
    assert exposure_before_hedge == 300 * COIN
    assert (world.position, world.spot_row) == (0, 0)
    value = {"ETC7D": 0, "ETC_XBT": 0}
    for note in world.fills():
        coins = note.fill.qty * (COIN if note.fill.symbol == "ETC7D" else 1)
        value[note.fill.symbol] += (
            (note.fill.side or 0) * round(note.fill.price * 10**8) * coins // COIN
        )
    # -(sum of the value column): -6.03 + 5.97 and +6.00 - 6.00
    assert -sum(value.values()) == 6_000_000


def test_B2_flat_futures_are_hedged_by_a_close_without_quantity():
    world = World()
    world.hit(Side.SELL, 300)
    world.settle()

    world.hit(Side.BUY, 300)

    last = world.hedges()[-1]
    assert (last.side, last.order_qty, last.close) == (Side.SELL, None, True)


def test_B2_interest_that_is_owed_is_hedged_too():
    assert hedge_order(300, -301) == SpotOrder(Side.BUY, 1)
    assert hedge_order(0, -1) == SpotOrder(Side.BUY, None)
    assert hedge_order(0, 0) is None


def test_B2_order_is_cut_to_lots_and_small_exposure_is_left_alone():
    assert hedge_order(-305, 0, lot=10) == SpotOrder(Side.BUY, 300)
    assert hedge_order(-305, 300, threshold=5) is None
    assert hedge_order(-305, 300, lot=10) is None


def test_B2_partial_fill_is_hedged_pro_rata():
    world = World()

    world.hit(Side.BUY, 120)
    world.settle()

    assert (world.position, world.spot_row) == (120, -120 * COIN)
    assert [note.role for note in world.fills()] == [FillRole.QUOTE, FillRole.HEDGE]


def test_B2_fills_while_a_hedge_is_under_way_wait_for_it_and_are_not_hedged_twice():
    world = World(latency_ns=50_000_000)

    world.hit(Side.SELL, 100)
    world.hit(Side.SELL, 100)
    world.hit(Side.SELL, 100)
    assert len(world.hedges()) == 1
    world.settle()

    assert [order.order_qty for order in world.hedges()] == [100 * COIN, 200 * COIN]
    assert world.spot_row == 300 * COIN


def test_B2_answer_before_the_position_row_sends_nothing_twice():
    world = World()
    world.answer = lambda action: filled(action, 100 * COIN) if is_hedge(action) else None

    world.hit(Side.SELL, 100)
    world.settle()
    world.run(1)
    sent_before_row = len(world.hedges())
    world.tell(PositionSeen(at_ns=world.now, symbol="ETC_XBT", qty=100 * COIN))
    world.run(20)

    assert (sent_before_row, len(world.hedges())) == (1, 1)
    assert world.engine.unhedged == 0


def test_B2_thin_book_fills_a_part_and_the_rest_is_asked_again():
    world = World()
    world.answer = lambda action: filled(action, 40 * COIN) if is_hedge(action) else None

    world.hit(Side.SELL, 100)
    world.settle()
    world.tell(PositionSeen(at_ns=world.now, symbol="ETC_XBT", qty=40 * COIN))
    world.spot_row, world.answer = 40 * COIN, lambda action: None
    world.run(5)

    assert [order.order_qty for order in world.hedges()] == [100 * COIN, 60 * COIN]
    assert "the spot book is too thin" in world.words()
    assert world.words().endswith("hedged again")


def test_B2_refused_hedge_is_retried_with_growing_pauses_and_said():
    world = World(max_unhedged=1.0)
    world.answer = lambda action: refused(action, "nobody lends ETC") if is_hedge(action) else None

    world.hit(Side.BUY, 300)
    world.run(20)

    at = [action.action_id for action in world.sent_of(PlaceOrders) if is_hedge(action)]
    assert 4 <= len(at) <= 6
    assert "unhedged +300.00000000 coins" in world.words()
    assert "nobody lends ETC" in world.words()
    assert world.engine.why_unhedged == "nobody lends ETC"
    # The side that adds to the exposure (6 XBT, more than is allowed) is not quoted.
    assert world.quotes[0] == []
    assert world.quotes[1] != []


def test_B2_no_hedge_venue_sends_no_hedge_and_says_so():
    world = World(hedge_venue="")

    world.hit(Side.SELL, 300)
    world.run(5)

    assert world.hedges() == []
    assert "no hedge venue: every position stays unhedged" in world.words()
    assert world.engine.why_unhedged == "no hedge venue"


@given(st.integers(-(10**12), 10**12), st.integers(-(10**12), 10**12), st.integers(1, 1000))
def test_B2_hedge_never_exceeds_the_exposure_nor_turns_it_around(exposure, row, lot):
    order = hedge_order(exposure, row, lot=lot)

    if order is None:
        assert abs(exposure + row) < lot
    else:
        qty = order.qty if order.qty is not None else abs(row)
        left = exposure + row + order.side * qty
        assert abs(left) < lot
        assert left == 0 or (left > 0) == (exposure + row > 0)


@given(
    st.lists(
        st.tuples(st.sampled_from(list(Side)), st.integers(1, 300), st.floats(0, 3)),
        max_size=12,
    ),
    st.sampled_from([0, 10**6, 700_000_000]),
)
def test_B2_any_run_of_fills_ends_hedged(fills, latency_ns):
    world = World(latency_ns=latency_ns)

    for side, qty, pause_s in fills:
        if any(row.side is side for row in world.orders.values()):
            world.hit(side, qty)
        world.run(pause_s)
    world.run(30)

    assert world.spot_row == -world.position * COIN


def is_hedge(action) -> bool:
    return isinstance(action, PlaceOrders) and action.orders[0].symbol == "ETC_XBT"


def refused(action, words) -> Answered:
    return Answered(at_ns=0, action_id=action.action_id, error=words, error_kind="refused")


def filled(action, qty) -> Answered:
    order = action.orders[0]
    row = OrderSeen(
        at_ns=0,
        order_id="x",
        cl_ord_id=order.cl_ord_id,
        symbol=order.symbol,
        side=order.side,
        order_qty=order.order_qty,
        cum_qty=qty,
        leaves_qty=0,
        status=OrdStatus.FILLED if qty == order.order_qty else OrdStatus.CANCELED,
    )
    return Answered(at_ns=0, action_id=action.action_id, orders=(row,))


@pytest.mark.parametrize("side", list(Side))
def test_B2_fill_note_carries_mid_and_fair_without_skew(side):
    world = World(mid=0.02)

    world.hit(side, 10)

    note = world.fills()[0]
    assert note.mid == 0.02
    assert note.fair == pytest.approx(0.02 * (1 - 0.0094979647))


def test_B2_trouble_is_over_once_the_hedge_is_done():
    world = World()
    world.answer = lambda action: refused(action, "nobody lends ETC") if is_hedge(action) else None
    world.hit(Side.BUY, 300)
    world.run(1)
    during = world.engine.why_unhedged

    world.answer = lambda action: None
    world.run(60)

    assert (during, world.engine.why_unhedged) == ("nobody lends ETC", "")
    assert world.engine.unhedged == 0
