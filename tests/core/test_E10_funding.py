"""E10: the funding of perpetuals, from the minute's premium to the satoshi in the wallet."""

from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim_exchange.core import commands as c
from sim_exchange.core.contracts.value import fee
from sim_exchange.core.events import Executed, FundingPaid, Liquidated, Posted
from sim_exchange.core.fixings.funding import _shared, next_instant
from sim_exchange.core.fixings.premium import (
    PremiumWindow,
    capped_ppm,
    funding_ppm,
    interest_ppm,
    premium,
)
from sim_exchange.core.risk.account import Position
from sim_exchange.core.specs import Constituent, IndexSpec
from sim_exchange.core.types import (
    DAY_NS,
    HOUR_NS,
    MINUTE_NS,
    PPM,
    SECOND_NS,
    Cause,
    ExecType,
    Kind,
    MarkMethod,
    Mode,
    Reason,
    rha,
)
from sim_exchange.core.views import PositionView
from sim_exchange.errors import InvariantError
from tests.core.world import BUY, ETC7D, SELL, START_NS, XBT, World, inverse_world, world

EIGHT = 8 * HOUR_NS
FREE = {"maker_fee_ppm": 0, "taker_fee_ppm": 0}
PERPETUAL = {"expiry_ns": None, "funding_interval_ns": EIGHT, "typ": "FFWCSX"}


def swap(price: str = "10000", **changes: object) -> World:
    """XBTUSD as a perpetual, fee-free unless asked otherwise, on an index of one member."""
    return inverse_world(price, **(PERPETUAL | FREE | changes))


def open_at(w: World, long: int, short: int, qty: int, ticks: int, symbol: str = "XBTUSD") -> None:
    w.place(short, SELL, qty, ticks, symbol)
    w.place(long, BUY, qty, ticks, symbol)


def go_to(w: World, at_ns: int) -> None:
    w.advance(at_ns - w.now)


def to_funding(w: World, symbol: str = "XBTUSD") -> None:
    go_to(w, w.x.markets[symbol].next_funding_ns)


def to_funding_alive(w: World, price: str) -> None:
    """Like ``to_funding``, the index printing ``price`` every ten minutes: it is not stale then."""
    due = w.x.markets["XBTUSD"].next_funding_ns
    while w.now < due - 10 * MINUTE_NS:
        w.advance(10 * MINUTE_NS)
        w.print(".BXBT", price)
    go_to(w, due)


def view(w: World, account: int, symbol: str) -> PositionView:
    """Return a position that is there."""
    found = w.x.position(account, symbol)
    assert found is not None
    return found


def funded(w: World) -> list[FundingPaid]:
    """Return the fundings of the last command."""
    return [e for e in w.events if isinstance(e, FundingPaid)]


def fundings(w: World, account: int) -> list[Executed]:
    return [e for e in w.executions(account) if e.exec_type is ExecType.FUNDING]


# --- rates


def test_E10_interest_is_a_third_of_the_difference_of_two_daily_rates():
    assert interest_ppm(600, 300, EIGHT) == 100  # 0.01 %
    assert interest_ppm(600, 300, 2 * HOUR_NS) == 25  # a twelfth


@pytest.mark.parametrize(
    ("premium_ppm", "interest", "rate"),
    [(400, 100, 100), (3_103, 100, 2_603), (-1_840, 100, -1_340), (6_000, 100, 5_500)],
)
def test_E10_golden_rates(premium_ppm, interest, rate):
    assert funding_ppm(premium_ppm, interest) == rate


def test_E10_golden_caps():
    """IM 1 %, MM 0.5 %: 0.55 % is capped to 0.375 %; the change alone would allow 0.385 %."""
    assert capped_ppm(5_500, 100, 10_000, 5_000) == 3_750
    assert capped_ppm(5_500, 100, 1_000_000, 5_000) == 3_850
    assert capped_ppm(99_999, 7_000, 20_000, 10_000) == 7_500  # ETHUSD 0.75 %
    assert capped_ppm(-5_500, 0, 10_000, 5_000) == -3_750


def test_E10_golden_most_that_a_day_can_cost():
    most = capped_ppm(99_999, 3_750, 10_000, 5_000)

    assert most * (DAY_NS // EIGHT) == 11_250  # 1.125 %
    assert most * (DAY_NS // (2 * HOUR_NS)) == 45_000  # 4.50 %


def test_E10_golden_premium_of_a_minute():
    """Mark 1000, spot 999, impact 1003 to 1004, rate 0.01 %: 3/999 + 0.0001 = 0.3103003 %."""
    assert premium(1_003, 1_004, 1_000) == 3
    assert premium(996, 998, 1_000) == -2
    assert premium(999, 1_001, 1_000) == 0
    window = PremiumWindow(0)
    window.add(3, 999)

    exact = Fraction(3, 999) + Fraction(100, PPM)
    assert round(exact * 100, 7) == Fraction("0.3103003")
    assert window.mean_ppm(100, 1) == 3_103


def test_E10_golden_mean_is_rounded_at_the_sixth_decimal():
    window = PremiumWindow(0)
    window.add(-1_839_566, 10**9)

    assert window.mean_ppm(0, 1) == -1_840


@pytest.mark.parametrize(("beyond", "mean"), [(1, 1), (-1, -1), (3, 2), (-3, -2)])
def test_E10_halves_of_a_mean_go_away_from_zero(beyond, mean):
    window = PremiumWindow(0)
    window.add(beyond, 2 * PPM)

    assert window.mean_ppm(0, 1) == mean


@given(
    prints=st.lists(st.tuples(st.integers(-500, 500), st.integers(1, 997)), max_size=20),
    rate=st.integers(-4_000, 4_000),
    silent=st.integers(1, 5),
)
def test_E10_mean_is_that_of_exact_rationals(prints, rate, silent):
    window = PremiumWindow(0)
    for beyond, spot in prints:
        window.add(beyond, spot)
    minutes = len(prints) + silent
    exact = rate * minutes + PPM * sum((Fraction(*one) for one in prints), Fraction(0))

    assert window.mean_ppm(rate, minutes) == rha(exact.numerator, exact.denominator * minutes)


def test_E10_exactness_decides_what_the_error_bound_can_not():
    """Three sixths of a millionth are a half exactly, though none of them is in fixed point."""
    window = PremiumWindow(0)
    for _ in range(3):
        window.add(-1, 6 * PPM)

    assert window.mean_ppm(0, 1) == -1


# --- the clock


def test_E10_instants_are_at_4_12_and_20_hours():
    midnight = START_NS - 12 * HOUR_NS

    instants = []
    at_ns = midnight
    for _ in range(4):
        at_ns = next_instant(at_ns, EIGHT)
        instants.append((at_ns - midnight) // HOUR_NS)

    assert instants == [4, 12, 20, 28]
    assert next_instant(midnight, 2 * HOUR_NS) == midnight + 2 * HOUR_NS


def test_E10_a_new_perpetual_starts_with_the_interest():
    market = swap().x.markets["XBTUSD"]

    assert market.funding_ppm == 100
    assert market.indicative_funding_ppm == 100
    assert market.next_funding_ns == START_NS + EIGHT
    assert market.fair_basis_rate_ppm == 109_500


def test_E10_rate_of_a_window_is_paid_at_the_end_of_the_next():
    """Impact prices 1 % over the mark: F = capped 0.375 %, paid eight hours after it is known."""
    w = swap("1000", tick_pico=10**11, impact_notional=XBT)
    long, short = w.account("long", XBt=100 * XBT), w.account("short", XBt=100 * XBT)
    open_at(w, long, short, 1_000, 10_000)
    w.place(short, SELL, 10_000, 10_110, "XBTUSD")
    w.place(long, BUY, 10_000, 10_100, "XBTUSD")
    w.advance(MINUTE_NS)
    market = w.x.markets["XBTUSD"]
    assert market.indicative_funding_ppm == 3_750

    to_funding(w)
    assert [e.commission_ppm for e in fundings(w, long)] == [100]
    assert (market.funding_ppm, market.indicative_funding_ppm) == (3_750, 100)  # no print yet

    w.cancel(next(iter(w.x.open_orders(long))))
    w.advance(EIGHT - 1)
    assert not fundings(w, long)
    w.advance(1)
    (paid,) = fundings(w, long)
    assert paid.commission_ppm == 3_750
    assert paid.last_px == 1_000 * 10**12


def test_E10_premium_is_measured_at_the_mark_of_its_minute():
    """Mark 1000.05 at 240 of 480 minutes, spot 1000: a bid of 1003.05 is 3 over the mark."""
    w = swap("1000", tick_pico=5 * 10**10, impact_notional=XBT, init_margin_ppm=100_000,
             maint_margin_ppm=50_000)  # fmt: skip
    rich = w.account("rich", XBt=1_000 * XBT)
    go_to(w, START_NS + 4 * HOUR_NS - SECOND_NS)
    w.place(rich, BUY, 10_000, 20_061, "XBTUSD")
    w.place(rich, SELL, 10_000, 20_065, "XBTUSD")
    w.advance(SECOND_NS)
    market = w.x.markets["XBTUSD"]

    assert market.mark == 100_005
    # 239 minutes printed the rate in force, one 3/1000 more.
    assert w.x._marks._funding._windows["XBTUSD"].mean_ppm(100, 240) == rha(100 * 240 + 3_000, 240)


def test_E10_no_liquidity_for_the_whole_window_makes_the_interest_under_the_caps():
    w = swap(funding_ppm=3_000)
    market = w.x.markets["XBTUSD"]
    assert market.funding_ppm == 3_000

    to_funding(w)

    assert market.funding_ppm == 100
    far = swap(funding_ppm=3_750 + 100)
    to_funding(far)
    assert far.x.markets["XBTUSD"].funding_ppm == 100


def test_E10_change_cap_holds_without_liquidity_too():
    w = swap(funding_ppm=9_000)  # over the cap by the operator's word
    to_funding(w)

    assert w.x.markets["XBTUSD"].funding_ppm == 3_750  # 9000 - 3750 = 5250, then the cap


def test_E10_idle_premium_prints_the_current_rate():
    """Both impact prices around the mark: P = rate, and F is damped towards the interest."""
    w = swap("1000", tick_pico=10**11, impact_notional=XBT, funding_ppm=200)
    rich = w.account("rich", XBt=1_000 * XBT)
    w.place(rich, BUY, 10_000, 9_990, "XBTUSD")
    w.place(rich, SELL, 10_000, 10_010, "XBTUSD")
    w.advance(MINUTE_NS)

    assert w.x.markets["XBTUSD"].indicative_funding_ppm == 100


# --- payments


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


# --- halts, orders of the operator, listings


def test_E10_a_halt_at_the_instant_is_made_up_for_at_the_first_mark_after_it():
    w = swap()
    long, short = w.account("long", XBt=XBT), w.account("short", XBt=XBT)
    open_at(w, long, short, 1_000, 20_000)
    w.ok(c.SetMode(symbol="XBTUSD", mode=Mode.HALT))
    w.print(".BXBT", "9500")
    w.advance(EIGHT + 15 * MINUTE_NS)
    assert not funded(w)
    assert w.wallet(long) == XBT

    w.ok(c.SetMode(symbol="XBTUSD", mode=Mode.OPEN))

    assert [e.at_ns for e in funded(w)] == [START_NS + EIGHT]
    assert fundings(w, long)[0].last_px == 9_500 * 10**12
    assert w.x.markets["XBTUSD"].next_funding_ns == START_NS + 2 * EIGHT
    to_funding(w)
    assert len(fundings(w, long)) == 1


def test_E10_a_halt_over_two_instants_owes_both():
    w = swap()
    long, short = w.account("long", XBt=XBT), w.account("short", XBt=XBT)
    open_at(w, long, short, 1_000, 20_000)
    w.ok(c.SetMode(symbol="XBTUSD", mode=Mode.HALT))
    w.advance(2 * EIGHT)
    w.ok(c.SetMode(symbol="XBTUSD", mode=Mode.OPEN))

    assert [e.at_ns for e in funded(w)] == [START_NS + EIGHT, START_NS + 2 * EIGHT]
    assert w.wallet(long) == XBT - 2_000


def test_E10_fund_now_pays_at_once_and_keeps_the_grid():
    w = swap()
    long, short = w.account("long", XBt=XBT), w.account("short", XBt=XBT)
    open_at(w, long, short, 1_000, 20_000)
    w.advance(HOUR_NS)
    w.ok(c.FundNow(symbol="XBTUSD"))

    assert fundings(w, long)[0].exec_comm == 1_000
    assert w.x.markets["XBTUSD"].next_funding_ns == START_NS + EIGHT
    to_funding(w)
    assert len(fundings(w, long)) == 1


def test_E10_fund_now_is_refused_where_there_is_nothing_to_fund():
    w = world()
    assert w.refused(c.FundNow(symbol="NONE")).reason is Reason.UNKNOWN_SYMBOL
    assert w.refused(c.FundNow(symbol="ETC_XBT")).reason is Reason.UNKNOWN_SYMBOL
    assert w.refused(c.FundNow(symbol="ETC7D")).reason is Reason.BAD_INSTRUMENT
    halted = swap()
    halted.ok(c.SetMode(symbol="XBTUSD", mode=Mode.HALT))
    assert halted.refused(c.FundNow(symbol="XBTUSD")).reason is Reason.NOT_OPEN
    halted.ok(c.SetMode(symbol="XBTUSD", mode=Mode.OPEN))
    halted.ok(c.ExpireNow(symbol="XBTUSD"))
    assert halted.refused(c.FundNow(symbol="XBTUSD")).reason is Reason.EXPIRED


def test_E10_a_settled_perpetual_is_not_funded_any_more():
    w = swap()
    w.ok(c.ExpireNow(symbol="XBTUSD"))
    w.advance(2 * EIGHT)

    assert not funded(w)


def test_E10_relisted_perpetual_is_funded_by_its_new_listing_only():
    w = swap()
    w.ok(c.ExpireNow(symbol="XBTUSD"))
    w.enlist(w.x.markets["XBTUSD"].spec, funding_interval_ns=2 * HOUR_NS)
    w.advance(EIGHT)

    hours = [(e.at_ns - START_NS) // HOUR_NS for e in funded(w)]
    assert hours == [2, 4, 6, 8]
    assert w.x.markets["XBTUSD"].funding_ppm == 25


def test_E10_interval_may_become_two_hours_on_eight_hours_notice():
    """Announced at noon for 20:00: that funding is the last of the old grid."""
    w = swap()
    long, short = w.account("long", XBt=XBT), w.account("short", XBt=XBT)
    open_at(w, long, short, 1_000, 20_000)
    change = c.SetFundingInterval(symbol="XBTUSD", interval_ns=2 * HOUR_NS)
    late = c.Announce(change=change, effective_ns=START_NS + EIGHT - 1)
    assert "notice" in w.refused(late).text
    w.ok(c.Announce(change=change, effective_ns=START_NS + EIGHT))
    w.advance(EIGHT - 1)
    assert not fundings(w, long)
    w.advance(4 * HOUR_NS + 1)

    assert [(e.at_ns - START_NS) // HOUR_NS for e in funded(w)] == [8, 10, 12]
    assert [e.commission_ppm for e in fundings(w, long)] == [100, 25, 25]
    assert w.x.markets["XBTUSD"].fair_basis_rate_ppm == 25 * 365 * 12


def test_E10_interval_changed_by_the_operator_holds_at_once():
    w = swap()
    w.advance(HOUR_NS)
    w.ok(c.SetFundingInterval(symbol="XBTUSD", interval_ns=2 * HOUR_NS))

    assert w.x.markets["XBTUSD"].next_funding_ns == START_NS + 2 * HOUR_NS
    for symbol, interval_ns, reason in (
        ("NONE", HOUR_NS, Reason.UNKNOWN_SYMBOL),
        ("XBTUSD", 7 * HOUR_NS, Reason.BAD_INSTRUMENT),
    ):
        command = c.SetFundingInterval(symbol=symbol, interval_ns=interval_ns)
        assert w.refused(command).reason is reason
    other = world()
    command = c.SetFundingInterval(symbol="ETC7D", interval_ns=HOUR_NS)
    assert other.refused(command).reason is Reason.BAD_INSTRUMENT
    announced = c.Announce(change=command, effective_ns=START_NS + 2 * EIGHT)
    assert "not a listed perpetual" in other.refused(announced).text


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"funding_interval_ns": 7 * HOUR_NS}, "part of a day"),
        ({"funding_interval_ns": SECOND_NS}, "part of a day"),
        ({"funding_interval_ns": 90 * SECOND_NS}, "whole minutes"),
        ({"funding_interval_ns": -EIGHT}, "part of a day"),
        ({"funding_interval_ns": EIGHT, "expiry_ns": START_NS + DAY_NS}, "without expiry"),
        ({"funding_interval_ns": None, "funding_ppm": 1}, "needs funding_interval_ns"),
        ({"funding_ppm": PPM}, "under 100 %"),
        ({"funding_ppm": True}, "under 100 %"),
        ({"quote_rate_ppm": -PPM}, "quote_rate_ppm"),
        ({"base_rate_ppm": 1.5}, "base_rate_ppm"),
    ],
)
def test_E10_bad_listings_are_refused(changes, word):
    w = World()
    spec = msgspec.structs.replace(
        inverse_world().x.markets["XBTUSD"].spec, reference_symbol="", opening_reference=1,
        mark_method=MarkMethod.LAST, **(PERPETUAL | changes),
    )  # fmt: skip

    event = w.refused(c.ListInstrument(spec=spec))

    assert event.reason is Reason.BAD_INSTRUMENT
    assert word in event.text


def test_E10_spot_is_not_funded():
    w = world()
    spec = msgspec.structs.replace(
        w.x.markets["ETC_XBT"].spec, symbol="ABC_XBT", funding_interval_ns=EIGHT
    )

    assert "without expiry" in w.refused(c.ListInstrument(spec=spec)).text
    assert not w.x.markets["ETC7D"].is_perpetual
    assert ETC7D.funding_interval_ns is None


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
