"""What a feed has heard: which indices there are, what they printed last, and who moved them.

It listens to every command from the first one on, and a snapshot keeps it with the exchange: so a
feed goes on from what it has heard when a journal is gone on from.
"""

from sim_exchange.core.commands import (
    Announce,
    Command,
    IndexPrints,
    ListIndex,
    SetComposition,
    SetConstituent,
)
from sim_exchange.core.events import Accepted, AnnouncementChanged, Event, Refused
from sim_exchange.core.types import AnnouncementState, IndexKind

_HEARD = frozenset({IndexPrints, ListIndex, SetComposition, SetConstituent})


class Heard:
    """The memory of a feed, by index."""

    __slots__ = ("announced", "last", "left", "moved", "names", "silent")

    def __init__(self) -> None:
        """Know no index yet."""
        self.last: dict[str, list[int]] = {}
        """The last print of each constituent, pico; 0 = none."""
        self.names: dict[str, tuple[str, ...]] = {}
        self.silent: dict[str, set[int]] = {}
        self.left: dict[str, dict[str, int]] = {}
        """What those who are no longer members printed, pico."""
        self.moved: set[str] = set()
        """Somebody else printed for them, or spoke about a member."""
        self.announced: dict[int, Command] = {}
        """Changes of indices that are to come."""

    def hear(self, _seq: int, _at_ns: int, command: Command, events: tuple[Event, ...]) -> None:
        """Listen to the session from its first command on, restored ones included."""
        if self.announced or type(command) is Announce:
            self._hear_news(command, events)
        if type(command) in _HEARD and Refused not in map(type, events):
            self._observe(command)

    def _hear_news(self, command: Command, events: tuple[Event, ...]) -> None:
        """Follow what was announced of indices, when it takes effect."""
        if isinstance(command, Announce) and isinstance(command.change, SetComposition):
            for event in events:
                if isinstance(event, Accepted):
                    self.announced[event.ref] = command.change
        for event in events:
            if type(event) is AnnouncementChanged and event.state is not AnnouncementState.PENDING:
                change = self.announced.pop(event.number, None)
                if change is not None and event.state is AnnouncementState.EFFECTIVE:
                    self._observe(change)

    def _observe(self, command: Command) -> None:
        match command:
            case IndexPrints():
                self._note_prints(command)
            case ListIndex(spec=spec) if spec.kind is IndexKind.COMPOSITE:
                self.names[spec.symbol] = tuple(member.name for member in spec.constituents)
                self.last[spec.symbol] = [0] * len(spec.constituents)
                self.silent[spec.symbol] = set()
            case SetComposition(index=index, constituents=members):
                self.moved.add(index)
                self._recompose(index, tuple(member.name for member in members))
            case SetConstituent(index=index) if command.status != "silent":
                self.moved.add(index)
            case SetConstituent(index=index) if index in self.names:
                self.moved.add(index)
                if command.constituent in self.names[index]:
                    position = self.names[index].index(command.constituent)
                    self.silent[index].add(position)

    def _recompose(self, index: str, names: tuple[str, ...]) -> None:
        """Go on with the constituents that an index has now; a new one prints like the others.

        One that comes back prints what it did when it left, unless the index was moved meanwhile.
        """
        before = dict(zip(self.names[index], self.last[index], strict=True))
        left = self.left.setdefault(index, {})
        printed = [price for price in before.values() if price]
        known = sorted(printed)[len(printed) // 2] if printed else 0
        silent = {name for i, name in enumerate(self.names[index]) if i in self.silent[index]}
        self.names[index] = names
        self.last[index] = [before.get(name) or left.pop(name, 0) or known for name in names]
        left.update((name, price) for name, price in before.items() if name not in names)
        self.silent[index] = {i for i, name in enumerate(names) if name in silent}

    def _note_prints(self, command: IndexPrints) -> None:
        last = self.last.get(command.index)
        if last is None or len(last) != len(command.prices):
            return
        if command.index not in self.moved:
            pairs = zip(last, command.prices, strict=True)
            if any(before and price and before != price for before, price in pairs):
                self.moved.add(command.index)
        if all(command.prices):
            if last != list(command.prices):
                self.left.pop(command.index, None)
            last[:] = command.prices
            self.silent[command.index].clear()
            return
        for position, price in enumerate(command.prices):
            if price:
                last[position] = price
                self.silent[command.index].discard(position)
