"""What a moved mark changes of positions and margins, for readers that ask every few seconds.

``pictures`` makes a row from nothing. Here what the orders hold and where a position ends is kept
from one reading to the next, until the reader hears that the position or its orders changed; all
the rest is read anew, so both ways give the same numbers.
"""

from collections.abc import Callable

from sim_exchange.core.orders.account import Account, Position
from sim_exchange.core.risk.margin import before_orders, takeover
from sim_exchange.core.risk.order_margin import Charge, charge, gross_premium, risk_value
from sim_exchange.core.risk.reducing import net_qty
from sim_exchange.core.risk.state import State
from sim_exchange.core.types import Side
from sim_exchange.core.views import MarginView, PositionMark

_Facts = tuple[int | Position, ...]


class _Kept:
    # Of one position: what it was when its orders were last looked at, and what they hold.

    __slots__ = ("buy_ceiling", "cost", "ends", "facts", "free", "sell_floor")

    def __init__(self, position: Position) -> None:
        self.facts = _facts(position)
        self.cost = 0
        self.buy_ceiling = self.sell_floor = 0
        self.free: int | None = None
        self.ends = (0, 0)
        market = position.market
        if market.is_spot:
            return
        self.cost = charge(position).cost
        if market.is_fair_marked:
            # Values of a lot, with a sign so that dearer is more for inverse contracts too.
            maths = market.maths
            if position.buys:
                dearest = max(order.price for order in position.buys.values())
                self.buy_ceiling = maths.sign * maths.at_ticks(dearest)
            if position.sells:
                cheapest = min(order.price for order in position.sells.values())
                self.sell_floor = maths.sign * maths.at_ticks(cheapest)


def margin_view(
    state: State,
    account: Account,
    currency: str,
    orders: Callable[[Position], Charge] = charge,
) -> MarginView:
    """Return one currency of an account's margin; ``orders`` says what a position's orders hold."""
    balance = state.balance(account, currency)
    pnl = realised = cost = maint = gross_open = premium = gross_mark = comm = risk = 0
    for position in account.contracts.get(currency, ()):
        held = orders(position)
        cost += held.cost
        premium += held.premium
        gross_open += position.buy_value + position.sell_value
        realised += position.realised_pnl
        comm += position.comm
        risk += risk_value(position)
        if position.qty:
            value = position.mark_value
            gain = value - position.cost
            pnl += gain
            maint += position.margin + gain
            gross_mark += abs(value)
    total = cost + premium
    free = before_orders(state, account, currency) - total
    owed = 0
    if account.locks:  # who owes anything has some
        owed = state.desk.owed(account.account_id, currency, state.now_ns)
    return MarginView(
        account.account_id,
        currency,
        balance,
        pnl,
        realised,
        total + account.held.get(currency, 0),
        maint,
        gross_open,
        premium,
        gross_mark,
        comm,
        risk,
        max(0, free),
        max(0, min(free - owed, balance)),
        account.lock(currency),
        state.now_ns,
    )


class MarkReader:
    """Reads positions and margins of one account over and over, as their marks move."""

    def __init__(self, state: State, account: Account) -> None:
        self._state = state
        self._account = account
        self._kept: dict[str, _Kept] = {}

    def forget(self, symbol: str) -> None:
        """Take note that the position or its orders changed (``PositionChanged``)."""
        self._kept.pop(symbol, None)

    def remember(self, symbol: str) -> None:
        """Take note that the whole position is read now, and its orders are as they are."""
        position = self._account.positions.get(symbol)
        if position is not None:
            self._kept[symbol] = _Kept(position)

    def mark(self, symbol: str) -> PositionMark | None:
        """Return what marks move; None when more has changed since ``remember``."""
        position = self._account.positions.get(symbol)
        kept = self._kept.get(symbol)
        if position is None or kept is None or kept.facts != _facts(position):
            return None
        market = position.market
        changed_ns = max(position.at_ns, market.changed_ns)
        if market.is_spot:
            # What is owed grows by the second, so the coins that are not owed dwindle.
            qty, opening = net_qty(self._state, position), position.opening_qty
            return PositionMark(
                qty,
                opening,
                market.mark,
                0,
                0,
                0,
                0,
                0,
                0,
                position.cost,
                0,
                0,
                0,
                0,
                0,
                changed_ns,
            )
        held = _held(position, kept)
        is_dear = _is_dear(position, kept)
        value = position.mark_value
        pnl = value - position.cost
        liquidation, bankrupt = self._ends(position, kept, pnl) if position.qty else (0, 0)
        return PositionMark(
            position.qty,
            position.opening_qty,
            market.mark,
            value,
            risk_value(position),
            gross_premium(position, Side.BUY) if is_dear else 0,
            gross_premium(position, Side.SELL) if is_dear else 0,
            held.premium,
            held.cost + held.premium,
            position.cost,
            pnl,
            position.pos_init,
            position.margin,
            liquidation,
            bankrupt,
            changed_ns,
        )

    def margin(self, currency: str) -> MarginView:
        """Return one currency of the account's margin."""
        return margin_view(self._state, self._account, currency, self._orders)

    def _orders(self, position: Position) -> Charge:
        symbol = position.market.symbol
        kept = self._kept.get(symbol)
        if kept is None or kept.facts != _facts(position):
            return charge(position)
        return _held(position, kept)

    def _ends(self, position: Position, kept: _Kept, pnl: int) -> tuple[int, int]:
        """Return the prices, in pico, of liquidation and bankruptcy."""
        free = 0
        if position.is_cross:
            state, account = self._state, self._account
            currency = position.market.spec.settl_currency
            free = before_orders(state, account, currency) + position.margin - min(0, pnl)
            for other in account.contracts[currency]:
                free -= self._orders(other).total
        if free != kept.free:
            ends = takeover(self._state, position, free)
            kept.free, kept.ends = free, (ends.liquidation_pico, ends.bankrupt_pico)
        return kept.ends


def _facts(position: Position) -> _Facts:
    # ``position`` itself stands for its market: a relisted contract has a new one.
    return (
        position,
        position.qty,
        position.cost,
        position.realised_cost,
        position.comm,
        position.pos_init,
        position.pos_cross,
        position.pos_loss,
        position.maint_ppm,
        position.rate_num,
        position.buy_value,
        position.sell_value,
        position.at_ns,
        position.taker_ppm,
        position.market.funding_ppm,
    )


def _held(position: Position, kept: _Kept) -> Charge:
    return charge(position) if _is_dear(position, kept) else Charge(kept.cost, 0)


def _is_dear(position: Position, kept: _Kept) -> bool:
    """Tell whether any order is dearer than the mark, and so holds a premium."""
    market = position.market
    if not market.is_fair_marked:
        return False
    value = market.maths.sign * market.mark_value
    if position.buys and kept.buy_ceiling > value:
        return True
    return bool(position.sells) and kept.sell_floor < value
