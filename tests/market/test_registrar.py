"""Who lists: what trades at an instant, a quarter of a year of listings and expiries, notices."""

from datetime import UTC, datetime

import msgspec
import pytest

from sim_exchange.clock import ManualClock
from sim_exchange.core.commands import IndexPrints
from sim_exchange.core.exchange import Exchange
from sim_exchange.core.types import DAY_NS, HOUR_NS, SECOND_NS, AnnouncementState, MarkMethod, State
from sim_exchange.journal import Header, MemoryJournal
from sim_exchange.market import era as eras
from sim_exchange.market.prices import Held
from sim_exchange.market.registrar import PAUSE_NS, Registrar, planned_at
from sim_exchange.session import Session


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND_NS


ERA = eras.load("2018")
QUARTERLIES = {one.coin: one for one in ERA.series if one.every == "quarter"}
WEEKLIES = [one for one in ERA.series if one.every == "week"]
PRICES = {".BXBT": 9_945.52, ".ETCXBT": 0.0026}


def small(*wanted: str) -> eras.Era:
    """Return the era of 2018 with two of its indices and the named contracts only."""
    return msgspec.structs.replace(
        ERA,
        index=tuple(one for one in ERA.index if one.symbol in PRICES),
        derived=(),
        series=tuple(one for one in ERA.series if f"{one.file} {one.coin}".strip() in wanted),
    )


class House:
    """An exchange of which only the registrar and the feed's last prices are there."""

    def __init__(self, start: str, era: eras.Era, *, relists: bool = True) -> None:
        self.start_ns = at(start)
        self.x = Exchange(self.start_ns)
        self.clock = ManualClock(self.start_ns)
        journal = MemoryJournal(Header(start_ns=self.start_ns, seed=7, era="2018"))
        self.session = Session(self.x, journal, self.clock)
        self.era = era
        self.prices = {name: Held(round(price * 10**12)) for name, price in PRICES.items()}
        self.listed: list[tuple[str, str]] = []
        self.registrar = Registrar(
            self.session, self.x, era, self.prices, lambda _, spec: self.note(spec.symbol)
        )
        self.registrar.list_indices()
        self.print()
        self.to_ns(self.start_ns + 5 * SECOND_NS)
        self.registrar.begin(self.session.at_ns, relists=relists)

    def note(self, symbol: str) -> None:
        when = datetime.fromtimestamp(self.session.at_ns / 1e9, UTC)
        self.listed.append((f"{when:%m-%d %H:%M:%S}", symbol))

    def print(self) -> None:
        for one in self.era.index:
            price = self.prices[one.symbol].price(self.session.at_ns)
            command = IndexPrints(index=one.symbol, prices=(price,) * len(one.members))
            self.session.submit(command)

    def to_ns(self, at_ns: int) -> None:
        self.session.run_due(at_ns)
        self.clock.move_to(at_ns)

    def to(self, text: str) -> None:
        self.to_ns(at(text))

    def open(self) -> set[str]:
        return {name for name, each in self.x.markets.items() if each.state is State.OPEN}


@pytest.mark.parametrize(
    ("now", "codes"),
    [
        ("2018-01-15T00:00:00", ["H18", "M18"]),
        ("2018-03-30T11:59:59", ["H18", "M18"]),
        ("2018-03-30T12:00:00", ["M18", "U18"]),
        ("2018-12-28T12:00:00", ["H19", "M19"]),
    ],
)
def test_E0c_two_quarterlies_of_bitcoin_and_one_of_each_coin_trade(now, codes):
    assert [one.code for one in planned_at(QUARTERLIES[""], at(now))] == codes
    for coin in ("ADA", "BCH", "ETH", "LTC", "XRP"):
        assert [one.code for one in planned_at(QUARTERLIES[coin], at(now))] == codes[:1]


def test_a_quarterly_was_listed_when_one_before_it_expired():
    front, back = planned_at(QUARTERLIES[""], at("2018-01-15T00:00:00"))

    assert (front.listing_ns, front.expiry_ns) == (
        at("2017-09-29T12:00:00"),
        at("2018-03-30T12:00:00"),
    )
    assert (back.listing_ns, back.expiry_ns) == (
        at("2017-12-29T12:00:00"),
        at("2018-06-29T12:00:00"),
    )
    (coin,) = planned_at(QUARTERLIES["ADA"], at("2018-03-30T12:00:00"))
    # E32 G: ADA, BCH, ETH, LTC and XRP M18 are listed on the day on which H18 expires.
    assert (coin.code, coin.listing_ns) == ("M18", at("2018-03-30T12:00:00"))


def test_E16_strikes_are_110_and_90_percent_of_the_index_at_listing():
    house = House("2018-01-15T00:00:00", small("option.toml U110", "option.toml D90"))
    up, down = (house.x.markets[name].spec for name in ("XBT7D_U110", "XBT7D_D90"))

    assert up.option is not None
    assert down.option is not None
    assert (up.option.call, up.option.strike_pico) == (True, 11_000 * 10**12)
    assert (down.option.call, down.option.strike_pico) == (False, 9_000 * 10**12)
    assert (up.option.barrier_pico, down.option.barrier_pico) == (None, 4_500 * 10**12)
    assert up.mark_method is MarkMethod.LAST
    assert 0 < (up.opening_reference or 0) < 10_000_000
    assert house.x.markets["XBT7D_U110"].mark == up.opening_reference
    assert up.expiry_ns == at("2018-01-19T12:00:00")


def test_a_DOWN_that_was_knocked_out_waits_for_its_friday():
    house = House("2018-01-16T00:00:00", small("option.toml D90"))
    house.prices[".BXBT"] = Held(4_000 * 10**12)
    # The rolling 30-minute mean has to come down to the barrier first (E16).
    for minute in range(1, 41):
        house.print()
        house.to_ns(house.start_ns + minute * 60 * SECOND_NS)
    market = house.x.markets["XBT7D_D90"]
    assert house.open() == set()
    assert market.settled_price == 10_000_000

    house.registrar.begin(house.session.at_ns, relists=True)  # as a restart does
    assert house.open() == set()
    house.print()
    house.to("2018-01-19T12:00:05")

    assert house.open() == {"XBT7D_D90"}
    assert market.spec.option is not None
    assert market.spec.option.strike_pico == 3_500 * 10**12  # 90 % of 4,000, to 250, half up


def test_three_months_of_listings_and_expiries():
    house = House(
        "2018-01-15T00:00:00",
        small("xbt_perpetual.toml", "xbt_quarterly.toml", "weekly.toml ETC", "option.toml U110"),
    )
    first = {"XBTUSD", "XBTH18", "XBTM18", "ETC7D", "XBT7D_U110"}
    assert house.open() == first
    fridays = 0
    for day in range(1, 91):
        house.to_ns(house.start_ns + day * DAY_NS + 13 * HOUR_NS)
        now = datetime.fromtimestamp(house.session.at_ns / 1e9, UTC)
        fridays += now.weekday() == 4
        quarter = {"XBTH18", "XBTM18"} if f"{now:%m-%d}" < "03-30" else {"XBTM18", "XBTU18"}
        assert house.open() == {"XBTUSD", "ETC7D", "XBT7D_U110"} | quarter, now
        weekly = house.x.markets["ETC7D"].spec
        assert 0 < (weekly.expiry_ns or 0) - house.session.at_ns <= 7 * DAY_NS
        house.print()
        assert house.x.check()

    assert fridays == 13
    assert house.x.markets["XBTH18"].state is State.SETTLED
    assert house.x.markets["XBTH18"].settled_price == 994_552
    # What came new; who is listed again is known already.
    assert house.listed[5:] == [("03-30 12:00:05", "XBTU18")]
    made = list(house.x.announcements.values())
    assert {each.state for each in made} == {AnnouncementState.EFFECTIVE}
    assert [each.kind for each in made] == ["listing"] * (13 * 2 + 1)
    (notice,) = [each for each in made if each.symbol == "XBTU18"]
    assert notice.effective_ns == at("2018-03-30T12:00:00") + PAUSE_NS
    assert notice.effective_ns - notice.published_ns == 7 * DAY_NS


def test_an_announcement_that_is_pending_is_not_made_again_after_a_restart():
    house = House("2018-03-25T00:00:00", small("xbt_quarterly.toml"))
    house.to("2018-03-25T00:01:00")
    assert [each.symbol for each in house.x.announcements.values()] == ["XBTU18"]

    house.registrar.begin(house.session.at_ns, relists=True)
    house.to("2018-03-30T12:00:05")

    assert [each.symbol for each in house.x.announcements.values()] == ["XBTU18"]
    assert house.open() == {"XBTM18", "XBTU18"}


def test_without_relisting_what_was_listed_once_is_left_as_it_is():
    house = House("2018-03-30T11:00:00", small("xbt_quarterly.toml"), relists=False)
    house.to("2018-03-30T13:00:00")
    assert house.open() == {"XBTM18"}

    house.registrar.begin(house.session.at_ns, relists=False)

    assert house.open() == {"XBTM18"}
    assert set(house.x.markets) == {"XBTH18", "XBTM18"}


def test_E3_the_settlement_fee_of_a_coin_is_0_from_2018_03_30_on():
    era = small("quarterly.toml ADA")
    ada = ERA.of(".ADAXBT")
    assert ada is not None
    era = msgspec.structs.replace(era, index=(*era.index, ada))

    def listed(start: str) -> tuple[int, tuple[tuple[int, int], ...]]:
        PRICES[".ADAXBT"] = 0.00005
        try:
            house = House(start, era)
        finally:
            del PRICES[".ADAXBT"]
        (spec,) = (each.spec for each in house.x.markets.values())
        return spec.settlement_fee_ppm, spec.settlement_fees

    assert listed("2018-01-15T00:00:00") == (2_500, ((at("2018-03-30T12:00:00"), 0),))
    assert listed("2018-03-30T12:00:00") == (0, ())


def zcash() -> eras.Era:
    """Return the era of 2016 with ZECZ16 alone."""
    before = eras.load("2016")
    return msgspec.structs.replace(
        before,
        index=tuple(one for one in before.index if one.symbol == ".ZECXBT"),
        derived=(),
        series=tuple(one for one in before.series if one.coin == "ZEC"),
    )


def test_E32_a_dated_contract_is_announced_and_listed_at_its_instant(monkeypatch):
    monkeypatch.setitem(PRICES, ".ZECXBT", 0.783768)
    house = House("2016-10-07T11:00:00", zcash())
    assert not house.x.markets
    house.to("2016-10-07T12:00:00")
    (told,) = house.x.announcements.values()
    assert (told.state, told.text) == (AnnouncementState.PENDING, "ZECZ16 is listed")
    assert told.effective_ns == at("2016-10-14T12:00:00")
    house.to("2016-10-14T12:00:00")

    assert house.listed == [("10-14 12:00:00", "ZECZ16")]
    market = house.x.markets["ZECZ16"]
    assert (market.mark, market.spec.expiry_ns) == (78_376_800, at("2016-12-30T12:00:00"))


@pytest.mark.parametrize(
    ("now", "symbols"),
    [("2016-10-14T11:59:59", []), ("2016-10-14T12:00:00", ["ZECZ16"]), ("2016-12-30T12:00:00", [])],
)
def test_E15_a_dated_contract_trades_between_its_dates(now, symbols):
    (series,) = zcash().series
    listed = [series.template(one.code).symbol for one in planned_at(series, at(now))]

    assert listed == symbols
