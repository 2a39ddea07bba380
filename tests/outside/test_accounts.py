"""design.md 6: accounts and instruments as the operator makes them."""

import json

import pytest

from tests.outside.conftest import INVERSE, LINEAR, list_bxbt
from tests.outside.driver import SECRETS, XBT


@pytest.fixture(scope="module")
def exchange(exchange):
    list_bxbt(exchange)
    return exchange


def test_accounts_of_the_command_line_are_there_with_their_coins(exchange):
    shown = {row["name"]: row["balances"] for row in exchange.look("/account")}

    assert shown["alice"] == {"XBt": 10 * XBT}
    assert shown["bob"] == {"XBt": 1_050_000_000, "ETC": 50_000_000_000}
    assert exchange.wallet("bob", "ETC") == 50_000_000_000


def test_an_account_is_made_used_and_added_to(exchange):
    made = exchange.tell(
        "/account", name="dave", balances={"XBt": XBT, "USDt": 5}, key="dave", secret="hush"
    )
    exchange.secrets["dave"] = "hush"

    assert made["balances"] == {"XBt": XBT, "USDt": 5}
    assert (made["key"], made["secret"]) == ("dave", "hush")
    assert exchange.wallet("dave") == XBT
    after = exchange.tell("/account", name="dave", deposit={"XBt": 1})
    assert after["balances"] == {"XBt": XBT + 1, "USDt": 5}
    assert exchange.wallet("dave") == XBT + 1
    rows = exchange.ask("GET", "/user/walletHistory?currency=XBt", "dave")
    assert [(row["transactType"], row["amount"]) for row in rows] == [
        ("Deposit", 1), ("Deposit", XBT),
    ]  # fmt: skip
    exchange.audited()


def test_key_and_secret_are_made_up_when_absent(exchange):
    made = exchange.tell("/account", name="erin", balances={"XBt": 0})
    exchange.secrets[made["key"]] = made["secret"]

    assert made["balances"] == {}
    assert len(made["secret"]) >= 40
    assert exchange.ask("GET", "/user", made["key"])["id"] == made["id"]


def test_no_secret_is_shown_by_a_look(exchange):
    shown = exchange.look("/account/alice")

    assert shown["name"] == "alice"
    assert shown["keys"][0]["key"] == "alice"
    assert shown["mail"] == []
    assert "secret" not in json.dumps(shown)
    everything = json.dumps(
        [exchange.look("/account"), exchange.journal(), exchange.look("/state")]
    )
    for secret in SECRETS.values():
        assert secret not in everything
    assert exchange.admin("GET", "/account/nobody").status_code == 404


def test_permissions_of_a_key(exchange):
    exchange.tell("/account", name="reader", key="reader", secret="s", permissions=[])
    exchange.secrets["reader"] = "s"

    assert exchange.call("GET", "/order", "reader").status_code == 200
    answer = exchange.call("POST", "/order", "reader", symbol="ETC7D", orderQty=1, price=0.001)
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({}, "name: None"),
        ({"name": 5}, "name: 5"),
        ({"name": "two words"}, "name: 'two words'"),
        ({"name": "alice"}, "already"),
        ({"name": "x", "deposit": {"XBt": 1}}, "name: 'x'"),
        ({"name": "alice", "deposit": {}}, "deposit: {}"),
        ({"name": "alice", "deposit": {"XBt": -1}}, "deposit.XBt: -1"),
        ({"name": "alice", "deposit": {"XBt": 1.5}}, "deposit.XBt: 1.5"),
        ({"name": "alice", "deposit": {"XBt": "1"}}, "deposit.XBt: '1'"),
        ({"name": "alice", "deposit": {"XBt": True}}, "deposit.XBt: True"),
        ({"name": "alice", "deposit": {"XBT": 1}}, "wallets are kept in XBt"),
        ({"name": "alice", "deposit": 5}, "deposit: 5"),
        ({"name": "x", "balances": {"XBt": None}}, "balances.XBt: None"),
        ({"name": "x", "key": "alice"}, "key: 'alice'"),
        ({"name": "x", "permissions": ["fly"]}, "permissions: 'fly'"),
        ({"name": "x", "flags": "anchorMM"}, "flags: 'anchorMM'"),
        ({"name": "x", "flags": ["suspendd"]}, "flags: 'suspendd' is not allowed; allowed are"),
        ({"name": "x", "balance": {"XBt": 1}}, "balance: "),
    ],
)
def test_a_bad_account_is_refused_and_not_made(exchange, fields, named):
    before = exchange.look("/account")

    assert named in exchange.refusal("/account", **fields).replace("is there already", "already")
    assert exchange.look("/account") == before


def test_a_linear_and_an_inverse_future_are_listed_from_camel_case_fields(exchange):
    for fields in (INVERSE, LINEAR):
        made = exchange.tell("/instrument", **fields)
        assert exchange.row(fields["symbol"]) == made
        for name in fields.keys() - {"expiry"}:
            assert made[name] == fields[name], name
        assert made["expiry"] == "2018-03-30T12:00:00.000Z"
        assert made["state"] == "Open"
        assert made["listing"] == exchange.look("/state")["clock"]["at"]
        assert made["isInverse"] is (fields is INVERSE)
    assert {"XBTH18", "ETCH18"} <= {row["symbol"] for row in exchange.look("/instrument")}
    assert {"XBTH18", "ETCH18"} <= {
        row["symbol"] for row in exchange.ask("GET", "/instrument/active")
    }


def test_what_is_absent_is_as_in_a_contract_of_the_same_kind(exchange):
    made = exchange.tell("/instrument", symbol="ETCM18", expiry="2018-06-29T12:00:00Z")

    for name in ("typ", "multiplier", "initMargin", "takerFee", "referenceSymbol", "lotSize"):
        assert made[name] == LINEAR[name], name
    assert made["fundingInterval"] is None
    fields = {**INVERSE, "symbol": "XBTU18", "fundingInterval": None, "bankruptTick": None}
    assert exchange.tell("/instrument", **fields)["fundingRate"] is None


def test_a_contract_opens_at_its_listing(exchange):
    fields = {**LINEAR, "symbol": "ETCZ18", "listing": "2018-01-15T11:00:00Z"}
    assert exchange.tell("/instrument", **fields)["state"] == "Unlisted"
    order = {"symbol": "ETCZ18", "orderQty": 1, "price": 0.002}
    assert exchange.reject("POST", "/order", "alice", **order) == (
        "Instrument not listed for trading yet"
    )

    exchange.until("2018-01-15T11:00:00Z")

    assert exchange.row("ETCZ18")["state"] == "Open"
    assert exchange.ask("POST", "/order", "alice", **order)["ordStatus"] == "New"
    exchange.ask("DELETE", "/order/all", "alice")


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"lotSize": 0}, "lotSize: 0"),
        ({"lotSize": 1.5}, "lotSize: 1.5"),
        ({"lotSize": "1"}, "lotSize: '1'"),
        ({"tickSize": 0}, "tickSize: 0"),
        ({"tickSize": -1}, "tickSize: -1"),
        ({"multiplier": 0}, "multiplier: 0"),
        ({"maxOrderQty": 0}, "maxOrderQty: 0"),
        ({"maxPrice": 0}, "maxPrice: 0"),
        ({"initMargin": 0}, "initMargin: 0"),
        ({"initMargin": 2}, "initMargin: 2 is not allowed; must be over 0 and at most 1"),
        ({"maintMargin": 0.06}, "maintMargin: 0.06 is not allowed; must be under 0.05"),
        ({"takerFee": 1.5}, "takerFee: 1.5"),
        ({"makerFee": -0.01}, "must cover makerFee -0.01"),
        ({"expiry": "2018-01-01T00:00:00Z"}, "expiry: '2018-01-01T00:00:00Z'"),
        (
            {"listing": "2018-04-01T00:00:00Z"},
            "must be after listing 2018-04-01T00:00:00.000Z",
        ),
        ({"expiry": "soon"}, "expiry: 'soon'"),
        ({"referenceSymbol": ".NIX"}, "referenceSymbol: '.NIX'"),
        ({"markMethod": "Guess"}, "markMethod: 'Guess'"),
        ({"settlementKind": "toss"}, "settlementKind: 'toss'"),
        ({"settlCurrency": "XBT"}, "settlCurrency: 'XBT'"),
        ({"typ": "FUTURE1"}, "typ: 'FUTURE1'"),
        ({"symbol": "etcq18"}, "symbol: 'etcq18'"),
        ({"symbol": "ETC7D"}, "symbol: 'ETC7D' is not allowed; already listed"),
        ({"tick": 1}, "tick: 1 is not allowed; the fields are symbol, typ,"),
        ({"band": {"pct": 0.25, "session_s": 7200}}, "band"),
    ],
)
def test_a_bad_contract_is_refused_by_field_and_not_listed(exchange, fields, named):
    before = exchange.look("/state")["modes"], exchange.look("/instrument")

    assert named in exchange.refusal("/instrument", **{**LINEAR, "symbol": "ETCQ18", **fields})
    assert (exchange.look("/state")["modes"], exchange.look("/instrument")) == before


def test_a_contract_without_an_expiry_is_a_perpetual(exchange):
    fields = {key: LINEAR[key] for key in ("underlying", "multiplier", "referenceSymbol")}

    made = exchange.tell("/instrument", symbol="ETCXBT", **fields)

    assert (made["typ"], made["expiry"]) == ("FFWCSX", None)


def test_E14_expire_now_settles_at_the_last_print(exchange):
    fields = {**INVERSE, "symbol": "XBTNOW", "settlementFee": 0, "settlementKind": "last"}
    exchange.tell("/instrument", **fields)
    exchange.order("alice", 100, 10_000, symbol="XBTNOW")
    exchange.order("bob", -100, 10_000, symbol="XBTNOW")
    rested = exchange.order("alice", 1, 9_000, symbol="XBTNOW")
    exchange.tell("/index", index=".BXBT", price=10_500)
    exchange.advance(5)

    made = exchange.tell("/instrument", symbol="XBTNOW", expire_now=True)

    assert (made["state"], made["settledPrice"]) == ("Settled", 10_500)
    assert exchange.position("alice", "XBTNOW")["currentQty"] == 0
    profit = exchange.trades("alice", "XBTNOW")
    assert profit[-1]["execType"] == "Settlement"
    assert profit[-1]["execCost"] == 100 * 9_524
    order = exchange.ask("GET", "/order?symbol=XBTNOW&reverse=true&count=1", "alice")[0]
    assert (order["orderID"], order["ordStatus"]) == (rested["orderID"], "Canceled")
    for bad, named in (
        ({"symbol": "XBTNOW", "expire_now": True}, "symbol: 'XBTNOW' is not allowed; expired"),
        ({"symbol": "NIX", "expire_now": True}, "symbol: 'NIX'"),
        ({"symbol": "ETC_XBT", "expire_now": True}, "no expiry"),
        ({"symbol": "ETC7D", "expire_now": "yes"}, "expire_now: 'yes'"),
        ({"symbol": "ETC7D", "expire_now": False}, "expire_now: False"),
    ):
        assert named in exchange.refusal("/instrument", **bad)
    exchange.audited()


def test_mode_halts_cancels_only_and_opens(exchange):
    order = {"symbol": "ETC7D", "orderQty": 1, "price": 0.002}
    rested = exchange.order("alice", 1, 0.002, symbol="ETC7D")
    for mode in ("Halt", "CancelOnly"):
        assert exchange.tell("/mode", symbol="ETC7D", mode=mode)["ETC7D"] == mode
        assert exchange.reject("POST", "/order", "alice", **order)
    exchange.ask("DELETE", "/order", "alice", orderID=rested["orderID"])
    exchange.tell("/mode", symbol=None, mode="Open")
    exchange.order("alice", 1, 0.002, symbol="ETC7D")
    exchange.ask("DELETE", "/order/all", "alice")
    assert "mode: 'Shut'" in exchange.refusal("/mode", symbol=None, mode="Shut")
