"""The venue behind its port, against a small exchange that is an ASGI application and a socket."""

import asyncio
import json
from http import HTTPStatus
from typing import Any

import pytest
from websockets.asyncio.server import serve

from mmbot.clock import SystemClock
from mmbot.errors import AccessRefusedError, VenueUnavailableError
from mmbot.types import (
    Amend,
    AmendOrders,
    Answered,
    ArmDeadMan,
    CancelAll,
    CancelOrders,
    Connected,
    Disconnected,
    Event,
    FillSeen,
    InstrumentSeen,
    Listen,
    MarginSeen,
    NewOrder,
    PlaceOrders,
    PositionSeen,
    RefreshState,
    Side,
)
from mmbot.venue.bitmex.auth import Signer
from mmbot.venue.bitmex.endpoint import endpoint_of
from mmbot.venue.bitmex.realtime import Backoff, open_websocket
from mmbot.venue.bitmex.rest import BitMexVenue, Lines
from mmbot.venue.port import Reply

pytestmark = pytest.mark.anyio

ROW = {
    "symbol": "ETC7D",
    "state": "Open",
    "typ": "FFCCSX",
    "listing": "2018-01-12T12:00:00.000Z",
    "expiry": "2018-01-19T12:00:00.000Z",
    "tickSize": 1e-6,
    "multiplier": 100000000,
    "settlCurrency": "XBt",
    "isQuanto": False,
    "isInverse": False,
}
ORDER = {"orderID": "u1", "clOrdID": "m1q1", "symbol": "ETC7D", "ordStatus": "New", "price": 0.0265}
QUOTE = NewOrder(symbol="ETC7D", side=Side.BUY, order_qty=3, price=26500, cl_ord_id="m1q1")


ROWS = ("GET", "/api/v1/instrument")


class FakeLane:
    """Answers by (method, path); remembers what it was asked."""

    def __init__(self):
        self.asked: list[Any] = []
        self.socket: Any = None  # the stream that ``ready`` opened beside it
        self.answers: dict[tuple[str, str], Any] = {
            ROWS: (200, [ROW]),
            ("GET", "/api/v1/execution/tradeHistory"): (200, []),
            ("GET", "/api/v1/order"): (200, [ORDER]),
            ("GET", "/api/v1/user/margin"): (
                200,
                [{"account": 1, "currency": "XBt", "walletBalance": 9, "availableMargin": 6}],
            ),
            ("GET", "/api/v1/position"): (200, [{"symbol": "ETC7D", "currentQty": -4}]),
        }

    async def request(self, method, target, headers, body=b""):
        path = target.partition("?")[0]
        self.asked.append((method, path, json.loads(body) if body else None, headers))
        status, answer, *more = self.answers[method, path]
        if callable(answer):
            answer = answer(json.loads(body))
        text = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        return Reply(status, more[0] if more else {}, text)

    async def close(self):
        pass


class Exchange:
    """The stream's side: greets, acknowledges, sends partials, then what it is told to send."""

    def __init__(self):
        self.url = ""
        self.sockets = []
        self.headers = []
        self.refuse = None
        self.pings = 0
        self.mute = set()

    async def handle(self, socket):
        self.sockets.append(socket)
        await socket.send('{"info":"Welcome to the BitMEX Realtime API."}')
        async for text in socket:
            if text == "ping":
                self.pings += 1
                await socket.send("pong")
                continue
            args = json.loads(text)["args"]
            for topic in args:
                await socket.send(json.dumps({"success": True, "subscribe": topic}))
            for topic in args:
                table = topic.partition(":")[0]
                if table not in self.mute:
                    rows = [ROW] if table == "instrument" else []
                    await self.say(table, "partial", rows)

    async def say(self, table, action, rows):
        text = json.dumps({"table": table, "action": action, "keys": [], "data": rows})
        await self.sockets[-1].send(text)

    def gate(self, connection, request):
        self.headers.append(request.headers)
        if self.refuse:
            return connection.respond(self.refuse, '{"error":{"message":"Signature not valid."}}')
        return None


@pytest.fixture
async def exchange():
    exchange = Exchange()
    async with serve(exchange.handle, "127.0.0.1", 0, process_request=exchange.gate) as server:
        exchange.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield exchange


def venue_on(url, lane, *, within_s=5.0, ping_after_s=5.0):
    async def open_socket(target, headers):
        return await open_websocket(url + target, headers, use_proxy=False)

    return BitMexVenue(
        "main",
        Lines(orders=lane, reads=lane, open_socket=open_socket),
        signer=Signer("key", "secret", SystemClock()),
        clock=SystemClock(),
        connect_within_s=within_s,
        ping_after_s=ping_after_s,
        backoff=Backoff(first_s=0.02, most_s=0.05, seed=1),
    )


async def until(condition):
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 -- what is waited for is in another's hands
            await asyncio.sleep(0.005)


class Silent:
    """A stream of empty tables; ``arms``: takes the dead-man switch, None: ends instead."""

    def __init__(self, arms):
        self.arms = arms
        self.armed = []
        self.take: Any = None
        self.ended = asyncio.get_running_loop().create_future()

    async def send(self, text):
        said = json.loads(text)
        if said["op"] == "cancelAllAfter":
            await self.arm(said)
            return
        self.topics = said["args"]
        self.left = [
            json.dumps({"table": topic.partition(":")[0], "action": "partial", "data": []})
            for topic in self.topics
        ]

    async def arm(self, said):
        self.armed.append(said["args"])
        if self.arms:
            frame = {"now": "", "cancelTime": 0, "request": said}
        else:
            frame = {"status": 400, "error": "Unknown op.", "request": said}
        if self.arms is None:
            self.ended.set_exception(VenueUnavailableError("gone"))
        else:
            self.take(json.dumps(frame))

    async def recv(self):
        return self.left.pop()

    async def pump(self, take):
        self.take = take
        await self.ended

    async def close(self):
        pass


async def ready(lane=None, *, arms=True, stream=Silent):
    """A venue that knows its instruments, with a stream that only takes the dead-man switch."""
    lane = lane or FakeLane()

    async def open_socket(target, headers):
        lane.socket = stream(arms)
        return lane.socket

    venue = BitMexVenue(
        "main",
        Lines(orders=lane, reads=lane, open_socket=open_socket),
        signer=Signer("key", "secret", SystemClock()),
        clock=SystemClock(),
    )
    heard: list[Event] = []
    await venue.start(heard.append, [row["symbol"] for row in lane.answers[ROWS][1]])
    lane.asked.clear()
    return venue, lane, heard


# --- actions --------------------------------------------------------------------------------------


async def test_one_order_goes_alone_and_more_go_as_a_bulk():
    venue, lane, _ = await ready()
    lane.answers["POST", "/api/v1/order"] = (200, ORDER)
    lane.answers["POST", "/api/v1/order/bulk"] = (200, [ORDER, ORDER | {"orderID": "u2"}])

    one = await venue.perform(PlaceOrders(action_id=1, orders=(QUOTE,)))
    two = await venue.perform(PlaceOrders(action_id=2, orders=(QUOTE, QUOTE)))
    await venue.close()

    assert (one.error, one.action_id, one.orders[0].price) == (None, 1, 26500)
    assert [order.order_id for order in two.orders] == ["u1", "u2"]
    assert lane.asked[0][:2] == ("POST", "/api/v1/order")
    assert lane.asked[0][2]["price"] == 0.0265
    assert len(lane.asked[1][2]["orders"]) == 2
    assert lane.asked[0][3]["api-key"] == "key"


async def test_where_bulks_are_gone_orders_go_one_by_one():
    venue, lane, _ = await ready()
    gone = {"error": {"message": "Not Found", "name": "HTTPError"}}
    lane.answers["PUT", "/api/v1/order/bulk"] = (404, gone)
    lane.answers["PUT", "/api/v1/order"] = (200, lambda body: ORDER | {"orderID": body["orderID"]})
    amends = tuple(
        Amend(order_id=f"u{n}", cl_ord_id="", symbol="ETC7D", side=Side.BUY, order_qty=1, price=n)
        for n in (1, 2)
    )

    answer = await venue.perform(AmendOrders(action_id=1, amends=amends))
    await venue.perform(AmendOrders(action_id=2, amends=amends))
    await venue.close()

    assert [order.order_id for order in answer.orders] == ["u1", "u2"]
    assert [path for _, path, _, _ in lane.asked].count("/api/v1/order/bulk") == 1


async def test_cancels_and_the_dead_man():
    venue, lane, _ = await ready()
    lane.answers["DELETE", "/api/v1/order"] = (200, [ORDER | {"ordStatus": "Canceled"}])
    lane.answers["DELETE", "/api/v1/order/all"] = (200, [])
    lane.answers["POST", "/api/v1/order/cancelAllAfter"] = (200, {"now": "", "cancelTime": 0})

    await venue.perform(CancelOrders(action_id=1, order_ids=("u1",), cl_ord_ids=("m1q2",)))
    await venue.perform(CancelAll(action_id=2, symbol="ETC7D"))
    await venue.close()

    assert [body for _, _, body, _ in lane.asked] == [
        {"orderID": ["u1"], "clOrdID": ["m1q2"]},
        {"symbol": "ETC7D"},
    ]


async def test_4_9_the_dead_man_goes_by_the_stream_while_it_is_up():
    venue, lane, _ = await ready()

    armed = await venue.perform(ArmDeadMan(action_id=3, timeout_ms=60000))
    disarmed = await venue.perform(ArmDeadMan(action_id=4, timeout_ms=0))
    await venue.close()

    assert (armed.action_id, armed.error, disarmed.error) == (3, None, None)
    assert lane.socket.armed == [60000, 0]
    assert lane.asked == []


async def test_4_9_the_dead_man_goes_by_requests_where_the_stream_refuses_it():
    venue, lane, _ = await ready(arms=False)
    lane.answers["POST", "/api/v1/order/cancelAllAfter"] = (200, {"now": "", "cancelTime": 0})

    answers = [await venue.perform(ArmDeadMan(action_id=n, timeout_ms=60000)) for n in range(2)]
    await venue.close()

    assert [answer.error for answer in answers] == [None, None]
    assert lane.socket.armed == [60000]
    assert [body for _, _, body, _ in lane.asked] == [{"timeout": 60000}] * 2


class InMemory(Silent):
    """The same without waiting: answers are given when ``answer`` is called."""

    def put(self, text):
        self.asked = json.loads(text)

    async def answer(self):
        await self.arm(self.asked)


async def posted(arms):
    """A renewal that was posted to a stream in memory."""
    lane = FakeLane()
    venue, lane, heard = await ready(lane, arms=arms, stream=InMemory)
    assert venue.post(ArmDeadMan(action_id=3, timeout_ms=60000))
    await lane.socket.answer()
    return venue, [event for event in heard if isinstance(event, Answered)]


async def test_4_9_in_memory_the_dead_man_is_posted_and_its_answer_comes_by_the_sink():
    venue, answers = await posted(arms=True)
    await venue.close()

    assert [(answer.action_id, answer.error) for answer in answers] == [(3, None)]


async def test_4_9_a_posted_renewal_that_is_refused_says_so_and_the_next_goes_by_a_request():
    venue, answers = await posted(arms=False)
    took = venue.post(ArmDeadMan(action_id=4, timeout_ms=60000))
    await venue.close()

    assert [(a.error, a.error_kind) for a in answers] == [("Unknown op.", "refused")]
    assert not took


async def test_4_9_only_renewals_are_posted_and_only_in_memory():
    venue, _, _ = await ready()
    took = [venue.post(CancelAll(action_id=1)), venue.post(ArmDeadMan(action_id=2, timeout_ms=1))]
    await venue.close()

    assert took == [False, False]


async def test_one_more_symbol_may_be_listened_to_later():
    venue, lane, _ = await ready()

    answer = await venue.perform(Listen(action_id=5, symbol=".ETCXBT"))
    await venue.close()

    assert answer.error is None
    assert lane.socket.topics == ["instrument:.ETCXBT"]


async def test_4_9_a_stream_that_ends_before_its_answer_leaves_it_unknown():
    venue, _, heard = await ready(arms=None)

    answer = await venue.perform(ArmDeadMan(action_id=3, timeout_ms=60000))
    await venue.close()

    assert answer.error_kind == "unavailable"
    assert isinstance(heard[-1], Disconnected)


async def test_of_spot_only_the_book_is_listened_to_and_its_facts_are_looked_up():
    lane = FakeLane()
    spot = {**ROW, "symbol": "ETC_XBT", "typ": "IFXXXP", "takerFee": 0.0025}
    lane.answers[ROWS] = (200, [ROW, spot])
    venue, _, heard = await ready(lane)
    await venue.close()

    told = [event.instrument for event in heard if isinstance(event, InstrumentSeen)]
    balances = [event.wallet_balance for event in heard if isinstance(event, MarginSeen)]

    assert "instrument:ETC7D" in lane.socket.topics
    assert "instrument:ETC_XBT" not in lane.socket.topics
    assert "orderBookL2_25:ETC_XBT" in lane.socket.topics
    assert "margin" not in lane.socket.topics
    assert ("ETC_XBT", 0.0025) in [(each.symbol, each.taker_fee) for each in told]
    assert balances == [9]


async def test_refresh_answers_open_orders_and_tells_positions():
    venue, _, heard = await ready()

    answer = await venue.perform(RefreshState(action_id=1))
    await venue.close()

    assert [order.order_id for order in answer.orders] == ["u1"]
    assert [e.qty for e in heard if isinstance(e, PositionSeen)] == [-4]


@pytest.mark.parametrize(
    ("status", "message", "headers", "kind", "wait_s"),
    [
        (400, "Invalid ordStatus", {}, "refused", 0),
        (404, "Not Found", {}, "refused", 0),
        (401, "Signature not valid.", {}, "access", 0),
        (403, "Access Denied", {}, "access", 0),
        (429, "Rate limit exceeded, retry in 2 seconds.", {"retry-after": "2"}, "busy", 2),
        (503, "The system is currently overloaded. Please try again later.", {}, "busy", 0.5),
        (503, "Service unavailable", {}, "unavailable", 0),
        (500, "Server Error", {}, "unavailable", 0),
    ],
)
async def test_1_6_errors_come_back_as_answers(status, message, headers, kind, wait_s):
    venue, lane, _ = await ready()
    body = {"error": {"message": message, "name": "HTTPError"}}
    lane.answers["POST", "/api/v1/order"] = (status, body, headers)

    answer = await venue.perform(PlaceOrders(action_id=9, orders=(QUOTE,)))
    await venue.close()

    assert (answer.error, answer.error_kind) == (message, kind)
    assert (answer.action_id, answer.retry_after_s) == (9, wait_s)


@pytest.mark.parametrize("body", [b"<html>", b'{"orderID": 7}'])
async def test_an_answer_that_cannot_be_read_leaves_it_unknown(body):
    venue, lane, _ = await ready()
    lane.answers["POST", "/api/v1/order"] = (200, body)

    answer = await venue.perform(PlaceOrders(action_id=9, orders=(QUOTE,)))
    await venue.close()

    assert isinstance(answer, Answered)
    assert answer.error_kind == "unavailable"


# --- stream ---------------------------------------------------------------------------------------


async def test_6_1_the_handshake_is_signed_and_connected_comes_after_every_partial(exchange):
    heard: list[Event] = []
    venue = venue_on(exchange.url, FakeLane())

    await venue.start(heard.append, ["ETC7D"])
    await venue.close()

    assert exchange.headers[0]["api-key"] == "key"
    assert [type(event) for event in heard].count(Connected) == 1
    assert isinstance(heard[-1], Connected)


async def test_a_lost_stream_comes_back_by_itself_with_what_was_missed(exchange):
    heard: list[Event] = []
    lane = FakeLane()
    old = {"execID": "e1", "execType": "Trade", "symbol": "ETC7D", "lastQty": 1, "lastPx": 1.5}
    lane.answers["GET", "/api/v1/execution/tradeHistory"] = (200, [old])
    venue = venue_on(exchange.url, lane)
    await venue.start(heard.append, ["ETC7D"])

    lane.answers["GET", "/api/v1/execution/tradeHistory"] = (200, [old | {"execID": "e2"}, old])
    await exchange.sockets[-1].close()
    await until(lambda: len([e for e in heard if isinstance(e, Connected)]) == 2)
    await venue.close()

    kinds = [type(e) for e in heard if isinstance(e, Connected | Disconnected | FillSeen)]
    assert kinds == [Connected, Disconnected, FillSeen, Connected]
    assert [e.exec_id for e in heard if isinstance(e, FillSeen)] == ["e2"]


async def test_a_broken_picture_starts_over_from_partials(exchange):
    heard: list[Event] = []
    venue = venue_on(exchange.url, FakeLane())
    await venue.start(heard.append, ["ETC7D"])

    row = {"symbol": "ETC7D", "id": 1, "side": "Buy", "size": 2}
    await exchange.say("orderBookL2_25", "update", [row])
    await until(lambda: len([e for e in heard if isinstance(e, Connected)]) == 2)
    await venue.close()

    assert len(exchange.sockets) == 2


async def test_a_refused_key_is_not_tried_again(exchange):
    exchange.refuse = HTTPStatus.UNAUTHORIZED

    with pytest.raises(AccessRefusedError, match="Signature not valid"):
        await venue_on(exchange.url, FakeLane()).start(print, ["ETC7D"])

    assert len(exchange.headers) == 1


async def test_a_key_that_is_refused_later_ends_the_stream(exchange):
    venue = venue_on(exchange.url, FakeLane())
    await venue.start([].append, ["ETC7D"])
    exchange.refuse = HTTPStatus.UNAUTHORIZED

    await exchange.sockets[-1].close()

    with pytest.raises(AccessRefusedError):
        await venue.failed()
    await venue.close()


async def test_a_stream_that_never_comes_up_is_given_up_in_time(exchange):
    exchange.mute = {"order"}
    heard: list[Event] = []

    with pytest.raises(VenueUnavailableError):
        await venue_on(exchange.url, FakeLane(), within_s=0.3).start(heard.append, ["ETC7D"])

    assert not any(isinstance(event, Connected) for event in heard)


async def test_6_10_silence_is_pinged(exchange):
    venue = venue_on(exchange.url, FakeLane(), ping_after_s=0.1)
    await venue.start([].append, ["ETC7D"])

    await until(lambda: exchange.pings)
    await venue.close()


def test_backoff_doubles_up_to_a_limit_and_starts_over():
    backoff = Backoff(first_s=1.0, most_s=8.0, seed=3)

    waits = [backoff.next_s() for _ in range(6)]

    for wait, whole in zip(waits, [1, 2, 4, 8, 8, 8], strict=True):
        assert whole / 2 <= wait <= whole
    backoff.reset()
    assert backoff.next_s() <= 1.0


@pytest.mark.parametrize(
    ("url", "rest", "stream", "is_loopback"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000", "ws://127.0.0.1:8000", True),
        ("http://localhost:1/api/v1/", "http://localhost:1", "ws://localhost:1", True),
        ("https://www.bitmex.com", "https://www.bitmex.com", "wss://ws.bitmex.com", False),
        ("https://example.org:444", "https://example.org:444", "wss://example.org:444", False),
    ],
)
def test_a_base_url_names_both_origins(url, rest, stream, is_loopback):
    endpoint = endpoint_of(url)

    assert (endpoint.rest, endpoint.stream) == (rest, stream)
    assert endpoint.is_loopback is is_loopback
