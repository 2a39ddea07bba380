"""Signatures: HMAC-SHA256 over verb, raw target, expires and raw body (protocol.md 1.5).

A key's two half-keyed hashers are made once, so a check costs two copies and two updates.
"""

from hashlib import sha256
from hmac import compare_digest

from sim_exchange.core.types import SECOND_NS
from sim_exchange.errors import AuthenticationError

_BLOCK = 64
REALTIME_TARGET = "GET/realtime"
"""What a socket's signature covers besides ``expires``: never the query string."""

INVALID_KEY = "Invalid API Key."
BAD_SIGNATURE = "Signature not valid."
NO_CREDENTIALS = "Authorization Required"


class Signer:
    """The two half-keyed hashers of one secret; the secret itself is not kept here."""

    __slots__ = ("_inner", "_outer")

    def __init__(self, secret: str) -> None:
        """Prepare the hashers of ``secret`` (its UTF-8 bytes are the key)."""
        key = secret.encode()
        if len(key) > _BLOCK:
            key = sha256(key).digest()
        padded = key.ljust(_BLOCK, b"\0")
        self._inner = sha256(bytes(byte ^ 0x36 for byte in padded))
        self._outer = sha256(bytes(byte ^ 0x5C for byte in padded))

    def sign(self, message: bytes) -> str:
        """Return the lower-case hex signature of ``message``.

        >>> signer = Signer("chNOOS4KvNXR_Xq4k4c9qsfoKWvnDecLATCRlcBwyKDYnWgO")
        >>> signer.sign(b"GET/api/v1/instrument1518064236")[:16]
        'c7682d435d0cfe87'
        """
        inner = self._inner.copy()
        inner.update(message)
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer.hexdigest()

    def matches(self, message: bytes, signature: str) -> bool:
        """Compare in constant time."""
        return signature.isascii() and compare_digest(self.sign(message), signature)


def check_expires(text: str, now_ns: int) -> None:
    """Refuse a request whose ``expires`` (unix seconds, no upper bound) has passed.

    Raises:
        AuthenticationError: it isn't a number, or lies before ``now_ns`` of the host's clock.
    """
    now_s = now_ns // SECOND_NS
    try:
        expires = float(text)
    except ValueError:
        expires = -1.0
    # "not >=" so that a NaN is refused as well.
    if not expires >= now_s:
        raise AuthenticationError(
            f"This request has expired - `expires` is in the past. Current time: {now_s}"
        )
