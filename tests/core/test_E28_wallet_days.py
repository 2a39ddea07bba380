"""E28: one row of realised profit a contract and wallet day, from noon to noon."""

from typing import TYPE_CHECKING

from sim_exchange.core import commands as c
from sim_exchange.core.types import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS, FeeSide, Kind
from sim_exchange.history import History, Transaction
from tests.core.world import BUY, ETC7D, SELL, START_NS, XBT, XBTUSD, World, composite, world

if TYPE_CHECKING:
    from sim_exchange.core.events import Event

C4_NOON = 1_510_315_200 * SECOND_NS  # 2017-11-10T12:00:00Z
"""The wallet day of C4 ends a day later."""


class Remembered(World):
    """A world whose history is kept as the server keeps it."""

    def __init__(self, start_ns: int = START_NS) -> None:
        super().__init__(start_ns)
        self.history = History(self.x)
        self.checked = False

    def do(self, command: c.AnyCommand) -> "tuple[Event, ...]":
        events = super().do(command)
        self.history.on_commit(0, self.now, command, events)
        return events

    def rows(self, account: int, kind: str = "") -> list[Transaction]:
        rows = self.history.accounts[account].wallet.rows
        return [row for row in rows if kind in ("", row.kind)]


def to(w: World, at_ns: int) -> None:
    w.advance(at_ns - w.now)


def alive(w: World, until_ns: int, price: str) -> None:
    """Let the index print ``price`` every ten minutes, the last time just before an instant."""
    while w.now < until_ns - 10 * MINUTE_NS:
        w.advance(10 * MINUTE_NS)
        w.print(".BXBT", price)
    to(w, until_ns - 6 * SECOND_NS)
    w.print(".BXBT", price)


def test_E28_C4_day_is_one_row_of_minus_1_208_157() -> None:
    """E0: 885 bought at 7299 the day before, sold at 6635.5; rebates; funding of +783 and -709."""
    w = Remembered(C4_NOON - HOUR_NS)
    w.ok(c.ListIndex(spec=composite(".BXBT", decimals=2)))
    w.index(".BXBT", "7299")
    w.enlist(
        XBTUSD, listing_ns=w.now, expiry_ns=None, funding_interval_ns=8 * HOUR_NS, typ="FFWCSX"
    )
    maker, taker = w.account("maker", XBt=10 * XBT), w.account("taker", XBt=10 * XBT)
    market = w.x.markets["XBTUSD"]

    w.place(maker, BUY, 885, 2 * 7_299, "XBTUSD")
    w.place(taker, SELL, 885, 2 * 7_299, "XBTUSD")
    for at_ns, price, rate in (
        (C4_NOON, "7299", 0),
        (C4_NOON + 8 * HOUR_NS, "7007.60", -62),  # shorts pay: +783
        (C4_NOON + 16 * HOUR_NS, "6990.07", 56),  # longs pay: -709
    ):
        alive(w, at_ns, price)
        market.funding_ppm = rate  # whatever the windows came to
        to(w, at_ns)
    assert [row.amount for row in w.rows(maker, "RealisedPNL")] == [3_031]
    alive(w, C4_NOON + DAY_NS, "6635.50")
    w.now = C4_NOON + DAY_NS
    w.place(maker, SELL, 885, 13_271, "XBTUSD")  # at noon itself: still of the day that ends
    w.place(taker, BUY, 885, 13_271, "XBTUSD")
    assert len(w.rows(maker, "RealisedPNL")) == 1
    assert w.x.margin(maker, "XBt").realised_pnl == -1_208_157
    w.advance()

    before, row = w.rows(maker, "RealisedPNL")
    assert (row.amount, row.symbol, row.at_ns) == (-1_208_157, "XBTUSD", C4_NOON + DAY_NS)
    assert before.at_ns == C4_NOON
    assert row.balance == w.wallet(maker) == 10 * XBT + 3_031 - 1_208_157
    assert w.x.margin(maker, "XBt").realised_pnl == 0
    w.x.check()


def test_E28_settlement_at_noon_is_of_the_day_that_ends() -> None:
    w = Remembered()
    w.ok(c.ListIndex(spec=composite(".ETCXBT")))
    w.index(".ETCXBT", "0.02")
    w.enlist(ETC7D, expiry_ns=START_NS + DAY_NS)
    w.advance(SECOND_NS)  # the noon of the start is of the day before
    long, short = w.account("long", XBt=10 * XBT), w.account("short", XBt=10 * XBT)
    w.place(short, SELL, 10, 21_000, "ETC7D")
    w.place(long, BUY, 10, 21_000, "ETC7D")
    to(w, START_NS + DAY_NS - 1)
    assert w.rows(long, "RealisedPNL") == []
    w.advance(1)

    (row,) = w.rows(long, "RealisedPNL")
    assert row.at_ns == START_NS + DAY_NS
    taken, fee = 21_000_000 * 2_500 // 10**6, 20_000_000 * 2_500 // 10**6
    assert row.amount == 10 * (2_000_000 - 2_100_000) - taken - fee
    assert row.balance == w.wallet(long)
    w.x.check()


def test_E28_rows_are_never_edited_and_each_movement_has_its_own() -> None:
    w = Remembered()
    alice = w.account("alice", XBt=10 * XBT)
    sub = w.ok(c.OpenAccount(name="sub", owner=alice))
    seen = list(w.rows(alice))
    w.ok(c.Transfer(account=alice, source=alice, target=sub, currency="XBt", amount=XBT))
    number = w.ok(
        c.RequestWithdrawal(account=alice, currency="XBt", amount=XBT, fee=20_000, address="home")
    )
    assert len(w.rows(alice)) == 2  # pending: not a row yet
    w.ok(c.ConfirmWithdrawal(account=alice, withdrawal=number))
    w.advance(HOUR_NS)
    other = w.ok(
        c.RequestWithdrawal(account=alice, currency="XBt", amount=XBT, fee=20_000, address="home")
    )
    w.ok(c.CancelWithdrawal(account=alice, withdrawal=other))

    rows = w.rows(alice)
    assert rows[:1] == seen
    assert [(row.kind, row.amount, row.status) for row in rows] == [
        ("Deposit", 10 * XBT, "Completed"),
        ("Transfer", -XBT, "Completed"),
        ("Withdrawal", -XBT - 20_000, "Completed"),
        ("Withdrawal", -XBT - 20_000, "Canceled"),
    ]
    assert rows[-1].balance == w.wallet(alice) == 8 * XBT - 20_000
    assert len({row.number for row in rows}) == 4
    assert [row.kind for row in w.rows(sub)] == ["Transfer"]


def test_E28_contract_and_currency_have_rows_of_their_own() -> None:
    w = Remembered()
    w.ok(c.ListIndex(spec=composite(".ETCXBT")))
    w.index(".ETCXBT", "0.02")
    for symbol, settles, multiplier in (("ETC7D", "XBt", 10**8), ("ETCT", "USDt", 10**6)):
        w.enlist(ETC7D, symbol=symbol, settl_currency=settles, multiplier=multiplier)
    a, b = w.account("a", XBt=10 * XBT, USDt=10**9), w.account("b", XBt=10 * XBT, USDt=10**9)
    for symbol in ("ETC7D", "ETCT"):
        w.place(a, SELL, 10, 20_000, symbol)
        w.place(b, BUY, 10, 20_000, symbol)
    w.advance(DAY_NS)
    rows = [(row.currency, row.symbol, row.amount) for row in w.rows(b, "RealisedPNL")]
    assert rows == [("XBt", "ETC7D", -50_000), ("USDt", "ETCT", -500)]


def test_E28_spot_trades_and_interest_are_rows_at_once() -> None:
    w = world()
    history = History(w.x)
    buyer, seller = w.account("buyer", XBt=10 * XBT), w.account("seller", XBt=10 * XBT)
    lender = w.account("lender", ETC=100 * XBT)
    history.follow(seller)
    w.ok(c.PostOffer(account=lender, currency="ETC", amount=100 * XBT, rate=10**9))

    def step(command: c.AnyCommand) -> None:
        events = w.do(command)
        history.on_commit(0, w.now, command, events)

    def trade(first: int, then: int, qty: int) -> None:
        for account, side in ((first, SELL), (then, BUY)):
            step(
                c.PlaceOrder(
                    account=account, symbol="ETC_XBT", side=side, order_qty=qty, price=2_000_000
                )
            )

    trade(seller, buyer, 10 * XBT)
    w.now += DAY_NS
    trade(buyer, seller, 10 * XBT)
    kinds = [(row.currency, row.kind) for row in history.accounts[seller].wallet.rows]
    assert ("ETC", "Interest") in kinds
    assert kinds.count(("XBt", "SpotTrade")) == 2
    assert w.x.markets["ETC_XBT"].spec.kind is Kind.SPOT
    assert w.x.markets["ETC_XBT"].spec.fee_side is FeeSide.QUOTE
