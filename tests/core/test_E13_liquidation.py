"""E13: the lowest tier, the takeover at bankruptcy, the engine and the fund."""

import pytest

from sim_exchange.core import commands as c
from sim_exchange.core.events import Deleveraged, Liquidated, MarkChanged
from sim_exchange.core.types import Liquidity, Mode, OrdStatus, Reason, SettlementKind
from tests.core.world import BUY, SELL, World, inverse_world

LEVERAGED, OTHER, THIRD = 1, 2, 3


def at_100x(side: int, wallet: int = 10**6, **changes: object) -> World:
    """LEVERAGED holds 1,000 XBTUSD @10,000 at 100x isolated, against OTHER."""
    w = inverse_world("10000", maker_fee_ppm=0, **changes)
    a, b = w.account("leveraged", XBt=wallet), w.account("other", XBt=10**9)
    w.account("third", XBt=10**9)
    w.ok(c.SetLeverage(account=a, symbol="XBTUSD", leverage_cents=10_000))
    w.place(a, BUY if side > 0 else SELL, 1_000, 20_000, "XBTUSD")
    w.place(b, SELL if side > 0 else BUY, 1_000, 20_000, "XBTUSD")
    return w


def move(w: World, price: str) -> None:
    """Let the index print and publish."""
    w.index(".BXBT", price)


@pytest.mark.parametrize(
    ("side", "safe", "liquidation", "pnl", "comm", "bankrupt_ticks"),
    [
        (1, "9950.51", "9950.5", -100_000, 7_575, 19_802),
        (-1, "10049.99", "10050", -100_000, 7_425, 20_202),
    ],
)
def test_E13_takeover_at_bankruptcy(
    side: int, safe: str, liquidation: str, pnl: int, comm: int, bankrupt_ticks: int
) -> None:
    w = at_100x(side)
    move(w, safe)
    assert w.qty(LEVERAGED, "XBTUSD") == side * 1_000

    move(w, liquidation)

    assert w.qty(LEVERAGED, "XBTUSD") == 0
    assert w.wallet(LEVERAGED) == 10**6 + pnl - comm
    (taken,) = w.of(Liquidated)
    assert (taken.account, taken.qty) == (LEVERAGED, side * 1_000)  # type: ignore[attr-defined]
    report = next(e for e in w.executions(LEVERAGED) if e.text == "Liquidation")
    assert (report.order_id, report.exec_comm, report.liquidity) == (0, comm, Liquidity.REMOVED)
    assert report.publish is False
    assert w.x.position(0, "XBTUSD").current_qty == side * 1_000  # type: ignore[union-attr]
    engine_side = SELL if side > 0 else BUY
    assert w.x.markets["XBTUSD"].book.levels(engine_side) == [(bankrupt_ticks, 1_000)]


def test_E13b_the_engine_s_gain_goes_to_the_fund_and_costs_no_fee() -> None:
    w = at_100x(1)
    fees = w.fees()
    w.place(THIRD, BUY, 1_000, 19_900, "XBTUSD")  # 9950: 10,050 a contract

    move(w, "9950")

    assert w.x.fund("XBt") == 50_000
    assert w.x.position(0, "XBTUSD").current_qty == 0  # type: ignore[union-attr]
    assert w.fees() - fees == 7_575  # the taker fee of the takeover; the maker's is 0 here
    assert w.x.markets["XBTUSD"].book.levels(SELL) == []


def test_E13b_a_fill_at_the_bankruptcy_value_neither_feeds_the_fund_nor_costs_it() -> None:
    w = at_100x(1)
    w.ok(c.DepositFund(currency="XBt", amount=30_000))
    move(w, "9950")
    w.place(THIRD, BUY, 400, None, "XBTUSD")
    assert w.x.fund("XBt") == 30_000
    assert w.x._state.ledger.balance("XBt", "engine:liquidation") == 0


def test_E13b_the_fund_pays_the_engine_s_loss_and_is_never_overdrawn() -> None:
    w = at_100x(1, settlement_kind=SettlementKind.LAST)
    w.ok(c.DepositFund(currency="XBt", amount=30_000))
    move(w, "9950")
    move(w, "9901.01")
    w.print(".BXBT", "9500")
    w.checked = False
    w.ok(c.SetMode(symbol="XBTUSD", mode=Mode.CANCEL_ONLY))
    w.advance(5 * 10**9)
    w.checked = True

    w.ok(c.ExpireNow(symbol="XBTUSD"))

    # 1,000 from 10,100 a contract to 10,526: the fund pays for 70, the rest is deleveraged.
    assert w.x.fund("XBt") == 30_000 - 70 * 426
    assert w.x._state.ledger.balance("XBt", "engine:liquidation") == 0
    assert [(e.account, e.qty, e.value) for e in w.of(Deleveraged)] == [  # type: ignore[attr-defined]
        (OTHER, -930, 10_100)
    ]


def test_E13_orders_of_the_contract_are_canceled_first_and_may_cure() -> None:
    w = inverse_world("10000", maker_fee_ppm=0)
    a, b = w.account("cross", XBt=1_000_000), w.account("other", XBt=10**9)
    w.place(a, BUY, 1_000, 20_000, "XBTUSD")
    w.place(b, SELL, 1_000, 20_000, "XBTUSD")
    resting = w.place(a, BUY, 5_000, 18_000, "XBTUSD")  # holds so much that 9500 is near
    view = w.x.position(a, "XBTUSD")
    assert view is not None
    assert view.liquidation_pico > 9_400 * 10**12

    move(w, "9400")

    assert (resting.status, resting.end_reason) == (OrdStatus.CANCELED, Reason.LIQUIDATION)
    assert w.qty(a, "XBTUSD") == 1_000
    assert w.of(Liquidated) == []

    move(w, "9140")
    assert w.qty(a, "XBTUSD") == 0
    assert w.wallet(a) == 1_000_000 - 991_000 - 8_243


def test_E13_a_gap_through_bankruptcy_is_taken_over_at_the_same_price() -> None:
    w = at_100x(1)
    move(w, "6000")
    assert w.wallet(LEVERAGED) == 10**6 - 107_575
    # Nobody buys and the fund is empty: the short is closed at the same value.
    assert w.x.position(0, "XBTUSD").current_qty == 0  # type: ignore[union-attr]
    assert w.qty(OTHER, "XBTUSD") == 0
    assert w.wallet(OTHER) == 10**9 + 100_000 - 7_500 + 0


@pytest.mark.parametrize("mode", [Mode.CANCEL_ONLY, Mode.HALT])
def test_E17_nobody_is_liquidated_while_the_market_is_suspended(mode: Mode) -> None:
    w = at_100x(1)
    w.ok(c.SetMode(symbol="XBTUSD", mode=mode))
    move(w, "9900")
    assert w.qty(LEVERAGED, "XBTUSD") == 1_000
    assert bool(w.of(MarkChanged)) is (mode is Mode.CANCEL_ONLY)  # a halt moves no mark

    w.ok(c.SetMode(symbol="XBTUSD", mode=Mode.POST_ONLY))
    w.advance(5 * 10**9)
    assert w.qty(LEVERAGED, "XBTUSD") == 0


def test_E13_the_worst_goes_first() -> None:
    w = inverse_world("10000", maker_fee_ppm=0)
    deep, thin = w.account("deep", XBt=10**6), w.account("thin", XBt=10**6)
    other = w.account("other", XBt=10**9)
    w.ok(c.SetLeverage(account=deep, symbol="XBTUSD", leverage_cents=5_000))
    w.ok(c.SetLeverage(account=thin, symbol="XBTUSD", leverage_cents=10_000))
    w.place(other, SELL, 2_000, 20_000, "XBTUSD")
    w.place(deep, BUY, 1_000, 20_000, "XBTUSD")
    w.place(thin, BUY, 1_000, 20_000, "XBTUSD")

    move(w, "9800")

    assert [e.account for e in w.of(Liquidated)] == [thin, deep]  # type: ignore[attr-defined]


def test_E13_a_contract_without_maintenance_is_never_liquidated() -> None:
    w = inverse_world("10000", maint_margin_ppm=0)
    a, b = w.account("a", XBt=1_000_000), w.account("b", XBt=10**9)
    w.place(a, BUY, 1_000, 20_000, "XBTUSD")
    w.place(b, SELL, 1_000, 20_000, "XBTUSD")
    w.checked = False
    move(w, "2000")
    assert w.qty(a, "XBTUSD") == 1_000
