"""Who is in the market: every figure of the background of one coin, in one place.

Each trader has a generator named after it and the coin, and a fixed place in the order of an
instant, so that adding one changes no other's draws.
"""

import msgspec

from sim_exchange.core.commands import Command, ListInstrument
from sim_exchange.core.events import Event, Executed
from sim_exchange.core.types import SECOND_NS
from sim_exchange.core.views import ExchangeView
from sim_exchange.market import catalogue
from sim_exchange.market.agents.anchor import AnchorFigures, AnchorMaker
from sim_exchange.market.agents.desk import Desk
from sim_exchange.market.agents.lender import Lender, LenderFigures
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
from sim_exchange.market.path import ReferencePath
from sim_exchange.session import SOURCE_AGENTS, Session

_PAUSE_NS = 5 * SECOND_NS  # from the settlement of a weekly future to the listing of the next


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """The background of one coin; the defaults are the default market."""

    spot: SpotFigures = SpotFigures()
    opinion: OpinionFigures = OpinionFigures()
    informed: InformedFigures = InformedFigures()
    lender: LenderFigures = LenderFigures()
    wide: WideFigures = WideFigures()


class Population:
    """All background traders of a running exchange, and who relists the weeklies."""

    def __init__(self, session: Session, view: ExchangeView, seed: int) -> None:
        """Have nobody yet."""
        self._session = session
        self._view = view
        self._seed = seed
        self._next_source = SOURCE_AGENTS
        self._makers: dict[int, SpotMakers] = {}
        session.subscribe(self._hear)

    def relist(self, path: ReferencePath, expiry_ns: int) -> None:
        """List the coin's weekly future again when it has settled, first after ``expiry_ns``.

        It is a few seconds later: at the instant of settlement the contract is expired (E14), and
        whoever looks between sees it settled.
        """
        at_source = self._take_source()

        def again(at_ns: int) -> None:
            _, expiry_ns = catalogue.week_of(at_ns)
            spec = catalogue.weekly(path.coin, path.price(at_ns), at_ns, expiry_ns)
            self._session.submit(ListInstrument(spec=spec))
            self._session.scheduler.at(expiry_ns + _PAUSE_NS, at_source, again)

        self._session.scheduler.at(expiry_ns + _PAUSE_NS, at_source, again)

    def anchor(self, symbol: str, figures: AnchorFigures) -> AnchorMaker:
        """Let an anchor market maker begin in a contract that nobody else quotes (E30)."""
        maker = AnchorMaker(self._desk(symbol, "anchor"), symbol, figures)
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
