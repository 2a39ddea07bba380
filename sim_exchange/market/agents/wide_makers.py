"""Slow makers far from the weekly future's fair price, so that its book is never empty."""

import msgspec

from sim_exchange.core.commands import AmendBulk, AmendOrder, CancelAll, PlaceBulk, PlaceOrder
from sim_exchange.core.events import Accepted, Refused
from sim_exchange.core.types import PICO, Side
from sim_exchange.market.agents.desk import Desk, carry, coins, open_market
from sim_exchange.market.agents.takers import Names


class WideFigures(msgspec.Struct, frozen=True, kw_only=True):
    """The wide makers of one coin; fractions are of the fair price."""

    distances: tuple[float, ...] = (0.015, 0.03)
    """Half the width of each maker's quote; one account each."""
    tolerance: float = 0.005
    """How far a quote may be off before it is moved."""
    value: float = 2.0
    """Size of each order, XBT."""
    pause_s: tuple[float, float] = (60.0, 120.0)
    """They look after a draw from this range of seconds."""
    balance: int = 10**12
    """XBT of each account, XBt."""


class WideMaker:
    """One account with one bid and one ask."""

    def __init__(self, desk: Desk, names: Names, distance: float, figures: WideFigures) -> None:
        """Prepare; ``start`` opens the account."""
        self._desk = desk
        self._names = names
        self._distance = distance
        self._figures = figures
        self._account = 0
        self._orders = {Side.BUY: 0, Side.SELL: 0}

    def start(self) -> None:
        """Open the account and look at once."""
        name = f"{self._names.future} maker {self._distance:g}"
        self._account = self._desk.account(name, XBt=self._figures.balance)
        self._look(self._desk.session.at_ns)

    def _look(self, _at_ns: int) -> None:
        self._desk.wake_in(self._desk.rng.uniform(*self._figures.pause_s), self._look)
        view = self._desk.view
        market = open_market(view, self._names.future)
        index = view.indices[self._names.index]
        if market is None or not index.price:
            return
        fair = index.price * PICO / 10**index.spec.decimals
        fair *= 1 + carry(view, market, self._names.coin)
        amends, places = [], []
        for side, order_id in self._orders.items():
            wanted = fair * (1 - side.value * self._distance) / market.spec.tick_pico
            ticks = max(1, int(wanted) + (side is Side.SELL))
            order = view.orders.get(order_id)
            if order is None or not order.leaves_qty:
                places.append(self._order(side, ticks, market.spec.tick_pico))
            elif abs(order.price - ticks) > ticks * self._figures.tolerance:
                amends.append(AmendOrder(account=self._account, order_id=order_id, price=ticks))
        self._send(places, amends)

    def _order(self, side: Side, ticks: int, tick_pico: int) -> PlaceOrder:
        return PlaceOrder(
            account=self._account,
            symbol=self._names.future,
            side=side,
            order_qty=max(1, round(coins(self._figures.value, ticks * tick_pico))),
            price=ticks,
        )

    def _send(self, places: list[PlaceOrder], amends: list[AmendOrder]) -> None:
        if amends:
            events = self._desk.submit(AmendBulk(account=self._account, amends=tuple(amends)))
            if any(isinstance(event, Refused) for event in events):
                self._desk.submit(CancelAll(account=self._account, symbol=self._names.future))
        if places:
            bulk = PlaceBulk(account=self._account, orders=tuple(places))
            for event in self._desk.submit(bulk):
                if isinstance(event, Accepted):
                    side = places[event.index].side
                    if side is not None:
                        self._orders[side] = event.ref
