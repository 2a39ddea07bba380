"""What defines an instrument or an index: one frozen struct each, integers only.

They stand in the commands that list them, so they are journaled as they are.
"""

import msgspec

from sim_exchange.core.types import (
    DAY_NS,
    HOUR_NS,
    MINUTE_NS,
    ExecType,
    FeeSide,
    IndexKind,
    Kind,
    LossMethod,
    MarkMethod,
    SelfTrade,
    SettlementKind,
    TriggerPrice,
)


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
    quote_rate_ppm: int = 600  # interest a day of the quote and of the base currency (E10),
    base_rate_ppm: int = 300  # where the indices that are named for them have no price
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

    @property
    def premium_symbol(self) -> str:
        """The index of its mean premium over a funding window; "" where it is not funded."""
        return self._of_window(f".{self.symbol}PI")

    @property
    def quote_rate_symbol(self) -> str:
        """The index of the interest a day on its quote currency; "" where it is not funded."""
        return self._of_window(f".{self.quote_currency}BON")

    @property
    def base_rate_symbol(self) -> str:
        """The index of the interest a day on its base currency; "" where it is not funded."""
        return self._of_window(f".{self.underlying}BON")

    def _of_window(self, stem: str) -> str:
        """Name the mean of an index over a funding window: 8H, 2H, 30M."""
        if self.funding_interval_ns is None:
            return ""
        hours, rest = divmod(self.funding_interval_ns, HOUR_NS)
        span = f"{self.funding_interval_ns // MINUTE_NS}M" if rest else f"{hours}H"
        return f"{stem}{span}"


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
    source: str = ""  # the composite it is made of; LENDING: the currency; PREMIUM: the perpetual
    minutes: int = 30  # TWAP30: how many minute samples; VOLATILITY: how far it looks back;
    # PREMIUM_MEAN: of the funding windows that it is published at the end of
    step_minutes: int = 1  # VOLATILITY: minutes between two prices; 1440 = daily
    typ: str = "MRCXXX"
