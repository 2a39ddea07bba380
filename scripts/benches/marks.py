"""A mark tick: what it costs with many open positions, and when one in a hundred is liquidated.

Half of the accounts are isolated, half cross; each has one position. The tick is an index print,
its publication, the mark, and the look at whoever it touches. Memory of a resting order and of an
account with a position is counted by the allocator.
"""

import gc
import time
import tracemalloc

from scripts.benches.core import ACCOUNTS, INDEX, MID, START_NS, SYMBOL, world
from scripts.benches.figures import Figure
from sim_exchange.core.commands import (
    Advance,
    Deposit,
    DepositFund,
    IndexPrints,
    OpenAccount,
    PlaceOrder,
    SetLeverage,
)
from sim_exchange.core.exchange import Exchange
from sim_exchange.core.types import PICO, SECOND_NS, Side

SIZES = (1_000, 10_000, 100_000)
LARGEST = 1_000_000
TICKS = 40
STEP_NS = 5 * SECOND_NS
WALK = (1, 1, -1, -1, 2, -1, -2, 1)
"""Moves of the mark in hundredths of a percent, over and over."""


def measure(rounds: int, *, large: bool = False) -> list[Figure]:
    """Measure ticks at each size, then the liquidation of one in a hundred, then memory."""
    sizes = (*SIZES, LARGEST) if large else SIZES
    figures: list[Figure] = []
    base: list[float] = []
    for size in sizes:
        exchange, at_ns = positions(size)
        took = []
        for _ in range(rounds):
            spent, at_ns = walk(exchange, at_ns)
            took.append(spent)
        base = base or took
        figures.append(
            Figure(
                bench="marks",
                what=f"a mark tick, {size:,} open positions",
                unit="us",
                rounds=took,
                yardstick="" if took is base else f"at {sizes[0]:,}",
                yardstick_rounds=[] if took is base else base,
                must=None if took is base else 0.5,
            )
        )
        figures.append(liquidated(exchange, at_ns, size))
        del exchange
        gc.collect()
    return [*figures, *memory()]


def positions(size: int, weak: int = 100) -> tuple[Exchange, int]:
    """Return an exchange with ``size`` open positions, one long in ``weak`` barely margined."""
    exchange = world(ACCOUNTS)
    at_ns = START_NS + 6 * SECOND_NS
    apply = exchange.apply
    apply(DepositFund(currency="XBt", amount=10**7), at_ns)
    for number in range(size // 2):
        long, short = (ACCOUNTS + 1 + 2 * number, ACCOUNTS + 2 + 2 * number)
        is_weak = number % (weak // 2) == 0
        for account in (long, short):
            apply(OpenAccount(name=f"p{account}"), at_ns)
            apply(Deposit(to_account=account, currency="XBt", amount=10**7), at_ns)
            if number % 2 or is_weak:
                cents = 5_000 if is_weak and account == long else 300
                apply(SetLeverage(account=account, symbol=SYMBOL, leverage_cents=cents), at_ns)
        for account, side in ((short, Side.SELL), (long, Side.BUY)):
            order = PlaceOrder(account=account, symbol=SYMBOL, side=side, order_qty=100, price=MID)
            apply(order, at_ns)
    at_ns += 200 * SECOND_NS  # the orders that opened them are forgotten a minute later
    for _ in range(2):
        apply(Advance(), at_ns)
        at_ns += SECOND_NS
    return exchange, at_ns


def tick(exchange: Exchange, at_ns: int, price: int) -> None:
    """Print all constituents at ``price`` pico and let the publication of that instant come."""
    exchange.apply(IndexPrints(index=INDEX, prices=(price,) * 3), at_ns)
    exchange.apply(Advance(), at_ns)


def walk(exchange: Exchange, at_ns: int) -> tuple[float, int]:
    """Return microseconds a tick over a small walk that liquidates nobody, and when it ended."""
    price = MID * PICO // 2
    at_ns = (at_ns // STEP_NS + 1) * STEP_NS
    tick(exchange, at_ns, price)  # whoever is new is looked at once
    gc.collect()
    gc.freeze()
    begun = time.perf_counter()
    for number in range(TICKS):
        at_ns += STEP_NS
        price += price * WALK[number % len(WALK)] // 10_000
        tick(exchange, at_ns, price)
    took = time.perf_counter() - begun
    gc.unfreeze()
    return took / TICKS * 1e6, at_ns


def liquidated(exchange: Exchange, at_ns: int, size: int) -> Figure:
    """Drop the mark so that the weak ones go: through the book, the fund and deleveraging."""
    before = exchange.fund("XBt")
    at_ns += STEP_NS
    # Bids for a quarter of them, below their bankruptcy: there the fund pays, the rest is ADL.
    bids = PlaceOrder(
        account=1,
        symbol=SYMBOL,
        side=Side.BUY,
        order_qty=max(1, size // 400) * 100,
        price=MID * 965 // 1000,
    )
    exchange.apply(bids, at_ns)
    begun = time.perf_counter()
    tick(exchange, at_ns, MID * PICO // 2 * 97 // 100)
    took = time.perf_counter() - begun
    gone = sum(
        1
        for number in range(ACCOUNTS + 1, ACCOUNTS + size, 100)
        if (found := exchange.position(number, SYMBOL)) is not None and found.current_qty == 0
    )
    if not gone:
        raise RuntimeError("nobody was liquidated: the bench measures nothing")
    return Figure(
        bench="marks",
        what=f"... and {gone:,} of {size:,} liquidated, fund {before:,} to "
        f"{exchange.fund('XBt'):,}",
        unit="us each",
        rounds=[took * 1e6 / gone],
    )


def memory() -> list[Figure]:
    """Count what a resting order and an account with a position hold."""
    tracemalloc.start()
    exchange = world(0)
    at_ns = START_NS + 6 * SECOND_NS
    exchange.apply(OpenAccount(name="a"), at_ns)
    exchange.apply(OpenAccount(name="b"), at_ns)
    for account in (1, 2):
        exchange.apply(Deposit(to_account=account, currency="XBt", amount=10**12), at_ns)
    accounts = []
    for number in range(3, 103):
        exchange.apply(OpenAccount(name=f"t{number}"), at_ns)
        exchange.apply(Deposit(to_account=number, currency="XBt", amount=10**9), at_ns)
        accounts.append(number)
    before = _held()
    count = 0
    for account in accounts:
        for number in range(190):
            price = MID - 100 - number
            exchange.apply(
                PlaceOrder(account=account, symbol=SYMBOL, side=Side.BUY, order_qty=1, price=price),
                at_ns,
            )
            count += 1
    per_order = (_held() - before) / count
    before = _held()
    for number in range(2_000):
        account = 103 + number
        exchange.apply(OpenAccount(name=f"t{account}"), at_ns)
        exchange.apply(Deposit(to_account=account, currency="XBt", amount=10**8), at_ns)
        maker, taker = (1, account)
        for who, side in ((maker, Side.SELL), (taker, Side.BUY)):
            exchange.apply(
                PlaceOrder(account=who, symbol=SYMBOL, side=side, order_qty=1, price=MID), at_ns
            )
    at_ns += 200 * SECOND_NS  # orders that ended are kept for a minute
    exchange.apply(Advance(), at_ns)
    per_account = (_held() - before) / 2_000
    tracemalloc.stop()
    return [
        Figure(bench="memory", what="a resting order", unit="bytes", rounds=[per_order]),
        Figure(bench="memory", what="an account with a position", unit="bytes",
               rounds=[per_account]),
    ]  # fmt: skip


def _held() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]
