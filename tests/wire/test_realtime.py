"""The socket: frames, their order and their rows (protocol.md 6)."""

from pathlib import Path
from typing import Any

import pytest

from sim_exchange.journal import FileJournal
from sim_exchange.wire.parse import place
from tests.core.world import XBT
from tests.wire.desk import HEADER, Desk, tables

pytestmark = pytest.mark.anyio


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def fill_book(desk: Desk, levels: int = 12) -> None:
    for i in range(levels):
        await desk.place("bob", side="Sell", orderQty=10 + i, price=round(0.0201 + i * 1e-5, 6))
        await desk.place("bob", side="Buy", orderQty=10 + i, price=round(0.0199 - i * 1e-5, 6))


async def test_6_2_welcome_is_first_and_raw_ping_is_answered(desk: Desk) -> None:
    async with desk.socket() as sock:
        (welcome,) = await sock.take()
        assert welcome["info"] == "Welcome to the BitMEX Realtime API."
        assert welcome.keys() >= {"version", "timestamp", "docs", "heartbeatEnabled", "limit"}
        assert await sock.say("ping") == ["pong"]
        (helped,) = await sock.say("help")
        assert "orderBookL2" in helped["subscriptionSubjects"]["public"]


async def test_6_3_acks_come_first_then_partials(desk: Desk) -> None:
    topics = ["trade:ETC7D", "orderBookL2:ETC7D", "quote:ETC7D", "instrument"]
    async with desk.socket() as sock:
        await sock.take()
        frames = await sock.subscribe(*topics)

    assert [f.get("subscribe") for f in frames[:4]] == topics
    assert all(f["success"] and f["request"]["args"] == topics for f in frames[:4])
    assert [f["table"] for f in frames[4:]] == ["trade", "orderBookL2", "quote", "instrument"]
    assert all(f["action"] == "partial" for f in frames[4:])


async def test_8_9_a_string_is_echoed_as_a_string_and_errors_as_a_list(desk: Desk) -> None:
    async with desk.socket() as sock:
        await sock.take()
        ack, partial = await sock.say({"op": "subscribe", "args": "trade:*"})
        assert ack == {
            "success": True,
            "subscribe": "trade:*",
            "request": {"op": "subscribe", "args": "trade:*"},
        }
        assert partial["filter"] == {}
        (again,) = await sock.say({"op": "subscribe", "args": "trade:*"})
        assert again["status"] == 400
        assert again["error"].startswith("You are already subscribed to this topic:trade:*.")
        assert again["meta"] == {}
        assert again["request"] == {"op": "subscribe", "args": ["trade:*"]}


async def test_6_6_errors_leave_the_socket_open(desk: Desk) -> None:
    async with desk.socket() as sock:
        await sock.take()
        statuses = []
        for message in (
            {"op": "subscribe", "args": ["foo"]},
            {"op": "subscribe", "args": ["orderBookL10:ETC7D"]},
            {"op": "subscribe", "args": ["trade:NOPE"]},
            {"op": "subscribe", "args": ["margin"]},
            {"op": "dance"},
            "not json",
            "[1]",
            {"op": "cancelAllAfter", "args": 60000},
        ):
            (frame,) = await sock.say(message)
            assert frame["meta"] == {}
            assert isinstance(frame["request"]["args"], list)
            statuses.append(frame["status"])
        assert statuses == [400, 400, 400, 401, 400, 400, 400, 401]
        assert sock.closed is None


async def test_6_5_partials_carry_keys_foreign_keys_attributes_and_filter(desk: Desk) -> None:
    private = ["order", "execution", "position:ETC7D", "margin", "wallet"]
    async with desk.socket(who="alice") as sock:
        await sock.take()
        frames = tables(await sock.subscribe(*private, "quote:ETC7D", "orderBookL2:etc7d"))
    by = {f["table"]: f for f in frames}

    assert by["execution"]["keys"] == ["execID"]
    assert by["position"]["keys"] == ["account", "symbol", "currency"]
    assert by["position"]["filter"] == {"account": desk.alice, "symbol": "ETC7D"}
    assert by["order"]["filter"] == {"account": desk.alice}
    assert by["quote"]["foreignKeys"] == {"symbol": "instrument"}
    assert by["quote"]["keys"] == []
    assert by["orderBookL2"]["attributes"] == {"symbol": "parted", "id": "sorted"}
    assert by["orderBookL2"]["filter"] == {"symbol": "ETC7D"}
    assert by["margin"]["data"][0]["currency"] == "XBt"
    for frame in frames:
        assert list(frame) == [
            "table", "action", "keys", "types", "foreignKeys", "attributes", "filter", "data",
        ]  # fmt: skip


async def test_6_7_book_partial_ascends_by_id_and_falls_by_price(desk: Desk) -> None:
    await fill_book(desk, 3)
    async with desk.socket("subscribe=orderBookL2:ETC7D") as sock:
        frames = await sock.take()
    (partial,) = tables(frames)

    rows = partial["data"]
    index = desk.exchange.markets["ETC7D"].index
    assert [r["id"] for r in rows] == sorted(r["id"] for r in rows)
    assert [r["price"] for r in rows] == sorted((r["price"] for r in rows), reverse=True)
    assert rows[0]["id"] == 100_000_000 * index - round(rows[0]["price"] / 0.000001)
    assert list(rows[0]) == ["symbol", "id", "side", "size", "price", "timestamp", "transactTime"]


async def test_8_14_book_batches_are_delete_update_insert(desk: Desk) -> None:
    await fill_book(desk, 3)
    async with desk.socket("subscribe=orderBookL2:ETC7D,trade:ETC7D") as sock:
        await sock.take()
        # Four changes of one turn of the loop: one level goes, one shrinks, one comes.
        fields = {"symbol": "ETC7D", "orderQty": 15, "price": 0.02011}
        body = {"orders": [fields, {**fields, "price": 0.0198, "orderQty": 1}]}
        await desk.ok("POST", "/order/bulk", "alice", json_body=body)
        frames = await sock.take()

    assert [(f["table"], f["action"]) for f in frames] == [
        ("trade", "insert"),
        ("orderBookL2", "delete"),
        ("orderBookL2", "update"),
        ("orderBookL2", "insert"),
    ]
    trades, deleted, updated, inserted = (f["data"] for f in frames)
    assert [t["size"] for t in trades] == [10, 5]
    assert all(t["trdType"] == "Regular" and t["side"] == "Buy" for t in trades)
    assert [(r["price"], "size" in r) for r in deleted] == [(0.0201, False)]
    assert [(r["price"], r["size"]) for r in updated] == [(0.02011, 6)]
    assert [(r["price"], r["size"]) for r in inserted] == [(0.0198, 1)]


async def test_6_4_level_that_comes_and_goes_in_one_turn_is_never_told(desk: Desk) -> None:
    async with desk.socket("subscribe=orderBookL2:ETC7D") as sock:
        await sock.take()
        row = await desk.place("alice", orderQty=1, price=0.019)
        await desk.ok("DELETE", "/order", "alice", json_body={"orderID": row["orderID"]})
        frames = tables(await sock.take())

    actions = [f["action"] for f in frames]
    assert actions in ([], ["insert", "delete"])


async def test_6_4_window_of_25_lets_levels_in_and_out(desk: Desk) -> None:
    await fill_book(desk, 30)
    async with desk.socket("subscribe=orderBookL2_25:ETC7D") as sock:
        (partial,) = tables(await sock.take())
        assert len(partial["data"]) == 50
        await desk.place("alice", orderQty=1, price=0.01995)
        deleted, inserted = tables(await sock.take())

    assert (deleted["action"], inserted["action"]) == ("delete", "insert")
    assert [r["price"] for r in inserted["data"]] == [0.01995]
    assert [r["price"] for r in deleted["data"]] == [0.01966]


async def test_8_7_order_book_10_has_ten_levels_or_no_row(desk: Desk) -> None:
    await fill_book(desk, 9)
    async with desk.socket("subscribe=orderBook10:ETC7D") as sock:
        (partial,) = tables(await sock.take())
        assert partial["data"] == []
        await desk.place("bob", side="Buy", orderQty=1, price=0.019)
        assert tables(await sock.take()) == []
        await desk.place("bob", side="Sell", orderQty=1, price=0.022)
        (first,) = tables(await sock.take())
        assert first["action"] == "insert"
        (row,) = first["data"]
        assert (len(row["bids"]), len(row["asks"])) == (10, 10)
        desk.advance(1)
        await desk.place("bob", side="Buy", orderQty=1, price=0.01995)
        (second,) = tables(await sock.take())
        assert second["action"] == "update"
        assert second["data"][0]["bids"][0] == [0.01995, 1]


async def test_8_14_quotes_come_once_a_second_with_every_change(desk: Desk) -> None:
    await fill_book(desk, 1)
    desk.advance(5)
    async with desk.socket("subscribe=quote:ETC7D") as sock:
        (partial,) = tables(await sock.take())
        assert partial["data"][0]["bidPrice"] == 0.0199
        await desk.place("bob", side="Buy", orderQty=1, price=0.01991)
        assert len(tables(await sock.take())) == 1
        for size in (1, 2, 3):
            desk.advance(0.1)
            await desk.place("bob", side="Buy", orderQty=size, price=0.01992)
        assert tables(await sock.take()) == []
        desk.advance(1)
        (frame,) = tables(await sock.take())

    assert frame["action"] == "insert"
    assert [row["bidSize"] for row in frame["data"]] == [1, 3, 6]
    assert [row["timestamp"] for row in frame["data"]] == sorted(
        row["timestamp"] for row in frame["data"]
    )


async def test_6_4_one_sided_quote_is_never_sent(desk: Desk) -> None:
    async with desk.socket("subscribe=quote:ETC7D") as sock:
        (partial,) = tables(await sock.take())
        assert partial["data"] == []
        await desk.place("bob", side="Buy", orderQty=1, price=0.0199)
        assert tables(await sock.take()) == []


async def test_6_8_order_life_of_a_fill(desk: Desk) -> None:
    topics = "subscribe=order,execution,position,margin,trade:ETC7D"
    async with desk.socket(topics, who="alice") as sock:
        await sock.take()
        placed = await desk.place("alice", orderQty=10, price=0.02, clOrdID="x")
        opened = await sock.take()
        await desk.place("bob", side="Sell", orderQty=4, price=0.02)
        filled = await sock.take()
        await desk.place("bob", side="Sell", orderQty=6, price=0.02)
        done = await sock.take()

    kinds = [(f["table"], f["action"]) for f in opened]
    assert kinds[:2] == [("execution", "insert"), ("order", "insert")]
    assert ("margin", "update") in kinds
    (row,) = tables(opened, "order")[0]["data"]
    assert (row["ordStatus"], row["workingIndicator"]) == ("New", True)
    assert row["orderID"] == placed["orderID"]

    kinds = [(f["table"], f["action"]) for f in filled]
    assert kinds == [
        ("execution", "insert"),
        ("order", "update"),
        ("position", "update" if ("position", "insert") not in kinds else "insert"),
        ("margin", "update"),
        ("trade", "insert"),
    ]
    (update,) = tables(filled, "order")[0]["data"]
    assert update["ordStatus"] == "PartiallyFilled"
    assert (update["leavesQty"], update["cumQty"], update["avgPx"]) == (6, 4, 0.02)
    assert update.keys() >= {"orderID", "clOrdID", "account", "symbol", "timestamp"}
    assert "price" not in update
    (execution,) = tables(filled, "execution")[0]["data"]
    assert execution["lastLiquidityInd"] == "AddedLiquidity"
    assert (execution["lastQty"], execution["execCost"]) == (4, 4 * 2_000_000)
    assert execution["trdMatchID"] == tables(filled, "trade")[0]["data"][0]["trdMatchID"]
    (position,) = tables(filled, "position")[0]["data"]
    assert (position["currentQty"], position["homeNotional"]) == (4, 4)
    margin = tables(filled, "margin")[0]["data"][0]
    assert margin.keys() >= {"account", "currency", "availableMargin", "marginBalance", "timestamp"}

    (update,) = tables(done, "order")[0]["data"]
    assert (update["ordStatus"], update["leavesQty"]) == ("Filled", 0)
    assert update["workingIndicator"] is False


async def test_6_5_position_update_always_carries_its_keys_on_a_flip(desk: Desk) -> None:
    await desk.place("bob", side="Sell", orderQty=5, price=0.02)
    await desk.place("alice", orderQty=5)
    async with desk.socket("subscribe=position", who="alice") as sock:
        (partial,) = tables(await sock.take())
        assert partial["data"][0]["currentQty"] == 5
        await desk.place("bob", side="Buy", orderQty=9, price=0.0199)
        await desk.place("alice", side="Sell", orderQty=9)
        frames = tables(await sock.take())

    row: dict[str, Any] = {}
    for frame in frames:
        for update in frame["data"]:
            assert update.keys() >= {
                "account", "symbol", "currency", "currentQty", "homeNotional", "timestamp",
            }  # fmt: skip
            row.update(update)
    assert (row["currentQty"], row["homeNotional"]) == (-4, -4)


async def test_6_4_partial_of_orders_has_open_ones_only_and_none_is_deleted(desk: Desk) -> None:
    gone = await desk.place("alice", orderQty=1, price=0.018)
    await desk.ok("DELETE", "/order", "alice", json_body={"orderID": gone["orderID"]})
    live = await desk.place("alice", orderQty=1, price=0.019)
    async with desk.socket("subscribe=order:ETC7D", who="alice") as sock:
        (partial,) = tables(await sock.take())
        assert [row["orderID"] for row in partial["data"]] == [live["orderID"]]
        await desk.ok("DELETE", "/order", "alice", json_body={"orderID": live["orderID"]})
        (frame,) = tables(await sock.take())
    assert frame["action"] == "update"
    (row,) = frame["data"]
    assert (row["ordStatus"], row["leavesQty"]) == ("Canceled", 0)
    assert "avgPx" not in row


async def test_6_4_instrument_partial_has_indices_first_and_updates_only_changes(
    desk: Desk,
) -> None:
    async with desk.socket("subscribe=instrument") as sock:
        (partial,) = tables(await sock.take())
        symbols = [row["symbol"] for row in partial["data"]]
        assert symbols == [".ETCBON", ".ETCXBT", ".ETCXBT30M", "ETC7D", "ETC_XBT"]
        await desk.place("bob", side="Buy", orderQty=1, price=0.0199)
        (frame,) = tables(await sock.take())
    assert frame["action"] == "update"
    (row,) = frame["data"]
    assert row == {
        "symbol": "ETC7D",
        "bidPrice": 0.0199,
        "timestamp": "2018-01-12T12:00:05.000Z",
    }


@pytest.mark.parametrize(
    ("group", "symbols"),
    [
        ("CONTRACTS", ["ETC7D"]),
        ("INDICES", [".ETCBON", ".ETCXBT", ".ETCXBT30M"]),
        ("SPOT", ["ETC_XBT"]),
    ],
)
async def test_6_4_instrument_groups(desk: Desk, group: str, symbols: list[str]) -> None:
    async with desk.socket(f"subscribe=instrument:{group}") as sock:
        (partial,) = tables(await sock.take())
    assert [row["symbol"] for row in partial["data"]] == symbols


async def test_6_9_index_and_marks_reach_instrument_and_position(desk: Desk) -> None:
    await fill_book(desk)
    await desk.place("alice", orderQty=5)
    desk.advance(60)
    topics = "subscribe=instrument:.ETCXBT,trade:.ETCXBT,position,margin"
    async with desk.socket(topics, who="alice") as sock:
        await sock.take()
        body = {"index": ".ETCXBT", "price": 0.021}
        await desk.ok("POST", "/admin/v1/index", json_body=body)
        desk.advance(60)
        frames = tables(await sock.take())
    index = {}
    for frame in tables(frames, "instrument"):
        for row in frame["data"]:
            index.update(row)
    assert (index["lastPrice"], index["markPrice"]) == (0.021, 0.021)
    ticks = [row for f in tables(frames, "trade") for row in f["data"]]
    assert ticks
    assert all(row["size"] == 0 and row["trdType"] == "Referential" for row in ticks)
    assert any("markPrice" in row for f in tables(frames, "position") for row in f["data"])


async def test_6_3_auth_by_message_and_close_after_a_failure(desk: Desk) -> None:
    stamp = desk.host_ns // 10**6 + 5000
    good = desk.signers["alice"].sign(f"GET/realtime{stamp}".encode())
    async with desk.socket() as sock:
        await sock.take()
        args = ["alice", stamp, good]
        (ack,) = await sock.say({"op": "authKeyExpires", "args": args})
        assert ack == {"success": True, "request": {"op": "authKeyExpires", "args": args}}
        (twice,) = await sock.say({"op": "authKeyExpires", "args": args})
        assert twice["status"] == 400
        frames = await sock.subscribe("margin")
        assert tables(frames)[0]["filter"] == {"account": desk.alice}

    async with desk.socket() as sock:
        await sock.take()
        (refused,) = await sock.say({"op": "authKeyExpires", "args": ["alice", stamp, "0" * 64]})
        assert (refused["status"], refused["error"]) == (401, "Signature not valid.")
        assert refused["request"]["op"] == "authKeyExpires"
        assert sock.closed == 1000


async def test_8_17_legacy_auth_key_with_a_nonce(desk: Desk) -> None:
    nonce = 1518064236000
    signature = desk.signers["alice"].sign(f"GET/realtime{nonce}".encode())
    async with desk.socket() as sock:
        await sock.take()
        (ack,) = await sock.say({"op": "authKey", "args": ["alice", nonce, signature]})
        assert ack["success"] is True
    async with desk.socket() as sock:
        await sock.take()
        (refused,) = await sock.say({"op": "authKey", "args": ["alice", nonce, signature]})
        assert refused["status"] == 401
        assert sock.closed == 1000


async def test_6_1_bad_handshake_credentials_are_http_401(desk: Desk) -> None:
    desk.signers["mallory"] = desk.signers["alice"]
    async with desk.socket(who="mallory") as sock:
        assert sock.denied == 401
        assert sock.frames == []


async def test_4_9_dead_man_over_the_socket(desk: Desk) -> None:
    await desk.place("alice", orderQty=1, price=0.019)
    async with desk.socket(who="alice") as sock:
        await sock.take()
        (armed,) = await sock.say({"op": "cancelAllAfter", "args": [60000]})
        assert armed["cancelTime"] == "2018-01-12T12:01:05.000Z"
        assert armed["request"] == {"op": "cancelAllAfter", "args": [60000]}
        refused: tuple[object, ...] = ([90000, 1], [[90000]], {}, True)
        for args in refused:
            (said,) = await sock.say({"op": "cancelAllAfter", "args": args})
            assert (said["status"], said["error"]) == (400, "Invalid timeout")
    desk.advance(60)
    assert not desk.exchange.open_orders(desk.alice)


async def test_6_10_slow_reader_is_dropped_and_publishing_never_waits(desk: Desk) -> None:
    from sim_exchange.server.sockets import MAX_BACKLOG, Outbox

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    outbox = Outbox(send)
    for _ in range(11):
        outbox.put("x" * (MAX_BACKLOG // 10))
    await outbox.run()
    assert [m["type"] for m in sent] == ["websocket.close"]


async def test_6_10_connection_quota() -> None:
    from sim_exchange.wire.ratelimit import LimitRule

    desk = Desk(limits=LimitRule(300, 150, 300), connections_per_hour=2)
    for _ in range(2):
        async with desk.socket():
            pass
    async with desk.socket() as sock:
        assert sock.denied == 429


async def test_6_4_trade_bins_skip_empty_minutes(desk: Desk) -> None:
    async with desk.socket("subscribe=tradeBin1m:ETC7D") as sock:
        (partial,) = tables(await sock.take())
        assert partial["data"] == []
        await desk.place("bob", side="Sell", orderQty=5, price=0.02)
        await desk.place("alice", orderQty=5)
        desk.advance(60)
        (frame,) = tables(await sock.take())
        desk.advance(60)
        assert tables(await sock.take()) == []
    (row,) = frame["data"]
    assert (row["timestamp"], row["trades"], row["volume"]) == ("2018-01-12T12:01:00.000Z", 1, 5)


async def test_6_4_wallet_updates_on_a_deposit(desk: Desk) -> None:
    async with desk.socket("subscribe=wallet", who="alice") as sock:
        (partial,) = tables(await sock.take())
        assert partial["data"][0]["amount"] == 10 * XBT
        body = {"name": "alice", "deposit": {"XBt": 5, "ETC": 7}}
        await desk.ok("POST", "/admin/v1/account", json_body=body)
        frames = tables(await sock.take())
    rows = {r["currency"]: (f["action"], r["amount"]) for f in frames for r in f["data"]}
    assert rows == {"XBt": ("update", 10 * XBT + 5), "ETC": ("insert", 7)}


async def test_frames_and_answers_wait_until_their_commands_are_on_disk(tmp_path: Path) -> None:
    journal = FileJournal(tmp_path / "journal", HEADER, durable=True)
    desk = Desk(journal)
    async with desk.socket("subscribe=orderBookL2:ETC7D,order", who="alice") as sock:
        await desk.session.released()
        await sock.take()
        order = place(
            {"symbol": "ETC7D", "orderQty": 1, "price": 0.019}, desk.venue.catalogue, desk.alice
        )
        desk.session.submit(order)
        desk.publisher._turn()
        assert tables(sock.frames) == []
        assert desk.session.synced_seq < desk.session.seq

        await desk.session.released()
        frames = tables(await sock.take())
        assert [f["table"] for f in frames] == ["order", "orderBookL2"]

        row = await desk.place("alice", orderQty=1, price=0.018)
        assert row["ordStatus"] == "New"
        assert desk.session.synced_seq == desk.session.seq
    await desk.session.close()


async def test_an_exchange_with_no_listener_publishes_nothing(desk: Desk) -> None:
    async with desk.socket("subscribe=trade") as sock:
        await sock.take()
    assert desk.publisher._topics == {}
    assert desk.publisher._handlers == {}
