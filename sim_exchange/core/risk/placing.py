"""Entry of an order that was planned: it exists, trades, and rests or ends (E4, E5, E23)."""

import msgspec

from sim_exchange.core.commands import PlaceBulk, PlaceOrder
from sim_exchange.core.events import Accepted, Refused
from sim_exchange.core.guards.spam import SpamRule
from sim_exchange.core.orders.account import SUSPENDED, Account, Position
from sim_exchange.core.orders.entry import (
    check_market,
    refuse,
)
from sim_exchange.core.orders.market import Market
from sim_exchange.core.orders.matching import could_fill, take
from sim_exchange.core.orders.order import (
    POST_ONLY,
    Order,
)
from sim_exchange.core.orders.pegs import set_trailing
from sim_exchange.core.risk import links, spot
from sim_exchange.core.risk.bumps import SpeedBumps
from sim_exchange.core.risk.clearing import Clearing
from sim_exchange.core.risk.covered import forget_covered
from sim_exchange.core.risk.plan import Plan
from sim_exchange.core.risk.planning import Planning
from sim_exchange.core.risk.reducing import cut_reducing
from sim_exchange.core.risk.spam import is_spam
from sim_exchange.core.risk.state import ENGINE_ID, Handlers, State
from sim_exchange.core.types import (
    ExecType,
    Mode,
    OrdType,
    Reason,
    TimeInForce,
)

# Looked up once: a member of an enum costs a tenth of a microsecond each time.
_NEW = ExecType.NEW
_HALT = Mode.HALT
_REMAINDER = Reason.MARKET_REMAINDER
_TRIGGERED = ExecType.TRIGGERED
_LIMIT = OrdType.LIMIT
_MARKET = OrdType.MARKET
_PEGGED = OrdType.PEGGED
_IOC = TimeInForce.IOC
_FOK = TimeInForce.FOK


class Placing:
    """Takes new orders in; ``match`` lets any order take from the book."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._planning = Planning(state)
        self.contracts = Clearing(state)
        self.coins = spot.SpotClearing(state)
        self.bumps = SpeedBumps(state, self._past_bump)

    def handlers(self) -> Handlers:
        """Return what each command does."""
        return {PlaceOrder: self.place, PlaceBulk: self._place_bulk}

    def _place_bulk(self, command: PlaceBulk) -> None:
        """Do several new orders of one symbol, in turn."""
        if len({order.symbol for order in command.orders}) > 1:
            self._state.refuse(Reason.SYMBOLS_DIFFER)
            return
        for item, order in enumerate(command.orders):
            self.place(order, item)

    def place(self, command: PlaceOrder, item: int = 0, *, told: bool = True) -> None:
        """Do one new order, or refuse it without a trace; tell the outcome as item ``item``.

        ``told`` is False for orders that the venue itself enters for an account: nobody asked.
        """
        state = self._state
        account = state.accounts.get(command.account)
        market = state.markets.get(command.symbol)
        done: Refused | Plan
        if account is None or command.account == ENGINE_ID:
            done = refuse(Reason.UNKNOWN_ACCOUNT)
        elif market is None:
            done = refuse(Reason.UNKNOWN_SYMBOL)
        elif told and SUSPENDED in account.flags:
            done = refuse(Reason.ACCOUNT_SUSPENDED)
        else:
            done = self._planning.plan(command, account, market)
            if state.spam is not None and isinstance(done, Plan):
                command, done = self._keep_from_spam(command, done, state.spam)
            if isinstance(done, Plan):
                if told:
                    state.out.append(Accepted(index=item, ref=state.next_order))
                self._do(command, account, market, done)
                return
        if told:
            state.out.append(msgspec.structs.replace(done, index=item) if item else done)

    def _keep_from_spam(
        self, command: PlaceOrder, plan: Plan, rule: SpamRule
    ) -> tuple[PlaceOrder, Plan | Refused]:
        """Hide or refuse a small order of an account that has too many of them (E21)."""
        if not is_spam(self._state, command, plan.price, plan.qty, rule):
            return command, plan
        if not int(command.exec_inst) & POST_ONLY:
            return msgspec.structs.replace(command, display_qty=0), plan
        if plan.hold is not None and plan.hold.reserved:
            self._state.desk.release(self._state.next_order, plan.hold.reserved)
        return command, refuse(Reason.SPAM, rule.value)

    # --- doing

    def _do(self, command: PlaceOrder, account: Account, market: Market, plan: Plan) -> None:
        state = self._state
        position = account.position(market)
        order = Order(
            state.next_order,
            position,
            plan.side,
            command.ord_type,
            command.time_in_force,
            command.exec_inst,
            plan.qty,
            plan.price,
            command.display_qty,
            command.cl_ord_id,
            command.cl_ord_link_id,
            command.text,
            state.now_ns,
        )
        if command.ord_type is not _LIMIT and command.ord_type is not _MARKET:
            order.stop_px = command.stop_px
            order.peg_offset = command.peg_offset
            order.peg_price_type = command.peg_price_type
        state.open_order(order, account)
        if command.cl_ord_link_id and (command.contingency_type or plan.held):
            order.contingency_type = command.contingency_type
            links.join(state, order)
        if plan.waits:
            if plan.held:
                state.hold(order, market)
            else:
                self.wait(order, market)
            state.report(order, _NEW)
            return
        self._enter(order, account, position, plan, _NEW)
        if command.ord_type is _PEGGED:
            self._float(order, market)

    def wait(self, order: Order, market: Market) -> None:
        """Let an open order wait for its trigger price, from the market of now if it trails."""
        if order.peg_price_type:
            set_trailing(order, market)
        self._state.wait(order, market)

    def activate(
        self,
        order: Order,
        account: Account,
        market: Market,
        reached: int = 0,
        told: ExecType | None = _TRIGGERED,
        *,
        passes: bool = False,
    ) -> None:
        """Let an open order that waited enter as a new one would; cancel it where that is refused.

        A Close that names no quantity takes that of the position now.

        Args:
            order: not among the waiting ones any more.
            account: whose.
            market: its instrument.
            reached: the price that triggered it, pico; 0 where it waited for something else.
            told: what is reported of it; None where that has been done.
            passes: whether no speed bump holds it (E22).
        """
        state = self._state
        done = self._planning.plan_again(
            order, market, order.leaves_qty, order.price, order.peg_offset
        )
        state.changed(order)
        if isinstance(done, Refused):
            if told is not None:
                state.report(order, told, last_px=reached)
            state.cancel(order, done.reason)
            return
        order.leaves_qty = done.qty
        order.order_qty = order.cum_qty + done.qty
        order.price = done.price
        # What an order before it in this command was found to have is not promised any more.
        forget_covered(state)
        position = account.position(market)
        self._enter(order, account, position, done, told, reached, passes=passes)
        if order.ord_type is _PEGGED:
            self._float(order, market)

    def would_refuse(
        self, order: Order, market: Market, qty: int, price: int, peg_offset: int | None
    ) -> Refused | None:
        """Whether an order that a speed bump holds could not enter now with these terms."""
        plan = self._planning.plan_again(order, market, qty, price, peg_offset)
        if isinstance(plan, Refused):
            return plan
        if plan.hold is not None and plan.hold.reserved:
            self._state.desk.release(order.order_id, plan.hold.reserved)
        return None

    def _past_bump(self, order: Order, market: Market) -> None:
        """Let an order enter whose delay is over, if the market takes orders (E22)."""
        fault = check_market(market, self._state.now_ns)
        if fault is None:
            self.activate(order, self._state.accounts[order.account], market, passes=True)
        else:
            self._state.cancel(order, fault.reason)

    def _float(self, order: Order, market: Market) -> None:
        """Let a pegged order that rests follow the market, unless its price is fixed."""
        if order.is_open and order.floats:
            market.pegs[order.order_id] = order
            self._state.armed[market.symbol] = market

    def _enter(
        self,
        order: Order,
        account: Account,
        position: Position,
        plan: Plan,
        told: ExecType | None,
        reached: int = 0,
        *,
        passes: bool = False,
    ) -> None:
        """Let an order hold what it was found to have, cancel what it replaces, and match it."""
        state, market = self._state, position.market
        state.touch(position)
        if plan.covered:
            state.cover(account, plan.covered)
        for other in plan.replaces:
            state.cancel(other, Reason.CLOSE_ORDER)
        if plan.hold is not None:
            spot.put_hold(account, market, order, plan.hold)
        if told is not None:
            state.report(order, told, last_px=reached)
        if (
            market.speed_bump is not None
            and not passes
            and self.bumps.stops(order, market, plan.limit)
        ):
            return
        ends = Reason.MARGIN_RAN_OUT if plan.margin_ran_out else _REMAINDER
        self.match(order, market, position, plan.limit, ends)

    def match(
        self,
        order: Order,
        market: Market,
        position: Position,
        limit: int | None,
        ends: Reason = _REMAINDER,
    ) -> None:
        """Let an open order that does not rest take what it may, then rest or end.

        Args:
            order: not in the book.
            market: its instrument.
            position: its account's.
            limit: worst price in ticks that it takes at; None for any.
            ends: why what a Market order leaves over is canceled.
        """
        state = self._state
        book = market.book
        if order.flags & POST_ONLY and book.crosses(order.side, order.price):
            state.cancel(order, Reason.POST_ONLY_WOULD_CROSS)
            return
        if order.time_in_force is _FOK and not could_fill(
            order, book, limit, passes_own=not market.cancels_self_trades
        ):
            state.cancel(order, Reason.FOK_NOT_FILLED)
            return
        bore = True
        if limit is None or book.crosses(order.side, limit):
            bore = self._take(order, market, limit)
            if not order.is_open:
                return
        if not bore:
            state.cancel(order, self._why_stopped(order, market))
        elif order.is_market:
            state.cancel(order, ends)
        elif order.time_in_force is _IOC:
            state.cancel(order, Reason.IOC_REMAINDER)
        elif order.time_in_force is _FOK:
            state.cancel(order, Reason.FOK_NOT_FILLED)  # a maker could not bear its part
        else:
            state.rest(order, market, position)
            if order.reduces:
                cut_reducing(state, position)

    def _take(self, order: Order, market: Market, limit: int | None) -> bool:
        """Match an order with the book; return False when it could not bear the next match."""
        if market.cancels_self_trades or market.guards is not None:
            fill = self.coins.fill if market.is_spot else self.contracts.fill
            return take(order, market.book, limit, fill, self._bears_another)
        if market.is_spot:
            return take(order, market.book, limit, self.coins.fill)
        return take(order, market.book, limit, self.contracts.fill, self.contracts.bears)

    def _bears_another(self, taker: Order, maker: Order, qty: int, price: int) -> bool:
        """Whether a match may be: not with an own order (E23), not in a halted market (E22)."""
        market = self._state.markets[taker.symbol]
        if market.mode is _HALT and taker.account != ENGINE_ID:
            return False
        if market.cancels_self_trades and taker.account == maker.account:
            return False
        return market.is_spot or self.contracts.bears(taker, maker, qty, price)

    def _why_stopped(self, order: Order, market: Market) -> Reason:
        if market.mode is _HALT:
            return Reason.MARKET_HALTED
        own = market.cancels_self_trades and self._next_is_own(order, market)
        return Reason.SELF_TRADE if own else Reason.MARGIN_RAN_OUT

    def _next_is_own(self, order: Order, market: Market) -> bool:
        half = market.book.half(order.side.other)
        best = half.best()
        return best is not None and half.by_price[best].first().account == order.account
