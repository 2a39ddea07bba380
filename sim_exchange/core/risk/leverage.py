"""Choosing leverage: isolated margin at a rate of one's own, or cross (E12)."""

from sim_exchange.core.commands import IsolateMargin, SetLeverage
from sim_exchange.core.contracts.tiers import most_leverage_cents, rates
from sim_exchange.core.contracts.value import ceil_div
from sim_exchange.core.events import Refused
from sim_exchange.core.orders.account import Position
from sim_exchange.core.orders.entry import refuse
from sim_exchange.core.risk.choosing import accept, attempt, find
from sim_exchange.core.risk.state import Handlers, State
from sim_exchange.core.types import PPM, Reason


class Leverage:
    """Sets the leverage of positions."""

    def __init__(self, state: State) -> None:
        self._state = state

    def handlers(self) -> Handlers:
        """Return what each command does."""
        return {SetLeverage: self._set_leverage, IsolateMargin: self._isolate}

    def _set_leverage(self, command: SetLeverage) -> None:
        """Change a position's leverage, or refuse without a trace; 0 is cross.

        Refused are a leverage beyond that of the risk limit, and one that needs more margin than
        there is or that would put the position at its liquidation price.
        """
        state, cents = self._state, command.leverage_cents
        position = find(state, command.account, command.symbol)
        if isinstance(position, Refused):
            state.out.append(position)
            return
        most = most_leverage_cents(_init_ppm(position))
        if type(cents) is not int or not 0 <= cents <= most:
            text = f"leverage {cents} is not in 0..{most} hundredths"
            state.out.append(refuse(Reason.BAD_LEVERAGE, most, text))
            return
        self._choose(position, cents)

    def _isolate(self, command: IsolateMargin) -> None:
        """Isolate a position at the leverage that it shows, or let the whole wallet back it."""
        state = self._state
        position = find(state, command.account, command.symbol)
        if isinstance(position, Refused):
            state.out.append(position)
            return
        cents = 0
        if command.enabled:
            # The contract's highest, rounded up: so the rate of the risk limit itself holds.
            init_ppm = position.market.spec.init_margin_ppm
            cents = position.leverage_cents or ceil_div(100 * PPM, init_ppm)
        self._choose(position, cents)

    def _choose(self, position: Position, cents: int) -> None:
        if position.market.option is not None and cents != 100:
            text = f"leverage {cents} must be 100 hundredths: an option is always isolated"
            self._state.out.append(refuse(Reason.BAD_LEVERAGE, 100, text))
            return

        def change(one: Position) -> None:
            one.set_leverage(cents)

        required, reached = attempt(self._state, position, change)
        if required or reached:
            self._state.out.append(refuse(Reason.LEVERAGE_NEEDS_MARGIN, required))
            return
        accept(self._state, position, change)


def _init_ppm(position: Position) -> int:
    """Return the initial margin rate of the position's risk limit, ppm."""
    return rates(position.market.spec, position.risk_limit)[0]
