"""E5: what orders hold follows the mark, the position and the book."""

from tests.core.test_E5_order_margin import held, plain
from tests.core.world import BUY, SELL, inverse_world


def test_E5_the_gap_to_the_mark_is_found_anew_when_the_mark_moves() -> None:
    """IM 1 %, no fee: a buy of 10 @110 holds 11 and what 110 is above the mark."""
    w, a = plain("100")
    w.place(a, BUY, 10, 110, "PLAIN")
    for mark, gap in (("105", 50), ("110", 0), ("120", 0), ("102.5", 75)):
        w.index(".P", mark)
        assert held(w, a) == (11 + gap) * 100


def test_E5_a_sell_below_the_mark_funds_the_whole_gap() -> None:
    w, a = plain("100")
    w.place(a, SELL, 10, 90, "PLAIN")
    assert held(w, a) == (9 + 100) * 100


def test_E5_what_closes_holds_nothing_any_more_and_what_opens_does() -> None:
    w, a = plain("100")
    b = w.account("b", XBt=10**7)
    w.place(a, SELL, 10, 120, "PLAIN")
    assert held(w, a) == 1_200
    w.place(b, SELL, 10, 100, "PLAIN")
    w.place(a, BUY, 10, 100, "PLAIN")  # long 10: the sell only reduces now
    assert held(w, a) == 0
    w.place(b, BUY, 4, 100, "PLAIN")
    w.place(a, SELL, 4, None, "PLAIN")  # long 6: 4 of the sell would open
    assert held(w, a) == 480


def test_E5_a_market_order_is_held_at_the_last_price_that_it_would_reach() -> None:
    """10 @100 and 10 @200: 20 are held at 200, a gap of 100 each on top, though half cost 100."""
    w, _ = plain("100")
    b = w.account("b", XBt=10**7)
    w.place(b, SELL, 10, 100, "PLAIN")
    w.place(b, SELL, 10, 200, "PLAIN")
    whole = (40 + 2_000) * 100
    exact, short = w.account("exact", XBt=whole), w.account("short", XBt=whole - 1)
    w.place(short, BUY, 20, None, "PLAIN")
    assert w.trades == [(10, 100)]
    w.place(b, SELL, 10, 100, "PLAIN")
    w.place(exact, BUY, 20, None, "PLAIN")
    assert w.trades == [(10, 100), (10, 200)]


def test_E5_each_charged_order_is_rounded_up_once() -> None:
    """1 contract @9950.5 is worth 10,050: 1 % and both fees of 0.075 % are 115.65..., so 116."""
    w = inverse_world("10000")
    a = w.account("a", XBt=10**6)
    for count in (1, 2, 3):
        w.place(a, BUY, 1, 19_901, "XBTUSD")
        assert held(w, a) == 116 * count
    w.place(a, BUY, 3, 19_901, "XBTUSD")
    assert held(w, a) == 116 * 3 + 347  # 346.97... of the three together
