"""Contracts of their own kinds for the tests of E14 to E18 and E25, with the figures of E0c."""

from typing import Any

import msgspec

from sim_exchange.core import commands as c
from sim_exchange.core.specs import Band, DividendTerms, IndexSpec, OptionTerms
from sim_exchange.core.types import (
    DAY_NS,
    HOUR_NS,
    MINUTE_NS,
    PPM,
    IndexKind,
    MarkMethod,
    SettlementKind,
)
from tests.core.world import START_NS, World, composite, future

FREE: dict[str, Any] = {"maker_fee_ppm": 0, "taker_fee_ppm": 0, "settlement_fee_ppm": 0}

QTUM = future(
    "QTUMU17",
    "QTUM",
    tick_pico=10_000,  # 1e-8
    max_price_ticks=10**9,
    init_margin_ppm=500_000,
    maint_margin_ppm=250_000,
    **FREE,
    reference_symbol=".QTUMXBT",
    mark_method=MarkMethod.LAST,
    settlement_kind=SettlementKind.TWAP30,
    settlement_else=SettlementKind.FIXED,
    settlement_price=300_000,  # the price of the token sale
    opening_reference=340_000,
    band=Band(pct_ppm=250_000, session_ns=2 * HOUR_NS),
)
"""A pre-launch contract: bands of two hours, settled on spot trading or the price of the sale."""

ZEC = msgspec.structs.replace(
    QTUM,
    symbol="ZECZ16",
    root="ZEC",
    underlying="ZEC",
    tick_pico=1_000_000,  # 1e-6
    reference_symbol="",
    settlement_kind=SettlementKind.LAST,
    settlement_else=None,
    settlement_price=None,
    opening_reference=78_376_800,
    band=Band(down=391_884, up=1_175_652, until_ns=START_NS + DAY_NS),
)

UP = future(
    "XBT7D_U110",
    "XBT",
    typ="OCECCS",
    tick_pico=10_000_000,  # 0.00001
    max_price_ticks=10_000,  # 0.1
    init_margin_ppm=PPM,
    **FREE,
    reference_symbol=".BXBT",
    mark_method=MarkMethod.LAST,
    settlement_kind=SettlementKind.OPTION,
    opening_reference=15_000,
    option=OptionTerms(call=True, strike_pico=11_000 * 10**12),
)

PUT_TERMS = OptionTerms(call=False, strike_pico=9_000 * 10**12, barrier_pico=4_500 * 10**12)
DOWN = msgspec.structs.replace(
    UP,
    symbol="XBT7D_D90",
    typ="OPECCS",
    option=PUT_TERMS,
)

DIVIDEND = DividendTerms(
    hashrate=10**12, reward=25 * 10**8, difficulty=23_844_670_039, pool_fee_ppm=30_000
)
MINING = future(
    "TH1BTC",
    "TH",
    tick_pico=1_000_000,
    max_order_qty=1_000_000,
    max_price_ticks=10**8,
    init_margin_ppm=500_000,
    maint_margin_ppm=250_000,
    **FREE,
    mark_method=MarkMethod.LAST,
    settlement_kind=SettlementKind.ZERO,
    opening_reference=2 * 10**8,
    dividend=DIVIDEND,
    expiry_ns=START_NS + 90 * DAY_NS,
)


def with_index(symbol: str, price: str = "", decimals: int = 8, start_ns: int = START_NS) -> World:
    """An empty exchange with one index of one member, and its 30-minute mean."""
    w = World(start_ns)
    w.ok(c.ListIndex(spec=composite(symbol, decimals=decimals)))
    mean = IndexSpec(symbol=f"{symbol}30M", kind=IndexKind.TWAP30, source=symbol, decimals=decimals)
    w.ok(c.ListIndex(spec=mean))
    if price:
        w.index(symbol, price)
    return w


def every_minute(w: World, symbol: str, price: str, until_ns: int) -> None:
    """Let each minute print ``price`` until an instant, that one included."""
    while w.now + MINUTE_NS <= until_ns:
        w.now += MINUTE_NS
        w.print(symbol, price)
        w.advance()
