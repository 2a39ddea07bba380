"""E19: an address that is refused too often is kept out for an hour, the third time for a week."""

import json
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from sim_exchange.core.types import DAY_NS, HOUR_NS, SECOND_NS
from sim_exchange.server.run import HttpServer
from sim_exchange.wire.bans import BANS_TO_A_WEEK, WEEK_NS, Ban, BanRule, Bans, parse_bans
from sim_exchange.wire.ratelimit import LimitRule
from tests.core.world import START_NS
from tests.wire.desk import TOKEN, Desk

HOME = "127.0.0.1"
OTHER = "127.0.0.2"
THREE_A_MINUTE = BanRule(refusals=3, seconds=60)


def banned(bans: Bans, address: str, now_ns: int) -> Ban:
    """Refuse an address until it is banned; the ban."""
    for _ in range(bans.rule.refusals - 1):
        assert bans.refused(address, now_ns) is None
    ban = bans.refused(address, now_ns)
    assert ban is not None
    return ban


# --- the rule, time being an argument


def test_E19_the_nth_refusal_bans_for_an_hour_to_the_nanosecond() -> None:
    bans = Bans(THREE_A_MINUTE)
    assert [bans.refused("a", 0), bans.refused("a", 1), bans.left_s("a", 1)] == [None, None, 0]
    assert bans.refused("a", 2) == Ban("a", 2, 2 + HOUR_NS, 1)

    assert bans.left_s("a", 2) == 3_600
    assert bans.left_s("a", 3) == 3_600  # whole seconds, rounded up
    assert bans.left_s("a", 2 + SECOND_NS) == 3_599
    assert bans.left_s("a", 1 + HOUR_NS) == 1
    assert bans.left_s("a", 2 + HOUR_NS) == 0


def test_E19_a_refusal_of_so_many_seconds_ago_no_longer_counts() -> None:
    late = Bans(THREE_A_MINUTE)
    assert [late.refused("a", at * SECOND_NS) for at in (0, 30, 60, 90, 120)] == [None] * 5
    soon = Bans(THREE_A_MINUTE)
    assert [soon.refused("a", at) for at in (0, 30 * SECOND_NS)] == [None] * 2
    assert soon.refused("a", 60 * SECOND_NS - 1) is not None


def test_E19_addresses_count_apart() -> None:
    bans = Bans(THREE_A_MINUTE)
    assert [bans.refused(who, 0) for who in "abab"] == [None] * 4
    assert bans.refused("b", 0) is not None
    assert (bans.left_s("a", 0), bans.left_s("b", 0)) == (0, 3_600)
    assert [ban.address for ban in bans.in_force(0)] == ["b"]


def test_E19_what_is_answered_while_banned_does_not_prolong_it_and_counts_for_nothing() -> None:
    bans = Bans(THREE_A_MINUTE)
    banned(bans, "a", 0)
    assert [bans.refused("a", HOUR_NS - 1) for _ in range(10)] == [None] * 10
    assert bans.left_s("a", HOUR_NS) == 0
    assert [bans.refused("a", HOUR_NS) for _ in range(2)] == [None] * 2
    assert bans.refused("a", HOUR_NS) == Ban("a", HOUR_NS, 2 * HOUR_NS, 2)


def test_E19_the_third_ban_within_a_week_lasts_a_week() -> None:
    bans = Bans(THREE_A_MINUTE)
    assert BANS_TO_A_WEEK == 3
    assert banned(bans, "a", 0).until_ns == HOUR_NS
    assert banned(bans, "a", 2 * DAY_NS).until_ns == 2 * DAY_NS + HOUR_NS
    third = banned(bans, "a", WEEK_NS - 1)
    assert (third.number, third.until_ns) == (3, 2 * WEEK_NS - 1)
    assert bans.left_s("a", WEEK_NS - 1) == 604_800
    assert bans.left_s("a", 2 * WEEK_NS - 2) == 1
    assert bans.left_s("a", 2 * WEEK_NS - 1) == 0
    # All three are a week ago or more.
    assert banned(bans, "a", 2 * WEEK_NS - 1).number == 1


def test_E19_a_ban_of_a_week_ago_no_longer_counts() -> None:
    bans = Bans(THREE_A_MINUTE)
    for at_ns in (0, 2 * DAY_NS):
        banned(bans, "a", at_ns)
    assert banned(bans, "a", WEEK_NS) == Ban("a", WEEK_NS, WEEK_NS + HOUR_NS, 2)


def test_E19_a_ban_ends_once_and_is_told_once() -> None:
    bans = Bans(BanRule(1, 60))
    first, second = banned(bans, "a", 0), banned(bans, "b", 5)
    assert bans.take_ended() == []
    assert bans.in_force(HOUR_NS) == [second]
    assert bans.take_ended() == [first]
    assert bans.in_force(HOUR_NS + 5) == []
    assert bans.take_ended() == [second]
    assert bans.take_ended() == []


def test_E19_a_clock_that_goes_backwards_ends_no_ban_early_and_begins_none_anew() -> None:
    bans = Bans(THREE_A_MINUTE)
    ban = banned(bans, "a", 10 * HOUR_NS)
    assert bans.left_s("a", 9 * HOUR_NS) == 2 * 3_600
    assert bans.refused("a", 9 * HOUR_NS) is None
    assert bans.left_s("a", ban.until_ns - 1) == 1
    assert bans.left_s("a", ban.until_ns) == 0
    assert bans.left_s("a", 10 * HOUR_NS) == 0  # over is over
    assert bans.take_ended() == [ban]


def test_E19_a_clock_that_goes_backwards_counts_no_refusal_twice_nor_keeps_it_longer() -> None:
    bans = Bans(THREE_A_MINUTE)
    assert bans.refused("a", 1_000 * SECOND_NS) is None
    assert bans.refused("a", 100 * SECOND_NS) is None
    # Both are of second 100 now, where the clock stood last: not two and one ahead of it.
    assert bans.refused("a", 160 * SECOND_NS) is None
    assert bans.refused("a", 219 * SECOND_NS) is None
    assert bans.refused("a", 219 * SECOND_NS) is not None

    again = Bans(THREE_A_MINUTE)
    assert [again.refused("a", at * SECOND_NS) for at in (1_000, 100)] == [None, None]
    assert again.refused("a", 160 * SECOND_NS - 1) is not None


def test_E19_a_ban_begun_ahead_of_the_clock_counts_towards_the_week_once() -> None:
    bans = Bans(BanRule(1, 60))
    assert banned(bans, "a", WEEK_NS).number == 1
    assert bans.left_s("a", WEEK_NS + HOUR_NS) == 0
    assert banned(bans, "a", 0).number == 2
    assert bans.left_s("a", HOUR_NS) == 0
    assert banned(bans, "a", DAY_NS).number == 3


def test_E19_who_is_let_in_by_the_operator_starts_afresh() -> None:
    bans = Bans(THREE_A_MINUTE)
    for at_ns in (0, DAY_NS):
        banned(bans, "a", at_ns)
    lifted = bans.lift("a", DAY_NS)
    assert lifted is not None
    assert (lifted.number, bans.left_s("a", DAY_NS), bans.take_ended()[1:]) == (2, 0, [])
    assert bans.lift("a", DAY_NS) is None
    assert banned(bans, "a", DAY_NS).number == 1


class SmallBans(Bans):
    """With room for four of each."""

    __slots__ = ()
    MAX_ADDRESSES = 4
    MAX_REFUSALS = 4


def test_E19_addresses_without_a_refusal_of_late_are_dropped() -> None:
    bans = Bans(THREE_A_MINUTE)
    for number in range(500):
        bans.refused(f"10.0.0.{number}", number)
    assert (len(bans._refused), bans._kept) == (500, 500)
    bans.refused("a", 60 * SECOND_NS + 498)
    assert list(bans._refused) == ["10.0.0.499", "a"]
    assert bans._kept == 2


def test_E19_beyond_the_cap_who_was_refused_longest_ago_is_forgotten() -> None:
    bans = SmallBans(THREE_A_MINUTE)
    for who in ("a", "b", "c", "a", "d"):  # a has two, and is fresher than b
        assert bans.refused(who, 0) is None
    assert (list(bans._refused), bans._kept) == (["c", "a", "d"], 4)
    assert bans.refused("a", 0) is not None
    assert (list(bans._refused), bans._kept) == (["c", "d"], 2)


def test_E19_beyond_the_cap_the_oldest_ban_gives_way_those_that_are_over_first() -> None:
    bans = SmallBans(BanRule(1, 60))
    for at, who in enumerate("abc"):
        banned(bans, who, at * HOUR_NS)
    banned(bans, "d", 2 * HOUR_NS)
    banned(bans, "e", 2 * HOUR_NS)  # a's is over
    assert "".join(bans._begun) == "bcde"
    banned(bans, "f", 2 * HOUR_NS)  # b's, too
    ended = [ban.address for ban in bans.take_ended()]
    banned(bans, "g", 2 * HOUR_NS)  # c is still banned, as are all others
    assert ended == ["a", "b"]
    assert [ban.address for ban in bans.take_ended()] == ["c"]
    assert [ban.address for ban in bans.in_force(2 * HOUR_NS)] == ["d", "e", "f", "g"]
    # A week later nothing of them is kept.
    banned(bans, "h", 2 * HOUR_NS + WEEK_NS)
    assert "".join(bans._begun) == "h"


def test_E19_option_of_bans() -> None:
    assert parse_bans("off") is None
    assert parse_bans("20/60") == BanRule(20, 60)
    assert parse_bans("9999/999999") == BanRule(9_999, 999_999)
    for text in ("", "era", "on", "0/60", "20/0", "20", "-1/60", "1.5/60", "10000/60", "20/60 "):
        with pytest.raises(ValueError, match="allowed are off, and N/SECONDS"):
            parse_bans(text)


# --- from outside


@pytest.fixture
def desk() -> Desk:
    return Desk(bans=THREE_A_MINUTE)


def by(desk: Desk, address: str) -> httpx.AsyncClient:
    """A client of another address, in memory."""
    transport = httpx.ASGITransport(app=desk.app, client=(address, 1))
    return httpx.AsyncClient(transport=transport, base_url="http://sim")


async def wrong(desk: Desk, times: int) -> list[int]:
    """Ask for what isn't there; the statuses."""
    return [(await desk.call("GET", "/nothing")).status_code for _ in range(times)]


def refused_for(answer: Any, seconds: int) -> None:
    """Check the answer to a banned address."""
    message = (
        f"This IP address is banned for too many refused requests, retry in {seconds} seconds."
    )
    assert answer.status_code == 403
    assert answer.json() == {"error": {"message": message, "name": "HTTPError"}}
    assert answer.headers["retry-after"] == str(seconds)


@pytest.mark.anyio
async def test_E19_a_banned_address_is_refused_over_sockets_until_the_hour_is_over(
    desk: Desk,
) -> None:
    server = HttpServer(desk.app)
    port = await server.start()
    url = f"ws://127.0.0.1:{port}/realtime?subscribe=trade:ETC7D"
    try:
        async with (
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}/api/v1") as client,
            connect(url, proxy=None) as open_before,
        ):
            assert "info" in json.loads(await open_before.recv())
            answers = [await client.get("/nothing") for _ in range(2)]
            assert [answer.status_code for answer in answers] == [404, 404]
            assert (await client.get("/instrument")).status_code == 200
            third = await client.get("/nothing")
            assert (third.status_code, "retry-after" in third.headers) == (404, False)

            refused_for(await client.get("/instrument"), 3_600)
            refused_for(await client.post("/order", content=b"x" * 900_000), 3_600)
            headers = desk.headers("alice", "GET", "/api/v1/position")
            refused_for(await client.get("/position", headers=headers), 3_600)
            with pytest.raises(InvalidStatus) as caught:
                await connect(url, proxy=None)
            denied = caught.value.response
            assert (denied.status_code, denied.headers["retry-after"]) == (403, "3600")
            error = json.loads(denied.body)["error"]
            assert error["message"].startswith("This IP address is banned for too many refused")
            assert error["name"] == "HTTPError"
            # Who is in stays in.
            await open_before.send("ping")
            while await open_before.recv() != "pong":
                pass

            desk.host_ns += HOUR_NS - 1
            refused_for(await client.get("/instrument"), 1)
            desk.host_ns += 1
            assert (await client.get("/instrument")).status_code == 200
            async with connect(url, proxy=None):
                pass
    finally:
        await server.stop()


@pytest.mark.anyio
async def test_E19_another_address_is_served(desk: Desk) -> None:
    assert await wrong(desk, 4) == [404, 404, 404, 403]
    async with by(desk, OTHER) as other:
        assert (await other.get("/api/v1/instrument")).status_code == 200
        headers = desk.headers("alice", "GET", "/api/v1/position")
        assert (await other.get("/api/v1/position", headers=headers)).status_code == 200


@pytest.mark.anyio
async def test_E19_refused_handshakes_count(desk: Desk) -> None:
    desk.account("carol")
    for who in ("carol", "carol", "carol"):
        desk.signers[who] = desk.signers["bob"]  # who signs with another's secret
        async with desk.socket(who=who) as socket:
            assert socket.denied == 401
    async with desk.socket() as socket:
        assert socket.denied == 403
    assert await wrong(desk, 1) == [403]


@pytest.mark.anyio
async def test_E19_429_and_503_count() -> None:
    desk = Desk(bans=THREE_A_MINUTE, limits=LimitRule(1, 1, 3600))
    statuses = [(await desk.call("GET", "/instrument")).status_code for _ in range(5)]
    assert statuses == [200, 429, 429, 429, 403]

    desk = Desk(bans=THREE_A_MINUTE)
    await desk.ok("POST", "/admin/v1/fault", json_body={"name": "overload"})
    statuses = [(await desk.call("GET", "/instrument")).status_code for _ in range(4)]
    assert statuses == [503, 503, 503, 403]


@pytest.mark.anyio
async def test_E19_the_operator_is_never_banned_and_his_mistakes_do_not_count(desk: Desk) -> None:
    bad_token = {"authorization": "Bearer nope"}
    for _ in range(20):
        answer = await desk.call("GET", "/admin/v1/bans", headers=bad_token)
        assert answer.status_code == 401
        assert (await desk.call("POST", "/admin/v1/clock", body=b"x")).status_code == 400
    assert await desk.ok("GET", "/admin/v1/bans") == []
    assert await wrong(desk, 4) == [404, 404, 404, 403]
    assert (await desk.ok("GET", "/admin/v1/state"))["seed"] == 7


@pytest.mark.anyio
async def test_E19_the_operator_sees_bans_and_lifts_one_or_all(desk: Desk) -> None:
    await wrong(desk, 3)
    async with by(desk, OTHER) as other:
        for _ in range(3):
            await other.get("/api/v1/nothing")
        row = {"since": "2018-01-12T12:00:00.000Z", "until": "2018-01-12T13:00:00.000Z"}
        assert desk.host_ns == START_NS
        assert await desk.ok("GET", "/admin/v1/bans") == [
            {"address": HOME, **row, "number": 1},
            {"address": OTHER, **row, "number": 1},
        ]
        lifted = await desk.ok("DELETE", f"/admin/v1/bans/{OTHER}")
        assert lifted == {"lifted": 1}
        assert (await other.get("/api/v1/instrument")).status_code == 200
        assert await wrong(desk, 1) == [403]

        for _ in range(3):
            await other.get("/api/v1/nothing")
        one = {"address": OTHER}
        assert await desk.ok("DELETE", "/admin/v1/bans", json_body=one) == {"lifted": 1}
        for _ in range(3):
            await other.get("/api/v1/nothing")
        assert await desk.ok("DELETE", "/admin/v1/bans") == {"lifted": 2}
        assert (await other.get("/api/v1/instrument")).status_code == 200
    assert await wrong(desk, 2) == [404, 404]
    assert await desk.ok("DELETE", "/admin/v1/bans") == {"lifted": 0}


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("path", "fields", "words"),
    [
        ("/bans/10.0.0.9", {}, "address: '10.0.0.9' is not allowed; it is not banned"),
        ("/bans", {"address": "10.0.0.9"}, "address: '10.0.0.9' is not allowed; it is not banned"),
        ("/bans", {"address": 5}, "address: 5 is not allowed; a text is needed"),
        ("/bans", {"adress": HOME}, "adress: '127.0.0.1' is not allowed; the fields are address"),
    ],
)
@pytest.mark.parametrize("rule", [None, THREE_A_MINUTE], ids=["off", "on"])
async def test_E19_a_ban_that_is_not_there_is_not_lifted(
    path: str, fields: dict[str, Any], words: str, rule: BanRule | None
) -> None:
    desk = Desk(bans=rule)
    answer = await desk.call("DELETE", f"/admin/v1{path}", json_body=fields)
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, words)
    for gone in ("/ban", "x/bans", "bans"):
        assert (await desk.call("DELETE", f"/admin/v1{gone}")).status_code == 404


@pytest.mark.anyio
async def test_E19_begin_and_end_of_a_ban_are_in_the_log(desk: Desk) -> None:
    with capture_logs() as logs:
        await wrong(desk, 3)
        desk.host_ns += HOUR_NS
        await desk.call("GET", "/instrument")
        await wrong(desk, 3)
        await desk.ok("DELETE", f"/admin/v1/bans/{HOME}")
    first, second = "2018-01-12T13:00:00.000Z", "2018-01-12T14:00:00.000Z"
    begun = {"event": "address banned", "log_level": "warning", "address": HOME}
    assert logs == [
        {**begun, "until": first, "number": 1},
        {"event": "ban ended", "log_level": "info", "address": HOME, "until": first},
        {**begun, "until": second, "number": 2},
        {"event": "ban lifted", "log_level": "info", "address": HOME, "until": second},
    ]


@pytest.mark.anyio
async def test_E19_nobody_is_banned_unasked() -> None:
    desk = Desk()
    transport = httpx.ASGITransport(app=desk.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://sim") as client:
        statuses = [(await client.get("/api/v1/nothing")).status_code for _ in range(500)]
        assert statuses == [404] * 500
        assert (await client.get("/api/v1/instrument")).status_code == 200
    bearer = {"authorization": f"Bearer {TOKEN}"}
    assert (await desk.call("GET", "/admin/v1/bans", headers=bearer)).json() == []
    assert await desk.ok("DELETE", "/admin/v1/bans") == {"lifted": 0}
