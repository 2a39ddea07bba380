"""Dividends of mining contracts (E25): paid by shorts to longs each noon, until expiry.

A long receives the exact amount of its contracts rounded down, a short pays it rounded up; what is
left over goes to ``exchange:rounding``. The dividend of the day that ends with a contract is paid
before it settles. A short never pays more than its wallet has: the insurance fund pays the rest,
and where that is empty longs receive less, all by the same share.
"""

from fractions import Fraction
from functools import partial
from math import ceil, floor

import msgspec

from sim_exchange.core import commands as c
from sim_exchange.core.contracts.mining import dividend_a_day
from sim_exchange.core.contracts.terms import terms_fault
from sim_exchange.core.events import Accepted
from sim_exchange.core.fixings.marks import Marks
from sim_exchange.core.orders.account import Position
from sim_exchange.core.orders.market import Market
from sim_exchange.core.risk.clearing import settle_with_fund
from sim_exchange.core.risk.fills import tally, tell_own
from sim_exchange.core.risk.remargin import Remargin
from sim_exchange.core.risk.state import Handlers, State
from sim_exchange.core.timers import DIVIDEND
from sim_exchange.core.treasury.ledger import FUND, ROUNDING
from sim_exchange.core.types import DAY_NS, HOUR_NS, Cause, ExecType, Reason, Side
from sim_exchange.core.types import State as Listing

_NOON_NS = 12 * HOUR_NS


class Dividends:
    """Pays what mining earns."""

    def __init__(self, state: State, marks: Marks, remargin: Remargin) -> None:
        self._state = state
        self._marks = marks
        self._remargin = remargin

    def handlers(self) -> Handlers:
        """Return what each command does."""
        return {c.SetDifficulty: self._set_difficulty}

    def start(self, market: Market) -> None:
        """Pay the dividends of a contract that was just listed, from its first noon on."""
        if market.dividend is not None:
            self._wait(market, market.listed_no, max(market.spec.listing_ns, self._state.now_ns))

    def _wait(self, market: Market, number: int, after_ns: int) -> None:
        noon_ns = ((after_ns - _NOON_NS) // DAY_NS + 1) * DAY_NS + _NOON_NS
        if noon_ns <= (market.spec.expiry_ns or 0):
            self._state.timers.at(noon_ns, DIVIDEND, partial(self._noon, market, number))

    def _noon(self, market: Market, number: int) -> None:
        if market.listed_no != number or market.state is Listing.SETTLED:
            return
        state = self._state
        if market.dividend is not None and market.open_interest:
            self._pay(market, dividend_a_day(market.dividend))
            if self._marks.grid_ns is None or self._marks.grid_ns > state.now_ns:
                self._remargin.run()  # otherwise the marks of this instant come first
        self._wait(market, number, state.now_ns)

    def _pay(self, market: Market, each: Fraction) -> None:
        """Take from the shorts, give to the longs, ``each`` minor units a contract."""
        state, currency = self._state, market.spec.settl_currency
        held = [
            account.positions[market.symbol]
            for account in state.accounts.values()
            if market.symbol in account.positions
        ]
        paid: dict[Position, int] = {}
        lacking = 0
        for position in held:
            if position.qty < 0:
                due = ceil(each * -position.qty)
                has = max(0, state.balance(position.account, currency))
                # What the engine owes is the fund's.
                paid[position] = 0 if position.account is state.engine else min(due, has)
                lacking += due - paid[position]
        from_fund = min(lacking, state.ledger.balance(currency, FUND))
        total = sum(paid.values()) + from_fund
        got = {one: floor(each * one.qty) for one in held if one.qty > 0}
        promised = sum(got.values())
        if total < promised:
            got = {one: amount * total // promised for one, amount in got.items()}
        left = total - sum(got.values())
        moved = [(one, -amount) for one, amount in paid.items()] + list(got.items())
        entries = [(one.account.wallet, amount) for one, amount in moved]
        entries += [(FUND, -from_fund), (ROUNDING, left)]
        state.ledger.post(Cause.DIVIDEND, currency, tuple(entries), market.symbol)
        if from_fund:
            tally(state.fund_given, currency, -from_fund)
        for position, amount in moved:
            if amount:
                self._book(market, position, amount)

    def _book(self, market: Market, position: Position, amount: int) -> None:
        """Take a dividend into a position: received in the wallet, paid by an isolated margin."""
        state, account = self._state, position.account
        currency = market.spec.settl_currency
        position.comm -= amount
        position.at_ns = state.now_ns
        if amount < 0 and not position.is_cross:
            position.pos_loss -= amount
        if account is state.engine:
            tally(state.engine_pnl, currency, amount)
            settle_with_fund(state, currency, market.symbol)
        else:
            state.tell_wallet(account, currency, amount, Cause.DIVIDEND, market.symbol)
        side = Side.SELL if position.qty > 0 else Side.BUY
        qty = abs(position.qty)
        tell_own(state, market, account, ExecType.FUNDING, side, qty, comm=-amount, text="Dividend")
        state.touch(position)

    def _set_difficulty(self, command: c.SetDifficulty) -> None:
        state = self._state
        market = state.markets.get(command.symbol)
        if market is None or market.dividend is None:
            state.refuse(Reason.UNKNOWN_SYMBOL, text=command.symbol)
            return
        if market.state is Listing.SETTLED:
            state.refuse(Reason.EXPIRED, text=command.symbol)
            return
        terms = msgspec.structs.replace(market.dividend, difficulty=command.difficulty)
        spec = msgspec.structs.replace(market.spec, dividend=terms)
        fault = terms_fault(spec)
        if fault:
            state.refuse(Reason.BAD_INSTRUMENT, text=fault)
            return
        market.respec(spec)
        state.out.append(Accepted())
