"""design.md 6: what the operator mistypes is named, with what is allowed, and changes nothing."""

import pytest

from tests.outside.conftest import INVERSE
from tests.outside.desk import SWAP, Desk

SOON = "2018-01-16T12:00:00Z"


@pytest.fixture(scope="module")
def swap(exchange):
    return Desk(exchange, 10_000, SWAP)


def picture(exchange):
    """All that a refusal must leave as it was."""
    state = exchange.look("/state")
    books = [exchange.look(path) for path in ("/account", "/fund", "/announcement", "/instrument")]
    return state["counts"], state["modes"], state["clock"], books


def refused(exchange, path, fields, *words):
    """Send what is wrong; every word must be in the answer, and all must be as it was."""
    before = picture(exchange)
    said = exchange.refusal(path, **fields)
    for word in words:
        assert word in said, said
    assert picture(exchange) == before


@pytest.mark.parametrize(
    "weight", ["1e999999999", "1e-999999999", "1/" + "9" * 40, "0x1", True, 1e300, "-1", "1/0", 2e6]
)
def test_weights(exchange, swap, weight):
    members = [{"name": "A", "weight": weight}]
    words = "constituents.weight: ", "needed"
    refused(exchange, "/instrument", {"symbol": ".NEW", "constituents": members}, *words)
    refused(exchange, "/instrument", {"symbol": swap.index, "composition": members}, *words)


def test_a_mistyped_symbol_lists_nothing(exchange):
    refused(exchange, "/instrument", {"symbol": "NIX", "markMethod": "LastPrice"}, "symbol: 'NIX'")
    refused(exchange, "/instrument", {"symbol": ".NIX", "remove": True}, "symbol: '.NIX'")
    members = [{"name": "A"}]
    refused(exchange, "/instrument", {"symbol": ".NIX", "composition": members}, "symbol: '.NIX'")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"maxPrice": 1e-9}, ("maxPrice: 1e-09", "at least one tick, 0.5")),
        ({"openingReference": 1e-9}, ("openingReference: 1e-09", "at most 2 decimals")),
        ({"settlementKind": {"kind": "fixed", "price": 1e-9}}, ("settlementKind.price: 1e-09",)),
        ({"referenceSymbol": "BXBT"}, ("referenceSymbol: 'BXBT'", "a dot and")),
        ({"circuitBreaker": {"levels": [0.2, 0.1]}}, ("circuitBreaker.levels: [0.2, 0.1]", "rise")),
        ({"circuitBreaker": {"haltSeconds": 0}}, ("circuitBreaker.haltSeconds: 0", "from 1")),
        ({"circuitBreaker": {"lateSeconds": 86_400}}, ("lateSeconds: 86400", "to 86399")),
        ({"liquidationSpeed": {"floor": 1}}, ("liquidationSpeed.floor: 1", "between 0 and 1")),
        ({"liquidationSpeed": {"windowSeconds": 0}}, ("windowSeconds: 0", "from 1")),
        ({"limitDownPrice": 9_000, "limitUpPrice": 8_000}, ("limitUpPrice: 8000", "from 9000")),
        ({"limitUpPrice": 2e6}, ("limitUpPrice: 2000000.0", "to 1000000")),
        ({"band": {"down": 9_000, "up": 0}}, ("band: {", "from 9000")),
    ],
)
def test_a_listing(exchange, swap, fields, words):
    listing = {**INVERSE, "symbol": "NEW", "referenceSymbol": swap.index, **fields}
    refused(exchange, "/instrument", listing, *words)


def test_a_barrier_is_under_the_strike(exchange, swap):
    fields = {
        "symbol": "DOWN", "underlying": "XBT", "quoteCurrency": "XBT", "openingReference": 0.02,
        "referenceSymbol": swap.index, "optionStrikePrice": 8_000, "barrier": 8_000,
        "expiry": "2018-01-19T12:00:00Z",
    }  # fmt: skip
    refused(exchange, "/instrument", fields, "barrier: 8000", "under the strike 8000")


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        ("leverage", {"initMargin": 0.001}, ("value: ", "maintMargin", "0.005", "0.001")),
        ("funding", "2000-01-01T07:00:00.000Z", ("value: ", "fundingInterval", "part of a day")),
        ("index", "BXBT", ("referenceSymbol: 'BXBT'", "a dot and")),
        ("listing", {"listing": "2018-01-17T00:00:00Z"}, ("listing: '2018-01-17", "2018-01-16T12")),
        ("listing", {"symbol": "OTHER"}, ("value: 'OTHER'", "of symbol C")),
    ],
)
def test_an_announcement(exchange, swap, kind, value, words):
    fields = {"kind": kind, "symbol": swap.symbol, "value": value, "effective": SOON}
    refused(exchange, "/announcement", fields, *words)


def test_too_little_notice_of_another_funding_interval(exchange, swap):
    fields = {
        "kind": "funding", "symbol": swap.symbol, "value": "2000-01-01T02:00:00.000Z",
        "effective": "2018-01-15T17:00:00Z",
    }  # fmt: skip
    refused(exchange, "/announcement", fields, "effective: '2018-01-15T17", "28800 s at least")


def test_only_the_same_kind_is_superseded(exchange, swap):
    first = {"kind": "withdrawal", "effective": SOON}
    number = exchange.tell("/announcement", **first)["id"]
    fields = {"kind": "mode", "value": "Halt", "effective": SOON, "supersedes": number}
    refused(exchange, "/announcement", fields, f"supersedes: {number}", "kind withdrawal")


@pytest.mark.parametrize("key", [" ", "\0", "two\nlines"])
def test_a_key_that_nobody_could_send(exchange, key):
    refused(exchange, "/account", {"name": "odd", "key": key}, f"key: {key!r}", "text")


def test_a_request_of_several_changes_makes_all_or_none(exchange, swap):
    fields = {"currency": "XBt", "minFee": 77, "round": "2018-01-01T00:00:00Z"}
    before = exchange.tell("/chain", currency="XBt", withdrawals=True)["minFee"]
    refused(exchange, "/chain", fields, "round: '2018-01-01", "after 2018-01-15")
    assert exchange.tell("/chain", currency="XBt", withdrawals=True)["minFee"] == before
    refused(exchange, "/account", {"name": "carol", "linked": "bob", "feePlan": None}, "feePlan: ")


@pytest.mark.parametrize(
    "offers",
    [
        [{"amount": 10**9, "rate_per_day": 0.001}] * 20,
        [{"amount": 1, "rate_per_day": 1e-13}],
        [{"amount": 1, "rate_per_day": 0.051}],
    ],
)
def test_offers_that_cannot_be(exchange, offers):
    refused(exchange, "/borrow", {"currency": "LTC", "offers": offers}, "offers")
