"""Lesson 1: the same distance from spot on both sides, whatever the position."""

from dataclasses import dataclass

from mmbot.pricing.contracts import contracts_for_value
from mmbot.strategy.api import Level, Quotes, View


@dataclass
class FixedSpread:
    """One order a side, ``half_spread`` from the middle of spot."""

    half_spread: float = 0.005  # fraction of spot
    size_value: float = 0.5  # value of an order in settlement currency (XBT)

    def quote(self, view: View) -> Quotes:
        """Return one bid and one ask."""
        size = contracts_for_value(view.instrument, self.size_value, view.spot)
        if size <= 0:
            return Quotes()
        return Quotes(
            bids=(Level(view.spot * (1 - self.half_spread), size),),
            asks=(Level(view.spot * (1 + self.half_spread), size),),
        )

    def explain(self) -> dict[str, float]:
        """Return the one term that there is."""
        return {"half_spread": self.half_spread}
