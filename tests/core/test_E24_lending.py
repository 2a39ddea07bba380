"""E24: offers, reservations, loans, interest to the unit, and what happens when a loan ends."""

from fractions import Fraction
from math import floor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim_exchange.core.events import LoansChanged, Posted
from sim_exchange.core.treasury.ledger import EXTERNAL, FEES, Ledger, user_wallet
from sim_exchange.core.treasury.lending import INTEREST_UNIT, LendingDesk
from sim_exchange.core.types import DAY_NS, MINUTE_NS, PICO, SECOND_NS, Cause, Reason
from sim_exchange.errors import InvariantError

COIN = 10**8
LENDER, OTHER, BORROWER = 9, 8, 2
DAILY = PICO // 1_000  # 0.1 % a day
START = 1_515_758_400 * SECOND_NS  # 2018-01-12T12:00Z
WEEK = 7 * DAY_NS


class House:
    """A ledger and a desk, with coins for two lenders."""

    def __init__(self, coins: int = 1_000) -> None:
        self.ledger = Ledger()
        self.desk = LendingDesk(self.ledger)
        for account in (LENDER, OTHER):
            self.deposit(account, coins * COIN)

    def deposit(self, account: int, amount: int) -> None:
        self.ledger.move(Cause.DEPOSIT, "ETC", EXTERNAL, user_wallet(account), amount)

    def offer(self, *offers: tuple[int, int], lender: int = LENDER):
        return self.desk.replace_offers(lender, "ETC", offers, START)

    def borrow(self, amount: int, at_ns: int = START, order_id: int = 1) -> None:
        assert self.desk.reserve(order_id, BORROWER, "ETC", amount)
        self.desk.borrow(order_id, BORROWER, "ETC", amount, at_ns)

    def wallet(self, account: int) -> int:
        return self.ledger.user_balance(account, "ETC")

    def interest(self, at_ns: int) -> int:
        return self.desk.interest(BORROWER, "ETC", at_ns)

    def repay(self, amount: int, at_ns: int) -> int:
        used = self.desk.repay(BORROWER, "ETC", amount, at_ns)
        self.check()
        return used

    def check(self) -> None:
        self.ledger.check()
        self.desk.check()


# --- goldens


def test_E24_300_coins_at_a_tenth_of_a_percent_for_a_week_cost_2_1_shared_85_to_15():
    house = House()
    house.offer((300 * COIN, DAILY))
    house.borrow(300 * COIN)
    house.deposit(BORROWER, 210_000_000)

    assert house.interest(START + WEEK) == 210_000_000
    assert house.repay(302_10_000_000, START + WEEK) == 302_10_000_000

    assert house.wallet(LENDER) == 1_000 * COIN + 178_500_000
    assert house.ledger.balance("ETC", FEES) == 31_500_000
    assert house.wallet(BORROWER) == 0
    assert house.desk.owed(BORROWER, "ETC", START + WEEK) == 0


def test_E24_50_percent_a_year_is_0_9589041_percent_a_week():
    """50 % over 365 days is 0.1369863 % a day."""
    house = House()
    house.offer((1_000 * COIN, PICO // 2 // 365))

    house.borrow(1_000 * COIN)

    assert house.interest(START + WEEK) == 958_904_109  # 0.9589041 % of 1,000 coins


def test_E24_one_day_at_a_percent():
    house = House()
    house.offer((COIN, PICO // 100))
    house.borrow(COIN)

    assert house.interest(START + DAY_NS) == COIN // 100


# --- offers


def test_E24_offers_are_cheapest_first_and_the_older_one_among_equals():
    house = House()
    house.offer((5, 3 * DAILY), (7, DAILY))
    house.offer((9, DAILY), (2, 2 * DAILY), lender=OTHER)

    assert house.desk.offers("ETC") == [(7, DAILY), (9, DAILY), (2, 2 * DAILY), (5, 3 * DAILY)]
    assert house.desk.best_rate("ETC") == DAILY
    assert house.desk.best_rate("LTC") is None


@pytest.mark.parametrize(
    ("offers", "reason", "detail"),
    [
        (((0, DAILY),), Reason.BAD_AMOUNT, 1),
        (((-5, DAILY),), Reason.BAD_AMOUNT, 1),
        (((5, 0),), Reason.BAD_RATE, PICO // 20),
        (((5, -1),), Reason.BAD_RATE, PICO // 20),
        (((5, DAILY), (5, PICO // 20 + 1)), Reason.BAD_RATE, PICO // 20),
        (((600 * COIN, DAILY), (401 * COIN, DAILY)), Reason.INSUFFICIENT_BALANCE, 1_001 * COIN),
    ],
)
def test_E24_bad_offers_are_refused_and_leave_the_old_ones(offers, reason, detail):
    house = House()
    house.offer((7, DAILY))

    refused = house.offer(*offers)

    assert (refused.reason, refused.detail) == (reason, detail)
    assert house.desk.offers("ETC") == [(7, DAILY)]


def test_E24_five_percent_a_day_is_still_allowed_and_an_empty_list_withdraws():
    house = House()

    assert house.offer((7, PICO // 20)) is None
    assert house.offer() is None

    assert house.desk.offers("ETC") == []


def test_E24_offers_are_funded_by_the_wallet_and_locked_in_it():
    house = House()
    house.offer((1_000 * COIN, DAILY))

    assert house.desk.on_offer(LENDER, "ETC") == 1_000 * COIN
    house.borrow(400 * COIN)
    assert house.desk.on_offer(LENDER, "ETC") == house.wallet(LENDER) == 600 * COIN
    house.desk.reserve(5, BORROWER, "ETC", 100 * COIN)
    assert house.desk.on_offer(LENDER, "ETC") == 600 * COIN
    house.check()

    house.ledger.move(Cause.WITHDRAWAL, "ETC", user_wallet(LENDER), EXTERNAL, 1)
    with pytest.raises(InvariantError, match="offers 60000000000 ETC of a balance of 59999999999"):
        house.check()


# --- reservations


def test_E24_reservation_is_all_or_nothing_cheapest_first_and_adds_up():
    house = House()
    house.offer((10, DAILY), (10, 2 * DAILY))

    assert not house.desk.reserve(1, BORROWER, "ETC", 21)
    assert house.desk.offers("ETC") == [(10, DAILY), (10, 2 * DAILY)]
    assert house.desk.reserve(1, BORROWER, "ETC", 6)
    assert house.desk.reserve(1, BORROWER, "ETC", 6)

    assert house.desk.reserved(1) == 12
    assert house.desk.offers("ETC") == [(8, 2 * DAILY)]
    assert house.desk.best_rate("ETC") == 2 * DAILY
    assert not house.desk.reserve(2, BORROWER, "ETC", 9)
    house.check()


def test_E24_release_gives_back_the_dearest_first():
    house = House()
    house.offer((10, DAILY), (10, 2 * DAILY))
    house.desk.reserve(1, BORROWER, "ETC", 15)

    house.desk.release(1, 3)
    assert house.desk.offers("ETC") == [(8, 2 * DAILY)]
    house.desk.release(1, 4)
    assert house.desk.offers("ETC") == [(2, DAILY), (10, 2 * DAILY)]
    house.desk.release(1)
    house.desk.release(1)

    assert house.desk.reserved(1) == 0
    assert house.desk.offers("ETC") == [(10, DAILY), (10, 2 * DAILY)]
    house.check()


def test_E24_reservation_outlives_the_offer_that_was_replaced():
    """What an accepted order holds stays its own; the lender can't promise those coins again."""
    house = House()
    house.offer((1_000 * COIN, DAILY))
    house.desk.reserve(1, BORROWER, "ETC", 400 * COIN)

    assert house.offer((601 * COIN, 2 * DAILY)).reason is Reason.INSUFFICIENT_BALANCE
    assert house.offer((600 * COIN, 2 * DAILY)) is None
    house.desk.release(1, 100 * COIN)  # comes back to the wallet, not on offer
    assert house.desk.offers("ETC") == [(600 * COIN, 2 * DAILY)]
    house.desk.borrow(1, BORROWER, "ETC", 300 * COIN, START)

    assert house.interest(START + DAY_NS) == 30_000_000  # at the rate that was reserved
    assert house.desk.on_offer(LENDER, "ETC") == 600 * COIN
    house.check()


def test_E24_nobody_borrows_from_himself():
    house = House()
    house.offer((10, DAILY))
    house.offer((10, 2 * DAILY), lender=OTHER)

    assert not house.desk.reserve(1, LENDER, "ETC", 11)
    assert house.desk.reserve(1, LENDER, "ETC", 10)
    assert house.desk.offers("ETC") == [(10, DAILY)]


def test_E24_reserving_nothing_needs_no_offer():
    house = House()

    assert house.desk.reserve(1, BORROWER, "ETC", 0)

    assert house.desk.reserved(1) == 0
    house.check()


# --- borrowing


def test_E24_principal_moves_from_lender_to_borrower_and_no_sum_changes():
    house = House()
    house.offer((100, DAILY))
    house.offer((100, 2 * DAILY), lender=OTHER)
    house.ledger.out.clear()

    house.borrow(150)

    assert house.desk.principal(BORROWER, "ETC") == house.wallet(BORROWER) == 150
    assert (house.desk.lent(LENDER, "ETC"), house.desk.lent(OTHER, "ETC")) == (100, 50)
    assert house.desk.borrowers("ETC") == [BORROWER]
    assert house.ledger.net_external("ETC") == 2_000 * COIN
    assert house.ledger.out == [
        Posted(
            cause=Cause.BORROW,
            currency="ETC",
            entries=(
                (user_wallet(LENDER), -100),
                (user_wallet(OTHER), -50),
                (user_wallet(BORROWER), 150),
            ),
        )
    ]
    house.check()


def test_E24_fill_borrows_the_cheapest_of_its_reservation():
    house = House()
    house.offer((10, DAILY), (10, 2 * DAILY))
    house.desk.reserve(1, BORROWER, "ETC", 20)

    house.desk.borrow(1, BORROWER, "ETC", 4, START)
    house.desk.release(1, 10)  # the dear ones

    assert house.desk.reserved(1) == 6
    assert house.desk.offers("ETC") == [(10, 2 * DAILY)]
    house.check()


@pytest.mark.parametrize("amount", [11, -1])
def test_E24_borrowing_more_than_is_reserved_is_our_own_error(amount):
    house = House()
    house.offer((20, DAILY))
    house.desk.reserve(1, BORROWER, "ETC", 10)

    with pytest.raises(InvariantError, match="of 10 reserved"):
        house.desk.borrow(1, BORROWER, "ETC", amount, START)


# --- interest


def test_E24_interest_accrues_per_whole_second():
    house = House()
    house.offer((86_400, PICO // 100))  # 1 % a day: one unit in 100 s
    house.borrow(86_400)

    assert house.interest(START + 50 * SECOND_NS - 1) == 0  # 49 s: 0.49
    assert house.interest(START + 50 * SECOND_NS) == 1  # half a unit, away from zero
    assert house.interest(START + 150 * SECOND_NS - 1) == 1
    assert house.interest(START + 150 * SECOND_NS) == 2


def test_E24_part_of_a_second_is_not_lost_at_a_repay():
    house = House()
    house.offer((86_400 * 100, PICO // 100))  # a unit a second
    house.borrow(86_400 * 100)
    house.deposit(BORROWER, 10)
    half = SECOND_NS // 2

    assert house.repay(1, START + SECOND_NS + half) == 1  # a second and a half: one is due

    assert house.interest(START + 2 * SECOND_NS) == 1


def test_E24_interest_is_rounded_per_loan():
    """Two loans of half a unit each owe one unit each, not one together."""
    house = House()
    house.offer((86_400, PICO // 100))
    house.offer((86_400, PICO // 100), lender=OTHER)
    house.borrow(2 * 86_400)

    assert house.interest(START + 50 * SECOND_NS) == 2


def test_E24_many_small_payments_sum_to_one_large_one():
    """Each half is paid as a whole unit, and the next one then waits for it."""
    house = House()
    house.offer((86_400, PICO // 100))
    house.borrow(86_400)
    house.deposit(BORROWER, 100)

    paid = sum(house.repay(house.interest(at), at) for at in times(10, 10_000, 10))

    assert paid == 100
    assert house.interest(START + 10_000 * SECOND_NS) == 0
    assert house.desk.principal(BORROWER, "ETC") == 86_400


def times(first_s: int, last_s: int, step_s: int) -> list[int]:
    return [START + s * SECOND_NS for s in range(first_s, last_s + 1, step_s)]


# --- repaying


def test_E24_all_interest_is_paid_before_any_principal():
    house = House()
    house.offer((100 * COIN, DAILY), (100 * COIN, 2 * DAILY))
    house.borrow(200 * COIN)
    due = house.interest(START + DAY_NS)
    assert due == 30_000_000

    assert house.repay(due, START + DAY_NS) == due
    assert house.desk.principal(BORROWER, "ETC") == 200 * COIN
    assert house.interest(START + DAY_NS) == 0

    house.repay(COIN, START + DAY_NS)
    assert house.desk.principal(BORROWER, "ETC") == 199 * COIN


def test_E24_dearest_rate_is_paid_first_then_the_lower_loan_id():
    house = House()
    house.offer((100, DAILY), (100, 3 * DAILY))
    house.offer((100, 3 * DAILY), lender=OTHER)
    house.borrow(300)

    house.repay(50, START)
    assert (house.desk.lent(LENDER, "ETC"), house.desk.lent(OTHER, "ETC")) == (150, 100)
    house.repay(100, START)
    assert (house.desk.lent(LENDER, "ETC"), house.desk.lent(OTHER, "ETC")) == (100, 50)
    house.repay(100, START)
    assert (house.desk.lent(LENDER, "ETC"), house.desk.lent(OTHER, "ETC")) == (50, 0)


def test_E24_payment_of_less_than_the_interest_goes_to_the_dearest_and_leaves_the_rest_owed():
    house = House()
    house.offer((100 * COIN, DAILY))
    house.offer((100 * COIN, 2 * DAILY), lender=OTHER)
    house.borrow(200 * COIN)
    at_ns = START + DAY_NS  # owes 0.2 to the dear lender, 0.1 to the cheap one

    assert house.repay(20_000_001, at_ns) == 20_000_001

    assert house.wallet(OTHER) == 900 * COIN + 17_000_000
    assert house.wallet(LENDER) == 900 * COIN  # 85 % of one unit, rounded down
    assert house.ledger.balance("ETC", FEES) == 3_000_001
    assert house.interest(at_ns) == 9_999_999
    assert house.desk.principal(BORROWER, "ETC") == 200 * COIN


def test_E24_repay_uses_what_is_owed_and_no_more():
    house = House()
    house.offer((100, DAILY))
    house.borrow(100)

    assert house.repay(0, START) == 0
    assert house.repay(-5, START) == 0
    assert house.repay(10**9, START) == 100
    assert house.repay(10**9, START) == 0
    assert house.desk.borrowers("ETC") == []
    assert house.desk.next_due_ns() is None


def test_E24_repay_is_one_posting_of_interest_and_one_of_principal():
    house = House()
    house.offer((100 * COIN, DAILY), (100 * COIN, 2 * DAILY))
    house.borrow(200 * COIN)
    house.deposit(BORROWER, COIN)
    house.ledger.out.clear()

    house.repay(201 * COIN, START + DAY_NS)

    assert [(e.cause, e.entries[0]) for e in house.ledger.out if isinstance(e, Posted)] == [
        (Cause.INTEREST, (user_wallet(BORROWER), -30_000_000)),
        (Cause.REPAY, (user_wallet(BORROWER), -200 * COIN)),
    ]


def test_E24_repaid_coins_are_on_offer_again_while_the_offer_is():
    house = House()
    house.offer((100, DAILY))
    house.borrow(100)
    house.repay(60, START)
    assert house.desk.offers("ETC") == [(60, DAILY)]

    house.offer((5, 2 * DAILY))
    house.repay(40, START)

    assert house.desk.offers("ETC") == [(5, 2 * DAILY)]


# --- the end of a loan


def test_E24_loan_that_ends_is_borrowed_anew_from_its_own_offer():
    """Interest is borrowed too: the borrower has spent the coins and keeps what it has."""
    house = House()
    house.offer((400 * COIN, DAILY))
    house.borrow(300 * COIN)
    assert house.desk.next_due_ns() == START + 60 * DAY_NS
    assert house.desk.due(START + 60 * DAY_NS - 1) == []

    assert house.desk.due(START + 60 * DAY_NS) == []

    assert house.desk.principal(BORROWER, "ETC") == 318 * COIN  # 60 days of 0.1 %
    assert house.interest(START + 60 * DAY_NS) == 0
    assert house.wallet(BORROWER) == 300 * COIN
    assert house.wallet(LENDER) == 700 * COIN + 15_30_000_000 - 18 * COIN
    assert house.ledger.balance("ETC", FEES) == 2_70_000_000
    assert house.desk.next_due_ns() == START + 2 * 60 * DAY_NS
    assert house.ledger.out[-1] == LoansChanged(account=BORROWER, currency="ETC")
    house.check()


def test_E24_loan_that_ends_moves_to_the_offers_of_that_moment():
    house = House()
    house.offer((300 * COIN, DAILY))
    house.borrow(300 * COIN)
    house.offer()  # withdrawn: nothing to renew from
    house.offer((1_000 * COIN, 3 * DAILY), lender=OTHER)

    assert house.desk.due(START + 60 * DAY_NS) == []

    assert house.wallet(LENDER) == 1_000 * COIN + 15_30_000_000
    assert (house.desk.lent(LENDER, "ETC"), house.desk.lent(OTHER, "ETC")) == (0, 318 * COIN)
    assert house.wallet(BORROWER) == 300 * COIN
    house.check()


def test_E24_loan_that_cannot_be_borrowed_anew_must_be_closed_and_goes_on_meanwhile():
    house = House()
    house.offer((300 * COIN, DAILY))
    house.borrow(300 * COIN)
    end = START + 60 * DAY_NS

    assert house.desk.due(end) == [(BORROWER, "ETC")]  # the interest is on nobody's offer

    assert house.desk.principal(BORROWER, "ETC") == 300 * COIN
    assert house.interest(end) == 18 * COIN
    assert house.desk.next_due_ns() == end + MINUTE_NS
    house.check()
    house.deposit(BORROWER, 18 * COIN)
    assert house.repay(318 * COIN, end) == 318 * COIN
    assert house.desk.next_due_ns() is None


def test_E24_check_finds_what_does_not_add_up():
    house = House()
    house.offer((300, DAILY))
    house.borrow(100)
    assert house.desk.check() == [
        "offers are funded",
        "lent = borrowed",
        "interest paid = received",
    ]

    house.desk._lent[LENDER, "ETC"] += 1

    with pytest.raises(InvariantError, match="principal lent"):
        house.desk.check()


def test_E24_interest_unit_is_a_unit_of_coin():
    assert Fraction(INTEREST_UNIT, PICO) == 86_400


# --- properties


RATES = st.sampled_from([1, 7, DAILY, 3 * DAILY, PICO // 20])
ACTIONS = st.one_of(
    st.tuples(st.just("offer"), st.sampled_from([LENDER, OTHER]), st.integers(1, 10**12), RATES),
    st.tuples(st.just("reserve"), st.integers(1, 3), st.integers(1, 10**11)),
    st.tuples(st.just("release"), st.integers(1, 3), st.integers(1, 10**11)),
    st.tuples(st.just("borrow"), st.integers(1, 3), st.integers(1, 10**11)),
    st.tuples(st.just("repay"), st.sampled_from([2, 3]), st.integers(1, 10**11)),
    st.tuples(st.just("wait"), st.integers(1, 40 * DAY_NS)),
    st.tuples(st.just("wait"), st.integers(1, 5 * SECOND_NS)),
)


def act(house: House, action: tuple, at_ns: int) -> int:
    """Play one action; orders 1 and 2 are account 2's, order 3 is account 3's."""
    desk, name = house.desk, action[0]
    if name == "offer":
        desk.replace_offers(action[1], "ETC", ((action[2], action[3]), (5, DAILY)), at_ns)
    elif name == "wait":
        at_ns += action[1]
        due = desk.next_due_ns()
        must_close = desk.due(at_ns)
        assert due is not None or must_close == []
        assert all(desk.principal(*key) > 0 for key in must_close)
        following = desk.next_due_ns()
        assert following is None or following > at_ns
    elif name == "repay":
        owed = desk.owed(action[1], "ETC", at_ns)
        used = desk.repay(action[1], "ETC", min(action[2], house.wallet(action[1])), at_ns)
        assert desk.owed(action[1], "ETC", at_ns) == owed - used
    else:
        order_id = action[1]
        borrower = 3 if order_id == 3 else 2
        if name == "reserve":
            before = desk.reserved(order_id)
            done = desk.reserve(order_id, borrower, "ETC", action[2])
            assert desk.reserved(order_id) == before + (action[2] if done else 0)
        elif name == "release":
            desk.release(order_id, action[2])
        else:
            amount = min(action[2], desk.reserved(order_id))
            desk.borrow(order_id, borrower, "ETC", amount, at_ns)
    return at_ns


@settings(derandomize=True, max_examples=200)
@given(actions=st.lists(ACTIONS, max_size=40))
def test_L2_11_lending_conserves_coins_whatever_is_offered_borrowed_repaid_and_when(actions):
    house = House()
    for account in (2, 3):
        house.deposit(account, COIN)
    at_ns = START
    for action in actions:
        at_ns = act(house, action, at_ns)
        house.check()
        assert all(house.wallet(account) >= 0 for account in (2, 3, LENDER, OTHER))
        lent = sum(house.desk.lent(account, "ETC") for account in (LENDER, OTHER))
        assert lent == sum(house.desk.principal(account, "ETC") for account in (2, 3))
    assert house.ledger.net_external("ETC") == 2_002 * COIN


@settings(derandomize=True)
@given(
    principal=st.integers(1, 10**12),
    rate=st.integers(1, PICO // 20),
    steps=st.lists(st.tuples(st.integers(1, 10**12), st.integers(0, 10**7)), max_size=20),
)
def test_E24_interest_paid_and_owed_is_that_of_exact_rationals(principal, rate, steps):
    """Interest-only payments at any instants change nothing about what is owed altogether."""
    house = House(10**5)
    house.deposit(BORROWER, 10**14)
    house.offer((principal, rate))
    house.borrow(principal)
    at_ns, paid = START, 0
    for wait, payment in steps:
        at_ns += wait
        paid += house.repay(min(payment, house.interest(at_ns)), at_ns)

        seconds = (at_ns - START) // SECOND_NS
        exact = Fraction(principal * rate * seconds, PICO * 86_400)
        assert paid + house.interest(at_ns) == floor(exact + Fraction(1, 2))
