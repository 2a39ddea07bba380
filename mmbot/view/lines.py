"""The run without a terminal: one line an hour of the contract's clock, and what a person must see.

2018-01-13 05:00  ETC7D  spot 0.00265432  0.002634/0.002668  position -120  fills 41+38  ...
"""

from typing import IO

from mmbot.books.running import Books
from mmbot.types import MINUTE_NS, Note, QuoteNote, StatusNote
from mmbot.view.screen import Look
from mmbot.view.words import clock, coins, decimals_of, major, money, price

HOUR_NS = 60 * MINUTE_NS
SAID_KEPT = 200


class LineScreen:
    """Prints a line when an hour of the contract's clock has begun."""

    def __init__(self, books: Books, *, file: IO[str]) -> None:
        self._books = books
        self._file = file
        self._quote: QuoteNote | None = None
        self._next_ns = 0
        self._said: dict[str, int] = {}
        self._tick_decimals = decimals_of(books.contract)

    def on_note(self, note: Note) -> None:
        """Print a status at once, the same words at most once an hour; remember a quote."""
        if isinstance(note, QuoteNote):
            self._quote = note
        elif isinstance(note, StatusNote):
            said_ns = self._said.get(note.text)
            if said_ns is None or note.at_ns - said_ns >= HOUR_NS:
                if len(self._said) >= SAID_KEPT:
                    self._said.clear()
                self._said[note.text] = note.at_ns
                mark = "" if note.level == "info" else f"{note.level}: "
                self._print(f"{clock(note.at_ns, '%Y-%m-%d %H:%M')}  {mark}{note.text}")

    def maybe_draw(self, now_ns: int, look: Look) -> None:
        """Print the line of the hour once there is a quote to speak of."""
        if now_ns < self._next_ns or self._quote is None:
            return
        self._next_ns = now_ns - now_ns % HOUR_NS + HOUR_NS
        self._print(self._line(now_ns, look))

    def close(self) -> None:
        """Write what is buffered."""
        self._file.flush()

    def _line(self, now_ns: int, look: Look) -> str:
        books, quote, seen = self._books, self._quote, look()
        contract = books.contract
        bid = price(quote.bids[0][0], contract) if quote and quote.bids else "-"
        ask = price(quote.asks[0][0], contract) if quote and quote.asks else "-"
        currency = contract.settl_currency
        words = [
            clock(now_ns, "%Y-%m-%d %H:%M"),
            contract.symbol,
            f"spot {books.mid:.8g}",
            f"quote {bid}/{ask}",
            f"position {books.position:+d}",
            f"spot row {coins(books.spot_position, contract.underlying)}",
            f"fills {books.fills_buy}+{books.fills_sell}",
            f"P&L {money(sum(books.estimate().values()), currency)} {major(currency)}",
        ]
        if seen.why:
            words.append(f"unhedged {coins(seen.unhedged, contract.underlying)}: {seen.why}")
        if not seen.connected:
            words.append("not connected")
        return "  ".join(words)

    def _print(self, line: str) -> None:
        self._file.write(f"{line}\n")
        self._file.flush()
