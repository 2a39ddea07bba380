"""Orders changed in place (protocol.md 4.7)."""

import msgspec

from sim_exchange.core.commands import (
    AmendBulk,
    AmendOrder,
)
from sim_exchange.core.contracts.value import ValueMaths
from sim_exchange.core.events import Accepted, Refused
from sim_exchange.core.orders.account import SUSPENDED, Account, Position
from sim_exchange.core.orders.entry import (
    check_amend,
    check_band,
    check_market,
    check_price,
    new_leaves,
    refuse,
)
from sim_exchange.core.orders.market import Market
from sim_exchange.core.orders.order import CLOSE, Order
from sim_exchange.core.risk import spot
from sim_exchange.core.risk.bumps import is_delayed
from sim_exchange.core.risk.margin import available, holds_one_more, shortfall
from sim_exchange.core.risk.options import short_fault
from sim_exchange.core.risk.order_margin import (
    Wanted,
    charge,
    dearest,
    lost_at_once,
    risk_value,
)
from sim_exchange.core.risk.placing import Placing
from sim_exchange.core.risk.state import ENGINE_ID, Handlers, State
from sim_exchange.core.types import ExecType, Mode, OrdStatus, Reason, Side

# Looked up once: a member of an enum costs a tenth of a microsecond each time.
_REPLACED = ExecType.REPLACED
_POST_ONLY_MODE = Mode.POST_ONLY
_HALT = Mode.HALT
_BY_USER = Reason.CANCELED_BY_USER
_PARTIAL = OrdStatus.PARTIALLY_FILLED
_FILLED = OrdStatus.FILLED
_BUY = Side.BUY
_SELL = Side.SELL


class Change(msgspec.Struct):
    """An amend that has passed its checks so far."""

    command: AmendOrder
    order: Order
    market: Market
    leaves: int
    price: int
    reserve_more: int = 0
    hold: spot.Hold | None = None
    delayed: bool = False  # a speed bump holds the order (E22)

    @property
    def requeues(self) -> bool:
        """Whether it loses its place: a new price, more quantity, or a filled order revived.

        An order that waits outside the book has no place to lose.
        """
        order = self.order
        if order.waiting:
            return False
        return self.price != order.price or self.leaves > order.leaves_qty

    def wanted(self) -> Wanted:
        """Return the order as it is to be."""
        order = self.order
        priced_at = self.price
        if order.side is _SELL:
            priced_at = dearest(self.market, priced_at)
        return Wanted(order.side, self.price, priced_at, self.leaves)


class Amending:
    """Changes open orders."""

    def __init__(self, state: State, placing: Placing) -> None:
        self._state = state
        self._placing = placing

    def handlers(self) -> Handlers:
        """Return what each command does."""
        return {
            AmendOrder: self.amend,
            AmendBulk: self.amend_bulk,
        }

    # --- amends

    def amend(self, command: AmendOrder) -> None:
        """Amend one order, or refuse without a trace."""
        self._amend_all(command.account, (command,))

    def amend_bulk(self, command: AmendBulk) -> None:
        """Amend several orders; one that can't be amended refuses the whole command."""
        self._amend_all(command.account, command.amends)

    def _amend_all(self, account_id: int, amends: tuple[AmendOrder, ...]) -> None:
        state = self._state
        account = state.accounts.get(account_id)
        if account is None or account_id == ENGINE_ID:
            state.out.append(refuse(Reason.UNKNOWN_ACCOUNT))
            return
        changes: list[Change] = []
        for item, command in enumerate(amends):
            change = self._check(account, command, changes)
            if isinstance(change, Refused):
                self._refuse(change, item)
                return
            changes.append(change)
        required: dict[str, int] = {}
        fault = self._check_margin(account, changes, required)
        if fault is None:
            fault = self._check_coins(account, changes, required)
        if fault is not None:
            self._refuse(fault, 0)
            return
        # All change at once, then each takes what it may: so no order is filled on the way at a
        # price or by a hold that is not its own any more.
        moved = []
        for item, change in enumerate(changes):
            state.out.append(Accepted(index=item, ref=change.order.order_id))
            if self._apply(account, change):
                moved.append(change)
        for change in moved:
            if change.order.is_open:  # a fill of one before it may have ended it by their link
                self._enter_again(account, change)

    def _enter_again(self, account: Account, change: Change) -> None:
        """Let an order that has left its place take what it may, unless a speed bump holds it."""
        order, market, placing = change.order, change.market, self._placing
        if change.delayed:
            placing.activate(order, account, market, told=None)
        elif market.speed_bump is None or not placing.bumps.stops(order, market, order.price):
            placing.match(order, market, account.positions[market.symbol], order.price)

    def reprice(self, order: Order, price: int, text: str) -> None:
        """Move a resting order for the venue; it stays where its account can't have it so."""
        state = self._state
        account, market = state.accounts[order.account], state.markets[order.symbol]
        command = AmendOrder(account=order.account, price=price, text=text)
        change = Change(command, order, market, order.leaves_qty, price)
        required: dict[str, int] = {}
        fault = (
            check_market(market, state.now_ns)
            or check_price(market.spec, price)
            or self._check_price(change)
            or self._check_margin(account, [change], required)
            or self._check_coins(account, [change], required)
        )
        if fault is None and self._apply(account, change):
            self._placing.match(order, market, account.positions[market.symbol], price)

    def _refuse(self, fault: Refused, item: int) -> None:
        self._state.out.append(msgspec.structs.replace(fault, index=item) if item else fault)

    def _check(
        self, account: Account, command: AmendOrder, earlier: list[Change]
    ) -> Change | Refused:
        state = self._state
        if SUSPENDED in account.flags:
            return refuse(Reason.ACCOUNT_SUSPENDED)
        order = self._find(account, command.order_id, command.orig_cl_ord_id)
        if order is None:
            return refuse(Reason.UNKNOWN_ORDER)
        if earlier and any(change.order is order for change in earlier):
            return refuse(Reason.BAD_QTY, ref=order.order_id, text="the order is named twice")
        market = state.markets[order.symbol]
        fault = check_amend(command, order, market.spec, state.now_ns) or check_market(
            market, state.now_ns
        )
        if fault is not None:
            return fault
        if command.cl_ord_id and (
            command.cl_ord_id in account.cl_ord_ids
            or any(change.command.cl_ord_id == command.cl_ord_id for change in earlier)
        ):
            return refuse(Reason.DUPLICATE_CL_ORD_ID)
        leaves = new_leaves(command, order)
        price = order.price if command.price is None else command.price
        change = Change(
            command, order, market, order.leaves_qty if leaves is None else leaves, price
        )
        if order.waiting and change.leaves and is_delayed(order, market):
            change.delayed = True
            offset = order.peg_offset if command.peg_offset is None else command.peg_offset
            return self._placing.would_refuse(order, market, change.leaves, price, offset) or change
        return self._check_price(change) or change

    def _check_price(self, change: Change) -> Refused | None:
        market, side, price = change.market, change.order.side, change.price
        if not change.leaves or change.order.waiting:
            return None
        if market.mode is _POST_ONLY_MODE and market.book.crosses(side, price):
            return refuse(Reason.NOT_OPEN, text="only orders that rest are taken now")
        if market.limit_up is not None:
            fault = check_band(market, price)
            if fault is not None:
                return fault
        limit = market.touch_limit(side)
        if limit is not None and price * side > limit * side:
            return refuse(Reason.PRICE_THROUGH_TOUCH, limit)
        if market.fat_finger_ppm and market.is_fat_finger(side, price, change.leaves):
            return refuse(Reason.FAT_FINGER, market.fat_finger_limit(side) or 0)
        closes = change.order.flags & CLOSE
        if (
            market.is_spot
            and not closes
            and market.maths.cost_floor(change.leaves, price) < market.spec.min_value
        ):
            return refuse(Reason.VALUE_TOO_SMALL, market.spec.min_value)
        return None

    def _check_margin(
        self, account: Account, changes: list[Change], required: dict[str, int]
    ) -> Refused | None:
        """Whether the account can hold all changes of contracts together.

        Takes note in ``required`` of what they hold more, by currency; they may hold less.
        """
        by_market = _charged(changes)
        if not by_market:
            return None
        closing: set[str] = set()
        for symbol, those in by_market.items():
            position = account.positions[symbol]
            currency = position.market.spec.settl_currency
            # Who also closes may lose by it: that is not held, so nothing is promised (L2-8).
            if position.qty and any(position.qty * one.order.side < 0 for one in those):
                closing.add(currency)
            more = self._more(position, those, quick=len(those) == len(changes))
            if isinstance(more, Refused):
                return more
            required[currency] = required.get(currency, 0) + more
        for currency, more in required.items():
            if more > 0:
                if more > available(self._state, account, currency):
                    return refuse(Reason.INSUFFICIENT_BALANCE, more)
                if currency not in closing:
                    self._state.cover(account, currency)
        return None

    def _more(self, position: Position, those: list[Change], *, quick: bool) -> int | Refused:
        """Return what the changes of one contract's orders hold more than now; 0 if it is there."""
        if quick and len(those) == 1 and self._is_held(position, those[0]):
            return 0
        extras = tuple([change.wanted() for change in those if change.leaves])
        without = tuple([change.order for change in those if change.order.level is not None])
        if position.market.limits_shorts:
            sells = sum(one.qty for one in extras if one.side is _SELL)
            fault = short_fault(position, sells, without, resting=True) if sells else None
            if fault is not None:
                return fault
        if position.risk_limit:
            value = risk_value(position, *_worth_more(position.market.maths, extras, without))
            if position.risk_limit < value and value > risk_value(position):
                return refuse(Reason.RISK_LIMIT, value)
        # What is replaced counts twice here, so this quick look never says yes wrongly.
        if quick and not shortfall(self._state, position, extras):
            return 0
        lost = lost_at_once(position, extras) if position.market.is_off_trades else 0
        return charge(position, extras, without).total + lost - charge(position).total

    def _is_held(self, position: Position, change: Change) -> bool:
        """Whether the account can hold an order as it is to be beside what it is now.

        A quick look, which never says yes wrongly.
        """
        market, order = position.market, change.order
        if not change.leaves or market.limits_shorts:
            return False
        side, price = order.side, change.price
        maths = market.maths
        priced_at = price if side is _BUY else dearest(market, price)
        worth = maths.lot_values[priced_at] * (change.leaves // maths.lot_size)
        if position.risk_limit:
            value = risk_value(position, worth) if side is _BUY else risk_value(position, 0, worth)
            if value > position.risk_limit:
                return False
        return holds_one_more(self._state, position, side, price, worth)

    def _check_coins(
        self, account: Account, changes: list[Change], required: dict[str, int]
    ) -> Refused | None:
        """Whether the account has the coins for all changes; reserves what is to be borrowed.

        ``required`` is what the contracts of the same command hold more, by currency.
        """
        if len(changes) == 1 and not changes[0].market.is_spot:
            return None
        # By currency: what the changes so far gave back, less what they took.
        spare = {currency: -more for currency, more in required.items() if more > 0}
        done: list[Change] = []
        for change in changes:
            if not change.market.is_spot or change.order.waiting:
                continue
            fault = self._take_coins(account, change, spare)
            if fault is not None:
                for other in done:
                    self._state.desk.release(other.order.order_id, other.reserve_more)
                return fault
            done.append(change)
        return None

    def _take_coins(
        self, account: Account, change: Change, spare: dict[str, int]
    ) -> Refused | None:
        market, order = change.market, change.order
        quote, base = market.spec.settl_currency, market.spec.base_currency
        freed = spot.Freed(
            spare.get(quote, 0) + order.held_quote,
            spare.get(base, 0) + order.held_base,
            order.reserved,
        )
        hold = spot.Hold(0, 0, 0)
        if change.leaves:
            found = spot.need(
                self._state,
                account,
                market,
                order.side,
                change.leaves,
                change.price,
                reduces=order.reduces,
                freed=freed,
            )
            if isinstance(found, Refused):
                return found
            hold = found
        # What it reserves less is given back when nothing can be refused any more: coins of an
        # offer that was replaced meanwhile could not be reserved again.
        more = max(0, hold.reserved - order.reserved)
        fault = spot.reserve(self._state, account, market, order.order_id, more)
        if fault is not None:
            return fault
        spare[quote], spare[base] = freed.quote - hold.quote, freed.base - hold.base
        change.hold, change.reserve_more = hold, more
        if change.leaves and not order.reduces:
            self._state.cover(account, hold.covers(market))
        return None

    def _apply(self, account: Account, change: Change) -> bool:
        """Change the order; return whether it has left its place and is to be matched."""
        state = self._state
        order, market, command = change.order, change.market, change.command
        position = account.positions[market.symbol]
        if not change.leaves:
            state.cancel(order, _BY_USER, command.text)
            return False
        if order.waiting:
            self._apply_waiting(account, change)
            return change.delayed
        requeues = change.requeues
        amended = _names(command, order, change)
        if order.status is _FILLED:
            order.enter(_PARTIAL)
            position.aside[order.order_id] = order
        elif requeues:
            state.unrest(order, market, position)
        elif change.leaves < order.leaves_qty:
            position.cut_open(order, order.leaves_qty - change.leaves)
            market.book.shrink(order, change.leaves)
            state.touch_book(market)
        order.amended = amended
        order.amend_text = command.text
        order.leaves_qty = change.leaves
        order.order_qty = order.cum_qty + change.leaves
        order.price = change.price
        if command.peg_offset is not None:
            order.peg_offset = command.peg_offset
        self._rename(account, order, command.cl_ord_id)
        if change.hold is not None:
            if change.hold.reserved < order.reserved:
                state.desk.release(order.order_id, order.reserved - change.hold.reserved)
            spot.put_hold(account, market, order, change.hold)
        state.changed(order)
        state.touch(position)
        order.working = True  # as it is told: what moves has not left the market
        state.report(order, _REPLACED, command.text)
        if requeues:
            order.working = False
        return requeues

    def _apply_waiting(self, account: Account, change: Change) -> None:
        """Change an order that waits; whether it is triggered now is seen when all are changed."""
        state = self._state
        order, market, command = change.order, change.market, change.command
        order.amended = _names(command, order, change)
        held = market.waiting is not None and order.order_id in market.waiting.held
        state.unwait(order, market)
        order.amend_text = command.text
        order.leaves_qty = change.leaves
        order.order_qty = order.cum_qty + change.leaves
        order.price = change.price
        if command.stop_px is not None:
            order.stop_px = command.stop_px
        if command.peg_offset is not None:
            order.peg_offset = command.peg_offset
        self._rename(account, order, command.cl_ord_id)
        if held:
            state.hold(order, market)
        elif not change.delayed:  # which enters when all are changed, or is held anew
            if command.peg_offset is not None:
                self._placing.wait(order, market)
            else:
                state.wait(order, market)
        state.changed(order)
        state.report(order, _REPLACED, command.text)

    def _rename(self, account: Account, order: Order, cl_ord_id: str) -> None:
        if cl_ord_id:
            order.cl_ord_id = cl_ord_id
            account.cl_ord_ids[cl_ord_id] = order.order_id

    def _find(self, account: Account, order_id: int, cl_ord_id: str) -> Order | None:
        wanted = order_id or account.cl_ord_ids.get(cl_ord_id, 0)
        order = self._state.orders.get(wanted)
        return order if order is not None and order.account == account.account_id else None


def _worth_more(
    maths: ValueMaths, extras: tuple[Wanted, ...], without: tuple[Order, ...]
) -> tuple[int, int]:
    """Return what the buys and the sells are worth more with ``extras`` in place of ``without``."""
    more = {_BUY: 0, _SELL: 0}
    for one in extras:
        more[one.side] += maths.lot_values[one.priced_at] * (one.qty // maths.lot_size)
    for order in without:
        more[order.side] -= maths.lot_values[order.price] * (order.leaves_qty // maths.lot_size)
    return more[_BUY], more[_SELL]


def _charged(changes: list[Change]) -> dict[str, list[Change]]:
    """Return the changes of contracts in which some order may hold more, by symbol."""
    if len(changes) == 1:
        change = changes[0]
        if change.market.is_spot or not change.requeues:
            return {}
        return {change.market.symbol: changes}
    by_market: dict[str, list[Change]] = {}
    for change in changes:
        if change.requeues and not change.market.is_spot:
            by_market.setdefault(change.market.symbol, [])
    if by_market:
        for change in changes:
            if change.market.symbol in by_market and not change.order.waiting:
                by_market[change.market.symbol].append(change)
    return by_market


def _names(command: AmendOrder, order: Order, change: Change) -> tuple[str, ...]:
    names = []
    if command.order_qty is not None and change.leaves != order.leaves_qty:
        names.append("order_qty")
    if command.leaves_qty is not None and change.leaves != order.leaves_qty:
        names.append("leaves_qty")
    if change.price != order.price:
        names.append("price")
    if command.stop_px is not None and command.stop_px != order.stop_px:
        names.append("stop_px")
    if command.peg_offset is not None and command.peg_offset != order.peg_offset:
        names.append("peg_offset")
    return tuple(names)
