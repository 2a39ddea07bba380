"""The engine as a whole: events in, actions out."""

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmbot.errors import AccessRefusedError, StrategyError
from mmbot.strategy.api import Level, Quotes
from mmbot.types import (
    AmendOrders,
    Answered,
    ArmDeadMan,
    BookSeen,
    CancelOrders,
    Connected,
    Disconnected,
    OrderSeen,
    OrdStatus,
    PlaceOrders,
    PriceSeen,
    RefreshState,
    Side,
    StatusNote,
    Tick,
    TradeSeen,
)
from tests.bot.instruments import COIN
from tests.bot.script import World, armed


def refused(action, words="no", kind="refused", retry_after_s=0.0):
    return Answered(
        at_ns=0,
        action_id=action.action_id,
        error=words,
        error_kind=kind,
        retry_after_s=retry_after_s,
    )


# --- quotes ---------------------------------------------------------------------------------------


def test_nothing_is_sent_before_the_venue_is_connected():
    world = World(start=False)
    world.tell(Tick(at_ns=world.now))

    assert world.sent == []
    assert world.engine.quiet == "disconnected"


def test_first_quotes_go_out_with_the_connection():
    world = World()

    assert [type(action) for action in world.sent] == [ArmDeadMan, PlaceOrders]
    assert world.engine.quiet == ""
    note = world.decisions()[0]
    assert (note.spot, note.bids, note.asks) == (0.02, ((19900, 300),), ((20100, 300),))


def test_quotes_are_amended_in_place_when_spot_moves():
    world = World()
    world.run(10)

    world.spot(0.0202)
    world.settle()

    assert len(world.sent_of(AmendOrders)) == 1
    assert len(world.sent_of(PlaceOrders)) == 1
    assert [price for price, _ in world.quotes[0]] == [0.020099]


def test_a_small_move_is_left_alone():
    world = World()
    world.run(10)

    for step in range(20):
        world.spot(0.02 * (1 + 0.0003 * (step % 2)))
        world.run(1)

    assert world.sent_of(AmendOrders) == []


def test_rising_spot_moves_the_asks_first_and_falling_spot_the_bids():
    world = World()
    world.spot(0.0203)
    world.settle()
    world.spot(0.0200)
    world.settle()

    rising, falling = world.sent_of(AmendOrders)
    assert [amend.side for amend in rising.amends] == [Side.SELL, Side.BUY]
    assert [amend.side for amend in falling.amends] == [Side.BUY, Side.SELL]


def test_drift_waits_for_the_rhythm_and_a_jump_does_not():
    world = World(min_requote_s=4.0, urgent_move=0.003, requote_tolerance=0.0008)
    world.run(1)

    world.spot(0.02003)
    world.settle()
    waiting = len(world.sent_of(AmendOrders))
    world.spot(0.0203)
    world.settle()
    jumped = len(world.sent_of(AmendOrders))
    world.spot(0.02033)
    world.run(3.9)
    still = len(world.sent_of(AmendOrders))
    world.run(0.2)

    assert (waiting, jumped, still) == (0, 1, 1)
    assert len(world.sent_of(AmendOrders)) == 2


def test_nothing_more_is_sent_while_a_round_is_in_flight():
    world = World(latency_ns=2 * 10**9, min_requote_s=0.0)
    world.run(5)

    world.spot(0.0202)
    world.spot(0.0204)
    world.spot(0.0206)
    in_flight = len(world.sent_of(AmendOrders))
    world.run(5)

    assert in_flight == 1
    assert [price for price, _ in world.quotes[0]] == [0.020497]


def test_an_amend_that_races_a_fill_is_told_kindly():
    world = World(latency_ns=2 * 10**9)
    world.run(5)
    racing: list[AmendOrders] = []

    def answer(action):
        if not isinstance(action, AmendOrders) or racing:
            return None
        racing.append(action)
        return refused(action, "Invalid ordStatus")

    world.answer = answer
    world.spot(0.0202)
    name = world.hit(Side.SELL, 300)
    world.run(5)

    assert f"order {name} was filled before its amend arrived" in world.words()
    assert "Invalid ordStatus" not in world.words()
    levels = {note.level for note in world.notes if isinstance(note, StatusNote)}
    assert levels <= {"info"}


def test_a_taken_order_comes_back_and_the_others_stay():
    world = World()
    world.run(10)

    world.hit(Side.SELL, 300)
    world.run(3)

    assert world.quotes == ([(0.0199, 300)], [(0.0201, 300)])
    assert world.sent_of(AmendOrders) == []
    assert len(world.sent_of(PlaceOrders)) == 3  # first quotes, the hedge, the ask again


def test_position_limit_takes_the_side_away_that_would_add():
    world = World(max_contracts=300)

    world.hit(Side.BUY, 300)
    world.run(5)

    assert world.quotes == ([], [(0.0201, 300)])
    assert "buy side: position limit" in world.words()


def test_a_mark_far_from_spot_stops_quoting():
    world = World(price_band=0.1)

    world.tell(PriceSeen(at_ns=world.now, symbol="ETC7D", mark=0.025))
    world.run(1)
    world.spot(0.0201)
    world.run(61)

    assert world.quotes == ([], [])
    assert "too far from spot" in world.engine.quiet
    world.tell(PriceSeen(at_ns=world.now, symbol="ETC7D", mark=0.0201))
    world.run(2)
    assert len(world.orders) == 2


def test_refused_quotes_are_tried_again_after_a_pause():
    world = World(start=False)
    world.answer = lambda action: (
        refused(action, "insufficient balance") if isinstance(action, PlaceOrders) else None
    )

    world.start()
    world.run(1)
    once = len(world.sent_of(PlaceOrders))
    world.answer = lambda action: None
    world.run(3)

    assert once == 1
    assert world.quotes == ([(0.0199, 300)], [(0.0201, 300)])
    assert "PlaceOrders refused: insufficient balance" in world.words()


def test_post_only_order_that_was_canceled_is_entered_anew():
    world = World()
    name = next(iter(world.orders))

    row = world.orders.pop(name)
    gone = OrderSeen(
        at_ns=world.now, order_id=row.order_id, cl_ord_id=name, symbol="ETC7D",
        status=OrdStatus.CANCELED, text="Canceled: Order had execInst of ParticipateDoNotInitiate",
    )  # fmt: skip
    world.tell(gone)
    world.run(2)

    assert len(world.orders) == 2
    assert name not in world.orders


def test_busy_venue_is_left_in_peace_for_as_long_as_it_asks():
    world = World()
    world.run(10)
    world.answer = lambda action: (
        refused(action, "429", "busy", 7.0) if isinstance(action, AmendOrders) else None
    )

    world.spot(0.0202)
    world.run(6.5)
    asked = len(world.sent_of(AmendOrders))
    world.answer = lambda action: None
    world.run(1)

    assert asked == 1
    assert world.quotes[0][0][0] == 0.020099


def test_answer_that_never_came_is_cleared_up_by_asking():
    world = World()
    world.run(10)
    world.answer = lambda action: (
        refused(action, "timeout", "unavailable") if isinstance(action, AmendOrders) else None
    )

    world.spot(0.0202)
    world.run(1)
    world.answer = lambda action: None
    world.run(6)

    assert world.sent_of(RefreshState)
    assert world.quotes[0][0][0] == 0.020099
    assert len(world.orders) == 2


def test_lost_new_orders_are_asked_for_and_not_doubled():
    world = World(start=False)
    lost: list[PlaceOrders] = []

    def answer(action):
        if isinstance(action, PlaceOrders) and not lost:
            lost.append(action)
            for order in action.orders:  # they did arrive; only the answer is lost
                world._enter(order, [])
            return refused(action, "timeout", "unavailable")
        return None

    world.answer = answer
    world.start()
    world.run(10)

    assert world.quotes == ([(0.0199, 300)], [(0.0201, 300)])
    assert len(world.sent_of(PlaceOrders)) == 1


def test_refused_key_halts():
    world = World(start=False)
    world.answer = lambda action: (
        refused(action, "Invalid API Key.", "access") if isinstance(action, PlaceOrders) else None
    )

    world.start()
    world.run(1)

    assert isinstance(world.engine.halted, AccessRefusedError)
    assert world.engine.quiet == "Invalid API Key."


def test_cancel_of_an_order_that_is_gone_is_answered_by_its_id_only():
    world = World()
    gone = next(iter(world.orders.values()))
    row = OrderSeen(
        at_ns=0, order_id=gone.order_id, cl_ord_id="", symbol="", status=OrdStatus.CANCELED
    )

    world.orders.pop(gone.cl_ord_id)
    world.tell(row)

    assert gone.cl_ord_id not in world.engine.orders.live


# --- connection, dead-man switch, end -------------------------------------------------------------


def test_disconnect_keeps_still_and_reconnect_compares_first():
    world = World()
    world.run(20)

    world.tell(Disconnected(at_ns=world.now, venue="main", reason="gone"))
    world.run(2)
    sent = len(world.sent)
    world.orders.popitem()  # one was taken meanwhile
    world.tell(Connected(at_ns=world.now, venue="main"))
    world.spot(0.02)
    world.run(3)

    assert type(world.sent[sent]) is RefreshState
    assert world.quotes == ([(0.0199, 300)], [(0.0201, 300)])
    assert len(world.sent_of(RefreshState)) == 1


def test_long_disconnect_tries_to_pull_and_lets_the_dead_man_switch_run_out():
    world = World(stale_spot_s=5.0)
    world.run(20)
    renewed = len(armed(world))

    world.tell(Disconnected(at_ns=world.now, venue="main", reason="gone"))
    world.run(4)
    before = world.sent_of(CancelOrders)
    world.run(60)

    assert before == []
    assert len(world.sent_of(CancelOrders)) == 1
    assert len(armed(world)) == renewed


def test_hedge_venue_of_its_own_is_asked_too_and_knows_nothing_of_the_quotes():
    world = World(hedge_venue="hedge")
    world.answer = lambda action: (
        Answered(at_ns=0, action_id=action.action_id) if action.venue == "hedge" else None
    )
    world.hit(Side.SELL, 70)
    world.settle()
    unhedged = world.hedges()
    world.tell(Connected(at_ns=world.now, venue="hedge"))
    world.settle()

    world.tell(Disconnected(at_ns=world.now, venue="hedge", reason="gone"))
    world._book.clear()
    world.run(4)
    still_quoted = len(world.orders)
    world.run(2)
    pulled = len(world.orders)
    world.tell(Connected(at_ns=world.now, venue="hedge"))
    world.spot(0.02)
    world.run(5)

    assert unhedged == []  # its line was not up yet
    assert {action.venue for action in world.sent_of(PlaceOrders)} == {"main", "hedge"}
    assert (still_quoted, pulled) == (2, 0)
    assert [action.venue for action in world.sent_of(RefreshState)[:2]] == ["main", "hedge"]
    assert len(world.orders) == 2


def test_refused_dead_man_switch_is_tried_again_in_a_second():
    world = World()
    world.answer = lambda action: (
        refused(action, "500", "unavailable") if isinstance(action, ArmDeadMan) else None
    )
    world.run(16)
    world.answer = lambda action: None
    world.run(2)

    times = [action for action in world.sent if isinstance(action, ArmDeadMan)]
    assert 3 <= len(times) <= 4


def test_shutdown_cancels_all_own_orders_and_disarms_once_that_is_confirmed():
    world = World()
    world.run(3)

    world.take(world.engine.shutdown_actions())
    before = world.engine.is_closed
    world.settle()

    assert not before
    assert [type(action) for action in world.sent[-2:]] == [CancelOrders, ArmDeadMan]
    assert armed(world)[-1] == 0
    assert world.orders == {}
    assert world.engine.is_closed


def test_shutdown_repeats_a_cancel_that_failed():
    world = World()
    world.answer = lambda action: (
        refused(action, "503", "busy", 0.5) if isinstance(action, CancelOrders) else None
    )

    world.take(world.engine.shutdown_actions())
    world.run(5)
    tries = len(world.sent_of(CancelOrders))
    world.answer = lambda action: None
    world.run(3)

    assert tries >= 2
    assert world.orders == {}
    assert world.engine.is_closed


@pytest.mark.parametrize("kind", ["refused", "busy", "unavailable", "access"])
def test_a_venue_that_refuses_everything_at_once_is_not_flooded(kind):
    world = World(latency_ns=0)
    world.answer = partial(refused, kind=kind)
    world.hit(Side.SELL, 100)
    world.tell(Disconnected(at_ns=world.now, venue="main", reason="gone"))

    before = len(world.sent)
    world.run(60)
    world.tell(Connected(at_ns=world.now, venue="main"))
    world.run(60)
    world.take(world.engine.shutdown_actions())
    world.run(60)

    assert len(world.sent) - before < 600


def test_no_new_quotes_after_shutdown():
    world = World()
    world.take(world.engine.shutdown_actions())
    world.settle()
    sent = len(world.sent)

    world.spot(0.03)
    world.run(30)

    assert len(world.sent) == sent


def test_an_order_that_is_not_ours_by_number_makes_it_start_over():
    world = World()

    stray = OrderSeen(
        at_ns=world.now, order_id="s", cl_ord_id="mm-test-q999", symbol="ETC7D", side=Side.BUY,
        price=19000, order_qty=5, leaves_qty=5, cum_qty=0, status=OrdStatus.NEW,
    )  # fmt: skip
    world.tell(stray)
    world.run(1)

    assert "starting over" in world.words()
    assert world.sent_of(CancelOrders)
    assert world.sent_of(RefreshState)
    world.run(10)
    assert len(world.orders) == 2


# --- the user's code ------------------------------------------------------------------------------


class Moody:
    def __init__(self) -> None:
        self.mood = "good"
        self.told: list[int] = []

    def quote(self, view):
        if self.mood == "raise":
            raise RuntimeError("oops")
        if self.mood == "nonsense":
            return "buy"
        return Quotes(bids=(Level(view.spot * 0.995, 100),), asks=(Level(view.spot * 1.005, 100),))

    def on_fill(self, fill):
        self.told.append(fill.qty)
        if self.mood == "raise":
            raise RuntimeError("oops")


@pytest.mark.parametrize("mood", ["raise", "nonsense"])
def test_strategy_that_raises_pulls_the_quotes_and_is_asked_again(mood):
    strategy = Moody()
    world = World(strategy)
    world.run(10)

    strategy.mood = mood
    world.spot(0.0203)
    world.run(1)
    pulled = world.quotes
    strategy.mood = "good"
    world.run(6)

    assert pulled == ([], [])
    assert len(world.orders) == 2
    assert "the strategy raised" in world.words()
    assert "View(" in world.words()


def test_strategy_that_raises_stops_the_run_when_settings_say_so():
    strategy = Moody()
    world = World(strategy, stop_on_strategy_error=True)
    world.run(10)

    strategy.mood = "raise"
    world.spot(0.0203)
    world.run(1)

    assert isinstance(world.engine.halted, StrategyError)
    assert world.quotes == ([], [])


def test_strategy_is_told_of_its_fills_and_may_not_stop_the_hedge():
    strategy = Moody()
    world = World(strategy)

    strategy.mood = "raise"
    world.hit(Side.SELL, 70)
    world.settle()

    assert strategy.told == [70]
    assert world.spot_row == 70 * COIN
    assert "on_fill raised" in world.words()


def test_repeated_executions_are_noted_once():
    world = World()
    world.hit(Side.SELL, 70)
    fill = world.fills()[0].fill

    world.tell(fill)
    world.settle()

    assert [note.fill.exec_id for note in world.fills()].count(fill.exec_id) == 1


# --- whole lives ----------------------------------------------------------------------------------

HAPPENINGS = st.one_of(
    st.tuples(st.just("hit"), st.sampled_from(list(Side)), st.integers(1, 400)),
    st.tuples(st.just("spot"), st.floats(0.018, 0.022), st.just(0)),
    st.tuples(st.just("wait"), st.floats(0.01, 20), st.just(0)),
    st.tuples(st.just("fail"), st.sampled_from(["refused", "busy", "unavailable"]), st.just(0)),
    st.tuples(st.just("heal"), st.just(0), st.just(0)),
    st.tuples(st.just("drop"), st.floats(0.01, 8), st.just(0)),
)


def happen(world, what, which, qty):
    if what == "hit" and any(row.side is which for row in world.orders.values()):
        world.hit(which, qty)
    elif what == "spot":
        world.spot(which)
    elif what == "wait":
        world.run(which)
    elif what == "fail":
        world.answer = partial(refused, words="no", kind=which, retry_after_s=0.1)
    elif what == "heal":
        world.answer = lambda action: None
    elif what == "drop":
        world.tell(Disconnected(at_ns=world.now, venue="main", reason="gone"))
        world.run(which)
        world.tell(Connected(at_ns=world.now, venue="main"))
        world._book.clear()
        world.spot(world.mid)


@given(st.lists(HAPPENINGS, max_size=25), st.sampled_from([0, 10**6, 300_000_000]))
def test_whatever_happens_it_ends_hedged_quoted_within_limits_and_with_nothing_doubled(
    happenings, latency_ns
):
    world = World(latency_ns=latency_ns, max_contracts=500, hedge_threshold=0.0)

    for what, which, qty in happenings:
        happen(world, what, which, qty)
        for side in Side:
            assert sum(row.side is side for row in world.orders.values()) <= 1
        assert abs(world.position) <= 800
    world.answer = lambda action: None
    world.run(90)

    assert world.spot_row == -world.position * COIN
    bids, asks = world.quotes
    assert len(bids) == (world.position < 500)
    assert len(asks) == (world.position > -500)
    for price, _ in bids:
        assert price == pytest.approx(world.mid * 0.995, rel=0.0017)
    for price, _ in asks:
        assert price == pytest.approx(world.mid * 1.005, rel=0.0017)


def test_events_that_change_nothing_lead_to_nothing():
    world = World()
    world.run(1)
    sent = len(world.sent)

    for _ in range(100):
        far = ((Side.BUY, 1_900_000, 5),)
        world.tell(BookSeen(at_ns=world.now, symbol="ETC_XBT", snapshot=False, levels=far))
        world.tell(TradeSeen(at_ns=world.now, symbol="ETC_XBT", side=Side.BUY, price=1, qty=1))
        world.tell(BookSeen(at_ns=world.now, symbol="OTHER", snapshot=True, levels=far))

    assert len(world.sent) == sent
