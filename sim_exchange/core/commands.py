"""What can be asked of the exchange: one frozen struct a command, all through ``Exchange.apply``.

Every command is journaled as it is, so its fields are plain integers, strings, enums and
tuples. ``account`` is who asks (0 is the operator). A bulk is one command.
"""

import msgspec

from sim_exchange.core.types import (
    DAY_NS,
    MINUTE_NS,
    ExecInst,
    ExecType,
    FeeSide,
    IndexKind,
    Kind,
    LossMethod,
    MarkMethod,
    Mode,
    OrdType,
    SelfTrade,
    SettlementKind,
    Side,
    TimeInForce,
    TriggerPrice,
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


class Band(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Prices outside which orders are refused (E15): fixed ones, or about each session's close.

    ``down`` and ``up`` are ticks, in force until ``until_ns``; or else the limits of each session
    of ``session_ns`` are ``pct_ppm`` on either side of the close of the one before.
    """

    down: int | None = None
    up: int | None = None
    until_ns: int | None = None  # fixed ones: in force before this instant
    pct_ppm: int = 0
    session_ns: int = 0  # sessions end at its multiples since the epoch


class OptionTerms(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An UP (call) or a DOWN (put): pays a share of its highest price (E16).

    Strike and barrier are prices of the index in 1e-12. A contract whose index falls to the barrier
    settles at once, at what it pays there.
    """

    call: bool
    strike_pico: int
    barrier_pico: int | None = None
    barrier_on_spot: bool = False  # test the index itself, not its rolling 30-minute mean


class DividendTerms(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one contract of mining earns (E25): hashrate*86400*reward/(difficulty*2^32) a day."""

    hashrate: int  # hashes a second
    reward: int  # of one block, minor units of the settlement currency
    difficulty: int
    pool_fee_ppm: int = 0


class RefundLiquidations(Command, frozen=True, kw_only=True):
    """Make good a bad print: pay whom it liquidated, from the exchange's own account (E9).

    Whoever lost a position of ``symbol`` to the engine from ``from_ns`` to ``until_ns``, both
    included, gets for each lot what its value at bankruptcy was worse than that at ``reference``
    (10**-mark_decimals). No takeover is paid for twice.
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


class CircuitBreaker(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """When a fall below the prior day's close stops trading (E22, ``mwcb``)."""

    levels_ppm: tuple[int, ...] = (70_000, 130_000, 200_000)  # the last halts for the day
    halt_ns: int = 15 * MINUTE_NS
    late_ns: int | None = None  # time of the day from which only the last level halts


class LiquidationSpeed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far liquidations may sell below the highest trade of a window (E22, ``liq_speed``)."""

    floor_ppm: int = 900_000
    window_ns: int = MINUTE_NS


class SpeedBump(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How long an order is held that would sweep further than a share (E22, ``speed_bump``)."""

    delay_ns: int
    pct_ppm: int  # from the best price to the last level that it would reach


class FeePlan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What accounts that chose a plan pay in a contract, in place of its own fees (E3, 2014)."""

    name: str
    maker_ppm: int
    taker_ppm: int
    session_fee_ppm: int = 0  # of the value at mark, every 8 h, to the fund (E13d)


class InstrumentSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What defines a tradable instrument; integers only.

    ``multiplier`` has the sign of the wire (inverse negative); on spot it is 1.
    ``tick_pico`` is the tick size in 1e-12. Times are ns since the epoch, None meaning never.
    """

    symbol: str
    kind: Kind
    typ: str  # six letters of the wire: FFWCSX, FFCCSX, IFXXXP
    root: str
    underlying: str  # major code of the base: ETC, XBT
    quote_currency: str  # major code of the quote: XBT, USD
    settl_currency: str  # minor code: XBt, USDt
    base_currency: str = ""  # spot only: wallet currency of the base coin (ETC)
    multiplier: int = 1
    lot_size: int = 1
    tick_pico: int
    mark_decimals: int
    max_order_qty: int
    max_price_ticks: int
    init_margin_ppm: int = 0
    maint_margin_ppm: int = 0
    risk_limit: int = 0  # minor units
    risk_step: int = 0
    bankrupt_tick_pico: int = 0  # of liquidation and bankruptcy prices; 0 = the order tick
    maker_fee_ppm: int = 0
    taker_fee_ppm: int = 0
    settlement_fee_ppm: int = 0
    fee_plans: tuple[FeePlan, ...] = ()  # what accounts can choose (E3)
    insurance_fee_ppm: int = 0  # 2014: of the value at mark, every 8 h, to the fund (E13d)
    loss_method: LossMethod = LossMethod.ADL
    forced_exec_type: ExecType = ExecType.TRADE  # of takeovers and deleveraging; later Liquidation
    reference_symbol: str = ""  # the index that marks and settles it
    mark_method: MarkMethod = MarkMethod.FAIR
    settlement_kind: SettlementKind = SettlementKind.TWAP30
    settlement_price: int | None = None  # MarkUnits; of kind fixed, else the opening reference
    settlement_sum: tuple[str, ...] = ()  # indices that are added up to mark and settle it (E18)
    settlement_else: SettlementKind | None = None  # fixed or zero, where the index began too late
    settlement_lead_ns: int = DAY_NS  # ... later than this before the settlement
    settlement_fees: tuple[tuple[int, int], ...] = ()  # (from ns, ppm) in place of the fee (E3)
    band: Band | None = None
    option: OptionTerms | None = None
    dividend: DividendTerms | None = None
    short_cap: int = 0  # contracts that an account may be short of, 0 = no cap (E25)
    listing_ns: int
    expiry_ns: int | None = None
    opening_reference: int | None = None  # MarkUnits; first mark where no index gives one
    funding_interval_ns: int | None = None  # only without expiry: whole minutes, part of a day
    funding_ppm: int | None = None  # rate in force at listing; None = the interest (E10)
    quote_rate_ppm: int = 600  # interest a day of the quote and of the base currency
    base_rate_ppm: int = 300
    impact_at_full_margin: int = 10_000_000  # 0.1 XBT; the impact notional is it / init margin (E6)
    impact_notional: int = 0  # impact notional in minor units, where it is fixed
    impact_usd: int = 0  # ... or in dollars, at the price of impact_index if that is named
    impact_index: str = ""
    basis_interval_ns: int = MINUTE_NS  # how often impact prices and the basis are found anew (E7)
    basis_spread_ticks: int = 0  # 2021: so wide may the impact spread be, if margin allows less
    touch_band_ppm: int = 0  # spot: 200_000 = refuse limits more than 20 % through the touch
    fat_finger_ppm: int = 0  # 50_000 = Market orders go no further than 5 % (E21, 2021); 0 = off
    default_trigger: TriggerPrice = TriggerPrice.MARK  # of stops whose execInst names no price
    self_trade: SelfTrade = SelfTrade.ALLOW
    floating_pegs: bool = False  # Pegged orders without execInst Fixed follow the market
    contingent_orders: bool = True  # linked orders are taken (2016 to 2018-11, and from 2023)
    mwcb: CircuitBreaker | None = None
    liq_speed: LiquidationSpeed | None = None
    speed_bump: SpeedBump | None = None
    min_value: int = 0  # spot: smallest order value in minor units of the quote coin
    fee_side: FeeSide = FeeSide.QUOTE  # spot: fees in the quote coin, or in what is received

    def fee_plan(self, name: str) -> FeePlan | None:
        """Return the plan of a name; None where the contract's own fees hold."""
        return next((plan for plan in self.fee_plans if plan.name == name), None)


class Constituent(msgspec.Struct, frozen=True):
    """One member of a composite index; its weight is the exact rational ``num``/``den``."""

    name: str
    num: int
    den: int


class IndexSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What defines an index symbol."""

    symbol: str
    kind: IndexKind = IndexKind.COMPOSITE
    root: str = ""
    underlying: str = ""
    quote_currency: str = ""
    decimals: int = 8
    constituents: tuple[Constituent, ...] = ()
    outlier_ppm: int = 500_000  # 25 % for BTC/fiat, 50 % for altcoins (E9)
    auto_reintroduce: bool = False  # later eras: an outlier that comes back is let in again (E9)
    source: str = ""  # TWAP30, VOLATILITY: the composite it is made of; LENDING: the currency
    minutes: int = 30  # TWAP30: how many minute samples; VOLATILITY: how far it looks back
    step_minutes: int = 1  # VOLATILITY: minutes between two prices; 1440 = daily
    typ: str = "MRCXXX"


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
