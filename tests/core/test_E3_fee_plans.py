"""E3: the plans of 2014, chosen by an account for all contracts that offer them."""

from typing import Any

import msgspec
import pytest

from sim_exchange.core import commands as c
from sim_exchange.core.contracts.instrument import instrument_fault
from sim_exchange.core.events import Executed, Liquidated
from sim_exchange.core.specs import FeePlan
from sim_exchange.core.types import HOUR_NS, ExecInst, LossMethod, Reason
from tests.core.waterfall_world import ROUND, round_world, ticks
from tests.core.world import BUY, ETC_XBT, SELL, START_NS, World, inverse_world, order

TRADER = FeePlan(name="Trader", maker_ppm=50, taker_ppm=50, session_fee_ppm=150)
HEDGER = FeePlan(name="Hedger", maker_ppm=2_500, taker_ppm=5_000)
PLANS = (TRADER, HEDGER)
AT_100 = ticks(100)


def choose(w: World, account: int, plan: str) -> None:
    """Let an account choose a plan."""
    w.ok(c.SetFeePlan(account=account, plan=plan))


def plans(**changes: object) -> tuple[World, int, int, int]:
    """RND without fees of its own but with both plans: a trader, a hedger, somebody with none."""
    terms: dict[str, Any] = {"fee_plans": PLANS, "loss_method": LossMethod.GUARANTEED, **changes}
    w = round_world("100", **terms)
    trader, hedger, plain = (w.account(name, XBt=10**7) for name in ("t", "h", "p"))
    choose(w, trader, "Trader")
    choose(w, hedger, "Hedger")
    return w, trader, hedger, plain


def paid(w: World, account: int) -> tuple[int, int]:
    """Rate in ppm and fee of an account's last execution."""
    one = [e for e in w.of(Executed) if isinstance(e, Executed) and e.account == account][-1]
    return one.commission_ppm, one.exec_comm


def test_E3_each_side_of_a_match_pays_by_its_own_plan() -> None:
    w, trader, hedger, plain = plans()
    # 100 contracts at 100.00 are worth 1,000,000.
    w.place(hedger, SELL, 100, AT_100, "RND")
    w.place(trader, BUY, 100, AT_100, "RND")
    assert (paid(w, hedger), paid(w, trader)) == ((2_500, 2_500), (50, 50))
    w.place(trader, SELL, 50, AT_100, "RND")
    w.place(hedger, BUY, 50, AT_100, "RND")
    assert (paid(w, trader), paid(w, hedger)) == ((50, 25), (5_000, 2_500))
    w.place(plain, BUY, 50, AT_100, "RND")
    w.place(trader, SELL, 50, AT_100, "RND")
    assert (paid(w, plain), paid(w, trader)) == ((0, 0), (50, 25))
    assert w.fees() == 2_500 + 50 + 25 + 2_500 + 25


def test_E3_orders_and_positions_hold_the_fees_of_the_plan() -> None:
    w, trader, hedger, plain = plans()
    held = []
    for account in (trader, hedger, plain):
        w.place(account, BUY, 100, AT_100, "RND")
        held.append(w.x.margin(account, "XBt").init_margin)
    # 1,000,000*(r + f + (1 + r)*f) at r = 1 %
    assert held == [10_000 + 50 + 51, 10_000 + 5_000 + 5_050, 10_000]
    w.ok(c.CancelAll(account=trader))
    w.ok(c.CancelAll(account=plain))
    w.place(trader, SELL, 100, AT_100, "RND")
    views = [w.x.position(account, "RND") for account in (trader, hedger)]
    assert [view.pos_comm for view in views if view is not None] == [51, 5_050]


def test_E3_a_takeover_is_charged_by_the_plan() -> None:
    w, trader, hedger, plain = plans(loss_method=LossMethod.ADL)
    w.ok(c.SetLeverage(account=hedger, symbol="RND", leverage_cents=5_000))
    w.place(plain, SELL, 100, AT_100, "RND")
    w.place(hedger, BUY, 100, AT_100, "RND")
    w.index(".RND", "95")
    assert w.of(Liquidated)
    assert next(e for e in w.executions(hedger) if e.text == "Liquidation").commission_ppm == 5_000
    assert trader


def test_E3_only_who_chose_the_trader_plan_pays_the_session_fee() -> None:
    w, trader, hedger, plain = plans()
    w.place(hedger, SELL, 100, AT_100, "RND")
    w.place(trader, BUY, 100, AT_100, "RND")
    before = [w.wallet(account) for account in (trader, hedger, plain)]
    w.advance(8 * HOUR_NS - (w.now - START_NS) - 1)
    assert w.x.fund("XBt") == 0
    w.advance(1)  # 20:00: 0.015 % of 1,000,000
    assert w.x.fund("XBt") == 150
    w.advance(16 * HOUR_NS)  # 04:00 and 12:00
    assert w.x.fund("XBt") == 450
    after = [w.wallet(account) for account in (trader, hedger, plain)]
    assert [a - b for a, b in zip(after, before, strict=True)] == [-450, 0, 0]


def test_E3_a_plan_replaces_the_session_fee_of_the_contract() -> None:
    w, trader, hedger, plain = plans(insurance_fee_ppm=1_000)
    w.place(hedger, SELL, 100, AT_100, "RND")
    w.place(trader, BUY, 50, AT_100, "RND")
    w.place(plain, BUY, 50, AT_100, "RND")
    w.advance(8 * HOUR_NS - (w.now - START_NS))
    assert w.x.fund("XBt") == 75 + 500


def test_E3_a_plan_changes_only_with_nothing_open() -> None:
    w, trader, hedger, _ = plans()
    resting = w.place(trader, BUY, 1, AT_100, "RND")
    refused = w.refused(c.SetFeePlan(account=trader, plan="Hedger"))
    assert (refused.reason, refused.detail) == (Reason.FEE_PLAN_NEEDS_FLAT, 1)
    w.place(hedger, SELL, 1, AT_100, "RND")
    assert not resting.is_open
    assert w.refused(c.SetFeePlan(account=trader, plan="")).detail == 1
    w.place(hedger, BUY, 1, AT_100, "RND")
    w.ok(order(trader, None, None, None, "RND", inst=ExecInst.CLOSE))

    choose(w, trader, "Hedger")
    w.place(hedger, SELL, 1, AT_100, "RND")
    w.place(trader, BUY, 1, AT_100, "RND")
    assert paid(w, trader) == (5_000, 50)


def test_E3_plans_that_nobody_offers_are_refused() -> None:
    w, trader, _, _ = plans()
    refused = w.refused(c.SetFeePlan(account=trader, plan="Whale"))
    assert refused.reason is Reason.BAD_FEE_PLAN
    assert refused.text == "fee plan 'Whale' is not one of Hedger, Trader"
    assert w.refused(c.SetFeePlan(account=99, plan="")).reason is Reason.UNKNOWN_ACCOUNT
    assert w.refused(c.SetFeePlan(account=0, plan="Trader")).reason is Reason.UNKNOWN_ACCOUNT


def test_E3_contracts_without_the_plan_charge_their_own_fees() -> None:
    w = inverse_world("10000")
    w.enlist(ROUND, fee_plans=PLANS, reference_symbol=".BXBT")
    a, b = w.account("a", XBt=10**8), w.account("b", XBt=10**8)
    choose(w, a, "Hedger")
    w.place(b, SELL, 1_000, 20_000, "XBTUSD")
    w.place(a, BUY, 1_000, 20_000, "XBTUSD")
    assert (paid(w, a), paid(w, b)) == ((750, 7_500), (-250, -2_500))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"fee_plans": (TRADER, TRADER)}, "fee_plans ['Trader', 'Trader'] must have different"),
        (
            {"fee_plans": (FeePlan(name="", maker_ppm=0, taker_ppm=0),)},
            "fee_plans [''] must have different names",
        ),
        (
            {"fee_plans": (FeePlan(name="A", maker_ppm=-100, taker_ppm=100), TRADER)},
            "fee_plans must have a taker fee of 0 cover a maker fee of -100, in ppm",
        ),
        (
            {"fee_plans": (FeePlan(name="A", maker_ppm=0, taker_ppm=-1),)},
            "fee_plans must have fees under 100 %, not taker_ppm -1 in A",
        ),
        (
            {"fee_plans": (FeePlan(name="A", maker_ppm=0, taker_ppm=0, session_fee_ppm=-1),)},
            "fee_plans must have fees under 100 %, not session_fee_ppm -1 in A",
        ),
        (
            {"fee_plans": (FeePlan(name="A", maker_ppm=True, taker_ppm=0),)},
            "fee_plans must have fees under 100 %, not maker_ppm True in A",
        ),
    ],
)
def test_E3_bad_plans_are_refused_by_the_field(changes: dict[str, object], text: str) -> None:
    assert instrument_fault(msgspec.structs.replace(ROUND, **changes)).startswith(text)


def test_E3_coins_have_no_plans() -> None:
    spec = msgspec.structs.replace(ETC_XBT, fee_plans=PLANS)
    assert instrument_fault(spec) == "fee_plans must be empty on spot"
