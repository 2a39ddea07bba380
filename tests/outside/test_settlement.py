"""E14, E28: the life of ETC7D to its settlement, minute by minute, by the operator's hand."""

from urllib.parse import quote

import pytest

from tests.outside.driver import XBT

START = "2018-01-19T11:00:00Z"
EXPIRY = "2018-01-19T12:00:00.000Z"


@pytest.fixture(scope="module")
def exchange(serve):
    """ETC7D an hour before its end, alice short 300 at 0.0201 against bob."""
    exchange = serve(start=START)
    exchange.tell("/index", index=".ETCXBT", price=0.0201)
    exchange.advance(5)
    exchange.order("bob", 300, 0.0201, symbol="ETC7D")
    exchange.order("alice", -300, 0.0201, symbol="ETC7D")
    exchange.opened = {who: exchange.margin(who)["walletBalance"] for who in ("alice", "bob")}
    return exchange


def test_E14_twap30_of_the_minutes_after_11_30(exchange):
    rested = exchange.order("bob", 1, 0.0190, symbol="ETC7D", clOrdID="rested")
    # 160 at 11:30 must not count (E14); then 0.02000 + 0.00001 k at 11:31 ... 12:00.
    exchange.tell("/index", index=".ETCXBT", price=0.0205)
    exchange.until("2018-01-19T11:30:30Z")
    for k in range(30):
        exchange.tell("/index", index=".ETCXBT", price=round(0.02 + 0.00001 * k, 5))
        minute = 31 + k
        exchange.until(f"2018-01-19T{11 + minute // 60}:{minute % 60:02}:00Z")
        if k < 29:
            exchange.advance(30)
            assert exchange.row("ETC7D")["state"] == "Open"

    row = exchange.row("ETC7D")
    assert (row["state"], row["settledPrice"]) == ("Settled", 0.020145)
    assert exchange.look("/state")["clock"]["at"] == EXPIRY
    (order,) = exchange.ask(
        "GET", "/order?symbol=ETC7D&filter=" + quote('{"clOrdID":"rested"}'), "bob"
    )
    assert (order["orderID"], order["ordStatus"]) == (rested["orderID"], "Canceled")
    exchange.audited()


def test_E14_profit_and_fee_of_the_short(exchange):
    before = exchange.opened
    after = {who: exchange.margin(who)["walletBalance"] for who in ("alice", "bob")}

    assert after["alice"] - before["alice"] == -1_350_000 - 1_510_875
    assert after["bob"] - before["bob"] == 1_350_000 - 1_510_875
    for who in ("alice", "bob"):
        position = exchange.position(who, "ETC7D")
        assert (position["currentQty"], position["posMargin"]) == (0, 0)
        margin = exchange.margin(who)
        assert margin["availableMargin"] == margin["walletBalance"]


def test_E14_the_settlement_is_an_execution(exchange):
    row = exchange.trades("alice", "ETC7D")[-1]

    assert row["execType"] == "Settlement"
    assert (row["lastQty"], row["lastPx"]) == (300, 0.020145)
    assert row["side"] in {"Buy", None}  # protocol.md 4.11: of the position, or null
    assert (row["commission"], row["execComm"]) == (0.0025, 1_510_875)
    assert row["execCost"] == 604_350_000
    assert row["orderID"] == "00000000-0000-0000-0000-000000000000"
    assert (row["text"], row["ordStatus"], row["timeInForce"]) == (
        "Settlement", "Filled", "AtTheClose",
    )  # fmt: skip
    assert row["transactTime"] == EXPIRY


def test_E14_the_settlement_row(exchange):
    (row,) = exchange.ask("GET", "/settlement?symbol=ETC7D")

    assert row["timestamp"] == EXPIRY
    assert row["symbol"] == "ETC7D"
    assert row["settlementType"] == "Settlement"
    assert row["settledPrice"] == 0.020145


def test_E28_realised_profit_of_the_day_is_one_wallet_row(exchange):
    newest, deposit = exchange.ask("GET", "/user/walletHistory?currency=XBt", "alice")

    opening_fee = 1_507_500  # taker, 0.25 % of 603,000,000
    assert (newest["transactType"], newest["amount"]) == (
        "RealisedPNL", -1_350_000 - 1_510_875 - opening_fee,
    )  # fmt: skip
    assert newest["address"] == "ETC7D"
    assert newest["walletBalance"] == exchange.wallet("alice")
    assert newest["transactTime"] == EXPIRY
    assert (deposit["transactType"], deposit["amount"]) == ("Deposit", 10 * XBT)


def test_E14_an_order_at_12_is_refused(exchange):
    for fields in ({"orderQty": 1, "price": 0.02}, {"orderQty": -1}):
        assert exchange.reject("POST", "/order", "bob", symbol="ETC7D", **fields) == (
            "Instrument expired"
        )


def test_the_sums_of_the_world_are_the_fees(exchange):
    lost = 0
    for who, given in (("alice", 10 * XBT), ("bob", 1_050_000_000)):
        lost += given - exchange.wallet(who)

    # 0.25 % and -0.05 % of 603,000,000, twice 0.25 % of 604,350,000
    assert lost == 1_507_500 - 301_500 + 2 * 1_510_875


def test_before_12_orders_are_taken_until_the_last_microsecond(serve):
    exchange = serve(start="2018-01-19T11:59:00Z")
    exchange.until("2018-01-19T11:59:59.999999Z")
    assert exchange.order("alice", 1, 0.001, symbol="ETC7D")["ordStatus"] == "New"

    exchange.until("2018-01-19T12:00:00Z")

    assert exchange.reject("POST", "/order", "alice", symbol="ETC7D", orderQty=1, price=0.001) == (
        "Instrument expired"
    )
    exchange.audited()
