"""E17, E32: modes, timed halts and announcements of every kind."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.outside.desk import NO_FEES, SWAP, Desk, new_index, shown, trader
from tests.outside.driver import XBT

OPEN_ORDERS = "/order?filter=%7B%22open%22%3Atrue%7D"


@pytest.fixture
def desk(exchange):
    return Desk(exchange, 10_000, SWAP, fundingRate=0, tickSize=0.01)


def soon(exchange, seconds=60):
    """An instant a little later, as the operator writes it."""
    now = datetime.fromisoformat(exchange.look("/state")["clock"]["at"])
    return (now.astimezone(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def announce(desk, kind, value=None, seconds=60, **more):
    """Publish a change; its number and its instant."""
    fields = {
        "kind": kind,
        "symbol": desk.symbol,
        "effective": soon(desk.exchange, seconds),
        **more,
    }
    if value is not None:
        fields["value"] = value
    told = desk.exchange.tell("/announcement", **{k: v for k, v in fields.items() if v != ""})
    assert told.keys() == {"id"}
    return told["id"], fields["effective"]


def published(exchange, number):
    """The announcement as everybody reads it."""
    rows = exchange.ask("GET", "/announcement")
    return next(row for row in rows if row["id"] == number)


def test_E32_tick_at_its_instant_inclusive(exchange, desk):
    a = trader(exchange)
    rested = desk.order(a, 1, 9_000.03)
    number, at = announce(desk, "tick", 0.1, text="coarser")
    assert shown(published(exchange, number), "state effective value content") == (
        "Pending", at, 0.1, "coarser",
    )  # fmt: skip
    exchange.advance(59)
    assert desk.order(a, 1, 100.03)["ordStatus"] == "New"
    exchange.until(at)

    assert desk.reject(a, orderQty=1, price=100.03) == "Invalid price tickSize"
    assert desk.row()["tickSize"] == 0.1
    rows = exchange.ask("GET", f"/order?symbol={desk.symbol}", a)
    assert {(row["ordStatus"], row["text"].splitlines()[0]) for row in rows} == {
        ("Canceled", "Canceled: Tick size change")
    }
    assert rested["orderID"] in {row["orderID"] for row in rows}
    assert published(exchange, number)["state"] == "Effective"


def test_E32_fee_and_leverage(exchange, desk):
    a, b = trader(exchange), trader(exchange)
    announce(desk, "fee", {"makerFee": 0, "takerFee": 0.001})
    announce(desk, "leverage", {"initMargin": 0.02, "maintMargin": 0.01})
    exchange.advance(60)

    assert shown(desk.row(), "makerFee takerFee initMargin maintMargin") == (0, 0.001, 0.02, 0.01)
    desk.match(a, b, 1_000, 10_000)
    assert desk.trades(a)[-1]["execComm"] == 10_000
    assert desk.position(a)["posInit"] == 200_000
    assert exchange.reject("POST", "/position/leverage", a, symbol=desk.symbol, leverage=51)


def test_E32_the_index_of_a_contract_and_of_its_members(exchange, desk):
    other = new_index(exchange, 11_000, 2, "A", "B")
    announce(desk, "index", other)
    exchange.advance(65)
    assert shown(desk.row(), "referenceSymbol markPrice") == (other, 11_000)

    desk.index = desk.symbol = other
    exchange.tell("/constituent", index=other, constituent="B", price=11_300)
    announce(desk, "index", [{"name": "B", "weight": 1}])
    exchange.advance(65)
    assert exchange.row(other)["lastPrice"] == 11_300


def test_E32_a_listing(exchange, desk):
    fields = {k: v for k, v in SWAP.items() if k not in {"symbol", "expiry"}}
    listed = {
        **fields,
        "referenceSymbol": desk.index,
        "expiry": "2018-06-29T12:00:00Z",
        "typ": "FFCCSX",
    }
    name = f"L{desk.symbol}"
    announce(desk, "listing", listed, symbol=name)
    assert exchange.ask("GET", f"/instrument?symbol={name}") == [] or (
        exchange.row(name)["state"] == "Unlisted"
    )
    exchange.advance(60)

    assert shown(exchange.row(name), "state expiry") == ("Open", "2018-06-29T12:00:00.000Z")


def test_E32_a_mode_with_its_end_and_five_minutes_of_cancels(exchange, desk):
    a = trader(exchange)
    rested = desk.order(a, 1, 9_000)
    _, at = announce(desk, "mode", {"mode": "Halt", "until": soon(exchange, 60 + 900)})
    exchange.until(at)
    for verb, fields in (
        ("POST", {"orderQty": 1, "price": 9_000, "symbol": desk.symbol}),
        ("PUT", {"orderID": rested["orderID"], "orderQty": 2}),
        ("DELETE", {"orderID": rested["orderID"]}),
    ):
        answer = exchange.call(verb, "/order", a, **fields)
        if verb == "DELETE" and answer.status_code == 200:
            assert answer.json()[0].get("error"), answer.text
        else:
            assert 400 <= answer.status_code < 500, (verb, answer.text)
            assert answer.json()["error"].keys() == {"message", "name"}
    assert desk.row()["state"] != "Open"
    mark = desk.row()["markPrice"]
    desk.price(10_100)
    assert desk.row()["markPrice"] == mark
    exchange.advance(600)  # the last five minutes
    assert exchange.look("/state")["modes"][desk.symbol] == "CancelOnly"
    assert desk.reject(a, orderQty=1, price=9_000)
    (gone,) = exchange.ask("DELETE", "/order", a, orderID=rested["orderID"])
    assert gone["ordStatus"] == "Canceled"
    exchange.advance(300)
    assert exchange.look("/state")["modes"][desk.symbol] == "Open"
    assert (desk.row()["state"], desk.row()["markPrice"]) == ("Open", 10_100)
    assert desk.order(a, 1, 9_000)["ordStatus"] == "New"


def test_E17_post_only_takes_limits_that_dont_cross(exchange, desk):
    a, b = trader(exchange), trader(exchange)
    exchange.tell("/mode", symbol=desk.symbol, mode="PostOnly")
    assert desk.order(b, -1, 10_000)["ordStatus"] == "New"
    assert desk.order(a, 1, 9_999)["ordStatus"] == "New"
    for fields in ({"orderQty": 1, "price": 10_000}, {"orderQty": 1}):
        answer = exchange.call("POST", "/order", a, symbol=desk.symbol, **fields)
        assert answer.status_code == 400 or answer.json()["ordStatus"] == "Canceled"
    assert desk.trades(a) == []
    exchange.tell("/mode", symbol=desk.symbol, mode="Open")
    assert desk.order(a, 1, 10_000)["ordStatus"] == "Filled"


def test_E17_nobody_is_liquidated_while_only_cancels_are_taken(exchange, desk):
    a, b = trader(exchange, XBt=XBT), trader(exchange)
    desk.match(a, b, 1_000, 10_000)
    desk.leverage(a, 100)
    for mode, held in (("Halt", 1_000), ("CancelOnly", 1_000), ("Open", 0)):
        exchange.tell("/mode", symbol=desk.symbol, mode=mode)
        desk.price(9_940 if mode != "Open" else 9_939)
        assert desk.position(a)["currentQty"] == held, mode
    exchange.audited()


def test_E17_all_instruments_at_once_and_deposits_wait(exchange, desk):
    a = trader(exchange, XBt=5)
    exchange.tell("/mode", symbol=None, mode="Halt")
    assert set(exchange.look("/state")["modes"].values()) == {"Halt"}
    exchange.tell("/account", name=a, deposit={"XBt": 7})
    assert exchange.wallet(a) == 5
    exchange.tell("/mode", symbol=None, mode="Open")
    assert exchange.wallet(a) == 12


def test_E10_a_funding_in_a_halt_is_done_at_resume(exchange):
    desk = Desk(exchange, 10_000, {**SWAP, **NO_FEES}, fundingRate=0.0001)
    a, b = trader(exchange), trader(exchange)
    desk.match(a, b, 10_000, 10_000)
    due = desk.row()["fundingTimestamp"]
    exchange.tell("/mode", symbol=desk.symbol, mode="Halt")
    exchange.until(due)
    assert exchange.ask("GET", f"/funding?symbol={desk.symbol}") == []
    exchange.advance(600)
    exchange.tell("/mode", symbol=desk.symbol, mode="Open")
    exchange.advance(5)

    assert [row["execComm"] for row in desk.trades(a)][-1] == 10_000
    (row,) = exchange.ask("GET", f"/funding?symbol={desk.symbol}")
    assert row["fundingRate"] == 0.0001


def test_E32_a_later_announcement_takes_the_place_of_an_earlier_one(exchange, desk):
    first, _ = announce(desk, "tick", 0.1)
    second, _ = announce(desk, "tick", 0.5, seconds=30, supersedes=first)
    assert published(exchange, first)["supersededBy"] == second
    exchange.advance(61)
    assert desk.row()["tickSize"] == 0.5

    said = exchange.refusal(
        "/announcement", kind="tick", symbol=desk.symbol, value=1, effective=soon(exchange),
        supersedes=second,
    )  # fmt: skip
    assert "supersedes" in said


def test_E32_a_round_of_withdrawals_and_a_funding_interval(exchange, desk):
    announce(desk, "withdrawal", symbol="")
    said = exchange.refusal(
        "/announcement", kind="funding", symbol=desk.symbol, value="2000-01-01T02:00:00.000Z",
        effective=soon(exchange),
    )  # fmt: skip
    assert "notice of 60 s must be 28800 s at least" in said
    announce(desk, "funding", "2000-01-01T02:00:00.000Z", seconds=28_800)
    exchange.advance(28_800)
    assert desk.row()["fundingInterval"] == "2000-01-01T02:00:00.000Z"


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"effective": "2017-01-01T00:00:00Z"}, "effective"),
        ({"effective": None}, "effective"),
        ({"effective": 5}, "effective"),
        ({"kind": "rumour"}, "kind: 'rumour'"),
        ({"symbol": "NIX"}, "symbol: 'NIX'"),
        ({"symbol": None}, "symbol: None"),
        ({"value": 0}, "value: 0"),
        ({"value": "x"}, "value: 'x'"),
        ({"supersedes": 10**6}, "supersedes: 1000000"),
        ({"text": 5}, "text: 5"),
        ({"colour": 1}, "colour: 1"),
        ({"kind": "fee", "value": {}}, "value: {}"),
        ({"kind": "fee", "value": {"tip": 1}}, "tip: 1"),
        ({"kind": "mode", "value": "Party"}, "mode: 'Party'"),
        ({"kind": "leverage", "value": {"initMargin": 0}}, "value"),
    ],
)
def test_E32_what_is_bad_is_refused_and_not_published(exchange, desk, fields, named):
    before = exchange.look("/announcement"), desk.row()
    given = {"kind": "tick", "symbol": desk.symbol, "value": 0.1, "effective": soon(exchange)}

    assert named in exchange.refusal("/announcement", **{**given, **fields})

    assert (exchange.look("/announcement"), desk.row()) == before


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"mode": "Sleep"}, "mode: 'Sleep'"),
        ({"mode": None}, "mode: None"),
        ({"symbol": "NIX", "mode": "Halt"}, "symbol: 'NIX'"),
        ({"mode": "Halt", "until": "2017-01-01T00:00:00Z"}, "until"),
        ({"mode": "Halt", "loud": True}, "loud: True"),
    ],
)
def test_a_bad_mode_is_refused(exchange, desk, fields, named):
    before = exchange.look("/state")["modes"]
    assert named in exchange.refusal("/mode", **{"symbol": desk.symbol, **fields})
    assert exchange.look("/state")["modes"] == before


def test_E18_the_split_sums_marks_and_a_snapshot_counts_unrealised_profit(serve):
    exchange = serve()
    first, second = new_index(exchange, 2_505), new_index(exchange, 250)
    desk = Desk(exchange, 0, {**SWAP, **NO_FEES}, referenceSymbol=first, fundingRate=0)
    number, at = announce(desk, "split", {"sum": [first, second]}, symbol="")
    exchange.until(at)
    assert desk.row()["markPrice"] == 2_755
    assert published(exchange, number)["state"] == "Effective"

    # wallet 2.0 XBT, unrealised -0.3 XBT: 170,000,000 of the minor coin
    rich, loser = trader(exchange), trader(exchange, XBt=2 * XBT)
    other = Desk(exchange, 2_500, {**SWAP, **NO_FEES}, fundingRate=0, multiplier=-(10**9))
    other.match(loser, rich, 750, 2_500)  # v 400,000
    other.price(2_272.5)  # v 440,044
    loss = -other.position(loser)["unrealisedPnl"]
    told = exchange.tell("/snapshot", currency="XBt", coin="BCH")
    assert told["balances"][loser] == 2 * XBT - loss == 169_967_000
    assert exchange.wallet(loser, "BCH") == 169_967_000
    assert "coin: 'BCH'" in exchange.refusal("/snapshot", currency="XBt", coin="BCH")
    assert exchange.refusal("/account", name=loser, deposit={"BCH": 1})
    exchange.audited()


def test_E9_the_bad_print_is_refunded_by_the_exchange(exchange):
    desk = Desk(exchange, 1_112, SWAP, fundingRate=0, bankruptTick=0.01)
    a, b = trader(exchange), trader(exchange)
    desk.match(a, b, 10, 1_112)
    desk.leverage(a, 100)
    desk.price(1_106)
    assert desk.position(a)["currentQty"] == 0
    had = exchange.margin(a)["walletBalance"]
    fund = exchange.look("/fund")
    span = {"from": "2018-01-15T00:00:00Z", "until": "2018-03-01T00:00:00Z"}

    told = exchange.tell("/refund", symbol=desk.symbol, reference=1_183, **span)

    # v at bankruptcy: (89,928 x 10 + 8,993) / 10 = 90,827; v(1183) = 84,531
    refund = 10 * (90_827 - 84_531)
    assert told["refunds"] == [{"name": a, "amount": refund}]
    assert exchange.margin(a)["walletBalance"] == had + refund
    assert exchange.look("/fund") == fund
    assert exchange.tell("/refund", symbol=desk.symbol, reference=1_183, **span)["refunds"] == []
    for fields in ({"reference": 0}, {"accounts": ["nobody"]}, {"from": "x"}, {"symbol": "NIX"}):
        given = {"symbol": desk.symbol, "reference": 1_183, **span, **fields}
        assert exchange.refusal("/refund", **given)
    exchange.audited()


def test_E25_a_mining_contract_pays_every_day(exchange):
    desk = Desk(
        exchange, 2, {**NO_FEES, "underlying": "TH1", "quoteCurrency": "XBT", "tickSize": 1e-8},
        maxPrice=10, multiplier=XBT, typ="FFCCSX", expiry="2018-06-29T12:00:00Z",
        settlementKind="zero",
        markMethod="LastPrice", openingReference=2, initMargin=0.5, maintMargin=0.25,
        dividend={
            "hashrate": 10**12, "reward": 25 * XBT, "difficulty": 23_844_670_039, "poolFee": 0.03,
        },
    )  # fmt: skip
    a, b = trader(exchange), trader(exchange)
    desk.match(a, b, 1, 2)
    exchange.advance(86_400)

    rows = [row for row in desk.trades(a) if row["text"] == "Dividend"]
    # 0.02109126 a day gross, less 3 %
    assert [row["execComm"] for row in rows] == [-2_045_852]
    both = [exchange.margin(who)["walletBalance"] for who in (a, b)]
    assert sum(both) == 20_000 * XBT - 1  # rounded down for a, the rest is the exchange's
    exchange.tell("/instrument", symbol=desk.symbol, difficulty=47_689_340_078)
    (last,) = [row for row in exchange.journal() if row["command"]["type"] == "SetDifficulty"]
    assert last["command"]["difficulty"] == 47_689_340_078
    assert "difficulty: 0" in exchange.refusal("/instrument", symbol=desk.symbol, difficulty=0)
    exchange.audited()


def test_an_index_that_is_removed_is_published_no_more(exchange):
    symbol = new_index(exchange, 100)
    exchange.tell("/instrument", symbol=symbol, remove=True)
    assert "remove: False" in exchange.refusal("/instrument", symbol=symbol, remove=False)
    assert exchange.refusal("/instrument", symbol=".NIX", remove=True)
