"""E10: who pays what at a funding, and who can not; what a rate means to margins."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim_exchange.core import commands as c
from sim_exchange.core.contracts.value import fee
from sim_exchange.core.events import Executed, Liquidated, Posted
from sim_exchange.core.fixings.funding import _shared
from sim_exchange.core.orders.account import Position
from sim_exchange.core.specs import Constituent, IndexSpec
from sim_exchange.core.types import (
    MINUTE_NS,
    Cause,
    Kind,
    Mode,
)
from sim_exchange.errors import InvariantError
from tests.core.funding_world import (
    EIGHT,
    PERPETUAL,
    funded,
    fundings,
    open_at,
    swap,
    to_funding,
    to_funding_alive,
    view,
)
from tests.core.world import BUY, SELL, XBT, World, inverse_world


def test_E10_golden_real_short_169():
    """Short 169 at 9268.18, rate +0.0001: value 1,823,510, execComm -182."""
    w = swap("9268.18")
    long, short = w.account("long", XBt=XBT), w.account("short", XBt=XBT)
    open_at(w, long, short, 169, 18_536)
    to_funding(w)

    (got,) = fundings(w, short)
    assert (got.exec_comm, got.commission_ppm, abs(got.exec_cost)) == (-182, -100, 1_823_510)
    assert (got.order_id, got.last_px, got.last_qty) == (0, 9_268_180_000_000_000, 169)
    assert [e.exec_comm for e in fundings(w, long)] == [182]
    assert view(w, short, "XBTUSD").realised_pnl == 182


def test_E10_golden_real_long_885():
    """Long 885, 0.0053 % at 6615: 15,117 a contract, value 13,378,545, pays 709."""
    w = swap("6615", funding_ppm=53)
    long, short = w.account("long", XBt=XBT), w.account("short", XBt=XBT)
    open_at(w, long, short, 885, 13_230)
    to_funding(w)

    (paid,) = fundings(w, long)
    assert (abs(paid.exec_cost), paid.exec_comm) == (13_378_545, 709)
    assert w.wallet(long) == XBT - 709


def test_E10_golden_one_percent_of_a_hundred_coins():
    w = swap("10000", funding_ppm=10_000)
    long, short = w.account("long", XBt=100 * XBT), w.account("short", XBt=100 * XBT)
    open_at(w, long, short, 1_000_000, 20_000)
    to_funding(w)

    assert (w.wallet(long), w.wallet(short)) == (99 * XBT, 101 * XBT)


def test_E10_golden_residue_goes_to_the_rounding_account():
    """10,790 a contract at 0.0375 %: longs pay 405 and 405, the short receives 809."""
    w = swap("9267.84", funding_ppm=375)
    first, second, short = (w.account(name, XBt=XBT) for name in ("a", "b", "s"))
    open_at(w, first, short, 100, 18_536)
    open_at(w, second, short, 100, 18_536)
    before = [w.wallet(one) for one in (first, second, short)]
    to_funding(w)

    assert [fundings(w, one)[0].exec_comm for one in (first, second, short)] == [405, 405, -809]
    after = [w.wallet(one) for one in (first, second, short)]
    assert [x - y for x, y in zip(after, before, strict=True)] == [-405, -405, 809]
    assert w.x._state.ledger.balance("XBt", "exchange:rounding") == 1
    posted = [e for e in w.events if isinstance(e, Posted) and e.cause is Cause.FUNDING]
    assert [sum(amount for _, amount in e.entries) for e in posted] == [0]


def test_E10_negative_rate_lets_shorts_pay():
    w = swap(funding_ppm=-100)
    long, short = w.account("long", XBt=XBT), w.account("short", XBt=XBT)
    open_at(w, long, short, 1_000, 20_000)
    to_funding(w)

    assert (w.wallet(long), w.wallet(short)) == (XBT + 1_000, XBT - 1_000)


def test_E10_only_positions_open_at_the_instant_pay():
    w = swap()
    long, short = w.account("long", XBt=XBT), w.account("short", XBt=XBT)
    open_at(w, long, short, 1_000, 20_000)
    w.advance(EIGHT - 1)
    open_at(w, short, long, 1_000, 20_000)
    w.advance(1)

    assert not w.of(Executed)
    assert [e.rate_ppm for e in funded(w)] == [100]
    assert w.wallet(long) == w.wallet(short) == XBT


def test_E10_paid_at_the_mark_with_no_minute_left():
    w = swap("10000", funding_ppm=3_000)
    w.advance(MINUTE_NS)
    market = w.x.markets["XBTUSD"]
    assert market.mark > 1_000_000
    long, short = w.account("long", XBt=XBT), w.account("short", XBt=XBT)
    open_at(w, long, short, 1_000, 20_000)
    to_funding(w)

    assert fundings(w, long)[0].last_px == 10_000 * 10**12
    assert funded(w)[0].interval_ns == EIGHT


def test_E10_isolated_pays_out_of_its_margin_and_receives_into_the_wallet():
    w = swap()
    long, short = w.account("long", XBt=XBT), w.account("short", XBt=XBT)
    for one in (long, short):
        w.ok(c.SetLeverage(account=one, symbol="XBTUSD", leverage_cents=1_000))
    open_at(w, long, short, 1_000, 20_000)
    free = [w.x.margin(one, "XBt").available for one in (long, short)]
    margin = view(w, long, "XBTUSD").pos_margin
    to_funding(w)

    paid, got = view(w, long, "XBTUSD"), view(w, short, "XBTUSD")
    assert (paid.pos_loss, paid.pos_margin) == (1_000, margin - 1_000)
    assert (got.pos_loss, got.pos_margin) == (0, margin)
    assert [w.x.margin(one, "XBt").available for one in (long, short)] == [free[0], free[1] + 1_000]


def test_E10_linear_and_quanto_perpetuals_are_funded_by_the_same_rule():
    w = swap()
    quanto = msgspec.structs.replace(
        w.x.markets["XBTUSD"].spec,
        symbol="ETHUSD", kind=Kind.QUANTO, multiplier=100, tick_pico=5 * 10**10,
        init_margin_ppm=20_000, maint_margin_ppm=10_000, mark_decimals=2,
    )  # fmt: skip
    w.ok(c.ListIndex(spec=msgspec.structs.replace(w.x.indices[".BXBT"].spec, symbol=".BETH")))
    w.index(".BETH", "500")
    w.enlist(quanto, reference_symbol=".BETH")
    long, short = w.account("long", XBt=XBT), w.account("short", XBt=XBT)
    open_at(w, long, short, 1_000, 10_000, "ETHUSD")
    to_funding(w, "ETHUSD")

    assert fundings(w, long)[0].exec_comm == 5_000  # 1,000 * 50,000 * 0.0001
    assert w.wallet(short) == XBT + 5_000


# --- who can't pay


def test_E10_profit_of_the_position_is_realised_for_what_the_wallet_lacks():
    """A cross short gains 90 times its thin wallet: its cost moves towards the mark."""
    w = swap("10000", funding_ppm=-3_750)
    short, long = w.account("short", XBt=120_000), w.account("long", XBt=10 * XBT)
    open_at(w, long, short, 1_000, 20_000)
    # Value of a contract goes from 10,000 to 100,000: the short gains 900 % of its cost.
    for price in ("6000", "3600", "2200", "1400", "1000"):  # each under the half that is held back
        w.index(".BXBT", price)
    before = view(w, short, "XBTUSD")
    to_funding(w)

    paid = fundings(w, short)[0].exec_comm
    assert paid == 375_000
    after = view(w, short, "XBTUSD")
    assert w.wallet(short) == 0
    assert after.unrealised_cost - before.unrealised_cost == 375_000 - 120_000
    assert after.current_qty == -1_000
    assert w.wallet(long) == 10 * XBT + 375_000


def test_E10_isolated_profit_is_realised_for_what_the_margin_lacks():
    """The margin stays what it was but the closing fee's; the rest of the wallet is not touched."""
    w = swap("10000", funding_ppm=-3_750)
    short, long = w.account("short", XBt=XBT), w.account("long", XBt=10 * XBT)
    w.ok(c.SetLeverage(account=short, symbol="XBTUSD", leverage_cents=10_000))
    open_at(w, long, short, 1_000, 20_000)
    for price in ("6000", "3600", "2200", "1400", "1000"):
        w.index(".BXBT", price)
    before = view(w, short, "XBTUSD")
    assert before.pos_margin == 100_000
    to_funding(w)

    after = view(w, short, "XBTUSD")
    assert fundings(w, short)[0].exec_comm == 375_000
    assert after.unrealised_cost - before.unrealised_cost == 275_000
    assert after.pos_margin == 0
    assert w.wallet(short) == XBT - 100_000
    assert w.qty(short, "XBTUSD") == -1_000


def test_E10_what_nobody_can_pay_comes_from_the_fund_then_from_the_receivers():
    """No liquidation in CancelOnly: a long that lost everything can't pay."""
    w = swap("10000", funding_ppm=3_750)
    long, first, second = (
        w.account(name, XBt=x) for name, x in (("l", 101_000), ("a", XBT), ("b", XBT))
    )
    w.ok(c.DepositFund(currency="XBt", amount=1_000))
    for other, qty in ((first, 600), (second, 400)):
        open_at(w, long, other, qty, 20_000)
    w.ok(c.SetMode(symbol="XBTUSD", mode=Mode.CANCEL_ONLY))
    for price in ("6000", "3600", "2200", "1400", "1000"):
        w.index(".BXBT", price)
    to_funding(w)

    # 375,000 are due: 101,000 of the wallet, 1,000 of the fund, 273,000 less for the receivers.
    assert fundings(w, long)[0].exec_comm == 101_000
    assert w.wallet(long) == w.x.fund("XBt") == 0
    assert w.wallet(first) == XBT + 225_000 - 163_800
    assert w.wallet(second) == XBT + 150_000 - 109_200


@given(
    received=st.lists(st.integers(1, 10**6), min_size=1, max_size=8),
    share=st.fractions(0, 1),
)
def test_E10_what_receivers_do_without_is_shared_to_the_unit(received, share):
    missing = int(sum(received) * share)

    w = swap()
    holder = Position(w.x._state.engine, w.x._state.markets["XBTUSD"])
    shared = _shared([(holder, -amount) for amount in received], missing)

    assert sum(amount for _, amount in shared) == missing - sum(received)
    assert all(
        0 <= got + amount <= -(-missing * amount // sum(received))
        for amount, (_, got) in zip(received, shared, strict=True)
    )


# --- margin


def test_E10_adverse_rate_is_part_of_maintenance_and_moves_liquidation_prices():
    w = swap(funding_ppm=100)
    long, short = w.account("long", XBt=XBT), w.account("short", XBt=XBT)
    for one in (long, short):
        w.ok(c.SetLeverage(account=one, symbol="XBTUSD", leverage_cents=1_000))
    open_at(w, long, short, 1_000, 20_000)

    assert view(w, long, "XBTUSD").pos_maint == 50_000 + 1_000
    assert view(w, short, "XBTUSD").pos_maint == 50_000


def test_E12_golden_quanto_seed_with_funding():
    """ETHUSD 10,000 @500 at full leverage: liquidated at 495.00 without funding, 495.05 with."""
    found = []
    for rate in (0, 100):
        w = World()
        w.ok(c.ListIndex(spec=IndexSpec(
            symbol=".BETH", decimals=2, constituents=(Constituent("A", 1, 1),))))  # fmt: skip
        w.index(".BETH", "500")
        w.enlist(
            inverse_world().x.markets["XBTUSD"].spec,
            symbol="ETHUSD", kind=Kind.QUANTO, multiplier=100, tick_pico=5 * 10**10,
            init_margin_ppm=20_000, maint_margin_ppm=10_000, reference_symbol=".BETH",
            funding_ppm=rate, **PERPETUAL,
        )  # fmt: skip
        long, short = w.account("long", XBt=XBT), w.account("short", XBt=XBT)
        for one in (long, short):
            w.ok(c.SetLeverage(account=one, symbol="ETHUSD", leverage_cents=5_000))
        open_at(w, long, short, 10_000, 10_000, "ETHUSD")
        found.append(view(w, long, "ETHUSD").liquidation_pico)

    assert found == [495 * 10**12, 495_050_000_000_000]


def test_E10_funding_may_liquidate_and_a_wallet_never_goes_below_0():
    """Pay, then remargin: the margin that the payment takes is what stood before liquidation."""
    w = swap("10000", funding_ppm=4_900)
    long, short = w.account("long", XBt=XBT), w.account("short", XBt=10 * XBT)
    w.ok(c.SetLeverage(account=long, symbol="XBTUSD", leverage_cents=10_000))
    open_at(w, long, short, 1_000, 20_000)
    held = view(w, long, "XBTUSD")
    assert held.pos_margin - held.pos_maint == 1_000  # 100,000 less 50,000 and 49,000
    to_funding_alive(w, "10000")

    assert w.of(Liquidated)
    assert w.qty(long, "XBTUSD") == 0
    assert w.wallet(long) == XBT - 100_000  # its margin and no more


def test_E10_liquidation_prices_are_found_anew_when_the_rate_rolls():
    """A mark that was far enough under 0.01 % takes the cross long under 0.375 %."""
    w = swap("10000", impact_notional=XBT)
    long, short = w.account("long", XBt=105_000), w.account("short", XBt=100 * XBT)
    open_at(w, long, short, 1_000, 20_000)
    rich = w.account("rich", XBt=100 * XBT)
    w.place(rich, BUY, 20_000, 20_200, "XBTUSD")
    w.place(short, SELL, 20_000, 20_220, "XBTUSD")
    near = view(w, long, "XBTUSD").liquidation_pico
    to_funding_alive(w, "10000")

    assert w.x.markets["XBTUSD"].funding_ppm == 3_750
    held = view(w, long, "XBTUSD")
    assert held.liquidation_pico > near
    w.index(".BXBT", "9945")  # the mark is 9982: over the 9946.5 of before
    assert w.qty(long, "XBTUSD") == 0


# --- L2-5


def test_L2_5_a_payment_with_the_wrong_sign_or_rounding_is_caught(monkeypatch):
    for wrong in (
        lambda rate, value: abs(fee(rate, value)),  # everybody pays
        lambda rate, value: fee(rate, value) + 2,  # two units too much from each
    ):
        w = swap()
        long, short = w.account("long", XBt=XBT), w.account("short", XBt=XBT)
        open_at(w, long, short, 1_000, 20_000)
        monkeypatch.setattr("sim_exchange.core.fixings.funding.fee", wrong)
        with pytest.raises(InvariantError, match="L2-5"):
            to_funding(w)
        monkeypatch.undo()


def test_L2_5_what_is_told_is_what_the_rounding_account_got():
    w = swap("9267.84", funding_ppm=375)
    long, short = w.account("a", XBt=XBT), w.account("s", XBt=XBT)
    open_at(w, long, short, 101, 18_536)
    to_funding(w)
    assert "L2-5 what is paid and not received is in exchange:rounding" in w.x.check()
    w.x._state.funding_told["XBt"] += 1

    with pytest.raises(InvariantError, match="L2-5"):
        w.x.check()
