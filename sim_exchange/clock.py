"""What time it is: real, accelerated, moved by hand, or virtual; nanoseconds since the Unix epoch.

| clock | moves | for |
| --- | --- | --- |
| ``RealClock`` | with the host | what protects the server: expiries, pings, quotas |
| ``FactorClock`` | N times as fast as the host from a chosen start; may be paused | serve, paper |
| ``ManualClock`` | only when told to | exact tests from outside, lessons |
| ``VirtualClock`` | by its ``VirtualLoop``, from timer to timer | demo, tests, backtests |

Instants are whole microseconds.
"""

import asyncio
import selectors
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from typing import Any, NoReturn, Protocol, TypeVarTuple

from typing_extensions import override

MICRO_NS = 1_000

_Ts = TypeVarTuple("_Ts")

# A timer that is due within this time is due: whole microseconds survive the loop's float seconds.
_RESOLUTION_S = 0.6e-6
# How many jumps pass between two looks at the real descriptors; one look costs as much as a timer.
_LOOK_EVERY = 1_024


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


class _JumpingSelector(selectors.BaseSelector):
    # Instead of sleeping until the next timer, it moves the clock there. Only the loop's own
    # wake-up pipe may be registered: with a socket the clock would jump while bytes travel.

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self._real = selectors.DefaultSelector()
        self._jumps = 0

    @override
    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        if self._real.get_map():
            raise VirtualTimeError("a socket or pipe can't be waited for in virtual time")
        return self._real.register(fileobj, events, data)

    @override
    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    @override
    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self._jumps += 1
        if self._jumps % _LOOK_EVERY == 0:  # a signal's byte waits in the wake-up pipe
            ready = self._real.select(0)
            if ready:
                return ready
        if timeout is None:
            ready = self._real.select(0)
            if not ready:
                raise VirtualTimeError(
                    "nothing is scheduled: every task waits for what can't happen in virtual time"
                )
            return ready
        if timeout > 0:
            self._clock.jump(round(timeout * 1e6))
        return []

    @override
    def close(self) -> None:
        self._real.close()

    @override
    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next timer whenever nothing is ready.

    ``loop.clock`` is the same time as nanoseconds since the epoch. Nothing in it may wait for
    another thread or a descriptor.

    >>> loop = VirtualLoop(start_ns=0)
    >>> loop.run_until_complete(asyncio.sleep(3600))
    >>> loop.clock.now_ns()
    3600000000000
    >>> loop.close()
    """

    def __init__(self, start_ns: int = 0) -> None:
        """Start at ``start_ns`` (since the epoch); ``loop.time()`` starts at 0."""
        self.clock = VirtualClock(start_ns)
        super().__init__(_JumpingSelector(self.clock))
        self._clock_resolution = _RESOLUTION_S

    @override
    def time(self) -> float:
        """Seconds since the start."""
        return (self.clock.now_ns() - self.clock.start_ns) / 1e9

    @override
    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*_Ts], Any], *_: *_Ts
    ) -> NoReturn:
        """Refuse: virtual timeouts would fire while the thread works."""
        name = getattr(func, "__qualname__", func)
        raise VirtualTimeError(f"{name!s} asks for a thread ({executor=}) in virtual time")
