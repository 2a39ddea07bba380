"""What a match of contracts and one of coins have in common: how it is counted, posted and told."""

from sim_exchange.core.events import Executed, SelfTraded, Traded
from sim_exchange.core.orders.account import Account, Position
from sim_exchange.core.orders.market import Market
from sim_exchange.core.orders.order import Order
from sim_exchange.core.risk.state import State
from sim_exchange.core.treasury.ledger import FEES
from sim_exchange.core.types import (
    Cause,
    ExecType,
    Liquidity,
    OrdStatus,
    Side,
    TickDirection,
    rha,
)

# Looked up once: a member of an enum costs a tenth of a microsecond each time.
_FILLED = OrdStatus.FILLED
_PARTIAL = OrdStatus.PARTIALLY_FILLED
_TRADE = ExecType.TRADE
ADDED = Liquidity.ADDED
REMOVED = Liquidity.REMOVED
_FEE = Cause.FEE


def open_match(
    state: State, market: Market, qty: int, price: int, gross: int
) -> tuple[int, TickDirection]:
    """Take a match into the market's prices and volumes; return its number and direction."""
    match_id = state.next_match
    state.next_match = match_id + 1
    direction = market.last_direction = market.direction_of(price)
    if market.guards is not None:
        until_ns = market.guards.traded(market.last_price, price, state.now_ns)
        if until_ns:
            state.halt(market, until_ns)
    market.last_price = price
    if market.waiting is not None:
        state.armed[market.symbol] = market
    if market.follows_last:
        state.last_traded[market.symbol] = market
    market.total_volume += qty
    market.total_turnover += gross
    if market.recent is not None:
        market.recent.add(state.now_ns, qty, price * market.maths.tick_pico)
    return match_id, direction


def fill_order(
    state: State, position: Position, order: Order, qty: int, price: int, value: int, *, added: bool
) -> None:
    """Add an execution to an order, whose leaves quantity is cut already; end it when that is 0."""
    market = position.market
    cum_qty = order.cum_qty = order.cum_qty + qty
    total = order.cum_price_qty = order.cum_price_qty + price * qty
    order.cum_cost += value
    if order.is_market:
        order.price = price  # a Market order shows its worst fill
    if total == price * cum_qty:
        order.avg_px = price * market.maths.tick_pico
    else:
        order.avg_px = average_fill(market, cum_qty, order.cum_cost, total)
    if order.leaves_qty == 0:
        order.enter(_FILLED)
        if added:
            position.drop_open(order)
        state.end(order, position, market)
    else:
        order.enter(_PARTIAL)
        state.changed(order)
        state.touch(position)


def average_fill(market: Market, qty: int, cost: int, price_qty: int) -> int:
    """Return the average price of fills at several prices, pico.

    Args:
        market: of the order.
        qty: what it has traded.
        cost: the sum of its absolute execution costs, minor units.
        price_qty: the sum of its ticks times quantity.
    """
    maths = market.maths
    if maths.inverse:
        return maths.average_fill_pico(qty, cost)
    return rha(price_qty * maths.tick_pico, qty)


def tally(totals: dict[str, int], currency: str, amount: int) -> None:
    """Add to the total of a currency."""
    totals[currency] = totals.get(currency, 0) + amount


def tell_fill(  # noqa: PLR0913, PLR0917 - one execution report
    state: State,
    market: Market,
    order: Order,
    qty: int,
    price: int,
    cost: int,
    rate_ppm: int,
    comm: int,
    match_id: int,
    liquidity: Liquidity,
    comm_currency: str = "",
) -> None:
    """Tell one side's execution report, with the order as it is now."""
    state.out.append(
        Executed(
            state.next_exec,
            _TRADE,
            order.order_id,
            order.account,
            order.symbol,
            order.side,
            qty,
            price * market.maths.tick_pico,
            liquidity,
            rate_ppm,
            cost,
            comm,
            comm_currency,
            order.order_qty,
            order.leaves_qty,
            order.cum_qty,
            order.avg_px,
            order.status,
            order.working,
            match_id,
            "",
            True,
            state.now_ns,
        )
    )
    state.next_exec += 1


def tell_own(  # noqa: PLR0913 - one execution report
    state: State,
    market: Market,
    account: Account,
    exec_type: ExecType,
    side: Side | None,
    qty: int,
    *,
    px: int | None = None,
    liquidity: Liquidity | None = None,
    commission_ppm: int = 0,
    cost: int = 0,
    comm: int,
    text: str,
    publish: bool = True,
) -> None:
    """Tell an execution of the venue's own, of no order: funding, settlement, takeover...

    It is at the mark, or at ``px`` in pico.
    """
    price = market.maths.mark_to_pico(market.mark) if px is None else px
    state.out.append(
        Executed(
            exec_id=state.next_exec,
            exec_type=exec_type,
            order_id=0,
            account=account.account_id,
            symbol=market.symbol,
            side=side,
            last_qty=qty,
            last_px=price,
            liquidity=liquidity,
            commission_ppm=commission_ppm,
            exec_cost=cost,
            exec_comm=comm,
            order_qty=qty,
            cum_qty=qty,
            avg_px=price,
            ord_status=_FILLED,
            text=text,
            publish=publish,
            at_ns=state.now_ns,
        )
    )
    state.next_exec += 1


def charge_own(state: State, market: Market, account: Account, comm: int) -> None:
    """Charge the fee of an execution of the venue's own."""
    if comm:
        currency = market.spec.settl_currency
        tally(state.commissions, currency, comm)
        post_fee(state, currency, market.symbol, account, comm)


def tell_trade(
    state: State,
    market: Market,
    taker: Order,
    qty: int,
    price: int,
    gross: int,
    match_id: int,
    direction: TickDirection,
) -> None:
    """Tell the public trade of a match, after the reports of both sides."""
    state.out.append(
        Traded(market.symbol, taker.side, qty, price, direction, match_id, gross, state.now_ns)
    )
    state.touch_book(market)


def tell_self_trade(state: State, taker: Order, match_id: int) -> None:
    """Flag a match between two orders of one account (E4)."""
    state.out.append(SelfTraded(account=taker.account, symbol=taker.symbol, match_id=match_id))


def post_fee(state: State, currency: str, symbol: str, account: Account, comm: int) -> None:
    """Post what an account pays (negative: is paid) to the exchange, and tell it."""
    state.ledger.move(_FEE, currency, account.wallet, FEES, comm, symbol)
    state.tell_wallet(account, currency, -comm, _FEE, symbol)


def post_fees(
    state: State, currency: str, symbol: str, maker: Account, made: int, taker: Account, took: int
) -> None:
    """Post what both sides of a match pay of one currency as one posting, and tell them."""
    state.ledger.charge(currency, maker.wallet, made, taker.wallet, took, symbol)
    # Of two fees of one account, the balance after the first is told first.
    state.tell_wallet(maker, currency, -made, _FEE, symbol, -took if maker is taker else 0)
    state.tell_wallet(taker, currency, -took, _FEE, symbol)
