"""What must always hold (L2), as one check over the whole exchange."""

from sim_exchange.core.orders.market import Market
from sim_exchange.core.risk.account import Account, Position
from sim_exchange.core.risk.order_margin import at_most, charge
from sim_exchange.core.risk.state import State
from sim_exchange.core.treasury.ledger import ENGINE, FUND, clearing
from sim_exchange.core.types import Side
from sim_exchange.core.types import State as Listing
from sim_exchange.errors import InvariantError


def check_all(state: State) -> list[str]:
    """Verify every invariant; return what was checked, in the order of L2.

    Raises:
        InvariantError: one does not hold; the text names it with its numbers.
    """
    checked = [f"L2-1 {line}" for line in state.ledger.check()]
    for market in state.markets.values():
        if not market.is_spot:
            _check_positions(state, market)
        _check_book(state, market)
        checked.append(f"L2-2, 4, 6, 9 {market.symbol}")
    for account in state.accounts.values():
        _check_account(state, account)
    checked.append("L2-7, 8 wallets and holds")
    for (currency, name), amount in state.ledger.balances.items():
        if name == FUND and amount < 0:
            raise InvariantError(f"L2-7: the insurance fund has {amount} {currency}")
        if name == ENGINE and amount > 0:
            raise InvariantError(f"L2-12: the engine keeps {amount} {currency}")
    checked.append("L2-7, 12 fund and engine")
    checked += [f"L2-11 {line}" for line in state.desk.check()]
    return checked


def _check_positions(state: State, market: Market) -> None:
    """L2-2 longs equal shorts; L2-4 and 6 clearing is the sum of unrealised profit at any mark."""
    held = [
        account.positions[market.symbol]
        for account in state.accounts.values()
        if market.symbol in account.positions
    ]
    longs = sum(position.qty for position in held if position.qty > 0)
    shorts = -sum(position.qty for position in held if position.qty < 0)
    if not longs == shorts == market.longs == market.shorts == market.open_interest:
        raise InvariantError(
            f"L2-2 {market.symbol}: longs {longs}, shorts {shorts}, kept {market.longs}"
            f" and {market.shorts}, open interest {market.open_interest}"
        )
    unrealised = sum(position.unrealised_pnl for position in held)
    realised = sum(position.trade_pnl for position in held)
    if unrealised + realised:
        raise InvariantError(
            f"L2-4 {market.symbol}: unrealised {unrealised} + realised {realised} is not 0"
        )
    cleared = state.ledger.balance(market.spec.settl_currency, clearing(market.symbol))
    if cleared != unrealised:
        raise InvariantError(f"L2-4 {market.symbol}: clearing {cleared}, unrealised {unrealised}")
    if market.state is Listing.SETTLED and (longs or cleared):
        raise InvariantError(f"L2-6 {market.symbol}: {longs} open, {cleared} in clearing")
    for position in held:
        if position.qty == 0 and position.cost:
            raise InvariantError(
                f"{market.symbol} of {position.account.account_id}: quantity {position.qty}"
                f" costs {position.cost}"
            )


def _check_book(state: State, market: Market) -> None:
    """L2-9 no crossed book, levels are their orders, nothing off lot or beyond the prices."""
    book, spec = market.book, market.spec
    book.check()
    for order in book.orders():
        if (
            order.leaves_qty % spec.lot_size
            or not 0 < order.price <= spec.max_price_ticks
            or order.cum_qty + order.leaves_qty != order.order_qty
            or not order.is_open
            or not order.working
        ):
            raise InvariantError(f"L2-9 {market.symbol}: order {order.order_id} may not rest so")
        position = state.accounts[order.account].positions[market.symbol]
        side = position.buys if order.side is Side.BUY else position.sells
        if side.get(order.order_id) is not order:
            raise InvariantError(f"order {order.order_id} is not among those of its account")


def _check_account(state: State, account: Account) -> None:
    """L2-7 no wallet below 0; holds are the sums of what orders hold."""
    for (currency, name), amount in state.ledger.balances.items():
        if name == account.wallet and name != ENGINE and amount < 0:
            raise InvariantError(f"L2-7: account {account.account_id} has {amount} {currency}")
    _check_held(state, account)
    for position in account.positions.values():
        if not position.market.is_spot:
            _check_open(position)


def _check_held(state: State, account: Account) -> None:
    """L2-8 what is held of wallets and offers is the sum of what the open orders hold."""
    held: dict[str, int] = {}
    for order in account.orders.values():
        spec = state.markets[order.symbol].spec
        if not order.is_open or order.level is None:
            raise InvariantError(f"order {order.order_id} is open but does not rest")
        for currency, amount in (
            (spec.settl_currency, order.held_quote),
            (spec.base_currency, order.held_base),
        ):
            held[currency] = held.get(currency, 0) + amount
        if order.reserved != state.desk.reserved(order.order_id):
            raise InvariantError(f"order {order.order_id} reserves {order.reserved}")
    for currency in {*held, *account.held}:
        if held.get(currency, 0) != account.held.get(currency, 0):
            raise InvariantError(
                f"L2-8: account {account.account_id} holds {account.held.get(currency, 0)}"
                f" {currency}, its orders {held.get(currency, 0)}"
            )


def _check_open(position: Position) -> None:
    """What is kept of a position's orders is what they are; the bound of their charge is one."""
    maths = position.market.maths
    for orders, kept in (
        (position.buys, position.buy_value),
        (position.sells, position.sell_value),
    ):
        value = sum(
            maths.at_ticks(order.price) * (order.leaves_qty // maths.lot_size)
            for order in orders.values()
        )
        if value != kept:
            raise InvariantError(f"{position.market.symbol}: orders are worth {value}, kept {kept}")
    if position.reducing != sum(
        order.reduces for orders in (position.buys, position.sells) for order in orders.values()
    ):
        raise InvariantError(f"{position.market.symbol}: {position.reducing} orders reduce")
    if charge(position).total > at_most(position):
        raise InvariantError(
            f"{position.market.symbol}: {charge(position)} is over the bound {at_most(position)}"
        )
