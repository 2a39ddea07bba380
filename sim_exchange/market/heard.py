"""What a feed has heard: which indices there are, what they printed last, and who moved them.

It listens to every command from the first one on, and a snapshot keeps it with the exchange: so a
feed goes on from what it has heard when a journal is gone on from.
"""

from sim_exchange.core.commands import (
    Announce,
    Command,
    FeedPrints,
    IndexPrints,
    ListIndex,
    SetComposition,
    SetConstituent,
)
from sim_exchange.core.events import Accepted, AnnouncementChanged, Event, Refused
from sim_exchange.core.types import AnnouncementState, IndexKind

_HEARD = frozenset({FeedPrints, IndexPrints, ListIndex, SetComposition, SetConstituent})


class Heard:
    """The memory of a feed, by index."""

    __slots__ = ("announced", "last", "left", "moved_ns", "moves", "names", "silent")

    def __init__(self) -> None:
        """Know no index yet."""
        self.last: dict[str, list[int]] = {}
        """The last print of each constituent, pico; 0 = none."""
        self.names: dict[str, tuple[str, ...]] = {}
        self.silent: dict[str, set[int]] = {}
        self.left: dict[str, dict[str, int]] = {}
        """What those who are no longer members printed, pico."""
        self.moved_ns: dict[str, int] = {}
        """When a price changed last, or somebody spoke about a member."""
        self.moves = 0
        """How often that happened, of all indices."""
        self.announced: dict[int, Command] = {}
        """Changes of indices that are to come."""

    def hear(self, _seq: int, at_ns: int, command: Command, events: tuple[Event, ...]) -> None:
        """Listen to the session from its first command on, restored ones included."""
        if self.announced or type(command) is Announce:
            self._hear_news(command, events, at_ns)
        if type(command) in _HEARD and Refused not in map(type, events):
            self._observe(command, at_ns)

    def _hear_news(self, command: Command, events: tuple[Event, ...], at_ns: int) -> None:
        """Follow what was announced of indices, when it takes effect."""
        if isinstance(command, Announce) and isinstance(command.change, SetComposition):
            for event in events:
                if isinstance(event, Accepted):
                    self.announced[event.ref] = command.change
        for event in events:
            if type(event) is AnnouncementChanged and event.state is not AnnouncementState.PENDING:
                change = self.announced.pop(event.number, None)
                if change is not None and event.state is AnnouncementState.EFFECTIVE:
                    self._observe(change, at_ns)

    def _observe(self, command: Command, at_ns: int) -> None:
        match command:
            case IndexPrints(index=index, prices=prices):
                self._note_prints(index, prices, at_ns)
            case FeedPrints(rows=rows):
                for index, prices in rows:
                    self._note_prints(index, prices, at_ns)
            case ListIndex(spec=spec) if spec.kind is IndexKind.COMPOSITE:
                self.names[spec.symbol] = tuple(member.name for member in spec.constituents)
                self.last[spec.symbol] = [0] * len(spec.constituents)
                self.silent[spec.symbol] = set()
            case SetComposition(index=index, constituents=members):
                self._note_move(index, at_ns)
                self._recompose(index, tuple(member.name for member in members))
            case SetConstituent(index=index) if command.status != "silent":
                self._note_move(index, at_ns)
            case SetConstituent(index=index) if index in self.names:
                self._note_move(index, at_ns)
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

    def _note_move(self, index: str, at_ns: int) -> None:
        self.moved_ns[index] = at_ns
        self.moves += 1

    def _note_prints(self, index: str, prices: tuple[int, ...], at_ns: int) -> None:
        last = self.last.get(index)
        if last is None or len(last) != len(prices):
            return
        if last != list(prices):
            # The first print of all is no move: it may be known before, or not.
            pairs = zip(last, prices, strict=True)
            if any(before and price and before != price for before, price in pairs):
                self._note_move(index, at_ns)
        if all(prices):
            if last != list(prices):
                self.left.pop(index, None)
                last[:] = prices
            self.silent[index].clear()
            return
        for position, price in enumerate(prices):
            if price:
                last[position] = price
                self.silent[index].discard(position)
