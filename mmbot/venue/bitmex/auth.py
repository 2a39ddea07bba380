"""Signs requests: HMAC-SHA256 over verb, target, expiry and body (the venue's API keys page).

Two half-keyed hashers are made once a key; a signature copies them, which is three times as fast
as a new HMAC object a request.
"""

from hashlib import sha256

from typing_extensions import override

from mmbot.clock import Clock
from mmbot.types import SECOND_NS

_BLOCK = 64  # bytes, of SHA-256
_INNER = bytes(byte ^ 0x36 for byte in range(256))
_OUTER = bytes(byte ^ 0x5C for byte in range(256))


class Signer:
    """Makes the three headers of a signed request; it never shows its secret."""

    def __init__(self, key: str, secret: str, clock: Clock, *, lifetime_s: int = 10) -> None:
        """Keep the key and two hashers, not the secret.

        Args:
            key: the API key's id.
            secret: its secret.
            clock: the client's clock, which expiries are counted on.
            lifetime_s: how long a signature is good.
        """
        self.key = key
        self._clock = clock
        self._lifetime_s = lifetime_s
        raw = secret.encode()
        padded = (sha256(raw).digest() if len(raw) > _BLOCK else raw).ljust(_BLOCK, b"\0")
        self._inner = sha256(padded.translate(_INNER))
        self._outer = sha256(padded.translate(_OUTER))

    @override
    def __repr__(self) -> str:
        """Show the key's id only."""
        return f"Signer(key={self.key!r})"

    def sign(self, verb: str, target: str, expires: str, body: bytes = b"") -> str:
        """Return the signature in lower-case hex.

        Args:
            verb: in upper case.
            target: path with its raw query, exactly as sent; ``/realtime`` for the socket.
            expires: the decimal digits of the header.
            body: the bytes as sent.
        """
        inner = self._inner.copy()
        inner.update(f"{verb}{target}{expires}".encode())
        inner.update(body)
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer.hexdigest()

    def headers(self, verb: str, target: str, body: bytes = b"") -> dict[str, str]:
        """Return the headers of a request that is sent now."""
        expires = str(self._clock.now_ns() // SECOND_NS + self._lifetime_s)
        return {
            "api-key": self.key,
            "api-expires": expires,
            "api-signature": self.sign(verb, target, expires, body),
        }
