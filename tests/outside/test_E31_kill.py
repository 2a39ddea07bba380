"""E31: killed at any moment, an exchange has every order that it acknowledged, whole or not at all.

Orders of two accounts meet while snapshots are taken; the kill comes in the midst of it.
"""

import random
import signal
import threading
import time

import httpx

from tests.outside.driver import run

ROUNDS = 3


class Clients(threading.Thread):
    """Alice and bob trade with each other until the exchange is gone; what was acknowledged."""

    def __init__(self, exchange, tag):
        super().__init__()
        self.exchange = exchange
        self.tag = tag
        self.acknowledged = {}
        self.asked = []

    def run(self):
        sides = (("alice", -3), ("bob", 5), ("alice", -2))
        number = 0
        while True:
            who, qty = sides[number % 3]
            name = f"{self.tag}-{number}"
            self.asked.append((who, name))
            try:
                row = self.exchange.order(who, qty, 0.003, symbol="ETC7D", clOrdID=name)
            except (httpx.TransportError, AssertionError):
                return
            self.acknowledged[name] = row
            number += 1


def orders(exchange):
    """Every order of both, by clOrdID."""
    return {
        row["clOrdID"]: row
        for who in ("alice", "bob")
        for row in exchange.ask("GET", "/order?count=500&reverse=true", who)
    }


def test_E31_whatever_was_acknowledged_is_there_after_a_kill_at_any_moment(serve, tmp_path):
    (tmp_path / "often.toml").write_text("[sim_exchange]\nsnapshot_every = 30\n")
    options = ("--durability", "sync", "--settings", tmp_path / "often.toml")
    rng = random.Random(31)
    start = "2018-01-15T10:00:00Z"
    for each in range(ROUNDS):
        exchange = serve(*options, home=tmp_path, start=start)
        start = ""
        clients = Clients(exchange, f"round{each}")
        clients.start()
        time.sleep(rng.uniform(0.4, 2.0))
        assert exchange.end(signal.SIGKILL)[0] == -signal.SIGKILL
        clients.join(timeout=30)
        exchange.http.close()

        again = serve(*options, home=tmp_path, start="")

        there = orders(again)
        assert len(clients.acknowledged) > 3
        recent = list(clients.acknowledged)[-300:]
        assert [name for name in recent if name not in there] == []
        for name in recent:
            told, now = clients.acknowledged[name], there[name]
            assert now["orderID"] == told["orderID"]
            assert now["cumQty"] >= told["cumQty"]
        # The one without an answer is whole: its fills are those of its counterpart, or it is not.
        again.audited()
        for who in ("alice", "bob"):
            filled = sum(row["lastQty"] for row in again.trades(who, "ETC7D"))
            made = sum(row["cumQty"] for row in again.ask("GET", "/order?count=500", who))
            assert filled == made or made >= 500
        assert again.end(signal.SIGINT)[0] == 0
        verified = run(tmp_path, "sim_exchange", "verify", tmp_path / "data")
        assert (verified.returncode, verified.stderr) == (0, "")
