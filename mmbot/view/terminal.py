"""The live screen: the contract's clock, the quote with its terms, position, hedge and P&L.

It is drawn four times a second of the host's clock, on the alternate screen, whole each time, so a
resized terminal is right at the next drawing. There is no thread: ``maybe_draw`` is called with the
events and looks at the host's clock.
"""

import sys
import time
from collections import deque
from collections.abc import Callable

from rich import box
from rich.align import Align
from rich.console import Console, Group, RenderableType
from rich.layout import Layout
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from mmbot.books.parts import Part
from mmbot.books.running import Books
from mmbot.types import MINUTE_NS, FillNote, FillRole, Note, QuoteNote, StatusNote
from mmbot.view.lines import LineScreen
from mmbot.view.screen import Look, NoScreen, Screen, Snapshot
from mmbot.view.words import (
    PART_NAME,
    clock,
    coins,
    decimals_of,
    major,
    money,
    percent,
    price,
    span,
)

DRAW_EVERY_NS = 250_000_000
LADDER = 3
UPPER = 10  # lines of the upper panels; with 24 lines the lower ones are as high
WINDOW_NS = 30 * MINUTE_NS
GOOD, BAD, DIM, BID, ASK, ACCENT = "green", "red", "bright_black", "green", "red", "cyan"
UNSIGNED = {"half_spread", "spread", "sigma"}
ROLE_NAME = {
    FillRole.QUOTE: "fill",
    FillRole.HEDGE: "hedge",
    FillRole.SLICE: "slice",
    FillRole.SETTLEMENT: "settled",
    FillRole.OTHER: "other",
}
BLOCKS = "▁▂▃▄▅▆▇█"


def open_screen(
    books: Books, *, title: str, console: Console | None = None, plain: bool = False
) -> Screen:
    """Return a live screen when ``console`` is a terminal, else one that prints lines.

    Args:
        books: of the run; read at each drawing.
        title: what kind of run this is, one short line.
        console: where to draw; standard error when None, so that standard output stays clean. A
            quiet one shows nothing.
        plain: lines even on a terminal.
    """
    target = Console(stderr=True) if console is None else console
    if target.quiet:
        return NoScreen()
    if target.is_terminal and not target.is_dumb_terminal and not plain:
        return LiveScreen(books, title=title, console=target)
    return LineScreen(books, file=sys.stderr if console is None else target.file)


class LiveScreen:
    """Draws the run on a terminal."""

    def __init__(
        self,
        books: Books,
        *,
        title: str,
        console: Console,
        wall_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """Take the terminal; ``wall_ns`` is the host's clock."""
        self._books = books
        self._title = title
        self._wall_ns = wall_ns
        self._due_ns = 0
        self._began: tuple[int, int] | None = None  # (contract's clock, host's clock)
        self._quote: QuoteNote | None = None
        self._fills: deque[FillNote] = deque(maxlen=40)
        self._said: deque[StatusNote] = deque(maxlen=4)
        self._earned: list[float] = []
        self._live = Live(console=console, screen=True, auto_refresh=False, transient=True)
        self._live.start()

    def on_note(self, note: Note) -> None:
        """Remember the last quote, fills and statuses."""
        match note:
            case QuoteNote():
                self._quote = note
            case FillNote():
                self._fills.append(note)
            case StatusNote():
                self._said.append(note)
            case _:
                pass

    def maybe_draw(self, now_ns: int, look: Look) -> None:
        """Draw when a quarter of a second has passed on the host's clock."""
        wall_ns = self._wall_ns()
        if wall_ns < self._due_ns:
            return
        self._due_ns = wall_ns + DRAW_EVERY_NS
        if self._began is None:
            self._began = (now_ns, wall_ns)
        self._live.update(self._render(now_ns, wall_ns, look()), refresh=True)

    def close(self) -> None:
        """Give the terminal back; idempotent."""
        self._live.stop()

    # --- the picture

    def _render(self, now_ns: int, wall_ns: int, seen: Snapshot) -> RenderableType:
        width, height = self._live.console.size
        estimate = self._books.estimate()
        self._remember(sum(estimate.values()))
        header = Panel(
            Group(self._clock_line(now_ns, wall_ns), self._progress(now_ns, width - 4)),
            title=f"[bold]mmbot[/] · {self._books.contract.symbol} · {self._title}",
            title_align="left",
            box=box.ROUNDED,
            border_style=ACCENT,
        )
        panels = (
            self._panel("quote", self._quote_body()),
            self._panel("position and hedge", self._position_body(seen)),
            self._panel("P&L, running estimate", self._pnl_body(estimate, width)),
            self._panel("fills and news", self._news_body(width, height)),
        )
        layout = Layout()
        if width < 72:
            rows = [Layout(panels[i], size=size) for i, size in ((0, 10), (1, 9), (2, 10))]
            layout.split_column(Layout(header, size=4), *rows, Layout(panels[3]))
            return layout
        left, right = Layout(), Layout()
        left.split_column(Layout(panels[0], size=UPPER), Layout(panels[2]))
        right.split_column(Layout(panels[1], size=UPPER), Layout(panels[3]))
        body = Layout()
        body.split_row(left, right)
        layout.split_column(Layout(header, size=4), body)
        return layout

    def _panel(self, title: str, body: RenderableType) -> Panel:
        return Panel(
            body, title=title, title_align="left", box=box.ROUNDED, border_style=DIM, padding=(0, 1)
        )

    def _clock_line(self, now_ns: int, wall_ns: int) -> RenderableType:
        contract = self._books.contract
        left = Text(f"{clock(now_ns, '%a %Y-%m-%d %H:%M:%S')} UTC")
        if self._began and wall_ns > self._began[1]:
            speed = (now_ns - self._began[0]) / (wall_ns - self._began[1])
            if speed > 1.5:
                left.append(f"   {speed:,.0f}x", style=DIM)
        right = Text("no settlement", style=DIM)
        if contract.expiry_ns is not None:
            left_ns = contract.expiry_ns - now_ns
            right = (
                Text(f"settles in {span(left_ns)}", style=f"bold {ACCENT}")
                if left_ns > 0
                else Text("settled", style=f"bold {GOOD}")
            )
        return _ends(left, right)

    def _progress(self, now_ns: int, width: int) -> RenderableType:
        contract = self._books.contract
        if contract.expiry_ns is None:
            return Text("")
        whole = max(1, contract.expiry_ns - contract.listing_ns)
        done = min(1.0, max(0.0, (now_ns - contract.listing_ns) / whole))
        label = f" {done:6.1%}"
        room = max(1, width - len(label))
        full = round(room * done)
        in_window = 0 <= contract.expiry_ns - now_ns <= WINDOW_NS
        bar = Text("━" * full, style="yellow" if in_window else ACCENT)
        bar.append("━" * (room - full), style=DIM)
        bar.append(label)
        return bar

    def _quote_body(self) -> RenderableType:
        quote, contract = self._quote, self._books.contract
        if quote is None:
            return Align.center(Text("waiting for the first quote", style=DIM), vertical="middle")
        terms = Table.grid(padding=(0, 1))
        terms.add_column(style=DIM)
        terms.add_column(justify="right")
        decimals = decimals_of(contract) + 2
        terms.add_row("spot mid", f"{quote.spot:.{decimals}f}")
        for name, value in list(quote.terms.items())[:5]:
            terms.add_row(name.replace("_", " "), _term(name, value))
        ladder = Table.grid(padding=(0, 1))
        ladder.add_column(justify="right", style=DIM)
        ladder.add_column(justify="right")
        for ticks, size in reversed(quote.asks[:LADDER]):
            ladder.add_row(f"{size}", Text(price(ticks, contract), style=ASK))
        if not quote.asks:
            ladder.add_row("", Text("no ask", style=DIM))
        gap = ""
        if quote.bids and quote.asks:
            wide = (quote.asks[0][0] - quote.bids[0][0]) / (quote.asks[0][0] + quote.bids[0][0])
            gap = f"{2 * wide:.2%}"
        ladder.add_row("", Text(gap, style=DIM))
        for ticks, size in quote.bids[:LADDER]:
            ladder.add_row(f"{size}", Text(price(ticks, contract), style=BID))
        if not quote.bids:
            ladder.add_row("", Text("no bid", style=DIM))
        both = _ends(terms, ladder)
        if quote.why:
            return Group(both, Text(quote.why, style="yellow", overflow="ellipsis", no_wrap=True))
        return both

    def _position_body(self, seen: Snapshot) -> RenderableType:
        books, coin = self._books, self._books.contract.underlying
        grid = Table.grid(padding=(0, 1), expand=True)
        grid.add_column(style=DIM)
        grid.add_column(justify="right")
        grid.add_row("contracts", _signed(f"{books.position:+,d}", books.position))
        spot = books.spot.symbol if books.spot else "no spot"
        grid.add_row(f"hedge, {spot}", f"{coins(books.spot_position, coin)} {coin}")
        exposure = Text(f"{coins(seen.unhedged, coin)} {coin}")
        if seen.why:
            exposure.stylize("bold yellow")
        grid.add_row("unhedged", exposure)
        if seen.borrowed or seen.interest_owed:
            owed = coins(seen.interest_owed, coin, sign=False)
            grid.add_row("borrowed", f"{coins(seen.borrowed, coin, sign=False)} + {owed} {coin}")
        if seen.wallet is not None:
            currency = books.contract.settl_currency
            wallet = money(seen.wallet, currency, sign=False)
            grid.add_row("wallet", f"{wallet} {major(currency)}")
        armed = "not armed" if seen.dead_man_s is None else f"{seen.dead_man_s:.0f} s"
        grid.add_row("orders · dead-man", f"{seen.open_orders} · {armed}")
        if not seen.connected:
            return Group(grid, Text("not connected, reconnecting", style=f"bold {BAD}"))
        if seen.why:
            return Group(grid, Text(seen.why, style="yellow", overflow="ellipsis", no_wrap=True))
        return grid

    def _pnl_body(self, estimate: dict[Part, float], width: int) -> RenderableType:
        currency = self._books.contract.settl_currency
        top = max(1.0, *(abs(units) for units in estimate.values()))
        room = max(4, (width // 2 if width >= 72 else width) - 40)
        grid = Table.grid(padding=(0, 1))
        grid.add_column(style=DIM)
        grid.add_column(justify="right")
        grid.add_column()
        for part, units in estimate.items():
            bar = "█" * round(room * abs(units) / top)
            style = GOOD if units > 0 else BAD
            figure = Text(money(units, currency), style=style if round(units) else DIM)
            grid.add_row(PART_NAME[part], figure, Text(bar, style=style))
        total = sum(estimate.values())
        grid.add_row(
            Text("together", style="bold"),
            Text(money(total, currency), style=f"bold {GOOD if total >= 0 else BAD}"),
            Text(sparkline(self._earned, room), style=ACCENT),
        )
        return grid

    def _news_body(self, width: int, height: int) -> RenderableType:
        books = self._books
        counts = Text(no_wrap=True, overflow="ellipsis")
        counts.append(f"{books.fills_buy}", style=f"bold {BID}")
        counts.append(" bought  ")
        counts.append(f"{books.fills_sell}", style=f"bold {ASK}")
        counts.append(f" sold  {books.flips} flips")
        news = [
            Text(
                f"{clock(said.at_ns, '%H:%M')} {said.text}",
                style={"warning": "yellow", "error": BAD}.get(said.level, ""),
                overflow="ellipsis",
                no_wrap=True,
            )
            for said in list(self._said)[-3:]
        ]
        room = max(1, height - UPPER - 4 - 2 - 1 - len(news))
        grid = Table.grid(padding=(0, 1))
        for justify in ("left", "left", "left", "right", "right"):
            grid.add_column(justify=justify, no_wrap=True)
        for note in list(self._fills)[-room:]:
            grid.add_row(*self._fill_row(note, "%H:%M:%S" if width >= 100 else "%H:%M"))
        return Group(counts, grid, *news)

    def _fill_row(self, note: FillNote, form: str) -> tuple[RenderableType, ...]:
        fill, spot = note.fill, self._books.spot
        buys = (fill.side or 0) > 0
        if spot is not None and fill.symbol == spot.symbol:
            coin = self._books.contract.underlying
            qty = money(fill.qty, coin, sign=False, decimals=2)
            shown = f"{fill.price:.{decimals_of(spot)}f}"
        else:
            qty, shown = f"{fill.qty:,}", f"{fill.price:.{decimals_of(self._books.contract)}f}"
        return (
            Text(clock(note.at_ns, form), style=DIM),
            ROLE_NAME[note.role],
            Text("buy" if buys else "sell", style=BID if buys else ASK),
            qty,
            shown,
        )

    def _remember(self, earned: float) -> None:
        self._earned.append(earned)
        if len(self._earned) >= 512:
            # Halve what is kept: the line always spans the whole run.
            self._earned = self._earned[::2]


def sparkline(values: list[float], width: int) -> str:
    """Return ``values`` as a line of blocks, at most ``width`` wide; empty when they are few.

    >>> sparkline([0.0, 1.0, 2.0, 3.0], 4), sparkline([1.0], 4)
    ('▁▃▆█', '')
    """
    if len(values) < 2 or width < 1:
        return ""
    low, high = min(values), max(values)
    count = min(width, len(values))
    picked = [values[(index + 1) * len(values) // count - 1] for index in range(count)]
    top = len(BLOCKS) - 1
    return "".join(BLOCKS[round((value - low) / (high - low or 1) * top)] for value in picked)


def _term(name: str, value: float) -> str:
    text = percent(value)
    return text.lstrip("+") if name in UNSIGNED else text


def _signed(text: str, value: float) -> Text:
    return Text(text, style=DIM if not value else f"bold {GOOD if value > 0 else BAD}")


def _ends(left: RenderableType, right: RenderableType) -> Table:
    """Put one thing at each end of the line."""
    grid = Table.grid(expand=True)
    grid.add_column()
    grid.add_column(justify="right")
    grid.add_row(left, Align.right(right))
    return grid
