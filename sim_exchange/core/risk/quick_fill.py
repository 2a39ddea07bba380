"""The usual match by the short way: two accounts, two plain orders, nobody else concerned.

Does what ``matching.take`` with ``Clearing.fill`` does, in one go, as long as a match is of that
kind; the first that is not, and whatever is left over, goes the long way. ``quick.py`` says how
both are held together.
"""

from sim_exchange.core.events import Executed
from sim_exchange.core.orders.market import Market
from sim_exchange.core.orders.order import Order
from sim_exchange.core.risk.account import Position
from sim_exchange.core.risk.clearing import Clearing
from sim_exchange.core.risk.fills import average_fill, open_match, post_fees, tell_trade
from sim_exchange.core.risk.state import State
from sim_exchange.core.types import PPM, Cause, ExecType, Liquidity, OrdStatus, Side
from sim_exchange.errors import InvariantError

# Looked up once: a member of an enum costs a tenth of a microsecond each time.
_BUY = Side.BUY
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

    def take(self, taker: Order, market: Market, taking: Position) -> None:
        """Match a plain Limit order of a usual market with the usual makers that stand first.

        Stops at the first maker or match that is not usual; what is left is for the long way.
        """
        state, book, limit, account_id = self._state, market.book, taker.price, taker.account
        side, maths = taker.side, market.maths
        half = book.asks if side is _BUY else book.bids
        keys, sign, levels, accounts = half.keys, half.sign, half.by_price, state.accounts
        symbol, engine, bears = market.symbol, state.engine, self._contracts.bears
        worst = limit * sign
        while taker.leaves_qty and keys:
            key = keys[-1]
            if key < worst:
                return
            price = key * sign
            level = levels[price]
            maker = level.head
            if (
                maker is None
                or maker.display_qty is not None
                or maker.linked
                or maker.account == account_id
            ):
                return
            making = accounts[maker.account].positions[symbol]
            if making.account is engine or making.reducing:
                return
            offered, wanted = maker.leaves_qty, taker.leaves_qty
            qty = offered if offered < wanted else wanted  # noqa: FURB136 - a call costs more
            # Who only opens holds what it takes; who closes may lose more than there is (E4).
            if (
                taking.qty > 0 or making.qty < 0
                if side is not _BUY
                else taking.qty < 0 or making.qty > 0
            ) and not bears(taker, maker, qty, price):
                return
            half.changed[price] = None
            if qty == offered:
                half.out(maker)
                maker.leaves_qty = 0
            else:
                level.total -= qty
                level.size -= qty
                maker.shown -= qty
                maker.leaves_qty = offered - qty
            taker.leaves_qty = wanted - qty
            self._settle(
                market,
                taking,
                making,
                taker,
                maker,
                qty,
                price,
                maths.lot_values[price] * (qty // maths.lot_size),
            )

    def _settle(
        self,
        market: Market,
        taking: Position,
        making: Position,
        taker: Order,
        maker: Order,
        qty: int,
        price: int,
        value: int,
    ) -> None:
        """Book a match on both sides, post its fees, tell it; ``Clearing.fill`` in short."""
        state = self._state
        side, symbol = taker.side, market.symbol
        match_id, direction = open_match(state, market, qty, price, value)
        making.room.epoch = taking.room.epoch = -1  # what is free is to be found anew
        # What the maker has open is worth less by what is taken.
        if side is _BUY:
            making.sell_value -= value
        else:
            making.buy_value -= value
        cost = value if market.maths.sign * side > 0 else -value
        made = self._one(
            making, maker, qty, price, -cost, value, making.maker_ppm, match_id, _ADDED
        )
        took = self._one(
            taking, taker, qty, price, cost, value, taking.taker_ppm, match_id, _REMOVED
        )
        fees = made + took
        if fees < 0 < making.maker_ppm + taking.taker_ppm:
            raise InvariantError(f"L2-10 match {match_id}: fees {made} and {took} are a gift")
        if made or took:
            currency = market.spec.settl_currency
            state.commissions[currency] = state.commissions.get(currency, 0) + fees
            post_fees(state, currency, symbol, making.account, made, taking.account, took)
        longs = market.open_interest = market.longs
        market.open_value = longs // market.maths.lot_size * market.mark_value
        if longs != market.shorts:
            raise InvariantError(f"{symbol}: longs {longs} and shorts {market.shorts} differ")
        tell_trade(state, market, taker, qty, price, value, match_id, direction)
        if state.contest is not None:
            currency = market.spec.settl_currency
            state.contest.traded(making.account, taking.account, currency, value, state.now_ns)

    def _one(  # noqa: PLR0913, PLR0917 - one execution report
        self,
        position: Position,
        order: Order,
        qty: int,
        price: int,
        cost: int,
        value: int,
        rate_ppm: int,
        match_id: int,
        liquidity: Liquidity,
    ) -> int:
        """Book one side of a match; return its fee."""
        state, market, side = self._state, position.market, order.side
        now_ns, order_id, account_id = state.now_ns, order.order_id, order.account
        # the order
        cum_qty = order.cum_qty = order.cum_qty + qty
        order.cum_cost += value
        total = order.cum_price_qty = order.cum_price_qty + price * qty
        tick = market.maths.tick_pico
        if total == price * cum_qty:
            average = order.avg_px = price * tick
        else:
            average = order.avg_px = average_fill(market, order)
        leaves = order.leaves_qty
        added = liquidity is _ADDED
        if added:
            # The taker is new and was taken note of when it came.
            order.at_ns = now_ns
            state.changed_orders[order_id] = order
            state.touched[position.key] = position
            state.stale[account_id] = position.account
        if leaves:
            status = _PARTIAL
        else:
            status = _FILLED
            if added:
                position.drop_open(order)
            del position.account.orders[order_id]
            state.ended.append((now_ns, order_id))
        order.status = status  # it was open: this may follow
        # the position
        comm = -((PPM - 2 * rate_ppm * value) // _TWICE)
        held, booked = position.qty, position.cost
        pnl = position.trade(side, qty, cost)
        market.moved(held, position.qty)
        booked = position.cost - booked - pnl
        if booked != cost:
            raise InvariantError(
                f"L2-3 match {match_id}: costs {booked} and {-cost} do not cancel out"
            )
        position.comm += comm
        position.at_ns = now_ns
        state.out.append(
            Executed(
                state.next_exec,
                _TRADE,
                order_id,
                account_id,
                market.symbol,
                side,
                qty,
                price * tick,
                liquidity,
                rate_ppm,
                cost,
                comm,
                "",
                order.order_qty,
                leaves,
                cum_qty,
                average,
                status,
                order.working,
                match_id,
                "",
                True,
                now_ns,
            )
        )
        state.next_exec += 1
        if pnl:
            self._contracts.post_pnl(market, position.account, pnl, _TRADED)
        return comm
