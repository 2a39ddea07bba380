"""E14: the other kinds of settlement, conditional ones, and an index that is lost on the way."""

import msgspec
import pytest

from sim_exchange.core import commands as c
from sim_exchange.core.contracts.instrument import instrument_fault
from sim_exchange.core.events import IndexPublished, InstrumentChanged, SettledAt, WalletChanged
from sim_exchange.core.types import (
    DAY_NS,
    HOUR_NS,
    MINUTE_NS,
    Cause,
    MarkMethod,
    Mode,
    Reason,
    SettlementKind,
    State,
)
from tests.core.contracts_world import (
    DOWN,
    FREE,
    MINING,
    PUT_TERMS,
    QTUM,
    UP,
    every_minute,
    with_index,
)
from tests.core.world import (
    BUY,
    ETC7D,
    SELL,
    START_NS,
    WEEK_NS,
    XBTUSD,
    World,
    composite,
    inverse_world,
    world,
)

EXPIRY_NS = START_NS + WEEK_NS
EXPIRY_2017 = 1_506_686_400 * 10**9  # 2017-09-29T12:00:00Z
NEVER = {"band": None, "settlement_else": None, "settlement_price": None}


def settled(w: World, symbol: str = "ETC7D") -> int:
    """The price that a contract was settled at."""
    market = w.x.markets[symbol]
    assert market.state is State.SETTLED
    assert w.x._state.ledger.balance("XBt", f"clearing:{symbol}") == 0
    return market.settled_price


def qtum(**changes: object) -> World:
    """QTUMU17 two days before its settlement, while nothing prints yet."""
    w = with_index(".QTUMXBT", start_ns=EXPIRY_2017 - 2 * DAY_NS)
    w.checked = False
    w.enlist(QTUM, listing_ns=w.now, expiry_ns=EXPIRY_2017, **changes)
    return w


def test_E14_qtum_settles_on_the_mean_when_spot_trading_began_in_time() -> None:
    w = qtum()
    w.now = EXPIRY_2017 - DAY_NS - 1  # before 2017-09-28T12:00:00Z
    w.print(".QTUMXBT", "0.0031")
    w.now = EXPIRY_2017 - HOUR_NS
    every_minute(w, ".QTUMXBT", "0.0032", EXPIRY_2017)
    assert settled(w, "QTUMU17") == 320_000


def test_E14_qtum_settles_at_the_price_of_the_sale_when_it_began_too_late() -> None:
    w = qtum()
    w.now = EXPIRY_2017 - DAY_NS  # 24 hours before is not before them
    w.print(".QTUMXBT", "0.0031")
    w.now = EXPIRY_2017 - HOUR_NS
    every_minute(w, ".QTUMXBT", "0.0032", EXPIRY_2017)
    assert settled(w, "QTUMU17") == 300_000


@pytest.mark.parametrize("symbol", ["XTZZ17", "EOSN17"])
def test_E14_a_token_sale_that_is_not_completed_settles_at_0(symbol: str) -> None:
    w = qtum(symbol=symbol, settlement_else=SettlementKind.ZERO, settlement_price=None)
    long, short = w.account("long", XBt=10**9), w.account("short", XBt=10**9)
    w.place(long, BUY, 100, 340_000, symbol)
    w.place(short, SELL, 100, 340_000, symbol)
    w.now = EXPIRY_2017
    w.advance()
    assert settled(w, symbol) == 0
    (event,) = w.of(SettledAt)
    assert event.price == 0  # type: ignore[attr-defined]
    # Without a bankruptcy: longs lose what they paid as far as their margin goes (E13).
    assert w.wallet(short) > 10**9
    w.x.check()


def test_E14_an_inverse_contract_is_never_settled_at_0() -> None:
    w = inverse_world()
    market = w.x.markets["XBTUSD"]
    assert "no value" in instrument_fault(
        msgspec.structs.replace(XBTUSD, settlement_else=SettlementKind.ZERO)
    )
    assert "no value" in instrument_fault(
        msgspec.structs.replace(XBTUSD, settlement_kind=SettlementKind.FIXED, settlement_price=0)
    )
    assert market.state is State.OPEN


def test_E14_last_takes_the_last_print_of_the_index() -> None:
    w = world("0.02", spot=False)
    w.ok(c.ExpireNow(symbol="ETC7D"))
    w.enlist(ETC7D, listing_ns=w.now, settlement_kind=SettlementKind.LAST)
    every_minute(w, ".ETCXBT", "0.021", w.now + 5 * MINUTE_NS)
    w.index(".ETCXBT", "0.025")
    w.ok(c.ExpireNow(symbol="ETC7D"))
    assert settled(w) == 2_500_000


def test_E14_vwap_is_of_the_contracts_own_trades_of_the_last_30_minutes() -> None:
    w = world("0.02", spot=False)
    w.ok(c.ExpireNow(symbol="ETC7D"))
    w.enlist(ETC7D, listing_ns=w.now, settlement_kind=SettlementKind.VWAP, **FREE)
    a, b = w.account("a", XBt=10**10), w.account("b", XBt=10**10)

    def trade(qty: int, price: int) -> None:
        w.place(a, BUY, qty, price)
        w.place(b, SELL, qty, price)

    trade(1_000, 25_000)
    w.advance(30 * MINUTE_NS)  # the first one is now just out of the window
    trade(10, 20_000)
    w.advance(MINUTE_NS)
    trade(30, 20_100)
    w.ok(c.ExpireNow(symbol="ETC7D"))
    assert settled(w) == 2_007_500  # (10*20,000 + 30*20,100)/40 = 20,075 ticks

    w.enlist(ETC7D, listing_ns=w.now, settlement_kind=SettlementKind.VWAP)
    mark = w.x.markets["ETC7D"].mark
    w.ok(c.ExpireNow(symbol="ETC7D"))
    assert settled(w) == mark  # nobody traded


def test_E14_vwap_of_an_inverse_contract_is_weighted_by_worth() -> None:
    w = inverse_world(settlement_kind=SettlementKind.VWAP, **FREE)
    a, b = w.account("a", XBt=10**10), w.account("b", XBt=10**10)
    for price in (20_000, 16_000):  # 10,000 and 8,000 dollars
        w.place(a, BUY, 1_000, price, "XBTUSD")
        w.place(b, SELL, 1_000, price, "XBTUSD")
    w.ok(c.ExpireNow(symbol="XBTUSD"))
    assert settled(w, "XBTUSD") == 888_889  # 2,000/(0.1 + 0.125) = 8,888.89


def test_E14_fixed_settles_at_the_price_of_its_file() -> None:
    w = world("0.02", spot=False)
    w.ok(c.ExpireNow(symbol="ETC7D"))
    w.enlist(
        ETC7D, listing_ns=w.now, settlement_kind=SettlementKind.FIXED, settlement_price=1_950_000
    )
    w.ok(c.ExpireNow(symbol="ETC7D"))
    assert settled(w) == 1_950_000


def test_E14_expire_now_with_fewer_than_30_samples_takes_the_mean_of_those() -> None:
    w = world("0.02", spot=False)  # the sample of 12:00 is 0.02
    w.checked = False
    for price in ("0.021", "0.022"):
        every_minute(w, ".ETCXBT", price, w.now + MINUTE_NS)
    w.ok(c.ExpireNow(symbol="ETC7D"))
    assert settled(w) == 2_100_000


def test_E14_a_contract_suspended_through_the_window_settles_on_resume_at_its_expiry() -> None:
    w = with_index(".ETCXBT", "0.02", start_ns=EXPIRY_NS - HOUR_NS)
    w.checked = False
    w.enlist(ETC7D)
    w.ok(c.SetMode(symbol="ETC7D", mode=Mode.HALT))
    every_minute(w, ".ETCXBT", "0.021", EXPIRY_NS)
    every_minute(w, ".ETCXBT", "0.03", EXPIRY_NS + 10 * HOUR_NS)
    assert w.x.markets["ETC7D"].state is State.OPEN
    w.ok(c.SetMode(symbol="ETC7D", mode=Mode.OPEN))
    assert settled(w) == 2_100_000


def near_expiry() -> World:
    """ETC7D an hour before its settlement, with a second index that may replace its own."""
    w = with_index(".ETCXBT", "0.02", start_ns=EXPIRY_NS - HOUR_NS)
    w.checked = False
    w.ok(c.ListIndex(spec=composite(".ETCNEW")))
    w.index(".ETCNEW", "0.022")
    w.enlist(ETC7D)
    every_minute(w, ".ETCXBT", "0.02", EXPIRY_NS - 10 * MINUTE_NS)
    w.ok(c.RemoveIndex(symbol=".ETCXBT"))
    return w


def test_E14_an_index_removed_in_the_window_needs_a_substitute() -> None:
    w = near_expiry()
    w.ok(c.SetReference(symbol="ETC7D", reference_symbol=".ETCNEW"))
    w.now = EXPIRY_NS
    w.advance()
    assert settled(w) == 2_200_000


def test_E14_without_a_substitute_the_contract_waits_for_one() -> None:
    w = near_expiry()
    w.now = EXPIRY_NS
    w.advance()
    assert w.x.markets["ETC7D"].state is State.OPEN
    assert w.refused(c.ExpireNow(symbol="ETC7D")).reason is Reason.NO_MARK_PRICE
    w.now = EXPIRY_NS + HOUR_NS
    w.index(".ETCNEW", "0.05")  # after its expiry: not its price any more
    w.ok(c.SetReference(symbol="ETC7D", reference_symbol=".ETCNEW"))
    assert settled(w) == 2_200_000


def test_E14_bad_words_about_indices_are_refused() -> None:
    w = world("0.02", spot=False)
    w.ok(c.ListIndex(spec=composite(".NEW")))
    for command, reason in (
        (c.RemoveIndex(symbol=".X"), Reason.UNKNOWN_SYMBOL),
        (c.RemoveIndex(symbol=".ETCXBT30M"), Reason.UNKNOWN_SYMBOL),
        (c.SetReference(symbol="X", reference_symbol=".NEW"), Reason.UNKNOWN_SYMBOL),
        (c.SetReference(symbol="ETC7D", reference_symbol=".X"), Reason.BAD_INSTRUMENT),
        (c.SetReference(symbol="ETC7D", reference_symbol=".ETCBON"), Reason.BAD_INSTRUMENT),
    ):
        assert w.refused(command).reason is reason
    w.ok(c.RemoveIndex(symbol=".ETCXBT"))
    w.advance(10 * MINUTE_NS)
    assert w.x.indices[".ETCXBT"].price == w.x.indices[".ETCXBT30M"].price == 2_000_000
    prints = c.IndexPrints(index=".ETCXBT", prices=(1, 1, 1))
    assert w.refused(prints).reason is Reason.UNKNOWN_SYMBOL


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"settlement_else": SettlementKind.LAST}, "settlement_else last"),
        (
            {"settlement_else": SettlementKind.ZERO, "reference_symbol": "", "mark_method": None},
            "settlement_else zero needs reference_symbol",
        ),
        ({"settlement_else": SettlementKind.FIXED}, "settlement_price must be given"),
        ({"settlement_kind": SettlementKind.FIXED}, "settlement_price must be given"),
        (
            {"settlement_kind": SettlementKind.FIXED, "settlement_price": -1},
            "settlement_price -1",
        ),
        ({"settlement_kind": SettlementKind.SUM}, "settlement_sum []"),
        ({"settlement_sum": (".A", ".B")}, "settlement_sum ['.A', '.B']"),
        (
            {"settlement_kind": SettlementKind.SUM, "settlement_sum": (".A", ".A")},
            "settlement_sum ['.A', '.A'] must be at least two",
        ),
        ({"settlement_kind": SettlementKind.OPTION}, "settlement_kind option"),
        ({"settlement_lead_ns": -1}, "settlement_lead_ns -1"),
        ({"settlement_fees": ((5, -1),)}, "settlement_fees -1"),
        ({"settlement_fees": ((5, 1), (5, 2))}, "settlement_fees 5 must be in order"),
    ],
)
def test_E14_bad_terms_of_settlement_are_refused(changes: dict[str, object], named: str) -> None:
    if "mark_method" in changes:
        changes |= {"mark_method": MarkMethod.LAST, "opening_reference": 1}
    assert named in instrument_fault(msgspec.structs.replace(ETC7D, **changes))


def test_E14_the_order_of_an_instant_at_noon() -> None:
    """Index prints, samples, knock-outs, marks and remargin, settlement, then bands."""
    w = with_index(".BXBT", "5000", decimals=2, start_ns=EXPIRY_NS - HOUR_NS)
    w.checked = False
    anchor = w.ok(c.OpenAccount(name="anchor", flags=("anchorMM",)))
    w.ok(c.Deposit(to_account=anchor, currency="XBt", amount=10**10))
    buyer = w.account("buyer", XBt=10**10)
    knocked = msgspec.structs.replace(PUT_TERMS, barrier_on_spot=True)
    dates = {"listing_ns": w.now, "expiry_ns": EXPIRY_NS}
    w.enlist(UP, **dates)
    w.enlist(DOWN, **{**dates, "expiry_ns": EXPIRY_NS + WEEK_NS}, option=knocked)
    w.enlist(QTUM, listing_ns=w.now, expiry_ns=EXPIRY_NS + WEEK_NS, reference_symbol=".BXBT")
    w.enlist(MINING, **dates)
    for symbol, price in (("QTUMU17", 400_000), ("TH1BTC", 2_000_000)):
        w.place(anchor, SELL, 1, price, symbol)
        w.place(buyer, BUY, 1, price, symbol)
    every_minute(w, ".BXBT", "5000", EXPIRY_NS - MINUTE_NS)
    w.now = EXPIRY_NS
    w.print(".BXBT", "4400")
    w.advance()
    told = []
    for event in w.events:
        name = type(event).__name__
        symbol = getattr(event, "symbol", "")
        if isinstance(event, SettledAt | IndexPublished | InstrumentChanged) or (
            isinstance(event, WalletChanged) and event.cause is Cause.DIVIDEND
        ):
            told.append((name, symbol))
    steps = [
        ("WalletChanged", "TH1BTC"),  # the dividend of the day that ends
        ("IndexPublished", ".BXBT"),
        ("IndexPublished", ".BXBT30M"),
        ("SettledAt", DOWN.symbol),  # knocked out
        ("SettledAt", UP.symbol),
        ("SettledAt", "TH1BTC"),
        ("InstrumentChanged", "QTUMU17"),  # a new session
    ]
    places = [told.index(step) for step in steps]
    assert places == sorted(places)
