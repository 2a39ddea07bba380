"""The usual match by the short way: two accounts, two plain orders, nobody else concerned.

Does what ``matching.take`` with ``Clearing.fill`` does, in one go, as long as a match is of that
kind; the first that is not, and whatever is left over, goes the long way. ``quick.py`` says how
both are held together.
"""

from sim_exchange.core.events import Executed, Traded
from sim_exchange.core.orders.market import Market
from sim_exchange.core.orders.order import Order
from sim_exchange.core.risk.account import Position
from sim_exchange.core.risk.clearing import Clearing
from sim_exchange.core.risk.fills import average_fill, post_fees
from sim_exchange.core.risk.state import State
from sim_exchange.core.types import PPM, Cause, ExecType, Liquidity, OrdStatus, Side
from sim_exchange.errors import InvariantError

# Looked up once: a member of an enum costs a tenth of a microsecond each time.
_BUY = Side.BUY
_SELL = Side.SELL
_TRADE = ExecType.TRADE
_TRADED = Cause.TRADE
_FILLED = OrdStatus.FILLED
_PARTIAL = OrdStatus.PARTIALLY_FILLED
_ADDED = Liquidity.ADDED
_REMOVED = Liquidity.REMOVED
_TWICE = 2 * PPM


class QuickFill:
    """Takes what usual makers offer."""

    def __init__(self, state: State, contracts: Clearing) -> None:
        self._state = state
        self._contracts = contracts

    def take(  # noqa: C901, PLR0912, PLR0915 - one go: a call costs more than what it does
        self, taker: Order, market: Market, taking: Position
    ) -> None:
        """Match a plain Limit order of a usual market with the usual makers that stand first.

        Stops at the first maker or match that is not usual; what is left is for the long way.
        """
        state, contracts, maths = self._state, self._contracts, market.maths
        side, taker_id, account_id = taker.side, taker.order_id, taker.account
        symbol, values, lot, tick = market.symbol, maths.lot_values, maths.lot_size, maths.tick_pico
        buys = side is _BUY
        half, against = (market.book.asks, _SELL) if buys else (market.book.bids, _BUY)
        keys, sign, accounts = half.keys, half.sign, state.accounts
        worst, wanted = taker.price * sign, taker.leaves_qty
        now_ns, tell, taker_ppm = state.now_ns, state.out.append, taking.taker_ppm
        currency, is_paid = taking.key[2], buys is (maths.sign > 0)  # the cost's sign on the wire
        while wanted and keys:
            key = keys[-1]
            if key < worst:
                return
            price = key * sign
            level = half.by_price[price]
            maker = level.head
            if (
                maker is None
                or maker.display_qty is not None
                or maker.linked
                or maker.account == account_id
            ):
                return
            maker_id, making_id = maker.order_id, maker.account
            making = accounts[making_id].positions[symbol]
            making_account = making.account
            if making_account is state.engine or making.reducing:
                return
            offered = maker.leaves_qty
            qty = offered if offered < wanted else wanted  # noqa: FURB136 - a call costs more
            made_from, took_from = making.qty, taking.qty
            # Who only opens holds what it takes; who closes may lose more than there is (E4).
            if (made_from > 0 if buys else made_from < 0) and not contracts.bears_close(
                making, against, qty, price
            ):
                return
            if (took_from < 0 if buys else took_from > 0) and not contracts.bears_close(
                taking, side, qty, price
            ):
                return

            value, px, left = values[price] * (qty // lot), price * tick, offered - qty
            wanted = taker.leaves_qty = wanted - qty
            # The market: ``open_match`` without what a usual one does not have.
            match_id, exec_id = state.next_match, state.next_exec
            state.next_match, state.next_exec = match_id + 1, exec_id + 2
            direction = market.last_direction = market.direction_of(price)
            market.last_price = price
            market.total_volume += qty
            market.total_turnover += value
            if market.recent is not None:
                market.recent.add(now_ns, qty, px)

            # The maker's order: ``Book.consume``, ``cut_open`` and ``fill_order``.
            half.changed[price] = None
            if buys:
                making.sell_value -= value
            else:
                making.buy_value -= value
            if left:
                level.total -= qty
                level.size -= qty
                maker.shown = maker.leaves_qty = left
                maker.status = status = _PARTIAL
            else:
                half.out(maker)
                maker.leaves_qty = 0
                maker.status = status = _FILLED
                making.drop_open(maker)
                del making_account.orders[maker_id]
                state.ended.append((now_ns, maker_id))
            cum_qty = maker.cum_qty = maker.cum_qty + qty
            maker.cum_cost += value
            total = maker.cum_price_qty = maker.cum_price_qty + price * qty
            maker.avg_px = px if total == price * cum_qty else average_fill(market, maker)
            maker.at_ns = now_ns
            state.changed_orders[maker_id] = maker
            state.touched[making.key] = making
            state.stale[making_id] = making_account

            # Both positions; what is free is to be found anew.
            making.room.epoch = taking.room.epoch = -1
            booked = making.cost + taking.cost
            cost = value if is_paid else -value
            maker_ppm = making.maker_ppm
            made_pnl = making.trade(against, qty, -cost)
            took_pnl = taking.trade(side, qty, cost)
            off = making.cost + taking.cost - made_pnl - took_pnl - booked
            if off:
                raise InvariantError(
                    f"L2-3 match {match_id}: costs of both, off by {off}, do not cancel out"
                )
            # The fees: ``fee`` of either side.
            made = -((PPM - 2 * maker_ppm * value) // _TWICE)
            took = -((PPM - 2 * taker_ppm * value) // _TWICE)
            if made + took < 0 < maker_ppm + taker_ppm:
                raise InvariantError(f"L2-10 match {match_id}: fees {made} and {took} are a gift")
            making.comm += made
            taking.comm += took
            making.at_ns = taking.at_ns = now_ns
            tell(
                Executed(
                    exec_id,
                    _TRADE,
                    maker_id,
                    making_id,
                    symbol,
                    against,
                    qty,
                    px,
                    _ADDED,
                    maker_ppm,
                    -cost,
                    made,
                    "",
                    maker.order_qty,
                    left,
                    cum_qty,
                    maker.avg_px,
                    status,
                    maker.working,
                    match_id,
                    "",
                    True,
                    now_ns,
                )
            )
            if made_pnl:
                contracts.post_pnl(market, making_account, made_pnl, _TRADED)

            # The taker's order, which is new and was taken note of when it came.
            cum_qty = taker.cum_qty = taker.cum_qty + qty
            taker.cum_cost += value
            total = taker.cum_price_qty = taker.cum_price_qty + price * qty
            taker.avg_px = px if total == price * cum_qty else average_fill(market, taker)
            if wanted:
                taker.status = status = _PARTIAL
            else:
                taker.status = status = _FILLED
                del taking.account.orders[taker_id]
                state.ended.append((now_ns, taker_id))
            tell(
                Executed(
                    exec_id + 1,
                    _TRADE,
                    taker_id,
                    account_id,
                    symbol,
                    side,
                    qty,
                    px,
                    _REMOVED,
                    taker_ppm,
                    cost,
                    took,
                    "",
                    taker.order_qty,
                    wanted,
                    cum_qty,
                    taker.avg_px,
                    status,
                    False,
                    match_id,
                    "",
                    True,
                    now_ns,
                )
            )
            if took_pnl:
                contracts.post_pnl(market, taking.account, took_pnl, _TRADED)
            if made or took:
                totals = state.commissions
                totals[currency] = totals.get(currency, 0) + made + took
                post_fees(state, currency, symbol, making_account, made, taking.account, took)

            # What is open: ``Market.moved`` of both.
            made_to, took_to = making.qty, taking.qty
            longs, shorts = market.longs, market.shorts
            if made_from > 0:
                longs -= made_from
            else:
                shorts += made_from
            if took_from > 0:
                longs -= took_from
            else:
                shorts += took_from
            if made_to > 0:
                longs += made_to
            else:
                shorts -= made_to
            if took_to > 0:
                longs += took_to
            else:
                shorts -= took_to
            if longs != shorts:
                raise InvariantError(f"{symbol}: longs {longs} and shorts {shorts} differ")
            market.longs = market.shorts = market.open_interest = longs
            market.open_value = longs // lot * market.mark_value
            tell(Traded(symbol, side, qty, price, direction, match_id, value, now_ns))
            state.touch_book(market)
            if state.contest is not None:
                state.contest.traded(making_account, taking.account, currency, value, now_ns)
