"""E11: risk limits: which rates go with a limit, what an account may hold under it, choosing it."""

import msgspec
import pytest

from sim_exchange.core import commands as c
from sim_exchange.core.contracts.tiers import limit_fault, limit_for, rates
from sim_exchange.core.events import PositionChanged
from sim_exchange.core.types import Reason
from sim_exchange.core.views import PositionView
from tests.core.world import BUY, SELL, XBT, XBTUSD, World, inverse_world

PERPETUAL = {
    "expiry_ns": None, "typ": "FFWCSX", "maker_fee_ppm": 0, "taker_fee_ppm": 0,
}  # fmt: skip
SPEC_2021 = msgspec.structs.replace(XBTUSD, risk_step=150 * XBT)
AT = 20_000  # ticks: 10,000, so 10,000 XBt a contract
PER_XBT = 10_000  # contracts


def free_world() -> World:
    """XBTUSD, 2018, without fees, at 10,000; accounts 1 and 2 have 1,000 XBT each."""
    w = inverse_world("10000", **PERPETUAL)
    w.account("a", XBt=1_000 * XBT)
    w.account("b", XBt=1_000 * XBT)
    return w


def limit(account: int, coins: int) -> c.SetRiskLimit:
    """Choose a risk limit in whole coins."""
    return c.SetRiskLimit(account=account, symbol="XBTUSD", risk_limit=coins * XBT)


def long_of(w: World, coins: int) -> None:
    """Account 1 buys so many coins' worth from account 2."""
    w.place(2, SELL, coins * PER_XBT, AT, "XBTUSD")
    w.place(1, BUY, coins * PER_XBT, AT, "XBTUSD")


def view_of(w: World, account: int = 1) -> PositionView:
    """The XBTUSD position of an account."""
    view = w.x.position(account, "XBTUSD")
    assert view is not None
    return view


@pytest.mark.parametrize(
    ("coins", "maint_ppm", "init_ppm"),
    [(180, 5_000, 10_000), (230, 10_000, 15_000), (350, 15_000, 20_000), (420, 20_000, 25_000)],
)
def test_E11_rates_of_2018(coins: int, maint_ppm: int, init_ppm: int) -> None:
    needed = limit_for(XBTUSD, coins * XBT)
    assert rates(XBTUSD, needed) == (init_ppm, maint_ppm)
    w = free_world()
    w.ok(limit(1, needed // XBT))
    w.ok(limit(2, 500))
    long_of(w, coins)
    view = view_of(w)
    assert (view.maint_margin_req_ppm, view.init_margin_req_ppm) == (maint_ppm, init_ppm)
    assert view.pos_maint == coins * XBT * maint_ppm // 10**6  # 180: 0.9 XBT
    assert view.pos_init == coins * XBT * init_ppm // 10**6


@pytest.mark.parametrize(
    ("under", "maint_ppm", "init_ppm"),
    [(200, 5_000, 10_000), (350, 10_000, 15_000), (500, 15_000, 20_000), (650, 20_000, 25_000)],
)
def test_E11_rates_of_2021(under: int, maint_ppm: int, init_ppm: int) -> None:
    for value in (under * XBT - 1, under * XBT):
        needed = limit_for(SPEC_2021, value)
        assert needed == under * XBT
        assert rates(SPEC_2021, needed) == (init_ppm, maint_ppm)
    assert limit_for(SPEC_2021, under * XBT + 1) == (under + 150) * XBT


def test_E11_an_order_beyond_the_limit_needs_a_higher_one_first() -> None:
    w = free_world()
    w.ok(limit(2, 300))
    long_of(w, 180)
    more = c.PlaceOrder(account=1, symbol="XBTUSD", side=BUY, order_qty=50 * PER_XBT, price=AT)
    refused = w.refused(more)
    assert (refused.reason, refused.detail) == (Reason.RISK_LIMIT, 230 * XBT)

    w.ok(limit(1, 300))
    w.ok(more)
    assert view_of(w).risk_value == 230 * XBT


def test_E11_a_value_that_equals_the_limit_is_allowed() -> None:
    w = free_world()
    w.place(1, BUY, 200 * PER_XBT, AT, "XBTUSD")
    one_more = c.PlaceOrder(account=1, symbol="XBTUSD", side=BUY, order_qty=1, price=AT)
    assert w.refused(one_more).reason is Reason.RISK_LIMIT


def test_E11_risk_value_is_that_of_the_worse_side() -> None:
    w = free_world()
    w.place(1, BUY, 100 * PER_XBT, AT, "XBTUSD")
    assert view_of(w).risk_value == 100 * XBT
    w.place(1, SELL, 100 * PER_XBT, AT + 1, "XBTUSD")
    # A sell is worth a little less at its own price.
    assert view_of(w).risk_value == 100 * XBT
    w.ok(c.CancelAll(account=1))

    w.ok(limit(1, 300))
    long_of(w, 180)
    w.place(1, SELL, 400 * PER_XBT, AT, "XBTUSD")
    assert view_of(w).risk_value == 220 * XBT


# --- choosing


@pytest.mark.parametrize("value", [0, -XBT, 100 * XBT, 250 * XBT, 200 * XBT + 1, True])
def test_E11_a_limit_that_is_not_base_and_whole_steps_is_refused(value: int) -> None:
    w = free_world()
    refused = w.refused(c.SetRiskLimit(account=1, symbol="XBTUSD", risk_limit=value))
    assert (refused.reason, refused.detail) == (Reason.BAD_RISK_LIMIT, 200 * XBT)
    assert refused.text


def test_E11_the_highest_limit_is_where_initial_margin_is_the_whole_value() -> None:
    most = 200 * XBT + 198 * 100 * XBT
    assert rates(XBTUSD, most) == (1_000_000, 995_000)
    assert limit_fault(XBTUSD, most) == ""
    assert str(most) in limit_fault(XBTUSD, most + 100 * XBT)


def test_E11_a_contract_without_steps_has_the_base_only_and_one_without_limits_none() -> None:
    fixed = msgspec.structs.replace(XBTUSD, risk_step=0)
    assert limit_fault(fixed, 200 * XBT) == ""
    assert limit_fault(fixed, 300 * XBT)
    assert limit_for(fixed, 10**15) == 200 * XBT
    assert limit_fault(msgspec.structs.replace(XBTUSD, risk_limit=0), 100 * XBT)


def test_E11_unknown_accounts_and_symbols_are_refused() -> None:
    w = free_world()
    for account, symbol, reason in (
        (9, "XBTUSD", Reason.UNKNOWN_ACCOUNT),
        (0, "XBTUSD", Reason.UNKNOWN_ACCOUNT),
        (1, "NONE", Reason.UNKNOWN_SYMBOL),
    ):
        for command in (
            c.SetRiskLimit(account=account, symbol=symbol, risk_limit=300 * XBT),
            c.IsolateMargin(account=account, symbol=symbol),
            c.TransferMargin(account=account, symbol=symbol, amount=1),
        ):
            assert w.refused(command).reason is reason


def test_E11_a_limit_below_what_is_in_use_is_refused() -> None:
    w = free_world()
    w.ok(limit(1, 500))
    w.ok(limit(2, 500))
    long_of(w, 230)
    resting = w.place(1, BUY, 100 * PER_XBT, AT, "XBTUSD")
    refused = w.refused(limit(1, 300))
    assert (refused.reason, refused.detail) == (Reason.RISK_LIMIT_IN_USE, 330 * XBT)
    assert str(400 * XBT) in refused.text

    w.ok(limit(1, 400))
    w.cancel(resting)
    w.ok(limit(1, 300))
    assert view_of(w).pos_init == 230 * XBT * 15_000 // 10**6
    assert w.of(PositionChanged)


def test_E11_a_higher_limit_needs_the_margin_for_it() -> None:
    w = inverse_world("10000", **PERPETUAL)
    w.account("thin", XBt=2 * XBT)
    w.account("b", XBt=1_000 * XBT)
    long_of(w, 150)  # 1.5 XBT at 1 %
    refused = w.refused(limit(1, 300))  # 2.25 XBT at 1.5 %
    assert (refused.reason, refused.detail) == (Reason.INSUFFICIENT_BALANCE, 75_000_000)

    w.ok(c.Deposit(to_account=1, currency="XBt", amount=25_000_000))
    w.ok(limit(1, 300))
    assert w.x.margin(1, "XBt").available == 0


def test_E11_a_higher_limit_is_refused_where_it_would_liquidate() -> None:
    w = free_world()
    w.ok(c.SetLeverage(account=1, symbol="XBTUSD", leverage_cents=5_000))  # posInit 2 %
    long_of(w, 150)
    w.index(".BXBT", "9901")  # 1 % of 150 is lost: half of the margin is left
    assert w.refused(limit(1, 400)).reason is Reason.WOULD_BE_LIQUIDATED
    w.ok(limit(1, 200))


def test_E11_the_highest_leverage_follows_the_limit() -> None:
    w = free_world()
    w.ok(c.SetLeverage(account=1, symbol="XBTUSD", leverage_cents=10_000))
    w.ok(limit(1, 300))
    view = view_of(w)
    assert (view.leverage_cents, view.init_margin_req_ppm) == (6_666, 15_000)
    refused = w.refused(c.SetLeverage(account=1, symbol="XBTUSD", leverage_cents=6_667))
    assert (refused.reason, refused.detail) == (Reason.BAD_LEVERAGE, 6_666)
    w.ok(limit(1, 200))
    assert view_of(w).leverage_cents == 10_000
