"""Withdrawals: asked for, confirmed, sent in rounds at 13:00 UTC, or canceled (E27).

A round sends what was confirmed strictly before its instant: a confirmation at 13:00:00.000 goes
the next day. The operator may add rounds; the one of the day still runs. While withdrawals of a
currency are disabled, none is requested or confirmed and rounds leave what is confirmed waiting.
"""

from functools import partial

from sim_exchange.core import commands as c
from sim_exchange.core.events import Accepted, WithdrawalChanged
from sim_exchange.core.risk.margin import withdrawable
from sim_exchange.core.risk.state import Handlers, State
from sim_exchange.core.timers import WITHDRAWALS
from sim_exchange.core.treasury.cash import Withdrawal
from sim_exchange.core.treasury.ledger import EXTERNAL, PENDING
from sim_exchange.core.treasury.offers import add
from sim_exchange.core.types import DAY_NS, HOUR_NS, Cause, Reason, WithdrawalStatus

ROUND_NS = 13 * HOUR_NS
"""When the round of each day runs, after midnight UTC."""
LONGEST_ADDRESS = 200
"""Characters of an address."""


def daily_round(after_ns: int) -> int:
    """Return the first round of a day that comes after an instant.

    >>> daily_round(0) == ROUND_NS, daily_round(ROUND_NS) == ROUND_NS + DAY_NS
    (True, True)
    """
    return (after_ns - ROUND_NS) // DAY_NS * DAY_NS + ROUND_NS + DAY_NS


class Withdrawals:
    """Takes withdrawals in and sends them in rounds."""

    def __init__(self, state: State) -> None:
        self._state = state

    def handlers(self) -> Handlers:
        """Return what each command does."""
        return {
            c.RequestWithdrawal: self._request,
            c.ConfirmWithdrawal: self._confirm,
            c.CancelWithdrawal: self._cancel,
            c.AddWithdrawalRound: self._add_round,
            c.SetWalletRules: self._set_rules,
        }

    def _request(self, command: c.RequestWithdrawal) -> None:
        state, currency = self._state, command.currency
        account = state.accounts.get(command.account)
        if account is None or account is state.engine:
            state.refuse(Reason.UNKNOWN_ACCOUNT, command.account)
            return
        rules = state.cash.rules(currency)
        fee = rules.min_fee if command.fee is None else command.fee
        if not self._is_sound(command, fee):
            return
        amount = command.amount
        free = withdrawable(state, account, currency)
        if amount + fee > free:
            text = f"{amount} and a fee of {fee} are more than {free} {currency}"
            state.refuse(Reason.NOT_WITHDRAWABLE, free, text)
            return
        cash = state.cash
        held = Withdrawal(
            cash.next_withdrawal,
            command.account,
            currency,
            amount,
            fee,
            command.address,
            command.text,
            state.now_ns,
        )
        cash.next_withdrawal += 1
        cash.withdrawals[held.number] = held
        state.out.append(Accepted(ref=held.number))
        state.ledger.move(Cause.WITHDRAWAL, currency, account.wallet, PENDING, held.total)
        state.tell_wallet(account, currency, -held.total, Cause.WITHDRAWAL, "")
        state.touch_margin(account, currency)
        self._tell(held)

    def _is_sound(self, command: c.RequestWithdrawal, fee: int) -> bool:
        """Whether the words of a request are allowed; refuse it otherwise."""
        state, amount = self._state, command.amount
        rules = state.cash.rules(command.currency)
        if not rules.withdrawals:
            state.refuse(Reason.WITHDRAWALS_DISABLED, text=command.currency)
        elif type(amount) is not int or amount == 0 or not command.currency:
            state.refuse(Reason.BAD_AMOUNT, text=f"amount {amount} must be positive")
        elif amount < 0:
            state.refuse(Reason.NEGATIVE_AMOUNT, text=f"amount {amount} must be positive")
        elif type(fee) is not int or fee < rules.min_fee:
            text = f"fee {fee} must be at least {rules.min_fee}"
            state.refuse(Reason.BAD_FEE, rules.min_fee, text)
        elif not 0 < len(command.address.strip()) <= LONGEST_ADDRESS:
            state.refuse(Reason.BAD_ADDRESS, LONGEST_ADDRESS, "1 to 200 characters are needed")
        else:
            return True
        return False

    def _confirm(self, command: c.ConfirmWithdrawal) -> None:
        state = self._state
        held = self._pending(command.account, command.withdrawal)
        if held is None:
            return
        if not state.cash.rules(held.currency).withdrawals:
            state.refuse(Reason.WITHDRAWALS_DISABLED, text=held.currency)
            return
        held.status = WithdrawalStatus.CONFIRMED
        held.at_ns = state.now_ns
        state.out.append(Accepted(ref=held.number))
        self.plan(daily_round(state.now_ns))
        self._tell(held)

    def _cancel(self, command: c.CancelWithdrawal) -> None:
        state = self._state
        held = self._pending(command.account, command.withdrawal)
        if held is None:
            return
        account = state.accounts[held.account]
        state.out.append(Accepted(ref=held.number))
        self._end(held, WithdrawalStatus.CANCELED)
        state.ledger.move(Cause.WITHDRAWAL, held.currency, PENDING, account.wallet, held.total)
        state.tell_wallet(account, held.currency, held.total, Cause.WITHDRAWAL, "")
        state.touch_margin(account, held.currency)
        self._tell(held)

    def _pending(self, account: int, number: int) -> Withdrawal | None:
        """Return an account's pending withdrawal; refuse the command when it is none."""
        state = self._state
        held = state.cash.withdrawals.get(number)
        owner = state.cash.ended.get(number) if held is None else held.account
        if owner is None or owner != account:
            state.refuse(Reason.UNKNOWN_WITHDRAWAL, number)
            return None
        if held is None or held.status is not WithdrawalStatus.PENDING:
            state.refuse(Reason.NOT_PENDING, number)
            return None
        return held

    def _add_round(self, command: c.AddWithdrawalRound) -> None:
        state = self._state
        if command.round_ns <= state.now_ns:
            text = f"round_ns {command.round_ns} must be after now, {state.now_ns}"
            state.refuse(Reason.BAD_TIME, text=text)
            return
        state.out.append(Accepted())
        self.plan(command.round_ns)

    def _set_rules(self, command: c.SetWalletRules) -> None:
        state = self._state
        least = (("min_fee", command.min_fee, 0), ("confirmations", command.confirmations, 1))
        for name, value, lowest in least:
            if value is not None and (type(value) is not int or value < lowest):
                text = f"{name} {value} must be at least {lowest}"
                state.refuse(Reason.BAD_AMOUNT, lowest, text)
                return
        if not command.currency:
            state.refuse(Reason.BAD_AMOUNT, text="a currency is needed")
            return
        state.out.append(Accepted())
        rules = state.cash.own_rules(command.currency)
        if command.min_fee is not None:
            rules.min_fee = command.min_fee
        if command.confirmations is not None:
            rules.confirmations = command.confirmations
        if command.withdrawals is not None:
            rules.withdrawals = command.withdrawals

    # --- rounds

    def plan(self, round_ns: int) -> None:
        """Let a round run at an instant, once."""
        rounds = self._state.cash.rounds
        if round_ns not in rounds:
            rounds.add(round_ns)
            self._state.timers.at(round_ns, WITHDRAWALS, partial(self._send, round_ns))

    def _send(self, round_ns: int) -> None:
        """Send what was confirmed strictly before the round."""
        state = self._state
        cash = state.cash
        cash.rounds.discard(round_ns)
        for held in list(cash.withdrawals.values()):
            if held.status is not WithdrawalStatus.CONFIRMED:
                continue
            if held.at_ns >= round_ns or not cash.rules(held.currency).withdrawals:
                self.plan(daily_round(round_ns))
                continue
            key = (held.account, held.currency)
            self._end(held, WithdrawalStatus.COMPLETED)
            state.ledger.move(Cause.WITHDRAWAL, held.currency, PENDING, EXTERNAL, held.total)
            add(cash.withdrawn, key, held.total)
            self._tell(held)

    def _end(self, held: Withdrawal, status: WithdrawalStatus) -> None:
        state = self._state
        del state.cash.withdrawals[held.number]
        state.cash.ended[held.number] = held.account
        held.status = status
        held.at_ns = state.now_ns

    def _tell(self, held: Withdrawal) -> None:
        self._state.out.append(
            WithdrawalChanged(
                number=held.number,
                account=held.account,
                currency=held.currency,
                amount=held.amount,
                fee=held.fee,
                address=held.address,
                text=held.text,
                status=held.status,
                requested_ns=held.requested_ns,
                at_ns=held.at_ns,
            )
        )
