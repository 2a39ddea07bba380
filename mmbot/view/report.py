"""The report of a run: one HTML file with its pictures inside, which needs no network.

What the app calls, when the wallet was read and the books are closed::

    path = write_report(run_dir, summary, store, contract, spot)    # run_dir/report.html
    path = rewrite_report(run_dir)                                  # again, from the run's file

The page follows the reader's light or dark setting and prints well; its figures come from the
run's file (``mmbot.books.store``), its totals from the summary.
"""

from html import escape
from importlib.resources import files
from pathlib import Path

import msgspec

from mmbot.books.parts import PART_MEANING, BooksError, Part
from mmbot.books.store import RUN_FILE, Store, fraction_in
from mmbot.books.summary import Summary
from mmbot.books.worth import minor_decimals
from mmbot.types import FillNote, Instrument, Side
from mmbot.view.pictures import Figure, RunPictures
from mmbot.view.words import PART_NAME, clock, coins, major, money, span

STATUSES_AT_MOST = 200
KEYS = {
    "line": '<path class="line {css}" d="M0 6H18"/>',
    "box": '<rect class="{css}" width="18" height="12" rx="2"/>',
    "up": '<path class="mark {css}" d="M9 1l6 10h-12z"/>',
    "down": '<path class="mark {css}" d="M9 11l6 -10h-12z"/>',
}


def write_report(
    folder: Path, summary: Summary, store: Store, contract: Instrument, spot: Instrument | None
) -> Path:
    """Write ``report.html`` into ``folder`` and return its path.

    Raises:
        BooksError: the file can't be written, or the run's file not read.
    """
    page = render(summary, store, contract, spot)
    path = folder / "report.html"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise BooksError(f"can't write the report {path}: {error.strerror}") from error
    return path


def rewrite_report(folder: Path) -> Path:
    """Write the report of an earlier run again, from its file alone, and return its path.

    Raises:
        BooksError: there is no run's file in ``folder``, or its run did not end.
    """
    with Store.open(folder / RUN_FILE) as store:
        facts = store.facts()
        missing = {"summary", "contract", "spot"} - facts.keys()
        if missing:
            raise BooksError(f"the run in {folder} did not end: no {', '.join(sorted(missing))}")
        summary = msgspec.convert(facts["summary"], Summary)
        contract = msgspec.convert(facts["contract"], Instrument, dec_hook=fraction_in)
        spot = msgspec.convert(facts["spot"], Instrument | None, dec_hook=fraction_in)
        return write_report(folder, summary, store, contract, spot)


def render(summary: Summary, store: Store, contract: Instrument, spot: Instrument | None) -> str:
    """Return the whole page."""
    pictures = RunPictures(store, summary, contract, spot)
    began, ended = pictures.start_ns, pictures.end_ns
    title = f"{summary.symbol}: {_span_words(began, ended)}"
    body = "\n".join(
        [
            _header(summary, contract, spot, began, ended),
            _cards(summary, contract),
            _verdict(summary),
            _parts(summary),
            *(_figure(figure) for figure in pictures.figures()),
            _slices(pictures.slices, contract),
            _facts(summary),
            _statuses(store),
        ]
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{_asset('report.css')}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n"
        "<footer>Times are UTC. One satoshi is 0.00000001 XBT.</footer>\n"
        f"</main>\n<script>\n{_asset('report.js')}</script>\n</body>\n</html>\n"
    )


def _asset(name: str) -> str:
    return files("mmbot.view").joinpath(name).read_text(encoding="utf-8")


def _span_words(began_ns: int, ended_ns: int) -> str:
    day = "%a %d %b %Y %H:%M"
    return f"{clock(began_ns, day)} to {clock(ended_ns, day)}"


def _header(
    summary: Summary, contract: Instrument, spot: Instrument | None, began: int, ended: int
) -> str:
    hedge = f", hedged on {spot.symbol}" if spot else ", not hedged"
    seed = f", seed {summary.seed}" if summary.seed is not None else ""
    words = f"{_span_words(began, ended)} UTC ({span(ended - began)}){hedge}{seed}"
    return (
        f"<header><h1>One market maker, one contract: {escape(contract.symbol)}</h1>"
        f"<p>{escape(words)}</p></header>"
    )


def _tone(units: int) -> str:
    return "good" if units > 0 else "bad" if units < 0 else "none"


def _cards(summary: Summary, contract: Instrument) -> str:
    currency = contract.settl_currency
    fills = summary.fills
    wallet = summary.wallet.get(currency, 0) - summary.wallet_change.get(currency, 0)
    earned = summary.net if summary.marked is None else summary.marked
    share = f"{earned / wallet:+.2%} of the wallet" if wallet else ""
    if summary.marked is not None:
        share += ", what is open at market"
    cards = [
        ("earned", f"{money(earned, currency)}", f"{major(currency)}, {share}", earned),
        ("fills", f"{fills.buy + fills.sell:,}", f"{fills.buy} bought, {fills.sell} sold", None),
        ("inventory turned", f"{summary.flips}", "flips or returns to flat", None),
    ]
    if summary.settled_price is not None:
        cards.append(("settled at", f"{summary.settled_price:.8f}", "mean of 30 prints", None))
    cards.append(
        (
            "unexplained",
            "0" if not summary.unexplained else money(summary.unexplained, currency),
            "every satoshi has a part" if not summary.unexplained else "of the wallet change",
            -abs(summary.unexplained) or 1,
        )
    )
    return '<div class="cards">{}</div>'.format(
        "".join(
            f'<div class="card"><span>{escape(name)}</span>'
            f'<b class="{"" if tone is None else _tone(tone)}">{escape(figure)}</b>'
            f"<small>{escape(note.strip(', '))}</small></div>"
            for name, figure, note, tone in cards
        )
    )


def _verdict(summary: Summary) -> str:
    css = "verdict wrong" if summary.unexplained or "NOT" in summary.statement else "verdict"
    return f'<p class="{css}">{escape(summary.statement)}</p>'


def _parts(summary: Summary) -> str:
    currency = next(iter(summary.wallet_change), "XBt")
    units = list(summary.pnl.values())
    low, high = min(0, *units, 0), max(0, *units, 1)
    rows = []
    for name, earned in summary.pnl.items():
        part = Part(name)
        rows.append(
            f"<tr><td>{PART_NAME[part]}</td>"
            f'<td class="n {_tone(earned)}">{money(earned, currency)}</td>'
            f"<td>{_bar(earned, low, high)}</td>"
            f'<td class="means">{escape(PART_MEANING[part])}</td></tr>'
        )
    change = summary.wallet_change.get(currency, 0)
    sums = [("together", summary.net), ("wallet change", change)]
    if summary.carried_in:
        sums.insert(1, ("held before the run", summary.carried_in))
    if summary.marked is not None:
        sums.append(("with what is open at market", summary.marked))
    for name, amount in sums:
        rows.append(
            f'<tr class="sum"><td>{name}</td><td class="n">{money(amount, currency)}</td>'
            '<td></td><td class="means"></td></tr>'
        )
    return (
        "<section><h2>Where it was earned</h2>"
        "<p>Every posting of the wallet is shared out among seven parts in exact fractions; they "
        "are rounded once, together.</p>"
        f'<table><thead><tr><th>part</th><th class="n">{major(currency)}</th>'
        '<th></th><th class="means">what it is</th></tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></section>"
    )


def _bar(units: int, low: int, high: int) -> str:
    whole = high - low
    left, wide = (min(units, 0) - low) / whole, abs(units) / whole
    return (
        f'<span class="bar" style="--zero:{-low / whole:.2%};--from:{left:.2%};--wide:{wide:.2%}">'
        f'<i class="{"up" if units > 0 else "down"}"></i></span>'
    )


def _figure(figure: Figure) -> str:
    legend = "".join(
        f'<li><svg viewBox="0 0 18 12" aria-hidden="true">{KEYS[kind].format(css=css)}</svg>'
        f"{escape(name)}</li>"
        for css, name, kind in figure.legend
    )
    return (
        f'<figure id="{figure.key}" data-points><h2>{escape(figure.title)}</h2>'
        f"<p>{escape(figure.caption)}</p>"
        f'<ul class="legend">{legend}</ul>{figure.chart.svg(figure.title)}'
        f'<div class="tip"></div><script type="application/json">{figure.chart.data()}</script>'
        "</figure>"
    )


def _slices(slices: list[FillNote], contract: Instrument) -> str:
    if not slices:
        return ""
    coin, currency = contract.underlying, contract.settl_currency
    scale = 10 ** (minor_decimals(currency) - minor_decimals(coin))
    rows, total = [], 0.0
    for note in slices:
        fill = note.fill
        aim = note.sample if note.sample is not None else note.decided_mid
        slip = (fill.side or 0) * fill.qty * aim * scale - fill.exec_cost
        total += slip
        side = "bought" if fill.side == Side.BUY else "sold"
        rows.append(
            f"<tr><td>{note.slice_no}</td><td>{clock(note.at_ns, '%H:%M:%S')}</td>"
            f'<td>{side}</td><td class="n">{coins(fill.qty, coin, sign=False)}</td>'
            f'<td class="n">{aim:.8f}</td><td class="n">{fill.price:.8f}</td>'
            f'<td class="n {_tone(round(slip))}">{money(slip, currency)}</td></tr>'
        )
    return (
        "<section><details><summary>Slices, one by one: "
        f"{len(slices)} executions, {money(total, currency)} {major(currency)} against their "
        'prints</summary><div class="scroll"><table><thead><tr><th>slice</th><th>time</th><th></th>'
        f'<th class="n">{coin}</th><th class="n">print</th><th class="n">our price</th>'
        f'<th class="n">against the print, {major(currency)}</th></tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div></details></section>"
    )


def _facts(summary: Summary) -> str:
    facts = [("symbol", summary.symbol)]
    if summary.seed is not None:
        facts.append(("seed", str(summary.seed)))
    if summary.settled_price is not None:
        facts.append(("settled price", f"{summary.settled_price:.8f}"))
    facts.append(("position left", f"{summary.position:,} contracts"))
    facts += [
        (f"wallet {major(currency)}", money(units, currency, sign=False))
        for currency, units in summary.wallet.items()
    ]
    facts += [
        (f"{name} {currency}", money(units, currency, sign=False))
        for name, owed in (("loans", summary.loans), ("interest owed", summary.interest_owed))
        for currency, units in owed.items()
    ]
    if summary.audit_ok is not None:
        verdict = "every invariant of the exchange holds" if summary.audit_ok else "FAILED"
        facts.append(("audit", verdict))
    facts.append(("hedges", f"{summary.hedges:,} executions on spot"))
    if summary.wall_s:
        facts.append(("run", f"{summary.virtual_s:,.0f} s of market in {summary.wall_s:.1f} s"))
    rows = "".join(f"<dt>{escape(key)}</dt><dd>{escape(value)}</dd>" for key, value in facts)
    if summary.digest:
        rows += f"<dt>journal digest</dt><dd><code>{escape(summary.digest)}</code></dd>"
    return f"<section><h2>The run</h2><dl>{rows}</dl></section>"


def _statuses(store: Store) -> str:
    said = [note for note in store.statuses() if note.level != "info"]
    if not said:
        return ""
    rows = "".join(
        f"<tr><td>{clock(note.at_ns, '%a %d %b %H:%M:%S')}</td><td>{escape(note.level)}</td>"
        f"<td>{escape(note.text)}</td></tr>"
        for note in said[:STATUSES_AT_MOST]
    )
    more = len(said) - STATUSES_AT_MOST
    tail = f"<p>and {more:,} more in the run's file</p>" if more > 0 else ""
    return (
        f"<section><details><summary>Warnings: {len(said):,}</summary>"
        f"<table><tbody>{rows}</tbody></table>{tail}</details></section>"
    )
