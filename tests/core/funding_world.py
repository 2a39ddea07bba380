"""A perpetual to be funded, and what one asks of it (E10)."""

from sim_exchange.core.events import Executed, FundingPaid
from sim_exchange.core.types import (
    HOUR_NS,
    MINUTE_NS,
    ExecType,
)
from sim_exchange.core.views import PositionView
from tests.core.world import BUY, SELL, World, inverse_world

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
