"""What makes time pass for an exchange: one timer of the event loop, or the operator's word."""

import asyncio
from collections.abc import Callable
from typing import Literal

from sim_exchange.clock import FactorClock, ManualClock, VirtualClock
from sim_exchange.core.commands import Command
from sim_exchange.core.events import Event
from sim_exchange.errors import BadRequestError, CoreError
from sim_exchange.session import Session

Kind = Literal["real", "factor", "manual", "virtual"]


class Pump:
    """Runs what is due when it is due: always one timer, set for the earliest entry."""

    def __init__(self, session: Session, seconds_until: Callable[[int], float | None]) -> None:
        """Wait as long as ``seconds_until(instant)`` says; None means: not now."""
        self._session = session
        self._seconds_until = seconds_until
        self._handle: asyncio.TimerHandle | None = None
        self._planned_ns: int | None = None
        self._running = False
        self._failed: asyncio.Future[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        session.subscribe(self._hear)

    async def run(self) -> None:
        """Let time pass until cancelled.

        Raises:
            CoreError: the exchange broke a promise.
        """
        self._loop = asyncio.get_running_loop()
        self._failed = self._loop.create_future()
        self._pass_time()
        try:
            await self._failed
        finally:
            self._failed = None
            self._disarm()

    def fail(self, error: CoreError) -> None:
        """End ``run`` with an error that somebody else met."""
        if self._failed is not None and not self._failed.done():
            self._failed.set_exception(error)

    def rearm(self) -> None:
        """Look again when the next entry is due: the clock was changed."""
        self._disarm()
        self._arm()

    def _pass_time(self) -> None:
        self._handle = None
        self._running = True
        try:
            self._session.run_due(self._session.clock.now_ns())
        except CoreError as error:
            self.fail(error)
            return
        finally:
            self._running = False
        self._session.start_sync()
        self._arm()

    def _hear(self, _seq: int, _at_ns: int, _command: Command, _events: tuple[Event, ...]) -> None:
        # A client's command may have made an earlier timer, a dead-man switch for one.
        if self._running or self._failed is None:
            return
        due_ns = self._session.next_due_ns()
        if due_ns is not None and (self._planned_ns is None or due_ns < self._planned_ns):
            self.rearm()

    def _arm(self) -> None:
        due_ns = self._session.next_due_ns()
        if due_ns is None or self._failed is None or self._loop is None:
            return
        seconds = self._seconds_until(due_ns)
        if seconds is not None:
            self._planned_ns = due_ns
            self._handle = self._loop.call_later(seconds, self._pass_time)

    def _disarm(self) -> None:
        self._planned_ns = None
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None


class FactorControl:
    """The operator's hand on a clock that follows the host's."""

    def __init__(self, clock: FactorClock, pump: Pump) -> None:
        """Change ``clock`` and tell ``pump``."""
        self._clock = clock
        self._pump = pump

    @property
    def kind(self) -> Kind:
        """``real`` at factor 1, else ``factor``."""
        return "real" if self._clock.factor == 1 else "factor"

    @property
    def factor(self) -> int:
        """Exchange seconds in a second of the clients' time."""
        return self._clock.factor

    @property
    def paused(self) -> bool:
        """Whether the clock stands still."""
        return self._clock.paused

    def advance_to(self, at_ns: int) -> None:
        """Refuse: this clock moves by itself.

        Raises:
            BadRequestError: always.
        """
        raise BadRequestError(f"The clock is {self.kind}: it can't be moved to {at_ns} ns")

    def set_factor(self, factor: int) -> None:
        """Run ``factor`` times as fast from now on."""
        self._clock.set_factor(factor)
        self._pump.rearm()

    def set_paused(self, paused: bool) -> None:
        """Stand still, or go on."""
        self._clock.set_paused(paused)
        self._pump.rearm()


class ManualControl:
    """The operator's hand on a clock that only he moves."""

    kind: Kind = "manual"
    factor = 1
    paused = False

    def __init__(self, clock: ManualClock, session: Session) -> None:
        """Move ``clock`` and run what lies on the way in ``session``."""
        self._clock = clock
        self._session = session

    def advance_to(self, at_ns: int) -> None:
        """Run every timer up to ``at_ns``, each at its own instant, and stand there.

        Raises:
            BadRequestError: the clock is past ``at_ns``.
        """
        if at_ns < self._clock.now_ns():
            raise BadRequestError("The clock can't go back")
        while (step_ns := self._session.next_step_ns(at_ns)) is not None:
            self._clock.move_to(max(step_ns, self._clock.now_ns()))
            self._session.run_due(self._clock.now_ns())
        self._clock.move_to(at_ns)
        if self._session.journal.last_at_ns < self._clock.now_ns():
            # Journaled even when nothing was due, so that after a crash the clock stands here.
            self._session.skip_to(at_ns)

    def set_factor(self, factor: int) -> None:
        """Refuse: this clock has no speed.

        Raises:
            BadRequestError: always.
        """
        raise BadRequestError(f"The clock is manual: it has no factor, not even {factor}")

    def set_paused(self, paused: bool) -> None:
        """Refuse: this clock always stands.

        Raises:
            BadRequestError: always.
        """
        raise BadRequestError(f"The clock is manual: paused can't be {paused}")


class VirtualControl:
    """The operator's hand on virtual time, which he can only look at."""

    kind: Kind = "virtual"
    factor = 1
    paused = False

    def advance_to(self, at_ns: int) -> None:
        """Refuse: the loop moves this clock.

        Raises:
            BadRequestError: always.
        """
        raise BadRequestError(f"The clock is virtual: it can't be moved to {at_ns} ns")

    def set_factor(self, factor: int) -> None:
        """Refuse: virtual time has no speed.

        Raises:
            BadRequestError: always.
        """
        raise BadRequestError(f"The clock is virtual: it has no factor, not even {factor}")

    def set_paused(self, paused: bool) -> None:
        """Refuse: virtual time passes when nothing else is to do.

        Raises:
            BadRequestError: always.
        """
        raise BadRequestError(f"The clock is virtual: paused can't be {paused}")


def virtual_seconds(clock: VirtualClock) -> Callable[[int], float]:
    """How a pump waits in virtual time."""
    return lambda at_ns: max(0.0, (at_ns - clock.now_ns()) / 1e9)
