"""The run's file, the recording, the running books and the summary."""

import json

import msgspec
import pytest

from mmbot.books.parts import BooksError, Opening, Part
from mmbot.books.pnl import attribute
from mmbot.books.recorder import Recorder, replay
from mmbot.books.running import Books
from mmbot.books.store import Store
from mmbot.books.wallet_rows import InterestPaid, WalletRow
from mmbot.types import (
    Answered,
    BookSeen,
    Connected,
    FillNote,
    FillRole,
    InstrumentSeen,
    OrderSeen,
    OrdStatus,
    PriceSeen,
    QuoteNote,
    Side,
    StatusNote,
    Tick,
)
from tests.bot.books_made import (
    CONTRACT,
    LISTING_NS,
    ROWS,
    SPOT,
    MadeWeek,
    fill,
    note,
    summary_of,
    summed_up,
)
from tests.bot.instruments import WEEK_NS


def test_what_is_kept_is_read_back_the_same(tmp_path):
    notes = list(MadeWeek(seed=2, step_s=600).notes())
    rows = [
        WalletRow(at_ns=5, currency="ETC", kind="Interest", amount=-3, fee=1, text="loan"),
        WalletRow(at_ns=6, currency="XBt", kind="Deposit", amount=3, balance=9),
    ]

    with Store.create(tmp_path / "run" / "run.sqlite", quote_every_ns=0) as store:
        store.set_facts(seed=7, symbol="ETC7D", pnl={"spread": 1})
        store.set_facts(seed=8)
        for each in notes:
            store.add_note(each)
        store.add_wallet_rows(rows)

    with Store.open(tmp_path / "run" / "run.sqlite") as store:
        assert store.facts() == {"seed": 8, "symbol": "ETC7D", "pnl": {"spread": 1}}
        assert list(store.quotes()) == [each for each in notes if isinstance(each, QuoteNote)]
        assert list(store.fills()) == [each for each in notes if isinstance(each, FillNote)]
        assert list(store.statuses()) == [each for each in notes if isinstance(each, StatusNote)]
        assert list(store.wallet_rows()) == rows
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["run.sqlite"]


def test_quotes_are_thinned_and_fills_are_not(tmp_path):
    quote = next(each for each in MadeWeek().notes() if isinstance(each, QuoteNote))
    with Store.create(tmp_path / "run.sqlite", quote_every_ns=30) as store:
        for at_ns in range(0, 100, 10):
            store.add_note(msgspec.structs.replace(quote, at_ns=at_ns))
            store.add_note(note(fill("ETC7D", Side.BUY, 1, 0.02)))

        assert [each.at_ns for each in store.quotes()] == [0, 30, 60, 90]
        assert len(list(store.fills())) == 10


def test_a_new_run_replaces_the_old_file(tmp_path):
    for seed in (1, 2):
        with Store.create(tmp_path / "run.sqlite") as store:
            store.add_note(StatusNote(at_ns=seed, level="info", text="hello"))

    with Store.open(tmp_path / "run.sqlite") as store:
        assert [each.at_ns for each in store.statuses()] == [2]


def test_a_file_that_is_not_a_run_is_refused_by_name(tmp_path):
    (tmp_path / "text").write_text("not a database, but long enough to be looked at as one" * 9)
    (tmp_path / "empty").touch()

    for name, words in (("none", "there is no"), ("text", "can't read"), ("empty", "format 0")):
        with pytest.raises(BooksError, match=words):
            Store.open(tmp_path / name)


def test_a_folder_that_can_not_be_written_is_an_error(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(BooksError, match="can't write the run's file"):
        Store.create(tmp_path / "file" / "run.sqlite")


def test_writing_to_a_closed_file_is_an_error(tmp_path):
    store = Store.create(tmp_path / "run.sqlite")
    store.close()
    store.close()

    with pytest.raises(BooksError, match="the run's file"):
        store.set_facts(seed=1)


# --- the recording ------------------------------------------------------------------------------


def events():
    order = OrderSeen(
        at_ns=3, order_id="o", cl_ord_id="c", symbol="ETC7D", status=OrdStatus.NEW, side=Side.SELL
    )
    return [
        Connected(at_ns=1, venue="main"),
        InstrumentSeen(at_ns=2, instrument=CONTRACT),
        BookSeen(at_ns=2, symbol="ETC7D", snapshot=True, levels=((Side.BUY, 19900, 300),)),
        order,
        Answered(at_ns=3, action_id=1, orders=(order,)),
        fill("ETC7D", Side.BUY, 30, 0.0199),
        PriceSeen(at_ns=4, symbol=".ETCXBT", last=0.02),
        *(Tick(at_ns=at_ns) for at_ns in range(5, 2500)),
    ]


def recorded(path):
    recorder = Recorder(path)
    for event in events():
        recorder.record(event)
    recorder.close()
    recorder.close()
    return path


def test_a_recording_is_replayed_event_by_event(tmp_path):
    path = recorded(tmp_path / "events.mmr")

    assert list(replay(path)) == events()
    assert InstrumentSeen(at_ns=2, instrument=CONTRACT) in replay(path)


def test_a_recording_that_a_crash_cut_off_is_whole_up_to_there(tmp_path):
    path = recorded(tmp_path / "events.mmr")

    path.write_bytes(path.read_bytes()[:-1])

    assert list(replay(path)) == events()[:2000]


def test_a_damaged_recording_is_refused(tmp_path):
    path = recorded(tmp_path / "events.mmr")
    content = bytearray(path.read_bytes())
    content[20] ^= 1
    path.write_bytes(content)

    with pytest.raises(BooksError, match="byte 8 is damaged"):
        list(replay(path))
    with pytest.raises(BooksError, match="can't read the recording"):
        list(replay(tmp_path / "none"))


# --- the running books --------------------------------------------------------------------------


@pytest.mark.parametrize("kept", [True, False])
def test_running_books_end_where_the_exact_ones_do(tmp_path, kept):
    week = MadeWeek(seed=4)
    store = Store.create(tmp_path / "run.sqlite") if kept else None
    books = Books(CONTRACT, SPOT, store)
    fills = []
    for each in week.notes():
        books.on_note(each)
        if isinstance(each, FillNote):
            fills.append(each)
    estimate = books.estimate()

    result = books.close(
        wallet_change=week.wallet, interest=week.interest, at_ns=LISTING_NS + WEEK_NS
    )

    assert result.check() == []
    assert result.parts == (
        attribute(
            fills, ROWS, wallet_change=week.wallet, interest=week.interest, prints=week.prints
        ).parts
    )
    assert books.prints == tuple(week.prints)
    assert (books.position, books.settled_price) == (0, week.settled)
    for part in (Part.SPREAD, Part.FEES, Part.BASIS, Part.SETTLEMENT_SLIPPAGE):
        # Of the settled price, the estimate knows no odd unit: half a satoshi a contract at most.
        odd = 1500 if part is Part.SETTLEMENT_SLIPPAGE else 2
        assert estimate[part] == pytest.approx(result.parts[part], abs=odd)
    total = sum(estimate.values())
    assert total == pytest.approx(week.wallet, rel=1e-3)
    if store is not None:
        *_, last = store.equity()
        assert last.parts == {part: float(units) for part, units in result.parts.items()}
        assert store.facts()["unexplained"] == 0
        store.close()


def test_flips_are_changes_of_sign_and_returns_to_flat():
    books = Books(CONTRACT, SPOT)
    for side, qty in (
        (Side.BUY, 100),  # opens: none
        (Side.BUY, 50),
        (Side.SELL, 200),  # +150 to -50: one
        (Side.BUY, 50),  # to flat: two
        (Side.SELL, 10),  # from flat: still two
        (Side.SELL, 10),
        (Side.BUY, 20),  # to flat: three
    ):
        books.on_note(note(fill("ETC7D", side, qty, 0.02)))

    assert (books.flips, books.fills_buy, books.fills_sell) == (3, 4, 3)


def test_estimate_marks_what_is_open():
    # Short 300 at 0.0201 over fair 0.02, hedged at 0.0200: 3,000,000, wherever spot goes.
    books = Books(CONTRACT, SPOT)
    books.on_note(note(fill("ETC7D", Side.SELL, 300, 0.0201)))
    books.on_note(note(fill("ETC_XBT", Side.BUY, 300 * 10**8, 0.02), FillRole.HEDGE))
    quote = next(each for each in MadeWeek().notes() if isinstance(each, QuoteNote))

    books.on_note(
        msgspec.structs.replace(
            quote,
            at_ns=LISTING_NS + 10**10,
            spot=0.03,
            terms={"basis": -0.01},
            spot_position=300 * 10**8 - 10**7,
        )
    )

    estimate = books.estimate()
    assert estimate[Part.SPREAD] == pytest.approx(3_000_000)
    assert estimate[Part.INVENTORY] == pytest.approx(0, abs=1e-3)
    assert estimate[Part.BASIS] == pytest.approx(300 * 0.03 * 0.01 * 10**8)
    assert estimate[Part.INTEREST] == pytest.approx(-0.1 * 0.03 * 10**8)


def test_what_is_left_open_is_valued_at_the_market(tmp_path):
    # Short 300 from 0.0201, hedged at 0.02, and then stopped: the wallet paid for the coins.
    with Store.create(tmp_path / "run.sqlite") as store:
        books = Books(CONTRACT, SPOT, store)
        books.on_note(note(fill("ETC7D", Side.SELL, 300, 0.0201)))
        books.on_note(note(fill("ETC_XBT", Side.BUY, 300 * 10**8, 0.02), FillRole.HEDGE))
        result = books.close(wallet_change=-600_000_000, at_ns=LISTING_NS + 1)
        *_, last = store.equity()

        summary = summary_of(books, result)

    assert result.check() == []
    assert (result.position, result.spot_position) == (-300, 300 * 10**8)
    assert (summary.net, summary.marked) == (-600_000_000, 3_000_000)
    assert sum(last.parts.values()) == pytest.approx(3_000_000)


def test_a_run_goes_on_from_what_an_earlier_one_left():
    # Short 300 from 0.0201, hedged; the interest of the earlier run is not paid for twice.
    opening = Opening(position=-300, cost=-603_000_000, coins=300 * 10**8)
    books = Books(CONTRACT, SPOT, opening=opening)
    old = InterestPaid(at_ns=LISTING_NS - 10**9, units=5)

    books.on_note(note(fill("ETC7D", Side.BUY, 300, 0.0199)))
    books.on_note(note(fill("ETC_XBT", Side.SELL, 300 * 10**8, 0.02), FillRole.HEDGE))
    result = books.close(wallet_change=6_000_000 + 600_000_000, interest=[old])

    assert result.check() == []
    assert (books.position, books.flips) == (0, 1)
    assert result.parts[Part.SPREAD] == 3_000_000
    assert (result.carried_in, sum(result.parts.values())) == (603_000_000, 3_000_000)
    assert (result.position, result.spot_position) == (0, 0)


def test_the_summary_prints_the_line_of_the_design():
    week = MadeWeek(seed=4)
    books = Books(CONTRACT, SPOT)
    for each in week.notes():
        books.on_note(each)

    summary = summed_up(books, week)

    line = json.loads(summary.json_line())
    assert line["event"] == "demo"
    assert line["fills"] == {"buy": books.fills_buy, "sell": books.fills_sell}
    assert sum(line["pnl"].values()) == line["wallet_change"]["XBt"] == summary.net
    assert set(line) >= {
        "event", "seed", "symbol", "digest", "settled_price", "fills", "flips", "position",
        "wallet", "loans", "interest_owed", "pnl", "wallet_change", "unexplained", "audit_ok",
        "report", "virtual_s", "wall_s",
    }  # fmt: skip
    assert list(line["pnl"]) == [
        "spread", "inventory", "basis", "hedge_slippage", "interest", "fees", "settlement_slippage",
    ]  # fmt: skip
