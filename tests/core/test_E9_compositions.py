"""E9: compositions that change, announced and moved forward."""

from fractions import Fraction

from sim_exchange.core import commands as c
from sim_exchange.core.fixings.index import CompositeIndex, Standing
from sim_exchange.core.specs import Constituent, IndexSpec
from sim_exchange.core.types import HOUR_NS, MINUTE_NS, Reason
from tests.core.index_world import FIVE, NOON, index_of, pico, prints, weights
from tests.core.world import World, composite, inverse_world


def recomposed(index: CompositeIndex, **weights: str) -> None:
    members = tuple(
        Constituent(name, Fraction(weight).numerator, Fraction(weight).denominator)
        for name, weight in weights.items()
    )
    index.recompose(IndexSpec(symbol=".TST", constituents=members, decimals=2))


def test_E9_golden_timetable_of_april_2017():
    """GDAX out, Bitfinex out, GDAX in again, OKCoin out: the weights at each step."""
    quarter, third, half = Fraction(1, 4), Fraction(1, 3), Fraction(1, 2)
    spec = IndexSpec(
        symbol=".BXBT",
        decimals=2,
        outlier_ppm=250_000,
        constituents=tuple(
            Constituent(name, 1, 4) for name in ("BITFINEX", "BITSTAMP", "GDAX", "OKCOIN")
        ),
    )
    index = CompositeIndex(spec)
    assert prints(index, NOON, 1_280, 1_180, 1_190, 1_186) == 120_900
    assert weights(index) == [quarter] * 4

    recomposed(index, BITFINEX="1/3", BITSTAMP="1/3", OKCOIN="1/3")
    assert index.publish(NOON + FIVE) == 121_533
    assert weights(index) == [third] * 3

    recomposed(index, BITSTAMP="1/2", OKCOIN="1/2")
    assert index.publish(NOON + 2 * FIVE) == 118_300
    assert weights(index) == [half] * 2
    old = index_of("AB")  # .XBT: the same two, the same prints
    assert prints(old, NOON, 1_180, 1_186) == 118_300

    recomposed(index, GDAX="1/3", BITSTAMP="1/3", OKCOIN="1/3")
    assert prints(index, NOON + 3 * FIVE, 1_192, 1_181, 1_187) == 118_667
    assert weights(index) == [third] * 3

    recomposed(index, GDAX="1/2", BITSTAMP="1/2")
    assert index.publish(NOON + 4 * FIVE) == 118_650
    assert weights(index) == [half] * 2


def test_E9_members_that_stay_keep_their_price_and_their_standing():
    index = index_of("ABC")
    prints(index, NOON, 100, 100, 40)
    recomposed(index, C="1/3", B="1/3", D="1/3")

    assert index.publish(NOON + FIVE) == 10_000
    assert [member.standing for member in index.members()] == [
        Standing.OUTLIER,
        Standing.ACTIVE,
        Standing.MISSING,
    ]
    index.print(2, pico(104), NOON + 2 * FIVE)
    assert index.publish(NOON + 2 * FIVE) == 10_200


def test_E9_all_members_new_hold_the_last_value_until_one_prints():
    index = index_of("AB")
    prints(index, NOON, 100, 100)
    recomposed(index, C="1")

    assert index.publish(NOON + FIVE) == 10_000
    assert index.stale
    index.print(0, pico(110), NOON + 2 * FIVE)
    assert index.publish(NOON + 2 * FIVE) == 11_000
    assert not index.stale


def test_E9_a_next_composition_is_published_beforehand():
    """.BXBT_NEXT is an index like any other; the switch takes its value over, prints and all."""
    w = World()
    w.ok(c.ListIndex(spec=composite(".BXBT", ("A", "B"), 2)))
    w.ok(c.ListIndex(spec=composite(".BXBT_NEXT", ("B", "C"), 2)))
    w.ok(c.IndexPrints(index=".BXBT", prices=(pico(100), pico(104))))
    w.ok(c.IndexPrints(index=".BXBT_NEXT", prices=(pico(104), pico(106))))
    w.advance(FIVE)
    assert [w.x.indices[s].price for s in (".BXBT", ".BXBT_NEXT")] == [10_200, 10_500]

    w.ok(c.SetComposition(index=".BXBT", constituents=w.x.indices[".BXBT_NEXT"].spec.constituents))
    w.ok(c.IndexPrints(index=".BXBT", prices=(0, pico(106))))
    assert w.x.indices[".BXBT"].price == 10_200  # the next publication is the first of the new
    w.advance(FIVE)
    assert w.x.indices[".BXBT"].price == 10_500


def test_E9_a_composition_is_announced_and_a_later_announcement_moves_it_forward():
    """OKCoin out on 20 April at 08:00, superseded: out on the 19th at 22:00 already."""
    w = World()
    w.ok(c.ListIndex(spec=composite(".BXBT", ("GDAX", "BITSTAMP", "OKCOIN"), 2)))
    w.ok(c.IndexPrints(index=".BXBT", prices=(pico(100), pico(100), pico(106))))
    change = c.SetComposition(
        index=".BXBT", constituents=(Constituent("GDAX", 1, 2), Constituent("BITSTAMP", 1, 2))
    )
    first = w.ok(c.Announce(change=change, effective_ns=w.now + HOUR_NS))
    w.ok(c.Announce(change=change, effective_ns=w.now + MINUTE_NS, supersedes=first))
    w.advance(MINUTE_NS - FIVE)
    assert w.x.indices[".BXBT"].price == 10_200
    w.advance(FIVE)
    assert w.x.indices[".BXBT"].price == 10_000  # from the print of that instant on
    bad = c.SetComposition(index=".NONE", constituents=change.constituents)
    assert ".NONE" in w.refused(c.Announce(change=bad, effective_ns=w.now)).text


def test_E9_bad_compositions_are_refused():
    w = inverse_world()
    for index, members, reason in (
        (".NONE", (Constituent("A", 1, 1),), Reason.UNKNOWN_SYMBOL),
        (".BXBT", (), Reason.BAD_INSTRUMENT),
        (".BXBT", (Constituent("A", 0, 1),), Reason.BAD_INSTRUMENT),
        (".BXBT", (Constituent("A", 1, 1), Constituent("A", 1, 1)), Reason.BAD_INSTRUMENT),
    ):
        assert w.refused(c.SetComposition(index=index, constituents=members)).reason is reason
