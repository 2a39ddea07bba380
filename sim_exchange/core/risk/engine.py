"""What the liquidation engine holds: each takeover for itself, at its own bankruptcy value (E13b).

The engine's position in a contract is the sum of its open orders: each order offers what one
takeover left, and what it closes is counted against that takeover's value, never against an
average. So what the fund gains and pays, and at which value the rest is closed by force, depends on
no other takeover. Nothing is margined here.
"""

from sim_exchange.core.contracts.value import ceil_div
from sim_exchange.core.orders.account import Position
from sim_exchange.core.orders.market import Market
from sim_exchange.core.orders.order import Order
from sim_exchange.core.risk.position_margin import Takeover
from sim_exchange.core.risk.state import State
from sim_exchange.core.types import ExecInst, OrdType, Side, TimeInForce
from sim_exchange.errors import InvariantError


class EngineOrder(Order):
    """An order of the engine's, with the value of a lot and the price at which it took over."""

    __slots__ = ("bankrupt_pico", "bankrupt_value")

    def __init__(
        self, order_id: int, position: Position, side: Side, qty: int, ends: Takeover, at_ns: int
    ) -> None:
        super().__init__(
            order_id,
            position,
            side,
            OrdType.LIMIT,
            TimeInForce.GTC,
            ExecInst.NONE,
            qty,
            order_ticks(position.market, side, ends),
            None,
            "",
            "",
            "Liquidation",
            at_ns,
        )
        self.bankrupt_value = ends.bankrupt_value
        self.bankrupt_pico = ends.bankrupt_pico

    def loss_at(self, market: Market, value: int) -> int:
        """Return what the engine loses where it closes a lot at ``value``; negative is a gain."""
        return self.side * market.maths.sign * (value - self.bankrupt_value)

    def held_cost(self, market: Market, qty: int) -> int:
        """Return what ``qty`` contracts of the takeover cost the engine, sign of the wire."""
        lots = qty // market.maths.lot_size
        return -self.side * market.maths.sign * self.bankrupt_value * lots

    def would_lose(self, market: Market) -> bool:
        """Whether a fill at its own price would cost the fund: a band has moved it."""
        return self.loss_at(market, market.maths.at_ticks(self.price)) > 0

    def is_reached(self, market: Market) -> bool:
        """Whether the mark is at or past the bankruptcy price."""
        mark_pico = market.maths.mark_to_pico(market.mark)
        if self.side > 0:
            return mark_pico >= self.bankrupt_pico
        return mark_pico <= self.bankrupt_pico


def order_ticks(market: Market, side: Side, ends: Takeover | EngineOrder) -> int:
    """Return the price of the engine's order: the bankruptcy price, at a tick that costs nothing.

    Sells up to the tick, buys down to it, within the contract's prices. Where the rounded value of
    a lot at that tick is still the worse one, the next tick is taken.
    """
    maths, most = market.maths, market.spec.max_price_ticks
    if side > 0:
        ticks = ends.bankrupt_pico // maths.tick_pico
    else:
        ticks = ceil_div(ends.bankrupt_pico, maths.tick_pico)
    ticks = min(max(1, ticks), most)
    worse = side * maths.sign
    while 1 <= ticks - side <= most and worse * (maths.at_ticks(ticks) - ends.bankrupt_value) > 0:
        ticks -= side
    return ticks


def take_in(engine: Position, held: int, cost: int) -> None:
    """Add a position taken over to the engine's: nothing is realised by that.

    Args:
        engine: the engine's position in the contract.
        held: contracts, negative when short.
        cost: at the bankruptcy value, sign of the wire.
    """
    engine.qty += held
    engine.cost += cost


def close(engine: Position, order: Order, qty: int, cost: int) -> int:
    """Take in an execution of the engine's and return its realised PNL, minor units.

    Args:
        engine: the engine's position in the contract.
        order: of the engine's.
        qty: contracts that it closes of its takeover.
        cost: of the execution, sign of the wire.
    """
    if not isinstance(order, EngineOrder):
        raise InvariantError(f"order {order.order_id} of the engine is of no takeover")
    held = order.held_cost(engine.market, qty)
    engine.qty += order.side * qty
    engine.cost -= held
    pnl = -(held + cost)
    engine.realised_cost -= pnl
    engine.trade_pnl += pnl
    return pnl


def users_against(market: Market, order: EngineOrder, engine: Position) -> int:
    """Return how many contracts users hold against an order; the engine's own are left out."""
    if order.side > 0:
        return market.longs - max(0, engine.qty)
    return market.shorts - max(0, -engine.qty)


def even_out(engine: Position) -> int:
    """Realise what a flat position of takeovers of either side still costs; return the PNL."""
    pnl = -engine.cost
    engine.cost = 0
    engine.realised_cost -= pnl
    engine.trade_pnl += pnl
    return pnl


def engine_orders(state: State, symbol: str = "") -> list[EngineOrder]:
    """Return the engine's open orders, in the order in which it took over."""
    return [
        order
        for order in state.engine.open_orders()
        if isinstance(order, EngineOrder) and symbol in {"", order.symbol}
    ]


def check_engine(state: State) -> None:
    """L2-12, L2-13: the engine holds what its orders offer, each at its value, and nothing else.

    Raises:
        InvariantError: it does not.
    """
    for symbol, position in state.engine.positions.items():
        market = position.market
        orders = engine_orders(state, symbol)
        qty = -sum(order.side * order.leaves_qty for order in orders)
        cost = sum(order.held_cost(market, order.leaves_qty) for order in orders)
        if (position.qty, position.cost) != (qty, cost):
            raise InvariantError(
                f"L2-12 {symbol}: the engine holds {position.qty} that cost {position.cost}, its"
                f" orders are of {qty} that cost {cost}"
            )
