"""B6: spot, basis and skew in one quote (Lesson 2)."""

from decimal import ROUND_HALF_UP, Decimal

import pytest

from mmbot.pricing.basis import cip_basis
from mmbot.pricing.combine import quote_mid
from mmbot.pricing.spread import two_sided

BASIS = cip_basis(0.0, 0.5, 7 / 365)


def printed(value: float) -> Decimal:
    return Decimal(repr(value)).quantize(Decimal("1e-10"), ROUND_HALF_UP)


@pytest.mark.parametrize(
    ("multiplicative", "mid"), [(False, "0.0188100407"), (True, "0.0188195387")]
)
def test_B6_golden_mid(multiplicative, mid):
    assert printed(quote_mid(0.02, BASIS, -0.05, multiplicative=multiplicative)) == Decimal(mid)


def test_B6_golden_bid_and_ask_half_a_percent_around_the_additive_mid():
    bid, ask = two_sided(quote_mid(0.02, BASIS, -0.05), 0.01)

    assert (printed(bid), printed(ask)) == (Decimal("0.0187159905"), Decimal("0.0189040909"))
