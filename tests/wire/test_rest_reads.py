"""Reads, credentials and limits over HTTP (protocol.md 1, 2, 3, 5)."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from sim_exchange.wire.ratelimit import LimitRule
from sim_exchange.wire.rows.account import MARGIN_COLUMNS, POSITION_COLUMNS, WALLET_COLUMNS
from sim_exchange.wire.rows.instrument import COLUMNS
from tests.core.world import XBT
from tests.wire.desk import Desk

pytestmark = pytest.mark.anyio

RECORDED = Path(__file__).parents[3] / "shared/data/bitmex-samples/recorded"

# Columns whose absent string is "" (1.4); in every other column it is null.
MAY_BE_EMPTY = {
    "pegPriceType", "execInst", "contingencyType", "triggered", "ordRejReason", "lastMkt",
    "tradePublishIndicator", "inverseLeg", "sellLeg", "buyLeg", "positionCurrency",
    "fundingBaseSymbol", "fundingQuoteSymbol", "fundingPremiumSymbol", "settlCurrency",
    "posState", "prevState", "state", "action", "addr", "script", "tokenAddress",
}  # fmt: skip


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def trade(desk: Desk, qty: int = 5, price: float = 0.02) -> None:
    await desk.place("bob", side="Sell", orderQty=qty, price=price)
    await desk.place("alice", orderQty=qty, price=price, text="hi")


async def test_2_1_root(desk: Desk) -> None:
    answer = await desk.ok("GET", "")
    assert answer == {"name": "BitMEX API", "version": "1.2.0", "timestamp": 1515758405000}


async def test_3_6_instrument_has_the_recorded_columns_in_order(desk: Desk) -> None:
    path = RECORDED / "instrument-active-2021-07-22.json"
    if not path.exists():
        pytest.skip("no recorded rows beside the project")
    recorded = list(json.loads(path.read_text())[0])

    for row in await desk.ok("GET", "/instrument"):
        assert [name for name in row if name in recorded] == recorded
        assert tuple(row) == COLUMNS


async def test_2_1_instrument_is_in_symbol_index_order_and_has_all(desk: Desk) -> None:
    rows = await desk.ok("GET", "/instrument?count=500")
    assert [row["symbol"] for row in rows] == [
        ".ETCXBT", ".ETCXBT30M", ".ETCBON", "ETC7D", "ETC_XBT",
    ]  # fmt: skip
    page = await desk.ok("GET", "/instrument?count=2&start=3")
    assert [row["symbol"] for row in page] == ["ETC7D", "ETC_XBT"]
    (only,) = await desk.ok("GET", "/instrument?symbol=etc7d&columns=%5B%22lotSize%22%5D")
    assert only == {"symbol": "ETC7D", "lotSize": 1}
    (found,) = await desk.ok("GET", "/instrument?filter=" + quote('{"typ": "FFCCSX"}'))
    assert found["symbol"] == "ETC7D"


async def test_3_1_linear_future_says_how_it_is_valued(desk: Desk) -> None:
    (row,) = await desk.ok("GET", "/instrument?symbol=ETC7D")
    assert (row["multiplier"], row["underlyingToPositionMultiplier"]) == (100000000, 1)
    assert (row["quoteToSettleMultiplier"], row["settlCurrency"]) == (100000000, "XBt")
    assert (row["isInverse"], row["isQuanto"], row["tickSize"]) == (False, False, 0.000001)
    assert (row["expiry"], row["state"]) == ("2018-01-19T12:00:00.000Z", "Open")
    assert (row["makerFee"], row["takerFee"]) == (-0.0005, 0.0025)
    assert (row["fairMethod"], row["markMethod"]) == ("ImpactMidPrice", "FairPrice")
    assert row["markPrice"] == row["indicativeSettlePrice"] == 0.02


async def test_2_1_active_has_contracts_and_joins_with_indices(desk: Desk) -> None:
    active = await desk.ok("GET", "/instrument/active")
    indices = await desk.ok("GET", "/instrument/indices")
    both = await desk.ok("GET", "/instrument/activeAndIndices")
    assert [row["symbol"] for row in active] == ["ETC7D", "ETC_XBT"]
    assert [row["symbol"] for row in indices] == [".ETCXBT", ".ETCXBT30M", ".ETCBON"]
    assert [r["symbol"] for r in both] == [r["symbol"] for r in active + indices]
    assert {row["state"] for row in indices} == {"Unlisted"}
    intervals = await desk.ok("GET", "/instrument/activeIntervals")
    assert intervals == {"intervals": ["ETC:weekly"], "symbols": ["ETC7D"]}


async def test_8_13_no_empty_string_outside_the_list(desk: Desk) -> None:
    await trade(desk)
    await desk.place("alice", orderQty=5, price=0.019)
    paths = [
        "/instrument", "/order", "/execution", "/position", "/user/margin?currency=all",
        "/user/wallet?currency=all", "/user/walletHistory", "/trade", "/quote",
        "/trade/bucketed", "/wallet/assets", "/orderBook/L2?symbol=ETC7D",
    ]  # fmt: skip
    for path in paths:
        for row in await desk.ok("GET", path, "alice"):
            empty = {name for name, value in row.items() if value == ""}
            # The pending or plain text of a transaction is not a column of the list.
            assert empty - {"text"} <= MAY_BE_EMPTY, path


async def test_8_13_recorded_strings_are_a_setting() -> None:
    desk = Desk(recorded_strings=True)
    row = await desk.place("alice", orderQty=5, price=0.019)
    assert (row["clOrdID"], row["clOrdLinkID"]) == ("", "")
    (execution,) = await desk.ok("GET", "/execution", "alice")
    assert (execution["clOrdID"], execution["lastLiquidityInd"]) == ("", "")


async def test_2_1_order_book_depth(desk: Desk) -> None:
    for i in range(3):
        await desk.place("alice", orderQty=1, price=0.019 + i * 1e-6)
    rows = await desk.ok("GET", "/orderBook/L2?symbol=ETC7D&depth=2")
    assert [row["price"] for row in rows] == [0.019002, 0.019001]
    assert len(await desk.ok("GET", "/orderBook/L2?symbol=ETC7D&depth=0")) == 3


async def test_2_8_trades_and_their_notionals(desk: Desk) -> None:
    await trade(desk, 15, 0.020001)
    await desk.place("bob", symbol="ETC_XBT", side="Sell", orderQty=3 * XBT, price=0.02)
    await desk.place("alice", symbol="ETC_XBT", orderQty=XBT)

    (future,) = await desk.ok("GET", "/trade?symbol=ETC7D")
    (spot,) = await desk.ok("GET", "/trade?symbol=ETC_XBT&reverse=true&count=1")
    assert (future["size"], future["price"], future["grossValue"]) == (15, 0.020001, 30001500)
    assert (future["homeNotional"], future["foreignNotional"]) == (15, 0.300015)
    assert (spot["homeNotional"], spot["foreignNotional"]) == (1, 0.02)
    assert future["trdMatchID"] != spot["trdMatchID"]

    ticks = await desk.ok("GET", "/trade?symbol=.ETCXBT")
    assert ticks[0]["size"] == 0
    assert ticks[0]["price"] == 0.02


async def test_2_1_bins_end_where_they_say_and_empty_ones_exist(desk: Desk) -> None:
    await trade(desk)
    desk.advance(180)
    await trade(desk, 7, 0.0201)
    desk.advance(60)

    rows = await desk.ok("GET", "/trade/bucketed?symbol=ETC7D&binSize=1m")

    assert [row["timestamp"][11:16] for row in rows] == ["12:01", "12:02", "12:03", "12:04"]
    assert [row["trades"] for row in rows] == [1, 0, 0, 1]
    assert rows[1]["vwap"] is None
    assert rows[1]["lastSize"] is None
    assert (rows[1]["open"], rows[1]["close"]) == (0.02, 0.02)
    last = rows[3]
    assert (last["open"], last["high"], last["close"]) == (0.02, 0.0201, 0.0201)
    assert (last["volume"], last["vwap"], last["turnover"]) == (7, 0.0201, 14070000)
    newest = await desk.ok("GET", "/trade/bucketed?symbol=ETC7D&binSize=1m&reverse=true&count=2")
    assert newest == rows[:1:-1]
    partial = await desk.ok("GET", "/trade/bucketed?symbol=ETC7D&binSize=5m&partial=true")
    assert (len(partial), partial[0]["volume"]) == (1, 12)


async def test_1_3_open_orders_by_both_filters(desk: Desk) -> None:
    live = await desk.place("alice", orderQty=5, price=0.019, clOrdID="live")
    gone = await desk.place("alice", orderQty=5, price=0.018)
    await desk.ok("DELETE", "/order", "alice", json_body={"orderID": gone["orderID"]})

    for text in ('{"open":true}', '{"ordStatus.isTerminated": false, "symbol": "ETC7D"}'):
        rows = await desk.ok("GET", f"/order?filter={quote(text)}&count=500", "alice")
        assert [row["orderID"] for row in rows] == [live["orderID"]]
    for name, value in (("orderID", gone["orderID"]), ("clOrdID", "live")):
        (row,) = await desk.ok("GET", f"/order?filter={quote(json.dumps({name: value}))}", "alice")
        assert row[name] == value
    assert len(await desk.ok("GET", "/order?reverse=true", "alice")) == 2


async def test_4_11_executions_and_trade_history(desk: Desk) -> None:
    await trade(desk)

    rows = await desk.ok("GET", "/execution?symbol=ETC7D", "alice")
    assert [row["execType"] for row in rows] == ["New", "Trade"]
    assert rows[0]["lastQty"] is None
    assert rows[0]["execCost"] is None
    (fill,) = await desk.ok("GET", "/execution/tradeHistory", "alice")
    assert (fill["lastQty"], fill["lastPx"], fill["side"]) == (5, 0.02, "Buy")
    assert (fill["execCost"], fill["execComm"], fill["commission"]) == (10000000, 25000, 0.0025)
    assert (fill["homeNotional"], fill["foreignNotional"]) == (5, -0.1)
    assert fill["lastLiquidityInd"] == "RemovedLiquidity"
    assert (fill["ordStatus"], fill["leavesQty"]) == ("Filled", 0)
    assert fill["text"] == "hi\nSubmitted via API."
    (sold,) = await desk.ok("GET", "/execution/tradeHistory", "bob")
    assert (sold["execCost"], sold["homeNotional"], sold["execComm"]) == (-10000000, -5, -5000)
    assert sold["trdMatchID"] == fill["trdMatchID"]


async def test_5_position_and_margin_rows(desk: Desk) -> None:
    await trade(desk)

    wanted = quote('{"symbol":"ETC7D"}')
    (row,) = await desk.ok("GET", f"/position?filter={wanted}&count=500", "alice")
    assert tuple(row) == POSITION_COLUMNS
    assert (row["currentQty"], row["avgEntryPrice"], row["isOpen"]) == (5, 0.02, True)
    assert (row["homeNotional"], row["foreignNotional"]) == (5, -0.1)
    assert (row["posCost"], row["markValue"]) == (10000000, 10000000)
    assert row["maintMargin"] == row["posMargin"] + row["unrealisedPnl"]
    margin = await desk.ok("GET", "/user/margin", "alice")
    assert tuple(margin) == MARGIN_COLUMNS
    assert margin["walletBalance"] == 10 * XBT - 25000
    assert margin["marginBalance"] == margin["walletBalance"] + margin["unrealisedPnl"]
    assert isinstance(await desk.ok("GET", "/user/margin?currency=all", "alice"), list)
    wallet = await desk.ok("GET", "/user/wallet?currency=XBT", "alice")
    assert tuple(wallet) == WALLET_COLUMNS
    assert (wallet["borrowed"], wallet["interest"]) == (0, 0)
    answer = await desk.call("GET", "/user/wallet?currency=NOPE", "alice")
    assert answer.status_code == 400


async def test_5_4_coins_that_margin_nothing_have_rows_after_xbt(desk: Desk) -> None:
    coins = {"symbol": "ETC_XBT", "orderQty": 5 * XBT, "price": 0.02}
    await desk.place("bob", side="Sell", **coins)
    await desk.place("alice", side="Buy", **coins)

    xbt, etc = await desk.ok("GET", "/user/margin?currency=all", "alice")

    assert (xbt["currency"], etc["currency"]) == ("XBt", "ETC")
    assert tuple(etc) == MARGIN_COLUMNS
    free = ("walletBalance", "marginBalance", "availableMargin", "withdrawableMargin")
    assert {etc[name] for name in free} == {5 * XBT}
    assert (etc["initMargin"], etc["maintMargin"]) == (0, 0)


async def test_2_6_every_margin_and_wallet_currency_is_an_asset(desk: Desk) -> None:
    assets = {row["currency"]: row for row in await desk.ok("GET", "/wallet/assets")}
    assert (assets["XBt"]["asset"], assets["XBt"]["scale"]) == ("XBT", 8)
    for path in ("/user/margin?currency=all", "/user/wallet?currency=all"):
        for row in await desk.ok("GET", path, "bob"):
            assert assets[row["currency"]]["asset"]


async def test_E28_one_row_a_day_and_contract(desk: Desk) -> None:
    await trade(desk)
    await trade(desk)
    (first,) = await desk.ok("GET", "/user/walletHistory", "alice")
    assert (first["transactType"], first["amount"]) == ("Deposit", 10 * XBT)

    desk.advance(24 * 3600)

    rows = await desk.ok("GET", "/user/walletHistory?currency=all", "alice")
    assert [row["transactType"] for row in rows] == ["RealisedPNL", "Deposit"]
    assert (rows[0]["amount"], rows[0]["address"]) == (-50000, "ETC7D")
    assert rows[0]["transactTime"] == "2018-01-13T12:00:00.000Z"
    assert rows[0]["walletBalance"] == 10 * XBT - 50000


async def test_E28_spot_trade_is_a_row_in_each_coin_and_the_fee_is_in_it(desk: Desk) -> None:
    await desk.place("bob", symbol="ETC_XBT", side="Sell", orderQty=3 * XBT, price=0.02)
    await desk.place("alice", symbol="ETC_XBT", orderQty=XBT)

    rows = await desk.ok("GET", "/user/walletHistory?currency=all", "alice")
    spot = {row["currency"]: row for row in rows if row["transactType"] == "SpotTrade"}
    assert (spot["XBt"]["amount"], spot["XBt"]["fee"]) == (-2005000, 5000)
    assert spot["ETC"]["amount"] == XBT


async def test_5_7_pending_line_tells_unrealised_profit(desk: Desk) -> None:
    await trade(desk)
    await desk.ok("POST", "/admin/v1/index", json_body={"index": ".ETCXBT", "price": 0.021})
    desk.advance(10)
    top, *_ = await desk.ok("GET", "/user/walletHistory", "alice")
    assert (top["transactType"], top["transactStatus"]) == ("UnrealisedPNL", "Pending")
    assert top["transactTime"] is None
    assert top["marginBalance"] == top["walletBalance"] + top["amount"]


async def test_E14_settlement_is_told(desk: Desk) -> None:
    body = {"symbol": "ETCX18", "expiry": "2018-01-12T13:00:00Z", "tickSize": 0.000001}
    await desk.ok("POST", "/admin/v1/instrument", json_body=body)
    await desk.place("bob", symbol="ETCX18", side="Sell", orderQty=5, price=0.02)
    await desk.place("alice", symbol="ETCX18", orderQty=5)
    desk.advance(-desk.clock.now_ns() / 10**9 % 60)
    for _ in range(60):
        desk.advance(60)
        body = {"index": ".ETCXBT", "price": 0.021}
        await desk.ok("POST", "/admin/v1/index", json_body=body)
    (row,) = await desk.ok("GET", "/settlement?symbol=ETCX18")
    assert row["timestamp"] == "2018-01-12T13:00:00.000Z"
    assert row["settledPrice"] == 0.021
    (instrument,) = await desk.ok("GET", "/instrument?symbol=ETCX18")
    assert (instrument["state"], instrument["settledPrice"]) == ("Settled", 0.021)
    history = await desk.ok("GET", "/execution/tradeHistory?reverse=true&count=1", "alice")
    assert (history[0]["execType"], history[0]["text"]) == ("Settlement", "Settlement")
    assert history[0]["lastPx"] == 0.021
    answer = await desk.call(
        "POST", "/order", "alice", json_body={"symbol": "ETCX18", "orderQty": 1, "price": 0.02}
    )
    assert answer.json()["error"]["message"] == "Instrument expired"


async def test_1_2_count_over_the_most_is_400(desk: Desk) -> None:
    for path, status in (
        ("/quote?count=501", 400),
        ("/trade?count=1000", 200),
        ("/trade?count=-1", 400),
    ):
        assert (await desk.call("GET", path)).status_code == status


async def test_1_2_times_bound_a_read(desk: Desk) -> None:
    await trade(desk)
    desk.advance(60)
    await trade(desk, 7)
    start = quote("2018-01-12T12:01:00+00:00")
    rows = await desk.ok("GET", f"/trade?symbol=ETC7D&startTime={start}")
    assert [row["size"] for row in rows] == [7]
    rows = await desk.ok("GET", "/trade?symbol=ETC7D&endTime=2018-01-12T12:01:00.000Z&reverse=true")
    assert [row["size"] for row in rows] == [5]
    assert (await desk.call("GET", "/trade?startTime=soon")).status_code == 400


async def test_1_10_csv(desk: Desk) -> None:
    await trade(desk)
    answer = await desk.call("GET", "/trade?symbol=ETC7D&_format=csv&columns=size,price")
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.text.splitlines()[0] == '"timestamp","symbol","size","price"'


async def test_1_6_credentials(desk: Desk) -> None:
    def words(answer: Any) -> tuple[int, str]:
        return answer.status_code, answer.json()["error"]["message"]

    assert words(await desk.call("GET", "/order")) == (401, "Authorization Required")
    good = desk.headers("alice", "GET", "/api/v1/order")
    for change, message in (
        ({"api-key": "nobody"}, "Invalid API Key."),
        ({"api-signature": "0" * 64}, "Signature not valid."),
        (
            {"api-expires": "1515758399"},
            "This request has expired - `expires` is in the past. Current time: 1515758400",
        ),
    ):
        for path in ("/order", "/instrument"):
            answer = await desk.call("GET", path, headers={**good, **change})
            assert words(answer) == (401, message)
    assert (await desk.call("GET", "/order", headers=good)).status_code == 200
    answer = await desk.call("GET", "/nothing", "alice")
    assert words(answer) == (404, "Not Found")
    assert answer.json()["error"]["name"] == "HTTPError"


async def test_0_1_1_signature_covers_the_raw_target(desk: Desk) -> None:
    target = "/instrument?filter=%7B%22symbol%22%3A+%22ETC7D%22%7D"
    assert len(await desk.ok("GET", target, "alice")) == 1


async def test_1_5_permissions(desk: Desk) -> None:
    body = {"name": "carol", "key": "carol", "secret": "s", "permissions": ["orderCancel"]}
    await desk.ok("POST", "/admin/v1/account", json_body=body)
    from sim_exchange.wire.auth import Signer

    desk.signers["carol"] = Signer("s")
    fields = {"symbol": "ETC7D", "orderQty": 1, "price": 0.019}
    answer = await desk.call("POST", "/order", "carol", json_body=fields)
    assert (answer.status_code, answer.json()["error"]["message"]) == (403, "Access Denied")
    assert await desk.ok("DELETE", "/order/all", "carol") == []


async def test_8_12_429_has_headers_and_delete_still_works() -> None:
    desk = Desk(limits=LimitRule(2, 2, 60))
    first = await desk.call("GET", "/order", "alice")
    assert first.headers["x-ratelimit-limit"] == "2"
    assert first.headers["x-ratelimit-remaining"] == "1"
    await desk.call("GET", "/order", "alice")

    refused = await desk.call("GET", "/order", "alice")

    assert refused.status_code == 429
    assert refused.json() == {
        "error": {"message": "Rate limit exceeded, retry in 30 seconds.", "name": "RateLimitError"}
    }
    assert refused.headers["retry-after"] == "30"
    assert int(refused.headers["x-ratelimit-reset"]) >= desk.host_ns // 10**9 + 1
    assert (await desk.call("DELETE", "/order", "alice", json_body={"orderID": []})).json() == []
    assert (await desk.call("POST", "/user/logout", "alice")).status_code == 200
    assert (await desk.call("GET", "/order", "bob")).status_code == 200
    assert [(await desk.call("GET", "/instrument")).status_code for _ in range(3)] == [
        200,
        200,
        429,
    ]


async def test_limits_off_has_no_headers(desk: Desk) -> None:
    answer = await desk.call("GET", "/instrument")
    assert not [name for name in answer.headers if name.startswith("x-ratelimit")]


async def test_large_bodies_and_headers_are_refused(desk: Desk) -> None:
    answer = await desk.call("POST", "/order", body=b"x" * 1_000_001)
    assert answer.status_code == 413
    answer = await desk.call("GET", "/instrument", headers={"x": "y" * 40_000})
    assert answer.status_code == 431
    assert answer.json()["error"].keys() == {"message", "name"}


async def test_unexpected_error_is_500_with_the_venues_words(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("boom")

    desk.venue.accounts.user = broken  # type: ignore[method-assign,assignment]
    answer = await desk.call("GET", "/user", "alice")
    assert answer.status_code == 500
    assert answer.json() == {"error": {"message": "Server Error", "name": "HTTPError"}}
    assert "secret" not in capsys.readouterr().out
