"""Closing a part of a position, so that the rest is of a lower tier (E13, higher tiers)."""

from sim_exchange.core.contracts.value import ceil_div
from sim_exchange.core.orders.account import Position
from sim_exchange.core.orders.order import Order
from sim_exchange.core.risk.order_margin import risk_value
from sim_exchange.core.risk.placing import Placing
from sim_exchange.core.risk.position_margin import Takeover
from sim_exchange.core.risk.state import State
from sim_exchange.core.risk.takeover import Taken
from sim_exchange.core.types import ExecInst, ExecType, OrdType, Side, TimeInForce, rha


class PartialClose:
    """Enters the engine's FillOrKill order for an account that it liquidates."""

    def __init__(self, state: State, placing: Placing) -> None:
        self._state = state
        self._placing = placing

    def close(self, position: Position, ends: Takeover) -> Taken | None:
        """Close what is beyond the next lower risk limit, at the bankruptcy price or better.

        It is all or nothing: nothing happens where the book does not have it, or where the account
        could not bear a match. The rest of the position keeps its part of the margin.

        Returns:
            What was closed; None where nothing was.
        """
        market = position.market
        excess = risk_value(position) - (position.risk_limit - market.spec.risk_step)
        lots = ceil_div(excess, market.mark_value)
        if lots <= 0:
            return None
        held = abs(position.qty)
        init, cross, loss = position.pos_init, position.pos_cross, position.pos_loss
        side = Side.SELL if position.qty > 0 else Side.BUY
        limit = max(_limit(position, ends), market.engine_floor(side, self._state.now_ns))
        order = self._fill_or_kill(position, lots * market.spec.lot_size, limit)
        closed = order.cum_qty
        if not closed:
            return None
        if position.qty:
            position.keep_margin(
                init - rha(init * closed, held),
                cross - rha(cross * closed, held),
                loss - rha(loss * closed, held),
            )
        was = -side * closed
        return Taken(order.account, market.symbol, was, order.cum_cost, self._state.now_ns)

    def _fill_or_kill(self, position: Position, qty: int, price: int) -> Order:
        state, market, account = self._state, position.market, position.account
        order = Order(
            state.next_order,
            position,
            Side.SELL if position.qty > 0 else Side.BUY,
            OrdType.LIMIT,
            TimeInForce.FOK,
            ExecInst.NONE,
            qty,
            price,
            None,
            "",
            "",
            "Liquidation",
            state.now_ns,
        )
        state.open_order(order, account)
        state.touch(position)
        state.report(order, ExecType.NEW)
        self._placing.match(order, market, position, price)
        return order


def _limit(position: Position, ends: Takeover) -> int:
    """Return the bankruptcy price in ticks, never beyond it: a sell up, a buy down."""
    market = position.market
    tick = market.maths.tick_pico
    pico = ends.bankrupt_pico
    ticks = ceil_div(pico, tick) if position.qty > 0 else pico // tick
    return min(max(1, ticks), market.spec.max_price_ticks)
