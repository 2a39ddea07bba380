"""Liquidation: who must be looked at when a mark moves, and how a position is taken over (E13).

An account is looked at again only when a mark has moved far enough to matter. ``_wait`` finds
how far each mark may go against the account before any of its positions could be liquidated, and
the account waits in that market's heap under the lot value where that would be. So a mark tick
costs what it touches: the accounts that changed since the last one, and those whose bound it
reached. What is looked at is decided by the exact rule.
"""

from fractions import Fraction
from heapq import heappop, heappush

from sim_exchange.core.orders.market import Market
from sim_exchange.core.risk.account import Account, Position
from sim_exchange.core.risk.margin import available, available_at_least, maintenance, takeover
from sim_exchange.core.risk.position_margin import Takeover, cross_losses
from sim_exchange.core.risk.state import ENGINE_ID, State
from sim_exchange.core.risk.takeover import Takeovers
from sim_exchange.core.types import (
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

_Heap = list[tuple[int, int, int, int]]  # bound, sequence, version, account id


class Liquidation:
    """Finds the accounts that a mark has reached, worst first, and takes their positions over."""

    def __init__(self, state: State, takeovers: Takeovers) -> None:
        self._state = state
        self._takeovers = takeovers
        self._falls: dict[str, _Heap] = {}  # by market; reached when the lot value is at or below
        self._rises: dict[str, _Heap] = {}  # ... at or above; bounds of _falls are negated
        self._near: dict[int, Account] = {}  # too near to be left alone at any move
        self._versions: dict[int, int] = {}
        self._sequence = 0
        self._settling: Market | None = None

    def run_before_settlement(self, market: Market) -> None:
        """Remargin with an expiring contract at its settlement price, whatever its mode (E14)."""
        state = self._state
        for account in state.accounts.values():
            if market.symbol in account.positions:
                state.stale[account.account_id] = account
        self._settling = market
        self.run()
        self._settling = None

    def run(self) -> None:
        """Liquidate whoever must be, one position at a time, the worst first, remarking between."""
        while True:
            found = self._reached()
            if not found:
                return
            self._liquidate(min(found, key=lambda one: (one[0], one[1].account.account_id))[1])

    # --- who

    def _reached(self) -> list[tuple[Fraction, Position]]:
        """Return the positions at or past their liquidation price, with how badly, lowest worst."""
        state = self._state
        stale = state.stale
        if stale:
            for account in stale.values():
                if account.contracts and account.account_id != ENGINE_ID:
                    self._key(account, exact=False)
            stale.clear()
        looked_at = dict(self._near)
        for symbol, market in state.markets.items():
            if not market.is_spot and self._liquidates(market):
                self._pop(self._falls.get(symbol), -market.mark_value, looked_at)
                self._pop(self._rises.get(symbol), market.mark_value, looked_at)
        found = []
        for account in looked_at.values():
            due = self._due(account)
            found += due
            if not due:
                self._key(account, exact=True)
            else:
                # Heap entries are gone: whatever happens next, look again.
                self._near[account.account_id] = account
        return found

    def _pop(self, heap: _Heap | None, value: int, looked_at: dict[int, Account]) -> None:
        while heap and heap[0][0] <= value:
            _, _, version, account_id = heappop(heap)
            if self._versions.get(account_id) == version:
                looked_at[account_id] = self._state.accounts[account_id]

    def _liquidates(self, market: Market) -> bool:
        """Liquidations run only in Open and PostOnly, and never without maintenance (E13, E17)."""
        return (
            market.state is _OPEN
            and (market.mode is _OPEN_MODE or market.mode is _POST_ONLY_MODE)
            and market.spec.maint_margin_ppm > 0
        ) or market is self._settling

    def _due(self, account: Account) -> list[tuple[Fraction, Position]]:
        found = []
        for positions in account.contracts.values():
            for position in positions:
                if position.qty and self._liquidates(position.market):
                    ends = takeover(self._state, position)
                    if is_reached(position, ends):
                        found.append((self._health(position), position))
        return found

    def _health(self, position: Position) -> Fraction:
        cost = abs(position.cost) or 1
        if position.is_cross:
            return Fraction(self._to_liquidation(position, exact=True), cost)
        left = position.margin + position.unrealised_pnl - maintenance(position)
        return Fraction(left, cost)

    def _to_liquidation(self, position: Position, *, exact: bool) -> int:
        """Return what a position may still lose before it is liquidated, minor units."""
        state, market, account = self._state, position.market, position.account
        pnl = position.unrealised_pnl
        if not position.is_cross:
            return position.margin - maintenance(position) + pnl
        find = available if exact else available_at_least
        free = find(state, account, market.spec.settl_currency) + position.margin - min(0, pnl)
        side = 1 if position.qty > 0 else -1
        to_liquidation, _ = cross_losses(
            free, abs(position.cost), position.maint_ppm, 0, side, market.taker_ppm
        )
        return to_liquidation + pnl

    def _key(self, account: Account, *, exact: bool) -> None:
        """Put an account where the next mark that could matter to it will find it."""
        version = self._versions.get(account.account_id, 0) + 1
        self._versions[account.account_id] = version
        self._near.pop(account.account_id, None)
        for positions in account.contracts.values():
            shared = [p for p in positions if p.qty and p.is_cross]
            if shared:
                exposed = [p for p in positions if (p.qty and p.is_cross) or p.buys or p.sells]
                room = min(self._room(p, exact=exact) for p in shared)
                self._wait(account, version, exposed, room)
            for position in positions:
                if position.qty and not position.is_cross:
                    room = self._room(position, exact=exact)
                    self._wait(account, version, [position], room)

    def _room(self, position: Position, *, exact: bool) -> int:
        """Return what may be lost with certainty, the rounding of prices to ticks taken off."""
        market = position.market
        maths = market.maths
        mark_pico = maths.mark_to_pico(market.mark)
        tick_value = abs(maths.at_pico(mark_pico + maths.tick_pico) - maths.at_pico(mark_pico))
        if maths.inverse and mark_pico > 2 * maths.tick_pico:
            tick_value = maths.at_pico(mark_pico - 2 * maths.tick_pico) - market.mark_value
        lots = abs(position.qty) // maths.lot_size
        return self._to_liquidation(position, exact=exact) - lots * (tick_value + 2)

    def _wait(self, account: Account, version: int, exposed: list[Position], room: int) -> None:
        """Share ``room`` among the ways in which marks can hurt, and wait for the first to be used.

        A falling lot value (rising, on an inverse contract) hurts a long by its lots, and raises
        the premium of buys by at most theirs; the other way round for a short and sells.
        """
        ways: list[tuple[Position, int, int]] = []
        for position in exposed:
            lot = position.market.maths.lot_size
            sign = position.market.maths.sign
            buys = sum(order.leaves_qty for order in position.buys.values())
            sells = sum(order.leaves_qty for order in position.sells.values())
            hurt_long = (max(position.qty, 0) + buys) // lot
            hurt_short = (max(-position.qty, 0) + sells) // lot
            if hurt_long:
                ways.append((position, sign, hurt_long))
            if hurt_short:
                ways.append((position, -sign, hurt_short))
        if room <= 0 or not ways:
            if ways:
                self._near[account.account_id] = account
            return
        share = room // len(ways)
        for position, falling, lots in ways:
            market = position.market
            move = share // lots
            if move < 1:
                self._near[account.account_id] = account
                return
            self._sequence += 1
            if falling > 0:
                bound = market.mark_value - move
                if bound > 0:
                    heap = self._falls.setdefault(market.symbol, [])
                    heappush(heap, (-bound, self._sequence, version, account.account_id))
            else:
                bound = market.mark_value + move
                heap = self._rises.setdefault(market.symbol, [])
                heappush(heap, (bound, self._sequence, version, account.account_id))

    # --- how

    def _liquidate(self, position: Position) -> None:
        """Lowest tier: cancel this contract's orders, look again, take the whole position over."""
        state = self._state
        for order in [*position.buys.values(), *position.sells.values()]:
            state.cancel(order, Reason.LIQUIDATION)
        ends = takeover(state, position)
        state.stale[position.account.account_id] = position.account
        if not is_reached(position, ends):
            return
        self._takeovers.take_over(position, ends)


def is_reached(position: Position, ends: Takeover) -> bool:
    """Whether the mark is at or past the liquidation price: the trigger, and every cure (E12)."""
    mark_pico = position.market.maths.mark_to_pico(position.market.mark)
    if position.qty > 0:
        return mark_pico <= ends.liquidation_pico
    return mark_pico >= ends.liquidation_pico
