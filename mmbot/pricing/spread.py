"""How wide a quote must be, and the two prices that come of it (Lesson 1)."""

from math import sqrt


def quote_spread(
    *, spot_fee: float, settlement_fee: float, spot_spread: float, profit: float
) -> float:
    """Return the whole width of a quote, as a fraction of mid.

    Args:
        spot_fee: what hedging costs in fees, all sides together.
        settlement_fee: of the contract, where positions are held to expiry; else 0.
        spot_spread: bid/ask spread of the spot book, which each hedge crosses.
        profit: what the market maker wants to keep.

    Source: "How to Market Make Bitcoin Derivatives", Lesson 1.

    >>> round(quote_spread(spot_fee=0.0025, settlement_fee=0, spot_spread=0.002, profit=0.0055), 6)
    0.01
    """
    return spot_fee + settlement_fee + spot_spread + profit


def two_sided(mid: float, spread: float) -> tuple[float, float]:
    """Return (bid, ask) around ``mid``; ``spread`` is the whole width, a fraction of mid.

    >>> two_sided(0.02, 0.01)
    (0.0199, 0.0201)
    """
    return mid * (1 - spread / 2), mid * (1 + spread / 2)


def relative_spread(bid: float, ask: float, *, of_mid: bool = True) -> float:
    """Return the width between two prices, as a fraction of their mid.

    With ``of_mid`` False it is a fraction of the bid, as Lesson 2 measures it.

    Raises:
        ValueError: a price is not positive.

    >>> relative_spread(10.0, 11.0, of_mid=False)
    0.1
    """
    if bid <= 0 or ask <= 0:
        raise ValueError(f"no spread between {bid=} and {ask=}")
    return (ask - bid) / ((bid + ask) / 2 if of_mid else bid)


def volatile_half_spread(
    base: float, sigma: float, *, weight: float, horizon_s: float, floor: float = 0.0
) -> float:
    """Return a half spread that widens with volatility: max(floor, base + k sigma sqrt(horizon)).

    Args:
        base: half spread of a calm market, a fraction of mid.
        sigma: volatility of spot, a fraction per square root of a second.
        weight: the k; 0 switches the widening off.
        horizon_s: seconds that a quote may stand before it is moved.
        floor: never narrower than this.

    >>> volatile_half_spread(0.005, 0.0005, weight=1, horizon_s=4)
    0.006
    """
    return max(floor, base + weight * sigma * sqrt(horizon_s))


def volatile_size(base: float, sigma: float, *, weight: float, sigma_ref: float) -> float:
    """Return a size that shrinks with volatility: base / (1 + c sigma / sigma_ref).

    ``sigma`` and ``sigma_ref`` are in one unit; ``weight`` is the c, 0 switches it off.

    Raises:
        ValueError: ``sigma_ref`` is not positive.

    >>> volatile_size(300, 0.02, weight=1, sigma_ref=0.01)
    100.0
    """
    if sigma_ref <= 0:
        raise ValueError(f"{sigma_ref=} must be positive")
    return base / (1 + weight * sigma / sigma_ref)
