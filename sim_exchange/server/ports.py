"""What the server needs of the rest of the house, named here so that tests can bring their own."""

from collections.abc import Callable, Sequence
from typing import Protocol

from sim_exchange.core.commands import Command
from sim_exchange.core.events import Event


class SchedulerLike(Protocol):
    """The exchange's timers."""

    def at(self, at_ns: int, source: int, callback: Callable[[int], None]) -> None:
        """Call ``callback(instant)`` once at ``at_ns`` of the exchange's clock."""
        ...


class JournalRecord(Protocol):
    """One committed command."""

    @property
    def seq(self) -> int:
        """Its number, from 1."""
        ...

    @property
    def at_ns(self) -> int:
        """Its instant."""
        ...

    @property
    def command(self) -> Command:
        """What was asked."""
        ...


class ClockLike(Protocol):
    """Anything that knows what time it is."""

    def now_ns(self) -> int:
        """Nanoseconds since the Unix epoch, UTC."""
        ...


class SessionLike(Protocol):
    """The door, as the server uses it (see ``sim_exchange.session.Session``)."""

    seq: int
    synced_seq: int

    @property
    def scheduler(self) -> SchedulerLike:
        """Timers on the exchange's clock."""
        ...

    @property
    def clock(self) -> ClockLike:
        """The exchange's clock."""
        ...

    @property
    def durable(self) -> bool:
        """Whether answers wait for the disk."""
        ...

    def slow_disk(self, factor: int) -> None:
        """Let each sync take so many times as long from now on."""
        ...

    def submit(self, command: Command) -> tuple[Event, ...]:
        """Apply one command now."""
        ...

    def subscribe(self, listener: Callable[[int, int, Command, tuple[Event, ...]], None]) -> None:
        """Call the listener after each command."""
        ...

    def start_sync(self) -> None:
        """Begin to make durable what was applied; done at once where nothing is kept."""
        ...

    async def released(self) -> None:
        """Return once everything applied so far is durable."""
        ...


class FeedLike(Protocol):
    """What prints for the indices."""

    rejected: int
    """How many rows came of an instant that had its row."""
    doubles: Callable[[], bool | None] | None
    """Asked at each print whether its rows come twice: None = no, True = with another price."""


class ClockControl(Protocol):
    """What the operator may do to the exchange's clock; made by the app."""

    @property
    def kind(self) -> str:
        """``real``, ``factor``, ``manual`` or ``virtual``."""
        ...

    @property
    def factor(self) -> int:
        """Exchange seconds in a second of the clients' time; 1 when they are the same."""
        ...

    @property
    def paused(self) -> bool:
        """Whether the clock stands still by the operator's word."""
        ...

    def advance_to(self, at_ns: int) -> None:
        """Run every timer up to ``at_ns``, in order, and stand there; manual clock only."""
        ...

    def set_factor(self, factor: int) -> None:
        """Run ``factor`` times as fast from now on; not on a manual clock."""
        ...

    def set_paused(self, paused: bool) -> None:
        """Stand still, or go on; not on a manual clock."""
        ...


class AuditLike(Protocol):
    """The exchange's own checks."""

    def check(self) -> Sequence[str]:
        """Run every invariant now; names what was checked, raises InvariantError."""
        ...
