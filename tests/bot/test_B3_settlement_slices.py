"""B3: the hedge is unwound minute by minute while the settlement price is sampled (Lesson 1)."""

from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmbot.hedge.twap import Slicer, hedged_part, slice_plan, slice_qty
from mmbot.types import MINUTE_NS, SECOND_NS, FillRole, Listen, PriceSeen, SettlementSeen, Side
from tests.bot.instruments import COIN, ETC7D
from tests.bot.script import World
from tests.bot.test_B2_dynamic_hedge import is_hedge, refused

T = ETC7D.expiry_ns or 0


@pytest.mark.parametrize(
    ("quantity", "counts"),
    [
        (300, {10: 30}),
        (305, {11: 5, 10: 25}),
        (7, {1: 7, 0: 23}),
        (305 * COIN, {1_016_666_667: 20, 1_016_666_666: 10}),
        (7 * COIN, {23_333_334: 10, 23_333_333: 20}),
    ],
)
def test_B3_golden_slices_of_a_fixed_quantity(quantity, counts):
    plan = slice_plan(quantity)

    assert Counter(plan) == counts
    assert sum(plan) == quantity
    assert list(plan) == sorted(plan, reverse=True)


def test_B3_golden_perfect_matching_earns_the_spread():
    path = [Fraction(2000 + k, 100_000) for k in range(30)]

    twap = sum(path, Fraction(0)) / 30
    futures = -300 * (twap - Fraction("0.0201"))
    spot = sum((10 * price for price in path), Fraction(0)) - 300 * Fraction("0.0200")

    assert twap == Fraction("0.020145")
    assert (futures, spot) == (Fraction("-0.0135"), Fraction("0.0435"))
    assert futures + spot == Fraction("0.03")


@given(st.lists(st.integers(1, 10**6), min_size=30, max_size=30), st.integers(-(10**5), 10**5))
def test_B3_slices_at_the_sampled_prints_match_the_settlement_whatever_the_path(path, position):
    plan = slice_plan(abs(position) * 30)  # in units that divide

    twap = Fraction(sum(path), 30)
    spot = sum(qty * price for qty, price in zip(plan, path, strict=True))

    assert spot == abs(position) * 30 * twap


@pytest.mark.parametrize(
    ("spot", "percent"), [("0.02", "0.5000"), ("0.03", "0.3333"), ("0.015", "0.6667")]
)
def test_B3_golden_break_even_slippage(spot, percent):
    assert f"{float(Fraction('0.0001') / Fraction(spot) * 100):.4f}" == percent


def test_B3_exposure_left_after_k_prints():
    assert [hedged_part(-300, k) for k in (0, 1, 29, 30)] == [-300, -290, -10, 0]


def test_B3_missed_minutes_are_carried_to_the_next():
    slicer = Slicer(T, delay_ns=0)

    first = slicer.order(T - 29 * MINUTE_NS, 300, lot=1, least=1)
    late = slicer.order(T - 25 * MINUTE_NS, 290, lot=1, least=1)

    assert first is not None
    assert late is not None
    assert first.qty == 10
    assert late.qty == slice_qty(290, 26) == 12


def test_B3_quoting_stops_and_quotes_leave_31_minutes_before():
    world = World(at_ns=T - 32 * MINUTE_NS)

    world.run(59.5)
    before = world.quotes
    world.run(0.51)

    assert before[0]
    assert before[1]
    assert world.quotes == ([], [])
    assert world.engine.quiet == "settlement window"


@pytest.mark.parametrize("side", list(Side))
def test_B3_engine_slices_just_after_each_print_and_closes_at_the_end(side):
    world = World(at_ns=T - 40 * MINUTE_NS)
    world.hit(side, 300)
    world.settle()
    assert world.position == 300 * side

    live_the_window(world)
    world.expire()
    world.tell(SettlementSeen(at_ns=world.now, symbol="ETC7D", price=0.020145))
    world.run(5)

    notes = [note for note in world.fills() if note.role is FillRole.SLICE]
    assert [note.fill.qty for note in notes] == [10 * COIN] * 30
    assert [note.slice_no for note in notes] == list(range(1, 31))
    assert [note.sample for note in notes] == pytest.approx([0.02 + 1e-5 * k for k in range(30)])
    assert {note.fill.side for note in notes} == {side}
    late = [(note.at_ns - (T - 29 * MINUTE_NS)) % MINUTE_NS for note in notes]
    assert all(0 < late_ns <= 1.1 * SECOND_NS for late_ns in late)
    assert world.hedges()[-1].close
    assert (world.position, world.spot_row) == (0, 0)
    assert [note.role for note in world.fills()].count(FillRole.SETTLEMENT) == 1
    assert world.engine.is_done


def test_B3_refused_slice_is_carried_and_the_last_one_repeated_until_zero():
    world = World(at_ns=T - 40 * MINUTE_NS)
    world.hit(Side.SELL, 300)
    world.settle()

    world.answer = lambda action: (
        refused(action, "no") if is_hedge(action) and world.now < T + 5 * SECOND_NS else None
    )
    live_the_window(world)
    world.expire()
    world.run(60)

    assert world.spot_row == 0
    assert world.engine.is_done


def test_B3_fill_inside_the_window_is_hedged_by_what_is_not_fixed_yet():
    # A cancel that never arrives leaves a quote in the window.
    world = World(at_ns=T - 40 * MINUTE_NS, quote_stop_s=0.0)
    world.hit(Side.SELL, 300)
    world.settle()
    world.run(10 * 60 + 10 * 60 + 30)  # T-19.5 min: 10 prints taken

    world.hit(Side.SELL, 300)
    world.settle()

    assert world.spot_row == 600 * COIN * 20 // 30
    world.run(19.5 * 60 - 1)
    world.expire()
    world.run(10)
    assert world.spot_row == 0


def test_B3_flat_position_needs_no_slices():
    world = World(at_ns=T - 32 * MINUTE_NS)

    world.run(33 * 60)

    assert world.hedges() == []
    assert world.engine.is_done


def test_B3_settled_contract_with_coins_left_is_not_done():
    world = World(at_ns=T - 40 * MINUTE_NS)
    world.hit(Side.SELL, 300)
    world.settle()
    world.answer = lambda action: refused(action, "no") if is_hedge(action) else None

    live_the_window(world)
    world.expire()
    world.run(120)

    assert not world.engine.is_done


def test_B3_expiry_alone_with_a_flat_position_counts_as_settled():
    world = World(at_ns=T - 40 * MINUTE_NS)

    world.run(41 * 60)  # one minute past T

    assert world.engine.is_done
    assert world.engine.next_wake_ns() is None


def test_B3_the_index_is_asked_for_once_a_minute_before_the_samples_begin():
    world = World(at_ns=T - 40 * MINUTE_NS, index_symbol=".ETCXBT", index_is_late=True)

    world.run(9 * 60 - 1)
    before = world.sent_of(Listen)
    world.run(3 * 60)

    assert before == []
    assert [action.symbol for action in world.sent_of(Listen)] == [".ETCXBT"]


def live_the_window(world: World) -> None:
    """Print 0.02000 + 0.00001 k at the k-th of the 30 minute marks, up to T."""
    world.run((T - 29 * MINUTE_NS - world.now) / SECOND_NS - 0.5)
    for k in range(30):
        world.run((T - (29 - k) * MINUTE_NS - world.now) / SECOND_NS - 0.1)
        world.tell(PriceSeen(at_ns=world.now, symbol=".ETCXBT", last=0.02 + 1e-5 * k))
        world.run(0.1)


@settings(max_examples=20)
@given(st.integers(0, 10**14), st.integers(1, 30), st.integers(1, 10**8))
def test_B3_a_slice_is_never_more_than_what_is_left(quantity, left, lot):
    qty = slice_qty(quantity, left, lot)

    assert 0 <= qty <= quantity
    assert qty % lot == 0
    assert left > 1 or quantity - qty < lot
