"""Price bands (E15): which prices are taken now, by instant or by session.

The limits stand on the market (``limit_down``, ``limit_up``), where the entry of orders looks. No
resting order is ever outside them, so nothing trades outside them either.
"""

from functools import partial

from sim_exchange.core.contracts.bands import session_limits
from sim_exchange.core.events import InstrumentChanged
from sim_exchange.core.orders.market import Market
from sim_exchange.core.orders.order import Order
from sim_exchange.core.risk.engine import EngineOrder
from sim_exchange.core.risk.placing import Placing
from sim_exchange.core.risk.state import ENGINE_ID, State
from sim_exchange.core.risk.waterfall import Waterfall
from sim_exchange.core.timers import BAND
from sim_exchange.core.types import Reason
from sim_exchange.core.types import State as Listing


class Bands:
    """Sets the limits of contracts, and moves them from session to session."""

    def __init__(self, state: State, placing: Placing, waterfall: Waterfall) -> None:
        self._state = state
        self._placing = placing
        self._waterfall = waterfall

    def start(self, market: Market) -> None:
        """Put the band of a contract that was just listed into force."""
        spec, band = market.spec, market.spec.band
        if spec.option is not None:
            market.limit_down, market.limit_up = 0, spec.max_price_ticks
        elif band is None:
            return
        elif band.session_ns:
            opening = spec.opening_reference or 0
            market.prev_close_pico = market.maths.mark_to_pico(opening)
            self._by_session(market)
        elif band.until_ns is None or band.until_ns > self._state.now_ns:
            market.limit_down, market.limit_up = band.down, band.up
            if band.until_ns is not None:
                number = market.listed_no
                self._state.timers.at(band.until_ns, BAND, partial(self._expire, market, number))

    def remove(self, market: Market) -> None:
        """Let a contract trade at any price: it has an index now, or the band's time is over."""
        if market.option is None and market.limit_up is not None:
            self._set(market, None, None)

    def _expire(self, market: Market, number: int) -> None:
        if market.listed_no == number and market.state is not Listing.SETTLED:
            self.remove(market)

    def _by_session(self, market: Market) -> None:
        """Set the limits about the last close, and come back when the session ends."""
        band = market.spec.band
        if band is None:
            return
        spec, state = market.spec, self._state
        down, up = session_limits(market.prev_close_pico, band.pct_ppm, spec.tick_pico)
        self._set(market, min(down, spec.max_price_ticks), min(up, spec.max_price_ticks))
        ends_ns = (state.now_ns // band.session_ns + 1) * band.session_ns
        number = market.listed_no
        state.timers.at(ends_ns, BAND, partial(self._close_session, market, number))

    def _close_session(self, market: Market, number: int) -> None:
        """Close a session at its last trade, or at the close before it where nobody traded."""
        if market.listed_no != number or market.state is Listing.SETTLED:
            return
        if market.last_price:
            market.prev_close_pico = market.last_price * market.spec.tick_pico
        self._by_session(market)

    def _set(self, market: Market, down: int | None, up: int | None) -> None:
        """Take new limits; resting orders outside them are canceled, the engine's are moved."""
        if (market.limit_down, market.limit_up) == (down, up):
            return
        state = self._state
        market.limit_down, market.limit_up = down, up
        market.changed_ns = state.now_ns
        state.out.append(InstrumentChanged(symbol=market.symbol))
        outside = [one for one in market.book.orders() if market.in_band(one.price) != one.price]
        for order in outside:
            if order.account == ENGINE_ID:
                self._move(market, order)
            else:
                state.cancel(order, Reason.OUTSIDE_BAND)

    def _move(self, market: Market, order: Order) -> None:
        state = self._state
        position = state.engine.position(market)
        state.unrest(order, market, position)
        order.price = market.in_band(order.price)
        order.working = False
        state.changed(order)
        # At a price that a limit made worse than the bankruptcy price nobody may take it for less.
        if (
            isinstance(order, EngineOrder)
            and order.would_lose(market)
            and self._waterfall.work(order, in_any_mode=True)
        ):
            return
        self._placing.match(order, market, position, order.price)
