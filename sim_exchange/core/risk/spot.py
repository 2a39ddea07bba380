"""The cash market: what orders hold and borrow, how a match is settled (E23, E24).

A buy holds the rounded-up cost and taker fee in the quote coin; where the fee is taken in what is
received, the cost alone, for the fee comes out of the coins that it gets. A sell holds coins of its
own; what it lacks is reserved at the lending desk when the order is accepted and borrowed fill by
fill, with what ``collateral`` asks of the quote coin.
"""

from typing import NamedTuple

from sim_exchange.core.contracts.value import fee
from sim_exchange.core.events import LoansChanged, Refused
from sim_exchange.core.orders.account import Account, Position
from sim_exchange.core.orders.entry import refuse
from sim_exchange.core.orders.market import Market
from sim_exchange.core.orders.order import Order
from sim_exchange.core.risk import links
from sim_exchange.core.risk.collateral import hold_for, index_value, lock_of, rehold, relock
from sim_exchange.core.risk.fills import (
    ADDED,
    REMOVED,
    fill_order,
    open_match,
    post_fee,
    post_fees,
    tally,
    tell_fill,
    tell_self_trade,
    tell_trade,
)
from sim_exchange.core.risk.holds import cost_with_fee, free_surplus
from sim_exchange.core.risk.margin import available, available_at_least, refuse_lacking
from sim_exchange.core.risk.reducing import cut_reducing
from sim_exchange.core.risk.state import State
from sim_exchange.core.types import (
    Cause,
    Reason,
    Side,
)
from sim_exchange.errors import InvariantError

# Looked up once: a member of an enum costs a tenth of a microsecond each time.
_SPOT_TRADE = Cause.SPOT_TRADE
_BUY = Side.BUY
_SELL = Side.SELL


class Hold(NamedTuple):
    """What a spot order holds, minor units: of the quote coin, of the base coin, of offers."""

    quote: int
    base: int
    reserved: int

    def covers(self, market: Market) -> str:
        """Return the currency in which it was found that there is enough."""
        sells_own = self.base and not self.reserved
        return market.spec.base_currency if sells_own else market.spec.settl_currency


class Freed(NamedTuple):
    """What stops being held when the order is taken in: an amended order's, or those it cancels."""

    quote: int = 0
    base: int = 0
    reserved: int = 0


def fee_currency(market: Market, order: Order) -> str:
    """Return the coin that an order pays its fee in (E23)."""
    spec = market.spec
    if market.fee_on_received and order.side is _BUY:
        return spec.base_currency
    return spec.settl_currency


def _fee(market: Market, order: Order, rate_ppm: int, qty: int, cost: int) -> int:
    """Return the fee on what the order's side receives, or on the cost (E23).

    A fee in the quote coin gives way by what a buy's hold would be exceeded.
    """
    if order.side is _SELL:
        return min(fee(rate_ppm, cost), cost)
    if market.fee_on_received:
        return fee(rate_ppm, qty)
    return min(fee(rate_ppm, cost), order.held_quote - cost)


def need(
    state: State,
    account: Account,
    market: Market,
    side: Side,
    qty: int,
    price: int,
    *,
    reduces: bool,
    freed: Freed,
) -> Hold | Refused:
    """Return what an order would hold, or why the account can't hold it.

    Args:
        state: the exchange.
        account: whose order.
        market: a spot market.
        side: of the order.
        qty: minor units of the base coin.
        price: its limit in ticks, or the last price that a Market order would reach.
        reduces: Close and ReduceOnly sells never borrow, and such buys may use the lock of the
            coins that they give back.
        freed: what is given back first.
    """
    spec = market.spec
    if side is _BUY:
        quote = cost_with_fee(market, qty, price)
        if quote <= available_at_least(state, account, spec.settl_currency) + freed.quote:
            return Hold(quote, 0, 0)
        room = available(state, account, spec.settl_currency) + freed.quote
        if reduces:
            room += lock_of(state, account, market, qty)
        if quote > room:
            return refuse_lacking(state, account, spec.settl_currency, quote)
        return Hold(quote, 0, 0)
    own = max(0, available(state, account, spec.base_currency) + freed.base)
    base = min(own, qty)
    lack = qty - base
    if not lack:
        return Hold(0, base, 0)
    if reduces:
        return refuse_lacking(state, account, spec.base_currency, qty)
    if lack - freed.reserved > sum(left for left, _ in state.desk.offers(spec.base_currency)):
        return refuse(Reason.NOTHING_TO_LEND, lack)
    if not index_value(state, market)[0]:
        return refuse(Reason.NO_MARK_PRICE, text=f"no index price of {spec.base_currency}")
    quote = hold_for(state, market, lack, price)
    if quote > available(state, account, spec.settl_currency) + freed.quote:
        return refuse_lacking(state, account, spec.settl_currency, quote)
    return Hold(quote, base, lack)


def reserve(
    state: State, account: Account, market: Market, order_id: int, more: int
) -> Refused | None:
    """Reserve ``more`` coins for an order at the lending desk, or say why not."""
    if more and not state.desk.reserve(
        order_id, account.account_id, market.spec.base_currency, more
    ):
        return refuse(Reason.NOTHING_TO_LEND, more)
    return None


def put_hold(account: Account, market: Market, order: Order, hold: Hold) -> None:
    """Let ``order`` hold ``hold`` in place of what it held."""
    held, spec = account.held, market.spec
    quote, base = spec.settl_currency, spec.base_currency
    held[quote] = held.get(quote, 0) + hold.quote - order.held_quote
    held[base] = held.get(base, 0) + hold.base - order.held_base
    order.held_quote, order.held_base, order.reserved = hold


class SpotClearing:
    """Settles the matches of spot markets; ``fill`` is what matching calls."""

    def __init__(self, state: State) -> None:
        self._state = state

    def fill(self, taker: Order, maker: Order, qty: int, price: int, hidden: bool) -> None:
        """Settle one match: coins change hands at one integer cost for both sides."""
        state = self._state
        market = state.markets[taker.symbol]
        spec = market.spec
        cost = market.maths.cost_floor(qty, price)
        match_id, direction = open_match(state, market, qty, price, cost)
        making = maker.position
        taking = taker.position
        taker.leaves_qty -= qty
        buys = taker.side is _BUY
        seller, selling = (maker, making.account) if buys else (taker, taking.account)
        buyer, buying = (taker, taking.account) if buys else (maker, making.account)
        self._borrow_lack(market, selling, seller, qty)
        maker_ppm = market.taker_ppm if hidden else market.maker_ppm
        made = _fee(market, maker, maker_ppm, qty, cost)
        took = _fee(market, taker, market.taker_ppm, qty, cost)
        self._move_coins(market, selling, buying, qty, cost)
        self._post_fees(market, maker, made, taker, took)
        paid = took if buys else made
        received = market.fee_on_received
        self._use_hold(market, buying, buyer, cost if received else cost + paid)
        self._one(making, maker, qty, price, cost, maker_ppm, made, match_id, added=True)
        self._one(taking, taker, qty, price, cost, market.taker_ppm, took, match_id, added=False)
        tell_trade(state, market, taker, qty, price, cost, match_id, direction)
        if state.contest is not None:
            currency = spec.settl_currency
            state.contest.traded(making.account, taking.account, currency, cost, state.now_ns)
        if taking is making:
            tell_self_trade(state, taker, match_id)
        if maker.linked or taker.linked:
            links.matched(state, maker, taker, qty)
        self._repay(market, buying, qty - paid if received else qty)
        for position in {
            making.account.account_id: making,
            taking.account.account_id: taking,
        }.values():
            if position.reducing:
                cut_reducing(state, position)

    def _borrow_lack(self, market: Market, account: Account, order: Order, qty: int) -> None:
        """Borrow what the fill lacks of coins; spend what the order holds before that."""
        state = self._state
        coin = market.spec.base_currency
        free = available(state, account, coin) + order.held_base
        lack = max(0, qty - free)
        if lack:
            if lack > order.reserved:
                raise InvariantError(f"order {order.order_id} lacks {lack} of {order.reserved}")
            start = len(state.out)
            state.desk.borrow(order.order_id, account.account_id, coin, lack, state.now_ns)
            order.reserved -= lack
            state.tell_postings(start)
            self._loans_changed(market, account)
            rehold(state, account, market, order)
        used = min(order.held_base, qty - lack)
        order.held_base -= used
        if used:
            account.held[coin] -= used
        # leaves_qty of a maker is already shortened, of a taker too: what is held beyond is freed.
        free_surplus(state, account, market, order)

    def _use_hold(self, market: Market, account: Account, order: Order, used: int) -> None:
        """Take what a buy paid out of its hold, and free what it no longer needs."""
        left = order.held_quote - used
        if order.leaves_qty == 0:
            left = 0
        elif not order.is_market:
            left = min(left, cost_with_fee(market, order.leaves_qty, order.price))
        account.held[market.spec.settl_currency] += left - order.held_quote
        order.held_quote = left

    def _move_coins(
        self, market: Market, seller: Account, buyer: Account, qty: int, cost: int
    ) -> None:
        state, spec = self._state, market.spec
        ledger, symbol = state.ledger, market.symbol
        for currency, source, target, amount in (
            (spec.base_currency, seller, buyer, qty),
            (spec.settl_currency, buyer, seller, cost),
        ):
            if source is target:
                continue
            ledger.move(_SPOT_TRADE, currency, source.wallet, target.wallet, amount, symbol)
            state.tell_wallet(source, currency, -amount, _SPOT_TRADE, symbol)
            state.tell_wallet(target, currency, amount, _SPOT_TRADE, symbol)

    def _post_fees(self, market: Market, maker: Order, made: int, taker: Order, took: int) -> None:
        """Post both fees: as one posting of the quote coin, or each in what its side received."""
        if not made and not took:
            return
        state, symbol = self._state, market.symbol
        making, taking = state.accounts[maker.account], state.accounts[taker.account]
        if not market.fee_on_received:
            post_fees(state, market.spec.settl_currency, symbol, making, made, taking, took)
            return
        for order, account, paid in ((maker, making, made), (taker, taking, took)):
            if paid:
                post_fee(state, fee_currency(market, order), symbol, account, paid)

    def _one(  # noqa: PLR0913 - one execution report
        self,
        position: Position,
        order: Order,
        qty: int,
        price: int,
        cost: int,
        rate_ppm: int,
        comm: int,
        match_id: int,
        *,
        added: bool,
    ) -> None:
        """Book one side of a match."""
        state, market = self._state, position.market
        fill_order(state, position, order, qty, price, cost, added=added)
        state.touch_margin(position.account, market.spec.base_currency)
        currency = fee_currency(market, order)
        tell_fill(
            state,
            market,
            order,
            qty,
            price,
            order.side * cost,
            rate_ppm,
            comm,
            match_id,
            ADDED if added else REMOVED,
            currency if market.fee_on_received else "",
        )
        tally(state.commissions, currency, comm)

    def _repay(self, market: Market, account: Account, qty: int) -> None:
        """Give back what was bought, as far as it is owed, in the same command (E24)."""
        state = self._state
        coin = market.spec.base_currency
        if not state.desk.principal(account.account_id, coin):
            return
        start = len(state.out)
        state.desk.repay(account.account_id, coin, qty, state.now_ns)
        state.tell_postings(start)
        self._loans_changed(market, account)

    def _loans_changed(self, market: Market, account: Account) -> None:
        state, spec = self._state, market.spec
        state.out.append(LoansChanged(account=account.account_id, currency=spec.base_currency))
        relock(state, account, market)
        state.touch(account.positions[market.symbol])
