"""Auto-deleveraging: who stands where in the queue, and how the first are closed (E13c).

The queue of one side is found once in a remargin: marks don't move in it. Whoever changes
meanwhile is told by an event, so only those are ranked again. Readers keep a queue of their own,
as old as they allow.
"""

from collections.abc import Iterable
from fractions import Fraction
from heapq import heapify, heappop, heappush
from typing import NamedTuple

from typing_extensions import override

from sim_exchange.core.contracts.value import fee
from sim_exchange.core.events import Deleveraged, Executed, WalletChanged
from sim_exchange.core.orders.account import Account, Position
from sim_exchange.core.orders.market import Market
from sim_exchange.core.risk import engine
from sim_exchange.core.risk.clearing import Clearing
from sim_exchange.core.risk.engine import EngineOrder
from sim_exchange.core.risk.fills import ADDED, charge_own, tell_own
from sim_exchange.core.risk.shortfalls import cover, loss_to_bankruptcy, room_to_lose
from sim_exchange.core.risk.state import ENGINE_ID, State
from sim_exchange.core.treasury.ledger import GUARANTEE
from sim_exchange.core.types import (
    MINUTE_NS,
    PICO,
    Cause,
    Reason,
    rha,
)
from sim_exchange.core.views import QueuePlace
from sim_exchange.errors import InvariantError

STALE_NS = 5 * MINUTE_NS
"""How old a queue may be for a reader that does not ask for the queue as it is now."""

_FIRST, _RANKED, _LAST = 0, 1, 2


class Standing(NamedTuple):
    """What ranks a position (E13c): three values of it, signs of the wire, in one exact unit.

    A position without anything left to lose stands first, whatever its profit; one whose value at
    the mark is 0 has no leverage, and stands last unless it profits.
    """

    mark: int  # what it is worth at the mark
    entry: int  # what it cost
    bankrupt: int  # what it is worth at bankruptcy

    @property
    def leverage(self) -> Fraction | None:
        """Effective leverage; None where nothing is left to lose."""
        left = self.mark - self.bankrupt
        return Fraction(abs(self.mark), left) if left > 0 else None

    @property
    def pnl(self) -> Fraction | None:
        """Profit as a part of the cost; None where it cost nothing."""
        return Fraction(self.mark - self.entry, abs(self.entry)) if self.entry else None

    @property
    def rank(self) -> Fraction | None:
        """What ranks it among the others of its group; None in the first and the last one."""
        group, num, den = self.place()
        return Fraction(num, den) if group == _RANKED else None

    def place(self) -> tuple[int, int, int]:
        """Return its group, and its rank as numerator and denominator, not reduced.

        The rank is profit times leverage, or a loss divided by it.
        """
        mark, entry, _ = self
        left = mark - self.bankrupt
        if left <= 0:
            return (_FIRST, 0, 1)
        if not entry:
            return (_FIRST if mark > 0 else _LAST, 0, 1)
        gain = mark - entry
        if gain > 0:
            return (_RANKED, gain * abs(mark), abs(entry) * left)
        if not mark:
            return (_LAST, 0, 1)
        return (_RANKED, gain * left, abs(entry * mark))


class _Exact:
    """A rank that sorts the highest first; compared only where its first 64 bits are equal."""

    __slots__ = ("den", "num")

    def __init__(self, num: int, den: int) -> None:
        self.num = num
        self.den = den

    @override
    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Exact) and self.num * other.den == other.num * self.den

    def __lt__(self, other: "_Exact") -> bool:
        return self.num * other.den > other.num * self.den

    @override
    def __hash__(self) -> int:
        return hash(Fraction(self.num, self.den))


_Key = tuple[int, int, _Exact, int, int]


def queue_key(stands: Standing, size: int, account: int) -> _Key:
    """Return what sorts a queue: highest rank first, then the larger, then the lower account."""
    group, num, den = stands.place()
    # Whole numbers compare fastest; the exact rank only decides where they are equal.
    return (group, -((num << 64) // den), _Exact(num, den), -size, account)


def quintile(through: int, total: int) -> int:
    """Return in which fifth of the queue somebody stands: 1 (first) to 5.

    Args:
        through: quantity up to and including its own.
        total: quantity of the whole side.
    """
    return -(-5 * through // total)


def lights(through: int, total: int) -> int:
    """Return how many of five lights are lit: 5 for who stands in the first fifth."""
    return 6 - quintile(through, total)


def places(queue: Iterable[tuple[int, int]]) -> dict[int, QueuePlace]:
    """Return places by account.

    Args:
        queue: (account, size), the first to be deleveraged first.
    """
    found = {}
    entries = list(queue)
    total = sum(size for _, size in entries)
    ahead = 0
    for account, size in entries:
        found[account] = QueuePlace(
            rha(100 * (total - ahead), total),
            lights(ahead + size, total),
        )
        ahead += size
    return found


def stand(state: State, position: Position) -> Standing:
    """Return how a position that is not flat stands, at the mark of now."""
    market = position.market
    spec, maths = market.spec, market.maths
    mark_pico = maths.mark_to_pico(market.mark)
    num, unit = (PICO, mark_pico) if maths.inverse else (mark_pico, PICO)
    mark = maths.sign * abs(spec.multiplier) * position.qty * num
    cost = position.cost
    return Standing(mark, cost * unit, (cost - loss_to_bankruptcy(state, position)) * unit)


def key_of(state: State, position: Position) -> _Key:
    """Return a position's place among those of its side."""
    return queue_key(stand(state, position), abs(position.qty), position.account.account_id)


def one_side(state: State, market: Market, sign: int) -> list[Position]:
    """Return the users' positions of one side of a contract; ``sign`` +1 for longs."""
    engine = state.engine
    return [
        position
        for position in market.positions.values()
        if position.qty * sign > 0 and position.account is not engine
    ]


class _Queue:
    """One side of a contract, the first to be closed on top; changes are followed by events."""

    def __init__(self, state: State, market: Market, sign: int) -> None:
        self._state = state
        self._market = market
        self._sign = sign
        self.mark = market.mark
        self._seen = len(state.out)
        self._versions: dict[int, int] = {}
        self._heap: list[tuple[_Key, int, Position]] = [
            (key_of(state, position), 0, position) for position in one_side(state, market, sign)
        ]
        heapify(self._heap)

    def pop(self) -> Position | None:
        """Take out whoever stands first now; None when nobody is left."""
        self._follow()
        heap, versions = self._heap, self._versions
        while heap:
            key, version, position = heappop(heap)
            if versions.get(key[-1], 0) == version and position.qty * self._sign > 0:
                return position
        return None

    def _follow(self) -> None:
        """Rank anew whoever was touched since the last look."""
        state = self._state
        changed: dict[int, Account] = {}
        for event in state.out[self._seen :]:
            if isinstance(event, Executed | WalletChanged) and event.account != ENGINE_ID:
                changed[event.account] = state.accounts[event.account]
        self._seen = len(state.out)
        for account_id, account in changed.items():
            version = self._versions[account_id] = self._versions.get(account_id, 0) + 1
            position = account.positions.get(self._market.symbol)
            if position is not None and position.qty * self._sign > 0:
                heappush(self._heap, (key_of(state, position), version, position))


class Deleveraging:
    """Closes who stands first, at the bankruptcy value of an order that found nobody else."""

    def __init__(self, state: State, contracts: Clearing) -> None:
        self._state = state
        self._contracts = contracts
        self._queues: dict[tuple[str, int], _Queue] = {}

    def forget(self) -> None:
        """Drop what was ranked: marks may have moved."""
        self._queues.clear()

    def close(self, order: EngineOrder, qty: int) -> None:
        """Close ``qty`` contracts of an order of the engine's against the other side (E13c).

        Raises:
            InvariantError: the other side has fewer, so longs were not shorts.
        """
        state = self._state
        market = state.markets[order.symbol]
        side = int(order.side)
        key = (market.symbol, side)
        queue = self._queues.get(key)
        if queue is None or queue.mark != market.mark:
            queue = self._queues[key] = _Queue(state, market, side)
        left = qty
        while left:
            victim = queue.pop()
            if victim is not None:
                left -= self._close_one(market, order, victim, min(left, abs(victim.qty)))
                continue
            crossed = self._cross(market, order, left)
            if not crossed:
                raise InvariantError(
                    f"L2-13 {market.symbol}: {left} of {qty} are left of order {order.order_id}"
                    " and nobody stands against it"
                )
            left -= crossed
        market.open_interest = market.longs
        market.value_open_interest()
        if market.longs != market.shorts:
            raise InvariantError(
                f"L2-13 {market.symbol}: longs {market.longs} and shorts {market.shorts} differ"
            )

    def _close_one(self, market: Market, order: EngineOrder, victim: Position, qty: int) -> int:
        """Close a victim's position by ``qty`` contracts at the order's value; return ``qty``."""
        state, account = self._state, victim.account
        state.cancel_contract(account, market, Reason.DELEVERAGE)
        maths = market.maths
        held, closing = victim.qty, order.side.other
        value = order.bankrupt_value * (qty // maths.lot_size)
        state.out.append(
            Deleveraged(
                account=account.account_id,
                symbol=market.symbol,
                qty=qty if held > 0 else -qty,
                value=order.bankrupt_value,
                at_ns=state.now_ns,
            )
        )
        room = room_to_lose(state, victim)
        cost = maths.sign * closing * value
        comm = fee(victim.maker_ppm, value)
        pnl = victim.trade(closing, qty, cost)
        victim.comm += comm
        victim.at_ns = state.now_ns
        market.moved(held, victim.qty)
        self._give(market, order, qty, -cost)
        tell_own(
            state,
            market,
            account,
            market.spec.forced_exec_type,
            closing,
            qty,
            px=order.bankrupt_pico,
            liquidity=ADDED,
            commission_ppm=victim.maker_ppm,
            cost=cost,
            comm=comm,
            text="Deleverage",
            publish=False,
        )
        if pnl:
            self._contracts.post_pnl(market, account, pnl, Cause.LIQUIDATION)
        charge_own(state, market, account, comm)
        # Who entered beyond the bankruptcy price can be closed at a loss that nobody margined.
        cover(state, victim, room, pnl - comm, GUARANTEE)
        state.touch(victim)
        return qty

    def _cross(self, market: Market, order: EngineOrder, most: int) -> int:
        """Close an order against a takeover of the other side, which only the engine still holds.

        What it loses by that the fund pays, and beyond it the exchange.
        """
        state = self._state
        held = state.engine.position(market)
        for other in engine.engine_orders(state, market.symbol):
            if other.side is order.side:
                continue
            qty = min(most, other.leaves_qty)
            cost = market.maths.sign * order.bankrupt_value * (qty // market.maths.lot_size)
            if other.level is not None:
                state.unrest(other, market, held)
            self._give(market, order, qty, order.side * cost)
            before = held.qty
            other.leaves_qty -= qty
            pnl = engine.close(held, other, qty, other.side * cost)
            market.moved(before, held.qty)
            if pnl:
                self._contracts.post_pnl(market, state.engine, pnl, Cause.LIQUIDATION)
            if other.leaves_qty:
                state.rest(other, market, held)
            else:
                state.cancel(other, Reason.DELEVERAGE)
            return qty
        return 0

    def _give(self, market: Market, order: EngineOrder, qty: int, cost: int) -> None:
        """Take what was closed from the engine: at its own value, so nothing is realised."""
        state = self._state
        held = state.engine.position(market)
        before = held.qty
        order.leaves_qty -= qty
        realised = engine.close(held, order, qty, cost)
        held.at_ns = state.now_ns
        market.moved(before, held.qty)
        if realised or order.leaves_qty < 0:
            raise InvariantError(
                f"L2-13 {market.symbol}: closing {qty} of order {order.order_id} realised"
                f" {realised} and left {order.leaves_qty}"
            )


class QueueReader:
    """Tells readers where positions stand; a queue is found when somebody asks, and kept."""

    afresh = ("_kept",)
    """What is found anew when it is asked for: no part of the exchange's state."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._kept: dict[tuple[str, int], tuple[tuple[int, ...], int, dict[int, QueuePlace]]] = {}

    def place(self, position: Position, *, fresh: bool = True) -> QueuePlace | None:
        """Return where a position stands; None when it is flat, or not of a contract with ADL.

        Args:
            position: which.
            fresh: as of the mark and the trades of now; otherwise up to ``STALE_NS`` old.
        """
        market, state = position.market, self._state
        account_id = position.account.account_id
        if not position.qty or market.is_spot or not market.mark or account_id == ENGINE_ID:
            return None
        sign = 1 if position.qty > 0 else -1
        kept = self._kept.get((market.symbol, sign))
        facts = (market.mark, market.total_volume, market.longs, state.next_exec)
        if kept is not None:
            place = kept[2].get(account_id)
            is_young = not fresh and 0 <= state.now_ns - kept[1] < STALE_NS
            if place is not None and (kept[0] == facts or is_young):
                return place
        queue = sorted(key_of(state, one) for one in one_side(state, market, sign))
        found = places((key[-1], -key[-2]) for key in queue)
        self._kept[market.symbol, sign] = (facts, state.now_ns, found)
        return found[account_id]
