"""E13: positions of a higher tier lose their tier first, then a part, and only then all."""

import msgspec
import pytest

from sim_exchange.core import commands as c
from sim_exchange.core.events import Liquidated
from sim_exchange.core.types import (
    ExecInst,
    Kind,
    MarkMethod,
    OrdStatus,
    OrdType,
    Reason,
    TimeInForce,
)
from sim_exchange.core.views import PositionView
from tests.core.world import BUY, SELL, XBT, XBTUSD, World, composite

PLAIN = msgspec.structs.replace(
    XBTUSD,
    symbol="PLAIN",
    typ="FFWCSX",
    kind=Kind.LINEAR,
    multiplier=10**8,
    tick_pico=10_000,  # 1e-8: a tick is 1 XBt a contract
    mark_decimals=8,
    max_price_ticks=10**10,
    maker_fee_ppm=0,
    taker_fee_ppm=0,
    reference_symbol=".PLAIN",
    expiry_ns=None,
)
"""A fee-free contract of 0.1 XBT at 0.1, with the tiers of 2018."""
MARK = 10_000_000
US, OTHER, BIDDER = 1, 2, 3


def plain_world(wallet: int, coins: int, **changes: object) -> World:
    """US has ``wallet`` and a risk limit of ``coins``, the others enough."""
    w = World()
    w.ok(c.ListIndex(spec=composite(".PLAIN")))
    w.index(".PLAIN", "0.101")
    w.enlist(PLAIN, **changes)
    for name, amount in (("us", wallet), ("other", 10_000 * XBT), ("bidder", 10_000 * XBT)):
        w.account(name, XBt=amount)
    w.ok(limit(US, coins))
    w.ok(limit(OTHER, 1_000))
    w.ok(limit(BIDDER, 1_000))
    return w


def limit(account: int, coins: int) -> c.SetRiskLimit:
    """Choose a risk limit in whole coins."""
    return c.SetRiskLimit(account=account, symbol="PLAIN", risk_limit=coins * XBT)


def long_of(w: World, *parts: tuple[int, int]) -> None:
    """US buys (contracts, price in ticks) from OTHER."""
    for qty, price in parts:
        w.place(OTHER, SELL, qty, price, "PLAIN")
        w.place(US, BUY, qty, price, "PLAIN")


def view_of(w: World) -> PositionView:
    """The position of US."""
    view = w.x.position(US, "PLAIN")
    assert view is not None
    return view


def equity(w: World) -> int:
    """Margin and unrealised profit of US's isolated position."""
    view = view_of(w)
    return view.pos_margin + view.unrealised_pnl


def isolated_280() -> World:
    """280 XBT at the mark of 0.1 under a limit of 300 (MM 1 %), equity 2.5 XBT."""
    w = plain_world(10 * XBT, 300)
    w.ok(c.IsolateMargin(account=US, symbol="PLAIN"))
    long_of(w, (367, 10_061_638), (2_433, 10_061_639))
    view = view_of(w)
    assert (view.unrealised_cost, view.pos_init) == (28_172_588_833, 422_588_833)
    assert view.maint_margin_req_ppm == 10_000
    return w


def test_E13_partial_close_isolated() -> None:
    w = isolated_280()
    w.place(BIDDER, BUY, 1_000, MARK, "PLAIN")

    w.index(".PLAIN", "0.1")

    assert w.trades == [(800, MARK)]
    view = view_of(w)
    assert (view.current_qty, view.risk_limit) == (2_000, 200 * XBT)
    assert (view.mark_value, view.maint_margin_req_ppm) == (200 * XBT, 5_000)
    assert equity(w) == 178_571_428
    # Released are rha(x*800/2800); what was lost on them came out of the wallet.
    assert view.unrealised_cost == 28_172_588_833 - 8_049_311_095
    assert view.pos_init == 422_588_833 - 120_739_667
    assert w.wallet(US) == 10 * XBT - 49_311_095
    # 0.5 % of its cost, which is 1.0 XBT at the mark.
    assert view.pos_maint == 100_616_389
    assert w.of(Liquidated) == []
    w.advance(5 * 10**9)
    assert w.qty(US, "PLAIN") == 2_000


def test_E13_partial_close_is_a_fill_or_kill_of_the_account() -> None:
    w = isolated_280()
    w.place(BIDDER, BUY, 1_000, MARK, "PLAIN")
    w.index(".PLAIN", "0.1")
    order = next(o for o in w.x.orders.values() if o.account == US and o.text == "Liquidation")
    assert (order.side, order.order_qty, order.time_in_force) == (SELL, 800, TimeInForce.FOK)
    assert order.price == 9_910_715  # 27,750,000,000 / 2,800, up to the tick
    assert order.status is OrdStatus.FILLED


def test_E13_partial_close_cross() -> None:
    w = plain_world(530_000_000, 300)
    long_of(w, (2_800, 10_100_000))
    w.place(BIDDER, BUY, 1_000, MARK, "PLAIN")

    w.index(".PLAIN", "0.1")

    view = view_of(w)
    assert (view.current_qty, view.risk_limit) == (2_000, 200 * XBT)
    assert w.wallet(US) + view.unrealised_pnl == 250_000_000
    assert w.wallet(US) == 530_000_000 - 80_000_000


def test_E13_partial_close_releases_its_part_of_transfers_and_losses() -> None:
    w = isolated_280()
    w.ok(c.TransferMargin(account=US, symbol="PLAIN", amount=1_000_001))
    position = w.x._state.accounts[US].positions["PLAIN"]
    position.pos_loss = 3_000_002
    w.place(BIDDER, BUY, 300, MARK + 1, "PLAIN")
    w.place(BIDDER, BUY, 300, MARK, "PLAIN")
    w.place(BIDDER, BUY, 300, MARK - 1, "PLAIN")

    w.index(".PLAIN", "0.1")

    # One part of the whole, however many matches it took.
    assert w.trades == [(300, MARK + 1), (300, MARK), (200, MARK - 1)]
    view = view_of(w)
    assert view.pos_init == 422_588_833 - 120_739_667
    assert view.pos_cross == 1_000_001 - 285_715
    assert view.pos_loss == 3_000_002 - 857_143


def test_E9_a_part_that_was_closed_is_refunded_at_the_prices_that_it_got() -> None:
    """300 at a tick over the mark of 0.1 and 500 at it, made good up to 0.101, once."""
    w = isolated_280()
    w.place(BIDDER, BUY, 300, MARK + 1, "PLAIN")
    w.place(BIDDER, BUY, 500, MARK, "PLAIN")
    w.index(".PLAIN", "0.1")
    assert view_of(w).current_qty == 2_000
    before = w.wallet(US)
    refund = c.RefundLiquidations(
        symbol="PLAIN", from_ns=w.now, until_ns=w.now, reference=10_100_000
    )

    w.ok(msgspec.structs.replace(refund, reference=MARK))  # it lost nothing against this
    assert w.wallet(US) == before
    w = isolated_280()
    w.place(BIDDER, BUY, 300, MARK + 1, "PLAIN")
    w.place(BIDDER, BUY, 500, MARK, "PLAIN")
    w.index(".PLAIN", "0.1")
    w.ok(refund)
    assert w.wallet(US) == before + 300 * 99_999 + 500 * 100_000
    assert w.x._state.ledger.balance("XBt", "exchange:refund") == before - w.wallet(US)
    w.ok(refund)
    assert w.wallet(US) == before + 79_999_700


def test_E9_a_part_and_the_takeover_of_the_rest_are_refunded_both() -> None:
    w = isolated_280()
    w.place(BIDDER, BUY, 1_000, 9_910_715, "PLAIN")  # where it is bankrupt: cures nothing
    w.index(".PLAIN", "0.0995")
    (taken,) = w.of(Liquidated)
    before = w.wallet(US)

    w.ok(c.RefundLiquidations(symbol="PLAIN", from_ns=w.now, until_ns=w.now, reference=10_000_000))

    part = 2_800 - taken.qty  # type: ignore[attr-defined]
    assert part > 0
    rest = (10_000_000 - taken.value) * taken.qty  # type: ignore[attr-defined]
    assert w.wallet(US) == before + part * (10_000_000 - 9_910_715) + rest


def test_E13_a_partial_close_that_cannot_fill_whole_ends_in_a_takeover() -> None:
    w = isolated_280()
    w.place(BIDDER, BUY, 799, MARK, "PLAIN")

    w.index(".PLAIN", "0.1")

    order = next(o for o in w.x.orders.values() if o.account == US and o.text == "Liquidation")
    assert (order.status, order.end_reason) == (OrdStatus.CANCELED, Reason.FOK_NOT_FILLED)
    (taken,) = w.of(Liquidated)
    assert taken.qty == 2_800  # type: ignore[attr-defined]
    assert w.qty(US, "PLAIN") == 0
    # All of its margin, but for the rounding of the lot value.
    assert w.wallet(US) == 10 * XBT - (28_172_588_833 - 2_800 * 9_910_715)


def test_E13_what_a_partial_close_does_not_cure_is_taken_over() -> None:
    w = isolated_280()
    w.place(BIDDER, BUY, 2_800, 9_950_000, "PLAIN")
    w.index(".PLAIN", "0.0995")  # 200 at 0.5 % need more than what is left there
    order = next(o for o in w.x.orders.values() if o.account == US and o.text == "Liquidation")
    assert order.cum_qty == 790  # ceil((278.6 - 200) / 0.0995)
    (taken,) = w.of(Liquidated)
    assert taken.qty == 2_010  # type: ignore[attr-defined]


def test_E13_a_lower_tier_may_cure_and_keeps_the_orders() -> None:
    w = plain_world(10 * XBT, 500)
    w.ok(c.IsolateMargin(account=US, symbol="PLAIN"))
    long_of(w, (308, 10_170_941), (1_492, 10_170_940))
    resting = w.place(US, BUY, 100, MARK, "PLAIN")
    before = view_of(w)
    assert (before.maint_margin_req_ppm, before.pos_init) == (20_000, 457_692_308)

    w.index(".PLAIN", "0.1")

    view = view_of(w)
    assert (view.current_qty, view.mark_value) == (1_800, 180 * XBT)
    assert equity(w) == 150_000_000
    assert view.risk_value == 190 * XBT
    assert (view.risk_limit, view.maint_margin_req_ppm) == (200 * XBT, 5_000)
    # 0.5 % of its cost, 0.90 XBT at the mark; nothing else has changed.
    assert view.pos_maint == 91_538_462
    assert (view.pos_init, view.init_margin_req_ppm) == (457_692_308, 25_000)
    assert resting.status is OrdStatus.NEW
    assert w.trades == []


def test_E13_orders_are_canceled_where_only_the_tier_of_the_position_cures() -> None:
    w = plain_world(10 * XBT, 500)
    w.ok(c.IsolateMargin(account=US, symbol="PLAIN"))
    long_of(w, (308, 10_170_941), (1_492, 10_170_940))
    resting = w.place(US, BUY, 2_000, MARK, "PLAIN")  # 380 with it: the limit of 400
    w.index(".PLAIN", "0.1")
    assert (resting.status, resting.end_reason) == (OrdStatus.CANCELED, Reason.LIQUIDATION)
    view = view_of(w)
    assert (view.current_qty, view.risk_limit) == (1_800, 200 * XBT)
    assert w.of(Liquidated) == []


def test_E13_a_short_is_closed_in_part_too() -> None:
    w = plain_world(530_000_000, 300)
    w.index(".PLAIN", "0.099")
    w.place(OTHER, BUY, 2_800, 9_900_000, "PLAIN")
    w.place(US, SELL, 2_800, 9_900_000, "PLAIN")
    w.place(BIDDER, SELL, 1_000, MARK, "PLAIN")
    w.index(".PLAIN", "0.1")
    view = view_of(w)
    assert (view.current_qty, view.risk_limit) == (-2_000, 200 * XBT)
    assert w.trades == [(800, MARK)]


def test_E13_after_a_takeover_the_limit_that_is_left_has_its_own_rates() -> None:
    w = isolated_280()
    w.index(".PLAIN", "0.1")
    view = view_of(w)
    assert (view.current_qty, view.risk_limit) == (0, 300 * XBT)
    assert view.init_margin_req_ppm == 15_000
    w.ok(limit(US, 200))
    assert view_of(w).init_margin_req_ppm == 10_000


def test_E13_ties_go_by_account() -> None:
    w = plain_world(10 * XBT, 200)
    w.place(OTHER, SELL, 300, 10_100_000, "PLAIN")
    w.ok(limit(BIDDER, 200))
    for account in (BIDDER, US):
        w.ok(c.SetLeverage(account=account, symbol="PLAIN", leverage_cents=5_000))
        w.place(account, BUY, 100, 10_100_000, "PLAIN")
    w.index(".PLAIN", "0.099")
    assert [e.account for e in w.of(Liquidated)] == [US, BIDDER]  # type: ignore[attr-defined]


@pytest.mark.parametrize("symbol", ["PLAIN", "OTHER"])
def test_E13_only_orders_of_that_contract_are_canceled(symbol: str) -> None:
    w = plain_world(3 * XBT, 200)
    w.enlist(PLAIN, symbol="OTHER")
    long_of(w, (1_000, 10_100_000))
    resting = w.place(US, BUY, 100, 9_000_000, symbol)
    w.index(".PLAIN", "0.099")
    assert w.qty(US, "PLAIN") == 1_000
    w.index(".PLAIN", "0.0985")
    assert resting.is_open is (symbol == "OTHER")


def test_E13_orders_that_wait_for_a_trigger_are_canceled_too() -> None:
    w = plain_world(3 * XBT, 200)
    long_of(w, (1_000, 10_100_000))
    w.ok(limit(US, 300))
    stop = c.PlaceOrder(
        account=US,
        symbol="PLAIN",
        side=SELL,
        ord_type=OrdType.STOP,
        order_qty=10,
        stop_px=1_000_000,
        exec_inst=ExecInst.MARK_PRICE,
    )
    waiting = w.x.orders[w.ok(stop)]
    w.index(".PLAIN", "0.09")
    assert (waiting.status, waiting.end_reason) == (OrdStatus.CANCELED, Reason.LIQUIDATION)
    assert w.qty(US, "PLAIN") == 0


def test_E13_a_last_price_mark_follows_each_partial_close() -> None:
    # The engine's sale moves the mark itself, before anybody else is looked at.
    w = plain_world(10 * XBT, 300, mark_method=MarkMethod.LAST, opening_reference=10_100_000)
    w.ok(c.IsolateMargin(account=US, symbol="PLAIN"))
    long_of(w, (367, 10_061_638), (2_433, 10_061_639))
    w.place(BIDDER, BUY, 1, MARK, "PLAIN")
    w.place(BIDDER, BUY, 800, 9_990_000, "PLAIN")
    w.place(OTHER, SELL, 1, MARK, "PLAIN")
    assert w.x.markets["PLAIN"].mark == 9_990_000
    assert w.qty(US, "PLAIN") == 2_000
