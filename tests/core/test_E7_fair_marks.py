"""E6, E7: the goldens of fair marks through the whole exchange, and the figures on their way."""

from fractions import Fraction

import pytest

from sim_exchange.core.events import MarkChanged, SettledAt
from sim_exchange.core.types import DAY_NS, HOUR_NS, MINUTE_NS, PICO, State
from tests.core.world import BUY, SELL, START_NS, XBT, World, inverse_world

TENTH = PICO // 10
TO_SEPTEMBER = Fraction(63 * 1440 + 13 * 60 + 24, 1440)  # 63.5583 days
MONTH_NS = 30 * DAY_NS


def raw(mid: str, index: str, days: Fraction | int) -> Fraction:
    """The basis rate a year before it is rounded to whole percents."""
    return (Fraction(mid) / Fraction(index) - 1) / (Fraction(days) / 365)


@pytest.mark.parametrize(
    ("mid", "index", "days", "shown", "digits"),
    [
        ("32337", "32182.72", TO_SEPTEMBER, "0.0275", 4),
        ("0.000018175", "0.00001832", TO_SEPTEMBER, "-0.0455", 4),
        ("1001.1", "990", 30, "0.136414", 6),
    ],
)
def test_E7_golden_rates_before_they_are_rounded(
    mid: str, index: str, days: Fraction | int, shown: str, digits: int
) -> None:
    assert round(raw(mid, index, days), digits) == Fraction(shown)


def test_E7_golden_spread_of_4_2_on_990_is_under_maintenance_margin() -> None:
    spread = (Fraction("1003.2") - 999) / 990
    assert round(spread * 100, 4) == Fraction("0.4242")
    assert spread < Fraction("0.005")


def book_of_E6(left_ns: int = MONTH_NS) -> World:
    """The golden book of E6 on an index of 990, ``left_ns`` before its contract settles."""
    w = inverse_world(
        "990",
        tick_pico=TENTH,
        maker_fee_ppm=0,
        taker_fee_ppm=0,
        expiry_ns=START_NS + left_ns + MINUTE_NS,
    )
    rich = w.account("rich", XBt=1_000 * XBT)
    for qty, ticks in ((5_000, 10_000), (20_000, 9_980)):
        w.place(rich, BUY, qty, ticks, "XBTUSD")
    for qty, ticks in ((4_008, 10_020), (20_000, 10_040)):
        w.place(rich, SELL, qty, ticks, "XBTUSD")
    w.advance(MINUTE_NS)
    return w


def test_E6_E7_golden_book_impact_prices_and_fair_price() -> None:
    """N = 10 XBT: 999.00 and 1003.20, in the middle 1001.10; 0.14 a year, so 11.39 for a month."""
    market = book_of_E6().x.markets["XBTUSD"]

    assert market.impact_bid == 999 * PICO
    assert market.impact_ask == 100_320 * PICO // 100
    assert market.impact_mid == 100_110 * PICO // 100
    assert market.has_liquidity
    assert market.fair_basis_rate_ppm == 140_000
    assert (market.index_price, market.fair_basis, market.mark) == (99_000, 1_139, 100_139)


def test_E6_a_book_thinner_than_the_notional_freezes_the_basis() -> None:
    w = book_of_E6()
    w.cancel(next(o for o in w.x.open_orders(1) if o.side is BUY and o.price == 9_980))
    w.index(".BXBT", "1100")
    w.advance(MINUTE_NS)
    market = w.x.markets["XBTUSD"]

    assert (market.impact_bid, market.impact_mid, market.has_liquidity) == (0, 0, False)
    assert market.fair_basis_rate_ppm == 140_000  # its rate stays, on the index of now
    left = Fraction(30 * 1440 - 1, 1440)
    assert market.fair_basis == round(Fraction(110_000 * 14, 100) * left / 365)
    assert market.mark == 110_000 + market.fair_basis


def test_E7_a_spread_as_wide_as_maintenance_margin_keeps_the_last_rate() -> None:
    w = book_of_E6()
    near = next(o for o in w.x.open_orders(1) if o.side is SELL and o.price == 10_020)
    w.amend(near, price=10_060)
    w.advance(MINUTE_NS)
    market = w.x.markets["XBTUSD"]

    assert market.impact_mid > 100_110 * PICO // 100
    assert not market.has_liquidity
    assert market.fair_basis_rate_ppm == 140_000


def test_E7_at_expiry_nothing_is_divided_by_the_days_left() -> None:
    """The mark is the mean that the contract settles at, not the index nor a basis on it."""
    w = book_of_E6(HOUR_NS)
    w.checked = False
    end_ns = w.now + HOUR_NS
    while w.now < end_ns - MINUTE_NS:
        w.now += MINUTE_NS
        w.print(".BXBT", "990")
        w.advance()
    market = w.x.markets["XBTUSD"]
    assert (market.fair_basis, market.mark) == (1_110, 100_110)  # the middle of its own book
    w.now = end_ns
    w.print(".BXBT", "1020")
    w.advance()

    assert [e.mark for e in w.of(MarkChanged)] == [99_100]  # type: ignore[attr-defined]
    assert [e.price for e in w.of(SettledAt)] == [99_100]  # type: ignore[attr-defined]
    assert market.state is State.SETTLED
