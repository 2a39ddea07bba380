"""The path: each bar's figures are kept, nothing leaves the bar, loops join."""

from hypothesis import given, settings
from hypothesis import strategies as st

from sim_exchange.market.candles import BAR_NS, BUNDLED, WEEK_NS, Bar, Candles, friday_noon, load
from sim_exchange.market.draws import source
from sim_exchange.market.path import (
    PRINT_NS,
    PRINTS,
    QUANTUM,
    ReferencePath,
    VenueNoise,
    bar_prints,
)
from tests.interpreters import said_elsewhere

NOON_NS = friday_noon(1_515_500_000 * 10**9)
prices = st.integers(1, 10**7).map(lambda k: k * QUANTUM)


@st.composite
def bars(draw):
    four = sorted(draw(st.lists(prices, min_size=4, max_size=4)))
    o, c = draw(st.permutations(four[1:3]))
    return Bar(NOON_NS, o, four[3], four[0], c)


@given(bars(), st.integers(0, 2**64))
@settings(max_examples=200, deadline=None)
def test_the_prints_of_a_bar_have_its_open_high_low_and_close(bar, seed):
    prints = bar_prints(bar, source(seed, "x"))

    assert len(prints) == PRINTS
    assert (prints[0], prints[-1]) == (bar.open, bar.close)
    assert (max(prints), min(prints)) == (bar.high, bar.low)
    assert all(price % QUANTUM == 0 for price in prints)


def test_figures_finer_than_a_print_are_kept_exactly():
    bar = Bar(NOON_NS, 5_000_001, 5_000_009, 4_999_999, 5_000_003)
    prints = bar_prints(bar, source(1, "x"))
    assert (prints[0], max(prints), min(prints), prints[-1]) == (
        5_000_001,
        5_000_009,
        4_999_999,
        5_000_003,
    )


def test_every_bar_of_the_shipped_week_is_kept():
    candles = load(BUNDLED)
    path = ReferencePath(candles, 7)
    for bar in candles.bars[663:2679:50]:
        prints = [path.price(bar.start_ns + k * PRINT_NS) for k in range(PRINTS)]
        assert (prints[0], max(prints), min(prints), prints[-1]) == (
            bar.open,
            bar.high,
            bar.low,
            bar.close,
        )


def test_the_price_does_not_depend_on_who_asked_before():
    candles = load(BUNDLED)
    at = [NOON_NS + k * 77 * PRINT_NS for k in range(300)]
    forward, backward = ReferencePath(candles, 7), ReferencePath(candles, 7)

    assert [forward.price(t) for t in at] == [backward.price(t) for t in reversed(at)][::-1]
    assert forward.price(at[5] + PRINT_NS - 1) == forward.price(at[5])


def test_another_seed_gives_another_path_through_the_same_bars():
    candles = load(BUNDLED)
    one, two = ReferencePath(candles, 1), ReferencePath(candles, 2)
    at = [NOON_NS + k * PRINT_NS for k in range(600)]

    assert [one.price(t) for t in at] != [two.price(t) for t in at]
    assert [one.price(t) for t in at[::60]] == [two.price(t) for t in at[::60]]


def test_outside_the_file_the_nearest_price_is_carried():
    candles = load(BUNDLED)
    path = ReferencePath(candles, 1)
    assert path.price(candles.start_ns - 1) == candles.bars[0].open
    assert path.price(candles.end_ns) == candles.bars[-1].close
    assert path.price(candles.end_ns + 10 * WEEK_NS) == candles.bars[-1].close


def test_a_loop_keeps_its_weekday_and_joins_where_it_ended():
    candles = load(BUNDLED)
    anchor = NOON_NS + 440 * WEEK_NS + 12_345 * PRINT_NS
    path = ReferencePath(candles, 1, anchor)
    start = NOON_NS + 440 * WEEK_NS

    # unscaled around the anchor: 440 weeks are 220 loops of two
    first = next(bar for bar in candles.bars if bar.start_ns == NOON_NS)
    assert path.price(start) == first.open
    for loop in (-3, -1, 0, 1, 2, 5):
        end = start + (loop + 1) * 2 * WEEK_NS
        before, after = path.price(end - PRINT_NS), path.price(end)
        assert abs(after / before - 1) < 1e-4


def test_a_looped_bar_is_the_files_bar_rescaled():
    candles = load(BUNDLED)
    path = ReferencePath(candles, 1, NOON_NS)
    bar = candles.bars[663 + 100]
    later = [path.price(bar.start_ns + 2 * WEEK_NS + k * PRINT_NS) for k in range(PRINTS)]
    scale = later[0] / bar.open
    for price, figure in ((max(later), bar.high), (min(later), bar.low), (later[-1], bar.close)):
        assert abs(price / scale - figure) <= 2 * QUANTUM


def test_a_venue_strays_five_basis_points_from_the_path():
    noise = VenueNoise(source(3, "venue"))
    strays = [noise.print(10**12) / 10**12 - 1 for _ in range(100_000)]
    deviation = (sum(s * s for s in strays) / len(strays)) ** 0.5
    assert 4.5e-4 < deviation < 5.5e-4
    assert abs(sum(strays) / len(strays)) < 1e-4


def test_a_cheap_coin_never_prints_zero():
    candles = Candles("x", "X", (Bar(NOON_NS, 10**4, 10**4, 10**4, 10**4),) * 1, ())
    noise = VenueNoise(source(3, "venue"), deviation=0.5)
    assert min(noise.print(candles.bars[0].open) for _ in range(2_000)) == QUANTUM


def test_draws_are_the_same_in_every_process():
    program = (
        "from sim_exchange.market.candles import BUNDLED, load, BAR_NS\n"
        "from sim_exchange.market.path import ReferencePath\n"
        "c = load(BUNDLED); p = ReferencePath(c, 7)\n"
        "print(sum(k * p.price(c.listing_ns + k * 5 * 10**9) for k in range(600)))"
    )
    assert len(said_elsewhere("-c", program)) == 1
    assert BAR_NS == PRINTS * PRINT_NS
