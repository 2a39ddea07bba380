"""The margin call on loans: under 20 % of net value, everything is closed (E24)."""

from fractions import Fraction

from sim_exchange.core.commands import PlaceOrder
from sim_exchange.core.orders.market import Market
from sim_exchange.core.risk.account import Account
from sim_exchange.core.risk.amending import Amending
from sim_exchange.core.risk.margin import available_at_least
from sim_exchange.core.risk.placing import Placing
from sim_exchange.core.risk.reducing import net_qty
from sim_exchange.core.risk.state import State
from sim_exchange.core.types import (
    ExecInst,
    Mode,
    OrdType,
    Reason,
    currency_decimals,
)
from sim_exchange.core.types import (
    State as Listing,
)

MAINTENANCE = Fraction(1, 5)
"""Net value over borrowed value at which a borrower is closed out."""


class MarginCalls:
    """Watches borrowers, and closes those whose own money has run thin."""

    def __init__(self, state: State, placing: Placing, amending: Amending) -> None:
        self._state = state
        self._placing = placing
        self._amending = amending

    def run(self) -> None:
        """Close out every borrower whose net value is under 20 % of what is borrowed."""
        state = self._state
        for market in list(state.markets.values()):
            if not market.is_spot or market.mode is Mode.HALT or market.mode is Mode.CANCEL_ONLY:
                continue
            currency = market.spec.settl_currency
            for borrower in state.desk.borrowers(market.spec.base_currency):
                account = state.accounts[borrower]
                # Whoever still covers the initial 40 % is far from 20 %.
                if available_at_least(state, account, currency) >= 0:
                    continue
                margin = self.current(account, currency)
                if margin is not None and margin < MAINTENANCE:
                    self._close_out(account)

    def current(self, account: Account, currency: str) -> Fraction | None:
        """Return net value over borrowed value, both in ``currency``; None without loans (E24)."""
        state = self._state
        net = Fraction(state.balance(account, currency))
        for position in account.contracts.get(currency, ()):
            if position.qty:
                net += position.unrealised_pnl
        borrowed = Fraction(0)
        for market in state.markets.values():
            if not market.is_spot or market.spec.settl_currency != currency:
                continue
            coin = market.spec.base_currency
            price = self._index(market)
            owed = state.desk.owed(account.account_id, coin, state.now_ns)
            net += (state.balance(account, coin) - owed) * price
            borrowed += owed * price
        return net / borrowed if borrowed else None

    def _index(self, market: Market) -> Fraction:
        """Return the index value of one minor unit of the base coin in minor units of the quote."""
        row = self._state.indices.get(market.spec.reference_symbol)
        if row is None:
            return Fraction(0)
        quote: int = 10 ** currency_decimals(market.spec.settl_currency)
        base: int = 10 ** (currency_decimals(market.spec.base_currency) + row.spec.decimals)
        return Fraction(row.price * quote, base)

    def _close_out(self, account: Account) -> None:
        """Cancel all orders, close all contracts at market, give the coins back."""
        self._amending.cancel_every(account, Reason.LIQUIDATION)
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
