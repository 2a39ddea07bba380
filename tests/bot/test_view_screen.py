"""The live screen, the lines without a terminal, the last table."""

import io
import re

import msgspec
import pytest
from rich.console import Console

from mmbot.books.running import Books
from mmbot.books.summary import Summary
from mmbot.types import MINUTE_NS, FillNote, QuoteNote, Side, StatusNote
from mmbot.view.lines import LineScreen
from mmbot.view.screen import NoScreen, Snapshot
from mmbot.view.table import print_summary
from mmbot.view.terminal import LiveScreen, open_screen
from mmbot.view.words import decimals_of, price
from tests.bot.books_made import (
    CONTRACT,
    INVERSE,
    LISTING_NS,
    SPOT,
    MadeWeek,
    fill,
    note,
    summed_up,
)
from tests.bot.instruments import WEEK_NS

SEEN = Snapshot(wallet=10**9, open_orders=6, dead_man_s=60.0)
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """A terminal that keeps what was drawn, with a size that can change."""

    def __init__(self, width: int = 80, height: int = 24) -> None:
        self.out = io.StringIO()
        self.console = Console(
            file=self.out, force_terminal=True, width=width, height=height, color_system=None
        )
        self.wall_ns = 0
        self.looks = 0
        self.books = Books(CONTRACT, SPOT)
        self.screen = LiveScreen(
            self.books, title="virtual, seed 7", console=self.console, wall_ns=lambda: self.wall_ns
        )

    def look(self) -> Snapshot:
        self.looks += 1
        return SEEN

    def play(self, notes) -> None:
        for each in notes:
            self.books.on_note(each)
            self.screen.on_note(each)

    def draw(self, now_ns: int, look=None) -> list[str]:
        """Draw now, whatever was drawn before; return the lines."""
        self.wall_ns += 10**9
        self.out.seek(0)
        self.out.truncate()
        self.screen.maybe_draw(now_ns, look or self.look)
        return ESCAPES.sub("", self.out.getvalue()).splitlines()


@pytest.fixture
def terminal():
    made = Terminal()
    yield made
    made.screen.close()


def notes_until(at_ns):
    return [each for each in MadeWeek().notes() if each.at_ns < at_ns]


def test_screen_draws_four_times_a_second_of_the_hosts_clock(terminal):
    for wall_ms in range(0, 2000, 10):
        terminal.wall_ns = wall_ms * 10**6
        terminal.screen.maybe_draw(LISTING_NS + wall_ms * 10**12, terminal.look)

    assert terminal.looks == 8


def test_screen_shows_clock_quote_terms_position_hedge_and_pnl(terminal):
    half = LISTING_NS + WEEK_NS // 2
    terminal.play(notes_until(half))
    quote = next(each for each in reversed(notes_until(half)) if isinstance(each, QuoteNote))

    shown = "\n".join(terminal.draw(half))

    assert "Tue 2018-01-16 00:00:00 UTC" in shown
    assert "settles in 3d 12h" in shown
    assert "50.0%" in shown
    for word in ("spot mid", "basis", "skew", "half spread", "0.650 %", "dead-man", "60 s"):
        assert word in shown
    assert price(quote.bids[0][0], CONTRACT) in shown
    assert price(quote.asks[0][0], CONTRACT) in shown
    assert f"{terminal.books.position:+,d}" in shown
    assert f"{terminal.books.fills_buy} bought  {terminal.books.fills_sell} sold" in shown
    for part in ("spread", "inventory", "basis carry", "hedge slippage", "borrow interest", "fees"):
        assert part in shown
    assert "together" in shown


def test_screen_says_what_is_unhedged_and_why(terminal):
    terminal.play(notes_until(LISTING_NS + MINUTE_NS))
    seen = Snapshot(unhedged=300 * 10**8, why="nobody lends ETC", connected=False)

    shown = "\n".join(terminal.draw(LISTING_NS, lambda: seen))
    assert "+300.0000 ETC" in shown
    assert "not connected" in shown

    seen = msgspec.structs.replace(seen, connected=True)
    assert "nobody lends ETC" in "\n".join(terminal.draw(LISTING_NS, lambda: seen))


@pytest.mark.parametrize("size", [(80, 24), (200, 60), (60, 40), (40, 12), (72, 20), (20, 5)])
def test_screen_survives_a_resize(terminal, size):
    now_ns = LISTING_NS + WEEK_NS // 3
    terminal.play(notes_until(now_ns))
    assert len(terminal.draw(now_ns)) == 24

    terminal.console.size = size
    lines = terminal.draw(now_ns)

    assert len(lines) == size[1]
    assert max(map(len, lines)) <= size[0]
    assert "mmbot" in lines[0]


def test_screen_before_the_first_quote_and_after_settlement(terminal):
    assert "waiting for the first quote" in "\n".join(terminal.draw(LISTING_NS - MINUTE_NS))

    terminal.play(MadeWeek().notes())

    shown = "\n".join(terminal.draw(LISTING_NS + WEEK_NS + MINUTE_NS))
    assert "settled" in shown
    assert "100.0%" in shown


def test_screen_of_a_contract_without_settlement_and_of_one_sided_quotes(terminal):
    quote = next(each for each in MadeWeek().notes() if isinstance(each, QuoteNote))
    terminal.books.contract = msgspec.structs.replace(CONTRACT, expiry_ns=None)
    terminal.play([msgspec.structs.replace(quote, bids=(), asks=(), why="spot is stale")])

    shown = "\n".join(terminal.draw(LISTING_NS))

    for words in ("no settlement", "no bid", "no ask", "spot is stale"):
        assert words in shown


def test_screen_takes_the_alternate_screen_and_gives_it_back(terminal):
    assert "\x1b[?1049h" in terminal.out.getvalue()

    terminal.screen.close()
    terminal.screen.close()

    assert terminal.out.getvalue().count("\x1b[?1049l") == 1


# --- without a terminal ---------------------------------------------------------------------------


def test_lines_are_one_an_hour_of_the_contracts_clock():
    out = io.StringIO()
    books = Books(CONTRACT, SPOT)
    screen = open_screen(books, title="virtual", console=Console(file=out))
    assert isinstance(screen, LineScreen)
    screen.maybe_draw(LISTING_NS, lambda: SEEN)  # nothing to say before the first quote
    for each in notes_until(LISTING_NS + 180 * MINUTE_NS):
        books.on_note(each)
        screen.on_note(each)
        screen.maybe_draw(each.at_ns, lambda: SEEN)
    screen.close()

    lines = out.getvalue().splitlines()

    assert lines[0] == "2018-01-12 12:00  quoting ETC7D, hedging on ETC_XBT"
    assert [line[:16] for line in lines[1:]] == [
        "2018-01-12 12:00", "2018-01-12 13:00", "2018-01-12 14:00",
    ]  # fmt: skip
    assert re.fullmatch(
        r"\S+ \S+  ETC7D  spot 0\.00\d+  quote 0\.\d{6}/0\.\d{6}  position [+-]\d+  "
        r"spot row \S+  fills \d+\+\d+  P&L [+-]?\d\.\d{8} XBT",
        lines[-1],
    )


def test_lines_say_warnings_once_an_hour_and_what_is_unhedged():
    out = io.StringIO()
    books = Books(CONTRACT, SPOT)
    screen = LineScreen(books, file=out)
    for minute in range(0, 90, 10):
        at_ns = LISTING_NS + minute * MINUTE_NS
        screen.on_note(StatusNote(at_ns=at_ns, level="warning", text="nobody lends ETC"))
        screen.on_note(StatusNote(at_ns=at_ns, level="info", text=f"minute {minute}"))
    quote = next(each for each in MadeWeek().notes() if isinstance(each, QuoteNote))
    screen.on_note(msgspec.structs.replace(quote, bids=(), asks=()))
    seen = Snapshot(unhedged=5, why="nobody lends ETC", connected=False)

    screen.maybe_draw(LISTING_NS, lambda: seen)

    said = out.getvalue()
    assert said.count("warning: nobody lends ETC") == 2
    assert said.count("minute") == 9
    assert "quote -/-" in said
    assert said.endswith("unhedged +0.00000005: nobody lends ETC  not connected\n")


def test_lines_remember_a_bounded_number_of_words():
    screen = LineScreen(Books(CONTRACT, SPOT), file=io.StringIO())
    for number in range(1000):
        screen.on_note(StatusNote(at_ns=0, level="info", text=f"{number}"))

    assert len(screen._said) <= 200


def test_plain_is_lines_even_on_a_terminal_and_none_is_nothing():
    console = Console(file=io.StringIO(), force_terminal=True)
    books = Books(CONTRACT, SPOT)

    assert isinstance(open_screen(books, title="", console=console, plain=True), LineScreen)
    live = open_screen(books, title="", console=console)
    live.close()
    assert isinstance(live, LiveScreen)
    nothing = open_screen(books, title="", console=Console(quiet=True))
    assert isinstance(nothing, NoScreen)
    nothing.on_note(StatusNote(at_ns=0, level="info", text=""))
    nothing.maybe_draw(0, lambda: SEEN)
    nothing.close()


# --- the last table -------------------------------------------------------------------------------


def made_summary(**changes) -> Summary:
    week = MadeWeek(seed=4)
    books = Books(CONTRACT, SPOT)
    for each in week.notes():
        books.on_note(each)
    return msgspec.structs.replace(summed_up(books, week), **changes)


def printed(summary: Summary, width: int = 80) -> str:
    out = io.StringIO()
    print_summary(summary, Console(file=out, width=width))
    return out.getvalue()


def test_table_shows_parts_that_sum_and_zeros():
    summary = made_summary()

    shown = printed(summary)

    rows = re.findall(r"^  \w[\w ]+ +([+-]\d\.\d{8})", shown, re.MULTILINE)
    figures = [int(row.replace(".", "")) for row in rows]
    assert figures[:7] == list(summary.pnl.values())
    assert figures[7:9] == [summary.net, summary.net]
    assert "The parts sum to the wallet change to the satoshi." in shown
    for name in ("position", "wallet ETC", "loans", "interest owed"):
        assert re.search(rf"^{name} +0 *$", shown, re.MULTILINE), name
    assert "20,160x" in shown
    assert "out/report.html" in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_table_says_what_is_left_and_what_is_wrong():
    statement = "The parts do NOT add up: -1 XBt unexplained."
    shown = printed(
        made_summary(
            position=-3,
            loans={"ETC": 5},
            audit_ok=False,
            unexplained=-1,
            statement=statement,
            marked=12_345_678,
        ),
        width=120,
    )

    assert "-3 contracts" in shown
    assert "0.00000005 ETC" in shown
    assert "FAILED" in shown
    assert re.search(r"with open at market +\+0\.12345678", shown)
    assert statement in shown
    assert "what our contract fills paid" in shown


def test_prices_are_spelt_with_the_decimals_of_their_tick():
    assert (price(19900, CONTRACT), price(3, INVERSE)) == ("0.019900", "1.5")
    assert decimals_of(SPOT) == 8


def test_hedges_and_fills_stand_in_the_news(terminal):
    terminal.play([note(fill("ETC7D", Side.BUY, 1200, 0.02))])
    terminal.play([each for each in notes_until(LISTING_NS + 600 * MINUTE_NS)
                   if isinstance(each, FillNote)][:2])  # fmt: skip

    shown = "\n".join(terminal.draw(LISTING_NS))

    assert "1,200 0.020000" in re.sub(" +", " ", shown)
    assert "hedge" in shown
