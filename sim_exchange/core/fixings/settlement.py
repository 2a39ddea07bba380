"""Settlement: every position of a contract closes at one price, and its clearing is empty (E14).

The kinds of price: ``twap30`` is the mean of the index's last 30 minute samples, of those there are
when there are fewer, or the last print; ``last`` the last print; ``vwap`` the mean of the
contract's own trades of the last 30 minutes, or its mark without any; ``fixed`` the price of its
file; ``zero`` 0; ``sum`` the sum of such means of several indices (E18); ``option`` a payoff (E16).
A contract may have another kind for the case that its index began to print too late.
"""

from sim_exchange.core.contracts.option import payoff
from sim_exchange.core.contracts.value import fee
from sim_exchange.core.events import InstrumentChanged, MarkChanged, SettledAt
from sim_exchange.core.fixings.marks import Marks
from sim_exchange.core.fixings.published import rescale
from sim_exchange.core.orders.account import Position
from sim_exchange.core.orders.market import Market
from sim_exchange.core.risk.clearing import Clearing
from sim_exchange.core.risk.fills import charge_own, tell_own
from sim_exchange.core.risk.liquidation import Liquidation
from sim_exchange.core.risk.loss_methods import LossMethods
from sim_exchange.core.risk.state import ENGINE_ID, State
from sim_exchange.core.risk.waterfall import Waterfall
from sim_exchange.core.specs import InstrumentSpec
from sim_exchange.core.treasury.ledger import clearing
from sim_exchange.core.types import (
    Cause,
    ExecType,
    Reason,
    SettlementKind,
    Side,
    rha,
)
from sim_exchange.core.types import (
    State as Listing,
)
from sim_exchange.errors import InvariantError


class Settlement:
    """Settles contracts."""

    def __init__(
        self,
        state: State,
        marks: Marks,
        contracts: Clearing,
        liquidation: Liquidation,
        waterfall: Waterfall,
        losses: LossMethods,
    ) -> None:
        self._state = state
        self._waterfall = waterfall
        self._losses = losses
        self._liquidation = liquidation
        self._marks = marks
        self._contracts = contracts

    def price(self, market: Market) -> int | None:
        """Return the settlement price as of now in 10**-mark_decimals; None when there is none.

        It is of the instant of expiry where that is past. None: its index was removed and the
        operator has yet to name another one, or an inverse contract would settle at 0.
        """
        found = self._by_kind(market)
        return None if found == 0 and market.maths.inverse else found

    def _by_kind(self, market: Market) -> int | None:
        spec = market.spec
        kind = spec.settlement_kind
        if spec.option is not None:
            pico = self._underlying(market)
            return payoff(spec, pico) if pico else None
        if spec.settlement_else is not None and not self._began_in_time(market):
            kind = spec.settlement_else
        if kind is SettlementKind.ZERO:
            return 0
        if kind is SettlementKind.FIXED:
            fixed = spec.settlement_price
            return spec.opening_reference if fixed is None else fixed
        if kind is SettlementKind.VWAP:
            return self._own_mean(market) or market.mark or None
        return self._by_index(market, mean=kind is not SettlementKind.LAST)

    def _underlying(self, market: Market) -> int:
        """Return what an option settles on, in 1e-12: the mean of its index, or its barrier."""
        option = market.spec.option
        if option is None:
            return 0
        if market.knocked_out and option.barrier_pico:
            return option.barrier_pico
        return self.index_pico(market) or 0

    def _by_index(self, market: Market, *, mean: bool) -> int | None:
        """Return the value of the reference, or the sum of those of a coin's versions (E18)."""
        spec = market.spec
        if (spec.reference_symbol or spec.settlement_sum) and not self._marks.references(market):
            return None
        values = self._values(market, mean=mean)
        if not values:
            return market.mark or None
        return sum(rescale(value, decimals, spec.mark_decimals) for value, decimals in values)

    def index_pico(self, market: Market, *, mean: bool = True) -> int | None:
        """Return the reference's mean of 30 minutes, or its last print, in 1e-12; None without."""
        values = self._values(market, mean=mean)
        if not values:
            return None
        return sum(rescale(value, decimals, 12) for value, decimals in values)

    def _values(self, market: Market, *, mean: bool) -> list[tuple[int, int]] | None:
        """Return (value, its decimals) of each index that settles it; None where one has none."""
        marks, at_ns = self._marks, self._instant(market)
        found = []
        for row in marks.references(market):
            value = row.price
            if not value:
                return None
            if mean and row.spec.symbol in marks.samples:
                value = marks.mean(row.spec.symbol, at_ns)
            found.append((value, row.spec.decimals))
        return found

    def _instant(self, market: Market) -> int:
        now_ns, expiry_ns = self._state.now_ns, market.spec.expiry_ns
        return now_ns if expiry_ns is None else min(now_ns, expiry_ns)

    def _began_in_time(self, market: Market) -> bool:
        """Whether the index had its first good print before T - 24 h: spot trading had begun."""
        limit_ns = self._instant(market) - market.spec.settlement_lead_ns
        rows = self._marks.references(market)
        return bool(rows) and all(row.began_ns and row.began_ns < limit_ns for row in rows)

    def _own_mean(self, market: Market) -> int:
        """Return the mean price of the contract's own trades of the last 30 minutes; 0 without."""
        if market.recent is None:
            return 0
        mean = market.recent.mean(self._instant(market), inverse=market.maths.inverse)
        if mean is None:
            return 0
        unit: int = 10 ** (12 - market.spec.mark_decimals)
        return rha(mean.numerator, mean.denominator * unit)

    def settle_due(self, market: Market) -> None:
        """Settle a contract whose price is known, at that price."""
        if market.due_price is not None:
            self.settle(market, market.due_price)

    def settle(self, market: Market, price: int) -> None:
        """Close every position at ``price``, in 10**-mark_decimals, and end the contract.

        Raises:
            InvariantError: money is left in the contract's clearing account.
        """
        state = self._state
        for order in market.open_orders():
            if order.account != ENGINE_ID:  # the engine's end in the waterfall
                state.cancel(order, Reason.SETTLEMENT)
        if market.mark != price:
            market.set_mark(price)
            state.out.append(MarkChanged(symbol=market.symbol, mark=price))
        self._waterfall.begin_settlement(market)
        if market.option is None:  # nobody is ever liquidated in an option (E16)
            self._liquidation.run_before_settlement(market)
        self._waterfall.before_settlement(market)
        market.settled_price = price
        for account in state.accounts.values():
            position = account.positions.get(market.symbol)
            if position is not None and position.qty:
                self._close(market, position)
        market.open_interest = market.longs
        market.value_open_interest()
        market.state = Listing.SETTLED
        adjustment_ppm = self._losses.share_out(market)
        market.settled_adjustment_ppm = adjustment_ppm
        currency = market.spec.settl_currency
        left = state.ledger.balance(currency, clearing(market.symbol))
        if left or market.longs or market.shorts:
            raise InvariantError(
                f"{market.symbol} settled with {left} in clearing, longs {market.longs},"
                f" shorts {market.shorts}"
            )
        market.changed_ns = state.now_ns
        state.out.append(
            SettledAt(
                symbol=market.symbol,
                price=price,
                adjustment_ppm=adjustment_ppm,
                underlying_pico=self._underlying(market),
                at_ns=state.now_ns,
            )
        )
        state.out.append(InstrumentChanged(symbol=market.symbol))

    def _close(self, market: Market, position: Position) -> None:
        state, account = self._state, position.account
        held = position.qty
        side = Side.SELL if held > 0 else Side.BUY
        qty = abs(held)
        value = market.mark_value * (qty // market.spec.lot_size)
        rate_ppm = 0 if account is state.engine else fee_ppm(market.spec, state.now_ns)
        comm = fee(rate_ppm, value)
        room = self._losses.room(position)
        cost = market.maths.sign * side * value
        pnl = position.trade(side, qty, cost)
        position.comm += comm
        position.at_ns = state.now_ns
        market.moved(held, 0)
        tell_own(
            state,
            market,
            account,
            ExecType.SETTLEMENT,
            side,
            qty,
            commission_ppm=rate_ppm,
            cost=cost,
            comm=comm,
            text="Settlement",
        )
        if pnl:
            self._contracts.post_pnl(market, account, pnl, Cause.SETTLEMENT)
        charge_own(state, market, account, comm)
        if room is not None:
            self._losses.cover(position, room, pnl - comm)
        state.touch(position)


def fee_ppm(spec: InstrumentSpec, now_ns: int) -> int:
    """Return the settlement fee in force at an instant: the last of its schedule (E3)."""
    rate_ppm = spec.settlement_fee_ppm
    for from_ns, ppm in spec.settlement_fees:
        if from_ns <= now_ns:
            rate_ppm = ppm
    return rate_ppm
