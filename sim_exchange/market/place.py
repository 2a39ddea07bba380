"""A market place: an era's indices and contracts, what moves the prices, and who trades there."""

from collections.abc import Sequence

import msgspec

from sim_exchange.core.commands import IndexPrints, ListIndex
from sim_exchange.core.specs import InstrumentSpec
from sim_exchange.core.views import ExchangeView
from sim_exchange.market import catalogue
from sim_exchange.market.era import Era, Series
from sim_exchange.market.feed import Feed, PathFollower
from sim_exchange.market.heard import Heard
from sim_exchange.market.path import ReferencePath
from sim_exchange.market.population import Figures, Population
from sim_exchange.market.prices import Held, Priced, prices_of, wandering
from sim_exchange.market.registrar import Registrar
from sim_exchange.session import SOURCE_FEED, Session

# What a coin has whose candles were given, and its own traders with it.
_SPOT, _WEEKLY = "spot.toml", "weekly.toml"
_OF_COIN = (_SPOT, _WEEKLY)
_NAMES_OF_COIN = (catalogue.spot_symbol, catalogue.weekly_symbol, catalogue.index_symbol)


class Place:
    """Everything of a running exchange that no client brings."""

    def __init__(
        self,
        session: Session,
        view: ExchangeView,
        era: Era,
        paths: Sequence[ReferencePath],
        heard: Heard,
        *,
        lively: bool,
    ) -> None:
        """Prepare; nothing is listed yet.

        Args:
            session: the door.
            view: what is behind it.
            era: what is listed besides the coins of ``paths``.
            paths: of the coins whose candles were given.
            heard: what was printed so far; it listens to the session.
            lively: whether somebody trades and prices move; else nothing happens but what the
                operator and the clients do.

        Raises:
            SettingsError: a file that the era names is wrong.
        """
        header = session.journal.header
        self._session = session
        self._view = view
        self._seed = header.seed
        self._begin_ns = header.start_ns
        self._paths = tuple(paths)
        self._lively = lively
        self._era = _with_coins(era, self._paths)
        self._prices = prices_of(era, header.seed, header.start_ns, self._paths)
        self._prices |= {catalogue.index_symbol(path.coin): path for path in self._paths}
        self.feed = self._feed = Feed(heard)
        self._population = Population(session, view, header.seed)
        self._registrar = Registrar(session, view, self._era, self._prices, self._on_listed)
        self._unattended: list[tuple[Series, InstrumentSpec]] | None = []

    def list_indices(self) -> None:
        """List every index that isn't there."""
        for path in self._paths:
            if self._era.of(catalogue.index_symbol(path.coin)) is None:
                for spec in catalogue.indices(path.coin):
                    if spec.symbol not in self._view.indices:
                        self._session.submit(ListIndex(spec=spec))
        self._registrar.list_indices()

    def start_feed(self, at_ns: int) -> None:
        """Let the indices print from an instant on, for ever."""
        for symbol, price in self._prices.items():
            entry = self._era.of(symbol)
            if entry is None or entry.begins_ns <= at_ns:
                self._let_print(symbol, price, at_ns)
            elif self._lively:
                self._begin_later(symbol, price, entry.begins_ns)
        self._feed.start(self._session, at_ns)

    def open(self, at_ns: int) -> None:
        """List what trades at an instant, and let the market in."""
        relists = self._lively and all(path.looped for path in self._paths)
        self._registrar.begin(at_ns, relists=relists)
        waiting, self._unattended = self._unattended or [], None
        if self._lively:
            for path in self._paths:
                self._population.settle_in(path, Figures())
        for series, spec in waiting:
            self._on_listed(series, spec)

    def yielding(self) -> frozenset[str]:
        """Return what only the era lists: symbols that the operator may define otherwise.

        Where there is a market it trades in them: none.
        """
        if self._lively:
            return frozenset()
        own = {name(path.coin) for path in self._paths for name in _NAMES_OF_COIN}
        return frozenset({*self._view.markets, *(one.symbol for one in self._era.index)} - own)

    def price(self, symbol: str, price: int, volatility: float, *, new: bool) -> None:
        """Give an index of somebody's own a price, pico, to begin with and to wander from."""
        spec = self._view.indices[symbol].spec
        if new:  # and the feed repeats it
            prices = (price,) * len(spec.constituents)
            self._session.submit(IndexPrints(index=symbol, prices=prices))
        if self._lively and volatility:
            path = wandering(symbol, self._seed, self._begin_ns, price, volatility)
            names = tuple(member.name for member in spec.constituents)
            self._feed.follow(symbol, PathFollower(path, symbol, names, self._seed))

    def _begin_later(self, symbol: str, price: Priced, at_ns: int) -> None:
        """Let an index print nothing until trade in its coin begins."""
        scheduler = self._session.scheduler
        scheduler.at(at_ns, SOURCE_FEED, lambda now_ns: self._let_print(symbol, price, now_ns))

    def _let_print(self, symbol: str, price: Priced, at_ns: int) -> None:
        """Let an index follow its price; without a market it stays where that is now."""
        entry = self._era.of(symbol)
        members = catalogue.VENUES if entry is None else entry.members
        spec = self._view.indices[symbol].spec
        recomposed = tuple(one.name for one in spec.constituents) != members
        if not self._lively or isinstance(price, Held) or recomposed:
            self._feed.hold(symbol, price.price(at_ns))
            return
        what = spec.underlying + ("" if spec.quote_currency == "XBT" else spec.quote_currency)
        self._feed.follow(symbol, PathFollower(price, what, members, self._seed))

    def _on_listed(self, series: Series, spec: InstrumentSpec) -> None:
        if self._unattended is not None:
            self._unattended.append((series, spec))
            return
        coins = {path.coin for path in self._paths}
        if not self._lively or (series.coin in coins and series.file in _OF_COIN):
            return
        symbol = spec.reference_symbol
        entry = self._era.of(symbol)
        volatility = entry.volatility if entry is not None else 0.0
        self._population.attend(series, spec, self._prices.get(symbol), volatility)


def _with_coins(era: Era, paths: Sequence[ReferencePath]) -> Era:
    """Return an era with the spot market and the weekly future of each coin, once each."""
    known = {(series.file, series.coin) for series in era.series}
    more = [
        series
        for path in paths
        for series in (
            Series(file=_SPOT, coin=path.coin),
            Series(file=_WEEKLY, coin=path.coin, every="week", tick_by_price=True),
        )
        if (series.file, series.coin) not in known
    ]
    return msgspec.structs.replace(era, series=(*era.series, *more))
