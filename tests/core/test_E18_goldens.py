"""E18: a contract of before the split settles at what it is marked at, the sum of both versions."""

import pytest

from sim_exchange.core import commands as c
from sim_exchange.core.types import HOUR_NS, MINUTE_NS
from tests.core.test_E18_split import prints, versions


@pytest.mark.parametrize(
    ("second_venue", "other", "total"), [(0, 25_000, 275_500), (270, 26_000, 276_500)]
)
def test_E18_golden_2505_and_250_or_260_settle_at_2755_or_2765(
    second_venue: int, other: int, total: int
) -> None:
    w = versions()
    w.ok(c.SplitChain(index=".BXBT", other=".BCH"))
    w.checked = False
    for _ in range(31):
        prints(w, ".BXBT", 2_500, 2_510)
        prints(w, ".BCH", 250, second_venue)
        w.advance(MINUTE_NS)
    assert (w.x.indices[".BXBT"].price, w.x.indices[".BCH"].price) == (250_500, other)
    assert w.x.markets["XBTUSD"].mark == total
    w.ok(c.ExpireNow(symbol="XBTUSD"))
    assert w.x.markets["XBTUSD"].settled_price == total


def test_E18_golden_336_blocks_of_ten_minutes_are_56_hours() -> None:
    assert 336 * 10 * MINUTE_NS == 56 * HOUR_NS
