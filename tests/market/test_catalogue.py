"""What is listed for a coin."""

import pytest

from sim_exchange.core.types import DAY_NS, IndexKind, Kind
from sim_exchange.market import catalogue

FRIDAY_NS = 1_515_758_400 * 10**9


def test_E0c_the_weekly_future_of_ETC():
    spec = catalogue.weekly("ETC", 2_436_490_000, FRIDAY_NS, FRIDAY_NS + 7 * DAY_NS)

    assert (spec.symbol, spec.kind, spec.typ) == ("ETC7D", Kind.LINEAR, "FFCCSX")
    assert (spec.multiplier, spec.lot_size, spec.tick_pico) == (10**8, 1, 10**6)
    assert (spec.init_margin_ppm, spec.maint_margin_ppm) == (50_000, 25_000)
    assert (spec.risk_limit, spec.risk_step) == (50 * 10**8, 50 * 10**8)
    assert (spec.maker_fee_ppm, spec.taker_fee_ppm, spec.settlement_fee_ppm) == (-500, 2500, 2500)
    assert spec.reference_symbol == ".ETCXBT"
    assert (spec.listing_ns, spec.expiry_ns) == (FRIDAY_NS, FRIDAY_NS + 7 * DAY_NS)


def test_E23_the_spot_market_of_ADA():
    spec = catalogue.spot("ADA", FRIDAY_NS)

    assert (spec.symbol, spec.kind, spec.typ) == ("ADA_XBT", Kind.SPOT, "IFXXXP")
    assert (spec.base_currency, spec.settl_currency) == ("ADA", "XBt")
    assert (spec.lot_size, spec.tick_pico) == (1, 10**4)
    assert (spec.maker_fee_ppm, spec.taker_fee_ppm) == (1500, 2500)
    assert (spec.touch_band_ppm, spec.min_value) == (200_000, 100)


def test_the_indices_of_a_coin():
    composite, mean, lending = catalogue.indices("ETC")

    assert [spec.symbol for spec in (composite, mean, lending)] == [
        ".ETCXBT",
        ".ETCXBT30M",
        ".ETCBON",
    ]
    assert [(member.num, member.den) for member in composite.constituents] == [(1, 3)] * 3
    assert (mean.kind, mean.source) == (IndexKind.TWAP30, ".ETCXBT")
    assert (lending.kind, lending.source) == (IndexKind.LENDING, "ETC")


@pytest.mark.parametrize(
    ("price", "tick"),
    [
        (2_436_490_000, 10**6),  # ETC: 0.000001
        (87_310_030_000, 10**7),
        (52_890_000, 10**4),
        (700_000, 10**4),  # never under 1e-8
        (10**12, 10**9),
        (999_999_999_999, 10**8),
    ],
)
def test_the_tick_keeps_four_figures(price, tick):
    assert catalogue.tick_pico(price) == tick


@pytest.mark.parametrize("offset", [0, 1, 3 * DAY_NS, 7 * DAY_NS - 1])
def test_at_any_time_one_week_trades(offset):
    assert catalogue.week_of(FRIDAY_NS + offset) == (FRIDAY_NS, FRIDAY_NS + 7 * DAY_NS)
