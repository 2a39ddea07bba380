"""Loans by REST: routes of our own (E24)."""

from typing import Any

import pytest

from tests.core.world import XBT
from tests.wire.desk import Desk

pytestmark = pytest.mark.anyio

OFFER = {"currency": "ETC", "amount": 300 * XBT, "ratePerDay": 0.001, "days": 7}


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def test_E24_lender_offers_and_borrower_s_order_takes(desk: Desk) -> None:
    offer = await desk.ok("POST", "/loan", "bob", json_body={**OFFER, "autoRenew": False})
    assert offer == {
        "offerID": 1, "currency": "ETC", "amount": 300 * XBT, "reserved": 0, "lent": 0,
        "ratePerDay": 0.001, "days": 7, "autoRenew": False, "compound": False,
    }  # fmt: skip
    sell = {"symbol": "ETC_XBT", "side": "Sell", "orderQty": 100 * XBT, "price": 0.02}
    await desk.place("alice", **sell)
    assert await desk.ok("GET", "/loan/book?currency=ETC") == {
        "currency": "ETC",
        "offers": [{"amount": 200 * XBT, "ratePerDay": 0.001}],
        "demands": [{"amount": 100 * XBT, "maxRatePerDay": 0.05}],
    }
    await desk.place("bob", symbol="ETC_XBT", orderQty=100 * XBT, price=0.02)
    desk.advance(86_400)

    mine = await desk.ok("GET", "/loan", "bob")
    (offer,) = mine["offers"]
    assert (offer["amount"], offer["reserved"], offer["lent"]) == (200 * XBT, 0, 100 * XBT)
    (lent,) = mine["loans"]
    (borrowed,) = (await desk.ok("GET", "/loan", "alice"))["loans"]
    assert (lent["side"], borrowed["side"]) == ("Lend", "Borrow")
    assert (borrowed["principal"], borrowed["interest"]) == (100 * XBT, 10_000_000)
    assert (borrowed["opened"], borrowed["ends"]) == (
        "2018-01-12T12:00:05.000Z", "2018-01-19T12:00:05.000Z",
    )  # fmt: skip
    after = await desk.ok("DELETE", "/loan", "bob", json_body={"offerID": 1})
    assert (after["offers"], len(after["loans"])) == ([], 1)


async def test_E24_dearest_rate_of_a_borrower(desk: Desk) -> None:
    await desk.ok("POST", "/loan", "bob", json_body=OFFER)
    answer = await desk.ok("POST", "/loan/maxRate", "alice", json_body={"ratePerDay": 0.0005})
    assert answer["maxRatePerDay"] == 0.0005
    sell = {"symbol": "ETC_XBT", "side": "Sell", "orderQty": XBT, "price": 0.02}
    refused = await desk.call("POST", "/order", "alice", json_body=sell)
    assert refused.status_code == 400
    assert "nobody lends" in refused.json()["error"]["message"]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"ratePerDay": 0}, "Invalid ratePerDay, above 0 and at most 0.05 are allowed"),
        ({"ratePerDay": -0.01}, "Invalid ratePerDay, above 0 and at most 0.05 are allowed"),
        ({"ratePerDay": 0.0501}, "Invalid ratePerDay, above 0 and at most 0.05 are allowed"),
        ({"ratePerDay": "NaN"}, "Invalid ratePerDay, above 0 and at most 0.05 are allowed"),
        ({"ratePerDay": None}, "Invalid ratePerDay, above 0 and at most 0.05 are allowed"),
        ({"days": 1}, "Invalid days, 2 to 60 are allowed"),
        ({"days": 61}, "Invalid days, 2 to 60 are allowed"),
        ({"days": 2.5}, "Invalid days"),
        ({"amount": 0}, "Invalid amount"),
        ({"amount": -1}, "Invalid amount"),
        ({"amount": "many"}, "Invalid amount"),
        ({"amount": 10**13}, "Account has insufficient Withdrawable Balance"),
        ({"currency": "DOGE"}, "Invalid currency"),
        ({"currency": None}, "Invalid currency"),
        ({"autoRenew": "maybe"}, "Invalid autoRenew"),
    ],
)
async def test_E24_bad_offers_by_rest(desk: Desk, change: dict[str, Any], text: str) -> None:
    answer = await desk.call("POST", "/loan", "bob", json_body={**OFFER, **change})
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, text)
    assert (await desk.ok("GET", "/loan", "bob"))["offers"] == []


async def test_E24_only_one_s_own_offer_is_taken_back(desk: Desk) -> None:
    await desk.ok("POST", "/loan", "bob", json_body=OFFER)
    for who, number in (("alice", 1), ("bob", 2), ("bob", None), ("bob", "x")):
        answer = await desk.call("DELETE", "/loan", who, json_body={"offerID": number})
        assert answer.json()["error"]["message"] == "Invalid offerID"
    assert (await desk.call("GET", "/loan")).status_code == 401
