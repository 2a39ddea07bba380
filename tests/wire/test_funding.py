"""Funding, mark methods and compositions as the wire tells them and the operator sets them."""

from typing import Any

import pytest

from tests.wire.desk import Desk, tables

pytestmark = pytest.mark.anyio

EIGHT_HOURS = "2000-01-01T08:00:00.000Z"
INDEX: dict[str, Any] = {
    "symbol": ".BXBT",
    "constituents": [{"name": "A", "weight": 1}],
    "decimals": 2,
}
SWAP: dict[str, Any] = {
    "symbol": "XBTUSD", "typ": "FFWCSX", "underlying": "XBT", "quoteCurrency": "USD",
    "settlCurrency": "XBt", "multiplier": -100_000_000, "tickSize": 0.5, "maxPrice": 1_000_000,
    "initMargin": 0.01, "maintMargin": 0.005, "makerFee": -0.00025, "takerFee": 0.00075,
    "referenceSymbol": ".BXBT", "fundingInterval": EIGHT_HOURS, "fundingRate": 0.0002,
}  # fmt: skip


@pytest.fixture
async def desk() -> Desk:
    made = Desk()
    await post(made, **INDEX)
    body = {"index": ".BXBT", "price": 10_000}
    await made.ok("POST", "/admin/v1/index", json_body=body)
    made.advance(5)
    await post(made, **SWAP)
    return made


async def post(desk: Desk, **fields: Any) -> Any:
    return await desk.ok("POST", "/admin/v1/instrument", json_body=fields)


async def refused(desk: Desk, **fields: Any) -> str:
    answer = await desk.call("POST", "/admin/v1/instrument", json_body=fields)
    assert answer.status_code == 400, answer.text
    return str(answer.json()["error"]["message"])


async def row_of(desk: Desk, symbol: str = "XBTUSD") -> Any:
    (row,) = await desk.ok("GET", f"/instrument?symbol={symbol}")
    return row


async def trade(desk: Desk) -> None:
    await desk.place("bob", symbol="XBTUSD", side="Sell", orderQty=1_000, price=10_000)
    await desk.place("alice", symbol="XBTUSD", orderQty=1_000)


async def test_3_7_row_of_a_perpetual(desk: Desk) -> None:
    row = await row_of(desk)

    assert row["fundingTimestamp"] == "2018-01-12T20:00:00.000Z"
    assert row["fundingInterval"] == EIGHT_HOURS
    assert (row["fundingRate"], row["indicativeFundingRate"]) == (0.0002, 0.0001)
    assert row["fairMethod"] == "FundingRate"
    assert row["fairBasisRate"] == 0.219
    # 480 of 480 minutes are left: the rest of the minute of 12:00 counts.
    assert (row["fairBasis"], row["markPrice"], row["indicativeSettlePrice"]) == (2, 10_002, 10_000)
    symbols = [row[f"funding{name}Symbol"] for name in ("Base", "Quote", "Premium")]
    assert symbols == [".XBTBON8H", ".USDBON8H", ".XBTUSDPI8H"]


async def test_3_2_row_of_a_future_tells_of_no_funding(desk: Desk) -> None:
    row = await row_of(desk, "ETC7D")

    for name in ("fundingTimestamp", "fundingInterval", "fundingRate", "indicativeFundingRate"):
        assert row[name] is None


async def test_E10_funding_is_told_by_rest_stream_and_execution(desk: Desk) -> None:
    await trade(desk)
    async with desk.socket() as sock:
        await sock.take()
        *_, partial = await sock.subscribe("funding:XBTUSD")
        assert (partial["keys"], partial["data"]) == (["timestamp", "symbol"], [])
        assert partial["types"]["fundingInterval"] == "timespan"
        desk.advance(8 * 3_600 - 5)
        (frame,) = tables(await sock.take(), "funding")
        assert frame["action"] == "insert"
        *_, again = await sock.subscribe("funding")
        assert again["data"] == frame["data"]

    (row,) = await desk.ok("GET", "/funding?symbol=XBTUSD")
    assert [row] == frame["data"]
    assert row == {
        "timestamp": "2018-01-12T20:00:00.000Z",
        "symbol": "XBTUSD",
        "fundingInterval": EIGHT_HOURS,
        "fundingRate": 0.0002,
        "fundingRateDaily": 0.0006,
    }
    (paid, *_) = await desk.ok("GET", "/execution/tradeHistory?reverse=true", "alice")
    assert (paid["execType"], paid["text"]) == ("Funding", "Funding")
    assert (paid["lastPx"], paid["lastQty"]) == (10_000, 1_000)
    assert (paid["commission"], paid["execComm"]) == (0.0002, 2_000)
    assert paid["orderID"] == "00000000-0000-0000-0000-000000000000"
    assert (paid["side"], paid["timeInForce"]) == (None, "AtTheClose")


async def test_design_6_fund_now(desk: Desk) -> None:
    await trade(desk)
    row = await post(desk, symbol="XBTUSD", fund_now=True)

    assert row["fundingTimestamp"] == "2018-01-12T20:00:00.000Z"
    assert len(await desk.ok("GET", "/funding")) == 1
    got = await desk.ok("GET", "/execution/tradeHistory?reverse=true&count=1", "bob")
    assert got[0]["execComm"] == -2_000
    assert "perpetuals are XBTUSD" in await refused(desk, symbol="ETC7D", fund_now=True)
    assert "true is needed" in await refused(desk, symbol="XBTUSD", fund_now=False)
    assert "fund_now" in await refused(desk, symbol="XBTUSD", fund_now=1, expire_now=True)


async def test_E8_mark_method_of_a_listed_contract(desk: Desk) -> None:
    await trade(desk)
    row = await post(desk, symbol="XBTUSD", markMethod="LastPriceProtected")

    assert (row["markMethod"], row["fairMethod"]) == ("LastPrice", None)
    # Ref 10,002 (fair): the last trade at 10,000 is inside its band of 0.5 %.
    assert row["markPrice"] == row["lastPriceProtected"] == row["lastPrice"] == 10_000
    row = await post(desk, symbol="XBTUSD", markMethod="FairPrice")
    assert (row["markMethod"], row["fairMethod"]) == ("FairPrice", "FundingRate")
    assert row["markPrice"] == 10_002
    assert "LastPriceProtected" in await refused(desk, symbol="XBTUSD", markMethod="Best")


async def test_E9_composition_of_a_listed_index(desk: Desk) -> None:
    members = [{"name": "A", "weight": "1/2"}, {"name": "B", "weight": "1/2"}]
    await post(desk, symbol=".BXBT", composition=members)
    body = {"index": ".BXBT", "constituent": "B", "price": 10_100}
    await desk.ok("POST", "/admin/v1/constituent", json_body=body)
    desk.advance(5)

    assert (await row_of(desk, ".BXBT"))["lastPrice"] == 10_050
    assert "different names" in await refused(
        desk, symbol=".BXBT", composition=[{"name": "A"}, {"name": "A"}]
    )
    assert "constituents" in await refused(desk, symbol=".ETCXBT30M", composition=members)
    assert "already listed" in await refused(desk, symbol=".BXBT", constituents=members)


async def test_E32_compositions_and_intervals_are_announced(desk: Desk) -> None:
    members = [{"name": "A", "weight": "1/2"}, {"name": "B", "weight": "1/2"}]
    for kind, symbol, value in (
        ("index", ".BXBT", members),
        ("funding", "XBTUSD", "2000-01-01T02:00:00.000Z"),
    ):
        body = {
            "kind": kind, "symbol": symbol, "value": value, "text": "as told",
            "effective": "2018-01-12T20:01:00.000Z",
        }  # fmt: skip
        await desk.ok("POST", "/admin/v1/announcement", json_body=body)
    rows = await desk.ok("GET", "/announcement?reverse=true")
    assert sorted((row["kind"], row["value"]) for row in rows if row["kind"] == "index") == [
        ("index", members)
    ]
    desk.advance(8 * 3_600 + 60)

    assert (await row_of(desk))["fundingInterval"] == "2000-01-01T02:00:00.000Z"
    assert (await row_of(desk))["fundingTimestamp"] == "2018-01-12T22:00:00.000Z"
    printed = {"index": ".BXBT", "constituent": "B", "price": 10_100}
    await desk.ok("POST", "/admin/v1/constituent", json_body=printed)


async def test_E9_indices_made_of_others_are_listed(desk: Desk) -> None:
    await post(desk, symbol=".BXBT5M", source=".BXBT", minutes=5, decimals=2)
    await post(
        desk, symbol=".BVOL", source=".BXBT", kind="volatility", minutes=60, stepMinutes=1,
        decimals=2,
    )  # fmt: skip
    for price in (10_000, 10_100, 10_000, 10_100):
        body = {"index": ".BXBT", "price": price}
        await desk.ok("POST", "/admin/v1/index", json_body=body)
        desk.advance(60)

    assert (await row_of(desk, ".BXBT5M"))["lastPrice"] == 10_050
    assert (await row_of(desk, ".BVOL"))["lastPrice"] > 700
    for fields, word in (
        ({"kind": "twap30"}, "source"),
        ({"source": ".BXBT", "kind": "mean"}, "twap30, volatility, premium"),
        ({"source": ".BXBT", "minutes": 0}, "minutes"),
        ({"source": ".NONE"}, ".NONE"),
        ({"source": ".BXBT", "constituents": [{"name": "A"}]}, "source alone"),
        ({"source": ".BXBT", "kind": "volatility", "stepMinutes": 7}, "whole steps"),
    ):
        assert word in await refused(desk, symbol=".NEW", **fields)


async def test_3_4_premium_indices_are_rows_and_trades(desk: Desk) -> None:
    row = await row_of(desk)
    names = [row[f"funding{name}Symbol"] for name in ("Quote", "Premium")]
    each: dict[str, Any] = {"source": "XBTUSD", "decimals": 6}
    minute = await post(desk, symbol=".XBTUSDPI", kind="premium", **each)
    assert (minute["typ"], minute["lastPrice"], minute["lastTickDirection"]) == (
        "MRRXXX",
        None,
        None,
    )
    mean = await post(desk, symbol=names[1], kind="premium_mean", minutes=480, **each)
    assert (mean["typ"], mean["publishInterval"]) == ("MRRXXX", EIGHT_HOURS)
    await post(desk, symbol=names[0], constituents=[{"name": "BMEX", "weight": 1}], decimals=6)
    await desk.ok("POST", "/admin/v1/index", json_body={"index": names[0], "price": 0.0003})
    async with desk.socket() as sock:
        await sock.take()
        await sock.subscribe("trade:.XBTUSDPI")
        desk.advance(60)
        (frame,) = tables(await sock.take(), "trade")
    desk.advance(8 * 3_600)

    (minute,) = frame["data"]
    assert (minute["price"], minute["size"], minute["side"]) == (0.0002, 0, "Buy")
    (mean,) = await desk.ok("GET", f"/trade?symbol={names[1]}&reverse=true")
    assert (mean["timestamp"], mean["price"]) == ("2018-01-12T20:00:00.000Z", 0.0002)
    # 0.03 % less 0.03 %: no interest; the idle premium printed the 0.02 % in force.
    assert (await row_of(desk))["fundingRate"] == 0
    desk.advance(60)
    (row,) = await desk.ok("GET", "/instrument?symbol=.XBTUSDPI")
    assert (row["lastPrice"], row["markPrice"], row["lastTickDirection"]) == (0, 0, "ZeroMinusTick")
    (minutes,) = await desk.ok("GET", "/trade/bucketed?symbol=.XBTUSDPI&count=1&reverse=true")
    assert (minutes["open"], minutes["low"], minutes["close"]) == (0.0002, 0, 0)
    assert "index of prices" in await refused(
        desk, **{**SWAP, "symbol": "XBTBAD", "referenceSymbol": ".XBTUSDPI"}
    )


async def test_1_bad_funding_fields_are_named(desk: Desk) -> None:
    bad = {**SWAP, "symbol": "XBTBAD"}
    for fields, word in (
        ({"fundingInterval": "2000-01-01T07:00:00.000Z"}, "fundingInterval"),
        ({"fundingRate": "much"}, "fundingRate"),
        ({"fundingInterval": None, "fundingRate": 0.1}, "fundingRate"),
        ({"expiry": "2018-03-30T12:00:00Z"}, "fundingInterval"),
    ):
        assert word in await refused(desk, **{**bad, **fields})
