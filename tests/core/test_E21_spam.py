"""E21: small orders of who has too many of them are hidden, or refused when post-only."""

from sim_exchange.core import commands as c
from sim_exchange.core.types import DAY_NS, ExecInst, Mode, Reason
from tests.core.world import BUY, SELL, XBT, World, inverse_world, order

MID = 20_000  # 10,000 in ticks of 0.5


def flagged_world() -> tuple[World, int, int]:
    """Two small orders may be open; one account has them."""
    w = inverse_world("10000")
    w.ok(c.SetSpamRule(most=2))
    a, b = w.account("a", XBt=10 * XBT), w.account("b", XBt=10 * XBT)
    for step in (10, 11):
        w.place(a, BUY, 20, MID - step, "XBTUSD")
    return w, a, b


def test_E21_20_contracts_at_10000_are_0_002_xbt_and_count() -> None:
    w, a, _ = flagged_world()
    assert all(one.shown == 20 for one in w.x.open_orders(a))
    third = w.place(a, BUY, 20, MID, "XBTUSD")  # 0.002 XBT
    assert (third.display_qty, third.shown) == (0, 0)
    large = w.place(a, BUY, 25, MID, "XBTUSD")  # 0.0025 XBT is not small
    assert large.shown == 25


def test_E21_a_hidden_small_order_pays_as_a_taker() -> None:
    w, a, b = flagged_world()
    w.place(a, BUY, 20, MID, "XBTUSD")
    w.place(b, SELL, 20, MID, "XBTUSD")
    made = w.executions(a)[0]
    assert (made.commission_ppm, made.exec_cost) == (750, -200_000)


def test_E21_a_small_post_only_order_is_rejected() -> None:
    w, a, b = flagged_world()
    small = order(a, BUY, 20, MID, "XBTUSD", inst=ExecInst.POST_ONLY)
    refused = w.refused(small)
    assert (refused.reason, refused.detail) == (Reason.SPAM, 250_000)
    w.place(b, BUY, 20, MID, "XBTUSD", inst=ExecInst.POST_ONLY)  # another account
    w.place(a, BUY, 25, MID, "XBTUSD", inst=ExecInst.POST_ONLY)  # not small


def test_E21_the_flag_is_looked_at_again_after_a_day() -> None:
    w, a, _ = flagged_world()
    w.place(a, BUY, 20, MID - 20, "XBTUSD")
    w.ok(c.CancelAll(account=a))
    assert w.place(a, BUY, 20, MID, "XBTUSD").shown == 0  # still flagged
    w.now = w.now // DAY_NS * DAY_NS + DAY_NS
    w.advance()
    assert w.place(a, BUY, 20, MID - 1, "XBTUSD").shown == 20


def test_E21_off_by_default_and_switched_off() -> None:
    w = inverse_world("10000")
    a = w.account("a", XBt=XBT)
    assert all(w.place(a, BUY, 1, MID - i, "XBTUSD").shown for i in range(1, 50))
    w.ok(c.SetSpamRule(most=2))
    assert w.place(a, BUY, 1, MID - 60, "XBTUSD").shown == 0
    w.ok(c.SetSpamRule(most=0))
    assert w.place(a, BUY, 1, MID - 61, "XBTUSD").shown == 1
    assert w.x.markets["XBTUSD"].mode is Mode.OPEN


def test_E21_a_bad_rule_is_refused() -> None:
    w = inverse_world("10000")
    assert w.refused(c.SetSpamRule(most=-1)).reason is Reason.BAD_AMOUNT
    assert w.refused(c.SetSpamRule(most=1, value=-1)).reason is Reason.BAD_AMOUNT
