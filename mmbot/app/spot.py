"""Stands in for a spot market where none is to be had: the index, one tick wide."""

from fractions import Fraction

from mmbot.types import BookSeen, Event, Instrument, InstrumentSeen, Kind, PriceSeen, Side
from mmbot.venue.port import Sink

_TICK = Fraction(1, 10**8)


class IndexAsSpot:
    """Passes events on, and tells the index's price as if it were a spot book.

    For runs without a hedge: the engine quotes around spot, and the index is what settles.
    """

    def __init__(self, index_symbol: str, sink: Sink) -> None:
        """Listen for ``index_symbol`` and pass everything on to ``sink``."""
        self._symbol = index_symbol
        self._sink = sink
        self._told = False

    def sink(self, event: Event) -> None:
        """Take an event from the venue."""
        self._sink(event)
        if isinstance(event, PriceSeen) and event.symbol == self._symbol and event.last:
            if not self._told:
                self._told = True
                self._sink(InstrumentSeen(at_ns=event.at_ns, instrument=self._instrument()))
            bid = int(event.last / _TICK)
            self._sink(
                BookSeen(
                    at_ns=event.at_ns,
                    symbol=self._symbol,
                    snapshot=True,
                    levels=((Side.BUY, bid, 1), (Side.SELL, bid + 1, 1)),
                )
            )

    def _instrument(self) -> Instrument:
        return Instrument(
            symbol=self._symbol,
            kind=Kind.SPOT,
            tick=_TICK,
            lot_size=1,
            multiplier=1,
            settl_currency="",
            underlying="",
            quote_currency="",
            max_order_qty=0,
            maker_fee=0.0,
            taker_fee=0.0,
            settlement_fee=0.0,
            init_margin=0.0,
            listing_ns=0,
            expiry_ns=None,
            reference_symbol="",
            state="Open",
        )
