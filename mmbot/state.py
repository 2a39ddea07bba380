"""What we know: the picture that events paint, and the ``View`` of it that a strategy sees.

``BookMirror`` is a copy of a venue's book; it never matches. ``Picture`` takes events in, one
method a kind, and says whether something has changed; what is worth a decision, the engine sees.
"""

from mmbot.pricing.basis import annual_rate, years_between
from mmbot.strategy.api import Quotes, View
from mmbot.types import (
    BookSeen,
    Instrument,
    MarginSeen,
    PositionSeen,
    PriceSeen,
    Side,
    WalletSeen,
)


class BookMirror:
    """A book as the venue tells it: price in ticks -> size, with the best of each side at hand."""

    __slots__ = ("asks", "best_ask", "best_bid", "bids")

    def __init__(self) -> None:
        """Start empty."""
        self.bids: dict[int, int] = {}
        self.asks: dict[int, int] = {}
        self.best_bid: int | None = None
        self.best_ask: int | None = None

    def apply(self, event: BookSeen) -> bool:
        """Take changes in; return whether the best price of a side has changed."""
        bids, asks = self.bids, self.asks
        if event.snapshot:
            bids.clear()
            asks.clear()
        best_bid, best_ask = self.best_bid, self.best_ask
        look_bid = look_ask = event.snapshot
        for side, price, size in event.levels:
            levels = bids if side > 0 else asks
            if size:
                levels[price] = size
                if side > 0:
                    if not look_bid and (best_bid is None or price > best_bid):
                        best_bid = price
                elif not look_ask and (best_ask is None or price < best_ask):
                    best_ask = price
            elif levels.pop(price, None) is not None:
                look_bid = look_bid or (side > 0 and price == best_bid)
                look_ask = look_ask or (side < 0 and price == best_ask)
        if look_bid:
            best_bid = max(bids, default=None)
        if look_ask:
            best_ask = min(asks, default=None)
        changed = best_bid != self.best_bid or best_ask != self.best_ask
        self.best_bid, self.best_ask = best_bid, best_ask
        return changed

    def clear(self) -> None:
        """Forget everything: the stream is down."""
        self.bids.clear()
        self.asks.clear()
        self.best_bid = self.best_ask = None

    @property
    def mid_sum(self) -> int | None:
        """Best bid plus best ask, in ticks: twice the mid; None when empty or crossed."""
        bid, ask = self.best_bid, self.best_ask
        return None if bid is None or ask is None or bid >= ask else bid + ask

    def best_without(self, side: Side, own: dict[int, int]) -> int | None:
        """Return the best price of one side in ticks, without our own sizes at ``own`` prices."""
        levels = self.bids if side is Side.BUY else self.asks
        best = self.best_bid if side is Side.BUY else self.best_ask
        if best is None or levels[best] > own.get(best, 0):
            return best
        others = (price for price, size in levels.items() if size > own.get(price, 0))
        return max(others, default=None) if side is Side.BUY else min(others, default=None)


class Picture:
    """The latest of everything that one contract's market maker needs."""

    def __init__(
        self,
        *,
        symbol: str,
        spot_symbol: str,
        index_symbol: str,
        lending_symbol: str,
        foreign_rate: float | None,
    ) -> None:
        """Know nothing yet but the names.

        Args:
            symbol: the contract that is quoted.
            spot_symbol: where it is hedged.
            index_symbol: whose prints settle it; "" = what the contract names.
            lending_symbol: whose price is the borrow rate per day of the underlying; "" = none.
            foreign_rate: a fraction a year that holds when there is no lending symbol.
        """
        self.symbol = symbol
        self.spot_symbol = spot_symbol
        self.lending_symbol = lending_symbol
        self.index_symbol = index_symbol
        self.contract: Instrument | None = None
        self.spot: Instrument | None = None
        self._half_tick = (0, 1)  # of spot, as a fraction: Fraction's own arithmetic is slow
        self.book = BookMirror()
        self.spot_book = BookMirror()
        self.mark: float | None = None
        self.index: float | None = None
        self._hears_index = (
            False  # until then the contract's own row has it, as what it would settle at
        )
        self.foreign_rate = foreign_rate
        self.position = 0
        self.spot_row = 0
        self.spot_row_known = False
        self.wallets: dict[str, int] = {}
        self.settled_price: float | None = None

    def see_instrument(self, instrument: Instrument) -> None:
        """Take facts in; of other instruments nothing is kept."""
        if instrument.symbol == self.symbol:
            self.contract = instrument
            if not self.index_symbol:
                # .ETCXBT30M is the mean of the last 30 minutes of .ETCXBT, whose prints it samples.
                self.index_symbol = instrument.reference_symbol.removesuffix("30M")
        elif instrument.symbol == self.spot_symbol:
            self.spot = instrument
            tick = instrument.tick
            self._half_tick = (tick.numerator, 2 * tick.denominator)

    def see_price(self, event: PriceSeen) -> bool:
        """Take prices in; return whether the borrow rate has changed by a hundredth or more."""
        symbol = event.symbol
        if symbol == self.symbol:
            if event.mark is not None:
                self.mark = event.mark
            if event.settled is not None:
                self.settled_price = event.settled
            if event.indicative_settle is not None and not self._hears_index:
                self.index = event.indicative_settle
        elif symbol == self.index_symbol:
            self._hears_index = True
            if event.last is not None:
                self.index = event.last
        elif symbol == self.lending_symbol and event.last is not None:
            before = self.foreign_rate
            # A rate of 0 is how an index says that nobody lends.
            rate = annual_rate(event.last) if event.last > 0 else None
            if rate is None or before is None:
                self.foreign_rate = rate
                return rate is not before
            if abs(rate - before) >= 0.01 * before:
                self.foreign_rate = rate
                return True
        return False

    def see_position(self, event: PositionSeen) -> bool:
        """Take a position in; return whether it has changed."""
        if event.symbol == self.symbol:
            changed = self.position != event.qty
            self.position = event.qty
            return changed
        if event.symbol == self.spot_symbol:
            changed = self.spot_row != event.qty or not self.spot_row_known
            self.spot_row, self.spot_row_known = event.qty, True
            return changed
        return False

    def see_wallet(self, event: WalletSeen | MarginSeen) -> None:
        """Take a balance in."""
        amount = event.amount if isinstance(event, WalletSeen) else event.wallet_balance
        if amount is not None:
            self.wallets[event.currency] = amount

    @property
    def spot_mid(self) -> float | None:
        """Mid of the spot book in quote currency; None when empty or crossed."""
        ticks = self.spot_book.mid_sum
        if ticks is None or self.spot is None:
            return None
        numerator, denominator = self._half_tick
        return ticks * numerator / denominator

    def years(self, now_ns: int) -> float:
        """Years of 365 days to settlement; 0 past it and for perpetuals."""
        return years_between(now_ns, self.contract.expiry_ns if self.contract else None)

    def view(self, now_ns: int, *, last: Quotes, target: int, home_rate: float) -> View | None:
        """Return what a strategy may know at ``now_ns``; None while the spot price is unknown."""
        contract, spot, bid, ask = (
            self.contract,
            self.spot,
            self.spot_book.best_bid,
            self.spot_book.best_ask,
        )
        mid = self.spot_mid
        if contract is None or spot is None or bid is None or ask is None or mid is None:
            return None
        book = self.book
        return View(
            now_ns=now_ns,
            instrument=contract,
            spot_bid=spot.price(bid),
            spot_ask=spot.price(ask),
            spot=mid,
            best_bid=None if book.best_bid is None else contract.price(book.best_bid),
            best_ask=None if book.best_ask is None else contract.price(book.best_ask),
            mark=self.mark,
            index=self.index,
            position=self.position,
            target_position=target,
            years_to_settlement=years_between(now_ns, contract.expiry_ns),
            home_rate=home_rate,
            foreign_rate=self.foreign_rate,
            spot_taker_fee=spot.taker_fee,
            wallet_balance=self.wallets.get(contract.settl_currency, 0),
            last_bids=last.bids,
            last_asks=last.asks,
        )
