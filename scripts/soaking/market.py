"""What is soaked: one contract of each kind, a spot market with its lending, a dozen accounts."""

from typing import Any

import msgspec

from sim_exchange.core.commands import (
    AnyCommand,
    Deposit,
    DepositFund,
    ListIndex,
    ListInstrument,
    OfferLoans,
    OpenAccount,
    SetFeePlan,
)
from sim_exchange.core.specs import (
    Band,
    CircuitBreaker,
    Constituent,
    DividendTerms,
    FeePlan,
    IndexSpec,
    InstrumentSpec,
    LiquidationSpeed,
    OptionTerms,
    SpeedBump,
)
from sim_exchange.core.types import (
    DAY_NS,
    PICO,
    SECOND_NS,
    IndexKind,
    Kind,
    LossMethod,
    MarkMethod,
    SelfTrade,
    SettlementKind,
)

START_NS = 1_515_758_400 * SECOND_NS
"""2018-01-12T12:00:00Z, a Friday."""
WEEK_NS = 7 * DAY_NS
XBT = 10**8
COIN = 10**8
ACCOUNTS = 12
LENDER = ACCOUNTS + 1

PRICES = {".BXBT": 10_000 * PICO, ".BETH": 500 * PICO, ".ETCXBT": PICO // 500}
"""The indices that are printed, with the price that they start from and come back to."""
MEMBERS = ("A", "B", "C")


def _index(symbol: str, decimals: int) -> IndexSpec:
    members = tuple(Constituent(name, 1, len(MEMBERS)) for name in MEMBERS)
    return IndexSpec(symbol=symbol, decimals=decimals, constituents=members)


INDICES = (
    _index(".BXBT", 2),
    _index(".BETH", 2),
    _index(".ETCXBT", 8),
    IndexSpec(symbol=".BXBT30M", kind=IndexKind.TWAP30, source=".BXBT", decimals=2),
    IndexSpec(symbol=".ETCXBT30M", kind=IndexKind.TWAP30, source=".ETCXBT"),
    IndexSpec(symbol=".ETCBON", kind=IndexKind.LENDING, source="ETC"),
)


def _future(symbol: str, coin: str, **fields: Any) -> InstrumentSpec:
    """A contract that is linear, on one ``coin`` against bitcoin, for a week; else ``fields``."""
    common: dict[str, Any] = {
        "kind": Kind.LINEAR,
        "typ": "FFCCSX",
        "root": coin,
        "underlying": coin,
        "quote_currency": "XBT",
        "settl_currency": "XBt",
        "multiplier": 10**8,
        "mark_decimals": 8,
        "max_order_qty": 10_000_000,
        "listing_ns": START_NS,
        "expiry_ns": START_NS + WEEK_NS,
    }
    return InstrumentSpec(symbol=symbol, **common | fields)


_FUTURE = _future(
    "XBTH18",
    "XBT",
    kind=Kind.INVERSE,
    quote_currency="USD",
    multiplier=-(10**8),
    tick_pico=PICO // 2,
    mark_decimals=2,
    max_price_ticks=2_000_000,
    init_margin_ppm=10_000,
    maint_margin_ppm=5_000,
    risk_limit=200 * XBT,
    risk_step=100 * XBT,
    maker_fee_ppm=-250,
    taker_fee_ppm=750,
    settlement_fee_ppm=500,
    reference_symbol=".BXBT",
    expiry_ns=START_NS + 2 * WEEK_NS,
)
_QUANTO = _future(
    "ETHH18",
    "ETH",
    kind=Kind.QUANTO,
    quote_currency="USD",
    multiplier=100,
    tick_pico=PICO // 20,
    mark_decimals=2,
    max_price_ticks=20_000_000,
    init_margin_ppm=20_000,
    maint_margin_ppm=10_000,
    risk_limit=50 * XBT,
    risk_step=50 * XBT,
    maker_fee_ppm=-250,
    taker_fee_ppm=750,
    settlement_fee_ppm=500,
    reference_symbol=".BETH",
    expiry_ns=START_NS + 3 * WEEK_NS,
)
_WEEKLY = _future(
    "ETC7D",
    "ETC",
    tick_pico=10**6,
    max_price_ticks=100_000_000,
    init_margin_ppm=50_000,
    maint_margin_ppm=25_000,
    risk_limit=50 * XBT,
    risk_step=50 * XBT,
    maker_fee_ppm=-500,
    taker_fee_ppm=2_500,
    settlement_fee_ppm=2_500,
    reference_symbol=".ETCXBT",
)
_SPOT = InstrumentSpec(
    symbol="ETC_XBT",
    kind=Kind.SPOT,
    typ="IFXXXP",
    root="ETC",
    underlying="ETC",
    quote_currency="XBT",
    settl_currency="XBt",
    base_currency="ETC",
    tick_pico=10_000,
    mark_decimals=8,
    max_order_qty=10**15,
    max_price_ticks=10**12,
    maker_fee_ppm=1_500,
    taker_fee_ppm=2_500,
    reference_symbol=".ETCXBT",
    mark_method=MarkMethod.INDEX,
    listing_ns=START_NS,
    touch_band_ppm=200_000,
    self_trade=SelfTrade.CANCEL_INCOMING,
    min_value=100,
)
_PRELAUNCH = _future(
    "QTUMU18",
    "QTUM",
    typ="FFICSX",
    tick_pico=10**4,
    max_price_ticks=100_000_000,
    init_margin_ppm=500_000,
    maint_margin_ppm=250_000,
    maker_fee_ppm=-500,
    taker_fee_ppm=2_500,
    mark_method=MarkMethod.LAST,
    settlement_kind=SettlementKind.FIXED,
    settlement_price=300_000,
    opening_reference=340_000,
    band=Band(pct_ppm=250_000, session_ns=2 * 3_600 * SECOND_NS),
    expiry_ns=START_NS + 2 * WEEK_NS,
)
_DOWN = _future(
    "XBT7D_D90",
    "XBT",
    tick_pico=10**7,
    max_order_qty=1_000_000,
    max_price_ticks=10_000,
    init_margin_ppm=10**6,
    mark_method=MarkMethod.LAST,
    settlement_kind=SettlementKind.OPTION,
    opening_reference=100_000,
    option=OptionTerms(call=False, strike_pico=9_000 * PICO, barrier_pico=4_500 * PICO),
    reference_symbol=".BXBT30M",
)
_MINING = _future(
    "TH1BTC",
    "TH1",
    typ="FFICSX",
    tick_pico=10**8,
    max_order_qty=1_000_000,
    max_price_ticks=10**6,
    init_margin_ppm=500_000,
    maint_margin_ppm=250_000,
    taker_fee_ppm=2_500,
    mark_method=MarkMethod.LAST,
    settlement_kind=SettlementKind.ZERO,
    opening_reference=10**8,
    dividend=DividendTerms(
        hashrate=10**12, reward=25 * XBT, difficulty=23_844_670_039, pool_fee_ppm=30_000
    ),
    short_cap=100,
    expiry_ns=START_NS + 4 * WEEK_NS,
)
_PERPETUAL = msgspec.structs.replace(
    _FUTURE,
    symbol="XBTUSD",
    typ="FFWCSX",
    settlement_fee_ppm=0,
    expiry_ns=None,
    funding_interval_ns=8 * 3_600 * SECOND_NS,
    floating_pegs=True,
    fat_finger_ppm=50_000,
    liq_speed=LiquidationSpeed(),
    speed_bump=SpeedBump(delay_ns=2 * SECOND_NS, pct_ppm=2_000),
)
_EQUALISED = msgspec.structs.replace(
    _WEEKLY,
    symbol="ETCM18",
    loss_method=LossMethod.DPE,
    init_margin_ppm=100_000,
    maint_margin_ppm=50_000,
    expiry_ns=START_NS + 3 * WEEK_NS,
)
_GUARANTEED = msgspec.structs.replace(
    _FUTURE,
    symbol="XBTM18",
    loss_method=LossMethod.GUARANTEED,
    insurance_fee_ppm=150,
    mwcb=CircuitBreaker(),
    fee_plans=(
        FeePlan(name="Trader", maker_ppm=50, taker_ppm=250, session_fee_ppm=150),
        FeePlan(name="Hedger", maker_ppm=2_500, taker_ppm=5_000),
    ),
    expiry_ns=START_NS + 5 * WEEK_NS,
)
INSTRUMENTS = (
    _PERPETUAL,
    _EQUALISED,
    _GUARANTEED,
    _FUTURE,
    _QUANTO,
    _WEEKLY,
    _SPOT,
    _PRELAUNCH,
    _DOWN,
    _MINING,
)
ANCHOR = 1
"""The account that may be short of option-like contracts."""


def opening() -> list[AnyCommand]:
    """Return the commands that make the market, before anybody trades."""
    commands: list[AnyCommand] = [ListIndex(spec=spec) for spec in INDICES]
    commands += [ListInstrument(spec=spec) for spec in INSTRUMENTS]
    for number in range(1, ACCOUNTS + 1):
        coins = (200, 100, 50, 20, 10, 5, 2, 1, 1, 1, 1, 1)[number - 1]
        flags = ("anchorMM",) if number == ANCHOR else ()
        commands.append(OpenAccount(name=f"a{number}", flags=flags, owner=1 if number == 3 else 0))
        commands.append(Deposit(to_account=number, currency="XBt", amount=coins * XBT))
        commands.append(Deposit(to_account=number, currency="ETC", amount=coins * 20 * COIN))
    commands.append(OpenAccount(name="lender"))
    commands.append(Deposit(to_account=LENDER, currency="ETC", amount=9_000 * COIN))
    offers = ((2_000 * COIN, 10**9), (3_000 * COIN, 3 * 10**9))
    commands.append(OfferLoans(account=LENDER, currency="ETC", offers=offers))
    commands.append(DepositFund(currency="XBt", amount=10**6))
    commands += [SetFeePlan(account=2, plan="Trader"), SetFeePlan(account=4, plan="Hedger")]
    return commands
