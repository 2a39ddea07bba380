"""What any venue can do; the shell talks to venues through this port only."""

from collections.abc import Callable, Sequence
from typing import Protocol

from mmbot.types import Action, Answered, Event

Sink = Callable[[Event], None]
"""Takes events in the order in which they were heard; never blocks."""


class Venue(Protocol):
    """One connection to a venue: a stream of events in, actions out."""

    name: str

    async def start(self, sink: Sink, symbols: Sequence[str]) -> None:
        """Connect, subscribe and give ``Connected`` once every table's partial was given.

        Reconnects by itself with backoff afterwards (``Disconnected``, then ``Connected``).

        Raises:
            AccessRefusedError: the key or its signature is refused.
            VenueUnavailableError: never reached within the set time.
        """
        ...

    async def perform(self, action: Action) -> Answered:
        """Send one action and return the venue's answer; never raises VenueError."""
        ...

    async def close(self) -> None:
        """Close the stream and the lanes; idempotent."""
        ...
