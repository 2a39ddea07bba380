"""E13, E22 and the stream: breakers, floors, and what a subscriber is told of a deleveraging."""

from tests.outside.desk import NO_FEES, SWAP, Desk, trader
from tests.outside.driver import XBT, taken

FUTURE = {**SWAP, **NO_FEES, "markMethod": "LastPrice"}


def test_E13c_the_stream_of_whom_is_deleveraged(exchange, stream):
    desk = Desk(exchange, 10_000, SWAP, fundingRate=0)
    a, victim = trader(exchange, XBt=XBT), trader(exchange)
    desk.match(a, victim, 1_000, 10_000)
    desk.leverage(a, 100)
    sock = stream(victim, f"position:{desk.symbol}", f"execution:{desk.symbol}")
    mine = stream(a, f"position:{desk.symbol}", f"liquidation:{desk.symbol}")
    taken(sock)
    taken(mine)

    desk.price(9_950)
    rows = [row for f in taken(mine) if f["table"] == "liquidation" for row in f["data"]]
    assert rows[0]["symbol"] == desk.symbol
    assert rows[0]["leavesQty"] == 1_000
    desk.price(9_800)

    frames = taken(sock)
    states = [r.get("posState") for f in frames if f["table"] == "position" for r in f["data"]]
    assert "Deleverage" in states
    texts = [r["text"] for f in frames if f["table"] == "execution" for r in f["data"]]
    assert "Deleverage" in texts
    last = [r for f in frames if f["table"] == "position" for r in f["data"]][-1]
    assert last["currentQty"] == 0
    gone = [f for f in taken(mine) if f["table"] == "liquidation" and f["action"] == "delete"]
    assert gone
    exchange.audited()


def test_E13_the_stream_of_whom_is_liquidated(exchange, stream):
    desk = Desk(exchange, 10_000, SWAP, fundingRate=0)
    a, b = trader(exchange, XBt=XBT), trader(exchange)
    desk.match(a, b, 1_000, 10_000)
    desk.leverage(a, 100)
    sock = stream(a, "position", "execution", "margin", "wallet")
    taken(sock)
    desk.price(9_950)
    frames = taken(sock)
    states = [r.get("posState") for f in frames if f["table"] == "position" for r in f["data"]]
    assert "Liquidated" in states
    assert [r["text"] for f in frames if f["table"] == "execution" for r in f["data"]] == [
        "Liquidation"
    ]


def test_E22_seven_percent_halts_for_a_quarter_of_an_hour(exchange):
    desk = Desk(exchange, 1_000, FUTURE, openingReference=1_000, tickSize=0.01, circuitBreaker=True)
    a, b = trader(exchange), trader(exchange)
    desk.match(a, b, 1, 1_000)
    now = exchange.look("/state")["clock"]["at"]
    exchange.until(f"{now[:8]}{int(now[8:10]) + 1:02}T00:00:05Z")
    desk.match(a, b, 1, 930.01)
    assert exchange.look("/state")["modes"][desk.symbol] == "Open"
    desk.match(a, b, 1, 930)
    assert exchange.look("/state")["modes"][desk.symbol] == "Halt"
    assert desk.reject(a, orderQty=1, price=930)
    exchange.advance(900)
    assert exchange.look("/state")["modes"][desk.symbol] == "Open"
    desk.match(a, b, 1, 930)  # the level is used up
    assert exchange.look("/state")["modes"][desk.symbol] == "Open"
    desk.match(a, b, 1, 870)
    assert exchange.look("/state")["modes"][desk.symbol] == "Halt"
    exchange.advance(900)
    desk.match(a, b, 1, 800)
    exchange.advance(3_600)
    assert exchange.look("/state")["modes"][desk.symbol] == "Halt"
    exchange.tell("/mode", symbol=desk.symbol, mode="Open")
