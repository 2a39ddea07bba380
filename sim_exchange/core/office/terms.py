"""Terms of an instrument that change while it trades: tick, fees, margins (E3, E11, E32).

A position keeps its cost, an order its price; what is computed from them is computed anew.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from sim_exchange.core import commands as c
from sim_exchange.core.contracts.bands import reticked
from sim_exchange.core.contracts.instrument import instrument_fault
from sim_exchange.core.contracts.tiers import most_leverage_cents, rates
from sim_exchange.core.events import InstrumentChanged, TickChanged
from sim_exchange.core.orders.market import Market
from sim_exchange.core.orders.order import Order
from sim_exchange.core.risk.collateral import revalue
from sim_exchange.core.risk.holds import free_surplus
from sim_exchange.core.risk.remargin import Remargin
from sim_exchange.core.risk.state import State
from sim_exchange.core.specs import InstrumentSpec
from sim_exchange.core.types import PPM, Reason, Side, rha
from sim_exchange.core.types import State as Listing

_TermsChange = c.TickChange | c.FeeChange | c.MarginChange

Changes = dict[type, Callable[[Any], None]]
"""What a room does for each kind of change that it makes."""

_BUY = Side.BUY


class Terms:
    """Changes the terms of instruments, with everything that hangs on them."""

    def __init__(self, state: State, remargin: Remargin) -> None:
        self._state = state
        self._remargin = remargin

    def changes(self) -> Changes:
        """Return what each change does."""
        return {c.TickChange: self._tick, c.FeeChange: self._fees, c.MarginChange: self._margins}

    def fault(self, change: _TermsChange) -> str:
        """Return why a change can't be made as things are, in one sentence, or ""."""
        market = self._state.markets.get(change.symbol)
        if market is None:
            return f"symbol {change.symbol} is not a listed instrument"
        if market.state is Listing.SETTLED:
            return f"symbol {change.symbol} is settled"
        if isinstance(change, c.TickChange) and change.tick_pico < 1:
            return f"tick_pico {change.tick_pico} must be at least 1"
        highest = market.spec.max_price_ticks * market.spec.tick_pico
        if isinstance(change, c.TickChange) and change.tick_pico > highest:
            return f"tick_pico {change.tick_pico} must be at most the highest price, {highest}"
        if isinstance(change, c.TickChange) and market.option is not None:
            return f"symbol {change.symbol} is an option, whose highest price is fixed"
        if isinstance(change, c.MarginChange) and market.is_spot:
            return f"symbol {change.symbol} is spot and has no margins"
        return instrument_fault(_changed(market.spec, change))

    # --- one by one

    def _begin(self, change: _TermsChange) -> Market | None:
        """Return the market of a change that can still be made; refuse it otherwise."""
        fault = self.fault(change)
        if fault:
            self._state.refuse(Reason.BAD_ANNOUNCEMENT, text=fault)
            return None
        return self._state.markets[change.symbol]

    def _fees(self, change: c.FeeChange) -> None:
        """Charge other fees from now on; reserves for the closing fee follow (E12)."""
        market = self._begin(change)
        if market is not None:
            market.respec(_changed(market.spec, change))
            if market.is_spot:
                self._rehold(market)
            self._end(market)

    def _rehold(self, market: Market) -> None:
        """Let spot orders hold what the fees ask; a buy gives back, and is not asked for more."""
        state = self._state
        revalue(state, market)
        for order in state.orders.values():
            if order.symbol == market.symbol and order.is_open:
                free_surplus(state, state.accounts[order.account], market, order)

    def _margins(self, change: c.MarginChange) -> None:
        """Ask other margins from now on, of positions and orders that are there too."""
        market = self._begin(change)
        if market is None:
            return
        before = market.spec
        market.respec(_changed(before, change))
        spec = market.spec
        for account in self._state.accounts.values():
            position = account.positions.get(market.symbol)
            if position is not None:
                position.risk_limit = _same_steps(before, spec, position.risk_limit)
                init_ppm, _ = rates(spec, position.risk_limit)
                most = most_leverage_cents(init_ppm)
                position.leverage_cents = min(position.leverage_cents, most)
                position.set_rates()
        self._end(market)

    def _tick(self, change: c.TickChange) -> None:
        """Take prices in another tick from now on; cancel the orders that are off it."""
        market = self._begin(change)
        if market is None:
            return
        state = self._state
        before, after = market.spec.tick_pico, change.tick_pico
        if before == after:
            return
        self._end_off_tick(market, before, after)
        lifted = self._lift_engine(market, before, after)
        for order in state.orders.values():
            if order.symbol != market.symbol or order in lifted:
                continue
            if order.is_open:
                _retick(order, before, after)
            else:
                order.tick_pico = order.tick_pico or before
                order.final = True
        market.book.retick(before, after)
        market.respec(_changed(market.spec, change))
        state.touch_book(market)
        for account in state.accounts.values():
            position = account.positions.get(market.symbol)
            if position is not None:
                position.high_buy = max((o.price for o in position.buys.values()), default=0)
                position.low_sell = min((o.price for o in position.sells.values()), default=0)
        state.out.append(TickChanged(symbol=market.symbol, before=before, after=after))
        for order in lifted:
            # In the engine's favour, so that it never sells below what it paid.
            pico = order.price * before
            order.price = max(1, pico // after if order.side is _BUY else -(-pico // after))
            state.changed(order)
            state.rest(order, market, state.engine.position(market))
        self._end(market)

    def _end_off_tick(self, market: Market, before: int, after: int) -> None:
        state = self._state
        for account in state.accounts.values():
            for order in account.open_orders():
                if (
                    order.symbol == market.symbol
                    and account is not state.engine
                    and order.is_open
                    and _is_off(order, before, after)
                ):
                    order.tick_pico = before
                    state.cancel(order, Reason.TICK_CHANGE)

    def _lift_engine(self, market: Market, before: int, after: int) -> list[Order]:
        """Take the engine's orders that are off the tick out of the book: they must go on."""
        state = self._state
        lifted = []
        for order in state.engine.open_orders():
            if order.symbol == market.symbol and _is_off(order, before, after):
                state.unrest(order, market, state.engine.position(market))
                lifted.append(order)
        return lifted

    def _end(self, market: Market) -> None:
        """Recompute what every position and order of the market holds, and look at all of them."""
        state = self._state
        market.changed_ns = state.now_ns
        for account in state.accounts.values():
            position = account.positions.get(market.symbol)
            if position is not None and not market.is_spot:
                kept = position.pos_init, position.pos_cross, position.pos_loss
                position.set_rates()
                position.keep_margin(*kept)
                state.touch(position)
        state.out.append(InstrumentChanged(symbol=market.symbol))
        self._remargin.run()


def _changed(spec: InstrumentSpec, change: _TermsChange) -> InstrumentSpec:
    """Return ``spec`` with a change made."""
    if isinstance(change, c.TickChange):
        most = spec.max_price_ticks * spec.tick_pico // change.tick_pico
        band = spec.band
        if band is not None and band.down is not None and band.up is not None:
            down, up = reticked(band.down, band.up, spec.tick_pico, change.tick_pico)
            band = msgspec.structs.replace(band, down=down, up=up)
        return msgspec.structs.replace(
            spec, tick_pico=change.tick_pico, max_price_ticks=most, band=band
        )
    given = {
        name: value
        for name in change.__struct_fields__
        if name != "symbol" and (value := getattr(change, name)) is not None
    }
    if "settlement_fee_ppm" in given:
        given["settlement_fees"] = ()  # the fee of now is in place of whatever was planned
    return msgspec.structs.replace(spec, **given)


def _same_steps(before: InstrumentSpec, after: InstrumentSpec, risk_limit: int) -> int:
    """Return the risk limit that is as many steps over the base as ``risk_limit`` was (E11)."""
    if not before.risk_step or not after.risk_step:
        return after.risk_limit
    steps = max(0, risk_limit - before.risk_limit) // before.risk_step
    if after.maint_margin_ppm:
        steps = min(steps, (PPM - after.init_margin_ppm) // after.maint_margin_ppm)
    return after.risk_limit + steps * after.risk_step


def _is_off(order: Order, before: int, after: int) -> bool:
    """Whether a price of the order is not a whole number of the new ticks."""
    prices = (order.price, order.stop_px or 0, order.peg_offset or 0)
    return any(price * before % after for price in prices)


def _retick(order: Order, before: int, after: int) -> None:
    """Count an order's prices in the new ticks; one that rests gets its own from the book."""
    if order.level is None:
        order.price = order.price * before // after
    if order.stop_px is not None:
        order.stop_px = order.stop_px * before // after
    if order.peg_offset is not None:
        order.peg_offset = order.peg_offset * before // after
    # What it traded at may be off the new tick: its average is shown to the nearest of it.
    order.cum_price_qty = rha(order.cum_price_qty * before, after)
