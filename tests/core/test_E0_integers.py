"""E0: money is integers; one rounding a lot, one a fee."""

import msgspec
import pytest

from sim_exchange.core.contracts.instrument import instrument_fault
from sim_exchange.core.contracts.value import ValueMaths, fee
from sim_exchange.core.types import PICO, rha
from tests.core.world import BUY, SELL, XBTUSD, inverse_world


@pytest.mark.parametrize(
    ("twice", "rounded"), [(5, 3), (-5, -3), (3, 2), (-3, -2), (1, 1), (-1, -1), (4, 2), (0, 0)]
)
def test_E0_halves_go_away_from_zero(twice: int, rounded: int) -> None:
    assert rha(twice, 2) == rounded


@pytest.mark.parametrize(
    ("price", "contracts", "lot", "multiplier", "value"),
    [
        ("11587.5", 8, 1, 10**8, 69_040),
        ("11584", 8, 1, 10**8, 69_064),
        ("8335", 40, 1, 10**8, 479_920),
        ("6296.5", 20, 1, 10**8, 317_640),
        ("11540", 9, 1, 10**8, 77_994),
        ("12515.5", 1, 1, 10**8, 7_990),
        ("1219300", 5, 1, 10**10, 41_005),
        ("13201000", 1, 1, 10**11, 7_575),
        ("32175", 1_000, 100, 10**8, 3_108_000),
        ("32184.89", 574_264_600, 100, 10**8, 1_784_268_825_430),
        ("97849.76", 411_647_400, 100, 10**8, 420_691_293_378),
    ],
)
def test_E0_one_lot_is_rounded_then_multiplied(
    price: str, contracts: int, lot: int, multiplier: int, value: int
) -> None:
    spec = msgspec.structs.replace(XBTUSD, multiplier=-multiplier, lot_size=lot)
    whole, _, decimals = price.partition(".")
    pico = int(whole + decimals) * PICO // 10 ** len(decimals)

    assert ValueMaths(spec).at_pico(pico) * (contracts // lot) == value


@pytest.mark.parametrize(
    ("rate_ppm", "value", "charged"),
    [
        (750, 88_155, 66),
        (750, 317_640, 238),
        (-250, 172_306_000, -43_077),  # exact -43,076.5
        (675, 39_260_000, 26_500),  # exact 26,500.5
        (-100, 1_823_510, -182),
    ],
)
def test_E0_fees_round_to_nearest_and_halves_down(rate_ppm: int, value: int, charged: int) -> None:
    assert fee(rate_ppm, value) == charged


def test_E0_wallet_reconciliation_of_a_real_day() -> None:
    w = inverse_world("7299")
    maker = w.account("maker", XBt=10**9)
    taker = w.account("taker", XBt=10**9)

    w.place(maker, BUY, 885, 14_598, "XBTUSD")  # 7299.0
    w.place(taker, SELL, 885, None, "XBTUSD")
    assert w.wallet(maker) - 10**9 == 3_031
    w.place(maker, SELL, 885, 13_271, "XBTUSD")  # 6635.5
    w.place(taker, BUY, 885, None, "XBTUSD")

    (report,) = w.executions(maker)
    assert report.exec_comm == -3_334
    trade_pnl = w.wallet(maker) - 10**9 - 3_031 - 3_334
    assert trade_pnl == -1_211_565
    assert trade_pnl + 3_334 + 783 - 709 == -1_208_157  # with the day's two fundings


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("lot_size", 0),
        ("lot_size", -1),
        ("lot_size", True),
        ("lot_size", "1"),
        ("lot_size", float("nan")),
        ("tick_pico", 0),
        ("tick_pico", -5),
        ("tick_pico", 1.5),
        ("tick_pico", 10**9 + 1),
        ("max_order_qty", 0),
        ("max_price_ticks", 0),
        ("mark_decimals", 13),
        ("multiplier", 1),
        ("expiry_ns", XBTUSD.listing_ns),
        ("init_margin_ppm", 0),
        ("maint_margin_ppm", 10_000),
        ("maker_fee_ppm", -751),
        ("taker_fee_ppm", -1),
        ("risk_limit", -1),
        ("reference_symbol", ""),
        ("symbol", ""),
        ("symbol", ".XBT"),
        ("typ", "F"),
    ],
)
def test_E0c_a_bad_listing_is_named_with_its_value(field: str, value: object) -> None:
    fault = instrument_fault(msgspec.structs.replace(XBTUSD, **{field: value}))

    assert field in fault or field == "tick_pico"
    assert repr(value) in fault or str(value) in fault
    assert instrument_fault(XBTUSD) == ""
