"""The engine's sells follow the speed limit of liquidations (E22): its floor, or their own price.

A floor that rises lifts an order that rests; one that falls lets it come down to the price of its
takeover again, and take the bids on its way.
"""

from sim_exchange.core.risk.engine import EngineOrder, engine_orders, order_ticks
from sim_exchange.core.risk.placing import Placing
from sim_exchange.core.risk.state import State
from sim_exchange.core.types import Mode, Side
from sim_exchange.core.types import State as Listing

# Looked up once: a member of an enum costs a tenth of a microsecond each time.
_SELL = Side.SELL
_OPEN = Listing.OPEN
_MODES = (Mode.OPEN, Mode.POST_ONLY)


class EngineFloors:
    """Moves the engine's resting sells in the markets that have a speed limit."""

    def __init__(self, state: State, placing: Placing) -> None:
        self._state = state
        self._placing = placing

    def run(self) -> None:
        """Bring every such order to where it belongs now."""
        state = self._state
        if not state.engine.has_orders():
            return
        for order in engine_orders(state):
            market = state.markets[order.symbol]
            if (
                market.guards is not None
                and market.guards.speed is not None
                and order.side is _SELL
                and order.level is not None
                and market.state is _OPEN
                and market.mode in _MODES
            ):
                self._move(order)

    def _move(self, order: EngineOrder) -> None:
        state = self._state
        market = state.markets[order.symbol]
        floor = market.engine_floor(_SELL, state.now_ns)
        price = max(market.in_band(order_ticks(market, _SELL, order)), floor)
        if price == order.price:
            return
        position = state.engine.position(market)
        state.unrest(order, market, position)
        order.price = price
        state.changed(order)
        self._placing.match(order, market, position, price)
