"""The operator's requests about indices, instruments and modes (design.md 6)."""

import re
from collections.abc import Callable

import msgspec

from sim_exchange.core.commands import (
    Command,
    ExpireNow,
    IndexPrints,
    ListIndex,
    ListInstrument,
    SetComposition,
    SetConstituent,
)
from sim_exchange.core.specs import IndexSpec, InstrumentSpec
from sim_exchange.core.types import (
    Kind,
    currency_decimals,
)
from sim_exchange.core.views import IndexLike
from sim_exchange.errors import BadRequestError
from sim_exchange.server import admin_fixings
from sim_exchange.server.admin_fixings import (
    EIGHT_HOURS_NS,
    derived_index,
    mark_method,
    members,
    tradable,
)
from sim_exchange.server.admin_input import (
    MAX_TICK_PRICE,
    Fields,
    bad,
    check,
    currency_code,
    instant,
    mark_units,
    pico,
    ppm,
    whole,
)
from sim_exchange.server.admin_refusals import listing_refusal
from sim_exchange.server.admin_terms import CAMEL, TERMS, option_defaults, plain, with_terms
from sim_exchange.server.venue import MAJOR_CODES, Venue
from sim_exchange.wire.numbers import pico_number
from sim_exchange.wire.rows import Row
from sim_exchange.wire.times import parse_interval

_MOST = 1 << 53
_SYMBOL = re.compile(r"\.?[A-Z0-9_]{1,30}")
_CODE = re.compile(r"[A-Za-z0-9_.]{1,20}")
_SPOT_TYPES: tuple[str, ...] = ("IFXXXP",)
_PERPETUAL_TYPES: tuple[str, ...] = ("FFWCSX", "FFWCSF", "FFSCSX")
_DATED_TYPES: tuple[str, ...] = ("FFCCSX", "FFICSX")
_MULTIPLIERS = {Kind.INVERSE: -(10**8), Kind.LINEAR: 10**8, Kind.QUANTO: 100, Kind.SPOT: 1}
_INDEX_FIELDS = (
    "symbol", "constituents", "decimals", "outlier", "rootSymbol", "underlying", "quoteCurrency",
    "kind", "source", "minutes", "stepMinutes",
)  # fmt: skip


def _index_of(venue: Venue, fields: Fields) -> IndexLike:
    symbol = fields.text("index")
    found = venue.exchange.indices.get(symbol)
    if found is None or not found.spec.constituents:
        names = [name for name, each in venue.exchange.indices.items() if each.spec.constituents]
        raise bad("index", symbol, f"indices with constituents are {', '.join(names) or 'none'}")
    return found


def constituent(venue: Venue, fields: Fields) -> Row:
    """POST /constituent: print a price, silence it, or let it in again."""
    fields.only("index", "constituent", "price", "status")
    spec = _index_of(venue, fields).spec
    name = fields.text("constituent")
    names = [each.name for each in spec.constituents]
    if name not in names:
        raise bad("constituent", name, f"those of {spec.symbol} are {', '.join(names)}")
    if fields.one_of("price", "status") == "status":
        status = fields.text("status")
        if status not in ("silent", "reinstate"):
            raise bad("status", status, "allowed are silent, reinstate")
        command = SetConstituent(index=spec.symbol, constituent=name, status=status)
        check(venue.submit(command), "status", status)
        return _index_row(venue, spec.symbol)
    price = pico("price", fields.values.get("price"))
    prices = tuple(price if each == name else 0 for each in names)
    check(venue.submit(IndexPrints(index=spec.symbol, prices=prices)), "price", price)
    return _index_row(venue, spec.symbol)


def index(venue: Venue, fields: Fields) -> Row:
    """POST /index: print one price for all constituents at once."""
    fields.only("index", "price")
    spec = _index_of(venue, fields).spec
    price = pico("price", fields.values.get("price"))
    prices = (price,) * len(spec.constituents)
    check(venue.submit(IndexPrints(index=spec.symbol, prices=prices)), "price", price)
    return _index_row(venue, spec.symbol)


def all_instruments(venue: Venue) -> list[Row]:
    """GET /instrument: all rows, those of indices with who counts in them."""
    return [row | _made_of(venue, str(row["symbol"])) for _, row in venue.instrument_rows()]


def _index_row(venue: Venue, symbol: str) -> Row:
    return venue.index_row(symbol) | _made_of(venue, symbol)


def _made_of(venue: Venue, symbol: str) -> Row:
    """Return who counts in an index and how much; it is stale when nobody does (E9)."""
    members = venue.exchange.index_members(symbol)
    if not members:
        return {}
    return {
        "constituents": [
            {
                "name": one.name,
                "weight": str(one.weight),
                "price": pico_number(one.price) if one.price else None,
                "status": one.status,
            }
            for one in members
        ],
        "stale": not any(one.weight for one in members),
    }


def instrument(venue: Venue, fields: Fields) -> Row:
    """POST /instrument: list a contract or an index, settle or fund one at once, mark it anew."""
    done = admin_fixings.instrument(venue, fields)
    if done:
        return _row(venue, done) if done in venue.exchange.markets else venue.index_row(done)
    if "expire_now" in fields.values:
        fields.only("symbol", "expire_now")
        symbol = tradable(venue, fields)
        if not fields.flag("expire_now"):
            raise bad("expire_now", False, "true is needed")
        if venue.exchange.markets[symbol].spec.kind is Kind.SPOT:
            raise bad("symbol", symbol, "a spot market has no expiry")
        check(venue.submit(ExpireNow(symbol=symbol)), "symbol", symbol)
        return _row(venue, symbol)
    symbol = _symbol("symbol", fields.text("symbol"))
    if symbol.startswith("."):
        spec = _index_spec(fields)
        _list(venue, fields, symbol, _composed(venue, spec) or ListIndex(spec=spec))
        return venue.index_row(symbol)
    listing = ListInstrument(spec=instrument_spec(venue, fields), replaces=symbol in venue.yielding)
    _list(venue, fields, symbol, listing)
    return _row(venue, symbol)


def _list(venue: Venue, fields: Fields, symbol: str, command: Command) -> None:
    events = venue.submit(command)
    refusal = listing_refusal(events, fields, CAMEL_NAMES)
    if refusal is not None:
        raise refusal
    check(events, "symbol", symbol)


def _composed(venue: Venue, spec: IndexSpec) -> SetComposition | None:
    """Return how an index of the catalogue becomes the operator's; None where it can't."""
    listed = venue.exchange.indices.get(spec.symbol)
    if listed is None or spec.symbol not in venue.yielding:
        return None
    same = ("kind", "decimals", "outlier_ppm")
    if any(getattr(listed.spec, name) != getattr(spec, name) for name in same):
        return None
    return SetComposition(index=spec.symbol, constituents=spec.constituents)


def _row(venue: Venue, symbol: str) -> Row:
    market = venue.exchange.markets[symbol]
    stats = venue.history.stats_of(symbol)
    return venue.instruments.market(market, stats, venue.now_ns())


def _index_spec(fields: Fields) -> IndexSpec:
    fields.only(*_INDEX_FIELDS)
    outlier = fields.values.get("outlier", 0.5)
    derived = derived_index(fields)
    return IndexSpec(
        symbol=fields.text("symbol"),
        root=_word(fields, "rootSymbol"),
        underlying=_word(fields, "underlying"),
        quote_currency=_word(fields, "quoteCurrency"),
        decimals=whole("decimals", fields.values.get("decimals", 8), 0, 12),
        constituents=() if derived else members(fields),
        **derived,
        outlier_ppm=ppm("outlier", outlier),
    )


def _word(fields: Fields, name: str) -> str:
    value = fields.values.get(name)
    return "" if value is None else _code(name, value)


Reader = Callable[[str, object], object]


def _symbol(name: str, value: object) -> str:
    if not isinstance(value, str) or not _SYMBOL.fullmatch(value):
        raise bad(name, value, "1 to 30 of A-Z, 0-9 and _ are allowed; an index begins with .")
    return value


def _code(name: str, value: object) -> str:
    if not isinstance(value, str) or not _CODE.fullmatch(value):
        raise bad(name, value, "1 to 20 letters, digits, _ and . are needed")
    return value


def index_symbol(name: str, value: object) -> str:
    """Read what an index is called, whether it is listed yet or not."""
    if not isinstance(value, str) or not value.startswith(".") or not _SYMBOL.fullmatch(value):
        raise bad(name, value, "an index is needed: a dot and 1 to 30 of A-Z, 0-9 and _")
    return value


def _reference(name: str, value: object) -> str:
    return "" if value == "" else index_symbol(name, value)


def _count(name: str, value: object) -> int:
    return whole(name, value, 0, _MOST)


def _signed(name: str, value: object) -> int:
    return whole(name, value, -_MOST, _MOST)


def _expiry(name: str, value: object) -> int | None:
    return None if value is None else instant(name, value)


def interval(name: str, value: object) -> int | None:
    """Read a span as a row spells it: 2000-01-01T08:00:00.000Z is eight hours; None is none."""
    if value is None:
        return None
    try:
        span_ns = parse_interval(value)
    except ValueError as error:
        raise bad(name, value, "a span like 2000-01-01T08:00:00.000Z is needed") from error
    return span_ns


# camelCase field -> (field of the spec, how it is read)
_FIELDS: dict[str, tuple[str, Reader]] = {
    "symbol": ("symbol", _symbol),
    "typ": ("typ", _code),
    "rootSymbol": ("root", _code),
    "underlying": ("underlying", _code),
    "quoteCurrency": ("quote_currency", _code),
    "settlCurrency": ("settl_currency", currency_code),
    "baseCurrency": ("base_currency", currency_code),
    "multiplier": ("multiplier", _signed),
    "lotSize": ("lot_size", _count),
    "tickSize": ("tick_pico", pico),
    "maxOrderQty": ("max_order_qty", _count),
    "initMargin": ("init_margin_ppm", ppm),
    "maintMargin": ("maint_margin_ppm", ppm),
    "riskLimit": ("risk_limit", _count),
    "riskStep": ("risk_step", _count),
    "bankruptTick": ("bankrupt_tick_pico", pico),
    "makerFee": ("maker_fee_ppm", ppm),
    "takerFee": ("taker_fee_ppm", ppm),
    "settlementFee": ("settlement_fee_ppm", ppm),
    "referenceSymbol": ("reference_symbol", _reference),
    "markMethod": ("mark_method", mark_method),
    "listing": ("listing_ns", instant),
    "expiry": ("expiry_ns", _expiry),
    "fundingInterval": ("funding_interval_ns", interval),
    "fundingRate": ("funding_ppm", ppm),
    "markDecimals": ("mark_decimals", _count),
    "shortCap": ("short_cap", _count),
}
_SCALED = ("maxPrice", "openingReference")
_NULLABLE = ("expiry", "fundingInterval")
CAMEL_NAMES = {spec_field: name for name, (spec_field, _) in _FIELDS.items()} | {
    "max_price_ticks": "maxPrice",
    "opening_reference": "openingReference",
    "outlier_ppm": "outlier",
    "quote_currency": "quoteCurrency",
    **CAMEL,
}
"""Words of the core's refusals -> fields."""


def instrument_spec(venue: Venue, fields: Fields) -> InstrumentSpec:
    """Read a contract from camelCase fields; what is absent is as in a contract of the same kind.

    Raises:
        BadRequestError: names the field, its value and what is allowed.
    """
    fields.only(*_FIELDS, *_SCALED, *TERMS)
    chosen: dict[str, object] = {
        _FIELDS[name][0]: _FIELDS[name][1](name, value)
        for name, value in fields.values.items()
        if name in _FIELDS and (value is not None or name in _NULLABLE)
    }
    option_defaults(chosen, fields.values)
    kind = _kind(venue, chosen)
    spec = _template(venue, kind, chosen)
    before = spec
    chosen.setdefault("listing_ns", venue.now_ns())
    if "base_currency" not in chosen and kind is Kind.SPOT:
        chosen["base_currency"] = chosen.get("underlying", spec.underlying)
    if "root" not in chosen and "underlying" in chosen:
        chosen["root"] = chosen["underlying"]
    spec = _typed(msgspec.structs.replace(spec, kind=kind, **chosen), fields)
    spec = _with_prices(spec, before, fields, explicit="mark_decimals" in chosen)
    spec = with_terms(spec, fields)
    # The structs check nothing by themselves: one round through the decoder checks every type.
    try:
        return msgspec.convert(msgspec.to_builtins(spec), InstrumentSpec)
    except msgspec.ValidationError as error:
        raise BadRequestError(str(error)) from error


def _typed(spec: InstrumentSpec, fields: Fields) -> InstrumentSpec:
    """Return a contract with the type of its kind; clients read a whole list by it or not at all.

    Raises:
        BadRequestError: the type that was sent is of another kind.
    """
    if fields.values.get("optionStrikePrice") is not None:
        return spec
    if spec.expiry_ns is not None and spec.funding_interval_ns is not None:
        return spec  # refused for that
    if spec.kind is Kind.SPOT:
        what, allowed = "a spot market", _SPOT_TYPES
    elif spec.expiry_ns is None:
        what, allowed = "a contract without an expiry", _PERPETUAL_TYPES
    else:
        what, allowed = "a contract with an expiry", _DATED_TYPES
    if spec.typ in allowed:
        return spec
    given = fields.values.get("typ")
    if given is not None:
        raise bad("typ", given, f"that of {what} is {' or '.join(allowed)}")
    return msgspec.structs.replace(spec, typ=allowed[0])


def _with_prices(
    spec: InstrumentSpec, before: InstrumentSpec, fields: Fields, *, explicit: bool
) -> InstrumentSpec:
    """Fill in what depends on the tick: mark decimals, the highest price, the opening reference."""
    decimals = spec.mark_decimals
    if not explicit:
        if spec.symbol != before.symbol and spec.kind is not Kind.SPOT:
            decimals = 8 if spec.quote_currency == "XBT" else 2
        while decimals < 12 and spec.tick_pico % 10 ** (12 - decimals):
            decimals += 1
    tick = spec.tick_pico
    given = fields.values.get("maxPrice")
    highest = (
        before.max_price_ticks * before.tick_pico
        if given is None
        else pico("maxPrice", given, MAX_TICK_PRICE)
    )
    if highest < tick:
        raise bad("maxPrice", given, f"at least one tick, {pico_number(tick)}, is needed")
    opening = fields.values.get("openingReference")
    return msgspec.structs.replace(
        spec,
        mark_decimals=decimals,
        max_price_ticks=highest // tick,
        opening_reference=(
            None if opening is None else mark_units("openingReference", opening, decimals)
        ),
    )


def _kind(venue: Venue, chosen: dict[str, object]) -> Kind:
    if chosen.get("typ") == "IFXXXP":
        return Kind.SPOT
    multiplier = chosen.get("multiplier")
    if isinstance(multiplier, int) and multiplier < 0:
        return Kind.INVERSE
    known = venue.exchange.markets.get(str(chosen.get("symbol")))
    if known is not None and "settl_currency" not in chosen and "quote_currency" not in chosen:
        return known.spec.kind
    settle = str(chosen.get("settl_currency", "XBt"))
    quote = str(chosen.get("quote_currency", "XBT"))
    return Kind.LINEAR if MAJOR_CODES.get(settle, settle) == quote else Kind.QUANTO


def _template(venue: Venue, kind: Kind, chosen: dict[str, object]) -> InstrumentSpec:
    """Return the listed contract of the kind that is nearest, else the plainest one there is."""
    known = venue.exchange.markets.get(str(chosen.get("symbol")))
    if known is not None and known.spec.kind is kind:
        return known.spec
    listed = [m.spec for m in venue.exchange.markets.values() if m.spec.kind is kind]
    same = [spec for spec in listed if spec.option is None]
    spot = kind is Kind.SPOT
    perpetual = chosen.get("expiry_ns") is None
    typ = "IFXXXP" if spot else ("FFWCSX" if perpetual else "FFCCSX")
    interval = EIGHT_HOURS_NS if perpetual and not spot else None
    if same:
        return msgspec.structs.replace(
            plain(same[-1]),
            typ=typ,
            expiry_ns=None,
            funding_interval_ns=interval,
            funding_ppm=None,
        )
    settle = str(chosen.get("settl_currency", "XBt"))
    return InstrumentSpec(
        symbol="",
        kind=kind,
        typ=typ,
        root="",
        underlying="XBT",
        quote_currency="USD" if kind is not Kind.LINEAR else MAJOR_CODES.get(settle, settle),
        settl_currency=settle,
        multiplier=_MULTIPLIERS[kind],
        tick_pico=10**4 if kind in (Kind.LINEAR, Kind.SPOT) else 5 * 10**11,
        mark_decimals=max(2, currency_decimals(settle)) if kind is not Kind.INVERSE else 2,
        max_order_qty=10_000_000,
        max_price_ticks=10**6
        * 10**12
        // (10**4 if kind in (Kind.LINEAR, Kind.SPOT) else 5 * 10**11),
        init_margin_ppm=0 if spot else 10_000,
        maint_margin_ppm=0 if spot else 5_000,
        risk_limit=0 if spot else 200 * 10**8,
        risk_step=0 if spot else 100 * 10**8,
        maker_fee_ppm=1_500 if spot else -250,
        taker_fee_ppm=2_500 if spot else 750,
        funding_interval_ns=interval,
        listing_ns=0,
    )
