"""design.md 6 and E9: indices that the operator lists, prices, silences and repairs."""

import itertools

import pytest

numbers = itertools.count()


@pytest.fixture
def make(exchange):
    """List an index of members with equal weights, all printing ``price``."""

    def _make(members, price=100, outlier=0.25):
        symbol = f".T{next(numbers)}"
        weight = f"1/{len(members)}"
        rows = [{"name": name, "weight": weight} for name in members]
        made = exchange.tell(
            "/instrument", symbol=symbol, constituents=rows, decimals=2, outlier=outlier
        )
        assert (made["symbol"], made["lastPrice"]) == (symbol, None)
        assert made["timestamp"] == exchange.look("/state")["clock"]["at"]
        exchange.tell("/index", index=symbol, price=price)
        exchange.advance(5)
        assert exchange.row(symbol)["lastPrice"] == price
        return symbol

    return _make


@pytest.fixture
def says(exchange):
    """Return what the index is at the next publication, after ``prices``."""

    def _says(symbol, **prices):
        for name, price in prices.items():
            exchange.tell("/constituent", index=symbol, constituent=name, price=price)
        exchange.advance(5)
        return exchange.row(symbol)["lastPrice"]

    return _says


def test_a_price_goes_into_the_next_publication_and_is_rounded_once(exchange, make, says):
    symbol = make("ABC")
    exchange.tell("/constituent", index=symbol, constituent="A", price=100.02)

    assert exchange.row(symbol)["lastPrice"] == 100
    assert says(symbol) == 100.01  # 300.02 / 3 = 100.0066
    row = exchange.row(symbol)
    assert row["markPrice"] == 100.01
    assert row["timestamp"] == exchange.look("/state")["clock"]["at"]


def test_constituents_stay_where_they_were_put_and_never_go_stale(exchange, make, says):
    symbol = make("AB")
    assert says(symbol, A=101) == 100.5

    exchange.advance(3600)

    assert says(symbol) == 100.5


def test_E9_weights_are_exact_fractions(exchange):
    rows = [{"name": "A", "weight": "1/3"}, {"name": "B", "weight": "2/3"}]
    exchange.tell("/instrument", symbol=".WEIGHED", constituents=rows, decimals=8)
    exchange.tell("/index", index=".WEIGHED", price=1)
    exchange.tell("/constituent", index=".WEIGHED", constituent="B", price=1.3)
    exchange.advance(5)

    assert exchange.row(".WEIGHED")["lastPrice"] == 1.2


def test_E9_a_bad_print_of_one_of_four_is_left_out_until_the_operator_says(make, says, exchange):
    symbol = make(("BITFINEX", "BITSTAMP", "GDAX", "OKCOIN"), price=1184.62)

    assert says(symbol, GDAX=0.06) == 1184.62  # the plain mean would be 888.48
    assert says(symbol, GDAX=1188.62) == 1184.62
    exchange.advance(1200)
    assert says(symbol) == 1184.62
    exchange.tell("/constituent", index=symbol, constituent="GDAX", status="reinstate")
    assert says(symbol) == 1185.62


def test_E9_two_members_hold_the_last_value(make, says):
    symbol = make("AB")

    assert says(symbol, B=60) == 100
    assert says(symbol, B=85) == 92.5


def test_E9_one_member_holds_the_last_value(make, says):
    symbol = make("A")

    assert says(symbol, A=70) == 100
    assert says(symbol, A=80) == 80


def test_E9_three_members_one_at_half(make, says):
    symbol = make("ABC")

    assert says(symbol, C=50) == 100
    assert says(symbol, A=110, B=110) == 110


def test_E9_silent_for_15_minutes_is_out_and_5_minutes_of_prices_bring_it_back(
    exchange, make, says
):
    symbol = make("ABC")
    assert says(symbol, C=112) == 104
    last = exchange.look("/state")["clock"]["at"]
    exchange.tell("/constituent", index=symbol, constituent="C", status="silent")

    exchange.advance(14 * 60 + 55)
    assert exchange.row(symbol)["lastPrice"] == 104
    exchange.advance(5)
    assert exchange.row(symbol)["lastPrice"] == 100, last
    exchange.advance(300)
    exchange.tell("/constituent", index=symbol, constituent="C", price=115)
    exchange.advance(4 * 60 + 55)
    assert exchange.row(symbol)["lastPrice"] == 100
    exchange.advance(10)
    assert exchange.row(symbol)["lastPrice"] == 105


def test_all_silent_hold_the_last_value(exchange, make):
    symbol = make("AB")
    for name in "AB":
        exchange.tell("/constituent", index=symbol, constituent=name, status="silent")

    exchange.advance(3600)

    assert exchange.row(symbol)["lastPrice"] == 100


@pytest.mark.parametrize(
    ("path", "fields", "named", "allowed"),
    [
        ("/index", {"index": ".NIX", "price": 1}, "index: '.NIX'", ".ETCXBT"),
        ("/index", {"price": 1}, "index: None", "a text"),
        ("/index", {"index": ".ETCXBT"}, "price: None", "above 0"),
        ("/index", {"index": ".ETCXBT", "price": 0}, "price: 0", "above 0"),
        ("/index", {"index": ".ETCXBT", "price": -1}, "price: -1", "above 0"),
        ("/index", {"index": ".ETCXBT", "price": "0.02"}, "price: '0.02'", "a number"),
        ("/index", {"index": ".ETCXBT", "price": True}, "price: True", "a number"),
        ("/index", {"index": ".ETCXBT", "price": 1, "at": 5}, "at: 5", "index, price"),
        ("/index", {"index": ".ETCXBT30M", "price": 1}, "index: '.ETCXBT30M'", ".ETCXBT"),
        (
            "/constituent",
            {"index": ".ETCXBT", "constituent": "GDAX", "price": 1},
            "'GDAX'",
            "KRAKEN",
        ),
        ("/constituent", {"index": ".ETCXBT", "constituent": "KRAKEN"}, "price, status", "one of"),
        (
            "/constituent",
            {"index": ".ETCXBT", "constituent": "KRAKEN", "status": "gone"},
            "status: 'gone'",
            "silent, reinstate",
        ),
        (
            "/constituent",
            {"index": ".ETCXBT", "constituent": "KRAKEN", "status": "silent", "price": 1},
            "price and status",
            "one of",
        ),
    ],
)
def test_a_bad_request_is_refused_with_field_value_and_what_is_allowed(
    exchange, path, fields, named, allowed
):
    before = exchange.look("/state")

    said = exchange.refusal(path, **fields)

    assert named in said
    assert allowed in said
    assert exchange.look("/state") == before


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"constituents": []}, "constituents"),
        ({"constituents": "A"}, "constituents: 'A'"),
        ({}, "constituents: None"),
        ({"constituents": [{"name": "A", "weight": "1/0"}]}, "weight: '1/0'"),
        ({"constituents": [{"name": "A", "weight": 0}]}, "weight: 0"),
        ({"constituents": [{"name": "A"}, {"name": "A"}]}, "different names"),
        ({"constituents": [{"name": "A", "share": 1}]}, "share: 1"),
        ({"constituents": [{"name": "A"}], "decimals": 13}, "decimals: 13"),
        ({"constituents": [{"name": "A"}], "outlier": 0}, "outlier: 0"),
        ({"constituents": [{"name": "A"}], "tickSize": 1}, "tickSize: 1"),
        ({"constituents": [{"name": "A"}], "symbol": ".ETCXBT"}, "already listed"),
        ({"constituents": [{"name": "A"}], "symbol": ".bxbt"}, "symbol: '.bxbt'"),
    ],
)
def test_a_bad_index_is_refused_by_name(exchange, fields, named):
    assert named in exchange.refusal("/instrument", **{"symbol": ".BAD", **fields})
    assert exchange.ask("GET", "/instrument?symbol=.BAD") == []


def test_an_index_is_seen_by_clients_and_by_the_operator(exchange, make):
    symbol = make("A")

    rows = exchange.ask("GET", "/instrument/indices")

    assert symbol in {row["symbol"] for row in rows}
    assert symbol in {row["symbol"] for row in exchange.look("/instrument")}
