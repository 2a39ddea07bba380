"""Who quotes the spot book around the path: ten levels a side, on two grids.

When the path crosses a step of a grid, one order a side moves from one end of its ladder to the
other; nothing else is touched. A level that was hit is filled up again after 2 to 10 seconds, so
that a large order leaves a hole for a while.
"""

from math import log

import msgspec

from sim_exchange.core.commands import AmendBulk, AmendOrder, CancelAll, PlaceBulk, PlaceOrder
from sim_exchange.core.events import Accepted, Executed, Refused
from sim_exchange.core.types import PICO, ExecType, Side
from sim_exchange.market.agents.desk import Desk, coin_minor, open_market
from sim_exchange.market.agents.ladder import GridFigures, Ladder, Slot
from sim_exchange.market.path import PRINT_NS, ReferencePath


class SpotFigures(msgspec.Struct, frozen=True, kw_only=True):
    """The spot makers of one coin."""

    grids: tuple[GridFigures, ...] = (
        GridFigures(step=12e-4, levels=5, offset=0.0, slack=3e-4, value=0.2, jitter=0.3),
        GridFigures(step=40e-4, levels=5, offset=25e-4, slack=5e-4, value=1.2, jitter=0.3),
    )
    """One account each."""
    refill_s: tuple[float, float] = (2.0, 10.0)
    """A level that was hit is filled up after a draw from this range of seconds."""
    coins_value: float = 100_000.0
    """Coins that each account owns, XBT."""
    balance: int = 10**13
    """XBT that each account owns, XBt."""


class SpotMakers:
    """The accounts that quote one coin's spot book; they move together, never into each other."""

    def __init__(
        self, desk: Desk, path: ReferencePath, symbol: str, currency: str, figures: SpotFigures
    ) -> None:
        """Prepare; ``start`` opens the accounts."""
        self._desk = desk
        self._path = path
        self._symbol = symbol
        self._currency = currency
        self._figures = figures
        self._bids: list[Ladder] = []
        self._asks: list[Ladder] = []
        self._by_order: dict[int, Slot] = {}
        self._tick_pico = 1
        self._log_price = 0.0
        self._calm = (0.0, 0.0)  # log prices between which no ladder moves
        self._small = _small_move(figures.grids)

    def start(self) -> tuple[int, ...]:
        """Open the accounts and quote from the next print on; return their ids."""
        desk, figures = self._desk, self._figures
        price = self._path.price(desk.session.at_ns)
        funds = {
            "XBt": figures.balance,
            self._currency: coin_minor(self._currency, figures.coins_value, price),
        }
        accounts = []
        for number, grid in enumerate(figures.grids, 1):
            account = desk.account(f"{self._symbol} maker {number}", **funds)
            accounts.append(account)
            self._bids.append(Ladder(account, Side.BUY, grid))
            self._asks.append(Ladder(account, Side.SELL, grid))
        first_ns = -(-desk.session.at_ns // PRINT_NS) * PRINT_NS
        desk.session.scheduler.at(first_ns, desk.source, self._on_print)
        return tuple(accounts)

    def on_executed(self, event: Executed) -> None:
        """Hear of an execution report of one of the accounts."""
        slot = self._by_order.get(event.order_id)
        if slot is None or event.exec_type not in (ExecType.TRADE, ExecType.CANCELED):
            return
        if event.leaves_qty == 0:
            self._forget(slot)
        self._fill_later(slot)

    def _on_print(self, at_ns: int) -> None:
        session = self._desk.session
        session.scheduler.at(at_ns + PRINT_NS, self._desk.source, self._on_print)
        market = open_market(self._desk.view, self._symbol)
        if market is None:
            return
        self._tick_pico = market.spec.tick_pico
        log_price = log(self._path.price(at_ns) / PICO)
        before, self._log_price = self._log_price, log_price
        if self._calm[0] < log_price < self._calm[1]:
            return
        # The side that retreats goes first, so that the side that advances doesn't meet it.
        up = log_price > before
        retreating, advancing = (self._asks, self._bids) if up else (self._bids, self._asks)
        slots = [s for ladder in retreating for s in ladder.move(log_price, self._tick_pico)]
        slots += [s for ladder in advancing for s in ladder.move(log_price, self._tick_pico)]
        ranges = [ladder.calm() for ladder in self._bids + self._asks]
        self._calm = (max(low for low, _ in ranges), min(high for _, high in ranges))
        if abs(log_price - before) < self._small:
            slots.sort(key=lambda slot: slot.account)  # keeps the order of an account's slots
        if slots:
            self._go(slots)

    def _go(self, slots: list[Slot]) -> None:
        # One command for each run of slots of one account: nearly always one in all.
        begin = 0
        for end in range(1, len(slots) + 1):
            if end == len(slots) or slots[end].account != slots[begin].account:
                self._amend(slots[begin:end])
                begin = end

    def _amend(self, slots: list[Slot]) -> None:
        account = slots[0].account
        absent = [slot for slot in slots if not slot.order_id and not slot.filling]
        amends = tuple(
            AmendOrder(account=account, order_id=slot.order_id, price=slot.price)
            for slot in slots
            if slot.order_id
        )
        if amends:
            events = self._desk.submit(AmendBulk(account=account, amends=amends))
            if any(type(event) is Refused for event in events):
                self._withdraw(account)
        if absent:
            self._place(absent)

    def _withdraw(self, account: int) -> None:
        # A halted market or a picture that went wrong: clear the account, come back slot by slot.
        self._desk.submit(CancelAll(account=account, symbol=self._symbol))
        for ladder in self._bids + self._asks:
            for slot in ladder.slots:
                if slot.account == account:
                    self._forget(slot)
                    self._fill_later(slot)

    def _place(self, slots: list[Slot]) -> None:
        account = slots[0].account
        orders = tuple(self._order(slot) for slot in slots)
        taken = set()
        for event in self._desk.submit(PlaceBulk(account=account, orders=orders)):
            if type(event) is Accepted:
                slot = slots[event.index]
                taken.add(event.index)
                slot.order_id = event.ref
                self._by_order[event.ref] = slot
        for index, slot in enumerate(slots):
            order = self._desk.view.orders.get(slot.order_id) if index in taken else None
            if order is None or order.leaves_qty == 0:
                self._forget(slot)
            if order is None or order.leaves_qty < slot.qty:
                self._fill_later(slot)

    def _order(self, slot: Slot) -> PlaceOrder:
        if not slot.qty:
            grid = self._figures.grids[self._number(slot)]
            value = grid.value * (1 + grid.jitter * (2 * self._desk.rng.random() - 1))
            slot.qty = coin_minor(self._currency, value, slot.price * self._tick_pico)
        return PlaceOrder(
            account=slot.account,
            symbol=self._symbol,
            side=slot.side,
            order_qty=slot.qty,
            price=slot.price,
        )

    def _number(self, slot: Slot) -> int:
        return [ladder.slots[0].account for ladder in self._bids].index(slot.account)

    def _fill_later(self, slot: Slot) -> None:
        if not slot.filling:
            slot.filling = True
            delay_s = self._desk.rng.uniform(*self._figures.refill_s)
            self._desk.wake_in(delay_s, lambda _: self._fill(slot))

    def _fill(self, slot: Slot) -> None:
        slot.filling = False
        if not slot.order_id:
            slot.qty = 0
            self._place([slot])
            return
        amend = AmendOrder(account=slot.account, order_id=slot.order_id, leaves_qty=slot.qty)
        if any(type(event) is Refused for event in self._desk.submit(amend)):
            self._fill_later(slot)

    def _forget(self, slot: Slot) -> None:
        self._by_order.pop(slot.order_id, None)
        slot.order_id = 0


def _small_move(grids: tuple[GridFigures, ...]) -> float:
    """Return how far, in log price, no account's order comes to an order of another.

    Over less than that each account may move both its sides before the next one begins: what it
    advances stays the two offsets away from what the other has not taken back yet, less the slack.
    """
    return min(
        (
            one.offset + other.offset - other.slack
            for number, one in enumerate(grids)
            for other in grids[:number] + grids[number + 1 :]
        ),
        default=0.0,
    )
