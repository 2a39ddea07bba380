"""Frames of the realtime socket, as clients insist on them (protocol 6 and 8)."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from tests.clients.raw import EXPIRES, ok, place, signed, streaming
from tests.clients.served import FUTURE, SPOT

SIDES = ("Buy", "Sell")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")

BY_SYMBOL = {"symbol": "instrument"}
BY_SIDE = {"symbol": "instrument", "side": "side"}
BY_STATUS = {**BY_SIDE, "ordStatus": "ordStatus"}
BY_TIME = {"timestamp": "sorted", "symbol": "grouped"}
BOOK_KEYS = ["symbol", "id", "side"]
LEGS = {"inverseLeg": "instrument", "sellLeg": "instrument", "buyLeg": "instrument"}
PARTIALS = [
    ("orderBookL2", BOOK_KEYS, BY_SIDE, {"symbol": "parted", "id": "sorted"}),
    ("orderBookL2_25", BOOK_KEYS, BY_SIDE, {"symbol": "parted", "id": "sorted"}),
    ("orderBook10", ["symbol"], BY_SYMBOL, {"symbol": "sorted"}),
    ("quote", [], BY_SYMBOL, BY_TIME),
    ("trade", [], BY_SIDE, BY_TIME),
    ("instrument", ["symbol"], LEGS, {"symbol": "unique"}),
    ("settlement", ["timestamp", "symbol"], BY_SYMBOL, BY_TIME),
    (
        "order",
        ["orderID"],
        BY_STATUS,
        dict.fromkeys(("orderID", "account", "ordStatus", "workingIndicator"), "grouped"),
    ),
    (
        "execution",
        ["execID"],
        BY_STATUS,
        {
            "execID": "grouped",
            "account": "grouped",
            "execType": "grouped",
            "transactTime": "sorted",
        },
    ),
    (
        "position",
        ["account", "symbol", "currency"],
        BY_SYMBOL,
        {
            "account": "sorted",
            **dict.fromkeys(("symbol", "currency", "underlying", "quoteCurrency"), "grouped"),
        },
    ),
]


def test_the_first_frame_is_the_welcome(quiet):
    with streaming(quiet) as stream:
        welcome = stream.welcome

    assert welcome["info"] == "Welcome to the BitMEX Realtime API."
    assert TIME.fullmatch(welcome["timestamp"])
    assert {"version", "docs", "limit", "heartbeatEnabled"} <= set(welcome)


@pytest.mark.parametrize(("table", "keys", "foreign", "attributes"), PARTIALS)
def test_partials_say_keys_foreign_keys_and_attributes(
    quiet, alice, table, keys, foreign, attributes
):
    with streaming(quiet, key=alice) as stream:
        partial = stream.partials(f"{table}:{FUTURE}")[table]

    assert partial["keys"] == keys
    assert partial["foreignKeys"] == foreign
    assert partial["attributes"] == attributes
    columns = set(partial["types"])
    assert all(set(row) <= columns for row in partial["data"])
    assert partial["filter"]["symbol"] == FUTURE
    if table in ("order", "execution", "position"):
        assert partial["filter"]["account"] == alice.account


def test_margin_and_wallet_partials_have_a_row_a_currency(quiet, bob):
    with streaming(quiet, key=bob) as stream:
        partials = stream.partials("margin", "wallet")

    assert partials["margin"]["keys"] == partials["wallet"]["keys"] == ["account", "currency"]
    assert partials["margin"]["data"][0]["currency"] == "XBt"
    assert {row["currency"] for row in partials["wallet"]["data"]} == {"XBt", "ETC"}


def test_acknowledgements_echo_a_list_for_a_list_and_a_string_for_a_string(quiet):
    with streaming(quiet) as stream:
        stream.say("subscribe", [f"trade:{FUTURE}", f"quote:{FUTURE}"])
        first, second, third, fourth = (json.loads(stream.socket.recv(5)) for _ in range(4))
        assert [f["subscribe"] for f in (first, second)] == [f"trade:{FUTURE}", f"quote:{FUTURE}"]
        assert first["request"] == {
            "op": "subscribe",
            "args": [f"trade:{FUTURE}", f"quote:{FUTURE}"],
        }
        assert (first["success"], third["action"], fourth["action"]) == (True, "partial", "partial")

        stream.say("subscribe", "trade:*")
        assert json.loads(stream.socket.recv(5)) == {
            "success": True,
            "subscribe": "trade:*",
            "request": {"op": "subscribe", "args": "trade:*"},
        }

        stream.say("unsubscribe", "trade:*")
        answer = stream.until(lambda f: "unsubscribe" in f)[-1]
        assert answer["request"] == {"op": "unsubscribe", "args": "trade:*"}


REFUSED = [
    ("subscribe", "nothing:ETC7D", 400),
    ("subscribe", "orderBookL10:ETC7D", 400),
    ("subscribe", "trade:NOPE", 400),
    ("subscribe", "order", 401),
    ("subscribe", "margin", 401),
    ("nonsense", "trade", 400),
    ("cancelAllAfter", 60000, 401),
]


@pytest.mark.parametrize(("op", "argument", "status"), REFUSED)
def test_errors_have_status_meta_and_a_list_and_the_socket_stays_open(quiet, op, argument, status):
    with streaming(quiet) as stream:
        stream.say(op, argument)
        error = stream.until(lambda f: "error" in f)[-1]

        assert error["status"] == status
        assert error["error"]
        assert error["meta"] == {}
        assert error["request"] == {"op": op, "args": [argument]}
        assert stream.partials(f"trade:{FUTURE}")


def test_subscribing_twice_is_an_error_without_a_second_partial(quiet):
    with streaming(quiet) as stream:
        stream.partials(f"instrument:{FUTURE}")
        stream.say("subscribe", [f"instrument:{FUTURE}"])
        error = stream.until(lambda f: "error" in f)[-1]

        assert error["status"] == 400
        assert error["error"].startswith(
            f"You are already subscribed to this topic:instrument:{FUTURE}."
        )
        assert not [f for f in stream.quiet(0.3) if f.get("action") == "partial"]


@pytest.mark.parametrize("op", ["authKeyExpires", "authKey"])
def test_authentication_by_message(quiet, alice, op):
    number = int(EXPIRES) if op == "authKeyExpires" else 1_700_000_000_000
    signature = signed(alice, f"GET/realtime{number}")["api-signature"]
    with streaming(quiet) as stream:
        stream.say(op, [alice.key, number, signature])
        answer = stream.until(lambda f: "success" in f)[-1]
        assert answer["success"] is True
        assert answer["request"] == {"op": op, "args": [alice.key, number, signature]}
        assert stream.partials("order")["order"]["data"] == []

        stream.say(op, [alice.key, number, signature])
        assert stream.until(lambda f: "error" in f)[-1]["status"] == 400


@pytest.mark.parametrize("op", ["authKeyExpires", "authKey"])
def test_failed_authentication_is_a_401_frame_and_then_the_close(quiet, alice, op):
    with streaming(quiet) as stream:
        stream.say(op, [alice.key, int(EXPIRES), "0" * 64])
        error = stream.until(lambda f: "error" in f)[-1]
        assert (error["status"], error["error"]) == (401, "Signature not valid.")
        with pytest.raises(ConnectionClosed) as closed:
            stream.socket.recv(1)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1000


def test_bad_credentials_in_the_handshake_are_401_with_a_json_body(quiet, alice):
    headers = signed(alice._replace(secret="wrong"), f"GET/realtime{EXPIRES}")

    with pytest.raises(InvalidStatus) as refused:
        connect(quiet.ws, additional_headers=headers, proxy=None)

    response = refused.value.response
    assert response.status_code == 401
    assert json.loads(response.body)["error"]["message"] == "Signature not valid."


def test_credentials_in_the_query_are_taken(quiet, alice):
    headers = signed(alice, f"GET/realtime{EXPIRES}")
    query = "&".join(f"{name}={value}" for name, value in headers.items())

    with streaming(quiet, query) as stream:
        assert "order" in stream.partials("order")


def test_the_sample_market_maker_gets_its_partials_from_the_url(quiet, alice):
    topics = f"quote:{FUTURE},trade:{FUTURE},instrument,order:{FUTURE},execution:{FUTURE}"
    with streaming(quiet, f"subscribe={topics},margin,position", alice) as stream:
        partials = stream.wait_partials(7)
        acks = [f for f in stream.frames if "subscribe" in f]

    assert [f["subscribe"] for f in acks] == [*topics.split(","), "margin", "position"]
    assert all(f["success"] for f in acks)
    assert set(partials) == {
        "quote",
        "trade",
        "instrument",
        "order",
        "execution",
        "margin",
        "position",
    }
    symbols = [row["symbol"] for row in partials["instrument"]["data"]]
    indices = [symbol for symbol in symbols if symbol.startswith(".")]
    assert {".ETCBON", ".ETCXBT", ".ETCXBT30M"} <= set(indices)
    assert symbols[: len(indices)] == indices  # contracts last
    assert {FUTURE, SPOT} <= set(symbols[len(indices) :])


def test_ping_is_answered_with_pong_and_help_with_the_topics(quiet):
    with streaming(quiet) as stream:
        stream.socket.send("ping")
        assert stream.socket.recv(5) == "pong"
        stream.socket.send("help")
        answer = json.loads(stream.socket.recv(5))

    assert {"orderBookL2", "orderBook10", "trade"} <= set(answer["subscriptionSubjects"]["public"])
    assert (
        answer["subscriptionSubjects"]
        == ok(quiet, "GET", "/schema/websocketHelp")["subscriptionSubjects"]
    )


def test_frames_are_json_without_spaces(quiet):
    with connect(quiet.ws, proxy=None) as socket:
        socket.send(f'{{"op":"subscribe","args":["orderBookL2:{FUTURE}"]}}')
        texts = [str(socket.recv(5)) for _ in range(3)]

    for text in texts:
        assert json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=False) == text


def test_book_deltas_carry_price_and_times_and_go_delete_update_insert(quiet, bob):
    with streaming(quiet) as stream:
        stream.partials(f"orderBookL2:{FUTURE}")
        orders = [
            {"symbol": FUTURE, "side": "Buy", "orderQty": 5, "price": price}
            for price in (0.0025, 0.0024)
        ]
        rows = ok(quiet, "POST", "/order/bulk", bob, orders=orders)
        inserted = stream.table("orderBookL2", "insert")
        assert [(row["price"], row["size"], row["side"]) for row in inserted] == [
            (0.0025, 5, "Buy"),
            (0.0024, 5, "Buy"),
        ]

        # One bulk moves one order to a new level and shrinks the other.
        ok(
            quiet,
            "PUT",
            "/order/bulk",
            bob,
            orders=[
                {"orderID": rows[0]["orderID"], "price": 0.00251},
                {"orderID": rows[1]["orderID"], "orderQty": 3},
            ],
        )
        frames = stream.quiet(0.4)

    assert [frame["action"] for frame in frames] == ["delete", "update", "insert"]
    (deleted,), (updated,), (new,) = (frame["data"] for frame in frames)
    for row in (deleted, updated, new):
        assert {"symbol", "id", "side", "price", "timestamp", "transactTime"} <= set(row)
        assert TIME.fullmatch(row["timestamp"])
    assert "size" not in deleted
    assert (deleted["id"], updated["id"]) == (inserted[0]["id"], inserted[1]["id"])
    assert (updated["size"], new["size"], new["price"]) == (3, 5, 0.00251)


def test_ids_of_levels_follow_from_the_row_number_of_the_instrument(quiet, bob):
    place(quiet, bob, "Buy", 5, 0.0025)
    rows = ok(quiet, "GET", "/instrument?count=500")
    index = [row["symbol"] for row in rows].index(FUTURE)

    (level,) = ok(quiet, "GET", f"/orderBook/L2?symbol={FUTURE}")

    assert level["id"] == 100_000_000 * index - round(0.0025 / 1e-6)


def test_book_of_ten_levels_has_exactly_ten_on_both_sides_or_no_row(quiet, alice, bob):
    def ladder(number: int) -> None:
        for side, start, step in (("Buy", 0.0025, -1e-6), ("Sell", 0.0027, 1e-6)):
            prices = [round(start + step * level, 6) for level in range(number)]
            orders = [
                {"symbol": FUTURE, "side": side, "orderQty": 1, "price": price} for price in prices
            ]
            ok(quiet, "POST", "/order/bulk", alice, orders=orders)

    ladder(9)
    with streaming(quiet) as stream:
        assert stream.partials(f"orderBook10:{FUTURE}")["orderBook10"]["data"] == []
        assert stream.quiet(0.3) == []

        place(quiet, bob, "Buy", 2, 0.0024)
        assert stream.quiet(0.3) == []
        place(quiet, bob, "Sell", 2, 0.0028)
        (row,) = stream.table("orderBook10", "insert")
        assert (len(row["bids"]), len(row["asks"])) == (10, 10)
        assert (row["bids"][0], row["asks"][0]) == ([0.0025, 1], [0.0027, 1])
        assert (row["bids"][9], row["asks"][9]) == ([0.0024, 2], [0.0028, 2])

        place(quiet, bob, "Buy", 3, 0.0025)
        (row,) = stream.table("orderBook10", "update")
        assert (len(row["bids"]), row["bids"][0]) == (10, [0.0025, 4])

    with streaming(quiet) as stream:
        assert len(stream.partials(f"orderBook10:{FUTURE}")["orderBook10"]["data"]) == 1


def test_quotes_come_once_a_second_with_every_change_between(quiet, alice, bob):
    place(quiet, alice, "Buy", 1, 0.0025)
    with streaming(quiet) as stream:
        assert stream.partials(f"quote:{FUTURE}")["quote"]["keys"] == []
        stream.quiet(1.1)
        asks = [0.0029, 0.0028, 0.0027]
        for price in asks:
            place(quiet, bob, "Sell", 1, price)
        frames = stream.quiet(1.3)

    rows = [row for frame in frames for row in frame["data"]]
    assert [row["askPrice"] for row in rows] == asks
    assert len(frames) <= 2
    assert all(frame["action"] == "insert" for frame in frames)
    assert all(None not in row.values() for row in rows)


def test_no_quote_is_sent_while_a_side_is_empty(quiet, alice):
    with streaming(quiet) as stream:
        stream.partials(f"quote:{FUTURE}")
        place(quiet, alice, "Buy", 1, 0.0025)
        assert stream.quiet(1.3) == []


def test_order_updates_carry_what_clients_split_and_merge_by(quiet, alice, bob):
    with streaming(quiet, key=alice) as stream:
        stream.partials("order", "execution", "position", "margin")
        order = place(quiet, alice, "Buy", 10, 0.0025, clOrdID="mine")
        ok(quiet, "PUT", "/order", alice, orderID=order["orderID"], orderQty=9)
        place(quiet, bob, "Sell", 4, 0.0025)
        ok(quiet, "DELETE", "/order", alice, orderID=order["orderID"])
        place(quiet, bob, "Buy", 10, 0.0024)
        place(quiet, alice, "Sell", 10, 0.0024)  # from 4 long to 6 short in one order
        frames = stream.quiet(1.3)

    updates = [
        r for f in frames if (f["table"], f["action"]) == ("order", "update") for r in f["data"]
    ]
    assert all({"orderID", "clOrdID", "account", "symbol", "timestamp"} <= set(r) for r in updates)
    assert all(r.get("avgPx", 0) is not None for r in updates)
    assert [r["text"].split(":")[0] for r in updates if "text" in r][:2] == [
        "Amended orderQty",
        "Canceled",
    ]
    assert not [
        f for f in frames if f["table"] in ("order", "execution") and f["action"] == "delete"
    ]
    positions = [r for f in frames if f["table"] == "position" for r in f["data"]]
    for row in positions:
        assert {"account", "symbol", "currency", "currentQty", "homeNotional", "timestamp"} <= set(
            row
        )
        assert (row["homeNotional"] > 0) == (row["currentQty"] > 0)
    assert positions[-1]["currentQty"] == -6
    margins = [r for f in frames if f["table"] == "margin" for r in f["data"]]
    assert margins
    for row in margins:
        assert {"account", "currency", "availableMargin", "marginBalance", "timestamp"} <= set(row)
    kinds = [r["execType"] for f in frames if f["table"] == "execution" for r in f["data"]]
    assert kinds[:4] == ["New", "Replaced", "Trade", "Canceled"]


def test_dead_mans_switch_by_socket(quiet, alice):
    with streaming(quiet, key=alice) as stream:
        stream.partials("order")
        place(quiet, alice, "Buy", 1, 0.0025)
        stream.say("cancelAllAfter", 300)
        answer = stream.until(lambda f: "cancelTime" in f)[-1]
        assert answer["request"] == {"op": "cancelAllAfter", "args": 300}
        assert TIME.fullmatch(answer["cancelTime"])
        row = stream.until(lambda f: f.get("action") == "update", 2)[-1]["data"][0]
        assert row["ordStatus"] == "Canceled"

        place(quiet, alice, "Buy", 1, 0.0025)
        stream.say("cancelAllAfter", [300])
        stream.say("cancelAllAfter", [0])
        assert stream.until(lambda f: f.get("cancelTime") == 0)
        time.sleep(0.5)
        assert len(ok(quiet, "GET", '/order?filter={"open":true}', alice)) == 1


def apply(book: dict[int, Any], frame: Any) -> None:
    """Change a book as clients do; an id that isn't as it should be raises."""
    for row in frame["data"]:
        if frame["action"] == "insert":
            assert row["id"] not in book
            book[row["id"]] = dict(row)
        elif frame["action"] == "update":
            book[row["id"]].update(row)
        else:
            del book[row["id"]]
    sides = {side: [r["price"] for r in book.values() if r["side"] == side] for side in SIDES}
    assert max(sides["Buy"], default=0) < min(sides["Sell"], default=1)


def test_deltas_of_the_default_market_make_the_book_that_rest_shows(busy):
    def shown() -> dict[int, int]:
        levels = ok(busy, "GET", f"/orderBook/L2?symbol={SPOT}&depth=0")
        return {level["id"]: level["size"] for level in levels}

    with streaming(busy) as stream:
        partial = stream.partials(f"orderBookL2:{SPOT}")["orderBookL2"]
        book = {row["id"]: row for row in partial["data"]}
        assert sorted(book) == list(book)
        trader = busy.account()
        best = next(r for r in reversed(partial["data"]) if r["side"] == "Sell")
        place(busy, trader, "Buy", best["size"], best["price"], symbol=SPOT)
        moved = stream.during(3)
        assert (moved[0]["action"], moved[0]["data"][0]["id"]) == ("delete", best["id"])
        for frame in moved:
            apply(book, frame)
        for _ in range(50):  # until nothing moves between two looks at REST
            before = shown()
            for frame in stream.quiet(0.05):
                apply(book, frame)
            seen = {number: book[number]["size"] for number in sorted(book)}
            if shown() == before:
                assert seen == before
                break
        else:
            pytest.fail("the book never stood still")
