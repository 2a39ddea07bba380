"""A long seeded walk of commands: accounts fill, borrow, go bankrupt and settle."""

import hashlib
import random
from collections import Counter

from sim_exchange.core import commands as c
from sim_exchange.core.events import BookChanged, Event, Liquidated, Refused
from sim_exchange.core.risk.liquidation import is_reached
from sim_exchange.core.risk.margin import takeover
from sim_exchange.core.types import ExecInst, ExecType, Mode, OrdType, Side, TimeInForce
from tests.core.world import BUY, ETC7D, SELL, WEEK_NS, XBT, order, picture, world

ETC = 10**8
TIMES = (TimeInForce.GTC,) * 6 + (TimeInForce.IOC, TimeInForce.FOK, TimeInForce.DAY)
INSTRUCTIONS = (ExecInst.NONE,) * 8 + (ExecInst.POST_ONLY, ExecInst.REDUCE_ONLY, ExecInst.CLOSE)


def digest(seed: int, steps: int) -> str:
    """Return one number for all commands and events of a walk, and for what it leaves."""
    walk = Walk(seed)
    found = hashlib.blake2b(digest_size=16)
    exchange = walk.w.x
    apply = exchange.apply

    def told(command: c.AnyCommand, at_ns: int) -> tuple[Event, ...]:
        events = apply(command, at_ns)
        found.update(repr((at_ns, command, events)).encode())
        return events

    exchange.apply = told  # type: ignore[method-assign]
    for _ in range(steps):
        walk.step()
    found.update(repr(picture(exchange)).encode())
    return found.hexdigest()


class Walk:
    """Ten accounts, thin to rich, and a lender; ``seen`` counts what happened."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.seen: Counter[str] = Counter()
        self.told: dict[tuple[str, Side, int], int] = {}
        self.w = world()
        self.w.checked = False
        for coins in (500, 200, 100, 20, 5, 2, 1, 1, 1, 1):
            account = self.w.account(f"a{coins}", XBt=coins * XBT // 4, ETC=coins * 5 * ETC)
            if self.rng.random() < 0.3:
                command = c.SetLeverage(account=account, symbol="ETC7D", leverage_cents=2_000)
                self.w.ok(command)
        self.lender = self.w.account("lender", XBt=XBT, ETC=9_000 * ETC)
        self.offer()
        self.w.ok(c.DepositFund(currency="XBt", amount=10**6))

    def do(self, command: c.AnyCommand) -> None:
        """Apply a command; what is refused whole has changed nothing."""
        compared = self.rng.random() < 0.1
        before = picture(self.w.x) if compared else None
        events = self.w.do(command)
        if compared and events and all(isinstance(event, Refused) for event in events):
            assert picture(self.w.x) == before
        for event in events:
            name = type(event).__name__
            if isinstance(event, BookChanged):
                self.told[event.symbol, event.side, event.price] = event.size
            elif isinstance(event, Refused):
                name = event.reason.value
            elif isinstance(event, Liquidated):
                name = "Liquidated"
            self.seen[name] += 1
            if getattr(event, "exec_type", None) is ExecType.CANCELED:
                reason = self.w.x.orders[event.order_id].end_reason  # type: ignore[attr-defined]
                self.seen[f"ended {reason.value}"] += 1  # type: ignore[union-attr]

    def step(self) -> None:
        """Do one random command."""
        self.rng.choices(
            (
                self.place_future,
                self.place_spot,
                self.take,
                self.close,
                self.amend,
                self.cancel,
                self.move,
                self.wait,
                self.offer,
                self.mode,
                self.leverage,
                self.settle,
                self.dead_man,
                self.deposit,
            ),
            (300, 200, 120, 60, 120, 80, 60, 20, 10, 4, 10, 2, 5, 8),
        )[0]()

    def account(self) -> int:
        return self.rng.randint(1, 10)

    def side(self) -> Side:
        return self.rng.choice((BUY, SELL))

    def place_future(self) -> None:
        mid = self.w.x.markets["ETC7D"].mark // 100
        side = self.side()
        account = self.account()
        room = max(1, self.w.x.margin(account, "XBt").available // 120_000)
        qty = self.rng.randint(1, int(min(room, 2_000)))
        price = max(1, mid - side * self.rng.randint(-150, 600))
        display = self.rng.choice((None,) * 8 + (0, qty // 3))
        tif, inst = self.rng.choice(TIMES), self.rng.choice(INSTRUCTIONS)
        self.do(order(account, side, qty, price, tif=tif, inst=inst, display=display))

    def place_spot(self) -> None:
        mid = self.w.x.markets["ETC_XBT"].mark
        side = self.side()
        qty = self.rng.randint(1, 60 * ETC)
        price = max(1, mid - side * self.rng.randint(-20_000, 60_000))
        tif, inst = self.rng.choice(TIMES), self.rng.choice(INSTRUCTIONS)
        display = self.rng.choice((None,) * 8 + (0, qty // 3))
        self.do(
            order(self.account(), side, qty, price, "ETC_XBT", tif=tif, inst=inst, display=display)
        )

    def take(self) -> None:
        if self.rng.random() < 0.5:
            self.do(order(self.account(), self.side(), self.rng.randint(1, 900)))
        else:
            qty = self.rng.randint(1, 90 * ETC)
            self.do(order(self.account(), self.side(), qty, None, "ETC_XBT"))

    def close(self) -> None:
        symbol = self.rng.choice(("ETC7D", "ETC_XBT"))
        self.do(order(self.account(), None, None, None, symbol, inst=ExecInst.CLOSE))

    def amend(self) -> None:
        account = self.account()
        mine = self.w.x.open_orders(account)
        if not mine or self.rng.random() < 0.1:
            mine = [
                one
                for one in self.w.x.orders.values()
                if one.account == account and one.cum_qty and one.ord_type is OrdType.LIMIT
            ]
        picked = self.rng.sample(list(mine), min(len(mine), self.rng.randint(1, 3)))
        amends = []
        for one in picked:
            step = self.rng.randint(-300, 300) * (1 if one.symbol == "ETC7D" else 100)
            leaves = self.rng.randint(0, 2 * one.order_qty)
            price = max(1, one.price + step) if self.rng.random() < 0.7 else None
            amends.append(
                c.AmendOrder(account=account, order_id=one.order_id, price=price, leaves_qty=leaves)
            )
        self.do(c.AmendBulk(account=account, amends=tuple(amends)))

    def cancel(self) -> None:
        account = self.account()
        mine = self.w.x.open_orders(account)
        if mine:
            named = self.rng.sample(list(mine), min(len(mine), 3))
            ids = tuple(one.order_id for one in named)
            self.do(c.CancelOrders(account=account, order_ids=ids))

    def move(self) -> None:
        rng = self.rng
        change = rng.gauss(0, 0.01) if rng.random() < 0.9 else rng.gauss(0, 0.12)
        price = int(self.w.x.indices[".ETCXBT"].price * 10**4 * max(0.6, min(1.4, 1 + change)))
        self.w.now += rng.randint(1, 90) * 10**9
        self.do(c.IndexPrints(index=".ETCXBT", prices=(max(price, 10**9),) * 3))
        self.w.now += 5 * 10**9
        self.w.now -= self.w.now % (5 * 10**9)
        self.do(c.Advance())
        self.nobody_is_left_to_liquidate()

    def nobody_is_left_to_liquidate(self) -> None:
        """Right after a publication, whoever had to be liquidated was found."""
        state = self.w.x._state
        market = state.markets["ETC7D"]
        if market.mode in {Mode.OPEN, Mode.POST_ONLY} and not market.is_index_stale:
            for account in state.accounts.values():
                position = account.positions.get("ETC7D")
                if position is not None and position.qty and account.account_id:
                    assert not is_reached(position, takeover(state, position))

    def wait(self) -> None:
        self.w.now += self.rng.randint(1, 600) * 10**9 + self.rng.randint(0, 10**9)
        self.do(c.Advance())

    def offer(self) -> None:
        free = 9_000 * ETC - 10**9
        offers = tuple(
            (self.rng.randint(1, free // 9), self.rng.randint(1, 10**10))
            for _ in range(self.rng.randint(0, 4))
        )
        self.do(c.OfferLoans(account=self.lender, currency="ETC", offers=offers))

    def mode(self) -> None:
        symbol = self.rng.choice(("", "ETC7D", "ETC_XBT"))
        self.do(c.SetMode(symbol=symbol, mode=self.rng.choice(list(Mode))))
        self.wait()
        self.do(c.SetMode(mode=Mode.OPEN))

    def leverage(self) -> None:
        cents = self.rng.choice((0, 300, 1_000, 2_000))
        self.do(c.SetLeverage(account=self.account(), symbol="ETC7D", leverage_cents=cents))

    def settle(self) -> None:
        self.do(c.ExpireNow(symbol="ETC7D"))
        now = self.w.now
        self.w.enlist(ETC7D, listing_ns=now, expiry_ns=now + WEEK_NS)

    def dead_man(self) -> None:
        timeout = self.rng.randint(0, 200) * 10**9
        self.do(c.CancelAllAfter(account=self.account(), timeout_ns=timeout))

    def deposit(self) -> None:
        currency, amount = self.rng.choice((("XBt", XBT), ("ETC", 20 * ETC)))
        self.do(c.Deposit(to_account=self.account(), currency=currency, amount=amount))

    def check(self) -> None:
        """Every invariant, and that what was told of the books is what they are."""
        self.w.x.check()
        assert {key: size for key, size in self.told.items() if size} == self.w.books()
