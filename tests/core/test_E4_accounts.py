"""E4: what an account itself is refused for: it is suspended, or has nothing at all."""

from sim_exchange.core import commands as c
from sim_exchange.core.types import Reason
from tests.core.world import BUY, SELL, order, world

P = 20_000


def test_E4_a_suspended_account_cancels_but_neither_places_nor_amends() -> None:
    w = world(spot=False)
    a, b = w.account("a", XBt=10**9), w.account("b", XBt=10**9)
    first, second = w.place(a, BUY, 10, P), w.place(a, BUY, 10, P - 1)
    w.ok(c.SetFlags(to_account=a, flags=("suspended",)))

    assert w.refused(order(a, BUY, 1, P)).reason is Reason.ACCOUNT_SUSPENDED
    amend = c.AmendOrder(account=a, order_id=first.order_id, price=P - 2)
    assert w.refused(amend).reason is Reason.ACCOUNT_SUSPENDED
    w.do(c.PlaceBulk(account=a, orders=(order(a, BUY, 1, P),)))
    assert [e.reason for e in w.events if hasattr(e, "reason")] == [Reason.ACCOUNT_SUSPENDED]
    w.cancel(first)
    w.place(b, SELL, 10, P - 1)  # what rests still trades
    assert (second.cum_qty, w.qty(a)) == (10, 10)

    w.ok(c.SetFlags(to_account=a, flags=()))
    w.place(a, SELL, 10, P)


def test_E4_the_venue_closes_the_positions_of_a_suspended_account() -> None:
    w = world(spot=False)
    thin, rich = w.account("thin", XBt=12_000_000), w.account("rich", XBt=10**10)
    w.place(rich, SELL, 100, P)
    w.place(thin, BUY, 100, P)
    w.ok(c.SetFlags(to_account=thin, flags=("suspended",)))
    w.index(".ETCXBT", "0.018")
    assert w.qty(thin) == 0


def test_E4_an_account_without_any_of_a_currency_has_none() -> None:
    w = world()
    bare, poor = w.account("bare"), w.account("poor", XBt=1)
    other = w.account("other", XBt=10**9)
    w.place(other, SELL, 10, P)
    for price in (P, None):
        refused = w.refused(order(bare, BUY, 10, price))
        assert (refused.reason, refused.detail) == (Reason.NO_FUNDS, 11_025_000 // 10)
        assert w.refused(order(poor, BUY, 10, price)).reason is Reason.INSUFFICIENT_BALANCE
    assert w.refused(order(bare, BUY, 10**8, 2_000_000, "ETC_XBT")).reason is Reason.NO_FUNDS


def test_E23_what_a_sell_lacks_is_told_in_its_own_coin() -> None:
    """Coins where it may not borrow; XBt where it may, and could not lock enough for the loan."""
    w = world()
    lender, other = w.account("lender", ETC=10**10), w.account("other", XBt=10**10)
    seller = w.account("seller", XBt=10)
    w.ok(c.OfferLoans(account=lender, currency="ETC", offers=((10**10, 10**9),)))
    w.place(other, BUY, 10**9, 2_000_000, "ETC_XBT")
    borrowing = w.refused(order(seller, SELL, 10**9, 2_000_000, "ETC_XBT"))
    assert (borrowing.reason, borrowing.text) == (Reason.INSUFFICIENT_BALANCE, "XBt")
