"""What a contract of mining earns (E25): a day's share of the blocks that its hashes find."""

from fractions import Fraction

from sim_exchange.core.specs import DividendTerms
from sim_exchange.core.types import PPM

HASHES_PER_DIFFICULTY = 2**32
DAY_S = 86_400


def gross_a_day(terms: DividendTerms) -> Fraction:
    """Return what one contract earns a day before the pool's fee, minor units, exactly."""
    hashes = terms.hashrate * DAY_S
    return Fraction(hashes * terms.reward, terms.difficulty * HASHES_PER_DIFFICULTY)


def dividend_a_day(terms: DividendTerms) -> Fraction:
    """Return what one contract earns a day, minor units, exactly."""
    return gross_a_day(terms) * (PPM - terms.pool_fee_ppm) / PPM
