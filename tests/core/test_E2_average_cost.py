"""E2: average cost is an integer; nothing is created by closing a part."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from sim_exchange.core.types import PICO, rha
from tests.core.test_E1_value import DOLLAR, position, trade

LOT_100 = msgspec.structs.replace(DOLLAR, lot_size=100)


def test_E2_two_fills_with_lots_of_100() -> None:
    held = position(LOT_100)
    trade(held, 1, 100, 29_800)
    trade(held, 1, 200, 30_000)
    maths = held.market.maths

    assert (maths.at_ticks(29_800), maths.at_ticks(30_000)) == (335_570, 333_333)
    assert held.cost == -1_002_236
    assert maths.average_pico(held.qty, held.cost) == 299_330_697 * PICO // 10_000  # 29,933.0697


def test_E2_two_fills_with_lots_of_1_show_an_average_by_side() -> None:
    held = position(DOLLAR)
    trade(held, 1, 80, 7_500)
    trade(held, 1, 20, 7_800)
    maths = held.market.maths

    assert held.cost == -1_323_060
    assert maths.average_pico(100, -1_323_060) == 75_585_790 * PICO // 10_000  # long 7558.5790
    assert maths.average_pico(-100, 1_323_060) == 75_580_077 * PICO // 10_000  # short 7558.0077


@given(
    st.lists(
        st.tuples(st.sampled_from((1, -1)), st.integers(1, 50), st.integers(5_000, 20_000)),
        max_size=12,
    ),
    st.integers(5_000, 20_000),
)
def test_E2_realised_and_unrealised_are_what_the_executions_cost(
    fills: list[tuple[int, int, int]], last: int
) -> None:
    held = position(DOLLAR)
    spent = realised = 0
    for side, qty, ticks in fills:
        spent += held.market.maths.exec_cost(side, ticks, qty)
        realised += trade(held, side, qty, ticks)
    held.market.set_mark(last)

    assert realised + held.unrealised_pnl == held.mark_value - spent


def test_E2_crossing_through_zero_closes_everything_then_opens_the_rest() -> None:
    held = position(DOLLAR)
    trade(held, 1, 100, 10_000)

    pnl = trade(held, -1, 250, 12_500)

    assert pnl == 100 * (10_000 - 8_000)
    assert (held.qty, held.cost) == (-150, 150 * 8_000)


def test_E2_released_cost_is_rounded_once_and_the_rest_is_kept() -> None:
    held = position(DOLLAR)
    trade(held, 1, 1, 7_000)
    trade(held, 1, 2, 7_003)
    whole = held.cost

    pnl = trade(held, -1, 1, 7_010)

    released = rha(whole, 3)
    assert held.cost == whole - released
    assert pnl == -(released + held.market.maths.exec_cost(-1, 7_010, 1))
