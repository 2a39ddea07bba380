"""A venue to test from outside: the small world of the core behind the real app, in memory.

``Desk`` has the clock, signed HTTP calls and in-memory sockets; the clock moves by ``advance``.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec

from sim_exchange.clock import ManualClock
from sim_exchange.core import commands as c
from sim_exchange.core.exchange import Exchange
from sim_exchange.core.specs import IndexSpec
from sim_exchange.core.types import IndexKind
from sim_exchange.history import History
from sim_exchange.journal import Header, Journal, MemoryJournal
from sim_exchange.server.access import KeyRecord, KeyStore
from sim_exchange.server.admin import Admin
from sim_exchange.server.admin_accounts import open_account
from sim_exchange.server.asgi import ExchangeApp
from sim_exchange.server.publisher import Publisher
from sim_exchange.server.venue import Venue, VenueSettings
from sim_exchange.session import Session
from sim_exchange.wire.auth import Signer
from tests.core.world import ETC7D, ETC_XBT, START_NS, XBT, composite

TOKEN = "operator"
SECOND_NS = 10**9
HEADER = Header(start_ns=START_NS, seed=7, era="2018")


class Clock:
    """The operator's hand on the manual clock."""

    kind = "manual"
    factor = 1
    paused = False

    def __init__(self, clock: ManualClock, session: Session) -> None:
        self.clock = clock
        self.session = session

    def advance_to(self, at_ns: int) -> None:
        self.session.run_due(at_ns)
        self.clock.move_to(at_ns)

    def set_factor(self, factor: int) -> None:
        raise AssertionError(factor)

    def set_paused(self, paused: bool) -> None:
        raise AssertionError(paused)


class Desk:
    """The venue with accounts alice and bob (10 XBT each, keys of their own names)."""

    def __init__(self, journal: Journal | None = None, **settings: Any) -> None:
        self.clock = ManualClock(START_NS)
        self.exchange = Exchange(START_NS)
        journal = journal or MemoryJournal(HEADER, keep=True)
        self.session = Session(self.exchange, journal, self.clock)
        self.history = History(self.exchange)
        self.session.subscribe(self.history.on_commit)
        self.keys = KeyStore()
        self.host_ns = START_NS
        chosen = VenueSettings(seed=7, **settings)
        self.venue = Venue(
            self.session, self.exchange, self.history, self.keys, lambda: self.host_ns, chosen
        )
        self.publisher = Publisher(self.venue)
        self.control = Clock(self.clock, self.session)
        self.admin = Admin(self.venue, self.exchange, journal, self.control, TOKEN)
        self.app = ExchangeApp(self.venue, self.publisher, self.admin)
        self.signers: dict[str, Signer] = {}
        self._list()
        self.alice = self.account("alice", XBt=10 * XBT)
        self.bob = self.account("bob", XBt=10 * XBT, ETC=1000 * XBT)

    def _list(self) -> None:
        submit = self.session.submit
        submit(c.ListIndex(spec=composite(".ETCXBT", ("A", "B", "C"))))
        spec = IndexSpec(symbol=".ETCXBT30M", kind=IndexKind.TWAP30, source=".ETCXBT")
        submit(c.ListIndex(spec=spec))
        lending = IndexSpec(symbol=".ETCBON", kind=IndexKind.LENDING, source="ETC")
        submit(c.ListIndex(spec=lending))
        submit(c.IndexPrints(index=".ETCXBT", prices=(20_000_000_000,) * 3))
        submit(c.ListInstrument(spec=ETC7D))
        submit(c.ListInstrument(spec=ETC_XBT))
        self.advance(5)

    def account(self, name: str, **balances: int) -> int:
        number = open_account(self.venue, name)
        for currency, amount in balances.items():
            self.session.submit(c.Deposit(to_account=number, currency=currency, amount=amount))
        secret = f"secret of {name}"
        self.keys.add(KeyRecord(key=name, secret=secret, account=number))
        self.signers[name] = Signer(secret)
        return number

    def advance(self, seconds: float) -> None:
        self.control.advance_to(self.clock.now_ns() + int(seconds * SECOND_NS))

    def headers(self, who: str, method: str, target: str, body: bytes = b"") -> dict[str, str]:
        expires = str(self.host_ns // SECOND_NS + 5)
        message = method.encode() + target.encode() + expires.encode() + body
        return {
            "api-key": who,
            "api-expires": expires,
            "api-signature": self.signers[who].sign(message),
        }

    async def call(
        self,
        method: str,
        path: str,
        who: str = "",
        *,
        json_body: Any = None,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        """One request; ``path`` may have a query, and is sent as it is."""
        target = path if path.startswith("/admin") else f"/api/v1{path}"
        if json_body is not None:
            body = json.dumps(json_body).encode()
        sent = dict(headers or {})
        if who:
            sent.update(self.headers(who, method, target, body))
        if target.startswith("/admin"):
            sent.setdefault("authorization", f"Bearer {TOKEN}")
        transport = httpx.ASGITransport(app=self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://sim") as client:
            return await client.request(method, target, content=body, headers=sent)

    async def ok(self, method: str, path: str, who: str = "", **more: Any) -> Any:
        answer = await self.call(method, path, who, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def place(self, who: str, **fields: Any) -> Any:
        fields.setdefault("symbol", "ETC7D")
        return await self.ok("POST", "/order", who, json_body=fields)

    @asynccontextmanager
    async def socket(self, query: str = "", who: str = ""):
        """An in-memory socket; leaves by a disconnect of the client."""
        headers = []
        if who:
            expires = str(self.host_ns // SECOND_NS + 5)
            signature = self.signers[who].sign(f"GET/realtime{expires}".encode())
            headers = [
                (b"api-key", who.encode()),
                (b"api-expires", expires.encode()),
                (b"api-signature", signature.encode()),
            ]
        sock = Socket(self, query, headers)
        await sock.start()
        try:
            yield sock
        finally:
            await sock.leave()


class Socket:
    """The client's end of an in-memory socket: frames as they came, and what closed it."""

    def __init__(self, desk: Desk, query: str, headers: list[tuple[bytes, bytes]]) -> None:
        self.desk = desk
        self.frames: list[Any] = []
        self.raw: list[str] = []
        self.closed: int | None = None
        self.denied: int | None = None
        self._in: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._scope = {
            "type": "websocket",
            "path": "/realtime",
            "query_string": query.encode(),
            "headers": headers,
            "client": ("127.0.0.1", 1),
            "extensions": {"websocket.http.response": {}},
        }
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._in.put_nowait({"type": "websocket.connect"})
        self._task = asyncio.create_task(self.desk.app(self._scope, self._in.get, self._send))
        await settle()

    async def _send(self, message: Any) -> None:
        kind = message["type"]
        if kind == "websocket.send":
            self.raw.append(message["text"])
            text = message["text"]
            self.frames.append(msgspec.json.decode(text) if text != "pong" else text)
        elif kind == "websocket.close":
            self.closed = message.get("code")
        elif kind == "websocket.http.response.start":
            self.denied = message["status"]

    async def say(self, message: Any) -> list[Any]:
        """Send a message and return the frames that came of it."""
        text = message if isinstance(message, str) else json.dumps(message)
        self._in.put_nowait({"type": "websocket.receive", "text": text})
        return await self.take()

    async def subscribe(self, *topics: str) -> list[Any]:
        """Subscribe and return the frames."""
        return await self.say({"op": "subscribe", "args": list(topics)})

    async def take(self) -> list[Any]:
        """Frames since the last look."""
        await settle()
        frames, self.frames = self.frames, []
        return frames

    async def leave(self) -> None:
        self._in.put_nowait({"type": "websocket.disconnect", "code": 1000})
        assert self._task is not None
        await self._task


async def settle() -> None:
    """Let everything that is ready run."""
    for _ in range(20):
        await asyncio.sleep(0)


def tables(frames: list[Any], table: str = "") -> list[Any]:
    """Table frames among frames, of one table or of all."""
    return [f for f in frames if "table" in f and table in ("", f["table"])]
