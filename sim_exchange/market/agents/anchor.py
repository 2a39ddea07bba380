"""The anchor market maker: an affiliate account that quotes what nobody else does (E30).

It knows what everybody knows, the mark, and comes through the same door. It aims at breaking even:
what it makes above a band in a session tightens its spread and raises its size, what it loses does
the inverse; one adjustment a session, which is a UTC day. The right to be net short of options is
that of its flag ``anchorMM``.
"""

from collections.abc import Callable

import msgspec

from sim_exchange.core.commands import CancelAll, PlaceBulk, PlaceOrder, SetFlags
from sim_exchange.core.specs import InstrumentSpec
from sim_exchange.core.types import DAY_NS, PPM, ExecInst, Side, rha
from sim_exchange.core.views import MarketLike
from sim_exchange.market.agents.desk import Desk, open_market

FLAGS = ("background", "anchorMM")


class AnchorFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One anchored contract."""

    spread_ppm: int = 10_000
    """Whole width of the first session's quote, 1e-6 of the mark."""
    size: int = 10
    """Contracts on each side in the first session."""
    band: int = 1_000_000
    """Profit or loss of a session, minor units, that changes nothing yet."""
    pause_s: float = 30.0
    """How often the quote is renewed, seconds."""
    balance: int = 10**11
    """What the account begins with, minor units of the settlement currency."""


def adjusted(spread_ppm: int, size: int, pnl: int, band: int) -> tuple[int, int]:
    """Return the spread and size of the next session (E30 F).

    Above +band the spread is 0.9 of what it was and the size 1.1 times, rounded up by at least 1;
    below -band the inverse, the size floored, at least 1. Between, nothing changes.

    >>> adjusted(10_000, 10, 120, 100), adjusted(10_000, 10, -120, 100)
    ((9000, 11), (11111, 9))
    """
    if pnl > band:
        return max(1, rha(spread_ppm * 9, 10)), max(size + 1, -(-size * 11 // 10))
    if pnl < -band:
        return min(PPM, rha(spread_ppm * 10, 9)), max(1, size * 10 // 11)
    return spread_ppm, size


class AnchorMaker:
    """One account with a bid and an ask around the mark of one contract.

    With ``worth`` it is around what that says, 10**-mark_decimals: an option's mark is its last
    price, which knows nothing of the index.
    """

    def __init__(
        self,
        desk: Desk,
        symbol: str,
        figures: AnchorFigures,
        worth: Callable[[MarketLike, int], int] | None = None,
    ) -> None:
        """Prepare; ``start`` opens the account."""
        self._worth_of = worth
        self._desk = desk
        self._symbol = symbol
        self._figures = figures
        self.account = 0
        self.spread_ppm = figures.spread_ppm
        self.size = figures.size
        self._currency = ""
        self._session = 0
        self._equity = 0

    def start(self) -> None:
        """Open the account, take its flag and quote at once."""
        spec = self._desk.view.markets[self._symbol].spec
        self._currency = spec.settl_currency
        funds = {self._currency: self._figures.balance}
        self.account = self._desk.account(f"{self._symbol} anchor", **funds)
        self._desk.submit(SetFlags(to_account=self.account, flags=FLAGS))
        self._session = self._desk.session.at_ns // DAY_NS
        self._equity = self._worth()
        self._quote(self._desk.session.at_ns)

    def _worth(self) -> int:
        margin = self._desk.view.margin(self.account, self._currency)
        return margin.wallet_balance + margin.unrealised_pnl

    def _quote(self, at_ns: int) -> None:
        """Renew both sides; the old ones go first, so it never trades with itself."""
        self._desk.wake_in(self._figures.pause_s, self._quote)
        if at_ns // DAY_NS != self._session:
            self._session = at_ns // DAY_NS
            worth = self._worth()
            pnl, self._equity = worth - self._equity, worth
            self.spread_ppm, self.size = adjusted(
                self.spread_ppm, self.size, pnl, self._figures.band
            )
        view = self._desk.view
        if view.open_orders(self.account, self._symbol):
            self._desk.submit(CancelAll(account=self.account, symbol=self._symbol))
        market = open_market(view, self._symbol)
        if market is None or not market.mark:
            return
        middle = market.mark if self._worth_of is None else self._worth_of(market, at_ns)
        if not middle:
            return
        orders = tuple(self._order(side, middle, market.spec) for side in Side)
        self._desk.submit(PlaceBulk(account=self.account, orders=orders))

    def _order(self, side: Side, middle: int, spec: InstrumentSpec) -> PlaceOrder:
        """Return one side: a bid is rounded down to a tick, an ask up."""
        edge = middle * 10 ** (12 - spec.mark_decimals) * (2 * PPM - side * self.spread_ppm)
        unit = 2 * PPM * spec.tick_pico
        ticks = edge // unit if side is Side.BUY else -(-edge // unit)
        lots = -(-self.size // spec.lot_size)
        return PlaceOrder(
            account=self.account,
            symbol=self._symbol,
            side=side,
            order_qty=lots * spec.lot_size,
            price=min(max(1, ticks), spec.max_price_ticks),
            exec_inst=ExecInst.POST_ONLY,
        )
