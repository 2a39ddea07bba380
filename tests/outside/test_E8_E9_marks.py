"""E8, E9: protected marks, and the timetable of an index, through the operator and REST alone."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.outside.desk import SWAP, Desk, new_index, trader

TIMETABLE = {"BITFINEX": 1_204, "BITSTAMP": 1_200, "GDAX": 1_196, "OKCOIN": 1_208}
PROTECTED = {
    **SWAP, "tickSize": 0.01, "initMargin": 0.04, "maintMargin": 0.02, "fundingRate": 0,
    "markMethod": "LastPriceProtected", "openingReference": 100,
}  # fmt: skip


def instant(exchange, minutes=0):
    """Now, or so many minutes later, as the operator writes it."""
    now = datetime.fromisoformat(exchange.look("/state")["clock"]["at"])
    return (now.astimezone(UTC) + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def says(exchange, symbol):
    """What an index was published at last."""
    return exchange.row(symbol)["lastPrice"]


@pytest.fixture
def protected(exchange):
    """A contract marked by its last price in a band of 2 %, and how to trade in it."""
    desk = Desk(exchange, 100, PROTECTED)
    a, b = trader(exchange), trader(exchange)

    def trade(price):
        desk.match(a, b, 1, price)
        return desk.row()["markPrice"]

    return desk, trade


def test_E8_golden(protected):
    desk, trade = protected
    assert [trade(100.5), trade(103)] == [100.5, 101]
    desk.price(98)  # the band is [97.02, 98.98] now
    assert desk.row()["markPrice"] == 101
    assert [trade(p) for p in (103, 102, 100, 102, 98.5, 90)] == [101, 101, 100, 100, 98.5, 97.02]


def test_E8_without_an_index_the_band_is_about_the_mark_of_the_minute_before(exchange, protected):
    desk, trade = protected
    exchange.tell("/constituent", index=desk.index, constituent="A", status="silent")
    exchange.advance(16 * 60)

    assert [trade(103), trade(103)] == [101, 101]
    exchange.advance(60)
    assert trade(103) == 102.01


def test_E9_nothing_is_no_price_and_what_follows_counts(exchange):
    # 0.004 is 0.00 at two decimals
    index = new_index(exchange, 100)
    desk = Desk(exchange, 0, SWAP, referenceSymbol=index, fundingRate=0)
    exchange.tell("/index", index=index, price=0.004)
    exchange.advance(5)
    assert (says(exchange, index), desk.row()["markPrice"]) == (100, 100)
    exchange.tell("/index", index=index, price=101)
    exchange.advance(5)
    assert (says(exchange, index), desk.row()["markPrice"]) == (101, 101)


def test_E9_timetable_of_april_2017_with_a_plan_that_is_superseded(exchange):
    index = new_index(exchange, 1_200, 2, *TIMETABLE)
    for name, price in TIMETABLE.items():
        exchange.tell("/constituent", index=index, constituent=name, price=price)
    exchange.advance(5)
    assert says(exchange, index) == 1_202

    def announce(names, minutes, **more):
        weight = f"1/{len(names)}"
        value = [{"name": name, "weight": weight} for name in names]
        given = {"kind": "index", "symbol": index, "value": value, **more}
        at = instant(exchange, minutes)
        return exchange.tell("/announcement", **given, effective=at)["id"], at

    _, first = announce(["BITFINEX", "BITSTAMP", "OKCOIN"], 30)
    _, second = announce(["BITSTAMP", "OKCOIN"], 60)
    plan, planned = announce(["BITSTAMP"], 120)
    exchange.until(first)
    assert says(exchange, index) == 1_204  # the prints of an instant follow its timetable
    exchange.until(second)
    assert says(exchange, index) == 1_204
    row = next(row for row in exchange.look("/instrument") if row["symbol"] == index)
    assert [(one["name"], one["weight"], one["price"]) for one in row["constituents"]] == [
        ("BITSTAMP", "1/2", 1_200), ("OKCOIN", "1/2", 1_208),
    ]  # fmt: skip
    third, at = announce(["BITSTAMP", "OKCOIN", "GDAX"], 15, supersedes=plan)
    announce(["BITSTAMP", "GDAX"], 30)
    exchange.until(at)
    # GDAX comes back with the price at which it left
    assert says(exchange, index) == 1_201.33
    exchange.advance(15 * 60)
    assert says(exchange, index) == 1_198
    exchange.until(planned)
    assert says(exchange, index) == 1_198
    rows = {row["id"]: row for row in exchange.ask("GET", "/announcement")}
    assert (rows[plan]["state"], rows[plan]["supersededBy"]) == ("Superseded", third)
    announce(["GDAX"], 0)
    exchange.advance(5)
    assert says(exchange, index) == 1_196


def test_E9_who_comes_back_after_the_index_was_moved_prints_what_the_others_do(exchange):
    index = new_index(exchange, 100, 2, "A", "B", "C")
    members = [{"name": name} for name in "ABC"]
    exchange.tell("/instrument", symbol=index, composition=members[:2])
    exchange.tell("/index", index=index, price=150)
    exchange.advance(5)
    exchange.tell("/instrument", symbol=index, composition=members)
    exchange.advance(5)
    assert says(exchange, index) == 150


def test_E9_the_operator_sees_who_counts_and_what_is_stale(exchange):
    index = new_index(exchange, 100, 2, "A", "B", "C")

    def seen():
        row = next(row for row in exchange.look("/instrument") if row["symbol"] == index)
        return row["stale"], [(one["weight"], one["status"]) for one in row["constituents"]]

    exchange.tell("/constituent", index=index, constituent="C", price=300)
    exchange.advance(5)  # .. which is more than X = 100 % away
    assert seen() == (False, [("1/2", "active"), ("1/2", "active"), ("0", "outlier")])
    for name in "AB":
        exchange.tell("/constituent", index=index, constituent=name, status="silent")
    assert seen()[1][0] == ("1/2", "silent")
    exchange.advance(15 * 60 + 5)
    assert seen() == (True, [("0", "silent"), ("0", "silent"), ("0", "outlier")])
