"""E9 and E3 by the operator's hand: refunds of bad prints, fee plans, caps on shorts."""

from typing import Any

import pytest

from tests.wire.desk import Desk
from tests.wire.test_losses import FUTURE, held, move

pytestmark = pytest.mark.anyio

WHILE = {"symbol": "XBTZ18", "from": "2018-01-12T12:00:00Z", "until": "2018-01-12T13:00:00Z"}


@pytest.fixture
async def desk() -> Desk:
    """Alice was long 1,000 at 10,000 with 100x, and was taken over at 10,100 a contract."""
    made = await held()
    await move(made, 9_950)
    return made


async def refund(desk: Desk, **body: object) -> Any:
    return await desk.ok("POST", "/admin/v1/refund", json_body={**WHILE, **body})


async def refused(desk: Desk, path: str, **body: object) -> str:
    answer = await desk.call("POST", f"/admin/v1{path}", json_body=body)
    assert answer.status_code == 400, answer.text
    text: str = answer.json()["error"]["message"]
    return text


async def test_E9_whom_a_bad_print_liquidated_is_paid_once(desk: Desk) -> None:
    before = (await desk.ok("GET", "/user/margin", "alice"))["walletBalance"]
    fund = await desk.ok("GET", "/admin/v1/fund")
    assert (await refund(desk, reference=10_000, accounts=["bob"]))["refunds"] == []
    assert await refund(desk, reference=10_000, accounts=["alice"]) == {
        "symbol": "XBTZ18",
        "currency": "XBt",
        "refunds": [{"name": "alice", "amount": 100_000}],
    }
    assert (await refund(desk, reference=10_000))["refunds"] == []
    after = (await desk.ok("GET", "/user/margin", "alice"))["walletBalance"]
    assert after - before == 100_000
    assert await desk.ok("GET", "/admin/v1/fund") == fund
    assert (await desk.ok("GET", "/admin/v1/audit"))["ok"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"symbol": "NONE"}, "symbol: 'NONE' is not allowed"),
        ({"accounts": ["nobody"]}, "accounts: 'nobody' is not allowed; no account has this name"),
        ({"reference": 0}, "reference: 0 is not allowed"),
        ({"reference": 10_000.001}, "a price of at most 2 decimals is needed"),
        ({"from": "noon"}, "from: 'noon' is not allowed"),
        ({"from": "2018-01-12T14:00:00Z"}, "must not be after"),
        ({"more": 1}, "more: 1 is not allowed"),
    ],
)
async def test_E9_bad_refunds_are_refused(
    desk: Desk, changes: dict[str, object], words: str
) -> None:
    assert words in await refused(desk, "/refund", **{**WHILE, "reference": 10_000, **changes})


async def test_E3_plans_are_listed_published_and_chosen(desk: Desk) -> None:
    plan = {"name": "Trader", "makerFee": 0.00005, "takerFee": 0.00005, "sessionFee": 0.00015}
    listed = {**FUTURE, "symbol": "XBTU18", "feePlans": [plan]}
    text = await refused(desk, "/instrument", **listed)
    assert text.startswith("feePlans: ")
    assert text.endswith("must have a taker fee of 50 cover a maker fee of -250, in ppm")
    listed["makerFee"] = 0
    row = await desk.ok("POST", "/admin/v1/instrument", json_body=listed)
    assert row["feePlans"] == [plan]
    # Who has an order open keeps what it has.
    order = await desk.place("alice", symbol="XBTU18", orderQty=1, price=9_000)
    text = await refused(desk, "/account", name="alice", feePlan="Trader")
    assert text.endswith("fee plan needs flat: 1 positions and orders are open")
    await desk.ok("DELETE", "/order", "alice", json_body={"orderID": order["orderID"]})
    assert "not one of Trader" in await refused(desk, "/account", name="alice", feePlan="Whale")

    chosen = await desk.ok(
        "POST", "/admin/v1/account", json_body={"name": "alice", "feePlan": "Trader"}
    )

    assert chosen["feePlan"] == "Trader"
    fees = await desk.ok("GET", "/user/commission", "alice")
    assert (fees["XBTU18"]["makerFee"], fees["XBTU18"]["takerFee"]) == (0.00005, 0.00005)
    assert fees["XBTZ18"]["takerFee"] == 0.00075
    own = await desk.ok("POST", "/admin/v1/account", json_body={"name": "alice", "feePlan": None})
    assert own["feePlan"] is None
    assert "create the account" in await refused(desk, "/account", name="new", feePlan="Trader")


async def test_E25_caps_on_shorts_are_listed_and_published(desk: Desk) -> None:
    listed = {**FUTURE, "symbol": "XBTU18", "shortCap": 100}
    row = await desk.ok("POST", "/admin/v1/instrument", json_body=listed)
    assert row["shortCap"] == 100
    body = {"symbol": "XBTU18", "side": "Sell", "orderQty": 101, "price": 10_000}
    answer = await desk.call("POST", "/order", "bob", json_body=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == "Account may not be short of so many contracts"
