"""E5: the gross open premium is what of the orders' gaps to the mark could open a position."""

import pytest

from tests.outside.conftest import INVERSE, LINEAR
from tests.outside.desk import SWAP, Desk, shown, trader
from tests.outside.driver import taken

PREMIUMS = "openOrderBuyPremium openOrderSellPremium grossOpenPremium"


@pytest.mark.parametrize(
    ("base", "price", "held", "buy", "sell", "gaps", "premium"),
    [
        # mark 10,000 (v 10,000): a buy at 10,500 (v 9,524) has a gap of 476 a contract
        (SWAP, 10_000, 0, (300, 10_500), (200, 11_000), (300 * 476, 0), 300 * 476),
        # short 100: of 300 bought, 200 open
        (SWAP, 10_000, -100, (300, 10_500), (200, 11_000), (300 * 476, 0), 200 * 476),
        (SWAP, 10_000, -400, (300, 10_500), (200, 11_000), (300 * 476, 0), 0),
        # a sell at 9,500 (v 10,526), long 7 of 50: 43 open of 50, rounded up
        (SWAP, 10_000, 7, (10, 9_000), (50, 9_500), (0, 50 * 526), 43 * 526),
        # linear at 0.02: a sell at 0.019 has a gap of 100,000 a coin, long 3: 7 of 10 open
        (LINEAR, 0.02, 3, (5, 0.018), (10, 0.019), (0, 10 * 100_000), 7 * 100_000),
    ],
)
def test_E5_of_a_position_as_of_the_account(exchange, base, price, held, buy, sell, gaps, premium):
    desk = Desk(exchange, price, base, **({"fundingRate": 0} if base is SWAP else {}))
    a, b = trader(exchange), trader(exchange)
    if held:
        desk.match(a, b, held, price)
    desk.order(a, buy[0], buy[1])
    desk.order(a, -sell[0], sell[1])

    assert shown(desk.position(a), PREMIUMS) == (*gaps, premium)
    assert exchange.margin(a)["grossOpenPremium"] == premium
    exchange.audited()


def test_E5_it_is_told_as_marks_move(exchange, stream):
    desk = Desk(exchange, 10_000, INVERSE)
    a, b = trader(exchange), trader(exchange)
    desk.match(a, b, -100, 10_000)
    desk.order(a, 300, 9_990)
    sock = stream(a, f"position:{desk.symbol}")
    (row,) = [row for frame in taken(sock) for row in frame["data"]]
    assert shown(row, PREMIUMS) == (0, 0, 0)

    desk.price(9_900)  # v 10,101; the buy at v 10,010 has a gap of 91

    for frame in taken(sock):
        row.update(frame["data"][0])
    asked = desk.position(a)
    assert shown(asked, PREMIUMS) == (300 * 91, 0, 200 * 91)
    assert shown(row, PREMIUMS) == shown(asked, PREMIUMS)
