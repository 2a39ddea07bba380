"""E6: impact prices as the instrument's row shows them."""

from typing import Any

import pytest

from tests.wire.desk import Desk

pytestmark = pytest.mark.anyio

FUTURE: dict[str, Any] = {
    "symbol": "XBTH18", "typ": "FFCCSX", "underlying": "XBT", "quoteCurrency": "USD",
    "settlCurrency": "XBt", "multiplier": -100_000_000, "tickSize": 0.1, "maxPrice": 1_000_000,
    "initMargin": 0.01, "maintMargin": 0.005, "makerFee": 0, "takerFee": 0,
    "referenceSymbol": ".BXBT", "expiry": "2018-03-30T12:00:00.000Z",
}  # fmt: skip


async def test_E6_impact_prices_of_an_inverse_book_have_four_decimals() -> None:
    """10 XBT of an uneven book: 1,000/v harmonic means have no end, the middle is half a tick."""
    desk = Desk()
    index = {"symbol": ".BXBT", "constituents": [{"name": "A", "weight": 1}], "decimals": 2}
    await desk.ok("POST", "/admin/v1/instrument", json_body=index)
    await desk.ok("POST", "/admin/v1/index", json_body={"index": ".BXBT", "price": 990})
    desk.advance(5)
    await desk.ok("POST", "/admin/v1/instrument", json_body=FUTURE)
    for side, qty, price in (
        ("Buy", 5_000, 1_000), ("Buy", 20_000, 997),
        ("Sell", 3_000, 1_002), ("Sell", 20_000, 1_004),
    ):  # fmt: skip
        await desk.place("bob", symbol="XBTH18", side=side, orderQty=qty, price=price)
    desk.advance(60)

    (row,) = await desk.ok("GET", "/instrument?symbol=XBTH18")
    # (5,000 + 5*997)/10 and (3,000 + (10 - 3,000/1,002)*1,004)/10
    assert row["impactBidPrice"] == 998.5
    assert row["impactAskPrice"] == 1003.4012
    assert row["impactMidPrice"] == 1000.95
