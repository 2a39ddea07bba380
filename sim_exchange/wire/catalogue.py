"""What the wire knows of each listed symbol: constants of its rows, level ids, aliases."""

from functools import cached_property

from sim_exchange.core.specs import InstrumentSpec
from sim_exchange.core.types import DAY_NS, Kind, State, currency_decimals, rha
from sim_exchange.core.views import ExchangeView, IndexLike, MarketLike
from sim_exchange.errors import BadRequestError
from sim_exchange.wire.numbers import Number, ratio_number, ticks_number

LEVEL_ID_STEP = 100_000_000
"""Book level ids: ``LEVEL_ID_STEP * symbolIdx - price / idTick`` (protocol.md 6.7)."""

_CENT_DECIMALS = 8
_BITCOIN_INDICES = (".BXBT", ".XBT")

# What a relisted series calls itself by the span of its contracts: at most so many days.
_TIMEFRAMES = (("daily", 2), ("weekly", 8), ("monthly", 32), ("quarterly", 190))


class Listing:
    """Constants of one tradable instrument, worked out once a listing."""

    def __init__(self, market: MarketLike, id_tick_pico: int) -> None:
        """Take the listing as it stands; ``id_tick_pico`` is what its level ids count."""
        spec = market.spec
        self.spec: InstrumentSpec = spec
        self.symbol = spec.symbol
        self.index = market.index
        self.kind = spec.kind
        self.tick_pico = spec.tick_pico
        self.id_tick_pico = id_tick_pico
        self.id_base = LEVEL_ID_STEP * market.index
        self.is_spot = spec.kind is Kind.SPOT
        self.settl_scale: int = 10 ** currency_decimals(spec.settl_currency)
        self.base_scale: int = 10 ** currency_decimals(spec.base_currency) if self.is_spot else 1

    def price(self, ticks: int) -> Number:
        """Spell a price given in ticks."""
        return ticks_number(ticks, self.tick_pico)

    def level_id(self, ticks: int) -> int:
        """Id of a book level; ids ascend as prices fall."""
        return self.id_base - ticks * self.tick_pico // self.id_tick_pico

    @cached_property
    def underlying_to_position(self) -> int | None:
        """Contracts (spot: minor units) in one coin of the underlying; linear and spot only."""
        if self.is_spot:
            return self.base_scale
        if self.kind is Kind.LINEAR and self.spec.multiplier:
            return self.settl_scale // self.spec.multiplier or None
        return None

    @cached_property
    def position_currency(self) -> str:
        """Unit of a position: the quote of an inverse, the coin of a linear, none of a quanto."""
        if self.kind is Kind.INVERSE:
            return self.spec.quote_currency
        return "" if self.kind is Kind.QUANTO else self.spec.underlying

    def home_notional(self, qty: int, value: int, quote_to_settle: int | None) -> Number | None:
        """Size in coins of the underlying (protocol.md 2.8, 5.1); signs follow the arguments.

        Args:
            qty: contracts, + long; on spot minor units of the base coin.
            value: settlement minor units with the wire's sign (inverse: long negative).
            quote_to_settle: settlement units per quote unit now; quanto only.
        """
        match self.kind:
            case Kind.INVERSE:
                return ratio_number(-value, self.settl_scale)
            case Kind.SPOT:
                return ratio_number(qty, self.base_scale)
            case Kind.LINEAR:
                return ratio_number(qty * self.spec.multiplier, self.settl_scale)
            case _:
                if not quote_to_settle or not qty:
                    return 0 if not qty else None
                price = value / (qty * self.spec.multiplier)
                return value / quote_to_settle / price

    def foreign_notional(self, qty: int, value: int, quote_to_settle: int | None) -> Number | None:
        """Size in the quote currency, long negative; arguments as in ``home_notional``."""
        if self.kind is Kind.INVERSE:
            scale = 10**_CENT_DECIMALS
            return ratio_number(-qty * abs(self.spec.multiplier), scale)
        if self.kind is Kind.QUANTO:
            if not value:
                return 0
            return ratio_number(-value, quote_to_settle) if quote_to_settle else None
        return ratio_number(-value, self.settl_scale)


class Catalogue:
    """All listed symbols of an exchange, as clients name them."""

    def __init__(self, exchange: ExchangeView) -> None:
        """Read the exchange's listings now and whenever they change."""
        self.exchange = exchange
        self._listings: dict[str, Listing] = {}
        self._id_ticks: dict[str, int] = {}
        self._by_upper: dict[str, str] = {}
        self._known = 0

    def listing(self, symbol: str) -> Listing:
        """Return the constants of a tradable instrument by its exact symbol."""
        market = self.exchange.markets[symbol]
        found = self._listings.get(symbol)
        if found is None or found.spec is not market.spec:
            # Ids count the first listing's tick; of a finer one two levels would share an id.
            tick = min(self._id_ticks.get(symbol, market.spec.tick_pico), market.spec.tick_pico)
            self._id_ticks[symbol] = tick
            found = self._listings[symbol] = Listing(market, tick)
        return found

    def listing_before(self, symbol: str) -> Listing:
        """Return the constants that were last asked for, where the instrument's change since."""
        return self._listings.get(symbol) or self.listing(symbol)

    def resolve(self, text: str) -> str | None:
        """Return the exact symbol that a client's text names, None when there is none.

        Any case; a bare root is its nearest expiring contract; ``ROOT:timeframe`` works too.
        """
        if text in self.exchange.markets or text in self.exchange.indices:
            return text
        size = len(self.exchange.markets) + len(self.exchange.indices)
        if size != self._known:
            self._known = size
            names = [*self.exchange.markets, *self.exchange.indices]
            self._by_upper = {name.upper(): name for name in names}
        upper = text.upper()
        exact = self._by_upper.get(upper)
        if exact is not None:
            return exact
        root, _, timeframe = upper.partition(":")
        return self._nearest(root, timeframe.lower() or "nearest")

    def market(self, text: object) -> MarketLike:
        """Return the tradable instrument that a client's text names.

        Raises:
            BadRequestError: ``Invalid symbol``.
        """
        symbol = self.resolve(text) if isinstance(text, str) and text else None
        market = self.exchange.markets.get(symbol) if symbol else None
        if market is None:
            raise BadRequestError("Invalid symbol")
        return market

    def intervals(self) -> list[tuple[str, str]]:
        """Return (``ROOT:timeframe``, symbol) of every series that trades now, in listing order."""
        found: dict[str, str] = {}
        for market in self.exchange.markets.values():
            if market.state is not State.OPEN or market.spec.kind is Kind.SPOT:
                continue
            root = market.spec.root.upper()
            name = timeframe_of(market.spec)
            nearest = self._nearest(root, name)
            if nearest is not None:
                found.setdefault(f"{market.spec.root}:{name}", nearest)
        return list(found.items())

    def is_index(self, symbol: str) -> bool:
        """Tell whether an exact symbol is an index."""
        return symbol in self.exchange.indices

    def quote_to_settle(self, spec: InstrumentSpec) -> int | None:
        """Settlement minor units per quote unit; for a quanto it moves with the bitcoin price."""
        if spec.kind is Kind.INVERSE:
            return None
        scale = int(10 ** currency_decimals(spec.settl_currency))
        if spec.kind is not Kind.QUANTO:
            return scale
        for name in _BITCOIN_INDICES:
            index: IndexLike | None = self.exchange.indices.get(name)
            if index is not None and index.price:
                return rha(scale * 10**index.spec.decimals, index.price)
        return None

    def _nearest(self, root: str, timeframe: str) -> str | None:
        best: tuple[int, str] | None = None
        for symbol, market in self.exchange.markets.items():
            spec = market.spec
            if spec.root.upper() != root or spec.kind is Kind.SPOT:
                continue
            if market.state is not State.OPEN:
                continue
            if timeframe not in ("nearest", timeframe_of(spec)):
                continue
            if timeframe == "nearest" and spec.expiry_ns is None:
                continue
            key = (spec.expiry_ns or 0, symbol)
            if best is None or key < best:
                best = key
        return best[1] if best else None


def timeframe_of(spec: InstrumentSpec) -> str:
    """Name an instrument's series: perpetual, daily, weekly, monthly, quarterly or biquarterly."""
    if spec.expiry_ns is None:
        return "perpetual"
    days = (spec.expiry_ns - spec.listing_ns) // DAY_NS
    for name, longest in _TIMEFRAMES:
        if days <= longest:
            return name
    return "biquarterly"
