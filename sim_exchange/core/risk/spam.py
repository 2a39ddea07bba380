"""Which orders are spam: small ones of an account that has too many of them open (E21)."""

from sim_exchange.core.commands import PlaceOrder
from sim_exchange.core.guards.spam import SpamRule
from sim_exchange.core.orders.account import Account
from sim_exchange.core.orders.market import Market
from sim_exchange.core.risk.state import State
from sim_exchange.core.types import OrdType

_LIMIT = OrdType.LIMIT


def is_spam(state: State, command: PlaceOrder, price: int, qty: int, rule: SpamRule) -> bool:
    """Whether a new order of ``qty`` at ``price`` ticks is spam; flags its account where it is.

    An account is flagged when it is about to have more small orders open than it may.
    """
    market = state.markets[command.symbol]
    if command.ord_type is not _LIMIT or gross(market, price, qty) >= rule.value:
        return False
    number = command.account
    if number in rule.flagged:
        return True
    if small_orders(state, state.accounts[number], rule.value) < rule.most:
        return False
    rule.flagged.add(number)
    return True


def gross(market: Market, price: int, qty: int) -> int:
    """Return what an order is worth at its limit in ticks, minor units of the settlement."""
    if market.is_spot:
        return market.maths.cost_floor(qty, price)
    return market.maths.at_ticks(price) * (qty // market.maths.lot_size)


def small_orders(state: State, account: Account, value: int) -> int:
    """Return how many orders of less than ``value`` minor units an account has in books."""
    return sum(
        gross(state.markets[order.symbol], order.price, order.leaves_qty) < value
        for order in account.open_orders()
        if order.level is not None
    )
