"""Who is in the market: every figure of the background of one coin, in one place.

A coin whose candles were given has traders of many kinds; the era's other contracts have light ones
(``agents/light.py``), or the anchor market maker and one customer.
Each trader has a generator named after it and the coin, and a fixed place in the order of an
instant, so that adding one changes no other's draws.
"""

from collections.abc import Callable

import msgspec

from sim_exchange.core.commands import Command
from sim_exchange.core.events import Event, Executed
from sim_exchange.core.specs import InstrumentSpec
from sim_exchange.core.types import Kind
from sim_exchange.core.views import ExchangeView, MarketLike
from sim_exchange.market import catalogue
from sim_exchange.market.agents.anchor import AnchorFigures, AnchorMaker
from sim_exchange.market.agents.desk import Desk
from sim_exchange.market.agents.lender import Lender, LenderFigures
from sim_exchange.market.agents.light import (
    IndexWorth,
    LightFigures,
    LightMaker,
    LightTaker,
    OptionWorth,
    Worth,
    contracts,
    index_pico,
)
from sim_exchange.market.agents.spot_makers import SpotFigures, SpotMakers
from sim_exchange.market.agents.takers import (
    InformedFigures,
    InformedTakers,
    Names,
    OpinionFigures,
    OpinionTakers,
)
from sim_exchange.market.agents.wide_makers import WideFigures, WideMaker
from sim_exchange.market.draws import source
from sim_exchange.market.era import Series
from sim_exchange.market.path import ReferencePath
from sim_exchange.market.prices import Priced
from sim_exchange.session import SOURCE_AGENTS, Session

_ANCHORED = 20  # options on each side of the anchor's first quote
_ANCHORED_XBT = 2.0  # ... and of other contracts, what is worth so much


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """The background of one coin; the defaults are the default market."""

    spot: SpotFigures = SpotFigures()
    opinion: OpinionFigures = OpinionFigures()
    informed: InformedFigures = InformedFigures()
    lender: LenderFigures = LenderFigures()
    wide: WideFigures = WideFigures()


class Population:
    """All background traders of a running exchange."""

    def __init__(self, session: Session, view: ExchangeView, seed: int) -> None:
        """Have nobody yet."""
        self._session = session
        self._view = view
        self._seed = seed
        self._next_source = SOURCE_AGENTS
        self._makers: dict[int, SpotMakers] = {}
        session.subscribe(self._hear)

    def anchor(
        self,
        symbol: str,
        figures: AnchorFigures,
        worth: Callable[[MarketLike, int], int] | None = None,
    ) -> AnchorMaker:
        """Let an anchor market maker begin in a contract that nobody else quotes (E30)."""
        maker = AnchorMaker(self._desk(symbol, "anchor"), symbol, figures, worth)
        maker.start()
        return maker

    def settle_in(self, path: ReferencePath, figures: Figures) -> None:
        """Let a coin's traders open their accounts and begin."""
        coin = path.coin
        names = Names(
            coin,
            catalogue.weekly_symbol(coin),
            catalogue.spot_symbol(coin),
            catalogue.index_symbol(coin),
        )
        makers = SpotMakers(self._desk(coin, "spot"), path, names.spot, coin, figures.spot)
        for account in makers.start():
            self._makers[account] = makers
        Lender(self._desk(coin, "lender"), path, coin, figures.lender).start()
        for number, distance in enumerate(figures.wide.distances, 1):
            WideMaker(self._desk(coin, f"wide {number}"), names, distance, figures.wide).start()
        OpinionTakers(self._desk(coin, "opinion"), names, figures.opinion).start()
        InformedTakers(self._desk(coin, "informed"), names, path, figures.informed).start()

    def attend(
        self, series: Series, spec: InstrumentSpec, price: Priced | None, volatility: float
    ) -> None:
        """Let somebody quote a contract of an era that was listed, and somebody trade it.

        Args:
            series: what it is a contract of.
            spec: the contract.
            price: what its index follows; None where it has none.
            volatility: of that index, a year.
        """
        symbol = spec.symbol
        figures = LightFigures(spread_ppm=series.spread_ppm)
        desk = self._desk(symbol, "maker")
        worth: Worth = IndexWorth(desk, spec, figures)
        if spec.option is not None:
            worth = OptionWorth(self._view, volatility)
        if series.maker == "anchor":
            account = self._anchor(spec, worth, series.spread_ppm).account
        elif series.maker == "light":
            light = LightMaker(desk, spec, worth, figures)
            light.start()
            account = light.account
        else:
            return
        LightTaker(self._desk(symbol, "taker"), spec, account, figures).start()
        if price is not None and spec.kind is Kind.SPOT and spec.base_currency != "XBt":
            Lender(self._desk(symbol, "lender"), price, spec.base_currency, LenderFigures()).start()

    def _anchor(self, spec: InstrumentSpec, worth: Worth, spread_ppm: int) -> AnchorMaker:
        unit = 10.0 ** (12 - spec.mark_decimals)

        def worth_of(market: MarketLike, at_ns: int) -> int:
            return round(worth.at(market, at_ns) / unit)

        size = _ANCHORED if spec.option is not None else _contracts(self._view, spec)
        figures = AnchorFigures(spread_ppm=spread_ppm, size=size)
        return self.anchor(spec.symbol, figures, worth_of)

    def _desk(self, coin: str, name: str) -> Desk:
        rng = source(self._seed, "agent", coin, name)
        return Desk(self._session, self._view, rng, self._take_source())

    def _take_source(self) -> int:
        self._next_source += 1
        return self._next_source - 1

    def _hear(self, _seq: int, _at_ns: int, _command: Command, events: tuple[Event, ...]) -> None:
        makers = self._makers
        for event in events:
            if type(event) is Executed and event.account in makers:
                makers[event.account].on_executed(event)


def _contracts(view: ExchangeView, spec: InstrumentSpec) -> int:
    price = index_pico(view, spec.reference_symbol)
    return contracts(spec, price, _ANCHORED_XBT) if price else 1
