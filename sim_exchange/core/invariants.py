"""What must always hold (L2), as one check over the whole exchange.

What costs next to nothing is verified all the time where it happens: each posting sums to 0 (1),
each match leaves as many longs as shorts, costs that cancel out and no fee given away (2, 3, 10), a
funding leaves at most half a unit a holder (5), a settlement empties its clearing account (6), a
takeover moves the whole position (12), a deleveraging closes what was left and no more, all of it
at one value (13). That a replay ends in the same state (15) is a property of runs, not of a state.
"""

from sim_exchange.core.orders.account import Account, Position
from sim_exchange.core.orders.market import Market
from sim_exchange.core.risk.covered import check_covered
from sim_exchange.core.risk.engine import check_engine
from sim_exchange.core.risk.holds import check_surplus
from sim_exchange.core.risk.links import check_links
from sim_exchange.core.risk.order_margin import at_most, charge
from sim_exchange.core.risk.state import ENGINE_ID, State
from sim_exchange.core.treasury.ledger import ENGINE, FEES, FUND, clearing, settlement
from sim_exchange.core.types import Side
from sim_exchange.core.types import State as Listing
from sim_exchange.errors import InvariantError


def check_all(state: State) -> list[str]:
    """Verify every invariant; return what was checked, in the order of L2.

    Raises:
        InvariantError: one does not hold; the text names it with its numbers.
    """
    checked = [f"L2-1 {line}" for line in (*state.ledger.check(), *state.cash.check())]
    contracts = [market for market in state.markets.values() if not market.is_spot]
    for market in contracts:
        _check_positions(state, market)
    for line in (
        "L2-2 longs equal shorts",
        "L2-3 costs of all executions cancel out",
        "L2-4 clearing is the unrealised profit at the mark",
        "L2-6 nothing is left of what is settled",
    ):
        checked += [f"{line}: {market.symbol}" for market in contracts]
    for account in state.accounts.values():
        _check_account(state, account)
    _check_funding(state)
    checked.append("L2-5 what is paid and not received is in exchange:rounding")
    checked.append("L2-7 no wallet is below 0")
    _check_fund(state)
    checked.append("L2-7 the insurance fund is not below 0")
    checked.append("L2-8 holds are those of the open orders")
    check_links(state)
    checked.append("L2-8 orders that wait hold nothing, and have what they wait for")
    check_covered(state)
    checked.append("L2-8 orders taken in are covered")
    for market in state.markets.values():
        _check_book(market)
        checked.append(f"L2-9 levels are their orders, not crossed: {market.symbol}")
    _check_fees(state)
    checked.append("L2-10 exchange:fees is the sum of commissions")
    checked.append("L2-10 taker and maker fees are not below 0 together")
    checked += [f"L2-11 {line}" for line in state.desk.check()]
    check_engine(state)
    checked.append("L2-12 what the engine gains and loses is the fund's")
    checked.append("L2-13 the engine holds what its orders offer, each at its bankruptcy value")
    _check_splits(state)
    checked.append("L2-14 what a split credited is at most what was owed then")
    return checked


def _check_funding(state: State) -> None:
    """L2-5 what executions of funding told is what the rounding account got of it."""
    for currency in {*state.funding_told, *state.funding_kept}:
        told = state.funding_told.get(currency, 0)
        kept = state.funding_kept.get(currency, 0)
        if told != kept:
            raise InvariantError(
                f"L2-5: fundings left {told} {currency}, exchange:rounding got {kept}"
            )


def _check_splits(state: State) -> None:
    """L2-14 no snapshot of balances credited more of the minor coin than the major one was owed."""
    for coin, snapshot in state.snapshots.items():
        if not 0 <= snapshot.credited <= snapshot.liabilities:
            raise InvariantError(f"L2-14: {coin} credited {snapshot}")


def _check_fund(state: State) -> None:
    """L2-7 the fund is never overdrawn; L2-12 what the engine realised went to it."""
    for currency in state.ledger.currencies():
        fund = state.ledger.balance(currency, FUND)
        engine = state.ledger.balance(currency, ENGINE)
        if fund < 0:
            raise InvariantError(f"L2-7: the insurance fund has {fund} {currency}")
        if engine:
            raise InvariantError(f"L2-12: the engine keeps {engine} {currency}")
        given = state.fund_given.get(currency, 0)
        realised = state.engine_pnl.get(currency, 0)
        if fund != given + realised:
            raise InvariantError(
                f"L2-12: the fund, {fund} {currency}, is not what was given, {given}, and what the"
                f" engine realised, {realised}"
            )


def _check_fees(state: State) -> None:
    """L2-10 what executions were charged, and the exchange's part of interest, is what it has."""
    for currency in state.ledger.currencies():
        kept = state.ledger.balance(currency, FEES)
        charged = state.commissions.get(currency, 0)
        interest = state.desk.interest_kept(currency)
        if kept != charged + interest:
            raise InvariantError(
                f"L2-10: exchange:fees has {kept} {currency}, commissions {charged} and interest"
                f" {interest}"
            )
    for market in state.markets.values():
        if market.taker_ppm + market.maker_ppm < 0:
            raise InvariantError(
                f"L2-10 {market.symbol}: taker {market.taker_ppm} and maker {market.maker_ppm} ppm"
            )


def _check_positions(state: State, market: Market) -> None:
    """L2-2 longs equal shorts; L2-3 costs cancel out; L2-4, 6 clearing is what is unrealised."""
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
    costs = sum(position.cost - position.trade_pnl for position in held)
    if costs:
        raise InvariantError(f"L2-3 {market.symbol}: all executions cost {costs}, not 0")
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
    reserve = state.ledger.balance(market.spec.settl_currency, settlement(market.symbol))
    if reserve > 0 or (reserve and market.state is Listing.SETTLED):
        raise InvariantError(f"L2-6 {market.symbol}: {reserve} in the settlement reserve")
    for position in held:
        if position.account is not state.engine and position.qty == 0 and position.cost:
            raise InvariantError(
                f"{market.symbol} of {position.account.account_id}: quantity {position.qty}"
                f" costs {position.cost}"
            )


def _check_book(market: Market) -> None:
    """L2-9 no crossed book, levels are their orders, nothing off lot, off price or off band."""
    book, spec = market.book, market.spec
    book.check()
    if market.waiting is not None:
        market.waiting.check(market.maths.tick_pico)
        for order in market.waiting.orders.values():
            if order.position.aside.get(order.order_id) is not order:
                raise InvariantError(f"order {order.order_id} waits and is of no account")
    for order in book.orders():
        if (
            order.leaves_qty % spec.lot_size
            or not 0 < order.price <= spec.max_price_ticks
            or order.cum_qty + order.leaves_qty != order.order_qty
            or not order.is_open
            or not order.working
            or market.in_band(order.price) != order.price
        ):
            raise InvariantError(f"L2-9 {market.symbol}: order {order.order_id} may not rest so")
        position = order.position
        side = position.buys if order.side is Side.BUY else position.sells
        if side.get(order.order_id) is not order:
            raise InvariantError(f"order {order.order_id} is not among those of its account")


def _check_account(state: State, account: Account) -> None:
    """L2-7 no wallet below 0; holds are the sums of what orders hold."""
    for currency in state.ledger.currencies() if account is not state.engine else ():
        amount = state.ledger.balance(currency, account.wallet)
        if amount < 0:
            raise InvariantError(f"L2-7: account {account.account_id} has {amount} {currency}")
    _check_held(state, account)
    for position in account.positions.values():
        if not position.market.is_spot:
            _check_open(position)
            _check_terms(position)


def _check_held(state: State, account: Account) -> None:
    """L2-8 what is held of wallets and offers is what the open orders hold, and they need."""
    held: dict[str, int] = {}
    for order in account.open_orders():
        market = state.markets[order.symbol]
        spec = market.spec
        if not order.is_open or (order.level is None) is not order.waiting:
            raise InvariantError(f"order {order.order_id} is open but neither rests nor waits")
        if order.waiting:
            waiting = market.waiting
            if waiting is None or waiting.orders.get(order.order_id) is not order:
                raise InvariantError(f"order {order.order_id} waits and is not among those")
        for currency, amount in (
            (spec.settl_currency, order.held_quote),
            (spec.base_currency, order.held_base),
        ):
            held[currency] = held.get(currency, 0) + amount
        if market.is_spot:
            check_surplus(market, order)
        if order.reserved != state.desk.reserved(order.order_id):
            raise InvariantError(f"L2-8: order {order.order_id} reserves {order.reserved}")
    for currency in {*held, *account.held}:
        if held.get(currency, 0) != account.held.get(currency, 0):
            raise InvariantError(
                f"L2-8: account {account.account_id} holds {account.held.get(currency, 0)}"
                f" {currency}, its orders {held.get(currency, 0)}"
            )


def _check_terms(position: Position) -> None:
    """A flat or a cross position has nothing moved in; a risk limit is the base and whole steps."""
    spec, name = position.market.spec, position.account.account_id
    if position.pos_cross < 0 or position.pos_loss < 0:
        raise InvariantError(
            f"{spec.symbol} of {name}: {position.pos_cross} moved in, {position.pos_loss} charged"
        )
    if position.pos_cross or position.pos_loss:
        if position.is_cross or not position.qty:
            raise InvariantError(
                f"{spec.symbol} of {name}: {position.pos_cross} moved in, {position.pos_loss}"
                f" charged at leverage {position.leverage_cents} and quantity {position.qty}"
            )
    elif name != ENGINE_ID and not position.qty and position.margin:
        raise InvariantError(f"{spec.symbol} of {name}: flat, but holds {position.margin}")
    short = sum(order.leaves_qty for order in position.sells.values()) - position.qty
    if spec.short_cap and short > spec.short_cap and name != ENGINE_ID:
        raise InvariantError(
            f"{spec.symbol} of {name}: position and sells come to a short of {short}, over the cap"
            f" of {spec.short_cap}"
        )
    more = position.risk_limit - spec.risk_limit
    if more < 0 or (more and (not spec.risk_step or more % spec.risk_step)):
        raise InvariantError(f"{spec.symbol} of {name}: risk limit {position.risk_limit}")


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
