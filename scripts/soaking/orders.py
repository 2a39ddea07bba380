"""What is asked about orders: all kinds of them, amended, linked and taken back."""

from scripts.soaking.asker import Asker
from sim_exchange.core import commands as c
from sim_exchange.core.types import (
    SECOND_NS,
    ExecInst,
    OrdType,
    Side,
    TimeInForce,
)

TIMES = (TimeInForce.GTC,) * 8 + (TimeInForce.IOC, TimeInForce.FOK, TimeInForce.DAY)
INSTRUCTIONS = (ExecInst.NONE,) * 9 + (ExecInst.POST_ONLY, ExecInst.REDUCE_ONLY, ExecInst.CLOSE)


class OrderMoves(Asker):
    """Moves of traders."""

    def _place(self) -> None:
        symbol, account = self._symbol(), self._account()
        side = self.rng.choice((Side.BUY, Side.SELL))
        price = self._price(symbol, side)
        if price is None:
            self._publish()  # it has no mark yet
            return
        qty = self._qty(symbol, account)
        display = self.rng.choice((None,) * 10 + (0, qty // 3))
        self.do(
            c.PlaceOrder(
                account=account,
                symbol=symbol,
                side=side,
                order_qty=qty,
                price=price,
                display_qty=display,
                time_in_force=self.rng.choice(TIMES),
                exec_inst=self.rng.choice(INSTRUCTIONS),
            )
        )

    def _take(self) -> None:
        symbol, account = self._symbol(), self._account()
        self.do(
            c.PlaceOrder(
                account=account,
                symbol=symbol,
                side=self.rng.choice((Side.BUY, Side.SELL)),
                ord_type=OrdType.MARKET,
                order_qty=self._qty(symbol, account),
            )
        )

    def _stop(self) -> None:
        """Place what waits for a trigger, or follows a price."""
        rng, symbol, account = self.rng, self._symbol(), self._account()
        side = rng.choice((Side.BUY, Side.SELL))
        price = self._price(symbol, side)
        near = self._price(symbol, side.other)
        if price is None or near is None:
            return
        kind = rng.choice(
            (
                OrdType.STOP,
                OrdType.STOP,
                OrdType.STOP_LIMIT,
                OrdType.MARKET_IF_TOUCHED,
                OrdType.LIMIT_IF_TOUCHED,
                OrdType.PEGGED,
            )
        )
        pegs = kind is OrdType.PEGGED
        peg = rng.choice(("PrimaryPeg", "MarketPeg", "LastPeg", "MidPricePeg")) if pegs else ""
        trails = kind is OrdType.STOP and rng.random() < 0.3
        inst = ExecInst.FIXED if pegs else ExecInst.NONE
        if not pegs:
            inst = rng.choice(
                (ExecInst.MARK_PRICE, ExecInst.LAST_PRICE, ExecInst.INDEX_PRICE, ExecInst.NONE)
            )
            if rng.random() < 0.2:
                inst |= rng.choice((ExecInst.CLOSE, ExecInst.REDUCE_ONLY))
        limited = kind in {OrdType.STOP_LIMIT, OrdType.LIMIT_IF_TOUCHED}
        touched = kind in {OrdType.MARKET_IF_TOUCHED, OrdType.LIMIT_IF_TOUCHED}
        stop = None if pegs or trails else (price if touched else near)
        away = -side * rng.randint(0, 40) if pegs else side * rng.randint(1, 200)
        self.do(
            c.PlaceOrder(
                account=account,
                symbol=symbol,
                side=side,
                ord_type=kind,
                order_qty=self._qty(symbol, account),
                price=price if limited else None,
                stop_px=stop,
                peg_offset=away if pegs or trails else None,
                peg_price_type="TrailingStopPeg" if trails else peg,
                exec_inst=inst,
            )
        )

    def _link(self) -> None:
        """Place two orders of which one does something to the other."""
        rng, symbol, account = self.rng, self._symbol(), self._account()
        kinds = (
            "OneCancelsTheOther",
            "OneTriggersTheOther",
            "OneUpdatesTheOtherAbsolute",
            "OneUpdatesTheOtherProportional",
        )
        kind, name = rng.choice(kinds), f"link{self.steps}"
        for number in range(2):
            side = rng.choice((Side.BUY, Side.SELL))
            price = self._price(symbol, side)
            if price is None:
                return
            second = number and kind == "OneTriggersTheOther"
            self.do(
                c.PlaceOrder(
                    account=account,
                    symbol=symbol,
                    side=side,
                    order_qty=self._qty(symbol, account),
                    price=price,
                    cl_ord_link_id=name,
                    contingency_type="" if second else kind,
                )
            )

    def _close(self) -> None:
        self.do(
            c.PlaceOrder(
                account=self._account(),
                symbol=self._symbol(),
                ord_type=OrdType.MARKET,
                exec_inst=ExecInst.CLOSE,
            )
        )

    def _amend(self) -> None:
        account = self._account()
        mine = self.exchange.open_orders(account)
        picked = self.rng.sample(list(mine), min(len(mine), self.rng.randint(1, 3)))
        amends = []
        for one in picked:
            price = self._price(one.symbol, one.side) if self.rng.random() < 0.7 else None
            leaves = self.rng.randint(0, 2 * one.order_qty) if self.rng.random() < 0.5 else None
            amends.append(
                c.AmendOrder(account=account, order_id=one.order_id, price=price, leaves_qty=leaves)
            )
        self.do(c.AmendBulk(account=account, amends=tuple(amends)))

    def _cancel(self) -> None:
        account = self._account()
        mine = self.exchange.open_orders(account)
        named = self.rng.sample(list(mine), min(len(mine), self.rng.randint(1, 4)))
        ids = tuple(one.order_id for one in named) or (self.rng.randint(1, 10**6),)
        self.do(c.CancelOrders(account=account, order_ids=ids))

    def _cancel_all(self) -> None:
        symbol = self.rng.choice(("", self._symbol()))
        self.do(c.CancelAll(account=self._account(), symbol=symbol))

    def _dead_man(self) -> None:
        timeout = self.rng.randint(0, 200) * SECOND_NS
        self.do(c.CancelAllAfter(account=self._account(), timeout_ns=timeout))
