"""Liquidation: who must be looked at when a mark moves, and what is done with them (E13).

An account is looked at again only when a mark has moved far enough to matter. ``_wait`` finds
how far each mark may go against the account before any of its positions could be liquidated, and
the account waits in that market's heap under the lot value where that would be. So a mark tick
costs what it touches: the accounts that changed since the last one, and those whose bound it
reached. What is looked at is decided by the exact rule.

The bounds: an isolated position waits at its own liquidation price. What is available behind the
cross positions of a currency is eaten by their losses and by the premium of orders, so the room
of the nearest of them is shared among the ways in which marks can hurt, by the value at stake in
each; on top of its share each way has what hurts nobody, a profit still to be lost or the
distance of a mark to the orders behind it.
"""

from collections.abc import Callable
from fractions import Fraction
from heapq import heapify, heappop, heappush
from typing import NamedTuple

from sim_exchange.core.contracts.tiers import limit_for
from sim_exchange.core.orders.account import Account, Position
from sim_exchange.core.orders.market import Market
from sim_exchange.core.risk.margin import available, available_at_least, maintenance, takeover
from sim_exchange.core.risk.order_margin import risk_value
from sim_exchange.core.risk.partial import PartialClose
from sim_exchange.core.risk.position_margin import Takeover, cross_losses
from sim_exchange.core.risk.state import ENGINE_ID, State
from sim_exchange.core.risk.takeover import Takeovers
from sim_exchange.core.types import (
    LossMethod,
    Mode,
    Reason,
)
from sim_exchange.core.types import (
    State as Listing,
)

# Looked up once: a member of an enum costs a tenth of a microsecond each time.
_OPEN = Listing.OPEN
_OPEN_MODE = Mode.OPEN
_POST_ONLY_MODE = Mode.POST_ONLY
_ADL = LossMethod.ADL

_Due = tuple[Fraction, int, int, int, Position]  # health, account id, market, version, which


class _Way(NamedTuple):
    """A way in which a mark can hurt: a lot value that falls (+1) or rises (-1)."""

    market: Market
    falling: int
    lots: int
    free: int  # minor units that it may take before it hurts


class _Heap:
    """Accounts that wait for the lot value of one market to reach a bound."""

    __slots__ = ("entries", "limit")

    def __init__(self) -> None:
        self.entries: list[tuple[int, int, int, int]] = []  # bound, sequence, version, account id
        self.limit = 1_000

    def reaches(self, value: int) -> bool:
        """Whether anybody waits for a lot value that is there already."""
        return bool(self.entries) and self.entries[0][0] <= value

    def prune(self, versions: dict[int, int]) -> None:
        """Drop the entries of accounts that wait elsewhere by now, once they are the half."""
        self.entries = [one for one in self.entries if versions.get(one[3]) == one[2]]
        heapify(self.entries)
        self.limit = max(1_000, 2 * len(self.entries))


class Liquidation:
    """Finds the accounts that a mark has reached, worst first, and ends or cuts their positions.

    ``looked_at`` counts the accounts to which the exact rule was put, ever.
    """

    def __init__(
        self,
        state: State,
        takeovers: Takeovers,
        partial: PartialClose,
        remark: Callable[[Market], None],
    ) -> None:
        self._state = state
        self._takeovers = takeovers
        self._partial = partial
        self._remark = remark
        self._falls: dict[str, _Heap] = {}  # by market; reached when the lot value is at or below
        self._rises: dict[str, _Heap] = {}  # ... at or above; bounds of _falls are negated
        self._near: dict[int, Account] = {}  # too near to be left alone at any move
        self._versions: dict[int, int] = {}
        self._sequence = 0
        self._settling: Market | None = None
        self.looked_at = 0

    def run_before_settlement(self, market: Market) -> None:
        """Remargin with an expiring contract at its settlement price, whatever its mode (E14)."""
        state = self._state
        for account in state.accounts.values():
            if market.symbol in account.positions:
                state.look_again(account)
        self._settling = market
        self.run()
        self._settling = None

    def run(self) -> None:
        """Liquidate whoever must be, one position at a time, the worst first, remarking between."""
        due: list[_Due] = []
        self._look(due, dict(self._near))
        while due:
            _, account_id, _, version, position = heappop(due)
            if self._versions[account_id] != version:
                continue  # looked at again since
            market = position.market
            before = market.mark
            self._liquidate(position)
            if not market.is_fair_marked and market is not self._settling:
                self._remark(market)
            self._look(due, dict(self._near) if market.mark != before else {})

    def is_still(self) -> bool:
        """Whether marks that do not move would bring nobody to be looked at."""
        if self._state.stale or self._near:
            return False
        for symbol, market in self._state.markets.items():
            if not market.is_spot:
                falls, rises = self._falls.get(symbol), self._rises.get(symbol)
                if falls is not None and falls.reaches(-market.mark_value):
                    return False
                if rises is not None and rises.reaches(market.mark_value):
                    return False
        return True

    # --- who

    def _look(self, due: list[_Due], accounts: dict[int, Account]) -> None:
        """Put the exact rule to ``accounts``, to who changed, and to whom the marks have reached.

        Adds to ``due``, lowest worst, the positions at or past their liquidation price.
        """
        state = self._state
        stale = state.stale
        if stale:
            for account in stale:
                account.stale = False
                if account.contracts and account.account_id != ENGINE_ID:
                    accounts.pop(account.account_id, None)
                    if self._key(account, exact=False):
                        accounts[account.account_id] = account
            stale.clear()
        for symbol, market in state.markets.items() if self._falls or self._rises else ():
            if not market.is_spot:
                self._pop(self._falls.get(symbol), -market.mark_value, accounts)
                self._pop(self._rises.get(symbol), market.mark_value, accounts)
        for account in accounts.values():
            self.looked_at += 1
            found = self._due(account)
            if not found:
                self._key(account, exact=True)
                continue
            # Whatever happens next, look again.
            key = account.account_id
            self._near[key] = account
            version = self._versions[key] = self._versions.get(key, 0) + 1
            for health, position in found:
                heappush(due, (health, key, position.market.index, version, position))

    def _pop(self, heap: _Heap | None, value: int, accounts: dict[int, Account]) -> None:
        if heap is None:
            return
        entries = heap.entries
        while entries and entries[0][0] <= value:
            _, _, version, account_id = heappop(entries)
            if self._versions.get(account_id) == version:
                accounts[account_id] = self._state.accounts[account_id]

    def _has_maintenance(self, market: Market) -> bool:
        """A contract without maintenance margin is never liquidated, at most settled (E13, E16)."""
        return market.spec.maint_margin_ppm > 0 or market is self._settling

    def _liquidates(self, market: Market) -> bool:
        """Liquidations run only in Open and PostOnly (E13, E17).

        Nor while a mark stands on an index of which nothing counts any more (E9).
        A contract that settles liquidates in any mode; with an older loss method, not at all: what
        its losers can't pay is shared out (E13d).
        """
        if market is self._settling:
            return market.spec.loss_method is _ADL
        return (
            market.state is _OPEN
            and (market.mode is _OPEN_MODE or market.mode is _POST_ONLY_MODE)
            and market.spec.maint_margin_ppm > 0
            and (market.follows_last or not market.is_index_stale)
        )

    def _due(self, account: Account) -> list[tuple[Fraction, Position]]:
        state = self._state
        found = []
        for currency, positions in account.contracts.items():
            free: int | None = None
            for position in positions:
                if not position.qty or not self._liquidates(position.market):
                    continue
                behind = None
                if position.is_cross:
                    if free is None:
                        free = available(state, account, currency)
                    behind = free + position.margin - min(0, position.unrealised_pnl)
                if is_reached(position, takeover(state, position, behind)):
                    found.append((self._health(position, free or 0), position))
        return found

    def _health(self, position: Position, free: int) -> Fraction:
        return Fraction(self._to_liquidation(position, free), abs(position.cost) or 1)

    def _to_liquidation(self, position: Position, free: int) -> int:
        """Return what a position may still lose before it is liquidated, minor units.

        ``free`` is what is available to the account, or less; it matters to cross positions only.
        """
        pnl = position.unrealised_pnl
        if not position.is_cross:
            return position.margin - maintenance(position) + pnl
        market = position.market
        free += position.margin - min(0, pnl)
        side = 1 if position.qty > 0 else -1
        to_liquidation, _ = cross_losses(
            free,
            abs(position.cost),
            position.maint_ppm,
            market.funding_ppm,
            side,
            position.taker_ppm,
        )
        return to_liquidation + pnl

    # --- until when

    def _key(self, account: Account, *, exact: bool) -> bool:
        """Put an account where the next mark that could matter to it will find it.

        Returns:
            Whether it is too near to be left alone at any move.
        """
        key = account.account_id
        self._versions[key] = self._versions.get(key, 0) + 1
        self._near.pop(key, None)
        left_alone = True
        for currency, positions in account.contracts.items():
            shared = False
            for position in positions:
                if not position.qty or not self._has_maintenance(position.market):
                    continue
                if position.is_cross:
                    shared = True
                else:
                    room = self._to_liquidation(position, 0) - _slack(position)
                    left_alone &= self._wait(account, [_way_of(position, 0)], room)
            if shared:
                left_alone &= self._wait_together(account, currency, positions, exact=exact)
        if not left_alone:
            self._near[key] = account
        return not left_alone

    def _wait_together(
        self, account: Account, currency: str, positions: list[Position], *, exact: bool
    ) -> bool:
        """Let the cross positions of a currency wait; return whether they may be left alone."""
        find = available if exact else available_at_least
        free = find(self._state, account, currency)
        ways: list[_Way] = []
        room: int | None = None
        for position in positions:
            if position.qty and position.is_cross:
                # A profit is lost first, and hurts no other position meanwhile.
                profit = max(0, position.unrealised_pnl)
                ways.append(_way_of(position, profit))
                if self._has_maintenance(position.market):
                    own = self._to_liquidation(position, free) - profit - _slack(position)
                    room = own if room is None else min(room, own)
            if (position.buys or position.sells) and position.market.is_fair_marked:
                ways += _ways_of_orders(position)
        if room is not None and room <= 0:
            # Only the profit of the nearest keeps it: leave the others none of theirs.
            ways = [way._replace(free=0) for way in ways]
            room = min(
                self._to_liquidation(position, free) - _slack(position)
                for position in positions
                if position.qty and position.is_cross and self._has_maintenance(position.market)
            )
        return self._wait(account, ways, room or 0)

    def _wait(self, account: Account, ways: list[_Way], room: int) -> bool:
        """Share ``room`` among ``ways`` by their value, and wait for the first to use its share.

        Returns:
            Whether no way leads to the end of the room at once.
        """
        room -= len(ways)  # each may round against the account
        if room <= 0:
            return False
        whole = sum(way.lots * way.market.mark_value for way in ways)
        moves = []
        for way in ways:
            share = way.free + room * way.lots * way.market.mark_value // max(1, whole)
            move = share // way.lots
            if move < 1:
                return False
            moves.append(move)
        key = account.account_id
        version = self._versions[key]
        for way, move in zip(ways, moves, strict=True):
            market = way.market
            if way.falling > 0:
                bound = market.mark_value - move
                if bound > 0:
                    self._push(self._falls, market.symbol, -bound, version, key)
            else:
                self._push(self._rises, market.symbol, market.mark_value + move, version, key)
        return True

    def _push(
        self, heaps: dict[str, _Heap], symbol: str, bound: int, version: int, account_id: int
    ) -> None:
        heap = heaps.get(symbol)
        if heap is None:
            heap = heaps[symbol] = _Heap()
        elif len(heap.entries) > heap.limit:
            heap.prune(self._versions)
        self._sequence += 1
        heappush(heap.entries, (bound, self._sequence, version, account_id))

    # --- how

    def _liquidate(self, position: Position) -> None:
        """Do the steps of E13 until the position is cured or gone.

        The lowest tier: its orders are canceled, then it is taken over. Higher tiers: the risk
        limit drops to what position and orders need; orders are canceled and it drops to what the
        position needs; a part is closed, so that it drops once more; the rest is taken over.
        """
        state, account = self._state, position.account
        state.touch(position)
        if self._drop(position) and not self._is_due(position):
            return
        state.cancel_contract(account, position.market, Reason.LIQUIDATION)
        self._drop(position)
        ends = takeover(state, position)
        if not is_reached(position, ends):
            return
        if position.risk_limit > position.market.spec.risk_limit:
            closed = self._partial.close(position, ends)
            if closed is not None:
                self._takeovers.keep(closed)
            if position.qty:
                self._drop(position)
                ends = takeover(state, position)
        if position.qty and is_reached(position, ends):
            self._takeovers.take_over(position, ends)
        if not position.qty:
            position.set_rates()  # of the risk limit that it was left

    def _is_due(self, position: Position) -> bool:
        return is_reached(position, takeover(self._state, position))

    def _drop(self, position: Position) -> bool:
        """Drop the risk limit to what position and orders need; return whether it was higher."""
        if position.risk_limit <= position.market.spec.risk_limit:
            return False
        needed = limit_for(position.market.spec, risk_value(position))
        if needed >= position.risk_limit:
            return False
        position.drop_risk_limit(needed)
        return True


def is_reached(position: Position, ends: Takeover) -> bool:
    """Whether the mark is at or past the liquidation price: the trigger, and every cure (E12)."""
    mark_pico = position.market.maths.mark_to_pico(position.market.mark)
    if position.qty > 0:
        return mark_pico <= ends.liquidation_pico
    return mark_pico >= ends.liquidation_pico


def _slack(position: Position) -> int:
    """Return how far a liquidation price may be from the exact one for its tick, minor units."""
    market = position.market
    maths = market.maths
    mark_pico = maths.mark_to_pico(market.mark)
    tick = maths.bankrupt_tick_pico
    tick_value = abs(maths.at_pico(mark_pico + tick) - maths.at_pico(mark_pico))
    if maths.inverse and mark_pico > 2 * tick:
        tick_value = maths.at_pico(mark_pico - 2 * tick) - market.mark_value
    return abs(position.qty) // maths.lot_size * (tick_value + 2)


def _way_of(position: Position, free: int) -> _Way:
    """Return how the mark hurts a position: a long by a falling value, an inverse one by a rise."""
    market = position.market
    falling = market.maths.sign if position.qty > 0 else -market.maths.sign
    return _Way(market, falling, abs(position.qty) // market.maths.lot_size, free)


def _ways_of_orders(position: Position) -> list[_Way]:
    """Return how the mark raises the premium of a position's orders, by at most their lots each."""
    market = position.market
    maths = market.maths
    ways = []
    for orders, side, furthest in (
        (position.buys, 1, position.high_buy),
        (position.sells, -1, position.low_sell),
    ):
        lots = sum(order.leaves_qty for order in orders.values()) // maths.lot_size
        if lots:
            falling = side * maths.sign
            # None is dearer than the mark before the mark comes to the furthest of them.
            gap = falling * (market.mark_value - maths.at_ticks(furthest))
            ways.append(_Way(market, falling, lots, max(0, gap) * lots))
    return ways
