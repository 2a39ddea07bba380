"""Who may do what: API keys, their secrets and permissions, and the check of a signed request.

Secrets live in this module only: they are never logged, shown or compared in variable time.
"""

import hmac
import os
import secrets
from collections.abc import Iterable
from ipaddress import ip_address, ip_network
from pathlib import Path

import msgspec
from typing_extensions import override

from sim_exchange.errors import AccessDeniedError, AuthenticationError, SettingsError
from sim_exchange.wire.auth import (
    BAD_SIGNATURE,
    INVALID_KEY,
    NO_CREDENTIALS,
    REALTIME_TARGET,
    Signer,
    check_expires,
)

PERMISSIONS = ("order", "orderCancel", "withdraw")
"""What a key may be allowed; a key without any may only read."""

_KEY_BYTES = 18
_SECRET_BYTES = 36
_TOKEN = 32


class KeyRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One API key as it is stored; its text form hides the secret."""

    key: str
    secret: str
    account: int
    permissions: tuple[str, ...] = PERMISSIONS
    enabled: bool = True
    cidr: str = ""
    """Network that the key may be used from, "" = anywhere."""

    @override
    def __repr__(self) -> str:
        """Show everything but the secret."""
        return f"KeyRecord(key={self.key!r}, account={self.account}, {self.permissions})"


class Credentials:
    """A key that is known: its account, what it may do, and its signer."""

    __slots__ = ("_network", "account", "enabled", "key", "last_nonce", "permissions", "signer")

    def __init__(self, record: KeyRecord) -> None:
        """Prepare the signer of a record; the secret is not kept."""
        self.key = record.key
        self.account = record.account
        self.permissions = frozenset(record.permissions)
        self.enabled = record.enabled
        self._network = ip_network(record.cidr) if record.cidr else None
        self.signer = Signer(record.secret)
        self.last_nonce = 0

    def require(self, permission: str) -> None:
        """Refuse what the key may not do.

        Raises:
            AccessDeniedError: 403 ``Access Denied``.
        """
        allowed = self.permissions
        if permission not in allowed and not (permission == "orderCancel" and "order" in allowed):
            raise AccessDeniedError("Access Denied")

    def admit(self, address: str) -> None:
        """Refuse a client whose address is outside the key's network.

        Calls in memory have no address; they come from this machine.

        Raises:
            AccessDeniedError: 403.
        """
        if self._network is None:
            return
        try:
            inside = ip_address("127.0.0.1" if address == "local" else address) in self._network
        except ValueError:
            inside = False
        if not inside:
            raise AccessDeniedError("This IP address is not allowed to use this API Key.")


class KeyStore:
    """All API keys of the venue, in memory and, with a path, in a file of mode 600."""

    def __init__(self, path: Path | None = None) -> None:
        """Load the keys at ``path`` when it exists; None keeps them in memory only.

        Raises:
            SettingsError: the file is damaged.
        """
        self._path = path
        self._records: dict[str, KeyRecord] = {}
        self._credentials: dict[str, Credentials] = {}
        if path is not None and path.exists():
            try:
                records = msgspec.json.decode(path.read_bytes(), type=list[KeyRecord])
            except msgspec.DecodeError as error:
                raise SettingsError(f"{path}: not a file of API keys: {error}") from error
            self._put(records)

    def add(self, record: KeyRecord) -> None:
        """Add a key, or replace the one of that name, and write the file."""
        self._put([record])
        self._save()

    def get(self, key: str) -> Credentials | None:
        """Return a known key."""
        return self._credentials.get(key)

    def keys_of(self, account: int) -> list[KeyRecord]:
        """Return the keys of an account, oldest first."""
        return [record for record in self._records.values() if record.account == account]

    def mail_token(self, account: int, withdrawal: int) -> str:
        """Return the token that the venue would mail for a withdrawal, "" without a key.

        It is made of the account's oldest secret, so nobody else can make it, and a restart
        spells the same.
        """
        for record in self._records.values():
            if record.account == account:
                message = b"withdrawal %d of %d" % (withdrawal, account)
                return hmac.new(record.secret.encode(), message, "sha256").hexdigest()[:_TOKEN]
        return ""

    def accounts(self) -> set[int]:
        """Return the accounts that have a key."""
        return {record.account for record in self._records.values()}

    def _put(self, records: Iterable[KeyRecord]) -> None:
        for record in records:
            self._records[record.key] = record
            self._credentials[record.key] = Credentials(record)

    def _save(self) -> None:
        if self._path is None:
            return
        content = msgspec.json.encode(list(self._records.values()))
        write_private(self._path, content)


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read (mode 600), whole or not at all."""
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def new_key_pair() -> tuple[str, str]:
    """Make up a key (24 characters) and a secret (48 characters)."""
    return secrets.token_urlsafe(_KEY_BYTES), secrets.token_urlsafe(_SECRET_BYTES)


class Signed(msgspec.Struct, frozen=True):
    """The three words of a signed request, "" where absent; a nonce is the legacy form."""

    key: str = ""
    signature: str = ""
    expires: str = ""
    nonce: str = ""

    @property
    def empty(self) -> bool:
        """Whether no credentials were sent at all."""
        return not (self.key or self.signature or self.expires or self.nonce)


def authenticate(
    keys: KeyStore, signed: Signed, message: bytes, body: bytes, now_ns: int, address: str
) -> Credentials:
    """Check a signed request over its raw bytes.

    Args:
        keys: the known keys.
        signed: what was sent.
        message: verb and raw target.
        body: raw body.
        now_ns: the host's clock.
        address: the client's, ``local`` in memory.

    Raises:
        AuthenticationError: 401 with the venue's words (protocol.md 1.6).
        AccessDeniedError: the key is disabled, or may not be used from there.
    """
    if not signed.key or not signed.signature:
        raise AuthenticationError(NO_CREDENTIALS)
    credentials = keys.get(signed.key)
    if credentials is None:
        raise AuthenticationError(INVALID_KEY)
    stamp = signed.expires or signed.nonce
    if not stamp:
        raise AuthenticationError(NO_CREDENTIALS)
    if signed.expires:
        check_expires(stamp, now_ns)
    if not credentials.signer.matches(message + stamp.encode() + body, signed.signature):
        raise AuthenticationError(BAD_SIGNATURE)
    if not credentials.enabled:
        raise AccessDeniedError("This key is disabled.")
    credentials.admit(address)
    if not signed.expires:
        _take_nonce(credentials, stamp)
    return credentials


def authenticate_socket(keys: KeyStore, signed: Signed, now_ns: int, address: str) -> Credentials:
    """Check a socket's credentials, which never cover the query string (protocol.md 6.1).

    Raises:
        AuthenticationError: 401 with the venue's words.
        AccessDeniedError: the key is disabled.
    """
    return authenticate(keys, signed, REALTIME_TARGET.encode(), b"", now_ns, address)


def _take_nonce(credentials: Credentials, text: str) -> None:
    if not text.isdecimal():
        raise AuthenticationError("Nonce is not a number.")
    nonce = int(text)
    last = credentials.last_nonce
    if nonce <= last:
        raise AuthenticationError(
            f"Nonce is not increasing. This nonce: {nonce}, last nonce: {last}"
        )
    credentials.last_nonce = nonce
