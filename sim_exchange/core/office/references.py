"""Which index a contract refers to: switched, removed, or added up after a chain split (E14, E18).

A contract that expired without a price, because its index was removed, settles as soon as the
operator has named another one.
"""

import msgspec

from sim_exchange.core import commands as c
from sim_exchange.core.contracts.instrument import instrument_fault
from sim_exchange.core.events import Accepted, InstrumentChanged
from sim_exchange.core.fixings.bands import Bands
from sim_exchange.core.fixings.marks import Marks
from sim_exchange.core.office.listings import Listings
from sim_exchange.core.orders.market import Market
from sim_exchange.core.risk.remargin import Remargin
from sim_exchange.core.risk.state import Handlers, State
from sim_exchange.core.specs import InstrumentSpec
from sim_exchange.core.types import IndexKind, Mode, Reason, SettlementKind
from sim_exchange.core.types import State as Listing

_BY_MEAN = (SettlementKind.TWAP30, SettlementKind.LAST, SettlementKind.SUM)


class References:
    """Names the indices of contracts anew."""

    def __init__(
        self, state: State, marks: Marks, bands: Bands, listings: Listings, remargin: Remargin
    ) -> None:
        self._state = state
        self._marks = marks
        self._bands = bands
        self._listings = listings
        self._remargin = remargin

    def handlers(self) -> Handlers:
        """Return what each command does."""
        return {
            c.SetReference: self._set_reference,
            c.RemoveIndex: self._remove_index,
            c.SplitChain: self._split_chain,
        }

    def switch(self, command: c.SetReference) -> str:
        """Let another index mark and settle a contract; return what is wrong with that, or "".

        The market must be listed. Marks move at once; whoever calls remargins afterwards.
        """
        state = self._state
        market = state.markets[command.symbol]
        row = self._marks.source(command.reference_symbol)
        if row is None or row.spec.kind is not IndexKind.COMPOSITE:
            return f"reference_symbol {command.reference_symbol} is not a listed index"
        kind = market.spec.settlement_kind
        opening = market.spec.opening_reference
        spec = msgspec.structs.replace(
            market.spec,
            # Where it goes by its last price from now on, it begins at the present mark (E8).
            opening_reference=opening if opening is not None else market.mark or None,
            reference_symbol=command.reference_symbol,
            mark_method=command.mark_method or market.spec.mark_method,
            settlement_kind=SettlementKind.TWAP30 if kind is SettlementKind.SUM else kind,
            settlement_sum=(),
            band=None,
        )
        fault = instrument_fault(spec)
        if not fault:
            self._refer(market, spec)
        return fault

    def _set_reference(self, command: c.SetReference) -> None:
        state = self._state
        market = state.markets.get(command.symbol)
        if market is None:
            state.refuse(Reason.UNKNOWN_SYMBOL, text=command.symbol)
            return
        if market.state is Listing.SETTLED:
            state.refuse(Reason.EXPIRED, text=command.symbol)
            return
        at = len(state.out)
        fault = self.switch(command)
        if fault:
            state.refuse(Reason.BAD_INSTRUMENT, text=fault)
            return
        state.out.insert(at, Accepted())
        self._remargin.run()

    def _refer(self, market: Market, spec: InstrumentSpec) -> None:
        state = self._state
        has_band = spec.band is not None or spec.option is not None
        market.respec(spec)
        market.changed_ns = state.now_ns
        state.out.append(InstrumentChanged(symbol=market.symbol))
        if not has_band:
            self._bands.remove(market)
        if spec.expiry_ns is not None and spec.expiry_ns <= state.now_ns:
            self._listings.expire(market, market.listed_no)
        elif market.state is Listing.OPEN and market.mode is not Mode.HALT:
            self._marks.mark(market)

    def _remove_index(self, command: c.RemoveIndex) -> None:
        if command.symbol not in self._marks.composites:
            self._state.refuse(Reason.UNKNOWN_SYMBOL, text=command.symbol)
            return
        self._marks.remove_index(command.symbol)
        self._state.out.append(Accepted())

    def _split_chain(self, command: c.SplitChain) -> None:
        """Mark and settle what is listed on one version of a coin on the sum of both."""
        state = self._state
        for symbol in (command.index, command.other):
            if symbol not in self._marks.composites:
                state.refuse(Reason.UNKNOWN_SYMBOL, text=symbol)
                return
        if command.index == command.other:
            state.refuse(Reason.BAD_INSTRUMENT, text=f"other {command.other} must differ")
            return
        state.out.append(Accepted())
        for market in state.markets.values():
            if not market.is_spot and market.state is Listing.OPEN:
                self._add_version(market, command)
        self._remargin.run()

    def _add_version(self, market: Market, command: c.SplitChain) -> None:
        spec = market.spec
        parts = spec.settlement_sum
        if not parts:
            row = self._marks.source(spec.reference_symbol)
            parts = () if row is None else (row.spec.symbol,)
        if command.index not in parts or command.other in parts:
            return
        if spec.option is None and spec.settlement_kind not in _BY_MEAN:
            return
        kind = spec.settlement_kind if spec.option is not None else SettlementKind.SUM
        self._refer(
            market,
            msgspec.structs.replace(
                spec, settlement_kind=kind, settlement_sum=(*parts, command.other)
            ),
        )
