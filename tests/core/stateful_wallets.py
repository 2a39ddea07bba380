"""Random commands over wallets too: withdrawals, transfers, offers, awards, a contract in USDt."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from sim_exchange.core import commands as c
from sim_exchange.core.events import Accepted
from sim_exchange.core.risk.margin import available, withdrawable
from sim_exchange.core.types import DAY_NS, HOUR_NS, Side
from tests.core.stateful_exchange import ACCOUNTS, ETC, SIDES, AnyCommands
from tests.core.world import ETC7D, XBT, order

CURRENCIES = st.sampled_from(("XBt", "USDt", "ETC"))
USDT = 10**6


class WalletCommands(AnyCommands):
    """The accounts of ``AnyCommands`` with USDt; accounts 2 and 3 are linked to 1."""

    @initialize()
    def open(self) -> None:
        super().open()
        spec = {"symbol": "ETCT", "settl_currency": "USDt", "multiplier": 10**9}
        self.w.enlist(ETC7D, **spec)
        for account in range(1, 6):
            command = c.Deposit(to_account=account, currency="USDt", amount=1_000 * USDT)
            self.w.ok(command)
        for account in (2, 3):
            self.w.ok(c.LinkAccount(to_account=account, owner=1))

    def leaves(self, command: c.AnyCommand, account: int, currency: str) -> None:
        """Let money leave a wallet: what is left must be enough for all that stands on it."""
        state = self.w.x._state
        free = withdrawable(state, state.accounts[account], currency)
        self.do(command)
        if any(isinstance(event, Accepted) for event in self.w.events):
            assert available(state, state.accounts[account], currency) >= 0
            assert self.w.x.margin(account, currency).withdrawable < free

    @rule(account=ACCOUNTS, side=SIDES, qty=st.integers(1, 300), offset=st.integers(-400, 400))
    def place_in_usdt(self, account: int, side: Side, qty: int, offset: int) -> None:
        mid = self.w.x.markets["ETCT"].mark // 100
        self.do(order(account, side, qty, mid + offset, "ETCT"))

    @rule(account=ACCOUNTS, currency=CURRENCIES, percent=st.integers(0, 110))
    def request(self, account: int, currency: str, percent: int) -> None:
        free = self.w.x.margin(account, currency).withdrawable
        command = c.RequestWithdrawal(
            account=account,
            currency=currency,
            amount=free * percent // 100 - self.w.x.min_withdrawal_fee(currency),
            address="home",
        )
        self.leaves(command, account, currency)

    @rule(account=ACCOUNTS, pick=st.integers(0, 20), cancel=st.booleans())
    def decide(self, account: int, pick: int, cancel: bool) -> None:
        kind = c.CancelWithdrawal if cancel else c.ConfirmWithdrawal
        numbers = self.w.x.withdrawal_numbers(account)
        number = numbers[pick % len(numbers)] if numbers else pick
        self.do(kind(account=account, withdrawal=number))

    @rule(source=ACCOUNTS, to=ACCOUNTS, currency=CURRENCIES, percent=st.integers(0, 110))
    def transfer_between(self, source: int, to: int, currency: str, percent: int) -> None:
        free = self.w.x.margin(source, currency).withdrawable
        command = c.Transfer(
            account=source,
            source=source,
            target=to,
            currency=currency,
            amount=free * percent // 100,
        )
        self.leaves(command, source, currency)

    @rule(minutes=st.integers(-5, 300))
    def add_round(self, minutes: int) -> None:
        self.do(c.AddWithdrawalRound(round_ns=self.w.now + minutes * HOUR_NS // 60))

    @rule(
        currency=CURRENCIES,
        fee=st.sampled_from((None, 0, 5, 50_000)),
        open_=st.sampled_from((None, True, True, False)),
        needed=st.sampled_from((None, 1, 6)),
    )
    def wallet_rules(
        self, currency: str, fee: int | None, open_: bool | None, needed: int | None
    ) -> None:
        self.do(
            c.SetWalletRules(
                currency=currency, min_fee=fee, withdrawals=open_, confirmations=needed
            )
        )

    @rule(account=ACCOUNTS, currency=CURRENCIES, amount=st.integers(0, 10**8))
    def announce_deposit(self, account: int, currency: str, amount: int) -> None:
        self.do(c.AnnounceDeposit(to_account=account, currency=currency, amount=amount))

    @rule(currency=CURRENCIES, count=st.integers(1, 3))
    def blocks(self, currency: str, count: int) -> None:
        self.do(c.ChainBlocks(currency=currency, count=count))

    @rule(
        account=ACCOUNTS,
        amount=st.integers(1, 2_000 * ETC),
        rate=st.integers(1, 5 * 10**9),
        days=st.integers(1, 5),
        renews=st.booleans(),
        compound=st.booleans(),
    )
    def post_offer(
        self, account: int, amount: int, rate: int, days: int, renews: bool, compound: bool
    ) -> None:
        command = c.PostOffer(
            account=account,
            currency="ETC",
            amount=amount,
            rate=rate,
            days=days,
            auto_renew=renews,
            compound=compound,
        )
        self.leaves(command, account, "ETC")

    @rule(account=ACCOUNTS, offer=st.integers(1, 12))
    def cancel_offer(self, account: int, offer: int) -> None:
        self.do(c.CancelOffer(account=account, offer=offer))

    @rule(account=ACCOUNTS, rate=st.sampled_from((10**9, 2 * 10**9, 5 * 10**10)))
    def max_rate(self, account: int, rate: int) -> None:
        self.do(c.SetMaxLoanRate(account=account, rate=rate))

    @rule(days=st.integers(1, 2))
    def wait_days(self, days: int) -> None:
        self.w.now += days * DAY_NS
        self.do(c.Advance())

    @rule(seed=st.integers(0, 99), begin=st.booleans())
    def contest(self, seed: int, begin: bool) -> None:
        chatters = (1, 2, 4)
        prize = XBT // 7
        self.do(
            c.OpenContest() if begin else c.HoldAwards(seed=seed, chatters=chatters, prize=prize)
        )

    @invariant()
    def views_agree_with_what_may_leave(self) -> None:
        state = self.w.x._state
        for key, account in state.accounts.items():
            for currency in ("XBt", "USDt", "ETC") if key else ():
                shown = self.w.x.margin(key, currency).withdrawable
                assert shown == withdrawable(state, account, currency)


WalletCommands.TestCase.settings = settings(
    max_examples=25, stateful_step_count=50, deadline=None, derandomize=True
)
