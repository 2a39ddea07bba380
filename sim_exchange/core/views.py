"""What can be read from the exchange: frozen pictures, and the ports that readers may rely on.

The wire and the agents read the exchange only through what is named here, and only between
commands.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple, Protocol

import msgspec

from sim_exchange.core.commands import AnyChange
from sim_exchange.core.specs import IndexSpec, InstrumentSpec
from sim_exchange.core.types import (
    AnnouncementState,
    ExecInst,
    MarkMethod,
    Mode,
    OrdStatus,
    OrdType,
    Reason,
    Side,
    State,
    TickDirection,
    TimeInForce,
    WithdrawalStatus,
)


class PositionView(msgspec.Struct, frozen=True):
    """A position in integers, signs as on the wire (protocol.md 5.1, exchange-rules.md E12).

    On spot ``current_qty`` is coins minus loans and interest owed, in minor units of the base coin;
    the cost and margin fields are then 0. Made by position: so many names cost more than the row.
    """

    account: int
    symbol: str
    current_qty: int
    cross_margin: bool
    leverage_cents: int
    init_margin_req_ppm: int
    maint_margin_req_ppm: int
    risk_limit: int
    open_buy_qty: int
    open_buy_cost: int
    open_buy_premium: int
    open_sell_qty: int
    open_sell_cost: int
    open_sell_premium: int
    gross_open_premium: int  # of both, what they open of it (E5)
    current_cost: int
    current_comm: int
    realised_cost: int
    unrealised_cost: int  # = pos_cost, API sign
    mark: int  # 10**-mark_decimals; 0 = none
    mark_value: int
    risk_value: int
    pos_init: int
    pos_cross: int
    pos_comm: int
    pos_loss: int
    pos_margin: int
    pos_maint: int
    init_margin: int  # held by open orders
    realised_pnl: int
    unrealised_pnl: int
    rebalanced_pnl: int
    prev_realised_pnl: int
    avg_entry_pico: int  # 0 = flat
    liquidation_pico: int  # 0 = flat
    bankrupt_pico: int
    opening_qty: int
    deleverage_percent: int | None  # place in the deleveraging queue, 100 = first
    at_ns: int


class QueuePlace(NamedTuple):
    """Where a position stands in its deleveraging queue (E13c)."""

    percent: int  # 1 - quantity ahead/total, in whole percent: 100 = first
    lights: int  # 1 to 5 of five, 5 = first


class PositionMark(NamedTuple):
    """What marks move of a position, minor units; the unit of ``mark`` as in ``PositionView``."""

    current_qty: int
    opening_qty: int
    mark: int
    mark_value: int
    risk_value: int
    open_buy_premium: int
    open_sell_premium: int
    gross_open_premium: int
    init_margin: int
    unrealised_cost: int
    unrealised_pnl: int
    pos_init: int
    pos_margin: int
    liquidation_pico: int
    bankrupt_pico: int
    changed_ns: int  # last change of either


class MarginView(msgspec.Struct, frozen=True):
    """One currency of an account's margin (protocol.md 5.4), minor units."""

    account: int
    currency: str
    wallet_balance: int
    unrealised_pnl: int
    realised_pnl: int
    init_margin: int  # held by open orders
    maint_margin: int  # held by positions
    gross_open_cost: int
    gross_open_premium: int
    gross_mark_value: int
    gross_comm: int
    risk_value: int
    available: int
    withdrawable: int
    loan_lock: int
    at_ns: int


class WalletView(msgspec.Struct, frozen=True, kw_only=True):
    """One currency of an account's wallet, minor units."""

    account: int
    currency: str
    amount: int
    deposited: int
    withdrawn: int  # completed, fees included
    transfer_in: int
    transfer_out: int
    pending_credit: int  # deposits that wait for blocks
    pending_debit: int  # withdrawals that are not confirmed yet, fees included
    confirmed_debit: int  # withdrawals that wait for their round, fees included
    borrowed: int
    interest_owed: int
    at_ns: int


class OfferView(msgspec.Struct, frozen=True, kw_only=True):
    """What an account offers to borrowers, minor units; rates in pico a day (E24)."""

    number: int
    currency: str
    left: int  # on offer
    reserved: int  # by orders
    lent: int
    rate: int
    days: int
    auto_renew: bool
    compound: bool


class LoanView(msgspec.Struct, frozen=True, kw_only=True):
    """One loan, minor units; rates in pico a day (E24)."""

    number: int
    lender: int
    borrower: int
    currency: str
    principal: int
    interest: int  # owed now
    rate: int
    compound: bool
    opened_ns: int
    end_ns: int


class WithdrawalView(Protocol):
    """A withdrawal that has not ended; the core's own object, not to be kept or changed."""

    number: int
    account: int
    currency: str
    amount: int  # without the fee, minor units
    fee: int
    address: str
    text: str
    status: WithdrawalStatus
    requested_ns: int
    at_ns: int  # last change


class MarkReaderLike(Protocol):
    """Reads one account over and over as marks move; the same numbers as the pictures."""

    def forget(self, symbol: str) -> None:
        """Take note that a position or its orders changed (``PositionChanged``)."""
        ...

    def remember(self, symbol: str) -> None:
        """Take note that the whole position is read now."""
        ...

    def mark(self, symbol: str) -> PositionMark | None:
        """What marks move; None when more has changed since ``remember``."""
        ...

    def margin(self, currency: str) -> MarginView:
        """Margin in one settlement currency."""
        ...


class OrderLike(Protocol):
    """An order as readers see it; the core's own object, not to be kept or changed."""

    order_id: int
    account: int
    symbol: str
    side: Side
    ord_type: OrdType
    time_in_force: TimeInForce
    exec_inst: ExecInst
    order_qty: int
    price: int  # ticks; 0 = none yet
    display_qty: int | None
    stop_px: int | None
    peg_offset: int | None
    peg_price_type: str
    contingency_type: str
    cl_ord_id: str
    cl_ord_link_id: str
    status: OrdStatus
    triggered: str
    working: bool
    leaves_qty: int
    cum_qty: int
    avg_px: int  # pico; 0 = none
    text: str  # the client's own words
    end_reason: Reason | None  # why it ended without being filled
    end_text: str  # the words of whoever canceled it
    amended: tuple[str, ...]  # what the last amend changed: order_qty, leaves_qty, price
    amend_text: str  # the words of that amend
    at_ns: int  # last change
    tick_pico: int  # of its prices, where the instrument's has changed since it ended; else 0


class BookLike(Protocol):
    """A book as readers see it; prices in ticks, best first."""

    def best_bid(self) -> int | None:
        """Best bid in ticks, or None."""
        ...

    def best_ask(self) -> int | None:
        """Best ask in ticks, or None."""
        ...

    def size_at(self, side: Side, price: int) -> int:
        """Visible size of one level; 0 where there is none."""
        ...

    def levels(self, side: Side, depth: int = 0) -> list[tuple[int, int]]:
        """(price, visible size) from the best on; ``depth`` 0 = all."""
        ...


class MarketLike(Protocol):
    """A listed instrument with its book and prices, as readers see it."""

    index: int  # symbolIdx: row number in listing order, never reused
    spec: InstrumentSpec
    state: State
    mode: Mode
    mark: int  # 10**-mark_decimals; 0 = none
    index_price: int  # last value of the reference index, 10**-mark_decimals; 0 = none
    indicative_settle: int  # 10**-mark_decimals; 0 = none
    mark_method: MarkMethod
    fair_basis: int  # 10**-mark_decimals
    fair_basis_rate_ppm: int
    impact_bid: int  # pico; 0 = none
    impact_mid: int
    impact_ask: int
    has_liquidity: bool
    is_perpetual: bool
    funding_interval_ns: int  # 0 = never funded
    funding_ppm: int  # in force: paid at next_funding_ns
    indicative_funding_ppm: int  # what the window comes to so far: paid one interval later
    next_funding_ns: int
    last_price: int  # ticks; 0 = never traded
    last_direction: TickDirection | None
    open_interest: int
    open_value: int
    total_volume: int
    total_turnover: int
    settled_price: int  # 10**-mark_decimals; of state Settled
    settled_adjustment_ppm: int  # what winners gave of their profit at settlement (E13d)
    limit_down: int | None  # ticks; None = no band
    limit_up: int | None
    prev_close_pico: int  # of the last session of a band; 0 = none
    changed_ns: int

    def breaker_reference(self, now_ns: int) -> int:
        """The close that today's falls are measured from, ticks; 0 = none, or no breaker (E22)."""
        ...

    def engine_floor(self, side: Side, now_ns: int) -> int:
        """The lowest price in ticks at which the engine trades on a side now; 0 = any (E22)."""
        ...

    @property
    def book(self) -> BookLike:
        """The book."""
        ...


class IndexLike(Protocol):
    """A listed index, as readers see it."""

    index: int  # symbolIdx
    spec: IndexSpec
    price: int  # 10**-decimals; a premium may be 0 or less
    direction: TickDirection | None  # None = no price yet
    changed_ns: int


class MemberLike(Protocol):
    """A constituent of an index, as readers see it (E9)."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    @property
    def price(self) -> int:
        """Its last print in 1e-12; 0 = none yet."""
        ...

    @property
    def weight(self) -> Fraction:
        """What it counts of the whole; 0 when it is out."""
        ...

    @property
    def status(self) -> str:
        """Why it counts, or doesn't: missing, active, silent, stale, outlier."""
        ...


class AccountLike(Protocol):
    """An account, as readers see it."""

    account_id: int
    name: str
    flags: tuple[str, ...]
    owner: int  # the account that it is linked to; 0 = none
    fee_plan: str  # "" = the contracts' own fees (E3)
    opened_ns: int


class AnnouncementLike(Protocol):
    """A change that was announced, as readers see it (E32)."""

    number: int
    change: AnyChange
    text: str
    published_ns: int
    effective_ns: int
    supersedes: int  # 0 = none
    superseded_by: int  # 0 = none
    state: AnnouncementState
    fault: str  # why it failed

    @property
    def kind(self) -> str:
        """One of tick, fee, leverage, index, listing, mode, split, withdrawal."""
        ...

    @property
    def symbol(self) -> str:
        """What it is about; "" is the whole exchange."""
        ...


class ExchangeView(Protocol):
    """The exchange as readers see it, between commands."""

    @property
    def now_ns(self) -> int:
        """The instant of the last command."""
        ...

    @property
    def markets(self) -> Mapping[str, MarketLike]:
        """Tradable symbols, in listing order."""
        ...

    @property
    def indices(self) -> Mapping[str, IndexLike]:
        """Index symbols, in listing order."""
        ...

    @property
    def announcements(self) -> Mapping[int, AnnouncementLike]:
        """Announcements by number, oldest first."""
        ...

    @property
    def accounts(self) -> Mapping[int, AccountLike]:
        """Accounts by id."""
        ...

    @property
    def orders(self) -> Mapping[int, OrderLike]:
        """Open orders, and ended ones of at least the last minute."""
        ...

    def open_orders(self, account: int, symbol: str = "") -> Sequence[OrderLike]:
        """Open orders, oldest first."""
        ...

    def dead_man_ns(self, account: int) -> int | None:
        """When the account's dead-man switch fires; None = not armed."""
        ...

    def position(self, account: int, symbol: str) -> PositionView | None:
        """A position ever touched by the account, or None."""
        ...

    def positions(self, account: int) -> Sequence[PositionView]:
        """All positions ever touched by the account, in listing order."""
        ...

    def margin(self, account: int, currency: str) -> MarginView:
        """Margin in one settlement currency."""
        ...

    def margin_currencies(self, account: int) -> Sequence[str]:
        """Settlement currencies of the account, XBt first."""
        ...

    def mark_reader(self, account: int) -> MarkReaderLike:
        """Return a reader for whoever follows an account as marks move."""
        ...

    def wallet(self, account: int, currency: str) -> WalletView:
        """Wallet in one currency."""
        ...

    def wallet_currencies(self, account: int) -> Sequence[str]:
        """Currencies ever held by the account, XBt first."""
        ...

    def currencies(self) -> Sequence[str]:
        """Currencies that anybody ever held, XBt first."""
        ...

    def withdrawals(self, account: int) -> Sequence[WithdrawalView]:
        """Withdrawals that are pending or confirmed, oldest first."""
        ...

    def withdrawal_numbers(self, account: int) -> Sequence[int]:
        """Numbers of all withdrawals of an account, those that have ended too."""
        ...

    def min_withdrawal_fee(self, currency: str) -> int:
        """The least network fee of a withdrawal, minor units."""
        ...

    def deposits_enabled(self, currency: str) -> bool:
        """Whether a currency may be deposited; coins of a split may not (E18)."""
        ...

    def withdrawals_enabled(self, currency: str) -> bool:
        """Whether withdrawals of a currency may be requested."""
        ...

    def index_members(self, symbol: str) -> Sequence[MemberLike]:
        """Who makes up an index, with the weights last decided; none of a derived one (E9)."""
        ...

    def loan_offers(self, currency: str) -> Sequence[tuple[int, int]]:
        """(amount still on offer in minor units, pico a day), cheapest first."""
        ...

    def own_offers(self, account: int) -> Sequence[OfferView]:
        """What an account offers to borrowers, cheapest first by currency."""
        ...

    def loans(self, account: int) -> Sequence[LoanView]:
        """Loans of which an account is lender or borrower, oldest first."""
        ...

    def loan_demands(self, currency: str) -> Sequence[tuple[int, int]]:
        """(amount that an open order is going to borrow, dearest rate), oldest order first."""
        ...

    def max_loan_rate(self, account: int) -> int:
        """The dearest rate, pico a day, that an account's orders borrow at."""
        ...

    def queue_place(self, account: int, symbol: str, *, fresh: bool = True) -> QueuePlace | None:
        """Where a position stands in the deleveraging queue; None when it is in none."""
        ...

    def liquidations(self) -> Sequence[OrderLike]:
        """Open orders of the liquidation engine, oldest first."""
        ...

    def fund(self, currency: str) -> int:
        """The insurance fund, minor units."""
        ...
