"""Where index prices come from: every five seconds each constituent prints.

Constituents of an index that follows a coin's path print the path with a noise of their own. All
others print again what they printed last, so that none goes stale by itself. One that was silenced
stays silent until somebody else prints for it. An index of the catalogue whose price is held, and
that nobody moved, prints once a minute: that keeps it as fresh (E9), and long waits short.
"""

from collections.abc import Callable
from typing import Protocol, TypeAlias

import structlog

from sim_exchange.core.commands import IndexPrints
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
    """Prints every five seconds for every composite index, as the first thing of the instant."""

    def __init__(self, heard: Heard) -> None:
        """Print what ``heard`` knows; it listens to the session from its first command on."""
        self._heard = heard
        # With the constituents of then: an index that gets others follows no path any more, each
        # prints its own last price again.
        self._followers: dict[str, tuple[tuple[str, ...] | None, Follower]] = {}
        self._seldom: set[str] = set()
        self._session: Session | None = None
        self._began = False
        self._taken: dict[str, tuple[int, tuple[int, ...]]] = {}
        self.rejected = 0
        """How many rows came of an instant that had its row already."""
        self.doubles: Doubles | None = None
        """Asked at each print whether its rows come twice: None = no, True = with another price."""

    def follow(self, index: str, follower: Follower) -> None:
        """Let an index follow a path from its next print on."""
        self._followers[index] = (self._heard.names.get(index), follower)

    def hold(self, index: str, price: int, *, seldom: bool = False) -> None:
        """Let constituents that never printed print ``price`` pico until somebody moves them.

        With ``seldom`` once a minute, until then.
        """
        if seldom:
            self._seldom.add(index)
        last = self._heard.last
        last[index] = [held or price for held in last[index]]

    def start(self, session: Session, at_ns: int) -> None:
        """Print at the first multiple of five seconds from ``at_ns`` on, and go on for ever."""
        self._session = session
        session.scheduler.at(-(-at_ns // PRINT_NS) * PRINT_NS, SOURCE_FEED, self._tick)

    def _tick(self, at_ns: int) -> None:
        session = self._session
        assert session is not None  # noqa: S101 (only ``start`` schedules this)
        session.scheduler.at(at_ns + PRINT_NS, SOURCE_FEED, self._tick)
        heard = self._heard
        seldom = self._seldom - heard.moved if at_ns % MINUTE_NS and self._began else ()
        self._began = True
        for index, last in heard.last.items():
            if index in seldom:
                continue
            names, follower = self._followers.get(index, (None, None))
            follows = follower is not None and names is heard.names[index]
            prices = follower.prints(at_ns) if follower and follows else tuple(last)
            silent = heard.silent[index]
            if silent:
                prices = tuple(
                    0 if position in silent else price for position, price in enumerate(prices)
                )
            if any(prices):
                self._receive(session, index, at_ns, prices)

    def _receive(self, session: Session, index: str, at_ns: int, prices: tuple[int, ...]) -> None:
        """Take the rows of a print as they come: twice, where a fault has them so."""
        self._take(session, index, at_ns, prices)
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
