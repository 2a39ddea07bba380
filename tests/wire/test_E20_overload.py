"""E20: a queue before the door sheds what it can't take, at once; cancels pass."""

import asyncio
import json
from typing import Any

import pytest

from sim_exchange.core.types import SECOND_NS
from sim_exchange.errors import OverloadError
from sim_exchange.wire.overload import OverloadQueue, OverloadRule
from sim_exchange.wire.ratelimit import LimitRule
from tests.wire.desk import Desk

TEXT = "The system is currently overloaded. Please try again later."
ORDER = {"symbol": "ETC7D", "side": "Buy", "orderQty": 1, "price": 0.0199}


def test_E20_request_101_of_a_queue_of_100_is_shed() -> None:
    queue = OverloadQueue(OverloadRule(rate=10, depth=100))
    for i in range(100):
        assert queue.enter(0) == (i + 1) * SECOND_NS // 10
    assert queue.depth(0) == 100
    with pytest.raises(OverloadError) as shed:
        queue.enter(0)
    assert (shed.value.status, shed.value.message) == (503, TEXT)
    assert queue.depth(0) == 100
    queue.enter(0, exempt=True)  # a cancel at depth 100
    assert queue.depth(0) == 101


def test_E20_the_queue_empties_at_its_rate() -> None:
    queue = OverloadQueue(OverloadRule(rate=10, depth=2))
    assert (queue.enter(0), queue.enter(0)) == (100_000_000, 200_000_000)
    assert queue.depth(99_999_999) == 2
    with pytest.raises(OverloadError):
        queue.enter(99_999_999)
    assert queue.enter(100_000_000) == 300_000_000
    assert queue.depth(10**12) == 0
    assert queue.enter(10**12) == 10**12 + 100_000_000


# --- from outside, with a queue so slow that it stays full


@pytest.fixture
def desk() -> Desk:
    return Desk(overload=OverloadRule(rate=2, depth=1))


async def crowded(desk: Desk, *calls: tuple[str, str, Any]) -> list[tuple[int, str]]:
    """Send one order and, while it waits, ``calls``; return the statuses and texts of those."""
    first = asyncio.ensure_future(desk.call("POST", "/order", "alice", json_body=ORDER))
    await asyncio.sleep(0.02)
    answers = await asyncio.gather(
        *(desk.call(method, path, "alice", json_body=body) for method, path, body in calls)
    )
    assert (await first).status_code == 200
    return [(a.status_code, a.text) for a in answers]


@pytest.mark.anyio
async def test_E20_what_is_shed_is_shed_at_once_and_has_not_reached_the_engine(desk: Desk) -> None:
    bulk = {"orders": [ORDER, {**ORDER, "execInst": "Close", "orderQty": None}]}
    leverage = {"symbol": "ETC7D", "leverage": 2}
    transfer = {"symbol": "ETC7D", "amount": 1}
    seq = desk.session.seq
    answers = await crowded(
        desk,
        ("POST", "/order", ORDER),
        ("PUT", "/order", {"orderID": "0", "price": 0.0198}),
        ("POST", "/order/bulk", bulk),
        ("PUT", "/order/bulk", {"orders": [{"orderID": "0", "price": 0.0198}]}),
        ("POST", "/order", {"symbol": "ETC7D", "execInst": "Close", "orderQty": 10}),
        ("POST", "/position/leverage", leverage),
        ("POST", "/position/isolate", {"symbol": "ETC7D"}),
        ("POST", "/position/transferMargin", transfer),
        ("POST", "/position/riskLimit", {"symbol": "ETC7D", "riskLimit": 1}),
    )
    assert {status for status, _ in answers} == {503}
    error = {"error": {"message": TEXT, "name": "HTTPError"}}
    assert all(json.loads(text) == error for _, text in answers)
    assert desk.session.seq == seq + 1


@pytest.mark.anyio
async def test_E20_cancels_and_whole_closes_are_let_in_and_served_in_turn(desk: Desk) -> None:
    answers = await crowded(
        desk,
        ("POST", "/order", {"symbol": "ETC7D", "execInst": "Close"}),
        ("DELETE", "/order/all", {}),
    )
    # There is nothing to close: the engine says so, so it has heard of it.
    assert [status for status, _ in answers] == [400, 200]
    assert "current position is 0" in answers[0][1]
    assert '"ordStatus":"Canceled"' in answers[1][1]  # the first order was served before it


@pytest.mark.anyio
async def test_E20_a_shed_request_counts_for_the_rate_limit() -> None:
    desk = Desk(overload=OverloadRule(rate=2, depth=1), limits=LimitRule(10, 10, 3600))
    first = asyncio.ensure_future(desk.call("POST", "/order", "alice", json_body=ORDER))
    await asyncio.sleep(0.02)
    shed = await desk.call("POST", "/order", "alice", json_body=ORDER)
    assert (shed.status_code, shed.headers["x-ratelimit-remaining"]) == (503, "8")
    await first


@pytest.mark.anyio
async def test_E20_reads_do_not_wait(desk: Desk) -> None:
    ((status, _),) = await crowded(desk, ("GET", "/order", None))
    assert status == 200


@pytest.mark.anyio
async def test_E20_without_a_rule_there_is_no_queue() -> None:
    assert Desk().venue.overload is None
