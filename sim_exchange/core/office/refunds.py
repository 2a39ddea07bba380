"""Refunds of bad prints: the exchange makes good what liquidation cost whom they hit (E9)."""

from sim_exchange.core import commands as c
from sim_exchange.core.events import Accepted
from sim_exchange.core.risk.state import Handlers, State
from sim_exchange.core.risk.takeover import Taken, Takeovers
from sim_exchange.core.treasury.ledger import REFUND
from sim_exchange.core.types import Cause, Reason


class Refunds:
    """Pays from ``exchange:refund``; the insurance fund has no part in it."""

    def __init__(self, state: State, takeovers: Takeovers) -> None:
        self._state = state
        self._takeovers = takeovers

    def handlers(self) -> Handlers:
        """Return what each command does."""
        return {c.RefundLiquidations: self._refund}

    def _refund(self, command: c.RefundLiquidations) -> None:
        state = self._state
        market = state.markets.get(command.symbol)
        if market is None or market.is_spot:
            state.refuse(Reason.UNKNOWN_SYMBOL, text=command.symbol)
            return
        numbers = (command.from_ns, command.until_ns, command.reference)
        if any(type(number) is not int for number in numbers):
            state.refuse(Reason.BAD_AMOUNT, text=f"{numbers} must be whole numbers")
            return
        if command.reference < 0 or (market.maths.inverse and not command.reference):
            text = f"reference {command.reference} must be positive"
            state.refuse(Reason.BAD_PRICE, command.reference, text)
            return
        if command.from_ns > command.until_ns:
            text = f"from_ns {command.from_ns} must not be after until_ns {command.until_ns}"
            state.refuse(Reason.BAD_AMOUNT, text=text)
            return
        unknown = [one for one in command.accounts if one not in state.accounts]
        if unknown:
            state.refuse(Reason.UNKNOWN_ACCOUNT, unknown[0])
            return
        state.out.append(Accepted())
        reference = market.maths.at_mark(command.reference)
        kept = []
        for taken in self._takeovers.taken:
            if (
                taken.symbol == command.symbol
                and command.from_ns <= taken.at_ns <= command.until_ns
                and (not command.accounts or taken.account in command.accounts)
            ):
                self._pay(taken, reference)
            else:
                kept.append(taken)
        self._takeovers.taken = kept

    def _pay(self, taken: Taken, reference: int) -> None:
        state = self._state
        market, account = state.markets[taken.symbol], state.accounts[taken.account]
        lots = abs(taken.qty) // market.maths.lot_size
        better = market.maths.sign * (reference * lots - taken.worth)
        amount = better if taken.qty > 0 else -better
        if amount > 0:
            currency, symbol = market.spec.settl_currency, market.symbol
            state.ledger.move(Cause.REFUND, currency, REFUND, account.wallet, amount, symbol)
            state.tell_wallet(account, currency, amount, Cause.REFUND, symbol)
            state.touch_margin(account, currency)
