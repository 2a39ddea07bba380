"""LastPriceProtected: the last trade, as far as a band around a reference lets it go (E8)."""

from sim_exchange.core.types import PPM


def band(reference: int, maint_ppm: int) -> tuple[int, int]:
    """Return the edges of the band around a reference: half the maintenance margin to each side.

    Rounded inward, to whole units of the reference (10**-mark_decimals).

    >>> band(10_000, 20_000), band(9_800, 20_000), band(101, 20_000)
    ((9900, 10100), (9702, 9898), (100, 102))
    """
    whole = 2 * PPM
    return -(-reference * (whole - maint_ppm) // whole), reference * (whole + maint_ppm) // whole


def protected_mark(last: int, before: int, reference: int, maint_ppm: int) -> int:
    """Return the mark: the last trade inside the band, else the edge that it is beyond.

    A mark that is outside, because the band moved away, may come back but never goes further off.

    Args:
        last: last trade, in mark units like all prices here.
        before: the mark so far; positive.
        reference: the middle of the band, a fair price or the mark of the minute before.
        maint_ppm: maintenance margin; the band is one such margin wide.
    """
    low, high = band(reference, maint_ppm)
    return max(min(low, before), min(max(high, before), last))
