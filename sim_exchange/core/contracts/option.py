"""UPs and DOWNs (E16): weekly contracts on an index that pay a share of their highest price.

The highest price is the notional: an UP pays notional*max(0, S - K)/S, a DOWN
notional*max(0, K - S)/S, never more than the notional. Payoffs are floored on the grid of the mark.
"""

from sim_exchange.core.specs import InstrumentSpec
from sim_exchange.core.types import PICO

STRIKE_ROUND = 250
"""``optionStrikeRound``: strikes are whole multiples of it, in units of the index."""
UP_PERCENT = 110
DOWN_PERCENT = 90


def strike(index_pico: int, percent: int, step: int = STRIKE_ROUND) -> int:
    """Return the strike of a series: ``percent`` of the index, to the nearest step, in 1e-12.

    Half a step is rounded up.

    >>> strike(9_945_520_000_000_000, 110) // PICO, strike(17_816_700_000_000_000, 90) // PICO
    (11000, 16000)
    """
    unit = 100 * step * PICO
    return (2 * index_pico * percent + unit) // (2 * unit) * step * PICO


def barrier(strike_pico: int) -> int:
    """Return the barrier of a DOWN, where it pays its whole notional: half the strike."""
    return strike_pico // 2


def payoff(spec: InstrumentSpec, index_pico: int) -> int:
    """Return what an option pays at an index of 1e-12, as a price in 10**-mark_decimals, floored.

    Raises:
        ValueError: ``spec`` is no option, or there is no index.
    """
    option = spec.option
    if option is None or index_pico <= 0:
        raise ValueError(f"{spec.symbol} pays nothing at {index_pico}")
    gain = index_pico - option.strike_pico if option.call else option.strike_pico - index_pico
    highest = spec.max_price_ticks * spec.tick_pico
    unit: int = 10 ** (12 - spec.mark_decimals)
    return highest * min(max(0, gain), index_pico) // (index_pico * unit)
