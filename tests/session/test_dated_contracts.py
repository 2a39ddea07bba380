"""Contracts that there were once: an era lists them by their dates, and somebody quotes them."""

import pytest

from sim_exchange.app import build_world, load
from sim_exchange.app.pump import ManualControl
from sim_exchange.app.world import World
from sim_exchange.clock import ManualClock
from sim_exchange.core.commands import ExpireNow
from sim_exchange.core.events import Refused, Traded
from sim_exchange.core.types import State
from sim_exchange.settings import parse_instant


def world(era: str, start: str, **more: object) -> World:
    options = {"durability": "none", "clock": "manual", "start": start, "era": era, **more}
    return build_world(load(options, environ={}), None)


def to(one: World, instant: str) -> None:
    assert isinstance(one.clock, ManualClock)
    ManualControl(one.clock, one.session).advance_to(parse_instant(instant))


def test_E15_ZECZ16_is_quoted_inside_its_band_and_free_after_the_launch():
    one = world("2016", "2016-10-28T11:30:00Z")
    market = one.exchange.markets["ZECZ16"]
    assert market.state is State.OPEN
    assert (market.limit_down, market.limit_up) == (391_884, 1_175_652)
    assert market.mark == 78_376_800
    bid, ask = market.book.best_bid(), market.book.best_ask()
    assert 391_884 < (bid or 0) < (ask or 0) < 1_175_652
    assert ((bid or 0) + (ask or 0)) / 2 == pytest.approx(783_768, rel=0.02)
    assert one.exchange.indices[".ZECXBT"].direction is None  # no trade in the coin yet

    to(one, "2016-10-28T11:59:55Z")
    assert market.limit_up == 1_175_652
    heard: list[object] = []
    one.session.subscribe(lambda _seq, _at, _command, events: heard.extend(events))
    to(one, "2016-10-28T12:30:00Z")
    assert one.exchange.markets["ZECZ16"].limit_down is None
    assert one.exchange.indices[".ZECXBT"].price > 0
    assert not [event for event in heard if isinstance(event, Refused)]
    assert [event for event in heard if isinstance(event, Traded) and event.symbol == "ZECZ16"]
    assert one.exchange.check()


def test_what_has_expired_is_not_listed_any_more():
    assert "ZECZ16" not in world("2016", "2016-12-30T12:00:00Z").exchange.markets
    assert "QTUMU17" not in world("2017", "2018-01-12T12:00:00Z").exchange.markets


def test_E14_QTUMU17_settles_by_the_mean_where_trade_in_the_coin_began_in_time():
    one = world("2017", "2017-09-29T11:00:00Z", market="none")
    market = one.exchange.markets["QTUMU17"]
    assert (market.limit_down, market.limit_up) == (255_000, 425_000)
    to(one, "2017-09-29T12:00:00Z")

    assert market.state is State.SETTLED
    assert market.settled_price == one.exchange.indices[".QTUMXBT30M"].price > 0


def test_E14_QTUMU17_settles_at_the_price_of_the_sale_where_there_is_no_trade():
    one = world("2017", "2017-09-20T12:00:00Z", market="none")
    one.session.submit(ExpireNow(symbol="QTUMU17"))

    assert one.exchange.indices[".QTUMXBT"].direction is None
    assert one.exchange.markets["QTUMU17"].settled_price == 340_000


def test_E14_XTZZ17_settles_at_0_where_the_coin_has_not_come():
    one = world("2017", "2017-12-29T11:00:00Z", market="none")
    to(one, "2017-12-29T12:00:00Z")

    assert one.exchange.markets["XTZZ17"].state is State.SETTLED
    assert one.exchange.markets["XTZZ17"].settled_price == 0


def test_E25_TH1BTC_trades_and_ends_at_0():
    one = world("2014", "2014-10-29T11:30:00Z")
    market = one.exchange.markets["TH1BTC"]
    assert market.spec.short_cap == 100
    # A day of ninety is left of what cost 2 XBT.
    ask = market.book.best_ask()
    assert (ask or 0) * market.spec.tick_pico / 10**12 == pytest.approx(2 / 90, rel=0.05)
    assert {"XBTZ14", "XBTH15"} < set(one.exchange.markets)
    to(one, "2014-10-30T12:00:00Z")

    assert market.total_volume > 0
    assert (market.state, market.settled_price) == (State.SETTLED, 0)
    assert one.exchange.check()
