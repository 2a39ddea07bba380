"""The door: order of what is due, stamps, listeners, release after sync."""

import asyncio

import pytest

from sim_exchange.clock import ManualClock
from sim_exchange.core.commands import Advance, CancelAll, IndexPrints
from sim_exchange.errors import CoreError, JournalError
from sim_exchange.journal import FileJournal, Header, MemoryJournal
from sim_exchange.session import SOURCE_AGENTS, SOURCE_FEED, Session

SECOND = 10**9
HEADER = Header(start_ns=0, seed=1, era="2018")


class FakeExchange:
    """Has one timer every ``every_ns`` and remembers what it was given."""

    def __init__(self, every_ns=None):
        self.every_ns = every_ns
        self.due = every_ns
        self.applied = []

    def next_due_ns(self):
        return self.due

    def still_until_ns(self, upto_ns):
        return 0

    def apply(self, command, at_ns):
        if isinstance(command, CancelAll) and command.symbol == "BREAK":
            raise KeyError("planted")
        if isinstance(command, Advance) and self.due is not None:
            while self.due <= at_ns:
                self.due += self.every_ns
        self.applied.append((at_ns, type(command).__name__, command.account))
        return ()


@pytest.fixture
def clock():
    return ManualClock(0)


def make(clock, exchange=None):
    return Session(exchange or FakeExchange(), MemoryJournal(HEADER), clock)


def test_of_one_instant_prints_come_first_then_timers_then_agents_then_clients(clock):
    exchange = FakeExchange(every_ns=5 * SECOND)
    session = make(clock, exchange)

    def agent(number):
        return lambda _: session.submit(CancelAll(account=number))

    session.scheduler.at(5 * SECOND, SOURCE_AGENTS + 1, agent(12))
    session.scheduler.at(5 * SECOND, SOURCE_AGENTS, agent(11))
    session.scheduler.at(
        5 * SECOND,
        SOURCE_FEED,
        lambda _: session.submit(IndexPrints(index=".X", prices=(1,))),
    )
    clock.move_to(5 * SECOND)
    session.submit(CancelAll(account=99))

    assert exchange.applied == [
        (5 * SECOND, "IndexPrints", 0),
        (5 * SECOND, "Advance", 0),
        (5 * SECOND, "CancelAll", 11),
        (5 * SECOND, "CancelAll", 12),
        (5 * SECOND, "CancelAll", 99),
    ]


def test_what_was_missed_runs_at_its_own_instants(clock):
    exchange = FakeExchange(every_ns=2 * SECOND)
    session = make(clock, exchange)
    session.scheduler.at(3 * SECOND, SOURCE_AGENTS, lambda _: session.submit(CancelAll(account=1)))

    session.run_due(7 * SECOND)

    assert [(at // SECOND, kind) for at, kind, _ in exchange.applied] == [
        (2, "Advance"),
        (3, "CancelAll"),
        (4, "Advance"),
        (6, "Advance"),
    ]
    assert session.at_ns == 7 * SECOND
    assert session.next_due_ns() == 8 * SECOND


def test_an_entry_set_for_the_past_runs_now_and_time_never_steps_back(clock):
    session = make(clock)
    clock.move_to(9 * SECOND)
    session.submit(CancelAll(account=1))
    session.scheduler.at(SECOND, SOURCE_AGENTS, lambda _: session.submit(CancelAll(account=2)))
    session.submit(CancelAll(account=3))

    assert session.exchange.applied == [
        (9 * SECOND, "CancelAll", 1),
        (9 * SECOND, "CancelAll", 2),
        (9 * SECOND, "CancelAll", 3),
    ]


def test_an_agent_that_wakes_itself_for_the_same_instant_is_run_again_in_turn(clock):
    session = make(clock)
    order = []

    def first(at_ns):
        order.append("first")
        session.scheduler.at(at_ns, SOURCE_AGENTS, lambda _: order.append("again"))

    session.scheduler.at(SECOND, SOURCE_AGENTS, first)
    session.scheduler.at(SECOND, SOURCE_AGENTS + 1, lambda _: order.append("second"))
    session.run_due(SECOND)

    assert order == ["first", "again", "second"]


def test_instants_are_whole_microseconds(clock):
    session = make(clock)
    clock.move_to(1_234_567)
    session.submit(Advance())
    session.scheduler.at(5_000_999, SOURCE_AGENTS, lambda _: session.submit(Advance()))
    session.run_due(6_000_999)

    assert [at for at, _, _ in session.exchange.applied] == [1_234_000, 5_000_000]
    assert session.at_ns == 6_000_000


def test_listeners_hear_every_command_with_its_stamp(clock):
    session = make(clock)
    heard = []
    session.subscribe(lambda *facts: heard.append(facts))
    clock.move_to(SECOND)

    session.submit(Advance())
    session.submit(CancelAll(account=4))

    assert heard == [(1, SECOND, Advance(), ()), (2, SECOND, CancelAll(account=4), ())]


def test_a_listener_may_not_submit(clock):
    session = make(clock)
    session.subscribe(lambda *_: session.submit(Advance()))
    with pytest.raises(CoreError, match="listener must not submit"):
        session.submit(Advance())


def test_after_a_broken_promise_nothing_is_accepted(clock):
    session = make(clock)
    with pytest.raises(CoreError, match="planted"):
        session.submit(CancelAll(symbol="BREAK"))
    with pytest.raises(CoreError, match="planted"):
        session.submit(Advance())
    assert session.exchange.applied == []


def test_a_timer_that_stays_due_is_a_broken_promise(clock):
    exchange = FakeExchange()
    exchange.due = SECOND
    exchange.every_ns = 0

    class Stuck(FakeExchange):
        def apply(self, command, at_ns):
            return ()

    stuck = Stuck(every_ns=SECOND)
    session = make(clock, stuck)
    with pytest.raises(CoreError, match="still due"):
        session.run_due(2 * SECOND)


def test_the_same_run_gives_the_same_digest(clock):
    def run(account):
        session = make(ManualClock(0), FakeExchange(every_ns=SECOND))
        session.run_due(3 * SECOND)
        session.submit(CancelAll(account=account))
        return session.journal.digest()

    assert run(1) == run(1) != run(2)


def test_durability_none_releases_at_once(clock):
    session = make(clock)
    session.submit(Advance())
    released = session.released()
    with pytest.raises(StopIteration):
        released.send(None)
    assert session.next_due_ns() is None


def test_one_sync_releases_all_who_wait_in_a_turn(clock, tmp_path):
    class Counting(FileJournal):
        writes = 0

        def write(self, chunk):
            type(self).writes += 1
            super().write(chunk)

    journal = Counting(tmp_path / "j", HEADER, durable=True)
    session = Session(FakeExchange(), journal, clock)
    Counting.writes = 0

    async def one(account):
        session.submit(CancelAll(account=account))
        await session.released()
        return session.synced_seq

    async def run():
        synced = await asyncio.gather(*(one(k) for k in range(50)))
        await session.close()
        return synced

    assert asyncio.run(run()) == [50] * 50
    assert Counting.writes == 2  # one for all fifty, one on closing


def test_a_disk_that_refuses_stops_the_session(clock, tmp_path):
    class Full(FileJournal):
        def write(self, chunk):
            if self.last_seq:
                raise JournalError("can't write journal: No space left on device")
            super().write(chunk)

    session = Session(FakeExchange(), Full(tmp_path / "j", HEADER, durable=True), clock)

    async def run():
        session.submit(Advance())
        with pytest.raises(JournalError, match="No space"):
            await session.released()
        with pytest.raises(JournalError, match="No space"):
            session.submit(Advance())

    asyncio.run(run())


def test_a_restored_session_goes_on_where_the_journal_ends(clock, tmp_path):
    first = Session(FakeExchange(), FileJournal(tmp_path / "j", HEADER, durable=False), clock)
    clock.move_to(3 * SECOND)
    first.submit(CancelAll(account=1))
    first.submit(CancelAll(account=2))
    first.journal.close()

    exchange = FakeExchange()
    second = make(clock, exchange)
    heard = []
    second.subscribe(lambda seq, *_: heard.append(seq))
    journal = FileJournal.open(tmp_path / "j", durable=False, on_record=second.restore)
    second.go_on(journal, clock)
    clock.move_to(4 * SECOND)
    second.submit(CancelAll(account=3))

    assert heard == [1, 2, 3]
    assert [at // SECOND for at, _, _ in exchange.applied] == [3, 3, 4]
    assert journal.last_seq == second.seq == 3
    journal.close()


def test_time_that_nobody_lived_through_is_one_command(clock):
    exchange = FakeExchange(every_ns=5 * SECOND)
    session = make(clock, exchange)
    session.skip_to(86_400 * SECOND)

    assert exchange.applied == [(86_400 * SECOND, "Advance", 0)]
    assert session.next_due_ns() == 86_405 * SECOND


def test_a_journal_that_ends_elsewhere_is_refused(clock):
    session = make(clock)
    session.submit(Advance())
    with pytest.raises(CoreError, match="ends at 0, the session at 1"):
        session.go_on(MemoryJournal(HEADER), clock)
