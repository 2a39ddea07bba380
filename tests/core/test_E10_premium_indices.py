"""E10: what a funding rate is made of is published, in the very numbers that make it."""

import msgspec
import pytest

from sim_exchange.core import commands as c
from sim_exchange.core.events import IndexPublished
from sim_exchange.core.fixings.premium import minute_premium
from sim_exchange.core.specs import IndexSpec
from sim_exchange.core.types import (
    HOUR_NS,
    MINUTE_NS,
    IndexKind,
    MarkMethod,
    Mode,
    Reason,
    TickDirection,
)
from tests.core.world import BUY, SELL, START_NS, XBT, World, composite, inverse_world

EIGHT = 8 * HOUR_NS
PREMIUM = IndexSpec(symbol=".XBTUSDPI", kind=IndexKind.PREMIUM, source="XBTUSD", decimals=6)
MEAN = msgspec.structs.replace(
    PREMIUM, symbol=".XBTUSDPI8H", kind=IndexKind.PREMIUM_MEAN, minutes=480
)


def swap(price: str = "1000", **changes: object) -> World:
    """A fee-free XBTUSD in tenths, with its premium indices; its impact notional is one coin."""
    fields: dict[str, object] = {
        "expiry_ns": None, "funding_interval_ns": EIGHT, "typ": "FFWCSX", "tick_pico": 10**11,
        "impact_notional": XBT, "maker_fee_ppm": 0, "taker_fee_ppm": 0,
    }  # fmt: skip
    w = inverse_world(price, **(fields | changes))
    for spec in (PREMIUM, MEAN):
        w.ok(c.ListIndex(spec=spec))
    return w


def quote(w: World, bid: int, ask: int) -> int:
    """Rest two coins' worth on either side, prices in dollars; return whose they are."""
    rich = w.account("rich", XBt=1_000 * XBT)
    w.place(rich, BUY, 2_000, 10 * bid, "XBTUSD")
    w.place(rich, SELL, 2_100, 10 * ask, "XBTUSD")
    return rich


def published(w: World, symbol: str) -> list[int]:
    """What an index printed in the last command."""
    return [e.price for e in w.events if isinstance(e, IndexPublished) and e.symbol == symbol]


def test_E10_golden_premium_of_a_minute_is_published_to_six_decimals():
    """Mark 1000, spot 999, impact 1003 to 1004, rate 0.01 %: 3/999 + 0.0001 = 0.3103003 %."""
    w = swap("999", mark_method=MarkMethod.LAST, opening_reference=1_000_00)
    finer = msgspec.structs.replace(PREMIUM, symbol=".FINE", decimals=9)
    w.ok(c.ListIndex(spec=finer))
    quote(w, 1_003, 1_004)
    w.advance(MINUTE_NS)

    assert published(w, ".XBTUSDPI") == [3_103]
    assert published(w, ".FINE") == [3_103_003]
    assert w.x.indices[".XBTUSDPI"].price == 3_103


@pytest.mark.parametrize(
    ("beyond", "spot", "rate", "print_"),
    [(3, 999, 100, 3_103), (-2, 1_000, 100, -1_900), (0, 1, -53, -53), (1, 2 * 10**6, 0, 1)],
)
def test_E10_print_of_a_minute(beyond, spot, rate, print_):
    assert minute_premium(beyond, spot, rate, 6) == print_


def test_E10_a_minute_without_impact_prices_prints_the_rate_in_force():
    w = swap(funding_ppm=-250)
    w.advance(MINUTE_NS)

    assert published(w, ".XBTUSDPI") == [-250]
    row = w.x.indices[".XBTUSDPI"]
    assert (row.price, row.direction) == (-250, TickDirection.ZERO_PLUS)


def test_E10_the_mean_of_a_window_is_the_number_that_makes_the_rate():
    """A bid 3 % beyond a mark for one minute of 480: the mean is exact, then rounded once."""
    w = swap()
    assert w.x.indices[".XBTUSDPI8H"].direction is None  # nothing printed yet
    rich = quote(w, 1_030, 1_031)
    w.advance(MINUTE_NS)
    (first,) = published(w, ".XBTUSDPI")
    for one in list(w.x.open_orders(rich)):
        w.cancel(one)
    w.advance(EIGHT - MINUTE_NS)
    market = w.x.markets["XBTUSD"]

    # Mark 1000.10 (479 of 480 minutes at 0.01 %): 29.9/1000 and the rate in force.
    assert first == 29_900 + 100
    (mean,) = published(w, ".XBTUSDPI8H")
    assert mean == round((479 * 100 + 30_000) / 480) == 162
    assert market.funding_ppm == 100  # 162, drawn to the interest by at most 500


def test_E10_the_mean_is_published_at_the_instants_of_funding_only():
    w = swap()
    w.advance(EIGHT - 1)
    assert not published(w, ".XBTUSDPI8H")
    assert len(published(w, ".XBTUSDPI")) == 479
    w.advance(1)
    assert published(w, ".XBTUSDPI8H") == [100]
    w.advance(MINUTE_NS)
    w.ok(c.FundNow(symbol="XBTUSD"))
    assert published(w, ".XBTUSDPI8H") == [100]


def test_E10_a_mean_of_other_windows_is_not_published():
    w = swap()
    two = msgspec.structs.replace(MEAN, symbol=".XBTUSDPI2H", minutes=120)
    w.ok(c.ListIndex(spec=two))
    w.advance(EIGHT)
    assert (published(w, ".XBTUSDPI8H"), published(w, ".XBTUSDPI2H")) == ([100], [])
    w.ok(c.SetFundingInterval(symbol="XBTUSD", interval_ns=2 * HOUR_NS))
    w.advance(2 * HOUR_NS)

    assert (published(w, ".XBTUSDPI8H"), published(w, ".XBTUSDPI2H")) == ([], [100])
    assert w.x.markets["XBTUSD"].spec.premium_symbol == ".XBTUSDPI2H"


def test_E10_no_premium_is_printed_in_a_halt_and_the_means_owed_come_after_it():
    w = swap()
    w.ok(c.SetMode(symbol="XBTUSD", mode=Mode.HALT))
    w.advance(EIGHT + MINUTE_NS)
    assert not published(w, ".XBTUSDPI")
    w.ok(c.SetMode(symbol="XBTUSD", mode=Mode.OPEN))

    assert published(w, ".XBTUSDPI8H") == [100]


def test_E10_interest_is_what_its_indices_say():
    """0.09 % and 0.03 % a day make 0.02 %; the contract's own 0.06 % held before they printed."""
    w = swap()
    market = w.x.markets["XBTUSD"]
    assert market.spec.quote_rate_symbol == ".USDBON8H"
    assert market.spec.base_rate_symbol == ".XBTBON8H"
    for symbol in (".USDBON8H", ".XBTBON8H"):
        w.ok(c.ListIndex(spec=composite(symbol)))
    w.advance(MINUTE_NS)
    assert market.indicative_funding_ppm == 100
    w.index(".USDBON8H", "0.0009")
    w.index(".XBTBON8H", "0.0003")
    w.advance(MINUTE_NS)
    assert market.indicative_funding_ppm == 200

    w.ok(c.RemoveIndex(symbol=".USDBON8H"))
    w.advance(MINUTE_NS)
    assert market.indicative_funding_ppm == 100


def test_E10_interest_of_a_window_is_the_mean_of_its_minutes():
    """0.06 % for 240 minutes and 0.08 % for as many: 0.07 % less 0.03 %, a third of it."""
    w = swap()
    mean = IndexSpec(
        symbol=".USDBON8H", kind=IndexKind.TWAP30, source=".USDBON", minutes=480, decimals=6
    )
    for spec in (composite(".USDBON"), mean):
        w.ok(c.ListIndex(spec=spec))
    for rate in ("0.0006", "0.0008"):
        for _ in range(24):
            w.index(".USDBON", rate)
            w.advance(10 * MINUTE_NS - (w.now - START_NS) % (10 * MINUTE_NS))

    assert w.now == START_NS + EIGHT
    assert w.x.indices[".USDBON8H"].price == 700
    assert w.x.markets["XBTUSD"].funding_ppm == round((700 - 300) / 3)


def test_E10_where_there_is_no_funding_no_index_is_named():
    spec = inverse_world().x.markets["XBTUSD"].spec

    assert (spec.premium_symbol, spec.quote_rate_symbol, spec.base_rate_symbol) == ("", "", "")
    half = msgspec.structs.replace(spec, expiry_ns=None, funding_interval_ns=30 * MINUTE_NS)
    assert half.premium_symbol == ".XBTUSDPI30M"


def test_E10_a_premium_is_no_price_of_a_contract():
    w = swap()
    spec = w.x.markets["XBTUSD"].spec
    for changes in (
        {"reference_symbol": ".XBTUSDPI"},
        {"impact_notional": 0, "impact_usd": 1, "impact_index": ".XBTUSDPI8H"},
    ):
        other = msgspec.structs.replace(spec, symbol="OTHER", **changes)
        event = w.refused(c.ListInstrument(spec=other))
        assert event.reason is Reason.BAD_INSTRUMENT
        assert ".XBTUSDPI" in event.text
    switch = c.SetReference(symbol="XBTUSD", reference_symbol=".XBTUSDPI")
    assert w.refused(switch).reason is Reason.BAD_INSTRUMENT


@pytest.mark.parametrize(
    ("changes", "word"),
    [({"source": ""}, "source"), ({"minutes": 7}, "part of a day"), ({"minutes": 0}, "minutes")],
)
def test_E10_bad_premium_indices_are_refused(changes, word):
    spec = msgspec.structs.replace(MEAN, symbol=".NEW", **changes)

    event = swap().refused(c.ListIndex(spec=spec))

    assert event.reason is Reason.BAD_INSTRUMENT
    assert word in event.text
