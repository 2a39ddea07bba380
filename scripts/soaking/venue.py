"""What is asked about all else: prices, time, money, margins, and the venue's own business."""

from scripts.soaking.asker import Asker
from scripts.soaking.market import (
    ACCOUNTS,
    COIN,
    INDICES,
    LENDER,
    MEMBERS,
    PRICES,
    XBT,
)
from sim_exchange.core import commands as c
from sim_exchange.core.events import Accepted
from sim_exchange.core.types import (
    HOUR_NS,
    MINUTE_NS,
    SECOND_NS,
    MarkMethod,
    Mode,
)

MARKS = (MarkMethod.FAIR, MarkMethod.FAIR, MarkMethod.LAST, MarkMethod.LAST_PROTECTED)


class VenueMoves(Asker):
    """Moves of the world, of wallets and of the operator."""

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
        """Choose leverage, risk limit, margin mode, fee plan, or move margin."""
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
                    c.SetFeePlan(account=account, plan=rng.choice(("", "Trader", "Hedger"))),
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
                    c.OpenContest(),
                    c.HoldAwards(seed=jump, chatters=(1, 2, 3), prize=1_000),
                    c.SetSpamRule(most=rng.choice((0, 5))),
                    c.SetFundingInterval(symbol="XBTUSD", interval_ns=rng.choice((2, 8)) * HOUR_NS),
                    c.SetComposition(
                        index=".BETH", constituents=INDICES[1].constituents[: jump % 3 + 1]
                    ),
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
