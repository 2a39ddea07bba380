"""Frozen pictures of accounts for readers (core/views.py), made when they are asked for."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from sim_exchange.core.orders.account import Account, Position
from sim_exchange.core.orders.order import Order
from sim_exchange.core.risk.deleveraging import QueueReader
from sim_exchange.core.risk.engine import engine_orders
from sim_exchange.core.risk.margin import maintenance, takeover
from sim_exchange.core.risk.marked import MarkReader, margin_view
from sim_exchange.core.risk.order_margin import Charge, charge, gross_premium, risk_value
from sim_exchange.core.risk.reducing import net_qty
from sim_exchange.core.risk.state import State
from sim_exchange.core.treasury.cash import Withdrawal
from sim_exchange.core.treasury.ledger import FUND
from sim_exchange.core.types import PPM, Side, WithdrawalStatus
from sim_exchange.core.views import (
    LoanView,
    MarginView,
    OfferView,
    PositionView,
    QueuePlace,
    WalletView,
)

if TYPE_CHECKING:
    from sim_exchange.core.guards.announcement import Announcement
    from sim_exchange.core.orders.market import Market
    from sim_exchange.core.risk.index_row import IndexRow


def position_view(
    state: State, position: Position, place: QueuePlace | None = None
) -> PositionView:
    """Return a position's row in integers; ``place`` is that in the deleveraging queue."""
    market = position.market
    maths = market.maths
    held = Charge(0, 0) if market.is_spot else charge(position)
    ends = takeover(state, position) if position.qty else None
    mark_value = 0 if market.is_spot else position.mark_value
    leverage = 100 * position.init_den // position.init_num if position.init_num else 100
    return PositionView(
        position.account.account_id,
        market.symbol,
        net_qty(state, position),
        position.is_cross,
        leverage,
        position.init_num * PPM // position.init_den,
        position.maint_ppm,
        position.risk_limit,
        sum(order.leaves_qty for order in position.buys.values()),
        maths.sign * position.buy_value,
        0 if market.is_spot else gross_premium(position, Side.BUY),
        sum(order.leaves_qty for order in position.sells.values()),
        -maths.sign * position.sell_value,
        0 if market.is_spot else gross_premium(position, Side.SELL),
        held.premium,
        position.realised_cost + position.cost,
        position.comm,
        position.realised_cost,
        position.cost,
        market.mark,
        mark_value,
        0 if market.is_spot else risk_value(position),
        position.pos_init,
        position.pos_cross,
        position.pos_comm,
        position.pos_loss,
        position.margin,
        maintenance(position),
        held.total,
        position.realised_pnl,
        0 if market.is_spot else position.unrealised_pnl,
        position.rebalanced_pnl,
        position.prev_realised_pnl,
        maths.average_pico(position.qty, position.cost),
        0 if ends is None else ends.liquidation_pico,
        0 if ends is None else ends.bankrupt_pico,
        position.opening_qty,
        None if place is None else place.percent,
        position.at_ns,
    )


def wallet_view(state: State, account: Account, currency: str) -> WalletView:
    """Return an account's wallet in one currency."""
    desk, cash, key = state.desk, state.cash, account.account_id
    return WalletView(
        account=key,
        currency=currency,
        amount=state.balance(account, currency),
        deposited=account.deposited.get(currency, 0),
        withdrawn=cash.withdrawn.get((key, currency), 0),
        transfer_in=cash.moved_in.get((key, currency), 0),
        transfer_out=cash.moved_out.get((key, currency), 0),
        pending_credit=cash.credit(key, currency),
        pending_debit=cash.debit(key, currency, WithdrawalStatus.PENDING),
        confirmed_debit=cash.debit(key, currency, WithdrawalStatus.CONFIRMED),
        borrowed=desk.principal(key, currency),
        interest_owed=desk.interest(key, currency, state.now_ns),
        at_ns=state.now_ns,
    )


def currencies_first_xbt(currencies: set[str]) -> list[str]:
    """Return currencies in order of name, XBt first."""
    return sorted(currencies, key=lambda currency: (currency != "XBt", currency))


class Reader:
    """What can be read of the exchange between commands: ``views.ExchangeView``."""

    def __init__(self, state: State) -> None:
        """Read from ``state``."""
        self._state = state
        self._queues = QueueReader(state)
        self.markets: Mapping[str, Market] = state.markets
        self.indices: Mapping[str, IndexRow] = state.indices
        self.accounts: Mapping[int, Account] = state.accounts
        self.orders: Mapping[int, Order] = state.orders
        self.announcements: Mapping[int, Announcement] = state.announcements

    @property
    def now_ns(self) -> int:
        """The instant of the last command."""
        return self._state.now_ns

    def open_orders(self, account: int, symbol: str = "") -> Sequence[Order]:
        """Return open orders, oldest first."""
        found = self._state.accounts.get(account)
        if found is None:
            return []
        return [order for order in found.open_orders() if symbol in {"", order.symbol}]

    def dead_man_ns(self, account: int) -> int | None:
        """Return when the account's dead-man switch fires; None = not armed."""
        found = self._state.accounts.get(account)
        return None if found is None else found.dead_man_ns

    def position(self, account: int, symbol: str) -> PositionView | None:
        """Return a position ever touched by the account, or None."""
        found = self._state.accounts.get(account)
        position = None if found is None else found.positions.get(symbol)
        if position is None:
            return None
        # Asked again at each change: a queue that is some minutes old will do.
        place = self._queues.place(position, fresh=False)
        return position_view(self._state, position, place)

    def positions(self, account: int) -> Sequence[PositionView]:
        """Return all positions ever touched by the account, in listing order."""
        found = self._state.accounts.get(account)
        if found is None:
            return []
        held = sorted(found.positions.values(), key=lambda position: position.market.index)
        return [
            position_view(self._state, position, self._queues.place(position)) for position in held
        ]

    def margin(self, account: int, currency: str) -> MarginView:
        """Return margin in one settlement currency.

        Raises:
            KeyError: no such account.
        """
        return margin_view(self._state, self._state.accounts[account], currency)

    def mark_reader(self, account: int) -> MarkReader:
        """Return a reader for whoever follows an account as marks move.

        Raises:
            KeyError: no such account.
        """
        return MarkReader(self._state, self._state.accounts[account])

    def margin_currencies(self, account: int) -> Sequence[str]:
        """Return settlement currencies that the account has, XBt first."""
        found = self._state.accounts[account]
        settling = {m.spec.settl_currency for m in self._state.markets.values()} | {"XBt"}
        held = {"XBt", *found.contracts, *self.wallet_currencies(account)}
        return currencies_first_xbt(held & settling)

    def wallet(self, account: int, currency: str) -> WalletView:
        """Return the wallet in one currency.

        Raises:
            KeyError: no such account.
        """
        return wallet_view(self._state, self._state.accounts[account], currency)

    def wallet_currencies(self, account: int) -> Sequence[str]:
        """Return currencies ever held by the account, XBt first."""
        wallet = self._state.accounts[account].wallet
        balances = self._state.ledger.balances
        return currencies_first_xbt(
            {currency for currency in balances if wallet in balances[currency]}
        )

    def currencies(self) -> Sequence[str]:
        """Return currencies that anybody ever held, XBt first."""
        return currencies_first_xbt(set(self._state.ledger.currencies()))

    def withdrawals(self, account: int) -> Sequence[Withdrawal]:
        """Return withdrawals that are pending or confirmed, oldest first."""
        held = self._state.cash.withdrawals.values()
        return [withdrawal for withdrawal in held if withdrawal.account == account]

    def withdrawal_numbers(self, account: int) -> Sequence[int]:
        """Return the numbers of all withdrawals of an account, those that have ended too."""
        cash = self._state.cash
        ended = [number for number, owner in cash.ended.items() if owner == account]
        return [*ended, *(held.number for held in self.withdrawals(account))]

    def min_withdrawal_fee(self, currency: str) -> int:
        """Return the least network fee of a withdrawal, minor units."""
        return self._state.cash.rules(currency).min_fee

    def deposits_enabled(self, currency: str) -> bool:
        """Return whether a currency may be deposited; coins of a split may not (E18)."""
        return currency not in self._state.no_deposits

    def withdrawals_enabled(self, currency: str) -> bool:
        """Return whether withdrawals of a currency may be requested."""
        return self._state.cash.rules(currency).withdrawals

    def loan_offers(self, currency: str) -> Sequence[tuple[int, int]]:
        """Return (amount still on offer in minor units, pico a day), cheapest first."""
        return self._state.desk.offers(currency)

    def own_offers(self, account: int) -> Sequence[OfferView]:
        """Return what an account offers to borrowers, cheapest first by currency."""
        return self._state.desk.offer_views(account)

    def loans(self, account: int) -> Sequence[LoanView]:
        """Return loans of which an account is lender or borrower, oldest first."""
        return self._state.desk.loan_views(account, self._state.now_ns)

    def loan_demands(self, currency: str) -> Sequence[tuple[int, int]]:
        """Return (amount that an open order will borrow, dearest rate), oldest order first."""
        return self._state.desk.demands(currency)

    def max_loan_rate(self, account: int) -> int:
        """Return the dearest rate, pico a day, that an account's orders borrow at."""
        return self._state.desk.max_rate(account)

    def queue_place(self, account: int, symbol: str, *, fresh: bool = True) -> QueuePlace | None:
        """Return where a position stands in the deleveraging queue; None when it is in none.

        With ``fresh`` false it may be some minutes old, for readers that ask all the time.
        """
        found = self._state.accounts.get(account)
        position = None if found is None else found.positions.get(symbol)
        return None if position is None else self._queues.place(position, fresh=fresh)

    def liquidations(self) -> Sequence[Order]:
        """Return the open orders of the liquidation engine, oldest first."""
        return engine_orders(self._state)

    def fund(self, currency: str) -> int:
        """Return the insurance fund, minor units."""
        return self._state.ledger.balance(currency, FUND)
