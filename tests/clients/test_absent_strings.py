"""No empty string in any row but in the columns where clients were seen to take it (1.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.clients.raw import ok, place, streaming
from tests.clients.served import FUTURE, SPOT

if TYPE_CHECKING:
    from collections.abc import Iterator

ORDER = {"pegPriceType", "execInst", "contingencyType", "triggered", "ordRejReason"}
EXECUTION = ORDER | {"lastMkt", "tradePublishIndicator"}
INSTRUMENT = {
    "inverseLeg",
    "sellLeg",
    "buyLeg",
    "positionCurrency",
    "fundingBaseSymbol",
    "fundingQuoteSymbol",
    "fundingPremiumSymbol",
}
EMPTY_ALLOWED = {
    "instrument": INSTRUMENT,
    "order": ORDER,
    "execution": EXECUTION,
    "position": {"posState"},
    "margin": {"prevState", "state", "action"},
    "wallet": {"addr", "script"},
    "assets": {"tokenAddress"},
}
READS = {
    "/instrument": "instrument",
    "/instrument/active": "instrument",
    "/instrument/activeAndIndices": "instrument",
    "/order": "order",
    "/execution": "execution",
    "/execution/tradeHistory": "execution",
    "/position": "position",
    "/user/margin?currency=all": "margin",
    "/user/wallet?currency=all": "wallet",
    "/user/walletHistory": "history",
    "/user": "user",
    "/wallet/assets": "assets",
    f"/trade?symbol={FUTURE}": "trade",
    f"/trade/bucketed?symbol={FUTURE}&partial=true": "bins",
    f"/quote?symbol={FUTURE}": "quote",
    f"/orderBook/L2?symbol={FUTURE}": "book",
    "/settlement": "settlement",
}
TOPICS = ("instrument", "order", "execution", "position", "margin", "wallet", "trade", "quote")


def empty_columns(value: Any, name: str = "") -> Iterator[str]:
    """The names of what is an empty string, at any depth."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from empty_columns(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from empty_columns(inner, name)
    elif value == "":
        yield name


def live(served: Any, alice: Any, bob: Any) -> None:
    """Orders of several kinds, fills on both sides, an amend, cancels."""
    place(served, alice, "Buy", 10, 0.0025)
    kept = place(served, alice, "Buy", 10, 0.0024, execInst="ParticipateDoNotInitiate")
    place(served, bob, "Sell", 4, 0.0025)
    place(served, bob, "Sell", 1, ordType="Market")
    ok(served, "PUT", "/order", alice, orderID=kept["orderID"], price=0.0023)
    place(served, bob, "Sell", 100_000_000, 0.0027, symbol=SPOT)
    place(served, alice, "Buy", 50_000_000, 0.0027, symbol=SPOT)
    ok(served, "DELETE", "/order", alice, orderID=kept["orderID"])


def test_rows_of_rest_have_no_empty_string_elsewhere(quiet, alice, bob):
    live(quiet, alice, bob)

    for path, table in READS.items():
        rows = ok(quiet, "GET", path, alice)
        assert rows or table == "settlement", path
        allowed = EMPTY_ALLOWED.get(table, set())
        if table == "instrument":
            for row in rows:
                bare = {"settlCurrency"} if row["typ"] not in ("FFCCSX", "FFWCSX") else set()
                assert set(empty_columns(row)) <= allowed | bare, (path, row["symbol"])
        else:
            assert set(empty_columns(rows)) <= allowed, path


def test_a_position_that_was_never_held_has_no_times_of_its_own(quiet, alice):
    place(quiet, alice, "Buy", 10, 0.0025)

    (row,) = ok(quiet, "GET", "/position", alice)

    assert (row["openOrderBuyQty"], row["isOpen"]) == (10, False)
    assert (row["openingTimestamp"], row["currentTimestamp"]) == (None, None)
    assert row["timestamp"] > "2018"


def test_frames_have_no_empty_string_elsewhere(quiet, alice, bob):
    with streaming(quiet, key=alice) as stream:
        stream.partials(*TOPICS)
        live(quiet, alice, bob)
        ok(quiet, "DELETE", "/order/all", alice)
        stream.quiet(1.3)
        frames = [frame for frame in stream.frames if "table" in frame]

    assert {frame["table"] for frame in frames if frame["action"] != "partial"} >= {
        "order",
        "execution",
        "position",
        "margin",
        "wallet",
        "trade",
    }
    for frame in frames:
        allowed = EMPTY_ALLOWED.get(frame["table"], set())
        for row in frame["data"]:
            bare = {"settlCurrency"} if row.get("symbol") != FUTURE else set()
            assert set(empty_columns(row)) <= allowed | bare, (frame["table"], row)
