"""Small parts of the wire: ids, times, numbers, signatures, limits (protocol.md 1, E19)."""

from decimal import Decimal

import pytest

from sim_exchange.errors import AuthenticationError, BadRequestError, RateLimitError
from sim_exchange.wire.auth import Signer, check_expires
from sim_exchange.wire.ids import ZERO_ID, IdKind, from_uuid, to_uuid
from sim_exchange.wire.numbers import pico_number, scaled_number, to_integer, to_ticks
from sim_exchange.wire.parse import flag_of, list_of, merge
from sim_exchange.wire.ratelimit import (
    ConnectionQuota,
    Limiter,
    LimitRule,
    TokenBucket,
    bulk_cost,
    parse_limits,
)
from sim_exchange.wire.times import parse_time, to_interval, to_iso

SECOND = 10**9
SECRET = "chNOOS4KvNXR_Xq4k4c9qsfoKWvnDecLATCRlcBwyKDYnWgO"

VECTORS = [
    (
        "GET/api/v1/instrument1518064236",
        "c7682d435d0cfe87c16098df34ef2eb5a549d4c5a3c2b1f0f77b8af73423bf00",
    ),
    (
        "GET/api/v1/instrument?filter=%7B%22symbol%22%3A+%22XBTM15%22%7D1518064237",
        "e2f422547eecb5b3cb29ade2127e21b858b235b386bfa45e1c1756eb3383919f",
    ),
    (
        (
            'POST/api/v1/order1518064238{"symbol":"XBTM15","price":219.0,'
            '"clOrdID":"mm_bitmex_1a/oemUeQ4CAJZgP3fjHsA","orderQty":98}'
        ),
        "1749cd2ccae4aa49048ae09f0b95110cee706e0944e6a14ad0b3a8cb45bd336b",
    ),
    (
        "GET/realtime1518064236",
        "6d459dc02866d35a2b965edeecc68063d488e296b77982235fc6eca24b934945",
    ),
]


@pytest.mark.parametrize(("message", "signature"), VECTORS)
def test_8_1_signature_vectors(message: str, signature: str) -> None:
    signer = Signer(SECRET)

    assert signer.sign(message.encode()) == signature
    assert signer.matches(message.encode(), signature)
    assert not signer.matches(message.encode(), signature[1:] + signature[:1])
    assert not signer.matches(message.encode(), "ü")


def test_1_5_expires_has_no_upper_bound_and_may_be_a_float_text() -> None:
    now = 1518064236 * SECOND
    for text in ("1518064236", "1518064236.5", "1518064236000", "9999999999999"):
        check_expires(text, now)
    for text in ("1518064235", "", "x", "nan"):
        with pytest.raises(AuthenticationError, match="Current time: 1518064236"):
            check_expires(text, now)


@pytest.mark.parametrize("number", [1, 255, 10**9, (1 << 48) - 1])
def test_ids_are_pure_and_reversible(number: int) -> None:
    text = to_uuid(IdKind.ORDER, number)

    assert text == text.lower()
    assert len(text) == 36
    assert from_uuid(IdKind.ORDER, text.upper()) == number
    assert from_uuid(IdKind.EXECUTION, text) == 0


@pytest.mark.parametrize("text", ["", "x", ZERO_ID, "00000001-0000-4000-8000-00000000000g"])
def test_text_that_is_no_id_names_nothing(text: str) -> None:
    assert from_uuid(IdKind.ORDER, text) == 0


def test_1_4_times_have_three_decimals_and_read_back() -> None:
    assert to_iso(1491343666035 * 10**6) == "2017-04-04T22:07:46.035Z"
    assert to_iso(1491343666035999999) == "2017-04-04T22:07:46.035Z"
    assert to_interval(60 * SECOND) == "2000-01-01T00:01:00.000Z"


@pytest.mark.parametrize(
    "value",
    [
        "2020-01-01T00:00:00.000Z",
        "2020-01-01T00:00:00+00:00",
        "2020-01-01T00:00:00 00:00",
        "2020-01-01T00:00:00",
        "2020-01-01",
        "2020-01-01T01:00:00+01:00",
        1577836800000,
        "1577836800000",
    ],
)
def test_1_2_any_iso_form_and_integer_ms_are_taken(value: object) -> None:
    assert parse_time(value) == 1577836800 * SECOND


@pytest.mark.parametrize("value", ["", "yesterday", "2020-13-01", True, None, 10**30, float("inf")])
def test_what_is_no_time_is_refused(value: object) -> None:
    with pytest.raises((ValueError, OverflowError)):
        parse_time(value)


def test_1_4_numbers_are_exact_and_whole_ones_have_no_point() -> None:
    assert repr(pico_number(2_655_010_000)) == "0.00265501"
    assert repr(pico_number(10_000)) == "1e-08"
    assert repr(pico_number(5 * 10**12)) == "5"
    assert repr(scaled_number(3218489, 2)) == "32184.89"
    for ticks in range(1, 2_000, 7):
        assert Decimal(repr(pico_number(ticks * 10_000))) == Decimal(ticks) / 10**8


@pytest.mark.parametrize(
    ("value", "tick", "ticks"),
    [
        (30000.499999999996, 5 * 10**11, 60001),
        ("30000.5", 5 * 10**11, 60001),
        (0.00265501, 10_000, 265501),
        (1_000_000, 10_000, 10**14),
        (999_999.99999999, 10_000, 10**14 - 1),
        (-0.5, 5 * 10**11, -1),
    ],
)
def test_0_1_10_prices_snap_within_a_millionth_of_a_tick(
    value: object, tick: int, ticks: int
) -> None:
    assert to_ticks(value, tick) == ticks


@pytest.mark.parametrize("value", [30000.49, "30000.500001", 0.25])
def test_0_1_10_prices_off_the_grid_are_refused(value: object) -> None:
    with pytest.raises(BadRequestError, match="Invalid price tickSize"):
        to_ticks(value, 5 * 10**11)


@pytest.mark.parametrize("value", ["nan", "inf", "", "1e400", True, None, [], {}, "1e30"])
def test_what_is_no_price_is_refused(value: object) -> None:
    with pytest.raises(BadRequestError, match=r"^Invalid price$"):
        to_ticks(value, 10_000)


def test_1_1_whole_numbers_come_in_four_forms() -> None:
    assert [to_integer(v) for v in (98, "98", 98.0, "98.0", "-98")] == [98, 98, 98, 98, -98]
    assert [to_integer(v) for v in (True, "x", 1.5, None, "1e400", float("inf"))] == [None] * 6


def test_1_1_lists_and_booleans_in_all_encodings() -> None:
    for sent in (
        b'{"orderID":["x","y"]}',
        b"orderID=%5B%22x%22%2C+%22y%22%5D",
        b"orderID=x&orderID=y",
    ):
        assert list_of(merge(b"", sent), "orderID") == ["x", "y"]
    assert list_of(merge(b"", b'{"orderID":"x"}'), "orderID") == ["x"]
    assert list_of(merge(b"clOrdID=%5B%22O-1%22%5D", b""), "clOrdID") == ["O-1"]
    assert merge(b"a=1&b=2", b'{"b":3}') == {"a": "1", "b": 3}
    for sent in (b"enabled=False", b'{"enabled":false}', b"enabled=false"):
        assert flag_of(merge(b"", sent), "enabled", True) is False
    for broken in (b'{"a":', b"[1]", b'{"a":' + b"[" * 5000):
        with pytest.raises(BadRequestError):
            merge(b"", broken)


def test_E19_goldens() -> None:
    bucket = TokenBucket(300, 300, 0)
    for _ in range(10):
        assert bucket.take(0)
    assert bucket.remaining(5 * SECOND) == 295

    bucket = TokenBucket(60, 60, 0)
    assert all(bucket.take(0) for _ in range(60))
    assert bucket.remaining(0) == 0
    assert not bucket.take(0)
    assert bucket.remaining(SECOND) == 1

    bucket = TokenBucket(150, 300, 0)
    assert all(bucket.take(0) for _ in range(150))
    taken = sum(bucket.take(n * SECOND) for n in range(1, 301))
    assert taken == 150


def test_E19_refusals_take_no_token_and_time_backwards_adds_none() -> None:
    bucket = TokenBucket(1, 60, 0)
    assert bucket.take(10 * SECOND)
    assert not bucket.take(10 * SECOND)
    assert bucket.retry_after_s(10 * SECOND) == 60
    assert bucket.remaining(0) == 0
    assert bucket.take(10 * SECOND, force=True)
    assert not bucket.take(69 * SECOND)
    assert bucket.take(70 * SECOND)


def test_1_8_bulk_costs_a_tenth() -> None:
    assert [bulk_cost(n) for n in (1, 10, 15, 32, 200)] == [1, 1, 2, 4, 20]


def test_limits_option() -> None:
    assert parse_limits("off") is None
    assert parse_limits("era") == LimitRule(300, 150, 300)
    assert parse_limits("5/10") == LimitRule(5, 5, 10)
    for text in ("", "x", "0/5", "5/0", "5"):
        with pytest.raises(ValueError, match="N/SECONDS"):
            parse_limits(text)


def test_limiter_is_bounded_in_memory() -> None:
    limiter = Limiter(LimitRule(1, 1, 60))
    for number in range(limiter.MAX_BUCKETS + 50):
        limiter.bucket(f"10.0.{number}", 0)
    assert len(limiter._buckets) <= limiter.MAX_BUCKETS


def test_6_10_connection_quota_is_per_hour() -> None:
    quota = ConnectionQuota(2)
    assert [quota.take("a", 0), quota.take("a", 1)] == [1, 0]
    with pytest.raises(RateLimitError):
        quota.take("a", 2)
    assert quota.take("b", 2) == 1
    assert quota.take("a", 3600 * SECOND) == 0
