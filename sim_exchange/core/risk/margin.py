"""What an account may still use of a currency: available margin (E12), exactly or at least."""

from sim_exchange.core.events import Refused
from sim_exchange.core.orders.account import Account, Position
from sim_exchange.core.orders.entry import refuse
from sim_exchange.core.orders.order import Order
from sim_exchange.core.risk import position_margin
from sim_exchange.core.risk.order_margin import (
    Wanted,
    at_most,
    at_most_with,
    charge,
    lost_at_once,
)
from sim_exchange.core.risk.position_margin import Takeover
from sim_exchange.core.risk.state import State
from sim_exchange.core.types import Reason, Side


def available(
    state: State, account: Account, currency: str, *, skip: Position | None = None
) -> int:
    """Return the available margin in minor units; negative where losses ate more than there is.

    It is the wallet, plus the losses (never the profits) of cross positions, less the margins of
    positions, what orders hold, loan locks and what is on offer to borrowers.

    Args:
        state: the exchange.
        account: whose.
        currency: of the wallet.
        skip: a position whose *orders* are left out, because they are being decided.
    """
    free = before_orders(state, account, currency)
    for position in account.contracts.get(currency, ()):
        if position is not skip and (position.buys or position.sells):
            free -= charge(position).total
    return free


def available_at_least(
    state: State, account: Account, currency: str, *, skip: Position | None = None
) -> int:
    """Return a bound that ``available`` is never under, in a time that no order adds to."""
    free = before_orders(state, account, currency)
    for position in account.contracts.get(currency, ()):
        if position is not skip and (position.buys or position.sells):
            free -= at_most(position)
    return free


def withdrawable(state: State, account: Account, currency: str) -> int:
    """Return what may leave the wallet, minor units, at least 0 (E27).

    It is what is available, so unrealised profit, margins, holds, loan locks and offers stay, less
    what is owed of the currency itself: borrowed coins are not the borrower's to take away.
    """
    free = available(state, account, currency)
    if account.locks:  # who owes anything has some
        free -= state.desk.owed(account.account_id, currency, state.now_ns)
    return max(0, min(free, state.balance(account, currency)))


def before_orders(state: State, account: Account, currency: str) -> int:
    """Return what would be available if no contract order rested, minor units."""
    free = state.ledger.balance(currency, account.wallet)
    if account.held:
        free -= account.held.get(currency, 0)
    if account.locks:
        free -= account.lock(currency)
    if state.lenders and (account.account_id, currency) in state.lenders:
        free -= state.desk.on_offer(account.account_id, currency)
    for position in account.contracts.get(currency, ()):
        qty = position.qty
        if qty:
            # Its margin and its PNL, spelt out: properties cost as much as what they add up.
            free += position.pos_loss - position.pos_init - position.pos_comm - position.pos_cross
            if position.leverage_cents == 0:
                market = position.market
                maths = market.maths
                pnl = maths.sign * market.mark_value * (qty // maths.lot_size) - position.cost
                if pnl < 0:
                    free += pnl
    return free


def holds_one_more(state: State, position: Position, side: Side, limit: int, worth: int) -> bool:
    """Whether an account can hold one more order, at a quick look that never says yes wrongly.

    Args:
        state: the exchange.
        position: its account's, of no option.
        side: of the order that is asked for.
        limit: its price in ticks.
        worth: its value in minor units at the price at which it is valued.
    """
    if position.market.is_off_trades:
        return False
    account, currency = position.account, position.market.spec.settl_currency
    free = before_orders(state, account, currency)
    for other in account.contracts.get(currency, ()):
        if other is not position and (other.buys or other.sells):
            free -= at_most(other)
    return free >= at_most_with(position, side, limit, worth)


def shortfall(
    state: State, position: Position, extras: tuple[Wanted, ...], without: tuple[Order, ...] = ()
) -> int | None:
    """Return what an account lacks to have ``extras`` among its orders; 0 when it can hold them.

    What does not raise the charge is never refused, however little is available.

    Returns:
        What the change requires, in minor units, where that is more than there is; 0 where there
        is enough; None where the charge is not raised, so that nothing is asked.
    """
    account, currency = position.account, position.market.spec.settl_currency
    lost = lost_at_once(position, extras) if position.market.is_off_trades else 0
    if not without:
        least = available_at_least(state, account, currency, skip=position)
        if least >= at_most(position, extras) + lost:
            return 0
    before = charge(position).total
    after = charge(position, extras, without).total + lost
    if after <= before:
        return None
    if after <= available(state, account, currency, skip=position):
        return 0
    return after - before


def takeover(state: State, position: Position, free: int | None = None) -> Takeover:
    """Return where a position that is not flat is liquidated and bankrupt, as of now (E12).

    Args:
        state: the exchange.
        position: which.
        free: what stands behind it if it is cross, minor units, where that is known already.
    """
    market = position.market
    maths = market.maths
    side = 1 if position.qty > 0 else -1
    cost = abs(position.cost)
    lots = abs(position.qty) // maths.lot_size
    if position.is_cross:
        if free is None:
            currency = market.spec.settl_currency
            free = available(state, position.account, currency) + position.margin
            free -= min(0, position.unrealised_pnl)
        return position_margin.cross(
            maths,
            side=side,
            cost=cost,
            lots=lots,
            free=free,
            maint_ppm=position.maint_ppm,
            funding_ppm=market.funding_ppm,
            taker_ppm=position.taker_ppm,
            max_price_ticks=market.spec.max_price_ticks,
        )
    return position_margin.isolated(
        maths,
        side=side,
        cost=cost,
        lots=lots,
        margin=position.margin,
        maint=maintenance(position),
        comm=position.pos_comm,
        max_price_ticks=market.spec.max_price_ticks,
    )


def maintenance(position: Position) -> int:
    """Return the maintenance margin of a position, minor units; 0 when flat."""
    if not position.qty:
        return 0
    side = 1 if position.qty > 0 else -1
    return position_margin.pos_maint(
        abs(position.cost),
        position.pos_comm,
        position.maint_ppm,
        position.market.funding_ppm,
        side,
    )


def refuse_lacking(state: State, account: Account, currency: str, required: int) -> Refused:
    """Refuse what an account can't hold: it has too little of a currency, or none at all (E4).

    Args:
        state: the exchange.
        account: whose order.
        currency: minor code of what is lacking.
        required: minor units.
    """
    has_any = state.balance(account, currency) != 0
    reason = Reason.INSUFFICIENT_BALANCE if has_any else Reason.NO_FUNDS
    return refuse(reason, required, currency)
