"""Settlement: every position of a contract closes at one price, and its clearing is empty (E14)."""

from sim_exchange.core.contracts.value import fee
from sim_exchange.core.events import Executed, InstrumentChanged, MarkChanged, SettledAt
from sim_exchange.core.fixings.marks import Marks, rescale
from sim_exchange.core.orders.market import Market
from sim_exchange.core.risk.account import Position
from sim_exchange.core.risk.clearing import Clearing
from sim_exchange.core.risk.fills import post_fees, tally
from sim_exchange.core.risk.liquidation import Liquidation
from sim_exchange.core.risk.state import State
from sim_exchange.core.treasury.ledger import clearing
from sim_exchange.core.types import (
    Cause,
    ExecType,
    OrdStatus,
    Reason,
    SettlementKind,
    Side,
)
from sim_exchange.core.types import (
    State as Listing,
)
from sim_exchange.errors import InvariantError


class Settlement:
    """Settles contracts."""

    def __init__(
        self, state: State, marks: Marks, contracts: Clearing, liquidation: Liquidation
    ) -> None:
        self._state = state
        self._liquidation = liquidation
        self._marks = marks
        self._contracts = contracts

    def price(self, market: Market) -> int | None:
        """Return the settlement price as of now in 10**-mark_decimals; None when there is none.

        ``twap30`` is the mean of the index's last 30 minute samples, of those there are when there
        are fewer, or the last print; ``last`` the last print; ``fixed`` the opening reference.
        """
        spec = market.spec
        if spec.settlement_kind is SettlementKind.ZERO:
            return 0
        if spec.settlement_kind is SettlementKind.FIXED:
            return spec.opening_reference
        row = self._marks.source(spec.reference_symbol)
        if row is None or not row.price:
            return market.mark or None
        value = row.price
        if spec.settlement_kind is SettlementKind.TWAP30 and row.spec.symbol in self._marks.samples:
            value = self._marks.mean(row.spec.symbol)
        return rescale(value, row.spec.decimals, spec.mark_decimals)

    def settle(self, market: Market, price: int) -> None:
        """Close every position at ``price``, in 10**-mark_decimals, and end the contract.

        Raises:
            InvariantError: money is left in the contract's clearing account.
        """
        state = self._state
        for order in market.book.orders():
            state.cancel(order, Reason.SETTLEMENT)
        if market.mark != price:
            market.set_mark(price)
            state.out.append(MarkChanged(symbol=market.symbol, mark=price))
        self._liquidation.run_before_settlement(market)
        for order in market.book.orders():  # the engine's
            state.cancel(order, Reason.SETTLEMENT)
        market.settled_price = price
        for account in state.accounts.values():
            position = account.positions.get(market.symbol)
            if position is not None and position.qty:
                self._close(market, position)
        market.open_interest = market.longs
        market.value_open_interest()
        currency = market.spec.settl_currency
        left = state.ledger.balance(currency, clearing(market.symbol))
        if left or market.longs or market.shorts:
            raise InvariantError(
                f"{market.symbol} settled with {left} in clearing, longs {market.longs},"
                f" shorts {market.shorts}"
            )
        market.state = Listing.SETTLED
        market.changed_ns = state.now_ns
        state.out.append(SettledAt(symbol=market.symbol, price=price, at_ns=state.now_ns))
        state.out.append(InstrumentChanged(symbol=market.symbol))

    def _close(self, market: Market, position: Position) -> None:
        state, account = self._state, position.account
        held = position.qty
        side = Side.SELL if held > 0 else Side.BUY
        qty = abs(held)
        value = market.mark_value * (qty // market.spec.lot_size)
        rate_ppm = 0 if account is state.engine else market.spec.settlement_fee_ppm
        comm = fee(rate_ppm, value)
        cost = market.maths.sign * side * value
        pnl = position.trade(side, qty, cost)
        position.comm += comm
        position.at_ns = state.now_ns
        market.moved(held, 0)
        state.out.append(
            Executed(
                exec_id=state.next_exec,
                exec_type=ExecType.SETTLEMENT,
                order_id=0,
                account=account.account_id,
                symbol=market.symbol,
                side=side,
                last_qty=qty,
                last_px=market.maths.mark_to_pico(market.mark),
                commission_ppm=rate_ppm,
                exec_cost=cost,
                exec_comm=comm,
                order_qty=qty,
                cum_qty=qty,
                avg_px=market.maths.mark_to_pico(market.mark),
                ord_status=OrdStatus.FILLED,
                text="Settlement",
                at_ns=state.now_ns,
            )
        )
        state.next_exec += 1
        if pnl:
            self._contracts.post_pnl(market, account, pnl, Cause.SETTLEMENT)
        if comm:
            tally(state.commissions, market.spec.settl_currency, comm)
            post_fees(state, market.spec.settl_currency, market.symbol, (account, comm))
        state.touch(account, market, market.spec.settl_currency)
