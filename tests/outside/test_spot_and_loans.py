"""E23, E24: the spot market, and borrowing what is sold short, to the minor unit."""

import itertools

import pytest

from tests.outside.driver import ETC, XBT

numbers = itertools.count()


@pytest.fixture(scope="module")
def exchange(exchange):
    exchange.tell("/index", index=".ETCXBT", price=0.02)
    exchange.advance(5)
    exchange.open("desk", XBt=10_000 * XBT, ETC=100_000 * ETC)
    return exchange


@pytest.fixture
def trader(exchange):
    """A new account with 100 XBT and no coin."""
    return exchange.open(f"s{next(numbers)}", XBt=100 * XBT)


@pytest.fixture(autouse=True)
def no_order_of_the_desk_is_left(exchange):
    yield
    exchange.ask("DELETE", "/order/all", "desk")
    exchange.audited()


def wallets(exchange, who):
    """What of each coin the wallet row shows, and what is owed, as the operator sees it."""
    shown = exchange.look(f"/account/{who}")
    return shown["balances"].get("ETC", 0), shown["borrowed"], shown["interest"]


def test_E23_buy_and_sell_300_with_the_fee_in_the_quote_coin(exchange, trader):
    exchange.order("desk", -300 * ETC, 0.02, symbol="ETC_XBT")
    bought = exchange.order(trader, 300 * ETC, 0.02, symbol="ETC_XBT")
    assert bought["ordStatus"] == "Filled"
    assert exchange.wallet(trader) == 100 * XBT - 601_500_000
    assert exchange.wallet(trader, "ETC") == 300 * ETC

    before = exchange.wallet(trader)
    exchange.order("desk", 300 * ETC, 0.02, symbol="ETC_XBT")
    exchange.order(trader, -300 * ETC, 0.02, symbol="ETC_XBT")

    assert exchange.wallet(trader) - before == 598_500_000
    assert exchange.wallet(trader, "ETC") == 0
    rows = exchange.trades(trader, "ETC_XBT")
    assert [row["execComm"] for row in rows] == [1_500_000, 1_500_000]
    assert [abs(row["execCost"]) for row in rows] == [600_000_000, 600_000_000]


def test_E23_cost_is_floored_once_and_half_a_satoshi_of_fee_goes_down(exchange, trader):
    exchange.tell("/index", index=".ETCXBT", price=0.002654)
    exchange.advance(5)
    exchange.order("desk", -ETC, 0.002654, symbol="ETC_XBT")
    exchange.order(trader, ETC, 0.002654, symbol="ETC_XBT")

    (row,) = exchange.trades(trader, "ETC_XBT")
    assert (abs(row["execCost"]), row["execComm"]) == (265_400, 663)
    assert exchange.wallet(trader) == 100 * XBT - 265_400 - 663
    exchange.tell("/index", index=".ETCXBT", price=0.02)
    exchange.advance(5)


def test_E23_maker_pays_15_basis_points(exchange, trader):
    exchange.order(trader, 100 * ETC, 0.02, symbol="ETC_XBT")
    exchange.order("desk", -100 * ETC, 0.02, symbol="ETC_XBT")

    assert exchange.wallet(trader) == 100 * XBT - 200_000_000 - 300_000


def test_E23_more_than_a_fifth_through_the_touch_is_refused(exchange, trader):
    exchange.order("desk", -ETC, 0.02, symbol="ETC_XBT")

    assert exchange.reject("POST", "/order", trader, symbol="ETC_XBT", orderQty=ETC, price=0.0241)
    market = exchange.order(trader, 2 * ETC, symbol="ETC_XBT", ordType="Market")
    assert (market["ordStatus"], market["cumQty"]) == ("Canceled", ETC)


def test_E23_under_100_satoshi_and_without_money_is_refused_whole(exchange, trader):
    assert exchange.reject("POST", "/order", trader, symbol="ETC_XBT", orderQty=1, price=0.02)
    before = exchange.wallet(trader)
    said = exchange.reject(
        "POST", "/order", trader, symbol="ETC_XBT", orderQty=5_000 * ETC, price=0.02
    )
    assert "insufficient" in said
    assert exchange.wallet(trader) == before
    assert exchange.ask("GET", "/order", trader) == []


@pytest.mark.slow
def test_E24_a_short_borrows_pays_interest_and_is_bought_back_to_zero(exchange, trader):
    exchange.tell("/borrow", currency="ETC", offers=[{"amount": 1000, "rate_per_day": 0.001}])
    assert exchange.row(".ETCBON")["lastPrice"] == 0.001
    exchange.order("desk", 300 * ETC, 0.02, symbol="ETC_XBT")
    exchange.order(trader, -300 * ETC, 0.02, symbol="ETC_XBT")

    assert exchange.wallet(trader) == 100 * XBT + 598_500_000
    assert wallets(exchange, trader) == (0, {"ETC": 300 * ETC}, {})
    # 1.40 x 300 x 0.02 XBT of the wallet is locked
    margin = exchange.margin(trader)
    assert margin["walletBalance"] - margin["availableMargin"] == 840_000_000
    assert exchange.position(trader, "ETC_XBT")["currentQty"] == -300 * ETC
    exchange.audited()

    lender = exchange.look("/account/lender")["balances"]["ETC"]
    exchange.advance(7 * 86_400)
    assert wallets(exchange, trader) == (0, {"ETC": 300 * ETC}, {"ETC": 210_000_000})
    assert exchange.position(trader, "ETC_XBT")["currentQty"] == -302_1 * ETC // 10

    exchange.order("desk", -400 * ETC, 0.02, symbol="ETC_XBT")
    before = exchange.wallet(trader)
    closed = exchange.order(
        trader, None, symbol="ETC_XBT", side="Buy", ordType="Market", execInst="Close"
    )
    assert (closed["ordStatus"], closed["cumQty"]) == ("Filled", 30_210_000_000)
    assert before - exchange.wallet(trader) == 604_200_000 + 1_510_500
    assert wallets(exchange, trader) == (0, {}, {})
    assert exchange.wallet(trader, "ETC") == 0
    assert exchange.position(trader, "ETC_XBT")["currentQty"] == 0
    margin = exchange.margin(trader)
    assert margin["availableMargin"] == margin["walletBalance"]
    # 85 % of 2.1 ETC go to the lender
    assert exchange.look("/account/lender")["balances"]["ETC"] - lender == (300 * ETC + 178_500_000)
    rows = exchange.ask("GET", "/user/walletHistory?currency=ETC", trader)
    assert ("Interest", -210_000_000) in [(row["transactType"], row["amount"]) for row in rows]


def test_E24_interest_at_half_a_coin_a_year(exchange, trader):
    offers = [{"amount": 1000, "rate_per_day": 0.001369863}]
    exchange.tell("/borrow", currency="ETC", offers=offers)
    exchange.order("desk", 100 * ETC, 0.02, symbol="ETC_XBT")
    exchange.order(trader, -100 * ETC, 0.02, symbol="ETC_XBT")

    exchange.advance(86_400)

    assert wallets(exchange, trader)[2] == {"ETC": 13_698_630}


def test_E24_the_cheapest_offers_are_taken_first(exchange, trader):
    offers = [{"amount": 100, "rate_per_day": 0.004}, {"amount": 100, "rate_per_day": 0.002}]
    shown = exchange.tell("/borrow", currency="ETC", offers=offers)["offers"]
    assert {"amount": 100, "rate_per_day": 0.002} in shown
    assert exchange.row(".ETCBON")["lastPrice"] == 0.002

    exchange.order("desk", 150 * ETC, 0.02, symbol="ETC_XBT")
    exchange.order(trader, -150 * ETC, 0.02, symbol="ETC_XBT")
    exchange.advance(86_400)

    assert wallets(exchange, trader)[2] == {"ETC": 20_000_000 + 20_000_000}
    assert exchange.row(".ETCBON")["lastPrice"] == 0.004


def test_E24_what_the_offers_dont_cover_is_refused_whole(exchange, trader):
    exchange.tell("/borrow", currency="ETC", offers=[{"amount": 10, "rate_per_day": 0.001}])
    exchange.order("desk", 300 * ETC, 0.02, symbol="ETC_XBT")
    before = exchange.wallet(trader), wallets(exchange, trader)

    assert exchange.reject(
        "POST", "/order", trader, symbol="ETC_XBT", orderQty=-11 * ETC, price=0.02
    )
    assert exchange.reject(
        *("POST", "/order", trader),
        symbol="ETC_XBT", orderQty=-5 * ETC, price=0.02, execInst="ReduceOnly",
    )  # fmt: skip

    assert (exchange.wallet(trader), wallets(exchange, trader)) == before
    assert exchange.order(trader, -10 * ETC, 0.02, symbol="ETC_XBT")["ordStatus"] == "Filled"


def test_E24_nobody_borrows_without_40_percent_of_his_own(exchange):
    exchange.tell("/borrow", currency="ETC", offers=[{"amount": 1000, "rate_per_day": 0.001}])
    poor = exchange.open(f"s{next(numbers)}", XBt=100_000_000)
    exchange.order("desk", 1000 * ETC, 0.02, symbol="ETC_XBT")

    # 100 ETC sold are 2 XBT; 2.8 are locked, of 1 + 1.995 that there are.
    assert exchange.order(poor, -100 * ETC, 0.02, symbol="ETC_XBT")["ordStatus"] == "Filled"
    said = exchange.reject("POST", "/order", poor, symbol="ETC_XBT", orderQty=-50 * ETC, price=0.02)
    assert "insufficient" in said


@pytest.mark.parametrize(
    ("offers", "named"),
    [
        ([{"amount": 1, "rate_per_day": 0}], "rate_per_day: 0"),
        ([{"amount": 1, "rate_per_day": 0.051}], "rate_per_day: 0.051"),
        ([{"amount": 1, "rate_per_day": -0.001}], "rate_per_day: -0.001"),
        ([{"amount": 1}], "rate_per_day: None"),
        ([{"amount": 0, "rate_per_day": 0.001}], "amount: 0"),
        ([{"amount": "1", "rate_per_day": 0.001}], "amount: '1'"),
        ([{"amount": 0.123456789, "rate_per_day": 0.001}], "up to 8 decimals"),
        ([{"amount": 1, "rate_per_day": 0.001, "days": 5}], "days: 5"),
        ([5], "offers: 5"),
        ({}, "offers: {}"),
        (None, "offers: None"),
    ],
)
def test_a_bad_offer_is_refused_by_field(exchange, offers, named):
    assert named in exchange.refusal("/borrow", currency="ETC", offers=offers)


def test_an_empty_list_withdraws_the_offers(exchange, trader):
    assert exchange.tell("/borrow", currency="ETC", offers=[]) == {"currency": "ETC", "offers": []}
    exchange.order("desk", ETC, 0.02, symbol="ETC_XBT")

    assert exchange.reject("POST", "/order", trader, symbol="ETC_XBT", orderQty=-ETC, price=0.02)
    assert "currency: 'XBT'" in exchange.refusal("/borrow", currency="XBT", offers=[])
