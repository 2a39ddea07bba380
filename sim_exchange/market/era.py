"""An era: which indices and contracts the venue has, by which rules, and what moves their prices.

Each era is a file of ``eras/``. It has three lists of tables:

- ``[[index]]``: a weighted mean of members that print (``Composite``);
- ``[[derived]]``: an index made of another one, or of the rates on offer (``Derived``);
- ``[[series]]``: what is traded, a file of ``instruments/`` with the terms of the era (``Series``).

The order is that of the listing. What changed over the years stands in these files, nowhere else.
"""

import tomllib
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import msgspec

from sim_exchange.core.contracts.instrument import index_fault, instrument_fault
from sim_exchange.core.specs import Constituent, IndexSpec, InstrumentSpec
from sim_exchange.core.types import DAY_NS, PICO, SECOND_NS, IndexKind
from sim_exchange.errors import SettingsError
from sim_exchange.market.catalogue import INSTRUMENTS

ERAS = Path(__file__).parent / "eras"

_DEAREST = 10**9
_ANY_TICK = 10**4  # until the price at listing is known
_KINDS = {
    "lending": IndexKind.LENDING,
    "premium": IndexKind.PREMIUM,
    "premium_mean": IndexKind.PREMIUM_MEAN,
    "twap30": IndexKind.TWAP30,
    "volatility": IndexKind.VOLATILITY,
}


class Composite(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An index with members; its price comes from exactly one of four places.

    ``candles``: a bundled file of candles, or whatever file of the coin the exchange was given.
    ``price``: with ``volatility`` a made-up path that is there at the start of the world, without
    it that price for ever. ``same_as``: what another index follows. ``product``: of two others.
    """

    symbol: str
    underlying: str
    quote: str
    members: tuple[str, ...]
    weights: tuple[int, ...] = ()
    """One for each member; absent, all weigh the same."""
    decimals: int = 8
    outlier_ppm: int = 500_000
    auto_reintroduce: bool = False
    typ: str = "MRCXXX"
    mean: bool = False
    """Whether its 30-minute mean is listed too: the same symbol with 30M."""
    candles: str = ""
    price: float = 0.0
    volatility: float = 0.0
    """Standard deviation of a year's log return."""
    along: str = ""
    """Another made-up path, above this one, with which it is correlated."""
    correlation: float = 0.0
    same_as: str = ""
    product: tuple[str, ...] = ()
    begins: datetime | None = None
    """When its members print for the first time, where trade in the coin began so late."""

    def specs(self) -> tuple[IndexSpec, ...]:
        """The index, and its 30-minute mean if it has one."""
        weights = self.weights or (1,) * len(self.members)
        spec = IndexSpec(
            symbol=self.symbol,
            root=self.underlying,
            underlying=self.underlying,
            quote_currency=self.quote,
            decimals=self.decimals,
            constituents=tuple(
                Constituent(name, weight, sum(weights))
                for name, weight in zip(self.members, weights, strict=True)
            ),
            outlier_ppm=self.outlier_ppm,
            auto_reintroduce=self.auto_reintroduce,
            typ=self.typ,
        )
        if not self.mean:
            return (spec,)
        mean = IndexSpec(
            symbol=f"{self.symbol}30M",
            kind=IndexKind.TWAP30,
            root=self.underlying,
            underlying=self.underlying,
            quote_currency=self.quote,
            decimals=self.decimals,
            source=self.symbol,
            typ=self.typ,
        )
        return spec, mean

    @property
    def begins_ns(self) -> int:
        """``begins`` in ns since the epoch; 0 = ever."""
        return 0 if self.begins is None else _instant_ns(self.begins)

    @property
    def price_pico(self) -> int:
        """``price`` in 1e-12, as it was written."""
        return int(Decimal(str(self.price)) * PICO)


class Derived(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An index made of another one, of the offers in a currency, or of a perpetual's premium."""

    symbol: str
    kind: Literal["lending", "premium", "premium_mean", "twap30", "volatility"]
    source: str
    """The other index; for ``lending`` the currency, for a premium the perpetual."""
    underlying: str
    quote: str
    minutes: int = 30
    step_minutes: int = 1
    decimals: int = 8
    typ: str = "MRCXXX"

    def spec(self) -> IndexSpec:
        """The index."""
        return IndexSpec(
            symbol=self.symbol,
            kind=_KINDS[self.kind],
            root=self.underlying,
            underlying=self.underlying,
            quote_currency=self.quote,
            decimals=self.decimals,
            source=self.source,
            minutes=self.minutes,
            step_minutes=self.step_minutes,
            typ=self.typ,
        )


class Series(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Contracts of one kind that follow each other; ``once`` is a perpetual or a spot market.

    ``dated`` is one contract that there was once: it trades from ``listing`` to ``expiry``.
    """

    file: str
    """Of ``instruments/``: the fields of a contract, ``{coin}`` and ``{code}`` to be filled in."""
    coin: str = ""
    every: Literal["once", "week", "quarter", "dated"] = "once"
    listing: datetime | None = None
    expiry: datetime | None = None
    code: str = ""
    """Of a dated one: the month's code and the year."""
    months: str = "HMUZ"
    """Codes of the months in which a contract of a quarterly series expires."""
    ahead: int = 1
    """How many of them are listed at the same time."""
    terms: dict[str, Any] = {}
    """Fields of the contract that this era, or this coin, has otherwise than the file."""
    tick_by_price: bool = False
    """Whether the tick follows from the price at listing, four figures of it."""
    strike_percent: int = 0
    """Of the index at listing; not 0: an option."""
    strike_round: int = 250
    put: bool = False
    """A DOWN, with a barrier at half its strike."""
    notice_days: int = 0
    """How long before a contract is listed that is announced."""
    maker: Literal["light", "anchor", "none"] = "light"
    """Who quotes it where the market is the default one."""
    spread_ppm: int = 1_000
    """How far from what it is worth the best quote stays, both sides together."""

    @property
    def dates_ns(self) -> tuple[int, int]:
        """(listing, expiry) of a dated one, ns since the epoch."""
        assert self.listing is not None  # noqa: S101 (checked when the era is read)
        assert self.expiry is not None  # noqa: S101
        return _instant_ns(self.listing), _instant_ns(self.expiry)

    @property
    def notice_ns(self) -> int:
        """``notice_days`` in ns."""
        return self.notice_days * DAY_NS

    def template(self, code: str, **more: Any) -> InstrumentSpec:
        """Read the contract of a month (``code``) with the era's terms and ``more`` on top.

        Raises:
            SettingsError: names the file and what is wrong.
        """
        path = INSTRUMENTS / self.file
        try:
            text = path.read_text("utf-8")
        except OSError as error:
            raise SettingsError(f"instrument {path}: {error.strerror}") from error
        text = text.replace("{coin}", self.coin).replace("{code}", code)
        pending = {"tick_pico": _ANY_TICK} if self.tick_by_price else {}
        fields = {"listing_ns": 0, **pending, **tomllib.loads(text), **self.terms, **more}
        unknown = sorted(fields.keys() - set(InstrumentSpec.__struct_fields__))
        if unknown:
            raise SettingsError(f"instrument {self.file}: there is no field {unknown[0]}")
        try:
            return msgspec.convert(fields, InstrumentSpec)
        except msgspec.ValidationError as error:
            raise SettingsError(f"instrument {self.file}: {error}") from error


def _instant_ns(at: datetime) -> int:
    return int(at.astimezone(UTC).timestamp()) * SECOND_NS


class Era(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of one file."""

    index: tuple[Composite, ...] = ()
    derived: tuple[Derived, ...] = ()
    series: tuple[Series, ...] = ()

    def index_specs(self) -> tuple[IndexSpec, ...]:
        """Every index, in listing order."""
        composites = [spec for entry in self.index for spec in entry.specs()]
        return (*composites, *(entry.spec() for entry in self.derived))

    def of(self, symbol: str) -> Composite | None:
        """The composite index of this symbol."""
        return next((entry for entry in self.index if entry.symbol == symbol), None)


def names(folder: Path = ERAS) -> tuple[str, ...]:
    """The eras that there are."""
    return tuple(sorted(path.stem for path in folder.glob("*.toml")))


def load(name: str, folder: Path = ERAS) -> Era:
    """Read and check an era.

    Raises:
        SettingsError: one sentence that names the file, the field and what is allowed.
    """
    path = folder / f"{name}.toml"
    try:
        era = msgspec.convert(tomllib.loads(path.read_text("utf-8")), Era)
    except OSError as error:
        raise SettingsError(f"era {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"era {path}: {error}") from error
    except msgspec.ValidationError as error:
        raise SettingsError(f"era {path}: {error}") from error
    fault = _fault(era)
    if fault:
        raise SettingsError(f"era {path}: {fault}")
    return era


def _fault(era: Era) -> str:
    above: list[str] = []
    for entry in era.index:
        fault = _price_fault(entry, above) or _first(map(index_fault, _specs(entry)))
        if fault:
            return f"index {entry.symbol}: {fault}"
        above.append(entry.symbol)
    listed = {spec.symbol for spec in era.index_specs()}
    if len(listed) < len(era.index_specs()):
        return "two indices have the same symbol"
    for derived in era.derived:
        fault = index_fault(derived.spec())
        if not fault and derived.kind.startswith("premium"):
            if derived.source not in _perpetuals(era):
                fault = f"source {derived.source!r} is not a perpetual of the era"
        elif not fault and derived.kind != "lending" and derived.source not in above:
            fault = f"source {derived.source!r} is not an index with members"
        if fault:
            return f"index {derived.symbol}: {fault}"
    return _first(_series_fault(one, listed) for one in era.series)


def _perpetuals(era: Era) -> set[str]:
    specs = [series.template("") for series in era.series if series.every == "once"]
    return {spec.symbol for spec in specs if spec.funding_interval_ns}


def _specs(entry: Composite) -> tuple[IndexSpec, ...]:
    return entry.specs() if len(entry.weights) in {0, len(entry.members)} else ()


def _first(faults: Iterable[str]) -> str:
    return next(filter(None, faults), "")


def _price_fault(entry: Composite, above: list[str]) -> str:
    if len(entry.weights) not in {0, len(entry.members)}:
        return f"weights {list(entry.weights)} must be one for each member, or absent"
    places = (bool(entry.candles), bool(entry.price), bool(entry.same_as), bool(entry.product))
    if sum(places) != 1:
        return "exactly one of candles, price, same_as and product must be given"
    if entry.price and not 0 < entry.price_pico <= _DEAREST * PICO:
        return f"price {entry.price} must be above 0, at most {_DEAREST}"
    if entry.volatility < 0 or (entry.volatility and not entry.price):
        return f"volatility {entry.volatility} must not be negative, and goes with price"
    if not -1 <= entry.correlation <= 1 or (entry.along and not entry.volatility):
        return f"correlation {entry.correlation} must be from -1 to 1, and needs volatility"
    if entry.begins is not None and entry.begins.tzinfo is None:
        return f"begins {entry.begins} must have a time zone: 2016-10-28T12:00:00Z"
    if entry.product and len(entry.product) != 2:
        return f"product {list(entry.product)} must be two indices"
    for symbol in (*entry.product, *filter(None, (entry.same_as, entry.along))):
        if symbol not in above:
            return f"{symbol!r} must be an index that stands above it"
    return ""


def _series_fault(series: Series, listed: set[str]) -> str:
    who = f"series {series.file}"
    if series.every == "quarter" and not set(series.months) <= set("FGHJKMNQUVXZ"):
        return f"{who}: months {series.months!r} must be of FGHJKMNQUVXZ"
    for name, least in (("ahead", 1), ("spread_ppm", 1), ("notice_days", 0), ("strike_round", 1)):
        if getattr(series, name) < least:
            return f"{who}: {name} {getattr(series, name)} must be at least {least}"
    fault = _dates_fault(series)
    if fault:
        return f"{who}: {fault}"
    if series.put and not series.strike_percent:
        return f"{who}: put needs strike_percent"
    if series.strike_percent:
        return "" if series.every == "week" else f"{who}: every must be week with strike_percent"
    more = {} if series.every == "once" else {"expiry_ns": DAY_NS}
    spec = series.template("H18", **more)
    fault = instrument_fault(spec)
    if not fault and spec.reference_symbol and spec.reference_symbol not in listed:
        fault = f"reference_symbol {spec.reference_symbol!r} is not an index of the era"
    return fault and f"{who}: {fault}"


def _dates_fault(series: Series) -> str:
    dates = series.listing, series.expiry
    if series.every != "dated":
        return "listing and expiry go with every dated" if any(dates) else ""
    if not all(dates) or any(date is not None and date.tzinfo is None for date in dates):
        return "listing and expiry must be given with every dated, and have a time zone"
    listing_ns, expiry_ns = series.dates_ns
    return "" if listing_ns < expiry_ns else f"expiry {dates[1]} must be after listing {dates[0]}"
