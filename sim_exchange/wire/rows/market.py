"""Rows of public tables: trades, quotes, books, bins, settlements (protocol.md 2.7)."""

from sim_exchange.core.types import DAY_NS, PPM, Kind, Side
from sim_exchange.core.views import MarketLike
from sim_exchange.history import Bin, Funded, Quote, Settled, Tick
from sim_exchange.wire.catalogue import Catalogue, Listing
from sim_exchange.wire.ids import ZERO_ID, IdKind, to_uuid
from sim_exchange.wire.numbers import Number, pico_number, ppm_number, ratio_number
from sim_exchange.wire.rows import Row
from sim_exchange.wire.rows.instrument import vwap
from sim_exchange.wire.texts import side_text
from sim_exchange.wire.times import to_interval, to_iso


class MarketRows:
    """Makes rows of what everybody may see."""

    def __init__(self, catalogue: Catalogue) -> None:
        """Read listings from ``catalogue``."""
        self._catalogue = catalogue

    def trade(self, tick: Tick) -> Row:
        """Return a public trade, or an index tick (size 0, no match)."""
        if not tick.size:
            return {
                "timestamp": to_iso(tick.at_ns),
                "symbol": tick.symbol,
                "side": "Buy",
                "size": 0,
                "price": pico_number(tick.price_pico),
                "tickDirection": tick.direction,
                "trdMatchID": ZERO_ID,
                "grossValue": None,
                "homeNotional": None,
                "foreignNotional": None,
                "trdType": "Referential",
            }
        listing = self._catalogue.listing(tick.symbol)
        home, foreign = self.notionals(listing, tick.size, tick.gross_value)
        return {
            "timestamp": to_iso(tick.at_ns),
            "symbol": tick.symbol,
            "side": "Buy" if tick.buy else "Sell",
            "size": tick.size,
            "price": pico_number(tick.price_pico),
            "tickDirection": tick.direction,
            "trdMatchID": to_uuid(IdKind.MATCH, tick.match_id),
            "grossValue": tick.gross_value,
            "homeNotional": home,
            "foreignNotional": foreign,
            "trdType": "Regular",
        }

    def notionals(
        self, listing: Listing, size: int, gross_value: int
    ) -> tuple[Number | None, Number | None]:
        """Return (home, foreign) of a volume, both unsigned."""
        per_quote = (
            self._catalogue.quote_to_settle(listing.spec) if listing.kind is Kind.QUANTO else None
        )
        value = -gross_value if listing.kind is Kind.INVERSE else gross_value
        home = listing.home_notional(size, value, per_quote)
        foreign = listing.foreign_notional(size, value, per_quote)
        return home, None if foreign is None else abs(foreign)

    def quote(self, quote: Quote) -> Row:
        """Return a touch; null on a side that is empty."""
        return {
            "timestamp": to_iso(quote.at_ns),
            "symbol": quote.symbol,
            "bidSize": quote.bid_size or None,
            "bidPrice": pico_number(quote.bid_pico) if quote.bid_pico else None,
            "askPrice": pico_number(quote.ask_pico) if quote.ask_pico else None,
            "askSize": quote.ask_size or None,
        }

    def level(self, listing: Listing, side: Side, ticks: int, size: int, at: str) -> Row:
        """Return one level of a book; ``at`` is spelt already."""
        return {
            "symbol": listing.symbol,
            "id": listing.level_id(ticks),
            "side": side_text(side),
            "size": size,
            "price": listing.price(ticks),
            "timestamp": at,
            "transactTime": at,
        }

    def book(self, market: MarketLike, depth: int, at_ns: int) -> list[Row]:
        """Return a book by ascending id: sells from the highest down, then buys from the best down.

        ``depth`` is per side, 0 = all.
        """
        listing = self._catalogue.listing(market.spec.symbol)
        at = to_iso(at_ns)
        sells = market.book.levels(Side.SELL, depth)
        buys = market.book.levels(Side.BUY, depth)
        rows = [self.level(listing, Side.SELL, price, size, at) for price, size in reversed(sells)]
        rows.extend(self.level(listing, Side.BUY, price, size, at) for price, size in buys)
        return rows

    def book10(self, market: MarketLike, at_ns: int) -> Row | None:
        """Return the ten best levels a side; None when a side has fewer (protocol.md 6.4)."""
        listing = self._catalogue.listing(market.spec.symbol)
        bids = market.book.levels(Side.BUY, 10)
        asks = market.book.levels(Side.SELL, 10)
        if len(bids) < 10 or len(asks) < 10:
            return None
        return {
            "symbol": listing.symbol,
            "bids": [[listing.price(price), size] for price, size in bids[:10]],
            "asks": [[listing.price(price), size] for price, size in asks[:10]],
            "timestamp": to_iso(at_ns),
        }

    def bin(self, item: Bin) -> Row:
        """Return a trade bin; its timestamp is its end, and empty ones have null vwap, lastSize."""
        empty = not item.trades
        listing = (
            None if self._catalogue.is_index(item.symbol) else self._catalogue.listing(item.symbol)
        )
        home: Number | None = 0
        foreign: Number | None = 0
        mean: Number | None = None
        if listing is not None and item.volume:
            home, foreign = self.notionals(listing, item.volume, item.turnover)
            mean = vwap(listing, item.volume, item.turnover)
        return {
            "timestamp": to_iso(item.end_ns),
            "symbol": item.symbol,
            "open": pico_number(item.open),
            "high": pico_number(item.high),
            "low": pico_number(item.low),
            "close": pico_number(item.close),
            "trades": item.trades,
            "volume": item.volume,
            "vwap": mean,
            "lastSize": None if empty else item.last_size,
            "turnover": item.turnover,
            "homeNotional": home,
            "foreignNotional": foreign,
        }

    def funding(self, item: Funded) -> Row:
        """Return a funding; the daily rate is what as many of them as a day has would come to."""
        return {
            "timestamp": to_iso(item.at_ns),
            "symbol": item.symbol,
            "fundingInterval": to_interval(item.interval_ns),
            "fundingRate": ppm_number(item.rate_ppm),
            "fundingRateDaily": ratio_number(item.rate_ppm * DAY_NS, item.interval_ns * PPM),
        }

    def settlement(self, item: Settled) -> Row:
        """Return a settlement."""
        return {
            "timestamp": to_iso(item.at_ns),
            "symbol": item.symbol,
            "settlementType": "Settlement",
            "settledPrice": pico_number(item.price_pico),
            "optionStrikePrice": _pico_or_none(item.strike_pico),
            "optionUnderlyingPrice": _pico_or_none(item.underlying_pico),
            "bankrupt": None,
            "taxBase": None,
            "taxRate": ppm_number(item.adjustment_ppm) if item.adjustment_ppm else None,
        }


def _pico_or_none(value: int) -> Number | None:
    return pico_number(value) if value else None
