"""Lessons 1 and 2, the default: spot + basis + skew, in a ladder that widens with volatility.

mid  = spot x (1 + basis + skew)
bids = mid x (1 - half spread of the level), asks likewise
"""

from dataclasses import dataclass, field

from mmbot.pricing.basis import cip_basis
from mmbot.pricing.combine import quote_mid
from mmbot.pricing.contracts import contracts_for_value
from mmbot.pricing.ladder import sizes, widths
from mmbot.pricing.skew import inventory_skew, weighted_half_spread
from mmbot.pricing.spread import quote_spread, volatile_half_spread
from mmbot.pricing.volatility import Volatility
from mmbot.strategy.api import Level, Quotes, View


@dataclass
class BasisSkew:
    """A ladder around the fair price of the contract, leaning against the position.

    ``half_spread`` 0 makes the width out of the fees, the spot spread and ``profit``.
    """

    half_spread: float = 0.005  # of the innermost level, fraction of mid; 0 = from fees and profit
    profit: float = 0.004  # fraction of mid, when half_spread is 0
    levels: int = 2  # orders a side
    interval: float = 0.003  # each further level is this much wider, fraction of mid
    size_value: float = 0.4  # of the innermost level, settlement currency (XBT)
    size_growth: float = 1.5  # each further level is this many times larger
    skew: float = 1.0  # times the lesson's skew; 0 switches it off
    max_skew_size: float = 2.0  # the skew grows up to this many times the size of one side
    multiplicative: bool = False  # (1 + basis) x (1 + skew) instead of 1 + basis + skew
    volatility_weight: float = 0.5  # widen by this many sigmas over the horizon; 0 = never
    volatility_horizon_s: float = 10.0  # how long a quote may stand before it is moved
    _volatility: Volatility = field(
        default_factory=Volatility, init=False, repr=False, compare=False
    )
    _terms: dict[str, float] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse what makes no quote.

        Raises:
            ValueError: a parameter is out of its range.
        """
        if self.levels < 1 or self.size_value <= 0 or self.size_growth <= 0:
            raise ValueError(
                f"levels={self.levels}, size_value={self.size_value} and "
                f"size_growth={self.size_growth} must be positive"
            )
        if not 0 <= self.half_spread < 1 or self.interval < 0:
            raise ValueError(
                f"half_spread={self.half_spread} must be in [0, 1), "
                f"interval={self.interval} not negative"
            )

    def quote(self, view: View) -> Quotes:
        """Return the ladder of this instant."""
        self._volatility.see(view.spot, view.now_ns)
        halves = widths(self._half_spread(view), self.levels, self.interval)
        contracts = [
            contracts_for_value(view.instrument, value, view.spot)
            for value in sizes(self.size_value, self.levels, self.size_growth)
        ]
        # Nobody lends: the basis is unknown, and the one of home alone is the dearest.
        basis = cip_basis(view.home_rate, view.foreign_rate or 0.0, view.years_to_settlement)
        total = sum(contracts)
        average = weighted_half_spread(list(zip(contracts, halves, strict=True)))
        skew = self.skew * inventory_skew(
            view.position - view.target_position, total, average, limit=self.max_skew_size * total
        )
        mid = quote_mid(view.spot, basis, skew, multiplicative=self.multiplicative)
        self._terms = {
            "basis": basis,
            "skew": skew,
            "half_spread": halves[0],
            "sigma": self._volatility.sigma,
        }
        ladder = list(zip(halves, contracts, strict=True))
        bids = tuple(Level(mid * (1 - half), size) for half, size in ladder)
        asks = tuple(Level(mid * (1 + half), size) for half, size in ladder)
        if view.foreign_rate is None:
            bids = _first(bids, max(0, -view.position))
        return Quotes(bids=bids, asks=asks)

    def explain(self) -> dict[str, float]:
        """Return the terms of the last quote, fractions of spot."""
        return self._terms

    def _half_spread(self, view: View) -> float:
        base = self.half_spread or 0.5 * quote_spread(
            spot_fee=2 * view.spot_taker_fee,
            settlement_fee=0.0,
            spot_spread=(view.spot_ask - view.spot_bid) / view.spot,
            profit=self.profit,
        )
        return volatile_half_spread(
            base,
            self._volatility.sigma,
            weight=self.volatility_weight,
            horizon_s=self.volatility_horizon_s,
            floor=base,
        )


def _first(levels: tuple[Level, ...], contracts: int) -> tuple[Level, ...]:
    # Bids that make us long are hedged by selling coins that nobody lends: only what buys back
    # a short, whose hedge sells coins that we hold, may stay.
    kept = []
    for level in levels:
        size = min(level.size, contracts)
        if size > 0:
            kept.append(Level(level.price, size))
        contracts -= size
    return tuple(kept)
