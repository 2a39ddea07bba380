"""What can be asked of the exchange: one frozen struct a command, all through ``Exchange.apply``.

Every command is journaled as it is, so its fields are plain integers, strings, enums and
tuples. ``account`` is who asks (0 is the operator). A bulk is one command.
"""

import msgspec

from sim_exchange.core.specs import Constituent, IndexSpec, InstrumentSpec
from sim_exchange.core.types import (
    MINUTE_NS,
    ExecInst,
    MarkMethod,
    Mode,
    OrdType,
    Side,
    TimeInForce,
)


class Command(msgspec.Struct, frozen=True, kw_only=True, tag=True, omit_defaults=True, gc=False):
    """Base of all commands; ``account`` is who asks, 0 being the operator.

    Plain data without cycles, so no collector has to look at them.
    """

    account: int = 0


class Change(msgspec.Struct, frozen=True, kw_only=True, tag=True, omit_defaults=True):
    """Base of the changes that only an announcement makes."""


class Advance(Command, frozen=True, kw_only=True):
    """Time has come to this instant: run every timer due at or before it, in order (E14)."""


class OpenAccount(Command, frozen=True, kw_only=True):
    """Open an account; its id is the next free number (from 1)."""

    name: str
    flags: tuple[str, ...] = ()
    owner: int = 0  # the account that this one is linked to, 0 = none (E27)


class SetFlags(Command, frozen=True, kw_only=True):
    """Replace the flags of ``to_account``: ``anchorMM`` (E30), ``suspended`` (E4)..."""

    to_account: int
    flags: tuple[str, ...]


class LinkAccount(Command, frozen=True, kw_only=True):
    """Link ``to_account`` to ``owner``, so that both may transfer to each other; 0 unlinks it."""

    to_account: int
    owner: int


class Deposit(Command, frozen=True, kw_only=True):
    """Credit ``amount`` minor units of ``currency`` to ``to_account`` from ``external``."""

    to_account: int
    currency: str
    amount: int


class DepositFund(Command, frozen=True, kw_only=True):
    """Put ``amount`` minor units of ``currency`` into the insurance fund from ``external``."""

    currency: str
    amount: int


class AnnounceDeposit(Command, frozen=True, kw_only=True):
    """The network shows a deposit to ``to_account``; its blocks credit it (``ChainBlocks``)."""

    to_account: int
    currency: str
    amount: int


class ChainBlocks(Command, frozen=True, kw_only=True):
    """The chain of ``currency`` grew by ``count`` blocks: each confirms every waiting deposit."""

    currency: str
    count: int = 1


class RequestWithdrawal(Command, frozen=True, kw_only=True):
    """Ask for ``amount`` to be sent to ``address``; ``fee`` is the network's, on top of it.

    Minor units; the answer's ``ref`` is the number of the withdrawal. ``fee`` None means the least
    that the network asks for.
    """

    currency: str
    amount: int
    fee: int | None = None
    address: str
    text: str = ""


class ConfirmWithdrawal(Command, frozen=True, kw_only=True):
    """Confirm a pending withdrawal: it goes with the first round that comes after now (E27)."""

    withdrawal: int


class CancelWithdrawal(Command, frozen=True, kw_only=True):
    """Cancel a pending withdrawal; its money comes back."""

    withdrawal: int


class AddWithdrawalRound(Command, frozen=True, kw_only=True):
    """Let one more round of withdrawals run at ``round_ns``, besides that of each day (E27)."""

    round_ns: int


class SetWalletRules(Command, frozen=True, kw_only=True):
    """Change what holds for deposits and withdrawals of ``currency``; None leaves it as it is."""

    currency: str
    min_fee: int | None = None  # least network fee of a withdrawal, minor units
    confirmations: int | None = None  # blocks that credit a deposit: 1, in fork risk 6
    withdrawals: bool | None = None  # whether they are requested and sent at all


class Transfer(Command, frozen=True, kw_only=True):
    """Move ``amount`` minor units from ``source`` to ``target``, both linked to who asks."""

    source: int
    target: int
    currency: str
    amount: int


class RefundLiquidations(Command, frozen=True, kw_only=True):
    """Make good a bad print: pay whom it liquidated, from the exchange's own account (E9).

    Whoever lost a position of ``symbol`` to the engine from ``from_ns`` to ``until_ns``, both
    included, or a part of one to its FillOrKill, gets what the value at which it was closed was
    worse than that at ``reference`` (10**-mark_decimals). Nothing is paid for twice.
    """

    symbol: str
    from_ns: int
    until_ns: int
    reference: int
    accounts: tuple[int, ...] = ()  # only these; empty = all


class OpenContest(Command, frozen=True, kw_only=True):
    """Begin a contest now; what was counted of one that is open is forgotten (E29)."""


class HoldAwards(Command, frozen=True, kw_only=True):
    """End the open contest and pay its awards, ``prize`` XBt each (E29).

    ``seed`` draws I'm Feeling Lucky among ``chatters``, the accounts that chatted.
    """

    seed: int
    chatters: tuple[int, ...] = ()
    prize: int = 200_000_000


class ListInstrument(Command, frozen=True, kw_only=True):
    """List a tradable instrument; relists a settled symbol under a new expiry.

    ``replaces`` lists it in the place of one that is listed, if that was never traded and has no
    orders.
    """

    spec: InstrumentSpec
    replaces: bool = False


class ListIndex(Command, frozen=True, kw_only=True):
    """List an index symbol."""

    spec: IndexSpec


class RemoveIndex(Command, frozen=True, kw_only=True):
    """Publish an index no more; what it marks and settles needs another one (``SetReference``)."""

    symbol: str


class SetReference(Command, frozen=True, kw_only=True):
    """Let ``reference_symbol`` mark and settle a contract from now on; its price band ends (E15).

    ``mark_method`` says how it is marked from now on; None leaves it. A contract that waits for an
    index to settle on is settled at once.
    """

    symbol: str
    reference_symbol: str
    mark_method: MarkMethod | None = None


class SetDifficulty(Command, frozen=True, kw_only=True):
    """The difficulty that a mining contract's dividend is computed with from now on (E25)."""

    symbol: str
    difficulty: int


class SplitChain(Command, frozen=True, kw_only=True):
    """A coin has split (E18): what was listed on ``index`` is marked and settled on the sum.

    ``other`` is the index of the other version; what is listed later refers to one of them.
    """

    index: str
    other: str


class TakeSnapshot(Command, frozen=True, kw_only=True):
    """Credit each account with as many units of ``coin`` as its margin balance in ``currency``.

    Liquidations run first; unrealised profit counts (E18). ``deposits`` says whether the new coin
    may be deposited as well as withdrawn.
    """

    currency: str
    coin: str
    deposits: bool = False


class IndexPrints(Command, frozen=True, kw_only=True):
    """Constituents printed: ``prices[i]`` is of the i-th one of the index, pico; 0 = no print."""

    index: str
    prices: tuple[int, ...]


class FeedPrints(Command, frozen=True, kw_only=True):
    """Constituents of many indices printed at once: rows of (index, prices as ``IndexPrints``).

    Where one row is wrong, all are refused.
    """

    rows: tuple[tuple[str, tuple[int, ...]], ...]


class SetConstituent(Command, frozen=True, kw_only=True):
    """Operator's word on a constituent: ``silent`` (until its next print) or ``reinstate``."""

    index: str
    constituent: str
    status: str


class SetComposition(Command, frozen=True, kw_only=True):
    """Change the constituents of a composite index, from the next publication on (E9).

    Those that stay keep their prices and their standing; new ones count with their first print.
    """

    index: str
    constituents: tuple[Constituent, ...]


class SetMarkMethod(Command, frozen=True, kw_only=True):
    """Change where the mark of an instrument comes from, at once (E7, E8)."""

    symbol: str
    method: MarkMethod


class SetFundingInterval(Command, frozen=True, kw_only=True):
    """Fund a perpetual every ``interval_ns`` from now on; announced 8 hours before (E10)."""

    symbol: str
    interval_ns: int


class FundNow(Command, frozen=True, kw_only=True):
    """Let a perpetual be funded at once, as if its instant had come (E10)."""

    symbol: str


class PlaceOrder(Command, frozen=True, kw_only=True):
    """Enter an order; prices in ticks, quantities in contracts (spot: minor units of the coin)."""

    symbol: str
    side: Side | None = None  # None only with Close: derived from the position
    ord_type: OrdType = OrdType.LIMIT
    order_qty: int | None = None  # None only with Close: the whole position
    price: int | None = None
    display_qty: int | None = None
    stop_px: int | None = None
    peg_offset: int | None = None
    peg_price_type: str = ""
    time_in_force: TimeInForce = TimeInForce.GTC
    exec_inst: ExecInst = ExecInst.NONE
    cl_ord_id: str = ""
    cl_ord_link_id: str = ""
    contingency_type: str = ""
    text: str = ""


class AmendOrder(Command, frozen=True, kw_only=True):
    """Change a live order in place; it is named by ``order_id`` or by ``orig_cl_ord_id``."""

    order_id: int = 0
    orig_cl_ord_id: str = ""
    cl_ord_id: str = ""  # new name; only with orig_cl_ord_id
    order_qty: int | None = None
    leaves_qty: int | None = None
    price: int | None = None
    stop_px: int | None = None
    peg_offset: int | None = None
    text: str = ""


class PlaceBulk(Command, frozen=True, kw_only=True):
    """Enter several orders of one symbol, in turn."""

    orders: tuple[PlaceOrder, ...]


class AmendBulk(Command, frozen=True, kw_only=True):
    """Amend several orders; any that can't be amended refuses the whole command."""

    amends: tuple[AmendOrder, ...]


class CancelOrders(Command, frozen=True, kw_only=True):
    """Cancel by ids of the venue and/or of the client; one outcome an id, in that order."""

    order_ids: tuple[int, ...] = ()
    cl_ord_ids: tuple[str, ...] = ()
    text: str = ""


class CancelAll(Command, frozen=True, kw_only=True):
    """Cancel all open orders of the account, or those of a symbol and/or side."""

    symbol: str = ""
    side: Side | None = None
    text: str = ""


class CancelAllAfter(Command, frozen=True, kw_only=True):
    """Arm the dead-man switch: cancel all orders in ``timeout_ns``; 0 disarms (protocol.md 4.9)."""

    timeout_ns: int


class SetLeverage(Command, frozen=True, kw_only=True):
    """Choose a position's leverage in hundredths (2000 = 20x); 0 means cross margin."""

    symbol: str
    leverage_cents: int


class IsolateMargin(Command, frozen=True, kw_only=True):
    """Isolate a position at the leverage that it shows, or (not ``enabled``) let it be cross."""

    symbol: str
    enabled: bool = True


class SetRiskLimit(Command, frozen=True, kw_only=True):
    """Choose a position's risk limit, minor units: the contract's base and whole steps (E11)."""

    symbol: str
    risk_limit: int


class TransferMargin(Command, frozen=True, kw_only=True):
    """Move ``amount`` minor units into an isolated position's margin; negative = out of it."""

    symbol: str
    amount: int


class SetFeePlan(Command, frozen=True, kw_only=True):
    """Choose what the account pays where contracts have fee plans; "" = their own fees (E3)."""

    plan: str


class OfferLoans(Command, frozen=True, kw_only=True):
    """Replace what ``account`` offers to lend in ``currency``: (minor units, pico a day)."""

    currency: str
    offers: tuple[tuple[int, int], ...]


class PostOffer(Command, frozen=True, kw_only=True):
    """Offer ``amount`` minor units of ``currency`` to borrowers at ``rate`` pico a day (E24).

    Each loan lasts ``days``; then its coins are on offer again, where the offer renews itself.
    """

    currency: str
    amount: int
    rate: int
    days: int = 60
    auto_renew: bool = True
    compound: bool = False  # unpaid interest bears interest from day to day


class CancelOffer(Command, frozen=True, kw_only=True):
    """Take an offer back; what is lent or reserved of it stays so."""

    offer: int


class SetMaxLoanRate(Command, frozen=True, kw_only=True):
    """Choose the dearest rate, pico a day, that the account's orders borrow at (E24)."""

    rate: int


class SetMode(Command, frozen=True, kw_only=True):
    """Set what an instrument accepts, or every instrument's when ``symbol`` is empty (E17).

    With ``until_ns`` trading resumes by itself then, and the last ``cancel_only_ns`` before it take
    nothing but cancels. Every instrument's Halt is a suspension of the engine.
    """

    symbol: str = ""
    mode: Mode
    until_ns: int | None = None
    cancel_only_ns: int = 5 * MINUTE_NS


class SetSpamRule(Command, frozen=True, kw_only=True):
    """Flag who has more than ``most`` open orders of less than ``value`` each (E21); 0 = nobody.

    ``value`` is minor units of an order's settlement currency.
    """

    most: int
    value: int = 250_000


class TickChange(Change, frozen=True, kw_only=True):
    """An instrument's orders have another tick, 1e-12; what rests off it is canceled."""

    symbol: str
    tick_pico: int


class FeeChange(Change, frozen=True, kw_only=True):
    """An instrument has other fees, 1e-6 of the value; None leaves one as it is."""

    symbol: str
    maker_fee_ppm: int | None = None
    taker_fee_ppm: int | None = None
    settlement_fee_ppm: int | None = None


class MarginChange(Change, frozen=True, kw_only=True):
    """An instrument has other margins (1e-6) or risk limits (minor units); None leaves one."""

    symbol: str
    init_margin_ppm: int | None = None
    maint_margin_ppm: int | None = None
    risk_limit: int | None = None
    risk_step: int | None = None


class WithdrawalRound(Change, frozen=True, kw_only=True):
    """A round of withdrawals besides that of each day: what was confirmed before it goes (E27)."""


AnyChange = (
    TickChange
    | FeeChange
    | MarginChange
    | WithdrawalRound
    | ListInstrument
    | SetReference
    | SplitChain
    | SetMode
    | SetComposition
    | SetFundingInterval
)
"""What can be announced: a change of its own, or a command that is given at its instant."""


class Announce(Command, frozen=True, kw_only=True):
    """Publish a change that takes effect at ``effective_ns``, that instant included (E32).

    ``supersedes`` is the number of an announcement of the same kind and symbol that then never
    takes effect; 0 for none.
    """

    change: AnyChange
    effective_ns: int
    supersedes: int = 0
    text: str = ""


class ExpireNow(Command, frozen=True, kw_only=True):
    """Settle a contract at once with the samples there are (E14)."""

    symbol: str


AnyCommand = (
    Advance
    | OpenAccount
    | SetFlags
    | LinkAccount
    | Deposit
    | DepositFund
    | AnnounceDeposit
    | ChainBlocks
    | RequestWithdrawal
    | ConfirmWithdrawal
    | CancelWithdrawal
    | AddWithdrawalRound
    | SetWalletRules
    | Transfer
    | OpenContest
    | HoldAwards
    | RefundLiquidations
    | ListInstrument
    | ListIndex
    | RemoveIndex
    | SetReference
    | SetDifficulty
    | SplitChain
    | TakeSnapshot
    | IndexPrints
    | FeedPrints
    | SetConstituent
    | SetComposition
    | SetMarkMethod
    | SetFundingInterval
    | FundNow
    | PlaceOrder
    | AmendOrder
    | PlaceBulk
    | AmendBulk
    | CancelOrders
    | CancelAll
    | CancelAllAfter
    | SetLeverage
    | IsolateMargin
    | SetRiskLimit
    | TransferMargin
    | SetFeePlan
    | OfferLoans
    | PostOffer
    | CancelOffer
    | SetMaxLoanRate
    | SetMode
    | SetSpamRule
    | Announce
    | ExpireNow
)
"""Every command: the type that the journal decodes."""
