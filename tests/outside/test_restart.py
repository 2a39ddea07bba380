"""Killed and started again on the same folder, the exchange is what it was (design.md 1, 5)."""

import signal

import pytest

from tests.outside.conftest import INVERSE, list_bxbt
from tests.outside.driver import ETC, XBT, run

READS = (
    ("/order?count=500", "alice"),
    ("/order?count=500", "bob"),
    ("/execution?count=500", "alice"),
    ("/execution/tradeHistory?count=500", "bob"),
    ("/position", "alice"),
    ("/position", "bob"),
    ("/user/margin?currency=all", "alice"),
    ("/user/margin", "bob"),
    ("/user/wallet?currency=all", "bob"),
    ("/user/walletHistory?currency=XBt", "alice"),
    ("/settlement", ""),
    ("/orderBook/L2?symbol=XBTH18&depth=0", ""),
    ("/trade?symbol=XBTH18&count=500", ""),
    ("/instrument?count=500", ""),
)


def everything(exchange):
    """What clients and the operator see."""
    seen = {path + who: exchange.ask("GET", path, who) for path, who in READS}
    for path in ("/account", "/fund", "/instrument"):
        seen[path] = exchange.look(path)
    return seen


@pytest.fixture(scope="module")
def lived(serve, tmp_path_factory):
    """What was seen before the kill -9, and the folder that it left."""
    home = tmp_path_factory.mktemp("lived")
    exchange = serve("--durability", "sync", home=home, start="2018-01-19T11:40:00Z")
    list_bxbt(exchange)
    exchange.tell("/instrument", **INVERSE)
    exchange.tell("/account", name="dora", balances={"XBt": XBT}, key="dora", secret="hidden-d")
    exchange.tell("/borrow", currency="ETC", offers=[{"amount": 50, "rate_per_day": 0.002}])
    exchange.tell("/fund", deposit={"XBt": 12345})
    for symbol, price in (("XBTH18", 10_000), ("ETC7D", 0.003)):
        exchange.order("bob", -100, price, symbol=symbol)
        exchange.order("alice", 60, price, symbol=symbol, clOrdID=f"a-{symbol}")
    exchange.order("bob", 20 * ETC, 0.003, symbol="ETC_XBT")
    exchange.order("alice", -20 * ETC, 0.003, symbol="ETC_XBT")  # borrows
    moved = exchange.order("alice", 5, 9_000, symbol="XBTH18")
    exchange.ask("PUT", "/order", "alice", orderID=moved["orderID"], price=9_100)
    exchange.until("2018-01-19T12:00:00Z")  # ETC7D settles, the day is booked
    exchange.advance(100)
    exchange.ask("POST", "/order/cancelAllAfter", "alice", timeout=60_000)
    exchange.order("bob", -7, 10_200, symbol="XBTH18")
    exchange.audited()
    seen, state = everything(exchange), exchange.look("/state")
    assert exchange.end(signal.SIGKILL)[0] == -signal.SIGKILL
    return home, seen, state


def test_replay_prints_the_digest_of_the_state(lived):
    home, _, state = lived

    replayed = run(home, "sim_exchange", "replay", home / "data")

    assert (replayed.returncode, replayed.stdout, replayed.stderr) == (
        0,
        state["digest"] + "\n",
        "",
    )


def test_after_kill_9_everything_is_as_it_was_and_goes_on(lived, serve):
    home, seen, state = lived

    exchange = serve("--durability", "sync", home=home, start="")

    after = everything(exchange)
    for path, rows in seen.items():
        assert after[path] == rows, path
    now = exchange.look("/state")
    assert now["clock"] == state["clock"]
    assert now["counts"] == state["counts"]
    exchange.audited()
    # The key that the operator gave is known, the switch is still armed, the book still trades.
    exchange.secrets["dora"] = "hidden-d"
    assert exchange.wallet("dora") == XBT
    exchange.advance(60)
    assert exchange.ask("GET", "/order?filter=%7B%22open%22%3Atrue%7D", "alice") == []
    assert exchange.order("alice", 7, 10_200, symbol="XBTH18")["ordStatus"] == "Filled"
    exchange.audited()
    state = exchange.look("/state")
    assert exchange.end(signal.SIGINT) == (0, "", "")
    assert run(home, "sim_exchange", "replay", home / "data").stdout == state["digest"] + "\n"
