"""The middle of the quote: spot, basis and skew together (Lesson 2)."""


def quote_mid(spot: float, basis: float, skew: float, *, multiplicative: bool = False) -> float:
    """Return the middle of the quote, in quote currency.

    Args:
        spot: mid of the spot market.
        basis: fraction of spot, from ``cip_basis``.
        skew: fraction of spot, from ``inventory_skew``.
        multiplicative: spot * (1 + basis) * (1 + skew) instead of the lesson's sum.

    >>> round(quote_mid(0.02, -0.0095, -0.05), 6)
    0.01881
    """
    if multiplicative:
        return spot * (1 + basis) * (1 + skew)
    return spot * (1 + basis + skew)
