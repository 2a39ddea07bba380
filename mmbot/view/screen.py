"""What every live view is: fed with notes, asked to draw, closed.

What the app calls::

    from mmbot.view.terminal import open_screen
    screen = open_screen(books, title="virtual, seed 7")       # live on a terminal, else lines
    screen.on_note(note)                                       # each note, after books.on_note
    screen.maybe_draw(now_ns, look)                            # after each event: cheap
    screen.close()                                             # before anything else is printed

``now_ns`` is the contract's clock (virtual in a virtual run). ``look`` is a function that makes a
``Snapshot``; it is called only when something is drawn. When to draw is decided by the host's
clock, read here, so a virtual week at full speed is drawn four times a second and no thread is
needed. A real-time run calls ``maybe_draw`` on its ticks too, so that the clock goes on.
"""

from collections.abc import Callable
from typing import Protocol

import msgspec

from mmbot.types import Note


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """What only the shell and the engine know at one instant.

    ``unhedged`` is the net exposure in minor units of the coin, positive when long, and ``why``
    says why it is not hedged ("" = it is); ``wallet`` is minor units of the settlement currency;
    ``borrowed`` and ``interest_owed`` are minor units of the coin.
    """

    unhedged: int = 0
    why: str = ""
    connected: bool = True
    open_orders: int = 0
    wallet: int | None = None
    borrowed: int = 0
    interest_owed: int = 0
    dead_man_s: float | None = None  # the armed timeout; None = not armed


Look = Callable[[], Snapshot]


class Screen(Protocol):
    """Shows a run while it runs."""

    def on_note(self, note: Note) -> None:
        """Take what the engine noted; nothing is drawn yet."""
        ...

    def maybe_draw(self, now_ns: int, look: Look) -> None:
        """Draw when it is time to; ``now_ns`` is the contract's clock."""
        ...

    def close(self) -> None:
        """Leave the terminal as it was; idempotent."""
        ...


class NoScreen:
    """Shows nothing: for ``--quiet``, sweeps and tests."""

    def on_note(self, note: Note) -> None:
        """Ignore it."""

    def maybe_draw(self, now_ns: int, look: Look) -> None:
        """Draw nothing."""

    def close(self) -> None:
        """There is nothing to leave."""
