"""Words and units of the core: enums and integer NewTypes.

Units, everywhere in the core:

- ``Ticks``: an order or trade price as a whole number of the instrument's ticks.
- ``Pico``: a price, rate or weight as an integer of 1e-12 (constituent prints, tick sizes,
  lending rates).
- ``MarkUnits``: an index, mark or settlement price as an integer of 10**-mark_decimals of its
  instrument.
- ``Qty``: whole contracts; on spot, minor units of the base coin.
- ``Minor``: money in the minor unit of its currency (XBt 1e-8 XBT, USDt 1e-6, other coins 1e-8).
- ``ppm``: fees and margin rates as integers of 1e-6.
- ``Ns``: an instant, in nanoseconds since the Unix epoch, UTC.
"""

from enum import Enum, IntEnum, IntFlag
from typing import NewType

Ticks = NewType("Ticks", int)
Pico = NewType("Pico", int)
MarkUnits = NewType("MarkUnits", int)
Qty = NewType("Qty", int)
Minor = NewType("Minor", int)
AccountId = NewType("AccountId", int)
OrderId = NewType("OrderId", int)
Ns = NewType("Ns", int)

PICO = 10**12
PPM = 10**6
SECOND_NS = 10**9
MINUTE_NS = 60 * SECOND_NS
HOUR_NS = 60 * MINUTE_NS
DAY_NS = 24 * HOUR_NS

CURRENCY_DECIMALS = {"XBt": 8, "USDt": 6}
"""Decimals of a currency's minor unit; a coin that is not listed here has 8."""


def currency_decimals(currency: str) -> int:
    """Return how many decimals a whole coin of ``currency`` has in minor units.

    >>> currency_decimals("XBt"), currency_decimals("USDt"), currency_decimals("ETC")
    (8, 6, 8)
    """
    return CURRENCY_DECIMALS.get(currency, 8)


def rha(numerator: int, denominator: int = 1) -> int:
    """Return ``numerator/denominator`` rounded to nearest, halves away from zero (E0).

    ``denominator`` is positive; both are exact integers.

    >>> rha(5, 2), rha(-5, 2), rha(7, 3)
    (3, -3, 2)
    """
    if numerator >= 0:
        return (2 * numerator + denominator) // (2 * denominator)
    return -((-2 * numerator + denominator) // (2 * denominator))


class Side(IntEnum):
    """Direction of an order; the value is the sign of the position it makes."""

    BUY = 1
    SELL = -1

    @property
    def other(self) -> "Side":
        """The opposite side."""
        return Side.SELL if self is Side.BUY else Side.BUY


class OrdType(Enum):
    """Kinds of order; the value is the spelling on the wire."""

    LIMIT = "Limit"
    MARKET = "Market"
    STOP = "Stop"
    STOP_LIMIT = "StopLimit"
    MARKET_IF_TOUCHED = "MarketIfTouched"
    LIMIT_IF_TOUCHED = "LimitIfTouched"
    PEGGED = "Pegged"


class TimeInForce(Enum):
    """How long an order works."""

    GTC = "GoodTillCancel"
    IOC = "ImmediateOrCancel"
    FOK = "FillOrKill"
    DAY = "Day"
    AT_THE_CLOSE = "AtTheClose"


class ExecInst(IntFlag):
    """Execution instructions; a set."""

    NONE = 0
    POST_ONLY = 1  # ParticipateDoNotInitiate
    REDUCE_ONLY = 2
    CLOSE = 4
    MARK_PRICE = 8
    LAST_PRICE = 16
    INDEX_PRICE = 32
    LAST_WITHIN_MARK = 64
    FIXED = 128
    ALL_OR_NONE = 256


class TriggerPrice(Enum):
    """Which price a waiting order is compared with; the value is the execInst that says so."""

    MARK = "MarkPrice"
    LAST = "LastPrice"
    INDEX = "IndexPrice"


class SelfTrade(Enum):
    """What happens when an order meets one of its own account."""

    ALLOW = "allow"  # it trades and is flagged (``events.SelfTraded``)
    CANCEL_INCOMING = "cancel_incoming"  # what is left of the incoming order is canceled (E23)


class OrdStatus(Enum):
    """State of an order."""

    NEW = "New"
    PARTIALLY_FILLED = "PartiallyFilled"
    FILLED = "Filled"
    CANCELED = "Canceled"
    REJECTED = "Rejected"


class ExecType(Enum):
    """What an execution report says."""

    NEW = "New"
    TRADE = "Trade"
    CANCELED = "Canceled"
    REPLACED = "Replaced"
    TRIGGERED = "TriggeredOrActivatedBySystem"
    FUNDING = "Funding"
    SETTLEMENT = "Settlement"
    LIQUIDATION = "Liquidation"  # how later eras report takeovers and deleveraging (E13c)


class Liquidity(Enum):
    """Which side of a match an execution was."""

    ADDED = "AddedLiquidity"
    REMOVED = "RemovedLiquidity"


class Kind(Enum):
    """What an instrument is, by the maths of its value."""

    INVERSE = "inverse"
    LINEAR = "linear"
    QUANTO = "quanto"
    SPOT = "spot"
    INDEX = "index"


class FeeSide(Enum):
    """Which coin a spot fee is taken in (E23)."""

    QUOTE = "quote"
    RECEIVED = "received"


class State(Enum):
    """Life of an instrument, as its row shows it."""

    UNLISTED = "Unlisted"
    OPEN = "Open"
    CLOSED = "Closed"
    SETTLED = "Settled"


class Mode(Enum):
    """What a listed instrument accepts (E17)."""

    OPEN = "Open"
    CANCEL_ONLY = "CancelOnly"
    POST_ONLY = "PostOnly"
    HALT = "Halt"


class AnnouncementState(Enum):
    """Life of an announcement (E32)."""

    PENDING = "Pending"
    EFFECTIVE = "Effective"
    SUPERSEDED = "Superseded"
    FAILED = "Failed"  # what it announced could not be done at its instant


class MarkMethod(Enum):
    """Where a mark price comes from (E7)."""

    FAIR = "FairPrice"
    LAST = "LastPrice"
    LAST_PROTECTED = "LastPriceProtected"
    INDEX = "CompositeIndex"


class SettlementKind(Enum):
    """How a contract's settlement price is found (E14)."""

    TWAP30 = "twap30"  # mean of the index's last 30 minute samples
    LAST = "last"  # last print of the index
    VWAP = "vwap"  # of the contract's own trades of the last 30 minutes
    FIXED = "fixed"  # settlement_price: of an auction, of a token sale
    ZERO = "zero"
    SUM = "sum"  # of the means of several indices: the versions of a coin that split (E18)
    OPTION = "option"  # what an UP or a DOWN pays at the mean (E16)


class LossMethod(Enum):
    """Who bears what the losers of a contract can't pay (E13b to E13d)."""

    ADL = "adl"  # the fund, then the opposite side, closed at the bankruptcy value
    DPE = "dpe"  # the fund, then all winners in proportion to their profit
    GUARANTEED = "guaranteed"  # the fund, then the exchange's own account


class IndexKind(Enum):
    """What an index symbol publishes."""

    COMPOSITE = "composite"  # weighted mean of constituents, every 5 s (E9)
    TWAP30 = "twap30"  # mean of the last minute samples (30) of another index, every minute
    VOLATILITY = "volatility"  # annualised volatility of another index, in percent
    LENDING = "lending"  # best borrow rate per day of a currency, as a plain fraction
    PREMIUM = "premium"  # what a perpetual's premium is in each minute (E10)
    PREMIUM_MEAN = "premium_mean"  # ... and its mean over a funding window, as the window ends


class TickDirection(Enum):
    """Direction of a trade against the one before."""

    PLUS = "PlusTick"
    ZERO_PLUS = "ZeroPlusTick"
    MINUS = "MinusTick"
    ZERO_MINUS = "ZeroMinusTick"


class WithdrawalStatus(Enum):
    """Life of a withdrawal (E27); the value is the spelling on the wire."""

    PENDING = "Pending"
    CONFIRMED = "Confirmed"
    COMPLETED = "Completed"
    CANCELED = "Canceled"


class Award(Enum):
    """What a contest is won in (E29)."""

    BIG_SPENDER = "Big Spender"  # turnover
    YACHT_CLUB = "Yacht Club"  # profit, realised and unrealised
    SHOOT_THE_MOON = "Shoot The Moon"  # the largest single liquidation
    FEELING_LUCKY = "I'm Feeling Lucky"  # a draw among those who chatted


class Cause(Enum):
    """Why money moved: the reason of a ledger posting and of a wallet row."""

    DEPOSIT = "Deposit"
    WITHDRAWAL = "Withdrawal"
    SPLIT = "ChainSplit"  # coins of the minor version (E18)
    TRANSFER = "Transfer"
    AWARD = "Award"
    TRADE = "RealisedPNL"
    FEE = "Fee"
    FUNDING = "Funding"
    DIVIDEND = "Dividend"  # of a mining contract (E25)
    SETTLEMENT = "Settlement"
    SPOT_TRADE = "SpotTrade"
    BORROW = "Borrow"
    REPAY = "Repay"
    INTEREST = "Interest"
    LIQUIDATION = "Liquidation"
    INSURANCE = "Insurance"
    SHORTFALL = "Shortfall"  # what a loser can't pay is taken off its wallet's account (E13d)
    EQUALISATION = "Equalisation"  # and winners pay it in proportion to their profit
    GUARANTEE = "Guarantee"  # or the exchange itself
    REFUND = "Refund"  # the exchange's own account pays for a bad print (E9)
    ROUNDING = "Rounding"


class Reason(Enum):
    """Why a request was refused or an order ended; the wire spells the words (protocol.md 1.7)."""

    # identity
    DUPLICATE_CL_ORD_ID = "duplicate_cl_ord_id"
    UNKNOWN_ORDER = "unknown_order"
    UNKNOWN_ACCOUNT = "unknown_account"
    ACCOUNT_SUSPENDED = "account_suspended"
    ORDER_NOT_OPEN = "order_not_open"  # amend of a dead order: 'Invalid ordStatus'
    ALREADY_ENDED = "already_ended"  # cancel of a dead order: 200 with an error member
    NOTHING_TO_AMEND = "nothing_to_amend"
    # instrument
    UNKNOWN_SYMBOL = "unknown_symbol"
    SYMBOLS_DIFFER = "symbols_differ"
    NOT_LISTED_YET = "not_listed_yet"
    EXPIRED = "expired"
    NO_MARK_PRICE = "no_mark_price"
    NOT_OPEN = "not_open"
    # order fields
    BAD_SIDE = "bad_side"
    BAD_QTY = "bad_qty"
    QTY_NOT_LOT = "qty_not_lot"
    BAD_PRICE = "bad_price"
    BAD_STOP_PX = "bad_stop_px"
    BAD_PEG = "bad_peg"  # a pegPriceType that the kind of order or the era has not
    BAD_PEG_OFFSET = "bad_peg_offset"
    BAD_CONTINGENCY = "bad_contingency"
    BAD_LINK = "bad_link"  # a contingencyType without its clOrdLinkID, or across symbols
    BAD_DISPLAY_QTY = "bad_display_qty"
    BAD_EXEC_INST = "bad_exec_inst"
    EXEC_INST_FOR_TYPE = "exec_inst_for_type"  # an execInst that this ordType can't have
    BAD_TIME_IN_FORCE = "bad_time_in_force"
    PRICE_ABOVE_LIMIT = "price_above_limit"
    PRICE_BELOW_LIMIT = "price_below_limit"
    PRICE_THROUGH_TOUCH = "price_through_touch"  # spot: more than 20 % through (E23)
    FAT_FINGER = "fat_finger"  # detail: the furthest price in ticks (E21)
    VALUE_TOO_SMALL = "value_too_small"  # spot: under 100 minor units of the quote coin (E23)
    # account
    INSUFFICIENT_BALANCE = "insufficient_balance"  # detail: what is required, minor units
    NO_FUNDS = "no_funds"  # nothing at all of the currency that is required
    NOTHING_TO_LEND = "nothing_to_lend"  # the offers do not cover the borrow (E24)
    CLOSE_WITHOUT_POSITION = "close_without_position"  # detail: current position
    REDUCE_WITHOUT_POSITION = "reduce_without_position"  # detail: current position
    RISK_LIMIT = "risk_limit"
    BAD_RISK_LIMIT = "bad_risk_limit"  # not base and whole steps (E11); detail: the base
    RISK_LIMIT_IN_USE = "risk_limit_in_use"  # detail: what position and orders are worth
    NO_POSITION = "no_position"
    POSITION_IS_CROSS = "position_is_cross"
    MARGIN_BELOW_INITIAL = "margin_below_initial"  # detail: what may be taken out
    WOULD_BE_LIQUIDATED = "would_be_liquidated"
    SHORT_NOT_ALLOWED = "short_not_allowed"  # option: sells beyond the long; detail: position
    SHORT_CAP = "short_cap"  # sells beyond what may be short; detail: the cap, contracts (E25)
    TOO_MANY_ORDERS = "too_many_orders"
    SPAM = "spam"  # a small post-only order of an account with too many small ones; detail: value
    TOO_MANY_STOPS = "too_many_stops"
    BAD_LEVERAGE = "bad_leverage"
    BAD_AMOUNT = "bad_amount"
    BAD_FEE = "bad_fee"  # under the network's least; detail: that, minor units
    BAD_ADDRESS = "bad_address"
    BAD_TIME = "bad_time"
    NEGATIVE_AMOUNT = "negative_amount"
    NOT_WITHDRAWABLE = "not_withdrawable"  # detail: what is withdrawable, minor units
    UNKNOWN_WITHDRAWAL = "unknown_withdrawal"
    NOT_PENDING = "not_pending"
    WITHDRAWALS_DISABLED = "withdrawals_disabled"
    NOT_LINKED = "not_linked"
    BAD_RATE = "bad_rate"
    BAD_DAYS = "bad_days"
    UNKNOWN_OFFER = "unknown_offer"
    LEVERAGE_NEEDS_MARGIN = "leverage_needs_margin"
    BAD_FEE_PLAN = "bad_fee_plan"  # no contract offers it
    FEE_PLAN_NEEDS_FLAT = "fee_plan_needs_flat"  # detail: open positions and orders (E3)
    # listing
    BAD_INSTRUMENT = "bad_instrument"
    NO_DEPOSITS = "no_deposits"  # of a coin that was credited at a split (E18)
    BAD_SNAPSHOT = "bad_snapshot"  # of balances at a chain split (E18)
    ALREADY_LISTED = "already_listed"
    # announcements
    BAD_ANNOUNCEMENT = "bad_announcement"
    IN_THE_PAST = "in_the_past"  # detail: now, ns
    UNKNOWN_ANNOUNCEMENT = "unknown_announcement"
    NO_LONGER_PENDING = "no_longer_pending"  # it has taken effect, or was superseded
    # how a live order ended without being asked to
    POST_ONLY_WOULD_CROSS = "post_only_would_cross"
    IOC_REMAINDER = "ioc_remainder"
    FOK_NOT_FILLED = "fok_not_filled"
    MARKET_REMAINDER = "market_remainder"
    MARGIN_RAN_OUT = "margin_ran_out"
    SELF_TRADE = "self_trade"
    LINKED = "linked"  # by what happened to an order of the same clOrdLinkID
    POSITION_SHRANK = "position_shrank"  # reduce-only and close orders
    CANCELED_BY_USER = "canceled_by_user"
    CANCEL_ALL_AFTER = "cancel_all_after"
    LIQUIDATION = "liquidation"
    DELEVERAGE = "deleverage"
    SETTLEMENT = "settlement"
    OUTSIDE_BAND = "outside_band"  # the price band moved away from it (E15)
    ANCHOR_LOST = "anchor_lost"  # sold an option short by a right that its account lost (E30)
    DAY_END = "day_end"
    CLOSE_ORDER = "close_order"  # canceled by a Close order of the same side
    TICK_CHANGE = "tick_change"
    MARKET_HALTED = "market_halted"  # a circuit breaker stopped it on its way (E22)
