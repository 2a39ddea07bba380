"""What protects one market by its own trades: breaker and speed limit, where it has them (E22)."""

from sim_exchange.core.guards.breaker import Breaker
from sim_exchange.core.guards.speed import SpeedLimit
from sim_exchange.core.specs import InstrumentSpec
from sim_exchange.core.types import Side


class Guards:
    """The guards of a market; a market without any has none of these."""

    __slots__ = ("breaker", "speed")

    def __init__(self, spec: InstrumentSpec) -> None:
        """Take the terms that the instrument publishes."""
        self.breaker = None if spec.mwcb is None else Breaker(spec.mwcb)
        self.speed = None if spec.liq_speed is None else SpeedLimit(spec.liq_speed)

    def traded(self, last: int, price: int, now_ns: int) -> int:
        """Take note of a trade at ``price`` after one at ``last``, ticks.

        Returns:
            Until when it halts the market, ns; 0 when it doesn't.
        """
        if self.speed is not None:
            self.speed.traded(price, now_ns)
        return 0 if self.breaker is None else self.breaker.traded(last, price, now_ns)

    def floor(self, side: Side, now_ns: int, last: int) -> int:
        """Return the lowest price in ticks at which the engine trades on ``side``; 0 = any."""
        if self.speed is None or side is Side.BUY:
            return 0
        return self.speed.floor(now_ns, last)

    def retick(self, before: int, after: int) -> None:
        """Count prices in ticks of ``after`` pico instead of ``before``."""
        if self.speed is not None:
            self.speed.retick(before, after)
        if self.breaker is not None:
            self.breaker.retick(before, after)


def guards_of(spec: InstrumentSpec) -> Guards | None:
    """Return the guards that an instrument asks for; None when it asks for none."""
    return None if spec.mwcb is None and spec.liq_speed is None else Guards(spec)
