"""E10: when perpetuals are funded: halts, the operator's word, other intervals, listings."""

import msgspec
import pytest

from sim_exchange.core import commands as c
from sim_exchange.core.types import (
    DAY_NS,
    HOUR_NS,
    MINUTE_NS,
    PPM,
    SECOND_NS,
    MarkMethod,
    Mode,
    Reason,
)
from tests.core.funding_world import EIGHT, PERPETUAL, funded, fundings, open_at, swap, to_funding
from tests.core.world import ETC7D, START_NS, XBT, World, inverse_world, world


def test_E10_a_halt_at_the_instant_is_made_up_for_at_the_first_mark_after_it():
    w = swap()
    long, short = w.account("long", XBt=XBT), w.account("short", XBt=XBT)
    open_at(w, long, short, 1_000, 20_000)
    w.ok(c.SetMode(symbol="XBTUSD", mode=Mode.HALT))
    w.print(".BXBT", "9500")
    w.advance(EIGHT + 15 * MINUTE_NS)
    assert not funded(w)
    assert w.wallet(long) == XBT

    w.ok(c.SetMode(symbol="XBTUSD", mode=Mode.OPEN))

    assert [e.at_ns for e in funded(w)] == [START_NS + EIGHT]
    assert fundings(w, long)[0].last_px == 9_500 * 10**12
    assert w.x.markets["XBTUSD"].next_funding_ns == START_NS + 2 * EIGHT
    to_funding(w)
    assert len(fundings(w, long)) == 1


def test_E10_a_halt_over_two_instants_owes_both():
    w = swap()
    long, short = w.account("long", XBt=XBT), w.account("short", XBt=XBT)
    open_at(w, long, short, 1_000, 20_000)
    w.ok(c.SetMode(symbol="XBTUSD", mode=Mode.HALT))
    w.advance(2 * EIGHT)
    w.ok(c.SetMode(symbol="XBTUSD", mode=Mode.OPEN))

    assert [e.at_ns for e in funded(w)] == [START_NS + EIGHT, START_NS + 2 * EIGHT]
    assert w.wallet(long) == XBT - 2_000


def test_E10_fund_now_pays_at_once_and_keeps_the_grid():
    w = swap()
    long, short = w.account("long", XBt=XBT), w.account("short", XBt=XBT)
    open_at(w, long, short, 1_000, 20_000)
    w.advance(HOUR_NS)
    w.ok(c.FundNow(symbol="XBTUSD"))

    assert fundings(w, long)[0].exec_comm == 1_000
    assert w.x.markets["XBTUSD"].next_funding_ns == START_NS + EIGHT
    to_funding(w)
    assert len(fundings(w, long)) == 1


def test_E10_fund_now_is_refused_where_there_is_nothing_to_fund():
    w = world()
    assert w.refused(c.FundNow(symbol="NONE")).reason is Reason.UNKNOWN_SYMBOL
    assert w.refused(c.FundNow(symbol="ETC_XBT")).reason is Reason.UNKNOWN_SYMBOL
    assert w.refused(c.FundNow(symbol="ETC7D")).reason is Reason.BAD_INSTRUMENT
    halted = swap()
    halted.ok(c.SetMode(symbol="XBTUSD", mode=Mode.HALT))
    assert halted.refused(c.FundNow(symbol="XBTUSD")).reason is Reason.NOT_OPEN
    halted.ok(c.SetMode(symbol="XBTUSD", mode=Mode.OPEN))
    halted.ok(c.ExpireNow(symbol="XBTUSD"))
    assert halted.refused(c.FundNow(symbol="XBTUSD")).reason is Reason.EXPIRED


def test_E10_a_settled_perpetual_is_not_funded_any_more():
    w = swap()
    w.ok(c.ExpireNow(symbol="XBTUSD"))
    w.advance(2 * EIGHT)

    assert not funded(w)


def test_E10_relisted_perpetual_is_funded_by_its_new_listing_only():
    w = swap()
    w.ok(c.ExpireNow(symbol="XBTUSD"))
    w.enlist(w.x.markets["XBTUSD"].spec, funding_interval_ns=2 * HOUR_NS)
    w.advance(EIGHT)

    hours = [(e.at_ns - START_NS) // HOUR_NS for e in funded(w)]
    assert hours == [2, 4, 6, 8]
    assert w.x.markets["XBTUSD"].funding_ppm == 25


def test_E10_interval_may_become_two_hours_on_eight_hours_notice():
    """Announced at noon for 20:00: that funding is the last of the old grid."""
    w = swap()
    long, short = w.account("long", XBt=XBT), w.account("short", XBt=XBT)
    open_at(w, long, short, 1_000, 20_000)
    change = c.SetFundingInterval(symbol="XBTUSD", interval_ns=2 * HOUR_NS)
    late = c.Announce(change=change, effective_ns=START_NS + EIGHT - 1)
    assert "notice" in w.refused(late).text
    w.ok(c.Announce(change=change, effective_ns=START_NS + EIGHT))
    w.advance(EIGHT - 1)
    assert not fundings(w, long)
    w.advance(4 * HOUR_NS + 1)

    assert [(e.at_ns - START_NS) // HOUR_NS for e in funded(w)] == [8, 10, 12]
    assert [e.commission_ppm for e in fundings(w, long)] == [100, 25, 25]
    assert w.x.markets["XBTUSD"].fair_basis_rate_ppm == 25 * 365 * 12


def test_E10_interval_changed_by_the_operator_holds_at_once():
    w = swap()
    w.advance(HOUR_NS)
    w.ok(c.SetFundingInterval(symbol="XBTUSD", interval_ns=2 * HOUR_NS))

    assert w.x.markets["XBTUSD"].next_funding_ns == START_NS + 2 * HOUR_NS
    for symbol, interval_ns, reason in (
        ("NONE", HOUR_NS, Reason.UNKNOWN_SYMBOL),
        ("XBTUSD", 7 * HOUR_NS, Reason.BAD_INSTRUMENT),
    ):
        command = c.SetFundingInterval(symbol=symbol, interval_ns=interval_ns)
        assert w.refused(command).reason is reason
    other = world()
    command = c.SetFundingInterval(symbol="ETC7D", interval_ns=HOUR_NS)
    assert other.refused(command).reason is Reason.BAD_INSTRUMENT
    announced = c.Announce(change=command, effective_ns=START_NS + 2 * EIGHT)
    assert "not a listed perpetual" in other.refused(announced).text


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"funding_interval_ns": 7 * HOUR_NS}, "part of a day"),
        ({"funding_interval_ns": SECOND_NS}, "part of a day"),
        ({"funding_interval_ns": 90 * SECOND_NS}, "whole minutes"),
        ({"funding_interval_ns": -EIGHT}, "part of a day"),
        ({"funding_interval_ns": EIGHT, "expiry_ns": START_NS + DAY_NS}, "without expiry"),
        ({"funding_interval_ns": None, "funding_ppm": 1}, "needs funding_interval_ns"),
        ({"funding_ppm": PPM}, "under 100 %"),
        ({"funding_ppm": True}, "under 100 %"),
        ({"quote_rate_ppm": -PPM}, "quote_rate_ppm"),
        ({"base_rate_ppm": 1.5}, "base_rate_ppm"),
    ],
)
def test_E10_bad_listings_are_refused(changes, word):
    w = World()
    spec = msgspec.structs.replace(
        inverse_world().x.markets["XBTUSD"].spec, reference_symbol="", opening_reference=1,
        mark_method=MarkMethod.LAST, **(PERPETUAL | changes),
    )  # fmt: skip

    event = w.refused(c.ListInstrument(spec=spec))

    assert event.reason is Reason.BAD_INSTRUMENT
    assert word in event.text


def test_E10_spot_is_not_funded():
    w = world()
    spec = msgspec.structs.replace(
        w.x.markets["ETC_XBT"].spec, symbol="ABC_XBT", funding_interval_ns=EIGHT
    )

    assert "without expiry" in w.refused(c.ListInstrument(spec=spec)).text
    assert not w.x.markets["ETC7D"].is_perpetual
    assert ETC7D.funding_interval_ns is None
