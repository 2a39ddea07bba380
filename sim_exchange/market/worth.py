"""What an UP or a DOWN is worth before it expires, to those who quote and open it.

The index is taken to be lognormal without drift. A DOWN's barrier is left out: it pays its whole
notional there, what it would be worth at expiry.
"""

from math import erf, exp, log, sqrt

from sim_exchange.core.specs import InstrumentSpec
from sim_exchange.core.types import DAY_NS

_YEAR_NS = 365 * DAY_NS
_LEAST_VOLATILITY = 0.1


def option_worth(spec: InstrumentSpec, index_pico: int, at_ns: int, volatility: float) -> int:
    """Return what one contract is worth, pico of the settlement currency.

    Args:
        spec: an option.
        index_pico: price of its index.
        at_ns: now.
        volatility: standard deviation of the index's log return of a year.

    Raises:
        ValueError: ``spec`` is no option.
    """
    option = spec.option
    if option is None or spec.expiry_ns is None:
        raise ValueError(f"{spec.symbol} is no option")
    years = max(0, spec.expiry_ns - at_ns) / _YEAR_NS
    deviation = max(volatility, _LEAST_VOLATILITY) * sqrt(max(years, 1e-9))
    ratio = option.strike_pico / index_pico
    distance = log(ratio) / deviation + deviation / 2
    lift = ratio * exp(deviation * deviation)
    if option.call:
        share = _normal(-distance) - lift * _normal(-distance - deviation)
    else:
        share = lift * _normal(distance + deviation) - _normal(distance)
    return round(spec.max_price_ticks * spec.tick_pico * min(1.0, max(0.0, share)))


def _normal(x: float) -> float:
    return (1 + erf(x / sqrt(2))) / 2
