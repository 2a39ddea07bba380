"""E6: what an order of the impact notional would get from each side of a book."""

import random
from fractions import Fraction

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim_exchange.core import commands as c
from sim_exchange.core.fixings.impact import (
    dollar_notional,
    impact_mid,
    impact_notional,
    impact_price,
)
from sim_exchange.core.types import MINUTE_NS, PICO, Kind, Reason
from tests.core.world import BUY, SELL, XBTUSD, World, composite, inverse_world

XBT = 10**8
TENTH = PICO // 10  # a tick of 0.1


@pytest.mark.parametrize(
    ("init_margin_ppm", "notional_xbt"),
    [(10_000, "10"), (20_000, "5"), (500_000, "0.2"), (50_000, "2"), (1_000_000, "0.1")],
)
def test_E6_notional_is_a_tenth_of_a_coin_over_initial_margin(init_margin_ppm, notional_xbt):
    assert impact_notional(init_margin_ppm) == Fraction(notional_xbt) * XBT


def test_E6_inverse_book_averages_contracts_over_coins():
    """Harmonic: 5,000 contracts for 5 XBT, 4,990 more for the other 5."""
    bids = [(10_000, 5_000), (9_980, 20_000)]
    asks = [(10_020, 4_008), (10_040, 20_000)]

    bid = impact_price(bids, 10 * XBT, Kind.INVERSE, -XBT, TENTH)
    ask = impact_price(asks, 10 * XBT, Kind.INVERSE, -XBT, TENTH)

    assert bid == 999 * PICO
    assert ask == Fraction(10_032, 10) * PICO
    assert impact_mid(bid, ask, TENTH) == Fraction("1001.10") * PICO


def test_E6_linear_book_averages_price_over_contracts():
    """ETC7D: 2 XBT buy 100 at 0.01 (1 XBT) and 50 at 0.02 (1 XBT): 2/150."""
    asks = [(10_000, 100), (20_000, 1_000)]

    ask = impact_price(asks, 2 * XBT, Kind.LINEAR, XBT, PICO // 10**6)

    assert ask == Fraction(2, 150) * PICO


def test_E6_quanto_book_counts_what_a_contract_is_worth_in_coin():
    """ETHUSD: 100 XBt a USD, so 1 XBT is 2,000 contracts at 500."""
    bids = [(10_000, 1_000), (9_000, 5_000)]  # tick 0.05: 500 and 450

    bid = impact_price(bids, XBT, Kind.QUANTO, 100, PICO // 20)

    second = Fraction(XBT - 1_000 * 50_000, 45_000)
    assert bid == Fraction(XBT, 100) / (1_000 + second) * PICO


@pytest.mark.parametrize(("kind", "multiplier"), [(Kind.LINEAR, XBT), (Kind.INVERSE, -XBT)])
def test_E6_book_thinner_than_the_notional_has_no_impact_price(kind, multiplier):
    assert impact_price([], XBT, kind, multiplier, PICO) is None
    assert impact_price([(1, 1)], 10 * XBT, kind, multiplier, PICO) is None


@pytest.mark.parametrize(("kind", "multiplier"), [(Kind.LINEAR, XBT), (Kind.INVERSE, -XBT)])
def test_E6_book_of_exactly_the_notional_is_enough(kind, multiplier):
    assert impact_price([(1, 10)], 10 * XBT, kind, multiplier, PICO) == PICO


def test_E6_mid_is_rounded_to_half_a_tick_halves_away_from_zero():
    tick = 10_000

    assert impact_mid(Fraction(100_000), Fraction(110_000), tick) == 105_000
    assert impact_mid(Fraction(100_000), Fraction(104_999), tick) == 100_000
    assert impact_mid(Fraction(100_000), Fraction(105_000), tick) == 105_000


@settings(derandomize=True)
@given(
    levels=st.lists(
        st.tuples(st.integers(1, 10**6), st.integers(1, 10**5)), min_size=1, max_size=8
    ),
    notional=st.integers(1, 10**12),
    kind=st.sampled_from([Kind.LINEAR, Kind.QUANTO, Kind.INVERSE]),
)
def test_E6_average_is_between_the_best_and_the_worst_level_used(levels, notional, kind):
    multiplier = {Kind.LINEAR: XBT, Kind.QUANTO: 100, Kind.INVERSE: -XBT}[kind]

    price = impact_price(levels, notional, kind, multiplier, TENTH)

    if price is not None:
        ticks = [level[0] for level in levels]
        assert min(ticks) * TENTH <= price <= max(ticks) * TENTH


def test_E6_notional_of_later_eras():
    """0.2 XBT / IM from 2020-12-15; dollars from 2021-04-27: 10,000, 50,000, 200,000."""
    assert impact_notional(10_000, 20_000_000) == 20 * XBT
    assert dollar_notional(10_000, "XBt", 5_000_000, 2) == XBT // 5  # at 50,000 a coin
    assert dollar_notional(200_000, "XBt", 50_000) == 4 * XBT
    assert dollar_notional(50_000, "USDt") == 50_000 * 10**6


@pytest.mark.parametrize(
    ("fields", "bid"),
    [
        ({}, None),  # 0.1 XBT / 1 % = 10 XBT: too much for the book
        ({"impact_at_full_margin": 5_000_000}, None),
        ({"impact_at_full_margin": 1_000_000}, 10_000),
        ({"impact_notional": XBT}, 10_000),
        ({"impact_usd": 10_000, "impact_index": ".BXBT"}, 10_000),
        ({"impact_usd": 20_000, "impact_index": ".BXBT"}, 9_950),  # half at 10,000, half at 9,900
    ],
)
def test_E6_notional_is_data_of_the_instrument(fields, bid):
    """Index 10,000: bids of 1 XBT at 10,000 and of about 1 XBT at 9,900."""
    w = inverse_world(tick_pico=TENTH, maker_fee_ppm=0, taker_fee_ppm=0, **fields)
    rich = w.account("rich", XBt=1_000 * XBT)
    w.place(rich, BUY, 10_000, 100_000, "XBTUSD")
    w.place(rich, BUY, 10_000, 99_000, "XBTUSD")
    w.advance(MINUTE_NS)
    market = w.x.markets["XBTUSD"]

    if bid is None:
        assert (market.impact_bid, market.has_liquidity) == (0, False)
    else:
        assert abs(market.impact_bid - bid * PICO) < PICO


def test_E6_dollars_without_a_price_have_no_notional_yet():
    w = World()
    for symbol in (".BXBT", ".BETH"):
        w.ok(c.ListIndex(spec=composite(symbol, decimals=2)))
    w.index(".BETH", "500")
    w.enlist(XBTUSD, reference_symbol=".BETH", impact_usd=10, impact_index=".BXBT")
    rich = w.account("rich", XBt=1_000 * XBT)
    w.place(rich, BUY, 10_000, 990, "XBTUSD")
    w.place(rich, SELL, 10_000, 1_010, "XBTUSD")
    w.advance(MINUTE_NS)
    assert w.x.markets["XBTUSD"].impact_mid == 0
    w.index(".BXBT", "10000")
    w.advance(MINUTE_NS)

    assert w.x.markets["XBTUSD"].impact_mid == 500 * PICO


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"impact_at_full_margin": 0}, "impact_at_full_margin"),
        ({"impact_notional": -1}, "impact_notional"),
        ({"impact_usd": -1}, "impact_usd"),
        ({"impact_index": ".BXBT"}, "impact_usd"),
        ({"impact_usd": 1, "impact_index": ".NONE"}, ".NONE"),
        ({"impact_usd": 1.5}, "whole"),
        ({"basis_interval_ns": 7 * 10**9}, "basis_interval_ns"),
        ({"basis_interval_ns": 0}, "basis_interval_ns"),
        ({"basis_spread_ticks": -1}, "basis_spread_ticks"),
    ],
)
def test_E6_bad_listings_are_refused(fields, word):
    w = inverse_world()
    spec = msgspec.structs.replace(XBTUSD, symbol="OTHER", **fields)

    event = w.refused(c.ListInstrument(spec=spec))

    assert event.reason is Reason.BAD_INSTRUMENT
    assert word in event.text


def test_E6_the_price_of_an_inverse_contract_is_exact_whatever_the_levels() -> None:
    draw = random.Random(6)
    for _ in range(500):
        levels = [(draw.randint(1, 30_000), draw.choice((0, 1, 77, 10**5))) for _ in range(9)]
        notional, tick = draw.choice((1, 10**7, 10**9)), 5 * 10**11
        left, contracts, expected = Fraction(notional), Fraction(0), None
        for ticks, size in levels:
            each = Fraction(10**8 * PICO, ticks * tick)
            if size * each >= left:
                expected = (contracts + left / each) * 10**8 * PICO / notional
                break
            left -= size * each
            contracts += size
        assert impact_price(levels, notional, Kind.INVERSE, -(10**8), tick) == expected
