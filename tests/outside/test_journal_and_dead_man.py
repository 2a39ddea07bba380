"""The committed commands as the operator reads them, and the switch that fires on their clock."""

import pytest

from tests.outside.driver import SECRETS


@pytest.fixture(autouse=True)
def no_order_is_left(exchange):
    yield
    for who in ("alice", "bob"):
        exchange.ask("DELETE", "/order/all", who)
        exchange.ask("POST", "/order/cancelAllAfter", who, timeout=0)


def seq(exchange):
    return exchange.look("/state")["seq"]


def open_orders(exchange, who):
    return exchange.ask("GET", "/order?filter=%7B%22open%22%3Atrue%7D", who)


def test_a_switch_fires_on_the_exchanges_clock(exchange):
    exchange.order("alice", 1, 0.002, symbol="ETC7D")
    exchange.order("alice", 10**8, 0.002, symbol="ETC_XBT")
    bobs = exchange.order("bob", 1, 0.002, symbol="ETC7D")
    armed = exchange.ask("POST", "/order/cancelAllAfter", "alice", timeout=60_000)
    assert armed == {"now": "2018-01-15T10:00:00.000Z", "cancelTime": "2018-01-15T10:01:00.000Z"}

    exchange.advance(59.999)
    assert len(open_orders(exchange, "alice")) == 2
    exchange.advance(0.001)

    assert open_orders(exchange, "alice") == []
    assert [row["orderID"] for row in open_orders(exchange, "bob")] == [bobs["orderID"]]
    ended = exchange.ask("GET", "/order?reverse=true&count=2", "alice")
    for row in ended:
        assert row["ordStatus"] == "Canceled"
        assert row["timestamp"] == "2018-01-15T10:01:00.000Z"
        assert "cancelAllAfter" in row["text"]


def test_it_is_idle_once_it_has_fired_and_put_off_by_a_renewal(exchange):
    exchange.order("alice", 1, 0.002, symbol="ETC7D")
    exchange.advance(120)
    assert len(open_orders(exchange, "alice")) == 1

    exchange.ask("POST", "/order/cancelAllAfter", "alice", timeout=60_000)
    for _ in range(4):
        exchange.advance(15)
        exchange.ask("POST", "/order/cancelAllAfter", "alice", timeout=60_000)
    assert len(open_orders(exchange, "alice")) == 1
    exchange.advance(60)
    assert open_orders(exchange, "alice") == []


def test_a_timeout_of_0_disarms(exchange):
    exchange.order("alice", 1, 0.002, symbol="ETC7D")
    exchange.ask("POST", "/order/cancelAllAfter", "alice", timeout=1_000)
    assert exchange.ask("POST", "/order/cancelAllAfter", "alice", timeout=0)["cancelTime"] == 0

    exchange.advance(10)

    assert len(open_orders(exchange, "alice")) == 1


@pytest.mark.parametrize("timeout", [-1, "x", None, 1.5, True])
def test_a_bad_timeout_is_400(exchange, timeout):
    answer = exchange.call("POST", "/order/cancelAllAfter", "alice", timeout=timeout)

    assert answer.status_code == 400
    assert "timeout" in answer.json()["error"]["message"]


def test_the_journal_shows_who_asked_for_what_and_when_the_switch_fired(exchange):
    before = seq(exchange)
    exchange.order("alice", 1, 0.002, symbol="ETC7D", clOrdID="mine")
    exchange.ask("POST", "/order/cancelAllAfter", "alice", timeout=2_000)
    exchange.advance(2)

    records = exchange.journal(before + 1)
    alice = exchange.look("/account/alice")["id"]
    placed, armed, fired = (record["command"] for record in records)
    assert (placed["type"], placed["account"], placed["cl_ord_id"]) == (
        "PlaceOrder", alice, "mine",
    )  # fmt: skip
    assert (armed["type"], armed["account"]) == ("CancelAllAfter", alice)
    # Nothing asks for it: it is a timer of the exchange, run by Advance at its own instant.
    assert fired["type"] == "Advance"
    assert records[2]["at_ns"] - records[1]["at_ns"] == 2 * 10**9
    assert open_orders(exchange, "alice") == []


def test_the_stream_begins_where_it_is_asked_to(exchange):
    whole = exchange.journal()
    last = seq(exchange)

    assert [record["seq"] for record in whole] == list(range(1, last + 1))
    assert exchange.journal(last) == whole[-1:]
    assert exchange.journal(last + 1) == []
    assert exchange.journal(5) == whole[4:]
    for record in whole:
        assert record.keys() == {"seq", "at", "at_ns", "command"}
    for text in ("x", "-1", "1.5", ""):
        assert exchange.admin("GET", f"/journal?from={text}").status_code == 400


def test_it_holds_no_secret(exchange):
    text = exchange.admin("GET", "/journal").text

    assert not [secret for secret in SECRETS.values() if secret in text]
