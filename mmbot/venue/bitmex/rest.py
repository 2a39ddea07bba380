"""A BitMEX venue behind the port: actions become signed requests, answers become events.

| status | means | error |
| --- | --- | --- |
| 401, 403 | key, signature or permission | ``AccessRefusedError`` |
| 429, and 503 of an overload | slow down; not done | ``VenueBusyError`` |
| other 4xx | the request itself | ``OrderRefusedError`` |
| other 5xx, no answer | unknown whether done | ``VenueUnavailableError`` |
"""

import asyncio
import contextlib
from collections.abc import Sequence
from functools import partial
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec

from mmbot.clock import Clock
from mmbot.errors import (
    AccessRefusedError,
    OrderRefusedError,
    VenueBusyError,
    VenueError,
    VenueUnavailableError,
)
from mmbot.types import (
    Action,
    AmendOrders,
    Answered,
    ArmDeadMan,
    CancelAll,
    CancelOrders,
    FillSeen,
    Instrument,
    InstrumentSeen,
    Kind,
    Listen,
    OrderSeen,
    PlaceOrders,
    PositionSeen,
    RefreshState,
    WalletSeen,
)
from mmbot.venue.bitmex.auth import Signer
from mmbot.venue.bitmex.codec import (
    amend_fields,
    fill_of,
    instant_ns,
    instrument_of,
    margin_of,
    order_fields,
    order_of,
    position_of,
    wallet_of,
)
from mmbot.venue.bitmex.endpoint import API_PREFIX
from mmbot.venue.bitmex.realtime import PING_AFTER_S, Backoff, Realtime, SocketOpener
from mmbot.venue.bitmex.rows import (
    ExecutionRow,
    InstrumentRow,
    MarginRow,
    OrderRow,
    PositionRow,
    TransactionRow,
    WalletRow,
)
from mmbot.venue.bitmex.tables import BOOK, Tables
from mmbot.venue.port import Lane, Reply, Sink

_T = TypeVar("_T")

_JSON = {"content-type": "application/json"}
_PAGE = 500  # rows; the venue gives no more at once
_OVERLOAD_WAIT_S = 0.5
# Not margin: it comes with every mark, and all that we read of it is a balance: see _look.
_PRIVATE_TOPICS = ("order", "execution", "position", "wallet")
_LOOK_EVERY_NS = 900 * 10**9
_decoders: dict[object, msgspec.json.Decoder[Any]] = {}  # by what an answer is read as


class _ErrorBody(msgspec.Struct):
    message: str = ""
    name: str = ""


class _ErrorAnswer(msgspec.Struct):
    error: _ErrorBody = msgspec.field(default_factory=_ErrorBody)


class _ServerInfo(msgspec.Struct):
    timestamp: int  # ms since the epoch


class Transaction(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the wallet's history, minor units; ``amount`` is signed and net of ``fee``."""

    currency: str
    kind: str  # transactType: Deposit, Withdrawal, RealisedPNL, SpotTrade, ...
    amount: int
    fee: int
    status: str
    symbol: str
    text: str
    at_ns: int | None
    balance: int | None


class Lines(msgspec.Struct, frozen=True, kw_only=True):
    """How the venue is reached: orders by a fast lane, all else by another, the stream."""

    orders: Lane
    reads: Lane
    open_socket: SocketOpener


class BitMexVenue:
    """One account at one venue that speaks the protocol."""

    def __init__(
        self,
        name: str,
        lines: Lines,
        *,
        signer: Signer | None,
        clock: Clock,
        ping_after_s: float | None = PING_AFTER_S,
        connect_within_s: float = 30.0,
        backoff: Backoff | None = None,
    ) -> None:
        """Prepare; nothing happens before ``start`` or the first read.

        Args:
            name: of the port: main, hedge.
            lines: how it is reached.
            signer: the account's; None = public data only.
            clock: stamps events.
            ping_after_s: see ``Realtime``.
            connect_within_s: how long the first contact may take.
            backoff: the waits between attempts.
        """
        self.name = name
        self._orders = lines.orders
        self._reads = lines.reads
        self._signer = signer
        self._clock = clock
        self._connect_within_s = connect_within_s
        self._instruments: dict[str, Instrument] = {}
        self._tables = Tables(self._instruments)
        self._sink: Sink = _nowhere
        self._bulk = True
        self._quiet: list[str] = []  # symbols whose facts we look up instead of listening
        self._looked_ns = 0
        self._looking: asyncio.Task[None] | None = None
        self._arms_by_stream = True
        self._realtime = Realtime(
            name,
            lines.open_socket,
            signer,
            clock,
            self._tables,
            ping_after_s=ping_after_s,
            backoff=backoff,
        )

    # --- the port -------------------------------------------------------------------------------

    async def start(self, sink: Sink, symbols: Sequence[str]) -> None:
        """Connect, subscribe and give ``Connected`` once every table's partial was given.

        Symbols that the venue does not list are left out. Indices have no book. Of spot only the
        book is listened to: its rows change with every index print, and their facts hardly ever.

        Raises:
            AccessRefusedError: the key or its signature is refused.
            VenueUnavailableError: never reached within the set time.
        """
        self._sink = sink
        rows = await self.instrument_rows(symbols)
        listed = {row["symbol"]: instrument_of(row) for row in rows}
        tradable = {s: i for s, i in listed.items() if i.kind is not Kind.INDEX}
        self._instruments.update(tradable)
        self._quiet = [s for s, i in tradable.items() if i.kind is Kind.SPOT]
        topics = [f"instrument:{symbol}" for symbol in listed if symbol not in self._quiet]
        topics += [f"{BOOK}:{symbol}" for symbol in tradable]
        if self._signer is not None:
            topics += _PRIVATE_TOPICS
            for row in await self._trade_history(0):
                self._tables.learn_execution(row)
        topics += [
            f"settlement:{symbol}"
            for symbol, instrument in tradable.items()
            if instrument.kind is not Kind.SPOT
        ]
        await self._realtime.start(
            sink, topics, catch_up=self._catch_up, within_s=self._connect_within_s
        )

    async def perform(self, action: Action) -> Answered:
        """Send one action and return the venue's answer; never raises VenueError."""
        try:
            orders = await self._do(action)
        except VenueBusyError as error:
            return self._failed(action, error, "busy", error.retry_after_s)
        except VenueUnavailableError as error:
            return self._failed(action, error, "unavailable")
        except AccessRefusedError as error:
            return self._failed(action, error, "access")
        except VenueError as error:
            return self._failed(action, error, "refused")
        now_ns = self._clock.now_ns()
        if now_ns >= self._looked_ns + _LOOK_EVERY_NS and self._looked_ns:
            self._looked_ns = now_ns
            self._looking = asyncio.create_task(self._look_again())
        return Answered(at_ns=now_ns, action_id=action.action_id, orders=orders)

    def post(self, action: Action) -> bool:
        """Send a renewal of the dead-man switch without waiting, where the stream is in memory."""
        return (
            type(action) is ArmDeadMan
            and self._arms_by_stream
            and self._realtime.post_dead_man(action.timeout_ms, partial(self._armed, action))
        )

    async def failed(self) -> None:
        """Wait until the stream is given up; raises what ended it."""
        await self._realtime.failed()

    async def close(self) -> None:
        """Close the stream and the lanes; idempotent."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
        await self._realtime.close()
        await self._orders.close()
        await self._reads.close()

    # --- reads ----------------------------------------------------------------------------------

    async def instrument_rows(self, symbols: Sequence[str] = ()) -> list[InstrumentRow]:
        """Return instrument rows in the venue's order; all of them when no symbol is named."""
        if symbols:
            wanted = quote(msgspec.json.encode({"symbol": list(symbols)}), safe="")
            target = f"/instrument?filter={wanted}&count={_PAGE}"
            return await self._read(target, list[InstrumentRow])
        rows: list[InstrumentRow] = []
        while True:
            target = f"/instrument?count={_PAGE}&start={len(rows)}"
            page = await self._read(target, list[InstrumentRow])
            rows += page
            if len(page) < _PAGE:
                return rows

    async def now_ns(self) -> int:
        """Return the venue's own time, in whole milliseconds."""
        return (await self._read("", _ServerInfo)).timestamp * 10**6

    async def wallets(self) -> list[WalletSeen]:
        """Return the account's wallet in every currency it ever held."""
        rows = await self._read("/user/wallet?currency=all", list[WalletRow])
        now_ns = self._clock.now_ns()
        return [wallet_of(row, now_ns) for row in rows]

    async def wallet_balance(self, currency: str) -> int:
        """Return the wallet balance in a settlement currency, all realised profit included."""
        row = await self._read(f"/user/margin?currency={currency}", MarginRow)
        return row.get("walletBalance") or 0

    async def wallet_history(self, count: int = 10_000) -> list[Transaction]:
        """Return the wallet's history in every currency, newest first."""
        target = f"/user/walletHistory?currency=all&count={count}"
        return [
            Transaction(
                currency=row["currency"],
                kind=row["transactType"],
                amount=row["amount"],
                fee=row.get("fee") or 0,
                status=row["transactStatus"],
                symbol=row.get("address") or "",
                text=row.get("text") or "",
                at_ns=instant_ns(at) if (at := row.get("transactTime")) else None,
                balance=row.get("walletBalance"),
            )
            for row in await self._read(target, list[TransactionRow])
        ]

    async def open_orders(self) -> tuple[OrderSeen, ...]:
        """Return the account's open orders in all symbols."""
        target = f"/order?filter=%7B%22open%22%3Atrue%7D&count={_PAGE}"
        return self._orders_of(await self._read(target, list[OrderRow], lane=self._orders))

    async def positions(self) -> list[PositionSeen]:
        """Return the account's position in every symbol that it ever traded."""
        rows = await self._read(f"/position?count={_PAGE}", list[PositionRow], lane=self._orders)
        now_ns = self._clock.now_ns()
        return [position_of(row, now_ns) for row in rows]

    async def fills(self) -> list[FillSeen]:
        """Return what the account traded and settled of late, oldest first, at most 500 rows."""
        return await self._trade_history(0)

    # --- actions --------------------------------------------------------------------------------

    async def _do(self, action: Action) -> tuple[OrderSeen, ...]:
        match action:
            case PlaceOrders(orders=orders):
                fields = [order_fields(order, self._instruments[order.symbol]) for order in orders]
                return await self._send_orders("POST", fields)
            case AmendOrders(amends=amends):
                fields = [amend_fields(amend, self._instruments[amend.symbol]) for amend in amends]
                return await self._send_orders("PUT", fields)
            case CancelOrders(order_ids=order_ids, cl_ord_ids=cl_ord_ids):
                return await self._cancel(order_ids, cl_ord_ids)
            case CancelAll(symbol=symbol):
                body = {"symbol": symbol} if symbol else {}
                return self._orders_of(
                    await self._act("DELETE", "/order/all", body, list[OrderRow])
                )
            case ArmDeadMan(timeout_ms=timeout_ms):
                await self._arm(timeout_ms)
                return ()
            case RefreshState():
                return await self._refresh()
            case Listen(symbol=symbol):
                await self._realtime.listen(f"instrument:{symbol}")
                return ()
            case _:
                raise TypeError(f"{type(action).__name__} is not an action of this venue")

    async def _send_orders(self, method: str, items: list[dict[str, Any]]) -> tuple[OrderSeen, ...]:
        if len(items) > 1 and self._bulk:
            try:
                return self._orders_of(
                    await self._act(method, "/order/bulk", {"orders": items}, list[OrderRow])
                )
            except OrderRefusedError as error:
                if error.status != 404:
                    raise
                self._bulk = False  # gone from the venue since 2021-11
        answers = await asyncio.gather(
            *(self._act(method, "/order", item, OrderRow) for item in items),
            return_exceptions=True,
        )
        rows = [row for row in answers if not isinstance(row, BaseException)]
        failures = [error for error in answers if isinstance(error, BaseException)]
        for event in self._orders_of(rows) if failures else ():
            self._sink(event)  # the answer will be the failure; what was done must still be heard
        if failures:
            raise failures[0]
        return self._orders_of(rows)

    async def _cancel(
        self, order_ids: Sequence[str], cl_ord_ids: Sequence[str]
    ) -> tuple[OrderSeen, ...]:
        body: dict[str, Any] = {}
        if order_ids:
            body["orderID"] = list(order_ids)
        if cl_ord_ids:
            body["clOrdID"] = list(cl_ord_ids)
        return self._orders_of(await self._act("DELETE", "/order", body, list[OrderRow]))

    async def _arm(self, timeout_ms: int) -> None:
        # By the stream while it is up, which takes no request tokens.
        if self._arms_by_stream and self._realtime.can_arm:
            try:
                await self._realtime.arm_dead_man(timeout_ms)
            except OrderRefusedError:
                self._arms_by_stream = False
            else:
                return
        await self._act("POST", "/order/cancelAllAfter", {"timeout": timeout_ms}, object)

    def _armed(self, action: ArmDeadMan, error: VenueError | None) -> None:
        if error is None:
            self._sink(Answered(at_ns=self._clock.now_ns(), action_id=action.action_id))
        elif isinstance(error, OrderRefusedError):
            self._arms_by_stream = False  # the next one goes by a request
            self._sink(self._failed(action, error, "refused"))
        else:
            self._sink(self._failed(action, error, "unavailable"))

    async def _refresh(self) -> tuple[OrderSeen, ...]:
        orders = await self.open_orders()
        for position in await self.positions():
            self._sink(position)
        return orders

    async def _look(self) -> None:
        # What no table that we listen to tells: facts of spot, the balance of margin.
        self._looked_ns = self._clock.now_ns()
        for row in await self.instrument_rows(self._quiet) if self._quiet else ():
            instrument = instrument_of(row)
            self._instruments[instrument.symbol] = instrument
            self._sink(InstrumentSeen(at_ns=self._clock.now_ns(), instrument=instrument))
        if self._signer is not None:
            for margin in await self._read("/user/margin?currency=all", list[MarginRow]):
                self._sink(margin_of(margin, self._clock.now_ns()))

    async def _look_again(self) -> None:
        # The next look will do when this one fails.
        with contextlib.suppress(VenueError):
            await self._look()

    async def _catch_up(self) -> None:
        # What was traded while the stream was down; nothing on the first connection.
        await self._look()
        if self._signer is None:
            return
        start = 0
        missed: list[FillSeen] = []
        while True:
            page = await self._trade_history(start)
            new = [fill for fill in page if self._tables.learn_execution(fill)]
            missed = new + missed
            if len(new) < _PAGE:
                break
            start += _PAGE
        for fill in missed:
            self._sink(fill)

    async def _trade_history(self, start: int) -> list[FillSeen]:
        # A page counted from the newest, told oldest first.
        target = f"/execution/tradeHistory?count={_PAGE}&start={start}&reverse=true"
        rows = await self._read(target, list[ExecutionRow])
        now_ns = self._clock.now_ns()
        return [fill for row in reversed(rows) if (fill := fill_of(row, now_ns))]

    # --- requests -------------------------------------------------------------------------------

    def _orders_of(self, rows: Sequence[OrderRow]) -> tuple[OrderSeen, ...]:
        now_ns = self._clock.now_ns()
        return tuple(order_of(row, self._instruments, now_ns) for row in rows)

    async def _read(self, path: str, kind: type[_T], *, lane: Lane | None = None) -> _T:
        return await self._request(lane or self._reads, "GET", path, b"", kind)

    async def _act(self, method: str, path: str, body: object, kind: type[_T]) -> _T:
        return await self._request(self._orders, method, path, msgspec.json.encode(body), kind)

    async def _request(self, lane: Lane, method: str, path: str, body: bytes, kind: type[_T]) -> _T:
        target = API_PREFIX + path
        headers = dict(_JSON) if body else {}
        if self._signer is not None:
            headers |= self._signer.headers(method, target, body)
        reply = await lane.request(method, target, headers, body)
        if reply.status != 200:
            raise error_of(reply)
        try:
            decoded: _T = _decoder(kind).decode(reply.body)
        except msgspec.DecodeError as error:
            raise VenueUnavailableError(
                f"{method} {path} was answered with what we can't read: {error}"
            ) from error
        return decoded

    def _failed(
        self, action: Action, error: VenueError, kind: str, retry_after_s: float = 0.0
    ) -> Answered:
        return Answered(
            at_ns=self._clock.now_ns(),
            action_id=action.action_id,
            error=str(error),
            error_kind=kind,
            retry_after_s=retry_after_s,
        )


def _decoder(kind: object) -> msgspec.json.Decoder[Any]:
    # Making one costs twice as much as decoding an answer.
    found = _decoders.get(kind)
    if found is None:
        found = _decoders[kind] = msgspec.json.Decoder(kind)
    return found


def error_of(reply: Reply) -> VenueError:
    """Return the error that an answer with another status than 200 stands for."""
    try:
        said = msgspec.json.decode(reply.body, type=_ErrorAnswer).error
    except msgspec.DecodeError:
        said = _ErrorBody(message=reply.body[:200].decode(errors="replace"))
    status, words = reply.status, said.message or f"HTTP {reply.status}"
    if status in {401, 403}:
        return AccessRefusedError(words, status=status, name=said.name)
    if status == 429 or (status == 503 and "overload" in words.lower()):
        try:
            wait_s = float(reply.headers.get("retry-after", ""))
        except ValueError:
            wait_s = 1.0 if status == 429 else _OVERLOAD_WAIT_S
        return VenueBusyError(words, retry_after_s=wait_s, status=status, name=said.name)
    if status >= 500:
        return VenueUnavailableError(words, status=status, name=said.name)
    return OrderRefusedError(words, status=status, name=said.name)


def _nowhere(_: object) -> None:
    """Take events before there is anybody to tell."""
