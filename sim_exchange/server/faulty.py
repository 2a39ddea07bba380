"""What injected faults do to requests: before they reach their handler, and after."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from sim_exchange.core.types import SECOND_NS
from sim_exchange.errors import (
    AuthenticationError,
    ConnectionCutError,
    OverloadError,
    RateLimitError,
    RequestError,
)
from sim_exchange.server.alarms import historic_read_failed
from sim_exchange.server.faults import Fault
from sim_exchange.server.requests import Request, Route
from sim_exchange.server.venue import Venue

CUT = "sim_exchange.cut"
"""Extension of a scope over sockets: its ``abort`` cuts the connection at once."""

_BASE = "/api/v1"
_HISTORIC = frozenset(
    {
        "/trade", "/trade/bucketed", "/quote", "/settlement", "/funding", "/insurance",
        "/execution", "/execution/tradeHistory", "/user/walletHistory", "/user/walletSummary",
    }
)  # fmt: skip
_AT_SOCKETS = frozenset({"rate-limit", "overload", "unauthorized", "server-error"})
_INVALID = "Invalid API Key."


async def before(
    venue: Venue, route: Route | None, request: Request, extra: list[tuple[bytes, bytes]]
) -> Fault | None:
    """Let the faults have a request; return the one that has something to do after it.

    Raises:
        RequestError: a fault answers instead of the handler.
        ConnectionCutError: a fault cuts the connection.
    """
    account = 0 if request.credentials is None else request.credentials.account
    path = request.path.removeprefix(_BASE)
    cancels = is_trade = False
    if route is not None:
        cancels = route.forced or (route.exempt is not None and route.exempt(request))
        is_trade = route.queued or route.forced
    if not is_trade:
        # The store of the limits is a system of its own: nobody who trades waits for it (E31).
        wait_s = venue.faults.limit_store_s(account)
        if wait_s:
            await asyncio.sleep(wait_s)
    historic = path in _HISTORIC and request.method == "GET"
    fault = venue.faults.of_request(
        account, request.method, path, cancels=cancels, historic=historic
    )
    if fault is None or fault.name in {"slow", "drop-after"}:
        return fault
    if fault.name == "drop-before":
        raise ConnectionCutError
    if fault.name == "read-failed":
        historic_read_failed(venue, f"{request.method} {path}", fault.halt_min)
    raise _error(venue, fault, extra)


def at_socket(venue: Venue, account: int) -> None:
    """Let the faults have a socket's handshake, or its authentication: ``GET /realtime``.

    Raises:
        RequestError: a fault answers.
    """
    if not venue.faults.requests:
        return
    fault = venue.faults.of_request(account, "GET", "/realtime", names=_AT_SOCKETS)
    if fault is not None:
        raise _error(venue, fault, [])


async def after(fault: Fault) -> None:
    """Do what a fault does to an answer that is ready and durable.

    Raises:
        ConnectionCutError: it cuts the connection.
    """
    if fault.name == "drop-after":
        raise ConnectionCutError
    await asyncio.sleep(fault.delay_s)


async def cut(
    scope: MutableMapping[str, Any], receive: Callable[[], Awaitable[MutableMapping[str, Any]]]
) -> None:
    """Cut a connection; in memory, where there is none, its request just gets no answer."""
    abort = scope.get("extensions", {}).get(CUT, {}).get("abort")
    if abort is None:
        return
    abort()
    while (await receive())["type"] != "http.disconnect":
        pass


def _error(venue: Venue, fault: Fault, extra: list[tuple[bytes, bytes]]) -> RequestError:
    now_s = venue.host_now_ns() // SECOND_NS
    match fault.name:
        case "rate-limit":
            rule = venue.settings.limits
            most = rule.with_key if rule is not None else 0
            extra += [
                (b"x-ratelimit-limit", b"%d" % most),
                (b"x-ratelimit-remaining", b"0"),
                (b"x-ratelimit-reset", b"%d" % (now_s + 1 + fault.retry_s)),
            ]
            return RateLimitError(fault.retry_s)
        case "overload":
            return OverloadError()
        case "unauthorized" if fault.text == "expired":
            return AuthenticationError(
                f"This request has expired - `expires` is in the past. Current time: {now_s}"
            )
        case "unauthorized":
            return AuthenticationError(fault.text or _INVALID)
        case _:
            return RequestError("Server Error", status=500)
