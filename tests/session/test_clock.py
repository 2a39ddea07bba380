"""Time: virtual time jumps, real time is scaled, nothing blocks in between."""

import asyncio
import os
import signal

import pytest

from sim_exchange.clock import (
    FactorClock,
    ManualClock,
    RealClock,
    VirtualLoop,
    VirtualTimeError,
)

NOON_NS = 1_515_758_400 * 10**9


@pytest.fixture
def loop():
    loop = VirtualLoop(NOON_NS)
    yield loop
    loop.close()


def test_a_virtual_week_of_timers_lands_on_whole_microseconds(loop):
    seen = []

    async def walk():
        for _ in range(20_000):
            await asyncio.sleep(30.000007)
            seen.append(loop.clock.now_ns())

    loop.run_until_complete(walk())

    assert seen == [NOON_NS + k * 30_000_007_000 for k in range(1, 20_001)]


def test_timers_run_in_order_of_their_instants(loop):
    order: list[int] = []
    for at in (7, 3, 5, 4, 6):
        loop.call_at(float(at), order.append, at)

    loop.call_at(8.0, loop.stop)
    loop.run_forever()

    assert order == [3, 4, 5, 6, 7]
    assert loop.clock.now_ns() == NOON_NS + 8 * 10**9


def test_a_sleep_of_thirty_days_is_one_jump_a_day(loop):
    loop.run_until_complete(asyncio.sleep(30 * 86_400))

    assert loop.clock.now_ns() == NOON_NS + 30 * 86_400 * 10**9


def test_a_timeout_is_virtual(loop):
    async def wait():
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 3600)

    loop.run_until_complete(wait())

    assert loop.clock.now_ns() == NOON_NS + 3600 * 10**9


def test_threads_are_refused(loop):
    async def ask():
        await asyncio.to_thread(print)

    with pytest.raises(VirtualTimeError, match="asks for a thread"):
        loop.run_until_complete(ask())


def test_sockets_are_refused(loop):
    async def ask():
        loop.add_reader(pipe, print)

    reader, writer = os.pipe()
    with (
        os.fdopen(reader) as pipe,
        os.fdopen(writer),
        pytest.raises(VirtualTimeError, match="pipe"),
    ):
        loop.run_until_complete(ask())


def test_waiting_for_nothing_is_an_error_not_a_hang(loop):
    with pytest.raises(VirtualTimeError, match="nothing is scheduled"):
        loop.run_until_complete(asyncio.Event().wait())


def test_factor_clock_scales_pauses_and_changes_speed():
    host = [0]
    clock = FactorClock(NOON_NS, 60, host_ns=lambda: host[0])

    host[0] = 10**9
    assert clock.now_ns() == NOON_NS + 60 * 10**9
    assert clock.host_seconds_until(NOON_NS + 120 * 10**9) == 1.0

    clock.set_paused(True)
    host[0] = 5 * 10**9
    assert clock.now_ns() == NOON_NS + 60 * 10**9
    assert clock.host_seconds_until(NOON_NS + 120 * 10**9) is None

    clock.set_paused(False)
    clock.set_factor(1)
    host[0] = 6 * 10**9
    assert clock.now_ns() == NOON_NS + 61 * 10**9


@pytest.mark.parametrize("factor", [0, -1])
def test_a_factor_under_one_is_refused(factor):
    with pytest.raises(ValueError, match="from 1 up"):
        FactorClock(NOON_NS, factor)


def test_manual_clock_moves_forward_only():
    clock = ManualClock(NOON_NS)
    clock.move_to(NOON_NS + 1_999)
    assert clock.now_ns() == NOON_NS + 1_000
    with pytest.raises(ValueError, match="can't go back"):
        clock.move_to(NOON_NS)


def test_real_clock_is_whole_microseconds():
    assert RealClock().now_ns() % 1_000 == 0


def test_timers_of_one_instant_run_in_the_order_in_which_they_were_made(loop):
    order: list[int] = []
    for number in range(20):
        loop.call_at(5.0, order.append, number)
    loop.call_at(5.0, loop.stop)
    loop.run_forever()

    assert order == list(range(20))


def test_a_timer_of_now_runs_after_what_is_ready(loop):
    order: list[str] = []
    loop.call_soon(order.append, "soon")
    loop.call_later(0, order.append, "now")
    loop.call_later(0.25e-6, order.append, "dust")
    loop.call_later(1e-6, loop.stop)
    loop.run_forever()

    assert order == ["soon", "now", "dust"]
    assert loop.clock.now_ns() == NOON_NS + 1_000


def test_canceled_timers_neither_run_nor_move_the_clock(loop):
    ran: list[int] = []
    handles = [loop.call_at(float(k), ran.append, k) for k in range(1, 1_001)]
    for handle in handles[:-1]:
        handle.cancel()
    loop.call_at(1_000.0, loop.stop)
    loop.run_forever()

    assert ran == [1_000]
    assert loop.clock.now_ns() == NOON_NS + 1_000 * 10**9


def test_a_signal_is_heard_while_time_flies(loop):
    async def fly():
        stopped = loop.create_future()
        loop.add_signal_handler(signal.SIGUSR1, stopped.set_result, None)
        os.kill(os.getpid(), signal.SIGUSR1)
        for _ in range(10_000):
            if stopped.done():
                break
            await asyncio.sleep(1)
        loop.remove_signal_handler(signal.SIGUSR1)

    loop.run_until_complete(fly())

    assert loop.clock.now_ns() < NOON_NS + 10_000 * 10**9


def test_an_error_in_a_callback_is_told_and_time_goes_on(loop):
    told: list[dict[str, object]] = []
    loop.set_exception_handler(lambda _, context: told.append(context))
    loop.call_soon(int, "x")
    loop.call_later(1, loop.stop)
    loop.run_forever()

    assert isinstance(told[0]["exception"], ValueError)
    assert "Exception in" in str(told[0]["message"])
