"""The shell: events in order, actions out, and an end that leaves no order behind."""

import asyncio

import pytest

from mmbot.app.runner import Runner
from mmbot.clock import SystemClock
from mmbot.errors import LimitError, VenueError, VenueUnavailableError
from mmbot.types import (
    SECOND_NS,
    Answered,
    ArmDeadMan,
    CancelOrders,
    Connected,
    Disconnected,
    Event,
    Note,
    OrderSeen,
    PlaceOrders,
    PriceSeen,
    RefreshState,
    StatusNote,
    Tick,
)

pytestmark = pytest.mark.anyio


class FakeVenue:
    """Holds orders by id; each action may be refused a number of times first."""

    name = "main"

    def __init__(self):
        self.orders = {}
        self.done = []
        self.busy = 0
        self.error_kind = "busy"
        self.dead_man = None
        self.wait_s = 0.0

    async def start(self, sink, symbols):
        pass

    async def perform(self, action):
        await asyncio.sleep(self.wait_s)
        self.done.append(action)
        answer = {"at_ns": 1, "action_id": action.action_id}
        if self.busy:
            self.busy -= 1
            return Answered(**answer, error="overloaded", error_kind=self.error_kind)
        match action:
            case PlaceOrders():
                for order in action.orders:
                    self.orders[order.cl_ord_id] = order
            case CancelOrders():
                for order_id in action.order_ids:
                    self.orders.pop(order_id, None)
            case ArmDeadMan():
                self.dead_man = action.timeout_ms
            case RefreshState():
                rows = tuple(
                    OrderSeen(at_ns=1, order_id=name, cl_ord_id=name, symbol="ETC7D")
                    for name in self.orders
                )
                return Answered(**answer, orders=rows)
            case _:
                raise AssertionError(action)
        return Answered(**answer)

    async def close(self):
        pass


class FakeEngine:
    """Answers each event by its own table; remembers what it was given."""

    def __init__(self):
        self.seen = []
        self.answers = {}
        self.halted = None
        self.is_done = False
        self.is_closed = False
        self.wake_ns = None
        self.notes = []
        self.raises = None

    def on_event(self, event):
        self.seen.append(event)
        if self.raises is not None:
            raise self.raises
        return self.answers.get(type(event), lambda event: [])(event)

    def drain_notes(self):
        notes, self.notes = self.notes, []
        return notes

    def next_wake_ns(self):
        return self.wake_ns

    def shutdown_actions(self):
        self.is_closed = True
        return []


@pytest.fixture
def engine():
    return FakeEngine()


@pytest.fixture
def venue():
    return FakeVenue()


def runner_of(engine, venue, **more):
    more = {"idle_s": 0.02, **more}
    return Runner(engine, {"main": venue}, SystemClock(), prefix="mm-", **more)


def price(number):
    return PriceSeen(at_ns=number, symbol="ETC7D", mark=float(number))


async def until(condition):
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 -- what is waited for is in another's hands
            await asyncio.sleep(0.002)


async def test_events_reach_watchers_and_engine_in_order(engine, venue):
    runner = runner_of(engine, venue, idle_s=10.0)
    watched: list[Event] = []
    runner.every.append(watched.append)
    task = asyncio.create_task(runner.run())

    for number in range(5):
        runner.sink(price(number))
    await until(lambda: len(engine.seen) == 5)
    runner.stop()
    await task
    await runner.close()

    assert engine.seen[:5] == watched[:5] == [price(number) for number in range(5)]


async def test_actions_are_performed_and_their_answers_come_back(engine, venue):
    engine.answers[PriceSeen] = lambda event: [ArmDeadMan(action_id=4, timeout_ms=60_000)]
    runner = runner_of(engine, venue)
    task = asyncio.create_task(runner.run())

    runner.sink(price(1))
    await until(lambda: any(isinstance(event, Answered) for event in engine.seen))
    runner.stop()
    await task
    await runner.close()

    assert venue.dead_man == 60_000


async def test_silence_is_a_tick_and_a_wake_is_kept(engine, venue):
    runner = runner_of(engine, venue, idle_s=10.0)
    engine.wake_ns = SystemClock().now_ns() + SECOND_NS // 20
    task = asyncio.create_task(runner.run())

    await until(lambda: any(isinstance(event, Tick) for event in engine.seen))
    runner.stop()
    await task
    await runner.close()

    assert engine.seen[0].at_ns >= engine.wake_ns


async def test_notes_reach_every_reader(engine, venue):
    runner = runner_of(engine, venue)
    read: list[Note] = []
    runner.readers.append(read.append)
    engine.notes = [StatusNote(at_ns=1, level="info", text="hello")]
    task = asyncio.create_task(runner.run())

    await until(lambda: read)
    runner.stop()
    await task
    await runner.close()

    assert read == [StatusNote(at_ns=1, level="info", text="hello")]


async def test_a_halted_engine_ends_the_run_with_its_error(engine, venue):
    runner = runner_of(engine, venue)
    engine.halted = LimitError("a limit was reached")

    with pytest.raises(LimitError):
        await runner.run()
    await runner.close()


async def test_an_engine_that_raises_ends_the_run(engine, venue):
    runner = runner_of(engine, venue)
    engine.raises = ZeroDivisionError("planted")

    with pytest.raises(ZeroDivisionError):
        await runner.run()
    await runner.close()


async def test_a_venue_that_is_away_too_long_ends_the_run(engine, venue):
    runner = runner_of(engine, venue, give_up_after_s=0.05)
    runner.sink(Disconnected(at_ns=SystemClock().now_ns(), venue="main", reason="gone"))

    with pytest.raises(VenueUnavailableError, match="away"):
        await runner.run()
    await runner.close()


async def test_a_venue_that_comes_back_in_time_does_not(engine, venue):
    runner = runner_of(engine, venue, give_up_after_s=0.1)
    now_ns = SystemClock().now_ns()
    runner.sink(Disconnected(at_ns=now_ns, venue="main", reason="gone"))
    runner.sink(Connected(at_ns=now_ns, venue="main"))
    task = asyncio.create_task(runner.run())

    await asyncio.sleep(0.2)
    runner.stop()
    await task
    await runner.close()


async def test_the_sweep_cancels_own_orders_only_and_disarms(engine, venue):
    runner = runner_of(engine, venue)
    venue.orders = {"mm-q1": 1, "mm-h2": 1, "by-hand": 1}

    left = await runner.sweep()

    assert left == []
    assert set(venue.orders) == {"by-hand"}
    assert venue.dead_man == 0


async def test_the_sweep_goes_on_through_503(engine, venue):
    runner = runner_of(engine, venue)
    venue.orders = {"mm-q1": 1}
    venue.busy = 3

    assert await runner.sweep() == []
    assert venue.orders == {}


async def test_the_sweep_waits_for_orders_that_are_being_sent(engine, venue):
    venue.wait_s = 0.05
    engine.answers[PriceSeen] = lambda event: [RefreshState(action_id=1)]
    runner = runner_of(engine, venue)
    runner.sink(price(1))
    task = asyncio.create_task(runner.run())
    await until(lambda: engine.seen)
    runner.stop()
    await task

    await runner.sweep()

    assert venue.done[0].action_id == 1


async def test_orders_that_do_not_go_are_named(engine, venue):
    class Stubborn(FakeVenue):
        async def perform(self, action):
            kept = dict(self.orders)
            answer = await super().perform(action)
            self.orders = kept
            return answer

    stubborn = Stubborn()
    stubborn.orders = {"mm-q1": 1}
    runner = runner_of(engine, stubborn)

    left = await runner.sweep(within_s=0.1)

    assert [row.cl_ord_id for row in left] == ["mm-q1"]


async def test_a_venue_that_never_answers_is_an_error_not_a_clean_end(engine, venue):
    runner = runner_of(engine, venue)
    venue.busy, venue.error_kind = 1000, "unavailable"

    with pytest.raises(VenueError, match="overloaded"):
        await runner.sweep(within_s=0.3)
