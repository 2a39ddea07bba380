"""E13b: the fund gets what the engine gains, and pays what it loses, lot by lot and never more."""

import pytest

from sim_exchange.core import commands as c
from sim_exchange.core.events import FundSnapshot, Liquidated
from sim_exchange.core.types import DAY_NS, Mode, SettlementKind
from tests.core.test_E13_liquidation import OTHER, THIRD, at_100x, move
from tests.core.waterfall_world import (
    deleveraged,
    ledger,
    leveraged,
    reports,
    round_world,
    ticks,
    trade,
)
from tests.core.world import BUY, SELL, World, inverse_world


def test_E13_golden_a_recorded_takeover_to_the_satoshi() -> None:
    # C5: Sell 1 @1134.37, execCost 88,155, execComm 66.
    w = inverse_world("1150", tick_pico=10**10, max_price_ticks=10**8)
    long, rich = w.account("long", XBt=1_265 - 22), w.account("rich", XBt=10**8)
    w.place(long, BUY, 1, 115_000, "XBTUSD")
    w.place(rich, SELL, 1, 115_000, "XBTUSD")

    w.index(".BXBT", "1135")

    (told,) = reports(w, long, "Liquidation")
    assert (told.side, told.last_qty, told.last_px) == (SELL, 1, 113_437 * 10**10)
    assert (told.exec_cost, told.exec_comm) == (88_155, 66)
    assert (told.order_id, told.commission_ppm, told.publish) == (0, 750, False)
    assert w.wallet(long) == 1_265 - 1_198 - 66


def test_E13b_golden_of_the_documentation_gain_then_loss_without_deleveraging() -> None:
    w = round_world("100")
    rich, bids = w.account("rich", XBt=10**6), w.account("bids", XBt=10**6)
    first = leveraged(w, "first", 1_000, 10_000)
    trade(w, first, rich, 1, ticks(100))
    view = w.x.position(first, "RND")
    assert view is not None
    assert (view.liquidation_pico, view.bankrupt_pico) == (995 * 10**11, 99 * 10**12)
    w.place(bids, BUY, 1, ticks(99.25), "RND")

    w.index(".RND", "99.5")

    assert w.x.fund("XBt") == 25  # +0.25

    second = leveraged(w, "second", 1_000, 10_000)
    w.index(".RND", "100")
    trade(w, second, rich, 1, ticks(100))
    w.place(bids, BUY, 1, ticks(98.75), "RND")

    w.index(".RND", "98.5")

    assert w.x.fund("XBt") == 0  # -0.25
    assert deleveraged(w) == []
    assert w.qty(bids, "RND") == 2


def test_E13b_golden_the_engine_from_10_100_gains_at_9950_and_loses_at_9850() -> None:
    w = at_100x(1)
    w.place(THIRD, BUY, 1_000, 19_900, "XBTUSD")  # 9950: 10,050 a contract
    move(w, "9950")
    assert w.x.fund("XBt") == 50_000

    w = at_100x(1)
    w.ok(c.DepositFund(currency="XBt", amount=60_000))
    w.place(THIRD, BUY, 1_000, 19_700, "XBTUSD")  # 9850: 10,152 a contract
    fees = w.fees()
    move(w, "9850")
    assert w.x.fund("XBt") == 60_000 - 52_000
    assert w.fees() - fees == 7_575  # the user's; the engine pays none, and the maker's rate is 0
    assert deleveraged(w) == []


def test_E13b_the_order_waits_until_the_mark_is_at_the_bankruptcy_price() -> None:
    w = at_100x(1)
    w.ok(c.DepositFund(currency="XBt", amount=10**6))
    w.place(THIRD, BUY, 1_000, 19_700, "XBTUSD")
    move(w, "9901.01")
    assert w.x.position(0, "XBTUSD").current_qty == 1_000  # type: ignore[union-attr]

    move(w, "9901")

    assert w.x.position(0, "XBTUSD").current_qty == 0  # type: ignore[union-attr]
    assert w.x.fund("XBt") == 10**6 - 52_000


def test_E13b_it_takes_lot_by_lot_as_far_as_the_fund_pays_and_no_further() -> None:
    w = at_100x(1)
    w.ok(c.DepositFund(currency="XBt", amount=20_051))
    w.place(THIRD, BUY, 100, 19_700, "XBTUSD")  # 52 a contract
    w.place(THIRD, BUY, 900, 19_600, "XBTUSD")  # 9800: 10,204, 104 a contract

    move(w, "9800")

    # 100 for 5,200, then 142 of 104: 14,768, which leaves 83 for 104.
    assert w.x.fund("XBt") == 83
    assert w.qty(THIRD, "XBTUSD") == 242
    assert deleveraged(w) == [(OTHER, -758, 10_100)]
    assert ledger(w, "engine:liquidation") == 0
    assert w.x.position(0, "XBTUSD").current_qty == 0  # type: ignore[union-attr]
    assert w.x.markets["XBTUSD"].book.levels(SELL) == []
    assert w.x.markets["XBTUSD"].book.size_at(BUY, 19_600) == 758


def test_E13b_two_takeovers_are_each_counted_at_their_own_value() -> None:
    w = round_world("100")
    rich, bids = w.account("rich", XBt=10**6), w.account("bids", XBt=10**6)
    near = leveraged(w, "near", 10_000, 10_000)  # bankrupt at 99
    far = leveraged(w, "far", 10_000, 5_000)  # bankrupt at 98
    trade(w, near, rich, 5, ticks(100))
    trade(w, far, rich, 5, ticks(100))
    w.ok(c.DepositFund(currency="XBt", amount=10_000))

    w.index(".RND", "98.25")
    # The first is worked off at once; nobody bids, so it is deleveraged at 99.
    assert deleveraged(w) == [(rich, -5, 9_900)]
    assert w.x.position(0, "RND").current_qty == 5  # type: ignore[union-attr]
    assert w.x.position(0, "RND").unrealised_cost == 5 * 9_800  # type: ignore[union-attr]

    w.place(bids, BUY, 3, ticks(98), "RND")
    assert w.x.fund("XBt") == 10_000
    w.place(bids, BUY, 2, ticks(98.5), "RND")  # what rests at 98 is sold at 98
    assert w.x.fund("XBt") == 10_000
    assert w.x.position(0, "RND").current_qty == 0  # type: ignore[union-attr]


def test_E13b_orders_of_the_engine_wait_while_the_market_is_suspended() -> None:
    w = at_100x(1)
    move(w, "9950")
    w.ok(c.SetMode(symbol="XBTUSD", mode=Mode.CANCEL_ONLY))
    move(w, "9000")
    assert w.x.position(0, "XBTUSD").current_qty == 1_000  # type: ignore[union-attr]

    w.ok(c.SetMode(symbol="XBTUSD", mode=Mode.OPEN))
    assert deleveraged(w) == [(OTHER, -1_000, 10_100)]


@pytest.mark.parametrize(
    ("settle", "fund", "closed"),
    [
        ("9960", 30_000 + 60_000, 0),  # 10,040 a contract: the engine gains 60
        ("9900", 30_000 - 1_000, 0),  # 10,101: it loses 1 on each, and the fund has that
        ("9500", 30_000 - 70 * 426, 930),  # 10,526: the fund pays for 70
    ],
)
def test_E13b_what_the_engine_holds_at_settlement_is_paid_then_deleveraged(
    settle: str, fund: int, closed: int
) -> None:
    w = at_100x(1, settlement_kind=SettlementKind.LAST)
    w.ok(c.DepositFund(currency="XBt", amount=30_000))
    move(w, "9950")
    w.ok(c.SetMode(symbol="XBTUSD", mode=Mode.CANCEL_ONLY))
    move(w, settle)

    w.ok(c.ExpireNow(symbol="XBTUSD"))

    assert sum(-qty for _, qty, _ in deleveraged(w)) == closed
    assert w.x.fund("XBt") == fund
    assert ledger(w, "engine:liquidation") == ledger(w, "clearing:XBTUSD") == 0


def test_E13b_the_fund_is_told_every_noon_and_of_each_currency() -> None:
    w = World()
    w.ok(c.DepositFund(currency="USDt", amount=7))
    w.ok(c.DepositFund(currency="XBt", amount=5))
    w.account("no fund of this coin", ETC=5)

    w.advance(DAY_NS)

    assert [(e.currency, e.amount, e.at_ns) for e in w.of(FundSnapshot)] == [  # type: ignore[attr-defined]
        ("USDt", 7, w.now),
        ("XBt", 5, w.now),
    ]
    w.advance(DAY_NS - 1)
    assert w.of(FundSnapshot) == []


def test_E33_full_waterfall() -> None:
    """A gap through bankruptcy with a fund too small: book, fund, the other side; all balanced."""
    w = round_world("100")
    w.ok(c.DepositFund(currency="XBt", amount=1_000))
    shorts = [leveraged(w, f"s{n}", 10**6, cents) for n, cents in enumerate((2_000, 5_000, 300))]
    thin = leveraged(w, "thin", 10_000, 10_000)
    bids = w.account("bids", XBt=10**6)
    for short, qty in zip(shorts, (40, 10, 50), strict=True):
        trade(w, thin if short == shorts[0] else bids, short, qty, ticks(100))
    resting = w.place(shorts[1], BUY, 4, ticks(90), "RND")
    w.place(bids, BUY, 3, ticks(98), "RND")  # 100 beyond 99
    w.place(bids, BUY, 3, ticks(96), "RND")  # 300 beyond

    w.index(".RND", "96")

    assert [e.account for e in w.of(Liquidated)] == [thin]  # type: ignore[attr-defined]
    # 3 for 300, 2 for 600: the fund has 100 and one more costs 300.
    assert w.x.fund("XBt") == 100
    assert w.qty(bids, "RND") == 60 + 5
    # 35 are left; the most leveraged profit first: 50x, then 20x.
    assert deleveraged(w) == [(shorts[1], -10, 9_900), (shorts[0], -25, 9_900)]
    assert not resting.is_open
    assert [w.qty(short, "RND") for short in shorts] == [-15, 0, -50]
    assert ledger(w, "engine:liquidation") == 0
    assert w.wallet(thin) == 10_000 - 40 * 100
