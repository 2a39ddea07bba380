"""The usual match by the short way: two accounts, two plain orders, nobody else concerned.

Does what ``matching.take`` with ``Clearing.fill`` does, in one go, as long as a match is of that
kind; the first that is not, and whatever is left over, goes the long way. ``quick.py`` says how
both are held together.
"""

from sim_exchange.core.events import Executed, Traded, WalletChanged
from sim_exchange.core.orders.account import Position
from sim_exchange.core.orders.market import Market
from sim_exchange.core.orders.order import Order
from sim_exchange.core.risk.clearing import Clearing
from sim_exchange.core.risk.fills import average_fill
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
_FEE = Cause.FEE
_HALF = PPM // 2

_ROUNDINGS = 4
"""Minor units that a fill may need beyond its share of what its order held, for each of fee, margin
and fee to close is rounded by itself."""


class QuickFill:
    """Takes what usual makers offer."""

    def __init__(self, state: State, contracts: Clearing) -> None:
        self._state = state
        self._contracts = contracts

    def take(  # noqa: C901, PLR0912, PLR0915 - one go: a call costs more than what it does
        self, taker: Order, market: Market, taking: Position
    ) -> None:
        """Match a new plain Limit order of a usual market with the usual makers that stand first.

        Stops at the first maker or match that is not usual; what is left is for the long way. What
        a taker's matches come to together is booked when it stops.
        """
        state, maths = self._state, market.maths
        side, symbol, taker_id = taker.side, market.symbol, taker.order_id
        account, currency, taker_ppm = taking.account, taking.key[2], taking.taker_ppm
        if side is _BUY:
            way, against, half = 1, _SELL, market.book.asks
        else:
            way, against, half = -1, _BUY, market.book.bids
        keys, levels, sign = half.keys, half.by_price, half.sign
        out, now_ns, toward = state.out, state.now_ns, way * maths.sign  # the cost's sign (E1)
        wanted = ordered = taker.leaves_qty
        worst, match_id, exec_id = taker.price * sign, state.next_match, state.next_exec
        took_from, longs, shorts = taking.qty, market.longs, market.shorts
        cum_cost = cum_price_qty = average = 0
        while wanted and keys:
            key = keys[-1]
            if key < worst:
                break
            price = key * sign
            level = levels[price]
            maker = level.head
            if maker is None or maker.display_qty is not None or maker.linked:
                break
            maker_id, making_id, making = maker.order_id, maker.account, maker.position
            maker_account, made_from, offered = making.account, making.qty, maker.leaves_qty
            if making is taking or making.reducing or maker_account is state.engine:
                break
            qty = offered if offered < wanted else wanted  # noqa: FURB136 - a call costs more
            # Who only opens holds what it takes; who closes may lose more than there is (E4).
            if made_from * way > 0 and not self._contracts.bears_close(making, against, qty, price):
                break
            if taking.qty * way < 0 and not self._contracts.bears_close(taking, side, qty, price):
                break
            value = maths.lot_values[price] * (qty // maths.lot_size)
            px, left = price * maths.tick_pico, offered - qty
            wanted -= qty

            # The market's last trade: ``open_match`` without what a usual market does not have.
            direction = market.last_direction = market.direction_of(price)
            market.last_price = price
            if market.recent is not None:
                market.recent.add(now_ns, qty, px)

            # The maker's order: ``Book.consume``, ``cut_open`` and ``fill_order``.
            half.changed[price] = None
            if way > 0:
                making.sell_value -= value
            else:
                making.buy_value -= value
            level.size -= qty
            rest = level.total = level.total - qty
            maker.shown = maker.leaves_qty = left
            if left:
                status = _PARTIAL
            else:
                # ``Half.out`` of the first in its queue.
                status = _FILLED
                after = level.head = maker.next
                if after is None:
                    level.tail = None
                else:
                    after.prev = maker.next = None
                maker.level = None
                maker.working = False
                if not rest:
                    del levels[price]
                    keys.pop()
                making.drop_open(maker)
                state.ended.append((now_ns, maker_id))
            maker.status = status
            cum_qty = maker.cum_qty = maker.cum_qty + qty
            maker.cum_cost += value
            total = maker.cum_price_qty = maker.cum_price_qty + price * qty
            average = (
                px
                if total == price * cum_qty
                else average_fill(market, cum_qty, maker.cum_cost, total)
            )
            maker.avg_px = average
            maker.at_ns = now_ns
            state.changed_orders[maker_id] = maker
            state.touched[making.key] = making
            if not maker_account.stale:
                state.look_again(maker_account)

            # Both positions, and the fees by ``fee``.
            if making.fills_held:
                making.room.free -= _ROUNDINGS
            else:
                making.room.epoch = -1  # what is free is to be found anew
            making.at_ns = now_ns
            maker_ppm = making.maker_ppm
            booked = making.cost + taking.cost
            cost = value * toward
            made_pnl = making.trade(-way, qty, -cost)
            took_pnl = taking.trade(way, qty, cost)
            if making.cost + taking.cost - made_pnl - took_pnl != booked:
                raise InvariantError(
                    f"L2-3 match {match_id}: costs of {making.cost} and {taking.cost} after it and"
                    f" {booked} before it do not cancel out"
                )
            made_to = making.qty
            if made_from > 0:
                longs -= made_from
            else:
                shorts += made_from
            if made_to > 0:
                longs += made_to
            else:
                shorts -= made_to
            made = -((_HALF - maker_ppm * value) // PPM)
            took = -((_HALF - taker_ppm * value) // PPM)
            fees = made + took
            if fees < 0 and maker_ppm + taker_ppm > 0:
                raise InvariantError(f"L2-10 match {match_id}: fees {made} and {took} are a gift")
            making.comm += made
            taking.comm += took
            out.append(
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
                    average,
                    status,
                    maker.working,
                    match_id,
                    "",
                    True,
                    now_ns,
                )
            )
            if made_pnl:
                self._contracts.post_pnl(market, maker_account, made_pnl, _TRADED)

            # The taker's order, which is new and was taken note of when it came.
            cum_qty = ordered - wanted
            cum_cost += value
            cum_price_qty += price * qty
            average = (
                px
                if cum_price_qty == price * cum_qty
                else average_fill(market, cum_qty, cum_cost, cum_price_qty)
            )
            status = _PARTIAL if wanted else _FILLED
            out.append(
                Executed(
                    exec_id + 1,
                    _TRADE,
                    taker_id,
                    account.account_id,
                    symbol,
                    side,
                    qty,
                    px,
                    _REMOVED,
                    taker_ppm,
                    cost,
                    took,
                    "",
                    ordered,
                    wanted,
                    cum_qty,
                    average,
                    status,
                    False,
                    match_id,
                    "",
                    True,
                    now_ns,
                )
            )
            if took_pnl:
                self._contracts.post_pnl(market, account, took_pnl, _TRADED)

            if made or took:
                # ``post_fees``
                totals = state.commissions
                totals[currency] = totals.get(currency, 0) + fees
                made_after, took_after = state.ledger.charge(
                    currency, maker_account.wallet, made, account.wallet, took, symbol
                )
                if made:
                    out.append(
                        WalletChanged(
                            account=making_id,
                            currency=currency,
                            amount=-made,
                            cause=_FEE,
                            symbol=symbol,
                            balance=made_after,
                            at_ns=now_ns,
                        )
                    )
                if took:
                    out.append(
                        WalletChanged(
                            account=account.account_id,
                            currency=currency,
                            amount=-took,
                            cause=_FEE,
                            symbol=symbol,
                            balance=took_after,
                            at_ns=now_ns,
                        )
                    )
            out.append(Traded(symbol, side, qty, price, direction, match_id, value, now_ns))
            if state.contest is not None:
                state.contest.traded(maker_account, account, currency, value, now_ns)
            match_id += 1
            exec_id += 2

        if wanted == ordered:
            return
        cum_qty = taker.cum_qty = ordered - wanted
        taker.leaves_qty, taker.avg_px = wanted, average
        taker.cum_cost, taker.cum_price_qty = cum_cost, cum_price_qty
        if wanted:
            taker.status = _PARTIAL
        else:
            taker.status = _FILLED
            del taking.aside[taker_id]
            state.ended.append((now_ns, taker_id))
        if taking.fills_held and (way < 0 or not maths.inverse):
            taking.room.free -= _ROUNDINGS * (match_id - state.next_match)
        else:
            taking.room.epoch = (
                -1
            )  # a cheaper buy of an inverse contract is worth more than it held
        taking.at_ns = now_ns
        state.next_match, state.next_exec = match_id, exec_id
        market.total_volume += cum_qty
        market.total_turnover += cum_cost
        took_to = taking.qty
        if took_from > 0:
            longs -= took_from
        else:
            shorts += took_from
        if took_to > 0:
            longs += took_to
        else:
            shorts -= took_to
        if longs != shorts:
            raise InvariantError(f"{symbol}: longs {longs} and shorts {shorts} differ")
        market.longs = market.shorts = market.open_interest = longs
        market.open_value = longs // maths.lot_size * market.mark_value
        state.touch_book(market)
