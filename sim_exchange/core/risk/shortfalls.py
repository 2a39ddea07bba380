"""What a loser can't pay is a posting of its own: no wallet is left below 0 (E13d)."""

from sim_exchange.core.orders.account import Position
from sim_exchange.core.risk.margin import available
from sim_exchange.core.risk.position_margin import cross_losses
from sim_exchange.core.risk.state import State
from sim_exchange.core.types import Cause


def room_to_lose(state: State, position: Position) -> int:
    """Return what a position may lose, minor units: its margin, or all that stands behind it."""
    currency = position.market.spec.settl_currency
    if position.is_cross:
        free = available(state, position.account, currency) + position.margin
        return max(0, free - min(0, position.unrealised_pnl))
    return max(0, min(position.margin, state.balance(position.account, currency)))


def loss_to_bankruptcy(state: State, position: Position) -> int:
    """Return what a position has lost when it is bankrupt, minor units (E12)."""
    if not position.is_cross:
        return position.margin - position.pos_comm
    room = room_to_lose(state, position)
    taker = position.taker_ppm
    return cross_losses(room, abs(position.cost), 0, 0, 1, taker)[1]


def cover(state: State, position: Position, room: int, gained: int, source: str) -> int:
    """Take off an account what a close lost beyond its margin; return how much, minor units.

    Args:
        state: the exchange.
        position: what was closed; its loss is in the wallet already.
        room: what it could lose before (``margin.room_to_lose``).
        gained: PNL less fees of the close.
        source: ledger account that takes it on.
    """
    short = max(0, -gained - room)
    if short:
        account, market = position.account, position.market
        currency = market.spec.settl_currency
        state.ledger.move(Cause.SHORTFALL, currency, source, account.wallet, short, market.symbol)
        position.realised_cost -= short
        state.tell_wallet(account, currency, short, Cause.SHORTFALL, market.symbol)
    return short
