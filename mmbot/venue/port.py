"""What any venue can do; the shell talks to venues through this port only."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, runtime_checkable

import msgspec

from mmbot.types import Action, Answered, Event

Sink = Callable[[Event], None]
"""Takes events in the order in which they were heard; never blocks."""


class Reply(msgspec.Struct, frozen=True):
    """An answer; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Lane(Protocol):
    """Sends requests to one origin."""

    async def request(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes = b""
    ) -> Reply:
        """Send one request and return its answer.

        Args:
            method: in upper case.
            target: path with its raw query; not touched, because it is signed.
            headers: besides those of the transport.
            body: as signed; empty means none.

        Raises:
            VenueUnavailableError: no whole answer came; it is not known whether it was done.
        """
        ...

    async def close(self) -> None:
        """Close all connections; idempotent."""
        ...


class Socket(Protocol):
    """An open stream of frames."""

    async def send(self, text: str) -> None:
        """Send a text frame."""
        ...

    async def recv(self) -> str | bytes:
        """Return the next frame.

        Raises:
            VenueUnavailableError: the stream has ended.
        """
        ...

    async def pump(self, take: Callable[[str | bytes], None]) -> None:
        """Give each further frame to ``take`` as it comes, until the stream ends.

        Raises:
            VenueUnavailableError: the stream has ended.
            Exception: whatever ``take`` raised.
        """
        ...

    async def close(self) -> None:
        """Close it; idempotent."""
        ...


@runtime_checkable
class InstantSocket(Protocol):
    """A socket that takes a frame without waiting, as one in memory can."""

    def put(self, text: str) -> None:
        """Send a text frame."""
        ...


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


@runtime_checkable
class Poster(Protocol):
    """A venue that sends some actions without waiting, so that they need no task."""

    def post(self, action: Action) -> bool:
        """Send an action whose ``Answered`` comes by the sink; False: it must be performed."""
        ...
