"""A seeded walk of orders of every kind in one contract: stops, trailing stops, pegs, links."""

import random
from collections import Counter
from typing import Any

from sim_exchange.core import commands as c
from sim_exchange.core.events import Executed, Refused
from sim_exchange.core.types import ExecInst, Mode, OrdType, Side, TimeInForce
from tests.core.world import BUY, SELL, XBT, cents_world

T = "TSTM18"
KINDS = (OrdType.LIMIT,) * 6 + (OrdType.MARKET, OrdType.PEGGED) + tuple(OrdType)
TRIGGERS = (
    ExecInst.NONE,
    ExecInst.MARK_PRICE,
    ExecInst.LAST_PRICE,
    ExecInst.LAST_PRICE,
    ExecInst.INDEX_PRICE,
    ExecInst.LAST_PRICE | ExecInst.LAST_WITHIN_MARK,
)
CONTINGENCIES = (
    "OneCancelsTheOther",
    "OneTriggersTheOther",
    "OneUpdatesTheOtherAbsolute",
    "OneUpdatesTheOtherProportional",
    "",
)
LIMITED = frozenset({OrdType.LIMIT, OrdType.STOP_LIMIT, OrdType.LIMIT_IF_TOUCHED})
STOPS = frozenset({OrdType.STOP, OrdType.STOP_LIMIT})
WAITING = STOPS | {OrdType.MARKET_IF_TOUCHED, OrdType.LIMIT_IF_TOUCHED}


class OrdersWalk:
    """Five accounts around a mark that wanders; ``step`` does one thing, ``seen`` counts what was.

    ``refused`` commands are checked to have changed nothing, and ``check`` is the whole audit.
    """

    def __init__(self, seed: int, **changes: Any) -> None:
        self.random = random.Random(seed)
        self.w = cents_world(**changes)
        self.w.checked = False
        for coins in (100, 100, 50, 5, 1):
            self.w.account("one", XBt=coins * XBT)
        self.seen: Counter[str] = Counter()

    def step(self) -> None:
        """Do one thing."""
        pick = self.random.random()
        if pick < 0.7:
            self.do(self.place())
        elif pick < 0.8:
            self.change()
        elif pick < 0.95:
            mark = self.w.x.markets[T].mark
            moved = max(50_00, min(200_00, mark + self.random.randint(-150, 150)))
            prices = (moved * 10**10,)
            self.do(c.IndexPrints(index=".TST", prices=prices))
            self.w.now += self.random.choice((10**9, 5 * 10**9, 7 * 10**9))
            self.do(c.Advance())
        else:
            self.rarely()

    def rarely(self) -> None:
        """Change the mode, or clear an account's orders."""
        if self.random.random() < 0.5:
            self.do(c.SetMode(mode=self.random.choice((Mode.OPEN, Mode.OPEN, *Mode))))
        else:
            self.do(c.CancelAll(account=self.random.randint(1, 5)))
            self.do(c.SetMode(mode=Mode.OPEN))

    def place(self) -> c.PlaceOrder:
        """Return an order of any kind, often a bad one."""
        chance = self.random
        kind, mark = chance.choice(KINDS), self.w.x.markets[T].mark
        side: Side = chance.choice((BUY, SELL))
        inst = chance.choice((ExecInst.NONE,) * 5 + (ExecInst.REDUCE_ONLY, ExecInst.CLOSE))
        fields: dict[str, Any] = {}
        if kind in WAITING:
            inst |= chance.choice(TRIGGERS)
            if chance.random() < 0.3:
                below = (side is SELL) == (kind in STOPS)
                fields["peg_price_type"] = "TrailingStopPeg"
                fields["peg_offset"] = chance.randint(1, 300) * (-1 if below else 1)
            else:
                fields["stop_px"] = mark + chance.randint(-200, 200)
        elif kind is OrdType.PEGGED:
            inst = chance.choice((ExecInst.FIXED, ExecInst.FIXED, ExecInst.NONE))
            pegs = ("PrimaryPeg", "MarketPeg", "LastPeg", "MidPricePeg")
            fields["peg_price_type"] = chance.choice(pegs)
            fields["peg_offset"] = chance.randint(-30, 30)
        if chance.random() < 0.3:
            fields["contingency_type"] = chance.choice(CONTINGENCIES)
            fields["cl_ord_link_id"] = chance.choice("abc")
        return c.PlaceOrder(
            account=chance.randint(1, 5),
            symbol=T,
            side=side,
            ord_type=kind,
            order_qty=None
            if inst & ExecInst.CLOSE and chance.random() < 0.7
            else chance.randint(1, 90),
            price=mark + chance.randint(-250, 250) if kind in LIMITED else None,
            exec_inst=inst,
            time_in_force=chance.choice(
                (TimeInForce.GTC,) * 6 + (TimeInForce.IOC, TimeInForce.FOK)
            ),
            display_qty=chance.choice((None, None, None, None, 0, 1)),
            **fields,
        )

    def change(self) -> None:
        """Amend or cancel some open order."""
        account = self.random.randint(1, 5)
        mine = self.w.x.open_orders(account)
        if not mine:
            return
        one = self.random.choice(mine)
        if self.random.random() < 0.3:
            self.do(c.CancelOrders(account=account, order_ids=(one.order_id,)))
            return
        moved = self.random.randint(-100, 100)
        self.do(
            c.AmendOrder(
                account=account,
                order_id=one.order_id,
                price=one.price + moved if one.price and not one.is_market else None,
                stop_px=one.stop_px + moved
                if one.waiting and one.stop_px and not one.peg_offset
                else None,
                peg_offset=one.peg_offset * 2 if one.waiting and one.peg_offset else None,
                leaves_qty=self.random.choice((None, one.leaves_qty + 3, one.leaves_qty // 2)),
            )
        )

    def do(self, command: c.AnyCommand) -> None:
        """Apply a command; one that is refused must change nothing."""
        for event in self.w.tried(command):
            self.seen[type(event).__name__] += 1
            if isinstance(event, Executed):
                self.seen[event.exec_type.value] += 1
            elif isinstance(event, Refused):
                self.seen[event.reason.value] += 1
        for order in self.w.x.orders.values():
            if order.end_reason is not None:
                self.seen[order.end_reason.value] += 1
        self.w.x.check()
