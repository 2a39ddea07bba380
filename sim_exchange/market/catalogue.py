"""What is listed for a coin: its indices (composite, 30-minute mean, lending), spot, weekly future.

The figures of an instrument stand in ``instruments/*.toml``; here they meet the coin and the date.
"""

import tomllib
from math import floor, log10
from pathlib import Path

import msgspec

from sim_exchange.core.specs import Constituent, IndexSpec, InstrumentSpec
from sim_exchange.core.types import PICO, IndexKind
from sim_exchange.market.candles import WEEK_NS, friday_noon

INSTRUMENTS = Path(__file__).parent / "instruments"
VENUES = ("BITTREX", "KRAKEN", "POLONIEX")
"""The three constituents of a coin's index, weighted equally."""

_SMALLEST_TICK_PICO = 10_000


def spot_symbol(coin: str) -> str:
    """``ETC`` -> ``ETC_XBT``."""
    return f"{coin}_XBT"


def weekly_symbol(coin: str) -> str:
    """``ETC`` -> ``ETC7D``."""
    return f"{coin}7D"


def index_symbol(coin: str) -> str:
    """``ETC`` -> ``.ETCXBT``."""
    return f".{coin}XBT"


def tick_pico(price: int) -> int:
    """Return the tick of a weekly future at a price, both in pico: four figures, at least 1e-8.

    >>> tick_pico(2_436_490_000), tick_pico(87_310_030_000), tick_pico(52_890_000)
    (1000000, 10000000, 10000)
    """
    magnitude = floor(log10(price / PICO)) - 3
    return max(_SMALLEST_TICK_PICO, round(PICO * 10.0**magnitude))


def week_of(at_ns: int) -> tuple[int, int]:
    """Return (listing, expiry) of the weekly future that trades at an instant.

    >>> week_of(week_of(0)[1]) == (week_of(0)[1], week_of(0)[1] + WEEK_NS)
    True
    """
    expiry = friday_noon(at_ns + 1)
    return expiry - WEEK_NS, expiry


def indices(coin: str) -> tuple[IndexSpec, ...]:
    """The index symbols of a coin: composite, its 30-minute mean, lending; in listing order."""
    symbol = index_symbol(coin)
    composite = IndexSpec(
        symbol=symbol,
        kind=IndexKind.COMPOSITE,
        root=coin,
        underlying=coin,
        quote_currency="XBT",
        decimals=8,
        constituents=tuple(Constituent(name, 1, len(VENUES)) for name in VENUES),
    )
    mean = IndexSpec(
        symbol=f"{symbol}30M",
        kind=IndexKind.TWAP30,
        root=coin,
        underlying=coin,
        quote_currency="XBT",
        decimals=8,
        source=symbol,
    )
    lending = IndexSpec(
        symbol=f".{coin}BON",
        kind=IndexKind.LENDING,
        root=coin,
        underlying=coin,
        quote_currency=coin,
        decimals=8,
        source=coin,
        typ="MRRXXX",
    )
    return composite, mean, lending


def spot(coin: str, listing_ns: int) -> InstrumentSpec:
    """The spot market of a coin."""
    return _read("spot.toml", coin, listing_ns=listing_ns)


def weekly(coin: str, price: int, listing_ns: int, expiry_ns: int) -> InstrumentSpec:
    """The weekly future of a coin that is worth ``price`` pico XBT when it is listed."""
    return _read(
        "weekly.toml",
        coin,
        tick_pico=tick_pico(price),
        listing_ns=listing_ns,
        expiry_ns=expiry_ns,
    )


def _read(name: str, coin: str, **more: int) -> InstrumentSpec:
    text = (INSTRUMENTS / name).read_text("utf-8").replace("{coin}", coin)
    return msgspec.convert({**tomllib.loads(text), **more}, InstrumentSpec)
