"""Where a venue is: one URL of the user's becomes the origins of requests and stream."""

import ipaddress
from urllib.parse import urlsplit

import msgspec

from mmbot.errors import SettingsError

API_PREFIX = "/api/v1"
STREAM_PATH = "/realtime"
# The venue's stream has had a host of its own since 2021.
_STREAM_HOSTS = {
    "www.bitmex.com": "ws.bitmex.com",
    "testnet.bitmex.com": "ws.testnet.bitmex.com",
}


class Endpoint(msgspec.Struct, frozen=True):
    """Origins of a venue: ``rest`` and ``stream`` are scheme, host and port."""

    rest: str
    stream: str
    is_loopback: bool


def endpoint_of(url: str) -> Endpoint:
    """Return the endpoint of a base URL; ``/api/v1`` at its end is taken too.

    Raises:
        SettingsError: not an http(s) URL without a path.

    >>> endpoint_of("http://127.0.0.1:8000/api/v1").stream
    'ws://127.0.0.1:8000'
    """
    parts = urlsplit(url)
    path = parts.path.rstrip("/")
    try:
        port = parts.port
    except ValueError:
        port = -1
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == -1:
        raise SettingsError(f"venue {url!r} is not a URL such as http://127.0.0.1:8000")
    if path not in {"", API_PREFIX} or parts.query or parts.fragment or parts.username:
        raise SettingsError(
            f"venue {url!r} must be a base URL without a path, such as https://host"
        )
    host = _STREAM_HOSTS.get(parts.hostname)
    stream = host or parts.netloc
    scheme = "wss" if parts.scheme == "https" else "ws"
    return Endpoint(
        rest=f"{parts.scheme}://{parts.netloc}",
        stream=f"{scheme}://{stream}",
        is_loopback=_is_loopback(parts.hostname),
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
