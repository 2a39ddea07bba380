"""What the engine sends and notes, with numbers that find the way back."""

from mmbot.execution.budget import RequestBudget
from mmbot.types import SECOND_NS, Action, Note, StatusNote

REPEAT_NS = 60 * SECOND_NS


class Outbox:
    """Actions and notes of the event that is being handled."""

    def __init__(self, budget: RequestBudget) -> None:
        """Count every request against ``budget``."""
        self.budget = budget
        self.actions: list[Action] = []
        self.asked: dict[int, tuple[Action, int]] = {}  # not answered yet, and when it was sent
        self.notes: list[Note] = []
        self._count = 0
        self._said: dict[str, int] = {}

    def next_id(self) -> int:
        """Return a new action number."""
        self._count += 1
        return self._count

    def send(self, action: Action, now_ns: int, cost: float = 1.0) -> None:
        """Send a request that counts as ``cost``."""
        self.budget.spend(cost, now_ns)
        self.asked[action.action_id] = (action, now_ns)
        self.actions.append(action)

    def note(self, note: Note) -> None:
        """Keep a note until it is drained."""
        self.notes.append(note)

    def say(self, now_ns: int, level: str, text: str) -> None:
        """Note something for a person; the same words at most once a minute."""
        if now_ns - self._said.get(text, -REPEAT_NS) >= REPEAT_NS:
            if len(self._said) > 100:
                self._said.clear()
            self._said[text] = now_ns
            self.notes.append(StatusNote(at_ns=now_ns, level=level, text=text))

    def take_actions(self) -> list[Action]:
        """Return the actions since the last call."""
        taken, self.actions = self.actions, []
        return taken

    def take_notes(self) -> list[Note]:
        """Return the notes since the last call."""
        taken, self.notes = self.notes, []
        return taken
