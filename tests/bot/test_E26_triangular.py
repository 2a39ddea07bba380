"""E26: the triangular check, in exact numbers."""

from decimal import Decimal
from fractions import Fraction

import pytest

from mmbot.pricing.triangular import Leg, triangular_profit, triangular_round

D = Decimal
FEE = D("0.002")


def legs(
    depths: tuple[Decimal | int, ...] = (10, 500, 500), lots: tuple[Decimal | int, ...] = (0, 0, 0)
) -> tuple[Leg, Leg, Leg]:
    """USD -> BTC at an ask of 600 -> LTC at an ask of 0.02 BTC -> USD at a bid of 12.2."""
    return (
        Leg(True, 600, depths[0], lots[0]),
        Leg(True, D("0.02"), depths[1], lots[1]),
        Leg(False, D("12.2"), depths[2], lots[2]),
    )


def test_E26_600_usd_come_back_as_606_34731512() -> None:
    found = triangular_round(legs(), FEE, 600)

    assert found is not None
    assert found.received == Fraction("606.34731512")
    assert found.paid == 600
    assert [*found.sizes] == [1, Fraction("49.9"), Fraction("49.8002")]
    assert found.profit == triangular_profit(legs(), FEE)
    assert round(found.profit * 100, 7) == Fraction("1.0578859")


@pytest.mark.parametrize("empty", [0, 1, 2])
def test_E26_no_depth_on_any_leg_is_no_trade(empty: int) -> None:
    depths = tuple(0 if leg == empty else 100 for leg in range(3))
    assert triangular_round(legs(depths), FEE, 600) is None


def test_E26_the_least_deep_book_bounds_all_three() -> None:
    found = triangular_round(legs((10, 500, D("24.9001"))), FEE, 600)

    assert found is not None
    assert found.sizes == (Fraction("0.5"), Fraction("24.95"), Fraction("24.9001"))
    assert found.paid == 300
    assert found.profit == triangular_profit(legs(), FEE)


def test_E26_each_leg_is_rounded_down_to_its_lot() -> None:
    found = triangular_round(legs(lots=(D("0.01"), 1, 1)), FEE, 605)

    assert found is not None
    assert [*found.sizes] == [1, 49, 48]  # 49.9 LTC less the fee of 0.098 are 48.902
    assert found.paid == 600
    assert found.received == 48 * Fraction("12.2") * Fraction("0.998")
    assert found.profit < 0
    assert triangular_round(legs(lots=(2, 0, 0)), FEE, 600) is None


def test_E26_a_fee_of_one_percent_makes_it_a_loss() -> None:
    assert triangular_profit(legs(), D("0.01")) < 0
    assert triangular_profit(legs(), 0) == Fraction(61, 60) - 1


def test_E26_nothing_to_pay_with_is_no_trade() -> None:
    assert triangular_round(legs(), FEE, 0) is None
    assert triangular_round(legs(), FEE, -5) is None


@pytest.mark.parametrize("fee", [D(1), D("-0.001"), D(2)])
def test_E26_bad_fees(fee: Decimal) -> None:
    with pytest.raises(ValueError, match="fee"):
        triangular_profit(legs(), fee)


def test_E26_bad_prices() -> None:
    with pytest.raises(ValueError, match="price 0"):
        triangular_round((Leg(True, 0, 1), *legs()[1:]), FEE, 1)
