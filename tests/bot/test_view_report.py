"""The report: one file that needs no network, with pictures whose figures are the run's."""

import json
import re
from html.parser import HTMLParser

import msgspec
import pytest

from mmbot.books.parts import BooksError
from mmbot.books.running import Books
from mmbot.books.store import Store
from mmbot.types import StatusNote
from mmbot.view.charts import Chart, Thin, nice_ticks, time_ticks
from mmbot.view.report import render, rewrite_report, write_report
from mmbot.view.words import money
from tests.bot.books_made import CONTRACT, INVERSE, LISTING_NS, SPOT, MadeWeek, summed_up

DAY_NS = 86_400 * 10**9


def run(folder, week, *, contract=CONTRACT, spot=SPOT, notes=None):
    store = Store.create(folder / "run.sqlite")
    books = Books(contract, spot, store)
    for each in week.notes() if notes is None else notes:
        books.on_note(each)
    summary = summed_up(books, week, digest="3fa9" * 16, report=str(folder / "report.html"))
    return summary, store


class Page(HTMLParser):
    """Counts tags, keeps words and every address that the page would fetch."""

    VOID = frozenset({"meta", "br", "path", "rect", "polyline", "polygon"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.fetches: list[str] = []
        self.words = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        self.ids += [value for name, value in attrs if name == "id"]
        self.fetches += [value for name, value in attrs if name in ("src", "href", "data")]

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.words += data


@pytest.fixture(scope="module")
def reported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    week = MadeWeek(seed=3)
    summary, store = run(folder, week)
    with store:
        path = write_report(folder, summary, store, CONTRACT, SPOT)
    return summary, path, week


def test_report_is_one_well_formed_file_that_fetches_nothing(reported):
    _, path, _ = reported
    text = path.read_text(encoding="utf-8")

    page = Page(text)

    assert page.open == []
    assert page.fetches == []
    assert not re.search(r"https?://|@import|url\(", text)
    assert path.name == "report.html"
    assert len(text) < 3_000_000


def test_report_has_the_pictures_and_the_figures(reported):
    summary, path, week = reported

    page = Page(path.read_text(encoding="utf-8"))

    assert page.ids == ["price", "close-up", "pnl", "inventory", "terms", "settlement"]
    for units in [*summary.pnl.values(), summary.net]:
        assert money(units, "XBt") in page.words
    assert "The parts sum to the wallet change to the satoshi." in page.words
    assert f"{week.settled:.8f}" in page.words
    assert summary.digest in page.words
    assert "seed 7" in page.words
    assert "every invariant of the exchange holds" in page.words


def test_report_marks_every_fill_and_reads_out_every_series(reported):
    summary, path, week = reported
    text = path.read_text(encoding="utf-8")
    price, *_ = re.findall(r'<figure id="price".*?</figure>', text, re.DOTALL)

    marks = re.findall(r'<path class="mark (buy|sell)" d="M[^"]+"><title>', price)
    read_out = [json.loads(each) for each in re.findall(r'json">(.*?)</script>', text, re.DOTALL)]

    assert marks.count("buy") == summary.fills.buy
    assert marks.count("sell") == summary.fills.sell
    assert len(read_out) == 6
    for chart in read_out:
        assert chart["x"] == sorted(chart["x"])
        assert all(
            len(row["shown"]) == len(chart["x"]) == len(chart["at"]) for row in chart["rows"]
        )
    assert read_out[2]["rows"][0]["shown"][-1] == money(summary.net, "XBt")
    slices = re.findall(r"<tr><td>\d+</td>", text)
    assert len(slices) == sum(bool(each) for each in week.prints)


def test_report_says_by_how_much_the_parts_do_not_add_up(reported, tmp_path):
    summary, _, _ = reported
    wrong = msgspec.structs.replace(
        summary,
        unexplained=-1,
        statement="The parts do NOT add up: -1 XBt unexplained.",
        audit_ok=False,
        marked=12_345_678,
    )
    with Store.create(tmp_path / "run.sqlite") as store:
        page = Page(render(wrong, store, CONTRACT, SPOT))

    assert "do NOT add up: -1 XBt unexplained" in page.words
    assert "-0.00000001" in page.words
    assert "what is open at market" in page.words
    assert "FAILED" in page.words


def test_report_of_a_run_without_a_fill_is_still_a_page(tmp_path):
    week = MadeWeek(seed=3)
    quotes = [each for each in week.notes() if not hasattr(each, "fill")][:100]
    quiet = MadeWeek(seed=3)
    contract = msgspec.structs.replace(CONTRACT, expiry_ns=None)
    summary, store = run(tmp_path, quiet, contract=contract, spot=None, notes=quotes)

    with store:
        bare = msgspec.structs.replace(summary, seed=None, digest="")
        page = Page(render(bare, store, contract, None))

    assert page.ids == ["price", "pnl", "inventory", "terms"]
    assert "not hedged" in page.words


def test_report_of_nothing_at_all_is_still_a_page(tmp_path):
    summary, store = run(tmp_path, MadeWeek(seed=3), notes=[])
    store.close()

    with Store.create(tmp_path / "empty.sqlite") as store:
        page = Page(render(summary, store, INVERSE, None))

    assert page.ids == []


def test_report_escapes_what_others_wrote(tmp_path):
    summary, store = run(tmp_path, MadeWeek(seed=3), notes=[])
    store.add_note(StatusNote(at_ns=1, level="error", text="<script>alert(1)</script>"))
    for number in range(300):
        store.add_note(StatusNote(at_ns=number, level="warning", text="again"))

    with store:
        text = render(summary, store, CONTRACT, SPOT)

    assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in text
    assert "and 101 more" in text


def test_report_that_can_not_be_written_is_an_error(reported, tmp_path):
    summary, _, _ = reported
    (tmp_path / "file").touch()
    with (
        Store.create(tmp_path / "run.sqlite") as store,
        pytest.raises(BooksError, match="can't write the report"),
    ):
        write_report(tmp_path / "file", summary, store, CONTRACT, SPOT)


def test_report_is_written_again_from_the_runs_file_alone(reported):
    _, path, _ = reported
    first = path.read_text(encoding="utf-8")
    path.unlink()

    assert rewrite_report(path.parent) == path

    assert path.read_text(encoding="utf-8") == first


def test_report_of_a_run_that_did_not_end_is_refused(tmp_path):
    with pytest.raises(BooksError, match="there is no run's file"):
        rewrite_report(tmp_path)
    Store.create(tmp_path / "run.sqlite").close()
    with pytest.raises(BooksError, match="did not end"):
        rewrite_report(tmp_path)


# --- axes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("low", "high"), [(0.0, 1.0), (-1e-8, 1e-8), (0.00265, 0.00399), (1e6, 9e6), (-3.0, 0.1)]
)
def test_ticks_are_few_round_and_inside(low, high):
    ticks = nice_ticks(low, high)

    assert 2 <= len(ticks) <= 7
    assert low - 1e-12 <= ticks[0] < ticks[-1] <= high + 1e-12
    assert len(set(ticks)) == len(ticks)


@pytest.mark.parametrize("days", [0.0001, 0.02, 0.3, 1, 7, 30, 400])
def test_time_ticks_are_few_and_inside(days):
    end_ns = LISTING_NS + int(days * DAY_NS)

    ticks = time_ticks(LISTING_NS, end_ns)

    assert len(ticks) <= 9
    assert all(LISTING_NS <= at_ns <= end_ns for at_ns, _ in ticks)


def test_chart_places_low_at_the_bottom_and_the_end_at_the_right():
    chart = Chart(0, 100, 0.0, 10.0)

    assert chart.x(0) < chart.x(100) <= 1000
    assert chart.y(0.0) > chart.y(10.0) > 0


def test_a_gap_in_a_quote_is_a_gap_in_its_band():
    chart = Chart(0, 100, 0.0, 10.0)

    chart.band([0, 10, 20, 30, 40], [1, 1, None, 1, 1], [2, 2, 2, 2, 2], "quotes")

    assert chart.svg("gap").count("<polygon") == 2


def test_flat_and_endless_values_do_not_break_the_axes():
    for low, high in ((5.0, 5.0), (0.0, 0.0), (float("inf"), float("-inf"))):
        assert "NaN" not in Chart(7, 7, low, high).svg("flat").replace("nan", "NaN")


def test_thinning_keeps_about_as_many_as_asked_for():
    thin = Thin(0, 10**6, 100)

    assert 100 <= sum(thin.starts_new(at) for at in range(0, 10**6, 10)) <= 101
