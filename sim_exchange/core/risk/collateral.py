"""What stands behind loans of coins (E24): 140 % of their worth locked, everything closed at 20 %.

What is owed locks 140 % of its worth at the index in the quote coin. An order that will borrow when
it is filled holds, until then, what that lock will exceed its proceeds by. Both follow every print
of the index.
"""

from fractions import Fraction

from sim_exchange.core.contracts.value import ceil_div
from sim_exchange.core.orders.account import Account
from sim_exchange.core.orders.market import Market
from sim_exchange.core.orders.order import Order
from sim_exchange.core.risk.state import State
from sim_exchange.core.types import PPM, currency_decimals

LOCK_PERCENT = 140
"""Of what is owed, at the index: what a loan locks of the quote coin."""
MAINTENANCE = Fraction(1, 5)
"""Net value over borrowed value under which a borrower is closed out."""


def index_value(state: State, market: Market) -> tuple[int, int]:
    """Return the worth of one minor unit of the base coin in minor units of the quote, num/den.

    It is 0 while the market's index has no value.
    """
    spec = market.spec
    row = state.indices.get(spec.reference_symbol)
    if row is None:
        return 0, 1
    num: int = row.price * 10 ** currency_decimals(spec.settl_currency)
    den: int = 10 ** (currency_decimals(spec.base_currency) + row.spec.decimals)
    return num, den


def lock_for(state: State, market: Market, qty: int) -> int:
    """Return what owing ``qty`` of the base coin locks: ceil(1.40*qty*index)."""
    if not qty:
        return 0
    num, den = index_value(state, market)
    return ceil_div(LOCK_PERCENT * qty * num, 100 * den)


def hold_for(state: State, market: Market, qty: int, price: int) -> int:
    """Return what a sell at ``price`` ticks holds of the quote coin for ``qty`` to be borrowed."""
    proceeds = market.maths.cost_floor(qty, price)
    proceeds -= ceil_div(proceeds * market.taker_ppm, PPM)
    return max(0, lock_for(state, market, qty) - proceeds)


def lock_of(state: State, account: Account, market: Market, qty: int) -> int:
    """Return the part of the account's lock that stands for ``qty`` of what it owes."""
    spec = market.spec
    owed = state.desk.owed(account.account_id, spec.base_currency, state.now_ns)
    if not owed:
        return 0
    lock = account.locks.get((spec.settl_currency, spec.base_currency), 0)
    return lock * min(qty, owed) // owed


def relock(state: State, account: Account, market: Market) -> None:
    """Revalue what the account's loans of the market's base coin lock."""
    spec = market.spec
    owed = state.desk.owed(account.account_id, spec.base_currency, state.now_ns)
    key = (spec.settl_currency, spec.base_currency)
    before = account.locks.get(key, 0)
    lock = lock_for(state, market, owed)
    if owed:
        account.locks[key] = lock
    else:
        account.locks.pop(key, None)
    if lock != before:
        state.touch_margin(account, spec.settl_currency)


def rehold(state: State, account: Account, market: Market, order: Order) -> None:
    """Revalue what a sell holds for what it has yet to borrow.

    A Market order's hold is of the price that it may reach; it is given back when the order ends.
    """
    if order.is_market:
        return
    hold = hold_for(state, market, order.reserved, order.price)
    change = hold - order.held_quote
    if change:
        currency = market.spec.settl_currency
        order.held_quote = hold
        account.held[currency] += change
        state.touch_margin(account, currency)


def revalue(state: State, market: Market) -> None:
    """Follow a print of the index: revalue all locks and holds of the market's base coin."""
    coin = market.spec.base_currency
    for borrower in state.desk.borrowers(coin):
        relock(state, state.accounts[borrower], market)
    for order_id in state.desk.reserving(coin):
        order = state.orders[order_id]
        if order.symbol == market.symbol:
            rehold(state, state.accounts[order.account], market, order)


def current_margin(state: State, account: Account, currency: str) -> Fraction | None:
    """Return net value over borrowed value, both in ``currency``; None without loans."""
    net = Fraction(state.balance(account, currency))
    for position in account.contracts.get(currency, ()):
        if position.qty:
            net += position.unrealised_pnl
    borrowed = Fraction(0)
    for market in state.markets.values():
        if not market.is_spot or market.spec.settl_currency != currency:
            continue
        coin = market.spec.base_currency
        price = Fraction(*index_value(state, market))
        owed = state.desk.owed(account.account_id, coin, state.now_ns)
        net += (state.balance(account, coin) - owed) * price
        borrowed += owed * price
    return net / borrowed if borrowed else None
