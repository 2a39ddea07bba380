"""The loss waterfall: what the engine can't sell goes to the fund, then the other side (E13b).

An order of the engine's rests at the bankruptcy price of what it took over. When the mark reaches
that price it takes what the book offers beyond it, lot by lot, as long as the fund can pay for one
more; the rest is closed against the first of the deleveraging queue. All of it happens in the
command that moved the mark. Contracts with an older loss method (``loss_methods.py``) leave the
order where it is until they settle.
"""

from collections.abc import Callable

from sim_exchange.core.events import FundSnapshot
from sim_exchange.core.orders.market import Market
from sim_exchange.core.risk import engine
from sim_exchange.core.risk.clearing import Clearing
from sim_exchange.core.risk.deleveraging import Deleveraging
from sim_exchange.core.risk.engine import EngineOrder, engine_orders, users_against
from sim_exchange.core.risk.state import State
from sim_exchange.core.timers import FUND_SNAPSHOT
from sim_exchange.core.treasury.ledger import FUND
from sim_exchange.core.types import DAY_NS, HOUR_NS, Cause, LossMethod, Mode, Reason
from sim_exchange.core.types import State as Listing

# Looked up once: a member of an enum costs a tenth of a microsecond each time.
_OPEN = Listing.OPEN
_MODES = (Mode.OPEN, Mode.POST_ONLY)
_ADL = LossMethod.ADL


class Waterfall:
    """Works the engine's orders off as far as book and fund go, and closes the rest by force."""

    def __init__(self, state: State, contracts: Clearing, mark: Callable[[Market], None]) -> None:
        """Work on ``contracts``; ``mark`` finds a market's mark as of now."""
        self._state = state
        self._contracts = contracts
        self._mark = mark
        self._deleveraging = Deleveraging(state, contracts)
        self._settling: Market | None = None
        noon = state.now_ns // DAY_NS * DAY_NS + 12 * HOUR_NS
        first = noon if noon > state.now_ns else noon + DAY_NS
        state.timers.at(first, FUND_SNAPSHOT, self._snapshot)

    def run(self) -> None:
        """After marks moved: work every order of the engine's whose price a mark has reached."""
        self._deleveraging.forget()
        state = self._state
        worked = True
        while worked and state.engine.has_orders():
            worked = False
            for order in engine_orders(state):
                worked = self.work(order) or worked  # what it took may move a mark again

    def remark(self, market: Market) -> None:
        """Between two liquidations: find a mark anew, and work the orders that it reaches."""
        before = market.mark
        self._mark(market)
        if market.mark != before:
            self.run()

    def work(self, order: EngineOrder, *, in_any_mode: bool = False) -> bool:
        """Work one order of the engine's off; return False where its price is not reached.

        Markets that are suspended wait until they resume, unless told otherwise.
        """
        market = self._state.markets[order.symbol]
        if (
            not order.is_open
            or market.spec.loss_method is not _ADL
            or market is self._settling
            or market.state is not _OPEN
            or (market.mode not in _MODES and not in_any_mode)
            or not (order.is_reached(market) or order.would_lose(market))
        ):
            return False
        floor = 0 if in_any_mode else market.engine_floor(order.side, self._state.now_ns)
        if floor and self._waits(market, order, floor):
            return False
        self._take_beyond(market, order, floor)
        self._end(market, order, floor)
        if not market.is_fair_marked:
            self._mark(market)
        return True

    def _end(self, market: Market, order: EngineOrder, floor: int) -> None:
        """Close what an order has left against the other side, or let it wait for bids (E22)."""
        if not order.is_open:
            return
        if floor and (market.book.bids.best() or floor) < floor:
            order.price = max(order.price, floor)
            self._state.changed(order)
            self._state.rest(order, market, self._state.engine.position(market))
            return
        self._deleveraging.close(order, order.leaves_qty)
        self._state.cancel(order, Reason.DELEVERAGE)

    def _waits(self, market: Market, order: EngineOrder, floor: int) -> bool:
        """Whether the speed limit of liquidations keeps an order from being worked off (E22)."""
        best = market.book.bids.best()
        if best is not None and best < floor:
            return True
        return floor * market.maths.tick_pico > order.bankrupt_pico

    def _take_beyond(self, market: Market, order: EngineOrder, floor: int) -> None:
        """Take from the book beyond the bankruptcy price, as far as the fund can pay.

        A sell takes nothing below ``floor`` ticks.
        """
        state, contracts = self._state, self._contracts
        if order.level is not None:
            state.unrest(order, market, state.engine.position(market))
        half = market.book.half(order.side.other)
        currency, lot = market.spec.settl_currency, market.spec.lot_size
        while order.leaves_qty and half.keys:
            price = half.keys[-1] * half.sign
            if price < floor:
                return
            loss = order.loss_at(market, market.maths.at_ticks(price))
            qty = order.leaves_qty
            if loss > 0:
                fund = state.ledger.balance(currency, FUND)
                qty = min(qty, fund // loss * lot)
            if not qty:
                return
            maker = half.by_price[price].first()
            hidden = maker.leaves_qty != maker.shown
            qty = min(qty, maker.shown or maker.leaves_qty)
            if contracts.bears(order, maker, qty, price):
                market.book.consume(maker, qty)
                contracts.fill(order, maker, qty, price, hidden)

    # --- settlement

    def begin_settlement(self, market: Market) -> None:
        """From here on what is taken over in ``market`` waits for ``before_settlement``."""
        self._deleveraging.forget()
        self._settling = market

    def before_settlement(self, market: Market) -> None:
        """Leave the engine with what gains, or what the fund pays, at the settlement price (E13b).

        The book is empty by now; what the fund can't pay is closed by force at its own value. The
        engine's orders end; what it holds settles with all other positions.
        """
        state = self._state
        self._settling = None
        orders = engine_orders(state, market.symbol)
        if not orders:
            return
        lot = market.spec.lot_size
        losses = {order.order_id: order.loss_at(market, market.mark_value) for order in orders}
        fund = state.ledger.balance(market.spec.settl_currency, FUND)
        for order in orders:
            fund -= min(0, losses[order.order_id]) * (order.leaves_qty // lot)
        for order in orders:
            loss = losses[order.order_id]
            state.unrest(order, market, state.engine.position(market))
            if loss > 0 and market.spec.loss_method is _ADL:
                paid = min(order.leaves_qty, fund // loss * lot)
                fund -= loss * (paid // lot)
                # Where nobody but the engine itself stands against it, the exchange pays the rest.
                held = state.engine.position(market)
                rest = min(order.leaves_qty - paid, users_against(market, order, held))
                if rest:
                    self._deleveraging.close(order, rest)
            state.cancel(order, Reason.SETTLEMENT)
        held = state.engine.position(market)
        if not held.qty and held.cost:
            # Takeovers of either side closed each other; nothing of them will settle.
            self._contracts.post_pnl(market, state.engine, engine.even_out(held), Cause.SETTLEMENT)

    # --- the day

    def _snapshot(self) -> None:
        """Tell what each currency's fund has at noon."""
        state = self._state
        for currency, balances in sorted(state.ledger.balances.items()):
            amount = balances.get(FUND)
            if amount is not None:
                state.out.append(FundSnapshot(currency=currency, amount=amount, at_ns=state.now_ns))
        state.timers.at(state.now_ns + DAY_NS, FUND_SNAPSHOT, self._snapshot)
