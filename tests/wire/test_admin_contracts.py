"""Contracts of all kinds as the operator lists them, and as their rows show them (design.md 6)."""

from typing import Any

import pytest

from sim_exchange.core.specs import Band, InstrumentSpec, OptionTerms
from sim_exchange.core.types import FeeSide, LossMethod, MarkMethod, SettlementKind
from tests.wire.desk import Desk
from tests.wire.test_admin import post, refused

pytestmark = pytest.mark.anyio

LAUNCH: dict[str, Any] = {
    "symbol": "QTUMU18",
    "underlying": "QTUM",
    "quoteCurrency": "XBT",
    "multiplier": 100_000_000,
    "tickSize": 1e-8,
    "maxPrice": 10,
    "markMethod": "LastPrice",
    "openingReference": 0.0034,
    "referenceSymbol": ".ETCXBT",
    "expiry": "2018-03-30T12:00:00Z",
}
UP: dict[str, Any] = {
    "symbol": "XBT7D_U110",
    "underlying": "XBT",
    "quoteCurrency": "XBT",
    "referenceSymbol": ".BXBT",
    "optionStrikePrice": 11_000,
    "openingReference": 0.00015,
    "expiry": "2018-01-19T12:00:00Z",
}


@pytest.fixture
def desk() -> Desk:
    return Desk()


def spec_of(desk: Desk, symbol: str) -> InstrumentSpec:
    """What the core was told."""
    return desk.exchange.markets[symbol].spec


async def bxbt(desk: Desk) -> None:
    """An index of dollars at 10,000."""
    members = [{"name": "GDAX", "weight": 1}]
    await post(desk, "/instrument", symbol=".BXBT", constituents=members, decimals=2)
    await post(desk, "/index", index=".BXBT", price=10_000)
    await post(desk, "/clock", advance_s=5)


async def test_a_band_of_sessions_is_listed_and_shown(desk: Desk) -> None:
    row = await post(desk, "/instrument", **LAUNCH, band={"pct": 0.25, "session_s": 7200})
    assert (row["limitDownPrice"], row["limitUpPrice"]) == (0.00255, 0.00425)
    assert row["prevClosePrice"] == 0.0034
    assert (row["markMethod"], row["markPrice"]) == ("LastPrice", 0.0034)
    assert spec_of(desk, "QTUMU18").band == Band(pct_ppm=250_000, session_ns=7_200 * 10**9)
    answer = await desk.call(
        "POST",
        "/order",
        who="alice",
        json_body={"symbol": "QTUMU18", "orderQty": 1, "price": 0.00425001},
    )
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == "Price greater than limitUpPrice"


@pytest.mark.parametrize(
    "fields",
    [
        {"band": {"down": 0.391884, "up": 1.175652}},
        {"limitDownPrice": 0.391884, "limitUpPrice": 1.175652},
    ],
)
async def test_a_fixed_band_is_listed_in_either_way(desk: Desk, fields: dict[str, Any]) -> None:
    launch = {**LAUNCH, "tickSize": 0.000001, "openingReference": 0.783768}
    row = await post(desk, "/instrument", **launch, **fields)
    assert (row["limitDownPrice"], row["limitUpPrice"]) == (0.391884, 1.175652)


async def test_a_fixed_band_ends_when_it_is_said(desk: Desk) -> None:
    until = "2018-01-12T13:00:00Z"
    await post(desk, "/instrument", **LAUNCH, band={"down": 0.001, "up": 0.005, "until": until})
    await post(desk, "/clock", to=until)
    rows = await desk.ok("GET", "/instrument?symbol=QTUMU18")
    assert (rows[0]["limitDownPrice"], rows[0]["limitUpPrice"]) == (None, None)


async def test_an_up_is_an_up_by_its_strike_alone(desk: Desk) -> None:
    await bxbt(desk)
    row = await post(desk, "/instrument", **UP)
    assert (row["typ"], row["optionStrikePrice"], row["optionStrikeRound"]) == (
        "OCECCS",
        11_000,
        250,
    )
    assert (row["limitDownPrice"], row["limitUpPrice"], row["maxPrice"]) == (0, 0.1, 0.1)
    assert (row["initMargin"], row["maintMargin"], row["takerFee"]) == (1, 0, 0)
    assert (row["tickSize"], row["lotSize"], row["markPrice"]) == (0.00001, 1, 0.00015)
    assert row["indicativeSettlePrice"] == 0
    spec = spec_of(desk, "XBT7D_U110")
    assert spec.option == OptionTerms(call=True, strike_pico=11_000 * 10**12)
    assert spec.settlement_kind is SettlementKind.OPTION


async def test_a_down_has_a_barrier_and_its_settlement_shows_what_it_came_from(desk: Desk) -> None:
    await bxbt(desk)
    down = {**UP, "symbol": "XBT7D_D90", "optionStrikePrice": 16_000, "barrier": 8_000}
    row = await post(desk, "/instrument", **down)
    assert row["typ"] == "OPECCS"
    assert row["indicativeSettlePrice"] == 0.06
    assert spec_of(desk, "XBT7D_D90").option == OptionTerms(
        call=False, strike_pico=16_000 * 10**12, barrier_pico=8_000 * 10**12
    )
    row = await post(desk, "/instrument", symbol="XBT7D_D90", expire_now=True)
    assert (row["state"], row["settledPrice"]) == ("Settled", 0.06)
    (told,) = await desk.ok("GET", "/settlement?symbol=XBT7D_D90")
    assert (told["optionStrikePrice"], told["optionUnderlyingPrice"]) == (16_000, 10_000)


async def test_a_contract_listed_after_an_option_is_an_ordinary_one(desk: Desk) -> None:
    await bxbt(desk)
    await post(desk, "/instrument", **LAUNCH, band={"pct": 0.25, "session_s": 7200})
    await post(desk, "/instrument", **UP)
    plain = {key: LAUNCH[key] for key in ("underlying", "quoteCurrency", "multiplier", "expiry")}
    row = await post(desk, "/instrument", symbol="ETCH18", referenceSymbol=".ETCXBT", **plain)
    assert (row["markMethod"], row["limitUpPrice"], row["optionStrikePrice"]) == (
        "FairPrice",
        None,
        None,
    )


async def test_every_settlement_kind_can_be_asked_for(desk: Desk) -> None:
    for number, word in enumerate(("twap30", "last", "vwap", "fixed", "zero")):
        symbol = f"QTUM{number}"
        await post(desk, "/instrument", **{**LAUNCH, "symbol": symbol}, settlementKind=word)
        assert spec_of(desk, symbol).settlement_kind.value == word
    row = await post(desk, "/instrument", symbol="QTUM4", expire_now=True)
    assert (row["state"], row["settledPrice"]) == ("Settled", 0)


async def test_a_conditional_kind_names_what_holds_otherwise(desk: Desk) -> None:
    kind = {"kind": "twap30", "else": "fixed", "price": 0.003, "lead_s": 86_400}
    await post(desk, "/instrument", **LAUNCH, settlementKind=kind)
    spec = spec_of(desk, "QTUMU18")
    assert (spec.settlement_else, spec.settlement_price) == (SettlementKind.FIXED, 300_000)


async def test_a_sum_of_indices_marks_and_settles(desk: Desk) -> None:
    for symbol, price in ((".A", 2_505), (".B", 250)):
        members = [{"name": "X", "weight": 1}]
        await post(desk, "/instrument", symbol=symbol, constituents=members, decimals=2)
        await post(desk, "/index", index=symbol, price=price)
    await post(desk, "/clock", advance_s=5)
    row = await post(
        desk,
        "/instrument",
        symbol="XBTU18",
        underlying="XBT",
        quoteCurrency="USD",
        multiplier=-100_000_000,
        tickSize=0.5,
        maxPrice=1_000_000,
        referenceSymbol=".A",
        expiry="2018-03-30T12:00:00Z",
        settlementKind={"sum": [".A", ".B"]},
    )
    assert row["markPrice"] == 2_755


async def test_fee_side_and_loss_method_are_taken(desk: Desk) -> None:
    await post(desk, "/instrument", **LAUNCH, lossMethod="dpe")
    spec = spec_of(desk, "QTUMU18")
    assert (spec.loss_method, spec.mark_method) == (LossMethod.DPE, MarkMethod.LAST)
    row = await post(
        desk,
        "/instrument",
        symbol="QTUM_XBT",
        typ="IFXXXP",
        underlying="QTUM",
        baseCurrency="QTUM",
        quoteCurrency="XBT",
        settlCurrency="XBt",
        referenceSymbol=".ETCXBT",
        feeSide="received",
    )
    assert row["symbol"] == "QTUM_XBT"
    assert spec_of(desk, "QTUM_XBT").fee_side is FeeSide.RECEIVED


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"band": 5}, "band: 5"),
        ({"band": {"pct": 0.25}}, "band.session_s: None"),
        ({"band": {"pct": 2, "session_s": 60}}, "band:"),
        ({"band": {"pct": "x", "session_s": 60}}, "band.pct: 'x'"),
        ({"band": {"down": 0.001}}, "band.up: None"),
        ({"band": {"down": 2, "up": 1}}, "band:"),
        ({"band": {"down": 1, "up": 2, "wide": 3}}, "wide: 3"),
        ({"band": {"down": 1, "up": 2}, "limitUpPrice": 3}, "limitUpPrice: 3"),
        ({"limitUpPrice": -1}, "limitUpPrice: -1"),
        ({"barrier": 5}, "barrier: 5 is not allowed; it goes with optionStrikePrice"),
        ({"optionStrikePrice": 0}, "optionStrikePrice: 0"),
        ({"optionStrikePrice": 5, "typ": "FFCCSX"}, "typ: 'FFCCSX'"),
        ({"optionStrikePrice": 5, "limitUpPrice": 1}, "limitUpPrice: 1"),
        ({"settlementKind": "toss"}, "settlementKind: 'toss'"),
        ({"settlementKind": "sum"}, "settlementKind: 'sum'"),
        ({"settlementKind": {"sum": []}}, "settlementKind: {'sum': []}"),
        ({"settlementKind": {"sum": [".ETCXBT", ".NIX"]}}, "settlementKind:"),
        ({"settlementKind": {"kind": "twap30", "else": "last"}}, "settlementKind:"),
        ({"settlementKind": {"kind": "twap30", "or": "zero"}}, "or: 'zero'"),
        ({"settlementKind": "option"}, "settlementKind: 'option'"),
        ({"feeSide": "both"}, "feeSide: 'both'"),
        ({"feeSide": "received"}, "feeSide: 'received'"),
        ({"lossMethod": "luck"}, "lossMethod: 'luck'"),
    ],
)
async def test_bad_terms_are_refused_by_field(
    desk: Desk, fields: dict[str, Any], named: str
) -> None:
    assert named in await refused(desk, "/instrument", **{**LAUNCH, **fields})
    assert "QTUMU18" not in desk.exchange.markets
