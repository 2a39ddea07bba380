"""A composite index on its own, and what its constituents print (E9)."""

from fractions import Fraction

from sim_exchange.core.fixings.index import CompositeIndex
from sim_exchange.core.specs import Constituent, IndexSpec
from sim_exchange.core.types import HOUR_NS, MINUTE_NS, PICO, SECOND_NS

FIVE = 5 * SECOND_NS
NOON = 1_516_363_200 * SECOND_NS  # 2018-01-19T12:00Z


def index_of(names: str, *, outlier_ppm: int = 250_000, decimals: int = 2, **options):
    members = tuple(Constituent(name, 1, len(names)) for name in names)
    return CompositeIndex(
        IndexSpec(
            symbol=".TST",
            constituents=members,
            decimals=decimals,
            outlier_ppm=outlier_ppm,
            **options,
        )
    )


def pico(price) -> int:
    return int(Fraction(str(price)) * PICO)


def prints(index: CompositeIndex, at_ns: int, *prices) -> int | None:
    """One print of each constituent (0 = none), then the publication of that instant."""
    for i, price in enumerate(prices):
        index.print(i, pico(price), at_ns)
    return index.publish(at_ns)


def clock(hours: int, minutes: int, seconds: int = 0) -> int:
    return NOON + (hours - 12) * HOUR_NS + minutes * MINUTE_NS + seconds * SECOND_NS


def a_alone(index: CompositeIndex, until_ns: int) -> None:
    """Let A print 100 every minute after 12:00 and before ``until_ns``; the rest is silent."""
    for at_ns in range(NOON + MINUTE_NS, until_ns, MINUTE_NS):
        index.print(0, pico(100), at_ns)
        index.publish(at_ns)


def weights(index: CompositeIndex) -> list[Fraction]:
    return [member.weight for member in index.members()]
