"""A served world: the era's catalogue with its market, without one, with contracts of one's own.

Everything is on a manual clock, in one process.
"""

import asyncio
import re
import time
from pathlib import Path

import pytest

from sim_exchange.app import build_world, load
from sim_exchange.app.pump import ManualControl
from sim_exchange.app.world import World
from sim_exchange.core.commands import ListInstrument, PlaceOrder
from sim_exchange.core.events import Refused
from sim_exchange.core.types import PICO, SECOND_NS, Kind, Reason, Side, State
from sim_exchange.errors import SettingsError
from sim_exchange.server import admin_market
from sim_exchange.server.admin_input import Fields

ROOT = Path(__file__).resolve().parents[2]
START = "2018-01-15T00:00:00Z"
PAGE = ROOT / "docs" / "howto-instruments.md"
EXAMPLE = re.search(r"```toml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)


def world(tmp_path: Path | None = None, **more: object) -> World:
    options = {"durability": "none", "clock": "manual", "start": START, **more}
    return build_world(load(options, environ={}), tmp_path)


def advance(one: World, seconds: int) -> None:
    control = ManualControl(one.clock, one.session)  # type: ignore[arg-type] # it is manual
    control.advance_to(one.clock.now_ns() + seconds * SECOND_NS)


@pytest.fixture(scope="module")
def busy() -> World:
    """The default market of 2018, three hours old."""
    one = world()
    advance(one, 3 * 3_600)
    return one


def test_everything_is_listed_and_quoted_at_the_start():
    one = world()

    for symbol, market in one.exchange.markets.items():
        assert market.state is State.OPEN
        assert market.mark > 0, symbol
        bid, ask = market.book.best_bid(), market.book.best_ask()
        assert (bid or 0) > 0, symbol
        assert (ask or 0) > (bid or 0), symbol
    assert len(one.exchange.markets) == 15
    assert all(
        index.price > 0
        for symbol, index in one.exchange.indices.items()
        # Volatility needs two returns, a premium a minute, its mean the end of a window.
        if "VOL" not in symbol and "USDPI" not in symbol
    )


def test_E10_the_premium_of_each_perpetual_is_printed(busy):
    for symbol, market in busy.exchange.markets.items():
        if market.is_perpetual:
            index = busy.exchange.indices[f".{symbol}PI"]
            assert busy.clock.now_ns() - index.changed_ns <= 60 * SECOND_NS
            assert abs(index.price) < 100_000  # ppm: under 10 %


def test_there_is_trade_in_every_contract_of_the_era(busy):
    coin = {"ETC_XBT", "ETC7D"}  # those have traders of their own kinds, who wait for a quote

    for symbol in set(busy.exchange.markets) - coin:
        assert busy.exchange.markets[symbol].total_volume > 0, symbol
    assert busy.exchange.check()


def test_futures_and_perpetuals_have_impact_prices_and_liquidity(busy):
    for symbol, market in busy.exchange.markets.items():
        contract = market.spec.kind is not Kind.SPOT and market.spec.option is None
        if contract and symbol != "ETC7D":
            assert market.has_liquidity, symbol
            assert 0 < market.impact_bid < market.impact_mid < market.impact_ask


def test_nobody_in_the_background_is_refused_or_liquidated(busy):
    assert not [
        order for order in busy.exchange.orders.values() if order.text.startswith("Liquidation")
    ]
    heard: list[Refused] = []
    busy.session.subscribe(
        lambda _seq, _at, _command, events: heard.extend(e for e in events if type(e) is Refused)
    )
    advance(busy, 600)
    assert heard == []


def test_triangles_close_to_a_fraction_of_a_percent(busy):
    price = {name: index.price for name, index in busy.exchange.indices.items()}

    assert price[".BETH"] * 10**8 / (price[".ETHXBT"] * price[".BXBT"]) == pytest.approx(
        1, abs=0.005
    )
    assert price[".BXBT_NEXT"] == pytest.approx(price[".BXBT"], rel=0.005)


def test_only_the_anchor_is_short_of_options(busy):
    accounts = busy.exchange.accounts
    for symbol in ("XBT7D_U110", "XBT7D_D90"):
        short = [
            account
            for account in accounts
            if (position := busy.exchange.position(account, symbol)) and position.current_qty < 0
        ]
        assert short
        assert all("anchorMM" in accounts[account].flags for account in short)


def test_E24_ether_and_classic_are_on_offer_and_their_lending_indices_say_the_rate(busy):
    for coin in ("ETC", "ETH"):
        best = busy.exchange.loan_offers(coin)[0][1]
        assert busy.exchange.indices[f".{coin}BON"].price == pytest.approx(best / 10**4, rel=0.2)


def test_the_background_costs_little_of_a_core():
    one = world()
    began = time.process_time()
    advance(one, 600)

    # No timed assertion but a wall far away: a hundredth of it was measured.
    assert time.process_time() - began < 0.05 * 600


def test_a_busy_catalogue_goes_on_from_its_folder(tmp_path):
    first = world(tmp_path)
    advance(first, 120)
    listed, accounts = list(first.exchange.markets), len(first.exchange.accounts)
    asyncio.run(first.close())

    second = world(tmp_path)
    assert list(second.exchange.markets) == listed
    assert len(second.exchange.accounts) == accounts
    advance(second, 120)
    assert all(market.book.best_bid() for market in second.exchange.markets.values())
    assert second.exchange.check()
    asyncio.run(second.close())


def test_the_week_ends_and_begins_with_all_traders_there():
    one = world(start="2018-01-19T11:59:00Z")
    advance(one, 62)
    for symbol in ("ETC7D", "XBT7D_U110", "XBT7D_D90"):
        assert one.exchange.markets[symbol].state is State.SETTLED
    advance(one, 120)

    for symbol in ("ETC7D", "XBT7D_U110", "XBT7D_D90"):
        market = one.exchange.markets[symbol]
        assert market.state is State.OPEN
        assert market.book.best_bid()
    assert [each.symbol for each in one.exchange.announcements.values()] == [
        "ETC7D",
        "XBT7D_U110",
        "XBT7D_D90",
    ]
    assert one.exchange.check()


def test_a_quarter_ends_and_its_successor_is_quoted():
    one = world(start="2018-03-30T11:59:00Z")
    advance(one, 240)

    assert one.exchange.markets["XBTH18"].state is State.SETTLED
    for symbol in ("XBTM18", "XBTU18", "ADAM18", "BCHM18", "ETHM18", "LTCM18", "XRPM18"):
        assert one.exchange.markets[symbol].state is State.OPEN
        assert one.exchange.markets[symbol].book.best_bid(), symbol
    assert one.exchange.check()


def test_without_a_market_the_catalogue_stands_still():
    one = world(market="none")
    before = {name: index.price for name, index in one.exchange.indices.items()}
    assert len(one.exchange.markets) == 15
    assert before[".BXBT"] == 1_100_000

    advance(one, 1_200)  # longer than a silent constituent lasts

    assert {name: index.price for name, index in one.exchange.indices.items()} | {
        ".BVOL24H": 0
    } == before
    assert all(not market.book.levels(Side.BUY) for market in one.exchange.markets.values())
    assert [account.name for account in one.exchange.accounts.values()] == ["engine"]


def test_only_the_coins_when_that_is_wanted():
    one = world(catalogue="coins")

    assert set(one.exchange.markets) == {"ETC7D", "ETC_XBT"}
    assert set(one.exchange.indices) == {".ETCXBT", ".ETCXBT30M", ".ETCBON"}


def test_a_coin_of_the_candles_that_the_era_has_already_is_listed_once():
    candles = (ROOT / "sim_exchange/market/data/LTC_XBT-5m.csv",)
    one = world(candles=candles, market="none")

    assert {"LTC7D", "LTC_XBT", "LTCH18", "ETC7D", "ETC_XBT"} <= set(one.exchange.markets)
    assert [name for name in one.exchange.indices if "LTC" in name] == [".LTCXBT", ".LTCXBT30M"]


# --- contracts of one's own


@pytest.fixture
def example(tmp_path) -> Path:
    assert EXAMPLE is not None
    file = tmp_path / "xlm.toml"
    file.write_text(EXAMPLE[1])
    return file


@pytest.mark.parametrize("market", ["default", "none"])
def test_the_example_of_the_page_is_listed_and_marked(example, market):
    one = world(market=market, instruments=(example,))
    advance(one, 90)

    contract = one.exchange.markets["XLMZ30"]
    assert contract.state is State.OPEN
    assert contract.mark == pytest.approx(5_000, rel=0.05)
    assert one.exchange.indices[".XLMXBT30M"].price > 0
    prices = set()
    for _ in range(20):
        advance(one, 5)
        prices.add(one.exchange.indices[".XLMXBT"].price)
    assert (len(prices) > 1) is (market == "default")


def test_a_folder_of_files_and_a_restart(example, tmp_path):
    options = {"instruments": (example.parent,), "market": "none"}
    data = tmp_path / "data"
    data.mkdir()
    first = world(data, **options)
    listed, seq = set(first.exchange.markets), first.session.seq
    asyncio.run(first.close())
    second = world(data, **options)

    assert set(second.exchange.markets) == listed
    assert "XLMZ30" in listed
    assert second.session.seq >= seq
    advance(second, 10)
    assert second.exchange.indices[".XLMXBT"].price == 5_000
    asyncio.run(second.close())


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("tickSize = 0.00000001", "tickSize = 0", "instrument XLMZ30: tickSize: 0 is not allowed"),
        ("lotSize = 1", "lotSize = 0", "instrument XLMZ30: lotSize: 0"),
        ("lotSize = 1", "lot = 1", "instrument XLMZ30: lot: 1 is not allowed; the fields are"),
        ('"XLMZ30"', '".XLMZ30"', "symbol: '.XLMZ30' is not allowed; that of an instrument"),
        ('symbol = "XLMZ30"\n', "", "instrument ?: symbol: None is not allowed"),
        ("outlier = 0.5", "outlier = 2", "index .XLMXBT: outlier"),
        ("price = 0.00005", "price = -1", "index .XLMXBT: price: -1"),
        ("volatility = 1.2", "volatility = 1000", "index .XLMXBT: volatility: 1000"),
        ("price = 0.00005", "", "index .XLMXBT: price: it must be given with volatility"),
        ('source = ".XLMXBT"', 'source = ".X"', "index .XLMXBT30M: source"),
        ("2030-12-27", "2017-12-27", "instrument XLMZ30: expiry"),
        ("[[instrument]]", "[[contract]]", "contract is not allowed; [[index]] and [[instrument]]"),
        ("[[instrument]]", "[instrument]", "instrument must be written [[instrument]]"),
        ("[[instrument]]", "[[instrument]", "Expected"),
    ],
)
def test_what_is_wrong_is_told_with_file_field_value_and_what_is_allowed(example, old, new, words):
    text = example.read_text()
    assert old in text
    example.write_text(text.replace(old, new))

    with pytest.raises(SettingsError) as error:
        world(instruments=(example,), market="none")

    assert str(error.value).startswith(f"instruments {example}")
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_symbol_stands_once(example, tmp_path):
    again = tmp_path / "zlm.toml"
    again.write_text(example.read_text().replace("lotSize = 1", "lotSize = 2"))

    with pytest.raises(SettingsError) as error:
        world(instruments=(tmp_path,), market="none")

    assert str(error.value) == (
        f"instruments {again}, index .XLMXBT: symbol: '.XLMXBT' is not allowed twice; it stands in"
        f" {example} too"
    )


def test_a_file_that_is_not_there_and_a_folder_without_one(tmp_path):
    with pytest.raises(SettingsError, match="No such file"):
        world(instruments=(tmp_path / "no.toml",))
    with pytest.raises(SettingsError, match=r"there is no \.toml file"):
        world(instruments=(tmp_path,))


# --- the catalogue gives way


def test_the_operator_defines_a_contract_of_the_catalogue_anew_while_nobody_traded_it():
    one = world(market="none")
    expiry = "2018-01-15T01:00:00.000Z"
    fields = {"symbol": "XBTH18", "tickSize": 0.1, "takerFee": 0.001, "expiry": expiry}

    row = admin_market.instrument(one.venue, Fields(fields))

    assert (row["tickSize"], row["takerFee"], row["expiry"]) == (0.1, 0.001, expiry)
    advance(one, 3_600)
    assert one.exchange.markets["XBTH18"].state is State.SETTLED
    assert one.exchange.check()


def test_a_contract_with_orders_is_not_replaced():
    one = world(market="none")
    account = one.grant_demo().account
    market = one.exchange.markets["XBTUSD"]
    one.session.submit(
        PlaceOrder(account=account, symbol="XBTUSD", side=Side.BUY, order_qty=100, price=20_000)
    )

    events = one.session.submit(ListInstrument(spec=market.spec, replaces=True))

    assert [each.reason for each in events if isinstance(each, Refused)] == [Reason.ALREADY_LISTED]
    assert market.book.levels(Side.BUY) == [(20_000, 100)]


def test_the_members_of_an_index_of_the_catalogue_are_defined_anew():
    one = world(market="none")
    members = [{"name": name, "weight": "1/3"} for name in ("A", "B", "C")]

    row = admin_market.instrument(
        one.venue,
        Fields({"symbol": ".BXBT", "decimals": 2, "outlier": 0.25, "constituents": members}),
    )
    advance(one, 5)

    assert row["symbol"] == ".BXBT"
    spec = one.exchange.indices[".BXBT"].spec
    assert [each.name for each in spec.constituents] == ["A", "B", "C"]
    assert one.exchange.indices[".BXBT"].price * PICO // 100 == 11_000 * PICO
