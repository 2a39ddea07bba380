"""E24: offers of one's own: durations, renewal, the borrower's dearest rate, compounding."""

import pytest

from sim_exchange.core import commands as c
from sim_exchange.core.treasury.ledger import EXTERNAL, Ledger, user_wallet
from sim_exchange.core.treasury.lending import LendingDesk
from sim_exchange.core.types import DAY_NS, PICO, Cause, Reason
from tests.core.world import BUY, SELL, START_NS, XBT, World, order, world

ETC = XBT
DAILY = PICO // 1_000
WEEK = 7 * DAY_NS


def market() -> tuple[World, int, int, int]:
    """A lender with 1,000 ETC, a borrower with 20 XBT, a buyer of coins."""
    w = world()
    lender = w.account("lender", ETC=1_000 * ETC)
    borrower, buyer = w.account("borrower", XBt=20 * XBT), w.account("buyer", XBt=50 * XBT)
    w.checked = False
    return w, lender, borrower, buyer


def post(lender: int, amount: int, rate: int = DAILY, **terms: object) -> c.PostOffer:
    return c.PostOffer(account=lender, currency="ETC", amount=amount, rate=rate, **terms)  # type: ignore[arg-type]


def borrow(w: World, borrower: int, buyer: int, amount: int) -> None:
    """Let ``borrower`` sell what it does not have."""
    w.place(buyer, BUY, amount, 2_000_000, "ETC_XBT")
    w.place(borrower, SELL, amount, 2_000_000, "ETC_XBT")


def test_E24_300_coins_for_a_week_compounded_daily_cost_2_10631051() -> None:
    ledger = Ledger()
    ledger.move(Cause.DEPOSIT, "ETC", EXTERNAL, user_wallet(1), 300 * ETC)
    desk = LendingDesk(ledger)
    desk.post_offer(1, "ETC", 300 * ETC, DAILY, days=60, renews=True, compound=True)
    desk.reserve(1, 2, "ETC", 300 * ETC)
    desk.borrow(1, 2, "ETC", 300 * ETC, START_NS)

    assert desk.interest(2, "ETC", START_NS + WEEK) == 210_631_051
    assert desk.interest(2, "ETC", START_NS + DAY_NS) == 30_000_000
    assert desk.interest(2, "ETC", START_NS + WEEK) == 210_631_051
    desk.check()


def test_E24_compounding_begins_on_the_second_day_and_ends_where_interest_is_paid() -> None:
    w, lender, borrower, buyer = market()
    w.ok(post(lender, 300 * ETC, compound=True))
    w.ok(post(lender, 300 * ETC))
    borrow(w, borrower, buyer, 600 * ETC)
    w.advance(DAY_NS)
    one, other = w.x.loans(borrower)
    assert one.interest == other.interest == 30_000_000
    w.place(buyer, SELL, 60_000_000, 2_000_000, "ETC_XBT")
    w.place(borrower, BUY, 60_000_000, 2_000_000, "ETC_XBT")  # pays all interest

    w.advance(DAY_NS)
    one, other = w.x.loans(borrower)
    assert one.interest == other.interest == 30_000_000
    w.advance(DAY_NS)
    one, other = w.x.loans(borrower)
    assert (one.interest, other.interest) == (60_030_000, 60_000_000)
    w.x.check()


@pytest.mark.parametrize(
    ("change", "reason", "detail"),
    [
        ({"amount": 0}, Reason.BAD_AMOUNT, 1),
        ({"amount": -5}, Reason.BAD_AMOUNT, 1),
        ({"amount": True}, Reason.BAD_AMOUNT, 1),
        ({"rate": 0}, Reason.BAD_RATE, PICO // 20),
        ({"rate": -1}, Reason.BAD_RATE, PICO // 20),
        ({"rate": PICO // 20 + 1}, Reason.BAD_RATE, PICO // 20),
        ({"days": 1}, Reason.BAD_DAYS, 60),
        ({"days": 61}, Reason.BAD_DAYS, 60),
        ({"amount": 1_000 * ETC + 1}, Reason.NOT_WITHDRAWABLE, 1_000 * ETC),
        ({"lender": 0}, Reason.UNKNOWN_ACCOUNT, 0),
        ({"lender": 99}, Reason.UNKNOWN_ACCOUNT, 99),
    ],
)
def test_E24_bad_offers_of_one_s_own(change: dict[str, int], reason: Reason, detail: int) -> None:
    w, lender, _, _ = market()
    terms = {"lender": lender, "amount": 100 * ETC, **change}
    refused = w.refused(post(**terms))
    assert (refused.reason, refused.detail) == (reason, detail)


def test_E24_offers_add_up_and_what_an_order_holds_is_not_offered() -> None:
    w, lender, _, _ = market()
    w.ok(post(lender, 600 * ETC, days=2))
    w.ok(post(lender, 100 * ETC, 2 * DAILY, days=60))
    assert w.x.loan_offers("ETC") == [(600 * ETC, DAILY), (100 * ETC, 2 * DAILY)]
    assert w.x.indices[".ETCBON"].price == DAILY // 10**4
    w.place(lender, SELL, 200 * ETC, 2_100_000, "ETC_XBT")
    assert w.refused(post(lender, 100 * ETC + 1)).detail == 100 * ETC
    # The operator's form of an offer replaces both, and can't promise those coins either.
    both = c.OfferLoans(account=lender, currency="ETC", offers=((800 * ETC + 1, DAILY),))
    assert w.refused(both).reason is Reason.INSUFFICIENT_BALANCE
    w.ok(c.OfferLoans(account=lender, currency="ETC", offers=((800 * ETC, DAILY),)))
    w.x.check()


def test_E24_offer_is_taken_back_and_what_is_lent_stays_so() -> None:
    w, lender, borrower, buyer = market()
    number = w.ok(post(lender, 300 * ETC))
    borrow(w, borrower, buyer, 100 * ETC)
    for account, offer in ((borrower, number), (lender, 99)):
        command = c.CancelOffer(account=account, offer=offer)
        assert w.refused(command).reason is Reason.UNKNOWN_OFFER
    w.ok(c.CancelOffer(account=lender, offer=number))

    assert w.x.loan_offers("ETC") == []
    assert w.x.own_offers(lender) == []
    assert w.x.margin(lender, "ETC").withdrawable == 900 * ETC
    (held,) = w.x.loans(lender)
    assert (held.principal, held.borrower) == (100 * ETC, borrower)
    w.x.check()


@pytest.mark.parametrize(("renews", "left"), [(True, 300 * ETC), (False, 200 * ETC)])
def test_E24_coins_that_come_back_are_on_offer_again_where_the_offer_renews(
    renews: bool, left: int
) -> None:
    w, lender, borrower, buyer = market()
    w.ok(post(lender, 300 * ETC, auto_renew=renews))
    borrow(w, borrower, buyer, 100 * ETC)
    w.place(buyer, SELL, 100 * ETC, 2_000_000, "ETC_XBT")
    w.place(borrower, BUY, 100 * ETC, 2_000_000, "ETC_XBT")

    (offer,) = w.x.own_offers(lender)
    assert (offer.left, offer.lent, offer.auto_renew) == (left, 0, renews)
    assert w.wallet(lender, "ETC") == 1_000 * ETC
    w.x.check()


def test_E24_loan_of_two_days_is_borrowed_anew_where_there_is_another_offer() -> None:
    w, lender, borrower, buyer = market()
    w.ok(post(lender, 300 * ETC, days=2, auto_renew=False))
    borrow(w, borrower, buyer, 100 * ETC)
    (before,) = w.x.loans(borrower)
    assert before.end_ns == before.opened_ns + 2 * DAY_NS
    w.advance(2 * DAY_NS)

    (after,) = w.x.loans(borrower)  # with its interest, from what is left of the offer
    assert (after.number, after.principal) == (before.number + 1, 100 * ETC + 20_000_000)
    assert w.x.own_offers(lender)[0].left == 100 * ETC - 20_000_000
    w.x.check()


def test_E24_loan_that_ends_without_an_offer_is_closed() -> None:
    w, lender, borrower, buyer = market()
    w.ok(post(lender, 100 * ETC, days=2, auto_renew=False))
    borrow(w, borrower, buyer, 100 * ETC)
    rich = w.account("rich", ETC=500 * ETC)
    w.place(rich, SELL, 200 * ETC, 2_000_000, "ETC_XBT")
    w.advance(2 * DAY_NS)

    assert w.x.loans(borrower) == []
    assert w.wallet(borrower, "ETC") == 0
    w.x.check()


def test_E24_offers_above_the_borrower_s_dearest_rate_are_not_for_him() -> None:
    w, lender, borrower, _ = market()
    w.ok(post(lender, 100 * ETC, DAILY))
    w.ok(post(lender, 100 * ETC, 2 * DAILY))
    w.ok(c.SetMaxLoanRate(account=borrower, rate=2 * DAILY - 1))
    assert w.x.max_loan_rate(borrower) == 2 * DAILY - 1
    sell = order(borrower, SELL, 150 * ETC, 2_100_000, "ETC_XBT")
    assert w.refused(sell).reason is Reason.NOTHING_TO_LEND
    w.ok(c.SetMaxLoanRate(account=borrower, rate=2 * DAILY))
    w.ok(sell)

    assert w.x.loan_demands("ETC") == [(150 * ETC, 2 * DAILY)]
    for rate in (0, -1, PICO // 20 + 1, True):
        command = c.SetMaxLoanRate(account=borrower, rate=rate)
        if rate is True or not 0 < rate <= PICO // 20:
            assert w.refused(command).reason is Reason.BAD_RATE
    w.x.check()


def test_E24_lender_can_not_take_away_what_an_order_has_reserved() -> None:
    w, lender, borrower, buyer = market()
    number = w.ok(post(lender, 1_000 * ETC))
    w.place(borrower, SELL, 400 * ETC, 2_000_000, "ETC_XBT")
    w.ok(c.CancelOffer(account=lender, offer=number))

    assert w.x.margin(lender, "ETC").withdrawable == 600 * ETC
    out = c.RequestWithdrawal(
        account=lender, currency="ETC", amount=600 * ETC + 1, fee=0, address="x"
    )
    assert w.refused(out).reason is Reason.NOT_WITHDRAWABLE
    w.ok(c.RequestWithdrawal(account=lender, currency="ETC", amount=600 * ETC, fee=0, address="x"))
    w.place(buyer, BUY, 400 * ETC, 2_000_000, "ETC_XBT")
    assert w.x.wallet(borrower, "ETC").borrowed == 400 * ETC
    w.x.check()
