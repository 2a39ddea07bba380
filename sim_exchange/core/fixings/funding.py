"""Funding of perpetuals: longs pay shorts or shorts pay longs, at fixed times of the day (E10).

At an instant of funding, in this order: the premium of that minute is printed (``Marks``), the rate
in force is paid at the mark with no time left, the rates are rolled, accounts are remargined. The
rate that a window's premium makes is paid at the end of the next window.

What a rate is made of is public. The indices of a perpetual's premium say what each minute prints,
and the mean of a window as it ends; the interest is what the indices that are named for it say,
where there are none what the contract says.

Where a payer has not what he must pay, in this order, so that no wallet goes below 0 and the
receivers get theirs (the engine pays out of the insurance fund and gets into it):

1. profit of that very position is realised, as far as needed: its cost moves towards the mark,
   never past it, and stays isolated or cross as it was with the margin it had;
2. the insurance fund pays, as far as it goes;
3. what is still missing is taken from the receivers in proportion to what they get.

2 and 3 are out of reach while liquidations run: maintenance margin includes the adverse rate, and
accounts are remargined at the very mark at which they pay.
"""

from collections.abc import Callable
from functools import partial

import msgspec

from sim_exchange.core.contracts.value import fee
from sim_exchange.core.events import FundingPaid, InstrumentChanged
from sim_exchange.core.fixings.fair import perpetual_basis_rate_ppm
from sim_exchange.core.fixings.premium import (
    PremiumWindow,
    capped_ppm,
    funding_ppm,
    interest_ppm,
    minute_premium,
    premium,
)
from sim_exchange.core.fixings.published import publish, rescale
from sim_exchange.core.orders.account import Account, Position
from sim_exchange.core.orders.market import Market
from sim_exchange.core.risk.clearing import Clearing, settle_with_fund
from sim_exchange.core.risk.fills import tally, tell_own
from sim_exchange.core.risk.index_row import IndexRow
from sim_exchange.core.risk.state import State
from sim_exchange.core.timers import FUNDING
from sim_exchange.core.treasury.ledger import FUND, ROUNDING
from sim_exchange.core.types import HOUR_NS, MINUTE_NS, Cause, ExecType, IndexKind, Mode
from sim_exchange.core.types import State as Listing
from sim_exchange.errors import InvariantError

# Looked up once: a member of an enum costs a tenth of a microsecond each time.
_HALT = Mode.HALT
_PREMIUM = IndexKind.PREMIUM
_PREMIUM_MEAN = IndexKind.PREMIUM_MEAN

GRID_NS = 4 * HOUR_NS
"""Fundings are at 04:00 UTC and whole intervals from there."""
PREMIUMS = frozenset({_PREMIUM, _PREMIUM_MEAN})
"""Kinds of index that say what a perpetual's premium is."""
PPM_DECIMALS = 6


def next_instant(now_ns: int, interval_ns: int) -> int:
    """Return the first instant of funding after ``now_ns``.

    >>> hour = 3600 * 10**9
    >>> [next_instant(h * hour, 8 * hour) // hour for h in (0, 3, 4, 12, 23)]
    [4, 4, 12, 20, 28]
    """
    return now_ns + interval_ns - (now_ns - GRID_NS) % interval_ns


class Funding:
    """Keeps the funding rates of perpetuals, and lets their holders pay each other."""

    def __init__(self, state: State, contracts: Clearing, remargin: Callable[[], None]) -> None:
        self._state = state
        self._contracts = contracts
        self._remargin = remargin
        self._windows: dict[str, PremiumWindow] = {}
        self._premiums: dict[str, list[IndexRow]] = {}

    def open(self, market: Market) -> None:
        """Begin the first window of a perpetual that opens now, if it is one.

        It is shorter than an interval, and its mean is over the minutes that it has.
        """
        if not market.is_perpetual:
            return
        spec = market.spec
        rate = spec.funding_ppm
        if rate is None:
            rate = self._interest(market)
        market.funding_ppm = rate
        self._begin_window(market, self._state.now_ns)

    def publish_in(self, row: IndexRow) -> None:
        """Publish the premium of the perpetual that an index names, listed or to come, in it."""
        self._premiums.setdefault(row.spec.source, []).append(row)

    def sample(self, market: Market) -> None:
        """Print the premium of this minute, at its mark, and what the window comes to so far."""
        window = self._windows.get(market.symbol)
        now_ns = self._state.now_ns
        if window is None or now_ns <= window.last_ns or now_ns > market.next_funding_ns:
            return
        window.last_ns = now_ns
        beyond, spot = 0, 1
        if market.impact_mid and market.index_price and market.mark:
            to_pico = market.maths.mark_to_pico
            beyond = premium(market.impact_bid, market.impact_ask, to_pico(market.mark))
            spot = to_pico(market.index_price)
            window.add(beyond, spot)
        for row in self._premiums.get(market.symbol, ()):
            if row.spec.kind is _PREMIUM:
                decimals = row.spec.decimals
                printed = minute_premium(beyond, spot, market.funding_ppm, decimals)
                publish(self._state, row, printed)
        rate = self._next_rate(market, window, now_ns)
        if rate != market.indicative_funding_ppm:
            market.indicative_funding_ppm = rate
            market.changed_ns = now_ns
            self._state.out.append(InstrumentChanged(symbol=market.symbol))

    def catch_up(self, market: Market) -> None:
        """Fund as often as a halt has kept it from being done, at the first mark after it."""
        market.funding_owed = False
        while market.next_funding_ns <= self._state.now_ns:
            self._fund(market, market.next_funding_ns)

    def fund_now(self, market: Market) -> None:
        """Fund as if the instant were now; the next one is the next of the grid."""
        self._fund(market, self._state.now_ns)
        self._remargin()

    def set_interval(self, market: Market, interval_ns: int) -> None:
        """Fund every ``interval_ns`` from now on; the rate in force is paid at the next instant.

        What the window has printed so far is forgotten, for it was about another span; at the very
        instant of a funding, that one is still of the old window.
        """
        market.respec(msgspec.structs.replace(market.spec, funding_interval_ns=interval_ns))
        market.change_funding_interval(interval_ns)
        if market.next_funding_ns > self._state.now_ns:
            self._begin_window(market, self._state.now_ns)

    # --- rates

    def _interest(self, market: Market) -> int:
        spec = market.spec
        return interest_ppm(
            self._daily_ppm(spec.quote_rate_symbol, spec.quote_rate_ppm),
            self._daily_ppm(spec.base_rate_symbol, spec.base_rate_ppm),
            market.funding_interval_ns,
        )

    def _daily_ppm(self, symbol: str, otherwise_ppm: int) -> int:
        """Return what an index of interest says, or ``otherwise_ppm`` where there is none."""
        row = self._state.indices.get(symbol)
        if row is None or row.removed or not row.price:
            return otherwise_ppm
        return rescale(row.price, row.spec.decimals, PPM_DECIMALS)

    def _mean(self, market: Market, window: PremiumWindow, upto_ns: int) -> int:
        """Return the mean premium of a window in ppm; silent minutes print the rate in force."""
        minutes = upto_ns // MINUTE_NS - window.start_ns // MINUTE_NS
        rate = market.funding_ppm
        return window.mean_ppm(rate, minutes) if window.has_liquidity and minutes > 0 else rate

    def _next_rate(self, market: Market, window: PremiumWindow, upto_ns: int) -> int:
        """Return the rate that the window makes if it ends at ``upto_ns``."""
        spec, before = market.spec, market.funding_ppm
        interest = rate = self._interest(market)
        if window.has_liquidity:
            rate = funding_ppm(self._mean(market, window, upto_ns), interest)
        return capped_ppm(rate, before, spec.init_margin_ppm, spec.maint_margin_ppm)

    def _begin_window(self, market: Market, start_ns: int) -> None:
        state = self._state
        interval_ns = market.funding_interval_ns
        window = self._windows[market.symbol] = PremiumWindow(start_ns)
        market.next_funding_ns = next_instant(start_ns, interval_ns)
        market.indicative_funding_ppm = self._next_rate(market, window, start_ns)
        if market.is_fair_marked:
            market.fair_basis_rate_ppm = perpetual_basis_rate_ppm(market.funding_ppm, interval_ns)
        market.changed_ns = state.now_ns
        state.out.append(InstrumentChanged(symbol=market.symbol))
        if market.next_funding_ns > state.now_ns:
            state.timers.at(market.next_funding_ns, FUNDING, partial(self._due, market, window))

    # --- paying

    def _due(self, market: Market, window: PremiumWindow) -> None:
        if self._windows.get(market.symbol) is not window or market.state is not Listing.OPEN:
            return  # settled, listed anew, or funded meanwhile
        if market.mode is _HALT:
            market.funding_owed = True
            return
        self._fund(market, market.next_funding_ns)
        self._remargin()

    def _fund(self, market: Market, at_ns: int) -> None:
        """Pay the rate in force for the window that ends at ``at_ns``, then roll the rates."""
        state, window = self._state, self._windows[market.symbol]
        rate = market.funding_ppm
        if market.mark and market.open_interest:
            self._pay(market)
        state.out.append(
            FundingPaid(
                symbol=market.symbol,
                rate_ppm=rate,
                interval_ns=market.funding_interval_ns,
                at_ns=at_ns,
            )
        )
        for row in self._premiums.get(market.symbol, ()):
            minutes = row.spec.minutes
            if row.spec.kind is _PREMIUM_MEAN and minutes * MINUTE_NS == market.funding_interval_ns:
                mean = self._mean(market, window, at_ns)
                publish(state, row, rescale(mean, PPM_DECIMALS, row.spec.decimals))
        market.funding_ppm = self._next_rate(market, window, at_ns)
        self._begin_window(market, at_ns)
        if market.funding_ppm != rate:
            # Maintenance margin includes the rate: liquidation prices have moved.
            for position in state.positions_in(market):
                state.look_again(position.account)

    def _pay(self, market: Market) -> None:
        state, spec = self._state, market.spec
        rate, value, lot = market.funding_ppm, market.mark_value, market.maths.lot_size
        currency = spec.settl_currency
        owed: list[tuple[Position, int]] = []
        for position in state.positions_in(market):
            qty = position.qty
            if qty > 0:
                owed.append((position, fee(rate, value * (qty // lot))))
            elif qty:
                owed.append((position, fee(-rate, value * (-qty // lot))))
        residue = sum(amount for _, amount in owed)
        if 2 * abs(residue) > len(owed):
            raise InvariantError(
                f"L2-5 {market.symbol}: {len(owed)} holders leave {residue} {currency} of funding"
            )
        paid = [(position, amount - self._lacking(position, amount)) for position, amount in owed]
        missing = residue - sum(amount for _, amount in paid)
        engine = sum(max(0, amount) for one, amount in paid if one.account is state.engine)
        covered = min(missing, state.ledger.balance(currency, FUND) - engine)
        if missing > covered:
            paid = _shared(paid, missing - covered)
        before = state.ledger.balance(currency, ROUNDING)
        entries = [(position.account.wallet, -amount) for position, amount in paid]
        state.ledger.post(
            Cause.FUNDING,
            currency,
            (*entries, (FUND, -covered), (ROUNDING, residue)),
            market.symbol,
        )
        for position, amount in paid:
            self._book(market, position, amount)
        tally(state.fund_given, currency, -covered)
        tally(state.funding_told, currency, covered)
        tally(state.funding_kept, currency, state.ledger.balance(currency, ROUNDING) - before)
        settle_with_fund(state, currency, market.symbol)

    def _book(self, market: Market, position: Position, amount: int) -> None:
        """Take a payment that is posted into the position, and tell it."""
        state, account = self._state, position.account
        currency = market.spec.settl_currency
        side = 1 if position.qty > 0 else -1
        if account is state.engine:
            tally(state.engine_pnl, currency, -amount)
        elif amount > 0 and not position.is_cross:
            position.pos_loss += amount
        position.comm += amount
        position.at_ns = state.now_ns
        tally(state.funding_told, currency, amount)
        tell_own(
            state,
            market,
            account,
            ExecType.FUNDING,
            None,
            abs(position.qty),
            commission_ppm=side * market.funding_ppm,
            cost=position.mark_value,
            comm=amount,
            text="Funding",
        )
        state.tell_wallet(account, currency, -amount, Cause.FUNDING, market.symbol)
        state.touch(position)

    # --- who can't

    def _lacking(self, position: Position, amount: int) -> int:
        """Return what a payer lacks after all profit of the position that it takes is realised."""
        state, account = self._state, position.account
        if amount <= 0:
            return 0
        if account is state.engine:
            currency = position.market.spec.settl_currency
            return max(0, amount - state.ledger.balance(currency, FUND))
        lacking = amount - self._bearable(account, position)
        if lacking <= 0:
            return 0
        gain = min(lacking, position.unrealised_pnl)
        if gain > 0:
            self._realise(position, gain)
            lacking -= gain
        return lacking

    def _bearable(self, account: Account, position: Position) -> int:
        """Return what may be taken of a wallet for a position: its margin, or all that is free.

        An isolated position keeps its closing fee. Behind a cross one is the wallet without what
        other isolated positions, spot orders, loans and offers to lend stand on.
        """
        state = self._state
        currency = position.market.spec.settl_currency
        balance = state.balance(account, currency)
        if not position.is_cross:
            return max(0, min(balance, position.margin - position.pos_comm))
        free = balance - account.held.get(currency, 0) - account.lock(currency)
        if (account.account_id, currency) in state.lenders:
            free -= state.desk.on_offer(account.account_id, currency)
        for other in account.contracts[currency]:
            if other.qty and not other.is_cross:
                free -= other.margin
        return max(0, free)

    def _realise(self, position: Position, gain: int) -> None:
        """Move ``gain`` of a position's profit into the wallet, its cost towards the mark.

        An isolated position keeps its margin: what it pays of the gain comes off ``pos_loss``, and
        what the closing fee of the dearer cost asks for goes there.
        """
        held = position.margin
        kept = position.pos_init, position.pos_cross, position.pos_loss
        position.cost += gain
        position.realised_cost -= gain
        position.trade_pnl += gain
        position.keep_margin(*kept)
        if not position.is_cross:
            position.pos_loss += position.margin - held - gain
        self._contracts.post_pnl(position.market, position.account, gain, Cause.TRADE)


def _shared(paid: list[tuple[Position, int]], missing: int) -> list[tuple[Position, int]]:
    """Take ``missing`` from those who receive, in proportion; the sum is exact."""
    total = -sum(amount for _, amount in paid if amount < 0)
    shared, so_far, taken = [], 0, 0
    for position, amount in paid:
        so_far += max(0, -amount)
        upto = missing * so_far // total
        shared.append((position, amount + upto - taken))
        taken = upto
    return shared
