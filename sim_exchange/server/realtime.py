"""One realtime connection without I/O: text in, text out, and when to close (protocol.md 6).

A shell feeds ``on_text`` and gives a sink; the same object serves real sockets and memory.
"""

from collections.abc import Callable
from urllib.parse import parse_qsl, unquote

import msgspec

from sim_exchange.errors import AuthenticationError, BadRequestError, RequestError
from sim_exchange.server.access import Credentials, Signed, authenticate_socket
from sim_exchange.server.faulty import at_socket
from sim_exchange.server.help import HELP
from sim_exchange.server.orders import dead_man
from sim_exchange.server.publisher import Publisher
from sim_exchange.server.requests import encode
from sim_exchange.server.topics import Topic, read_topic
from sim_exchange.server.venue import Venue
from sim_exchange.wire.auth import NO_CREDENTIALS
from sim_exchange.wire.numbers import to_integer
from sim_exchange.wire.rows import Row
from sim_exchange.wire.times import to_iso

VERSION = "2.0.0"
DOCS = "https://www.bitmex.com/app/wsAPI"
CLOSE_NORMAL = 1000
CLOSE_CUT = 1006
"""No close at all: the connection is cut."""
MAX_TEXT = 100_000
"""Longest text of one message, characters."""
MAX_TOPICS = 200
"""Most topics of one socket."""
MAX_ERRORS = 100
"""Errors after which a socket is closed."""

_decode = msgspec.json.Decoder().decode


class RealtimeConnection:
    """The server's side of one socket.

    ``send`` takes one text frame and never blocks; ``close`` takes a close code. After ``close``
    nothing is sent any more. ``defer`` holds an answer back until what it tells of is durable.
    """

    def __init__(
        self,
        venue: Venue,
        publisher: Publisher,
        send: Callable[[str], None],
        close: Callable[[int], None],
        credentials: Credentials | None = None,
        address: str = "local",
    ) -> None:
        """Serve one socket of ``address``; ``credentials`` came with the handshake, if any."""
        self._venue = venue
        self._publisher = publisher
        self._send = send
        self._close = close
        self._credentials = credentials
        self._address = address
        self._topics: dict[str, Topic] = {}
        self._errors = 0
        self._late: str | None = None  # a frame that a fault sends after the next one
        self.closed = False

    def send(self, text: str) -> None:
        """Take a frame for the client (``Sink``)."""
        if self.closed:
            return
        if self._late is not None or self._venue.faults.frames:
            self._send_faulty(text)
        else:
            self._send(text)

    def _send_faulty(self, text: str) -> None:
        late, self._late = self._late, None
        fault = self._venue.faults.of_frame(self._account, text)
        name = "" if fault is None else fault.name
        if fault is not None and name == "socket-drop":
            self._shut(fault.code or CLOSE_CUT)
            return
        if name == "frame-late" and late is None:
            self._late = text
            return
        if name != "frame-withheld":
            self._send(text)
        if name == "frame-doubled":
            self._send(text)
        if late is not None:
            self._send(late)

    def open(self, topics: str, remaining: int) -> None:
        """Greet the client and subscribe what its URL names; ``remaining`` connections are left."""
        at = to_iso(self._venue.now_ns())
        self._answer(
            {
                "info": "Welcome to the BitMEX Realtime API.",
                "version": VERSION,
                "timestamp": at,
                "docs": DOCS,
                "heartbeatEnabled": False,
                "limit": {"remaining": remaining},
            }
        )
        names = [name for name in topics.split(",") if name]
        if names:
            self._subscribe(names, {"op": "subscribe", "args": names})

    def closed_by_peer(self) -> None:
        """Take note that the socket is gone."""
        self.closed = True
        self._publisher.leave(self)

    def on_text(self, text: str) -> None:
        """Take one text frame of the client."""
        if self.closed:
            return
        if text == "ping":
            self.send("pong")
            return
        if text == "help":
            self._answer(HELP)
            return
        if len(text) > MAX_TEXT:
            self._fail(BadRequestError(f"Message is longer than {MAX_TEXT} characters"), None, [])
            return
        try:
            message = _decode(text)
        except (msgspec.DecodeError, RecursionError):
            self._fail(BadRequestError("Message is not JSON"), None, [])
            return
        if not isinstance(message, dict):
            self._fail(BadRequestError("Message is not a JSON object"), None, [])
            return
        self._operate(message)

    def _operate(self, message: Row) -> None:
        op, args = message.get("op"), message.get("args")
        request: Row = {"op": op, "args": args}
        match op:
            case "subscribe":
                self._subscribe(_names(args), request)
            case "unsubscribe":
                self._unsubscribe(_names(args), request)
            case "authKeyExpires" | "authKey":
                self._authenticate(str(op), args, request)
            case "cancelAllAfter":
                self._cancel_all_after(args, request)
            case "ping":
                self.send("pong")
            case "help":
                self._answer(HELP)
            case _:
                self._fail(BadRequestError(f"Unrecognized operation: {op}"), op, args)

    def _subscribe(self, names: list[str], request: Row) -> None:
        accepted: list[Topic] = []
        for name in names:
            try:
                topic = read_topic(name, self._venue.catalogue, self._account)
                if topic in self._topics.values():
                    raise BadRequestError(
                        f"You are already subscribed to this topic:{name}. "
                        f"Please see the documentation at {DOCS}."
                    )
                if len(self._topics) >= MAX_TOPICS:
                    raise BadRequestError(f"At most {MAX_TOPICS} topics are allowed")
            except RequestError as error:
                self._fail(error, request["op"], [name])
                continue
            self._topics[name] = topic
            accepted.append(topic)
            self._answer({"success": True, "subscribe": name, "request": request})
        # All acks come first, then the partials (6.3).
        for topic in accepted:
            self._publisher.subscribe(topic, self)

    def _unsubscribe(self, names: list[str], request: Row) -> None:
        for name in names:
            topic = self._topics.pop(name, None)
            if topic is None:
                error = BadRequestError(f"You are not subscribed to this topic:{name}.")
                self._fail(error, request["op"], [name])
                continue
            self._publisher.unsubscribe(topic, self)
            self._answer({"success": True, "unsubscribe": name, "request": request})

    def _authenticate(self, op: str, args: object, request: Row) -> None:
        try:
            if self._credentials is not None:
                raise BadRequestError("You are already authenticated.")
            if not isinstance(args, list) or len(args) != 3:
                raise BadRequestError(f"{op} needs args [key, expires, signature]")
            key, stamp, signature = (_word(arg) for arg in args)
            signed = (
                Signed(key=key, signature=signature, nonce=stamp)
                if op == "authKey"
                else Signed(key=key, signature=signature, expires=stamp)
            )
            venue = self._venue
            found = authenticate_socket(venue.keys, signed, venue.host_now_ns(), self._address)
            at_socket(venue, found.account)
            self._credentials = found
        except RequestError as error:
            self._fail(error, op, args)
            if error.status in (401, 403):
                # On the frame alone a client waits for ever; the close tells it (6.3).
                self._shut(CLOSE_NORMAL)
            return
        self._answer({"success": True, "request": request})

    def _cancel_all_after(self, args: object, request: Row) -> None:
        value = args[0] if isinstance(args, list) and len(args) == 1 else args
        timeout = to_integer(value)
        try:
            if self._credentials is None:
                raise AuthenticationError(NO_CREDENTIALS)
            self._credentials.require("orderCancel")
            if timeout is None:
                raise BadRequestError("Invalid timeout")
            answer = dead_man(self._venue, self._credentials.account, timeout)
        except RequestError as error:
            self._fail(error, request["op"], args)
            return
        self._publisher.send_when_durable(encode({**answer, "request": request}).decode(), self)

    @property
    def _account(self) -> int:
        return self._credentials.account if self._credentials is not None else 0

    def _answer(self, value: Row) -> None:
        self.send(encode(value).decode())

    def _fail(self, error: RequestError, op: object, args: object) -> None:
        self._answer(
            {
                "status": error.status,
                "error": error.message,
                "meta": {},
                # Error frames always echo a list (6.6).
                "request": {"op": op, "args": args if isinstance(args, list) else [args]},
            }
        )
        self._errors += 1
        if self._errors >= MAX_ERRORS:
            self._shut(1008)

    def _shut(self, code: int) -> None:
        if not self.closed:
            self.closed_by_peer()
            self._close(code)


def _names(args: object) -> list[str]:
    items = args if isinstance(args, list) else [args]
    return [item if isinstance(item, str) else str(item) for item in items]


def _word(value: object) -> str:
    return value if isinstance(value, str) else str(value)


def read_handshake(query: str, headers: dict[str, str]) -> tuple[Signed | None, str]:
    """Return the credentials and the topics (a comma list) of a handshake (6.1).

    Credentials in the headers win over those in the query; None when there are none at all.
    """
    pairs = dict(parse_qsl(query, keep_blank_values=True))
    found = {
        name: headers.get(name) or pairs.get(name, "")
        for name in ("api-key", "api-signature", "api-expires", "api-nonce")
    }
    signed = Signed(
        found["api-key"], found["api-signature"], found["api-expires"], found["api-nonce"]
    )
    return None if signed.empty else signed, unquote(pairs.get("subscribe", ""))
