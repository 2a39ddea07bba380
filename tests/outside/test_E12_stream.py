"""E12 and the stream: where a cross position ends is told as soon as the wallet behind it moves."""

from tests.outside.desk import SWAP, Desk, shown, trader
from tests.outside.driver import XBT, taken

ENDS = "liquidationPrice bankruptPrice marginCallPrice"


def test_E12_another_order_deposit_and_trade_move_the_ends(exchange, stream):
    held = Desk(exchange, 10_000, SWAP, fundingRate=0)
    other = Desk(exchange, 10_000, SWAP, fundingRate=0)
    a, b = trader(exchange, XBt=XBT // 50), trader(exchange)
    held.match(a, b, 10_000, 10_000)
    sock = stream(a, f"position:{held.symbol}")
    (row,) = [row for frame in taken(sock) for row in frame["data"]]

    for change in (
        lambda: other.order(a, 1_000, 9_000),
        lambda: exchange.tell("/account", name=a, deposit={"XBt": XBT // 100}),
        lambda: other.match(a, b, 1_000, 10_000),
    ):
        before = shown(row, ENDS)
        change()
        for frame in taken(sock):
            row.update(frame["data"][0])
        asked = held.position(a)
        assert shown(row, ENDS) == shown(asked, ENDS) != before
    exchange.audited()
