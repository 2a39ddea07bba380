"""Listings: instruments and indices that come, open, expire, and come again (E14)."""

from functools import partial

from sim_exchange.core import commands as c
from sim_exchange.core.contracts.instrument import index_fault, instrument_fault
from sim_exchange.core.contracts.terms import indices_named
from sim_exchange.core.events import Accepted, InstrumentChanged, InstrumentListed
from sim_exchange.core.fixings.bands import Bands
from sim_exchange.core.fixings.dividends import Dividends
from sim_exchange.core.fixings.funding import PREMIUMS
from sim_exchange.core.fixings.marks import Marks
from sim_exchange.core.fixings.settlement import Settlement
from sim_exchange.core.orders.market import Market
from sim_exchange.core.risk.loss_methods import LossMethods
from sim_exchange.core.risk.remargin import Remargin
from sim_exchange.core.risk.state import Handlers, State
from sim_exchange.core.specs import InstrumentSpec
from sim_exchange.core.timers import EXPIRY, LISTING
from sim_exchange.core.types import IndexKind, Mode, Reason
from sim_exchange.core.types import State as Listing


class Listings:
    """Lists instruments and indices, opens them and lets them expire."""

    def __init__(
        self,
        state: State,
        marks: Marks,
        settlement: Settlement,
        losses: LossMethods,
        bands: Bands,
        dividends: Dividends,
        remargin: Remargin,
    ) -> None:
        self._state = state
        self._marks = marks
        self._settlement = settlement
        self._losses = losses
        self._bands = bands
        self._dividends = dividends
        self._remargin = remargin

    def handlers(self) -> Handlers:
        """Return what each command does."""
        return {
            c.ListInstrument: self._list_instrument,
            c.ListIndex: self._list_index,
            c.ExpireNow: self._expire_now,
        }

    def _list_instrument(self, command: c.ListInstrument) -> None:
        state, spec = self._state, command.spec
        market = state.markets.get(spec.symbol)
        fault = instrument_fault(spec) or self._reference_fault(spec)
        if not fault and spec.expiry_ns is not None and spec.expiry_ns <= state.now_ns:
            fault = f"expiry_ns {spec.expiry_ns} must be after now, {state.now_ns}"
        if fault:
            self._state.refuse(Reason.BAD_INSTRUMENT, text=fault)
            return
        listed = market is not None and market.state is not Listing.SETTLED
        if market is not None and listed and (not command.replaces or self._touched(market)):
            self._state.refuse(Reason.ALREADY_LISTED, text=spec.symbol)
            return
        if market is None:
            market = state.markets[spec.symbol] = Market(state.next_row, spec)
            state.next_row += 1
        else:
            for account in state.accounts.values():
                account.forget(market)
            for order in state.orders.values():
                order.final = order.final or order.symbol == spec.symbol
            market.relist(spec)
        market.mode = state.mode
        market.changed_ns = state.now_ns
        state.out.append(Accepted())
        state.out.append(InstrumentListed(symbol=spec.symbol))
        opened, number = market, market.listed_no
        self._bands.start(market)
        self._dividends.start(market)
        self._losses.listed(spec)
        if spec.listing_ns <= state.now_ns:
            self._open(opened, number)
        else:
            state.timers.at(spec.listing_ns, LISTING, partial(self._open, opened, number))
        if spec.expiry_ns is not None:
            state.timers.at(spec.expiry_ns, EXPIRY, partial(self.expire, opened, number))

    def _touched(self, market: Market) -> bool:
        """Whether a contract was ever traded, or has orders."""
        return market.total_volume > 0 or any(
            order.symbol == market.symbol and order.leaves_qty
            for order in self._state.orders.values()
        )

    def _reference_fault(self, spec: InstrumentSpec) -> str:
        for symbol in indices_named(spec):
            row = self._state.indices.get(symbol)
            if row is None or row.removed:
                name = "settlement_sum" if symbol in spec.settlement_sum else "reference_symbol"
                return f"{name} {symbol} is not a listed index"
            if row.spec.kind in PREMIUMS:
                return f"reference_symbol {symbol} must be an index of prices, not of a premium"
        if spec.impact_index:
            row = self._state.indices.get(spec.impact_index)
            if row is None or row.spec.kind in PREMIUMS:
                return f"impact_index {spec.impact_index} is not a listed index"
        return ""

    def _open(self, market: Market, number: int) -> None:
        if market.listed_no != number or market.state is not Listing.UNLISTED:
            return
        market.state = Listing.OPEN
        market.changed_ns = self._state.now_ns
        self._marks.open(market)
        self._state.out.append(InstrumentChanged(symbol=market.symbol))

    def expire(self, market: Market, number: int) -> None:
        """Settle at expiry, or as soon as it can be done (E14).

        A halted contract settles on resume, at the price of its expiry; one whose index was removed
        waits for the operator to name another.
        """
        if market.listed_no != number or market.state is Listing.SETTLED:
            return
        if market.due_price is None:
            market.due_price = self._settlement.price(market)
        self.settle_due(market)
        if market.due_price is None:  # it is closed, until there is one
            market.changed_ns = self._state.now_ns
            self._state.out.append(InstrumentChanged(symbol=market.symbol))

    def settle_due(self, market: Market) -> None:
        """Settle a contract that was kept from it, if it can be settled now."""
        if market.due_price is not None and market.mode is not Mode.HALT:
            self._settlement.settle_due(market)
            self._remargin.run()

    def _expire_now(self, command: c.ExpireNow) -> None:
        market = self._state.markets.get(command.symbol)
        if market is None:
            self._state.refuse(Reason.UNKNOWN_SYMBOL, text=command.symbol)
            return
        if market.state is Listing.SETTLED or market.is_spot:
            self._state.refuse(Reason.EXPIRED, text=command.symbol)
            return
        price = self._settlement.price(market)
        if price is None:
            self._state.refuse(Reason.NO_MARK_PRICE, text=command.symbol)
            return
        self._state.out.append(Accepted())
        self._settlement.settle(market, price)
        self._remargin.run()

    def _list_index(self, command: c.ListIndex) -> None:
        state, spec = self._state, command.spec
        fault = index_fault(spec)
        if not fault and spec.kind in {IndexKind.TWAP30, IndexKind.VOLATILITY}:
            source = state.indices.get(spec.source)
            if source is None or source.spec.kind is not IndexKind.COMPOSITE:
                fault = f"source {spec.source} is not a listed composite index"
        if fault:
            self._state.refuse(Reason.BAD_INSTRUMENT, text=fault)
            return
        if spec.symbol in state.indices:
            self._state.refuse(Reason.ALREADY_LISTED, text=spec.symbol)
            return
        state.out.append(Accepted())
        state.out.append(InstrumentListed(symbol=spec.symbol))
        self._marks.list_index(spec)
