"""Modes of the market: what each instrument accepts, and how trading stops and resumes (E17).

    Unlisted -> Open <-> (CancelOnly | PostOnly | Halt) -> Settled

A mode may be set for a time. Then trading resumes by itself, after a halt by way of CancelOnly: the
last minutes of a halt are for cancels. Whatever is set in between replaces the plan.
"""

from collections.abc import Mapping
from functools import partial

from sim_exchange.core import commands as c
from sim_exchange.core.events import Accepted, InstrumentChanged
from sim_exchange.core.fixings.marks import Marks
from sim_exchange.core.office.accounts import Accounts
from sim_exchange.core.office.listings import Listings
from sim_exchange.core.orders.market import Market
from sim_exchange.core.risk.remargin import Remargin
from sim_exchange.core.risk.state import Handlers, State
from sim_exchange.core.timers import BEFORE_PRINTS
from sim_exchange.core.types import MINUTE_NS, Mode, Reason
from sim_exchange.core.types import State as Listing

_ALL = ""

CANCEL_ONLY_NS = 5 * MINUTE_NS
"""The last part of a breaker's halt, like that of any timed one, takes nothing but cancels."""


class Modes:
    """Changes modes; nobody trades before marks and margins are brought up to date."""

    def __init__(
        self,
        state: State,
        marks: Marks,
        listings: Listings,
        remargin: Remargin,
        accounts: Accounts,
    ) -> None:
        self._state = state
        self._marks = marks
        self._listings = listings
        self._remargin = remargin
        self._accounts = accounts
        # How often each instrument's mode, or (under "") everybody's, was set: a plan that was
        # made under another number is void.
        self._set: dict[str, int] = {}
        state.halt = self._halt

    def handlers(self) -> Handlers:
        """Return what each command does."""
        return {c.SetMode: self._set_mode}

    def _set_mode(self, command: c.SetMode) -> None:
        state, symbol = self._state, command.symbol
        until_ns = command.until_ns
        if symbol and symbol not in state.markets:
            state.refuse(Reason.UNKNOWN_SYMBOL, text=symbol)
            return
        if until_ns is not None and until_ns <= state.now_ns:
            state.refuse(Reason.IN_THE_PAST, state.now_ns, f"until_ns {until_ns} is over")
            return
        state.out.append(Accepted())
        self._enter([symbol] if symbol else [_ALL, *state.markets], command.mode)
        if until_ns is not None:
            self.resume_at(symbol, until_ns, command.mode, command.cancel_only_ns)

    def resume_at(self, symbol: str, until_ns: int, mode: Mode, cancel_only_ns: int) -> None:
        """Plan how trading resumes at ``until_ns``, unless a mode is set before."""
        plan = dict(self._set)
        timers = self._state.timers
        turn_ns = until_ns - cancel_only_ns
        if mode is Mode.HALT and self._state.now_ns < turn_ns < until_ns:
            cancel_only = Mode.CANCEL_ONLY
            timers.at(turn_ns, BEFORE_PRINTS, partial(self._go_on, symbol, plan, cancel_only))
        timers.at(until_ns, BEFORE_PRINTS, partial(self._go_on, symbol, plan, Mode.OPEN))

    def _halt(self, market: Market, until_ns: int) -> None:
        """Stop an instrument at once, in the midst of a match, because its breaker tripped (E22).

        The order that tripped it ends where it is; what the engine sells is sold (E13).
        """
        symbol = market.symbol
        self._set[symbol] = self._set.get(symbol, 0) + 1
        market.mode = Mode.HALT
        market.changed_ns = self._state.now_ns
        self._state.out.append(InstrumentChanged(symbol=symbol))
        self.resume_at(symbol, until_ns, Mode.HALT, CANCEL_ONLY_NS)

    def _go_on(self, symbol: str, plan: Mapping[str, int], mode: Mode) -> None:
        """Take the next step of a plan, for those that were left alone since it was made."""
        names = [symbol] if symbol else [_ALL, *self._state.markets]
        kept = [name for name in names if self._set.get(name, 0) == plan.get(name, 0)]
        self._enter(kept, mode, planned=True)

    def _enter(self, names: list[str], mode: Mode, *, planned: bool = False) -> None:
        state = self._state
        for name in names:
            if not planned:
                self._set[name] = self._set.get(name, 0) + 1
            if name == _ALL:
                state.mode = mode
            else:
                self._enter_one(state.markets[name], mode)
        if mode is not Mode.HALT and names and state.mode is Mode.HALT:
            state.mode = Mode.OPEN  # one instrument that trades again ends the suspension
        if not state.suspended:
            self._accounts.credit_waiting()
        # Nobody trades before those whom a suspension spared have been looked at.
        self._remargin.run()

    def _enter_one(self, market: Market, mode: Mode) -> None:
        """Let an instrument enter a mode; at resume, marks first, then remargin, then match."""
        state = self._state
        if market.mode is mode:
            return
        resumes = market.mode is Mode.HALT and market.state is Listing.OPEN
        market.mode = mode
        if market.waiting is not None:
            state.armed[market.symbol] = market
        market.changed_ns = state.now_ns
        state.out.append(InstrumentChanged(symbol=market.symbol))
        if not resumes:
            return
        expiry_ns = market.spec.expiry_ns
        if market.knocked_out or (expiry_ns is not None and expiry_ns <= state.now_ns):
            self._listings.expire(market, market.listed_no)  # what expired meanwhile settles
        else:
            self._marks.mark(market)
