"""E12, E13: what recorded liquidations did, through the whole exchange."""

from sim_exchange.core import commands as c
from sim_exchange.core.contracts.value import ValueMaths, fee
from sim_exchange.core.events import Executed
from sim_exchange.core.types import PICO
from tests.core.world import BUY, SELL, XBTUSD, World, inverse_world


def taken_over(w: World, account: int) -> Executed:
    """The report of a takeover by the last command."""
    (report,) = [e for e in w.executions(account) if e.text == "Liquidation"]
    return report


def test_E12_the_liquidation_price_is_the_trigger_not_maintenance_margin() -> None:
    """A of the recorded positions: gone at 12096.00, where maintMargin is 540 and posMaint 533."""
    w = inverse_world("10948", maker_fee_ppm=0)
    short, other = w.account("short", XBt=10**6), w.account("other", XBt=10**8)
    w.ok(c.SetLeverage(account=short, symbol="XBTUSD", leverage_cents=1_000))
    w.place(short, SELL, 10, 21_896, "XBTUSD")
    w.place(other, BUY, 10, 21_896, "XBTUSD")

    w.index(".BXBT", "12095.99")
    view = w.x.position(short, "XBTUSD")
    assert view is not None
    assert (view.unrealised_cost, view.pos_maint, view.pos_margin) == (91_340, 533, 9_210)
    loss = ValueMaths(XBTUSD).at_mark(1_209_600) * 10 - 91_340
    assert view.pos_margin + loss == 540
    assert w.qty(short, "XBTUSD") == -10

    w.index(".BXBT", "12096.00")
    assert w.qty(short, "XBTUSD") == 0
    # 8,221 XBt a contract at bankruptcy: ceil((91,340 - 9,134)/10).
    report = taken_over(w, short)
    assert (report.exec_cost, report.exec_comm) == (-82_210, fee(750, 82_210))
    assert w.wallet(short) == 10**6 - 9_130 - 62


def test_E13_recorded_liquidation_of_2017_to_the_satoshi() -> None:
    """Bankrupt at 1134.37 (88,155 a contract), execCost 88,155, execComm 66."""
    w = inverse_world("1145.71", tick_pico=10**10, max_price_ticks=10**8, maker_fee_ppm=0)
    long, other = w.account("long", XBt=10**5), w.account("other", XBt=10**8)
    w.ok(c.SetLeverage(account=long, symbol="XBTUSD", leverage_cents=10_000))
    w.place(long, BUY, 1, 114_571, "XBTUSD")
    w.place(other, SELL, 1, 114_571, "XBTUSD")
    view = w.x.position(long, "XBTUSD")
    assert view is not None
    assert view.bankrupt_pico == 113_437 * PICO // 100
    # The venue showed 1140.1: this price at a tick of 0.1.
    assert -(-view.liquidation_pico // (PICO // 10)) == 11_401

    w.index(".BXBT", "1140.02")

    report = taken_over(w, long)
    assert (report.exec_cost, report.exec_comm) == (88_155, 66)
    assert report.last_px == 113_437 * PICO // 100
    assert w.wallet(long) == 10**5 - (88_155 - 87_282) - 66
