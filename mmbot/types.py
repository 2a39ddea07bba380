"""Words and units of the bot: what a venue tells (events) and what the engine asks for (actions).

Units: prices in events and actions are integer ticks of their instrument; quantities are whole
contracts, on spot minor units of the base coin; money is in minor units (``XBt`` 1e-8 XBT);
instants are ns since the Unix epoch. Floats appear in pricing and in ``View`` only, and
``to_ticks`` is the one way out of them.
"""

from enum import Enum, IntEnum
from fractions import Fraction
from math import ceil, floor, isfinite

import msgspec

SECOND_NS = 10**9
MINUTE_NS = 60 * SECOND_NS
YEAR_NS = 365 * 24 * 60 * MINUTE_NS


class Side(IntEnum):
    """Direction of an order; the value is the sign of the position it makes."""

    BUY = 1
    SELL = -1

    @property
    def other(self) -> "Side":
        """The opposite side."""
        return Side.SELL if self is Side.BUY else Side.BUY


class Kind(Enum):
    """What an instrument is, by the maths of its value."""

    INVERSE = "inverse"
    LINEAR = "linear"
    QUANTO = "quanto"
    SPOT = "spot"
    INDEX = "index"


class OrdStatus(Enum):
    """State of an order, as the venue says it."""

    NEW = "New"
    PARTIALLY_FILLED = "PartiallyFilled"
    FILLED = "Filled"
    CANCELED = "Canceled"
    REJECTED = "Rejected"

    @property
    def is_open(self) -> bool:
        """Whether an order in this state may still trade."""
        return self in (OrdStatus.NEW, OrdStatus.PARTIALLY_FILLED)


class Instrument(msgspec.Struct, frozen=True, kw_only=True):
    """Facts of an instrument that change seldom or never.

    ``tick`` is exact; ``multiplier`` has the wire's sign; fees are fractions (0.0025 = 0.25 %).
    """

    symbol: str
    kind: Kind
    tick: Fraction
    lot_size: int
    multiplier: int
    settl_currency: str
    underlying: str
    quote_currency: str
    max_order_qty: int
    maker_fee: float
    taker_fee: float
    settlement_fee: float
    init_margin: float
    listing_ns: int
    expiry_ns: int | None
    reference_symbol: str
    state: str

    def price(self, ticks: int) -> float:
        """Ticks as a price, correct to the last digit."""
        return ticks * self.tick.numerator / self.tick.denominator


def to_ticks(price: float, side: Side, tick: Fraction) -> int:
    """Return ``price`` in ticks: snapped within a millionth of a tick, else bid down and ask up.

    Args:
        price: in quote currency.
        side: whose quote it is; BUY floors, SELL ceils.
        tick: the instrument's tick, exact.

    Raises:
        ValueError: ``price`` is not a finite number.

    >>> tick = Fraction(1, 10**6)
    >>> to_ticks(0.0199, Side.BUY, tick), to_ticks(0.0201005, Side.SELL, tick)
    (19900, 20101)
    """
    exact = price * tick.denominator / tick.numerator
    if not isfinite(exact):
        raise ValueError(f"{price=} is not a finite price")
    nearest = round(exact)
    if abs(exact - nearest) <= 1e-6:
        return nearest
    return floor(exact) if side is Side.BUY else ceil(exact)


# --- what a venue tells ---------------------------------------------------------------------------


class Event(msgspec.Struct, frozen=True, kw_only=True, tag=True, omit_defaults=True):
    """Base of all events; ``at_ns`` is when we heard it, on our clock."""

    at_ns: int


class Connected(Event, frozen=True, kw_only=True):
    """The stream is up and every table's partial has come; ``venue`` is the port's name."""

    venue: str


class Disconnected(Event, frozen=True, kw_only=True):
    """The stream is down; what we know is stale until ``Connected``."""

    venue: str
    reason: str


class InstrumentSeen(Event, frozen=True, kw_only=True):
    """Facts of an instrument, new or changed."""

    instrument: Instrument


class PriceSeen(Event, frozen=True, kw_only=True):
    """Prices of an instrument or index row that changed; None = unchanged or unknown."""

    symbol: str
    mark: float | None = None
    last: float | None = None
    indicative_settle: float | None = None
    settled: float | None = None
    open_interest: int | None = None


class BookSeen(Event, frozen=True, kw_only=True):
    """Changes of a book: ``levels`` are (side, price in ticks, size); size 0 = gone.

    ``snapshot`` means that the levels are the whole book (or its best part).
    """

    symbol: str
    snapshot: bool
    levels: tuple[tuple[Side, int, int], ...]


class TradeSeen(Event, frozen=True, kw_only=True):
    """A public trade; ``side`` is the taker's."""

    symbol: str
    side: Side
    price: int
    qty: int


class OrderSeen(Event, frozen=True, kw_only=True):
    """An order of ours, as the venue has it now; unknown members are None."""

    order_id: str
    cl_ord_id: str
    symbol: str
    side: Side | None = None
    price: int | None = None
    order_qty: int | None = None
    leaves_qty: int | None = None
    cum_qty: int | None = None
    status: OrdStatus | None = None
    text: str = ""


class FillSeen(Event, frozen=True, kw_only=True):
    """An execution of ours that moved money: Trade, Settlement, Funding, liquidation.

    ``exec_cost`` and ``exec_comm`` are minor units with the wire's signs (linear and spot: Buy
    costs are positive; commission positive = paid); ``price`` is a float because settlement prices
    are finer than a tick.
    """

    exec_id: str
    exec_type: str
    order_id: str
    cl_ord_id: str
    symbol: str
    side: Side | None
    qty: int
    price: float
    exec_cost: int
    exec_comm: int
    maker: bool
    text: str = ""
    venue_ns: int = 0  # the venue's own time of it


class PositionSeen(Event, frozen=True, kw_only=True):
    """A position: signed contracts; on spot, coins minus loan and interest in minor units.

    ``cost`` is that of the contracts held, in minor units with the wire's sign.
    """

    symbol: str
    qty: int
    cost: int | None = None
    entry: float | None = None
    liquidation: float | None = None


class MarginSeen(Event, frozen=True, kw_only=True):
    """Margin in one currency, minor units."""

    currency: str
    wallet_balance: int | None = None
    margin_balance: int | None = None
    available: int | None = None


class WalletSeen(Event, frozen=True, kw_only=True):
    """Wallet in one currency, minor units."""

    currency: str
    amount: int
    borrowed: int = 0
    interest_owed: int = 0


class SettlementSeen(Event, frozen=True, kw_only=True):
    """A contract was settled."""

    symbol: str
    price: float


class Answered(Event, frozen=True, kw_only=True):
    """The venue answered action number ``action_id``; ``error`` is None when it was done.

    ``orders`` are the rows of the answer, as events.
    """

    action_id: int
    error: str | None = None
    error_kind: str = ""  # refused | busy | unavailable | access
    retry_after_s: float = 0.0
    orders: tuple[OrderSeen, ...] = ()


class Tick(Event, frozen=True, kw_only=True):
    """Time has passed; sent by the shell at least once a second while it runs."""


# --- what the engine asks for ---------------------------------------------------------------------


class NewOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order to enter; ``price`` None = Market; ``order_qty`` None only with ``close``."""

    symbol: str
    side: Side | None
    order_qty: int | None
    price: int | None
    cl_ord_id: str
    post_only: bool = False
    reduce_only: bool = False
    close: bool = False
    immediate: bool = False  # ImmediateOrCancel
    text: str = ""


class Amend(msgspec.Struct, frozen=True, kw_only=True):
    """An order to change in place; ``order_qty`` counts from the start of the order."""

    order_id: str
    cl_ord_id: str
    symbol: str
    side: Side
    order_qty: int
    price: int


class Action(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Base of all actions; ``action_id`` comes back in ``Answered``."""

    action_id: int
    venue: str = "main"  # name of the port: main, hedge


class PlaceOrders(Action, frozen=True, kw_only=True):
    """Enter orders of one symbol (a bulk when more than one)."""

    orders: tuple[NewOrder, ...]


class AmendOrders(Action, frozen=True, kw_only=True):
    """Amend orders of one symbol in place (a bulk when more than one)."""

    amends: tuple[Amend, ...]


class CancelOrders(Action, frozen=True, kw_only=True):
    """Cancel orders by the venue's ids and/or by ours."""

    order_ids: tuple[str, ...] = ()
    cl_ord_ids: tuple[str, ...] = ()


class CancelAll(Action, frozen=True, kw_only=True):
    """Cancel all open orders of ours in ``symbol``, or everywhere."""

    symbol: str = ""


class ArmDeadMan(Action, frozen=True, kw_only=True):
    """Arm the dead-man switch for ``timeout_ms``; 0 disarms."""

    timeout_ms: int


class RefreshState(Action, frozen=True, kw_only=True):
    """Ask for open orders and positions by REST and answer with their events (reconcile)."""


class Listen(Action, frozen=True, kw_only=True):
    """Listen to the prices of one more symbol from now on, also on later connections."""

    symbol: str


# --- what the engine notes for the books and the screen -------------------------------------------


class Note(msgspec.Struct, frozen=True, kw_only=True, tag=True, omit_defaults=True):
    """Base of all notes: what the engine decided or learnt, drained after each event."""

    at_ns: int


class QuoteNote(Note, frozen=True, kw_only=True):
    """One quote decision, with its terms (fractions of spot) and the clipped result."""

    symbol: str
    spot: float
    terms: dict[str, float]  # the strategy's explain(): basis, skew, half_spread, ...
    bids: tuple[tuple[int, int], ...]  # (ticks, contracts), best first, after limits
    asks: tuple[tuple[int, int], ...]
    position: int
    spot_position: int
    mark: float | None
    years: float
    why: str = ""  # why a side is empty or clipped; "" = nothing to say


class FillRole(Enum):
    """What an execution of ours was for."""

    QUOTE = "quote"  # our quote in the contract was hit
    HEDGE = "hedge"  # a hedge on spot
    SLICE = "slice"  # a settlement slice on spot
    SETTLEMENT = "settlement"  # the contract was settled
    OTHER = "other"  # by hand, liquidation, funding, ADL


class FillNote(Note, frozen=True, kw_only=True):
    """An execution with what the books need to share it out among the parts of P&L.

    ``fair`` is spot x (1 + basis) when it happened, without skew; ``mid`` the spot mid then;
    ``decided_mid`` the spot mid at which the hedge was decided; ``sample`` the settlement print
    that a slice stands against and ``slice_no`` its number from 1 (0 = none).
    """

    fill: FillSeen
    role: FillRole
    mid: float
    fair: float
    decided_mid: float
    sample: float | None = None
    slice_no: int = 0


class StatusNote(Note, frozen=True, kw_only=True):
    """Something a person should see: what is unhedged and why, a limit, a refused order."""

    level: str  # info | warning | error
    text: str
