"""Who takes from the weekly future's book: those who have an opinion, and those who know.

An opinionated taker's fair price is the index times one plus the carry plus a mean-reverting
opinion; takers come by a Poisson process and take with probability ``exp(-k * distance)`` of the
best price from that fair price, so that they come less often the worse the price. An informed
taker knows the path some time ahead and takes when that pays for its fee; it takes from the spot
book first, so that a hedge just after it costs more.
"""

from abc import ABC, abstractmethod
from math import exp

import msgspec
from typing_extensions import override

from sim_exchange.core.commands import PlaceOrder
from sim_exchange.core.types import DAY_NS, PICO, SECOND_NS, Side, TimeInForce
from sim_exchange.core.views import MarketLike
from sim_exchange.market.agents.desk import (
    Desk,
    Wanderer,
    carry,
    coin_minor,
    coins,
    fee,
    open_market,
)
from sim_exchange.market.path import ReferencePath


class SizeFigures(msgspec.Struct, frozen=True, kw_only=True):
    """How much one order takes: lognormal, cut off at both ends, XBT."""

    median: float = 0.2
    sigma: float = 0.7
    least: float = 0.05
    most: float = 1.0


class OpinionFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Takers who judge by a basis of their own."""

    per_day: float = 350.0
    """Arrivals a day, both sides together, before judging the price."""
    k: float = 300.0
    """How fast the will to trade falls with the distance from fair (a fraction of fair)."""
    deviation: float = 15e-4
    """Standard deviation of the opinion on the basis."""
    relaxation_s: float = 7_200.0
    """Seconds in which an opinion fades by e."""
    reach: float = 20e-4
    """How far behind the best price they follow the book."""
    accounts: int = 4
    balance: int = 10**12
    """XBT of each account, XBt."""
    size: SizeFigures = SizeFigures()


class InformedFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Takers who know the path ahead."""

    per_day: float = 60.0
    """How often a day they look."""
    ahead_s: tuple[float, float] = (10.0, 300.0)
    """They know the price a draw from this range of seconds ahead."""
    edge: float = 5e-4
    """What must be left after the fee, a fraction of the price."""
    spot_value: float = 0.3
    """What they take from the spot book first, XBT."""
    accounts: int = 2
    balance: int = 10**12
    """XBT of each account, XBt."""
    coins_value: float = 10_000.0
    """Coins of each account, XBT."""
    size: SizeFigures = SizeFigures()


class Names(msgspec.Struct, frozen=True):
    """The symbols that belong to one coin."""

    coin: str
    future: str
    spot: str
    index: str


class _Taker(ABC):
    # What both kinds share: they come by a Poisson process and take at a limit.

    def __init__(self, desk: Desk, names: Names, per_day: float, size: SizeFigures) -> None:
        self.desk = desk
        self.names = names
        self.accounts: list[int] = []
        self._mean_gap_s = DAY_NS / SECOND_NS / per_day
        self._size = size

    def _arrive_later(self) -> None:
        self.desk.wake_in(self.desk.rng.expovariate(1 / self._mean_gap_s), self._arrive)

    def _arrive(self, at_ns: int) -> None:
        self._arrive_later()
        market = open_market(self.desk.view, self.names.future)
        index = self.desk.view.indices[self.names.index]
        if market is not None and index.price:
            fair = index.price * PICO / 10**index.spec.decimals
            self._look(at_ns, market, fair)

    @abstractmethod
    def _look(self, at_ns: int, market: MarketLike, fair: float) -> None:
        """Judge the book; ``fair`` is the index in pico XBT."""

    def _draw_value(self) -> float:
        size = self._size
        draw = size.median * exp(self.desk.rng.gauss(0.0, size.sigma))
        return min(max(draw, size.least), size.most)

    def _take(self, account: int, market: MarketLike, side: Side, best: int, reach: float) -> None:
        # ``best`` in ticks.
        spec = market.spec
        limit = best + side.value * round(best * reach)
        qty = max(1, round(coins(self._draw_value(), best * spec.tick_pico)))
        self._enter(account, spec.symbol, side, limit, qty)

    def _enter(self, account: int, symbol: str, side: Side, price: int, qty: int) -> None:
        # A refusal (a halt, a risk limit reached) is this taker's loss; it comes again.
        self.desk.submit(
            PlaceOrder(
                account=account,
                symbol=symbol,
                side=side,
                order_qty=qty,
                price=max(1, price),
                time_in_force=TimeInForce.IOC,
            )
        )


def _best(market: MarketLike, side: Side) -> int | None:
    # What a taker on ``side`` would pay or get, ticks.
    return market.book.best_ask() if side is Side.BUY else market.book.best_bid()


class OpinionTakers(_Taker):
    """Takers who judge by index, carry and an opinion."""

    def __init__(self, desk: Desk, names: Names, figures: OpinionFigures) -> None:
        """Prepare; ``start`` opens the accounts."""
        super().__init__(desk, names, figures.per_day, figures.size)
        self._figures = figures
        self._opinion = Wanderer(desk.rng, figures.deviation, figures.relaxation_s)

    def start(self) -> None:
        """Open the accounts and begin to come."""
        for number in range(1, self._figures.accounts + 1):
            name = f"{self.names.future} taker {number}"
            self.accounts.append(self.desk.account(name, XBt=self._figures.balance))
        self._arrive_later()

    @override
    def _look(self, at_ns: int, market: MarketLike, fair: float) -> None:
        rng, figures = self.desk.rng, self._figures
        side = Side.BUY if rng.random() < 0.5 else Side.SELL
        best = _best(market, side)
        if best is None:
            return
        basis = carry(self.desk.view, market, self.names.coin) + self._opinion.at(at_ns)
        fair *= 1 + basis
        distance = side.value * (best * market.spec.tick_pico / fair - 1)
        if rng.random() < exp(-figures.k * max(0.0, distance)):
            self._take(rng.choice(self.accounts), market, side, best, figures.reach)


class InformedTakers(_Taker):
    """Takers who know the path ahead, and take when that pays for their fee."""

    def __init__(
        self, desk: Desk, names: Names, path: ReferencePath, figures: InformedFigures
    ) -> None:
        """Prepare; ``start`` opens the accounts."""
        super().__init__(desk, names, figures.per_day, figures.size)
        self._path = path
        self._figures = figures

    def start(self) -> None:
        """Open the accounts and begin to look."""
        figures, coin = self._figures, self.names.coin
        price = self._path.price(self.desk.session.at_ns)
        funds = {
            "XBt": figures.balance,
            coin: coin_minor(coin, figures.coins_value, price),
        }
        for number in range(1, figures.accounts + 1):
            name = f"{self.names.future} informed {number}"
            self.accounts.append(self.desk.account(name, **funds))
        self._arrive_later()

    @override
    def _look(self, at_ns: int, market: MarketLike, fair: float) -> None:
        rng, figures = self.desk.rng, self._figures
        ahead_ns = round(rng.uniform(*figures.ahead_s) * SECOND_NS)
        basis = carry(self.desk.view, market, self.names.coin)
        worth = self._path.price(at_ns + ahead_ns) * (1 + basis)
        side = Side.BUY if worth > fair * (1 + basis) else Side.SELL
        best = _best(market, side)
        if best is None:
            return
        gain = side.value * (worth / (best * market.spec.tick_pico) - 1)
        if gain < fee(market.spec.taker_fee_ppm) + figures.edge:
            return
        account = rng.choice(self.accounts)
        self._take_spot(account, side)
        self._take(account, market, side, best, reach=0.0)

    def _take_spot(self, account: int, side: Side) -> None:
        market = open_market(self.desk.view, self.names.spot)
        best = None if market is None else _best(market, side)
        if market is None or best is None:
            return
        limit = best + side.value * round(best * 50e-4)
        qty = coin_minor(self.names.coin, self._figures.spot_value, best * market.spec.tick_pico)
        self._enter(account, market.spec.symbol, side, limit, qty)
