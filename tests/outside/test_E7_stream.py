"""E7 and the stream: a subscriber's row of a contract stays the one that REST shows (6.9)."""

import pytest

from tests.outside.desk import SWAP, Desk, trader
from tests.outside.driver import taken

MOVES_WITH_TIME = {"timestamp"}


@pytest.fixture
def mirror(exchange, stream):
    """Follow a contract's row by socket; compare it with the one that is asked for."""

    def _mirror(desk):
        sock = stream("alice", f"instrument:{desk.symbol}")
        row = {}

        def compare():
            for frame in taken(sock):
                for data in frame["data"]:
                    row.update(data)
            asked = desk.row()
            return {
                name: (row.get(name), value)
                for name, value in asked.items()
                if row.get(name) != value and name not in MOVES_WITH_TIME
            }

        assert compare() == {}
        return compare

    return _mirror


def test_the_value_of_the_open_interest_moves_with_the_mark(exchange, mirror):
    desk = Desk(exchange, 10_000, SWAP, fundingRate=0)
    a, b = trader(exchange), trader(exchange)
    desk.match(a, b, 1_000, 10_000)
    differs = mirror(desk)
    assert desk.row()["openValue"] == 10_000_000

    desk.price(12_500)

    assert desk.row()["openValue"] == 8_000_000
    assert differs() == {}


def test_the_settlement_price_moves_with_the_index_where_trades_make_the_mark(exchange, mirror):
    for method in ("LastPrice", "LastPriceProtected"):
        desk = Desk(exchange, 10_000, SWAP, markMethod=method, openingReference=10_000)
        differs = mirror(desk)

        desk.price(10_020)

        assert desk.row()["indicativeSettlePrice"] == 10_020
        assert desk.row()["markPrice"] == 10_000
        assert differs() == {}


def test_an_hour_later_the_volume_is_that_of_a_new_session(exchange, mirror):
    desk = Desk(exchange, 10_000, SWAP, fundingRate=0)
    a, b = trader(exchange), trader(exchange)
    desk.match(a, b, 1_000, 10_000)
    differs = mirror(desk)
    assert desk.row()["volume"] == 1_000

    exchange.advance(3_600)

    row = desk.row()
    assert (row["volume"], row["prevTotalVolume"], row["volume24h"]) == (0, 1_000, 1_000)
    assert differs() == {}
