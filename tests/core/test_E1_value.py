"""E1: profit is the difference of two integer values."""

import msgspec
import pytest

from sim_exchange.core.contracts.instrument import instrument_fault
from sim_exchange.core.contracts.value import ValueMaths
from sim_exchange.core.orders.account import Account, Position
from sim_exchange.core.orders.market import Market
from sim_exchange.core.specs import InstrumentSpec
from sim_exchange.core.types import Kind, SettlementKind
from tests.core.world import ETC7D, XBTUSD

DOLLAR = msgspec.structs.replace(XBTUSD, tick_pico=10**12, mark_decimals=0)
ETHUSD = msgspec.structs.replace(
    DOLLAR, symbol="ETHUSD", kind=Kind.QUANTO, multiplier=100, init_margin_ppm=20_000
)


def position(spec: InstrumentSpec) -> Position:
    """A flat position in a market of its own."""
    return Position(Account(1, "a", (), 0), Market(0, spec))


def trade(held: Position, side: int, qty: int, ticks: int) -> int:
    """Trade at a price in ticks; return the realised PNL."""
    return held.trade(side, qty, held.market.maths.exec_cost(side, ticks, qty))


def test_E1_inverse_long_gains_when_the_price_rises() -> None:
    held = position(DOLLAR)
    trade(held, 1, 1_000, 1_000)
    held.market.set_mark(1_250)

    assert held.unrealised_pnl == 20_000_000
    assert held.cost == -100_000_000  # the API's sign of a long inverse cost
    assert trade(held, -1, 500, 1_500) == 16_666_500
    assert trade(held, -1, 500, 1_250) == 10_000_000
    assert (held.qty, held.cost) == (0, 0)


@pytest.mark.parametrize(("lot", "pnl"), [(1, 47_600_000), (100, 47_619_000)])
def test_E1_the_lot_size_decides_the_rounding(lot: int, pnl: int) -> None:
    held = position(msgspec.structs.replace(DOLLAR, lot_size=lot))
    trade(held, 1, 100_000, 10_000)

    assert trade(held, -1, 100_000, 10_500) == pnl


def test_E1_cost_and_value_have_the_sign_of_the_wire() -> None:
    for spec, side, sign in ((DOLLAR, 1, -1), (DOLLAR, -1, 1), (ETC7D, 1, 1), (ETC7D, -1, -1)):
        held = position(spec)
        trade(held, side, 100, 1_000)
        held.market.set_mark(1_100 * (100 if spec is ETC7D else 1))
        assert held.cost * sign > 0
        assert held.mark_value * sign > 0
        assert held.unrealised_pnl == held.mark_value - held.cost


def test_E1_profit_is_of_the_released_cost_never_of_the_shown_average() -> None:
    held = position(DOLLAR)
    trade(held, 1, 80, 7_500)
    trade(held, 1, 20, 7_800)
    assert trade(held, -1, 50, 8_000) == 1_323_060 // 2 - 50 * 12_500
    assert trade(held, -1, 50, 8_000) == 1_323_060 // 2 - 50 * 12_500


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"settlement_kind": SettlementKind.ZERO}, "settlement_kind zero"),
        ({"settlement_kind": SettlementKind.FIXED, "opening_reference": 0}, "opening_reference 0"),
    ],
)
def test_E1_an_inverse_contract_that_would_settle_at_0_is_refused(
    changes: dict[str, object], named: str
) -> None:
    assert named in instrument_fault(msgspec.structs.replace(DOLLAR, **changes))
    assert instrument_fault(msgspec.structs.replace(ETC7D, **changes)) == ""


def test_E1_inverse_short_of_the_cash_and_carry() -> None:
    held = position(DOLLAR)
    trade(held, -1, 12_000, 120)

    assert held.market.maths.at_ticks(120) == 833_333
    assert trade(held, 1, 12_000, 100) == 2_000_004_000


def test_E1_linear_short_bought_back_lower() -> None:
    held = position(ETC7D)
    trade(held, -1, 300, 20_100)

    assert held.cost == -603_000_000
    assert trade(held, 1, 300, 19_900) == 6_000_000


def test_E1_quanto_pays_a_fixed_amount_a_dollar() -> None:
    held = position(ETHUSD)
    trade(held, 1, 10_000, 500)
    assert trade(held, -1, 10_000, 600) == 100_000_000

    trade(held, -1, 100_000, 500)
    assert trade(held, 1, 100_000, 750) == -2_500_000_000


def test_E1_an_inverse_contract_has_no_value_at_price_0_but_a_linear_one_has() -> None:
    with pytest.raises(ZeroDivisionError):
        position(DOLLAR).market.maths.at_ticks(0)
    assert position(ETC7D).market.maths.at_ticks(0) == 0


def test_E1_the_value_of_a_lot_of_a_linear_contract_is_rounded_half_away_from_zero() -> None:
    """A tick of which a lot is worth half a minor unit: 1 tick 1, 2 ticks 1, 3 ticks 2."""
    maths = ValueMaths(
        msgspec.structs.replace(ETC7D, multiplier=100, tick_pico=5 * 10**9, mark_decimals=3)
    )

    assert [maths.at_ticks(ticks) for ticks in (1, 2, 3, 5)] == [1, 1, 2, 3]
