"""Choosing leverage: isolated margin at a rate of one's own, or cross (E12)."""

from sim_exchange.core.commands import SetLeverage
from sim_exchange.core.events import Accepted
from sim_exchange.core.orders.entry import refuse
from sim_exchange.core.risk.account import Position
from sim_exchange.core.risk.liquidation import is_reached
from sim_exchange.core.risk.margin import available, takeover
from sim_exchange.core.risk.state import ENGINE_ID, Handlers, State
from sim_exchange.core.types import PPM, Reason
from sim_exchange.core.types import State as Listing


class Leverage:
    """Sets the leverage of positions."""

    def __init__(self, state: State) -> None:
        self._state = state

    def handlers(self) -> Handlers:
        """Return what each command does."""
        return {SetLeverage: self._set_leverage}

    def _set_leverage(self, command: SetLeverage) -> None:
        """Change a position's leverage, or refuse without a trace; 0 is cross.

        Refused are a leverage beyond the contract's, and one that needs more margin than there is
        or that would put the position at its liquidation price.
        """
        state = self._state
        account = state.accounts.get(command.account)
        market = state.markets.get(command.symbol)
        if account is None or command.account == ENGINE_ID:
            state.out.append(refuse(Reason.UNKNOWN_ACCOUNT))
            return
        if market is None or market.is_spot:
            state.out.append(refuse(Reason.UNKNOWN_SYMBOL, text=command.symbol))
            return
        if market.state is Listing.SETTLED:
            state.out.append(refuse(Reason.EXPIRED))
            return
        cents = command.leverage_cents
        most = 100 * PPM // market.spec.init_margin_ppm
        if type(cents) is not int or not 0 <= cents <= most:
            state.out.append(
                refuse(
                    Reason.BAD_LEVERAGE, most, f"leverage {cents} is not in 0..{most} hundredths"
                )
            )
            return
        position = account.positions.get(market.symbol) or Position(account, market)
        lacking = _lacking(state, position, cents)
        if lacking:
            state.out.append(refuse(Reason.LEVERAGE_NEEDS_MARGIN, lacking))
            return
        account.position(market).set_leverage(cents)
        state.out.append(Accepted(ref=account.account_id))
        state.touch(account, market, market.spec.settl_currency)


def _lacking(state: State, position: Position, cents: int) -> int:
    """Return what the account lacks for ``cents``, minor units; leaves all as it was."""
    account, currency = position.account, position.market.spec.settl_currency
    before_cents = position.leverage_cents
    before = available(state, account, currency)
    position.set_leverage(cents)
    after = available(state, account, currency)
    reached = bool(position.qty) and is_reached(position, takeover(state, position))
    position.set_leverage(before_cents)
    if after < 0 and after < before:
        return -after
    return 1 if reached else 0
