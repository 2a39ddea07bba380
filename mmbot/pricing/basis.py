"""Fair basis of a future over spot by covered interest parity."""

from mmbot.types import YEAR_NS


def cip_basis(home_rate: float, foreign_rate: float, years: float) -> float:
    """Return the fair basis of a future over spot, as a fraction of spot.

    Args:
        home_rate: annual simple rate of the settlement currency (XBT); 0.05 is 5 %.
        foreign_rate: annual simple rate of the underlying (ETC); same scale.
        years: time to settlement in years of 365 days; at and after settlement (<= 0) the basis
            is 0.

    Returns:
        Dimensionless; times spot gives points. Negative when the underlying costs more to borrow.

    Raises:
        ValueError: a growth factor is not positive.

    Source: "How to Market Make Bitcoin Derivatives", Lesson 2, Calculating Basis.

    >>> round(cip_basis(0.0, 0.50, 7 / 365), 4)
    -0.0095
    >>> cip_basis(0.0, 0.50, -1.0)
    0.0
    """
    if years <= 0:
        return 0.0
    home, foreign = 1 + home_rate * years, 1 + foreign_rate * years
    if home <= 0 or foreign <= 0:
        raise ValueError(f"no basis for {home_rate=} {foreign_rate=} {years=}")
    return home / foreign - 1


def annual_rate(rate_per_day: float) -> float:
    """Return a lending market's daily rate as a simple annual one, 365 days a year.

    >>> annual_rate(0.001)
    0.365
    """
    return rate_per_day * 365


def years_between(now_ns: int, then_ns: int | None) -> float:
    """Return the years of 365 days from ``now_ns`` to ``then_ns``; 0 when past or None.

    >>> years_between(0, 365 * 86_400 * 10**9), years_between(5, 4), years_between(5, None)
    (1.0, 0.0, 0.0)
    """
    return 0.0 if then_ns is None or then_ns <= now_ns else (then_ns - now_ns) / YEAR_NS
