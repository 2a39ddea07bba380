"""The operator's interface under ``/admin/v1`` (design.md 6): through the same door and journal.

Every refusal names the field, its value and what is allowed.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from hmac import compare_digest
from ipaddress import ip_address
from typing import Any, Protocol
from urllib.parse import parse_qs

import msgspec

from sim_exchange.core.types import MINUTE_NS, SECOND_NS
from sim_exchange.errors import (
    AccessDeniedError,
    AuthenticationError,
    BadRequestError,
    ConnectionCutError,
    InvariantError,
    JournalError,
    NotFoundError,
)
from sim_exchange.server import (
    admin_accounts,
    admin_announcements,
    admin_bans,
    admin_faults,
    admin_market,
    admin_refunds,
    admin_snapshots,
    announcements,
)
from sim_exchange.server.admin_input import Fields, bad, instant, whole
from sim_exchange.server.alarms import historic_read_failed
from sim_exchange.server.ports import AuditLike, ClockControl, JournalRecord
from sim_exchange.server.requests import encode
from sim_exchange.server.venue import Venue
from sim_exchange.wire.numbers import to_integer
from sim_exchange.wire.rows import Row
from sim_exchange.wire.times import to_iso

ADMIN_BASE = "/admin/v1"

_SLICE_NS = MINUTE_NS  # of an advance, between two looks at the sockets
_CHUNK = 500  # journal records a piece of the stream
_MOST_S = 10**9  # of an advance, seconds

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class JournalLike(Protocol):
    """The journal, as the operator may read it."""

    def digest(self) -> str:
        """Digest of everything appended."""
        ...

    def read(self, from_seq: int = 1) -> Iterator[JournalRecord]:
        """Yield records from ``from_seq`` on."""
        ...


class Admin:
    """The operator's requests; every one needs the token and, by default, a loopback peer."""

    def __init__(
        self,
        venue: Venue,
        audit: AuditLike,
        journal: JournalLike,
        clock: ClockControl,
        token: str,
        *,
        allow_remote: bool = False,
    ) -> None:
        """Put the parts together; ``token`` is the bearer token."""
        self._venue = venue
        self._audit = audit
        self._journal = journal
        self._clock = clock
        venue.clock_control = clock
        self._token = token.encode()
        self._allow_remote = allow_remote
        self._moving = asyncio.Lock()
        self._reads: dict[str, Callable[[], object]] = {
            "/state": self.state,
            "/audit": self.audit,
            "/instrument": lambda: admin_market.all_instruments(venue),
            "/account": lambda: admin_accounts.all_accounts(venue),
            "/fund": lambda: admin_accounts.fund(venue),
            "/announcement": lambda: announcements.every_announcement(venue),
            "/bans": lambda: admin_bans.every_ban(venue),
            "/fault": lambda: admin_faults.every_fault(venue),
            "/fault/known": admin_faults.known,
        }
        self._writes: dict[str, Callable[[Venue, Fields], object]] = {
            "/constituent": admin_market.constituent,
            "/index": admin_market.index,
            "/borrow": admin_accounts.borrow,
            "/instrument": admin_market.instrument,
            "/account": admin_accounts.account,
            "/fund": admin_accounts.deposit_fund,
            "/awards": admin_accounts.awards,
            "/refund": admin_refunds.refund,
            "/chain": admin_accounts.chain,
            "/snapshot": admin_snapshots.snapshot,
            "/mode": admin_announcements.mode,
            "/announcement": admin_announcements.announce,
            "/fault": admin_faults.add,
        }
        self._deletes: dict[str, Callable[[Venue, str, Fields], object]] = {
            "/bans": admin_bans.lift,
            "/fault": admin_faults.clear,
        }

    async def answer(self, scope: MutableMapping[str, Any], body: bytes, send: Send) -> None:
        """Answer one request.

        Raises:
            RequestError: the caller is wrong; the app spells it.
        """
        self._admit(scope)
        method: str = scope["method"]
        path: str = scope["path"][len(ADMIN_BASE) :].rstrip("/")
        if method == "GET":
            if path == "/journal":
                await self._stream_journal(scope["query_string"].decode("latin-1"), send)
                return
            value = self._read(path)
        elif method == "POST":
            fields = _fields(body)
            if path == "/clock":
                value = await self._move_clock(fields)
            else:
                handler = self._writes.get(path)
                if handler is None:
                    raise NotFoundError("Not Found")
                value = handler(self._venue, fields)
        elif method == "DELETE":
            value = self._delete(path, body)
        else:
            raise NotFoundError("Not Found")
        await self._venue.session.released()
        await _respond(send, encode(value))

    def state(self) -> Row:
        """GET /state."""
        venue = self._venue
        exchange = venue.exchange
        modes = {symbol: market.mode.value for symbol, market in exchange.markets.items()}
        kinds = set(modes.values())
        return {
            "clock": self._clock_row(),
            "seq": venue.session.seq,
            "digest": self._journal.digest(),
            "mode": kinds.pop() if len(kinds) == 1 else ("Mixed" if kinds else "Open"),
            "modes": modes,
            "counts": {
                "accounts": len(exchange.accounts),
                "instruments": len(exchange.markets),
                "indices": len(exchange.indices),
                "openOrders": sum(len(exchange.open_orders(a)) for a in exchange.accounts),
            },
            "era": venue.settings.era,
            "seed": venue.settings.seed,
        }

    def audit(self) -> Row:
        """GET /audit: run every invariant now."""
        at = to_iso(self._venue.exchange.now_ns)
        try:
            checked = list(self._audit.check())
        except InvariantError as error:
            return {"ok": False, "checked": [], "error": str(error), "at": at}
        return {"ok": True, "checked": checked, "at": at}

    def _read(self, path: str) -> object:
        handler = self._reads.get(path)
        if handler is not None:
            return handler()
        if path.startswith("/account/"):
            return admin_accounts.one_account(self._venue, path.removeprefix("/account/"))
        raise NotFoundError("Not Found")

    def _delete(self, path: str, body: bytes) -> object:
        room, _, which = path[1:].partition("/")
        handler = self._deletes.get(path[:1] + room)
        if handler is None:
            raise NotFoundError("Not Found")
        return handler(self._venue, which, _fields(body))

    def _admit(self, scope: MutableMapping[str, Any]) -> None:
        client = scope.get("client")
        if not self._allow_remote and client and not _is_loopback(str(client[0])):
            raise AccessDeniedError("The admin interface answers loopback peers only")
        given = b""
        for name, value in scope["headers"]:
            if name == b"authorization":
                given = value
        if not compare_digest(given, b"Bearer " + self._token):
            raise AuthenticationError(
                "Authorization: Bearer TOKEN is required, with the right token"
            )

    def _clock_row(self) -> Row:
        clock = self._clock
        return {
            "at": to_iso(self._venue.now_ns()),
            "kind": clock.kind,
            "factor": clock.factor,
            "paused": clock.paused,
        }

    async def _move_clock(self, fields: Fields) -> Row:
        fields.only("advance_s", "to", "factor", "paused")
        async with self._moving:
            what = fields.one_of("advance_s", "to", "factor", "paused")
            if what in ("advance_s", "to"):
                await self._advance(fields)
            elif what == "factor":
                self._refuse_manual("factor")
                self._clock.set_factor(whole("factor", fields.values["factor"], 1, 1_000_000))
            else:
                self._refuse_manual("paused")
                self._clock.set_paused(fields.flag("paused"))
        return {"clock": self._clock_row()}

    def _refuse_manual(self, name: str) -> None:
        if self._clock.kind in ("manual", "virtual"):
            raise BadRequestError(f"{name}: the clock is {self._clock.kind}; only advance_s, to")

    async def _advance(self, fields: Fields) -> None:
        if self._clock.kind != "manual":
            raise BadRequestError(
                f"advance_s, to: the clock is {self._clock.kind}; they need a manual clock"
            )
        now = self._venue.now_ns()
        target = self._target(fields, now)
        if target < now:
            raise bad("to", to_iso(target), f"an instant not before {to_iso(now)}")
        if target > now + _MOST_S * SECOND_NS:
            raise bad("to", to_iso(target), f"an instant at most {_MOST_S} s away is needed")
        while True:
            now = min((now // _SLICE_NS + 1) * _SLICE_NS, target)
            self._clock.advance_to(now)
            # Sockets and other requests live while a week passes.
            await asyncio.sleep(0)
            if now >= target:
                return

    def _target(self, fields: Fields, now: int) -> int:
        if "to" in fields.values:
            return instant("to", fields.values["to"]) // 1000 * 1000
        seconds = fields.decimal("advance_s")
        if not 0 <= seconds <= _MOST_S:
            raise bad("advance_s", fields.values["advance_s"], f"seconds from 0 to {_MOST_S}")
        return now + int(seconds * 10**6) * 1000

    async def _stream_journal(self, query: str, send: Send) -> None:
        text = parse_qs(query, keep_blank_values=True).get("from", ["1"])[0]
        first = to_integer(text)
        if first is None or first < 0:
            raise bad("from", text, "a sequence number is needed")
        headers = [(b"content-type", b"application/x-ndjson")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        lines: list[bytes] = []
        for record in self._records(first):
            row = {"seq": record.seq, "at": to_iso(record.at_ns), "at_ns": record.at_ns}
            lines.append(encode({**row, "command": record.command}) + b"\n")
            if len(lines) >= _CHUNK:
                body = b"".join(lines)
                lines.clear()
                await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body", "body": b"".join(lines)})

    def _records(self, first: int) -> Iterator[JournalRecord]:
        """Yield what the journal has; one that can't be read is an alarm, not the end of trading.

        Raises:
            ConnectionCutError: it can't be read to its end.
        """
        try:
            yield from self._journal.read(first)
        except JournalError as error:
            historic_read_failed(self._venue, f"journal ({error})")
            raise ConnectionCutError from error


def _fields(body: bytes) -> Fields:
    try:
        value = msgspec.json.decode(body) if body.strip() else {}
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadRequestError("the body is not JSON") from error
    if not isinstance(value, dict):
        raise BadRequestError("the body must be a JSON object")
    return Fields(value)


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return address in ("localhost", "testclient")


async def _respond(send: Send, body: bytes) -> None:
    headers = [
        (b"content-type", b"application/json; charset=utf-8"),
        (b"content-length", b"%d" % len(body)),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
