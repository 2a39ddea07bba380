"""Stream frames to events: protocol.md 6.4, 6.5, 6.7 and 6.8."""

import json
from fractions import Fraction

import msgspec
import pytest

from mmbot.errors import AccessRefusedError, OrderRefusedError, StateDivergedError
from mmbot.types import (
    BookSeen,
    InstrumentSeen,
    OrdStatus,
    PositionSeen,
    PriceSeen,
    SettlementSeen,
    Side,
    WalletSeen,
)
from mmbot.venue.bitmex.codec import instrument_of
from mmbot.venue.bitmex.tables import Tables

ETC7D_ROW = (
    '{"symbol":"ETC7D","state":"Open","typ":"FFCCSX","listing":"2018-01-12T12:00:00.000Z",'
    '"expiry":"2018-01-19T12:00:00.000Z","underlying":"ETC","quoteCurrency":"XBT",'
    '"settlCurrency":"XBt","referenceSymbol":".ETCXBT30M","lotSize":1,"tickSize":1e-6,'
    '"multiplier":100000000,"isQuanto":false,"isInverse":false,"markPrice":0.0026}'
)


def instrument(symbol, tick):
    row = json.loads(ETC7D_ROW) | {"symbol": symbol}
    return msgspec.structs.replace(instrument_of(row | {"tickSize": None}), tick=tick)


def frame(table, action, rows, **more):
    return json.dumps({"table": table, "action": action, "data": rows, **more}).encode()


@pytest.fixture
def tables():
    return Tables({"XRPU21": instrument("XRPU21", Fraction(1, 10**8))})


PARTIAL = frame(
    "orderBookL2_25",
    "partial",
    [
        {"symbol": "XRPU21", "id": 56799989301, "side": "Sell", "size": 3000, "price": 0.00010699},
        {"symbol": "XRPU21", "id": 56799989302, "side": "Buy", "size": 20, "price": 0.00010698},
    ],
    keys=["symbol", "id", "side"],
    filter={"symbol": "XRPU21"},
)


def test_6_5_a_book_partial_is_a_snapshot(tables):
    assert tables.on_frame(PARTIAL, 5) == [
        BookSeen(
            at_ns=5,
            symbol="XRPU21",
            snapshot=True,
            levels=((Side.SELL, 10699, 3000), (Side.BUY, 10698, 20)),
        )
    ]
    assert tables.partials == ["orderBookL2_25"]


def test_a_partial_of_an_empty_book_is_an_empty_snapshot(tables):
    empty = frame("orderBookL2_25", "partial", [], filter={"symbol": "XRPU21"})
    row = {"symbol": "XRPU21", "id": 1, "side": "Buy", "size": 7, "price": 0.0001}

    [seen] = tables.on_frame(empty, 5)
    [then] = tables.on_frame(frame("orderBookL2_25", "insert", [row]), 6)

    assert seen == BookSeen(at_ns=5, symbol="XRPU21", snapshot=True, levels=())
    assert then.levels == ((Side.BUY, 10000, 7),)


def test_6_7_updates_and_deletes_find_their_price_by_id(tables):
    tables.on_frame(PARTIAL, 5)
    key = {"symbol": "XRPU21", "id": 56799989301, "side": "Sell"}

    [update] = tables.on_frame(frame("orderBookL2_25", "update", [{**key, "size": 100}]), 6)
    [delete] = tables.on_frame(frame("orderBookL2_25", "delete", [key]), 7)
    inserted = {**key, "id": 1, "size": 7, "price": 0.000107}
    [insert] = tables.on_frame(frame("orderBookL2_25", "insert", [inserted]), 8)

    assert update.levels == ((Side.SELL, 10699, 100),)
    assert delete.levels == ((Side.SELL, 10699, 0),)
    assert insert.levels == ((Side.SELL, 10700, 7),)
    assert not insert.snapshot


def test_6_7_an_opaque_id_maps_to_the_price_that_came_with_it(tables):
    row = {"symbol": "XRPU21", "id": 62400580205, "side": "Buy", "size": 1, "price": 0.0001}
    tables.on_frame(frame("orderBookL2_25", "partial", [row]), 5)

    [seen] = tables.on_frame(frame("orderBookL2_25", "update", [{**row, "size": 2}]), 6)

    assert seen.levels == ((Side.BUY, 10000, 2),)


@pytest.mark.parametrize("action", ["update", "delete"])
def test_an_unknown_id_means_that_our_picture_is_wrong(tables, action):
    tables.on_frame(PARTIAL, 5)
    row = {"symbol": "XRPU21", "id": 1, "side": "Buy", "size": 2}

    with pytest.raises(StateDivergedError):
        tables.on_frame(frame("orderBookL2_25", action, [row]), 6)


def test_an_instrument_partial_tells_facts_and_prices_even_if_the_facts_are_known():
    tables = Tables({"ETC7D": instrument("ETC7D", Fraction(1, 10**6))})
    row = json.loads(ETC7D_ROW)

    facts, prices = tables.on_frame(frame("instrument", "partial", [row]), 5)

    assert isinstance(facts, InstrumentSeen)
    assert facts.instrument.tick == Fraction(1, 10**6)
    assert tables.instruments["ETC7D"] == facts.instrument
    assert prices == PriceSeen(at_ns=5, symbol="ETC7D", mark=0.0026)


def test_an_instrument_update_tells_facts_only_when_one_has_changed():
    tables = Tables({})
    tables.on_frame(frame("instrument", "partial", [json.loads(ETC7D_ROW)]), 5)

    mark = {"symbol": "ETC7D", "markPrice": 0.0027, "timestamp": "2018-01-12T12:00:00.000Z"}
    touch = {"symbol": "ETC7D", "bidPrice": 0.0027, "timestamp": "2018-01-12T12:00:00.000Z"}
    same = {"symbol": "ETC7D", "state": "Open"}
    settled = {"symbol": "ETC7D", "state": "Settled", "settledPrice": 0.00265501}

    assert tables.on_frame(frame("instrument", "update", [mark]), 6) == [
        PriceSeen(at_ns=6, symbol="ETC7D", mark=0.0027)
    ]
    assert tables.on_frame(frame("instrument", "update", [touch]), 7) == []
    assert tables.on_frame(frame("instrument", "update", [same]), 8) == []
    facts, price = tables.on_frame(frame("instrument", "update", [settled]), 9)
    assert isinstance(facts, InstrumentSeen)
    assert facts.instrument.state == "Settled"
    assert price == PriceSeen(at_ns=9, symbol="ETC7D", settled=0.00265501)


def test_an_index_row_tells_its_price_only():
    row = {"symbol": ".ETCXBT", "typ": "MRCXXX", "state": "Unlisted", "lastPrice": 0.00266}

    assert Tables({}).on_frame(frame("instrument", "partial", [row]), 5) == [
        PriceSeen(at_ns=5, symbol=".ETCXBT", last=0.00266)
    ]


def test_6_8_an_order_update_becomes_an_event(tables):
    row = {
        "orderID": "u-1",
        "ordStatus": "PartiallyFilled",
        "leavesQty": 60,
        "cumQty": 40,
        "avgPx": 11390.5,
        "clOrdID": "m1q1",
        "account": 22,
        "symbol": "XRPU21",
    }

    [seen] = tables.on_frame(frame("order", "update", [row]), 5)

    assert (seen.status, seen.leaves_qty, seen.cum_qty) == (OrdStatus.PARTIALLY_FILLED, 60, 40)


def test_executions_are_told_once_and_those_of_the_first_partial_never(tables):
    row = {"execID": "e1", "execType": "Trade", "symbol": "XRPU21", "lastQty": 1, "lastPx": 1.5}

    before = tables.on_frame(frame("execution", "partial", [row]), 5)
    [new] = tables.on_frame(frame("execution", "insert", [row, {**row, "execID": "e2"}]), 6)
    tables.reset()
    missed = {**row, "execID": "e3"}
    again = tables.on_frame(frame("execution", "partial", [row, missed]), 7)

    assert before == []
    assert new.exec_id == "e2"
    assert [fill.exec_id for fill in again] == ["e3"]


def test_6_4_rows_are_merged_by_the_keys_of_the_partial(tables):
    row = {"account": 1, "symbol": "ETC7D", "strategy": "OneWay", "currentQty": 5}
    keys = ["account", "symbol", "strategy"]
    tables.on_frame(frame("position", "partial", [row], keys=keys), 5)

    entry = {"account": 1, "symbol": "ETC7D", "strategy": "OneWay", "avgEntryPrice": 0.5}
    [seen] = tables.on_frame(frame("position", "update", [entry]), 6)

    assert seen == PositionSeen(at_ns=6, symbol="ETC7D", qty=5, entry=0.5)


def test_a_position_update_that_only_moves_the_mark_tells_nothing(tables):
    key = {"account": 1, "symbol": "ETC7D", "currency": "XBt"}
    tables.on_frame(frame("position", "partial", [{**key, "currentQty": 5}]), 5)

    same = frame("position", "update", [{**key, "currentQty": 5, "markPrice": 0.1}])
    other = frame("position", "update", [{**key, "currentQty": 4, "markPrice": 0.1}])

    assert tables.on_frame(same, 6) == []
    assert tables.on_frame(other, 7) == [PositionSeen(at_ns=7, symbol="ETC7D", qty=4)]


def test_wallet_rows(tables):
    wallet = {"account": 1, "currency": "ETC", "amount": 3, "borrowed": 2, "interestOwed": 1}

    assert tables.on_frame(frame("wallet", "insert", [wallet]), 6) == [
        WalletSeen(at_ns=6, currency="ETC", amount=3, borrowed=2, interest_owed=1)
    ]


def test_4_9_answers_about_the_dead_man_switch(tables):
    told: list[str] = []
    tables.on_dead_man = told.append
    request = '"request":{"op":"cancelAllAfter","args":60000}'
    now = '"now":"2018-01-12T12:00:00.000Z"'

    tables.on_frame(f'{{{now},"cancelTime":"2018-01-12T12:01:00.000Z",{request}}}', 5)
    tables.on_frame(f'{{{now},"cancelTime":0,{request}}}', 6)
    tables.on_frame(f'{{"status":401,"error":"Not here.","meta":{{}},{request}}}', 7)

    assert told == ["", "", "Not here."]


def test_a_settlement_older_than_the_contract_is_of_the_contract_before(tables):
    tables.on_frame(frame("instrument", "partial", [json.loads(ETC7D_ROW)]), 5)
    old = {"symbol": "ETC7D", "timestamp": "2018-01-12T12:00:00.000Z", "settledPrice": 0.1}
    new = {"symbol": "ETC7D", "timestamp": "2018-01-19T12:00:00.000Z", "settledPrice": 0.2}

    assert tables.on_frame(frame("settlement", "partial", [old]), 6) == []
    assert tables.on_frame(frame("settlement", "insert", [new]), 7) == [
        SettlementSeen(at_ns=7, symbol="ETC7D", price=0.2)
    ]


def test_6_2_greetings_and_acks_tell_nothing(tables):
    welcome = (
        b'{"info":"Welcome to the BitMEX Realtime API.","version":"2021-07-14T01:26:29.000Z",'
        b'"timestamp":"2021-07-22T22:36:07.865Z","docs":"https://www.bitmex.com/app/wsAPI",'
        b'"limit":{"remaining":39}}'
    )
    ack = b'{"success":true,"subscribe":"order","request":{"op":"subscribe","args":["order"]}}'

    assert tables.on_frame(welcome, 5) == []
    assert tables.on_frame(ack, 5) == []
    assert tables.on_frame(frame("trade", "partial", []), 5) == []


@pytest.mark.parametrize(("status", "kind"), [(401, AccessRefusedError), (400, OrderRefusedError)])
def test_6_6_errors_on_the_socket_are_raised(tables, status, kind):
    text = json.dumps({"status": status, "error": "Signature not valid.", "meta": {}})

    with pytest.raises(kind, match="Signature not valid"):
        tables.on_frame(text, 5)


@pytest.mark.parametrize("bad", [b"{", b'{"table":"order","data":[{"orderID":5}]}'])
def test_a_frame_that_cannot_be_read_is_a_broken_picture(tables, bad):
    with pytest.raises(StateDivergedError):
        tables.on_frame(bad, 5)


def test_a_table_may_be_named_after_other_members(tables):
    wallet = {"account": 1, "currency": "ETC", "amount": 3}
    said = json.dumps({"action": "insert", "table": "wallet", "data": [wallet]})

    assert tables.on_frame(said, 6) == [WalletSeen(at_ns=6, currency="ETC", amount=3)]
