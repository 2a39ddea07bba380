"""The usual order by the short way: most commands are one of these three, and nothing else happens.

A Limit order by itself on an ordinary contract, a cancel or a price of such an order that rests.
Each method does what ``Placing``, ``Amending`` or ``Canceling`` would do, in one go, and tells the
events; or returns None before it has changed anything, and the command goes the long way, which
also finds the words of a refusal. The long way is the rule, this is its shorthand: that both come
to the same is held by ``tests/core/test_E4_quick.py``.

What makes the way short is what is known already. ``state.epoch`` counts the commands that went the
long way and the timers; as long as it stands still, a market that was found ordinary is ordinary,
and what an account was found to have free (``Room``) it has, less what its orders took since.
"""

from collections.abc import Callable
from typing import Any

from sim_exchange.core.commands import AmendOrder, CancelOrders, Command, PlaceOrder
from sim_exchange.core.events import (
    Accepted,
    BookChanged,
    Event,
    Executed,
    OrderChanged,
    OrderOpened,
)
from sim_exchange.core.orders.account import Position
from sim_exchange.core.orders.market import Market
from sim_exchange.core.orders.order import Order
from sim_exchange.core.risk.margin import before_orders
from sim_exchange.core.risk.order_margin import at_most
from sim_exchange.core.risk.placing import Placing
from sim_exchange.core.risk.planning import MOST_OPEN_ORDERS
from sim_exchange.core.risk.quick_fill import QuickFill
from sim_exchange.core.risk.state import State
from sim_exchange.core.types import (
    ExecInst,
    ExecType,
    Mode,
    OrdStatus,
    OrdType,
    Reason,
    Side,
    TimeInForce,
)
from sim_exchange.core.types import State as Listing

# Looked up once: a member of an enum costs a tenth of a microsecond each time.
_LIMIT = OrdType.LIMIT
_GTC = TimeInForce.GTC
_IOC = TimeInForce.IOC
_PLAIN = ExecInst.NONE
_POST_ONLY = ExecInst.POST_ONLY
_BUY = Side.BUY
_OPEN = Listing.OPEN
_OPEN_MODE = Mode.OPEN
_NEW = ExecType.NEW
_REPLACED = ExecType.REPLACED
_TOLD_CANCELED = ExecType.CANCELED
_IS_NEW = OrdStatus.NEW
_CANCELED = OrdStatus.CANCELED
_BY_USER = Reason.CANCELED_BY_USER

_PRICE_ONLY = ("price",)
_blank, _begin = object.__new__, Order.__init__
"""Two steps, because a class that is called costs a seventh more."""

Shortcuts = dict[type[Command], Callable[[Any], tuple[Event, ...] | None]]
"""The short way of each kind of command."""


class Quick:
    """The three usual commands; ``None`` from any of them means: not usual, nothing was changed."""

    def __init__(self, state: State, placing: Placing, follow: Callable[[], None]) -> None:
        """Take the exchange's memory, who matches, and what is to be done after trades."""
        self._state = state
        self._placing = placing
        self._fills = QuickFill(state, placing.contracts)
        self._follow = follow

    def handlers(self) -> Shortcuts:
        """Return what each command does; an account's orders only."""
        return {PlaceOrder: self.place, AmendOrder: self.amend, CancelOrders: self.cancel}

    def place(  # noqa: C901, PLR0912, PLR0915 - one go: a call costs more than what it does
        self, command: PlaceOrder
    ) -> tuple[Event, ...] | None:
        """Enter a Limit order that is plain or post-only; ``Placing.place`` in short (E4, E5)."""
        state = self._state
        symbol, exec_inst, side = command.symbol, command.exec_inst, command.side
        price, qty, cl_ord_id = command.price, command.order_qty, command.cl_ord_id
        try:
            market = state.markets[symbol]
            position = market.positions[command.account]
        except KeyError:
            return None
        account = position.account
        if (
            command.ord_type is not _LIMIT
            or (exec_inst is not _PLAIN and exec_inst is not _POST_ONLY)
            or side is None
            or type(price) is not int
            or type(qty) is not int
            or command.display_qty is not None
            or command.stop_px is not None
            or command.peg_offset is not None
            or command.peg_price_type
            or command.contingency_type
            or command.cl_ord_link_id
            or account.flags
            or (market.usual_epoch != state.epoch and not self._is_usual(market))
        ):
            return None
        spec, maths, book = market.spec, market.maths, market.book
        lots = qty // maths.lot_size
        if (
            lots * maths.lot_size != qty
            or not 0 < qty <= spec.max_order_qty
            or not 0 < price <= spec.max_price_ticks
        ):
            return None
        priced_at = price
        if side is _BUY:
            half, keys = book.bids, book.asks.keys
            crosses = keys and price >= -keys[-1]
        else:
            half, keys = book.asks, book.bids.keys
            crosses = keys and price <= keys[-1]
            if crosses and not maths.inverse:
                priced_at = keys[-1]  # the dearer of limit and best bid
        tif = command.time_in_force
        if tif is not _GTC and (tif is not _IOC or not crosses):
            return None
        if crosses and exec_inst is _POST_ONLY:
            return None
        if len(position.buys) + len(position.sells) >= MOST_OPEN_ORDERS:
            return None
        worth = maths.lot_values[priced_at] * lots
        if not self._holds(position, side, price, lots, worth):
            return None
        now_ns, order_id = state.now_ns, state.next_order
        if cl_ord_id and account.cl_ord_ids.setdefault(cl_ord_id, order_id) != order_id:
            return None

        order = _blank(Order)
        _begin(
            order,
            order_id,
            position,
            side,
            _LIMIT,
            tif,
            exec_inst,
            qty,
            price,
            None,
            cl_ord_id,
            "",
            command.text,
            now_ns,
        )
        state.next_order = order_id + 1
        state.orders[order_id] = order
        held, account_id = position.qty, order.account
        if not held or (held > 0) is (side is _BUY):
            state.covered = ((account, spec.settl_currency, state.next_match),)
        else:
            state.covered = ()  # it may close, and who only closes holds nothing
        told = Executed(
            state.next_exec,
            _NEW,
            order_id,
            account_id,
            symbol,
            side,
            order_qty=qty,
            leaves_qty=qty,
            ord_status=_IS_NEW,
            at_ns=now_ns,
        )
        state.next_exec += 1
        opened = OrderOpened(order_id, account_id, symbol)
        if crosses:
            out = state.out
            out.append(Accepted(0, order_id))
            out.append(opened)
            out.append(told)
            position.aside[order_id] = order
            state.touch(position)
            if not position.reducing:
                self._fills.take(order, market, position)
            if order.leaves_qty:
                self._placing.match(order, market, position, price)
            if state.armed or state.last_traded:
                self._follow()
                state.epoch += 1  # orders of others may have come and gone
            return state.flush()
        state.told_from = order_id + 1
        level = half.put(order)
        if side is _BUY:
            position.buys[order_id] = order
            position.buy_value += worth
            if price > position.high_buy:  # noqa: PLR1730 - a call costs more
                position.high_buy = price
        else:
            position.sells[order_id] = order
            position.sell_value += worth
            if not position.low_sell or price < position.low_sell:
                position.low_sell = price
        if not account.stale:
            state.look_again(account)
        return (
            Accepted(0, order_id),
            opened,
            told,
            BookChanged(symbol, side, price, level.size),
            position.told,
            position.margin_told,
        )

    def amend(  # noqa: C901, PLR0912, PLR0915 - as above
        self, command: AmendOrder
    ) -> tuple[Event, ...] | None:
        """Move a resting Limit order to a price at which it rests; ``Amending.amend`` in short."""
        state = self._state
        price, account_id, order_id = command.price, command.account, command.order_id
        try:
            if not order_id:
                order_id = state.accounts[account_id].cl_ord_ids[command.orig_cl_ord_id]
            order = state.orders[order_id]
        except KeyError:
            return None
        position = order.position
        account, market = position.account, position.market
        if (
            order.level is None
            or order.account != account_id
            or order.ord_type is not _LIMIT
            or order.reduces
            or order.linked
            or type(price) is not int
            or price == order.price
            or command.order_qty is not None
            or command.leaves_qty is not None
            or command.stop_px is not None
            or command.peg_offset is not None
            or command.cl_ord_id
            or account.flags
        ):
            return None
        if market.usual_epoch != state.epoch and not self._is_usual(market):
            return None
        symbol, side = order.symbol, order.side
        spec, maths, book = market.spec, market.maths, market.book
        if not 0 < price <= spec.max_price_ticks:
            return None
        if side is _BUY:
            half, keys = book.bids, book.asks.keys
            crosses = keys and price >= -keys[-1]
        else:
            half, keys = book.asks, book.bids.keys
            crosses = keys and price <= keys[-1]
        if crosses:
            return None
        leaves, values, lot = order.leaves_qty, maths.lot_values, maths.lot_size
        lots = leaves // lot
        # As long as it is looked at, it counts twice: so the bound never says yes wrongly.
        if not self._holds(position, side, price, lots, values[price] * lots):
            return None

        now_ns, before, text = state.now_ns, order.price, command.text
        state.covered = ()
        was_shown = order.shown
        left = half.out(order)
        order.at_ns = now_ns
        order.amended = _PRICE_ONLY
        order.amend_text = text
        order.price = price
        more = values[price] * lots - values[before] * lots
        if side is _BUY:
            buys = position.buys
            del buys[order_id]
            if not buys or price > position.high_buy:
                position.high_buy = price
            buys[order_id] = order
            position.buy_value += more
        else:
            sells = position.sells
            del sells[order_id]
            if not sells or price < position.low_sell:
                position.low_sell = price
            sells[order_id] = order
            position.sell_value += more
        level = half.put(order)
        exec_id = state.next_exec
        state.next_exec = exec_id + 1
        if not account.stale:
            state.look_again(account)
        told = Executed(
            exec_id,
            _REPLACED,
            order_id,
            account_id,
            symbol,
            side,
            order_qty=order.order_qty,
            leaves_qty=leaves,
            cum_qty=order.cum_qty,
            avg_px=order.avg_px,
            ord_status=order.status,
            working=True,
            text=text,
            at_ns=now_ns,
        )
        accepted = Accepted(0, order_id)
        changed = OrderChanged(order_id, account_id, symbol)
        if not was_shown:
            return accepted, told, changed, position.told, position.margin_told
        return (
            accepted,
            told,
            changed,
            BookChanged(symbol, side, before, left.size),
            BookChanged(symbol, side, price, level.size),
            position.told,
            position.margin_told,
        )

    def cancel(  # noqa: C901 - as above
        self, command: CancelOrders
    ) -> tuple[Event, ...] | None:
        """Cancel one resting order of a contract; ``Canceling`` in short."""
        state = self._state
        account_id, names, ids = command.account, command.cl_ord_ids, command.order_ids
        if len(ids) != (not names) or len(names) > 1:
            return None
        try:
            order_id = state.accounts[account_id].cl_ord_ids[names[0]] if names else ids[0]
            order = state.orders[order_id]
        except KeyError:
            return None
        position = order.position
        account, market = position.account, position.market
        if order.level is None or order.account != account_id or order.linked or account.flags:
            return None
        if market.usual_epoch != state.epoch and not self._is_usual(market):
            return None

        state.covered = ()
        symbol, side = order.symbol, order.side
        maths, book = market.maths, market.book
        was_shown, now_ns, text = order.shown, state.now_ns, command.text
        worth = maths.lot_values[order.price] * (order.leaves_qty // maths.lot_size)
        if side is _BUY:
            level = book.bids.out(order)
            position.buy_value -= worth
            buys = position.buys
            del buys[order_id]
            if not buys:
                position.high_buy = 0
        else:
            level = book.asks.out(order)
            position.sell_value -= worth
            sells = position.sells
            del sells[order_id]
            if not sells:
                position.low_sell = 0
        if order.reduces:
            position.reducing -= 1
        order.status = _CANCELED  # it rested, so it was open: this may follow
        order.leaves_qty = 0
        order.end_reason = _BY_USER
        order.end_text = text
        order.at_ns = now_ns
        state.ended.append((now_ns, order_id))
        if not account.stale:
            state.look_again(account)
        exec_id = state.next_exec
        state.next_exec = exec_id + 1
        told = Executed(
            exec_id,
            _TOLD_CANCELED,
            order_id,
            account_id,
            symbol,
            side,
            order_qty=order.order_qty,
            cum_qty=order.cum_qty,
            avg_px=order.avg_px,
            ord_status=_CANCELED,
            text=text,
            at_ns=now_ns,
        )
        accepted = Accepted(0, order_id)
        changed = OrderChanged(order_id, account_id, symbol)
        if not was_shown:
            return accepted, told, changed, position.told, position.margin_told
        return (
            accepted,
            told,
            changed,
            BookChanged(symbol, side, level.price, level.size),
            position.told,
            position.margin_told,
        )

    # --- what is known

    def _is_usual(self, market: Market) -> bool:
        """Whether nothing about a market is out of the ordinary, until the next long way."""
        state, spec = self._state, market.spec
        usual = (
            market.mode is _OPEN_MODE
            and market.state is _OPEN
            and market.mark > 0
            and (spec.expiry_ns is None or state.now_ns < spec.expiry_ns)
            and not market.is_spot
            and not market.limits_shorts
            and market.limit_up is None
            and not market.band_ppm
            and not market.fat_finger_ppm
            and not market.cancels_self_trades
            and market.speed_bump is None
            and market.guards is None
            and market.waiting is None
            and not market.pegs
            and not market.follows_last
            and not market.is_off_trades
            and state.spam is None
        )
        if usual:
            market.usual_epoch = state.epoch
            market.dear_above, market.dear_below = spec.max_price_ticks, 0
            if market.is_fair_marked:
                maths = market.maths
                mark, tick = maths.mark_to_pico(market.mark), maths.tick_pico
                market.dear_above, market.dear_below = mark // tick, -(-mark // tick)
        return usual

    def _holds(self, position: Position, side: Side, price: int, lots: int, worth: int) -> bool:
        """Whether the account can hold one more order; a bound that never says yes wrongly (E5).

        Where it says yes, the order's hold is taken off what the account is known to have free.
        """
        market, room = position.market, position.room
        limit = position.risk_limit
        if limit:
            held = market.mark_value * (position.qty // market.maths.lot_size)
            if side is _BUY:
                if held + position.buy_value + worth > limit or position.sell_value - held > limit:
                    return False
            elif position.sell_value + worth - held > limit or held + position.buy_value > limit:
                return False
        hold = worth * position.rate_num // position.rate_den + 2
        if price > market.dear_above if side is _BUY else price < market.dear_below:
            # What is dearer than the mark is funded in full on top: the gap, whoever else has one.
            gap = market.maths.lot_values[price] - market.mark_value
            hold += (gap if gap > 0 else -gap) * lots + 1
        if room.epoch != self._state.epoch or room.free < hold:
            self._look(position)
            if room.free < hold:
                return False
        room.free -= hold
        return True

    def _look(self, position: Position) -> None:
        """Find what the account has free of the contract's currency, at least."""
        state, room, account = self._state, position.room, position.account
        currency = position.market.spec.settl_currency
        free = before_orders(state, account, currency)
        for one in account.contracts[currency]:
            if one.buys or one.sells:
                free -= at_most(one)
        room.free, room.epoch = free, state.epoch
