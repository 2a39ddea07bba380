"""Wrong kinds of values, for whoever sends them: refused by name, and nothing has changed (E0, 12).

What only a type checker would catch in a program comes here from strangers: a list where a word is
meant, a false where a side is, the digits of another script, a year that no journal has room for.
"""

from typing import Any

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.outside.conftest import INVERSE
from tests.outside.desk import SWAP, Desk, trader

FAR = "9999-12-31T23:59:59Z"
A_LIST = [{"name": "A"}]
NO_WORDS: tuple[Any, ...] = (0, False, [], {})
NO_SYMBOLS: tuple[dict[str, Any], ...] = (
    {"symbol": 0}, {"symbol": []}, {"filter": {"symbol": 0}}, {"filter": []},
)  # fmt: skip


@pytest.fixture(scope="module")
def desk(exchange):
    """A contract with lots of 10 at 10,000."""
    return Desk(exchange, 10_000, lotSize=10)


@pytest.fixture(scope="module")
def who(exchange, desk):
    """Somebody who is long 1,000 of it."""
    a, b = trader(exchange), trader(exchange)
    desk.match(a, b, 1_000, 10_000)
    return a


def snapshot(exchange):
    """What a refused request of the operator leaves alone."""
    return exchange.look("/state")["counts"], exchange.look("/fund"), exchange.look("/announcement")


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"listing": FAR}, "listing: '9999"),
        ({"listing": 0}, "listing: 0"),
        ({"listing": 1_516_010_400_000}, "listing: 1516010400000"),
        ({"expiry": FAR}, "expiry: '9999"),
        ({"expiry": "2018-13-01"}, "expiry: '2018-13-01'"),
        ({"underlying": ""}, "underlying: ''"),
        ({"quoteCurrency": ""}, "quoteCurrency: ''"),
        ({"rootSymbol": ""}, "rootSymbol: ''"),
        ({"underlying": "E T C"}, "underlying: 'E T C'"),
        ({"expiry": None}, "typ: 'FFCCSX' is not allowed; that of a contract without an expiry"),
        ({"typ": "FFWCSX"}, "typ: 'FFWCSX' is not allowed; that of a contract with an expiry"),
        ({"typ": "ABCDEF"}, "typ: 'ABCDEF'"),
        ({"typ": "OCECCS"}, "typ: 'OCECCS'"),
        ({"typ": "IFXXXP"}, "multiplier: -100000000"),
        ({"circuitBreaker": 1}, "circuitBreaker: 1"),
        ({"circuitBreaker": {"a": 1}}, "circuitBreaker.a: 1"),
        ({"liquidationSpeed": []}, "liquidationSpeed: []"),
        ({"speedBump": "x"}, "speedBump: 'x'"),
        ({"dividend": 7}, "dividend: 7"),
        ({"feePlans": [1]}, "feePlans: 1"),
        ({"feePlans": [{"makerFee": 0, "takerFee": 0}]}, "feePlans.name: None"),
        ({"band": {"a": 1}}, "band.a: 1"),
        ({"settlementKind": {"a": 1}}, "settlementKind.a: 1"),
        ({"settlementKind": {"sum": 1}}, "settlementKind.sum: 1"),
        ({"lotSize": 100, "maxOrderQty": 99}, "maxOrderQty: 99 is not allowed; must be at least"),
        ({"bankruptTick": 5}, "bankruptTick: 5 is not allowed; must be a whole part of the tick"),
        ({"bankruptTick": 0.3}, "bankruptTick: 0.3 is not allowed"),
    ],
)
def test_a_bad_contract_is_refused_by_name(exchange, desk, fields, named):
    before = snapshot(exchange)
    contract = {**INVERSE, "symbol": "BADONE", "referenceSymbol": desk.index, **fields}

    assert exchange.refusal("/instrument", **contract).startswith(named)

    assert snapshot(exchange) == before


@pytest.mark.parametrize(
    ("path", "fields", "named"),
    [
        ("/instrument", {"symbol": ".X", "source": ".BXBT", "kind": []}, "kind: []"),
        ("/instrument", {"symbol": ".X", "source": ".BXBT", "kind": {"a": 1}}, "kind: {'a': 1}"),
        ("/instrument", {"symbol": [], "markMethod": "FairPrice"}, "symbol: []"),
        ("/instrument", {"symbol": {}, "composition": A_LIST}, "symbol: {}"),
        ("/instrument", {"symbol": ".X", "constituents": [7]}, "constituents: 7"),
        ("/instrument", {"symbol": ".X", "constituents": [{"weight": 1}]}, "constituents.name: "),
        ("/instrument", {"symbol": ".X", "constituents": [{"nam": 1}]}, "constituents.nam: 1"),
        (
            "/instrument",
            {"symbol": ".X", "constituents": A_LIST, "underlying": ""},
            "underlying: ''",
        ),
        ("/borrow", {"currency": "ETC", "offers": [3]}, "offers: 3"),
        ("/borrow", {"currency": "ETC", "offers": [{"rate": 3}]}, "offers.rate: 3"),
        ("/chain", {"currency": "XBt", "round": FAR}, "round: '9999"),
        ("/clock", {"to": FAR}, "to: '9999"),
        ("/clock", {"to": "2060-01-01T00:00:00Z"}, "to: '2060"),
        ("/clock", {"to": 4_000_000_000_000}, "to: 4000000000000"),
        ("/clock", {"advance_s": 10**9 + 1}, "advance_s: 1000000001"),
    ],
)
def test_a_bad_request_of_the_operator_is_refused_by_name(exchange, path, fields, named):
    before = snapshot(exchange)

    assert exchange.refusal(path, **fields).startswith(named)

    assert snapshot(exchange) == before


@pytest.mark.parametrize("name", ["from", "until"])
def test_a_refund_of_no_time(exchange, desk, name):
    fields = {
        "symbol": desk.symbol, "from": "2018-01-15T09:00:00Z", "until": "2018-01-15T10:00:00Z",
        "reference": 10_000, name: FAR,
    }  # fmt: skip
    assert exchange.refusal("/refund", **fields).startswith(f"{name}: '9999")


def test_an_announcement_of_no_time(exchange, desk):
    before = snapshot(exchange)
    said = exchange.refusal(
        "/announcement", kind="tick", symbol=desk.symbol, value=1, effective=FAR, text="x"
    )
    assert said.startswith("effective: '9999")
    assert snapshot(exchange) == before


def test_a_type_is_found_by_the_expiry_where_none_is_sent(exchange, desk):
    fields = {k: v for k, v in INVERSE.items() if k != "typ"}
    fields |= {"symbol": "TYPED", "referenceSymbol": desk.index}
    assert exchange.tell("/instrument", **fields)["typ"] == "FFCCSX"
    swap = {k: v for k, v in SWAP.items() if k != "typ"}
    swap |= {"symbol": "SWAPPED", "referenceSymbol": desk.index}
    assert exchange.tell("/instrument", **swap)["typ"] == "FFWCSX"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        *[({"side": value}, "Invalid side") for value in (*NO_WORDS, "sell!")],
        *[({"ordType": value}, "Unsupported ordType") for value in NO_WORDS],
        *[({"timeInForce": value}, "Unsupported timeInForce") for value in NO_WORDS],
        *[({"execInst": value}, "Unsupported execInst") for value in (0, False, {"a": 1})],
        ({"price": "\u0669\u0660\u0660\u0660"}, "Invalid price"),
        ({"orderQty": "\u0661\u0660"}, "Invalid orderQty"),
        ({"price": 10**400}, "Invalid price"),
        ({"orderQty": 10**400}, "Invalid orderQty"),
        ({"displayQty": -10}, "Invalid displayQty"),
        ({"displayQty": 20}, "Invalid displayQty"),
    ],
)
def test_a_wrong_kind_of_value_is_no_absent_one(exchange, desk, who, fields, message):
    before = desk.book(), exchange.margin(who), desk.position(who)

    assert desk.reject(who, **{"orderQty": 10, "price": 9_000, **fields}) == message

    assert (desk.book(), exchange.margin(who), desk.position(who)) == before


def test_a_negative_quantity_in_an_amend_sells_and_a_buy_has_none(exchange, desk, who):
    buy, sell = desk.order(who, 20, 9_000), desk.order(who, -20, 11_000)

    said = exchange.reject("PUT", "/order", who, orderID=buy["orderID"], orderQty=-10)
    assert said == "Invalid side"
    item = {"orderID": buy["orderID"], "orderQty": -10}
    assert exchange.reject("PUT", "/order/bulk", who, orders=[item]) == "Invalid side"
    assert desk.book() == {"Buy": [(9_000, 20)], "Sell": [(11_000, 20)]}
    amended = exchange.ask("PUT", "/order", who, orderID=sell["orderID"], orderQty=-10)
    assert (amended["side"], amended["orderQty"]) == ("Sell", 10)
    exchange.ask("DELETE", "/order/all", who)


def test_a_symbol_that_is_none_does_not_cancel_everything(exchange, desk, who):
    desk.order(who, 20, 9_000)

    for fields in NO_SYMBOLS:
        assert exchange.reject("DELETE", "/order/all", who, **fields)

    assert desk.book()["Buy"] == [(9_000, 20)]
    exchange.ask("DELETE", "/order/all", who)


@pytest.mark.parametrize(
    ("path", "status"), [("?api-key=x&api-expires=1&api-signature=z", 401), ("/nowhere", 404)]
)
def test_a_socket_that_is_denied_leaves_no_word_on_standard_error(exchange, path, status):
    with pytest.raises(InvalidStatus) as denied, connect(exchange.ready["ws"] + path):
        pass
    assert denied.value.response.status_code == status
