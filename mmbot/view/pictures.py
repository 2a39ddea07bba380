"""The pictures of a run's report: what is read from its file, thinned, and drawn.

Five figures: price with quotes and fills, the terms of the quote, inventory and hedge, P&L by part,
and the settlement window. A figure that has nothing to show is left out.
"""

from collections.abc import Sequence

import msgspec

from mmbot.books.parts import Part
from mmbot.books.store import EquitySample, Store
from mmbot.books.summary import Summary
from mmbot.books.worth import minor_decimals
from mmbot.types import MINUTE_NS, FillNote, FillRole, Instrument, Kind, QuoteNote, Side
from mmbot.view.charts import Chart, Mark, Series, Thin, bounds, value_at
from mmbot.view.words import PART_NAME, clock, coins, decimals_of, major, money, percent

WINDOW_NS = 30 * MINUTE_NS
MARKS_AT_MOST = 3000
CLOSE_UP_NS = 360 * MINUTE_NS
PRICE_LEGEND = [
    ("spot", "spot mid", "line"),
    ("quotes", "our bid to ask", "box"),
    ("buy", "we bought", "up"),
    ("sell", "we sold", "down"),
]
TERMS = ("basis", "skew", "half_spread")
PART_CSS = {part: f"p{number}" for number, part in enumerate(Part)}


class Figure(msgspec.Struct, kw_only=True):
    """A picture with its words; ``legend`` is (style class, name, how it is marked)."""

    key: str
    title: str
    caption: str
    legend: list[tuple[str, str, str]]
    chart: Chart


class RunPictures:
    """Reads a run's file once and draws its figures."""

    def __init__(
        self, store: Store, summary: Summary, contract: Instrument, spot: Instrument | None
    ) -> None:
        self.contract, self.spot, self.summary = contract, spot, summary
        self._all_quotes = store.quotes
        self.currency = contract.settl_currency
        self.fills: list[FillNote] = []
        self.slices: list[FillNote] = []
        for note in store.fills():
            if note.fill.symbol == contract.symbol:
                self.fills.append(note)
            elif note.role is FillRole.SLICE:
                self.slices.append(note)
        self.prints: list[float] = store.facts().get("prints", [])
        self.start_ns, self.end_ns = store.span()
        thin = Thin(self.start_ns, self.end_ns)
        self.quotes = [quote for quote in store.quotes() if thin.starts_new(quote.at_ns)]
        thin = Thin(self.start_ns, self.end_ns)
        equity, last = [], None
        for sample in store.equity():
            last = sample
            if thin.starts_new(sample.at_ns):
                equity.append(sample)
        if last is not None and equity[-1] is not last:
            equity.append(last)
        self.equity = equity
        self._decimals = decimals_of(contract)

    def figures(self) -> list[Figure]:
        """Return the figures that have something to show, in the order of the page."""
        drawn = (
            self._price(),
            self._close_up(),
            self._pnl(),
            self._inventory(),
            self._terms(),
            self._settlement(),
        )
        return [figure for figure in drawn if figure is not None]

    def _chart(self, low: float, high: float, height: int = 300) -> Chart:
        chart = Chart(self.start_ns, self.end_ns, low, high, height=height)
        expiry_ns = self.contract.expiry_ns
        if expiry_ns is not None and self.start_ns < expiry_ns <= self.end_ns:
            chart.shade(expiry_ns - WINDOW_NS, expiry_ns, "the 30 minutes of settlement")
        return chart

    def _spell(self, value: float) -> str:
        return f"{value:.{self._decimals + 2}f}".rstrip("0")

    def _price(self) -> Figure | None:
        if not self.quotes:
            return None
        return Figure(
            key="price",
            title="Price, quotes and fills",
            caption="The band is what we quoted: best bid to best ask, around spot moved by basis "
            "and skew. A triangle is a fill of ours, the bigger the more contracts.",
            legend=PRICE_LEGEND,
            chart=self._price_chart(self.quotes, self.fills),
        )

    def _close_up(self) -> Figure | None:
        """The busiest hours of a run that is much longer."""
        if not self.fills or self.end_ns - self.start_ns < 4 * CLOSE_UP_NS:
            return None
        begins = self.start_ns + _busiest([note.at_ns - self.start_ns for note in self.fills])
        ends = begins + CLOSE_UP_NS
        quotes = [note for note in self._all_quotes() if begins <= note.at_ns <= ends]
        if not quotes:
            return None
        fills = [note for note in self.fills if begins <= note.at_ns <= ends]
        return Figure(
            key="close-up",
            title=f"The busiest six hours, from {clock(begins, '%a %d %b %H:%M')}",
            caption=f"{len(fills)} fills seen close: the quote follows spot, and each fill moves "
            "it away from the side that was hit (skew).",
            legend=PRICE_LEGEND,
            chart=self._price_chart(quotes, fills, wide=True),
        )

    def _price_chart(
        self, quotes: Sequence[QuoteNote], fills: Sequence[FillNote], *, wide: bool = False
    ) -> Chart:
        tick = self.contract.price
        times = [note.at_ns for note in quotes]
        spots = [note.spot for note in quotes]
        bids = [tick(note.bids[0][0]) if note.bids else None for note in quotes]
        asks = [tick(note.asks[0][0]) if note.asks else None for note in quotes]
        marks = self._fill_marks(fills, size=4.0 if wide else 2.5)
        low, high = bounds(spots, bids, asks, [mark.y for mark in marks])
        if wide:
            chart = Chart(times[0], times[-1], low, high, height=380)
        else:
            chart = self._chart(low, high, height=380)
        chart.band(times, bids, asks, "quotes")
        chart.line(times, bids, "bid", steps=True)
        chart.line(times, asks, "ask", steps=True)
        chart.line(times, spots, "spot")
        chart.marks(marks)
        chart.points_at(
            times,
            [
                Series(name="our ask", css="ask", values=asks, shown=self._spell),
                Series(name="spot mid", css="spot", values=spots, shown=self._spell),
                Series(name="our bid", css="bid", values=bids, shown=self._spell),
            ],
        )
        return chart

    def _fill_marks(self, notes: Sequence[FillNote], size: float) -> list[Mark]:
        fills = [note for note in notes if note.role is not FillRole.SETTLEMENT]
        every = -(-len(fills) // MARKS_AT_MOST) or 1
        most = max((note.fill.qty for note in fills), default=1)
        return [
            Mark(
                at_ns=note.at_ns,
                y=note.fill.price,
                side=note.fill.side or Side.BUY,
                size=size + 3 * (note.fill.qty / most) ** 0.5,
                title=f"{clock(note.at_ns)} {'bought' if note.fill.side == Side.BUY else 'sold'} "
                f"{note.fill.qty:,} at {self._spell(note.fill.price)}",
            )
            for note in fills[::every]
        ]

    def _pnl(self) -> Figure | None:
        if len(self.equity) < 2:
            return None
        scale = 10 ** minor_decimals(self.currency)
        times = [sample.at_ns for sample in self.equity]
        rows: dict[Part, list[float | None]] = {
            part: [sample.parts[part] / scale for sample in self.equity] for part in Part
        }
        total: list[float | None] = [sum(sample.parts.values()) / scale for sample in self.equity]
        chart = self._chart(*bounds([0.0], total, *rows.values()), height=340)
        for part, values in rows.items():
            chart.line(times, values, PART_CSS[part])
        chart.line(times, total, "total")
        shown = self._money
        series = [Series(name="together", css="total", values=total, shown=shown)]
        series += [
            Series(name=PART_NAME[part], css=PART_CSS[part], values=values, shown=shown)
            for part, values in rows.items()
        ]
        chart.points_at(times, series)
        return Figure(
            key="pnl",
            title=f"P&L by part, {major(self.currency)}",
            caption="While the run lasts, what is open is valued at fair value and at the spot "
            "mid; the last point of a run that ends flat is the exact account.",
            legend=[
                ("total", "together", "line"),
                *((PART_CSS[part], PART_NAME[part], "line") for part in Part),
            ],
            chart=chart,
        )

    def _money(self, value: float) -> str:
        return money(value * 10 ** minor_decimals(self.currency), self.currency)

    def _inventory(self) -> Figure | None:
        if not self.equity:
            return None
        coin, scale = self.contract.underlying, 10 ** minor_decimals(self.contract.underlying)
        times = [sample.at_ns for sample in self.equity]
        held = [self._exposure(sample) for sample in self.equity]
        hedged = [sample.spot_position / scale for sample in self.equity]
        net = [one + other for one, other in zip(held, hedged, strict=True)]
        chart = self._chart(*bounds([0.0], held, hedged), height=260)
        chart.area(times, held, "held")
        chart.area(times, hedged, "hedged")
        chart.line(times, net, "net", steps=True)

        def shown(value: float) -> str:
            return f"{coins(round(value * scale), coin)} {coin}"

        chart.points_at(
            times,
            [
                Series(name="contract", css="held", values=held, shown=shown),
                Series(name="hedge on spot", css="hedged", values=hedged, shown=shown),
                Series(name="unhedged", css="net", values=net, shown=shown),
            ],
        )
        return Figure(
            key="inventory",
            title=f"Inventory and hedge, {coin}",
            caption="What the contract makes us hold, the hedge on spot against it (coins less "
            "what is borrowed and owed), and what is left between them.",
            legend=[
                ("held", "contract", "box"),
                ("hedged", "hedge on spot", "box"),
                ("net", "unhedged", "line"),
            ],
            chart=chart,
        )

    def _exposure(self, sample: EquitySample) -> float:
        """Coins that a position is worth: what the sampled prints have fixed is none any more."""
        left = 1.0
        if self.contract.expiry_ns is not None:
            left = min(1.0, max(0.0, (self.contract.expiry_ns - sample.at_ns) / WINDOW_NS))
        if self.contract.kind is Kind.INVERSE:
            return sample.position * left / sample.mid if sample.mid else 0.0
        scale = float(10 ** minor_decimals(self.currency))
        return sample.position * left * self.contract.multiplier / scale

    def _terms(self) -> Figure | None:
        named = {name for note in self.quotes for name in note.terms}
        names = [name for name in TERMS if name in named]
        if not names:
            return None
        times = [note.at_ns for note in self.quotes]
        rows = {name: [note.terms.get(name) for note in self.quotes] for name in names}
        chart = self._chart(
            *bounds([0.0], *([v and v * 100 for v in row] for row in rows.values())), height=220
        )
        for name, values in rows.items():
            chart.line(times, [v if v is None else v * 100 for v in values], f"t-{name}")
        chart.points_at(
            times,
            [
                Series(name=name.replace("_", " "), css=f"t-{name}", values=values, shown=percent)
                for name, values in rows.items()
            ],
        )
        return Figure(
            key="terms",
            title="Why the quote stood there, % of spot",
            caption="The middle of the quote is spot x (1 + basis + skew): basis from what coins "
            "cost to borrow until settlement, skew against the inventory; half the spread is put "
            "on each side.",
            legend=[(f"t-{name}", name.replace("_", " "), "line") for name in names],
            chart=chart,
        )

    def _settlement(self) -> Figure | None:
        expiry_ns, settled = self.contract.expiry_ns, self.summary.settled_price
        samples = self.sampled()
        if expiry_ns is None or settled is None or not samples:
            return None
        times = [at_ns for at_ns, _ in samples]
        values = [value for _, value in samples]
        means = [sum(values[: n + 1]) / (n + 1) for n in range(len(values))]
        marks = [
            Mark(
                at_ns=note.at_ns,
                y=note.fill.price,
                side=note.fill.side or Side.BUY,
                size=5.0,
                title=f"slice {note.slice_no}: {coins(note.fill.qty, self.contract.underlying)} "
                f"at {note.fill.price:.8f}",
            )
            for note in self.slices
        ]
        chart = Chart(
            expiry_ns - WINDOW_NS,
            max([expiry_ns, *(mark.at_ns for mark in marks)]) + MINUTE_NS // 2,
            *bounds(values, means, [settled], [mark.y for mark in marks]),
            height=300,
        )
        chart.line(times, values, "spot", steps=True)
        chart.line(times, means, "mean")
        chart.level(settled, "settled")
        chart.marks(marks)

        def spelt(value: float) -> str:
            return f"{value:.8f}"

        filled = [value_at(*_averages(self.slices), at_ns + MINUTE_NS - 1) for at_ns in times]
        chart.points_at(
            times,
            [
                Series(name="sampled print", css="spot", values=values, shown=spelt),
                Series(name="mean so far", css="mean", values=means, shown=spelt),
                Series(name="our slice", css="net", values=filled, shown=spelt),
            ],
        )
        return Figure(
            key="settlement",
            title="Settlement: slices against the sampled prints",
            caption="The contract settles at the mean of 30 prints of the index, a minute apart. "
            "The hedge is closed in slices just after each print, so that it earns what the "
            "contract pays.",
            legend=[
                ("spot", "sampled print", "line"),
                ("mean", "mean so far", "line"),
                ("settled", f"settled at {settled:.8f}", "line"),
                ("buy", "slice bought", "up"),
                ("sell", "slice sold", "down"),
            ],
            chart=chart,
        )

    def sampled(self) -> list[tuple[int, float]]:
        """Return the sampled prints with their minute marks: all 30, or those of the slices."""
        expiry_ns = self.contract.expiry_ns or 0
        if self.prints:
            count = len(self.prints)
            return [
                (expiry_ns - (count - number) * MINUTE_NS, value)
                for number, value in enumerate(self.prints, start=1)
            ]
        known = {
            note.slice_no: note.sample
            for note in reversed(self.slices)
            if note.sample is not None and note.slice_no
        }
        return [(expiry_ns - (30 - number) * MINUTE_NS, known[number]) for number in sorted(known)]


def _busiest(instants: Sequence[int]) -> int:
    """Return where the span of ``CLOSE_UP_NS`` with the most instants begins; sorted, not empty."""
    best, first = (0, 0), 0
    for last, at_ns in enumerate(instants):
        while at_ns - instants[first] > CLOSE_UP_NS:
            first += 1
        best = max(best, (last - first, -instants[first]))
    return max(0, -best[1] - CLOSE_UP_NS // 20)


def _averages(slices: Sequence[FillNote]) -> tuple[list[int], list[float | None]]:
    """Return the average price of each slice, and when it traded."""
    totals: dict[int, tuple[int, int, float]] = {}
    for note in slices:
        at_ns, qty, value = totals.get(note.slice_no, (note.at_ns, 0, 0.0))
        totals[note.slice_no] = (
            at_ns,
            qty + note.fill.qty,
            value + note.fill.qty * note.fill.price,
        )
    rows = sorted(totals.values())
    return [at_ns for at_ns, _, _ in rows], [value / qty for _, qty, value in rows]
