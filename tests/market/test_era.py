"""The eras' files: the register of E0c and the fees, limits and margins of E3, E6 and E11."""

import re
from datetime import UTC, datetime
from fractions import Fraction

import pytest

from sim_exchange.core.specs import Band, InstrumentSpec
from sim_exchange.core.types import (
    HOUR_NS,
    PPM,
    IndexKind,
    Kind,
    LossMethod,
    MarkMethod,
    SettlementKind,
)
from sim_exchange.errors import SettingsError
from sim_exchange.market import era as eras

ERA = eras.load("2018")
FIRST = eras.load("2016")
XBT = 10**8
PICO = 10**12
# The codes that every client takes (protocol.md 3.2).
TAKEN = {
    "FXXXS", "FMXXS", "FFICSX", "FFWCSX", "FFWCSF", "IFXXXP", "FFCCSX", "MRBXXX", "MRCXXX",
    "MRFXXX", "MRRXXX", "MRIXXX",
}  # fmt: skip


def specs(era: eras.Era) -> dict[str, InstrumentSpec]:
    """Return a contract of each series."""
    found = [series.template("H18" if series.every == "quarter" else "") for series in era.series]
    return {spec.symbol: spec for spec in found}


LISTED = specs(ERA)


def test_E0c_the_catalogue_of_2018():
    assert list(LISTED) == [
        "XBTUSD", "ETHUSD", "XBTH18", "ADAH18", "BCHH18", "ETHH18", "LTCH18", "XRPH18", "ETC_XBT",
        "ETC7D", "ETH_XBT", "XBT_USDT", "XBT7D_U110", "XBT7D_D90",
    ]  # fmt: skip
    assert [series.ahead for series in ERA.series if series.file == "xbt_quarterly.toml"] == [2]


@pytest.mark.parametrize(
    ("symbol", "kind", "typ", "multiplier", "tick", "leverage"),
    [
        ("XBTUSD", Kind.INVERSE, "FFWCSX", -(10**8), PICO // 2, 100),
        ("XBTH18", Kind.INVERSE, "FFCCSX", -(10**8), PICO // 2, 100),
        ("ETHUSD", Kind.QUANTO, "FFWCSX", 100, PICO // 20, 50),
        ("ADAH18", Kind.LINEAR, "FFCCSX", 10**8, 10**4, 20),
        ("BCHH18", Kind.LINEAR, "FFCCSX", 10**8, 10**8, 20),
        ("ETHH18", Kind.LINEAR, "FFCCSX", 10**8, 10**7, 50),
        ("LTCH18", Kind.LINEAR, "FFCCSX", 10**8, 10**7, Fraction(100, 3)),
        ("XRPH18", Kind.LINEAR, "FFCCSX", 10**8, 10**4, 20),
        ("ETC7D", Kind.LINEAR, "FFCCSX", 10**8, 10**4, 20),
        ("XBT7D_U110", Kind.LINEAR, "FFICSX", 10**8, 10**7, 1),
        ("XBT7D_D90", Kind.LINEAR, "FFICSX", 10**8, 10**7, 1),
    ],
)
def test_E0c_the_register(symbol, kind, typ, multiplier, tick, leverage):
    spec = LISTED[symbol]

    assert (spec.kind, spec.typ, spec.settl_currency) == (kind, typ, "XBt")
    assert (spec.multiplier, spec.lot_size, spec.tick_pico) == (multiplier, 1, tick)
    assert Fraction(PPM, spec.init_margin_ppm) == leverage


@pytest.mark.parametrize(
    ("symbol", "maker", "taker", "settlement"),
    [
        ("XBTUSD", -250, 750, 0),
        ("ETHUSD", -250, 750, 0),
        ("XBTH18", -250, 750, 500),
        ("ADAH18", -500, 2_500, 2_500),
        ("ETC7D", -500, 2_500, 2_500),
        ("XBT7D_U110", 0, 0, 0),
        ("XBT7D_D90", 0, 0, 0),
    ],
)
def test_E3_fees(symbol, maker, taker, settlement):
    spec = LISTED[symbol]

    assert (spec.maker_fee_ppm, spec.taker_fee_ppm) == (maker, taker)
    assert spec.settlement_fee_ppm == settlement


def test_E3_coins_settle_free_from_2018_03_30_noon_on_and_ETC7D_never():
    free = ((1_522_411_200 * 10**9, 0),)  # 2018-03-30T12:00:00Z

    coins = {name: spec.settlement_fees for name, spec in LISTED.items() if spec.settlement_fees}
    assert coins == dict.fromkeys(("ADAH18", "BCHH18", "ETHH18", "LTCH18", "XRPH18"), free)


@pytest.mark.parametrize(
    ("symbol", "base", "step", "initial", "maintenance"),
    [
        ("XBTUSD", 200, 100, 10_000, 5_000),
        ("XBTH18", 200, 100, 10_000, 5_000),
        ("ETHUSD", 50, 50, 20_000, 10_000),
        ("ADAH18", 50, 50, 50_000, 25_000),
        ("BCHH18", 50, 50, 50_000, 25_000),
        ("ETHH18", 50, 50, 20_000, 10_000),
        ("LTCH18", 50, 50, 30_000, 15_000),
        ("XRPH18", 50, 50, 50_000, 25_000),
        ("ETC7D", 50, 50, 50_000, 25_000),
    ],
)
def test_E11_risk_limits_and_margins(symbol, base, step, initial, maintenance):
    spec = LISTED[symbol]

    assert (spec.risk_limit, spec.risk_step) == (base * XBT, step * XBT)
    assert (spec.init_margin_ppm, spec.maint_margin_ppm) == (initial, maintenance)


def test_E6_the_impact_notional_is_a_tenth_of_a_bitcoin_over_the_margin():
    for symbol, notional in (("XBTUSD", 10), ("ETHUSD", 5), ("ADAH18", 2)):
        spec = LISTED[symbol]
        assert spec.impact_at_full_margin * PPM == notional * XBT * spec.init_margin_ppm
        assert (spec.impact_notional, spec.impact_usd) == (0, 0)


def test_E10_perpetuals_are_funded_every_eight_hours_from_the_interest_on():
    funded = {name for name, spec in LISTED.items() if spec.funding_interval_ns}

    assert funded == {"XBTUSD", "ETHUSD"}
    for name in funded:
        spec = LISTED[name]
        assert spec.funding_interval_ns == 8 * HOUR_NS
        assert (spec.quote_rate_ppm, spec.base_rate_ppm, spec.funding_ppm) == (600, 300, None)


def test_E14_futures_settle_on_the_mean_of_their_index():
    for name, index in (("XBTH18", ".BXBT"), ("ETHH18", ".ETHXBT"), ("ETC7D", ".ETCXBT")):
        spec = LISTED[name]
        assert (spec.settlement_kind, spec.reference_symbol) == (SettlementKind.TWAP30, index)
    eth = ERA.of(".ETHXBT")
    assert eth is not None
    assert eth.members == ("POLONIEX",)  # E14 G: 100 % Poloniex


def test_E16_ups_and_downs_pay_at_most_a_tenth_of_a_bitcoin():
    for name in ("XBT7D_U110", "XBT7D_D90"):
        spec = LISTED[name]
        assert spec.max_price_ticks * spec.tick_pico == PICO // 10
        assert (spec.init_margin_ppm, spec.maint_margin_ppm) == (PPM, 0)
        assert (spec.mark_method, spec.settlement_kind) == (
            MarkMethod.LAST,
            SettlementKind.OPTION,
        )
        assert spec.reference_symbol == ".BXBT"
    percents = {one.coin: (one.strike_percent, one.put, one.strike_round) for one in ERA.series}
    assert (percents["U110"], percents["D90"]) == ((110, False, 250), (90, True, 250))


@pytest.mark.parametrize(
    ("era", "symbol", "tick", "reference", "settled", "otherwise"),
    [
        ("2016", "ZECZ16", 10**6, 78_376_800, SettlementKind.TWAP30, None),
        ("2017", "QTUMU17", 10**4, 340_000, SettlementKind.TWAP30, SettlementKind.FIXED),
        ("2017", "XTZZ17", 10**4, 40_000, SettlementKind.TWAP30, SettlementKind.ZERO),
        ("2014", "TH1BTC", 10**6, 2 * XBT, SettlementKind.ZERO, None),
    ],
)
def test_E0c_contracts_with_dates_of_their_own(era, symbol, tick, reference, settled, otherwise):
    (spec,) = (
        spec
        for one in eras.load(era).series
        if one.every == "dated" and (spec := one.template(one.code)).symbol == symbol
    )

    assert (spec.kind, spec.multiplier, spec.init_margin_ppm) == (Kind.LINEAR, XBT, PPM // 2)
    assert (spec.tick_pico, spec.opening_reference) == (tick, reference)
    assert spec.mark_method is MarkMethod.LAST
    assert (spec.settlement_kind, spec.settlement_else) == (settled, otherwise)


def test_E15_bands_before_a_launch():
    launch_ns = int(datetime(2016, 10, 28, 12, tzinfo=UTC).timestamp()) * 10**9
    sessions = Band(pct_ppm=250_000, session_ns=2 * HOUR_NS)
    for era, coin, band in (
        ("2016", "ZEC", Band(down=391_884, up=1_175_652, until_ns=launch_ns)),
        ("2017", "QTUM", sessions),
        ("2017", "XTZ", sessions),
    ):
        (series,) = (
            one for one in eras.load(era).series if (one.coin, one.every) == (coin, "dated")
        )
        assert series.template(series.code).band == band


def test_E13d_E25_the_venue_of_2014():
    before = eras.load("2014")
    future, mining = (one.template("U14") for one in before.series)

    assert (future.maker_fee_ppm, future.taker_fee_ppm, future.settlement_fee_ppm) == (0, 0, 0)
    assert future.loss_method is mining.loss_method is LossMethod.GUARANTEED
    trader, hedger = future.fee_plans
    assert (trader.name, trader.maker_ppm, trader.taker_ppm, trader.session_fee_ppm) == (
        "Trader", 50, 50, 150,
    )  # fmt: skip
    assert (hedger.name, hedger.maker_ppm, hedger.taker_ppm) == ("Hedger", 2_500, 5_000)
    assert mining.dividend is not None
    assert (mining.dividend.difficulty, mining.dividend.reward) == (23_844_670_039, 25 * XBT)
    assert (mining.dividend.hashrate, mining.dividend.pool_fee_ppm) == (10**12, 30_000)
    assert mining.short_cap == 100


def test_the_default_catalogue_has_no_typ_that_voids_a_client_s_answer():
    for era in map(eras.load, eras.names()):
        assert {spec.typ for spec in specs(era).values()} <= TAKEN
        assert {spec.typ for spec in era.index_specs()} <= TAKEN


def test_no_two_contracts_have_one_root_quote_and_expiry():
    names = [(spec.root, spec.quote_currency, spec.typ, series.every)
             for series, spec in zip(ERA.series, LISTED.values(), strict=True)]  # fmt: skip
    assert len(set(names)) == len(names)


def test_E9_the_indices_of_2018():
    listed = {spec.symbol: spec for spec in ERA.index_specs()}

    assert list(listed)[:3] == [".BXBT", ".BXBT30M", ".BXBT_NEXT"]
    assert {".BETH", ".ETHXBT", ".ETHXBT30M", ".XBTBON", ".USDBON", ".ETHBON", ".ETCBON"} <= set(
        listed
    )
    for coin in ("ADA", "BCH", "ETC", "LTC", "XRP"):
        composite, mean = listed[f".{coin}XBT"], listed[f".{coin}XBT30M"]
        assert (composite.decimals, composite.outlier_ppm) == (8, 500_000)
        assert (mean.kind, mean.source) == (IndexKind.TWAP30, composite.symbol)
    bxbt = listed[".BXBT"]
    assert (bxbt.decimals, bxbt.outlier_ppm) == (2, 250_000)
    assert [(one.name, one.num, one.den) for one in bxbt.constituents] == [
        ("BITSTAMP", 1, 2),
        ("GDAX", 1, 2),
    ]
    volatility = listed[".BVOL"]
    assert (volatility.kind, volatility.source) == (IndexKind.VOLATILITY, ".BXBT")
    assert (volatility.minutes, volatility.step_minutes) == (30 * 1440, 1440)
    assert (listed[".ETHBON"].kind, listed[".ETHBON"].source) == (IndexKind.LENDING, "ETH")


def test_E10_every_index_that_a_perpetual_names_is_of_its_era():
    for era in (ERA, FIRST):
        listed = {spec.symbol: spec for spec in era.index_specs()}
        funded = [spec for spec in specs(era).values() if spec.funding_interval_ns]
        assert funded
        for spec in funded:
            mean = listed[spec.premium_symbol]
            assert (mean.kind, mean.source, mean.minutes) == (
                IndexKind.PREMIUM_MEAN,
                spec.symbol,
                480,
            )
            minute = listed[f".{spec.symbol}PI"]
            assert (minute.kind, minute.source) == (IndexKind.PREMIUM, spec.symbol)
            for symbol in (spec.quote_rate_symbol, spec.base_rate_symbol):
                assert (listed[symbol].decimals, listed[symbol].typ) == (6, "MRRXXX")


def test_2016_has_other_ticks_limits_and_contracts():
    before = specs(FIRST)

    assert {"XBCH18", "XBJH18"} <= set(before)
    assert "ETHUSD" not in before
    xbt = before["XBTUSD"]
    assert (xbt.tick_pico, xbt.risk_limit, xbt.risk_step) == (PICO // 100, 100 * XBT, 50 * XBT)
    assert xbt.reference_symbol == ".XBT"
    assert before["XBCH18"].multiplier == -(10**9)  # 10 CNY: rha(1e9/p)
    assert before["XBJH18"].multiplier == -(10**10)  # 100 JPY: rha(1e10/p)
    index = FIRST.of(".XBT")
    assert index is not None
    assert index.members == ("BITSTAMP", "OKCOIN")
    yuan = FIRST.of(".XBTCNY")
    assert yuan is not None
    assert len(yuan.members) == 3


INDEX = """
[[index]]
symbol = ".TST"
underlying = "TST"
quote = "XBT"
members = ["A", "B"]
price = 0.5
"""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[index]\n", "Expected ']]'"),
        ("[[indices]]\n", "unknown field `indices`"),
        (INDEX + "prise = 1", "unknown field `prise` - at `$.index[0]`"),
        (INDEX.replace("0.5", '"0.5"'), "Expected `float`, got `str` - at `$.index[0].price`"),
        (INDEX.replace("0.5", "-1"), "index .TST: price -1"),
        (INDEX.replace('["A", "B"]', '["A", "A"]'), "index .TST: constituents ['A', 'A'] must"),
        (INDEX.replace('".TST"', '"TST"'), "symbol 'TST' must start with a dot"),
        (INDEX + "weights = [1]", "index .TST: weights [1] must be one for each member"),
        (INDEX + 'same_as = ".TST"', "exactly one of candles, price, same_as and product"),
        (INDEX + "outlier_ppm = 0", "index .TST: outlier_ppm 0"),
        (INDEX + 'volatility = 1\nalong = ".X"', "'.X' must be an index that stands above it"),
        (INDEX + "correlation = 2", "correlation 2"),
        (INDEX + INDEX, "two indices have the same symbol"),
        (INDEX + '[[series]]\nfile = "no.toml"', "no.toml: No such file"),
        (
            INDEX + '[[series]]\nfile = "weekly.toml"\ncoin = "ETC"\nevery = "week"',
            "instrument weekly.toml: Object missing required field `tick_pico`",
        ),
        (
            INDEX + '[[series]]\nfile = "xbt_perpetual.toml"\n',
            "series xbt_perpetual.toml: reference_symbol '.BXBT' is not an index of the era",
        ),
        (
            INDEX + '[[series]]\nfile = "xbt_perpetual.toml"\nterms = { tick = 1 }',
            "instrument xbt_perpetual.toml: there is no field tick",
        ),
        (
            INDEX + '[[series]]\nfile = "xbt_perpetual.toml"\nterms = { lot_size = 0 }',
            "series xbt_perpetual.toml: lot_size 0 must be at least 1",
        ),
        (
            INDEX + '[[series]]\nfile = "xbt_quarterly.toml"\nevery = "quarter"\nmonths = "AB"',
            "months 'AB' must be of FGHJKMNQUVXZ",
        ),
        (
            INDEX + '[[series]]\nfile = "option.toml"\ncoin = "U110"\nstrike_percent = 110',
            "every must be week with strike_percent",
        ),
        (
            INDEX + '[[derived]]\nsymbol = ".V"\nkind = "volatility"\nsource = ".X"\n'
            'underlying = "X"\nquote = "X"',
            "index .V: ",
        ),
        (
            INDEX + '[[series]]\nfile = "mining.toml"\nevery = "dated"\n',
            "series mining.toml: listing and expiry must be given",
        ),
        (
            INDEX + '[[series]]\nfile = "mining.toml"\nlisting = 2014-08-01T12:00:00Z\n',
            "series mining.toml: listing and expiry go with every dated",
        ),
        (
            INDEX + '[[series]]\nfile = "mining.toml"\nevery = "dated"\n'
            "listing = 2014-08-01T12:00:00Z\nexpiry = 2014-08-01T12:00:00Z\n",
            "must be after listing",
        ),
        (INDEX + "begins = 2014-08-01T12:00:00\n", "must have a time zone"),
        (
            INDEX + '[[derived]]\nsymbol = ".P"\nkind = "premium"\nsource = "X"\n'
            'underlying = "X"\nquote = "X"',
            "index .P: source 'X' is not a perpetual of the era",
        ),
    ],
)
def test_a_bad_era_is_told_with_file_field_and_what_is_allowed(tmp_path, text, words):
    (tmp_path / "mine.toml").write_text(text)

    with pytest.raises(SettingsError) as error:
        eras.load("mine", tmp_path)

    message = str(error.value)
    assert words in message
    assert re.match(r"era \S+mine\.toml: |instrument \S+: ", message)
    assert "\n" not in message


def test_an_era_that_is_not_there(tmp_path):
    with pytest.raises(SettingsError, match="No such file"):
        eras.load("1999", tmp_path)
