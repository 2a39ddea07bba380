"""A signed order by REST over loopback: the CPU that the server spends on it.

The yardstick is a server of the same make that checks the signature and answers a canned row. Both
get the same bytes over the same number of connections; CPU is read from the kernel, so what the
client costs does not matter.
"""

import sys

import msgspec

from scripts.benches.figures import Figure, in_turn, say
from scripts.benches.serving import Connection, Server, canned, exchange, signed

CONNECTIONS = 8
ORDERS = 1600  # a round
SWEEP_EVERY = 160  # the venue lets an account have 200 open orders in a contract


def measure(rounds: int) -> list[Figure]:
    """Send the same orders to both, in turn."""
    if sys.platform != "linux":
        say("bench: rest needs /proc, so it is left out here")
        return []
    with exchange() as ours, canned() as other:
        order = _order(ours)
        for server in (ours, other):
            _cpu_us(server, order)  # warms up
        cpu, yardstick = in_turn(
            rounds, lambda: _cpu_us(ours, order), lambda: _cpu_us(other, order)
        )
        peak_mb = ours.peak_mb()
    return [
        Figure(
            bench="rest",
            what="CPU of a signed order",
            unit="us",
            rounds=cpu,
            yardstick="uvicorn, signature, canned row",
            yardstick_rounds=yardstick,
            must=0.6,
        ),
        Figure(bench="rest", what="server's peak memory", unit="MB", rounds=[peak_mb]),
    ]


def _order(server: Server) -> bytes:
    """A bid far below the market, as a body."""
    connection = Connection(server)
    rows = msgspec.json.decode(connection.ask(signed("GET", "/instrument?symbol=ETC7D", b"")))
    connection.close()
    tick = rows[0]["tickSize"]
    price = round(rows[0]["markPrice"] * 0.8 / tick) * tick
    return msgspec.json.encode(
        {"symbol": "ETC7D", "side": "Buy", "orderQty": 1, "price": float(f"{price:.8f}")}
    )


def _cpu_us(server: Server, order: bytes) -> float:
    connections = [Connection(server) for _ in range(CONNECTIONS)]
    request, sweep = signed("POST", "/order", order), signed("DELETE", "/order/all", b"{}")
    begun = server.cpu_s()
    swept = 0.0
    for sent in range(0, ORDERS, CONNECTIONS):
        for connection in connections:
            connection.send(request)
        for connection in connections:
            status, body = connection.receive()
            if status != 200:
                raise RuntimeError(f"an order was refused: {body[:300]!r}")
        if (sent + CONNECTIONS) % SWEEP_EVERY == 0:
            before = server.cpu_s()
            connections[0].ask(sweep)
            swept += server.cpu_s() - before
    took = server.cpu_s() - begun - swept
    for connection in connections:
        connection.close()
    return took / ORDERS * 1e6
