"""E0b, E0c: when futures come and go."""

from itertools import islice

import pytest

from sim_exchange.core.types import SECOND_NS
from sim_exchange.market.calendar import expiries, expiry_of, last_friday
from sim_exchange.wire.times import to_iso

JANUARY = 1_515_758_400 * SECOND_NS  # 2018-01-12T12:00Z, a Friday


@pytest.mark.parametrize(
    ("symbol", "day"),
    [
        ("XBTZ16", "2016-12-30"),
        ("XBTH17", "2017-03-31"),
        ("XBTM17", "2017-06-30"),
        ("QTUMU17", "2017-09-29"),
        ("XTZZ17", "2017-12-29"),
        ("ADAH18", "2018-03-30"),
        ("XBTU18", "2018-09-28"),
        ("XBTZ18", "2018-12-28"),
        ("XBTF18", "2018-01-26"),
    ],
)
def test_E0b_a_contract_expires_on_the_last_friday_of_its_month_at_noon(
    symbol: str, day: str
) -> None:
    assert to_iso(expiry_of(symbol)) == f"{day}T12:00:00.000Z"


def test_E0b_the_next_quarterlies_are_named_by_month_and_year() -> None:
    assert [name for name, _ in islice(expiries(JANUARY), 5)] == ["H18", "M18", "U18", "Z18", "H19"]
    assert [name for name, _ in islice(expiries(JANUARY, "MZ"), 2)] == ["M18", "Z18"]


def test_a_contract_that_expires_now_is_not_among_those_to_come() -> None:
    expiry = last_friday(2018, 3)

    assert next(expiries(expiry))[0] == "M18"
    assert next(expiries(expiry - 1))[0] == "H18"


@pytest.mark.parametrize("symbol", ["XBT", "XBTA18", "XBTUSD", "xbtH18", "XBTH2018"])
def test_a_name_without_a_month_is_refused(symbol: str) -> None:
    with pytest.raises(ValueError, match=symbol):
        expiry_of(symbol)
