"""Worlds in which losses go beyond the book: no fees, and round numbers."""

from sim_exchange.core import commands as c
from sim_exchange.core.events import Deleveraged, Executed
from sim_exchange.core.types import SettlementKind
from tests.core.world import BUY, SELL, START_NS, World, alone, future

ROUND = future(
    "RND",
    "RND",
    multiplier=100,
    tick_pico=25 * 10**10,  # 0.25
    mark_decimals=2,
    max_price_ticks=1_000_000,
    init_margin_ppm=10_000,
    maint_margin_ppm=5_000,
    reference_symbol=".RND",
    settlement_kind=SettlementKind.LAST,
)
"""One contract at 100.00 is worth 10,000; fees are 0."""


def round_world(price: str = "100", start_ns: int = START_NS, **changes: object) -> World:
    """RND alone; every command is followed by a whole check."""
    return alone(ROUND, price, start_ns, **changes)


def ticks(price: float) -> int:
    """A price of RND in ticks."""
    return int(price * 4)


def leveraged(w: World, name: str, wallet: int, cents: int, symbol: str = "RND") -> int:
    """Open an account with isolated margin; 0 hundredths is cross."""
    account = w.account(name, XBt=wallet)
    if cents:
        w.ok(c.SetLeverage(account=account, symbol=symbol, leverage_cents=cents))
    return account


def trade(w: World, long: int, short: int, qty: int, price: int, symbol: str = "RND") -> None:
    """Let ``long`` buy of ``short``, who stood in the book."""
    w.place(short, SELL, qty, price, symbol)
    w.place(long, BUY, qty, price, symbol)


def deleveraged(w: World) -> list[tuple[int, int, int]]:
    """(account, quantity, value of a lot) of who was deleveraged by the last command."""
    return [(e.account, e.qty, e.value) for e in w.events if isinstance(e, Deleveraged)]


def reports(w: World, account: int, text: str) -> list[Executed]:
    """Execution reports of an account with these words, of the last command."""
    return [one for one in w.executions(account) if one.text == text]


def ledger(w: World, name: str, currency: str = "XBt") -> int:
    """Balance of a ledger account, minor units."""
    return w.x._state.ledger.balance(currency, name)
