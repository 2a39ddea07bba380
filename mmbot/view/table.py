"""The last table of a run: what was earned by part, and what is left.

print_summary(summary, console)         # after screen.close()
"""

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from mmbot.books.parts import PART_MEANING, Part
from mmbot.books.summary import Summary
from mmbot.books.worth import minor_decimals
from mmbot.view.words import PART_NAME, major, money

GOOD, BAD, DIM = "green", "red", "bright_black"


def print_summary(summary: Summary, console: Console) -> None:
    """Print the figures of a finished run; fits 80 columns."""
    console.print()
    console.print(summary_table(summary, wide=console.width >= 110))


def summary_table(summary: Summary, *, wide: bool = False) -> RenderableType:
    """Return P&L by part above the facts of the run; ``wide`` says what each part means."""
    currency = next(iter(summary.wallet_change), "XBt")
    coin = major(currency)
    parts = Table(box=box.SIMPLE_HEAD, title=f"{summary.symbol}: P&L by part", title_justify="left")
    parts.add_column("part")
    parts.add_column(coin, justify="right")
    if wide:
        parts.add_column("", style=DIM)
    for name, units in summary.pnl.items():
        part = Part(name)
        meaning = (PART_MEANING[part],) if wide else ()
        parts.add_row(PART_NAME[part], _money(units, currency), *meaning)
    parts.add_section()
    parts.add_row("together", _money(summary.net, currency, bold=True))
    if summary.carried_in:
        parts.add_row("held before the run", _money(summary.carried_in, currency))
    change = summary.wallet_change.get(currency, 0)
    parts.add_row("wallet change", _money(change, currency, bold=True))
    if summary.marked is not None:
        parts.add_row("with open at market", _money(summary.marked, currency, bold=True))
    style = BAD if summary.unexplained else DIM
    parts.add_row("unexplained", Text(money(summary.unexplained, currency), style=style))
    verdict = Text(summary.statement, style=BAD if summary.unexplained else GOOD)
    return Group(parts, verdict, _facts(summary))


def _facts(summary: Summary) -> Table:
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style=DIM)
    facts.add_column(overflow="fold")
    facts.add_row("", "")
    fills = summary.fills
    facts.add_row(
        "fills", f"{fills.buy} bought, {fills.sell} sold, {summary.flips} flips or returns to flat"
    )
    if summary.slippage_bp:
        shown = ", ".join(f"{coins}: {bp:.1f} bp" for coins, bp in summary.slippage_bp.items())
        facts.add_row("spot slippage", f"{shown} (coins at market, mean beside the mid)")
    if summary.settled_price is not None:
        facts.add_row("settled at", f"{summary.settled_price:.8f}")
    facts.add_row("position", _zero(summary.position, f"{summary.position:+,d} contracts"))
    for currency, units in summary.wallet.items():
        shown = f"{money(units, currency, sign=False)} {major(currency)}"
        settles = currency in summary.wallet_change
        facts.add_row(f"wallet {major(currency)}", shown if settles else _zero(units, shown))
    for name, owed in (("loans", summary.loans), ("interest owed", summary.interest_owed)):
        for currency, units in owed.items():
            shown = f"{units / 10 ** minor_decimals(currency):.8f} {currency}"
            facts.add_row(name, _zero(units, shown))
    if summary.audit_ok is not None:
        verdict = Text("every invariant of the exchange holds", style=GOOD)
        facts.add_row("audit", verdict if summary.audit_ok else Text("FAILED", style=f"bold {BAD}"))
    if summary.seed is not None:
        facts.add_row("seed", str(summary.seed))
    if summary.digest:
        facts.add_row("journal digest", summary.digest)
    if summary.wall_s:
        speed = summary.virtual_s / summary.wall_s
        took = f"{summary.virtual_s / 86_400:.2f} days in {summary.wall_s:.1f} s"
        facts.add_row("time", f"{took}, {speed:,.0f}x" if speed > 1.5 else took)
    facts.add_row("report", summary.report)
    return facts


def _money(units: int, currency: str, *, bold: bool = False) -> Text:
    style = DIM if not units else GOOD if units > 0 else BAD
    return Text(money(units, currency), style=f"bold {style}" if bold else style)


def _zero(units: int, shown: str) -> Text:
    return Text("0", style=GOOD) if not units else Text(shown, style="bold yellow")
