"""The app on a real port: bytes over loopback, sockets, a port in use."""

import asyncio
import json

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from sim_exchange.server.run import HttpServer, PortInUseError
from tests.wire.desk import Desk

pytestmark = pytest.mark.anyio


async def test_signed_order_and_socket_over_loopback() -> None:
    desk = Desk()
    server = HttpServer(desk.app)
    port = await server.start()
    try:
        async with (
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
            connect(f"ws://127.0.0.1:{port}/realtime?subscribe=orderBookL2:ETC7D") as socket,
        ):
            first = [json.loads(await socket.recv()) for _ in range(3)]
            assert "info" in first[0]
            assert first[1]["success"] is True
            assert first[2]["action"] == "partial"

            body = b'{"symbol": "ETC7D", "orderQty": 5, "price": 0.019}'
            headers = desk.headers("alice", "POST", "/api/v1/order", body)
            headers["content-type"] = "application/json"
            answer = await client.post("/api/v1/order", content=body, headers=headers)
            assert answer.json()["ordStatus"] == "New"
            delta = json.loads(await asyncio.wait_for(socket.recv(), 5))
            assert (delta["action"], delta["data"][0]["size"]) == ("insert", 5)

            target = "/api/v1/instrument?filter=%7B%22symbol%22%3A+%22ETC7D%22%7D"
            answer = await client.get(target, headers=desk.headers("alice", "GET", target))
            assert len(answer.json()) == 1
    finally:
        await server.stop()


async def test_bad_handshake_is_http_401_with_the_error_body() -> None:
    server = HttpServer(Desk().app)
    port = await server.start()
    try:
        headers = {"api-key": "nobody", "api-expires": "9999999999", "api-signature": "0"}
        with pytest.raises(InvalidStatus) as caught:
            async with connect(f"ws://127.0.0.1:{port}/realtime", additional_headers=headers):
                pass
        assert caught.value.response.status_code == 401
        body = json.loads(caught.value.response.body)
        assert body == {"error": {"message": "Invalid API Key.", "name": "HTTPError"}}
    finally:
        await server.stop()


async def test_port_in_use_is_one_clear_sentence() -> None:
    first = HttpServer(Desk().app)
    port = await first.start()
    try:
        with pytest.raises(PortInUseError, match=f"port {port} of 127.0.0.1 is in use"):
            await HttpServer(Desk().app, port=port).start()
    finally:
        await first.stop()


async def test_stop_closes_sockets_and_frees_the_port() -> None:
    desk = Desk()
    server = HttpServer(desk.app)
    port = await server.start()
    async with connect(f"ws://127.0.0.1:{port}/realtime?subscribe=trade") as socket:
        for _ in range(3):
            await socket.recv()
        await server.stop()
        with pytest.raises(ConnectionClosed):
            await asyncio.wait_for(socket.recv(), 5)
    again = HttpServer(desk.app, port=port)
    assert await again.start() == port
    await again.stop()
    assert desk.publisher._topics == {}
