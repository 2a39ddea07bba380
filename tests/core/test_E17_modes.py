"""E17: what an instrument accepts in each mode."""

from datetime import UTC, datetime

import pytest

from sim_exchange.core import commands as c
from sim_exchange.core.events import Liquidated, MarkChanged, Refused, WalletChanged
from sim_exchange.core.orders.order import Order
from sim_exchange.core.specs import Constituent, IndexSpec
from sim_exchange.core.types import Mode, Reason
from tests.core.world import BUY, SELL, WEEK_NS, XBTUSD, World, composite, order, world

P = 20_000


@pytest.fixture
def w() -> World:
    """A bid and an ask of one account, and another account."""
    made = world(spot=False)
    a = made.account("a", XBt=10**10)
    made.account("b", XBt=10**10)
    made.place(a, BUY, 10, P)
    made.place(a, SELL, 10, P + 10)
    return made


def first(w: World) -> Order:
    """The oldest order of the first account."""
    return w.x.open_orders(1)[0]


def test_E17_halt_refuses_every_action_on_orders_and_moves_no_mark(w: World) -> None:
    w.ok(c.SetMode(symbol="ETC7D", mode=Mode.HALT))
    resting = first(w)
    assert w.refused(order(2, BUY, 1, P)).reason is Reason.NOT_OPEN
    amend = c.AmendOrder(account=1, order_id=resting.order_id, price=P - 1)
    assert w.refused(amend).reason is Reason.NOT_OPEN
    cancel = c.CancelOrders(account=1, order_ids=(resting.order_id,))
    assert w.refused(cancel).reason is Reason.NOT_OPEN
    assert w.refused(c.CancelAll(account=1)).reason is Reason.NOT_OPEN
    assert w.refused(c.CancelAll(account=1, symbol="ETC7D")).reason is Reason.NOT_OPEN
    w.ok(c.CancelAll(account=2))  # it has nothing that could stay
    assert resting.is_open
    w.index(".ETCXBT", "0.021")
    assert w.of(MarkChanged) == []

    w.ok(c.SetMode(symbol="ETC7D", mode=Mode.OPEN))
    assert w.x.markets["ETC7D"].mark == 2_100_000


def test_E17_cancel_only_takes_cancels_and_moves_marks(w: World) -> None:
    w.ok(c.SetMode(mode=Mode.CANCEL_ONLY))
    assert w.refused(order(2, BUY, 1, P)).reason is Reason.NOT_OPEN
    w.cancel(first(w))
    w.index(".ETCXBT", "0.021")
    assert w.x.markets["ETC7D"].mark == 2_100_000


def test_E17_post_only_takes_limits_that_do_not_cross(w: World) -> None:
    w.ok(c.SetMode(mode=Mode.POST_ONLY))
    assert w.refused(order(2, BUY, 1)).reason is Reason.NOT_OPEN
    assert w.refused(order(2, BUY, 1, P + 10)).reason is Reason.NOT_OPEN
    crossing = c.AmendOrder(account=1, order_id=first(w).order_id, price=P + 10)
    assert w.refused(crossing).reason is Reason.NOT_OPEN
    w.place(2, BUY, 1, P + 9)


def test_E17_a_contract_without_a_mark_takes_no_orders() -> None:
    w = World()
    w.ok(c.ListIndex(spec=IndexSpec(symbol=".X", constituents=(Constituent("A", 1, 1),))))
    made = world(spot=False).x.markets["ETC7D"].spec
    w.enlist(made, reference_symbol=".X")
    a = w.account("a", XBt=10**9)
    assert w.refused(order(a, BUY, 1, P)).reason is Reason.NO_MARK_PRICE
    w.index(".X", "0.02")
    w.place(a, BUY, 1, P)


def test_E17_an_unknown_symbol_is_refused(w: World) -> None:
    assert w.refused(c.SetMode(symbol="X", mode=Mode.HALT)).reason is Reason.UNKNOWN_SYMBOL


# --- timetables


def at(text: str) -> int:
    """An instant, ns."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 10**9


def xbtusd(start: str) -> tuple[World, int]:
    """XBTUSD at 10,000 with one rich account, from an instant on."""
    w = World(at(start))
    w.ok(c.ListIndex(spec=composite(".BXBT", decimals=2)))
    w.index(".BXBT", "10000")
    w.enlist(XBTUSD, listing_ns=w.now, expiry_ns=w.now + 26 * WEEK_NS)
    return w, w.account("a", XBt=10**10)


def modes(w: World, *instants: str) -> list[Mode]:
    """The mode of XBTUSD at each instant, after what is due then."""
    found = []
    for instant in instants:
        w.now = at(instant)
        w.advance()
        found.append(w.x.markets["XBTUSD"].mode)
    return found


HALT, CANCEL_ONLY, OPEN = Mode.HALT, Mode.CANCEL_ONLY, Mode.OPEN


def suspend(
    w: World, start: str, end: str, *, cancel_only_min: int = 5, supersedes: int = 0
) -> int:
    """Announce a suspension of the engine."""
    halt = c.SetMode(mode=HALT, until_ns=at(end), cancel_only_ns=cancel_only_min * 60 * 10**9)
    return w.ok(c.Announce(change=halt, effective_ns=at(start), supersedes=supersedes))


def test_E17_suspension_of_2017_07_05_lasts_4_h_15() -> None:
    """Notice at 23:05, suspended at 23:30, the site back at 03:05, trading at 03:45."""
    w, _ = xbtusd("2017-07-05T23:00:00")
    w.now = at("2017-07-05T23:05:00")
    suspend(w, "2017-07-05T23:30:00", "2017-07-06T03:45:00", cancel_only_min=40)
    assert modes(w, "2017-07-05T23:29:59", "2017-07-05T23:30:00") == [OPEN, HALT]
    assert modes(w, "2017-07-06T03:04:59", "2017-07-06T03:05:00") == [HALT, CANCEL_ONLY]
    assert modes(w, "2017-07-06T03:44:59", "2017-07-06T03:45:00") == [CANCEL_ONLY, OPEN]
    suspended = at("2017-07-06T03:45:00") - at("2017-07-05T23:30:00")
    assert suspended == 255 * 60 * 10**9


def test_E17_upgrade_of_2021_halts_then_takes_cancels_then_trades() -> None:
    w, _ = xbtusd("2021-06-08T02:00:00")
    suspend(w, "2021-06-08T02:15:00", "2021-06-08T03:15:00")
    assert modes(
        w, "2021-06-08T02:15:00", "2021-06-08T03:09:59", "2021-06-08T03:10:00",
        "2021-06-08T03:14:59", "2021-06-08T03:15:00",
    ) == [HALT, HALT, CANCEL_ONLY, CANCEL_ONLY, OPEN]  # fmt: skip


def test_E17_impairment_of_2018_08_04_lasts_57_minutes() -> None:
    w, a = xbtusd("2018-08-04T14:00:00")
    bid = w.place(a, BUY, 1, 19_000, "XBTUSD")
    suspend(w, "2018-08-04T14:29:00", "2018-08-04T15:26:00", cancel_only_min=0)
    start, end = at("2018-08-04T14:29:00"), at("2018-08-04T15:26:00")
    assert (end - start) // (60 * 10**9) == 57
    for instant, taken in ((start - 1, True), (start, False), (end - 1, False), (end, True)):
        w.now = instant
        w.advance()
        amend = c.AmendOrder(account=a, order_id=bid.order_id, price=bid.price - 1)
        if taken:
            w.ok(amend)
        else:
            assert w.refused(amend).reason is Reason.NOT_OPEN


def test_E17_an_announced_time_may_move_earlier() -> None:
    w, _ = xbtusd("2017-07-05T22:00:00")
    first = suspend(w, "2017-07-06T02:00:00", "2017-07-06T04:00:00")
    w.now = at("2017-07-05T23:05:00")
    suspend(w, "2017-07-05T23:30:00", "2017-07-06T03:45:00", supersedes=first)
    assert modes(w, "2017-07-05T23:30:00", "2017-07-06T03:45:00") == [HALT, OPEN]
    assert modes(w, "2017-07-06T03:59:00") == [OPEN]


def test_E17_the_operators_word_replaces_the_plan() -> None:
    w, _ = xbtusd("2021-06-08T02:00:00")
    suspend(w, "2021-06-08T02:15:00", "2021-06-08T03:15:00")
    assert modes(w, "2021-06-08T02:15:00") == [HALT]
    w.ok(c.SetMode(mode=Mode.POST_ONLY))
    assert modes(w, "2021-06-08T03:10:00", "2021-06-08T03:15:00") == [Mode.POST_ONLY] * 2


def test_E17_orders_in_flight_at_the_halt_are_rejected_not_dropped() -> None:
    w, a = xbtusd("2021-06-08T02:00:00")
    resting = w.place(a, BUY, 1, 19_000, "XBTUSD")
    suspend(w, "2021-06-08T02:15:00", "2021-06-08T03:15:00")
    w.now = at("2021-06-08T02:15:00")  # the very instant, before anything else of it
    events = w.do(order(a, BUY, 1, 19_000, "XBTUSD"))
    assert [e.reason for e in events if isinstance(e, Refused)] == [Reason.NOT_OPEN]
    cancel = c.CancelOrders(account=a, order_ids=(resting.order_id,))
    assert w.refused(cancel).reason is Reason.NOT_OPEN
    assert resting.is_open


def test_E17_deposits_wait_for_the_resumption_in_their_order() -> None:
    w, a = xbtusd("2021-06-08T02:00:00")
    b = w.account("b", XBt=5)
    before = w.wallet(a)
    w.ok(c.SetMode(mode=HALT))
    for account, amount in ((b, 7), (a, 8), (b, 9)):
        w.ok(c.Deposit(to_account=account, currency="XBt", amount=amount))
    assert w.of(WalletChanged) == []
    assert (w.wallet(a), w.wallet(b)) == (before, 5)

    w.ok(c.SetMode(mode=CANCEL_ONLY))

    changes = [(e.account, e.amount) for e in w.events if isinstance(e, WalletChanged)]
    assert changes == [(b, 7), (a, 8), (b, 9)]
    assert (w.wallet(a), w.wallet(b)) == (before + 8, 21)


def test_E17_what_is_listed_during_a_suspension_halts_too() -> None:
    w, a = xbtusd("2021-06-08T02:00:00")
    w.ok(c.SetMode(mode=HALT))
    w.enlist(XBTUSD, symbol="XBTH22", listing_ns=w.now, expiry_ns=w.now + 26 * WEEK_NS)
    assert w.refused(order(a, BUY, 1, 19_000, "XBTH22")).reason is Reason.NOT_OPEN
    w.ok(c.SetMode(mode=OPEN))
    w.place(a, BUY, 1, 19_000, "XBTH22")


@pytest.mark.parametrize("spared_by", [HALT, CANCEL_ONLY])
def test_E17_nobody_is_liquidated_before_the_market_opens(spared_by: Mode) -> None:
    w, a = xbtusd("2021-06-08T02:00:00")
    thin = w.account("thin", XBt=200_000)
    w.place(a, SELL, 1_000, 20_000, "XBTUSD")
    w.place(thin, BUY, 1_000, 20_000, "XBTUSD")
    w.ok(c.SetMode(mode=spared_by))
    w.index(".BXBT", "9500")
    assert w.qty(thin, "XBTUSD") == 1_000
    assert w.x.markets["XBTUSD"].mark == (1_000_000 if spared_by is HALT else 950_000)

    w.ok(c.SetMode(mode=OPEN))  # marks first, then remargin
    kinds = [type(e) for e in w.events if isinstance(e, MarkChanged | Liquidated)]
    assert kinds == ([MarkChanged, Liquidated] if spared_by is HALT else [Liquidated])
    assert w.qty(thin, "XBTUSD") == 0


def test_E17_a_mode_that_ends_in_the_past_is_refused(w: World) -> None:
    late = c.SetMode(mode=HALT, until_ns=w.now)
    assert w.refused(late).reason is Reason.IN_THE_PAST
