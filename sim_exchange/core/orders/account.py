"""Accounts and positions: average integer cost, what is open, what margin it holds (E2, E12)."""

from math import gcd

from sim_exchange.core.contracts.tiers import rates
from sim_exchange.core.events import MarginChanged, PositionChanged
from sim_exchange.core.orders.market import Market
from sim_exchange.core.orders.order import Order
from sim_exchange.core.specs import InstrumentSpec
from sim_exchange.core.treasury.ledger import user_wallet
from sim_exchange.core.types import PPM, Side, rha

# Looked up once: a member of an enum costs a tenth of a microsecond each time.
_BUY = Side.BUY

_TERMS = (
    "leverage_cents", "risk_limit", "maint_ppm", "init_num", "init_den", "rate_num", "rate_den",
    "pos_init", "pos_comm", "pos_cross", "pos_loss", "fills_held",
)  # fmt: skip


class Room:
    """What an account is known to have free of a currency: a bound that stands for a while (E12).

    ``free`` is never more than what is available to new orders as long as ``epoch`` is the state's;
    contracts of one account and currency share one. What an order holds stays taken off it when the
    order is filled, and pays for what the fill needs (``Position.fills_held``).
    """

    __slots__ = ("epoch", "free")

    def __init__(self) -> None:
        self.epoch = -1
        self.free = 0


class Position:
    """One account's position and open orders in one instrument.

    ``cost`` has the sign of the wire: of a long positive on linear and quanto contracts, negative
    on inverse ones. ``rate_num/rate_den`` is what an order holds of its value (E5). On spot only
    the orders count; coins are in the wallet.
    """

    __slots__ = (
        "account",
        "aside",
        "at_ns",
        "buy_value",
        "buys",
        "comm",
        "cost",
        "fills_held",
        "high_buy",
        "init_den",
        "init_num",
        "key",
        "leverage_cents",
        "low_sell",
        "maint_ppm",
        "maker_ppm",
        "margin_told",
        "market",
        "opening_qty",
        "pos_comm",
        "pos_cross",
        "pos_init",
        "pos_loss",
        "prev_realised_pnl",
        "qty",
        "rate_den",
        "rate_num",
        "realised_cost",
        "rebalanced_pnl",
        "reducing",
        "risk_limit",
        "room",
        "sell_value",
        "sells",
        "taker_ppm",
        "told",
        "trade_pnl",
    )

    def __init__(self, account: "Account", market: Market) -> None:
        self.account = account
        self.market = market
        self.key = (account.account_id, market.symbol, market.spec.settl_currency)
        self.room = Room()
        # That it changed, and what its orders hold, is always told in the same words.
        self.told = PositionChanged(account=account.account_id, symbol=market.symbol)
        self.margin_told = MarginChanged(account=account.account_id, currency=self.key[2])
        self.qty = 0
        self.cost = 0
        self.realised_cost = 0  # this session; minus the trade PNL
        self.comm = 0  # fees of this session, positive = paid
        self.trade_pnl = 0  # since listing
        self.rebalanced_pnl = 0
        self.prev_realised_pnl = 0
        self.opening_qty = 0
        self.pos_init = 0
        self.pos_comm = 0
        self.pos_cross = 0
        self.pos_loss = 0
        self.at_ns = 0
        self.buys: dict[int, Order] = {}
        self.sells: dict[int, Order] = {}
        self.aside: dict[int, Order] = {}  # open ones that wait, or are on their way
        self.buy_value = 0  # of the resting orders at their limits, minor units
        self.sell_value = 0
        self.high_buy = 0  # no resting buy is above it, no resting sell below low_sell
        self.low_sell = 0
        self.reducing = 0  # how many resting orders may only reduce
        self.risk_limit = market.spec.risk_limit
        self.set_leverage(0)

    @property
    def is_cross(self) -> bool:
        """Whether the whole wallet stands behind it."""
        return self.leverage_cents == 0

    def set_leverage(self, leverage_cents: int) -> None:
        """Choose the leverage in hundredths; 0 is cross margin at the risk limit's own rate.

        What was moved into an isolated position, and what was charged to it, is the wallet's again
        when the whole wallet stands behind it.
        """
        if self.market.option is not None:
            leverage_cents = 100  # always isolated, all of it locked (E16)
        self.leverage_cents = leverage_cents
        if not leverage_cents:
            self.pos_cross = self.pos_loss = 0
        self.set_rates()

    def set_risk_limit(self, risk_limit: int) -> None:
        """Choose the risk limit, minor units, and with it the rates of its tier (E11)."""
        self.risk_limit = risk_limit
        self.set_rates()

    def drop_risk_limit(self, risk_limit: int) -> None:
        """Lower the risk limit as the engine does: only the maintenance margin follows (E13)."""
        self.risk_limit = risk_limit
        _, self.maint_ppm = rates(self.market.spec, risk_limit)

    def set_rates(self) -> None:
        """Find the margin rates of the risk limit and the leverage anew, and the margin by them."""
        known = self.market.rates
        key = (self.risk_limit, self.leverage_cents, self.account.fee_plan)
        found = known.get(key)
        if found is None:
            found = known[key] = _rates(self.market.spec, *key)
        self.maint_ppm, self.maker_ppm, self.taker_ppm = found[:3]
        self.init_num, self.init_den, self.rate_num, self.rate_den = found[3:]
        # Whether what an order held at a price no better than its fills' pays for all that they
        # need: on cross margin, and where no maker pays more than a taker, which is what is held.
        self.fills_held = (
            not self.leverage_cents
            and self.maker_ppm <= self.taker_ppm
            and self.market.option is None
        )
        self.requirement()

    def requirement(self) -> None:
        """Recompute the margin of the position from its cost."""
        cost = self.cost
        if cost > 0:
            cost = -cost
        init = -(cost * self.init_num // self.init_den)  # rounded up, both
        if self.market.option is not None and self.qty < 0:
            # A seller locks what the contracts can pay at most, less the premium (E16).
            lots = -self.qty // self.market.spec.lot_size
            init = self.market.notional * lots + cost
        self.pos_init = init
        self.pos_comm = -(self.taker_ppm * (cost - init - self.pos_cross) // PPM)

    def keep_margin(self, init: int, cross: int, loss: int) -> None:
        """Keep these parts of the margin after a close by the engine (E13), the fee's by E12."""
        self.pos_init, self.pos_cross, self.pos_loss = init, cross, loss
        self.pos_comm = -(-self.taker_ppm * (abs(self.cost) + init + cross) // PPM)

    def terms(self) -> tuple[int, ...]:
        """Return all that leverage, risk limit and transfers decide, for ``restore``."""
        return tuple(getattr(self, name) for name in _TERMS)

    def restore(self, terms: tuple[int, ...]) -> None:
        """Take back what was tried since ``terms`` were read."""
        for name, value in zip(_TERMS, terms, strict=True):
            setattr(self, name, value)

    @property
    def margin(self) -> int:
        """Margin that the position holds, ``posMargin``."""
        return self.pos_init + self.pos_comm + self.pos_cross - self.pos_loss

    @property
    def mark_value(self) -> int:
        """Value at the mark, sign of the wire."""
        market = self.market
        return market.maths.sign * market.mark_value * (self.qty // market.spec.lot_size)

    @property
    def unrealised_pnl(self) -> int:
        """Unrealised profit at the mark, minor units."""
        market = self.market
        maths = market.maths
        return maths.sign * market.mark_value * (self.qty // maths.lot_size) - self.cost

    @property
    def realised_pnl(self) -> int:
        """Realised profit of this session after fees, minor units."""
        return -self.realised_cost - self.comm

    def trade(self, side: int, qty: int, cost: int) -> int:
        """Take in an execution and return its realised trade PNL in minor units (E2).

        Args:
            side: +1 buys, -1 sells.
            qty: contracts, positive.
            cost: of the execution, sign of the wire.
        """
        held = self.qty
        self.qty = held + side * qty
        if held * side >= 0:
            pnl = 0
            kept = self.cost + cost
        else:
            size = held if held > 0 else -held
            if qty < size:
                released = rha(self.cost * qty, size)
                pnl = -(released + cost)
                kept = self.cost - released
                if self.pos_cross:
                    self.pos_cross -= rha(self.pos_cross * qty, size)
                if self.pos_loss:
                    self.pos_loss -= rha(self.pos_loss * qty, size)
            else:
                # Through zero: close everything, then open the rest at this fill.
                closing = cost * size // qty
                pnl = -(self.cost + closing)
                kept = cost - closing
                self.pos_cross = self.pos_loss = 0
            if pnl:
                self.realised_cost -= pnl
                self.trade_pnl += pnl
        self.cost = kept
        if self.market.option is not None:
            self.requirement()
            return pnl
        # What ``requirement`` does of anything else; spelt out, because a call costs as much.
        if kept > 0:
            kept = -kept
        init = self.pos_init = -(kept * self.init_num // self.init_den)
        self.pos_comm = -(self.taker_ppm * (kept - init - self.pos_cross) // PPM)
        return pnl

    def add_open(self, order: Order) -> None:
        """Take note of an order that rests now."""
        price = order.price
        market = self.market
        value = 0
        if not market.is_spot:
            maths = market.maths
            value = maths.lot_values[price] * (order.leaves_qty // maths.lot_size)
        if order.side is _BUY:
            self.buys[order.order_id] = order
            self.buy_value += value
            if price > self.high_buy:  # noqa: PLR1730 - a call costs more than all the rest
                self.high_buy = price
        else:
            self.sells[order.order_id] = order
            self.sell_value += value
            if not self.low_sell or price < self.low_sell:
                self.low_sell = price
        if order.reduces:
            self.reducing += 1

    def cut_open(self, order: Order, qty: int) -> None:
        """Take note that a resting order is now shorter by ``qty``, before or after the fact."""
        market = self.market
        if market.is_spot:
            return
        maths = market.maths
        value = maths.lot_values[order.price] * (qty // maths.lot_size)
        if order.side is _BUY:
            self.buy_value -= value
        else:
            self.sell_value -= value

    def drop_open(self, order: Order) -> None:
        """Take note that an order does not rest any more; its quantity was cut before."""
        if order.side is _BUY:
            del self.buys[order.order_id]
            if not self.buys:
                self.high_buy = 0
        else:
            del self.sells[order.order_id]
            if not self.sells:
                self.low_sell = 0
        if order.reduces:
            self.reducing -= 1


SUSPENDED = "suspended"
"""The flag of an account that may cancel, but neither place orders nor amend them (E4)."""


def _number(order: Order) -> int:
    return order.order_id


def _rates(
    spec: InstrumentSpec, risk_limit: int, leverage_cents: int, fee_plan: str
) -> tuple[int, ...]:
    """Return the ppm of maintenance and of both fees, then r and what orders hold as rationals."""
    init_ppm, maint_ppm = rates(spec, risk_limit)
    num, den = init_ppm, PPM
    if leverage_cents and leverage_cents * init_ppm < 100 * PPM:
        num, den = 100, leverage_cents
    common = gcd(num, den)  # small numbers divide in half the time
    num, den = num // common, den // common
    maker, taker = spec.maker_fee_ppm, spec.taker_fee_ppm
    if spec.fee_plans:
        plan = spec.fee_plan(fee_plan)
        if plan is not None:
            maker, taker = plan.maker_ppm, plan.taker_ppm
    # r + f + (1 + r)*f with r = num/den and f = taker fee (E5)
    held, whole = num * (PPM + taker) + 2 * taker * den, den * PPM
    common = gcd(held, whole)
    return maint_ppm, maker, taker, num, den, held // common, whole // common


class Account:
    """One account: its positions, orders and what its orders and loans hold of its wallets."""

    __slots__ = (
        "account_id",
        "cl_ord_ids",
        "closed_pnl",
        "contracts",
        "dead_man_ns",
        "deposited",
        "fee_plan",
        "flags",
        "held",
        "locks",
        "name",
        "opened_ns",
        "owner",
        "positions",
        "stale",
        "wallet",
    )

    def __init__(self, account_id: int, name: str, flags: tuple[str, ...], opened_ns: int) -> None:
        self.account_id = account_id
        self.name = name
        self.flags = flags
        self.fee_plan = ""  # of contracts that offer any (E3)
        self.owner = 0
        self.opened_ns = opened_ns
        self.wallet = user_wallet(account_id)
        self.positions: dict[str, Position] = {}
        self.contracts: dict[str, list[Position]] = {}  # by settlement currency
        self.cl_ord_ids: dict[str, int] = {}  # of the whole session
        self.dead_man_ns: int | None = None
        self.stale = False  # its liquidation prices are to be found anew
        self.deposited: dict[str, int] = {}
        self.closed_pnl: dict[str, int] = {}  # made of contracts that were listed anew since
        self.held: dict[str, int] = {}  # by spot orders, per currency
        self.locks: dict[tuple[str, str], int] = {}  # (currency locked, coin owed): minor units

    @property
    def group(self) -> int:
        """The owner of the accounts that it is linked to: another, or itself."""
        return self.owner or self.account_id

    def position(self, market: Market) -> Position:
        """Return the account's position in ``market``, new when it has none."""
        position = self.positions.get(market.symbol)
        if position is None:
            position = self.positions[market.symbol] = Position(self, market)
            market.positions[self.account_id] = position
            if not market.is_spot:
                others = self.contracts.setdefault(market.spec.settl_currency, [])
                if others:
                    position.room = others[0].room
                others.append(position)
        return position

    def open_orders(self) -> list[Order]:
        """Return its open orders, the oldest first."""
        found: list[Order] = []
        for position in self.positions.values():
            for orders in (position.buys, position.sells, position.aside):
                if orders:
                    found += orders.values()
        found.sort(key=_number)
        return found

    def has_orders(self) -> bool:
        """Whether any order of it is open."""
        return any(one.buys or one.sells or one.aside for one in self.positions.values())

    def forget(self, market: Market) -> None:
        """Drop the flat position of a contract that is listed anew."""
        position = self.positions.pop(market.symbol, None)
        market.positions.pop(self.account_id, None)
        if position is not None and not market.is_spot:
            currency = market.spec.settl_currency
            self.contracts[currency].remove(position)
            made = position.rebalanced_pnl + position.realised_pnl
            self.closed_pnl[currency] = self.closed_pnl.get(currency, 0) + made

    def lock(self, currency: str) -> int:
        """Return what loans lock of the wallet in ``currency``, minor units (E24)."""
        if not self.locks:
            return 0
        return sum(amount for (locked, _), amount in self.locks.items() if locked == currency)
