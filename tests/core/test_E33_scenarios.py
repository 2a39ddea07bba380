"""E33: what happened to venues once, from end to end.

The other scenarios of the library: timetable of April 2017 and QTUM in E9, E14 and E15, chain split
in E18, overload in E20, the full waterfall in E13b, the settlement day in B3.
"""

from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import msgspec
import pytest

from sim_exchange.core import commands as c
from sim_exchange.core.events import Deleveraged, FundingPaid, Liquidated, Refused, Traded
from sim_exchange.core.types import HOUR_NS, MINUTE_NS, SECOND_NS, MarkMethod, Mode, Reason
from tests.core.contracts_world import ZEC
from tests.core.test_E22_breakers import BREAKER, SPEED, market, ticks
from tests.core.world import BUY, ETC7D, SELL, START_NS, XBT, XBTUSD, World, composite, order

FREE: dict[str, Any] = {"maker_fee_ppm": 0, "taker_fee_ppm": 0}
VENUES = ("BITFINEX", "BITSTAMP", "GDAX", "OKCOIN")


def at(text: str) -> int:
    """An instant, ns."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 10**9


def prints(w: World, index: str, *prices: str) -> None:
    """Let each venue print, and let it be published."""
    pico = tuple(int(Fraction(price) * 10**12) for price in prices)
    w.ok(c.IndexPrints(index=index, prices=pico))
    w.advance(5 * SECOND_NS)


def liquidated(w: World) -> list[int]:
    """Accounts that were taken over by the last command."""
    return [e.account for e in w.events if isinstance(e, Liquidated)]


# --- one of four prints is 0.06


@pytest.mark.parametrize("protected", [False, True])
def test_E33_gdax_print_of_2017_04_15(protected: bool) -> None:
    """23:02: unprotected the index is 888.48, longs go, and a refund pays up to 1183."""
    w = World(at("2017-04-15T23:00:00"))
    spec = composite(".BXBT", VENUES, decimals=2)
    if not protected:
        spec = msgspec.structs.replace(spec, outlier_ppm=1_000_000)  # nothing is that far below
    w.ok(c.ListIndex(spec=spec))
    prints(w, ".BXBT", "1184.62", "1184.62", "1184.62", "1184.62")
    w.enlist(XBTUSD, listing_ns=w.now, expiry_ns=w.now + 10**16, **FREE)
    long, rich = w.account("long", XBt=1_000 * (90_909 - 84_531)), w.account("rich", XBt=10**10)
    w.ok(c.DepositFund(currency="XBt", amount=10**6))
    w.place(rich, SELL, 1_000, 2_366, "XBTUSD")
    w.place(long, BUY, 1_000, 2_366, "XBTUSD")

    bad = w.now = at("2017-04-15T23:02:00")
    prints(w, ".BXBT", "1184.62", "1184.62", "0.06", "1184.62")

    if protected:
        assert w.x.indices[".BXBT"].price == 118_462
        assert w.qty(long, "XBTUSD") == 1_000
        return
    assert w.x.indices[".BXBT"].price == 88_848
    assert liquidated(w) == [long]
    fund = w.x.fund("XBt")
    w.ok(c.RefundLiquidations(symbol="XBTUSD", from_ns=bad, until_ns=bad, reference=118_300))
    assert w.wallet(long) == 1_000 * 6_378
    assert w.x._state.ledger.balance("XBt", "exchange:refund") == -6_378_000
    assert w.x.fund("XBt") == fund


# --- a market with one venue falls, and comes back


def test_E33_eth_flash_of_2018_04_15() -> None:
    """0.063 to 0.052 and back: the index follows, the long goes, nobody is paid for it."""
    w = World(at("2018-04-15T02:00:00"))
    spec = msgspec.structs.replace(composite(".ETHXBT", ("POLONIEX",)), outlier_ppm=500_000)
    w.ok(c.ListIndex(spec=spec))
    w.index(".ETHXBT", "0.063")
    w.enlist(
        ETC7D, symbol="ETHM18", reference_symbol=".ETHXBT", listing_ns=w.now,
        expiry_ns=w.now + 10**16, **FREE,
    )  # fmt: skip
    long, rich = w.account("long", XBt=XBT), w.account("rich", XBt=1_000 * XBT)
    w.ok(c.SetLeverage(account=long, symbol="ETHM18", leverage_cents=1_000))
    w.place(rich, SELL, 100, 63_000, "ETHM18")
    w.place(long, BUY, 100, 63_000, "ETHM18")
    held = w.wallet(long)

    while w.now < at("2018-04-15T02:21:00"):
        w.advance(MINUTE_NS)
        w.print(".ETHXBT", "0.063")
    w.now = at("2018-04-15T02:22:00")
    prints(w, ".ETHXBT", "0.052")
    assert w.x.markets["ETHM18"].mark == 5_200_000
    assert liquidated(w) == [long]
    assert w.wallet(long) == held - 63_000_000  # its margin, a tenth of 6.3 XBT
    # Nobody bids and the fund is empty: who was short against it is closed at 0.0567.
    assert [(e.account, e.value) for e in w.events if isinstance(e, Deleveraged)] == [
        (rich, 5_670_000)
    ]
    prints(w, ".ETHXBT", "0.063")
    assert w.x.markets["ETHM18"].mark == 6_300_000
    assert w.qty(long, "ETHM18") == 0
    assert w.wallet(long) + w.wallet(rich) == 1_001 * XBT
    assert w.x._state.ledger.balance("XBt", "exchange:refund") == 0


# --- a night without trading


def test_E33_suspension_of_2017_07_05() -> None:
    """Announced 23:05 for 23:30 to 03:45: no fill, no liquidation; 04:00 funds as ever."""
    w = World(at("2017-07-05T23:00:00"))
    w.ok(c.ListIndex(spec=composite(".BXBT", decimals=2)))
    w.index(".BXBT", "10000")
    w.enlist(
        XBTUSD, listing_ns=w.now, expiry_ns=None, typ="FFWCSX", funding_interval_ns=8 * HOUR_NS,
        **FREE,
    )  # fmt: skip
    thin, rich = w.account("thin", XBt=110_000), w.account("rich", XBt=10**10)
    held = w.account("held", XBt=10**10)
    w.place(rich, SELL, 2_000, 20_000, "XBTUSD")
    w.place(thin, BUY, 1_000, 20_000, "XBTUSD")
    w.place(held, BUY, 1_000, 20_000, "XBTUSD")
    w.place(rich, BUY, 1_000, 19_000, "XBTUSD")
    w.now = at("2017-07-05T23:05:00")
    end = at("2017-07-06T03:45:00")
    w.ok(
        c.Announce(
            change=c.SetMode(mode=Mode.HALT, until_ns=end), effective_ns=at("2017-07-05T23:30:00")
        )
    )
    w.now = at("2017-07-05T23:30:00")
    events = w.do(order(held, SELL, 1, 19_000, "XBTUSD"))
    assert [e.reason for e in events if isinstance(e, Refused)] == [Reason.NOT_OPEN]
    seen: list[object] = []
    while w.now < end - 5 * SECOND_NS:
        w.now += 10 * MINUTE_NS if w.now < end - 15 * MINUTE_NS else 5 * SECOND_NS
        w.print(".BXBT", "9800")
        w.advance()
        seen += [e for e in w.events if isinstance(e, Liquidated | Traded | FundingPaid)]
    assert seen == []
    assert w.qty(thin, "XBTUSD") == 1_000

    w.now = end
    w.advance()
    assert liquidated(w) == [thin]
    assert w.x.markets["XBTUSD"].mode is Mode.OPEN
    w.now = at("2017-07-06T03:59:59")
    w.print(".BXBT", "9800")
    before = w.wallet(held)
    w.now = at("2017-07-06T04:00:00")
    w.advance()
    (paid,) = w.of(FundingPaid)
    assert paid.at_ns == w.now  # type: ignore[attr-defined]
    value = 1_000 * 10_204  # at the mark of 9800
    assert w.wallet(held) == before - value // 10_000


# --- a launch


def test_E33_zec_launch_inside_a_band_then_a_gap_and_deleveraging() -> None:
    w = World()
    w.enlist(ZEC, **FREE)
    low, high = w.account("low", XBt=100 * XBT), w.account("high", XBt=100 * XBT)
    other = w.account("other", XBt=100 * XBT)
    for account in (low, high):
        w.ok(c.SetLeverage(account=account, symbol="ZECZ16", leverage_cents=200))
    assert w.x.markets["ZECZ16"].mark == 78_376_800
    outside = order(low, BUY, 1, 1_175_653, "ZECZ16")
    assert w.refused(outside).reason is Reason.PRICE_ABOVE_LIMIT
    w.place(high, SELL, 10, 800_000, "ZECZ16")
    w.place(low, BUY, 10, 800_000, "ZECZ16")
    assert w.x.markets["ZECZ16"].mark == 80_000_000  # its last price

    w.now = START_NS + 24 * HOUR_NS
    w.advance()
    assert w.x.markets["ZECZ16"].limit_up is None
    # Nobody offers below 3.0: one trade there gaps through the bankruptcy of the short, 1.2.
    w.place(other, SELL, 1, 3_000_000, "ZECZ16")
    w.place(w.account("late", XBt=100 * XBT), BUY, 1, 3_000_000, "ZECZ16")
    assert liquidated(w) == [high]
    closed = [(e.account, e.qty, e.value) for e in w.events if isinstance(e, Deleveraged)]
    assert closed == [(low, 10, 120_000_000)]
    assert w.wallet(low) == 104 * XBT
    assert w.wallet(high) == 96 * XBT


# --- cascades


def test_E33_bitfinex_of_august_2014_margin_calls_that_may_not_cascade() -> None:
    """Each takeover pushes the last price to the next one; the floor lets it fall 10 % a minute."""
    w = market("500", close="", liq_speed=SPEED, mark_method=MarkMethod.LAST,
               opening_reference=50_000)  # fmt: skip
    w.ok(c.DepositFund(currency="XBt", amount=XBT))  # so the engine sells as low as it has to
    longs = [w.account(f"long{n}", XBt=10_000 + 5_000 * n) for n in range(24)]
    for long in longs:
        w.place(2, SELL, 1, ticks("500"), "X")
        w.place(long, BUY, 1, ticks("500"), "X")
    for price in range(498, 380, -8):
        w.place(1, BUY, 1, ticks(str(price)), "X")
    gone: list[int] = []
    trades = [(w.now, ticks("500"))]

    def watch() -> None:
        for event in w.events:
            if isinstance(event, Liquidated):
                gone.append(event.account)
            elif isinstance(event, Traded):
                trades.append((w.now, event.price))

    w.place(2, SELL, 2, None, "X")  # to 490: the first margin call, and all that come of it
    watch()
    assert gone[:3] == longs[:3]
    assert min(price for _, price in trades) == ticks("450")
    waiting = w.x.open_orders(0)
    assert waiting
    assert all(one.price >= ticks("450") for one in waiting)
    while trades[-1][1] >= ticks("450"):  # it goes on when the minute is over
        w.advance(5 * SECOND_NS)
        watch()
    for when, price in trades:
        recent = [p for t, p in trades if when - MINUTE_NS < t <= when]
        assert 10 * price >= 9 * max(recent)
    assert w.now - trades[0][0] >= MINUTE_NS

    buyer = w.account("buyer", XBt=1_000 * XBT)
    w.place(buyer, BUY, 40, trades[-1][1] + 1_000, "X")  # bids return
    before = len(gone)
    w.advance(2 * MINUTE_NS)
    watch()
    assert len(gone) == before < len(longs)
    assert w.x.open_orders(0) == []


@pytest.mark.parametrize("guarded", [False, True])
def test_E33_btc_e_of_2014_one_large_order_through_a_thin_book(guarded: bool) -> None:
    """442 down to 309 and back: a breaker stops it at -7 %; without one, fills stand."""
    w = market("442", close="442", **({"mwcb": BREAKER} if guarded else {}))
    bids = [w.place(1, BUY, 1, ticks(str(price)), "X") for price in range(441, 308, -12)]
    low = ticks(str(range(441, 308, -12)[-1]))
    sold = w.place(2, SELL, len(bids), None, "X")
    reached = min(price for _, price in w.trades)

    if guarded:
        assert reached == min(t for t in (b.price for b in bids) if t >= ticks("405"))
        assert sold.end_reason is Reason.MARKET_HALTED
        assert w.x.markets["X"].mode is Mode.HALT
        return
    assert reached == low
    assert sold.leaves_qty == 0
    w.advance(3 * MINUTE_NS)
    w.place(2, SELL, 1, ticks("442"), "X")
    w.place(1, BUY, 1, ticks("442"), "X")
    assert w.x.markets["X"].last_price == ticks("442")
    assert w.qty(2, "X") == -(len(bids) + 2)  # one of the day before, those of the fall, one more
