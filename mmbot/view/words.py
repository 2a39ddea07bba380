"""How figures are spelt: money, prices, shares of spot, times; one spelling for every view."""

from datetime import UTC, datetime

from mmbot.books.parts import Part
from mmbot.books.worth import minor_decimals
from mmbot.types import Instrument

PART_NAME: dict[Part, str] = {
    Part.SPREAD: "spread",
    Part.INVENTORY: "inventory",
    Part.BASIS: "basis carry",
    Part.HEDGE_SLIPPAGE: "hedge slippage",
    Part.INTEREST: "borrow interest",
    Part.FEES: "fees",
    Part.SETTLEMENT_SLIPPAGE: "settlement slippage",
}


def major(currency: str) -> str:
    """Return the name of a whole coin of a currency's minor unit.

    >>> major("XBt"), major("USDt"), major("ETC")
    ('XBT', 'USDT', 'ETC')
    """
    return currency.upper() if currency in ("XBt", "USDt") else currency


def money(units: float, currency: str, *, sign: bool = True, decimals: int | None = None) -> str:
    """Return minor units as whole coins, with all decimals unless told otherwise.

    >>> money(123456, "XBt"), money(-1, "XBt"), money(0, "XBt"), money(5, "XBt", sign=False)
    ('+0.00123456', '-0.00000001', '0.00000000', '0.00000005')
    """
    places = minor_decimals(currency)
    value = round(units) / 10**places
    shown = places if decimals is None else decimals
    text = f"{value:+,.{shown}f}" if sign and round(units) else f"{value:,.{shown}f}"
    # A loss too small for the decimals shown is no loss of zero.
    return text.lstrip("+-") if not float(text.replace(",", "")) else text


def coins(units: int, currency: str, *, sign: bool = True) -> str:
    """Return coins for the eye: four decimals, few enough to read at a glance.

    >>> coins(-300 * 10**8, "ETC"), coins(1, "ETC"), coins(0, "ETC")
    ('-300.0000', '+0.00000001', '0')
    """
    if not units:
        return "0"
    return money(units, currency, sign=sign, decimals=4 if abs(units) >= 10**4 else None)


def price(ticks: int, instrument: Instrument) -> str:
    """Return ticks as a price with the decimals of the tick."""
    return f"{instrument.price(ticks):.{decimals_of(instrument)}f}"


def decimals_of(instrument: Instrument) -> int:
    """Return how many decimals the instrument's prices have."""
    places = 0
    while (instrument.tick * 10**places).denominator != 1:
        places += 1
    return places


def percent(fraction: float, decimals: int = 3) -> str:
    """Return a fraction as a percentage with its sign.

    >>> percent(-0.0041), percent(0.0)
    ('-0.410 %', '0.000 %')
    """
    text = f"{fraction * 100:+.{decimals}f}"
    return f"{text if float(text) else text.lstrip('+-')} %"


def clock(at_ns: int, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    """Return an instant in UTC.

    >>> clock(1_515_758_400_000_000_000)
    '2018-01-12 12:00:00'
    """
    return datetime.fromtimestamp(at_ns // 10**9, tz=UTC).strftime(form)


def span(ns: int) -> str:
    """Return a span of time in its two largest units.

    >>> span(604800 * 10**9), span(61 * 10**9), span(-1)
    ('7d 00h', '1m 01s', '0m 00s')
    """
    seconds = max(0, ns) // 10**9
    days, hours, minutes = seconds // 86_400, seconds // 3600 % 24, seconds // 60 % 60
    if days:
        return f"{days}d {hours:02}h"
    if hours:
        return f"{hours}h {minutes:02}m"
    return f"{minutes}m {seconds % 60:02}s"
