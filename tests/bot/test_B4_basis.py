"""B4: the basis from covered interest parity (Lesson 2)."""

from decimal import ROUND_HALF_UP, Decimal

import pytest

from mmbot.pricing.basis import annual_rate, cip_basis, years_between
from mmbot.types import YEAR_NS

WEEK = 7 / 365


def printed(value: float, digits: str) -> Decimal:
    return Decimal(repr(value)).quantize(Decimal(digits), ROUND_HALF_UP)


@pytest.mark.parametrize(
    ("home", "coin", "basis"), [(0.0, 0.5, "-0.0094979647"), (0.05, 0.5, "-0.0085481682")]
)
def test_B4_golden_basis_of_a_week(home, coin, basis):
    assert printed(cip_basis(home, coin, WEEK), "1e-10") == Decimal(basis)


def test_B4_golden_points_and_mid():
    basis = cip_basis(0.0, 0.5, WEEK)

    assert printed(basis * 100, "0.01") == Decimal("-0.95")
    assert printed(0.02 * basis, "1e-11") == Decimal("-0.00018995929")
    assert printed(0.02 * basis, "1e-5") == Decimal("-0.00019")
    assert printed(0.02 * (1 + basis), "1e-11") == Decimal("0.01981004071")
    assert printed(0.02 * (1 + basis), "1e-5") == Decimal("0.01981")


def test_B4_rate_that_was_printed_at_8_decimals_moves_the_last_digits():
    rate = annual_rate(0.00136986)

    assert printed(0.02 * (1 + cip_basis(0.0, rate, WEEK)), "1e-11") == Decimal("0.01981004112")


def test_B4_expired_contract_has_no_basis():
    assert cip_basis(0.0, 0.5, 0.0) == 0.0
    assert cip_basis(0.0, 0.5, -1.0) == 0.0
    assert years_between(YEAR_NS, 0) == 0.0


def test_B4_growth_factor_that_is_not_positive_is_refused():
    with pytest.raises(ValueError, match="no basis for"):
        cip_basis(0.0, -2.0, 1.0)
