"""Where index prices come from: every five seconds each constituent prints.

Constituents of an index that follows a coin's path print the path with a noise of their own. All
others print again what they printed last, so that none goes stale by itself. One that was silenced
stays silent until somebody else prints for it. An index of the catalogue whose price is held, and
that nobody moved, prints once a minute: that keeps it as fresh (E9), and long waits short.
"""

from typing import Protocol

from sim_exchange.core.commands import (
    Announce,
    Command,
    IndexPrints,
    ListIndex,
    SetComposition,
    SetConstituent,
)
from sim_exchange.core.events import Accepted, AnnouncementChanged, Event, Refused
from sim_exchange.core.types import MINUTE_NS, AnnouncementState, IndexKind
from sim_exchange.market.draws import source
from sim_exchange.market.path import PRINT_NS, VenueNoise
from sim_exchange.market.prices import Priced
from sim_exchange.session import SOURCE_FEED, Session

_HEARD = frozenset({IndexPrints, ListIndex, SetComposition, SetConstituent})


class Follower(Protocol):
    """What gives the next prints of an index's constituents."""

    def prints(self, at_ns: int) -> tuple[int, ...]:
        """One pico price a constituent, in their order."""
        ...


class PathFollower:
    """Constituents that follow one price, each with a noise of its own."""

    def __init__(self, price: Priced, what: str, names: tuple[str, ...], seed: int) -> None:
        """Seed one noise a constituent; ``what`` is priced, such as ETC."""
        self._price = price
        self._noises = tuple(VenueNoise(source(seed, "venue", what, name)) for name in names)

    def prints(self, at_ns: int) -> tuple[int, ...]:
        """One pico price a constituent, in their order."""
        price = self._price.price(at_ns)
        return tuple([noise.print(price) for noise in self._noises])


class Feed:
    """Prints every five seconds for every composite index, as the first thing of the instant."""

    def __init__(self) -> None:
        """Know no index yet; ``hear`` tells which there are."""
        self._last: dict[str, list[int]] = {}
        self._names: dict[str, tuple[str, ...]] = {}
        self._silent: dict[str, set[int]] = {}
        self._followers: dict[str, Follower] = {}
        self._moved: set[str] = set()  # somebody else printed for them, or spoke about a member
        self._seldom: set[str] = set()
        self._announced: dict[int, Command] = {}  # changes of indices that are to come
        self._session: Session | None = None
        self._began = False

    def follow(self, index: str, follower: Follower) -> None:
        """Let an index follow a path from its next print on."""
        self._followers[index] = follower

    def hold(self, index: str, price: int, *, seldom: bool = False) -> None:
        """Let constituents that never printed print ``price`` pico until somebody moves them.

        With ``seldom`` once a minute, until then.
        """
        if seldom and index not in self._moved:
            self._seldom.add(index)
        last = self._last[index]
        self._last[index] = [held or price for held in last]

    def start(self, session: Session, at_ns: int) -> None:
        """Print at the first multiple of five seconds from ``at_ns`` on, and go on for ever."""
        self._session = session
        session.scheduler.at(-(-at_ns // PRINT_NS) * PRINT_NS, SOURCE_FEED, self._tick)

    def hear(self, _seq: int, _at_ns: int, command: Command, events: tuple[Event, ...]) -> None:
        """Listen to the session from its first command on, restored ones included."""
        if self._announced or type(command) is Announce:
            self._hear_news(command, events)
        if type(command) in _HEARD and Refused not in map(type, events):
            self._observe(command)

    def _hear_news(self, command: Command, events: tuple[Event, ...]) -> None:
        """Follow what was announced of indices, when it takes effect."""
        if isinstance(command, Announce) and isinstance(command.change, SetComposition):
            for event in events:
                if isinstance(event, Accepted):
                    self._announced[event.ref] = command.change
        for event in events:
            if type(event) is AnnouncementChanged and event.state is not AnnouncementState.PENDING:
                change = self._announced.pop(event.number, None)
                if change is not None and event.state is AnnouncementState.EFFECTIVE:
                    self._observe(change)

    def _observe(self, command: Command) -> None:
        match command:
            case IndexPrints():
                self._note_prints(command)
            case ListIndex(spec=spec) if spec.kind is IndexKind.COMPOSITE:
                self._names[spec.symbol] = tuple(member.name for member in spec.constituents)
                self._last[spec.symbol] = [0] * len(spec.constituents)
                self._silent[spec.symbol] = set()
            case SetComposition(index=index, constituents=members):
                self._move(index)
                self._recompose(index, tuple(member.name for member in members))
            case SetConstituent(index=index) if command.status != "silent":
                self._move(index)
            case SetConstituent(index=index) if index in self._names:
                self._move(index)
                if command.constituent in self._names[index]:
                    position = self._names[index].index(command.constituent)
                    self._silent[index].add(position)

    def _recompose(self, index: str, names: tuple[str, ...]) -> None:
        """Go on with the constituents that an index has now; a new one prints what the others do.

        An index that follows a path does so with its first constituents only: from here on each
        prints its own last price again.
        """
        before = dict(zip(self._names[index], self._last[index], strict=True))
        printed = [price for price in before.values() if price]
        known = sorted(printed)[len(printed) // 2] if printed else 0
        silent = {name for i, name in enumerate(self._names[index]) if i in self._silent[index]}
        self._names[index] = names
        self._last[index] = [before.get(name) or known for name in names]
        self._silent[index] = {i for i, name in enumerate(names) if name in silent}
        self._followers.pop(index, None)

    def _move(self, index: str) -> None:
        self._moved.add(index)
        self._seldom.discard(index)

    def _note_prints(self, command: IndexPrints) -> None:
        last = self._last.get(command.index)
        if last is None or len(last) != len(command.prices):
            return
        if command.index not in self._moved:
            pairs = zip(last, command.prices, strict=True)
            if any(before and price and before != price for before, price in pairs):
                self._move(command.index)
        if all(command.prices):
            last[:] = command.prices
            self._silent[command.index].clear()
            return
        for position, price in enumerate(command.prices):
            if price:
                last[position] = price
                self._silent[command.index].discard(position)

    def _tick(self, at_ns: int) -> None:
        session = self._session
        assert session is not None  # noqa: S101 (only ``start`` schedules this)
        session.scheduler.at(at_ns + PRINT_NS, SOURCE_FEED, self._tick)
        seldom = self._seldom if at_ns % MINUTE_NS and self._began else ()
        self._began = True
        for index, last in self._last.items():
            if index in seldom:
                continue
            follower = self._followers.get(index)
            prices = tuple(last) if follower is None else follower.prints(at_ns)
            silent = self._silent[index]
            if silent:
                prices = tuple(
                    0 if position in silent else price for position, price in enumerate(prices)
                )
            if any(prices):
                session.submit(IndexPrints(index=index, prices=prices))
