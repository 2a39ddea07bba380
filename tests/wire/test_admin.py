"""The operator's interface (design.md 6)."""

import json
from typing import Any

import pytest

from sim_exchange.core.types import Kind
from tests.core.world import XBT
from tests.wire.desk import Desk

pytestmark = pytest.mark.anyio


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def get(desk: Desk, path: str) -> Any:
    return await desk.ok("GET", f"/admin/v1{path}")


async def post(desk: Desk, path: str, **fields: Any) -> Any:
    return await desk.ok("POST", f"/admin/v1{path}", json_body=fields)


async def refused(desk: Desk, path: str, **fields: Any) -> str:
    answer = await desk.call("POST", f"/admin/v1{path}", json_body=fields)
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert error.keys() == {"message", "name"}
    return str(error["message"])


async def test_token_and_loopback_are_needed(desk: Desk) -> None:
    answer = await desk.call("GET", "/admin/v1/state", headers={"authorization": "Bearer nope"})
    assert answer.status_code == 401

    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "GET", "path": "/admin/v1/state", "query_string": b"",
        "headers": [(b"authorization", b"Bearer operator")], "client": ("10.0.0.7", 5),
    }  # fmt: skip
    await desk.app(scope, receive, send)
    assert sent[0]["status"] == 403


async def test_state_names_clock_seq_and_digest(desk: Desk) -> None:
    state = await get(desk, "/state")
    assert state["clock"] == {
        "at": "2018-01-12T12:00:05.000Z", "kind": "manual", "factor": 1, "paused": False,
    }  # fmt: skip
    assert state["seq"] == desk.session.seq
    assert (state["mode"], state["era"], state["seed"]) == ("Open", "2018", 7)
    before = state["digest"]
    await desk.place("alice", orderQty=1, price=0.019)
    assert (await get(desk, "/state"))["digest"] != before


async def test_audit_names_what_it_checked(desk: Desk) -> None:
    audit = await get(desk, "/audit")
    assert audit["ok"] is True
    assert audit["checked"]
    assert audit["at"] == "2018-01-12T12:00:05.000Z"


async def test_clock_advances_by_seconds_and_to_an_instant(desk: Desk) -> None:
    answer = await post(desk, "/clock", advance_s=60)
    assert answer["clock"]["at"] == "2018-01-12T12:01:05.000Z"
    answer = await post(desk, "/clock", to="2018-01-12T13:00:00Z")
    assert answer["clock"]["at"] == "2018-01-12T13:00:00.000Z"
    assert "to" in await refused(desk, "/clock", to="2018-01-12T12:00:00Z")
    assert "factor" in await refused(desk, "/clock", factor=5)
    assert "advance_s" in await refused(desk, "/clock", advance_s=-1)
    assert "foo" in await refused(desk, "/clock", foo=1)


async def test_constituent_and_index_move_the_index(desk: Desk) -> None:
    await post(desk, "/index", index=".ETCXBT", price=0.021)
    desk.advance(5)
    assert desk.exchange.indices[".ETCXBT"].price == 2_100_000
    await post(desk, "/constituent", index=".ETCXBT", constituent="A", price=0.024)
    desk.advance(5)
    assert desk.exchange.indices[".ETCXBT"].price == 2_200_000
    await post(desk, "/constituent", index=".ETCXBT", constituent="A", status="silent")
    await post(desk, "/constituent", index=".ETCXBT", constituent="A", status="reinstate")
    assert "constituent" in await refused(
        desk, "/constituent", index=".ETCXBT", constituent="Z", price=1
    )
    assert ".NOPE" in await refused(desk, "/index", index=".NOPE", price=1)
    assert "price" in await refused(desk, "/index", index=".ETCXBT", price=-1)


async def test_E24_borrow_replaces_offers_and_sets_the_lending_index(desk: Desk) -> None:
    offers = [{"amount": 1000, "rate_per_day": 0.00137}]
    answer = await post(desk, "/borrow", currency="ETC", offers=offers)
    assert answer["offers"] == [{"amount": 1000, "rate_per_day": 0.00137}]
    (row,) = await desk.ok("GET", "/instrument?symbol=.ETCBON")
    assert row["lastPrice"] == 0.00137

    offers = [{"amount": 10, "rate_per_day": 0.002}]
    assert (await post(desk, "/borrow", currency="ETC", offers=offers))["offers"] == [
        {"amount": 10, "rate_per_day": 0.002}
    ]
    assert "rate_per_day" in await refused(
        desk, "/borrow", currency="ETC", offers=[{"amount": 1, "rate_per_day": 0}]
    )


async def test_account_is_made_with_key_and_balances_and_shown_without_secret(desk: Desk) -> None:
    made = await post(desk, "/account", name="carol", balances={"XBt": XBT, "ETC": 5})
    assert made["balances"] == {"XBt": XBT, "ETC": 5}
    assert made["key"]
    assert made["secret"]
    shown = await get(desk, "/account/carol")
    assert "secret" not in json.dumps(shown)
    assert shown["keys"][0]["key"] == made["key"]
    assert shown["mail"] == []
    after = await post(desk, "/account", name="carol", deposit={"XBt": 1})
    assert after["balances"]["XBt"] == XBT + 1
    assert "carol" in await refused(desk, "/account", name="carol")
    assert "nobody" in await refused(desk, "/account", name="nobody", deposit={"XBt": 1})
    assert "balances.XBt" in await refused(desk, "/account", name="d", balances={"XBt": -1})
    assert (await desk.call("GET", "/admin/v1/account/nobody")).status_code == 404
    assert [row["name"] for row in await get(desk, "/account")] == ["alice", "bob", "carol"]


async def test_fund(desk: Desk) -> None:
    assert await get(desk, "/fund") == {"XBt": 0}
    assert await post(desk, "/fund", deposit={"XBt": 1000000}) == {"XBt": 1000000}


async def test_mode_halts_one_and_all(desk: Desk) -> None:
    await post(desk, "/mode", symbol="ETC7D", mode="Halt")
    fields = {"symbol": "ETC7D", "orderQty": 1, "price": 0.019}
    answer = await desk.call("POST", "/order", "alice", json_body=fields)
    assert answer.json()["error"]["message"] == "Market is not open"
    await post(desk, "/mode", symbol=None, mode="Open")
    await desk.place("alice", orderQty=1, price=0.019)
    assert "allowed are Open" in await refused(desk, "/mode", symbol=None, mode="Foo")


async def test_instrument_takes_defaults_of_its_kind_and_refuses_unknown_fields(desk: Desk) -> None:
    row = await post(
        desk, "/instrument", symbol="ETCX18", expiry="2018-03-30T12:00:00Z", tickSize=0.00001
    )
    assert (row["symbol"], row["typ"], row["tickSize"]) == ("ETCX18", "FFCCSX", 0.00001)
    assert (row["takerFee"], row["initMargin"], row["multiplier"]) == (0.0025, 0.05, 100000000)
    assert row["expiry"] == "2018-03-30T12:00:00.000Z"
    assert desk.exchange.markets["ETCX18"].spec.kind is Kind.LINEAR

    message = await refused(desk, "/instrument", symbol="ETCX19", foo=1)
    assert "foo" in message
    assert "tickSize" in message
    assert "tickSize" in await refused(desk, "/instrument", symbol="ETCX19", tickSize=0)
    assert "fundingInterval" in await refused(
        desk, "/instrument", symbol="ETCX19", fundingInterval="8h"
    )
    assert "expiry" in await refused(desk, "/instrument", symbol="ETCX19", expiry="soon")


async def test_instrument_takes_its_funding_interval_as_a_row_spells_it(desk: Desk) -> None:
    span = "2000-01-01T08:00:00.000Z"
    row = await post(desk, "/instrument", symbol="ETCP", expiry=None, fundingInterval=span)
    assert row["fundingInterval"] == span
    assert desk.exchange.markets["ETCP"].spec.funding_interval_ns == 8 * 3600 * 10**9


async def test_inverse_instrument_and_its_index_from_nothing(desk: Desk) -> None:
    index = await post(
        desk,
        "/instrument",
        symbol=".BXBT",
        constituents=[{"name": "A", "weight": "1/3"}, {"name": "B", "weight": "2/3"}],
        decimals=2,
        outlier=0.25,
    )
    assert (index["symbol"], index["state"]) == (".BXBT", "Unlisted")
    await post(desk, "/index", index=".BXBT", price=10000)
    desk.advance(5)
    row = await post(
        desk,
        "/instrument",
        symbol="XBTH18",
        typ="FFCCSX",
        rootSymbol="XBT",
        underlying="XBT",
        quoteCurrency="USD",
        settlCurrency="XBt",
        multiplier=-100000000,
        tickSize=0.5,
        referenceSymbol=".BXBT",
        expiry="2018-03-30T12:00:00Z",
    )
    assert (row["isInverse"], row["underlyingToSettleMultiplier"]) == (True, -100000000)
    placed = await desk.place("alice", symbol="XBTH18", orderQty=100, price=10000.5)
    assert (placed["price"], placed["currency"]) == (10000.5, "USD")
    filled = await desk.place("bob", symbol="XBTH18", orderQty=-100, price=10000.5)
    assert filled["ordStatus"] == "Filled"
    (execution,) = await desk.ok("GET", "/execution/tradeHistory", "alice")
    assert execution["execCost"] == -100 * 10000  # one lot: 1e8 / 10000.5 = 9999.5, half away
    assert execution["homeNotional"] > 0 > execution["foreignNotional"]


async def test_expire_now(desk: Desk) -> None:
    row = await post(desk, "/instrument", symbol="ETC7D", expire_now=True)
    assert row["state"] == "Settled"


async def test_journal_streams_committed_commands(desk: Desk) -> None:
    await desk.place("alice", orderQty=1, price=0.019, clOrdID="mine")
    answer = await desk.call("GET", f"/admin/v1/journal?from={desk.session.seq}")
    (line,) = answer.text.splitlines()
    record = json.loads(line)
    assert record["seq"] == desk.session.seq
    assert record["command"]["type"] == "PlaceOrder"
    assert record["command"]["cl_ord_id"] == "mine"
    whole = await desk.call("GET", "/admin/v1/journal")
    assert len(whole.text.splitlines()) == desk.session.seq
    assert (await desk.call("GET", "/admin/v1/journal?from=x")).status_code == 400
