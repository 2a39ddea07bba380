"""The usual match by the short way: two accounts, two plain orders, nobody else concerned.

Does what ``matching.take`` with ``Clearing.fill`` does, in one go, as long as a match is of that
kind; the first that is not, and whatever is left over, goes the long way. ``quick.py`` says how
both are held together.
"""

from sim_exchange.core.events import Executed, Posted, Traded, WalletChanged
from sim_exchange.core.orders.market import Market
from sim_exchange.core.orders.order import Order
from sim_exchange.core.risk.account import Position
from sim_exchange.core.risk.clearing import Clearing
from sim_exchange.core.risk.fills import average_fill
from sim_exchange.core.risk.state import State
from sim_exchange.core.treasury.ledger import FEES
from sim_exchange.core.types import PPM, Cause, ExecType, Liquidity, OrdStatus, Side
from sim_exchange.errors import InvariantError

# Looked up once: a member of an enum costs a tenth of a microsecond each time.
_BUY = Side.BUY
_TRADE = ExecType.TRADE
_TRADED = Cause.TRADE
_FEE = Cause.FEE
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
        now_ns, side, symbol = state.now_ns, taker.side, market.symbol
        match_id = state.next_match
        state.next_match = match_id + 1
        direction = market.last_direction = market.direction_of(price)
        market.last_price = price
        market.total_volume += qty
        market.total_turnover += value
        if market.recent is not None:
            market.recent.add(now_ns, qty, price * market.maths.tick_pico)
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
            self._post_fees(currency, symbol, making, made, taking, took)
        longs = market.open_interest = market.longs
        market.open_value = longs // market.maths.lot_size * market.mark_value
        if longs != market.shorts:
            raise InvariantError(f"{symbol}: longs {longs} and shorts {market.shorts} differ")
        state.out.append(Traded(symbol, side, qty, price, direction, match_id, value, now_ns))
        state.touch_book(market)
        if state.contest is not None:
            currency = market.spec.settl_currency
            state.contest.traded(making.account, taking.account, currency, value, now_ns)

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

    def _post_fees(
        self, currency: str, symbol: str, making: Position, made: int, taking: Position, took: int
    ) -> None:
        """Post what both pay as one posting, and tell it; ``fills.post_fees`` in short."""
        state = self._state
        out, balances, now_ns = state.out, state.ledger.balances, state.now_ns
        maker, taker = making.account, taking.account
        fees = made + took
        made_key, took_key, fees_key = (
            (currency, maker.wallet),
            (currency, taker.wallet),
            (currency, FEES),
        )
        after_made = balances[made_key] = balances.get(made_key, 0) - made
        after_took = balances[took_key] = balances.get(took_key, 0) - took
        balances[fees_key] = balances.get(fees_key, 0) + fees
        entries: tuple[tuple[str, int], ...]
        entries = ((maker.wallet, -made), (taker.wallet, -took), (FEES, fees))
        if not (made and took and fees):
            entries = tuple(entry for entry in entries if entry[1])
        out.append(Posted(cause=_FEE, currency=currency, entries=entries, symbol=symbol))
        if made:
            out.append(
                WalletChanged(
                    account=maker.account_id,
                    currency=currency,
                    amount=-made,
                    cause=_FEE,
                    symbol=symbol,
                    balance=after_made,
                    at_ns=now_ns,
                )
            )
        if took:
            out.append(
                WalletChanged(
                    account=taker.account_id,
                    currency=currency,
                    amount=-took,
                    cause=_FEE,
                    symbol=symbol,
                    balance=after_took,
                    at_ns=now_ns,
                )
            )
