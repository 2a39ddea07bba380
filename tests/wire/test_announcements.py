"""Announcements from outside: the operator publishes, everybody reads, the change comes (E32)."""

from typing import Any

import pytest

from sim_exchange.core.types import Mode
from tests.core.world import XBT
from tests.wire.desk import Desk, tables

pytestmark = pytest.mark.anyio


@pytest.fixture
def desk() -> Desk:
    return Desk()


AT = "2018-01-12T12:10:00.000Z"


async def post(desk: Desk, path: str, **fields: Any) -> Any:
    return await desk.ok("POST", f"/admin/v1{path}", json_body=fields)


async def refused(desk: Desk, path: str, **fields: Any) -> str:
    answer = await desk.call("POST", f"/admin/v1{path}", json_body=fields)
    assert answer.status_code == 400, answer.text
    return str(answer.json()["error"]["message"])


async def announce(desk: Desk, kind: str, value: Any = None, **more: Any) -> int:
    fields = {"symbol": "ETC7D", "effective": AT, **more}
    if value is not None:
        fields["value"] = value
    answer = await post(desk, "/announcement", kind=kind, **fields)
    assert answer.keys() == {"id"}
    return int(answer["id"])


def mode_of(desk: Desk) -> Mode:
    """The mode of ETC7D now."""
    return desk.exchange.markets["ETC7D"].mode


async def test_E32_a_tick_is_announced_read_and_changed(desk: Desk) -> None:
    assert await desk.ok("GET", "/announcement") == []
    number = await announce(desk, "tick", 0.00001, text="A coarser tick")
    (row,) = await desk.ok("GET", "/announcement")
    assert row == {
        "id": number,
        "link": "/api/v1/announcement",
        "title": f"ETC7D: tick 1e-05 from {AT}",
        "content": "A coarser tick",
        "date": "2018-01-12T12:00:05.000Z",
        "kind": "tick",
        "symbol": "ETC7D",
        "value": 0.00001,
        "effective": AT,
        "supersedes": None,
        "supersededBy": None,
        "state": "Pending",
        "fault": None,
    }
    assert await desk.ok("GET", "/admin/v1/announcement") == [row]
    await desk.place("alice", side="Buy", orderQty=1, price=0.019991)

    desk.advance(600)

    (row,) = await desk.ok("GET", "/announcement")
    assert row["state"] == "Effective"
    (instrument,) = await desk.ok("GET", "/instrument?symbol=ETC7D")
    assert instrument["tickSize"] == 0.00001
    (order,) = await desk.ok("GET", "/order", "alice")
    assert (order["ordStatus"], order["price"]) == ("Canceled", 0.019991)
    assert order["text"].splitlines()[0] == "Canceled: Tick size change"
    body = {"symbol": "ETC7D", "side": "Buy", "orderQty": 1, "price": 0.019991}
    answer = await desk.call("POST", "/order", "alice", json_body=body)
    assert answer.json()["error"]["message"] == "Invalid price tickSize"


async def test_E32_subscribers_of_the_book_see_it_told_anew(desk: Desk) -> None:
    await desk.place("bob", side="Sell", orderQty=3, price=0.0201)
    await desk.place("bob", side="Buy", orderQty=5, price=0.0199)
    await desk.place("alice", side="Buy", orderQty=7, price=0.019901)
    await announce(desk, "tick", 0.0001)
    for topic in ("orderBookL2:ETC7D", "orderBookL2_25:ETC7D"):
        desk = Desk()
        await desk.place("bob", side="Sell", orderQty=3, price=0.0201)
        await desk.place("bob", side="Buy", orderQty=5, price=0.0199)
        await desk.place("alice", side="Buy", orderQty=7, price=0.019901)
        await announce(desk, "tick", 0.0001)
        async with desk.socket() as sock:
            await sock.take()
            (partial,) = tables(await sock.subscribe(topic))
            book = {row["id"]: (row["side"], row["price"], row["size"]) for row in partial["data"]}
            assert len(book) == 3
            desk.advance(600)
            for frame in tables(await sock.take()):
                for row in frame["data"]:
                    if frame["action"] == "delete":
                        assert row["id"] in book
                        del book[row["id"]]
                    else:
                        assert frame["action"] == "insert"
                        book[row["id"]] = (row["side"], row["price"], row["size"])
        assert sorted(book.values()) == [("Buy", 0.0199, 5), ("Sell", 0.0201, 3)]


async def test_E32_fees_and_margins_reach_the_rows(desk: Desk) -> None:
    await announce(desk, "fee", {"makerFee": 0.0001, "takerFee": 0.001, "settlementFee": 0})
    await announce(desk, "leverage", {"initMargin": 0.1, "maintMargin": 0.05})
    desk.advance(600)
    (row,) = await desk.ok("GET", "/instrument?symbol=ETC7D")
    assert (row["makerFee"], row["takerFee"], row["settlementFee"]) == (0.0001, 0.001, 0)
    assert (row["initMargin"], row["maintMargin"]) == (0.1, 0.05)
    fees = (await desk.ok("GET", "/user/commission", "alice"))["ETC7D"]
    assert (fees["makerFee"], fees["takerFee"]) == (0.0001, 0.001)


async def test_E32_a_listing_comes_at_its_instant(desk: Desk) -> None:
    value = {"underlying": "ETC", "expiry": "2018-03-30T12:00:00Z", "tickSize": 0.000001}
    await announce(desk, "listing", value, symbol="ETCH18")
    assert "ETCH18" not in {r["symbol"] for r in await desk.ok("GET", "/instrument")}
    desk.advance(600)
    rows = {r["symbol"]: r for r in await desk.ok("GET", "/instrument/active")}
    assert (rows["ETCH18"]["state"], rows["ETCH18"]["listing"]) == ("Open", AT)


async def test_E17_a_suspension_is_urgent_until_it_begins(desk: Desk) -> None:
    value = {"mode": "Halt", "until": "2018-01-12T12:30:00Z", "cancelOnlyMinutes": 5}
    await announce(desk, "mode", value, symbol=None, text="Maintenance")
    (row,) = await desk.ok("GET", "/announcement/urgent")
    assert row["title"] == (f"All instruments: mode Halt, until 2018-01-12T12:30:00.000Z from {AT}")
    desk.advance(595)
    assert await desk.ok("GET", "/announcement/urgent") == []
    states = {r["symbol"]: r["state"] for r in await desk.ok("GET", "/instrument/active")}
    assert set(states.values()) <= {"Closed"}
    assert mode_of(desk) is Mode.HALT
    body = {"symbol": "ETC7D", "side": "Buy", "orderQty": 1, "price": 0.02}
    answer = await desk.call("POST", "/order", "alice", json_body=body)
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, "Market is not open")
    await post(desk, "/account", name="alice", deposit={"XBt": 7})
    assert desk.exchange.wallet(desk.alice, "XBt").amount == 10 * XBT
    desk.advance(1200)
    assert mode_of(desk) is Mode.OPEN
    assert desk.exchange.wallet(desk.alice, "XBt").amount == 10 * XBT + 7


async def test_E17_the_operator_sets_a_mode_for_a_time(desk: Desk) -> None:
    modes = await post(desk, "/mode", symbol="ETC7D", mode="PostOnly", until="2018-01-12T12:01:00Z")
    assert modes["ETC7D"] == "PostOnly"
    desk.advance(60)
    assert mode_of(desk) is Mode.OPEN
    text = await refused(desk, "/mode", symbol="ETC7D", mode="Halt", until="2018-01-12T12:00:00Z")
    assert text.startswith("until: '2018-01-12T12:00:00Z' is not allowed")


async def test_E9_a_composition_is_announced_for_its_index(desk: Desk) -> None:
    value = [{"name": "A", "weight": "1/2"}, {"name": "C", "weight": "1/2"}]
    await announce(desk, "index", value, symbol=".ETCXBT")
    (row,) = await desk.ok("GET", "/announcement")
    assert row["value"] == value
    assert row["title"] == f".ETCXBT: index from {AT}"
    desk.advance(600)
    names = [one.name for one in desk.exchange.indices[".ETCXBT"].spec.constituents]
    assert names == ["A", "C"]


async def test_E32_announcements_are_superseded_by_their_id(desk: Desk) -> None:
    one = await announce(desk, "tick", 0.00001)
    two = await announce(desk, "tick", 0.00001, effective="2018-01-12T12:05:00Z", supersedes=one)
    newest, older = await desk.ok("GET", "/announcement")
    assert (newest["id"], newest["supersedes"]) == (two, one)
    assert (older["state"], older["supersededBy"]) == ("Superseded", two)


@pytest.mark.parametrize(
    ("fields", "about"),
    [
        ({"kind": "weather"}, "kind: 'weather' is not allowed; allowed are tick, fee"),
        ({"effective": "2018-01-12T12:00:00Z"}, "effective: '2018-01-12T12:00:00Z' is not allo"),
        ({"effective": "soon"}, "effective: 'soon' is not allowed"),
        ({"supersedes": 9}, "supersedes: 9 is not allowed; no announcement has this id"),
        ({"symbol": "NONE"}, "symbol: 'NONE' is not allowed; the instruments are"),
        ({"value": -1}, "value: -1 is not allowed"),
        ({"value": 0.0000000001}, "value: 1e-10 is not allowed"),
        ({"text": 5}, "text: 5 is not allowed"),
        ({"color": "red"}, "color: 'red' is not allowed"),
        ({"kind": "fee"}, "value: 0.00001 is not allowed; an object with any of makerFee"),
        ({"kind": "fee", "value": {"tip": 1}}, "tip: 1 is not allowed"),
        ({"kind": "mode", "value": "Closed"}, "mode: 'Closed' is not allowed"),
        ({"kind": "withdrawal"}, "symbol: 'ETC7D' is not allowed"),
        ({"kind": "split"}, "symbol: 'ETC7D' is not allowed"),
        ({"kind": "split", "symbol": None}, "value: 0.00001 is not allowed; an object such as"),
        ({"kind": "split", "symbol": None, "value": {"sum": [".X", ".Y"]}}, "value: {'sum': ['.X'"),
        ({"kind": "index"}, "referenceSymbol: 0.00001 is not allowed; an index is needed"),
    ],
)
async def test_12_a_bad_announcement_names_the_field(
    desk: Desk, fields: dict[str, Any], about: str
) -> None:
    good = {"kind": "tick", "symbol": "ETC7D", "value": 0.00001, "effective": AT}
    text = await refused(desk, "/announcement", **{**good, **fields})
    assert text.replace("1e-05", "0.00001").startswith(about)
    assert await desk.ok("GET", "/announcement") == []


async def test_6_4_topics_tell_of_announcements(desk: Desk) -> None:
    one = await announce(desk, "tick", 0.00001)
    async with desk.socket() as sock:
        await sock.take()
        news, notes = tables(await sock.subscribe("announcement", "publicNotifications"))
        assert (news["keys"], [row["id"] for row in news["data"]]) == (["id"], [one])
        assert notes["data"][0].keys() == {
            "id", "date", "title", "body", "ttl", "type", "closable", "persist",
            "waitForVisibility", "sound",
        }  # fmt: skip
        assert news["types"].keys() == news["data"][0].keys()
        two = await announce(desk, "fee", {"takerFee": 0.001})
        frames = [f for f in tables(await sock.take()) if f["table"] == "announcement"]
        assert [(f["action"], f["data"][0]["id"]) for f in frames] == [("insert", two)]
        desk.advance(600)
        frames = [f for f in tables(await sock.take()) if f["table"] == "announcement"]
        assert [(f["action"], row["state"]) for f in frames for row in f["data"]] == [
            ("update", "Effective"),
            ("update", "Effective"),
        ]


async def test_E22_guards_are_listed_and_published(desk: Desk) -> None:
    row = await post(
        desk, "/instrument", symbol="GUARD", underlying="ETC", expiry="2018-03-30T12:00:00Z",
        circuitBreaker={"levels": [0.05, 0.1], "haltSeconds": 60}, liquidationSpeed=True,
        speedBump={"pct": 0.02, "delay_ms": 350},
    )  # fmt: skip
    assert row["circuitBreaker"] == {
        "levels": [0.05, 0.1], "haltSeconds": 60, "lateSeconds": None, "referencePrice": None,
    }  # fmt: skip
    assert row["liquidationSpeed"] == {"floor": 0.9, "windowSeconds": 60, "floorPrice": None}
    assert row["speedBump"] == {"pct": 0.02, "delay_ms": 350}
    for bump, words in (
        (True, "the fields are pct, delay_ms"),
        ({"pct": 0.02}, "speedBump.delay_ms: None is not allowed"),
        ({"pct": 0, "delay_ms": 5}, "must be over 0"),
    ):
        text = await refused(desk, "/instrument", symbol="BAD", underlying="ETC", speedBump=bump)
        assert words in text
    text = await refused(
        desk, "/instrument", symbol="BAD", underlying="ETC", circuitBreaker={"levels": "high"}
    )
    assert text.startswith("circuitBreaker.levels: 'high' is not allowed")
    (plain,) = await desk.ok("GET", "/instrument?symbol=ETC7D")
    assert "circuitBreaker" not in plain
