"""What can happen in the exchange: frozen structs, in the order in which they happened.

Events say *that* something changed and carry what can't be read later; the wire reads the rest from
the exchange (``core/views.py``) right after ``apply`` returns, before the next command.
"""

import msgspec

from sim_exchange.core.types import (
    AnnouncementState,
    Award,
    Cause,
    ExecType,
    Liquidity,
    OrdStatus,
    Reason,
    Side,
    TickDirection,
    WithdrawalStatus,
)


class Event(msgspec.Struct, frozen=True, kw_only=True, tag=True, omit_defaults=True, gc=False):
    """Base of all events; plain data without cycles, so no collector has to look at them."""


class Accepted(Event, frozen=True):
    """Item ``index`` of the command was done; ``ref`` is the order or account that it concerns."""

    index: int = 0
    ref: int = 0


class Refused(Event, frozen=True, kw_only=True):
    """Item ``index`` of the command was refused and changed nothing.

    ``detail`` is the number that goes with the reason (required minor units, current position...),
    ``ref`` the order concerned where there is one.
    """

    index: int = 0
    reason: Reason
    detail: int = 0
    ref: int = 0
    text: str = ""


class OrderOpened(Event, frozen=True):
    """A new order exists (it may already be filled or canceled by the end of the command)."""

    order_id: int
    account: int
    symbol: str


class OrderChanged(Event, frozen=True):
    """An order's row changed; see ``Exchange.orders``."""

    order_id: int
    account: int
    symbol: str


class Executed(Event, frozen=True):
    """One execution report, with the order's state as it was right after it.

    Where many are told they are made by position: two dozen names cost more than all the rest.

    ``exec_cost`` has the sign of the wire (linear and spot: Buy positive; inverse: Buy negative);
    ``exec_comm`` positive = paid, in minor units of ``comm_currency``, "" being the settlement
    currency. Quantities and prices are 0 when nothing traded, but ``last_px`` of a trigger is the
    price that was reached. ``last_px`` is pico, because funding and settlement prices are finer
    than a tick.
    """

    exec_id: int
    exec_type: ExecType
    order_id: int  # 0: the venue's own (funding, settlement, liquidation)
    account: int
    symbol: str
    side: Side | None
    last_qty: int = 0
    last_px: int = 0  # pico
    liquidity: Liquidity | None = None
    commission_ppm: int = 0
    exec_cost: int = 0
    exec_comm: int = 0
    comm_currency: str = ""
    order_qty: int = 0
    leaves_qty: int = 0
    cum_qty: int = 0
    avg_px: int = 0  # pico; 0 = none
    ord_status: OrdStatus = OrdStatus.REJECTED
    working: bool = False
    match_id: int = 0
    text: str = ""
    publish: bool = True
    at_ns: int = 0


class Traded(Event, frozen=True):
    """One public trade; ``side`` is the taker's."""

    symbol: str
    side: Side
    qty: int
    price: int  # ticks
    direction: TickDirection
    match_id: int
    gross_value: int  # minor units of the settlement currency
    at_ns: int


class SelfTraded(Event, frozen=True, kw_only=True):
    """Both sides of a match were orders of one account: the flag of E4, after its ``Traded``."""

    account: int
    symbol: str
    match_id: int


class BookChanged(Event, frozen=True):
    """The visible size of one level is now ``size``; 0 = the level is gone."""

    symbol: str
    side: Side
    price: int
    size: int


class PositionChanged(Event, frozen=True, kw_only=True):
    """A position row changed (quantity, cost or margin; not the mere mark)."""

    account: int
    symbol: str


class WalletChanged(Event, frozen=True, kw_only=True):
    """A wallet's balance changed by ``amount`` (minor units) for ``cause``."""

    account: int
    currency: str
    amount: int
    cause: Cause
    symbol: str = ""
    balance: int
    at_ns: int


class WithdrawalChanged(Event, frozen=True, kw_only=True):
    """A withdrawal is as ``views.WithdrawalView`` shows it now (E27)."""

    number: int
    account: int
    currency: str
    amount: int  # without the fee, minor units
    fee: int
    address: str
    text: str = ""
    status: WithdrawalStatus
    requested_ns: int
    at_ns: int


class DepositChanged(Event, frozen=True, kw_only=True):
    """A deposit waits for blocks: it has ``confirmations``; credited where ``credited``."""

    deposit: int
    account: int
    currency: str
    amount: int
    confirmations: int
    credited: bool = False
    at_ns: int


class AwardPaid(Event, frozen=True, kw_only=True):
    """An award was paid; ``name`` is "" where the account hides it (E29)."""

    award: Award
    account: int
    name: str
    amount: int  # XBt, what this winner got of it
    score: int  # XBt of turnover, profit or liquidation; 0 for a draw
    at_ns: int


class MarginChanged(Event, frozen=True, kw_only=True):
    """What an account's orders hold changed."""

    account: int
    currency: str


class LoansChanged(Event, frozen=True, kw_only=True):
    """An account's loans in a currency changed."""

    account: int
    currency: str


class IndexPublished(Event, frozen=True, kw_only=True):
    """An index has a new value, in 10**-decimals of its spec."""

    symbol: str
    price: int
    at_ns: int


class MarkChanged(Event, frozen=True, kw_only=True):
    """A contract's mark moved, in 10**-mark_decimals."""

    symbol: str
    mark: int


class InstrumentListed(Event, frozen=True, kw_only=True):
    """A new row in the instrument table (or a relisted one)."""

    symbol: str


class InstrumentChanged(Event, frozen=True, kw_only=True):
    """Slow facts of an instrument changed: state, mode, impact prices, fair basis..."""

    symbol: str


class TickChanged(Event, frozen=True, kw_only=True):
    """From here on prices of ``symbol`` count ticks of ``after`` pico, not ``before``.

    The book is told anew: every level that was told is gone, those of now follow.
    """

    symbol: str
    before: int
    after: int


class AnnouncementChanged(Event, frozen=True, kw_only=True):
    """An announcement was published, superseded, or took effect (or failed to)."""

    number: int
    state: AnnouncementState


class SettledAt(Event, frozen=True, kw_only=True):
    """A contract was settled at ``price`` (10**-mark_decimals).

    ``adjustment_ppm`` is the part of their profit that the winners did not get (E13d),
    ``underlying_pico`` the index that an option settled on, its barrier when it was knocked out.
    """

    symbol: str
    price: int
    adjustment_ppm: int = 0
    underlying_pico: int = 0  # 1e-12; 0 = no option
    at_ns: int


class FundingPaid(Event, frozen=True, kw_only=True):
    """A perpetual was funded at ``rate_ppm``, longs paying where it is positive (E10)."""

    symbol: str
    rate_ppm: int
    interval_ns: int
    at_ns: int  # the instant that it was due


class Posted(Event, frozen=True, kw_only=True):
    """A balanced set of ledger postings: (ledger account, amount); amounts sum to 0."""

    cause: Cause
    currency: str
    entries: tuple[tuple[str, int], ...]
    symbol: str = ""


class Deleveraged(Event, frozen=True, kw_only=True):
    """A position will be closed by ``qty`` contracts at ``value`` a lot; its report follows (E13c).

    ``qty`` has the sign of the position, ``value`` is the bankruptcy value of the order that
    could not be filled, minor units.
    """

    account: int
    symbol: str
    qty: int
    value: int
    at_ns: int


class Equalised(Event, frozen=True, kw_only=True):
    """Losses that nobody could pay were shared out (E13d), minor units.

    ``loss`` = ``by_fund`` + ``by_winners`` + ``by_exchange``; ``profit`` is what winners had
    realised, ``adjustment_ppm`` the part of it that they gave, ``residue`` what rounding left to
    the fund.
    """

    symbol: str
    loss: int
    profit: int
    by_fund: int
    by_winners: int
    by_exchange: int
    residue: int
    adjustment_ppm: int
    at_ns: int


class FundSnapshot(Event, frozen=True, kw_only=True):
    """The insurance fund of a currency as it is at noon (E13b), minor units."""

    currency: str
    amount: int
    at_ns: int


class DeadManFired(Event, frozen=True, kw_only=True):
    """A dead-man switch ran out and canceled ``canceled`` orders."""

    account: int
    canceled: int
    at_ns: int


class Liquidated(Event, frozen=True, kw_only=True):
    """The engine took over a position of ``qty`` (signed) at ``value`` a lot."""

    account: int
    symbol: str
    qty: int
    value: int
    at_ns: int
