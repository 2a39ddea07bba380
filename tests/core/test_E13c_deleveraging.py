"""E13c: who is ranked where, who is closed at what, and what each of them is told."""

from fractions import Fraction

import pytest

from sim_exchange.core import commands as c
from sim_exchange.core.events import Deleveraged, Executed, Posted, Traded
from sim_exchange.core.risk.deleveraging import (
    Standing,
    lights,
    places,
    queue_key,
    quintile,
    stand,
)
from sim_exchange.core.specs import InstrumentSpec
from sim_exchange.core.types import (
    ExecType,
    Kind,
    Liquidity,
    LossMethod,
    MarkMethod,
    OrdStatus,
    Reason,
)
from sim_exchange.core.views import QueuePlace
from sim_exchange.errors import InvariantError
from tests.core.test_E13_liquidation import LEVERAGED, OTHER, at_100x, move
from tests.core.waterfall_world import (
    deleveraged,
    ledger,
    leveraged,
    reports,
    round_world,
    ticks,
    trade,
)
from tests.core.world import BUY, SELL, XBT, World, inverse_world

SIX = {1: (10, 3), 2: (10, 6), 3: (20, 1), 4: (30, 4), 5: (20, 5), 6: (10, 2)}
"""Golden: quantity and score by account."""


def scored(score: int) -> Standing:
    """A standing of which only the rank matters."""
    stands = Standing(mark=score + 1, entry=1, bankrupt=0)
    assert stands.rank == score
    return stands


def test_E13c_golden_six_longs_stand_in_this_order_with_these_lights() -> None:
    order = sorted(queue_key(scored(score), qty, account) for account, (qty, score) in SIX.items())
    assert [key[-1] for key in order] == [2, 5, 4, 1, 6, 3]

    found = places((key[-1], -key[-2]) for key in order)
    assert [found[key[-1]].lights for key in order] == [5, 4, 3, 2, 2, 1]
    through = [10, 30, 60, 70, 80, 100]
    assert [20 * quintile(sum_, 100) for sum_ in through] == [20, 40, 60, 80, 80, 100]
    assert [lights(sum_, 100) for sum_ in through] == [5, 4, 3, 2, 2, 1]
    assert [found[key[-1]].percent for key in order] == [100, 90, 70, 40, 30, 20]


K = 10_000 * 8_000 * 7_200 * 9_500 * 940_594 * 9_900 * 980_198 * 10_500 * 5_250
"""Values of one contract are 100*K/price: integers at all prices below but 13333.33."""


def value(price: str) -> int:
    """An inverse value at an exact price."""
    return round(K * 100 / Fraction(price))


@pytest.mark.parametrize(
    ("side", "entry", "bankrupt", "leverage", "pnl", "rank"),
    [
        (1, "8000", "7200", "2.5714", "0.2000", "0.5143"),
        (1, "9500", "9405.94", "15.8333", "0.0500", "0.7917"),
        (1, "9900", "9801.98", "49.4999", "0.0100", "0.4950"),
        (1, "10500", "5250", "1.1053", "-0.0500", "-0.0452"),
        (-1, "12000", "13333.33", "4.0000", "0.2000", "0.8000"),
        (-1, "9000", "18000", "2.2500", "-0.1000", "-0.0444"),
    ],
)
def test_E13c_golden_inverse_ranks_at_a_mark_of_10_000(
    side: int, entry: str, bankrupt: str, leverage: str, pnl: str, rank: str
) -> None:
    # API sign: a long's values are negative.
    stands = Standing(-side * value("10000"), -side * value(entry), -side * value(bankrupt))
    parts = (stands.leverage, stands.pnl, stands.rank)
    shown = [f"{float(part):.4f}" for part in parts if part is not None]
    assert shown == [leverage, pnl, rank]


def test_E13c_golden_longs_are_ranked_apart_second_first_third_fourth() -> None:
    longs = [("8000", "7200"), ("9500", "9405.94"), ("9900", "9801.98"), ("10500", "5250")]
    keys = sorted(
        queue_key(Standing(-value("10000"), -value(e), -value(b)), 1, number)
        for number, (e, b) in enumerate(longs, 1)
    )
    assert [key[-1] for key in keys] == [2, 1, 3, 4]


def test_E13c_who_has_nothing_left_to_lose_is_first_and_who_is_worth_nothing_last() -> None:
    lost = Standing(90, 100, 95)
    at_the_edge = Standing(95, 100, 95)
    gains = Standing(300, 100, 50)
    worthless = Standing(0, 100, -50)
    gift = Standing(5, 0, -5)
    assert [one.rank for one in (lost, at_the_edge, worthless, gift)] == [None] * 4
    assert lost.leverage is None
    assert gift.pnl is None
    keys = sorted(
        queue_key(one, 1, number)
        for number, one in enumerate((gains, worthless, lost, at_the_edge, gift))
    )
    assert [key[-1] for key in keys] == [2, 3, 4, 0, 1]


def test_E13c_ties_go_to_the_larger_position_then_to_the_lower_account() -> None:
    keys = sorted(queue_key(scored(1), qty, account) for account, qty in ((3, 5), (2, 5), (9, 6)))
    assert [key[-1] for key in keys] == [9, 2, 3]


def test_E13c_ranks_that_differ_past_64_bits_are_told_apart() -> None:
    huge = 10**40
    keys = sorted(
        queue_key(Standing(mark=huge + extra, entry=huge, bankrupt=0), 1, account)
        for account, extra in ((1, 1), (2, 2), (3, 3))
    )
    assert {key[1] for key in keys} == {0}
    assert [key[-1] for key in keys] == [3, 2, 1]


def six_longs() -> tuple[World, list[int], int]:
    """Six longs of 100 at 600 whose leverage ranks them 2, 5, 4, 1, 6, 3, against two shorts."""
    w = round_world("600", init_margin_ppm=50_000, maint_margin_ppm=25_000)
    cents = {1: 500, 2: 2_000, 3: 200, 4: 1_000, 5: 1_500, 6: 300}
    longs = [leveraged(w, f"long {n}", 10**8, cents[n]) for n in SIX]
    short = leveraged(w, "liquidated", 10**8, 1_200)  # 1/12 of 600: bankrupt at 650
    rich = w.account("rich", XBt=10**9)
    w.place(short, SELL, 20, ticks(600), "RND")
    w.place(rich, SELL, 80, ticks(600), "RND")
    for long, (qty, _) in zip(longs, SIX.values(), strict=True):
        w.place(long, BUY, qty, ticks(600), "RND")
    return w, longs, short


def test_E13c_golden_a_short_of_20_bankrupt_at_650_closes_two_of_six() -> None:
    w, longs, short = six_longs()

    w.index(".RND", "700")

    assert deleveraged(w) == [(longs[1], 10, 65_000), (longs[4], 10, 65_000)]
    assert [w.qty(long, "RND") for long in longs] == [10, 0, 20, 30, 10, 10]
    assert w.qty(short, "RND") == 0
    for long in (longs[1], longs[4]):
        (told,) = reports(w, long, "Deleverage")
        assert (told.last_qty, told.last_px) == (10, 650 * 10**12)
    assert w.wallet(longs[1]) == 10**8 + 10 * 5_000
    assert w.x.position(0, "RND").current_qty == 0  # type: ignore[union-attr]


def test_E13c_readers_see_the_queue() -> None:
    w, longs, short = six_longs()
    w.index(".RND", "605")
    seen = [w.x.queue_place(long, "RND") for long in longs]
    assert seen == [
        QueuePlace(40, 2),
        QueuePlace(100, 5),
        QueuePlace(20, 1),
        QueuePlace(70, 3),
        QueuePlace(90, 4),
        QueuePlace(30, 2),
    ]
    # The short that nears its liquidation is the first of the shorts, all of 100.
    assert w.x.queue_place(short, "RND") == QueuePlace(100, 5)
    assert w.x.queue_place(99, "RND") is None
    assert w.x.queue_place(longs[0], "NONE") is None


def test_E13c_golden_a_recorded_deleveraging_to_the_satoshi() -> None:
    # C5: 2000 @1160.72 as maker: execCost 172,306,000, execComm -43,077.
    w = inverse_world("1120", tick_pico=10**10, max_price_ticks=10**8)
    # Cross: v_b = ceil((178,572,000 - 6,266,000)/2000) = 86,153.
    short = w.account("short", XBt=6_404_629 - 44_643)
    long = w.account("long", XBt=10 * XBT)
    w.place(short, SELL, 2_000, 112_000, "XBTUSD")
    w.place(long, BUY, 2_000, 112_000, "XBTUSD")
    resting = w.place(long, SELL, 1, 999_900, "XBTUSD")
    before, fees = w.wallet(long), w.fees()

    w.index(".BXBT", "1170")

    (told,) = reports(w, long, "Deleverage")
    assert (told.side, told.last_qty, told.exec_cost, told.exec_comm) == (
        SELL,
        2_000,
        172_306_000,
        -43_077,
    )
    assert told.last_px == 116_072 * 10**10
    assert (told.order_id, told.exec_type) == (0, ExecType.TRADE)
    assert (told.liquidity, told.commission_ppm) == (Liquidity.ADDED, -250)
    assert told.publish is False
    # First the word, then the report; what rested in the contract is canceled before.
    at = [type(e) for e in w.events if isinstance(e, Deleveraged | Executed) and e.account == long]
    assert at == [Executed, Deleveraged, Executed]
    assert (resting.status, resting.end_reason) == (OrdStatus.CANCELED, Reason.DELEVERAGE)
    assert w.wallet(long) - before == 6_266_000 + 43_077
    assert w.qty(long, "XBTUSD") == 0
    taken = reports(w, short, "Liquidation")[0]
    assert fees - w.fees() == 43_077 - taken.exec_comm
    assert w.of(Traded) == []


def test_E13c_later_eras_call_both_reports_liquidation() -> None:
    w = at_100x(1, forced_exec_type=ExecType.LIQUIDATION)
    move(w, "9000")
    assert [e.exec_type for e in reports(w, LEVERAGED, "Liquidation")] == [ExecType.LIQUIDATION]
    assert [e.exec_type for e in reports(w, OTHER, "Deleverage")] == [ExecType.LIQUIDATION]


def test_E13c_only_orders_in_that_contract_are_canceled_and_victims_may_come_back() -> None:
    w = at_100x(1)
    w.enlist(w.x.markets["XBTUSD"].spec, symbol="XBTX")
    elsewhere = w.place(OTHER, BUY, 5, 10_000, "XBTX")
    here = w.place(OTHER, BUY, 5, 10_000, "XBTUSD")
    move(w, "9000")
    assert elsewhere.is_open
    assert not here.is_open
    again = w.place(OTHER, SELL, 5, 20_000, "XBTUSD")
    assert again.is_open


def test_E13c_a_victim_in_two_steps_is_ranked_anew_between_them() -> None:
    w = round_world("100", init_margin_ppm=20_000, maint_margin_ppm=10_000)
    victim = leveraged(w, "victim", 10**6, 5_000)
    other = leveraged(w, "other", 10**6, 4_900)
    first = leveraged(w, "first", 10**6, 5_000)
    second = leveraged(w, "second", 10**6, 5_000)
    trade(w, first, victim, 10, ticks(100))
    trade(w, second, other, 10, ticks(100))

    w.index(".RND", "90")

    assert deleveraged(w) == [(victim, -10, 9_800), (other, -10, 9_800)]
    assert w.x.markets["RND"].open_interest == 0


def test_E13c_who_could_not_bear_it_is_not_left_below_zero() -> None:
    # Marked by the last trade, a short can be in at 90 with little margin when a long's order is
    # closed at 99: what it lacks the exchange pays.
    w = round_world(
        "100", mark_method=MarkMethod.LAST, opening_reference=10_000, reference_symbol=""
    )
    long, rich = leveraged(w, "long", 10_000, 10_000), w.account("rich", XBt=10**6)
    trade(w, long, rich, 10, ticks(100))
    late = leveraged(w, "late", 1_000, 10_000)
    w.place(late, SELL, 10, ticks(90), "RND")
    w.place(rich, BUY, 10, ticks(90), "RND")  # takes its profit: only long and late are left

    assert deleveraged(w) == [(late, -10, 9_900)]
    assert w.wallet(late) == 1_000 - 900
    assert ledger(w, "exchange:guarantee") == -(10 * 900 - 900)
    assert any(isinstance(e, Posted) and e.cause.value == "Shortfall" for e in w.events)


def test_E13c_without_anybody_on_the_other_side_the_exchange_stops() -> None:
    w = at_100x(1)
    w.x.accounts[OTHER].positions["XBTUSD"].qty = 0
    w.checked = False
    with pytest.raises(InvariantError, match="L2-13"):
        move(w, "9000")


def test_L2_13_an_engine_that_holds_something_else_is_found() -> None:
    w = at_100x(1)
    move(w, "9950")
    w.x._state.engine.positions["XBTUSD"].cost += 1
    with pytest.raises(InvariantError, match="L2-"):
        w.x.check()


def test_E13c_the_rank_of_a_position_is_exact() -> None:
    w = at_100x(1)
    position = w.x._state.accounts[OTHER].positions["XBTUSD"]
    move(w, "9990")
    stands = stand(w.x._state, position)
    mark = Fraction(1_000 * 10**8, 9_990)
    # A cross short: its loss to bankruptcy is all it has.
    room = w.wallet(OTHER)
    loss = (room * 10**6 - 750 * 10_000_000) // 1_000_750
    assert stands.leverage == mark / (mark - (10_000_000 - loss))
    assert stands.pnl == (mark - 10_000_000) / 10_000_000


def test_E13c_hundreds_of_takeovers_are_closed_in_one_command() -> None:
    w = round_world("100")
    w.checked = False
    rich = [w.account(f"rich {n}", XBt=10**8) for n in range(20)]
    for n in range(200):
        trade(w, leveraged(w, f"thin {n}", 1_000, 10_000), rich[n % 20], 1, ticks(100))
    w.index(".RND", "90")
    assert len(deleveraged(w)) == 200
    assert w.x.markets["RND"].open_interest == 0
    w.x.check()


def test_E13c_commands_name_the_loss_method_by_its_word() -> None:
    w = World()
    refused = w.refused(
        c.ListInstrument(
            spec=InstrumentSpec(
                symbol="S",
                kind=Kind.SPOT,
                typ="IFXXXP",
                root="S",
                underlying="S",
                quote_currency="XBT",
                settl_currency="XBt",
                base_currency="S",
                tick_pico=1,
                mark_decimals=12,
                max_order_qty=1,
                max_price_ticks=1,
                listing_ns=0,
                loss_method=LossMethod.DPE,
            )
        )
    )
    assert refused.text == "loss_method dpe is of contracts, not of spot"
