"""The margin call on loans: under 20 % of net value, everything is closed (E24)."""

from sim_exchange.core.commands import PlaceOrder
from sim_exchange.core.orders.account import Account
from sim_exchange.core.risk.collateral import MAINTENANCE, current_margin
from sim_exchange.core.risk.margin import available_at_least
from sim_exchange.core.risk.placing import Placing
from sim_exchange.core.risk.reducing import net_qty
from sim_exchange.core.risk.state import State
from sim_exchange.core.types import (
    ExecInst,
    Mode,
    OrdType,
    Reason,
)
from sim_exchange.core.types import (
    State as Listing,
)

# Looked up once: a member of an enum costs a tenth of a microsecond each time.
_HALT = Mode.HALT
_CANCEL_ONLY = Mode.CANCEL_ONLY


class MarginCalls:
    """Watches borrowers, and closes those whose own money has run thin."""

    def __init__(self, state: State, placing: Placing) -> None:
        self._state = state
        self._placing = placing

    def run(self) -> None:
        """Close out every borrower whose net value is under 20 % of what is borrowed."""
        state = self._state
        for market in list(state.markets.values()):
            if not market.is_spot or market.mode is _HALT or market.mode is _CANCEL_ONLY:
                continue
            currency = market.spec.settl_currency
            for borrower in state.desk.borrowers(market.spec.base_currency):
                account = state.accounts[borrower]
                # Whoever still covers the initial 40 % is far from 20 %.
                if available_at_least(state, account, currency) >= 0:
                    continue
                margin = current_margin(state, account, currency)
                if margin is not None and margin < MAINTENANCE:
                    self._close_out(account)

    def _close_out(self, account: Account) -> None:
        """Cancel all orders, close all contracts at market, give the coins back."""
        self._state.cancel_every(account, Reason.LIQUIDATION)
        for symbol, position in list(account.positions.items()):
            if position.qty and position.market.state is Listing.OPEN:
                self._close(account, symbol)
        for symbol, position in list(account.positions.items()):
            if position.market.is_spot and net_qty(self._state, position) < 0:
                self._close(account, symbol)

    def close_loan(self, account: Account, currency: str) -> None:
        """Buy back what is owed of ``currency``, because it can't be borrowed anew."""
        for symbol, position in list(account.positions.items()):
            market = position.market
            if market.is_spot and market.spec.base_currency == currency:
                for order in [*position.buys.values(), *position.sells.values()]:
                    self._state.cancel(order, Reason.LIQUIDATION)
                if net_qty(self._state, position) < 0:
                    self._close(account, symbol)

    def _close(self, account: Account, symbol: str) -> None:
        self._placing.place(
            PlaceOrder(
                account=account.account_id,
                symbol=symbol,
                ord_type=OrdType.MARKET,
                exec_inst=ExecInst.CLOSE,
                text="Liquidation",
            ),
            told=False,
        )
