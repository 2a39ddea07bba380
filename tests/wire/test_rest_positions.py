"""POST /position/*: leverage, isolation, risk limits and transfers, from outside (2.2, 5.5)."""

import msgspec
import pytest

from sim_exchange.core import commands as c
from tests.core.test_E12_accounts import ETHUSDT
from tests.core.world import XBT, XBTUSD, composite
from tests.wire.desk import Desk, tables

pytestmark = pytest.mark.anyio

LIMIT, TRANSFER = "/position/riskLimit", "/position/transferMargin"


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def hold(desk: Desk, qty: int = 1_000) -> None:
    """Alice buys ETC7D from bob at 0.02."""
    await desk.place("bob", side="Sell", orderQty=qty, price=0.02)
    await desk.place("alice", side="Buy", orderQty=qty, price=0.02)


async def refused(desk: Desk, path: str, **fields: object) -> tuple[int, str, str]:
    """What alice is told: status, message, name."""
    answer = await desk.call("POST", path, "alice", json_body={"symbol": "ETC7D", **fields})
    error = answer.json()["error"]
    return answer.status_code, error["message"], error["name"]


async def test_5_5_risk_limit_by_json_and_by_form(desk: Desk) -> None:
    row = await desk.ok(
        "POST", LIMIT, "alice", json_body={"symbol": "ETC7D", "riskLimit": 100 * XBT}
    )
    assert (row["symbol"], row["riskLimit"], row["crossMargin"]) == ("ETC7D", 100 * XBT, True)
    assert (row["initMarginReq"], row["maintMarginReq"]) == (0.075, 0.05)
    assert row["leverage"] == 13.33

    row = await desk.ok("POST", LIMIT, "alice", body=b"symbol=ETC7D&riskLimit=5000000000")
    assert (row["riskLimit"], row["initMarginReq"]) == (50 * XBT, 0.05)


@pytest.mark.parametrize("value", [None, "much", 1.5, 7 * 10**9, 0, -5 * 10**9, True, 10**30])
async def test_5_5_a_risk_limit_that_is_none_is_refused(desk: Desk, value: object) -> None:
    told = await refused(desk, LIMIT, riskLimit=value)
    assert told == (400, "Invalid riskLimit", "HTTPError")


async def test_5_5_a_risk_limit_in_use_is_refused_with_the_value(desk: Desk) -> None:
    desk.account("carol", XBt=100 * XBT)
    body = {"symbol": "ETC7D", "riskLimit": 100 * XBT}
    await desk.ok("POST", LIMIT, "carol", json_body=body)
    await desk.place("carol", side="Buy", orderQty=3_000, price=0.02)
    body["riskLimit"] = 50 * XBT
    answer = await desk.call("POST", LIMIT, "carol", json_body=body)
    assert answer.status_code == 400
    assert answer.json()["error"] == {
        "message": "Risk Limit is below the value of position and orders, 6000000000 XBt",
        "name": "ValidationError",
    }


async def test_2_2_transfer_margin_in_and_out(desk: Desk) -> None:
    await hold(desk)
    await desk.ok("POST", "/position/isolate", "alice", body=b"symbol=ETC7D")
    (before,) = await desk.ok("GET", "/position", "alice")
    margin = await desk.ok("GET", "/user/margin", "alice")

    row = await desk.ok("POST", TRANSFER, "alice", json_body={"symbol": "ETC7D", "amount": XBT})
    assert (row["posCross"], row["posInit"]) == (XBT, before["posInit"])
    assert row["posMargin"] == before["posMargin"] + XBT + 250_000  # the fee's reserve
    assert row["liquidationPrice"] < before["liquidationPrice"]
    after = await desk.ok("GET", "/user/margin", "alice")
    assert after["availableMargin"] == margin["availableMargin"] - XBT - 250_000
    assert after["walletBalance"] == margin["walletBalance"]

    told = await refused(desk, TRANSFER, amount=-2 * XBT)
    assert told == (
        400,
        "Margin would be below initial, at most 100000000 XBt can be removed",
        "ValidationError",
    )
    row = await desk.ok("POST", TRANSFER, "alice", body=b"symbol=ETC7D&amount=-100000000")
    assert row["posCross"] == 0


async def test_2_2_transfers_that_cannot_be(desk: Desk) -> None:
    nothing = (400, "No position to transfer margin into", "ValidationError")
    assert await refused(desk, TRANSFER, amount=1) == nothing
    await hold(desk)
    crossed = (400, "Position is not isolated", "ValidationError")
    assert await refused(desk, TRANSFER, amount=1) == crossed
    await desk.ok("POST", "/position/isolate", "alice", body=b"symbol=ETC7D")
    for amount in (None, "some", 0, 0.5, False):
        told = await refused(desk, TRANSFER, amount=amount)
        assert told == (400, "Invalid amount", "HTTPError")
    _, message, name = await refused(desk, TRANSFER, amount=100 * XBT)
    assert message.startswith("Account has insufficient Available Balance, ")
    assert name == "ValidationError"


@pytest.mark.parametrize("path", ["leverage", "isolate", "riskLimit", "transferMargin"])
@pytest.mark.parametrize("symbol", ["NONE", "ETC_XBT", ".ETCXBT"])
async def test_2_2_only_contracts_have_terms(desk: Desk, path: str, symbol: str) -> None:
    fields = {"symbol": symbol, "leverage": 5, "riskLimit": 100 * XBT, "amount": 1}
    answer = await desk.call("POST", f"/position/{path}", "alice", json_body=fields)
    assert answer.status_code == 400
    answer = await desk.call("POST", f"/position/{path}", json_body=fields)
    assert answer.status_code == 401


async def test_2_2_leverage_of_nearly_nothing_does_not_cross(desk: Desk) -> None:
    assert await refused(desk, "/position/leverage", leverage=0.004) == (
        400,
        "Invalid leverage",
        "HTTPError",
    )


async def test_5_positions_of_another_margin_currency(desk: Desk) -> None:
    submit = desk.session.submit
    submit(c.ListIndex(spec=composite(".BETH", decimals=2)))
    submit(c.IndexPrints(index=".BETH", prices=(1_963 * 10**12,)))
    spec = msgspec.structs.replace(ETHUSDT, listing_ns=desk.clock.now_ns())
    submit(c.ListInstrument(spec=spec))
    desk.advance(5)
    for name in ("dora", "emil"):
        desk.account(name, USDt=100 * 10**6)
    leverage = {"symbol": "ETHUSDT", "leverage": 3}
    await desk.ok("POST", "/position/leverage", "dora", json_body=leverage)
    await desk.place("emil", symbol="ETHUSDT", side="Sell", orderQty=2_000, price=1963)
    await desk.place("dora", symbol="ETHUSDT", side="Buy", orderQty=2_000, price=1963)
    (row,) = await desk.ok("GET", "/position", "dora")
    assert (row["currency"], row["posInit"], row["posComm"]) == ("USDt", 13_086_667, 39_261)
    assert (row["leverage"], row["bankruptPrice"]) == (3, 1308.7)
    margin = await desk.ok("GET", "/user/margin?currency=USDt", "dora")
    assert margin["walletBalance"] == 100 * 10**6 - 29_445
    assert margin["availableMargin"] == 100 * 10**6 - 29_445 - 13_125_928


async def test_E13_a_position_is_told_to_be_liquidated_and_then_flat(desk: Desk) -> None:
    await hold(desk)
    leverage = {"symbol": "ETC7D", "leverage": 20}
    await desk.ok("POST", "/position/leverage", "alice", json_body=leverage)
    async with desk.socket("subscribe=position,execution", who="alice") as sock:
        await sock.take()
        desk.session.submit(c.IndexPrints(index=".ETCXBT", prices=(19 * 10**9,) * 3))
        desk.advance(5)
        frames = tables(await sock.take())

    told = [row for frame in frames if frame["table"] == "position" for row in frame["data"]]
    assert [(row["currentQty"], row.get("posState")) for row in told[:2]] == [
        (1_000, "Liquidated"),
        (0, ""),
    ]
    (execution,) = [f for f in frames if f["table"] == "execution"][-1]["data"]
    assert execution["text"] == "Liquidation"
    assert execution["orderID"] == "00000000-0000-0000-0000-000000000000"
    assert execution["lastLiquidityInd"] == "RemovedLiquidity"
    assert execution["commission"] == 0.0025
    assert execution["tradePublishIndicator"] == "DoNotPublishTrade"
    (row,) = await desk.ok("GET", "/position", "alice")
    assert (row["posState"], row["currentQty"], row["isOpen"]) == ("", 0, False)


async def test_E12_mark_fields_on_the_wire(desk: Desk) -> None:
    submit = desk.session.submit
    submit(c.ListIndex(spec=composite(".BXBT", decimals=2)))
    submit(c.IndexPrints(index=".BXBT", prices=(10_948 * 10**12,)))
    listing = desk.clock.now_ns()
    spec = msgspec.structs.replace(XBTUSD, listing_ns=listing, typ="FFWCSX", expiry_ns=None)
    submit(c.ListInstrument(spec=spec))
    desk.advance(5)
    leverage = {"symbol": "XBTUSD", "leverage": 10}
    await desk.ok("POST", "/position/leverage", "alice", json_body=leverage)
    await desk.place("bob", symbol="XBTUSD", side="Buy", orderQty=10, price=10_948)
    await desk.place("alice", symbol="XBTUSD", side="Sell", orderQty=10, price=10_948)
    submit(c.IndexPrints(index=".BXBT", prices=(1_099_509 * 10**10,)))
    desk.advance(5)

    (row,) = await desk.ok("GET", "/position", "alice")
    assert (row["posCost"], row["markValue"], row["unrealisedPnl"]) == (91_340, 90_950, -390)
    assert row["maintMargin"] == 8_820
    assert (row["unrealisedPnlPcnt"], row["unrealisedRoePcnt"]) == (-0.0043, -0.0427)
    assert (row["liquidationPrice"], row["bankruptPrice"]) == (12_096, 12_163.5)


async def test_design_6_a_contract_may_be_listed_with_a_finer_bankrupt_tick(desk: Desk) -> None:
    body: dict[str, object] = {
        "symbol": "FINE",
        "typ": "FFCCSX",
        "underlying": "ETC",
        "quoteCurrency": "XBT",
        "settlCurrency": "XBt",
        "multiplier": XBT,
        "tickSize": 0.00001,
        "bankruptTick": 0.000001,
        "referenceSymbol": ".ETCXBT",
        "expiry": "2018-01-19T12:00:00Z",
    }
    await desk.ok("POST", "/admin/v1/instrument", json_body=body)
    spec = desk.exchange.markets["FINE"].spec
    assert (spec.tick_pico, spec.bankrupt_tick_pico) == (10_000_000, 1_000_000)

    body |= {"symbol": "ROUGH", "bankruptTick": 0}
    answer = await desk.call("POST", "/admin/v1/instrument", json_body=body)
    assert answer.status_code == 400
    assert "bankruptTick" in answer.json()["error"]["message"]
