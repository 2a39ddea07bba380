"""Candle files: what is refused, with line and reason; what is carried; what is shipped."""

import pytest

from sim_exchange.core.types import DAY_NS, MINUTE_NS
from sim_exchange.errors import CandleError, SettingsError
from sim_exchange.market import candles
from sim_exchange.market.candles import BAR_NS, WEEK_NS, friday_noon, load

FRIDAY_NS = 1_515_758_400 * 10**9  # 2018-01-12T12:00:00Z
HEADER = "timestamp,open,high,low,close,volume"


def stamp(at_ns):
    return candles._iso(at_ns).replace("Z", ".000Z")


def row(number, ohlc="0.002,0.0021,0.0019,0.00205", volume="10"):
    return f"{stamp(FRIDAY_NS + number * BAR_NS)},{ohlc},{volume}"


def write(tmp_path, rows, name="ETC_XBT-5m.csv", header=HEADER):
    path = tmp_path / name
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


WEEK = [row(k) for k in range(2016)]


def test_a_clean_week_is_read_whole(tmp_path):
    read = load(write(tmp_path, WEEK))

    assert read.coin == "ETC"
    assert len(read.bars) == 2016
    assert (read.listing_ns, read.end_ns, read.weeks) == (FRIDAY_NS, FRIDAY_NS + WEEK_NS, 1)
    bar = read.bars[0]
    assert (bar.open, bar.high, bar.low, bar.close) == (
        2_000_000_000,
        2_100_000_000,
        1_900_000_000,
        2_050_000_000,
    )
    assert read.gaps == ()


REFUSED = [
    ([row(0), row(2), row(1)], 4, "out of order"),
    ([row(0), row(0)], 3, "duplicate"),
    ([row(0, "0,0.0021,0.0019,0.002")], 2, "open 0 is not positive"),
    ([row(0, "0.002,0.0021,-0.0019,0.002")], 2, "low -0.0019 is not positive"),
    ([row(0), row(1, "0.002,0.0019,0.0018,0.0019")], 3, "inconsistent"),
    ([row(0, "0.002,0.0021,0.00201,0.0021")], 2, "inconsistent"),
    ([row(0, "0.002,0.0018,0.0019,0.0018")], 2, "inconsistent"),
    ([row(0, "abc,0.0021,0.0019,0.002")], 2, "open 'abc' is not a number"),
    ([row(0, "NaN,0.0021,0.0019,0.002")], 2, "not a finite number"),
    ([row(0, "0.002,Infinity,0.0019,0.002")], 2, "not a finite number"),
    ([row(0, "0.002,0.0021,0.0019,0.0020000000001")], 2, "more than 12 decimals"),
    ([row(0, "2000,2000,2000,2000")], 2, "not believable"),
    ([row(0, volume="-1")], 2, "volume -1 is negative"),
    ([row(0, volume="x")], 2, "volume 'x' is not a number"),
    ([row(0), "2018-01-12T12:05:00.000Z,0.002,0.002"], 3, "3 fields instead of 6"),
    ([row(0), "", row(1)], 3, "0 fields instead of 6"),
    (["yesterday,0.002,0.0021,0.0019,0.002,1"], 2, "not an ISO 8601 time"),
    (["2018-01-12T12:00:00,0.002,0.0021,0.0019,0.002,1"], 2, "no zone"),
    (["2018-01-12T12:01:00Z,0.002,0.0021,0.0019,0.002,1"], 2, "not the start of a five-minute"),
    ([row(0), row(290)], 3, "a hole of 24.1 hours"),
    (['2018-01-12T12:00:00Z,"0.002'], 2, "unexpected end of data"),
    ([], 2, "no rows"),
    (WEEK[:-1], 2016, "fewer than 7 days"),
]


@pytest.mark.parametrize(("rows", "line", "words"), REFUSED, ids=[words for *_, words in REFUSED])
def test_a_bad_row_is_refused_with_its_line_and_reason(tmp_path, rows, line, words):
    path = write(tmp_path, rows)

    with pytest.raises(CandleError) as error:
        load(path)

    assert error.value.line == line
    assert words in error.value.reason
    assert str(error.value) == f"{path}, line {line}: {error.value.reason}"


@pytest.mark.parametrize("header", ["time,open,high,low,close,volume", "", HEADER + ",x"])
def test_a_wrong_header_is_line_1(tmp_path, header):
    with pytest.raises(CandleError, match="line 1: the header must be timestamp,open"):
        load(write(tmp_path, WEEK, header=header))


@pytest.mark.parametrize(
    "name", ["etc_XBT-5m.csv", "ETC-5m.csv", "ETC_XBT-1m.csv", "E_XBT-5m.csv", "XBT_XBT-5m.csv"]
)
def test_a_name_that_gives_no_coin_is_refused(tmp_path, name):
    with pytest.raises(SettingsError, match="COIN_XBT-5m"):
        load(write(tmp_path, WEEK, name=name))


def test_a_missing_file_and_a_binary_file_are_refused(tmp_path):
    with pytest.raises(SettingsError, match="No such file"):
        load(tmp_path / "ETC_XBT-5m.csv")
    (tmp_path / "ETC_XBT-5m.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CandleError, match="line 1: not a text file"):
        load(tmp_path / "ETC_XBT-5m.csv")


def test_missing_bars_carry_the_price_and_are_told(tmp_path):
    read = load(write(tmp_path, WEEK[:10] + WEEK[13:]))

    assert len(read.bars) == 2016
    assert [bar.open for bar in read.bars[10:13]] == [2_050_000_000] * 3
    assert {bar.high for bar in read.bars[10:13]} == {2_050_000_000}
    (gap,) = read.gaps
    assert (gap.start_ns, gap.missing, gap.line) == (FRIDAY_NS + 10 * BAR_NS, 3, 12)
    (sentence,) = candles.warnings(read)
    assert "line 12: 3 bars missing from 2018-01-12T12:50:00Z on" in sentence


def test_a_hole_of_24_hours_is_carried_and_one_bar_more_is_refused(tmp_path):
    at_most = WEEK[:10] + WEEK[10 + 288 :]
    assert load(write(tmp_path, at_most)).gaps[0].missing == 288
    with pytest.raises(CandleError, match="line 12: a hole of 24"):
        load(write(tmp_path, WEEK[:10] + WEEK[10 + 289 :]))


def test_scientific_notation_and_a_byte_order_mark_are_read(tmp_path):
    path = write(tmp_path, [row(0, "2e-3,2.1e-3,1.9e-3,2e-3"), *WEEK[1:]], header="\ufeff" + HEADER)
    assert load(path).bars[0].high == 2_100_000_000


@pytest.mark.parametrize(
    ("coin", "rows", "missing", "listing_price"),
    [
        ("ETC", 5759, 0, 2_436_490_000),
        ("ETH", 5760, 0, 87_310_030_000),
        ("LTC", 5760, 0, 17_074_700_000),
        ("ADA", 5760, 40, 52_890_000),
    ],
)
def test_the_shipped_files_hold_from_2018_01_12_on(coin, rows, missing, listing_price):
    read = load(candles.DATA / f"{coin}_XBT-5m.csv")

    assert read.coin == coin
    assert len(read.bars) == rows
    assert sum(gap.missing for gap in read.gaps) == missing
    assert (read.listing_ns, read.weeks) == (FRIDAY_NS, 2)
    first = next(bar for bar in read.bars if bar.start_ns == FRIDAY_NS)
    assert first.open == listing_price


@pytest.mark.parametrize("offset", [0, 1, MINUTE_NS, 3 * DAY_NS, WEEK_NS - 1])
def test_friday_noon_is_the_first_at_or_after(offset):
    expected = FRIDAY_NS + (WEEK_NS if offset else 0)
    assert friday_noon(FRIDAY_NS + offset) == expected
