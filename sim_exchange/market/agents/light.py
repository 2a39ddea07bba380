"""Cheap trade in the contracts that nobody else looks after: a maker and a taker each.

The maker keeps a few levels a side around what the contract is worth and looks every few seconds:
what moved or was hit is mended by one bulk amend. What it is worth is the index and a premium that
wanders: of a perpetual, so that there is something to fund; of a future by the year, so that it
fades towards expiry. The taker comes now and then and rather trades the maker flat.
"""

from math import exp, log
from typing import Protocol

import msgspec

from sim_exchange.core.commands import AmendBulk, AmendOrder, CancelAll, PlaceBulk, PlaceOrder
from sim_exchange.core.events import Accepted, Refused
from sim_exchange.core.specs import InstrumentSpec
from sim_exchange.core.types import PICO, PPM, Kind, Side, State, TimeInForce, currency_decimals
from sim_exchange.core.views import ExchangeView, MarketLike
from sim_exchange.market.agents.desk import XBT, YEAR_S, Desk, Wanderer, open_market
from sim_exchange.market.worth import option_worth

_SECOND_NS = 10**9


class LightFigures(msgspec.Struct, frozen=True, kw_only=True):
    """The maker and the taker of one contract."""

    spread_ppm: int = 1_000
    """Between its best quotes, 1e-6 of the price."""
    levels: int = 3
    """Orders a side."""
    widening: float = 2.0
    """Each level is so many times as far out as the one before."""
    depth: float = 1.5
    """All levels of a side together, in units of the impact notional."""
    least_depth: float = 3.0
    """... and at least this, XBT."""
    tolerance: float = 0.25
    """How far a level may be off, in units of half the spread, before it is moved."""
    pause_s: tuple[float, float] = (8.0, 14.0)
    """The maker looks after a draw from this range of seconds."""
    taker_pause_s: float = 90.0
    """Mean time between two arrivals of the taker, seconds."""
    taken: tuple[float, float] = (0.02, 0.4)
    """What the taker takes, XBT: the logarithm is drawn evenly."""
    bought: tuple[int, int] = (1, 5)
    """Contracts that a customer buys of an option."""
    premium: float = 8e-4
    """Standard deviation of a perpetual's premium over its index."""
    basis: float = 0.03
    """Mean and standard deviation of a future's basis a year."""
    relaxation_s: float = 28_800.0
    """Seconds in which a premium or a basis fades by e."""
    balance: int = 10**12
    """Of each account: XBt, and as much in other coins by their worth."""


class Worth(Protocol):
    """What a contract is worth."""

    def at(self, market: MarketLike, at_ns: int) -> float:
        """The price in pico; 0 where nobody knows."""
        ...


class IndexWorth:
    """The index, or where there is none the opening reference, and a premium that wanders."""

    def __init__(self, desk: Desk, spec: InstrumentSpec, figures: LightFigures) -> None:
        """Draw from the generator of ``desk``."""
        deviation = figures.basis if spec.expiry_ns is not None else figures.premium
        if spec.kind is Kind.SPOT:
            deviation = figures.premium / 4
        self._view = desk.view
        self._mean = figures.basis if spec.expiry_ns is not None else 0.0
        self._premium = Wanderer(desk.rng, deviation, figures.relaxation_s)

    def at(self, market: MarketLike, at_ns: int) -> float:
        """The price in pico; 0 without an index or a reference."""
        index: float = index_pico(self._view, market.spec.reference_symbol)
        if not index:
            index = opening_worth(market.spec, at_ns)
        premium = self._mean + self._premium.at(at_ns)
        if market.spec.expiry_ns is not None:
            premium *= max(0, market.spec.expiry_ns - at_ns) / _SECOND_NS / YEAR_S
        return index * (1 + premium)


class OptionWorth:
    """What an UP or a DOWN is worth at the index and a volatility."""

    def __init__(self, view: ExchangeView, volatility: float) -> None:
        """Take the index to move by ``volatility`` a year."""
        self._view = view
        self._volatility = volatility

    def at(self, market: MarketLike, at_ns: int) -> float:
        """The price in pico, at least a tick; 0 without an index."""
        index = index_pico(self._view, market.spec.reference_symbol)
        if not index:
            return 0.0
        worth = option_worth(market.spec, index, at_ns, self._volatility)
        return float(max(worth, market.spec.tick_pico))


def index_pico(view: ExchangeView, symbol: str) -> int:
    """Return an index in pico; 0 where it is not known."""
    index = view.indices.get(symbol)
    return 0 if index is None else index.price * PICO // 10**index.spec.decimals


def opening_worth(spec: InstrumentSpec, at_ns: int) -> float:
    """Return the opening reference in pico; of what pays dividends, as much as its life is left."""
    unit: int = 10**spec.mark_decimals
    worth = (spec.opening_reference or 0) * PICO / unit
    if spec.dividend is not None and spec.expiry_ns is not None:
        worth *= max(0, spec.expiry_ns - at_ns) / (spec.expiry_ns - spec.listing_ns)
    return worth


def contracts(spec: InstrumentSpec, price_pico: float, value: float) -> int:
    """Return how many contracts (spot: minor units) are worth ``value`` XBT; whole lots, not 0."""
    price = price_pico / PICO
    if spec.kind is Kind.SPOT:
        scale = 10.0 ** currency_decimals(spec.base_currency)
        number = value * scale if spec.base_currency == "XBt" else value * scale / price
    elif spec.kind is Kind.INVERSE:
        number = value * XBT * price / -spec.multiplier
    else:
        number = value * XBT / (spec.multiplier * price)
    lots = max(1, round(number / spec.lot_size))
    return min(lots * spec.lot_size, spec.max_order_qty // spec.lot_size * spec.lot_size)


def funds(view: ExchangeView, spec: InstrumentSpec, balance: int) -> dict[str, int]:
    """Return what an account that trades ``spec`` begins with, minor units by currency."""
    if spec.kind is not Kind.SPOT:
        return {spec.settl_currency: balance}
    price = max(1, index_pico(view, spec.reference_symbol)) / PICO
    quote = 10 ** currency_decimals(spec.settl_currency) / XBT
    if spec.base_currency == "XBt":
        return {"XBt": balance, spec.settl_currency: round(balance * price * quote)}
    scale = 10 ** currency_decimals(spec.base_currency) / XBT
    return {spec.settl_currency: balance, spec.base_currency: round(balance / price * scale)}


class LightMaker:
    """One account with a few levels a side."""

    def __init__(self, desk: Desk, spec: InstrumentSpec, worth: Worth, f: LightFigures) -> None:
        """Prepare; ``start`` opens the account."""
        self._desk = desk
        self._symbol = spec.symbol
        self._worth = worth
        self._figures = f
        self._orders = {(side, n): 0 for side in Side for n in range(f.levels)}
        self.account = 0

    def start(self) -> None:
        """Open the account and quote at once."""
        desk = self._desk
        spec = desk.view.markets[self._symbol].spec
        money = funds(desk.view, spec, self._figures.balance)
        self.account = desk.account(f"{self._symbol} light maker", **money)
        self._look(desk.session.at_ns)

    def _look(self, at_ns: int) -> None:
        desk, view = self._desk, self._desk.view
        market = view.markets[self._symbol]
        desk.wake_in(desk.rng.uniform(*self._figures.pause_s), self._look)
        if market.state is not State.OPEN:
            return
        worth = self._worth.at(market, at_ns)
        if worth:
            self._mend(market, worth)

    def _mend(self, market: MarketLike, worth: float) -> None:
        view, figures, spec = self._desk.view, self._figures, market.spec
        places: list[tuple[tuple[Side, int], PlaceOrder]] = []
        amends: list[AmendOrder] = []
        slack = worth * figures.spread_ppm / (2 * PPM) * figures.tolerance
        value = max(figures.least_depth, figures.depth * impact_xbt(spec)) / figures.levels
        qty = contracts(spec, worth, value)
        rising = False
        for key, order_id in self._orders.items():
            side, level = key
            offset = figures.spread_ppm / (2 * PPM) * figures.widening**level
            price = self._ticks(spec, worth * (1 - side.value * offset), side)
            order = view.orders.get(order_id) if order_id else None
            if order is None or not order.leaves_qty:
                places.append((key, self._order(side, price, qty)))
                continue
            moved = abs(order.price - price) * spec.tick_pico > max(slack, spec.tick_pico)
            if moved or 2 * order.leaves_qty < qty:
                rising = rising or price > order.price
                amends.append(
                    AmendOrder(
                        account=self.account,
                        order_id=order_id,
                        price=price if moved else None,
                        leaves_qty=qty if 2 * order.leaves_qty < qty else None,
                    )
                )
        # The side that retreats goes first, so that the side that advances doesn't meet it.
        if amends:
            self._amend(amends, reverse=rising)
        if places:
            self._place(places)

    def _amend(self, amends: list[AmendOrder], *, reverse: bool) -> None:
        bulk = tuple(reversed(amends)) if reverse else tuple(amends)
        events = self._desk.submit(AmendBulk(account=self.account, amends=bulk))
        if any(type(event) is Refused for event in events):
            self._desk.submit(CancelAll(account=self.account, symbol=self._symbol))

    def _place(self, places: list[tuple[tuple[Side, int], PlaceOrder]]) -> None:
        orders = tuple(order for _, order in places)
        for event in self._desk.submit(PlaceBulk(account=self.account, orders=orders)):
            if type(event) is Accepted:
                self._orders[places[event.index][0]] = event.ref

    def _order(self, side: Side, price: int, qty: int) -> PlaceOrder:
        return PlaceOrder(
            account=self.account, symbol=self._symbol, side=side, order_qty=qty, price=price
        )

    @staticmethod
    def _ticks(spec: InstrumentSpec, price_pico: float, side: Side) -> int:
        ticks = int(price_pico / spec.tick_pico) + (side is Side.SELL)
        return min(max(1, ticks), spec.max_price_ticks)


class LightTaker:
    """One account that takes now and then; of an option it only buys, and sells what it has."""

    def __init__(self, desk: Desk, spec: InstrumentSpec, maker: int, f: LightFigures) -> None:
        """Prepare; ``maker`` is the account whose position is traded flat."""
        self._desk = desk
        self._symbol = spec.symbol
        self._maker = maker
        self._figures = f
        self.account = 0

    def start(self) -> None:
        """Open the account and come for the first time in a while."""
        desk = self._desk
        spec = desk.view.markets[self._symbol].spec
        money = funds(desk.view, spec, self._figures.balance)
        self.account = desk.account(f"{self._symbol} light taker", **money)
        self._later()

    def _later(self) -> None:
        pause_s = self._desk.rng.expovariate(1 / self._figures.taker_pause_s)
        self._desk.wake_in(pause_s, self._arrive)

    def _arrive(self, _at_ns: int) -> None:
        self._later()
        market = open_market(self._desk.view, self._symbol)
        if market is None:
            return
        side, qty = self._bought(market) if market.spec.option is not None else self._taken(market)
        best = market.book.best_ask() if side is Side.BUY else market.book.best_bid()
        if best is None or not qty:
            return
        order = PlaceOrder(
            account=self.account,
            symbol=self._symbol,
            side=side,
            order_qty=qty,
            price=best,
            time_in_force=TimeInForce.IOC,
        )
        self._desk.submit(order)  # a refusal (a halt, a risk limit) is its loss; it comes again

    def _taken(self, market: MarketLike) -> tuple[Side, int]:
        desk, spec = self._desk, market.spec
        low, high = self._figures.taken
        value = low * exp(desk.rng.random() * log(high / low))
        touch = market.book.best_bid() or market.last_price or 1
        qty = contracts(spec, touch * spec.tick_pico, value)
        position = desk.view.position(self._maker, self._symbol)
        held = 0 if position is None or spec.kind is Kind.SPOT else position.current_qty
        lean = 0.5 + 0.4 * max(-1.0, min(1.0, held / (10 * qty)))
        return (Side.BUY if desk.rng.random() < lean else Side.SELL), qty

    def _bought(self, market: MarketLike) -> tuple[Side, int]:
        qty = self._desk.rng.randint(*self._figures.bought)
        position = self._desk.view.position(self.account, market.spec.symbol)
        held = 0 if position is None else position.current_qty
        if self._desk.rng.random() < min(0.9, held / 100):
            return Side.SELL, min(qty, held)
        return Side.BUY, qty


def impact_xbt(spec: InstrumentSpec) -> float:
    """Return the impact notional of a contract settled in XBt, XBT; 0 on spot."""
    if not spec.init_margin_ppm:
        return 0.0
    return (spec.impact_notional or spec.impact_at_full_margin * PPM / spec.init_margin_ppm) / XBT
