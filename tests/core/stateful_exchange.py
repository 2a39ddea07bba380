"""Random commands over a future and its spot market: every invariant after every step."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from sim_exchange.core import commands as c
from sim_exchange.core.events import BookChanged, TickChanged
from sim_exchange.core.types import ExecInst, LossMethod, Mode, OrdType, Side, TimeInForce
from tests.core.world import BUY, ETC7D, SELL, START_NS, WEEK_NS, XBT, World, order, world

ETC = 10**8
ACCOUNTS = st.integers(1, 5)
SIDES = st.sampled_from((BUY, SELL))
INSTRUCTIONS = st.sampled_from(
    (ExecInst.NONE, ExecInst.NONE, ExecInst.POST_ONLY, ExecInst.REDUCE_ONLY, ExecInst.CLOSE)
)
SYMBOLS = st.sampled_from(("ETC7D", "ETC7D", "ETC_XBT"))
WAITING = (
    OrdType.STOP,
    OrdType.STOP_LIMIT,
    OrdType.MARKET_IF_TOUCHED,
    OrdType.LIMIT_IF_TOUCHED,
)
TRIGGERS = st.sampled_from(
    (
        ExecInst.NONE,
        ExecInst.MARK_PRICE,
        ExecInst.LAST_PRICE,
        ExecInst.LAST_PRICE,
        ExecInst.INDEX_PRICE,
        ExecInst.LAST_PRICE | ExecInst.LAST_WITHIN_MARK,
    )
)
LINKS = st.sampled_from(
    (
        ("", ""),
        ("OneCancelsTheOther", "a"),
        ("OneTriggersTheOther", "a"),
        ("", "a"),
        ("OneUpdatesTheOtherAbsolute", "b"),
        ("OneUpdatesTheOtherProportional", "c"),
        ("OneCancelsTheOther", "b"),
    )
)
TIMES = st.sampled_from(
    (TimeInForce.GTC, TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK, TimeInForce.DAY)
)


class AnyCommands(RuleBasedStateMachine):
    """Five accounts, thin to rich, one of them a lender of coins."""

    def __init__(self) -> None:
        super().__init__()
        self.w = World()
        self.book: dict[tuple[str, Side, int], int] = {}

    @initialize()
    def open(self) -> None:
        self.w = world()
        self.w.checked = False
        for name, coins in (("rich", 200), ("also", 100), ("thin", 1)):
            self.w.account(name, XBt=coins * XBT, ETC=coins * 20 * ETC)
        self.w.account("bare", XBt=2 * XBT)
        lender = self.w.account("lender", XBt=XBT, ETC=3_000 * ETC)
        offers = ((500 * ETC, 10**9), (1_000 * ETC, 3 * 10**9))
        self.w.ok(c.OfferLoans(account=lender, currency="ETC", offers=offers))

    def do(self, command: c.AnyCommand) -> None:
        for event in self.w.tried(command):
            if isinstance(event, TickChanged):
                self.book = {key: n for key, n in self.book.items() if key[0] != event.symbol}
            elif isinstance(event, BookChanged):
                self.book[event.symbol, event.side, event.price] = event.size

    @rule(
        account=ACCOUNTS,
        side=SIDES,
        qty=st.integers(1, 900),
        offset=st.integers(-400, 400),
        inst=INSTRUCTIONS,
        tif=TIMES,
        display=st.sampled_from((None, None, 0, 1)),
    )
    def place_future(
        self,
        account: int,
        side: Side,
        qty: int,
        offset: int,
        inst: ExecInst,
        tif: TimeInForce,
        display: int | None,
    ) -> None:
        market = self.w.x.markets["ETC7D"]
        mid = market.mark * 10**4 // market.spec.tick_pico
        self.do(order(account, side, qty, mid + offset, tif=tif, inst=inst, display=display))

    @rule(
        account=ACCOUNTS,
        side=SIDES,
        qty=st.integers(1, 300 * ETC),
        offset=st.integers(-40_000, 40_000),
        inst=INSTRUCTIONS,
        tif=TIMES,
    )
    def place_spot(
        self, account: int, side: Side, qty: int, offset: int, inst: ExecInst, tif: TimeInForce
    ) -> None:
        market = self.w.x.markets["ETC_XBT"]
        mid = market.mark * 10**4 // market.spec.tick_pico
        self.do(order(account, side, qty, mid + offset, "ETC_XBT", tif=tif, inst=inst))

    @rule(
        account=ACCOUNTS,
        side=SIDES,
        qty=st.integers(1, 900),
        symbol=st.sampled_from(("ETC7D", "ETC_XBT")),
    )
    def market_order(self, account: int, side: Side, qty: int, symbol: str) -> None:
        size = qty if symbol == "ETC7D" else qty * ETC // 3
        self.do(order(account, side, size, None, symbol))

    @rule(
        account=ACCOUNTS,
        side=SIDES,
        kind=st.sampled_from(WAITING),
        qty=st.integers(0, 300),
        offsets=st.tuples(st.integers(-400, 400), st.integers(-400, 400)),
        by=TRIGGERS,
        inst=INSTRUCTIONS,
        tif=TIMES,
        link=LINKS,
        symbol=SYMBOLS,
    )
    def place_stop(
        self,
        *,
        account: int,
        side: Side,
        kind: OrdType,
        qty: int,
        offsets: tuple[int, int],
        by: ExecInst,
        inst: ExecInst,
        tif: TimeInForce,
        link: tuple[str, str],
        symbol: str,
    ) -> None:
        unit, mid = self.unit_and_mid(symbol)
        limits = kind in {OrdType.STOP_LIMIT, OrdType.LIMIT_IF_TOUCHED}
        self.do(
            c.PlaceOrder(
                account=account,
                symbol=symbol,
                side=side,
                ord_type=kind,
                order_qty=qty * unit or None,
                price=max(1, mid + offsets[1] * 10) if limits else None,
                stop_px=max(1, mid + offsets[0] * 10),
                exec_inst=inst | by,
                time_in_force=tif,
                contingency_type=link[0],
                cl_ord_link_id=link[1],
            )
        )

    @rule(
        account=ACCOUNTS,
        side=SIDES,
        kind=st.sampled_from(WAITING),
        offset=st.integers(-2_000, 2_000),
        by=TRIGGERS,
        symbol=SYMBOLS,
    )
    def trail(
        self, account: int, side: Side, kind: OrdType, offset: int, by: ExecInst, symbol: str
    ) -> None:
        unit, mid = self.unit_and_mid(symbol)
        limits = kind in {OrdType.STOP_LIMIT, OrdType.LIMIT_IF_TOUCHED}
        self.do(
            c.PlaceOrder(
                account=account,
                symbol=symbol,
                side=side,
                ord_type=kind,
                order_qty=50 * unit,
                price=mid if limits else None,
                peg_price_type="TrailingStopPeg",
                peg_offset=offset,
                exec_inst=by,
            )
        )

    @rule(
        account=ACCOUNTS,
        side=SIDES,
        qty=st.integers(1, 300),
        offset=st.integers(-300, 300),
        link=LINKS,
        symbol=SYMBOLS,
    )
    def place_linked(
        self,
        account: int,
        side: Side,
        qty: int,
        offset: int,
        link: tuple[str, str],
        symbol: str,
    ) -> None:
        unit, mid = self.unit_and_mid(symbol)
        self.do(
            c.PlaceOrder(
                account=account,
                symbol=symbol,
                side=side,
                order_qty=qty * unit,
                price=max(1, mid + offset),
                contingency_type=link[0],
                cl_ord_link_id=link[1],
            )
        )

    @rule(
        account=ACCOUNTS,
        side=SIDES,
        peg=st.sampled_from(("PrimaryPeg", "MarketPeg", "LastPeg", "MidPricePeg")),
        offset=st.integers(-50, 50),
        symbol=SYMBOLS,
    )
    def place_pegged(self, account: int, side: Side, peg: str, offset: int, symbol: str) -> None:
        unit, _ = self.unit_and_mid(symbol)
        self.do(
            c.PlaceOrder(
                account=account,
                symbol=symbol,
                side=side,
                ord_type=OrdType.PEGGED,
                order_qty=20 * unit,
                peg_price_type=peg,
                peg_offset=offset,
                exec_inst=ExecInst.FIXED,
            )
        )

    @rule(account=ACCOUNTS, pick=st.integers(0, 50), offset=st.integers(-300, 300))
    def amend_stop(self, account: int, pick: int, offset: int) -> None:
        mine = [one for one in self.w.x.open_orders(account) if one.waiting]
        if mine:
            one = mine[pick % len(mine)]
            trails = bool(one.peg_price_type)
            self.do(
                c.AmendOrder(
                    account=account,
                    order_id=one.order_id,
                    stop_px=None if trails else max(1, (one.stop_px or 1) + offset),
                    peg_offset=offset if trails else None,
                    leaves_qty=one.leaves_qty // 2 or None,
                )
            )

    def unit_and_mid(self, symbol: str) -> tuple[int, int]:
        """Return what a small quantity is counted in, and the mark in ticks."""
        market = self.w.x.markets[symbol]
        unit = 1 if symbol == "ETC7D" else ETC // 10
        return unit, market.mark * 10**4 // market.spec.tick_pico

    @rule(account=ACCOUNTS, symbol=st.sampled_from(("ETC7D", "ETC_XBT")))
    def close(self, account: int, symbol: str) -> None:
        self.do(order(account, None, None, None, symbol, inst=ExecInst.CLOSE))

    @rule(
        account=ACCOUNTS,
        picks=st.lists(st.integers(0, 50), min_size=1, max_size=3, unique=True),
        offset=st.integers(-300, 300),
        percent=st.integers(0, 250),
    )
    def amend(self, account: int, picks: list[int], offset: int, percent: int) -> None:
        mine = self.w.x.open_orders(account)
        if not mine:
            return
        named = {pick % len(mine) for pick in picks}
        amends = []
        for pick in sorted(named):
            one = mine[pick]
            step = offset if one.symbol == "ETC7D" else offset * 100
            leaves = one.leaves_qty * percent // 100
            amends.append(
                c.AmendOrder(
                    account=account,
                    order_id=one.order_id,
                    price=max(1, one.price + step),
                    leaves_qty=leaves,
                )
            )
        self.do(c.AmendBulk(account=account, amends=tuple(amends)))

    @rule(account=ACCOUNTS, pick=st.integers(0, 50))
    def revive(self, account: int, pick: int) -> None:
        ended = [
            one
            for one in self.w.x.orders.values()
            if one.account == account and one.cum_qty and one.ord_type is OrdType.LIMIT
        ]
        if ended:
            one = ended[pick % len(ended)]
            leaves = max(1, one.order_qty // 2)
            self.do(c.AmendOrder(account=account, order_id=one.order_id, leaves_qty=leaves))

    @rule(account=ACCOUNTS, pick=st.integers(0, 50))
    def cancel(self, account: int, pick: int) -> None:
        mine = self.w.x.open_orders(account)
        if mine:
            one = mine[pick % len(mine)]
            self.do(c.CancelOrders(account=account, order_ids=(one.order_id,)))

    @rule(account=ACCOUNTS)
    def cancel_all(self, account: int) -> None:
        self.do(c.CancelAll(account=account))

    @rule(account=ACCOUNTS, cents=st.sampled_from((0, 100, 500, 1_999, 2_000)))
    def leverage(self, account: int, cents: int) -> None:
        self.do(c.SetLeverage(account=account, symbol="ETC7D", leverage_cents=cents))

    @rule(account=ACCOUNTS, enabled=st.booleans())
    def isolate(self, account: int, enabled: bool) -> None:
        self.do(c.IsolateMargin(account=account, symbol="ETC7D", enabled=enabled))

    @rule(account=ACCOUNTS, steps=st.sampled_from((-1, 0, 0, 1, 2, 5, 40)), off=st.booleans())
    def risk_limit(self, account: int, steps: int, off: bool) -> None:
        spec = self.w.x.markets["ETC7D"].spec
        limit = spec.risk_limit + steps * spec.risk_step + (off and steps == 1)
        self.do(c.SetRiskLimit(account=account, symbol="ETC7D", risk_limit=limit))

    @rule(account=ACCOUNTS, amount=st.integers(-XBT, XBT))
    def transfer(self, account: int, amount: int) -> None:
        self.do(c.TransferMargin(account=account, symbol="ETC7D", amount=amount))

    @rule(percent=st.integers(-30, 30), seconds=st.integers(1, 600))
    def move(self, percent: int, seconds: int) -> None:
        price = max(10**9, self.w.x.indices[".ETCXBT"].price * 10**4 * (100 + percent) // 100)
        self.w.now += seconds * 10**9
        self.do(c.IndexPrints(index=".ETCXBT", prices=(price,) * 3))
        self.w.now += 5 * 10**9
        self.do(c.Advance())

    @rule(seconds=st.integers(1, 4_000))
    def wait(self, seconds: int) -> None:
        self.w.now += seconds * 10**9
        self.do(c.Advance())

    @rule(account=ACCOUNTS, seconds=st.integers(0, 100))
    def dead_man(self, account: int, seconds: int) -> None:
        self.do(c.CancelAllAfter(account=account, timeout_ns=seconds * 10**9))

    @rule(mode=st.sampled_from((Mode.OPEN, Mode.OPEN, *Mode)))
    def mode(self, mode: Mode) -> None:
        self.do(c.SetMode(mode=mode))

    @rule(
        symbol=st.sampled_from(("ETC7D", "ETC_XBT")),
        tick=st.sampled_from((10**4, 2 * 10**4, 10**5, 10**6, 10**6, 5 * 10**6)),
        delay=st.integers(0, 60),
    )
    def announce_tick(self, symbol: str, tick: int, delay: int) -> None:
        self.announce(c.TickChange(symbol=symbol, tick_pico=tick), delay)

    @rule(
        symbol=st.sampled_from(("ETC7D", "ETC_XBT")),
        maker=st.integers(-600, 2_000),
        taker=st.integers(600, 4_000),
        delay=st.integers(0, 60),
    )
    def announce_fees(self, symbol: str, maker: int, taker: int, delay: int) -> None:
        change = c.FeeChange(symbol=symbol, maker_fee_ppm=maker, taker_fee_ppm=taker)
        self.announce(change, delay)

    @rule(init=st.integers(10_000, 200_000), percent=st.integers(10, 90))
    def announce_margins(self, init: int, percent: int) -> None:
        maint = init * percent // 100
        change = c.MarginChange(symbol="ETC7D", init_margin_ppm=init, maint_margin_ppm=maint)
        self.announce(change, 0)

    @rule(mode=st.sampled_from(tuple(Mode)), delay=st.integers(0, 60), minutes=st.integers(1, 20))
    def announce_mode(self, mode: Mode, delay: int, minutes: int) -> None:
        until_ns = self.w.now + (delay + minutes * 60) * 10**9
        self.announce(c.SetMode(mode=mode, until_ns=until_ns), delay)

    def announce(self, change: c.AnyChange, delay_s: int) -> None:
        self.do(c.Announce(change=change, effective_ns=self.w.now + delay_s * 10**9))

    @rule(account=ACCOUNTS, amount=st.integers(1, 10**7))
    def deposit(self, account: int, amount: int) -> None:
        self.do(c.Deposit(to_account=account, currency="XBt", amount=amount))

    @rule(amount=st.integers(1, 3_000), rate=st.integers(1, 10**10))
    def offer(self, amount: int, rate: int) -> None:
        self.do(c.OfferLoans(account=5, currency="ETC", offers=((amount * ETC, rate),)))

    @rule(
        percent=st.sampled_from((-60, -35, -20, 25, 45, 90)), amount=st.sampled_from((0, 7, 10**6))
    )
    def jump(self, percent: int, amount: int) -> None:
        """The mark leaps through bankruptcy, and the fund is small."""
        if amount:
            self.do(c.DepositFund(currency="XBt", amount=amount))
        self.move(percent=percent, seconds=1)

    @rule(cents=st.sampled_from((0, 2_000)), side=SIDES, qty=st.integers(1, 3_000))
    def bet_all(self, cents: int, side: Side, qty: int) -> None:
        """The rich trade a lot with the thin, who have high leverage."""
        mid = self.w.x.markets["ETC7D"].mark // 100
        self.do(c.SetLeverage(account=4, symbol="ETC7D", leverage_cents=cents))
        self.do(order(1, side.other, qty, mid))
        self.do(order(4, side, min(qty, 1_500), mid))
        self.do(order(3, side, min(qty, 700), mid))

    @rule(coins=st.sampled_from((5, 50)), method=st.sampled_from(LossMethod))
    def settle_and_list_anew(self, coins: int, method: LossMethod) -> None:
        self.do(c.SetMode(mode=Mode.OPEN))
        self.do(c.ExpireNow(symbol="ETC7D"))
        listing = max(self.w.now, START_NS)
        self.w.enlist(
            ETC7D,
            listing_ns=listing,
            expiry_ns=listing + WEEK_NS,
            risk_limit=coins * XBT,
            risk_step=coins * XBT,
            loss_method=method,
            insurance_fee_ppm=150 if method is LossMethod.GUARANTEED else 0,
        )

    @invariant()
    def everything_holds(self) -> None:
        self.w.x.check()

    @invariant()
    def what_was_told_of_the_books_is_what_they_are(self) -> None:
        assert {key: size for key, size in self.book.items() if size} == self.w.books()


AnyCommands.TestCase.settings = settings(
    max_examples=60, stateful_step_count=50, deadline=None, derandomize=True
)
