"""E31: faults that the operator injects, and what clients and the exchange make of them."""

import asyncio
import time
from typing import Any

import pytest
from structlog.testing import capture_logs

from sim_exchange.errors import JournalError
from sim_exchange.journal import FileJournal, MemoryJournal
from sim_exchange.server.faults import KINDS
from sim_exchange.wire.overload import OverloadRule
from sim_exchange.wire.ratelimit import LimitRule
from sim_exchange.wire.times import to_iso
from tests.wire.desk import HEADER, Desk, settle

pytestmark = pytest.mark.anyio

ORDER = {"symbol": "ETC7D", "side": "Buy", "orderQty": 1, "price": 0.0199}
REQUEST_KINDS = {
    "rate-limit": (429, "Rate limit exceeded, retry in 1 seconds.", "RateLimitError"),
    "overload": (503, "The system is currently overloaded. Please try again later.", "HTTPError"),
    "unauthorized": (401, "Invalid API Key.", "HTTPError"),
    "server-error": (500, "Server Error", "HTTPError"),
}


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def add(desk: Desk, **fields: Any) -> Any:
    return await desk.ok("POST", "/admin/v1/fault", json_body=fields)


async def statuses(
    desk: Desk, count: int, who: str = "alice", path: str = "/position"
) -> list[int]:
    return [(await desk.call("GET", path, who)).status_code for _ in range(count)]


# --- list, add, clear


async def test_faults_are_listed_with_what_they_do_and_cleared(desk: Desk) -> None:
    assert await desk.ok("GET", "/admin/v1/fault") == []
    seq = desk.session.seq

    one = await add(desk, name="overload", account="alice", probability=0.5, times=3)
    two = await add(desk, name="slow", delay_s=0.25, method="GET", path="/order", at=[2, 5])

    assert one == {
        "id": 1, "name": "overload", "does": KINDS["overload"].does, "account": "alice",
        "probability": 0.5, "times": 3, "method": "", "path": "", "seen": 0, "fired": 0,
    }  # fmt: skip
    assert (two["at"], two["delay_s"], two["account"]) == ([2, 5], 0.25, None)
    assert await desk.ok("GET", "/admin/v1/fault") == [one, two]
    assert await desk.ok("DELETE", "/admin/v1/fault/1") == {"cleared": 1}
    assert await desk.ok("GET", "/admin/v1/fault") == [two]
    await add(desk, name="drop-before")
    assert await desk.ok("DELETE", "/admin/v1/fault", json_body={"id": 2}) == {"cleared": 1}
    assert await desk.ok("DELETE", "/admin/v1/fault") == {"cleared": 1}
    assert await desk.ok("GET", "/admin/v1/fault") == []
    assert desk.session.seq == seq  # they are no part of the journal


async def test_every_kind_is_known_with_what_it_does(desk: Desk) -> None:
    known = await desk.ok("GET", "/admin/v1/fault/known")
    assert [each["name"] for each in known] == list(KINDS)
    assert all(each["does"] and "name" in each["fields"] for each in known)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "name: None is not allowed; allowed are rate-limit, overload"),
        ({"name": "fire"}, "name: 'fire' is not allowed; allowed are rate-limit"),
        ({"name": "overload", "delay_s": 1}, "delay_s: 1 is not allowed; the fields are name"),
        ({"name": "overload", "account": "eve"}, "account: 'eve' is not allowed; no account has"),
        ({"name": "overload", "probability": 0}, "probability: 0 is not allowed; above 0"),
        ({"name": "overload", "probability": 1.5}, "probability: 1.5 is not allowed"),
        ({"name": "overload", "probability": "1"}, "probability: '1' is not allowed"),
        ({"name": "overload", "at": 0}, "at: 0 is not allowed; a whole number from 1"),
        ({"name": "overload", "at": []}, "at: [] is not allowed"),
        ({"name": "overload", "at": "noon"}, "at: 'noon' is not allowed; an ISO 8601 time"),
        ({"name": "overload", "at": 1, "probability": 1}, "at: 1 is not allowed; it is absent"),
        ({"name": "overload", "times": 0}, "times: 0 is not allowed"),
        ({"name": "overload", "seed": -1}, "seed: -1 is not allowed"),
        ({"name": "overload", "method": "PATCH"}, "method: 'PATCH' is not allowed; allowed are"),
        ({"name": "overload", "path": "/api/v1/order"}, "path: '/api/v1/order' is not allowed"),
        ({"name": "slow"}, "delay_s: None is not allowed; slow needs it"),
        ({"name": "slow", "delay_s": 0}, "delay_s: 0 is not allowed; seconds above 0"),
        ({"name": "rate-limit", "retry_s": 0}, "retry_s: 0 is not allowed"),
        ({"name": "unauthorized", "text": "no"}, "text: 'no' is not allowed; allowed are Invalid"),
        ({"name": "socket-drop", "code": 1006}, "code: 1006 is not allowed; no frame may carry"),
        ({"name": "frame-late", "table": "books"}, "table: 'books' is not allowed; allowed are"),
        ({"name": "disk-slow"}, "name: 'disk-slow' is not allowed; answers don't wait for"),
        ({"name": "feed-doubled"}, "name: 'feed-doubled' is not allowed; nothing feeds"),
        ({"name": "read-failed", "halt_min": 0}, "halt_min: 0 is not allowed"),
    ],
)  # fmt: skip
async def test_what_is_wrong_with_a_fault_is_named(desk: Desk, fields: Any, words: str) -> None:
    answer = await desk.call("POST", "/admin/v1/fault", json_body=fields)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith(words)
    assert await desk.ok("GET", "/admin/v1/fault") == []


async def test_a_fault_that_is_not_there_can_not_be_cleared(desk: Desk) -> None:
    for path, body in (("/fault/7", None), ("/fault", {"id": 7})):
        answer = await desk.call("DELETE", f"/admin/v1{path}", json_body=body)
        assert answer.json()["error"]["message"] == "id: 7 is not allowed; no fault has this id"
    assert (await desk.call("DELETE", "/admin/v1/fault/x")).status_code == 404
    assert (await desk.call("DELETE", "/admin/v1/fund")).status_code == 404


# --- when it strikes


async def test_at_says_which_matches_are_struck(desk: Desk) -> None:
    await add(desk, name="overload", at=[2, 4])
    assert await statuses(desk, 5) == [200, 503, 200, 503, 200]
    (row,) = await desk.ok("GET", "/admin/v1/fault")
    assert (row["seen"], row["fired"]) == (5, 2)


async def test_at_an_instant_strikes_the_first_from_then_on(desk: Desk) -> None:
    await add(desk, name="overload", at=await instant(desk, 60))
    assert await statuses(desk, 2) == [200, 200]
    desk.advance(60)
    assert await statuses(desk, 2) == [503, 200]


async def instant(desk: Desk, seconds: int) -> str:
    return to_iso(desk.clock.now_ns() + seconds * 10**9)


async def test_times_ends_it(desk: Desk) -> None:
    await add(desk, name="overload", times=2)
    assert await statuses(desk, 4) == [503, 503, 200, 200]


async def test_draws_are_seeded_and_repeatable() -> None:
    async def run(**more: Any) -> list[int]:
        desk = Desk()
        await add(desk, name="overload", probability=0.5, **more)
        return await statuses(desk, 40)

    first = await run()
    assert first == await run()
    assert first != await run(seed=8)
    assert first == await run(seed=7)  # the venue's
    assert 8 <= first.count(503) <= 32


async def test_a_fault_of_one_account_leaves_the_others_alone(desk: Desk) -> None:
    await add(desk, name="overload", account="alice")
    assert await statuses(desk, 1, "alice") == [503]
    assert await statuses(desk, 1, "bob") == [200]
    assert await statuses(desk, 1, "", "/instrument") == [200]


async def test_a_fault_of_one_route_leaves_the_others_alone(desk: Desk) -> None:
    await add(desk, name="server-error", method="GET", path="/position")
    assert await statuses(desk, 1, path="/position") == [500]
    assert await statuses(desk, 1, path="/order") == [200]


# --- what clients must survive (protocol.md 7.4)


@pytest.mark.parametrize("name", REQUEST_KINDS)
async def test_a_refused_order_has_not_reached_the_engine(desk: Desk, name: str) -> None:
    await add(desk, name=name, account="alice", method="POST", path="/order", times=1)
    seq = desk.session.seq
    status, message, kind = REQUEST_KINDS[name]

    answer = await desk.call("POST", "/order", "alice", json_body=ORDER)

    assert answer.status_code == status
    assert answer.json() == {"error": {"message": message, "name": kind}}
    assert desk.session.seq == seq
    assert (await desk.place("alice", **ORDER))["ordStatus"] == "New"


async def test_429_says_when_to_come_back_and_never_to_a_cancel(desk: Desk) -> None:
    await add(desk, name="rate-limit", retry_s=3)

    answer = await desk.call("GET", "/position", "alice")

    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "3"
    assert int(answer.headers["x-ratelimit-reset"]) >= desk.host_ns // 10**9 + 3
    assert answer.headers["x-ratelimit-remaining"] == "0"
    assert (await desk.call("DELETE", "/order/all", "alice")).status_code == 200


async def test_503_lets_in_what_load_shedding_lets_in(desk: Desk) -> None:
    await add(desk, name="overload")
    close = {"symbol": "ETC7D", "execInst": "Close"}
    assert (await desk.call("POST", "/order", "alice", json_body=ORDER)).status_code == 503
    assert (await desk.call("DELETE", "/order/all", "alice")).status_code == 200
    assert (await desk.call("POST", "/order", "alice", json_body=close)).status_code != 503


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Signature not valid.", "Signature not valid."),
        ("Authorization Required", "Authorization Required"),
        ("expired", "This request has expired - `expires` is in the past. Current time: "),
    ],
)
async def test_401_in_each_of_its_words_to_whoever_signs(
    desk: Desk, text: str, message: str
) -> None:
    await add(desk, name="unauthorized", text=text)
    answer = await desk.call("GET", "/position", "alice")
    assert answer.status_code == 401
    assert answer.json()["error"]["message"].startswith(message)
    assert (await desk.call("GET", "/instrument")).status_code == 200


async def test_a_slow_answer_is_of_what_was_done_at_once(desk: Desk) -> None:
    await add(desk, name="slow", delay_s=0.2, path="/order", method="POST")
    began = time.monotonic()
    asked = asyncio.ensure_future(desk.place("alice", **ORDER))
    await asyncio.sleep(0.05)
    assert len(desk.exchange.open_orders(desk.alice)) == 1
    assert (await asked)["ordStatus"] == "New"
    assert time.monotonic() - began >= 0.2


@pytest.mark.parametrize(("name", "done"), [("drop-before", 0), ("drop-after", 1)])
async def test_E31_a_dropped_request_is_wholly_done_or_not_at_all(
    desk: Desk, name: str, done: int
) -> None:
    """In memory there is no connection to cut: no answer comes."""
    await add(desk, name=name, method="POST", times=1)
    seq = desk.session.seq
    with pytest.raises(AssertionError):  # of the transport: there must be an answer
        await desk.call("POST", "/order", "alice", json_body={**ORDER, "clOrdID": "mine"})
    assert len(desk.exchange.open_orders(desk.alice)) == done
    assert desk.session.seq == seq + done
    again = await desk.call("POST", "/order", "alice", json_body={**ORDER, "clOrdID": "mine"})
    assert again.status_code == (400 if done else 200)  # its clOrdID is taken


# --- sockets


async def quotes(desk: Desk, sock: Any, count: int) -> list[Any]:
    """Move the book ``count`` times; return actions and sizes that arrived."""
    for number in range(1, count + 1):
        await desk.place("bob", side="Buy", orderQty=number, price=0.0199)
        await settle()
    return [
        (frame["action"], frame["data"][0].get("size"))
        for frame in await sock.take()
        if frame.get("table") == "orderBookL2"
    ]


WHOLE = [("insert", 1), ("update", 3), ("update", 6), ("update", 10)]


@pytest.mark.parametrize(
    ("name", "arrived"),
    [
        ("frame-withheld", [WHOLE[0], *WHOLE[2:]]),
        ("frame-doubled", [*WHOLE[:2], WHOLE[1], *WHOLE[2:]]),
        ("frame-late", [WHOLE[0], WHOLE[2], WHOLE[1], WHOLE[3]]),
    ],
)
async def test_frames_are_withheld_doubled_or_late(
    desk: Desk, name: str, arrived: list[Any]
) -> None:
    await add(desk, name=name, table="orderBookL2", at=2)
    async with desk.socket() as sock:
        await sock.subscribe("orderBookL2:ETC7D")
        assert await quotes(desk, sock, 4) == arrived


async def test_a_partial_and_an_ack_are_never_struck(desk: Desk) -> None:
    for name in ("frame-withheld", "frame-doubled"):
        await add(desk, name=name)
    async with desk.socket() as sock:
        frames = await sock.subscribe("orderBookL2:ETC7D", "instrument:ETC7D")
        assert [frame.get("action") for frame in frames] == [None] * 3 + ["partial"] * 2


async def test_a_frame_that_is_late_comes_even_if_the_fault_is_gone(desk: Desk) -> None:
    await add(desk, name="frame-late", at=2)
    async with desk.socket() as sock:
        await sock.subscribe("orderBookL2:ETC7D")
        assert await quotes(desk, sock, 2) == WHOLE[:1]
        await desk.ok("DELETE", "/admin/v1/fault")
        assert (await sock.say("ping"))[0] == "pong"
        assert [f["data"][0]["size"] for f in await sock.take() if "data" in f] == []


@pytest.mark.parametrize(("code", "closed"), [(None, 1006), (1012, 1012)])
async def test_a_socket_is_dropped_and_can_come_back(desk: Desk, code: Any, closed: int) -> None:
    more = {} if code is None else {"code": code}
    await add(desk, name="socket-drop", account="alice", times=1, **more)
    async with desk.socket(who="alice") as one, desk.socket(who="bob") as other:
        for sock in (one, other):
            await sock.subscribe("orderBookL2:ETC7D")
        await desk.place("bob", side="Buy", orderQty=1, price=0.0199)
        await settle()
        assert (one.closed, other.closed) == (closed, None)
    async with desk.socket(who="alice") as again:
        frames = await again.subscribe("orderBookL2:ETC7D")
        assert frames[-1]["action"] == "partial"
        assert await quotes(desk, again, 1) == [("update", 2)]


async def test_a_socket_is_refused_in_its_handshake_or_by_a_401_frame_and_a_close(
    desk: Desk,
) -> None:
    await add(desk, name="unauthorized", account="alice", path="/realtime", times=2)
    async with desk.socket(who="alice") as refused:
        assert refused.denied == 401
    async with desk.socket() as sock:
        await sock.take()
        expires = desk.host_ns // 10**9 + 5
        signature = desk.signers["alice"].sign(f"GET/realtime{expires}".encode())
        frames = await sock.say({"op": "authKeyExpires", "args": ["alice", expires, signature]})
        assert (frames[0]["status"], frames[0]["error"]) == (401, "Invalid API Key.")
        assert sock.closed == 1000
    async with desk.socket(who="alice") as good:
        assert good.denied is None


async def test_a_handshake_is_answered_429_and_503(desk: Desk) -> None:
    for name, status in (("rate-limit", 429), ("overload", 503)):
        await add(desk, name=name, path="/realtime", times=1)
        async with desk.socket() as sock:
            assert sock.denied == status
    async with desk.socket() as sock:
        assert sock.denied is None


# --- the postmortems


async def until(sock: Any, key: str) -> None:
    """Return when a frame with ``key`` has arrived."""
    for _ in range(5_000):
        if any(key in frame for frame in await sock.take()):
            return
        await asyncio.sleep(0.001)
    raise AssertionError(key)


async def test_E31_disk_at_a_twentieth_of_its_speed_feeds_late_and_sheds(tmp_path: Any) -> None:
    journal = FileJournal(tmp_path / "journal.sim", HEADER, durable=True)
    desk = Desk(journal, overload=OverloadRule(rate=1_000, depth=2))
    began_ns = time.monotonic_ns()
    desk.venue.host_now_ns = lambda: desk.host_ns + time.monotonic_ns() - began_ns

    async def latency(sock: Any) -> float:
        await sock.take()
        began = time.monotonic()
        await desk.place("bob", side="Buy", orderQty=1, price=0.0199)
        await until(sock, "table")
        return time.monotonic() - began

    async def burst() -> list[int]:
        answers = await asyncio.gather(
            *(desk.call("POST", "/order", "alice", json_body=ORDER) for _ in range(4))
        )
        return sorted(answer.status_code for answer in answers)

    async with desk.socket() as sock:
        await sock.subscribe("orderBookL2:ETC7D")
        before = await latency(sock)
        row = await add(desk, name="disk-slow")
        assert row["factor"] == 20
        # 1,000 a second become 50; a sync takes 20 ms at least, and so does what waits for it.
        assert await latency(sock) >= max(0.019, before / 10)
        assert await burst() == [200, 200, 503, 503]
        assert (await desk.call("DELETE", "/order/all", "alice")).status_code == 200
        await desk.ok("DELETE", "/admin/v1/fault")
        assert await latency(sock) < 0.019 + before * 10
    journal.close()


async def test_E31_without_a_queue_the_slow_disk_makes_one(tmp_path: Any) -> None:
    journal = FileJournal(tmp_path / "journal.sim", HEADER, durable=True)
    desk = Desk(journal)
    assert desk.venue.overload is None
    await add(desk, name="disk-slow", factor=100)
    began = time.monotonic()
    assert [(await desk.call("POST", "/order", "alice", json_body=ORDER)).status_code] == [200]
    assert time.monotonic() - began >= 0.1  # 1,000 a second by 100, and the sync
    await desk.ok("DELETE", "/admin/v1/fault")
    assert desk.venue.overload is None
    journal.close()


async def test_E31_a_failed_historic_read_is_an_alarm_and_a_suspension_25_minutes_ahead() -> None:
    desk = Desk()
    await to(desk, "23:05:00")
    await add(desk, name="read-failed", path="/trade/bucketed", times=2, halt_min=255)

    with capture_logs() as logs:
        answers = await statuses(desk, 3, "", "/trade/bucketed?binSize=1m&symbol=ETC7D")

    assert answers == [500, 500, 200]
    alarms = [entry for entry in logs if entry["log_level"] == "error"]
    assert [entry["read"] for entry in alarms] == ["GET /trade/bucketed"] * 2
    (row,) = await desk.ok("GET", "/admin/v1/announcement")  # one suspension, not two
    assert row["kind"] == "mode"
    assert row["effective"].endswith("T23:30:00.000Z")
    assert row["date"].endswith("T23:05:00.000Z")
    assert "historic data could not be read" in row["content"]
    await to(desk, "23:29:59")
    assert (await desk.place("alice", **ORDER))["ordStatus"] == "New"
    await to(desk, "23:30:00")
    refused = await desk.call("POST", "/order", "alice", json_body=ORDER)
    assert refused.status_code == 400
    assert set((await desk.ok("GET", "/admin/v1/state"))["modes"].values()) == {"Halt"}
    await to(desk, "03:45:00")
    assert set((await desk.ok("GET", "/admin/v1/state"))["modes"].values()) == {"Open"}


async def to(desk: Desk, clock: str) -> None:
    """Let time pass up to the next such time of a day."""
    hours, minutes, seconds = map(int, clock.split(":"))
    day = 86_400 * 10**9
    wanted = (hours * 3_600 + minutes * 60 + seconds) * 10**9
    now = desk.clock.now_ns()
    desk.control.advance_to(now + (wanted - now) % day)


async def test_E31_notice_is_never_shorter_than_25_minutes() -> None:
    desk = Desk()
    await to(desk, "23:05:01")
    await add(desk, name="read-failed")
    assert await statuses(desk, 1, "alice", "/execution") == [500]
    (row,) = await desk.ok("GET", "/admin/v1/announcement")
    assert row["effective"].endswith("T23:35:00.000Z")


async def test_read_failed_strikes_reads_of_what_has_happened_only(desk: Desk) -> None:
    await add(desk, name="read-failed")
    assert await statuses(desk, 1, path="/position") == [200]
    assert await statuses(desk, 1, path="/order") == [200]
    assert await statuses(desk, 1, path="/user/walletHistory") == [500]


async def test_E31_a_journal_that_can_not_be_read_back_suspends_and_does_not_stop() -> None:
    class Unreadable(MemoryJournal):
        def read(self, from_seq: int = 1) -> Any:
            raise JournalError("bad checksum of record 3")

    desk = Desk(Unreadable(HEADER, keep=True))
    with capture_logs() as logs, pytest.raises(AssertionError):  # the answer ends in its middle
        await desk.call("GET", "/admin/v1/journal")
    assert [entry["read"] for entry in logs] == ["journal (bad checksum of record 3)"]
    (row,) = await desk.ok("GET", "/admin/v1/announcement")
    assert (row["kind"], row["state"]) == ("mode", "Pending")
    assert (await desk.place("alice", **ORDER))["ordStatus"] == "New"


async def test_E31_an_overloaded_limit_store_does_not_delay_trade_requests() -> None:
    desk = Desk(limits=LimitRule(with_key=300, without_key=150, seconds=300))
    await add(desk, name="limit-store-slow", delay_s=0.3)

    async def timed(method: str, path: str, body: Any = None) -> float:
        began = time.monotonic()
        answer = await desk.call(method, path, "alice", json_body=body)
        assert answer.status_code == 200, answer.text
        assert "x-ratelimit-remaining" in answer.headers  # it is counted all the same
        return time.monotonic() - began

    reading = asyncio.ensure_future(timed("GET", "/position"))
    await asyncio.sleep(0)
    trades = [
        await timed("POST", "/order", ORDER),
        await timed("POST", "/order/bulk", {"orders": [ORDER]}),
        await timed("DELETE", "/order/all"),
    ]
    assert sum(trades) < 0.3
    assert not reading.done()
    assert await reading >= 0.3
