"""E4 through REST: matching, reduce-only, amend, close, and the words of what is refused."""

import itertools

import pytest

from tests.outside.conftest import INVERSE, list_bxbt
from tests.outside.driver import XBT

numbers = itertools.count()


@pytest.fixture(scope="module")
def exchange(exchange):
    list_bxbt(exchange, 100)
    exchange.open("maker", XBt=100_000 * XBT)
    exchange.open("taker", XBt=100_000 * XBT)
    return exchange


@pytest.fixture
def symbol(exchange):
    """A fresh book of a contract of 1 USD."""
    symbol = f"XBTT{next(numbers)}"
    exchange.tell("/instrument", **{**INVERSE, "symbol": symbol})
    yield symbol
    for who in ("maker", "taker"):
        exchange.ask("DELETE", f"/order/all?symbol={symbol}", who)
    exchange.audited()


@pytest.fixture
def asks(exchange, symbol):
    """10 at 100 and 5 at 101."""
    exchange.order("maker", -10, 100, symbol=symbol)
    exchange.order("maker", -5, 101, symbol=symbol)
    return symbol


def fills(exchange, who, symbol):
    return [(t["lastQty"], t["lastPx"]) for t in exchange.trades(who, symbol)]


def test_a_limit_takes_level_by_level_and_nothing_rests(exchange, asks):
    order = exchange.order("taker", 12, 101, symbol=asks)

    assert (order["ordStatus"], order["cumQty"], order["leavesQty"]) == ("Filled", 12, 0)
    assert fills(exchange, "taker", asks) == [(10, 100), (2, 101)]
    assert exchange.book(asks) == {"Buy": [], "Sell": [(101, 3)]}


def test_ioc_takes_what_is_there_and_the_rest_is_canceled(exchange, asks):
    order = exchange.order("taker", 12, 100, symbol=asks, timeInForce="ImmediateOrCancel")

    assert (order["ordStatus"], order["cumQty"], order["leavesQty"]) == ("Canceled", 10, 0)
    assert "ImmediateOrCancel" in order["text"]
    assert fills(exchange, "taker", asks) == [(10, 100)]


def test_fok_takes_all_or_nothing(exchange, asks):
    order = exchange.order("taker", 16, 101, symbol=asks, timeInForce="FillOrKill")
    assert (order["ordStatus"], order["cumQty"]) == ("Canceled", 0)
    assert "FillOrKill" in order["text"]
    assert fills(exchange, "taker", asks) == []

    assert exchange.order("taker", 15, 101, symbol=asks, timeInForce="FillOrKill")["cumQty"] == 15


def test_post_only_rests_or_is_canceled_without_a_fee(exchange, asks):
    before = exchange.margin("taker")["walletBalance"]
    crossed = exchange.order("taker", 1, 100, symbol=asks, execInst="ParticipateDoNotInitiate")
    rested = exchange.order("taker", 1, 99, symbol=asks, execInst="ParticipateDoNotInitiate")

    assert (crossed["ordStatus"], crossed["cumQty"]) == ("Canceled", 0)
    assert crossed["text"] == (
        "Canceled: Order had execInst of ParticipateDoNotInitiate\nSubmitted via API."
    )
    assert rested["ordStatus"] == "New"
    assert fills(exchange, "taker", asks) == []
    assert exchange.margin("taker")["walletBalance"] == before


def test_a_market_order_takes_the_book_and_the_rest_is_canceled(exchange, asks):
    order = exchange.order("taker", 20, symbol=asks, ordType="Market")

    assert (order["ordStatus"], order["cumQty"]) == ("Canceled", 15)
    assert fills(exchange, "taker", asks) == [(10, 100), (5, 101)]


def test_first_come_first_served_at_a_price(exchange, symbol):
    first = exchange.order("maker", -5, 100, symbol=symbol)
    second = exchange.order("maker", -5, 100, symbol=symbol)
    exchange.order("taker", 7, 100, symbol=symbol)

    trades = [(t["orderID"], t["lastQty"]) for t in exchange.trades("maker", symbol)]
    assert trades == [(first["orderID"], 5), (second["orderID"], 2)]


def status(exchange, who, order):
    path = f"/order?filter=%7B%22orderID%22%3A%22{order['orderID']}%22%7D"
    (row,) = exchange.ask("GET", path, who)
    return row["ordStatus"], row["leavesQty"]


def test_reduce_only_orders_shrink_with_the_position_least_aggressive_first(exchange, symbol):
    exchange.order("maker", -100, 100, symbol=symbol)
    exchange.order("taker", 100, 100, symbol=symbol)
    near = exchange.order("taker", -60, 105, symbol=symbol, execInst="ReduceOnly")
    far = exchange.order("taker", -60, 106, symbol=symbol, execInst="ReduceOnly")
    assert status(exchange, "taker", near) == ("New", 60)
    assert status(exchange, "taker", far) == ("New", 40)

    exchange.order("maker", 50, 99, symbol=symbol)
    sold = exchange.order("taker", -50, symbol=symbol, ordType="Market")

    assert sold["cumQty"] == 50
    assert status(exchange, "taker", near) == ("New", 50)
    assert status(exchange, "taker", far) == ("Canceled", 0)


def test_amend_counts_from_the_start_or_from_what_is_open(exchange, symbol):
    order = exchange.order("maker", -10, 100, symbol=symbol)
    exchange.order("taker", 4, 100, symbol=symbol)

    row = exchange.ask("PUT", "/order", "maker", orderID=order["orderID"], orderQty=8)
    assert (row["orderQty"], row["cumQty"], row["leavesQty"]) == (8, 4, 4)
    row = exchange.ask("PUT", "/order", "maker", orderID=order["orderID"], leavesQty=8)
    assert (row["orderQty"], row["cumQty"], row["leavesQty"]) == (12, 4, 8)


def test_less_keeps_the_place_in_the_queue_and_another_price_loses_it(exchange, symbol):
    first = exchange.order("maker", -5, 100, symbol=symbol)
    second = exchange.order("maker", -5, 100, symbol=symbol)
    exchange.ask("PUT", "/order", "maker", orderID=first["orderID"], orderQty=4)
    exchange.order("taker", 1, 100, symbol=symbol)
    assert exchange.trades("maker", symbol)[-1]["orderID"] == first["orderID"]

    exchange.ask("PUT", "/order", "maker", orderID=first["orderID"], price=101)
    exchange.ask("PUT", "/order", "maker", orderID=first["orderID"], price=100)
    exchange.order("taker", 1, 100, symbol=symbol)
    assert exchange.trades("maker", symbol)[-1]["orderID"] == second["orderID"]


def test_a_filled_order_is_revived_within_a_minute_and_not_after(exchange, symbol):
    order = exchange.order("maker", -5, 100, symbol=symbol)
    exchange.order("taker", 5, 100, symbol=symbol)
    exchange.advance(60)
    row = exchange.ask("PUT", "/order", "maker", orderID=order["orderID"], leavesQty=3)
    assert (row["ordStatus"], row["leavesQty"]) == ("PartiallyFilled", 3)

    exchange.order("taker", 3, 100, symbol=symbol)
    exchange.advance(61)
    assert exchange.reject("PUT", "/order", "maker", orderID=order["orderID"], leavesQty=3) == (
        "Invalid ordStatus"
    )


def test_close_closes_the_whole_position(exchange, symbol):
    exchange.order("maker", -30, 100, symbol=symbol)
    exchange.order("taker", 30, 100, symbol=symbol)
    exchange.order("maker", 40, 99, symbol=symbol)

    order = exchange.order("taker", None, symbol=symbol, execInst="Close")

    assert (order["side"], order["cumQty"], order["ordStatus"]) == ("Sell", 30, "Filled")
    assert exchange.position("taker", symbol)["currentQty"] == 0
    assert "execInst of Close" in exchange.reject(
        "POST", "/order", "taker", symbol=symbol, execInst="Close", side="Sell"
    )


def test_a_bulk_is_one_command_and_cancels_come_by_list(exchange, symbol):
    seq = exchange.look("/state")["seq"]
    rows = [
        {"symbol": symbol, "orderQty": 1, "price": 90 + i, "clOrdID": f"b{i}"} for i in range(3)
    ]
    placed = exchange.ask("POST", "/order/bulk", "taker", orders=rows)

    (record,) = exchange.journal(seq + 1)
    assert record["command"]["type"] == "PlaceBulk"
    assert [row["ordStatus"] for row in placed] == ["New"] * 3
    amends = [{"origClOrdID": row["clOrdID"], "price": row["price"] - 5} for row in placed]
    moved = exchange.ask("PUT", "/order/bulk", "taker", orders=amends)
    assert [row["price"] for row in moved] == [85, 86, 87]
    gone = exchange.ask("DELETE", "/order", "taker", clOrdID=["b0", "b1", "b2"])
    assert {row["ordStatus"] for row in gone} == {"Canceled"}
    again = exchange.ask("DELETE", "/order", "taker", clOrdID="b0")
    assert again[0]["error"] == "Unable to cancel order due to existing state: Canceled"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"price": 100.25}, "Invalid price tickSize"),
        ({"price": -1}, "Invalid price"),
        ({"price": 0}, "Invalid price"),
        ({"price": "x"}, "Invalid price"),
        ({"orderQty": 0}, "Invalid orderQty"),
        ({"orderQty": 1.5}, "Invalid orderQty"),
        ({"orderQty": 20_000_000}, "Invalid orderQty"),
        ({"side": "Up"}, "Invalid side"),
        ({"side": "Buy", "orderQty": -1}, "side"),
        ({"symbol": "NIX"}, "symbol"),
        ({"ordType": "Guess"}, "ordType"),
        ({"timeInForce": "Never"}, "timeInForce"),
        ({"execInst": "Fly"}, "execInst"),
        ({"ordType": "Market", "price": 100}, "price"),
        ({"price": 2_000_000}, "price"),
        ({"clOrdID": "x" * 37}, "clOrdID"),
    ],
)
def test_a_bad_order_is_400_and_changes_nothing(exchange, symbol, fields, message):
    before = exchange.look("/state")["counts"], exchange.margin("taker")

    answer = exchange.call(
        "POST", "/order", "taker", **{"symbol": symbol, "orderQty": 1, "price": 50, **fields}
    )

    assert answer.status_code == 400, answer.text
    assert message in answer.json()["error"]["message"]
    assert (exchange.look("/state")["counts"], exchange.margin("taker")) == before


def test_a_client_id_is_used_once(exchange, symbol):
    exchange.order("taker", 1, 50, symbol=symbol, clOrdID="once")

    assert (
        exchange.reject(
            "POST", "/order", "taker", symbol=symbol, orderQty=1, price=50, clOrdID="once"
        )
        == "Duplicate clOrdID"
    )


def test_off_tick_on_the_spot_and_on_the_weekly(exchange):
    for symbol, price in (("ETC7D", 0.0030005), ("ETC_XBT", 0.003000005)):
        assert (
            exchange.reject(
                "POST", "/order", "alice", symbol=symbol, orderQty=1_000_000, price=price
            )
            == "Invalid price tickSize"
        )
