"""The loss methods before auto-deleveraging: equalised profits, guaranteed settlement (E13d).

In such contracts a position may go through bankruptcy: what its owner can't pay, and what the
engine loses on takeovers, waits as a claim in ``settlement:<symbol>`` until the contract settles
(equalised ones also each Friday at noon). Then the fund pays as far as it can; after it all winners
in proportion to their profit (``LossMethod.DPE``), or the exchange's own account
(``LossMethod.GUARANTEED``, and where profits do not suffice). Until then realised profit is locked.

A rebalance takes from winners what was lost beyond margins by then. What open positions, the
engine's too, have lost beyond theirs at the mark is not lost yet: of each profit the share that it
would cost, open profits bearing theirs, stays locked until it is lost, or the mark has come back.
"""

from sim_exchange.core.contracts.value import fee
from sim_exchange.core.events import Equalised
from sim_exchange.core.orders.account import Account, Position
from sim_exchange.core.orders.market import Market
from sim_exchange.core.risk import shortfalls
from sim_exchange.core.risk.clearing import lock_profit
from sim_exchange.core.risk.fills import tally
from sim_exchange.core.risk.shortfalls import room_to_lose
from sim_exchange.core.risk.state import ENGINE_ID, State
from sim_exchange.core.specs import InstrumentSpec
from sim_exchange.core.timers import FUNDING
from sim_exchange.core.treasury.ledger import FUND, GUARANTEE, settlement
from sim_exchange.core.types import (
    DAY_NS,
    HOUR_NS,
    PPM,
    Cause,
    LossMethod,
    rha,
)
from sim_exchange.core.types import State as Listing

SESSION_NS = 8 * HOUR_NS
"""Between two insurance fees: they are due at 04:00, 12:00 and 20:00 (E3, E13d)."""
WEEK_NS = 7 * DAY_NS
_FRIDAY_NOON_NS = DAY_NS + 12 * HOUR_NS  # 1970-01-01 was a Thursday


class LossMethods:
    """Shares out what nobody could pay, and takes the fee that pays for guarantees."""

    def __init__(self, state: State) -> None:
        self._state = state
        now_ns = state.now_ns
        self._charges = False  # whether the next insurance fees are in the timers
        friday_ns = (now_ns - _FRIDAY_NOON_NS) // WEEK_NS * WEEK_NS + _FRIDAY_NOON_NS
        state.timers.at(friday_ns + WEEK_NS, FUNDING, self._rebalance)

    def listed(self, spec: InstrumentSpec) -> None:
        """Take note of a contract that is listed: the first one with a fee starts the sessions."""
        if not self._charges and _has_fee(spec):
            self._charges = True
            now_ns = self._state.now_ns
            before = (now_ns - 4 * HOUR_NS) // SESSION_NS * SESSION_NS + 4 * HOUR_NS
            self._state.timers.at(before + SESSION_NS, FUNDING, self._take_fees)

    # --- settlement

    def room(self, position: Position) -> int | None:
        """Return what a position may lose where it settles; None where it is never more than that.

        To be asked before it closes.
        """
        market = position.market
        if market.spec.loss_method is LossMethod.ADL or position.account.account_id == ENGINE_ID:
            return None
        return room_to_lose(self._state, position)

    def cover(self, position: Position, room: int, gained: int) -> None:
        """After a position settled: what it lost beyond ``room`` becomes the contract's claim."""
        reserve = settlement(position.market.symbol)
        shortfalls.cover(self._state, position, room, gained, reserve)

    def share_out(self, market: Market) -> int:
        """Share out what the contract's losers did not pay; return the winners' part in ppm.

        Winners are who gained by trading since the last rebalance. Each gets its profit times
        1 - adjustment, rounded down; what that leaves over goes to the fund.
        """
        method = market.spec.loss_method
        if method is LossMethod.ADL:
            return 0
        state, currency, symbol = self._state, market.spec.settl_currency, market.symbol
        reserve = settlement(symbol)
        loss = -state.ledger.balance(currency, reserve)
        gains = self._gains(market)
        profit = sum(gained for _, gained in gains)
        by_fund = min(loss, state.ledger.balance(currency, FUND))
        if by_fund:
            state.ledger.move(Cause.INSURANCE, currency, FUND, reserve, by_fund, symbol)
            tally(state.fund_given, currency, -by_fund)
        left = loss - by_fund
        wanted = min(left, profit) if method is LossMethod.DPE else 0
        taken = self._cut(market, gains, profit, wanted) if wanted else 0
        by_winners = min(wanted, taken)
        residue = taken - by_winners
        if residue:
            state.ledger.move(Cause.EQUALISATION, currency, reserve, FUND, residue, symbol)
            tally(state.fund_given, currency, residue)
        by_exchange = left - by_winners
        if by_exchange:
            state.ledger.move(Cause.GUARANTEE, currency, GUARANTEE, reserve, by_exchange, symbol)
        adjustment_ppm = rha(PPM * by_winners, profit) if by_winners else 0
        if loss:
            state.out.append(
                Equalised(
                    symbol=symbol,
                    loss=loss,
                    profit=profit,
                    by_fund=by_fund,
                    by_winners=by_winners,
                    by_exchange=by_exchange,
                    residue=residue,
                    adjustment_ppm=adjustment_ppm,
                    at_ns=state.now_ns,
                )
            )
        if market.state is Listing.SETTLED:
            self._forget(market)
        else:
            self._release(market)
        return adjustment_ppm

    def _gains(self, market: Market) -> list[tuple[Account, int]]:
        """Return who gained since the last rebalance, and how much."""
        found = []
        for account in self._state.accounts.values():
            position = account.positions.get(market.symbol)
            if position is not None and account.account_id != ENGINE_ID:
                key = (account.account_id, market.symbol)
                gained = position.trade_pnl - self._state.equalised.get(key, 0)
                if gained > 0:
                    found.append((account, gained))
        return found

    def _cut(
        self, market: Market, gains: list[tuple[Account, int]], profit: int, wanted: int
    ) -> int:
        """Take the winners' part from each, rounded up, as far as it is locked; return the sum."""
        state, currency, symbol = self._state, market.spec.settl_currency, market.symbol
        taken = 0
        for account, gained in gains:
            locked = account.locks.get((currency, symbol), 0)
            cut = min(locked, gained - gained * (profit - wanted) // profit)
            taken += cut
            reserve = settlement(symbol)
            state.ledger.move(Cause.EQUALISATION, currency, account.wallet, reserve, cut, symbol)
            position = account.positions[symbol]
            position.realised_cost += cut
            key = (account.account_id, symbol)
            state.equalised[key] = state.equalised.get(key, 0) + cut
            lock_profit(state, position)
            state.tell_wallet(account, currency, -cut, Cause.EQUALISATION, symbol)
            state.touch(position)
        return taken

    def _release(self, market: Market) -> None:
        """Unlock profits as far as no open loss stands against them; else begin to count anew."""
        state, currency = self._state, market.spec.settl_currency
        at_risk, profit = self._open_loss(market)
        at_risk -= state.ledger.balance(currency, FUND)
        gains = {one.account_id: won for one, won in self._gains(market)}
        profit += sum(gains.values())
        for account in state.accounts.values():
            position = account.positions.get(market.symbol)
            if position is None or account is state.engine:
                continue
            key = (account.account_id, market.symbol)
            if at_risk > 0:
                gained = gains.get(account.account_id, 0)
                locked = -(-gained * min(at_risk, profit) // profit) if gained else 0
                # What was let go of once is not taken back.
                state.released[key] = max(state.released.get(key, 0), gained - locked)
            else:
                state.equalised[key] = position.trade_pnl
                state.released.pop(key, None)
            lock_profit(state, position)
            state.touch_margin(account, currency)

    def _open_loss(self, market: Market) -> tuple[int, int]:
        """Return what open positions have lost beyond margins, and what they have won."""
        state, loss, profit = self._state, 0, 0
        for position in state.positions_in(market):
            pnl = position.unrealised_pnl
            if position.account is state.engine:
                loss += max(0, -pnl)
            elif pnl >= 0:
                profit += pnl
            else:
                loss += max(0, -pnl - room_to_lose(state, position))
        return loss, profit

    def _forget(self, market: Market) -> None:
        """Unlock the profits of a contract that is settled."""
        state, currency = self._state, market.spec.settl_currency
        for account in state.accounts.values():
            if market.symbol in account.positions:
                state.equalised.pop((account.account_id, market.symbol), None)
                state.released.pop((account.account_id, market.symbol), None)
                if account.locks.pop((currency, market.symbol), None):
                    state.touch_margin(account, currency)

    # --- timers

    def _rebalance(self) -> None:
        """Friday noon: share out the week's losses of contracts with equalised profits."""
        state = self._state
        state.timers.at(state.now_ns + WEEK_NS, FUNDING, self._rebalance)
        for market in state.markets.values():
            if market.is_equalised and market.state is Listing.OPEN:
                self.share_out(market)

    def _take_fees(self) -> None:
        """Charge each position of contracts that ask for it, for the insurance fund."""
        state = self._state
        state.timers.at(state.now_ns + SESSION_NS, FUNDING, self._take_fees)
        for market in state.markets.values():
            if _has_fee(market.spec) and market.state is Listing.OPEN and market.mark:
                for account in state.accounts.values():
                    position = account.positions.get(market.symbol)
                    if position is not None and position.qty and account is not state.engine:
                        self._take_fee(market, position)

    def _take_fee(self, market: Market, position: Position) -> None:
        """Charge one position: what its wallet can pay; an isolated one pays from its margin."""
        state, account, spec = self._state, position.account, market.spec
        currency, symbol = spec.settl_currency, market.symbol
        plan = spec.fee_plan(account.fee_plan)
        rate_ppm = spec.insurance_fee_ppm if plan is None else plan.session_fee_ppm
        due = fee(rate_ppm, abs(position.mark_value))
        due = min(due, max(0, state.balance(account, currency)))
        if not due:
            return
        state.ledger.move(Cause.INSURANCE, currency, account.wallet, FUND, due, symbol)
        tally(state.fund_given, currency, due)
        position.realised_cost += due
        if not position.is_cross:
            position.pos_loss += due
        position.at_ns = state.now_ns
        state.tell_wallet(account, currency, -due, Cause.INSURANCE, symbol)
        state.touch(position)


def _has_fee(spec: InstrumentSpec) -> bool:
    """Whether anybody pays an insurance fee in a contract."""
    return bool(spec.insurance_fee_ppm) or any(plan.session_fee_ppm for plan in spec.fee_plans)
