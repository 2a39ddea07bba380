"""How the engine takes a position over, and what it does with it (E13, E13b)."""

from sim_exchange.core.contracts.value import fee
from sim_exchange.core.events import Executed, Liquidated
from sim_exchange.core.orders.market import Market
from sim_exchange.core.orders.order import Order
from sim_exchange.core.risk.account import Position
from sim_exchange.core.risk.fills import post_fees, tally
from sim_exchange.core.risk.placing import Placing
from sim_exchange.core.risk.position_margin import Takeover
from sim_exchange.core.risk.state import ENGINE_ID, State
from sim_exchange.core.types import (
    Cause,
    ExecInst,
    ExecType,
    Liquidity,
    OrdStatus,
    OrdType,
    Side,
    TimeInForce,
)
from sim_exchange.errors import InvariantError


class Takeovers:
    """Moves positions to the engine at their bankruptcy value, and offers them in the book."""

    def __init__(self, state: State, placing: Placing) -> None:
        self._state = state
        self._placing = placing

    def take_over(self, position: Position, ends: Takeover) -> None:
        """Move the position to the engine at its bankruptcy value, for the taker fee (E13)."""
        state, market, account = self._state, position.market, position.account
        spec, maths = market.spec, market.maths
        held = position.qty
        qty = abs(held)
        closing = Side.SELL if held > 0 else Side.BUY
        value = ends.bankrupt_value * (qty // maths.lot_size)
        cost = maths.sign * closing * value
        comm = fee(market.taker_ppm, value)
        clearing = self._placing.contracts
        engine = state.engine.position(market)
        engine_held = engine.qty
        pnl = position.trade(closing, qty, cost)
        engine_pnl = engine.trade(-closing, qty, -cost)
        position.comm += comm
        position.at_ns = engine.at_ns = state.now_ns
        if position.qty or engine.qty != engine_held + held:
            raise InvariantError(
                f"L2-12 {market.symbol}: account {account.account_id} keeps {position.qty} of"
                f" {held}, the engine went from {engine_held} to {engine.qty}"
            )
        market.moved(held, 0)
        market.moved(engine_held, engine.qty)
        market.open_interest = market.longs
        market.value_open_interest()
        if pnl:
            clearing.post_pnl(market, account, pnl, Cause.LIQUIDATION)
        if comm:
            tally(state.commissions, spec.settl_currency, comm)
            post_fees(state, spec.settl_currency, market.symbol, (account, comm))
        if engine_pnl:
            clearing.post_pnl(market, state.engine, engine_pnl, Cause.LIQUIDATION)
        price = min(max(1, ends.bankrupt_pico // maths.tick_pico), spec.max_price_ticks)
        state.out.append(
            Liquidated(
                account=account.account_id,
                symbol=market.symbol,
                qty=held,
                value=ends.bankrupt_value,
                at_ns=state.now_ns,
            )
        )
        state.out.append(
            Executed(
                exec_id=state.next_exec,
                exec_type=ExecType.TRADE,
                order_id=0,
                account=account.account_id,
                symbol=market.symbol,
                side=closing,
                last_qty=qty,
                last_px=price * maths.tick_pico,
                liquidity=Liquidity.REMOVED,
                commission_ppm=market.taker_ppm,
                exec_cost=cost,
                exec_comm=comm,
                order_qty=qty,
                cum_qty=qty,
                avg_px=price * maths.tick_pico,
                ord_status=OrdStatus.FILLED,
                text="Liquidation",
                publish=False,
                at_ns=state.now_ns,
            )
        )
        state.next_exec += 1
        state.touch(account, market, spec.settl_currency)
        self._offer(market, engine, closing, qty, price)

    def _offer(self, market: Market, engine: Position, side: Side, qty: int, price: int) -> None:
        """Let the engine offer what it took over at the bankruptcy price."""
        state = self._state
        price = market.in_band(price)
        order = Order(
            state.next_order,
            ENGINE_ID,
            market.symbol,
            side,
            OrdType.LIMIT,
            TimeInForce.GTC,
            ExecInst.NONE,
            qty,
            price,
            None,
            "",
            "",
            "Liquidation",
            state.now_ns,
        )
        state.open_order(order, state.engine)
        state.report(order, ExecType.NEW)
        self._placing.match(order, market, engine, price)
