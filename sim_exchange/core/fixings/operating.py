"""The operator's and the announcements' word on indices, marks and fundings (E7-E10, E32)."""

import msgspec

from sim_exchange.core import commands as c
from sim_exchange.core.contracts.instrument import composition_fault, interval_fault
from sim_exchange.core.events import Accepted, InstrumentChanged
from sim_exchange.core.fixings.funding import Funding
from sim_exchange.core.fixings.marks import Marks
from sim_exchange.core.orders.market import Market
from sim_exchange.core.risk.remargin import Remargin
from sim_exchange.core.risk.state import Handlers, State
from sim_exchange.core.types import MarkMethod, Mode, Reason
from sim_exchange.core.types import State as Listing


class FixingOrders:
    """Changes compositions and mark methods, and lets perpetuals be funded out of turn."""

    def __init__(self, state: State, marks: Marks, funding: Funding, remargin: Remargin) -> None:
        self._state = state
        self._marks = marks
        self._funding = funding
        self._remargin = remargin

    def handlers(self) -> Handlers:
        """Return what each command does."""
        return {
            c.SetComposition: self._set_composition,
            c.SetMarkMethod: self._set_mark_method,
            c.SetFundingInterval: self._set_interval,
            c.FundNow: self._fund_now,
        }

    def _set_composition(self, command: c.SetComposition) -> None:
        state = self._state
        if command.index not in self._marks.composites:
            state.refuse(Reason.UNKNOWN_SYMBOL, text=command.index)
            return
        fault = composition_fault(command.constituents)
        if fault:
            state.refuse(Reason.BAD_INSTRUMENT, text=fault)
            return
        state.out.append(Accepted())
        self._marks.recompose(command.index, command.constituents)

    def _set_mark_method(self, command: c.SetMarkMethod) -> None:
        state, method = self._state, command.method
        market = self._listed(command.symbol)
        if market is None:
            return
        spec = market.spec
        if method in {MarkMethod.FAIR, MarkMethod.INDEX} and not spec.reference_symbol:
            text = f"mark_method {method.value} needs reference_symbol"
            state.refuse(Reason.BAD_INSTRUMENT, text=text)
            return
        if not market.mark and not spec.opening_reference:
            text = f"mark_method {method.value} needs a mark or opening_reference"
            state.refuse(Reason.NO_MARK_PRICE, text=text)
            return
        state.out.append(Accepted())
        self.set_mark_method(market, method)

    def set_mark_method(self, market: Market, method: MarkMethod) -> None:
        """Mark by another method from now on, and remargin at the mark that it gives."""
        state = self._state
        # A mark that there is will do for the reference that a last price mark must begin with.
        reference = market.spec.opening_reference or market.mark or None
        market.respec(
            msgspec.structs.replace(market.spec, mark_method=method, opening_reference=reference)
        )
        market.minute_mark = market.mark
        market.changed_ns = state.now_ns
        state.out.append(InstrumentChanged(symbol=market.symbol))
        for position in state.positions_in(market):
            # Whether orders hold a premium, and whether anybody is liquidated, goes with the mark.
            state.touch(position)
        if market.state is Listing.OPEN and market.mode is not Mode.HALT:
            self._marks.mark(market)
        self._remargin.run()

    def _set_interval(self, command: c.SetFundingInterval) -> None:
        state = self._state
        market = self._listed(command.symbol)
        if market is None:
            return
        fault = interval_fault(command.interval_ns)
        if not market.is_perpetual:
            fault = f"{market.symbol} is not a perpetual"
        if fault:
            state.refuse(Reason.BAD_INSTRUMENT, text=fault)
            return
        state.out.append(Accepted())
        if market.state is Listing.OPEN:
            self._funding.set_interval(market, command.interval_ns)
        else:
            market.respec(
                msgspec.structs.replace(market.spec, funding_interval_ns=command.interval_ns)
            )
            market.change_funding_interval(command.interval_ns)

    def _fund_now(self, command: c.FundNow) -> None:
        state = self._state
        market = self._listed(command.symbol)
        if market is None:
            return
        if not market.is_perpetual:
            state.refuse(Reason.BAD_INSTRUMENT, text=f"{market.symbol} is not a perpetual")
            return
        if market.state is not Listing.OPEN or market.mode is Mode.HALT:
            text = f"{market.symbol} is {market.state.value}, mode {market.mode.value}"
            state.refuse(Reason.NOT_OPEN, text=text)
            return
        state.out.append(Accepted())
        market.next_funding_ns = state.now_ns
        self._marks.mark(market)
        self._funding.fund_now(market)

    def _listed(self, symbol: str) -> Market | None:
        """Return a contract that is not settled, or refuse the command."""
        market = self._state.markets.get(symbol)
        if market is None or market.is_spot:
            self._state.refuse(Reason.UNKNOWN_SYMBOL, text=symbol)
            return None
        if market.state is Listing.SETTLED:
            self._state.refuse(Reason.EXPIRED, text=symbol)
            return None
        return market
