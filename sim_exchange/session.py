"""The door and who listens: stamp, run what is due, journal, apply, tell; never an await between.

``Scheduler`` holds what will happen by itself, ordered by (instant, source number, sequence):

| source | what |
| --- | --- |
| 0 | the feed's prints |
| 1 | the exchange's own timers: ``Advance`` |
| 2 and up | background agents, in the fixed order of their population |

Clients come after all of them: ``submit`` first runs what is due by its instant.
"""

import asyncio
import heapq
from collections.abc import Callable
from typing import Protocol, TypeAlias

from sim_exchange.clock import MICRO_NS, Clock
from sim_exchange.core.commands import Advance, AnyCommand, Command
from sim_exchange.core.events import Event
from sim_exchange.errors import CoreError
from sim_exchange.journal import Journal, Record

SOURCE_FEED = 0
SOURCE_CORE = 1
SOURCE_AGENTS = 2

Listener: TypeAlias = Callable[[int, int, Command, tuple[Event, ...]], None]
Callback: TypeAlias = Callable[[int], None]

# Without durability the file is written in pieces of about this many commands.
_WRITE_EVERY = 4_096
_ADVANCE = Advance()
# What a slow disk is measured by: the sync of a disk that is quicker than any.
_LEAST_SYNC_S = 0.001


class Door(Protocol):
    """The exchange as the session needs it."""

    def apply(self, command: AnyCommand, at_ns: int) -> tuple[Event, ...]:
        """Apply one command at an instant."""
        ...

    def next_due_ns(self) -> int | None:
        """The instant of the exchange's earliest timer, None when it has none."""
        ...

    def still_until_ns(self, upto_ns: int) -> int:
        """The last instant up to which one ``Advance`` is as good as one a timer; 0 = none."""
        ...


class Scheduler:
    """What is going to happen by itself: a heap of (instant, source, sequence, callback)."""

    def __init__(self) -> None:
        """Start empty."""
        self.heap: list[tuple[int, int, int, Callback]] = []
        """The next entry first; the session takes it out."""
        self._sequence = 0

    def at(self, at_ns: int, source: int, callback: Callback) -> None:
        """Call ``callback(instant)`` once at ``at_ns``, rounded down to a microsecond."""
        self._sequence += 1
        entry = (at_ns // MICRO_NS * MICRO_NS, source, self._sequence, callback)
        heapq.heappush(self.heap, entry)


class Session:
    """The one door into a running exchange.

    It is synchronous and belongs to one thread. ``released`` is the only thing to wait for.
    """

    def __init__(self, exchange: Door, journal: Journal, clock: Clock) -> None:
        """Begin with an exchange to which nothing was applied yet; otherwise ``begin_at``."""
        self.exchange = exchange
        self.journal = journal
        self.clock = clock
        self.scheduler = Scheduler()
        self.seq = 0
        self.at_ns = journal.header.start_ns
        self.synced_seq = 0
        self.stopped: CoreError | None = None
        self._listeners: tuple[Listener, ...] = ()
        self._core_due_ns: int | None = None
        self._core_due_known = False  # until the next command
        self._stepped = (0, 0, 0)
        self._running_due = False
        self._applying = False
        self._flush: asyncio.Task[None] | None = None
        self._disk_factor = 1

    def subscribe(self, listener: Listener) -> None:
        """Call ``listener(seq, at_ns, command, events)`` after each command; it may not submit."""
        self._listeners += (listener,)

    def begin_at(self, seq: int, at_ns: int) -> None:
        """Stand where the exchange stands that a snapshot brought back."""
        self.seq, self.at_ns = seq, at_ns

    def restore(self, record: Record) -> None:
        """Apply one record that a journal already holds, and tell the listeners."""
        self.seq, self.at_ns = record.seq, record.at_ns
        self._apply(record.command)

    def go_on(self, journal: Journal, clock: Clock) -> None:
        """Write to ``journal``, whose records were all restored, by ``clock``, from now on.

        Raises:
            CoreError: the journal's end is not where this session stands.
        """
        if journal.last_seq != self.seq:
            raise CoreError(f"the journal ends at {journal.last_seq}, the session at {self.seq}")
        self.journal, self.clock = journal, clock
        self.synced_seq = self.seq

    @property
    def durable(self) -> bool:
        """Whether ``released`` waits for the disk."""
        return self.journal.durable

    def slow_disk(self, factor: int) -> None:
        """Let each sync take ``factor`` times as long, and one of at least 1 ms; 1 = as it is."""
        self._disk_factor = factor

    def skip_to(self, at_ns: int) -> None:
        """Let time that nobody lived through pass: one ``Advance`` over all its timers."""
        self.at_ns = max(self.at_ns, at_ns // MICRO_NS * MICRO_NS)
        self._commit(Advance())

    def submit(self, command: Command) -> tuple[Event, ...]:
        """Apply one command now, after everything that is due by now; return its events.

        From a scheduled callback the instant is the callback's own.

        Raises:
            CoreError: the exchange broke a promise, now or earlier; nothing is accepted any more.
        """
        if not self._running_due:
            now_ns = self.clock.now_ns()
            self.run_due(max(self.at_ns, now_ns))
        return self._commit(command)

    def run_due(self, upto_ns: int) -> None:
        """Run all that is due at or before ``upto_ns``, in order, each at its own instant."""
        if self._running_due:
            raise RuntimeError("run_due called from a scheduled callback")
        due_ns = self.next_due_ns()
        if due_ns is not None and due_ns <= upto_ns:
            self._running_due = True
            try:
                self._run_until(upto_ns)
            finally:
                self._running_due = False
        self.at_ns = max(self.at_ns, upto_ns // MICRO_NS * MICRO_NS)

    def next_due_ns(self) -> int | None:
        """When something happens next by itself, None when nothing will."""
        core = self._core_due()
        heap = self.scheduler.heap
        if not heap:
            return core
        at_ns = heap[0][0]
        return at_ns if core is None or at_ns < core else core

    def next_step_ns(self, upto_ns: int) -> int | None:
        """Where a clock that is moved to ``upto_ns`` stands next; None when nothing is due by then.

        The instant of what is due next, or the end of a stretch in which nothing new happens.
        """
        due_ns = self.next_due_ns()
        if due_ns is None or due_ns > upto_ns:
            return None
        return self._step(due_ns, upto_ns) if due_ns == self._core_due() else due_ns

    async def released(self) -> None:
        """Return once everything applied so far is durable; at once when durability is ``none``.

        All who wait in one turn of the loop share one sync.

        Raises:
            CoreError: the disk refused the journal.
        """
        wanted = self.seq
        while self.synced_seq < wanted:
            if self.stopped is not None:
                raise self.stopped
            self.start_sync()
            if self._flush is None:
                return
            await asyncio.shield(self._flush)

    def start_sync(self) -> None:
        """Begin to make durable what was applied, unless that is going on already."""
        if not self.journal.durable:
            self.synced_seq = self.seq
        elif self._flush is None and self.synced_seq < self.seq:
            self._flush = asyncio.get_running_loop().create_task(self._sync())

    async def close(self) -> None:
        """Make everything durable and close the journal."""
        if self._flush is not None:
            await asyncio.shield(self._flush)
        self.journal.close()
        self.synced_seq = self.seq

    async def _sync(self) -> None:
        try:
            # Let all that is ready in this turn come in first: one sync for all of it.
            await asyncio.sleep(0)
            upto, chunk = self.seq, self.journal.take()
            loop, factor = asyncio.get_running_loop(), self._disk_factor
            began = loop.time()
            await loop.run_in_executor(None, self.journal.write, chunk)
            if factor > 1:
                await asyncio.sleep(max(loop.time() - began, _LEAST_SYNC_S) * (factor - 1))
            self.synced_seq = upto
        except CoreError as error:
            self.stopped = error  # whoever waits in ``released`` raises it
        finally:
            self._flush = None

    def _run_until(self, upto_ns: int) -> None:
        heap = self.scheduler.heap
        while True:
            core = self._core_due()
            if core is not None and (not heap or (core, SOURCE_CORE) < heap[0]):
                if core > upto_ns:
                    return
                self.at_ns = max(self.at_ns, self._step(core, upto_ns))
                self._commit(_ADVANCE)
                after = self._core_due()
                if after is not None and after <= core:
                    self.stopped = CoreError(f"the timer of {core} ns is still due after it ran")
                    raise self.stopped
                continue
            if not heap or heap[0][0] > upto_ns:
                return
            at_ns, _, _, callback = heapq.heappop(heap)
            self.at_ns = max(self.at_ns, at_ns)
            callback(self.at_ns)

    def _step(self, core_ns: int, upto_ns: int) -> int:
        """Return the instant of the ``Advance`` for the exchange's timer of ``core_ns``."""
        heap = self.scheduler.heap
        last_ns = min(upto_ns, heap[0][0] - 1) if heap else upto_ns
        if last_ns <= core_ns:
            return core_ns
        # Whoever moves the clock has asked before it runs what is due; it costs 10 us.
        seq, asked_ns, step_ns = self._stepped
        if seq != self.seq or not step_ns <= last_ns <= asked_ns:
            step_ns = max(core_ns, self.exchange.still_until_ns(last_ns))
            self._stepped = (self.seq, last_ns, step_ns)
        return step_ns

    def _core_due(self) -> int | None:
        # Only a command moves the exchange's timers.
        if not self._core_due_known:
            self._core_due_ns = self.exchange.next_due_ns()
            self._core_due_known = True
        return self._core_due_ns

    def _commit(self, command: Command) -> tuple[Event, ...]:
        if self.stopped is not None:
            raise self.stopped
        if self._applying:
            raise RuntimeError("a listener must not submit; schedule it instead")
        seq = self.seq + 1
        self.journal.append(seq, self.at_ns, command)
        self.seq = seq
        events = self._apply(command)
        if not self.journal.durable and seq % _WRITE_EVERY == 0:
            self.journal.write(self.journal.take())
        return events

    def _apply(self, command: Command) -> tuple[Event, ...]:
        seq, at_ns = self.seq, self.at_ns
        self._applying = True
        self._core_due_known = False
        try:
            events = self.exchange.apply(command, at_ns)  # type: ignore[arg-type] # one of them
            for listener in self._listeners:
                listener(seq, at_ns, command, events)
        except CoreError as error:
            self.stopped = error
            raise
        except Exception as error:
            # A half-applied command can't be taken back: nothing may be built on this state.
            self.stopped = CoreError(f"command {self.seq} broke the exchange: {error!r}")
            raise self.stopped from error
        finally:
            self._applying = False
        return events
