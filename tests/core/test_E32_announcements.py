"""E32: a change is announced, and holds from its instant on, that instant included."""

from datetime import UTC, datetime
from fractions import Fraction

import msgspec
import pytest

from sim_exchange.core import commands as c
from sim_exchange.core.events import (
    AnnouncementChanged,
    BookChanged,
    Executed,
    Refused,
    TickChanged,
    WithdrawalChanged,
)
from sim_exchange.core.specs import Constituent
from sim_exchange.core.types import AnnouncementState, MarkMethod, Mode, OrdStatus, Reason
from sim_exchange.core.types import State as Listing
from tests.core.world import (
    BUY,
    ETC7D,
    SELL,
    START_NS,
    WEEK_NS,
    XBT,
    XBTUSD,
    World,
    composite,
    inverse_world,
    order,
    world,
)

MINUTE = 60 * 10**9
CENT, DIME = 10**10, 10**11  # ticks of 0.01 and 0.1


def at(text: str) -> int:
    """An instant, ns."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 10**9


def announce(w: World, change: c.AnyChange, effective_ns: int, **fields: object) -> int:
    """Announce a change; return the number."""
    return w.ok(c.Announce(change=change, effective_ns=effective_ns, **fields))  # type: ignore[arg-type]


def xbtusd_of_2017() -> tuple[World, int, int]:
    """XBTUSD at 100 with a tick of 0.01, on the morning of 2017-03-31."""
    w = World(at("2017-03-31T08:00:00"))
    w.ok(c.ListIndex(spec=composite(".BXBT", decimals=2)))
    w.index(".BXBT", "100")
    w.enlist(
        XBTUSD,
        tick_pico=CENT,
        max_price_ticks=10**8,
        listing_ns=w.now,
        expiry_ns=w.now + 26 * WEEK_NS,
    )
    return w, w.account("a", XBt=100 * XBT), w.account("b", XBt=100 * XBT)


NOON = at("2017-03-31T12:00:00")
TICK = c.TickChange(symbol="XBTUSD", tick_pico=DIME)


def test_E32_100_03_is_accepted_before_noon_and_refused_at_noon() -> None:
    w, a, _ = xbtusd_of_2017()
    announce(w, TICK, NOON, text="Tick size of XBTUSD becomes 0.1")

    w.now = at("2017-03-31T11:59:59")
    resting = w.place(a, BUY, 10, 10_003, "XBTUSD")  # 100.03
    w.now = NOON
    w.advance()

    market = w.x.markets["XBTUSD"]
    assert market.spec.tick_pico == DIME
    assert resting.status is OrdStatus.CANCELED
    assert resting.end_reason is Reason.TICK_CHANGE
    # 100.03 is no number of ticks any more; as 10,003 ticks it would be 1,000.30.
    assert market.spec.max_price_ticks == 10**7
    assert w.place(a, BUY, 10, 1_000, "XBTUSD").price * market.spec.tick_pico == 100 * 10**12


def test_E32_the_first_command_of_the_instant_already_finds_the_new_tick() -> None:
    w, a, _ = xbtusd_of_2017()
    announce(w, TICK, NOON)
    w.now = NOON
    w.place(a, BUY, 10, 1_000, "XBTUSD")
    assert w.of(TickChanged) == [TickChanged(symbol="XBTUSD", before=CENT, after=DIME)]
    w.now = NOON + 1
    w.advance()
    assert w.of(TickChanged) == []


def test_E32_what_rests_on_the_new_tick_stays_in_its_place() -> None:
    w, a, b = xbtusd_of_2017()
    first = w.place(a, BUY, 10, 9_990, "XBTUSD")
    iceberg = w.place(b, BUY, 50, 9_990, "XBTUSD", display=5)
    last = w.place(a, BUY, 10, 9_990, "XBTUSD")
    off = w.place(b, BUY, 10, 9_991, "XBTUSD")
    ask = w.place(b, SELL, 10, 10_010, "XBTUSD")
    w.place(a, SELL, 3, 9_991, "XBTUSD")
    assert w.trades == [(3, 9_991)]
    w.now = NOON - 1
    w.advance()
    held = w.x.margin(a, "XBt").init_margin
    announce(w, TICK, NOON)

    w.now = NOON
    w.advance()

    assert not off.is_open
    market = w.x.markets["XBTUSD"]
    assert market.book.levels(BUY) == [(999, 25)]
    assert market.book.levels(SELL) == [(1_001, 10)]
    assert market.last_price == 999  # 99.91, at the nearest 0.1
    assert [one.order_id for one in market.book.orders()] == [
        first.order_id,
        iceberg.order_id,
        last.order_id,
        ask.order_id,
    ]
    told = [(e.side, e.price, e.size) for e in w.of(BookChanged) if isinstance(e, BookChanged)]
    assert told == [(BUY, 999, 25), (SELL, 1_001, 10)]
    assert w.x.margin(a, "XBt").init_margin == held
    w.place(a, SELL, 12, 999, "XBTUSD")
    assert [(e.account, e.last_qty) for e in w.events if isinstance(e, Executed) and e.match_id][
        ::2
    ] == [(a, 10), (b, 2)]


def test_E32_a_finer_tick_cancels_nothing() -> None:
    w = inverse_world("10000")
    a = w.account("a", XBt=XBT)
    bid = w.place(a, BUY, 10, 19_999, "XBTUSD")  # 9,999.5
    announce(w, c.TickChange(symbol="XBTUSD", tick_pico=DIME), w.now + MINUTE)
    w.advance(MINUTE)
    assert (bid.is_open, bid.price) == (True, 99_995)
    w.amend(bid, price=99_996)
    w.cancel(bid)


def test_E32_a_filled_order_keeps_its_price_and_can_not_be_revived() -> None:
    w, a, b = xbtusd_of_2017()
    filled = w.place(a, BUY, 10, 10_003, "XBTUSD")
    w.now = NOON - 10 * 10**9
    w.place(b, SELL, 10, 10_003, "XBTUSD")
    announce(w, TICK, NOON)
    w.now = NOON
    w.advance()
    assert (filled.price, filled.tick_pico) == (10_003, CENT)
    revive = c.AmendOrder(account=a, order_id=filled.order_id, leaves_qty=5)
    assert w.refused(revive).reason is Reason.ORDER_NOT_OPEN


def test_E32_the_contract_still_expires_after_its_terms_have_changed() -> None:
    w = world(spot=False)
    announce(w, c.TickChange(symbol="ETC7D", tick_pico=2_000_000), w.now)
    w.now = START_NS + WEEK_NS
    w.advance()
    assert w.x.markets["ETC7D"].state is Listing.SETTLED


def test_E32_a_tick_finer_than_the_mark_is_refused() -> None:
    w = inverse_world()
    finer = c.Announce(
        change=c.TickChange(symbol="XBTUSD", tick_pico=10**9), effective_ns=w.now + 1
    )
    refused = w.refused(finer)
    assert refused.reason is Reason.BAD_ANNOUNCEMENT
    assert refused.text == "tick_pico 1000000000 is finer than 2 mark decimals"


# --- the announcement itself


def test_E32_the_row_has_publish_time_effective_time_and_what_it_supersedes() -> None:
    w = inverse_world()
    w.now = START_NS + MINUTE
    one = announce(w, TICK, START_NS + 60 * MINUTE, text="later")
    assert w.of(AnnouncementChanged) == [
        AnnouncementChanged(number=one, state=AnnouncementState.PENDING)
    ]
    w.now += MINUTE
    two = announce(w, TICK, START_NS + 30 * MINUTE, supersedes=one)

    row, other = w.x.announcements[one], w.x.announcements[two]
    assert (row.published_ns, row.effective_ns) == (START_NS + MINUTE, START_NS + 60 * MINUTE)
    assert (row.state, row.superseded_by) == (AnnouncementState.SUPERSEDED, two)
    assert (row.kind, row.symbol, row.text) == ("tick", "XBTUSD", "later")
    assert (other.supersedes, other.state) == (one, AnnouncementState.PENDING)
    w.now = START_NS + 30 * MINUTE
    w.advance()
    assert w.x.announcements[two].state is AnnouncementState.EFFECTIVE
    w.now = START_NS + 60 * MINUTE
    w.advance()
    assert w.of(TickChanged) == []


def test_E32_an_effective_time_in_the_past_is_refused() -> None:
    w = inverse_world()
    refused = w.refused(c.Announce(change=TICK, effective_ns=w.now - 1))
    assert (refused.reason, refused.detail) == (Reason.IN_THE_PAST, w.now)
    assert w.x.announcements == {}


def test_E32_superseding_after_the_effect_is_refused() -> None:
    w = inverse_world()
    one = announce(w, TICK, w.now + MINUTE)
    w.advance(MINUTE)
    late = c.Announce(change=TICK, effective_ns=w.now + MINUTE, supersedes=one)
    assert w.refused(late).reason is Reason.NO_LONGER_PENDING


def test_E32_superseding_the_unknown_or_another_kind_is_refused() -> None:
    w = inverse_world()
    one = announce(w, TICK, w.now + MINUTE)
    other = c.FeeChange(symbol="XBTUSD", taker_fee_ppm=500)
    unknown = c.Announce(change=TICK, effective_ns=w.now + 1, supersedes=7)
    assert w.refused(unknown).reason is Reason.UNKNOWN_ANNOUNCEMENT
    differs = c.Announce(change=other, effective_ns=w.now + 1, supersedes=one)
    assert w.refused(differs).reason is Reason.BAD_ANNOUNCEMENT


@pytest.mark.parametrize(
    "change",
    [
        c.TickChange(symbol="NONE", tick_pico=1),
        c.TickChange(symbol="XBTUSD", tick_pico=0),
        c.TickChange(symbol="XBTUSD", tick_pico=1 << 62),  # over the highest price
        c.FeeChange(symbol="XBTUSD", maker_fee_ppm=-10_000),
        c.MarginChange(symbol="XBTUSD", init_margin_ppm=5_000),
        c.SetMode(symbol="NONE", mode=Mode.HALT),
        c.SetMode(symbol="XBTUSD", mode=Mode.HALT, until_ns=START_NS),
        c.SetMode(symbol="XBTUSD", mode=Mode.HALT, cancel_only_ns=-1),
        c.ListInstrument(spec=msgspec.structs.replace(XBTUSD, lot_size=0)),
    ],
)
def test_E32_what_can_not_be_done_is_not_announced(change: c.AnyChange) -> None:
    w = inverse_world()
    refused = w.refused(c.Announce(change=change, effective_ns=w.now + MINUTE))
    assert refused.reason is Reason.BAD_ANNOUNCEMENT
    assert refused.text


def test_E32_what_fails_at_its_instant_says_so_and_changes_nothing() -> None:
    w = inverse_world()
    number = announce(w, c.ListInstrument(spec=XBTUSD), w.now + MINUTE)
    w.advance(MINUTE)  # it is listed still
    row = w.x.announcements[number]
    assert (row.state, row.fault) == (AnnouncementState.FAILED, "XBTUSD")
    assert w.of(AnnouncementChanged) == [
        AnnouncementChanged(number=number, state=AnnouncementState.FAILED)
    ]


# --- kinds


def test_E32_series_that_are_not_relisted_and_those_that_are() -> None:
    """2018-03-30: M18 of ADA, BCH, ETH, LTC, XRP is listed, of DASH, ETC, NEO... is not."""
    noon = at("2018-03-30T12:00:00")
    w = World(at("2018-03-23T12:00:00"))
    w.ok(c.ListIndex(spec=composite(".COIN")))
    w.index(".COIN", "0.02")
    again = ("ADA", "BCH", "ETH", "LTC", "XRP")
    gone = ("DASH", "ETC", "NEO", "XMR", "XLM", "ZEC")
    for root in (*again, *gone):
        w.enlist(
            ETC7D,
            symbol=f"{root}H18",
            root=root,
            reference_symbol=".COIN",
            listing_ns=w.now,
            expiry_ns=noon,
        )
    for root in again:
        spec = msgspec.structs.replace(
            ETC7D,
            symbol=f"{root}M18",
            root=root,
            reference_symbol=".COIN",
            settlement_fee_ppm=0,
            listing_ns=noon,
            expiry_ns=noon + 13 * WEEK_NS,
        )
        announce(w, c.ListInstrument(spec=spec), noon)
    w.now = noon - 1
    w.advance()
    assert not any(symbol.endswith("M18") for symbol in w.x.markets)

    w.now = noon
    w.advance()

    live = [symbol for symbol, m in w.x.markets.items() if m.state is Listing.OPEN]
    assert live == [f"{root}M18" for root in again]
    assert all(w.x.markets[f"{root}H18"].state is Listing.SETTLED for root in (*again, *gone))


def test_E3_the_altcoin_settlement_fee_ends_on_2018_03_30_at_noon_inclusive() -> None:
    """A contract that settles at that instant pays nothing, one a second before 0.25 %."""
    noon = at("2018-03-30T12:00:00")
    paid = {}
    for name, expiry_ns in (("BEFORE", noon - 60 * 10**9), ("AT", noon)):
        w = World(at("2018-03-30T08:00:00"))
        w.ok(c.ListIndex(spec=composite(".COIN")))
        w.index(".COIN", "0.0201")
        w.enlist(
            ETC7D,
            symbol=name,
            reference_symbol=".COIN",
            maker_fee_ppm=0,
            taker_fee_ppm=0,
            listing_ns=w.now,
            expiry_ns=expiry_ns,
        )
        announce(w, c.FeeChange(symbol=name, settlement_fee_ppm=0), noon)
        long, short = w.account("long", XBt=10 * XBT), w.account("short", XBt=10 * XBT)
        w.place(long, BUY, 300, 20_100, name)
        w.place(short, SELL, 300, 20_100, name)
        w.now = expiry_ns
        w.print(".COIN", "0.0201")
        w.advance()
        paid[name] = 10 * XBT - w.wallet(long)
    assert paid == {"BEFORE": 1_507_500, "AT": 0}


def test_E3_fees_change_at_an_instant_and_reserves_follow() -> None:
    w = inverse_world("10000")
    maker, taker = w.account("maker", XBt=XBT), w.account("taker", XBt=XBT)
    w.place(maker, BUY, 1_000, 20_000, "XBTUSD")
    w.place(taker, SELL, 1_000, 20_000, "XBTUSD")
    view = w.x.position(taker, "XBTUSD")
    assert view is not None
    # ceil(0.00075*(10,000,000 + 100,000))
    assert (w.executions(taker)[-1].exec_comm, view.pos_comm) == (7_500, 7_575)

    announce(w, c.FeeChange(symbol="XBTUSD", maker_fee_ppm=0, taker_fee_ppm=1_000), w.now + MINUTE)
    w.advance(MINUTE)

    view = w.x.position(taker, "XBTUSD")
    assert view is not None
    assert view.pos_comm == 10_100
    w.place(maker, SELL, 1_000, 20_000, "XBTUSD")
    w.place(taker, BUY, 1_000, 20_000, "XBTUSD")
    assert w.executions(maker)[0].exec_comm == 0
    assert w.executions(taker)[-1].exec_comm == 10_000


def test_E32_margins_change_for_positions_that_are_there() -> None:
    w = inverse_world("10000")
    a, b = w.account("a", XBt=XBT), w.account("b", XBt=XBT)
    w.place(a, BUY, 1_000, 20_000, "XBTUSD")
    w.place(b, SELL, 1_000, 20_000, "XBTUSD")
    w.ok(c.SetLeverage(account=a, symbol="XBTUSD", leverage_cents=10_000))

    announce(
        w,
        c.MarginChange(symbol="XBTUSD", init_margin_ppm=20_000, maint_margin_ppm=10_000),
        w.now + MINUTE,
    )
    w.advance(MINUTE)

    view = w.x.position(a, "XBTUSD")
    assert view is not None
    assert (view.leverage_cents, view.pos_init) == (5_000, 200_000)
    other = w.x.position(b, "XBTUSD")
    assert other is not None
    assert other.pos_maint == 100_000 + other.pos_comm


def test_E32_higher_maintenance_liquidates_whom_it_reaches() -> None:
    w = inverse_world("10000")
    a, b = w.account("a", XBt=300_000), w.account("b", XBt=XBT)
    w.place(b, SELL, 1_000, 20_000, "XBTUSD")
    w.place(a, BUY, 1_000, 20_000, "XBTUSD")
    change = c.MarginChange(symbol="XBTUSD", init_margin_ppm=50_000, maint_margin_ppm=40_000)
    announce(w, change, w.now + MINUTE)
    w.advance(MINUTE)
    assert w.qty(a, "XBTUSD") == 0


def test_E32_a_mode_is_announced_with_its_end() -> None:
    w = inverse_world("10000")
    a = w.account("a", XBt=XBT)
    start = w.now + 10 * MINUTE
    halt = c.SetMode(symbol="XBTUSD", mode=Mode.HALT, until_ns=start + 60 * MINUTE)
    announce(w, halt, start)
    w.now = start
    events = w.do(order(a, BUY, 1, 20_000, "XBTUSD"))
    assert [e.reason for e in events if isinstance(e, Refused)] == [Reason.NOT_OPEN]
    assert w.x.markets["XBTUSD"].mode is Mode.HALT


def test_E32_xbtusd_switches_its_index_as_xbth17_expires() -> None:
    """.XBT to .BXBT at 2017-03-31T12:00Z: the mark may jump; both were published before."""
    w = World(at("2017-03-31T08:00:00"))
    for symbol, price in ((".XBT", "1070"), (".BXBT", "1080")):
        w.ok(c.ListIndex(spec=composite(symbol, decimals=2)))
        w.index(symbol, price)
    for symbol, expiry_ns in (("XBTUSD", None), ("XBTH17", NOON)):
        w.enlist(
            XBTUSD,
            symbol=symbol,
            typ="FFWCSX" if expiry_ns is None else "FFCCSX",
            reference_symbol=".XBT",
            mark_method=MarkMethod.INDEX,
            listing_ns=w.now,
            expiry_ns=expiry_ns,
        )
    announce(w, c.SetReference(symbol="XBTUSD", reference_symbol=".BXBT"), NOON)
    w.now = NOON - 10**9
    w.advance()
    assert w.x.markets["XBTUSD"].mark == 107_000
    w.now = NOON
    w.advance()
    assert w.x.markets["XBTUSD"].mark == 108_000
    assert w.x.markets["XBTH17"].settled_price == 107_000


def test_E32_a_split_is_announced_and_adds_the_other_version() -> None:
    w = World(at("2017-08-01T08:00:00"))
    for symbol, price in ((".A", "2505"), (".B", "250")):
        w.ok(c.ListIndex(spec=composite(symbol, decimals=2)))
        w.index(symbol, price)
    w.enlist(XBTUSD, reference_symbol=".A", listing_ns=w.now, expiry_ns=w.now + WEEK_NS)
    number = announce(w, c.SplitChain(index=".A", other=".B"), w.now + MINUTE)
    assert (w.x.announcements[number].kind, w.x.announcements[number].symbol) == ("split", ".A")
    w.advance(MINUTE)
    assert w.x.markets["XBTUSD"].mark == 275_500


def test_E27_an_extra_round_of_withdrawals_is_announced() -> None:
    """An extra one at 10:00: confirmed at 09:59 it goes then, at 10:00 with that of 13:00."""
    w = World(at("2017-07-31T09:00:00"))
    account = w.account("a", XBt=10 * XBT)
    ten = at("2017-07-31T10:00:00")
    announce(w, c.WithdrawalRound(), ten)
    sent: dict[int, str] = {}
    numbers = []
    for instant in (ten - MINUTE, ten):
        w.now = instant
        ask = c.RequestWithdrawal(
            account=account, currency="XBt", amount=XBT, fee=100_000, address="A"
        )
        number = w.ok(ask)
        numbers.append(number)
        w.ok(c.ConfirmWithdrawal(account=account, withdrawal=number))
    for text in ("10:00:00", "12:59:59", "13:00:00"):
        w.now = at(f"2017-07-31T{text}")
        w.advance()
        for event in w.events:
            if isinstance(event, WithdrawalChanged):
                sent[event.number] = text
    assert sent == {numbers[0]: "10:00:00", numbers[1]: "13:00:00"}


def test_E9_timetable_of_april_2017() -> None:
    """Weights of .BXBT as announced; the plan of the 20th is superseded on the 19th."""
    w = World(at("2017-04-15T22:00:00"))
    names = ("Bitfinex", "Bitstamp", "GDAX", "OKCoin")
    w.ok(c.ListIndex(spec=composite(".BXBT", names, decimals=2)))
    w.ok(c.ListIndex(spec=composite(".XBT", ("Bitstamp", "OKCoin"), decimals=2)))
    prices = {"Bitfinex": 1_230, "Bitstamp": 1_180, "GDAX": 1_184, "OKCoin": 1_190}

    def of(*members: str) -> c.SetComposition:
        share = len(members)
        return c.SetComposition(
            index=".BXBT", constituents=tuple(Constituent(name, 1, share) for name in members)
        )

    def put(*members: str) -> None:
        """Let everybody print now, and let it be published."""
        for index, printing in ((".BXBT", members), (".XBT", ("Bitstamp", "OKCoin"))):
            pico = tuple(prices[name] * 10**12 for name in printing)
            w.ok(c.IndexPrints(index=index, prices=pico))
        w.advance()

    def at_once(text: str, *members: str) -> int:
        """Go to a time at which these are the members, all with equal weights; return the index."""
        goal, listed = at(text), [one.name for one in w.x.indices[".BXBT"].spec.constituents]
        for before_s in range(330, 0, -30):  # whoever was silent counts after 5 minutes of prints
            if goal - before_s * 10**9 > w.now:
                w.now = goal - before_s * 10**9
                put(*listed)
        w.now = goal
        put(*members)
        weights = {
            one.name: Fraction(one.num, one.den) for one in w.x.indices[".BXBT"].spec.constituents
        }
        assert weights == dict.fromkeys(members, Fraction(1, len(members)))
        return w.x.indices[".BXBT"].price

    assert at_once("2017-04-15T23:02:00", *names) == 119_600

    # GDAX out, with its weight on the others.
    w.now = at("2017-04-15T23:30:00")
    announce(w, of("Bitfinex", "Bitstamp", "OKCoin"), at("2017-04-16T00:00:00"))
    assert at_once("2017-04-15T23:59:55", *names) == 119_600
    assert at_once("2017-04-16T00:00:00", "Bitfinex", "Bitstamp", "OKCoin") == 120_000

    # Bitfinex out at 16:00 of the next day, with 30 minutes' notice.
    w.now = at("2017-04-16T15:30:00")
    announce(w, of("Bitstamp", "OKCoin"), at("2017-04-16T16:00:00"))
    assert at_once("2017-04-16T15:59:55", "Bitfinex", "Bitstamp", "OKCoin") == 120_000
    assert at_once("2017-04-16T16:00:00", "Bitstamp", "OKCoin") == 118_500
    assert w.x.indices[".XBT"].price == 118_500  # the same prints as .XBT

    w.now = at("2017-04-18T12:00:00")
    plan = announce(w, of("GDAX", "Bitstamp"), at("2017-04-20T08:00:00"))
    w.now = at("2017-04-19T12:00:00")
    announce(w, of("GDAX", "Bitstamp", "OKCoin"), at("2017-04-19T21:45:00"), supersedes=plan)
    announce(w, of("GDAX", "Bitstamp"), at("2017-04-19T22:00:00"))
    assert at_once("2017-04-19T21:44:55", "Bitstamp", "OKCoin") == 118_500
    assert at_once("2017-04-19T21:45:00", "GDAX", "Bitstamp", "OKCoin") == 118_467
    assert at_once("2017-04-19T21:59:55", "GDAX", "Bitstamp", "OKCoin") == 118_467
    assert at_once("2017-04-19T22:00:00", "GDAX", "Bitstamp") == 118_200
    assert at_once("2017-04-20T08:00:00", "GDAX", "Bitstamp") == 118_200
    assert w.x.announcements[plan].state is AnnouncementState.SUPERSEDED
