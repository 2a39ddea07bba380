"""E15: prices outside the band are refused, be it fixed or moving from session to session."""

import msgspec
import pytest

from sim_exchange.core import commands as c
from sim_exchange.core.contracts.bands import session_limits
from sim_exchange.core.contracts.instrument import instrument_fault
from sim_exchange.core.events import InstrumentChanged
from sim_exchange.core.specs import Band
from sim_exchange.core.types import (
    DAY_NS,
    HOUR_NS,
    SECOND_NS,
    ExecInst,
    MarkMethod,
    OrdStatus,
    Reason,
)
from tests.core.contracts_world import QTUM, UP, ZEC, with_index
from tests.core.world import BUY, ETC_XBT, SELL, START_NS, World, order


def qtum(**changes: object) -> tuple[World, int, int]:
    """QTUMU17 just listed at 12:00, with two accounts."""
    w = with_index(".QTUMXBT")
    w.enlist(QTUM, **changes)
    return w, w.account("a", XBt=10**10), w.account("b", XBt=10**10)


def limits(w: World, symbol: str = "QTUMU17") -> tuple[int | None, int | None]:
    """The limits of a contract now, in ticks."""
    market = w.x.markets[symbol]
    return market.limit_down, market.limit_up


def trade(w: World, a: int, b: int, qty: int, price: int, symbol: str = "QTUMU17") -> None:
    """Let a buy from b."""
    w.place(b, SELL, qty, price, symbol)
    w.place(a, BUY, qty, price, symbol)


def test_E15_a_session_takes_prices_up_to_25_percent_from_the_close_before() -> None:
    w, a, b = qtum()
    assert limits(w) == (255_000, 425_000)  # about the opening reference, 0.00340000
    trade(w, a, b, 1, 425_000)
    w.now = START_NS + 2 * HOUR_NS  # 14:00
    w.advance()
    assert limits(w) == (318_750, 531_250)
    assert w.x.markets["QTUMU17"].prev_close_pico == 4_250_000_000


def test_E15_a_session_without_a_trade_keeps_the_close_before_it() -> None:
    w, a, b = qtum()
    w.now = START_NS + 2 * HOUR_NS
    w.advance()
    assert limits(w) == (255_000, 425_000)
    trade(w, a, b, 1, 400_000)
    trade(w, a, b, 1, 300_000)
    w.now = START_NS + 8 * HOUR_NS
    w.advance()
    assert limits(w) == (225_000, 375_000)


def test_E15_sessions_close_at_every_even_hour_whenever_the_listing_was() -> None:
    w = with_index(".QTUMXBT", start_ns=START_NS + 90 * 60 * SECOND_NS)
    w.enlist(QTUM, listing_ns=w.now)
    a, b = w.account("a", XBt=10**10), w.account("b", XBt=10**10)
    trade(w, a, b, 1, 400_000)
    w.now = START_NS + 2 * HOUR_NS - 1
    w.advance()
    assert limits(w) == (255_000, 425_000)
    w.now += 1
    w.advance()
    assert limits(w) == (300_000, 500_000)


def test_E15_a_band_ratchets_at_most_a_quarter_a_session() -> None:
    w, a, b = qtum()
    price = 340_000
    for session in range(1, 6):
        price = price * 5 // 4
        trade(w, a, b, 1, price)
        assert w.refused(order(a, BUY, 1, price + 1, "QTUMU17")).reason is Reason.PRICE_ABOVE_LIMIT
        w.now = START_NS + session * 2 * HOUR_NS
        w.advance()
        assert limits(w)[1] == price * 5 // 4


def test_E15_zec_has_a_fixed_band_until_noon_then_none() -> None:
    w = with_index(".ZECXBT")
    w.enlist(ZEC)
    a, b = w.account("a", XBt=10**12), w.account("b", XBt=10**12)
    down, up = 391_884, 1_175_652  # 0.391884 and 1.175652
    low = w.refused(order(a, BUY, 1, down - 1, "ZECZ16"))
    assert (low.reason, low.detail) == (Reason.PRICE_BELOW_LIMIT, down)
    high = w.refused(order(a, SELL, 1, up + 1, "ZECZ16"))
    assert (high.reason, high.detail) == (Reason.PRICE_ABOVE_LIMIT, up)
    resting = w.place(a, BUY, 1, down, "ZECZ16")
    w.place(b, SELL, 1, up, "ZECZ16")
    for price in (down - 1, up + 1):
        amend = c.AmendOrder(account=a, order_id=resting.order_id, price=price)
        assert w.refused(amend).reason in {Reason.PRICE_ABOVE_LIMIT, Reason.PRICE_BELOW_LIMIT}

    w.now = START_NS + DAY_NS
    w.advance()
    assert limits(w, "ZECZ16") == (None, None)
    assert resting.is_open
    w.place(a, BUY, 1, down - 1, "ZECZ16")
    w.place(b, SELL, 1, up + 1, "ZECZ16")


def test_E15_the_band_is_half_of_the_reference_on_either_side() -> None:
    assert session_limits(783_768 * 10**6, 500_000, 10**6) == (391_884, 1_175_652)


def test_E15_limits_are_rounded_inward_to_the_tick() -> None:
    assert session_limits(101, 250_000, 10) == (8, 12)  # 7.575 and 12.625 ticks
    assert session_limits(1, 250_000, 10) == (1, 1)  # never without a price


def test_E15_a_market_order_takes_only_what_is_within() -> None:
    w, a, b = qtum()
    w.place(b, SELL, 5, 425_000, "QTUMU17")
    w.place(a, BUY, 10, None, "QTUMU17")
    assert w.trades == [(5, 425_000)]


def test_E15_a_band_that_moves_cancels_the_orders_that_it_leaves_outside() -> None:
    w, a, b = qtum()
    low, high = w.place(a, BUY, 1, 260_000, "QTUMU17"), w.place(b, SELL, 1, 420_000, "QTUMU17")
    trade(w, a, b, 1, 400_000)
    w.now = START_NS + 2 * HOUR_NS
    w.advance()
    assert limits(w) == (300_000, 500_000)
    assert (low.status, low.end_reason) == (OrdStatus.CANCELED, Reason.OUTSIDE_BAND)
    assert high.is_open
    assert InstrumentChanged(symbol="QTUMU17") in w.events


def test_E15_a_close_order_within_the_band_needs_a_price_within_it_too() -> None:
    w, a, b = qtum()
    trade(w, a, b, 2, 340_000)
    close = order(a, SELL, 2, 425_001, "QTUMU17", inst=ExecInst.CLOSE)
    assert w.refused(close).reason is Reason.PRICE_ABOVE_LIMIT


def test_E15_the_band_goes_when_the_contract_moves_to_a_real_index() -> None:
    w, a, b = qtum()
    w.index(".QTUMXBT", "0.0035")
    trade(w, a, b, 1, 400_000)
    w.ok(c.SetReference(symbol="QTUMU17", reference_symbol=".QTUMXBT", mark_method=MarkMethod.FAIR))
    assert limits(w) == (None, None)
    assert w.x.markets["QTUMU17"].mark == 350_000
    w.place(b, SELL, 1, 600_000, "QTUMU17")
    w.now = START_NS + 6 * HOUR_NS
    w.advance()
    assert limits(w) == (None, None)


def test_E15_a_relisted_contract_has_the_band_of_its_new_listing() -> None:
    w, a, b = qtum()
    trade(w, a, b, 1, 400_000)
    w.ok(c.ExpireNow(symbol="QTUMU17"))
    w.enlist(QTUM, listing_ns=w.now, opening_reference=100_000)
    assert limits(w) == (75_000, 125_000)
    w.now = START_NS + 2 * HOUR_NS
    w.advance()
    assert limits(w) == (75_000, 125_000)


@pytest.mark.parametrize(
    ("band", "named"),
    [
        (Band(pct_ppm=250_000), "band session 0"),
        (Band(session_ns=HOUR_NS), "band pct 0"),
        (Band(pct_ppm=1_000_000, session_ns=HOUR_NS), "band pct 1000000"),
        (Band(pct_ppm=1, session_ns=HOUR_NS, down=1, up=2), "band has either"),
        (Band(down=1), "band down 1 and up None"),
        (Band(down=3, up=2), "band 3..2"),
        (Band(down=1, up=10**10), "band 1..10000000000"),
        (Band(down=1, up=2, until_ns=START_NS), f"band until {START_NS}"),
    ],
)
def test_E15_bad_bands_are_refused(band: Band, named: str) -> None:
    assert named in instrument_fault(msgspec.structs.replace(QTUM, band=band))


def test_E15_bands_where_there_can_be_none() -> None:
    band = Band(down=1, up=2)
    assert "band must be absent" in instrument_fault(msgspec.structs.replace(UP, band=band))
    assert "band must be absent" in instrument_fault(msgspec.structs.replace(ETC_XBT, band=band))
    nothing = msgspec.structs.replace(QTUM, opening_reference=None, mark_method=MarkMethod.FAIR)
    assert "needs opening_reference" in instrument_fault(nothing)
