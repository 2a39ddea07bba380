"""What an account chooses for a position (leverage, risk limit, transfers): tried, then done."""

from collections.abc import Callable

from sim_exchange.core.events import Accepted, Refused
from sim_exchange.core.orders.account import Position
from sim_exchange.core.orders.entry import refuse
from sim_exchange.core.risk.liquidation import is_reached
from sim_exchange.core.risk.margin import available, takeover
from sim_exchange.core.risk.state import ENGINE_ID, State
from sim_exchange.core.types import Reason
from sim_exchange.core.types import State as Listing


def find(state: State, account_id: int, symbol: str) -> Position | Refused:
    """Return an account's position in a contract, a new one that nobody knows when it has none."""
    account = state.accounts.get(account_id)
    market = state.markets.get(symbol)
    if account is None or account_id == ENGINE_ID:
        return refuse(Reason.UNKNOWN_ACCOUNT)
    if market is None or market.is_spot:
        return refuse(Reason.UNKNOWN_SYMBOL, text=symbol)
    if market.state is Listing.SETTLED:
        return refuse(Reason.EXPIRED)
    return account.positions.get(symbol) or Position(account, market)


def attempt(
    state: State, position: Position, change: Callable[[Position], None]
) -> tuple[int, bool]:
    """Try a change of the position's terms, and leave all as it was.

    Returns:
        What it requires of the available margin where there is less than that, minor units, 0 where
        there is enough; and whether the position would be at its liquidation price.
    """
    account, currency = position.account, position.market.spec.settl_currency
    terms = position.terms()
    before = available(state, account, currency)
    change(position)
    after = available(state, account, currency)
    reached = bool(position.qty) and is_reached(position, takeover(state, position))
    position.restore(terms)
    return (before - after if after < 0 and after < before else 0), reached


def accept(state: State, position: Position, change: Callable[[Position], None]) -> None:
    """Change the position's terms, and tell so."""
    account, market = position.account, position.market
    change(account.position(market))
    state.out.append(Accepted(ref=account.account_id))
    state.touch(account.position(market))
