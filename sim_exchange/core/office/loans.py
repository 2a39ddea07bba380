"""What accounts offer to borrowers, and the dearest rate that they borrow at themselves (E24)."""

from sim_exchange.core import commands as c
from sim_exchange.core.events import Accepted, Refused
from sim_exchange.core.fixings.marks import Marks
from sim_exchange.core.orders.account import Account
from sim_exchange.core.risk.margin import available, withdrawable
from sim_exchange.core.risk.state import Handlers, State
from sim_exchange.core.treasury.offers import MAX_RATE_PICO
from sim_exchange.core.types import Reason


class Loans:
    """Takes offers of loans in and back."""

    def __init__(self, state: State, marks: Marks) -> None:
        self._state = state
        self._marks = marks

    def handlers(self) -> Handlers:
        """Return what each command does."""
        return {
            c.OfferLoans: self._replace,
            c.PostOffer: self._post,
            c.CancelOffer: self._cancel,
            c.SetMaxLoanRate: self._set_max_rate,
        }

    def _replace(self, command: c.OfferLoans) -> None:
        state, currency = self._state, command.currency
        lender = self._lender(command.account)
        if lender is None:
            return
        key = lender.account_id
        wanted = sum(amount for amount, _ in command.offers)
        free = available(state, lender, currency) + state.desk.offered(key, currency)
        if command.offers and min(amount for amount, _ in command.offers) > 0 and wanted > free:
            text = f"offers: {wanted} minor units of {currency} needed, {free} are free"
            needed = state.desk.reserved_of(key, currency) + wanted
            state.refuse(Reason.INSUFFICIENT_BALANCE, needed, text)
            return
        fault = state.desk.replace_offers(key, currency, command.offers, state.now_ns)
        if fault is not None:
            state.out.append(fault)
            return
        state.out.append(Accepted(ref=key))
        self._offered(lender, currency)

    def _post(self, command: c.PostOffer) -> None:
        state, currency, amount = self._state, command.currency, command.amount
        lender = self._lender(command.account)
        if lender is None:
            return
        free = withdrawable(state, lender, currency)
        if type(amount) is int and amount > free:
            text = f"{amount} is more than {free} {currency}"
            state.refuse(Reason.NOT_WITHDRAWABLE, free, text)
            return
        answer = state.desk.post_offer(
            lender.account_id,
            currency,
            amount,
            command.rate,
            days=command.days,
            renews=command.auto_renew,
            compound=command.compound,
        )
        if isinstance(answer, Refused):
            state.out.append(answer)
            return
        state.out.append(Accepted(ref=answer))
        self._offered(lender, currency)

    def _cancel(self, command: c.CancelOffer) -> None:
        state = self._state
        lender = self._lender(command.account)
        if lender is None:
            return
        currency = state.desk.cancel_offer(command.account, command.offer)
        if currency is None:
            state.refuse(Reason.UNKNOWN_OFFER, command.offer)
            return
        state.out.append(Accepted(ref=command.offer))
        self._offered(lender, currency)

    def _offered(self, lender: Account, currency: str) -> None:
        """Follow a change of what is on offer."""
        state = self._state
        state.lenders.add((lender.account_id, currency))
        self._marks.publish_lending(currency)
        state.touch_margin(lender, currency)

    def _set_max_rate(self, command: c.SetMaxLoanRate) -> None:
        state, rate = self._state, command.rate
        borrower = self._lender(command.account)
        if borrower is None:
            return
        if type(rate) is not int or not 0 < rate <= MAX_RATE_PICO:
            text = f"rate {rate} is not in 1..{MAX_RATE_PICO} pico a day"
            state.refuse(Reason.BAD_RATE, MAX_RATE_PICO, text)
            return
        state.desk.max_rates[command.account] = rate
        state.out.append(Accepted(ref=command.account))

    def _lender(self, account_id: int) -> Account | None:
        """Return the account that asks; refuse the command when it is nobody's."""
        account = self._state.accounts.get(account_id)
        if account is None or account is self._state.engine:
            self._state.refuse(Reason.UNKNOWN_ACCOUNT, account_id)
            return None
        return account
