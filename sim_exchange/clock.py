"""What time it is: real, accelerated, moved by hand, or virtual; nanoseconds since the Unix epoch.

| clock | moves | for |
| --- | --- | --- |
| ``RealClock`` | with the host | what protects the server: expiries, pings, quotas |
| ``FactorClock`` | N times as fast as the host from a chosen start; may be paused | serve, paper |
| ``ManualClock`` | only when told to | exact tests from outside, lessons |
| ``VirtualClock`` | by its ``VirtualLoop``, from timer to timer | demo, tests, backtests |

Instants are whole microseconds.
"""

# ruff: noqa: SLF001 -- a loop works on its handles' insides, as asyncio's own does

import asyncio
import selectors
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from contextvars import Context, copy_context
from heapq import heapify, heappop, heappush
from typing import Any, NoReturn, Protocol, TypeVarTuple

from typing_extensions import override

MICRO_NS = 1_000

_Ts = TypeVarTuple("_Ts")

# How many turns pass between two looks at the real descriptors; a look costs as much as a turn.
_LOOK_EVERY = 1_024
# So many canceled timers may always wait for their time.
_CANCELED_KEPT = 100


class VirtualTimeError(RuntimeError):
    """Something was asked for that can't be waited for in virtual time."""


class Clock(Protocol):
    """Anything that knows what time it is."""

    def now_ns(self) -> int:
        """Nanoseconds since the Unix epoch, UTC, whole microseconds."""
        ...


class RealClock:
    """The host's clock."""

    def now_ns(self) -> int:
        """Nanoseconds since the Unix epoch, UTC, whole microseconds."""
        return time.time_ns() // MICRO_NS * MICRO_NS


class FactorClock:
    """A clock that runs ``factor`` times as fast as the host, from ``start_ns`` on.

    It counts the host's monotonic time, so a step of the host's clock does not move it.
    """

    def __init__(
        self, start_ns: int, factor: int = 1, host_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        """Start now at ``start_ns``; ``host_ns`` is only given by tests."""
        if factor < 1:
            raise ValueError(f"a clock's factor is a whole number from 1 up, not {factor}")
        self._host_ns = host_ns
        self._base_ns = start_ns
        self._since_ns = host_ns()
        self._factor = factor
        self._paused = False

    @property
    def factor(self) -> int:
        """Exchange seconds in a second of the host, while not paused."""
        return self._factor

    @property
    def paused(self) -> bool:
        """Whether the clock stands still."""
        return self._paused

    def now_ns(self) -> int:
        """Nanoseconds since the Unix epoch, UTC, whole microseconds."""
        if self._paused:
            return self._base_ns
        ran_ns = (self._host_ns() - self._since_ns) * self._factor
        return (self._base_ns + ran_ns) // MICRO_NS * MICRO_NS

    def set_factor(self, factor: int) -> None:
        """Run ``factor`` times as fast from now on.

        Raises:
            ValueError: ``factor`` is under 1.
        """
        if factor < 1:
            raise ValueError(f"a clock's factor is a whole number from 1 up, not {factor}")
        self._rebase()
        self._factor = factor

    def set_paused(self, paused: bool) -> None:
        """Stand still, or go on from where it stood."""
        self._rebase()
        self._paused = paused

    def host_seconds_until(self, at_ns: int) -> float | None:
        """Seconds of the host until ``at_ns``; 0 when it has passed, None while paused."""
        if self._paused:
            return None
        return max(0.0, (at_ns - self.now_ns()) / (1e9 * self._factor))

    def _rebase(self) -> None:
        self._base_ns, self._since_ns = self.now_ns(), self._host_ns()


class ManualClock:
    """A clock that stands until it is moved."""

    def __init__(self, start_ns: int) -> None:
        """Stand at ``start_ns``."""
        self._now_ns = start_ns // MICRO_NS * MICRO_NS

    def now_ns(self) -> int:
        """Nanoseconds since the Unix epoch, UTC, whole microseconds."""
        return self._now_ns

    def move_to(self, at_ns: int) -> None:
        """Stand at ``at_ns``, rounded down to a microsecond.

        Raises:
            ValueError: ``at_ns`` is in the past.
        """
        if at_ns < self._now_ns:
            raise ValueError(f"the clock stands at {self._now_ns} ns and can't go back to {at_ns}")
        self._now_ns = at_ns // MICRO_NS * MICRO_NS


class VirtualClock:
    """The clock of a ``VirtualLoop``; only the loop moves it."""

    __slots__ = ("_now_ns", "start_ns")

    def __init__(self, start_ns: int) -> None:
        """Stand at ``start_ns``, rounded down to a microsecond."""
        self.start_ns = start_ns // MICRO_NS * MICRO_NS
        self._now_ns = self.start_ns

    def now_ns(self) -> int:
        """Nanoseconds since the Unix epoch, UTC, whole microseconds."""
        return self._now_ns

    def begin_at(self, start_ns: int) -> None:
        """Let time begin at another instant.

        Raises:
            VirtualTimeError: time has passed already.
        """
        if self._now_ns != self.start_ns:
            raise VirtualTimeError(f"virtual time has begun at {self.start_ns} ns already")
        self._now_ns = self.start_ns = start_ns // MICRO_NS * MICRO_NS

    def jump(self, micros: int) -> None:
        """Move ``micros`` microseconds on."""
        self._now_ns += micros * MICRO_NS


class _OneSelector(selectors.DefaultSelector):
    # Only the loop's own wake-up pipe may be waited for: with a socket the clock would jump while
    # bytes travel.

    @override
    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        if self.get_map():
            raise VirtualTimeError("a socket or pipe can't be waited for in virtual time")
        return super().register(fileobj, events, data)


class _Handle(asyncio.TimerHandle):
    # Made half a million times in a virtual week: asyncio's own cost twice as much.

    __slots__ = ()

    def __init__(
        self,
        when_s: float,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        loop: "VirtualLoop",
        context: Context | None,
    ) -> None:
        self._context = copy_context() if context is None else context
        self._callback = callback
        self._args = args
        self._loop = loop
        self._cancelled = False
        self._when = when_s
        self._scheduled = False
        self._repr = self._source_traceback = None


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next timer whenever nothing is ready.

    ``loop.clock`` is the same time as nanoseconds since the epoch. Nothing in it may wait for
    another thread or a descriptor. Timers of one instant run in the order in which they were made,
    after all that is ready. Its turns are its own, because a virtual week has a million of them;
    asyncio's debug mode has no effect.

    >>> loop = VirtualLoop(start_ns=0)
    >>> loop.run_until_complete(asyncio.sleep(3600))
    >>> loop.clock.now_ns()
    3600000000000
    >>> loop.close()
    """

    # asyncio's own, which typeshed does not tell of.
    _ready: deque[Any]
    _selector: selectors.BaseSelector
    _stopping: bool

    def __init__(self, start_ns: int = 0) -> None:
        """Start at ``start_ns`` (since the epoch); ``loop.time()`` starts at 0."""
        self.clock = VirtualClock(start_ns)
        super().__init__(_OneSelector())
        self._micros = 0  # since the start
        self._now_s = 0.0  # the same
        self._timers: list[tuple[int, int, _Handle]] = []  # a heap by (micros, number)
        self._count = 0
        self._turns = 0
        self._canceled = 0  # among the timers

    @override
    def time(self) -> float:
        """Seconds since the start."""
        return self._now_s

    @override
    def call_soon(
        self,
        callback: Callable[[*_Ts], object],
        *args: *_Ts,
        context: Context | None = None,
    ) -> asyncio.Handle:
        """Call back as soon as everything that is ready already has run."""
        if self.is_closed():
            raise RuntimeError("Event loop is closed")
        handle = _Handle(self._now_s, callback, args, self, context)
        self._ready.append(handle)
        return handle

    @override
    def call_at(
        self,
        when: float,
        callback: Callable[[*_Ts], object],
        *args: *_Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Call back when ``time()`` is ``when``, to the nearest microsecond."""
        if self.is_closed():
            raise RuntimeError("Event loop is closed")
        handle = _Handle(when, callback, args, self, context)
        micros = round(when * 1e6)
        if micros <= self._micros:
            self._ready.append(handle)
        else:
            handle._scheduled = True
            self._count += 1
            heappush(self._timers, (micros, self._count, handle))
        return handle

    @override
    def call_later(
        self,
        delay: float,
        callback: Callable[[*_Ts], object],
        *args: *_Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Call back in ``delay`` seconds."""
        return self.call_at(self._now_s + delay, callback, *args, context=context)

    @override
    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*_Ts], Any], *_: *_Ts
    ) -> NoReturn:
        """Refuse: virtual timeouts would fire while the thread works."""
        name = getattr(func, "__qualname__", func)
        raise VirtualTimeError(f"{name!s} asks for a thread ({executor=}) in virtual time")

    @override
    def close(self) -> None:
        """Forget everything; idempotent."""
        super().close()
        self._timers.clear()

    def _run_once(self) -> None:
        # asyncio's ``run_forever`` calls this until ``stop`` was called; it may make many turns.
        ready, popleft = self._ready, self._ready.popleft
        while True:
            self._turns += 1
            if self._turns % _LOOK_EVERY == 0:
                self._look()
            if not ready and not self._stopping:
                self._jump()
            for _ in range(len(ready)):
                handle = popleft()
                if handle._cancelled:
                    continue
                try:
                    handle._context.run(handle._callback, *handle._args)
                except (SystemExit, KeyboardInterrupt):
                    raise
                except BaseException as error:  # told as asyncio tells it, and time goes on
                    told = {"message": f"Exception in {handle}", "exception": error}
                    self.call_exception_handler({**told, "handle": handle})
            if self._stopping:
                return

    def _jump(self) -> None:
        # Nothing is ready: move to the next timer and make all timers of that instant ready.
        timers = self._timers
        while timers and timers[0][2]._cancelled:
            self._canceled -= 1
            heappop(timers)
        if not timers:
            self._look()
            if not self._ready:
                raise VirtualTimeError(
                    "nothing is scheduled: every task waits for what can't happen in virtual time"
                )
            return
        micros = timers[0][0]
        self.clock.jump(micros - self._micros)
        self._micros = micros
        self._now_s = micros / 1e6
        while timers and timers[0][0] == micros:
            handle = heappop(timers)[2]
            handle._scheduled = False
            self._ready.append(handle)

    def _look(self) -> None:
        # A signal's byte may wait in the wake-up pipe.
        self._process_events(self._selector.select(0))  # type: ignore[attr-defined]

    def _timer_handle_cancelled(self, handle: Any) -> None:
        # asyncio's handles call this; canceled ones leave the heap when they are its half.
        if not handle._scheduled:
            return
        self._canceled += 1
        if self._canceled > _CANCELED_KEPT and self._canceled * 2 > len(self._timers):
            self._timers = [entry for entry in self._timers if not entry[2]._cancelled]
            heapify(self._timers)
            self._canceled = 0
