"""Triggers: when an order that waits outside the book comes to life (E4).

A market is looked at when something armed it: a trade, a publication, an order that begins to wait.
One order at a time enters, then all is looked at again, so a cascade runs in the order of the
prices that it reaches, without recursion. A market that does not trade freely stays armed (E17).
"""

from sim_exchange.core.orders.market import Market
from sim_exchange.core.orders.order import WAITING_KINDS, Order
from sim_exchange.core.orders.pegs import named_price, pegged_price, trail
from sim_exchange.core.risk.amending import Amending
from sim_exchange.core.risk.links import activated, leave
from sim_exchange.core.risk.placing import Placing
from sim_exchange.core.risk.state import State
from sim_exchange.core.timers import PEGS
from sim_exchange.core.types import SECOND_NS, Mode, OrdStatus
from sim_exchange.core.types import State as Listing

# Looked up once: a member of an enum costs a tenth of a microsecond each time.
_OPEN = Listing.OPEN
_OPEN_MODE = Mode.OPEN
_FILLED = OrdStatus.FILLED

TRIGGERED = "StopOrderTriggered"
"""What ``triggered`` says from then on."""


class Triggers:
    """Lets orders enter whose price was reached, and lets trailing stops follow."""

    def __init__(self, state: State, placing: Placing, amending: Amending) -> None:
        self._state = state
        self._placing = placing
        self._amending = amending
        self._trails = False  # whether a timer is set

    def published(self) -> None:
        """Look at every market with waiting orders, after a publication's marks and remargin."""
        state = self._state
        for symbol, market in state.markets.items():
            if market.waiting is not None:
                state.armed[symbol] = market
        self.run()

    def are_still(self) -> bool:
        """Whether a publication that moves no price would trigger nothing and set nothing going."""
        if self._state.unlinked:
            return False
        for market in self._state.markets.values():
            if market.waiting is not None and (
                not self._may_run(market)
                or market.waiting.first_due(market) is not None
                or (not self._trails and _follows(market))
            ):
                return False
        return True

    def run(self) -> None:
        """Let enter whatever the prices of now trigger, until nothing more is triggered."""
        armed = self._state.armed
        while True:
            if self._state.unlinked and self._follow_links():
                continue
            market = next((one for one in armed.values() if self._may_run(one)), None)
            if market is None:
                return
            waiting = market.waiting
            order = None if waiting is None else waiting.first_due(market)
            if order is not None:
                self._trigger(order, market)
                continue
            del armed[market.symbol]
            if not self._trails and _follows(market):
                self._wait_a_second()

    def _may_run(self, market: Market) -> bool:
        """Whether orders may enter now; markets without waiting orders are done with at once."""
        if market.waiting is None:
            return True
        expiry_ns = market.spec.expiry_ns
        return (
            market.state is _OPEN
            and market.mode is _OPEN_MODE
            and (expiry_ns is None or self._state.now_ns < expiry_ns)
        )

    def _trigger(self, order: Order, market: Market) -> None:
        state = self._state
        state.unwait(order, market)
        order.triggered = TRIGGERED
        if order.linked:
            activated(state, order)
        reached = named_price(order, market)
        self._placing.activate(order, state.accounts[order.account], market, reached)

    # --- linked orders

    def _follow_links(self) -> bool:
        """Let follow what the end of linked orders means to the others; whether anything did.

        Secondaries enter only where the market trades freely; until then the end is kept in mind.
        """
        state = self._state
        ended, state.unlinked = state.unlinked, []
        kept = []
        for order in ended:
            market = state.markets[order.symbol]
            if order.status is _FILLED and not self._may_run(market):
                kept.append(order)
                continue
            for other in leave(state, order):
                self._release(other, market)
        state.unlinked += kept
        return len(kept) < len(ended)

    def _release(self, order: Order, market: Market) -> None:
        """Let a secondary enter: a stop waits for its price from now on, the others are live."""
        state = self._state
        if not order.is_open:
            return
        state.unwait(order, market)
        if order.ord_type in WAITING_KINDS:
            self._placing.wait(order, market)
            state.changed(order)
        else:
            self._placing.activate(order, state.accounts[order.account], market)

    # --- trailing stops

    def _wait_a_second(self) -> None:
        """Look at trailing stops and floating pegs at the next whole second."""
        self._trails = True
        now_ns = self._state.now_ns
        self._state.timers.at((now_ns // SECOND_NS + 1) * SECOND_NS, PEGS, self._second)

    def _second(self) -> None:
        """Let orders follow their prices; once a second, as long as there are any that do."""
        self._trails = False
        for market in self._state.markets.values():
            if market.waiting is not None:
                for order in list(market.waiting.trailing.values()):
                    self._follow(order, market)
            if market.pegs:
                self._move_pegs(market)
        if any(_follows(market) for market in self._state.markets.values()):
            self._wait_a_second()

    def _move_pegs(self, market: Market) -> None:
        for order in list(market.pegs.values()):
            if not order.is_open:
                del market.pegs[order.order_id]
                continue
            price = pegged_price(order, order.side, market)
            if price is not None and price != order.price and order.level is not None:
                self._amending.reprice(order, price, "Pegged")

    def _follow(self, order: Order, market: Market) -> None:
        price = trail(order, market)
        if price is None:
            return
        state = self._state
        state.unwait(order, market)
        order.stop_px = price
        order.peg_reference = named_price(order, market)
        state.wait(order, market)
        state.changed(order)


def _follows(market: Market) -> bool:
    """Whether any order of the market follows a price."""
    return bool(market.pegs) or (market.waiting is not None and bool(market.waiting.trailing))
