"""E23-E25, E27-E30: loans by routes of our own, withdrawals, transfers, the wallet's days."""

import pytest

from tests.outside.conftest import INVERSE
from tests.outside.desk import NO_FEES, SWAP, Desk, new_index, numbers, shown, trader
from tests.outside.driver import ETC, XBT


def withdraw(exchange, who, amount, **more):
    """Ask for a withdrawal; its row and the token that is mailed."""
    fields = {"currency": "XBt", "amount": amount, "address": "3BMEX", **more}
    row = exchange.ask("POST", "/user/requestWithdrawal", who, **fields)
    return row, exchange.look(f"/account/{who}")["mail"][-1]["token"]


def status(exchange, who, row):
    """Where a withdrawal is."""
    rows = exchange.ask("GET", "/user/walletHistory?currency=XBt&count=100", who)
    (found,) = [one for one in rows if one["transactID"] == row["transactID"]]
    return found["transactStatus"]


def day_of(exchange):
    """The day of the month."""
    return int(exchange.look("/state")["clock"]["at"][8:10])


def test_E27_the_cut_off_is_13(exchange):
    a = trader(exchange, XBt=XBT)
    day = day_of(exchange) + 1
    exchange.until(f"2018-01-{day:02}T12:59:00Z")
    early, token = withdraw(exchange, a, 1_000_000)
    late, later = withdraw(exchange, a, 2_000_000)
    assert early["transactStatus"] == "Pending"
    exchange.until(f"2018-01-{day:02}T12:59:59.999Z")
    told = exchange.ask("POST", "/user/confirmWithdrawal", token=token)
    assert told["transactStatus"] == "Confirmed"
    exchange.until(f"2018-01-{day:02}T13:00:00Z")
    assert exchange.ask("POST", "/user/confirmWithdrawal", token=later)
    exchange.advance(5)
    assert (status(exchange, a, early), status(exchange, a, late)) == ("Completed", "Confirmed")
    fees = early["fee"] + late["fee"]
    assert exchange.margin(a)["walletBalance"] == XBT - 3_000_000 - fees
    exchange.until(f"2018-01-{day + 1:02}T13:00:00Z")
    assert status(exchange, a, late) == "Completed"
    exchange.audited()


def test_E27_an_extra_round_at_10(exchange):
    a = trader(exchange, XBt=XBT)
    day = day_of(exchange) + 1
    exchange.tell("/announcement", kind="withdrawal", effective=f"2018-01-{day:02}T10:00:00Z")
    exchange.until(f"2018-01-{day:02}T09:59:00Z")
    first, token = withdraw(exchange, a, 1_000_000)
    second, later = withdraw(exchange, a, 1_000_000)
    exchange.ask("POST", "/user/confirmWithdrawal", token=token)
    exchange.until(f"2018-01-{day:02}T10:00:00Z")
    exchange.ask("POST", "/user/confirmWithdrawal", token=later)
    assert [status(exchange, a, row) for row in (first, second)] == ["Completed", "Confirmed"]
    exchange.until(f"2018-01-{day:02}T13:00:00Z")
    assert status(exchange, a, second) == "Completed"


def test_E27_cancelled_while_pending_and_what_is_refused(exchange):
    a = trader(exchange, XBt=XBT)
    row, token = withdraw(exchange, a, 1_000_000)
    assert (
        exchange.ask("POST", "/user/cancelWithdrawal", token=token)["transactStatus"] == "Canceled"
    )
    assert exchange.margin(a)["walletBalance"] == XBT
    assert status(exchange, a, row) == "Canceled"
    assert "not Pending" in exchange.reject("POST", "/user/confirmWithdrawal", token=token)
    before = exchange.wallet(a), exchange.look(f"/account/{a}")
    for amount, said in (
        (-1, "Negative withdrawal amount"),
        (0, "Invalid withdrawal amount"),
        (10 * XBT, "Account has insufficient Withdrawable Balance"),
        (XBT, "Account has insufficient Withdrawable Balance"),  # and the fee
    ):
        fields = {"currency": "XBt", "amount": amount, "address": "3BMEX"}
        assert said in exchange.reject("POST", "/user/requestWithdrawal", a, **fields)
    assert exchange.reject("POST", "/user/confirmWithdrawal", token="nonsense")
    assert (exchange.wallet(a), exchange.look(f"/account/{a}")) == before
    exchange.tell("/chain", currency="XBt", withdrawals=False)
    fields = {"currency": "XBt", "amount": 1_000_000, "address": "3BMEX"}
    assert "Withdrawals currently disabled" in exchange.reject(
        "POST", "/user/requestWithdrawal", a, **fields
    )
    exchange.tell("/chain", currency="XBt", withdrawals=True)


def test_E27_transfers_of_linked_accounts_obey_what_is_withdrawable(exchange):
    # 30 of a withdrawable 29
    a = trader(exchange, XBt=29)
    name = f"t{next(numbers)}"
    made = exchange.tell("/account", name=name, key=name, secret="s", linked=a)
    exchange.secrets[name] = "s"
    ids = exchange.look(f"/account/{a}")["id"], made["id"]
    fields = {"currency": "XBt", "fromAccountId": ids[0], "targetAccountId": ids[1]}
    said = exchange.reject("POST", "/user/walletTransfer", a, amount=30, **fields)
    assert "insufficient" in said.lower()
    assert (exchange.wallet(a), exchange.wallet(name)) == (29, 0)

    exchange.ask("POST", "/user/walletTransfer", a, amount=29, **fields)

    assert (exchange.wallet(a), exchange.wallet(name)) == (0, 29)
    stranger = exchange.look(f"/account/{trader(exchange)}")["id"]
    assert exchange.reject(
        "POST", "/user/walletTransfer", name, amount=1, currency="XBt",
        fromAccountId=ids[1], targetAccountId=stranger,
    )  # fmt: skip
    exchange.audited()


def test_E28_the_recorded_day(exchange):
    # buy 885 @7299, sell 885 @6635.5, both maker at -0.025 %; the first rebate, 3,031, and a
    # funding are of the day before.
    desk = Desk(exchange, 7_299, SWAP, fundingRate=0)
    a, b = trader(exchange), trader(exchange)
    day = day_of(exchange) + 1
    exchange.until(f"2018-01-{day:02}T11:00:00Z")
    desk.order(a, 885, 7_299)
    desk.order(b, -885, 7_299)
    exchange.until(f"2018-01-{day:02}T12:00:05Z")
    exchange.tell("/index", index=desk.index, price=6_635.5)
    exchange.advance(5)
    desk.order(a, -885, 6_635.5)
    desk.order(b, 885, 6_635.5)
    exchange.until(f"2018-01-{day + 1:02}T12:00:05Z")
    rows = [
        row
        for row in exchange.ask("GET", "/user/walletHistory?currency=XBt", a)
        if row["transactType"] == "RealisedPNL"
    ]
    (paid,) = [t["execComm"] for t in desk.trades(a) if t["execType"] == "Funding"]  # at 12:00
    assert rows[0]["amount"] == -1_211_565 + 3_334
    assert rows[0]["timestamp"] == f"2018-01-{day + 1:02}T12:00:00.000Z"
    assert rows[1]["amount"] == 3_031 - paid
    exchange.audited()


def test_E24_lenders_post_by_the_loan_routes(exchange):
    lender, borrower = trader(exchange, ETC=500 * ETC), trader(exchange, XBt=100 * XBT)
    desk = trader(exchange, XBt=1_000 * XBT)
    exchange.tell("/borrow", currency="ETC", offers=[])
    exchange.tell("/index", index=".ETCXBT", price=0.02)
    exchange.advance(5)
    offer = exchange.ask(
        "POST", "/loan", lender, currency="ETC", amount=300 * ETC, ratePerDay=0.001, days=7,
        autoRenew=False,
    )  # fmt: skip
    assert shown(offer, "currency amount ratePerDay") == ("ETC", 300 * ETC, 0.001)
    book = exchange.ask("GET", "/loan/book?currency=ETC")
    assert book
    exchange.order(desk, 300 * ETC, 0.02, symbol="ETC_XBT")
    exchange.order(borrower, -300 * ETC, 0.02, symbol="ETC_XBT")
    (mine,) = exchange.ask("GET", "/loan", borrower)["loans"]
    assert shown(mine, "side currency principal ratePerDay") == (
        "Borrow", "ETC", 300 * ETC, 0.001,
    )  # fmt: skip
    assert exchange.row(".ETCBON")["lastPrice"] in (0.001, None)

    exchange.advance(6 * 86_400)
    (mine,) = exchange.ask("GET", "/loan", borrower)["loans"]
    assert mine["interest"] == 180_000_000  # 0.3 ETC a day
    exchange.audited()


def test_E24_the_operator_s_offers_are_replaced_whatever_was_lent_or_reserved(exchange):
    borrower, desk = trader(exchange, XBt=100 * XBT), trader(exchange, XBt=1_000 * XBT)

    def offer(amount, rate):
        offers = [{"amount": amount, "rate_per_day": rate}]
        assert exchange.tell("/borrow", currency="ETC", offers=offers)["offers"] == offers

    exchange.tell("/index", index=".ETCXBT", price=0.02)
    exchange.advance(5)
    offer(100, 0.001)
    exchange.order(borrower, -80 * ETC, 0.02, symbol="ETC_XBT")
    exchange.order(desk, 30 * ETC, 0.02, symbol="ETC_XBT")  # 30 lent, 50 reserved
    offer(100, 0.003)
    offer(100, 0.003)
    exchange.order(desk, 50 * ETC, 0.02, symbol="ETC_XBT")
    loans = exchange.ask("GET", "/loan", borrower)["loans"]
    assert [(one["principal"], one["ratePerDay"]) for one in loans] == [
        (30 * ETC, 0.001), (50 * ETC, 0.001),
    ]  # fmt: skip
    exchange.tell("/borrow", currency="ETC", offers=[])
    exchange.audited()


@pytest.mark.parametrize(
    "fields",
    [
        {"ratePerDay": 0},
        {"ratePerDay": 0.051},
        {"days": 1},
        {"days": 61},
        {"amount": 0},
        {"amount": -5},
        {"amount": 10**15},
        {"currency": "NIX"},
    ],
)
def test_E24_a_bad_offer_of_a_client(exchange, fields):
    a = trader(exchange, ETC=500 * ETC)
    given = {"currency": "ETC", "amount": ETC, "ratePerDay": 0.001, "days": 7, **fields}
    before = exchange.look(f"/account/{a}")

    assert exchange.reject("POST", "/loan", a, **given)

    assert exchange.look(f"/account/{a}") == before
    assert exchange.ask("GET", "/loan", a)["offers"] == []


def test_E29_awards_are_paid(exchange):
    exchange.tell("/awards", open=True)
    desk = Desk(exchange, 10_000, INVERSE)
    a, b = trader(exchange), trader(exchange)
    desk.match(a, b, 10_000, 10_000)

    told = exchange.tell("/awards", seed=7, chatters=[a])

    assert told["open"] is False
    paid = {row["award"]: (row["name"], row["amount"]) for row in told["awards"]}
    assert paid
    assert all(amount <= 200_000_000 for _, amount in paid.values())
    exchange.audited()


def test_USDt_accounts_of_the_command_line(serve):
    exchange = serve("--account", "xena:xena:s:10,USDt=10000")
    exchange.secrets["xena"] = "s"
    assert exchange.look("/account/xena")["balances"] == {"XBt": 10 * XBT, "USDt": 10**10}
    assert exchange.wallet("xena", "USDt") == 10**10
    rows = exchange.ask("GET", "/user/margin?currency=all", "xena")
    assert {(row["currency"], row["walletBalance"]) for row in rows} == {
        ("XBt", 10 * XBT), ("USDt", 10**10),
    }  # fmt: skip


def test_a_spot_market_with_the_fee_in_what_is_received(exchange):
    index = new_index(exchange, 0.02, 8)
    symbol = f"QTM{next(numbers)}_XBT"
    exchange.tell(
        "/instrument", symbol=symbol, typ="IFXXXP", underlying="QTM", baseCurrency="QTM",
        quoteCurrency="XBT", settlCurrency="XBt", referenceSymbol=index, feeSide="received",
        makerFee=0.0025, takerFee=0.0025, lotSize=1, tickSize=1e-8,
    )  # fmt: skip
    a, b = trader(exchange, XBt=100 * XBT), trader(exchange, QTM=300 * XBT)
    exchange.order(b, -300 * XBT, 0.02, symbol=symbol)
    exchange.order(a, 300 * XBT, 0.02, symbol=symbol)
    assert exchange.wallet(a, "QTM") == 29_925_000_000
    assert exchange.wallet(a) == 100 * XBT - 600_000_000
    assert exchange.wallet(b) == 598_500_000
    exchange.audited()


def test_E0_a_price_of_thirteen_million_won(exchange):
    index = new_index(exchange, 13_201_000, 2)
    fields = {
        **INVERSE,
        **NO_FEES,
        "quoteCurrency": "KRW",
        "multiplier": -(10**11),
        "tickSize": 1000,
    }
    desk = Desk(exchange, 0, fields, referenceSymbol=index, maxPrice=100_000_000)
    a, b = trader(exchange), trader(exchange)
    desk.match(a, b, 1, 13_201_000)
    assert desk.trades(a)[-1]["execCost"] == -7_575
    assert desk.row()["markPrice"] == 13_201_000
