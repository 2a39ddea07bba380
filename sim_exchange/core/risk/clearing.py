"""Clearing of contracts: what one match does to two positions, two wallets and the books (L1)."""

from sim_exchange.core.contracts.value import fee
from sim_exchange.core.orders.account import Account, Position
from sim_exchange.core.orders.market import Market
from sim_exchange.core.orders.order import Order
from sim_exchange.core.risk import engine, links
from sim_exchange.core.risk.fills import (
    ADDED,
    REMOVED,
    fill_order,
    open_match,
    post_fees,
    tally,
    tell_fill,
    tell_self_trade,
    tell_trade,
)
from sim_exchange.core.risk.options import short_fault
from sim_exchange.core.risk.reducing import cut_reducing
from sim_exchange.core.risk.state import State
from sim_exchange.core.treasury.ledger import ENGINE, FUND, GUARANTEE, settlement
from sim_exchange.core.types import PPM, Cause, Liquidity, LossMethod, Reason, Side
from sim_exchange.errors import InvariantError

# Looked up once: a member of an enum costs a tenth of a microsecond each time.
_TRADE = Cause.TRADE


class Clearing:
    """Settles the matches of contracts; ``fill`` is what matching calls."""

    def __init__(self, state: State) -> None:
        self._state = state

    def fill(self, taker: Order, maker: Order, qty: int, price: int, hidden: bool) -> None:
        """Settle one match at ``price`` ticks; a maker that was partly hidden pays as a taker."""
        state = self._state
        symbol = taker.symbol
        market = state.markets[symbol]
        maths = market.maths
        value = maths.lot_values[price] * (qty // maths.lot_size)
        match_id, direction = open_match(state, market, qty, price, value)
        taking = taker.position
        making = maker.position
        maker_ppm = making.taker_ppm if hidden else making.maker_ppm
        taker.leaves_qty -= qty
        making.cut_open(maker, qty)
        making.room.epoch = taking.room.epoch = -1  # what is free is to be found anew
        # The maker's report is first: it stood there first.
        made, maker_cost = self._one(making, maker, qty, price, value, maker_ppm, match_id, ADDED)
        took, taker_cost = self._one(
            taking, taker, qty, price, value, taking.taker_ppm, match_id, REMOVED
        )
        if maker_cost + taker_cost:
            raise InvariantError(
                f"L2-3 match {match_id}: costs {maker_cost} and {taker_cost} do not cancel out"
            )
        if made + took < 0 < maker_ppm + taking.taker_ppm and not self._has_engine(taking, making):
            raise InvariantError(f"L2-10 match {match_id}: fees {made} and {took} are a gift")
        if made or took:
            currency = market.spec.settl_currency
            totals = state.commissions
            totals[currency] = totals.get(currency, 0) + made + took
            post_fees(state, currency, symbol, making.account, made, taking.account, took)
        longs = market.open_interest = market.longs
        market.open_value = longs // maths.lot_size * market.mark_value
        if longs != market.shorts:
            raise InvariantError(f"{symbol}: longs {longs} and shorts {market.shorts} differ")
        tell_trade(state, market, taker, qty, price, value, match_id, direction)
        if state.contest is not None:
            currency = market.spec.settl_currency
            state.contest.traded(making.account, taking.account, currency, value, state.now_ns)
        if taking is making:
            tell_self_trade(state, taker, match_id)
        if maker.linked or taker.linked:
            links.matched(state, maker, taker, qty)
        if making.reducing:
            cut_reducing(state, making)
        if taking.reducing:
            cut_reducing(state, taking)

    def bears(self, taker: Order, maker: Order, qty: int, price: int) -> bool:
        """Whether both sides can bear a match: nobody closes past his bankruptcy (E4).

        Orders that only reduce hold nothing, so a close far through the mark could lose more than
        there is. A maker who can't bear it is canceled, a taker takes no more.
        """
        state = self._state
        making = maker.position
        if making.market.option is not None:
            return self._may_sell(taker, maker, making, qty)
        if making.qty * maker.side < 0 and not self.bears_close(making, maker.side, qty, price):
            state.cancel(maker, Reason.MARGIN_RAN_OUT)
            return False
        taking = taker.position
        return taking.qty * taker.side >= 0 or self.bears_close(taking, taker.side, qty, price)

    def _may_sell(self, taker: Order, maker: Order, making: Position, qty: int) -> bool:
        """Whether neither side sells an option short without the right to (E16).

        All else is borne: what an option can lose is locked when it is bought or sold.
        """
        if maker.side is Side.SELL and short_fault(making, qty) is not None:
            self._state.cancel(maker, Reason.SHORT_NOT_ALLOWED)
            return False
        taking = taker.position
        return taker.side is Side.BUY or short_fault(taking, qty) is None

    def bears_close(self, position: Position, side: Side, qty: int, price: int) -> bool:
        """Whether what a close loses is there, without what other positions stand on."""
        state, market, account = self._state, position.market, position.account
        if account is state.engine:
            return True
        maths, held, mark_value = market.maths, position.qty, market.mark_value
        lot, value = maths.lot_size, maths.lot_values[price]
        total = held if held > 0 else -held
        closed = qty if qty < total else total  # noqa: FURB136 - a call costs more
        lots = closed // lot
        # What it loses against the mark (or gains, where the price is better), and its fee.
        lost = -side * maths.sign * (mark_value - value) * lots
        lost += -(-value * lots * position.taker_ppm // PPM) + 1
        currency = position.key[2]
        free = state.ledger.balance(currency, account.wallet)
        if account.held:
            free -= account.held.get(currency, 0)
        contracts = account.contracts[currency]
        if len(contracts) > 1:
            for other in contracts:
                if other.qty and other is not position:
                    free -= other.margin
                    if other.is_cross:
                        free += min(0, other.unrealised_pnl)
        pnl = maths.sign * mark_value * (held // lot) - position.cost
        if not position.leverage_cents:
            # A loss counts whole, a profit only as far as this match realises it.
            realised = pnl * closed // total
            return free + (pnl if pnl < realised else realised) >= lost  # noqa: FURB136 - as above
        # The rest of an isolated position keeps its share of the margin.
        margin = position.margin
        return free - margin + (margin + pnl) * closed // total >= lost

    def _one(
        self,
        position: Position,
        order: Order,
        qty: int,
        price: int,
        value: int,
        rate_ppm: int,
        match_id: int,
        liquidity: Liquidity,
    ) -> tuple[int, int]:
        """Book one side of a match; return its fee, and its cost as the position took it."""
        state, market, side = self._state, position.market, order.side
        cost = market.maths.sign * side * value
        fill_order(state, position, order, qty, price, value, added=liquidity is ADDED)
        before, booked = position.qty, position.cost
        if position.account is state.engine:
            rate_ppm = comm = 0  # the engine pays no fee and gets no rebate (E13b)
            pnl = engine.close(position, order, qty, cost)
        else:
            comm = fee(rate_ppm, value)
            pnl = position.trade(side, qty, cost)
        position.comm += comm
        position.at_ns = state.now_ns
        market.moved(before, position.qty)
        tell_fill(state, market, order, qty, price, cost, rate_ppm, comm, match_id, liquidity)
        if pnl:
            self.post_pnl(market, position.account, pnl, _TRADE)
        return comm, position.cost - booked - pnl

    def _has_engine(self, *positions: Position) -> bool:
        return any(position.account is self._state.engine for position in positions)

    def post_pnl(self, market: Market, account: Account, pnl: int, cause: Cause) -> None:
        """Post realised trade PNL between a wallet and the contract's clearing account.

        What the engine realises goes on to the insurance fund. Where the contract has an older
        loss method, its losses wait in the contract's reserve until they are shared out (E13d).

        Raises:
            InvariantError: the fund can't pay what the engine lost in a trade.
        """
        state = self._state
        currency, symbol = market.spec.settl_currency, market.symbol
        state.ledger.move(cause, currency, market.clearing, account.wallet, pnl, symbol)
        if account is state.engine:
            self._settle_engine(market, currency, pnl, cause)
            return
        state.tell_wallet(account, currency, pnl, cause, symbol)
        if market.is_equalised:
            lock_profit(state, account.positions[symbol])

    def _settle_engine(self, market: Market, currency: str, pnl: int, cause: Cause) -> None:
        """Bring the engine's balance back to 0."""
        state, symbol = self._state, market.symbol
        if pnl < 0 and market.spec.loss_method is not LossMethod.ADL:
            reserve = settlement(symbol)
            state.ledger.move(Cause.SHORTFALL, currency, reserve, ENGINE, -pnl, symbol)
            return
        tally(state.engine_pnl, currency, pnl)
        fund = state.ledger.balance(currency, FUND)
        if fund + pnl < 0 and cause is Cause.TRADE:
            raise InvariantError(f"L2-7 {symbol}: the fund has {fund} {currency}, it loses {-pnl}")
        settle_with_fund(state, currency, symbol)


def settle_with_fund(state: State, currency: str, symbol: str) -> None:
    """Bring the engine's balance to 0 against the insurance fund, which is never overdrawn.

    What the engine owes beyond it the exchange pays: funding and dividends, and where two takeovers
    of opposite sides have nobody else to be closed against.
    """
    ledger = state.ledger
    held = ledger.balance(currency, ENGINE)
    lacking = max(0, -held - ledger.balance(currency, FUND))
    if lacking:
        ledger.move(Cause.GUARANTEE, currency, GUARANTEE, ENGINE, lacking, symbol)
        tally(state.engine_pnl, currency, lacking)
    ledger.move(Cause.INSURANCE, currency, ENGINE, FUND, held + lacking, symbol)


def lock_profit(state: State, position: Position) -> None:
    """Lock what a position has gained since the last rebalance: it may yet be shared out (E13d)."""
    account, market = position.account, position.market
    key = (market.spec.settl_currency, market.symbol)
    whose = (account.account_id, market.symbol)
    locked = position.trade_pnl - state.equalised.get(whose, 0) - state.released.get(whose, 0)
    if locked > 0:
        account.locks[key] = locked
    else:
        account.locks.pop(key, None)
