"""Modes of the market: what each instrument accepts, and how trading resumes (E17)."""

from sim_exchange.core import commands as c
from sim_exchange.core.events import Accepted, InstrumentChanged
from sim_exchange.core.fixings.marks import Marks
from sim_exchange.core.office.listings import Listings
from sim_exchange.core.orders.market import Market
from sim_exchange.core.risk.remargin import Remargin
from sim_exchange.core.risk.state import Handlers, State
from sim_exchange.core.types import Mode, Reason
from sim_exchange.core.types import State as Listing


class Modes:
    """Changes modes; nobody trades before marks and margins are brought up to date."""

    def __init__(self, state: State, marks: Marks, listings: Listings, remargin: Remargin) -> None:
        self._state = state
        self._marks = marks
        self._listings = listings
        self._remargin = remargin

    def handlers(self) -> Handlers:
        """Return what each command does."""
        return {c.SetMode: self._set_mode}

    def _set_mode(self, command: c.SetMode) -> None:
        state = self._state
        if command.symbol and command.symbol not in state.markets:
            state.refuse(Reason.UNKNOWN_SYMBOL, text=command.symbol)
            return
        state.out.append(Accepted())
        for name in [command.symbol] if command.symbol else list(state.markets):
            self._enter(state.markets[name], command.mode)
        # Nobody trades before those whom a suspension spared have been looked at.
        self._remargin.run()

    def _enter(self, market: Market, mode: Mode) -> None:
        """Let an instrument enter a mode; at resume, marks first, then remargin, then match."""
        state = self._state
        if market.mode is mode:
            return
        resumes = market.mode is Mode.HALT and market.state is Listing.OPEN
        market.mode = mode
        market.changed_ns = state.now_ns
        state.out.append(InstrumentChanged(symbol=market.symbol))
        if not resumes:
            return
        expiry_ns = market.spec.expiry_ns
        if expiry_ns is not None and expiry_ns <= state.now_ns:
            self._listings.expire(market, market.spec)  # what expired meanwhile settles
        else:
            self._marks.mark(market)
