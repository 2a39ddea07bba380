"""Fair basis: what a contract is worth over its index, by interest and by time left (E7).

Index, basis and fair price are in the contract's mark units (10**-mark_decimals); rates are ppm.
Time steps once a minute: what is left is counted from the start of the current minute, and since
expiries and fundings fall on whole minutes, that is the time left rounded up to a minute.
"""

from sim_exchange.core.types import MINUTE_NS, PICO, PPM, rha

YEAR_MINUTES = 365 * 24 * 60
WHOLE_PERCENT_PPM = 10_000


def whole_minutes(ns_left: int) -> int:
    """Return the time left in minutes, as the mark counts it.

    >>> whole_minutes(60_000_000_000), whole_minutes(60_000_000_001)
    (1, 2)
    """
    return -(-ns_left // MINUTE_NS)


def futures_basis_rate_ppm(
    impact_mid_pico: int, index_units: int, decimals: int, ns_to_expiry: int
) -> int:
    """Return %fairBasis of a future: the impact mid over the index, a year, to a whole percent.

    Args:
        impact_mid_pico: mean of the impact prices, rounded to half a tick, pico.
        index_units: the reference index in 10**-decimals; positive.
        decimals: of the index value given.
        ns_to_expiry: positive; at expiry there is nothing left to divide by, and the mark is the
            indicative settlement price.

    Returns:
        ppm, a multiple of 10,000; halves of a percent away from zero.

    Raises:
        ValueError: no index or no time left.
    """
    minutes = whole_minutes(ns_to_expiry)
    if index_units <= 0 or minutes <= 0:
        raise ValueError(f"no basis rate at index {index_units} with {ns_to_expiry} ns left")
    scale: int = 10**decimals
    index = index_units * PICO
    premium = impact_mid_pico * scale - index
    return rha(premium * 100 * YEAR_MINUTES, index * minutes) * WHOLE_PERCENT_PPM


def fair_basis(index_units: int, rate_ppm: int, ns_to_expiry: int) -> int:
    """Return a future's basis in mark units: index * rate * time left in years of 365 days.

    The fair price is the index plus this rounded basis.
    """
    minutes = max(0, whole_minutes(ns_to_expiry))
    return rha(index_units * rate_ppm * minutes, PPM * YEAR_MINUTES)


def perpetual_basis(
    index_units: int, funding_ppm: int, ns_to_funding: int, interval_ns: int
) -> int:
    """Return a perpetual's basis in mark units: the part of the funding rate still to be earned.

    It is the fair price, index * (1 + rate * time left / interval) rounded, less the index.
    """
    minutes = max(0, whole_minutes(ns_to_funding))
    whole = PPM * (interval_ns // MINUTE_NS)
    return rha(index_units * (whole + funding_ppm * minutes), whole) - index_units


def perpetual_basis_rate_ppm(funding_ppm: int, interval_ns: int) -> int:
    """Return the basis rate that a perpetual shows: its funding rate times the fundings of a year.

    >>> perpetual_basis_rate_ppm(100, 8 * 3600 * 10**9)
    109500
    """
    return rha(funding_ppm * YEAR_MINUTES * MINUTE_NS, interval_ns)


def may_update(
    impact_bid_pico: int,
    impact_ask_pico: int,
    index_units: int,
    decimals: int,
    maint_margin_ppm: int,
    least_pico: int = 0,
) -> bool:
    """Return whether the impact spread is narrow enough to take a new basis rate from it.

    Ask - bid must be below maintenance margin times index; from 2021 on below ``least_pico``, three
    ticks, where that is more.
    """
    scale: int = 10**decimals
    spread = impact_ask_pico - impact_bid_pico
    return spread < least_pico or spread * scale * PPM < maint_margin_ppm * index_units * PICO
