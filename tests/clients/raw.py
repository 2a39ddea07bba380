"""Requests and frames byte for byte as a test writes them, signed by nothing of the product."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import http.client
import json
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from websockets.sync.client import ClientConnection, connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.clients.served import Key, Served

EXPIRES = "4000000000"
"""Unix seconds, in 2096: `expires` has no upper bound."""
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
BASE = "/api/v1"
WAIT_S = 5.0


class Answer(NamedTuple):
    """What came back; ``headers`` by lower-case name, ``json`` is the body, read."""

    status: int
    headers: dict[str, str]
    json: Any


def signed(key: Key | None, text: str, expires: str = EXPIRES) -> dict[str, str]:
    """Headers that sign ``text``: verb, target, expires and body; none without a key."""
    if key is None:
        return {}
    digest = hmac.new(key.secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    return {"api-key": key.key, "api-expires": expires, "api-signature": digest}


def call(
    served: Served,
    verb: str,
    path: str,
    key: Key | None = None,
    body: str = "",
    content_type: str = JSON,
) -> Answer:
    """One request; ``path`` may have a query, and both it and ``body`` are sent as they are."""
    target = BASE + path
    headers = signed(key, f"{verb}{target}{EXPIRES}{body}")
    if body:
        headers["content-type"] = content_type
    connection = http.client.HTTPConnection(served.address, timeout=10)
    try:
        connection.request(verb, target, body.encode(), headers)
        response = connection.getresponse()
        content = response.read()
    finally:
        connection.close()
    named = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, named, json.loads(content))


def ok(served: Served, verb: str, path: str, key: Key | None = None, **fields: Any) -> Any:
    """One request with ``fields`` as its JSON body; 200 is expected."""
    body = json.dumps(fields, separators=(",", ":")) if fields else ""
    answer = call(served, verb, path, key, body)
    assert answer.status == 200, answer.json
    return answer.json


def place(served: Served, key: Key, side: str, qty: int, price: float | None = None, **more: Any):
    """An order of the future, or of the symbol that is given; its row."""
    fields: dict[str, Any] = {"symbol": "ETC7D", "side": side, "orderQty": qty, **more}
    if price is not None:
        fields["price"] = price
    return ok(served, "POST", "/order", key, **fields)


@contextlib.contextmanager
def streaming(served: Served, query: str = "", key: Key | None = None) -> Iterator[Stream]:
    """Open a realtime socket, the key in the handshake's headers; the welcome is read."""
    url = f"{served.ws}?{query}" if query else served.ws
    headers = signed(key, f"GET/realtime{EXPIRES}")
    with connect(url, additional_headers=headers, proxy=None) as socket:
        yield Stream(socket)


class Stream:
    """A realtime socket and the frames it has brought, in order."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.frames: list[Any] = []
        self.welcome = self.until(lambda frame: "info" in frame)[-1]

    def say(self, op: str, args: Any) -> None:
        """Send one operation."""
        self.socket.send(json.dumps({"op": op, "args": args}))

    def until(self, wanted: Callable[[Any], bool], wait_s: float = WAIT_S) -> list[Any]:
        """The frames up to the first that is wanted, that one last.

        Raises:
            TimeoutError: the next frame didn't come in time.
        """
        seen: list[Any] = []
        while True:
            frame = json.loads(self.socket.recv(wait_s))
            self.frames.append(frame)
            seen.append(frame)
            if wanted(frame):
                return seen

    def table(self, name: str, action: str, wait_s: float = WAIT_S) -> list[Any]:
        """The rows of the next frame of a table with that action."""
        last = self.until(lambda f: (f.get("table"), f.get("action")) == (name, action), wait_s)
        rows: list[Any] = last[-1]["data"]
        return rows

    def partials(self, *topics: str) -> dict[str, Any]:
        """Subscribe and return the partial of each table; acknowledgements come before them."""
        self.say("subscribe", list(topics))
        return self.wait_partials(len(topics))

    def wait_partials(self, number: int) -> dict[str, Any]:
        """The next ``number`` partials, by table."""
        found: dict[str, Any] = {}
        for _ in range(number):
            frame = self.until(lambda f: f.get("action") == "partial")[-1]
            found[frame["table"]] = frame
        return found

    def during(self, seconds: int) -> list[Any]:
        """What comes in ``seconds``, from now."""
        seen: list[Any] = []
        with contextlib.suppress(TimeoutError):
            end = time.monotonic() + seconds
            while True:
                seen.append(json.loads(self.socket.recv(max(0.0, end - time.monotonic()))))
        return seen

    def quiet(self, wait_s: float) -> list[Any]:
        """What comes until nothing has come for ``wait_s``."""
        seen: list[Any] = []
        while True:
            try:
                frame = json.loads(self.socket.recv(wait_s))
            except TimeoutError:
                return seen
            self.frames.append(frame)
            seen.append(frame)
