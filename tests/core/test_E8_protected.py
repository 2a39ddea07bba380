"""E7, E8: marks that are the last trade, plain or as far as a band lets it go; other methods."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim_exchange.core import commands as c
from sim_exchange.core.events import Liquidated, MarkChanged
from sim_exchange.core.fixings.protected import band, protected_mark
from sim_exchange.core.types import HOUR_NS, MINUTE_NS, PPM, MarkMethod, Mode, Reason
from tests.core.world import BUY, SELL, XBT, World, inverse_world, world

FIVE_NS = 5 * 10**9
FREE: dict[str, Any] = {"maker_fee_ppm": 0, "taker_fee_ppm": 0}


def last_world(method: MarkMethod = MarkMethod.LAST, **changes: Any) -> tuple[World, int, int]:
    """XBTUSD marked by its trades from 10,000 on, and two accounts that trade."""
    w = inverse_world(mark_method=method, opening_reference=1_000_000, **FREE, **changes)
    return w, w.account("a", XBt=1_000 * XBT), w.account("b", XBt=1_000 * XBT)


def trade(w: World, buyer: int, seller: int, ticks: int, qty: int = 1) -> None:
    w.place(seller, SELL, qty, ticks, "XBTUSD")
    w.place(buyer, BUY, qty, ticks, "XBTUSD")


def is_stale(w: World) -> bool:
    return w.x._state.markets["XBTUSD"].is_index_stale


def mark(w: World) -> int:
    return w.x.markets["XBTUSD"].mark


# --- E8


def test_E8_golden_steps():
    """MM 2 %, in hundredths: the band of 100 is [99, 101], that of 98 is [97.02, 98.98]."""
    assert band(10_000, 20_000) == (9_900, 10_100)
    assert band(9_800, 20_000) == (9_702, 9_898)
    marks = []
    at = 10_000
    for last, reference in (
        (10_050, 10_000), (10_300, 10_000), (10_300, 9_800), (10_200, 9_800), (10_000, 9_800),
        (10_200, 9_800), (9_850, 9_800),
    ):  # fmt: skip
        at = protected_mark(last, at, reference, 20_000)
        marks.append(at)

    assert marks == [10_050, 10_100, 10_100, 10_100, 10_000, 10_000, 9_850]


def test_E8_band_edges_are_rounded_inward():
    assert band(101, 20_000) == (100, 102)
    assert band(99, 10_000) == (99, 99)


@given(
    last=st.integers(1, 10**6),
    before=st.integers(1, 10**6),
    reference=st.integers(1, 10**6),
    maint=st.integers(0, PPM),
)
def test_E8_mark_is_never_further_from_the_band_than_it_was(last, before, reference, maint):
    low, high = band(reference, maint)
    new = protected_mark(last, before, reference, maint)

    assert min(low, before) <= new <= max(high, before)
    if low <= last <= high:
        assert new == last or low > high


def test_E8_first_mark_is_the_opening_reference():
    w, _, _ = last_world(MarkMethod.LAST_PROTECTED)

    assert mark(w) == 1_000_000


def test_E8_reference_is_the_fair_price_while_there_is_an_index():
    """MM 0.5 %: 25 to each side of the fair price, which is the index here."""
    w, a, b = last_world(MarkMethod.LAST_PROTECTED)
    trade(w, a, b, 20_100)  # 10,050
    assert mark(w) == 1_002_500
    w.index(".BXBT", "10040")
    assert mark(w) == 1_005_000


def test_E8_without_an_index_the_reference_is_the_mark_of_the_minute_before():
    w, a, b = last_world(MarkMethod.LAST_PROTECTED, reference_symbol="")
    w.advance(MINUTE_NS)
    trade(w, a, b, 22_000)  # 11,000 over and over
    assert mark(w) == 1_002_500
    trade(w, a, b, 22_000)
    assert mark(w) == 1_002_500  # the band stands for the minute
    w.advance(MINUTE_NS)
    assert mark(w) == 1_005_006  # 10,025 * 1.0025 = 10,050.0625


def test_E8_stale_index_is_no_index():
    w, a, b = last_world(MarkMethod.LAST_PROTECTED)
    w.advance(HOUR_NS)  # nobody printed
    trade(w, a, b, 20_100)
    assert mark(w) == 1_002_500
    w.advance(MINUTE_NS)

    assert mark(w) == 1_005_000


# --- E7 last


def test_E7_last_mark_is_the_last_trade_at_once():
    w, a, b = last_world()
    trade(w, a, b, 20_200)

    assert mark(w) == 1_010_000
    assert [e.mark for e in w.events if isinstance(e, MarkChanged)] == [1_010_000]


def test_E7_last_mark_liquidates_in_the_command_that_trades():
    """The trade at 9,900 takes the long's margin of 1 %; nobody waits for the next publication."""
    w, a, b = last_world()
    long = w.account("long", XBt=XBT)
    w.ok(c.SetLeverage(account=long, symbol="XBTUSD", leverage_cents=10_000))
    trade(w, long, b, 20_000, 1_000)
    trade(w, a, b, 19_800)

    assert [e.account for e in w.events if isinstance(e, Liquidated)] == [long]
    assert w.qty(long, "XBTUSD") == 0


def test_E7_last_mark_follows_the_trades_of_liquidations_until_there_is_none():
    """A ladder of longs: each takeover is sold into a lower bid, which takes the next one."""
    w, a, b = last_world()
    longs = []
    for n in range(3):
        long = w.account(f"long{n}", XBt=XBT)
        w.ok(c.SetLeverage(account=long, symbol="XBTUSD", leverage_cents=10_000 - 3_000 * n))
        trade(w, long, b, 20_000, 1_000)
        longs.append(long)
    for ticks in (19_830, 19_750, 19_600):
        w.place(a, BUY, 1_000, ticks, "XBTUSD")
    w.place(b, SELL, 1, 19_830, "XBTUSD")
    taken = [e.account for e in w.events if isinstance(e, Liquidated)]

    assert taken == sorted(taken)
    assert taken[0] == longs[0]
    assert w.x.markets["XBTUSD"].last_price * 50 == mark(w)


def test_E7_before_any_trade_the_mark_is_the_opening_reference_and_then_what_it_was():
    w, _, _ = last_world()
    w.index(".BXBT", "9000")
    w.advance(HOUR_NS)

    assert mark(w) == 1_000_000


# --- changes


def test_E8_a_contract_may_be_marked_by_its_trades_while_its_index_is_not_trusted():
    w = inverse_world(**FREE)
    a, b = w.account("a", XBt=100 * XBT), w.account("b", XBt=100 * XBT)
    trade(w, a, b, 20_040)
    assert mark(w) == 1_000_000
    w.ok(c.SetMarkMethod(symbol="XBTUSD", method=MarkMethod.LAST_PROTECTED))
    assert mark(w) == 1_002_000
    w.ok(c.SetMarkMethod(symbol="XBTUSD", method=MarkMethod.LAST))
    trade(w, a, b, 21_000)
    assert mark(w) == 1_050_000
    w.ok(c.SetMarkMethod(symbol="XBTUSD", method=MarkMethod.FAIR))
    assert mark(w) == 1_000_000


def test_E8_switch_liquidates_whom_the_new_mark_reaches():
    w = inverse_world(**FREE)
    a, b = w.account("a", XBt=100 * XBT), w.account("b", XBt=100 * XBT)
    long = w.account("long", XBt=XBT)
    w.ok(c.SetLeverage(account=long, symbol="XBTUSD", leverage_cents=10_000))
    trade(w, long, b, 20_000, 1_000)
    trade(w, a, b, 19_800)
    assert w.qty(long, "XBTUSD") == 1_000
    w.ok(c.SetMarkMethod(symbol="XBTUSD", method=MarkMethod.LAST))

    assert w.qty(long, "XBTUSD") == 0


def test_E8_method_of_a_halted_contract_moves_no_mark_before_it_resumes():
    w = inverse_world(**FREE)
    a, b = w.account("a", XBt=100 * XBT), w.account("b", XBt=100 * XBT)
    trade(w, a, b, 20_040)
    w.ok(c.SetMode(symbol="XBTUSD", mode=Mode.HALT))
    w.ok(c.SetMarkMethod(symbol="XBTUSD", method=MarkMethod.LAST))
    assert mark(w) == 1_000_000
    w.ok(c.SetMode(symbol="XBTUSD", mode=Mode.OPEN))
    assert mark(w) == 1_002_000


def test_E8_bad_changes_of_method_are_refused():
    w, _, _ = last_world(reference_symbol="")
    for symbol, method, reason in (
        ("NONE", MarkMethod.LAST, Reason.UNKNOWN_SYMBOL),
        ("XBTUSD", MarkMethod.FAIR, Reason.BAD_INSTRUMENT),
        ("XBTUSD", MarkMethod.INDEX, Reason.BAD_INSTRUMENT),
    ):
        assert w.refused(c.SetMarkMethod(symbol=symbol, method=method)).reason is reason
    w.ok(c.ExpireNow(symbol="XBTUSD"))
    command = c.SetMarkMethod(symbol="XBTUSD", method=MarkMethod.LAST)
    assert w.refused(command).reason is Reason.EXPIRED
    spot = world()
    command = c.SetMarkMethod(symbol="ETC_XBT", method=MarkMethod.LAST)
    assert spot.refused(command).reason is Reason.UNKNOWN_SYMBOL
    bare = World()
    bare.ok(c.ListIndex(spec=w.x.indices[".BXBT"].spec))
    bare.enlist(w.x.markets["XBTUSD"].spec, mark_method=MarkMethod.FAIR,
                reference_symbol=".BXBT", opening_reference=None)  # fmt: skip
    command = c.SetMarkMethod(symbol="XBTUSD", method=MarkMethod.LAST)
    assert bare.refused(command).reason is Reason.NO_MARK_PRICE


# --- E9 X: the index of a contract has nothing left


def test_E9_nobody_is_liquidated_at_the_mark_of_a_stale_index():
    """The basis goes on following the book: the mark is beyond the long's price, yet it stands."""
    w = inverse_world(impact_notional=10**6, **FREE)
    b, long = w.account("b", XBt=100 * XBT), w.account("long", XBt=XBT)
    w.ok(c.SetLeverage(account=long, symbol="XBTUSD", leverage_cents=5_000))
    trade(w, long, b, 20_000, 1_000)
    w.advance(15 * MINUTE_NS)
    market = w.x._state.markets["XBTUSD"]
    assert is_stale(w)
    w.place(b, BUY, 1_000, 19_700, "XBTUSD")
    w.place(w.account("c", XBt=100 * XBT), SELL, 1_000, 19_702, "XBTUSD")
    w.advance(MINUTE_NS)
    position = w.x.position(long, "XBTUSD")
    assert position is not None
    assert market.maths.mark_to_pico(mark(w)) < position.liquidation_pico
    assert w.qty(long, "XBTUSD") == 1_000
    for _ in range(7):  # good data for five minutes
        w.print(".BXBT", "10000")
        w.advance(50 * 10**9)

    assert not is_stale(w)
    assert w.qty(long, "XBTUSD") == 0


def test_E9_a_contract_may_switch_to_E8_while_its_index_is_stale():
    w = inverse_world(**FREE)
    a, b, long = (w.account(name, XBt=100 * XBT) for name in ("a", "b", "long"))
    w.ok(c.SetLeverage(account=long, symbol="XBTUSD", leverage_cents=10_000))
    trade(w, long, b, 20_000, 1_000)
    w.advance(HOUR_NS)
    trade(w, a, b, 19_000)
    w.ok(c.SetMarkMethod(symbol="XBTUSD", method=MarkMethod.LAST_PROTECTED))
    assert mark(w) == 997_500
    for _ in range(2):
        w.advance(MINUTE_NS)

    assert mark(w) < 995_000
    assert w.qty(long, "XBTUSD") == 0


@pytest.mark.parametrize("method", list(MarkMethod))
def test_E7_every_method_has_a_mark_from_the_listing_on(method):
    w, _, _ = last_world(method)

    assert mark(w) == 1_000_000
