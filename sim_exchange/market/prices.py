"""What moves the index prices of an era: files of candles, made-up paths, products of both.

At the start of a world a made-up path is at the price that the era's file names.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from sim_exchange.core.types import PICO
from sim_exchange.market import candles
from sim_exchange.market.era import Composite, Era
from sim_exchange.market.path import QUANTUM, ReferencePath
from sim_exchange.market.wander import Wander


class Priced(Protocol):
    """Something that has a price at each instant."""

    def price(self, at_ns: int) -> int:
        """The price in pico of the quote currency, positive; it changes every five seconds."""
        ...


class Held:
    """A price that stays."""

    def __init__(self, price: int) -> None:
        """Stay at ``price`` pico."""
        self._price = price

    def price(self, at_ns: int) -> int:  # noqa: ARG002 (the same at each instant)
        """The price."""
        return self._price


class Product:
    """The product of two prices: ether in bitcoin times bitcoin in dollars."""

    def __init__(self, one: Priced, other: Priced) -> None:
        """Multiply ``one`` by ``other``."""
        self._one = one
        self._other = other

    def price(self, at_ns: int) -> int:
        """The price, pico."""
        return max(QUANTUM, self._one.price(at_ns) * self._other.price(at_ns) // PICO)


def prices_of(
    era: Era, seed: int, begin_ns: int, paths: Iterable[ReferencePath]
) -> dict[str, Priced]:
    """Return what each composite index of an era follows, by its symbol.

    Args:
        era: the era.
        seed: of the world.
        begin_ns: where made-up paths are at the era's prices, and files of candles unscaled.
        paths: of the coins whose candles were given; they are taken before the bundled ones.

    Raises:
        SettingsError: a file of candles that the era names is not there, or not good.
    """
    given = {path.coin: path for path in paths}
    found: dict[str, Priced] = {}
    wanders: dict[str, Wander] = {}
    for entry in era.index:
        if entry.quote == "XBT" and entry.underlying in given and (entry.candles or entry.price):
            found[entry.symbol] = given[entry.underlying]
        elif entry.candles:
            file = candles.load(candles.DATA / entry.candles)
            found[entry.symbol] = ReferencePath(file, seed, begin_ns)
        elif entry.same_as:
            found[entry.symbol] = found[entry.same_as]
        elif entry.product:
            found[entry.symbol] = Product(*(found[symbol] for symbol in entry.product))
        elif entry.volatility:
            wanders[entry.symbol] = _wander(entry, seed, begin_ns, wanders)
            found[entry.symbol] = wanders[entry.symbol]
        else:
            found[entry.symbol] = Held(entry.price_pico)
    return found


def _wander(entry: Composite, seed: int, begin_ns: int, wanders: Mapping[str, Wander]) -> Wander:
    other = wanders.get(entry.along)

    def begun(start: int) -> Wander:
        return Wander(
            entry.symbol,
            seed,
            start,
            volatility=entry.volatility,
            along=None if other is None else (other, entry.correlation),
        )

    return _from(begun, entry.price_pico, begin_ns)


def wandering(symbol: str, seed: int, begin_ns: int, price: int, volatility: float) -> Wander:
    """Return a path of its own that is at ``price`` pico at ``begin_ns``."""

    def begun(start: int) -> Wander:
        return Wander(symbol, seed, start, volatility=volatility)

    return _from(begun, price, begin_ns)


def _from(begun: Callable[[int], Wander], price: int, begin_ns: int) -> Wander:
    # Of whatever it would be at the beginning, so much more or less.
    return begun(max(1, price * price // begun(price).price(begin_ns)))
