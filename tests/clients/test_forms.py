"""The ways in which real clients write a request (protocol 1.1): form, query, JSON, as they do."""

from __future__ import annotations

from urllib.parse import quote, quote_plus

import pytest

from tests.clients.raw import FORM, call, ok, place
from tests.clients.served import FUTURE

UNKNOWN = "01234567-89ab-4def-8123-456789abcdef"


def test_bravado_places_by_form_and_cancels_with_a_list_in_a_form(quiet, alice):
    ids = []
    for price in ("0.0025", "0.0024"):
        body = f"symbol={FUTURE}&side=Buy&orderQty=100&price={price}&ordType=Limit"
        answer = call(quiet, "POST", "/order", alice, body, FORM)
        assert (answer.status, answer.json["orderQty"]) == (200, 100)
        ids.append(answer.json["orderID"])

    body = "orderID=" + quote_plus(f'["{ids[0]}", "{ids[1]}"]')
    assert "%5B%22" in body
    assert "%22%2C+%22" in body
    canceled = call(quiet, "DELETE", "/order", alice, body, FORM)

    assert canceled.status == 200
    assert [row["ordStatus"] for row in canceled.json] == ["Canceled", "Canceled"]


def test_bravado_writes_booleans_with_capitals_and_integers_as_floats(quiet, alice):
    leverage = call(
        quiet, "POST", "/position/isolate", alice, f"symbol={FUTURE}&enabled=False", FORM
    )
    assert (leverage.status, leverage.json["crossMargin"]) == (200, True)

    armed = call(quiet, "POST", "/order/cancelAllAfter", alice, "timeout=60000.0", FORM)
    assert set(armed.json) == {"now", "cancelTime"}

    disarmed = call(quiet, "POST", "/order/cancelAllAfter", alice, "timeout=0.0", FORM)
    assert disarmed.json["cancelTime"] == 0


def test_bravado_sends_a_bulk_as_json_text_in_one_field_of_a_form(quiet, alice):
    orders = f'[{{"symbol": "{FUTURE}", "orderQty": 1, "price": 0.0025}}]'
    answer = call(quiet, "POST", "/order/bulk", alice, "orders=" + quote_plus(orders), FORM)

    assert (answer.status, [row["ordStatus"] for row in answer.json]) == (200, ["New"])


def test_hummingbot_puts_everything_into_the_query(quiet, alice):
    query = f"symbol={FUTURE}&side=Buy&orderQty=100.0&price=0.0025&ordType=Limit&clOrdID=HBOT-1"

    placed = call(quiet, "POST", f"/order?{query}", alice)
    canceled = call(quiet, "DELETE", "/order?clOrdID=HBOT-1", alice)

    assert (placed.status, placed.json["orderQty"]) == (200, 100)
    assert isinstance(placed.json["orderQty"], int)
    assert [row["ordStatus"] for row in canceled.json] == ["Canceled"]


def test_nautilus_cancels_all_of_a_side_by_query(quiet, alice):
    place(quiet, alice, "Buy", 1, 0.0025)
    kept = place(quiet, alice, "Sell", 1, 0.0027)

    target = f"/order/all?symbol={FUTURE}&filter=" + quote('{"side":"Buy"}')
    canceled = call(quiet, "DELETE", target, alice)

    assert [row["side"] for row in canceled.json] == ["Buy"]
    left = ok(quiet, "GET", "/order?filter=" + quote('{"open":true}'), alice)
    assert [row["orderID"] for row in left] == [kept["orderID"]]


def test_nautilus_cancels_by_a_list_of_client_ids_in_a_form(quiet, alice):
    place(quiet, alice, "Buy", 1, 0.0025, clOrdID="O-1")

    answer = call(quiet, "DELETE", "/order", alice, "clOrdID=%5B%22O-1%22%5D", FORM)

    assert [row["clOrdID"] for row in answer.json] == ["O-1"]


@pytest.mark.parametrize("text", ["0.002500999999999996", "0.0025010000000000004", "2.501e-3"])
def test_a_price_that_floats_spoilt_is_the_tick_that_was_meant(quiet, alice, text):
    body = f"symbol={FUTURE}&side=Buy&orderQty=1&price={text}"
    answer = call(quiet, "POST", "/order", alice, body, FORM)

    assert (answer.status, answer.json.get("price")) == (200, 0.002501)


def test_a_price_between_ticks_is_refused(quiet, alice):
    answer = call(
        quiet, "POST", "/order", alice, f"symbol={FUTURE}&orderQty=1&price=0.00250001", FORM
    )

    assert answer.status == 400
    assert answer.json == {"error": {"message": "Invalid price tickSize", "name": "HTTPError"}}


def test_sample_market_maker_writes_json_with_spaces(quiet, alice):
    orders = f'{{"symbol": "{FUTURE}", "orderQty": 1, "price": 0.0025, "side": "Buy"}}'
    placed = call(quiet, "POST", "/order/bulk", alice, f'{{"orders": [{orders}, {orders}]}}')
    ids = [row["orderID"] for row in placed.json]

    moved = call(
        quiet,
        "PUT",
        "/order/bulk",
        alice,
        f'{{"orders": [{{"orderID": "{ids[0]}", "orderQty": 2, "price": 0.0024, "side": "Buy"}}]}}',
    )
    canceled = call(quiet, "DELETE", "/order", alice, f'{{"orderID": ["{ids[0]}", "{ids[1]}"]}}')

    assert (moved.status, moved.json[0]["orderQty"], moved.json[0]["price"]) == (200, 2, 0.0024)
    assert [row["ordStatus"] for row in canceled.json] == ["Canceled", "Canceled"]
    assert call(quiet, "DELETE", "/order", alice, '{"orderID": []}').json == []


def test_sample_market_maker_needs_the_exact_text_for_a_filled_order(quiet, alice, bob):
    filled = place(quiet, alice, "Buy", 1, 0.0025)
    live = place(quiet, alice, "Buy", 1, 0.0024)
    place(quiet, bob, "Sell", 1, 0.0025)
    ids = (live["orderID"], filled["orderID"])
    orders = ", ".join(f'{{"orderID": "{each}", "orderQty": 5, "price": 0.0023}}' for each in ids)

    answer = call(quiet, "PUT", "/order/bulk", alice, f'{{"orders": [{orders}]}}')

    assert (answer.status, answer.json["error"]["message"]) == (400, "Invalid ordStatus")
    rows = ok(quiet, "GET", "/order?filter=" + quote('{"open":true}'), alice)
    assert [row["price"] for row in rows] == [0.0024]  # any bad id fails the whole call


def test_sample_market_maker_joins_through_the_status(quiet, alice):
    live = place(quiet, alice, "Buy", 1, 0.0025)
    gone = place(quiet, alice, "Buy", 1, 0.0024)
    ok(quiet, "DELETE", "/order", alice, orderID=gone["orderID"])

    query = f'{{"ordStatus.isTerminated": false, "symbol": "{FUTURE}"}}'
    rows = ok(quiet, "GET", f"/order?count=500&filter={quote_plus(query)}", alice)

    assert [row["orderID"] for row in rows] == [live["orderID"]]


def test_braces_and_quotes_in_a_query_may_come_unescaped(quiet):
    rows = ok(quiet, "GET", '/instrument?filter={"typ":"FFCCSX","rootSymbol":"ETC"}')

    assert [row["symbol"] for row in rows] == [FUTURE]


def test_public_reads_may_be_signed(quiet, alice):
    assert call(quiet, "GET", f"/instrument?symbol={FUTURE}", alice).status == 200


def test_a_negative_quantity_sells(quiet, alice):
    row = ok(quiet, "POST", "/order", alice, symbol=FUTURE, orderQty=-3, price=0.0027)

    assert (row["side"], row["orderQty"], row["leavesQty"]) == ("Sell", 3, 3)


def test_lower_case_symbols_are_taken(quiet, alice):
    assert ok(quiet, "POST", "/order", alice, symbol="etc7d", orderQty=1, price=0.0025)


def test_post_only_that_would_take_is_answered_200_and_canceled(quiet, alice, bob):
    place(quiet, bob, "Sell", 1, 0.0026)

    row = place(quiet, alice, "Buy", 1, 0.0026, execInst="ParticipateDoNotInitiate")

    assert (row["ordStatus"], row["leavesQty"], row["cumQty"]) == ("Canceled", 0, 0)
    assert row["workingIndicator"] is False
    assert row["text"] == (
        "Canceled: Order had execInst of ParticipateDoNotInitiate\nSubmitted via API."
    )


def test_canceling_twice_is_answered_200_with_an_error_in_the_row(quiet, alice):
    order = place(quiet, alice, "Buy", 1, 0.0025)["orderID"]
    (first,) = ok(quiet, "DELETE", "/order", alice, orderID=order)
    (second,) = ok(quiet, "DELETE", "/order", alice, orderID=order)

    assert first["text"] == "Canceled: Canceled via API.\nSubmitted via API."
    assert "error" not in first
    assert second["orderID"] == order
    assert second["error"] == "Unable to cancel order due to existing state: Canceled"


def test_unknown_ids_are_404_when_all_are_and_rows_when_some_are(quiet, alice):
    order = place(quiet, alice, "Buy", 1, 0.0025)["orderID"]

    none_known = call(quiet, "DELETE", "/order", alice, f'{{"orderID":"{UNKNOWN}"}}')
    some_known = call(quiet, "DELETE", "/order", alice, f'{{"orderID":["{order}","{UNKNOWN}"]}}')

    assert (none_known.status, none_known.json["error"]["message"]) == (404, "Not Found")
    assert some_known.status == 200
    assert some_known.json[0]["ordStatus"] == "Canceled"
    assert some_known.json[1]["error"] == "Unable to cancel order: Not found or not owned by user"


def test_a_market_close_finds_its_side(quiet, alice, bob):
    place(quiet, alice, "Buy", 5, 0.0026)
    place(quiet, bob, "Sell", 5, 0.0026)
    place(quiet, bob, "Buy", 5, 0.0025)

    row = ok(quiet, "POST", "/order", alice, symbol=FUTURE, execInst="Close")

    assert (row["side"], row["ordType"], row["ordStatus"], row["cumQty"]) == (
        "Sell",
        "Market",
        "Filled",
        5,
    )
    again = call(quiet, "POST", "/order/closePosition", alice, f'{{"symbol":"{FUTURE}"}}')
    assert again.status == 400


def test_root_has_name_version_and_milliseconds(quiet):
    root = ok(quiet, "GET", "")

    assert set(root) == {"name", "version", "timestamp"}
    assert 1_500_000_000_000 < root["timestamp"] < 5_000_000_000_000


BAD_REQUESTS = [
    ("POST", "/order", "{", 400),
    ("POST", "/order", "[1]", 400),
    ("POST", "/order", '{"symbol":"ETC7D","orderQty":"many"}', 400),
    ("POST", "/order", '{"symbol":"ETC7D","orderQty":1e30,"price":0.0025}', 400),
    ("POST", "/order", '{"symbol":"ETC7D","orderQty":1,"price":1e400}', 400),
    ("POST", "/order", '{"symbol":"ETC7D","orderQty":1,"price":NaN}', 400),
    ("POST", "/order", '{"symbol":["ETC7D"],"orderQty":1,"price":0.0025}', 400),
    (
        "POST",
        "/order",
        '{"symbol":"ETC7D","orderQty":1,"price":0.0025,"clOrdID":"%s"}' % ("x" * 37),
        400,
    ),
    ("POST", "/order/bulk", '{"orders":[1]}', 400),
    ("PUT", "/order", '{"orderID":"x","orderQty":1}', 400),
    ("DELETE", "/order", "{}", 400),
    ("POST", "/order/cancelAllAfter", '{"timeout":-1}', 400),
    ("POST", "/position/leverage", '{"symbol":"ETC7D","leverage":101}', 400),
    ("GET", "/trade?count=1001", "", 400),
    ("GET", "/order?count=0x10", "", 400),
    ("GET", "/order?filter=%7B", "", 400),
    ("GET", "/order?startTime=yesterday", "", 400),
    ("GET", "/instrument?symbol=NOPE", "", 200),
    ("GET", "/nothing", "", 404),
    ("PATCH", "/order", "", 404),
]


@pytest.mark.parametrize(("verb", "path", "body", "status"), BAD_REQUESTS)
def test_what_is_wrong_is_refused_with_message_and_name(quiet, alice, verb, path, body, status):
    answer = call(quiet, verb, path, alice, body)

    assert answer.status == status, answer.json
    if status != 200:
        assert answer.json["error"]["message"]
        assert set(answer.json["error"]) == {"message", "name"}
