"""Carrying bytes: both network lanes against a small server, and the in-process ones."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from mmbot.errors import AccessRefusedError, VenueUnavailableError
from mmbot.venue.bitmex.lane import HttpLane, HttpxLane
from mmbot.venue.inprocess import AsgiLane, connect_asgi

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["asyncio", "uvloop"])
def anyio_backend(request):
    return ("asyncio", {"use_uvloop": request.param == "uvloop"})


class Server:
    """Answers each request with its own bytes, in ways chosen by the path."""

    def __init__(self):
        self.connections = 0
        self.requests = []
        self.origin = ""

    async def serve(self, reader, writer):
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    (
                        int(line.split(b":")[1])
                        for line in head.split(b"\r\n")
                        if line.lower().startswith(b"content-length")
                    ),
                    0,
                )
                body = await reader.readexactly(length)
                path = head.split(b" ")[1]
                self.requests.append((head, body))
                if path == b"/silent":
                    await asyncio.sleep(3600)
                if path == b"/hang-up":
                    return
                if path == b"/nonsense":
                    writer.write(b"hello\r\n\r\n")
                    continue
                if path == b"/chunked":
                    writer.write(
                        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
                        b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
                    )
                    continue
                close = b"connection: close\r\n" if path == b"/once" else b""
                answer = body or path
                writer.write(
                    b"HTTP/1.1 429 Too Many\r\nRetry-After: 1\r\n%scontent-length: %d\r\n\r\n%s"
                    % (close, len(answer), answer)
                )
                if close:
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


@asynccontextmanager
async def running():
    server = Server()
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.origin = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listener.close()


@pytest.fixture(params=[HttpLane, HttpxLane])
def lane_kind(request):
    return request.param


async def test_a_lane_carries_the_request_and_brings_the_answer(lane_kind):
    async with running() as server:
        lane = lane_kind(server.origin)

        reply = await lane.request("POST", "/a?b=%7B1%7D", {"api-key": "k"}, b'{"x":1}')
        await lane.close()

    head, body = server.requests[0]
    assert head.startswith(b"POST /a?b=%7B1%7D HTTP/1.1\r\n")
    assert b"api-key: k\r\n" in head
    assert body == b'{"x":1}'
    assert (reply.status, reply.headers["retry-after"], reply.body) == (429, "1", b'{"x":1}')


async def test_a_lane_keeps_its_connection(lane_kind):
    async with running() as server:
        lane = lane_kind(server.origin)

        for number in range(5):
            assert (await lane.request("GET", f"/{number}", {})).body == b"/%d" % number
        await lane.close()

    assert server.connections == 1


async def test_a_chunked_answer_is_whole(lane_kind):
    async with running() as server:
        lane = lane_kind(server.origin)

        assert (await lane.request("GET", "/chunked", {})).body == b"abcde"
        await lane.close()


async def test_a_connection_that_the_server_closes_is_replaced(lane_kind):
    async with running() as server:
        lane = lane_kind(server.origin)

        await lane.request("GET", "/once", {})
        await lane.request("GET", "/again", {})
        await lane.close()

    assert server.connections == 2


@pytest.mark.parametrize("path", ["/silent", "/hang-up", "/nonsense"])
async def test_no_whole_answer_is_an_unavailable_venue(lane_kind, path):
    async with running() as server:
        lane = lane_kind(server.origin, timeout_s=0.2)

        with pytest.raises(VenueUnavailableError):
            await lane.request("GET", path, {})
        assert (await lane.request("GET", "/after", {})).body == b"/after"
        await lane.close()


async def test_nobody_listening_is_an_unavailable_venue(lane_kind):
    async with running() as server:
        origin = server.origin
    lane = lane_kind(origin)

    with pytest.raises(VenueUnavailableError, match="can't be reached"):
        await lane.request("GET", "/", {})
    await lane.close()


async def test_at_most_so_many_requests_are_in_flight():
    async with running() as server:
        lane = HttpLane(server.origin, connections=2)

        await asyncio.gather(*(lane.request("GET", "/", {}) for _ in range(20)))
        await lane.close()

    assert server.connections == 2


# --- in process -----------------------------------------------------------------------------------


async def toy(scope, receive, send):
    """Echo: a request with its own body and target, a socket with its own frames."""
    if scope["type"] == "http":
        message = await receive()
        if scope["path"] == "/half":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            return
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [(b"X-Path", scope["raw_path"])],
            }
        )
        await send({"type": "http.response.body", "body": message["body"] + scope["query_string"]})
        return
    await receive()
    if scope["path"] == "/refused":
        await send({"type": "websocket.http.response.start", "status": 401, "headers": []})
        await send({"type": "websocket.http.response.body", "body": b"Signature not valid."})
        return
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        if message["text"] == "end":
            return
        for number in range(3):
            await send({"type": "websocket.send", "text": f"{message['text']}{number}"})


async def test_the_application_is_called_with_the_bytes_of_the_request():
    lane = AsgiLane(toy)

    reply = await lane.request("POST", "/a%20b?c=%7B", {"api-key": "k"}, b"body")
    await lane.close()

    assert reply.body == b"bodyc=%7B"
    assert reply.headers["x-path"] == "/a%20b"


async def test_each_way_takes_the_latency_and_many_requests_share_it():
    loop = asyncio.get_running_loop()
    lane = AsgiLane(toy, latency_s=0.05)
    start = loop.time()

    await asyncio.gather(*(lane.request("POST", "/", {}, b"x") for _ in range(50)))

    assert 0.1 <= loop.time() - start < 0.19
    await lane.close()


async def test_an_application_without_a_whole_answer_is_unavailable():
    with pytest.raises(VenueUnavailableError):
        await AsgiLane(toy).request("GET", "/half", {})


async def test_frames_arrive_in_order_and_in_one_go():
    socket = await connect_asgi(toy, "/realtime", {})

    await socket.send("a")
    await socket.send("b")
    frames = [await socket.recv() for _ in range(6)]
    await socket.close()

    assert frames == ["a0", "a1", "a2", "b0", "b1", "b2"]


async def test_pumped_frames_come_in_order_until_the_end():
    socket = await connect_asgi(toy, "/realtime", {})
    heard = []

    await socket.send("a")
    heard.append(await socket.recv())
    await socket.send("b")
    await socket.send("end")
    with pytest.raises(VenueUnavailableError):
        await socket.pump(heard.append)
    await socket.close()

    assert heard == ["a0", "a1", "a2", "b0", "b1", "b2"]


async def test_frames_put_without_a_task_come_in_order_with_those_sent():
    async def app(scope, receive, send):
        put = scope["extensions"]["sim_exchange.frames"]["put"]
        await receive()
        await send({"type": "websocket.accept"})
        put("a")
        await send({"type": "websocket.send", "text": "b"})
        put("c")
        await send({"type": "websocket.close", "code": 1000})

    socket = await connect_asgi(app, "/realtime", {})
    heard = [await socket.recv()]
    with pytest.raises(VenueUnavailableError):
        await socket.pump(heard.append)
    await socket.close()

    assert heard == ["a", "b", "c"]


async def test_frames_reach_an_application_that_takes_them_without_a_task():
    taken: list[str] = []

    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        scope["extensions"]["sim_exchange.frames"]["take"] = taken.append
        assert (await receive())["type"] == "websocket.disconnect"

    socket = await connect_asgi(app, "/realtime", {})
    await socket.send("a")
    socket.put("b")
    await asyncio.sleep(0.01)
    await socket.close()

    assert taken == ["a", "b"]


async def test_what_the_taker_raises_ends_the_pump():
    socket = await connect_asgi(toy, "/realtime", {})

    def take(frame):
        raise ValueError(frame)

    await socket.send("a")
    with pytest.raises(ValueError, match="a0"):
        await socket.pump(take)
    await socket.close()


async def test_a_socket_that_the_application_ends_raises():
    socket = await connect_asgi(toy, "/realtime", {})

    await socket.send("end")

    with pytest.raises(VenueUnavailableError):
        await socket.recv()
    await socket.close()
    await socket.close()


async def test_a_refused_handshake_tells_the_words():
    with pytest.raises(AccessRefusedError, match="Signature not valid"):
        await connect_asgi(toy, "/refused", {})
