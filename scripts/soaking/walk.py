"""A seeded walk through everything that can be asked of the exchange, one command a step.

A walk reads the exchange as its clients do, between commands, so that what it asks is mostly
sensible: prices near the mark, amends of orders that are there. The same seed asks the same.
"""

import random
from collections import Counter
from collections.abc import Callable

import msgspec

from scripts.soaking.auditor import Auditor, Told
from scripts.soaking.market import (
    ACCOUNTS,
    COIN,
    INSTRUMENTS,
    LENDER,
    MEMBERS,
    PRICES,
    START_NS,
    XBT,
    opening,
)
from sim_exchange.core import commands as c
from sim_exchange.core.events import Accepted, Event, Refused
from sim_exchange.core.exchange import Exchange
from sim_exchange.core.types import (
    MINUTE_NS,
    SECOND_NS,
    ExecInst,
    MarkMethod,
    Mode,
    OrdType,
    Side,
    State,
    TimeInForce,
)
from sim_exchange.journal import Journal

TIMES = (TimeInForce.GTC,) * 8 + (TimeInForce.IOC, TimeInForce.FOK, TimeInForce.DAY)
INSTRUCTIONS = (ExecInst.NONE,) * 9 + (ExecInst.POST_ONLY, ExecInst.REDUCE_ONLY, ExecInst.CLOSE)
MARKS = (MarkMethod.FAIR, MarkMethod.FAIR, MarkMethod.LAST, MarkMethod.LAST_PROTECTED)
TELLING = frozenset({"SettledAt", "Liquidated", "FundingPaid", "Deleveraged", "SplitTaken"})
"""Events around which the whole check is run at once."""


class Walk:
    """One exchange, and what is asked of it."""

    def __init__(self, seed: str, journal: Journal | None = None) -> None:
        """Open the market of ``seed``; nobody has traded yet. ``journal`` keeps every command."""
        self.rng = random.Random(seed)  # noqa: S311 - a test, not a secret
        self.now_ns = START_NS
        self.exchange = Exchange(START_NS)
        self.steps = 0
        self.last: c.AnyCommand = c.Advance()
        self.seen: Counter[str] = Counter()
        self.told_much = False
        """Whether the last command brought a settlement, funding, liquidation or the like."""
        self._auditor = Auditor(self.exchange)
        self._told = Told()
        self._journal = journal
        self._moves = self._weighed()
        self._print_all()
        for command in opening():
            self.do(command)
        self._print_all()

    @property
    def digest(self) -> str:
        """All commands and events so far, in one number."""
        return self._told.digest

    def do(self, command: c.AnyCommand) -> tuple[Event, ...]:
        """Apply one command now; compare what it told with what is."""
        self.last = command
        events = self.exchange.apply(command, self.now_ns)
        self.steps += 1
        self._auditor.hear(events)
        self._told.hear(self.now_ns, command, events)
        if self._journal is not None:
            self._journal.append(self.steps, self.now_ns, command)
        self.told_much = False
        for event in events:
            name = type(event).__name__
            if name in TELLING:
                self.told_much = True
            self.seen[name] += 1
            if isinstance(event, Refused):
                self.seen[f"refused {event.reason.value}"] += 1
        return events

    def step(self) -> None:
        """Ask for one thing, drawn by weight."""
        moves, weights = self._moves
        self.rng.choices(moves, cum_weights=weights)[0]()

    def move(self, number: int, rng: random.Random) -> None:
        """Ask for the thing of this number, its details drawn from ``rng``."""
        self.rng = rng
        moves, _ = self._moves
        moves[number % len(moves)]()

    def _weighed(self) -> tuple[list[Callable[[], None]], list[int]]:
        table: tuple[tuple[int, Callable[[], None]], ...] = (
            (420, self._place),
            (90, self._take),
            (60, self._stop),
            (40, self._close),
            (120, self._amend),
            (180, self._cancel),
            (8, self._cancel_all),
            (50, self._print),
            (20, self._wait),
            (6, self._offer),
            (6, self._lend),
            (2, self._mode),
            (10, self._choose),
            (8, self._withdraw),
            (4, self._chain),
            (3, self._transfer),
            (2, self._announce),
            (1, self._operate),
            (4, self._dead_man),
            (6, self._deposit),
            (1, self._expire),
        )
        total, weights = 0, []
        for weight, _ in table:
            total += weight
            weights.append(total)
        return [move for _, move in table], weights

    # --- who, where, how much

    def _account(self) -> int:
        return self.rng.randint(1, ACCOUNTS)

    def _symbol(self) -> str:
        return self.rng.choice(INSTRUMENTS).symbol

    def _price(self, symbol: str, side: Side) -> int | None:
        """Return a price near the mark in ticks, seldom through it; None without a mark."""
        market = self.exchange.markets[symbol]
        spec = market.spec
        mark = market.mark * 10 ** (12 - spec.mark_decimals) // spec.tick_pico
        if not mark:
            return None
        away = self.rng.randint(-mark // 400 - 1, mark // 60 + 2)
        price: int = mark - side * away
        return max(1, min(price, spec.max_price_ticks))

    def _qty(self, symbol: str, account: int) -> int:
        """Return a quantity that the account could often hold, and now and then can't."""
        market = self.exchange.markets[symbol]
        if market.spec.base_currency:
            return self.rng.randint(1, 40 * COIN)
        value = max(1, market.mark_value)
        free = self.exchange.margin(account, "XBt").available
        most = max(2, free * 20 // (value * self.rng.choice((1, 5, 20))))
        return self.rng.randint(1, min(most, 200_000))

    # --- orders

    def _place(self) -> None:
        symbol, account = self._symbol(), self._account()
        side = self.rng.choice((Side.BUY, Side.SELL))
        price = self._price(symbol, side)
        if price is None:
            self._wait()
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

    # --- prices and time

    def _print(self) -> None:
        """Print an index anew, now and then with a jump through many a bankruptcy."""
        rng = self.rng
        symbol = rng.choice(tuple(PRICES))
        row = self.exchange.indices[symbol]
        home = PRICES[symbol]
        price: int = row.price * 10 ** (12 - row.spec.decimals) or home
        jump = rng.random() < 0.06
        move = rng.gauss(0, 0.09 if jump else 0.004)
        price = int(price * max(0.7, min(1.4, 1 + move)))
        price += (home - price) // 50  # it comes back in the long run
        self.now_ns += rng.randint(1, 20) * SECOND_NS
        prices = tuple(price * rng.randint(9_990, 10_010) // 10_000 for _ in MEMBERS)
        self.do(c.IndexPrints(index=symbol, prices=prices))
        self._publish()

    def _print_all(self) -> None:
        for symbol, price in PRICES.items():
            if symbol in self.exchange.indices:
                self.do(c.IndexPrints(index=symbol, prices=(price,) * len(MEMBERS)))
        self._publish()

    def _publish(self) -> None:
        self.now_ns = (self.now_ns // (5 * SECOND_NS) + 1) * 5 * SECOND_NS
        self.do(c.Advance())

    def _wait(self) -> None:
        """Let time pass, within what an index bears before it grows stale."""
        longest = 8 * 60 if self.rng.random() < 0.95 else 9 * 3_600
        self.now_ns += self.rng.randint(1, longest) * SECOND_NS + self.rng.randrange(SECOND_NS)
        self.do(c.Advance())
        if longest > 8 * 60:
            for symbol in PRICES:
                row = self.exchange.indices[symbol]
                price: int = row.price * 10 ** (12 - row.spec.decimals)
                self.do(c.IndexPrints(index=symbol, prices=(price,) * len(MEMBERS)))
            self.now_ns += 6 * MINUTE_NS
            self.do(c.Advance())
        self._list_anew()

    # --- money and the venue's own

    def _deposit(self) -> None:
        currency, amount = self.rng.choice((("XBt", XBT // 2), ("ETC", 20 * COIN)))
        self.do(c.Deposit(to_account=self._account(), currency=currency, amount=amount))

    def _lend(self) -> None:
        """Lend and borrow by one's own terms."""
        rng, account = self.rng, self._account()
        self.do(
            rng.choice(
                (
                    c.PostOffer(
                        account=account,
                        currency="ETC",
                        amount=rng.randint(1, 20 * COIN),
                        rate=rng.randint(1, 10**10),
                        days=rng.randint(2, 60),
                        auto_renew=rng.random() < 0.5,
                        compound=rng.random() < 0.3,
                    ),
                    c.CancelOffer(account=account, offer=rng.randint(1, 50)),
                    c.SetMaxLoanRate(account=account, rate=rng.randint(10**8, 10**10)),
                )
            )
        )

    def _offer(self) -> None:
        offers = tuple(
            (self.rng.randint(1, 1_000 * COIN), self.rng.randint(1, 10**10))
            for _ in range(self.rng.randint(0, 4))
        )
        self.do(c.OfferLoans(account=LENDER, currency="ETC", offers=offers))

    def _mode(self) -> None:
        symbol = self.rng.choice(("", self._symbol()))
        self.do(c.SetMode(symbol=symbol, mode=self.rng.choice(list(Mode))))
        self.now_ns += self.rng.randint(1, 300) * SECOND_NS
        self.do(c.Advance())
        self.do(c.SetMode(mode=Mode.OPEN))

    def _choose(self) -> None:
        """Choose leverage, risk limit, margin mode, or move margin."""
        rng, account, symbol = self.rng, self._account(), self._symbol()
        spec = self.exchange.markets[symbol].spec
        cents = rng.choice((0, 100, 300, 1_000, 2_000, 5_000, 10_000))
        limit = spec.risk_limit + rng.randint(-1, 4) * spec.risk_step + (rng.random() < 0.1)
        amount = rng.randint(-XBT // 20, XBT // 10)
        self.do(
            rng.choice(
                (
                    c.SetLeverage(account=account, symbol=symbol, leverage_cents=cents),
                    c.SetRiskLimit(account=account, symbol=symbol, risk_limit=limit),
                    c.IsolateMargin(account=account, symbol=symbol, enabled=rng.random() < 0.5),
                    c.TransferMargin(account=account, symbol=symbol, amount=amount),
                )
            )
        )

    def _withdraw(self) -> None:
        rng, account = self.rng, self._account()
        currency = rng.choice(("XBt", "ETC"))
        events = self.do(
            c.RequestWithdrawal(
                account=account,
                currency=currency,
                amount=rng.randint(1, XBT // 10),
                address="1Soak",
            )
        )
        number = next((event.ref for event in events if isinstance(event, Accepted)), 0)
        if rng.random() < 0.5:
            self.do(c.ConfirmWithdrawal(account=account, withdrawal=number))
        elif rng.random() < 0.5:
            self.do(c.CancelWithdrawal(account=account, withdrawal=number))

    def _chain(self) -> None:
        rng = self.rng
        account = self._account()
        self.do(
            rng.choice(
                (
                    c.AnnounceDeposit(to_account=account, currency="XBt", amount=XBT // 50),
                    c.ChainBlocks(currency="XBt", count=rng.randint(1, 3)),
                    c.SetWalletRules(currency="XBt", confirmations=rng.choice((1, 6))),
                    c.AddWithdrawalRound(round_ns=self.now_ns + rng.randint(1, 10**13)),
                )
            )
        )

    def _transfer(self) -> None:
        rng = self.rng
        source, target = rng.sample((1, 3, self._account() % ACCOUNTS + 1), 2)
        self.do(
            c.Transfer(
                account=1,
                source=source,
                target=target,
                currency=rng.choice(("XBt", "ETC")),
                amount=rng.randint(1, 2 * XBT),
            )
        )

    def _announce(self) -> None:
        """Announce another tick, other fees or margins, and let them come into force."""
        rng, symbol = self.rng, self._symbol()
        spec = self.exchange.markets[symbol].spec
        change: c.AnyChange = c.FeeChange(
            symbol=symbol,
            maker_fee_ppm=rng.choice((-250, -500, 0)),
            taker_fee_ppm=rng.choice((500, 750, 2_500)),
        )
        kind = rng.random()
        if kind < 0.4:
            finer = rng.random() < 0.5
            tick = max(1, spec.tick_pico // 2) if finer else spec.tick_pico * 2
            change = c.TickChange(symbol=symbol, tick_pico=tick)
        elif kind < 0.6 and spec.init_margin_ppm and spec.option is None:
            change = c.MarginChange(
                symbol=symbol,
                init_margin_ppm=rng.choice((10_000, 20_000, 50_000, 500_000)),
                maint_margin_ppm=rng.choice((5_000, 10_000, 25_000)),
            )
        effective_ns = self.now_ns + rng.randint(0, 300) * SECOND_NS
        self.do(c.Announce(change=change, effective_ns=effective_ns))
        if rng.random() < 0.5:
            self._wait()

    def _operate(self) -> None:
        """Do what an operator seldom does."""
        rng = self.rng
        jump = rng.randint(10**9, 10**12)
        self.do(
            rng.choice(
                (
                    c.SetDifficulty(symbol="TH1BTC", difficulty=jump),
                    c.SetConstituent(index=".BXBT", constituent="A", status="reinstate"),
                    c.TakeSnapshot(currency="XBt", coin="BCH"),
                    c.SetReference(symbol="QTUMU18", reference_symbol=".ETCXBT"),
                    c.SetFlags(to_account=1, flags=()),
                    c.SetFlags(to_account=1, flags=("anchorMM",)),
                    c.DepositFund(currency="XBt", amount=rng.randint(1, 10**6)),
                    c.FundNow(symbol="XBTUSD"),
                    c.SetMarkMethod(symbol="XBTUSD", method=rng.choice(MARKS)),
                    c.RefundLiquidations(
                        symbol="XBTUSD",
                        from_ns=self.now_ns - 3_600 * SECOND_NS,
                        until_ns=self.now_ns,
                        reference=self.exchange.markets["XBTUSD"].mark,
                    ),
                )
            )
        )

    def _expire(self) -> None:
        self.do(c.ExpireNow(symbol=self._symbol()))
        self._list_anew()

    def _list_anew(self) -> None:
        """Relist what has been settled, for as long as it lived before."""
        for spec in INSTRUMENTS:
            market = self.exchange.markets[spec.symbol]
            if market.state is State.SETTLED and spec.expiry_ns is not None:
                life = spec.expiry_ns - spec.listing_ns
                again = msgspec.structs.replace(
                    spec, listing_ns=self.now_ns, expiry_ns=self.now_ns + life
                )
                self.do(c.ListInstrument(spec=again))
