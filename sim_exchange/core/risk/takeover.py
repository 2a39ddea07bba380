"""How the engine takes a position over, and what it does with it (E13, E13b)."""

from typing import NamedTuple

from sim_exchange.core.contracts.value import fee
from sim_exchange.core.events import Liquidated
from sim_exchange.core.orders.account import Position
from sim_exchange.core.risk import engine
from sim_exchange.core.risk.engine import EngineOrder
from sim_exchange.core.risk.fills import REMOVED, charge_own, tell_own
from sim_exchange.core.risk.placing import Placing
from sim_exchange.core.risk.position_margin import Takeover
from sim_exchange.core.risk.state import State
from sim_exchange.core.risk.waterfall import Waterfall
from sim_exchange.core.types import (
    DAY_NS,
    Cause,
    ExecType,
    Side,
)
from sim_exchange.errors import InvariantError

KEEP_TAKEN_NS = 30 * DAY_NS
"""How long a takeover may be refunded (E9)."""


class Taken(NamedTuple):
    """A position, or a part of one, that liquidation closed: ``qty`` signed, ``worth`` of it all.

    ``worth`` is in minor units, positive, at the prices that it was closed at.
    """

    account: int
    symbol: str
    qty: int
    worth: int
    at_ns: int


class Takeovers:
    """Moves positions to the engine at their bankruptcy value, and offers them in the book."""

    def __init__(self, state: State, placing: Placing, waterfall: Waterfall) -> None:
        self._state = state
        self._placing = placing
        self._waterfall = waterfall
        self.taken: list[Taken] = []
        """What was closed in the last ``KEEP_TAKEN_NS`` and not refunded, oldest first."""

    def take_over(self, position: Position, ends: Takeover) -> None:
        """Move the position to the engine at its bankruptcy value, for the taker fee (E13)."""
        state, market, account = self._state, position.market, position.account
        spec, maths = market.spec, market.maths
        held = position.qty
        qty = abs(held)
        closing = Side.SELL if held > 0 else Side.BUY
        value = ends.bankrupt_value * (qty // maths.lot_size)
        cost = maths.sign * closing * value
        comm = fee(position.taker_ppm, value)
        clearing = self._placing.contracts
        held_by = state.engine.position(market)
        engine_held = held_by.qty
        pnl = position.trade(closing, qty, cost)
        engine.take_in(held_by, held, -cost)
        position.comm += comm
        position.at_ns = held_by.at_ns = state.now_ns
        if position.qty or held_by.qty != engine_held + held:
            raise InvariantError(
                f"L2-12 {market.symbol}: account {account.account_id} keeps {position.qty} of"
                f" {held}, the engine went from {engine_held} to {held_by.qty}"
            )
        market.moved(held, 0)
        market.moved(engine_held, held_by.qty)
        market.open_interest = market.longs
        market.value_open_interest()
        if pnl:
            clearing.post_pnl(market, account, pnl, Cause.LIQUIDATION)
        charge_own(state, market, account, comm)
        order = EngineOrder(state.next_order, held_by, closing, qty, ends, state.now_ns)
        shown = order.price * maths.tick_pico
        floor = market.engine_floor(closing, state.now_ns)
        order.price = max(market.in_band(order.price), floor)
        if 0 < ends.bankrupt_pico <= spec.max_price_ticks * maths.tick_pico:
            shown = ends.bankrupt_pico
        self.keep(Taken(account.account_id, market.symbol, held, value, state.now_ns))
        if state.contest is not None:
            state.contest.liquidated(account, spec.settl_currency, value, state.now_ns)
        state.out.append(
            Liquidated(
                account=account.account_id,
                symbol=market.symbol,
                qty=held,
                value=ends.bankrupt_value,
                at_ns=state.now_ns,
            )
        )
        tell_own(
            state,
            market,
            account,
            spec.forced_exec_type,
            closing,
            qty,
            px=shown,
            liquidity=REMOVED,
            commission_ppm=position.taker_ppm,
            cost=cost,
            comm=comm,
            text="Liquidation",
            publish=False,
        )
        state.touch(position)
        state.open_order(order, state.engine)
        state.report(order, ExecType.NEW)
        # Where a band does not reach its price, nobody may take it for less.
        if order.would_lose(market) and self._waterfall.work(order):
            return
        self._placing.match(order, market, held_by, order.price)
        self._waterfall.work(order)

    def keep(self, closed: Taken) -> None:
        """Remember what may be refunded."""
        since_ns, taken = closed.at_ns - KEEP_TAKEN_NS, self.taken
        if taken and taken[0].at_ns < since_ns:
            taken[:] = [one for one in taken if one.at_ns >= since_ns]
        taken.append(closed)
