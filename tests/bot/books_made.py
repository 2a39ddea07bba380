"""Instruments, executions and whole made-up weeks for the tests of the books and of the view."""

import math
import random
from collections.abc import Iterator
from fractions import Fraction

from msgspec import structs

from mmbot.books.pnl import Attribution
from mmbot.books.running import Books
from mmbot.books.summary import Summary, summarise
from mmbot.books.wallet_rows import InterestPaid
from mmbot.books.worth import rha
from mmbot.types import (
    MINUTE_NS,
    FillNote,
    FillRole,
    FillSeen,
    Kind,
    Note,
    QuoteNote,
    Side,
    StatusNote,
)
from tests.bot.instruments import COIN, ETC7D, ETC_XBT, MONDAY_NS, WEEK_NS

LISTING_NS = MONDAY_NS
CONTRACT, SPOT = ETC7D, ETC_XBT
INVERSE = structs.replace(
    CONTRACT, symbol="XBTZ18", kind=Kind.INVERSE, tick=Fraction(1, 2), multiplier=-COIN
)
ROWS = {row.symbol: row for row in (CONTRACT, SPOT, INVERSE)}


def fee(rate: float, cost: int) -> int:
    return math.ceil(Fraction(str(rate)) * abs(cost) - Fraction(1, 2))


def fill(
    symbol: str,
    side: Side,
    qty: int,
    price: float,
    *,
    at_ns: int = LISTING_NS,
    exec_id: str = "e1",
    exec_type: str = "Trade",
    fee_rate: float = 0.0,
    **changes: object,
) -> FillSeen:
    """An execution with the venue's own integers: E1 per lot, on spot one floor (E23)."""
    row = ROWS[symbol]
    exact_price = Fraction(repr(price))
    if row.kind is Kind.SPOT:
        cost = side * math.floor(qty * exact_price)
    elif row.kind is Kind.INVERSE:
        cost = side * qty * rha(row.multiplier / exact_price)
    else:
        cost = side * qty * rha(row.multiplier * exact_price)
    facts: dict[str, object] = {
        "at_ns": at_ns,
        "venue_ns": at_ns,
        "exec_id": exec_id,
        "exec_type": exec_type,
        "order_id": f"o-{exec_id}",
        "cl_ord_id": f"c-{exec_id}",
        "symbol": symbol,
        "side": side,
        "qty": qty,
        "price": price,
        "exec_cost": cost,
        "exec_comm": fee(fee_rate, cost),
        "maker": fee_rate <= 0,
    }
    return FillSeen(**{**facts, **changes})  # type: ignore[arg-type]


def note(
    seen: FillSeen,
    role: FillRole = FillRole.QUOTE,
    mid: float = 0.02,
    fair: float | None = None,
    decided_mid: float | None = None,
    **changes: object,
) -> FillNote:
    return FillNote(
        at_ns=seen.at_ns,
        fill=seen,
        role=role,
        mid=mid,
        fair=mid if fair is None else fair,
        decided_mid=mid if decided_mid is None else decided_mid,
        **changes,  # type: ignore[arg-type]
    )


class MadeWeek:
    """A week that looks like the demo's: quotes, fills, hedges, slices and settlement.

    Its own ledger (``wallet``) is kept by plain integers, apart from the books.
    """

    def __init__(self, seed: int = 7, *, step_s: int = 60) -> None:
        self.random = random.Random(seed)
        self.step_ns = step_s * 10**9
        self.wallet = 0
        self.position = 0
        self.cost = 0
        self.coins = 0  # less what is borrowed and owed, as the spot row shows it
        self.owed = 0
        self.interest: list[InterestPaid] = []
        self.prints: list[float] = []
        self.settled = 0.0
        self._ids = 0

    def notes(self) -> Iterator[Note]:
        draw, spot, drift = self.random, 0.00265, 0.0
        at, expiry = LISTING_NS, LISTING_NS + WEEK_NS
        yield StatusNote(at_ns=at, level="info", text="quoting ETC7D, hedging on ETC_XBT")
        while at < expiry - 31 * MINUTE_NS:
            drift = 0.98 * drift + draw.gauss(0, 2e-4)
            spot = round(spot * math.exp(drift * 0.15 + draw.gauss(0, 8e-4)), 8)
            yield self._quote(at, spot)
            accrued = max(0, -self.coins) * self.step_ns // (730 * 86_400 * 10**9)
            self.owed += accrued
            self.coins -= accrued
            if draw.random() < 0.045:
                yield from self._hit(at, spot)
            at += self.step_ns
        yield from self._settle(expiry, spot)

    def _terms(self, at: int) -> dict[str, float]:
        years = (LISTING_NS + WEEK_NS - at) / (365 * 86_400 * 10**9)
        return {
            "basis": 1 / (1 + 0.5 * years) - 1,
            "skew": -self.position / 3000 * 0.005,
            "half_spread": 0.0065,
        }

    def _quote(self, at: int, spot: float) -> QuoteNote:
        terms = self._terms(at)
        middle = spot * (1 + terms["basis"] + terms["skew"])
        ticks = [
            (math.floor(middle * (1 - k) * 1e6), math.ceil(middle * (1 + k) * 1e6))
            for k in (0.0065, 0.009, 0.012)
        ]
        full = abs(self.position) >= 2800
        return QuoteNote(
            at_ns=at,
            symbol="ETC7D",
            spot=spot,
            terms=terms,
            bids=() if full and self.position > 0 else tuple((bid, 300) for bid, _ in ticks),
            asks=() if full and self.position < 0 else tuple((ask, 300) for _, ask in ticks),
            position=self.position,
            spot_position=self.coins,
            mark=spot * (1 + terms["basis"]),
            years=(LISTING_NS + WEEK_NS - at) / (365 * 86_400 * 10**9),
            why="position limit" if full else "",
        )

    def _hit(self, at: int, spot: float) -> Iterator[FillNote]:
        terms = self._terms(at)
        side = Side.BUY if self.random.random() < 0.5 - self.position / 5000 else Side.SELL
        fair = spot * (1 + terms["basis"])
        price = round(fair * (1 + terms["skew"] - side * 0.0065), 6)
        qty = self.random.choice((60, 120, 300))
        yield self._book("ETC7D", side, qty, price, at, FillRole.QUOTE, spot)
        todo = -self.position * COIN - self.coins
        way = Side.BUY if todo > 0 else Side.SELL
        hedged = round(spot * (1 + way * 0.0006), 8)
        yield self._book("ETC_XBT", way, abs(todo), hedged, at + 10**6, FillRole.HEDGE, spot)

    def _settle(self, expiry: int, spot: float) -> Iterator[FillNote]:
        todo = abs(self.coins)
        side = Side.SELL if self.coins > 0 else Side.BUY
        for number in range(1, 31):
            spot = round(spot * math.exp(self.random.gauss(0, 9e-4)), 8)
            self.prints.append(spot)
            qty = math.ceil(todo / (31 - number))
            todo -= qty
            at = expiry - (30 - number) * MINUTE_NS + 5 * 10**6
            if qty:
                got = round(spot * (1 + side * self.random.uniform(-2e-4, 9e-4)), 8)
                slice_ = self._book("ETC_XBT", side, qty, got, at, FillRole.SLICE, spot)
                yield structs.replace(slice_, sample=spot, slice_no=number)
        self.settled = rha(Fraction(sum(round(p * 1e8) for p in self.prints), 30)) / 1e8
        if self.position:
            closing = Side.SELL if self.position > 0 else Side.BUY
            role = FillRole.SETTLEMENT
            yield self._book("ETC7D", closing, abs(self.position), self.settled, expiry, role, spot)

    def _book(
        self, symbol: str, side: Side, qty: int, price: float, at: int, role: FillRole, mid: float
    ) -> FillNote:
        self._ids += 1
        seen = fill(
            symbol,
            side,
            qty,
            price,
            at_ns=at,
            exec_id=f"e{self._ids}",
            exec_type="Settlement" if role is FillRole.SETTLEMENT else "Trade",
            fee_rate=-0.0005 if role is FillRole.QUOTE else 0.0025,
        )
        self.wallet -= seen.exec_comm
        if symbol == "ETC_XBT":
            self.wallet -= seen.exec_cost
            self.coins += side * qty
            paid = min(self.owed, qty) if side is Side.BUY else 0
            if paid:
                self.owed -= paid
                self.interest.append(InterestPaid(at_ns=at, units=paid))
        else:
            self.position, self.cost, realised = booked(
                self.position, self.cost, side * qty, seen.exec_cost
            )
            self.wallet += realised
        basis = 0.0 if role is not FillRole.QUOTE else self._terms(at)["basis"]
        return note(seen, role, mid, mid * (1 + basis))


def summed_up(books: Books, week: MadeWeek, **facts: object) -> Summary:
    """The summary of a made week that ``books`` have noted."""
    at_ns = LISTING_NS + WEEK_NS
    result = books.close(wallet_change=week.wallet, interest=week.interest, at_ns=at_ns)
    return summary_of(books, result, wallet={"XBt": 10**9 + week.wallet, "ETC": 0}, **facts)


def summary_of(books: Books, result: Attribution, **facts: object) -> Summary:
    common: dict[str, object] = {
        "seed": 7,
        "digest": "ab" * 32,
        "wallet": {},
        "loans": {"ETC": 0},
        "interest_owed": {"ETC": 0},
        "audit_ok": True,
        "report": "out/report.html",
        "virtual_s": 604800.0,
        "wall_s": 30.0,
    }
    return summarise(books, result, **{**common, **facts})


def booked(position: int, cost: int, qty: int, exec_cost: int) -> tuple[int, int, int]:
    """The venue's ledger of E2: (position, cost, realised) after a fill of ``qty``."""
    if position * qty >= 0:
        return position + qty, cost + exec_cost, 0
    closing = min(abs(position), abs(qty))
    closing_cost = exec_cost * closing // abs(qty)
    assert closing_cost * abs(qty) == exec_cost * closing
    released = rha(Fraction(cost * closing, abs(position)))
    realised = -(released + closing_cost)
    if abs(qty) > abs(position):
        return position + qty, exec_cost - closing_cost, realised
    return position + qty, cost - released, realised
