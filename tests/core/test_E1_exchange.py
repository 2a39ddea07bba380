"""E1 and E3 through the whole exchange: orders, margin, fees, wallets, settlement."""

import msgspec

from sim_exchange.core import commands as c
from sim_exchange.core.contracts.instrument import instrument_fault
from sim_exchange.core.fixings.settlement import fee_ppm
from sim_exchange.core.types import Kind, SettlementKind, State
from tests.core.contracts_world import FREE, with_index
from tests.core.world import BUY, ETC7D, SELL, XBT, XBTUSD, World, future

LATE_NS = 1_522_411_200 * 10**9  # 2018-03-30T12:00:00Z
DOLLAR = msgspec.structs.replace(
    XBTUSD, tick_pico=10**12, init_margin_ppm=10_000, max_price_ticks=10**6, **FREE
)
ETHUSD = future(
    "ETHUSD",
    "ETH",
    expiry_ns=None,
    kind=Kind.QUANTO,
    typ="FFWCSX",
    quote_currency="USD",
    multiplier=100,
    tick_pico=5 * 10**10,  # 0.05
    mark_decimals=2,
    max_price_ticks=20_000_000,
    init_margin_ppm=20_000,
    maint_margin_ppm=10_000,
    **FREE,
    reference_symbol=".BETH",
)


def trade(w: World, symbol: str, long: int, short: int, qty: int, price: int) -> None:
    """Let ``long`` buy from ``short``."""
    w.place(short, SELL, qty, price, symbol)
    w.place(long, BUY, qty, price, symbol)


def rich(w: World) -> tuple[int, int]:
    """Two accounts of 100,000 XBT."""
    return w.account("a", XBt=100_000 * XBT), w.account("b", XBt=100_000 * XBT)


def gain(w: World, account: int) -> int:
    """What an account's wallet gained since its deposit."""
    return w.wallet(account) - 100_000 * XBT


def dollar(price: str, **changes: object) -> tuple[World, int, int]:
    """An inverse contract of one dollar with whole ticks, on an index at ``price``."""
    w = with_index(".BXBT", price, decimals=2)
    w.enlist(DOLLAR, **changes)
    return w, *rich(w)


def test_E1_an_inverse_long_through_the_exchange() -> None:
    w, a, b = dollar("1000")
    trade(w, "XBTUSD", a, b, 1_000, 1_000)
    w.index(".BXBT", "1250")
    held = w.x.position(a, "XBTUSD")
    assert held is not None
    assert (held.unrealised_pnl, held.unrealised_cost) == (20_000_000, -100_000_000)
    trade(w, "XBTUSD", b, a, 500, 1_500)
    assert gain(w, a) == 16_666_500
    trade(w, "XBTUSD", b, a, 500, 1_250)
    assert gain(w, a) == 16_666_500 + 10_000_000
    assert gain(w, a) + gain(w, b) == 0
    assert w.qty(a, "XBTUSD") == 0


def test_E1_the_lot_size_decides_the_rounding_in_the_wallet() -> None:
    for lot, pnl in ((1, 47_600_000), (100, 47_619_000)):
        w, a, b = dollar("10000", lot_size=lot)
        trade(w, "XBTUSD", a, b, 100_000, 10_000)
        trade(w, "XBTUSD", b, a, 100_000, 10_500)
        assert (gain(w, a), gain(w, b)) == (pnl, -pnl)


def test_E1_a_short_of_xbtz16_gains_20_coins_when_it_settles_at_100() -> None:
    w, a, b = dollar("120", settlement_kind=SettlementKind.LAST)
    trade(w, "XBTUSD", b, a, 12_000, 120)
    w.ok(c.SetConstituent(index=".BXBT", constituent="A", status="silent"))
    w.index(".BXBT", "100")
    w.ok(c.ExpireNow(symbol="XBTUSD"))
    assert w.x.markets["XBTUSD"].settled_price == 10_000
    assert gain(w, a) == 2_000_004_000


def test_E1_a_linear_short_through_the_exchange() -> None:
    w = with_index(".ETCXBT", "0.0201")
    w.enlist(ETC7D, **FREE)
    a, b = rich(w)
    trade(w, "ETC7D", b, a, 300, 20_100)
    trade(w, "ETC7D", a, b, 300, 19_900)
    assert (gain(w, a), gain(w, b)) == (6_000_000, -6_000_000)


def test_E1_a_quanto_through_the_exchange() -> None:
    w = with_index(".BETH", "500", decimals=2)
    w.enlist(ETHUSD)
    a, b = rich(w)
    trade(w, "ETHUSD", a, b, 10_000, 10_000)  # 500.00
    trade(w, "ETHUSD", b, a, 10_000, 12_000)
    assert gain(w, a) == 100_000_000
    trade(w, "ETHUSD", b, a, 100_000, 10_000)
    trade(w, "ETHUSD", a, b, 100_000, 15_000)
    assert gain(w, a) == 100_000_000 - 2_500_000_000


# --- E3


def test_E3_maker_and_taker_of_a_thousand_dollars() -> None:
    w, a, b = dollar("10000", maker_fee_ppm=-250, taker_fee_ppm=750)
    trade(w, "XBTUSD", a, b, 1_000, 10_000)
    assert (gain(w, a), gain(w, b)) == (-7_500, 2_500)
    assert w.fees() == 5_000


def test_E3_settling_100000_futures_costs_5_basis_points_of_their_value() -> None:
    w, a, b = dollar("10000", settlement_fee_ppm=500)
    trade(w, "XBTUSD", a, b, 100_000, 10_000)
    w.ok(c.ExpireNow(symbol="XBTUSD"))
    assert (gain(w, a), gain(w, b)) == (-500_000, -500_000)


def settled_at(now_ns: int) -> int:
    """What settling 300 ETC7D at 0.0201 costs at an instant, under the altcoins' schedule."""
    w = with_index(".ETCXBT", "0.0201", start_ns=now_ns - 3_600 * 10**9)
    w.enlist(
        ETC7D,
        listing_ns=w.now,
        expiry_ns=now_ns,
        maker_fee_ppm=0,
        taker_fee_ppm=0,
        settlement_fee_ppm=2_500,
        settlement_fees=((LATE_NS, 0),),
    )
    a, b = rich(w)
    trade(w, "ETC7D", a, b, 300, 20_100)
    w.now = now_ns
    w.advance()
    assert w.x.markets["ETC7D"].state is State.SETTLED
    assert gain(w, a) == gain(w, b)
    return -gain(w, a)


def test_E3_altcoins_settle_for_nothing_from_2018_03_30_noon_on() -> None:
    assert settled_at(LATE_NS - 24 * 3_600 * 10**9) == 1_507_500
    assert settled_at(LATE_NS) == 0  # that instant included, contracts listed before it too


def test_E3_the_last_line_of_a_schedule_that_has_begun_holds() -> None:
    spec = msgspec.structs.replace(ETC7D, settlement_fees=((10, 100), (20, 0)))
    assert [fee_ppm(spec, at) for at in (9, 10, 19, 20)] == [2_500, 100, 100, 0]
    assert instrument_fault(spec) == ""
