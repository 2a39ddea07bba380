"""Protocol.md 6: what a stream has told by the end of a busy hour is what REST answers then."""

from typing import Any

import pytest

from tests.outside.conftest import INVERSE
from tests.outside.desk import SWAP, Desk, trader
from tests.outside.driver import XBT, taken

KEYS = {
    "instrument": ("symbol",),
    "settlement": ("timestamp", "symbol"),
    "funding": ("timestamp", "symbol"),
    "announcement": ("id",),
    "order": ("orderID",),
    "execution": ("execID",),
    "position": ("account", "symbol", "currency"),
    "liquidation": ("orderID",),
}


def folded(frames):
    """The tables that a client has after some frames, rows by key."""
    tables: dict[str, dict[tuple[Any, ...], Any]] = {name: {} for name in KEYS}
    for frame in frames:
        rows, keys = tables[frame["table"]], KEYS[frame["table"]]
        for row in frame["data"]:
            key = tuple(row[name] for name in keys)
            match frame["action"]:
                case "update":
                    rows[key].update(row)
                case "delete":
                    del rows[key]
                case action:
                    assert key not in rows, (frame["table"], action, key)
                    rows[key] = dict(row)
    return tables


@pytest.fixture(scope="module")
def exchange(serve):
    """An exchange an hour before the noon at which a week's contracts end."""
    return serve(start="2018-01-19T11:00:00Z")


def test_after_settlements_fundings_a_deleveraging_and_announcements(exchange, stream):
    a, b = trader(exchange, XBt=100 * XBT), trader(exchange)
    sock = stream(a, *KEYS)
    futures = [Desk(exchange, 10_000, INVERSE, expiry="2018-01-19T12:00:00Z") for _ in range(3)]
    swap = Desk(exchange, 10_000, SWAP, fundingRate=0.0001)
    for desk in (*futures, swap):
        desk.match(a, b, 1_000, 10_000)
    swap.leverage(a, 100)
    futures[0].order(a, -10, 10_500)
    swap.order(a, -10, None, ordType="Stop", stopPx=9_000)
    fee = {"kind": "fee", "symbol": swap.symbol, "effective": "2018-01-19T11:40:00Z"}
    number = exchange.tell("/announcement", **fee, value={"takerFee": 0.001})["id"]
    exchange.tell("/announcement", **fee, value={"takerFee": 0.002}, supersedes=number)
    exchange.until("2018-01-19T12:00:00Z")
    swap.price(9_900)  # nobody bids: the engine's order goes to b
    exchange.advance(65)
    assert swap.position(b)["currentQty"] == 0

    told = folded(taken(sock))

    def agrees(table, rows):
        for row in rows:
            mine = told[table][tuple(row[name] for name in KEYS[table])]
            differ = {
                name: (mine[name], row[name])
                for name in mine
                if mine[name] != row[name] and name != "timestamp"
            }
            assert not differ, (table, differ)
        return len(rows) == len(told[table])

    for desk in (*futures, swap):
        agrees("instrument", [desk.row()])
    assert swap.row()["openInterest"] == 0
    assert agrees("settlement", exchange.ask("GET", "/settlement?count=100"))
    assert agrees("funding", exchange.ask("GET", "/funding?count=100"))
    assert agrees("announcement", exchange.ask("GET", "/announcement"))
    assert agrees("order", exchange.ask("GET", "/order", a))
    assert agrees("execution", exchange.ask("GET", "/execution?count=100", a))
    assert agrees("position", exchange.ask("GET", "/position", a))
    assert told["liquidation"] == {}
    exchange.audited()
