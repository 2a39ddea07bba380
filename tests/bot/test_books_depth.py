"""What taking coins from the spot book costs, sampled once an hour."""

import pytest

from mmbot.books.depth import BASE_UNITS, EVERY_NS, DepthMeter, slippage
from mmbot.state import BookMirror
from mmbot.types import BookSeen, Side
from tests.bot.instruments import ETC_XBT


@pytest.fixture
def book() -> BookMirror:
    """Mid 265,000 ticks; 50 coins at each of four levels a side, 100 ticks apart."""
    mirror = BookMirror()
    levels = [
        (side, 265_000 - side * (50 + 100 * step), 50 * BASE_UNITS)
        for side in Side
        for step in range(4)
    ]
    mirror.apply(BookSeen(at_ns=0, symbol="ETC_XBT", snapshot=True, levels=tuple(levels)))
    return mirror


def test_a_larger_order_walks_further(book):
    costs = [slippage(book, Side.BUY, coins * BASE_UNITS) for coins in (10, 100, 200)]

    assert costs == pytest.approx([50 / 265_000, 100 / 265_000, 200 / 265_000])
    assert costs == [slippage(book, Side.SELL, coins * BASE_UNITS) for coins in (10, 100, 200)]


def test_a_book_that_is_too_thin_or_crossed_has_none(book):
    assert slippage(book, Side.BUY, 201 * BASE_UNITS) is None
    crossed = BookSeen(at_ns=0, symbol="ETC_XBT", snapshot=False, levels=((Side.BUY, 265_060, 1),))
    book.apply(crossed)
    assert slippage(book, Side.BUY, BASE_UNITS) is None


def test_the_meter_keeps_the_mean_of_the_sizes_that_fitted(book):
    meter = DepthMeter(ETC_XBT)

    meter.see(book, 1_000)

    assert meter.next_ns == 1_000 + EVERY_NS
    assert meter.mean_bp() == {"10": 1.89, "100": 3.77}


def test_without_a_spot_market_nothing_is_ever_due():
    assert DepthMeter(None).next_ns > 10**18
    assert DepthMeter(None).mean_bp() == {}
