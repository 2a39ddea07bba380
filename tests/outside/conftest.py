"""One exchange a module, with a future of either kind listed by the operator."""

import hashlib
import hmac
import json
from contextlib import ExitStack

import pytest
from websockets.sync.client import connect

from tests.outside.driver import Exchange

INVERSE = {
    "symbol": "XBTH18",
    "typ": "FFCCSX",
    "rootSymbol": "XBT",
    "underlying": "XBT",
    "quoteCurrency": "USD",
    "settlCurrency": "XBt",
    "multiplier": -100_000_000,
    "lotSize": 1,
    "tickSize": 0.5,
    "maxPrice": 1_000_000,
    "maxOrderQty": 10_000_000,
    "initMargin": 0.01,
    "maintMargin": 0.005,
    "riskLimit": 20_000_000_000,
    "riskStep": 10_000_000_000,
    "makerFee": -0.00025,
    "takerFee": 0.00075,
    "settlementFee": 0.0005,
    "referenceSymbol": ".BXBT",
    "markMethod": "FairPrice",
    "expiry": "2018-03-30T12:00:00Z",
}
LINEAR = {
    **INVERSE,
    "symbol": "ETCH18",
    "rootSymbol": "ETC",
    "underlying": "ETC",
    "quoteCurrency": "XBT",
    "multiplier": 100_000_000,
    "tickSize": 0.000001,
    "maxPrice": 10,
    "initMargin": 0.05,
    "maintMargin": 0.025,
    "makerFee": -0.0005,
    "takerFee": 0.0025,
    "settlementFee": 0.0025,
    "referenceSymbol": ".ETCXBT",
}


def list_bxbt(exchange, price=10_000):
    """List .BXBT of three venues and let it be published."""
    members = [{"name": name, "weight": "1/3"} for name in ("GDAX", "BITSTAMP", "KRAKEN")]
    exchange.tell("/instrument", symbol=".BXBT", constituents=members, decimals=2, outlier=0.25)
    exchange.tell("/index", index=".BXBT", price=price)
    exchange.advance(5)


@pytest.fixture(scope="module")
def serve(tmp_path_factory):
    """Start exchanges that end with the module."""
    running = []

    def _serve(*options, home=None, **more):
        exchange = Exchange(home or tmp_path_factory.mktemp("exchange"), *options, **more)
        running.append(exchange)
        return exchange

    yield _serve
    for exchange in running:
        exchange.close()


@pytest.fixture(scope="module")
def exchange(serve):
    """The exchange that the tests of a module share; it must still be sound at the end."""
    exchange = serve()
    yield exchange
    exchange.audited()
    assert exchange.end() == (0, "", "")


@pytest.fixture
def stream(exchange):
    """Subscribe to topics as an account; take what has come."""
    opened = ExitStack()

    def _stream(who, *topics):
        sock = opened.enter_context(connect(exchange.ready["ws"]))
        digest = hmac.new(
            exchange.secrets[who].encode(), b"GET/realtime4000000000", hashlib.sha256
        ).hexdigest()
        sock.send(json.dumps({"op": "authKeyExpires", "args": [who, 4000000000, digest]}))
        sock.send(json.dumps({"op": "subscribe", "args": list(topics)}))
        return sock

    yield _stream
    opened.close()
