"""The contract and the spot that the tests of the bot trade."""

from fractions import Fraction

from mmbot.types import MINUTE_NS, SECOND_NS, Instrument, Kind

MONDAY_NS = 1_515_758_400 * SECOND_NS  # 2018-01-12T12:00Z
WEEK_NS = 7 * 24 * 60 * MINUTE_NS
COIN = 10**8

ETC7D = Instrument(
    symbol="ETC7D",
    kind=Kind.LINEAR,
    tick=Fraction(1, 10**6),
    lot_size=1,
    multiplier=COIN,
    settl_currency="XBt",
    underlying="ETC",
    quote_currency="XBT",
    max_order_qty=10**9,
    maker_fee=-0.0005,
    taker_fee=0.0025,
    settlement_fee=0.0025,
    init_margin=0.05,
    listing_ns=MONDAY_NS,
    expiry_ns=MONDAY_NS + WEEK_NS,
    reference_symbol=".ETCXBT30M",
    state="Open",
)
ETC_XBT = Instrument(
    symbol="ETC_XBT",
    kind=Kind.SPOT,
    tick=Fraction(1, 10**8),
    lot_size=1,
    multiplier=1,
    settl_currency="XBt",
    underlying="ETC",
    quote_currency="XBT",
    max_order_qty=10**18,
    maker_fee=0.0015,
    taker_fee=0.0025,
    settlement_fee=0.0,
    init_margin=1.0,
    listing_ns=MONDAY_NS,
    expiry_ns=None,
    reference_symbol=".ETCXBT",
    state="Open",
)
