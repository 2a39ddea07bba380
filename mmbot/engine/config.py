"""The settings of one contract's market maker, plain and frozen."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class EngineConfig:
    """Names, limits and rhythms; a default exists here only.

    Values are in whole settlement currency (XBT), fractions are of spot, spans in seconds.
    """

    symbol: str  # the contract that is quoted: ETC7D
    spot_symbol: str = ""  # where it is hedged and what "spot" is: ETC_XBT
    index_symbol: str = ""  # whose prints settle it; "" = the contract's reference
    index_is_late: bool = False  # the shell does not listen to the index: ask before the settlement
    lending_symbol: str = ""  # whose price is the borrow rate per day: .ETCBON; "" = none
    foreign_rate: float | None = None  # a year; holds when there is no lending symbol
    home_rate: float = 0.0  # a year, of the settlement currency
    target_position: int = 0  # contracts; the skew leans towards it
    cl_ord_prefix: str = "mm-"  # at most 13 characters, different in each run

    hedge_venue: str = "main"  # name of the port; "" = no hedge
    hedge_threshold: float = 0.0005  # net exposure of less value is left alone
    max_unhedged: float = 1.0  # beyond this value, the side that adds to it is not quoted

    max_position: float = 3.0  # value of the position at most
    max_contracts: int | None = None  # the same in contracts; the smaller one holds
    max_order: int | None = None  # contracts in one order
    price_band: float = 0.15  # no quote further than this from spot, nor with the mark further

    requote_tolerance: float = 0.002  # an order that is off by less is left alone
    urgent_move: float = 0.003  # spot moved this much: quote again at once
    min_requote_s: float = 5.0  # between two rounds of requests for drift
    min_react_s: float = 0.5  # between two rounds after a fill
    refresh_s: float = 60.0  # decide again at least this often: the basis decays
    quote_stop_s: float = 31 * 60.0  # before settlement
    slice_delay_s: float = 1.0  # after each sampled minute
    stale_spot_s: float = 5.0  # a spot venue that is down this long pulls the quotes
    bad_spot_s: float = 1.0  # a spot book that is empty or crossed this long pulls the quotes

    dead_man_s: float = 60.0  # all orders are canceled when we are silent this long
    dead_man_every_s: float = 15.0
    request_capacity: float = 250.0  # requests per window; the venue allows 300
    request_window_s: float = 300.0
    request_reserve: float = 60.0  # kept from quotes for hedges, cancels and the dead-man switch

    stop_on_strategy_error: bool = False  # else the quotes are pulled and it is asked again
    strategy_retry_s: float = 5.0
