"""What would be done with an order that is asked for: all checks, in order (E4, E5, E11, E23).

Nothing is changed here, but for coins that are reserved last of all, when nothing can be refused
any more.
"""

import msgspec

from sim_exchange.core.commands import PlaceOrder
from sim_exchange.core.events import Refused
from sim_exchange.core.orders.account import Account, Position
from sim_exchange.core.orders.entry import (
    check_band,
    check_market,
    check_place,
    check_price,
    is_plain,
    refuse,
)
from sim_exchange.core.orders.market import Market
from sim_exchange.core.orders.order import (
    CLOSE,
    REDUCE_ONLY,
    WAITING_KINDS,
    Order,
)
from sim_exchange.core.orders.pegs import named_price, pegged_price
from sim_exchange.core.risk import links
from sim_exchange.core.risk.bumps import is_delayed
from sim_exchange.core.risk.margin import holds_one_more, refuse_lacking, shortfall
from sim_exchange.core.risk.options import short_fault
from sim_exchange.core.risk.order_margin import Wanted, dearest, risk_value
from sim_exchange.core.risk.plan import Plan, plan_coins
from sim_exchange.core.risk.reducing import net_qty
from sim_exchange.core.risk.state import State
from sim_exchange.core.types import (
    ExecInst,
    Mode,
    OrdType,
    Reason,
    Side,
    TimeInForce,
)

# Looked up once: a member of an enum costs a tenth of a microsecond each time.
_POST_ONLY_MODE = Mode.POST_ONLY
_LIMIT = OrdType.LIMIT
_MARKET = OrdType.MARKET
_PEGGED = OrdType.PEGGED
_IOC = TimeInForce.IOC
_FOK = TimeInForce.FOK
_PLAIN = ExecInst.NONE
_BUY = Side.BUY
_SELL = Side.SELL

MOST_OPEN_ORDERS = 200
"""Resting orders of one account in one instrument."""
MOST_STOPS = 10
"""Orders of one account in one instrument that wait for a price."""


class Planning:
    """Finds a plan for an order, or why there is none."""

    def __init__(self, state: State) -> None:
        self._state = state

    def plan(self, command: PlaceOrder, account: Account, market: Market) -> Refused | Plan:
        """Find what would be done with a new order, or why it is refused (E4)."""
        state = self._state
        fault = check_market(market, state.now_ns)
        if fault is None and not is_plain(command, market.spec):
            fault = check_place(command, market)
        if fault is not None:
            return fault
        if command.cl_ord_id and command.cl_ord_id in account.cl_ord_ids:
            return refuse(Reason.DUPLICATE_CL_ORD_ID, ref=account.cl_ord_ids[command.cl_ord_id])
        link_id = command.cl_ord_link_id
        if link_id:
            if command.contingency_type:
                fault = links.check_link(state, account, market, link_id)
                if fault is not None:
                    return fault
            if links.primary_of(state, account, link_id):
                return self._plan_held(command, account, market)
        kind = command.ord_type
        if kind is not _LIMIT and kind is not _MARKET:
            if kind in WAITING_KINDS:
                return self._plan_waiting(command, account, market)
            return self._plan_pegged(command, account, market, state.next_order)
        return self._plan(command, account, market, state.next_order)

    def _plan_waiting(
        self, command: PlaceOrder, account: Account, market: Market
    ) -> Refused | Plan:
        """Plan an order that holds nothing yet: what it may do is seen when it is triggered."""
        waiting = 0
        for order in account.open_orders():
            if order.waiting and order.symbol == command.symbol:
                waiting += not is_delayed(order, market)
        if waiting >= MOST_STOPS:
            return refuse(Reason.TOO_MANY_STOPS, MOST_STOPS)
        if market.limit_up is not None and command.price is not None:
            fault = check_band(market, command.price)
            if fault is not None:
                return fault
        if command.peg_price_type and not named_price(command, market):
            return refuse(Reason.NO_MARK_PRICE, text="there is no price to trail yet")
        side = command.side or _BUY  # check_place has seen that it is there
        return Plan(side, command.order_qty or 0, command.price, command.price or 0, waits=True)

    def _plan_held(self, command: PlaceOrder, account: Account, market: Market) -> Refused | Plan:
        """Plan an order that waits for the primary of its link."""
        fault = links.check_link(self._state, account, market, command.cl_ord_link_id)
        if fault is None and command.side is None:
            fault = refuse(Reason.BAD_SIDE, text="an order that waits needs a side")
        if fault is not None:
            return fault
        plan = self._plan_waiting(command, account, market)
        if isinstance(plan, Plan):
            plan.held = True
        return plan

    def _plan_pegged(
        self, command: PlaceOrder, account: Account, market: Market, order_id: int
    ) -> Refused | Plan:
        """Plan a Pegged order, as a Limit one at the price that its peg gives now."""
        side = command.side
        if side is None:
            return refuse(Reason.BAD_SIDE, text="a Pegged order needs a side")
        price = pegged_price(command, side, market)
        fault = check_price(market.spec, price)
        if fault is not None:
            return fault
        as_limit = msgspec.structs.replace(command, ord_type=_LIMIT, price=price)
        return self._plan(as_limit, account, market, order_id)

    def _plan(
        self, command: PlaceOrder, account: Account, market: Market, order_id: int
    ) -> Refused | Plan:
        """Plan a Limit or Market order that enters now: all that depends on the account."""
        position = account.positions.get(market.symbol)
        if position is None:
            position = Position(account, market)
        exec_inst = command.exec_inst
        if exec_inst is not _PLAIN and int(exec_inst) & (CLOSE | REDUCE_ONLY):
            plan = self._plan_reducing(command, position)
            if isinstance(plan, Refused):
                return plan
        else:
            price = command.price or 0
            side = command.side or _BUY  # check_place has seen that it is there
            plan = Plan(side, command.order_qty or 0, command.price, price)
        kind = command.ord_type
        if kind is _MARKET:
            self._plan_market(market, plan)
        fault = None
        if (
            market.mode is _POST_ONLY_MODE
            or market.limit_up is not None
            or market.band_ppm
            or market.fat_finger_ppm
        ):
            fault = self._check_mode(command, market, plan)
        if (
            fault is None
            and len(position.buys) + len(position.sells) >= MOST_OPEN_ORDERS
            and kind is _LIMIT
            and command.time_in_force is not _IOC
            and command.time_in_force is not _FOK
        ):
            fault = refuse(Reason.TOO_MANY_ORDERS, MOST_OPEN_ORDERS)
        if fault is None:
            if market.is_spot:
                fault = plan_coins(self._state, command, account, market, plan, order_id)
            else:
                fault = self._check_margin(command, position, plan)
        return plan if fault is None else fault

    def _plan_reducing(self, command: PlaceOrder, position: Position) -> Refused | Plan:
        """Find side and quantity of an order that may only reduce: never more than the position."""
        held = net_qty(self._state, position)
        closes = bool(int(command.exec_inst) & CLOSE)
        reducing = _SELL if held > 0 else _BUY
        side = command.side if command.side is not None else reducing
        if held == 0 or side is not reducing:
            reason = Reason.CLOSE_WITHOUT_POSITION if closes else Reason.REDUCE_WITHOUT_POSITION
            return refuse(reason, held, text=side.name)
        qty = abs(held) if command.order_qty is None else min(command.order_qty, abs(held))
        plan = Plan(side, qty, command.price, command.price or 0)
        if closes:
            orders = position.buys if side is _BUY else position.sells
            if sum(order.leaves_qty for order in orders.values()) + qty > abs(held):
                plan.replaces = tuple(orders.values())
        return plan

    def _plan_market(self, market: Market, plan: Plan) -> None:
        """See how far a Market order would reach; its row shows a price from the start."""
        book = market.book
        half = book.asks if plan.side is _BUY else book.bids
        plan.limit = market.touch_limit(plan.side)
        if market.fat_finger_ppm:
            furthest = market.fat_finger_limit(plan.side)
            if furthest is not None and (
                plan.limit is None or furthest * plan.side < plan.limit * plan.side
            ):
                plan.limit = furthest
        reach = half.reach(plan.qty, plan.limit)
        plan.reach_qty = sum(qty for _, qty in reach)
        if reach:
            plan.reach_price = reach[-1][0]
            plan.price = reach[0][0]
        elif market.mark:
            plan.price = max(1, market.maths.mark_to_pico(market.mark) // market.maths.tick_pico)

    def _check_mode(self, command: PlaceOrder, market: Market, plan: Plan) -> Refused | None:
        if market.mode is _POST_ONLY_MODE and (
            command.ord_type is _MARKET or market.book.crosses(plan.side, plan.price)
        ):
            return refuse(Reason.NOT_OPEN, text="only orders that rest are taken now")
        if market.limit_up is not None and command.price is not None:
            fault = check_band(market, command.price)
            if fault is not None:
                return fault
        if command.ord_type is _LIMIT and market.band_ppm:
            limit = market.touch_limit(plan.side)
            if limit is not None and plan.price * plan.side > limit * plan.side:
                return refuse(Reason.PRICE_THROUGH_TOUCH, limit)
        if (
            market.fat_finger_ppm
            and command.ord_type is _LIMIT
            and market.is_fat_finger(plan.side, plan.price, plan.qty)
        ):
            return refuse(Reason.FAT_FINGER, market.fat_finger_limit(plan.side) or 0)
        return None

    def _check_margin(self, command: PlaceOrder, position: Position, plan: Plan) -> Refused | None:
        """Hold before acceptance: what the order would open must be covered (E5, E11)."""
        market = position.market
        if market.limits_shorts and plan.side is _SELL:
            fault = short_fault(position, plan.qty, plan.replaces, resting=True)
            if fault is not None:
                return fault
        side, limit, qty = plan.side, plan.price, plan.qty
        is_market = command.ord_type is _MARKET
        if is_market:
            limit, qty = plan.reach_price, plan.reach_qty
            if not qty:
                return None
        priced_at = limit if is_market or side is _BUY else dearest(market, limit)
        worth = market.maths.lot_values[priced_at] * (qty // market.maths.lot_size)
        limited = position.risk_limit and not plan.replaces
        fault = self._check_risk_limit(position, side, worth) if limited else None
        if fault is not None:
            return fault
        lacking: int | None = 0
        if (
            plan.replaces
            or market.option is not None
            or not holds_one_more(self._state, position, side, limit, worth)
        ):
            wanted = (Wanted(side, limit, priced_at, qty),)
            lacking = shortfall(self._state, position, wanted, plan.replaces)
        # A Market sell is held at its last level, and what also closes may lose by it.
        one_price = side is _BUY or plan.price == plan.reach_price
        if lacking == 0 and position.qty * side >= 0 and (one_price or not is_market):
            plan.covered = market.spec.settl_currency
        if lacking and is_market:
            return self._shorten_market(position, plan)
        currency = market.spec.settl_currency
        return refuse_lacking(self._state, position.account, currency, lacking) if lacking else None

    @staticmethod
    def _check_risk_limit(position: Position, side: Side, worth: int) -> Refused | None:
        """Whether an order of this worth keeps within the risk limit, or raises nothing (E11)."""
        value = risk_value(position, worth) if side is _BUY else risk_value(position, 0, worth)
        if value > position.risk_limit and value > risk_value(position):
            return refuse(Reason.RISK_LIMIT, value)
        return None

    def _shorten_market(self, position: Position, plan: Plan) -> Refused | None:
        """Let a Market order take the levels that the account can hold, whole ones only (E4)."""
        book = position.market.book
        half = book.asks if plan.side is _BUY else book.bids
        qty = 0
        for price, size in half.reach(plan.qty, plan.limit):
            wanted = Wanted(plan.side, price, price, qty + size)
            lacking = shortfall(self._state, position, (wanted,), plan.replaces)
            if lacking:
                if not qty:
                    currency = position.market.spec.settl_currency
                    return refuse_lacking(self._state, position.account, currency, lacking)
                break
            qty += size
            plan.limit = price
        plan.reach_qty = qty
        plan.margin_ran_out = True
        return None

    def plan_again(
        self, order: Order, market: Market, qty: int, price: int, peg_offset: int | None
    ) -> Refused | Plan:
        """Plan an open order that is outside the book, as if it came now with these terms."""
        account = self._state.accounts[order.account]
        command = PlaceOrder(
            account=order.account,
            symbol=order.symbol,
            side=order.side,
            ord_type=_MARKET if order.is_market else _LIMIT,
            order_qty=qty or None,
            price=None if order.is_market else price,
            peg_offset=peg_offset,
            peg_price_type=order.peg_price_type,
            time_in_force=order.time_in_force,
            exec_inst=order.exec_inst,
        )
        if order.ord_type is _PEGGED:
            return self._plan_pegged(command, account, market, order.order_id)
        return self._plan(command, account, market, order.order_id)
