"""The shell around the engine: one task feeds it events in order, actions go out concurrently.

The life of a tick: a venue's sink puts events in a queue; the task wakes once for all, gives
each to ``Engine.on_event``, starts every action that comes back and hands the notes on. The same
shell runs in real and in virtual time.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from mmbot.clock import Clock
from mmbot.errors import VenueError, VenueUnavailableError
from mmbot.types import (
    SECOND_NS,
    Action,
    ArmDeadMan,
    CancelOrders,
    Connected,
    Disconnected,
    Event,
    Note,
    OrderSeen,
    RefreshState,
    Tick,
)
from mmbot.venue.port import Poster, Venue

MAIN = "main"
CLEAN_UP_S = 9.0
"""How long the clean-up may take: with the rest of the end it stays under 10 s."""
RETRY_S = 0.25
_DUST_S = 1e-6  # what a float may lack of an instant


class EngineLike(Protocol):
    """What the shell needs of an engine."""

    def on_event(self, event: Event) -> list[Action]:
        """Take one event in and return the actions to perform, in order."""
        ...

    def drain_notes(self) -> list[Note]:
        """Return what was decided or learnt since the last call."""
        ...

    def next_wake_ns(self) -> int | None:
        """Return when a Tick is wanted at the latest."""
        ...

    def shutdown_actions(self) -> list[Action]:
        """Stop for good."""
        ...

    @property
    def is_closed(self) -> bool:
        """After ``shutdown_actions``: nothing of ours is left."""
        ...

    @property
    def is_done(self) -> bool:
        """Nothing is left to do."""
        ...

    @property
    def halted(self) -> Exception | None:
        """Why the bot must end."""
        ...


class Runner:
    """Runs one engine on its venues until something ends it."""

    def __init__(
        self,
        engine: EngineLike,
        venues: Mapping[str, Venue],
        clock: Clock,
        *,
        prefix: str,
        idle_s: float = 1.0,
        factor: int = 1,
        give_up_after_s: float = 0.0,
    ) -> None:
        """Wire them together; nothing runs yet.

        Args:
            engine: decides.
            venues: by the names that actions use; ``main`` is one of them.
            clock: time of the events that the shell makes itself.
            prefix: what our clOrdIDs begin with.
            idle_s: a Tick is sent when nothing was heard for this long.
            factor: seconds of ``clock`` in a second of the loop.
            give_up_after_s: end when the main venue is away for this long; 0 = never.
        """
        self._engine = engine
        self._venues = venues
        self._posts = {n: venue.post for n, venue in venues.items() if isinstance(venue, Poster)}
        self._clock = clock
        self._prefix = prefix
        self._idle_s = idle_s
        self._factor = factor
        self._give_up_after_s = give_up_after_s
        self._events: deque[Event] = deque()
        self._asked = False  # a turn is on its way
        self._until: Callable[[], bool] = self._is_over
        self._loop: asyncio.AbstractEventLoop  # that of the run; asking for it costs 2 us a time
        self._ended: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._tick_at = 0.0  # when a Tick is wanted; the timer may stand earlier
        self._tasks: set[asyncio.Task[None]] = set()
        self._stop = False
        self._error: Exception | None = None
        self._lost_ns: int | None = None
        self._next_id = -1  # ours count down, the engine's up
        self._watchers: dict[type[Event], list[Callable[[Event], None]]] = {}
        self.every: list[Callable[[Event], None]] = []
        """Called with each event before the engine takes it: the recorder."""
        self.readers: list[Callable[[Note], None]] = []
        """Called with each note: the books, the screen."""
        self.after_turn: Callable[[int], None] = _nothing
        """Called with the time after each turn: draws."""
        if give_up_after_s:
            self.watch(self._watch_connection, Connected, Disconnected, Tick)

    # --- what goes in ---------------------------------------------------------------------------

    def sink(self, event: Event) -> None:
        """Take an event from a venue; never blocks."""
        self._events.append(event)
        if not self._asked:
            self._ask()

    def watch(self, callback: Callable[[Event], None], *kinds: type[Event]) -> None:
        """Call back with each event of these kinds before the engine takes it."""
        for kind in kinds:
            self._watchers.setdefault(kind, []).append(callback)

    def stop(self) -> None:
        """End the run soon; called by signals and timers."""
        self._stop = True
        self._wake()

    def fail(self, error: Exception) -> None:
        """End the run because of ``error``."""
        if self._error is None:
            self._error = error
            self._wake()

    # --- the run --------------------------------------------------------------------------------

    async def run(self) -> None:
        """Feed the engine until it is done, is stopped, or something fails.

        Raises:
            MMBotError: what ended it: the engine halted, a venue was given up.
        """
        await self._turns(self._is_over)

    async def close_engine(self, within_s: float = CLEAN_UP_S / 2) -> bool:
        """Let the engine cancel what it has and disarm; return whether it says that it has."""
        loop = asyncio.get_running_loop()
        end = loop.time() + within_s
        timer = loop.call_later(within_s, self._wake)
        try:
            self._start(self._engine.shutdown_actions())
            await self._turns(lambda: self._engine.is_closed or loop.time() >= end)
        finally:
            timer.cancel()
        return self._engine.is_closed

    async def sweep(self, within_s: float = CLEAN_UP_S / 2) -> list[OrderSeen]:
        """Cancel own orders until the venues have none, whatever the engine knows.

        Returns:
            Own orders that may be left; empty when every venue says that there is none.

        Raises:
            VenueError: a venue never answered, so nobody knows.
        """
        if self._tasks:  # an order that is being sent must not arrive after the last look
            await asyncio.wait(self._tasks, timeout=within_s / 3)
        loop = asyncio.get_running_loop()
        end = loop.time() + within_s
        left: list[OrderSeen] = []
        for name, venue in self._venues.items():
            left += await self._sweep_one(name, venue, end)
        return left

    async def close(self) -> None:
        """Drop timers and tasks; the venues are closed by who made them."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- inside ---------------------------------------------------------------------------------

    async def _turns(self, until: Callable[[], bool]) -> None:
        # Turns are callbacks: a task would cost a wake-up more for each, and a week has 300,000.
        self._until = until
        self._loop = asyncio.get_running_loop()
        self._ended = self._loop.create_future()
        self._ask()
        try:
            await self._ended
        finally:
            self._ended = None

    def _ask(self) -> None:
        if self._ended is not None:
            self._asked = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._asked = False
        ended = self._ended
        if ended is None or ended.done():
            return
        try:
            self._feed()
            self.after_turn(self._clock.now_ns())
            if self._until():
                ended.set_result(None)
            else:
                self._set_timer()
        except Exception as error:  # whoever awaits the turns must clean up and say it
            ended.set_exception(error)

    def _feed(self) -> None:
        events, engine, watchers = self._events, self._engine, self._watchers
        while events:
            event = events.popleft()
            for watch in self.every:
                watch(event)
            for watch in watchers.get(type(event), ()):
                watch(event)
            actions = engine.on_event(event)
            if actions:
                self._start(actions)
            for note in engine.drain_notes():
                for read in self.readers:
                    read(note)

    def _is_over(self) -> bool:
        if self._error is not None:
            raise self._error
        halted = self._engine.halted
        if halted is not None:
            raise halted
        return self._stop or self._engine.is_done

    def _set_timer(self) -> None:
        wait_s = self._idle_s
        wake_ns = self._engine.next_wake_ns()
        if wake_ns is not None:
            wake_s = (wake_ns - self._clock.now_ns()) / (SECOND_NS * self._factor)
            if wake_s < wait_s:
                wait_s = max(0.0, wake_s)
        self._tick_at = at = self._loop.time() + wait_s
        # The timer that stands is kept when it is early enough: it will look again.
        if self._timer is None:
            self._arm(at)
        elif at < self._timer_at:
            self._timer.cancel()
            self._arm(at)

    def _arm(self, at: float) -> None:
        self._timer_at = at
        self._timer = self._loop.call_at(at, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        if self._tick_at > self._loop.time() + _DUST_S:
            self._arm(self._tick_at)  # something was heard since it was set
        else:
            self.sink(Tick(at_ns=self._clock.now_ns()))

    def _wake(self) -> None:
        self.sink(Tick(at_ns=self._clock.now_ns()))

    def _start(self, actions: Sequence[Action]) -> None:
        posts, loop = self._posts, None
        for action in actions:
            post = posts.get(action.venue)
            if post is not None and post(action):
                continue
            loop = loop or asyncio.get_running_loop()
            task = loop.create_task(self._perform(action))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _perform(self, action: Action) -> None:
        try:
            self.sink(await self._venues[action.venue].perform(action))
        except Exception as error:  # a task's exception would be lost: it ends the run instead
            self.fail(error)

    def _watch_connection(self, event: Event) -> None:
        if isinstance(event, Connected):
            self._lost_ns = None if event.venue == MAIN else self._lost_ns
        elif isinstance(event, Disconnected):
            if event.venue == MAIN and self._lost_ns is None:
                self._lost_ns = event.at_ns
        elif self._lost_ns is not None:
            away_s = (event.at_ns - self._lost_ns) / SECOND_NS
            if away_s >= self._give_up_after_s:
                self.fail(VenueUnavailableError(f"the venue has been away for {away_s:.0f} s"))

    async def _sweep_one(self, name: str, venue: Venue, end: float) -> list[OrderSeen]:
        loop = asyncio.get_running_loop()
        while True:
            answer = await venue.perform(RefreshState(action_id=self._count(), venue=name))
            if answer.error is None:
                own = [row for row in answer.orders if row.cl_ord_id.startswith(self._prefix)]
                if not own:
                    disarm = ArmDeadMan(action_id=self._count(), venue=name, timeout_ms=0)
                    await venue.perform(disarm)
                    return []
                if loop.time() >= end:
                    return own
                ids = tuple(row.order_id for row in own)
                await venue.perform(
                    CancelOrders(action_id=self._count(), venue=name, order_ids=ids)
                )
                continue
            if answer.error_kind == "access" or loop.time() >= end:
                raise VenueError(f"{name}: {answer.error}")
            await asyncio.sleep(max(RETRY_S, min(1.0, answer.retry_after_s)))

    def _count(self) -> int:
        self._next_id -= 1
        return self._next_id


def _nothing(_: int) -> None:
    """Draw nothing."""
