"""Where index prices come from: every five seconds each constituent prints.

Constituents of an index that follows a coin's path print the path with a noise of their own. All
others print again what they printed last, so that none goes stale by itself. One that was silenced
stays silent until somebody else prints for it. An index that follows no path, and that nobody moved
since the last whole minute, prints at whole minutes only, together with all others of its kind:
that keeps it as fresh (E9), and long waits short.
"""

from collections.abc import Callable
from typing import Protocol, TypeAlias

import structlog

from sim_exchange.core.commands import Command, FeedPrints, IndexPrints
from sim_exchange.core.events import Event, Refused
from sim_exchange.core.types import MINUTE_NS
from sim_exchange.market.draws import source
from sim_exchange.market.heard import Heard
from sim_exchange.market.path import PRINT_NS, VenueNoise
from sim_exchange.market.prices import Priced
from sim_exchange.session import SOURCE_FEED, Session

Doubles: TypeAlias = Callable[[], bool | None]

log = structlog.get_logger()


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
    """Prints for every composite index on a grid of five seconds, as the first of the instant."""

    def __init__(self, heard: Heard) -> None:
        """Print what ``heard`` knows; it listens to the session from its first command on."""
        self._heard = heard
        # With the constituents of then: an index that gets others follows no path any more, each
        # prints its own last price again.
        self._followers: dict[str, tuple[tuple[str, ...] | None, Follower]] = {}
        self._session: Session | None = None
        self._next_ns = 0
        self._moves = 0
        self._printed_ns: dict[str, int] = {}  # when somebody else did
        self._ticking = False
        self._fresh: set[str] = set()
        self._taken: dict[str, tuple[int, tuple[int, ...]]] = {}
        self.rejected = 0
        """How many rows came of an instant that had its row already."""
        self.doubles: Doubles | None = None
        """Asked at each print whether its rows come twice: None = no, True = with another price."""

    def follow(self, index: str, follower: Follower) -> None:
        """Let an index follow a path from its next print on."""
        self._followers[index] = (self._heard.names.get(index), follower)
        self._wake()

    def hold(self, index: str, price: int) -> None:
        """Let constituents that never printed print ``price`` pico until somebody moves them."""
        last = self._heard.last
        last[index] = [held or price for held in last[index]]
        self._fresh.add(index)
        self._wake()

    def start(self, session: Session, at_ns: int) -> None:
        """Print at the first multiple of five seconds from ``at_ns`` on, and go on for ever."""
        self._session = session
        self._fresh.update(self._heard.last)
        self._plan(-(-at_ns // PRINT_NS) * PRINT_NS)
        session.subscribe(self._hear)

    def _plan(self, at_ns: int) -> None:
        self._next_ns = at_ns
        if self._session is not None:
            self._session.scheduler.at(at_ns, SOURCE_FEED, self._tick)

    def _hear(self, _seq: int, at_ns: int, command: Command, _events: tuple[Event, ...]) -> None:
        if type(command) is IndexPrints and not self._ticking:
            self._printed_ns[command.index] = at_ns
            self._moves = -1
        heard = self._heard
        if self._moves != heard.moves or heard.announced:
            self._moves = heard.moves
            if self._next_ns > at_ns + PRINT_NS:
                self._plan((at_ns // PRINT_NS + 1) * PRINT_NS)

    def _wake(self) -> None:
        """Print at the next five seconds, whatever was planned."""
        if self._session is not None:
            at_ns = (self._session.at_ns // PRINT_NS + 1) * PRINT_NS
            if at_ns < self._next_ns:
                self._plan(at_ns)

    def _tick(self, at_ns: int) -> None:
        session = self._session
        if session is None or at_ns != self._next_ns:
            return  # it was planned before something moved
        moves = self._heard.moves
        self._ticking = True
        if self._heard.announced:
            # What was announced for this instant holds for its prints: let it happen first (E32).
            session.submit(FeedPrints(rows=()))
        is_soon, held = self._follow(session, at_ns)
        self._repeat(session, at_ns, held)
        self._ticking = False
        self._fresh.clear()
        is_soon = is_soon or moves != self._heard.moves or bool(self._heard.announced)
        step_ns = PRINT_NS if is_soon else MINUTE_NS
        self._plan((at_ns // step_ns + 1) * step_ns)

    def _follow(
        self, session: Session, at_ns: int
    ) -> tuple[bool, list[tuple[str, tuple[int, ...]]]]:
        """Print what follows paths; return whether to print in five seconds, and what is held."""
        heard = self._heard
        held: list[tuple[str, tuple[int, ...]]] = []
        is_soon = False
        for index, last in heard.last.items():
            names, follower = self._followers.get(index, (None, None))
            if follower is not None and names is heard.names[index]:
                is_soon = True
                prices = self._unless_silent(index, follower.prints(at_ns))
                if any(prices):
                    self._receive(session, index, at_ns, prices)
                continue
            moved_ns = max(heard.moved_ns.get(index, -1), self._printed_ns.get(index, -1))
            is_moved = moved_ns // MINUTE_NS == at_ns // MINUTE_NS
            is_soon = is_soon or is_moved
            if is_moved or index in self._fresh or at_ns % MINUTE_NS == 0:
                prices = self._unless_silent(index, tuple(last))
                if any(prices):
                    held.append((index, prices))
        return is_soon, held

    def _unless_silent(self, index: str, prices: tuple[int, ...]) -> tuple[int, ...]:
        silent = self._heard.silent[index]
        if not silent:
            return prices
        return tuple(0 if position in silent else price for position, price in enumerate(prices))

    def _repeat(
        self, session: Session, at_ns: int, held: list[tuple[str, tuple[int, ...]]]
    ) -> None:
        """Print what is held in one command; each by itself where that can't be."""
        if len(held) > 1:
            events = session.submit(FeedPrints(rows=tuple(held)))
            if Refused not in map(type, events):
                for index, prices in held:
                    self._taken[index] = (at_ns, prices)
                    self._double(session, index, at_ns, prices)
                return
        for index, prices in held:
            self._receive(session, index, at_ns, prices)

    def _receive(self, session: Session, index: str, at_ns: int, prices: tuple[int, ...]) -> None:
        """Take the rows of a print as they come: twice, where a fault has them so."""
        self._take(session, index, at_ns, prices)
        self._double(session, index, at_ns, prices)

    def _double(self, session: Session, index: str, at_ns: int, prices: tuple[int, ...]) -> None:
        mismatch = None if self.doubles is None else self.doubles()
        if mismatch is not None:
            other = tuple(price + price // 100 for price in prices) if mismatch else prices
            self._take(session, index, at_ns, other)

    def _take(self, session: Session, index: str, at_ns: int, prices: tuple[int, ...]) -> None:
        """Print, unless the instant has had its row: the first one holds (E31)."""
        before = self._taken.get(index)
        if before is not None and at_ns <= before[0]:
            self.rejected += 1
            what = "the same again" if prices == before[1] else "overlap mismatch"
            log.error("feed row rejected", index=index, at_ns=at_ns, reason=what)
            return
        self._taken[index] = (at_ns, prices)
        session.submit(IndexPrints(index=index, prices=prices))
