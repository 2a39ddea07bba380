"""Orders over HTTP, from raw bytes to rows (protocol.md 1, 2.2, 4)."""

import json
from typing import Any
from urllib.parse import quote

import pytest

from tests.core.world import XBT
from tests.wire.desk import Desk

pytestmark = pytest.mark.anyio


@pytest.fixture
def desk() -> Desk:
    return Desk()


def error(answer: Any) -> tuple[int, str, str]:
    found = answer.json()["error"]
    return answer.status_code, found["message"], found["name"]


async def test_4_2_limit_order_rests_and_shows_the_whole_row(desk: Desk) -> None:
    row = await desk.place("alice", orderQty=10, price=0.0199, clOrdID="mm_1a/+x")

    assert row["ordStatus"] == "New"
    assert row["workingIndicator"] is True
    assert row["side"] == "Buy"
    assert row["ordType"] == "Limit"
    assert row["timeInForce"] == "GoodTillCancel"
    assert (row["leavesQty"], row["cumQty"], row["avgPx"]) == (10, 0, None)
    assert row["clOrdID"] == "mm_1a/+x"
    assert row["clOrdLinkID"] is None
    assert row["text"] == "Submitted via API."
    assert row["currency"] == "XBT"
    assert row["settlCurrency"] == "XBt"
    assert row["price"] == 0.0199


@pytest.mark.parametrize(
    ("method", "query", "body", "content_type"),
    [
        ("POST", "", b'{"symbol": "ETC7D", "orderQty": 5, "price": 0.019}', "application/json"),
        ("POST", "", b'{"symbol":"ETC7D","orderQty":"5","price":"0.019"}', "application/json"),
        ("POST", "", b"symbol=ETC7D&orderQty=5.0&price=0.019", "application/x-www-form-urlencoded"),
        ("POST", "?symbol=etc7d&orderQty=5.0&price=0.019&side=Buy", b"", ""),
        ("POST", "?symbol=ETC", b'{"orderQty":5,"price":0.01899999999999}', "application/json"),
        ("POST", "", b"symbol=ETC7D&orderQty=5&price=0.019&execInst=", ""),
    ],
)
async def test_1_1_all_client_encodings_place_the_same_order(
    desk: Desk, method: str, query: str, body: bytes, content_type: str
) -> None:
    headers = {"content-type": content_type} if content_type else {}
    row = await desk.ok(method, f"/order{query}", "alice", body=body, headers=headers)

    assert (row["symbol"], row["orderQty"], row["price"]) == ("ETC7D", 5, 0.019)


async def test_4_2_negative_quantity_sells_and_a_contradiction_is_refused(desk: Desk) -> None:
    row = await desk.place("alice", orderQty=-7, price=0.021)
    assert (row["side"], row["orderQty"]) == ("Sell", 7)

    fields = {"symbol": "ETC7D", "side": "Buy", "orderQty": -7, "price": 0.01}
    answer = await desk.call("POST", "/order", "alice", json_body=fields)
    assert error(answer) == (400, "Invalid side", "HTTPError")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"symbol": "NOPE"}, "Invalid symbol"),
        ({"symbol": ".ETCXBT"}, "Invalid symbol"),
        ({"symbol": None}, "Invalid symbol"),
        ({"orderQty": 0}, "Invalid orderQty"),
        ({"orderQty": None}, "Invalid orderQty"),
        ({"orderQty": 1.5}, "Invalid orderQty"),
        ({"orderQty": "NaN"}, "Invalid orderQty"),
        ({"orderQty": 10**30}, "Invalid orderQty"),
        ({"orderQty": True}, "Invalid orderQty"),
        ({"price": 0.0190005}, "Invalid price tickSize"),
        ({"price": "abc"}, "Invalid price"),
        ({"price": "Infinity"}, "Invalid price"),
        ({"price": -1}, "Invalid price"),
        ({"price": 10**12}, "Invalid price"),
        ({"ordType": "Foo"}, "Unsupported ordType"),
        ({"ordType": "Market"}, "Invalid price"),
        ({"ordType": "Limit", "price": None}, "Invalid price"),
        ({"ordType": "StopLimit"}, "Invalid stopPx for ordType"),
        ({"timeInForce": "Foo"}, "Unsupported timeInForce"),
        ({"execInst": "Foo"}, "Unsupported execInst"),
        ({"side": "Long"}, "Invalid side"),
        ({"clOrdID": "x" * 37}, "Invalid clOrdID"),
        ({"pegPriceType": "Foo"}, "Unsupported pegPriceType"),
        ({"simpleOrderQty": 1}, "Invalid simpleOrderQty"),
    ],
)
async def test_1_7_validation_messages_are_exact_and_change_nothing(
    desk: Desk, fields: dict[str, Any], message: str
) -> None:
    before = desk.session.seq
    whole = {"symbol": "ETC7D", "orderQty": 5, "price": 0.019, **fields}

    answer = await desk.call("POST", "/order", "alice", json_body=whole)

    assert error(answer) == (400, message, "HTTPError")
    assert not desk.exchange.open_orders(desk.alice)
    assert desk.session.seq - before <= 1


async def test_1_7_duplicate_cl_ord_id(desk: Desk) -> None:
    await desk.place("alice", orderQty=1, price=0.019, clOrdID="a")

    fields = {"symbol": "ETC7D", "orderQty": 1, "price": 0.018, "clOrdID": "a"}
    answer = await desk.call("POST", "/order", "alice", json_body=fields)

    assert error(answer) == (400, "Duplicate clOrdID", "HTTPError")


async def test_1_7_insufficient_balance_tells_satoshi(desk: Desk) -> None:
    desk.account("carol", XBt=XBT // 10)
    fields = {"symbol": "ETC7D", "orderQty": 1000, "price": 0.02}
    answer = await desk.call("POST", "/order", "carol", json_body=fields)

    status, message, name = error(answer)
    assert (status, name) == (400, "ValidationError")
    assert message.startswith("Account has insufficient Available Balance, ")
    assert message.endswith(" XBt required")
    assert message.split(", ")[1].split()[0].isdecimal()


async def test_4_3_post_only_that_would_cross_is_canceled_with_200(desk: Desk) -> None:
    await desk.place("bob", side="Sell", orderQty=5, price=0.02)

    row = await desk.place(
        "alice", orderQty=5, price=0.02, execInst="ParticipateDoNotInitiate", text="mine"
    )

    assert (row["ordStatus"], row["leavesQty"]) == ("Canceled", 0)
    assert row["text"] == (
        "Canceled: Order had execInst of ParticipateDoNotInitiate\nmine\nSubmitted via API."
    )


async def test_4_3_market_and_ioc_answer_after_matching(desk: Desk) -> None:
    await desk.place("bob", side="Sell", orderQty=5, price=0.02)

    ioc = await desk.place("alice", orderQty=9, price=0.02, timeInForce="ImmediateOrCancel")
    assert (ioc["ordStatus"], ioc["cumQty"], ioc["leavesQty"]) == ("Canceled", 5, 0)
    assert ioc["avgPx"] == 0.02
    assert ioc["text"].startswith("Canceled: Order had timeInForce of ImmediateOrCancel")

    await desk.place("bob", side="Sell", orderQty=2, price=0.0201)
    market = await desk.place("alice", orderQty=2)
    assert (market["ordType"], market["ordStatus"]) == ("Market", "Filled")
    assert market["timeInForce"] == "ImmediateOrCancel"
    assert market["price"] == 0.0201


async def test_4_7_amend_by_either_id_keeps_the_row_honest(desk: Desk) -> None:
    placed = await desk.place("alice", orderQty=10, price=0.019, clOrdID="a")

    amended = await desk.ok(
        "PUT", "/order", "alice", json_body={"orderID": placed["orderID"], "price": 0.0191}
    )
    assert (amended["price"], amended["orderQty"]) == (0.0191, 10)
    assert amended["text"] == "Amended price: Amended via API.\nSubmitted via API."

    fields = {"origClOrdID": "a", "clOrdID": "b", "orderQty": "8"}
    renamed = await desk.ok("PUT", "/order", "alice", json_body=fields)
    assert (renamed["clOrdID"], renamed["orderQty"]) == ("b", 8)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "orderID or origClOrdID must be sent."),
        ({"orderID": "nonsense", "price": 0.02}, "Invalid orderID"),
        ({"orderID": "00000001-0000-4000-8000-0000000000ff", "price": 0.02}, "Invalid orderID"),
        ({"origClOrdID": "nobody", "price": 0.02}, "Invalid origClOrdID"),
        ({"origClOrdID": "a", "price": 0.0190005}, "Invalid price tickSize"),
        ({"origClOrdID": "a", "orderQty": 5, "leavesQty": 5}, "Invalid orderQty"),
        (
            {"origClOrdID": "a", "orderQty": 10, "price": 0.019},
            "Invalid amend: orderQty, leavesQty, price, stopPx unchanged",
        ),
    ],
)
async def test_4_7_amends_that_are_refused(
    desk: Desk, fields: dict[str, Any], message: str
) -> None:
    await desk.place("alice", orderQty=10, price=0.019, clOrdID="a")

    answer = await desk.call("PUT", "/order", "alice", json_body=fields)

    assert error(answer)[:2] == (400, message)


async def test_4_7_amend_of_a_dead_order_is_invalid_ord_status_now_and_later(desk: Desk) -> None:
    placed = await desk.place("alice", orderQty=10, price=0.019)
    await desk.ok("DELETE", "/order", "alice", json_body={"orderID": placed["orderID"]})

    for _ in range(2):
        answer = await desk.call(
            "PUT", "/order", "alice", json_body={"orderID": placed["orderID"], "price": 0.018}
        )
        assert error(answer)[:2] == (400, "Invalid ordStatus")
        desk.advance(120)


async def test_8_11_cancel_twice_is_200_with_an_error_member(desk: Desk) -> None:
    placed = await desk.place("alice", orderQty=10, price=0.019)
    fields = {"orderID": [placed["orderID"]]}

    (first,) = await desk.ok("DELETE", "/order", "alice", json_body=fields)
    assert (first["ordStatus"], first["leavesQty"]) == ("Canceled", 0)
    assert first["text"] == "Canceled: Canceled via API.\nSubmitted via API."
    assert "error" not in first

    for _ in range(2):
        (again,) = await desk.ok("DELETE", "/order", "alice", json_body=fields)
        assert again["error"] == "Unable to cancel order due to existing state: Canceled"
        assert again["symbol"] == "ETC7D"
        desk.advance(120)


async def test_4_6_cancel_of_unknown_ids(desk: Desk) -> None:
    placed = await desk.place("alice", orderQty=10, price=0.019)
    unknown = "00000001-0000-4000-8000-00000000ffff"

    answer = await desk.call("DELETE", "/order", "alice", json_body={"orderID": unknown})
    assert error(answer)[:2] == (404, "Not Found")

    body = f"orderID={quote(json.dumps([unknown, placed['orderID']]))}".encode()
    rows = await desk.ok("DELETE", "/order", "alice", body=body)
    assert rows[0] == {
        "orderID": unknown,
        "error": "Unable to cancel order: Not found or not owned by user",
    }
    assert rows[1]["ordStatus"] == "Canceled"


async def test_4_6_nobody_cancels_or_amends_what_is_not_theirs(desk: Desk) -> None:
    placed = await desk.place("alice", orderQty=10, price=0.019)
    fields = {"orderID": placed["orderID"]}

    assert (await desk.call("DELETE", "/order", "bob", json_body=fields)).status_code == 404
    answer = await desk.call("PUT", "/order", "bob", json_body={**fields, "price": 0.018})
    assert error(answer)[:2] == (400, "Invalid orderID")


async def test_8_5_empty_list_of_ids_is_200_and_none_at_all_is_400(desk: Desk) -> None:
    assert await desk.ok("DELETE", "/order", "alice", json_body={"orderID": []}) == []

    answer = await desk.call("DELETE", "/order", "alice", json_body={})
    assert error(answer)[:2] == (400, "Either an orderID or a clOrdID must be provided.")


async def test_2_2_cancel_all_by_query_with_filter(desk: Desk) -> None:
    await desk.place("alice", orderQty=1, price=0.019)
    await desk.place("alice", orderQty=-1, price=0.021)
    await desk.place("alice", orderQty=2, price=0.018)

    target = "/order/all?symbol=ETC7D&filter=" + quote('{"side":"Buy"}')
    rows = await desk.ok("DELETE", target, "alice")
    assert [row["orderQty"] for row in rows] == [1, 2]
    assert {row["ordStatus"] for row in rows} == {"Canceled"}

    assert len(await desk.ok("DELETE", "/order/all", "alice")) == 1
    assert await desk.ok("DELETE", "/order/all", "alice") == []


async def test_2_2_bulk_as_json_and_as_a_form_field(desk: Desk) -> None:
    orders = [
        {"symbol": "ETC7D", "orderQty": 1, "price": 0.019},
        {"symbol": "ETC7D", "orderQty": 100_000, "price": 0.019},
        {"symbol": "ETC7D", "orderQty": -2, "price": 0.021},
    ]
    rows = await desk.ok("POST", "/order/bulk", "alice", json_body={"orders": orders})
    assert [row["ordStatus"] for row in rows] == ["New", "Rejected", "New"]
    assert rows[1]["error"] == "Value of position and orders exceeds position Risk Limit"

    item = {"orderID": rows[0]["orderID"], "orderQty": 3, "price": 0.0189, "side": "Buy"}
    text = json.dumps([item])
    amended = await desk.ok("PUT", "/order/bulk", "alice", body=f"orders={quote(text)}".encode())
    assert [(row["orderQty"], row["price"]) for row in amended] == [(3, 0.0189)]


async def test_8_5_bulk_amend_with_one_dead_order_fails_whole(desk: Desk) -> None:
    live = await desk.place("alice", orderQty=1, price=0.019)
    dead = await desk.place("alice", orderQty=1, price=0.018)
    await desk.ok("DELETE", "/order", "alice", json_body={"orderID": dead["orderID"]})

    items = [{"orderID": row["orderID"], "orderQty": 5} for row in (live, dead)]
    answer = await desk.call("PUT", "/order/bulk", "alice", json_body={"orders": items})

    assert error(answer)[:2] == (400, "Invalid ordStatus")
    assert desk.exchange.open_orders(desk.alice)[0].order_qty == 1


async def test_2_2_close_position_and_close_without_one(desk: Desk) -> None:
    answer = await desk.call(
        "POST",
        "/order",
        "alice",
        json_body={"symbol": "ETC7D", "execInst": "Close", "side": "Sell"},
    )
    status, message, _ = error(answer)
    assert (status, message) == (
        400,
        "Order had execInst of Close and side of Sell but current position is 0",
    )

    await desk.place("bob", side="Sell", orderQty=5, price=0.02)
    await desk.place("alice", orderQty=5, price=0.02)
    await desk.place("bob", side="Buy", orderQty=9, price=0.0199)
    row = await desk.ok("POST", "/order/closePosition", "alice", json_body={"symbol": "ETC7D"})
    assert (row["side"], row["cumQty"], row["ordType"]) == ("Sell", 5, "Market")
    (position,) = await desk.ok("GET", "/position", "alice")
    assert (position["currentQty"], position["isOpen"], position["homeNotional"]) == (0, False, 0)


async def test_4_9_dead_man_arms_fires_and_disarms(desk: Desk) -> None:
    await desk.place("alice", orderQty=1, price=0.019)

    armed = await desk.ok("POST", "/order/cancelAllAfter", "alice", json_body={"timeout": 60000.0})
    assert armed == {"now": "2018-01-12T12:00:05.000Z", "cancelTime": "2018-01-12T12:01:05.000Z"}
    desk.advance(59)
    assert len(desk.exchange.open_orders(desk.alice)) == 1
    desk.advance(1)
    assert not desk.exchange.open_orders(desk.alice)
    (row,) = await desk.ok("GET", "/order", "alice")
    assert row["text"].startswith("Canceled: Canceled via cancelAllAfter")

    off = await desk.ok("POST", "/order/cancelAllAfter", "alice", body=b"timeout=0")
    assert off["cancelTime"] == 0


async def test_design_3_dead_man_is_in_the_clients_time_at_a_factor(desk: Desk) -> None:
    desk.control.factor = 100

    armed = await desk.ok("POST", "/order/cancelAllAfter", "alice", json_body={"timeout": 60000})

    assert armed["cancelTime"] == "2018-01-12T13:40:05.000Z"


async def test_8_10_query_string_order_with_a_float_quantity(desk: Desk) -> None:
    row = await desk.ok(
        "POST", "/order?symbol=ETC7D&side=Sell&orderQty=100.0&price=0.021&ordType=Limit", "alice"
    )
    assert (row["side"], row["orderQty"]) == ("Sell", 100)


async def test_2_2_leverage_and_isolate(desk: Desk) -> None:
    row = await desk.ok(
        "POST", "/position/leverage", "alice", json_body={"symbol": "ETC7D", "leverage": 10}
    )
    assert (row["leverage"], row["crossMargin"]) == (10, False)

    row = await desk.ok("POST", "/position/isolate", "alice", body=b"symbol=ETC7D&enabled=False")
    assert row["crossMargin"] is True

    answer = await desk.call(
        "POST", "/position/leverage", "alice", json_body={"symbol": "ETC7D", "leverage": 101}
    )
    assert error(answer)[:2] == (400, "Invalid leverage")


async def test_E23_spot_order_in_minor_units(desk: Desk) -> None:
    await desk.place("bob", symbol="ETC_XBT", side="Sell", orderQty=3 * XBT, price=0.02)
    row = await desk.place("alice", symbol="ETC_XBT", orderQty=XBT)

    assert (row["ordStatus"], row["cumQty"], row["settlCurrency"]) == ("Filled", XBT, "XBt")
    (position,) = await desk.ok("GET", "/position", "alice")
    assert (position["symbol"], position["currentQty"]) == ("ETC_XBT", XBT)
    assert position["homeNotional"] == 1
    assert position["foreignNotional"] < 0
    wallets = await desk.ok("GET", "/user/wallet?currency=all", "alice")
    assert {w["currency"]: w["amount"] for w in wallets} == {"XBt": 10 * XBT - 2005000, "ETC": XBT}
