"""The plugin API: one Protocol, one required method.

    # my_quotes.py            mmbot run --strategy my_quotes.py:FixedSpread
    @dataclass
    class FixedSpread:
        half_spread: float = 0.005      # fraction of spot
        size: int = 300                 # contracts

        def quote(self, view: View) -> Quotes:
            return Quotes(bids=(Level(view.spot * (1 - self.half_spread), self.size),),
                          asks=(Level(view.spot * (1 + self.half_spread), self.size),))

A strategy says what it wishes; the framework rounds, limits, diffs and sends.
"""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import msgspec

from mmbot.types import FillSeen, Instrument


class Level(msgspec.Struct, frozen=True):
    """One wished order: ``price`` in quote currency, ``size`` in contracts (> 0)."""

    price: float
    size: int


class Quotes(msgspec.Struct, frozen=True):
    """The wished quote, best first; an empty side means no quote on that side."""

    bids: tuple[Level, ...] = ()
    asks: tuple[Level, ...] = ()


class View(msgspec.Struct, frozen=True, kw_only=True):
    """All that a strategy may know, frozen, at one instant.

    Prices are floats in quote currency; rates are fractions a year (0.05 = 5 %); None = unknown.
    """

    now_ns: int
    instrument: Instrument
    spot_bid: float
    spot_ask: float
    spot: float  # mid of spot
    best_bid: float | None  # of the contract's book, our own orders included
    best_ask: float | None
    mark: float | None
    index: float | None
    position: int  # contracts, positive when long
    target_position: int  # what inventory skew measures against
    years_to_settlement: float  # of 365 days; 0 at and after settlement, and for perpetuals
    home_rate: float  # of the settlement currency
    foreign_rate: float | None  # borrow rate of the underlying; None = nobody lends
    spot_taker_fee: float
    wallet_balance: int  # settlement currency, minor units
    last_bids: tuple[Level, ...] = ()  # what the strategy answered last
    last_asks: tuple[Level, ...] = ()


class Strategy(Protocol):
    """What the framework needs: ``quote``."""

    def quote(self, view: View) -> Quotes:
        """Return the wished quote for this instant; no side effects on the outside."""
        ...


@runtime_checkable
class SeesFills(Protocol):
    """Optional: be told of own fills."""

    def on_fill(self, fill: FillSeen) -> None:
        """Own fill in the quoted contract."""
        ...


@runtime_checkable
class Explains(Protocol):
    """Optional: say how the last quote came about (terms as fractions of spot)."""

    def explain(self) -> Mapping[str, float]:
        """Name -> value, shown beside the quote: basis, skew, half_spread, fair..."""
        ...
