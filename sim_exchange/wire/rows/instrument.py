"""Rows of table ``instrument``: tradable instruments and indices (protocol.md 3)."""

from sim_exchange.core.contracts.option import DOWN_PERCENT, STRIKE_ROUND, UP_PERCENT
from sim_exchange.core.specs import FeePlan, IndexSpec, InstrumentSpec
from sim_exchange.core.types import (
    MINUTE_NS,
    SECOND_NS,
    IndexKind,
    Kind,
    LossMethod,
    MarkMethod,
    Mode,
    Side,
    State,
    rha,
)
from sim_exchange.core.views import IndexLike, MarketLike
from sim_exchange.history import DayStats
from sim_exchange.wire.catalogue import Catalogue, Listing
from sim_exchange.wire.numbers import (
    Number,
    pico_number,
    ppm_number,
    ratio_number,
    scaled_number,
    ticks_number,
)
from sim_exchange.wire.rows import Row
from sim_exchange.wire.times import to_interval, to_iso

_FOUR_DECIMALS = 10**8
"""0.0001 in units of 1e-12."""
_MARK_METHODS = {
    MarkMethod.FAIR: "FairPrice",
    MarkMethod.LAST: "LastPrice",
    MarkMethod.LAST_PROTECTED: "LastPrice",
    MarkMethod.INDEX: "CompositeIndex",
}
_INDEX_TYPES = {
    IndexKind.LENDING: "MRRXXX",
    IndexKind.PREMIUM: "MRRXXX",
    IndexKind.PREMIUM_MEAN: "MRRXXX",
}
_MONEY_DECIMALS = 4

# Every column in the venue's order, with the value that stands where nothing else is said.
_BLANK: Row = {
    "symbol": None,
    "rootSymbol": None,
    "state": None,
    "typ": None,
    "listing": None,
    "front": None,
    "expiry": None,
    "settle": None,
    "listedSettle": None,
    "relistInterval": None,
    "inverseLeg": "",
    "sellLeg": "",
    "buyLeg": "",
    "optionStrikePcnt": None,
    "optionStrikeRound": None,
    "optionStrikePrice": None,
    "optionMultiplier": None,
    "positionCurrency": "",
    "underlying": None,
    "quoteCurrency": None,
    "underlyingSymbol": None,
    "reference": None,
    "referenceSymbol": None,
    "calcInterval": None,
    "publishInterval": None,
    "publishTime": None,
    "maxOrderQty": None,
    "maxPrice": None,
    "lotSize": None,
    "tickSize": None,
    "multiplier": None,
    "settlCurrency": "",
    "underlyingToPositionMultiplier": None,
    "underlyingToSettleMultiplier": None,
    "quoteToSettleMultiplier": None,
    "isQuanto": False,
    "isInverse": False,
    "initMargin": None,
    "maintMargin": None,
    "riskLimit": None,
    "riskStep": None,
    "limit": None,
    "capped": False,
    "taxed": False,
    "deleverage": False,
    "makerFee": None,
    "takerFee": None,
    "settlementFee": None,
    "insuranceFee": None,
    "fundingBaseSymbol": "",
    "fundingQuoteSymbol": "",
    "fundingPremiumSymbol": "",
    "fundingTimestamp": None,
    "fundingInterval": None,
    "fundingRate": None,
    "indicativeFundingRate": None,
    "rebalanceTimestamp": None,
    "rebalanceInterval": None,
    "openingTimestamp": None,
    "closingTimestamp": None,
    "sessionInterval": None,
    "prevClosePrice": None,
    "limitDownPrice": None,
    "limitUpPrice": None,
    "bankruptLimitDownPrice": None,
    "bankruptLimitUpPrice": None,
    "prevTotalVolume": None,
    "totalVolume": None,
    "volume": None,
    "volume24h": None,
    "prevTotalTurnover": None,
    "totalTurnover": None,
    "turnover": None,
    "turnover24h": None,
    "homeNotional24h": None,
    "foreignNotional24h": None,
    "prevPrice24h": None,
    "vwap": None,
    "highPrice": None,
    "lowPrice": None,
    "lastPrice": None,
    "lastPriceProtected": None,
    "lastTickDirection": None,
    "lastChangePcnt": None,
    "bidPrice": None,
    "midPrice": None,
    "askPrice": None,
    "impactBidPrice": None,
    "impactMidPrice": None,
    "impactAskPrice": None,
    "hasLiquidity": False,
    "openInterest": 0,
    "openValue": 0,
    "fairMethod": None,
    "fairBasisRate": None,
    "fairBasis": None,
    "fairPrice": None,
    "markMethod": None,
    "markPrice": None,
    "indicativeTaxRate": None,
    "indicativeSettlePrice": None,
    "optionUnderlyingPrice": None,
    "settledPriceAdjustmentRate": None,
    "settledPrice": None,
    "minTick": None,
    "instantPnl": False,
    "timestamp": None,
}
COLUMNS = tuple(_BLANK)
"""Columns of table ``instrument``, in order."""


class InstrumentRows:
    """Makes instrument rows; constant parts are made once a listing."""

    def __init__(self, catalogue: Catalogue) -> None:
        """Read listings from ``catalogue``."""
        self._catalogue = catalogue
        self._constants: dict[str, tuple[InstrumentSpec, Row]] = {}
        self._index_constants: dict[str, tuple[IndexSpec, Row]] = {}

    def market(self, market: MarketLike, stats: DayStats, now_ns: int) -> Row:
        """Return the whole row of a tradable instrument."""
        row = dict(self._market_constants(market))
        row.update(touch_part(market))
        row.update(self.price_part(market))
        row.update(self.trade_part(market, stats, now_ns))
        row["state"] = _state(market, now_ns)
        row["hasLiquidity"] = market.has_liquidity
        if market.spec.kind is Kind.QUANTO:
            row["quoteToSettleMultiplier"] = self._catalogue.quote_to_settle(market.spec)
        if market.state is State.SETTLED:
            row["settledPrice"] = scaled_number(market.settled_price, market.spec.mark_decimals)
            row["settledPriceAdjustmentRate"] = ppm_number(market.settled_adjustment_ppm) or None
        if market.limit_up is not None and market.limit_down is not None:
            row["limitUpPrice"] = ticks_number(market.limit_up, market.spec.tick_pico)
            row["limitDownPrice"] = ticks_number(market.limit_down, market.spec.tick_pico)
        spec = market.spec
        if spec.mwcb is not None or spec.liq_speed is not None or spec.speed_bump is not None:
            row.update(_guards(market, now_ns))
        if spec.short_cap:
            row["shortCap"] = spec.short_cap
        if spec.fee_plans:
            row["feePlans"] = [_plan(plan) for plan in spec.fee_plans]
        row["prevClosePrice"] = _pico_or_none(market.prev_close_pico)
        row["timestamp"] = to_iso(max(market.changed_ns, stats.at_ns))
        return row

    def index(self, index: IndexLike, previous: int = 0) -> Row:
        """Return the whole row of an index; ``previous`` is its price a day ago, 0 = unknown."""
        spec = index.spec
        known = self._index_constants.get(spec.symbol)
        if known is None or known[0] is not spec:
            known = self._index_constants[spec.symbol] = (spec, _index_constants(spec))
        row = dict(known[1])
        row.update(index_part(index, previous))
        return row

    def price_part(self, market: MarketLike) -> Row:
        """Columns that move with marks, indices and impact prices."""
        if market.spec.kind is Kind.SPOT:
            return self.mark_part(market)
        return {
            "impactBidPrice": _impact(market, market.impact_bid),
            "impactMidPrice": _pico_or_none(market.impact_mid),
            "impactAskPrice": _impact(market, market.impact_ask),
            "hasLiquidity": market.has_liquidity,
            "fairBasisRate": ppm_number(market.fair_basis_rate_ppm),
            **_funding_part(market),
            **self.mark_part(market),
        }

    def mark_part(self, market: MarketLike) -> Row:
        """Columns that move with every mark."""
        spec = market.spec
        decimals = spec.mark_decimals
        mark = _scaled_or_none(market.mark, decimals)
        if spec.kind is Kind.SPOT:
            last = _ticks_or_none(market.last_price, spec.tick_pico)
            return {"markPrice": last if mark is None else mark}
        protected = {} if _protected(market) is None else {"lastPriceProtected": mark}
        return {
            **protected,
            "fairBasis": scaled_number(market.fair_basis, decimals),
            "fairPrice": mark,
            "markPrice": mark,
            "indicativeSettlePrice": scaled_number(market.indicative_settle, decimals)
            if spec.option is not None
            else _scaled_or_none(market.indicative_settle or market.index_price, decimals),
            "openValue": market.open_value,
        }

    def trade_part(self, market: MarketLike, stats: DayStats, now_ns: int) -> Row:
        """Columns that move with trades: last price, volumes, the rolling day, open interest."""
        spec = market.spec
        listing = self._catalogue.listing(spec.symbol)
        last = _ticks_or_none(market.last_price, spec.tick_pico)
        mark = _protected(market)
        day = stats.day(now_ns)
        last_pico = market.last_price * spec.tick_pico
        return {
            "prevTotalVolume": market.total_volume - day.session_volume,
            "totalVolume": market.total_volume,
            "volume": day.session_volume,
            "volume24h": day.volume,
            "prevTotalTurnover": market.total_turnover - day.session_turnover,
            "totalTurnover": market.total_turnover,
            "turnover": day.session_turnover,
            "turnover24h": day.turnover,
            "homeNotional24h": _day_home(listing, day.volume, day.turnover),
            "foreignNotional24h": _day_foreign(listing, day.volume, day.turnover),
            "prevPrice24h": _pico_or_none(day.previous),
            "vwap": vwap(listing, day.volume, day.turnover),
            "highPrice": _pico_or_none(day.high),
            "lowPrice": _pico_or_none(day.low),
            "lastPrice": last,
            "lastPriceProtected": last if mark is None else mark,
            "lastTickDirection": market.last_direction.value if market.last_direction else None,
            "lastChangePcnt": _change(last_pico, day.previous),
            "openInterest": market.open_interest,
            "openValue": market.open_value,
        }

    def _market_constants(self, market: MarketLike) -> Row:
        spec = market.spec
        known = self._constants.get(spec.symbol)
        if known is None or known[0] is not spec:
            row = _market_constants(self._catalogue.listing(spec.symbol), self._catalogue)
            known = self._constants[spec.symbol] = (spec, row)
        return known[1]


def touch_part(market: MarketLike) -> Row:
    """Columns that move with the touch."""
    tick = market.spec.tick_pico
    bid, ask = market.book.best_bid(), market.book.best_ask()
    both = bid is not None and ask is not None
    return {
        "bidPrice": None if bid is None else ticks_number(bid, tick),
        "midPrice": ratio_number((bid + ask) * tick, 2 * 10**12)
        if bid is not None and ask is not None and both
        else None,
        "askPrice": None if ask is None else ticks_number(ask, tick),
    }


def index_part(index: IndexLike, previous: int = 0) -> Row:
    """Columns that move with an index's value."""
    price = None if index.direction is None else scaled_number(index.price, index.spec.decimals)
    return {
        "prevPrice24h": _scaled_or_none(previous, index.spec.decimals),
        "lastPrice": price,
        "lastTickDirection": index.direction.value if index.direction else None,
        "lastChangePcnt": _change(index.price, previous),
        "markPrice": price,
        "indicativeSettlePrice": price,
        "timestamp": to_iso(index.changed_ns),
    }


def vwap(listing: Listing, volume: int, turnover: int) -> Number | None:
    """Mean price of a volume, from its turnover, to four decimals beyond the tick."""
    if not volume:
        return None
    spec = listing.spec
    if listing.kind is Kind.INVERSE:
        # The price that makes the turnover: volume * |multiplier| / turnover.
        value = volume * abs(spec.multiplier) / turnover if turnover else 0.0
    elif listing.is_spot:
        value = turnover / listing.settl_scale / (volume / listing.base_scale)
    else:
        value = turnover / (volume * spec.multiplier)
    digits = _MONEY_DECIMALS + max(0, len(str(10**12 // spec.tick_pico)) - 1)
    rounded = round(value, min(digits, 12))
    return int(rounded) if rounded.is_integer() else rounded


def _market_constants(listing: Listing, catalogue: Catalogue) -> Row:
    spec = listing.spec
    expiry = None if spec.expiry_ns is None else to_iso(spec.expiry_ns)
    inverse = spec.kind is Kind.INVERSE
    spot = listing.is_spot
    row = dict(_BLANK)
    row.update(
        symbol=spec.symbol,
        rootSymbol=spec.root or spec.underlying,
        state="Open",
        typ=spec.typ,
        listing=to_iso(spec.listing_ns),
        front=to_iso(spec.listing_ns),
        expiry=expiry,
        settle=expiry,
        listedSettle=expiry,
        positionCurrency=listing.position_currency,
        underlying=spec.underlying,
        quoteCurrency=spec.quote_currency,
        underlyingSymbol=underlying_symbol(spec.underlying, spec.quote_currency),
        reference="BMEX",
        referenceSymbol=spec.reference_symbol or None,
        maxOrderQty=spec.max_order_qty,
        maxPrice=ticks_number(spec.max_price_ticks, spec.tick_pico),
        lotSize=spec.lot_size,
        tickSize=pico_number(spec.tick_pico),
        multiplier=spec.multiplier,
        settlCurrency="" if spot else spec.settl_currency,
        underlyingToPositionMultiplier=listing.underlying_to_position,
        underlyingToSettleMultiplier=-listing.settl_scale if inverse else None,
        quoteToSettleMultiplier=catalogue.quote_to_settle(spec),
        isQuanto=spec.kind is Kind.QUANTO,
        isInverse=inverse,
        initMargin=ppm_number(spec.init_margin_ppm),
        maintMargin=ppm_number(spec.maint_margin_ppm),
        riskLimit=spec.risk_limit or None,
        riskStep=spec.risk_step or None,
        taxed=not spot,
        deleverage=not spot and spec.loss_method is LossMethod.ADL,
        makerFee=ppm_number(spec.maker_fee_ppm),
        takerFee=ppm_number(spec.taker_fee_ppm),
        settlementFee=ppm_number(spec.settlement_fee_ppm),
        insuranceFee=ppm_number(spec.insurance_fee_ppm),
        fundingInterval=None
        if spec.funding_interval_ns is None
        else to_interval(spec.funding_interval_ns),
        fundingBaseSymbol=spec.base_rate_symbol,
        fundingQuoteSymbol=spec.quote_rate_symbol,
        fundingPremiumSymbol=spec.premium_symbol,
        fairMethod=None
        if spot or spec.mark_method is not MarkMethod.FAIR
        else ("FundingRate" if spec.expiry_ns is None else "ImpactMidPrice"),
        markMethod=_MARK_METHODS[spec.mark_method],
        minTick=pico_number(listing.id_tick_pico),
    )
    if spec.option is not None:
        percent = UP_PERCENT if spec.option.call else DOWN_PERCENT
        row.update(
            optionStrikePcnt=ratio_number(percent, 100),
            optionStrikeRound=STRIKE_ROUND,
            optionStrikePrice=pico_number(spec.option.strike_pico),
        )
    return row


def _index_constants(spec: IndexSpec) -> Row:
    every = MINUTE_NS
    if spec.kind is IndexKind.COMPOSITE:
        every = 5 * SECOND_NS
    elif spec.kind is IndexKind.PREMIUM_MEAN:
        every = spec.minutes * MINUTE_NS
    row = dict(_BLANK)
    row.update(
        symbol=spec.symbol,
        rootSymbol=spec.root or spec.underlying or spec.symbol.lstrip("."),
        state="Unlisted",
        typ=_INDEX_TYPES.get(spec.kind, spec.typ),
        underlying=spec.underlying or spec.root or spec.symbol.lstrip("."),
        quoteCurrency=spec.quote_currency or "XXX",
        underlyingSymbol=underlying_symbol(spec.underlying, spec.quote_currency),
        reference="BMI",
        referenceSymbol=spec.source or spec.symbol,
        calcInterval=to_interval(every),
        publishInterval=to_interval(every),
        tickSize=pico_number(10 ** (12 - spec.decimals)),
        multiplier=1,
        markMethod="LastPrice",
        minTick=pico_number(10 ** (12 - spec.decimals)),
    )
    return row


def underlying_symbol(underlying: str, quote_currency: str) -> str:
    """Spell the venue's name of a pair.

    >>> underlying_symbol("ETC", "XBT"), underlying_symbol("XBT", "USD")
    ('ETCXBT=', 'XBT=')
    """
    return f"{underlying}=" if quote_currency == "USD" else f"{underlying}{quote_currency}="


def _protected(market: MarketLike) -> Number | None:
    """The last price as far as its band lets it go, where that is the mark (E8)."""
    if market.mark_method is not MarkMethod.LAST_PROTECTED:
        return None
    return _scaled_or_none(market.mark, market.spec.mark_decimals)


def _funding_part(market: MarketLike) -> Row:
    """Columns that move with the funding rates; nothing on what is not funded."""
    if not market.is_perpetual:
        return {}
    return {
        "fundingTimestamp": to_iso(market.next_funding_ns) if market.next_funding_ns else None,
        "fundingInterval": to_interval(market.funding_interval_ns),
        "fundingRate": ppm_number(market.funding_ppm),
        "indicativeFundingRate": ppm_number(market.indicative_funding_ppm),
    }


def _state(market: MarketLike, now_ns: int) -> str:
    expiry_ns = market.spec.expiry_ns
    expired = expiry_ns is not None and expiry_ns <= now_ns  # it waits for a price to settle at
    if market.state is State.OPEN and (expired or market.mode in {Mode.HALT, Mode.CANCEL_ONLY}):
        return State.CLOSED.value
    return market.state.value


def _ticks_or_none(ticks: int, tick_pico: int) -> Number | None:
    return ticks_number(ticks, tick_pico) if ticks else None


def _scaled_or_none(value: int, decimals: int) -> Number | None:
    return scaled_number(value, decimals) if value else None


def _impact(market: MarketLike, pico: int) -> Number | None:
    """Return an impact price; those of inverse books have no end, and are shown to 4 decimals."""
    if market.spec.kind is Kind.INVERSE:
        pico = rha(pico, _FOUR_DECIMALS) * _FOUR_DECIMALS
    return _pico_or_none(pico)


def _pico_or_none(value: int) -> Number | None:
    return pico_number(value) if value else None


def _change(last: int, previous: int) -> Number | None:
    if not last or not previous:
        return None
    change = round(last / previous - 1, 4)
    return int(change) if change.is_integer() else change


def _day_home(listing: Listing, volume: int, turnover: int) -> Number | None:
    if listing.kind is Kind.INVERSE:
        return ratio_number(turnover, listing.settl_scale)
    if listing.kind is Kind.QUANTO:
        return None
    return listing.home_notional(volume, 0, None)


def _day_foreign(listing: Listing, volume: int, turnover: int) -> Number | None:
    if listing.kind is Kind.INVERSE:
        return ratio_number(volume * abs(listing.spec.multiplier), 10**8)
    if listing.kind is Kind.QUANTO:
        return None
    return ratio_number(turnover, listing.settl_scale)


def _plan(plan: FeePlan) -> Row:
    """A fee plan that accounts can choose, a column of ours (E3)."""
    return {
        "name": plan.name,
        "makerFee": ppm_number(plan.maker_ppm),
        "takerFee": ppm_number(plan.taker_ppm),
        "sessionFee": ppm_number(plan.session_fee_ppm),
    }


def _guards(market: MarketLike, now_ns: int) -> Row:
    """Columns of ours: what may stop or slow the market, never hidden (E22)."""
    row: Row = {}
    tick, breaker, speed = market.spec.tick_pico, market.spec.mwcb, market.spec.liq_speed
    if breaker is not None:
        late_ns = breaker.late_ns
        row["circuitBreaker"] = {
            "levels": [ppm_number(level) for level in breaker.levels_ppm],
            "haltSeconds": breaker.halt_ns // SECOND_NS,
            "lateSeconds": None if late_ns is None else late_ns // SECOND_NS,
            "referencePrice": _ticks_or_none(market.breaker_reference(now_ns), tick),
        }
    if speed is not None:
        row["liquidationSpeed"] = {
            "floor": ppm_number(speed.floor_ppm),
            "windowSeconds": speed.window_ns // SECOND_NS,
            "floorPrice": _ticks_or_none(market.engine_floor(Side.SELL, now_ns), tick),
        }
    bump = market.spec.speed_bump
    if bump is not None:
        row["speedBump"] = {
            "pct": ppm_number(bump.pct_ppm),
            "delay_ms": scaled_number(bump.delay_ns, 6),
        }
    return row
