"""E13d: equalised profits and guaranteed settlement, the methods before auto-deleveraging."""

from typing import Any

import msgspec
import pytest

from sim_exchange.core import commands as c
from sim_exchange.core.contracts.instrument import instrument_fault
from sim_exchange.core.events import Equalised, Liquidated, SettledAt, WalletChanged
from sim_exchange.core.types import (
    DAY_NS,
    HOUR_NS,
    MINUTE_NS,
    PPM,
    Cause,
    ExecType,
    LossMethod,
    Reason,
    SettlementKind,
)
from tests.core.waterfall_world import ROUND, ledger, leveraged, round_world, ticks, trade
from tests.core.world import BUY, SELL, START_NS, WEEK_NS, World, inverse_world

DPE: dict[str, Any] = {"loss_method": LossMethod.DPE, "init_margin_ppm": 40_000}
GUARANTEED: dict[str, Any] = {"loss_method": LossMethod.GUARANTEED, "init_margin_ppm": 40_000}


def golden(method: LossMethod, *, fund: int = 0, maint_ppm: int = 0) -> tuple[World, int, int]:
    """A buys 1 of B at 100, 4 margin each, and it settles at 110."""
    w = round_world("100", loss_method=method, init_margin_ppm=40_000, maint_margin_ppm=maint_ppm)
    a, b = leveraged(w, "a", 400, 2_500), leveraged(w, "b", 400, 2_500)
    if fund:
        w.ok(c.DepositFund(currency="XBt", amount=fund))
    trade(w, a, b, 1, ticks(100))
    w.index(".RND", "110")
    w.ok(c.ExpireNow(symbol="RND"))
    return w, a, b


def reprint(w: World, price: str) -> None:
    """Let the index, stale after a week, print until it counts again (E9)."""
    for _ in range(11):
        w.print(".RND", price)
        w.advance(MINUTE_NS // 2)


def moved(w: World, account: int, cause: Cause) -> list[int]:
    """What a cause moved of an account's wallet by the last command."""
    return [
        e.amount
        for e in w.events
        if isinstance(e, WalletChanged) and e.account == account and e.cause is cause
    ]


def test_E13d_golden_profits_are_cut_by_sixty_percent() -> None:
    w, a, b = golden(LossMethod.DPE)

    assert (w.wallet(a), w.wallet(b)) == (400 + 400, 0)  # A gets 4 of its 10
    # Trade PNL in full, the shortfall and the haircut as postings of their own.
    assert moved(w, a, Cause.SETTLEMENT) == [1_000]
    assert moved(w, b, Cause.SETTLEMENT) == [-1_000]
    assert moved(w, b, Cause.SHORTFALL) == [600]
    assert moved(w, a, Cause.EQUALISATION) == [-600]
    (told,) = w.of(Equalised)
    assert (told.loss, told.profit, told.by_fund, told.by_winners, told.by_exchange) == (  # type: ignore[attr-defined]
        600,
        1_000,
        0,
        600,
        0,
    )
    (settled,) = w.of(SettledAt)
    assert settled.adjustment_ppm == 600_000  # type: ignore[attr-defined]
    assert ledger(w, "settlement:RND") == ledger(w, "clearing:RND") == 0


def test_E13d_golden_with_two_in_the_fund_profits_are_cut_by_forty_percent() -> None:
    w, a, b = golden(LossMethod.DPE, fund=200)

    assert (w.wallet(a), w.wallet(b)) == (400 + 600, 0)  # A gets 6
    assert w.x.fund("XBt") == 0
    (settled,) = w.of(SettledAt)
    assert settled.adjustment_ppm == 400_000  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("fund", "gets", "adjustment_ppm"), [(0, 400, 600_000), (200, 600, 400_000)]
)
def test_E13d_it_is_the_same_where_the_engine_took_the_loser_over(
    fund: int, gets: int, adjustment_ppm: int
) -> None:
    w = round_world("100", **DPE, maint_margin_ppm=20_000)
    a, b = leveraged(w, "a", 400, 2_500), leveraged(w, "b", 400, 2_500)
    if fund:
        w.ok(c.DepositFund(currency="XBt", amount=fund))
    trade(w, a, b, 1, ticks(100))
    w.index(".RND", "110")
    assert [e.account for e in w.of(Liquidated)] == [b]  # type: ignore[attr-defined]
    # No fund, no deleveraging before the settlement: the engine goes on offering at 104.
    assert w.x.position(0, "RND").current_qty == -1  # type: ignore[union-attr]
    assert w.x.fund("XBt") == fund

    w.ok(c.ExpireNow(symbol="RND"))

    assert (w.wallet(a), w.wallet(b)) == (400 + gets, 0)
    (settled,) = w.of(SettledAt)
    assert settled.adjustment_ppm == adjustment_ppm  # type: ignore[attr-defined]
    assert ledger(w, "engine:liquidation") == ledger(w, "settlement:RND") == 0


def test_E13d_golden_winners_of_a_guaranteed_contract_are_paid_in_full() -> None:
    w, a, b = golden(LossMethod.GUARANTEED)
    assert (w.wallet(a), w.wallet(b)) == (400 + 1_000, 0)
    assert ledger(w, "exchange:guarantee") == -600
    (settled,) = w.of(SettledAt)
    assert settled.adjustment_ppm == 0  # type: ignore[attr-defined]

    w, a, b = golden(LossMethod.GUARANTEED, fund=200)
    assert w.wallet(a) == 400 + 1_000
    assert (w.x.fund("XBt"), ledger(w, "exchange:guarantee")) == (0, -400)


def test_E13d_golden_the_shortfall_of_35_000_contracts() -> None:
    w = inverse_world(
        "3500",
        maker_fee_ppm=0,
        taker_fee_ppm=0,
        settlement_fee_ppm=0,
        init_margin_ppm=100_000,
        maint_margin_ppm=0,
        loss_method=LossMethod.GUARANTEED,
        settlement_kind=SettlementKind.LAST,
        risk_limit=0,
    )
    long, short = w.account("long", XBt=10**8), w.account("short", XBt=10**8)
    w.place(short, SELL, 35_000, 7_000, "XBTUSD")
    w.place(long, BUY, 35_000, 7_000, "XBTUSD")
    w.index(".BXBT", "4000")

    w.ok(c.ExpireNow(symbol="XBTUSD"))

    assert w.wallet(long) == 10**8 + 124_985_000
    assert w.wallet(short) == 0
    assert moved(w, short, Cause.SHORTFALL) == [24_985_000]
    assert ledger(w, "exchange:guarantee") == -24_985_000


def test_E13d_winners_are_rounded_down_and_the_rest_goes_to_the_fund() -> None:
    w = round_world("100", **DPE, maint_margin_ppm=0)
    winners = [leveraged(w, f"w{n}", 10_000, 2_500) for n in range(3)]
    loser = leveraged(w, "loser", 2_000, 2_500)
    for winner, qty in zip(winners, (1, 1, 1), strict=True):
        trade(w, winner, loser, qty, ticks(100))
    w.index(".RND", "109.99")
    w.ok(c.ExpireNow(symbol="RND"))

    # Each won 999; 3*999 - 3*400 = 1,797 is lost: 999*1200/2997 = 400 exactly.
    assert [w.wallet(winner) for winner in winners] == [10_400] * 3

    w = round_world("100", **DPE, maint_margin_ppm=0)
    winners = [leveraged(w, f"w{n}", 10_000, 2_500) for n in range(3)]
    losers = [leveraged(w, f"l{n}", 1_000, 2_500) for n in range(2)]
    trade(w, winners[0], losers[0], 1, ticks(100))
    trade(w, winners[1], losers[0], 1, ticks(100))
    trade(w, winners[2], losers[1], 1, ticks(104))
    w.index(".RND", "110.01")
    w.ok(c.ExpireNow(symbol="RND"))
    # Won 1,001, 1,001 and 601; margins of 800 and 416 pay 1,216 of 2,603.
    kept = [1_001 * 1_216 // 2_603, 1_001 * 1_216 // 2_603, 601 * 1_216 // 2_603]
    assert [w.wallet(winner) - 10_000 for winner in winners] == kept == [467, 467, 280]
    assert w.x.fund("XBt") == 1_216 - sum(kept) == 2
    (told,) = w.of(Equalised)
    assert told.residue == 2  # type: ignore[attr-defined]


def test_E13d_without_profit_the_loss_is_the_fund_s_then_the_exchange_s() -> None:
    w = round_world("100", **DPE, maint_margin_ppm=0, expiry_ns=START_NS + 3 * WEEK_NS)
    a, b = leveraged(w, "a", 400, 2_500), leveraged(w, "b", 400, 2_500)
    late = w.account("late", XBt=10**6)
    w.ok(c.DepositFund(currency="XBt", amount=100))
    trade(w, a, b, 1, ticks(100))
    # A sells to a late buyer at 110, and the rebalance of Friday lets it have its profit: the mark
    # is 100 still, nobody has lost.
    trade(w, late, a, 1, ticks(110))
    w.advance(START_NS + WEEK_NS - w.now)
    reprint(w, "110")

    w.ok(c.ExpireNow(symbol="RND"))

    assert w.wallet(a) == 400 + 1_000
    assert w.wallet(b) == 0
    assert w.x.fund("XBt") == 0
    assert ledger(w, "exchange:guarantee") == -500
    (told,) = w.of(Equalised)
    assert (told.profit, told.by_fund, told.by_winners, told.by_exchange) == (0, 100, 0, 500)  # type: ignore[attr-defined]


def test_E13d_realised_profit_is_locked_until_the_rebalance_of_friday_noon() -> None:
    w = round_world("100", **DPE, maint_margin_ppm=0, expiry_ns=START_NS + 3 * WEEK_NS)
    a, b = leveraged(w, "a", 10_000, 2_500), w.account("b", XBt=10**6)
    trade(w, a, b, 1, ticks(100))
    trade(w, b, a, 1, ticks(110))

    assert w.wallet(a) == 11_000  # booked in full
    assert w.x.margin(a, "XBt").available == 10_000
    w.advance(WEEK_NS - (w.now - START_NS) - 1)
    assert w.x.margin(a, "XBt").available == 10_000

    w.advance(1)  # Friday 2018-01-19, 12:00

    assert w.x.margin(a, "XBt").available == 11_000
    assert w.of(Equalised) == []  # nobody owes anything
    w.advance(WEEK_NS)
    assert w.x.margin(a, "XBt").available == 11_000


def test_E13d_a_rebalance_shares_out_what_the_week_left_unpaid() -> None:
    w = round_world("100", **DPE, maint_margin_ppm=20_000, expiry_ns=START_NS + 3 * WEEK_NS)
    a, b = leveraged(w, "a", 10_000, 2_500), leveraged(w, "b", 400, 2_500)
    c_ = w.account("c", XBt=10**6)
    trade(w, a, b, 1, ticks(100))
    trade(w, c_, a, 1, ticks(110))  # A has its 10
    reserve, engine = "settlement:RND", "engine:liquidation"
    ledger_ = w.x._state.ledger
    # As if the engine had closed its takeover at a loss of 6.
    ledger_.move(Cause.SHORTFALL, "XBt", reserve, engine, 600)
    ledger_.move(Cause.TRADE, "XBt", engine, "external", 600)

    w.checked = False
    w.advance(WEEK_NS - (w.now - START_NS))

    (told,) = w.of(Equalised)
    assert told.adjustment_ppm == 600_000  # type: ignore[attr-defined]
    assert w.wallet(a) == 10_000 + 400
    assert w.x.margin(a, "XBt").available == 10_400


@pytest.mark.parametrize(
    ("fund", "maint_ppm", "locked", "settles", "gets"),
    [
        (0, 0, 600, "110", 400),  # lost: A gets 4 of its 10, as at a settlement of that Friday
        (200, 0, 400, "110", 600),  # the fund first
        (0, 0, 600, "100", 1_000),  # the mark has come back, and nobody lost more than he had
        (0, 20_000, 600, "110", 400),  # the engine took B over at 104, and has lost 6
    ],
)
def test_E13d_a_rebalance_keeps_locked_what_stands_against_open_losses(
    fund: int, maint_ppm: int, locked: int, settles: str, gets: int
) -> None:
    w = round_world(
        "100", loss_method=LossMethod.DPE, init_margin_ppm=40_000, maint_margin_ppm=maint_ppm,
        expiry_ns=START_NS + 3 * WEEK_NS,
    )  # fmt: skip
    a, b = leveraged(w, "a", 400, 2_500), leveraged(w, "b", 400, 2_500)
    late = w.account("late", XBt=10**6)
    if fund:
        w.ok(c.DepositFund(currency="XBt", amount=fund))
    trade(w, a, b, 1, ticks(100))
    trade(w, late, a, 1, ticks(110))
    w.index(".RND", "110")
    w.advance(START_NS + WEEK_NS - w.now)

    assert w.of(Equalised) == []  # nothing is lost yet
    assert w.x.margin(a, "XBt").available == 400 + 1_000 - locked
    reprint(w, settles)
    w.ok(c.ExpireNow(symbol="RND"))
    assert w.wallet(a) == w.x.margin(a, "XBt").available == 400 + gets


def test_E13d_open_profits_stand_against_open_losses_too() -> None:
    """6 are lost of 20 that were won, 10 of them open: three tenths of A's 10 stay locked."""
    w = round_world("100", **DPE, maint_margin_ppm=0, expiry_ns=START_NS + 3 * WEEK_NS)
    a, b, d = (leveraged(w, name, 400, 2_500) for name in "abd")
    late, rich = w.account("late", XBt=10**6), w.account("rich", XBt=10**6)
    trade(w, a, b, 1, ticks(100))
    trade(w, d, rich, 1, ticks(100))
    trade(w, late, a, 1, ticks(110))
    w.index(".RND", "110")
    w.advance(START_NS + WEEK_NS - w.now)

    assert w.x.margin(a, "XBt").available == 400 + 700
    w.advance(WEEK_NS)
    assert w.x.margin(a, "XBt").available == 400 + 700
    w.ok(c.ExpireNow(symbol="RND"))
    assert [w.wallet(winner) for winner in (a, d)] == [400 + 700] * 2
    assert w.wallet(b) == 0


def test_E13d_the_insurance_fee_of_2014_is_due_at_four_noon_and_twenty() -> None:
    w = round_world("100", **GUARANTEED, maint_margin_ppm=0, insurance_fee_ppm=150)
    a, b = leveraged(w, "a", 10**6, 2_500), w.account("b", XBt=10**6)
    trade(w, a, b, 100, ticks(100))
    # 100 at 100 are worth 1,000,000: 0.015 % is 150, of each side.
    w.advance(8 * HOUR_NS - (w.now - START_NS) - 1)
    assert w.x.fund("XBt") == 0
    w.advance(1)  # 20:00
    assert w.x.fund("XBt") == 300
    assert (w.wallet(a), w.wallet(b)) == (10**6 - 150, 10**6 - 150)
    view = w.x.position(a, "RND")
    assert view is not None
    assert view.pos_loss == 150  # of the isolated position's margin
    w.advance(DAY_NS - 8 * HOUR_NS)  # 04:00, 12:00
    assert w.x.fund("XBt") == 900


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"insurance_fee_ppm": -1}, f"insurance_fee_ppm -1 must be from 0 to under {PPM}"),
        ({"insurance_fee_ppm": PPM}, f"insurance_fee_ppm {PPM} must be from 0 to under {PPM}"),
        ({"insurance_fee_ppm": 1.5}, "insurance_fee_ppm 1.5 is not a whole number"),
        (
            {"forced_exec_type": ExecType.FUNDING},
            "forced_exec_type Funding must be Trade or Liquidation",
        ),
    ],
)
def test_E13d_bad_listings_are_refused_by_the_field(changes: dict[str, object], text: str) -> None:
    assert instrument_fault(msgspec.structs.replace(ROUND, **changes)) == text


# --- refunds of bad prints (E9)


def test_E9_golden_refund_of_a_long_liquidated_at_1100() -> None:
    # v(1100) = 90,909 and v(1183.00) = 84,531: 6,378 a contract, from the exchange's own account.
    w = inverse_world("1183", maker_fee_ppm=0, taker_fee_ppm=0)
    long, rich = w.account("long", XBt=1_000 * (90_909 - 84_531)), w.account("rich", XBt=10**10)
    w.ok(c.DepositFund(currency="XBt", amount=10**6))
    w.place(long, BUY, 1_000, 2_366, "XBTUSD")
    w.place(rich, SELL, 1_000, 2_366, "XBTUSD")
    w.index(".BXBT", "888.48")
    (taken,) = w.of(Liquidated)
    assert taken.value == 90_909  # type: ignore[attr-defined]
    assert w.wallet(long) == 0
    fund = w.x.fund("XBt")
    refund = c.RefundLiquidations(symbol="XBTUSD", from_ns=w.now, until_ns=w.now, reference=118_300)
    w.advance(HOUR_NS)

    w.ok(refund)

    assert w.wallet(long) == 1_000 * 6_378
    assert ledger(w, "exchange:refund") == -6_378_000
    assert w.x.fund("XBt") == fund
    assert w.qty(long, "XBTUSD") == 0  # positions are not reinstated
    assert moved(w, long, Cause.REFUND) == [6_378_000]
    w.ok(refund)
    assert w.wallet(long) == 1_000 * 6_378  # nobody is paid twice


def test_E9_refund_of_a_short_and_of_who_is_named_in_the_window_only() -> None:
    w = round_world("100")
    rich = w.account("rich", XBt=10**6)
    shorts = [leveraged(w, f"s{n}", 1_000, 10_000) for n in range(2)]
    for short in shorts:
        trade(w, rich, short, 1, ticks(100))
    w.index(".RND", "130")  # both bankrupt at 101
    at = w.now
    command = c.RefundLiquidations(symbol="RND", from_ns=at, until_ns=at, reference=10_050)

    w.ok(msgspec.structs.replace(command, from_ns=at + 1, until_ns=at + 1))
    w.ok(msgspec.structs.replace(command, reference=10_100))  # no worse than it was: nothing
    assert [w.wallet(short) for short in shorts] == [900, 900]

    w = round_world("100")
    rich = w.account("rich", XBt=10**6)
    shorts = [leveraged(w, f"s{n}", 1_000, 10_000) for n in range(2)]
    for short in shorts:
        trade(w, rich, short, 1, ticks(100))
    w.index(".RND", "130")
    command = c.RefundLiquidations(
        symbol="RND", from_ns=w.now, until_ns=w.now, reference=10_050, accounts=(shorts[1],)
    )
    w.ok(command)
    assert [w.wallet(short) for short in shorts] == [900, 950]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"symbol": "NONE"}, Reason.UNKNOWN_SYMBOL),
        ({"reference": 0}, Reason.BAD_PRICE),
        ({"reference": -1}, Reason.BAD_PRICE),
        ({"reference": True}, Reason.BAD_AMOUNT),
        ({"from_ns": 2, "until_ns": 1}, Reason.BAD_AMOUNT),
        ({"from_ns": 1.0}, Reason.BAD_AMOUNT),
        ({"accounts": (77,)}, Reason.UNKNOWN_ACCOUNT),
    ],
)
def test_E9_a_refund_that_makes_no_sense_is_refused(
    changes: dict[str, object], reason: Reason
) -> None:
    w = inverse_world("1000")
    good = c.RefundLiquidations(symbol="XBTUSD", from_ns=0, until_ns=1, reference=100_000)
    assert w.refused(msgspec.structs.replace(good, **changes)).reason is reason
