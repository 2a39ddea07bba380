"""Time as a port: one method, so that real, accelerated and virtual clocks are interchangeable."""

import time
from typing import Protocol


class Clock(Protocol):
    """Anything that can say the time."""

    def now_ns(self) -> int:
        """Nanoseconds since the Unix epoch, UTC."""
        ...


class SystemClock:
    """The host's clock."""

    def now_ns(self) -> int:
        """Nanoseconds since the Unix epoch, UTC."""
        return time.time_ns()
