"""Faults that an operator injects, to see what a client or the exchange itself makes of them (E31).

They are no part of the journal: a restart or a replay knows nothing of them, only of what came of
them. Whether one fires is decided by its own seeded draws, by its count, or by the clock, so that a
run can be repeated. ``KINDS`` says what each one does.
"""

import random
from collections.abc import Callable, Container, Mapping
from typing import Literal

import msgspec

Where = Literal["request", "frame", "disk", "feed", "limits"]

SLOW_DISK = 20
"""How many times as long the disk takes with ``disk-slow``, as it did once."""
SERVED = 1_000
SERVED_DEPTH = 100
"""Requests a second that the engine serves while its disk is well, and how many may wait, where
``overload_rate`` says nothing."""


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """A fault that can be added: where it strikes, what it does, and the fields of its own."""

    where: Where
    does: str
    fields: tuple[str, ...] = ()


KINDS: Mapping[str, Kind] = {
    "rate-limit": Kind(
        where="request",
        does="answers 429 with Retry-After and X-RateLimit-Reset; cancels pass, as they do",
        fields=("method", "path", "retry_s"),
    ),
    "overload": Kind(
        where="request",
        does="answers 503 overloaded before the engine; what load shedding lets in passes",
        fields=("method", "path"),
    ),
    "unauthorized": Kind(
        where="request",
        does="answers 401 to good credentials, in the words of `text`",
        fields=("method", "path", "text"),
    ),
    "server-error": Kind(
        where="request", does="answers 500 before the engine", fields=("method", "path")
    ),
    "slow": Kind(
        where="request",
        does="does what is asked at once and answers `delay_s` later",
        fields=("method", "path", "delay_s"),
    ),
    "drop-before": Kind(
        where="request",
        does="cuts the connection; what was asked is not done",
        fields=("method", "path"),
    ),
    "drop-after": Kind(
        where="request",
        does="does what is asked and cuts the connection without an answer",
        fields=("method", "path"),
    ),
    "read-failed": Kind(
        where="request",
        does="a historic read fails: 500, an alarm, and a suspension announced 25 minutes ahead",
        fields=("path", "halt_min"),
    ),
    "socket-drop": Kind(
        where="frame",
        does="cuts the socket instead of a table frame; with `code` it is closed with that",
        fields=("table", "code"),
    ),
    "frame-withheld": Kind(
        where="frame", does="an insert, update or delete is not sent", fields=("table",)
    ),
    "frame-doubled": Kind(
        where="frame", does="an insert, update or delete is sent twice", fields=("table",)
    ),
    "frame-late": Kind(
        where="frame",
        does="an insert, update or delete is sent after the frame that follows it",
        fields=("table",),
    ),
    "disk-slow": Kind(
        where="disk",
        does="a sync (1 ms at least) takes `factor` times as long; the engine serves as much less",
        fields=("factor",),
    ),
    "feed-doubled": Kind(
        where="feed",
        does="the rows of a print come twice, with `mismatch` at another price the second time",
        fields=("mismatch",),
    ),
    "limit-store-slow": Kind(
        where="limits",
        does="the store of request limits answers `delay_s` later; who trades does not wait for it",
        fields=("delay_s",),
    ),
}


class Fault(msgspec.Struct, kw_only=True):
    """One fault that was added.

    ``account`` 0 is everybody. It fires at each match, or with ``probability``, or at the matches
    whose numbers are in ``matches`` (from 1), or at the first one from ``from_ns`` on, the
    exchange's time; at most ``times`` times, 0 = any.
    """

    number: int
    name: str
    account: int = 0
    probability: float = 1.0
    matches: tuple[int, ...] = ()
    from_ns: int = 0
    times: int = 0
    method: str = ""
    path: str = ""
    table: str = ""
    text: str = ""
    delay_s: float = 0.0
    retry_s: int = 1
    factor: int = SLOW_DISK
    code: int = 0
    halt_min: int = 0
    mismatch: bool = False
    draws: random.Random
    seen: int = 0
    fired: int = 0

    def strikes(self, now_ns: int) -> bool:
        """Count a match and return whether the fault fires at it."""
        self.seen += 1
        if self.times and self.fired >= self.times:
            return False
        if self.matches:
            fires = self.seen in self.matches
        elif now_ns < self.from_ns:
            fires = False
        else:
            # One draw a match, whatever the probability, so that a run can be repeated.
            fires = self.draws.random() < self.probability
        self.fired += fires
        return fires


class Faults:
    """All that were added; where there are none, looking costs one attribute."""

    def __init__(self, seed: int, now_ns: Callable[[], int]) -> None:
        """Begin with none.

        Args:
            seed: of their draws.
            now_ns: the exchange's clock.
        """
        self._seed = seed
        self._now_ns = now_ns
        self._next = 1
        self.all: dict[int, Fault] = {}
        self.requests: tuple[Fault, ...] = ()
        self.frames: tuple[Fault, ...] = ()
        self._limits: tuple[Fault, ...] = ()
        self._feed: tuple[Fault, ...] = ()
        self.on_disk: Callable[[int], None] | None = None
        """Told how many times as long the disk takes now; None where nothing waits for a disk."""

    def draws(self, name: str, seed: int | None) -> random.Random:
        """Return what the next fault draws from: its own generator."""
        seed = self._seed if seed is None else seed
        return random.Random(f"fault {seed} {self._next} {name}")  # noqa: S311 (no secret)

    def add(self, fault: Fault) -> None:
        """Let a fault strike from now on."""
        self.all[fault.number] = fault
        self._next = fault.number + 1
        self._sort()

    @property
    def next_number(self) -> int:
        """The number of the next one that is added."""
        return self._next

    def clear(self, number: int | None = None) -> int:
        """Take away one fault, or all; return how many went."""
        gone = list(self.all) if number is None else [number] * (number in self.all)
        for one in gone:
            del self.all[one]
        self._sort()
        return len(gone)

    def _sort(self) -> None:
        def at(where: Where) -> tuple[Fault, ...]:
            return tuple(one for one in self.all.values() if KINDS[one.name].where == where)

        self.requests, self.frames = at("request"), at("frame")
        self._feed, self._limits = at("feed"), at("limits")
        if self.on_disk is not None:
            self.on_disk(max((one.factor for one in at("disk")), default=1))

    def of_request(
        self,
        account: int,
        method: str,
        path: str,
        *,
        cancels: bool = False,
        historic: bool = False,
        names: Container[str] = KINDS,
    ) -> Fault | None:
        """Return the first fault that strikes a request; the others don't count it.

        Args:
            account: who signed it, 0 = nobody.
            method: of the request.
            path: after ``/api/v1``.
            cancels: whether limits and load shedding let it in.
            historic: whether it reads what has happened.
            names: the kinds that may strike it.
        """
        now_ns = self._now_ns()
        for one in self.requests:
            if one.account not in {0, account} or one.path not in {"", path}:
                continue
            if one.method not in {"", method} or one.name not in names:
                continue
            if one.name in {"rate-limit", "overload"} and cancels:
                continue
            if one.name == "unauthorized" and not account:
                continue
            if one.name == "read-failed" and not historic:
                continue
            if one.strikes(now_ns):
                return one
        return None

    def of_frame(self, account: int, text: str) -> Fault | None:
        """Return the first fault that strikes a frame; only what changes a table is struck."""
        table, action = _table_of(text)
        if action not in {"insert", "update", "delete"}:
            return None
        now_ns = self._now_ns()
        for one in self.frames:
            if one.account not in {0, account} or one.table not in {"", table}:
                continue
            if one.strikes(now_ns):
                return one
        return None

    def of_print(self) -> Fault | None:
        """Return the fault that strikes the feed's next print."""
        now_ns = self._now_ns()
        return next((one for one in self._feed if one.strikes(now_ns)), None)

    def limit_store_s(self, account: int) -> float:
        """Return how long the store of request limits keeps a request waiting, seconds."""
        if not self._limits:
            return 0.0
        now_ns = self._now_ns()
        mine = [one for one in self._limits if one.account in {0, account}]
        return max((one.delay_s for one in mine if one.strikes(now_ns)), default=0.0)


def _table_of(text: str) -> tuple[str, str]:
    """Return table and action of a frame, both empty where it is none of a table."""
    if not text.startswith('{"table":"'):
        return "", ""
    table = text[10 : text.index('"', 10)]
    _, _, rest = text.partition('"action":"')
    return table, rest.partition('"')[0]
