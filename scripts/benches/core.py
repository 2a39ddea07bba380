"""The core alone: a mix of commands one call at a time, with a thousand accounts.

45 % place, 35 % cancel, 10 % amend, 10 % cross; accounts, margin, ledger and reports included,
nothing around it. The yardstick, lightmatchingengine, gets the same stream; it has no accounts and
no amends, so an amend is a cancel and an order there, and it is given the whole of it ready made.
Both know an order by the number that they gave it; one row is of orders that their accounts named,
too, and ask for by that name, which the yardstick does not have.
"""

import heapq
import random
import time
from pathlib import Path
from typing import Any

from scripts.benches.figures import Figure, in_turn
from scripts.benches.peers import peer_module
from sim_exchange.app import rare_collections
from sim_exchange.core.commands import (
    AmendOrder,
    AnyCommand,
    CancelOrders,
    Deposit,
    IndexPrints,
    ListIndex,
    ListInstrument,
    OpenAccount,
    PlaceOrder,
)
from sim_exchange.core.exchange import Exchange
from sim_exchange.core.specs import Constituent, IndexSpec, InstrumentSpec
from sim_exchange.core.types import PICO, SECOND_NS, Kind, Side

PEER = "lightmatchingengine"
PEER_SAYS_NS = 3_500
"""What an operation costs the peer on a machine of this kind, where it is absent."""
COMMANDS = 40_000
ACCOUNTS = 1_000
MID = 20_000  # ticks
WIDE, NARROW = 150, 60
"""Ticks either side on which orders of the mix rest.

What the yardstick costs grows with the prices there are. On the wider range it is what its baseline
says, and the goal is of that one; on the narrow one it costs a third less.
"""
RESTING = 100_000
MIXES = (
    (WIDE, 0, False, f"the mix, 1,000 accounts, {WIDE} prices a side"),
    (WIDE, RESTING, False, f"the same, {RESTING:,} rest beyond"),
    (WIDE, 0, True, "the mix, orders named by their accounts"),
    (NARROW, 0, False, f"the mix, {NARROW} prices a side"),
)
START_NS = 1_515_758_400 * SECOND_NS
SYMBOL = "XBTZ18"
INDEX = ".BXBT"

Row = tuple[str, int, int, int, int, int]
"""What is done, number of the order, account, side, price in ticks, quantity."""


def measure(rounds: int, peers: dict[str, Path]) -> list[Figure]:
    """Put each mix through the core and through the peer."""
    peer = peer_module(PEER, peers)
    figures = []
    for ticks, resting, named, what in MIXES:
        stream = make_stream(resting=resting, ticks=ticks)
        commands = [command_of(row, named=named) for row in stream]
        ours, theirs = in_turn(
            rounds,
            lambda commands=commands, resting=resting: through_core(commands, resting + ACCOUNTS),  # type: ignore[misc]
            lambda stream=stream, resting=resting: through_peer(peer, stream, resting + ACCOUNTS),  # type: ignore[misc]
        )
        figures.append(
            Figure(
                bench="core",
                what=what,
                unit="/s",
                rounds=ours,
                more_is_better=True,
                yardstick=PEER if peer else f"{PEER}: peer absent, baseline",
                yardstick_rounds=theirs,
                must=0.5 if ticks == WIDE and not named else None,
            )
        )
    return figures


def make_stream(
    count: int = COMMANDS, resting: int = 0, ticks: int = WIDE, seed: int = 7
) -> list[Row]:
    """Return the mix after the orders that rest before it: one an account, ``resting`` far away.

    A cancel or an amend is of an order that rests then: a naive book keeps track of which do.
    """
    draw = random.Random(seed)  # noqa: S311 -- a stream to measure with
    rows: list[Row] = []
    for number in range(resting):
        side = 1 if number % 2 else -1
        price = MID - side * (ticks + 1 + draw.randrange(1_000))
        rows.append(("place", number, 1 + number % ACCOUNTS, side, price, 1))
    naive = NaiveBook()
    for number in range(resting, resting + ACCOUNTS):
        side, price = draw.choice((1, -1)), draw.randint(1, ticks)
        row = (
            "place",
            number,
            1 + number % ACCOUNTS,
            side,
            MID - side * price,
            draw.randint(1, 20),
        )
        naive.rest(row)
        rows.append(row)
    number = resting + ACCOUNTS
    for _ in range(count):
        kind = draw.random()
        if kind < 0.35 and naive.live:
            _, order, account, side, price, qty = naive.drop(naive.any(draw))
            rows.append(("cancel", order, account, side, price, qty))
        elif kind < 0.45 and naive.live:
            _, order, account, side, before, qty = naive.drop(naive.any(draw))
            price = MID - side * draw.randint(1, ticks - 1)
            price -= side * (price == before)  # an amend to what is there would be none
            naive.rest(("place", order, account, side, price, qty))
            rows.append(("amend", order, account, side, price, qty))
        else:
            side, account = draw.choice((1, -1)), draw.randint(1, ACCOUNTS)
            qty = draw.randint(1, 20)
            crosses = kind > 0.9
            price = MID + side * ticks if crosses else MID - side * draw.randint(1, ticks)
            row = ("place", number, account, side, price, qty)
            number += 1
            rows.append(row)
            if crosses:
                naive.hit(side, qty)
            else:
                naive.rest(row)
    return rows


class NaiveBook:
    """Which orders of the mix rest, and how much is left of each: no level, one heap a side."""

    def __init__(self) -> None:
        self.live: list[int] = []
        self._at: dict[int, int] = {}  # order -> where it stands in ``live``
        self._rows: dict[int, Row] = {}
        self._left: dict[int, int] = {}
        self._heaps: dict[int, list[tuple[int, int, int]]] = {1: [], -1: []}
        self._turns: dict[int, int] = {}  # order -> its turn, so that older entries are passed over
        self._turn = 0

    def any(self, draw: random.Random) -> int:
        """Draw an order that rests."""
        return self.live[draw.randrange(len(self.live))]

    def rest(self, row: Row) -> None:
        """Take in an order that rests, at the back of its price."""
        _, order, _, side, price, qty = row
        self._turn += 1
        self._rows[order], self._left[order], self._turns[order] = row, qty, self._turn
        self._at[order] = len(self.live)
        self.live.append(order)
        heapq.heappush(self._heaps[side], (-side * price, self._turn, order))

    def drop(self, order: int) -> Row:
        """Take an order out, with what is left of it; its entry in the heap is passed over."""
        where, last = self._at.pop(order), self.live.pop()
        if last != order:
            self.live[where] = last
            self._at[last] = where
        del self._turns[order]
        kind, number, account, side, price, _ = self._rows.pop(order)
        return kind, number, account, side, price, self._left.pop(order)

    def hit(self, side: int, qty: int) -> None:
        """Let a taker of ``side`` take ``qty`` of what rests on the other."""
        heap = self._heaps[-side]
        while qty and heap:
            _, turn, order = heap[0]
            if self._turns.get(order) != turn:
                heapq.heappop(heap)
                continue
            left = self._left[order]
            taken = min(left, qty)
            qty -= taken
            self._left[order] = left - taken
            if left == taken:
                heapq.heappop(heap)
                self.drop(order)


def command_of(row: Row, *, named: bool = False) -> AnyCommand:
    """Return a row of the mix as a command; orders that cross are immediate-or-cancel by price.

    The exchange numbers orders from 1 in the order in which they come; all of the mix are taken in.
    """
    kind, order, account, side, price, qty = row
    if kind == "cancel":
        ids: dict[str, Any] = (
            {"cl_ord_ids": (str(order),)} if named else {"order_ids": (order + 1,)}
        )
        return CancelOrders(account=account, **ids)
    if kind == "amend":
        if named:
            return AmendOrder(account=account, orig_cl_ord_id=str(order), price=price)
        return AmendOrder(account=account, order_id=order + 1, price=price)
    return PlaceOrder(
        account=account,
        symbol=SYMBOL,
        side=Side(side),
        order_qty=qty,
        price=price,
        cl_ord_id=str(order) if named else "",
    )


def world(accounts: int, *, shortcuts: bool = True) -> Exchange:
    """Return an exchange with one future, marked at ``MID`` ticks of 0.5, and funded accounts."""
    exchange = Exchange(START_NS, shortcuts=shortcuts)
    venues = tuple(Constituent(name, 1, 3) for name in ("A", "B", "C"))
    exchange.apply(
        ListIndex(spec=IndexSpec(symbol=INDEX, decimals=2, constituents=venues)), START_NS
    )
    price = MID * PICO // 2
    exchange.apply(IndexPrints(index=INDEX, prices=(price,) * 3), START_NS)
    spec = InstrumentSpec(
        symbol=SYMBOL,
        kind=Kind.INVERSE,
        typ="FFCCSX",
        root="XBT",
        underlying="XBT",
        quote_currency="USD",
        settl_currency="XBt",
        multiplier=-(10**8),
        tick_pico=PICO // 2,
        mark_decimals=2,
        max_order_qty=10_000_000,
        max_price_ticks=2_000_000,
        init_margin_ppm=10_000,
        maint_margin_ppm=5_000,
        maker_fee_ppm=-250,
        taker_fee_ppm=750,
        settlement_fee_ppm=500,
        reference_symbol=INDEX,
        listing_ns=START_NS,
        expiry_ns=START_NS + 300 * 86_400 * SECOND_NS,
    )
    exchange.apply(ListInstrument(spec=spec), START_NS + 5 * SECOND_NS)
    for number in range(1, accounts + 1):
        exchange.apply(OpenAccount(name=f"t{number}"), START_NS + 5 * SECOND_NS)
        exchange.apply(
            Deposit(to_account=number, currency="XBt", amount=100 * 10**8),
            START_NS + 5 * SECOND_NS,
        )
    return exchange


def through_core(commands: list[AnyCommand], skip: int) -> float:
    """Return commands a second, the first ``skip`` not counted."""
    exchange = world(ACCOUNTS)
    at_ns = START_NS + 6 * SECOND_NS
    apply = exchange.apply
    for command in commands[:skip]:
        apply(command, at_ns)
    timed = commands[skip:]
    with rare_collections():
        begun = time.perf_counter()
        for command in timed:
            at_ns += 1_000
            apply(command, at_ns)
        took = time.perf_counter() - begun
    return len(timed) / took


def through_peer(peer: Any, stream: list[Row], skip: int) -> float:
    """Return rows a second of the peer; its baseline where it is absent."""
    if peer is None:
        return 1e9 / PEER_SAYS_NS
    engine = peer.LightMatchingEngine()
    ids: dict[int, int] = {}

    def do(row: Row) -> None:
        kind, order, _, side, price, qty = row
        if kind != "place":
            known = ids[order]
            engine.cancel_order(known, SYMBOL)
        if kind != "cancel":
            placed, _ = engine.add_order(SYMBOL, price, qty, 1 if side > 0 else 2)
            ids[order] = placed.order_id

    for row in stream[:skip]:
        do(row)
    with rare_collections():
        begun = time.perf_counter()
        for row in stream[skip:]:
            do(row)
        took = time.perf_counter() - begun
    return (len(stream) - skip) / took
