"""E21: how many quotes are filled, and how many stand behind what is traded; exact fractions."""

from fractions import Fraction

import pytest

from sim_exchange.core.commands import AmendOrder
from sim_exchange.core.types import DAY_NS, HOUR_NS
from tests.core.world import START_NS
from tests.wire.desk import Desk


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.mark.anyio
async def test_E21_8_new_4_amended_3_filled_is_25_percent(desk: Desk) -> None:
    orders = [
        await desk.place("alice", side="Buy", orderQty=10, price=round(0.0199 - i * 1e-5, 6))
        for i in range(8)
    ]
    for one in orders[4:]:
        body = {"orderID": one["orderID"], "orderQty": 9}
        await desk.ok("PUT", "/order", "alice", json_body=body)
    for qty in (2, 8, 10, 5):  # a fill of any size counts once
        await desk.place("bob", side="Sell", orderQty=qty, price=0.0199 - 8e-5)

    now = desk.clock.now_ns()
    quality = desk.history.accounts[desk.alice].quality
    assert (quality.week(now).quotes, quality.week(now).fills) == (12, 3)
    assert quality.fill_ratio(now) == Fraction(1, 4)
    row = await desk.ok("GET", "/admin/v1/account/alice")
    assert row["quality"]["quoteFillRatio"] == 0.25


@pytest.mark.anyio
async def test_E21_a_taker_who_is_filled_has_100_percent(desk: Desk) -> None:
    await desk.place("bob", side="Sell", orderQty=10, price=0.0201)
    await desk.place("alice", side="Buy", orderQty=10, price=0.0201)
    now = desk.clock.now_ns()
    quality = desk.history.accounts[desk.alice].quality
    assert quality.fill_ratio(now) == 1
    # 2 quotes with 1 free, 10 * 0.0201 = 0.201 XBT traded
    await desk.place("alice", side="Buy", orderQty=10, price=0.0199)
    assert quality.value_ratio(now, free=1) == Fraction(10**8, 20_100_000)
    assert quality.value_ratio(now) == 0
    row = await desk.ok("GET", "/admin/v1/account/alice")
    assert row["quality"] == {
        "quotes": 2, "fills": 1, "quotesToday": 2, "quoteFillRatio": 0.5, "poor": False,
        "quoteValueRatio": 0.0,
    }  # fmt: skip


@pytest.mark.anyio
async def test_E21_without_a_trade_in_the_hour_the_value_ratio_is_null(desk: Desk) -> None:
    await desk.place("alice", side="Buy", orderQty=1, price=0.0199)
    quality = desk.history.accounts[desk.alice].quality
    assert quality.value_ratio(desk.clock.now_ns()) is None
    row = await desk.ok("GET", "/admin/v1/account/alice")
    assert row["quality"]["quoteValueRatio"] is None
    assert quality.value_ratio(START_NS + HOUR_NS) is None


@pytest.mark.anyio
async def test_E21_windows_are_calendar_days_pooled_over_seven(desk: Desk) -> None:
    await desk.place("alice", side="Buy", orderQty=1, price=0.0199)
    quality = desk.history.accounts[desk.alice].quality
    midnight = START_NS // DAY_NS * DAY_NS + DAY_NS
    assert quality.day(midnight - 1).quotes == 1
    assert quality.day(midnight).quotes == 0
    assert quality.week(midnight + 6 * DAY_NS - 1).quotes == 1
    assert quality.week(midnight + 6 * DAY_NS).quotes == 0
    assert quality.fill_ratio(midnight + 6 * DAY_NS) is None


@pytest.mark.anyio
async def test_E21_over_2000_quotes_a_day_need_one_fill_in_a_thousand(desk: Desk) -> None:
    await desk.place("alice", side="Buy", orderQty=10, price=0.0199)
    (order,) = desk.exchange.open_orders(desk.alice)
    for i in range(2_000):
        price = 19_800 + i % 2
        amend = AmendOrder(account=desk.alice, order_id=order.order_id, price=price)
        desk.session.submit(amend)
    now = desk.clock.now_ns()
    quality = desk.history.accounts[desk.alice].quality
    assert quality.day(now).quotes == 2_001
    assert quality.is_poor(now)


@pytest.mark.anyio
async def test_E21_an_account_reads_its_own_ratios(desk: Desk) -> None:
    await desk.place("bob", side="Sell", orderQty=10, price=0.0201)
    await desk.place("alice", side="Buy", orderQty=10, price=0.0201)
    assert await desk.ok("GET", "/user/quoteFillRatio", "alice") == {
        "date": "2018-01-12T00:00:00.000Z", "account": desk.alice, "quoteCount": 1,
        "dealtCount": 1, "quotesMavg7": 1 / 7, "dealtMavg7": 1 / 7, "quoteFillRatioMavg7": 1.0,
    }  # fmt: skip
    assert await desk.ok("GET", "/user/quoteValueRatio", "alice") == {
        "timestamp": "2018-01-12T12:00:00.000Z", "account": desk.alice, "quoteCount": 1,
        "volumeXBT": 0.201, "QVR": 0.0,
    }  # fmt: skip
