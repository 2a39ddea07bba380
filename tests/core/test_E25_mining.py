"""E25: a contract of mining pays a dividend a day, from shorts to longs, and ends at 0."""

from fractions import Fraction
from math import ceil, floor

import msgspec
import pytest

from sim_exchange.core import commands as c
from sim_exchange.core.contracts.instrument import instrument_fault
from sim_exchange.core.contracts.mining import dividend_a_day, gross_a_day
from sim_exchange.core.events import Executed, SettledAt, WalletChanged
from sim_exchange.core.specs import InstrumentSpec
from sim_exchange.core.types import DAY_NS, HOUR_NS, PPM, Cause, ExecType, Reason, State
from tests.core.contracts_world import DIVIDEND, MINING, UP, with_index
from tests.core.world import BUY, SELL, START_NS, XBT, World, order

TERMS = DIVIDEND
GROSS = gross_a_day(TERMS)
PRICE = 2_000_000  # 2 XBT in ticks


def earned(*growth: Fraction) -> Fraction:
    """Net income in XBT of three months of 30 days, at these multiples of the difficulty."""
    net = GROSS * 30 * (PPM - TERMS.pool_fee_ppm) / PPM / XBT
    return sum((net / each for each in growth), Fraction())


def months(growth: Fraction, *, first: bool = False) -> Fraction:
    """Net income of three months whose difficulty grows after each, or before each."""
    start = 1 if first else 0
    return earned(*(growth ** (start + k) for k in range(3)))


def six(value: Fraction) -> float:
    """A figure as the text prints it: six decimals."""
    return round(float(value), 6)


def mining(balance: int = 100 * XBT, **changes: object) -> tuple[World, int, int]:
    """TH1BTC just listed, one contract of it bought at 2 XBT."""
    w = World()
    w.enlist(MINING, **changes)
    long, short = w.account("long", XBt=balance), w.account("short", XBt=balance)
    w.place(short, SELL, 1, PRICE, "TH1BTC")
    w.place(long, BUY, 1, PRICE, "TH1BTC")
    return w, long, short


# --- the model


def test_E25_a_terahash_earns_a_share_of_the_blocks() -> None:
    assert round(float(GROSS / XBT), 8) == 0.02109126
    growth = Fraction(115, 100)
    assert [six(GROSS * 30 / XBT / growth**k) for k in range(3)] == [0.632738, 0.550207, 0.478441]
    assert six(months(growth)) == 1.611544
    assert six(months(growth) - 2) == -0.388456
    assert six(months(growth, first=True)) == 1.401343


def test_E25_audit_break_even_needs_difficulty_to_fall_7_74_percent_a_month() -> None:
    assert abs(months(Fraction(10_000 - 774, 10_000)) - 2) < Fraction(1, 5_000)
    assert six(months(Fraction(98, 100))) == 1.879100
    assert round(float(months(Fraction(115, 100))), 2) == 1.61


# --- the ledger


def test_E25_bought_at_2_it_loses_39_hundredths_and_the_short_gains_them() -> None:
    w, long, short = mining()
    w.checked = False
    paid = got = 0
    difficulty = TERMS.difficulty
    for month in range(3):
        terms = msgspec.structs.replace(TERMS, difficulty=difficulty)
        got += 30 * floor(dividend_a_day(terms))
        paid += 30 * ceil(dividend_a_day(terms))
        w.now = START_NS + (month + 1) * 30 * DAY_NS
        w.advance()
        if month < 2:
            difficulty = round(Fraction(difficulty * 115, 100))
            w.ok(c.SetDifficulty(symbol="TH1BTC", difficulty=difficulty))
    assert w.x.markets["TH1BTC"].state is State.SETTLED
    assert w.x.markets["TH1BTC"].settled_price == 0
    gain = w.wallet(long) - 100 * XBT
    assert gain == got - 2 * XBT
    assert gain == -38_845_640  # -0.388456
    assert w.wallet(short) - 100 * XBT == 2 * XBT - paid
    assert round((2 * XBT - paid) / XBT, 2) == 0.39
    assert w.x._state.ledger.balance("XBt", "exchange:rounding") == paid - got == 90
    w.x.check()


def test_E25_a_day_is_paid_at_noon_to_who_holds_it_then() -> None:
    w, long, short = mining()
    w.now = START_NS + DAY_NS - 1
    w.advance()
    assert w.wallet(long) == 100 * XBT
    w.now += 1
    w.advance()
    each = dividend_a_day(TERMS)
    assert w.wallet(long) - 100 * XBT == floor(each)
    assert w.wallet(short) - 100 * XBT == -ceil(each)
    rows = [e for e in w.events if isinstance(e, Executed)]
    assert {(e.exec_type, e.text) for e in rows} == {(ExecType.FUNDING, "Dividend")}
    assert {e.cause for e in w.events if isinstance(e, WalletChanged)} == {Cause.DIVIDEND}
    held = w.x.position(long, "TH1BTC")
    assert held is not None
    assert held.prev_realised_pnl == floor(each)  # noon ends the day that it belongs to


def test_E25_the_dividend_of_the_last_day_is_paid_before_it_settles() -> None:
    w, long, _ = mining(expiry_ns=START_NS + DAY_NS)
    w.now = START_NS + DAY_NS
    w.advance()
    kinds = [type(e) for e in w.events if isinstance(e, WalletChanged | SettledAt)]
    assert kinds[:2] == [WalletChanged, WalletChanged]
    assert w.wallet(long) - 100 * XBT == floor(dividend_a_day(TERMS)) - 2 * XBT


def test_E25_an_isolated_short_pays_out_of_its_margin() -> None:
    w, _, short = mining()
    w.ok(c.SetLeverage(account=short, symbol="TH1BTC", leverage_cents=200))
    before = w.x.position(short, "TH1BTC")
    w.now = START_NS + DAY_NS
    w.advance()
    after = w.x.position(short, "TH1BTC")
    assert before is not None
    assert after is not None
    assert after.pos_loss == ceil(dividend_a_day(TERMS))
    assert after.pos_margin == before.pos_margin - after.pos_loss


def test_E25_who_has_too_little_pays_what_there_is_and_the_fund_the_rest() -> None:
    w = with_index(".BXBT", "600", decimals=2)
    w.enlist(MINING, opening_reference=10_000)  # worth less than one dividend
    long, short = w.account("long", XBt=XBT), w.account("short", XBt=10_000)
    w.ok(c.DepositFund(currency="XBt", amount=500_000))
    w.place(short, SELL, 1, 100, "TH1BTC")
    w.place(long, BUY, 1, 100, "TH1BTC")
    w.now = START_NS + DAY_NS
    w.advance()
    assert w.wallet(short) == 0
    assert w.wallet(long) - XBT == 10_000 + 500_000  # less than the 2,045,852 of the day
    assert w.x.fund("XBt") == 0


@pytest.mark.parametrize("difficulty", [0, -1])
def test_E25_a_difficulty_of_0_is_refused(difficulty: int) -> None:
    w, *_ = mining()
    refused = w.refused(c.SetDifficulty(symbol="TH1BTC", difficulty=difficulty))
    assert refused.reason is Reason.BAD_INSTRUMENT
    assert refused.text == f"dividend difficulty {difficulty} must be above 0"
    unknown = w.refused(c.SetDifficulty(symbol="X", difficulty=1))
    assert unknown.reason is Reason.UNKNOWN_SYMBOL
    w.ok(c.ExpireNow(symbol="TH1BTC"))
    settled = w.refused(c.SetDifficulty(symbol="TH1BTC", difficulty=1))
    assert settled.reason is Reason.EXPIRED


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"reward": 0}, "dividend reward 0"),
        ({"difficulty": 0}, "dividend difficulty 0"),
        ({"hashrate": 0}, "dividend hashrate 0"),
        ({"pool_fee_ppm": PPM}, f"dividend pool_fee_ppm {PPM}"),
    ],
)
def test_E25_a_contract_that_earns_nothing_is_not_listed(
    changes: dict[str, int], named: str
) -> None:
    terms = msgspec.structs.replace(TERMS, **changes)
    assert named in instrument_fault(msgspec.structs.replace(MINING, dividend=terms))
    endless = msgspec.structs.replace(MINING, expiry_ns=None)
    assert "expiry_ns must be given" in instrument_fault(endless)
    assert UP.dividend is None


def test_E25_a_contract_listed_anew_pays_by_its_new_terms_only() -> None:
    w, long, _ = mining()
    w.ok(c.ExpireNow(symbol="TH1BTC"))
    before = w.wallet(long)
    w.now += HOUR_NS
    w.enlist(MINING, listing_ns=w.now, dividend=None)
    w.now = START_NS + 2 * DAY_NS
    w.advance()
    assert w.wallet(long) == before


# --- no naked short beyond the cap


def capped(cap: int = 100) -> tuple[World, int, int]:
    """TH1BTC with a cap on shorts; nobody has any of it yet."""
    w = World()
    w.enlist(MINING, short_cap=cap)
    return w, w.account("miner", XBt=10_000 * XBT), w.account("b", XBt=10_000 * XBT)


def test_E25_an_account_is_short_of_100_at_most() -> None:
    w, miner, b = capped()
    w.place(miner, SELL, 60, PRICE, "TH1BTC")
    w.place(b, BUY, 50, PRICE, "TH1BTC")
    # 50 are sold, 10 are on offer: 40 more may be.
    refused = w.refused(order(miner, SELL, 41, PRICE, "TH1BTC"))
    assert (refused.reason, refused.detail) == (Reason.SHORT_CAP, 100)
    assert refused.text == "sells of 51 with a position of -50 go beyond a short of 100"
    w.place(miner, SELL, 40, PRICE, "TH1BTC")
    assert w.refused(order(miner, SELL, 1, None, "TH1BTC")).reason is Reason.SHORT_CAP


def test_E25_what_closes_a_long_is_not_short() -> None:
    w, miner, b = capped()
    w.place(miner, SELL, 100, PRICE, "TH1BTC")
    w.place(b, BUY, 100, PRICE, "TH1BTC")
    w.place(b, SELL, 200, PRICE, "TH1BTC")
    assert w.refused(order(b, SELL, 1, PRICE, "TH1BTC")).reason is Reason.SHORT_CAP


def test_E25_an_amend_does_not_pass_the_cap() -> None:
    w, miner, _ = capped()
    first = w.place(miner, SELL, 60, PRICE, "TH1BTC")
    second = w.place(miner, SELL, 40, PRICE + 1, "TH1BTC")
    amend = c.AmendOrder(account=miner, order_id=second.order_id, order_qty=41)
    assert w.refused(amend).reason is Reason.SHORT_CAP
    w.amend(second, price=PRICE + 2)
    w.cancel(first)
    w.amend(second, order_qty=100)


def test_E25_a_contract_without_a_cap_has_none() -> None:
    w, miner, _ = capped(cap=0)
    w.place(miner, SELL, 1_000, PRICE, "TH1BTC")


@pytest.mark.parametrize(
    ("spec", "cap", "words"),
    [(MINING, -1, "short_cap -1 must not be negative"), (UP, 1, "short_cap 1 must be 0 on an op")],
)
def test_E25_bad_caps_are_refused(spec: InstrumentSpec, cap: int, words: str) -> None:
    assert instrument_fault(msgspec.structs.replace(spec, short_cap=cap)).startswith(words)
