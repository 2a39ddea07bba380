"""The door: a seeded stream of orders, amends and cancels through session, journal and core.

The yardstick is a book and nothing else, which matches the same stream: no accounts, no margin, no
events, no journal.
"""

import random
import time
from bisect import insort
from collections import deque

from scripts.benches.figures import Figure, in_turn
from sim_exchange.app import rare_collections
from sim_exchange.clock import ManualClock
from sim_exchange.core.commands import (
    AmendOrder,
    CancelOrders,
    Command,
    Deposit,
    IndexPrints,
    ListIndex,
    ListInstrument,
    OpenAccount,
    PlaceOrder,
)
from sim_exchange.core.exchange import Exchange
from sim_exchange.core.types import PICO, Side
from sim_exchange.journal import Header, MemoryJournal
from sim_exchange.market import catalogue
from sim_exchange.session import Session

COMMANDS = 20_000
ACCOUNTS = 20
OPEN_AT_MOST = 60  # a trader; the venue allows 200
MID = 20_000  # ticks of 1e-6
START_NS = 1_515_758_400 * 10**9
SYMBOL = "ETC7D"


def measure(rounds: int) -> list[Figure]:
    """Put the stream through, and through the bare book."""
    stream = make_stream()
    ours, bare = in_turn(rounds, lambda: _through_door(stream), lambda: _through_book(stream))
    return [
        Figure(
            bench="door",
            what="commands through session, journal and core",
            unit="/s",
            rounds=ours,
            more_is_better=True,
            yardstick="a bare book, same stream",
            yardstick_rounds=bare,
        )
    ]


def make_stream(count: int = COMMANDS, seed: int = 7) -> list[Command]:
    """Return commands of accounts 1 to ``ACCOUNTS``: half place, the rest amend and cancel."""
    draw = random.Random(seed)  # noqa: S311 -- a stream to measure with
    open_orders: dict[int, list[str]] = {account: [] for account in range(1, ACCOUNTS + 1)}
    stream: list[Command] = []
    for number in range(count):
        account = draw.randint(1, ACCOUNTS)
        names, kind = open_orders[account], draw.random()
        if len(names) >= OPEN_AT_MOST or (names and kind > 0.75):
            name = names.pop(draw.randrange(len(names)))
            stream.append(CancelOrders(account=account, cl_ord_ids=(name,)))
        elif names and kind > 0.5:
            amend = AmendOrder(
                account=account,
                orig_cl_ord_id=draw.choice(names),
                price=MID + draw.randint(-60, 60),
            )
            stream.append(amend)
        else:
            side = draw.choice((Side.BUY, Side.SELL))
            names.append(f"{number}")
            place = PlaceOrder(
                account=account,
                symbol=SYMBOL,
                side=side,
                order_qty=draw.randint(1, 20),
                price=MID - side * draw.randint(-2, 60),
                cl_ord_id=names[-1],
            )
            stream.append(place)
    return stream


def _through_door(stream: list[Command]) -> float:
    exchange = Exchange(START_NS)
    clock = ManualClock(START_NS)
    journal = MemoryJournal(Header(start_ns=START_NS, seed=7, era="2018"))
    session = Session(exchange, journal, clock)
    for index in catalogue.indices("ETC"):
        session.submit(ListIndex(spec=index))
    price = MID * PICO // 10**6
    session.submit(IndexPrints(index=catalogue.index_symbol("ETC"), prices=(price,) * 3))
    week_ns = catalogue.week_of(START_NS)
    session.submit(ListInstrument(spec=catalogue.weekly("ETC", price, *week_ns)))
    for number in range(1, ACCOUNTS + 1):
        session.submit(OpenAccount(name=f"trader{number}"))
        session.submit(Deposit(to_account=number, currency="XBt", amount=1000 * 10**8))
    with rare_collections():
        begun = time.perf_counter()
        for number, command in enumerate(stream):
            clock.move_to(START_NS + 10**9 + number * 10**6)
            session.submit(command)
        took = time.perf_counter() - begun
    return len(stream) / took


class BareBook:
    """Price levels in two sorted lists, a queue of orders at each; it matches and that is all."""

    def __init__(self) -> None:
        self.levels: dict[Side, dict[int, deque[str]]] = {Side.BUY: {}, Side.SELL: {}}
        self.prices: dict[Side, list[int]] = {Side.BUY: [], Side.SELL: []}  # best last, signed
        self.orders: dict[str, tuple[Side, int, int]] = {}

    def place(self, name: str, side: Side, price: int, qty: int) -> None:
        """Match, then rest."""
        other = side.other
        against = self.prices[other]
        while qty and against and (price - abs(against[-1])) * side >= 0:
            best = abs(against[-1])
            queue = self.levels[other][best]
            maker = queue[0]
            _, _, left = self.orders[maker]
            traded = min(left, qty)
            qty -= traded
            if traded == left:
                queue.popleft()
                del self.orders[maker]
                if not queue:
                    del self.levels[other][best]
                    against.pop()
            else:
                self.orders[maker] = (other, best, left - traded)
        if qty:
            level = self.levels[side].get(price)
            if level is None:
                level = self.levels[side][price] = deque()
                insort(self.prices[side], price * side)
            level.append(name)
            self.orders[name] = (side, price, qty)

    def cancel(self, name: str) -> tuple[Side, int, int] | None:
        """Take an order out; None when it is gone."""
        order = self.orders.pop(name, None)
        if order is not None:
            side, price, _ = order
            level = self.levels[side][price]
            level.remove(name)
            if not level:
                del self.levels[side][price]
                self.prices[side].remove(price * side)
        return order


def _through_book(stream: list[Command]) -> float:
    book = BareBook()
    begun = time.perf_counter()
    for command in stream:
        match command:
            case PlaceOrder(side=Side() as side, price=int() as price, order_qty=int() as qty):
                book.place(command.cl_ord_id, side, price, qty)
            case AmendOrder(price=int() as price):
                order = book.cancel(command.orig_cl_ord_id)
                if order is not None:
                    book.place(command.orig_cl_ord_id, order[0], price, order[2])
            case CancelOrders():
                book.cancel(command.cl_ord_ids[0])
            case _:
                raise TypeError(type(command).__name__)
    return len(stream) / (time.perf_counter() - begun)
