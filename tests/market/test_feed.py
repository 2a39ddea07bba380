"""Prints every five seconds: paths, held prices, silences."""

import pytest

from sim_exchange.clock import ManualClock
from sim_exchange.core.commands import IndexPrints, ListIndex, SetConstituent
from sim_exchange.core.events import Accepted, Refused
from sim_exchange.core.specs import Constituent, IndexSpec
from sim_exchange.core.types import Reason
from sim_exchange.journal import Header, MemoryJournal
from sim_exchange.market.feed import Feed
from sim_exchange.market.heard import Heard
from sim_exchange.session import Session

SECOND = 10**9


class FakeExchange:
    def __init__(self):
        self.prints = []

    def next_due_ns(self):
        return None

    def still_until_ns(self, upto_ns):
        return 0

    def apply(self, command, at_ns):
        if isinstance(command, SetConstituent) and command.constituent == "NOBODY":
            return (Refused(reason=Reason.UNKNOWN_SYMBOL),)
        if isinstance(command, IndexPrints):
            self.prints.append((at_ns // SECOND, command.index, command.prices))
        return (Accepted(),)


@pytest.fixture
def session():
    return Session(
        FakeExchange(), MemoryJournal(Header(start_ns=0, seed=1, era="2018")), ManualClock(0)
    )


@pytest.fixture
def feed(session):
    heard = Heard()
    feed = Feed(heard)
    session.subscribe(heard.hear)
    feed.start(session, 1 * SECOND)
    session.submit(
        ListIndex(
            spec=IndexSpec(
                symbol=".X", constituents=(Constituent("A", 1, 2), Constituent("B", 1, 2))
            )
        )
    )
    return feed


def test_nothing_is_printed_before_anybody_knows_a_price(session, feed):
    session.run_due(60 * SECOND)
    assert session.exchange.prints == []


def test_a_price_set_by_the_operator_is_printed_on_and_on(session, feed):
    session.submit(IndexPrints(index=".X", prices=(100, 200)))
    session.run_due(10 * SECOND)
    session.submit(IndexPrints(index=".X", prices=(0, 300)))
    session.run_due(15 * SECOND)

    assert session.exchange.prints == [
        (0, ".X", (100, 200)),
        (5, ".X", (100, 200)),
        (10, ".X", (100, 200)),
        (10, ".X", (0, 300)),
        (15, ".X", (100, 300)),
    ]


def test_a_silent_constituent_waits_for_its_next_price(session, feed):
    session.submit(IndexPrints(index=".X", prices=(100, 200)))
    session.submit(SetConstituent(index=".X", constituent="A", status="silent"))
    session.submit(SetConstituent(index=".X", constituent="NOBODY", status="silent"))
    session.run_due(5 * SECOND)
    session.submit(IndexPrints(index=".X", prices=(110, 0)))
    session.run_due(10 * SECOND)

    assert session.exchange.prints[1:] == [
        (5, ".X", (0, 200)),
        (5, ".X", (110, 0)),
        (10, ".X", (110, 200)),
    ]


def test_a_followed_index_prints_its_path(session, feed):
    class Steps:
        def prints(self, at_ns):
            return (at_ns // SECOND, 7)

    feed.follow(".X", Steps())
    session.run_due(10 * SECOND)

    assert session.exchange.prints == [(5, ".X", (5, 7)), (10, ".X", (10, 7))]


def test_a_held_index_prints_its_price_until_it_is_moved(session, feed):
    feed.hold(".X", 55)
    session.run_due(5 * SECOND)
    session.submit(IndexPrints(index=".X", prices=(60, 0)))
    session.run_due(10 * SECOND)

    assert [prices for _, _, prices in session.exchange.prints] == [(55, 55), (60, 0), (60, 55)]


def test_a_held_price_that_nobody_moved_is_printed_each_minute(session, feed):
    feed.hold(".X", 100)
    session.run_due(125 * SECOND)
    assert [second for second, _, _ in session.exchange.prints] == [5, 60, 120]

    session.submit(IndexPrints(index=".X", prices=(100, 200)))
    session.run_due(135 * SECOND)

    assert session.exchange.prints[3:] == [
        (125, ".X", (100, 200)),
        (130, ".X", (100, 200)),
        (135, ".X", (100, 200)),
    ]


def test_a_held_price_of_which_a_member_is_silenced_goes_on_every_five_seconds(session, feed):
    feed.hold(".X", 100)
    session.run_due(60 * SECOND)
    session.submit(SetConstituent(index=".X", constituent="A", status="silent"))
    session.run_due(70 * SECOND)

    assert session.exchange.prints[-2:] == [(65, ".X", (0, 100)), (70, ".X", (0, 100))]
