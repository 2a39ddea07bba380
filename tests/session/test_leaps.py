"""A clock that is moved far goes over what only repeats, and all is as if it had gone by steps."""

from sim_exchange.app import build_world, load
from sim_exchange.app.pump import ManualControl
from sim_exchange.clock import ManualClock
from sim_exchange.core.commands import (
    Advance,
    Announce,
    FeedPrints,
    IndexPrints,
    OpenAccount,
    SetComposition,
    SetConstituent,
)
from sim_exchange.core.events import Accepted
from sim_exchange.core.exchange import Exchange
from sim_exchange.core.types import MINUTE_NS, SECOND_NS

START = "2018-01-12T11:00:07Z"


class Told:
    """A world without a market whose clock stands until it is moved, and what it told."""

    def __init__(self, *, leaps=True):
        chosen = {"clock": "manual", "start": START, "market": "none"}
        self.world = build_world(load(chosen, environ={}))
        self.world.exchange._still._shortcuts = leaps
        self.session = self.world.session
        clock = self.session.clock
        assert isinstance(clock, ManualClock)
        self.control = ManualControl(clock, self.session)
        self.events, self.commands = [], []
        self.session.subscribe(self.hear)

    def hear(self, _seq, at_ns, command, events):
        self.commands.append((at_ns, type(command)))
        self.events += [event for event in events if not isinstance(event, Accepted)]

    def advance(self, seconds):
        self.control.advance_to(self.session.clock.now_ns() + seconds * SECOND_NS)

    def history(self):
        """What is remembered of every symbol."""
        history = self.world.history
        return [
            history.trades,
            {symbol: bins._bins for symbol, bins in history.bins.items()},
            {symbol: vars(stats) for symbol, stats in history.stats.items()},
            history.fundings,
            history.settlements,
        ]


def operate(told):
    """Wait long and short, move an index, let a member be silent and come back."""
    index = ".BXBT"
    members = told.world.exchange.indices[index].spec.constituents
    told.advance(3 * 3600)
    told.session.submit(IndexPrints(index=index, prices=(12_345 * 10**12,) * len(members)))
    told.advance(11)
    told.advance(1_800)
    told.session.submit(SetConstituent(index=index, constituent=members[0].name, status="silent"))
    told.session.submit(OpenAccount(name="late"))
    told.advance(1_200)
    price = told.world.exchange.index_members(index)[0].price
    told.session.submit(IndexPrints(index=index, prices=(price, *(0 for _ in members[1:]))))
    told.advance(0)
    told.advance(6 * 3600)


def test_a_long_jump_tells_and_leaves_what_steps_tell_and_leave():
    leaping, stepping = Told(), Told(leaps=False)
    operate(leaping)
    operate(stepping)

    assert leaping.events == stepping.events
    assert leaping.session.at_ns == stepping.session.at_ns
    assert leaping.history() == stepping.history()
    assert leaping.world.memory.books() == stepping.world.memory.books()
    assert leaping.world.exchange.check() == stepping.world.exchange.check()
    assert len(leaping.commands) * 3 < len(stepping.commands)


def test_a_minute_in_which_nothing_happens_is_three_commands():
    told = Told()
    told.advance(53 + 3600)
    del told.commands[:]
    start_ns = told.session.at_ns
    told.advance(3600)

    assert [kind for _, kind in told.commands] == [Advance, FeedPrints, Advance] * 60
    assert [(at_ns - start_ns) // SECOND_NS for at_ns, _ in told.commands[:4]] == [55, 60, 60, 115]


def test_what_leapt_is_replayed_to_the_same_state():
    told = Told()
    operate(told)
    again = Exchange(told.session.journal.header.start_ns)
    for record in told.session.journal.read():
        again.apply(record.command, record.at_ns)

    assert again.check()
    assert {symbol: (row.price, row.changed_ns) for symbol, row in again.indices.items()} == {
        symbol: (row.price, row.changed_ns) for symbol, row in told.world.exchange.indices.items()
    }


def test_an_index_that_is_moved_prints_every_five_seconds_up_to_the_next_minute():
    told = Told()
    told.advance(53 + 600)
    index = ".BXBT"
    members = told.world.exchange.indices[index].spec.constituents
    prints: list[int] = []

    def hear(_seq, at_ns, command, _events):
        rows = command.rows if isinstance(command, FeedPrints) else ()
        if isinstance(command, IndexPrints):
            rows = ((command.index, command.prices),)
        prints.extend((at_ns % MINUTE_NS // SECOND_NS) for name, _ in rows if name == index)

    told.advance(40)
    told.session.submit(IndexPrints(index=index, prices=(9_999 * 10**12,) * len(members)))
    told.session.subscribe(hear)
    told.advance(140)

    assert prints == [45, 50, 55, 0, 0, 0]


def test_members_that_change_at_an_announced_instant_print_their_own_prices_at_it():
    told = Told()
    told.advance(53 + 600)
    exchange = told.world.exchange
    index = ".BXBT"
    first, second = exchange.indices[index].spec.constituents
    prices = (10_000 * 10**12, 10_100 * 10**12)
    told.session.submit(IndexPrints(index=index, prices=prices))
    swapped = SetComposition(index=index, constituents=(second, first))
    at_ns = told.session.at_ns + 3605 * SECOND_NS
    told.session.submit(Announce(change=swapped, effective_ns=at_ns))

    told.advance(3605)

    members = exchange.index_members(index)
    assert [(one.name, one.price, one.at_ns) for one in members] == [
        (second.name, prices[1], at_ns),
        (first.name, prices[0], at_ns),
    ]
