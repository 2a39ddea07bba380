"""E23, E24: the cash market, and selling coins that one has borrowed."""

import pytest

from sim_exchange.core import commands as c
from sim_exchange.core.events import LoansChanged, WalletChanged
from sim_exchange.core.types import Cause, ExecInst, OrdStatus, Reason
from tests.core.world import BUY, SELL, XBT, World, order, world

S = "ETC_XBT"
ETC = 10**8
P = 2_000_000  # ticks of 1e-8: 0.02
DAY_NS = 24 * 3600 * 10**9
RATE = 1_369_863_014  # pico a day: 50 % a year


@pytest.fixture
def w() -> World:
    """A buyer with XBT, a seller with ETC, and a bare account."""
    made = world()
    made.account("buyer", XBt=100 * XBT)
    made.account("seller", XBt=XBT, ETC=1_000 * ETC)
    made.account("third", XBt=10 * XBT)
    return made


BUYER, SELLER, THIRD = 1, 2, 3


def test_E23_fee_free_purchase() -> None:
    w = world()
    w.enlist(w.x.markets[S].spec, symbol="FREE", maker_fee_ppm=0, taker_fee_ppm=0)
    a, b = w.account("a", XBt=6 * XBT), w.account("b", ETC=300 * ETC)
    w.place(b, SELL, 300 * ETC, P, "FREE")
    w.place(a, BUY, 300 * ETC, P, "FREE")
    assert (w.wallet(a), w.wallet(a, "ETC")) == (0, 300 * ETC)
    assert (w.wallet(b), w.wallet(b, "ETC")) == (6 * XBT, 0)


def test_E23_fee_in_the_quote_coin_taker_buys(w: World) -> None:
    w.place(SELLER, SELL, 300 * ETC, P, S)
    w.place(BUYER, BUY, 300 * ETC, P, S)
    assert w.wallet(BUYER) - 100 * XBT == -601_500_000
    assert w.wallet(BUYER, "ETC") == 300 * ETC


def test_E23_fee_in_the_quote_coin_taker_sells(w: World) -> None:
    w.place(BUYER, BUY, 300 * ETC, P, S)
    w.place(SELLER, SELL, 300 * ETC, None, S)
    assert w.wallet(SELLER) - XBT == 598_500_000
    assert w.fees() == 1_500_000 + 900_000


def test_E23_cost_is_floored_and_the_fee_s_half_goes_down(w: World) -> None:
    w.place(SELLER, SELL, ETC, 265_400, S)
    w.place(BUYER, BUY, ETC, None, S)
    (report,) = [e for e in w.executions(BUYER) if e.last_qty]
    assert (report.exec_cost, report.exec_comm) == (265_400, 663)


def test_E23_what_an_order_holds_is_rounded_up(w: World) -> None:
    placed = w.place(BUYER, BUY, 33_333_333, 1_999_999, S)
    cost = 33_333_333 * 1_999_999 / 10**8
    assert placed.held_quote == int(cost) + 1 + -(-(int(cost) + 1) * 2_500 // 10**6)
    assert w.x.margin(BUYER, "XBt").init_margin == placed.held_quote
    w.cancel(placed)
    assert w.x.margin(BUYER, "XBt").init_margin == 0


def test_E23_no_fill_takes_more_than_the_order_holds(w: World) -> None:
    poor = w.account("poor", XBt=2_005_000)
    placed = w.place(poor, BUY, ETC, P, S)
    assert (placed.held_quote, w.x.margin(poor, "XBt").available) == (2_005_000, 0)
    for _ in range(7):
        w.place(SELLER, SELL, ETC // 7, P, S)
    w.place(SELLER, SELL, ETC - ETC // 7 * 7 + 9_999, P - 1, S)
    assert w.wallet(poor) >= 0


def test_E23_price_improvement_is_given_back(w: World) -> None:
    w.place(SELLER, SELL, ETC, P, S)
    w.place(SELLER, SELL, ETC, P + 100_000, S)
    placed = w.place(BUYER, BUY, 4 * ETC, P + 100_000, S)
    assert placed.leaves_qty == 2 * ETC
    assert placed.held_quote == 2 * 2_100_000 + 2 * 5_250


def test_E23_a_limit_through_the_touch_is_refused(w: World) -> None:
    w.place(SELLER, SELL, ETC, P, S)
    w.place(BUYER, BUY, ETC, P - 100_000, S)
    assert w.refused(order(BUYER, BUY, ETC, 2_400_001, S)).reason is Reason.PRICE_THROUGH_TOUCH
    assert w.refused(order(SELLER, SELL, ETC, 1_519_999, S)).reason is Reason.PRICE_THROUGH_TOUCH
    w.place(BUYER, BUY, ETC, 2_400_000, S)


def test_E23_a_market_order_fills_up_to_20_percent_from_the_touch(w: World) -> None:
    w.place(SELLER, SELL, ETC, P, S)
    w.place(SELLER, SELL, ETC, 2_400_000, S)
    w.place(SELLER, SELL, ETC, 2_400_001, S)
    bought = w.place(BUYER, BUY, 3 * ETC, None, S)
    assert w.trades == [(ETC, P), (ETC, 2_400_000)]
    assert (bought.status, bought.end_reason) == (OrdStatus.CANCELED, Reason.MARKET_REMAINDER)


def test_E23_an_order_worth_less_than_100_is_refused_but_for_a_close(w: World) -> None:
    assert w.refused(order(SELLER, SELL, 4_999, P, S)).reason is Reason.VALUE_TOO_SMALL
    w.place(SELLER, SELL, 5_000, P, S)
    w.place(BUYER, BUY, ETC, P - 1, S)
    dust = w.account("dust", ETC=1)
    closed = w.place(dust, None, None, None, S, inst=ExecInst.CLOSE)
    assert (closed.status, w.wallet(dust, "ETC"), w.wallet(dust)) == (OrdStatus.FILLED, 0, 0)


def test_E23_too_little_of_the_quote_coin_refuses_the_whole_order(w: World) -> None:
    poor = w.account("poor", XBt=2_004_999)
    refused = w.refused(order(poor, BUY, ETC, P, S))
    assert (refused.reason, refused.detail) == (Reason.INSUFFICIENT_BALANCE, 2_005_000)


def test_E23_coins_are_held_once(w: World) -> None:
    w.place(SELLER, SELL, 600 * ETC, P, S)
    assert w.refused(order(SELLER, SELL, 600 * ETC, P, S)).reason is Reason.NOTHING_TO_LEND
    first = w.x.open_orders(SELLER)[0]
    w.amend(first, leaves_qty=300 * ETC, price=P + 5)
    w.place(SELLER, SELL, 700 * ETC, P, S)
    assert w.x.margin(SELLER, "ETC").available == 0


def test_E23_close_sells_what_is_held_and_cancels_what_stood_in_its_way(w: World) -> None:
    resting = w.place(SELLER, SELL, 600 * ETC, P + 9, S)
    w.place(BUYER, BUY, 1_000 * ETC, P, S)
    closed = w.place(SELLER, None, None, None, S, inst=ExecInst.CLOSE)
    assert resting.end_reason is Reason.CLOSE_ORDER
    assert (closed.order_qty, w.wallet(SELLER, "ETC")) == (1_000 * ETC, 0)


# --- borrowing (E24)


def lend(w: World, amount: int = 1_000 * ETC, rate: int = RATE) -> int:
    """An account that offers coins."""
    lender = w.account("lender", ETC=amount)
    w.ok(c.OfferLoans(account=lender, currency="ETC", offers=((amount, rate),)))
    return lender


def test_E24_a_sell_beyond_the_balance_borrows_what_the_fill_lacks(w: World) -> None:
    lend(w)
    w.place(BUYER, BUY, 200 * ETC, P, S)
    sold = w.place(THIRD, SELL, 300 * ETC, P, S)

    assert (sold.cum_qty, sold.leaves_qty, sold.reserved) == (200 * ETC, 100 * ETC, 100 * ETC)
    wallet = w.x.wallet(THIRD, "ETC")
    assert (wallet.amount, wallet.borrowed) == (0, 200 * ETC)
    assert w.qty(THIRD, S) == -200 * ETC
    assert w.x.loan_offers("ETC") == [(700 * ETC, RATE)]
    assert w.of(LoansChanged)
    assert w.x.margin(THIRD, "XBt").loan_lock == 200 * 2_000_000 * 14 // 10
    w.cancel(sold)
    assert w.x.loan_offers("ETC") == [(800 * ETC, RATE)]


def test_E24_own_coins_go_first(w: World) -> None:
    lend(w)
    w.ok(c.Deposit(to_account=THIRD, currency="ETC", amount=120 * ETC))
    w.place(BUYER, BUY, 300 * ETC, P, S)
    sold = w.place(THIRD, SELL, 300 * ETC, None, S)
    assert sold.status is OrdStatus.FILLED
    assert w.x.wallet(THIRD, "ETC").borrowed == 180 * ETC


def test_E24_what_the_offers_do_not_cover_is_refused_whole(w: World) -> None:
    assert w.refused(order(THIRD, SELL, ETC, P, S)).reason is Reason.NOTHING_TO_LEND
    lend(w, 100 * ETC)
    refused = w.refused(order(THIRD, SELL, 101 * ETC, P, S))
    assert (refused.reason, refused.detail) == (Reason.NOTHING_TO_LEND, 101 * ETC)
    w.place(THIRD, SELL, 100 * ETC, P, S)
    assert w.refused(order(THIRD, SELL, ETC, P, S)).reason is Reason.NOTHING_TO_LEND


def test_E24_the_lock_beyond_the_proceeds_must_be_there(w: World) -> None:
    lend(w)
    poor = w.account("poor", XBt=8 * 10**5 + 5_000)
    w.place(poor, SELL, ETC, P, S)  # 40 % of 2,000,000 and the fee of 5,000
    assert w.x.margin(poor, "XBt").available == 0
    other = w.account("other", XBt=8 * 10**5 + 4_999)
    assert w.refused(order(other, SELL, ETC, P, S)).reason is Reason.INSUFFICIENT_BALANCE


def test_E24_reduce_only_and_close_sells_never_borrow(w: World) -> None:
    lend(w)
    for inst in (ExecInst.REDUCE_ONLY, ExecInst.CLOSE):
        refused = w.refused(order(THIRD, SELL, ETC, P, S, inst=inst))
        assert refused.reason in {
            Reason.REDUCE_WITHOUT_POSITION,
            Reason.CLOSE_WITHOUT_POSITION,
        }


def test_E24_a_buy_repays_interest_then_principal_in_the_same_command(w: World) -> None:
    lender = lend(w, rate=10**9)  # 0.1 % a day
    w.place(BUYER, BUY, 300 * ETC, P, S)
    w.place(THIRD, SELL, 300 * ETC, None, S)
    w.checked = False
    w.advance(7 * DAY_NS)
    assert w.x.wallet(THIRD, "ETC").interest_owed == 210_000_000  # 2.1 ETC
    w.place(SELLER, SELL, 400 * ETC, P, S)

    w.place(THIRD, BUY, 100 * ETC, None, S)
    wallet = w.x.wallet(THIRD, "ETC")
    assert (wallet.amount, wallet.interest_owed, wallet.borrowed) == (0, 0, 20_210_000_000)

    closed = w.place(THIRD, None, None, None, S, inst=ExecInst.CLOSE)
    assert (closed.side, closed.order_qty) == (BUY, 20_210_000_000)
    wallet = w.x.wallet(THIRD, "ETC")
    assert (wallet.amount, wallet.interest_owed, wallet.borrowed) == (0, 0, 0)
    assert w.qty(THIRD, S) == 0
    assert w.x.margin(THIRD, "XBt").loan_lock == 0
    assert w.wallet(lender, "ETC") == 1_000 * ETC + 178_500_000
    assert w.fees("ETC") == 31_500_000
    w.x.check()


def test_E24_close_buys_the_last_unit_of_interest(w: World) -> None:
    lend(w)
    w.place(BUYER, BUY, 7 * ETC, P, S)
    w.place(THIRD, SELL, 7 * ETC, None, S)
    w.place(SELLER, SELL, 400 * ETC, P, S)
    for seconds in (1, 61, 3_600, 86_399):
        w.advance(seconds * 10**9 + 123_456_000)
        owed = w.x.wallet(THIRD, "ETC")
        closed = w.place(THIRD, None, None, None, S, inst=ExecInst.CLOSE)
        assert closed.order_qty == owed.borrowed + owed.interest_owed
        assert w.qty(THIRD, S) == 0
        w.place(BUYER, BUY, 7 * ETC, P - 9, S)
        w.place(THIRD, SELL, 7 * ETC, None, S)


def test_E24_close_may_use_the_lock_of_the_coins_that_it_gives_back(w: World) -> None:
    lend(w)
    poor = w.account("poor", XBt=8 * 10**5 + 5_000)
    w.place(BUYER, BUY, ETC, P, S)
    w.place(poor, SELL, ETC, None, S)
    assert w.x.margin(poor, "XBt").available == 0
    w.place(SELLER, SELL, 5 * ETC, P, S)
    assert w.refused(order(poor, BUY, ETC, P, S)).reason is Reason.INSUFFICIENT_BALANCE
    assert w.place(poor, None, None, None, S, inst=ExecInst.CLOSE).status is OrdStatus.FILLED
    assert w.wallet(poor) == 8 * 10**5 - 5_000


def test_E24_the_lock_is_revalued_at_each_index_print_and_not_for_orders(w: World) -> None:
    lend(w)
    w.place(BUYER, BUY, 100 * ETC, P, S)
    w.place(THIRD, SELL, 100 * ETC, None, S)
    free = w.x.margin(THIRD, "XBt").available
    assert free == 10 * XBT + 2 * XBT - 500_000 - 280_000_000
    w.index(".ETCXBT", "0.03")
    assert w.x.margin(THIRD, "XBt").loan_lock == 420_000_034  # 793 units of interest lock with it
    refused = w.refused(order(THIRD, BUY, 400 * ETC, P, S))  # 802,000,000
    assert refused.reason is Reason.INSUFFICIENT_BALANCE
    assert w.x.margin(THIRD, "XBt").available < free


def test_E24_a_resting_sell_s_hold_for_its_loan_is_revalued_at_each_index_print(w: World) -> None:
    lend(w)
    resting = w.place(THIRD, SELL, 100 * ETC, P, S)
    # 140 % of 2 XBT, less the proceeds after the fee: 280,000,000 - 199,500,000
    assert resting.held_quote == 80_500_000
    assert w.x.margin(THIRD, "XBt").available == 10 * XBT - 80_500_000
    w.index(".ETCXBT", "0.03")
    assert resting.held_quote == 420_000_000 - 199_500_000
    assert w.x.margin(THIRD, "XBt").available == 10 * XBT - 220_500_000
    w.index(".ETCXBT", "0.01")
    assert resting.held_quote == 0
    w.cancel(resting)
    assert w.x.margin(THIRD, "XBt").init_margin == 0


def test_L2_8_a_sell_that_is_filled_in_part_holds_for_the_rest_alone(w: World) -> None:
    lend(w)
    poor = w.account("poor", XBt=8 * 10**5 + 5_000)
    w.place(BUYER, BUY, ETC // 2, P, S)
    resting = w.place(poor, SELL, ETC, P, S)
    assert (resting.leaves_qty, resting.held_quote) == (ETC // 2, 402_500)
    # 805,000 + 1,000,000 - 2,500 in the wallet, 1,400,000 locked, 402,500 held
    assert w.x.margin(poor, "XBt").available == 0
    assert w.x._state.accounts[poor].held["XBt"] == 402_500
    w.place(BUYER, BUY, ETC // 2, P, S)
    assert w.wallet(poor) == 805_000 + 2_000_000 - 2_500 - 1_500
    assert w.x.margin(poor, "XBt").available == 1_000  # a maker's fee is lower


def end_loans_in(w: World, ns: int) -> None:
    """Let every loan end ``ns`` from now, not 60 days and a million publications from now."""
    desk = w.x._state.desk
    desk.ends = [(w.now + ns, loan_id) for _, loan_id in desk.ends]


def test_E24_a_loan_that_can_not_be_renewed_is_bought_back(w: World) -> None:
    lender = lend(w)
    w.place(BUYER, BUY, 100 * ETC, P, S)
    w.place(THIRD, SELL, 100 * ETC, None, S)
    resting = w.place(THIRD, BUY, ETC, P - 9, S)
    w.ok(c.OfferLoans(account=lender, currency="ETC", offers=()))
    end_loans_in(w, 3_600 * 10**9)
    w.advance(3_599 * 10**9)
    w.place(SELLER, SELL, 60 * ETC, P, S)
    w.place(SELLER, SELL, 900 * ETC, 2_400_000, S)
    owed = w.x.wallet(THIRD, "ETC")
    assert (owed.borrowed, owed.interest_owed) == (100 * ETC, 570_618)  # 158.55 a second

    w.advance(10**9)

    assert (resting.status, resting.end_reason) == (OrdStatus.CANCELED, Reason.LIQUIDATION)
    bought = [e for e in w.executions(THIRD) if e.last_qty]
    assert [(e.last_px, e.text) for e in bought] == [(20_000_000_000, ""), (24_000_000_000, "")]
    wallet = w.x.wallet(THIRD, "ETC")
    assert (wallet.amount, wallet.borrowed, wallet.interest_owed) == (0, 0, 0)
    assert w.qty(THIRD, S) == 0
    assert w.x._state.desk.next_due_ns() is None


def test_E24_a_loan_that_finds_no_coins_to_buy_back_is_tried_again_each_minute(w: World) -> None:
    lender = lend(w)
    w.place(BUYER, BUY, 100 * ETC, P, S)
    w.place(THIRD, SELL, 100 * ETC, None, S)
    w.ok(c.OfferLoans(account=lender, currency="ETC", offers=()))
    end_loans_in(w, 3_600 * 10**9)
    w.advance(3_600 * 10**9)
    assert w.x.wallet(THIRD, "ETC").borrowed == 100 * ETC
    assert w.trades == []

    w.place(SELLER, SELL, 50 * ETC, P, S)
    w.advance(60 * 10**9)
    owed = w.x.wallet(THIRD, "ETC")
    assert w.trades == [(50 * ETC, P)]
    assert owed.borrowed < 60 * ETC
    assert w.qty(THIRD, S) == -(owed.borrowed + owed.interest_owed)

    w.ok(c.OfferLoans(account=lender, currency="ETC", offers=((40 * ETC, RATE), (30 * ETC, RATE))))
    w.advance(60 * 10**9)  # what there is to borrow by now renews it
    assert w.trades == []
    assert w.qty(THIRD, S) == -w.x.wallet(THIRD, "ETC").borrowed


def test_E24_under_20_percent_everything_is_closed(w: World) -> None:
    lend(w)
    thin = w.account("thin", XBt=120_000_000)
    w.place(BUYER, BUY, 100 * ETC, P, S)
    w.place(thin, SELL, 100 * ETC, None, S)
    resting = w.place(thin, BUY, ETC, P - 9, S)
    w.place(SELLER, SELL, 500 * ETC, 2_600_000, S)
    w.index(".ETCXBT", "0.0265")  # net 319,500,000 - 265,000,000: 20.5 %
    assert resting.is_open
    w.index(".ETCXBT", "0.0267")

    assert (resting.status, resting.end_reason) == (OrdStatus.CANCELED, Reason.LIQUIDATION)
    assert w.x.wallet(thin, "ETC").borrowed == 0
    assert w.qty(thin, S) == 0
    assert w.wallet(thin) > 0


def test_E24_a_lender_may_not_sell_what_is_on_offer(w: World) -> None:
    lender = lend(w, 100 * ETC)
    w.ok(c.Deposit(to_account=lender, currency="ETC", amount=5 * ETC))
    w.ok(c.Deposit(to_account=lender, currency="XBt", amount=XBT))
    w.place(lender, SELL, 5 * ETC, P, S)
    assert w.refused(order(lender, SELL, ETC, P, S)).reason is Reason.NOTHING_TO_LEND


def test_E24_offers_set_the_lending_index(w: World) -> None:
    lender = lend(w, 100 * ETC)
    assert w.x.indices[".ETCBON"].price == 136_986  # a day, 8 decimals
    w.ok(c.OfferLoans(account=lender, currency="ETC", offers=((50 * ETC, 10**9),)))
    assert w.x.indices[".ETCBON"].price == 100_000
    for offers, reason in (
        (((0, 1),), Reason.BAD_AMOUNT),
        (((1, 0),), Reason.BAD_RATE),
        (((1, 10**12),), Reason.BAD_RATE),
        (((101 * ETC, 1),), Reason.INSUFFICIENT_BALANCE),
    ):
        command = c.OfferLoans(account=lender, currency="ETC", offers=offers)
        assert w.refused(command).reason is reason
    nobody = c.OfferLoans(account=99, currency="ETC", offers=())
    assert w.refused(nobody).reason is Reason.UNKNOWN_ACCOUNT


def test_E23_each_wallet_change_is_told_with_the_balance_after_it(w: World) -> None:
    lend(w)
    w.place(BUYER, BUY, 10 * ETC, P, S)
    w.place(THIRD, SELL, 10 * ETC, None, S)
    told = [e for e in w.events if isinstance(e, WalletChanged) and e.account == THIRD]
    assert [(e.currency, e.amount, e.cause) for e in told] == [
        ("ETC", 10 * ETC, Cause.BORROW),
        ("ETC", -10 * ETC, Cause.SPOT_TRADE),
        ("XBt", 20_000_000, Cause.SPOT_TRADE),
        ("XBt", -50_000, Cause.FEE),
    ]
    assert told[-1].balance == w.wallet(THIRD)
    assert told[1].balance == 0
