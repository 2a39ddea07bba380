"""Where the prices that nobody trades at come together: indices, then marks (E7, E9).

In one instant: all composites are published, minute samples are taken, averages and lending rates
are published, then marks move. Whoever calls remargins accounts afterwards.
"""

import msgspec

from sim_exchange.core.contracts.option import payoff
from sim_exchange.core.events import InstrumentChanged, MarkChanged
from sim_exchange.core.fixings.fair import (
    fair_basis,
    futures_basis_rate_ppm,
    may_update,
    perpetual_basis,
)
from sim_exchange.core.fixings.funding import PREMIUMS, Funding
from sim_exchange.core.fixings.impact import (
    dollar_notional,
    impact_mid,
    impact_notional,
    impact_price,
)
from sim_exchange.core.fixings.index import CompositeIndex
from sim_exchange.core.fixings.protected import protected_mark
from sim_exchange.core.fixings.published import publish, rescale
from sim_exchange.core.fixings.samples import MinuteSamples
from sim_exchange.core.fixings.volatility import Volatility
from sim_exchange.core.orders.market import Market
from sim_exchange.core.risk.collateral import revalue
from sim_exchange.core.risk.covered import forget_covered
from sim_exchange.core.risk.index_row import IndexRow
from sim_exchange.core.risk.state import State
from sim_exchange.core.specs import Constituent, IndexSpec, InstrumentSpec
from sim_exchange.core.types import (
    MINUTE_NS,
    PICO,
    SECOND_NS,
    IndexKind,
    MarkMethod,
    Mode,
    Side,
    rha,
)
from sim_exchange.core.types import (
    State as Listing,
)

# Looked up once: a member of an enum costs a tenth of a microsecond each time.
_OPEN = Listing.OPEN
_HALT = Mode.HALT
_LAST_PROTECTED = MarkMethod.LAST_PROTECTED
_LAST = MarkMethod.LAST
_INDEX = MarkMethod.INDEX
_SIDES = (Side.BUY, Side.SELL)
_TWAP30 = IndexKind.TWAP30
_LENDING = IndexKind.LENDING
_VOLATILITY = IndexKind.VOLATILITY

PUBLISH_NS = 5 * SECOND_NS
"""How often composite indices are published, on the grid of the epoch."""
WINDOW_NS = 30 * MINUTE_NS
"""The settlement window: its 30 minute marks are the last one and the 29 before."""


class Marks:
    """Publishes indices and moves marks."""

    def __init__(self, state: State, funding: Funding) -> None:
        self._state = state
        self._funding = funding
        self.composites: dict[str, CompositeIndex] = {}
        self.samples: dict[str, MinuteSamples] = {}
        self._volatilities: dict[str, Volatility] = {}
        self.grid_ns: int | None = None
        """When indices are published next; None before the first one is listed."""

    # --- indices

    def list_index(self, spec: IndexSpec) -> None:
        """Take an index into the table."""
        state = self._state
        row = state.indices[spec.symbol] = IndexRow(state.next_row, spec)
        row.changed_ns = state.now_ns
        state.next_row += 1
        if self.grid_ns is None:
            self.grid_ns = -(-state.now_ns // PUBLISH_NS) * PUBLISH_NS
        if spec.kind is IndexKind.COMPOSITE:
            self.composites[spec.symbol] = CompositeIndex(spec)
            self.samples[spec.symbol] = MinuteSamples()
        elif spec.kind is IndexKind.LENDING:
            self.publish_lending(spec.source)
        elif spec.kind is IndexKind.VOLATILITY:
            self._volatilities[spec.symbol] = Volatility(spec.minutes, spec.step_minutes)
        elif spec.kind in PREMIUMS:
            self._funding.publish_in(row)

    def source(self, symbol: str) -> IndexRow | None:
        """Return the composite behind ``symbol``: itself, or what a 30-minute mean is taken of.

        None where there is none, or none any more.
        """
        row = self._state.indices.get(symbol)
        if row is not None and row.removed:
            return None
        if row is not None and row.spec.kind is _TWAP30:
            return self._state.indices.get(row.spec.source)
        return row

    def references(self, market: Market) -> list[IndexRow]:
        """Return the composites that mark and settle a contract: one, or those that are added up.

        Empty where it has no index, or where one of them was removed.
        """
        spec = market.spec
        found = []
        for symbol in spec.settlement_sum or (spec.reference_symbol,):
            row = self.source(symbol)
            if row is None:
                return []
            found.append(row)
        return found

    def remove_index(self, symbol: str) -> None:
        """Publish an index no more, nor what is made of it; its row keeps the last value."""
        for name, row in self._state.indices.items():
            if symbol in {name, row.spec.source}:
                row.removed = True
        self.composites.pop(symbol, None)
        self.samples.pop(symbol, None)

    def recompose(self, symbol: str, constituents: tuple[Constituent, ...]) -> None:
        """Change what a composite is made of; its next publication is the first of the new ones."""
        state = self._state
        row = state.indices[symbol]
        row.spec = msgspec.structs.replace(row.spec, constituents=constituents)
        row.changed_ns = state.now_ns
        self.composites[symbol].recompose(row.spec)
        state.out.append(InstrumentChanged(symbol=symbol))

    def publish(self) -> None:
        """Publish every composite that has a value."""
        state = self._state
        for symbol, composite in self.composites.items():
            value = composite.publish(state.now_ns)
            row = state.indices[symbol]
            row.stale = composite.stale
            if value is not None:
                moved = value != row.price
                publish(state, row, value)
                if moved:
                    self._relock(symbol)

    def minute(self) -> None:
        """Take the minute's samples, then publish what is made of them and the lending rates."""
        state = self._state
        for symbol, samples in self.samples.items():
            price = state.indices[symbol].price
            if price:
                samples.sample(state.now_ns, price)
        for row in state.indices.values():
            if row.removed:
                continue
            kind = row.spec.kind
            if kind is _TWAP30:
                mean = self.mean(row.spec.source, minutes=row.spec.minutes)
                source = state.indices[row.spec.source]
                if mean:
                    publish(state, row, rescale(mean, source.spec.decimals, row.spec.decimals))
            elif kind is _LENDING:
                self.publish_lending(row.spec.source)
            elif kind is _VOLATILITY:
                self._publish_volatility(row)

    def _publish_volatility(self, row: IndexRow) -> None:
        """Take the price of this minute if it is one of a step, and publish what comes of it."""
        price = self._state.indices[row.spec.source].price
        minute = self._state.now_ns // MINUTE_NS
        if price and minute % row.spec.step_minutes == 0:
            value = self._volatilities[row.spec.symbol].take(price, row.spec.decimals)
            if value is not None:
                publish(self._state, row, value)

    def mean(self, symbol: str, at_ns: int | None = None, *, minutes: int = 30) -> int:
        """Return the mean of a composite's samples of the last 30 minutes, or of those there are.

        The 30 minutes end at ``at_ns``, None being now.
        Without any sample it is the last value; 0 when there never was one. Unit: 10**-decimals.
        """
        samples = self.samples[symbol]
        now_ns = self._state.now_ns if at_ns is None else at_ns
        mean = samples.mean(now_ns, minutes)
        if mean is None:
            mean = samples.running(now_ns - minutes * MINUTE_NS, now_ns)[0]
        return self._state.indices[symbol].price if mean is None else mean

    def publish_lending(self, currency: str) -> None:
        """Publish a currency's best rate as a fraction a day; without an offer, hold the last."""
        state = self._state
        rate = state.desk.best_rate(currency)
        if rate is None:
            return
        for row in state.indices.values():
            if row.spec.kind is IndexKind.LENDING and row.spec.source == currency:
                publish(state, row, rha(rate * 10**row.spec.decimals, PICO))

    def _relock(self, symbol: str) -> None:
        """Revalue what loans lock and will lock, at this print of their coin's index (E24)."""
        state = self._state
        for market in state.markets.values():
            if market.is_spot and market.spec.reference_symbol == symbol:
                revalue(state, market)

    # --- marks

    def open(self, market: Market) -> None:
        """Let an instrument that is open from now on have its first mark and its funding rate."""
        self._funding.open(market)
        if market.mode is not _HALT:
            self.mark(market)

    def mark_all(self) -> None:
        """Move the marks of all instruments that are open, except while they halt (E17)."""
        now_ns = self._state.now_ns
        is_minute = now_ns % MINUTE_NS == 0
        for market in self._state.markets.values():
            if (
                market.state is _OPEN
                and market.mode is not _HALT
                and (is_minute or not self._is_still(market, now_ns))
            ):
                self.mark(market)

    def are_still(self, upto_ns: int) -> bool:
        """Whether publications between two minutes up to ``upto_ns`` move no index and no mark."""
        state = self._state
        for symbol, composite in self.composites.items():
            row = state.indices[symbol]
            if (
                upto_ns >= composite.still_ns
                or row.stale != composite.stale
                or row.price != (composite.price or 0)
            ):
                return False
        for market in state.markets.values():
            if (
                market.state is _OPEN
                and market.mode is not _HALT
                and (market.spec.basis_interval_ns % MINUTE_NS or not self._is_unmoved(market))
            ):
                return False
        return True

    def _is_still(self, market: Market, now_ns: int) -> bool:
        """Whether between two minutes nothing that a mark is made of has moved since the last."""
        return now_ns % market.spec.basis_interval_ns != 0 and self._is_unmoved(market)

    def _is_unmoved(self, market: Market) -> bool:
        spec = market.spec
        row = self.source(spec.reference_symbol)
        return (
            row is not None
            and row.price == market.seen_index
            and row.stale == market.is_index_stale
            and market.mark_method is not _LAST_PROTECTED
            and not market.funding_owed
        )

    def mark(self, market: Market) -> None:
        """Find an instrument's mark as of now."""
        now_ns = self._state.now_ns
        spec = market.spec
        row = self.source(spec.reference_symbol)
        index = 0
        market.seen_index = 0
        if spec.settlement_sum:
            index = self._add_up(market)
        elif row is not None and row.price:
            market.seen_index = row.price
            index = rescale(row.price, row.spec.decimals, spec.mark_decimals)
            market.index_price = index
            market.indicative_settle = self._indicative(market, row, index)
            market.is_index_stale = row.stale
        if market.option is not None and index:
            pico = market.maths.mark_to_pico(market.indicative_settle)
            market.indicative_settle = payoff(spec, pico)
        is_minute = now_ns % MINUTE_NS == 0
        if not market.is_spot and (is_minute or now_ns % spec.basis_interval_ns == 0):
            self._impact(market)
        if is_minute:
            market.minute_mark = market.mark
        self._move(market, self._by_method(market, index))
        if market.is_perpetual:
            if is_minute:
                self._funding.sample(market)
            if market.funding_owed:
                self._funding.catch_up(market)

    def follow_trades(self) -> None:
        """Move the marks that are last trades after those trades, without waiting for the grid."""
        traded = self._state.last_traded
        # What was found to be enough was found at the marks before (L2-8).
        forget_covered(self._state)
        for market in traded.values():
            if market.state is _OPEN and market.mode is not _HALT:
                index = market.index_price if self.references(market) else 0
                self._move(market, self._by_method(market, index))
        traded.clear()

    def _move(self, market: Market, mark: int) -> None:
        if mark > 0 and mark != market.mark:
            market.set_mark(mark)
            market.changed_ns = self._state.now_ns
            self._state.out.append(MarkChanged(symbol=market.symbol, mark=mark))

    def _add_up(self, market: Market) -> int:
        """Return the sum of the indices of a coin's versions (E18); 0 while one has no value."""
        decimals = market.spec.mark_decimals
        rows = self.references(market)
        if not rows or not all(row.price for row in rows):
            return 0
        prices = [rescale(row.price, row.spec.decimals, decimals) for row in rows]
        market.index_price = sum(prices)
        market.is_index_stale = any(row.stale for row in rows)
        market.indicative_settle = sum(
            self._indicative(market, row, price) for row, price in zip(rows, prices, strict=True)
        )
        return market.index_price

    def _by_method(self, market: Market, index: int) -> int:
        """Return the mark by the method of the instrument; 0 where there is none yet."""
        method = market.mark_method
        if method is _LAST:
            return self._last(market) or market.mark or market.spec.opening_reference or 0
        if method is _LAST_PROTECTED:
            if not market.mark:
                return market.spec.opening_reference or 0
            trusted = index and not market.is_index_stale
            return protected_mark(
                self._last(market) or market.mark,
                market.mark,
                self._fair(market, index) if trusted else market.minute_mark or market.mark,
                market.spec.maint_margin_ppm,
            )
        if not index:
            return market.mark or market.spec.opening_reference or 0
        return index if method is _INDEX else self._fair(market, index)

    def _last(self, market: Market) -> int:
        return market.maths.pico_to_mark(market.last_price * market.maths.tick_pico)

    def _fair(self, market: Market, index: int) -> int:
        """Return the fair price: the index and what is left of its basis (E7)."""
        expiry_ns = market.spec.expiry_ns
        now_ns = self._state.now_ns
        if expiry_ns is None:
            if market.is_perpetual:
                left_ns = market.next_funding_ns - now_ns
                market.fair_basis = perpetual_basis(
                    index, market.funding_ppm, left_ns, market.funding_interval_ns
                )
            return index + market.fair_basis
        if expiry_ns <= now_ns:
            return market.indicative_settle
        market.fair_basis = fair_basis(index, market.fair_basis_rate_ppm, expiry_ns - now_ns)
        return index + market.fair_basis

    def _indicative(self, market: Market, row: IndexRow, index: int) -> int:
        """Return the index now, or in the last 30 minutes the running mean of its samples."""
        expiry_ns = market.spec.expiry_ns
        now_ns = self._state.now_ns
        if expiry_ns is None or now_ns <= expiry_ns - WINDOW_NS:
            return index
        samples = self.samples.get(row.spec.symbol)
        if samples is None:
            return index
        mean = samples.running(expiry_ns - WINDOW_NS, now_ns)[0]
        if mean is None:
            return index
        return rescale(mean, row.spec.decimals, market.spec.mark_decimals)

    def _impact(self, market: Market) -> None:
        """Find impact prices, and a new basis rate where their spread is narrow enough (E6, E7)."""
        spec, book = market.spec, market.book
        is_empty = not (book.bids.keys or book.asks.keys)
        if is_empty and not (market.impact_bid or market.impact_ask or market.impact_mid):
            return  # nothing was there and nothing is, as in most books while time is moved by hand
        before = (
            market.impact_bid,
            market.impact_ask,
            market.has_liquidity,
            market.fair_basis_rate_ppm,
        )
        notional = 0 if is_empty else self._notional(spec)
        bid, ask = (
            None
            if not notional
            else impact_price(
                market.book.levels(side), notional, spec.kind, spec.multiplier, spec.tick_pico
            )
            for side in _SIDES
        )
        market.impact_bid = 0 if bid is None else rha(bid.numerator, bid.denominator)
        market.impact_ask = 0 if ask is None else rha(ask.numerator, ask.denominator)
        if bid is None or ask is None or not market.index_price:
            market.impact_mid = 0
            market.has_liquidity = False
        else:
            market.impact_mid = impact_mid(bid, ask, spec.tick_pico)
            market.has_liquidity = may_update(
                market.impact_bid,
                market.impact_ask,
                market.index_price,
                spec.mark_decimals,
                spec.maint_margin_ppm,
                spec.basis_spread_ticks * spec.tick_pico,
            )
            left_ns = (spec.expiry_ns or 0) - self._state.now_ns
            if market.has_liquidity and left_ns > 0:
                market.fair_basis_rate_ppm = futures_basis_rate_ppm(
                    market.impact_mid, market.index_price, spec.mark_decimals, left_ns
                )
        after = (
            market.impact_bid,
            market.impact_ask,
            market.has_liquidity,
            market.fair_basis_rate_ppm,
        )
        if before != after:
            market.changed_ns = self._state.now_ns
            self._state.out.append(InstrumentChanged(symbol=market.symbol))

    def _notional(self, spec: InstrumentSpec) -> int:
        """Return the impact notional in minor units; 0 while its coin has no price (E6)."""
        if spec.impact_notional:
            return spec.impact_notional
        if not spec.impact_usd:
            return impact_notional(spec.init_margin_ppm, spec.impact_at_full_margin)
        if not spec.impact_index:
            return dollar_notional(spec.impact_usd, spec.settl_currency)
        row = self._state.indices[spec.impact_index]
        if not row.price:
            return 0
        return dollar_notional(spec.impact_usd, spec.settl_currency, row.price, row.spec.decimals)
