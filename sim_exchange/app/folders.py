"""Where a running exchange keeps its files, all of them for their owner only.

| file | in | what |
| --- | --- | --- |
| ``journal.sim``, ``journal.copy`` | data folder | every committed command, twice |
| ``snapshot-*.sim`` | data folder | the whole exchange as it was after a command |
| ``keys.json`` | data folder | API keys and secrets |
| ``admin-token`` | data folder | bearer token of the admin interface |
| ``demo-key.json`` | default folder | key and secret of the account ``demo`` |
| ``tls-cert.pem``, ``tls-key.pem`` | default folder | what ``--tls`` serves with |
"""

import secrets
import shutil
import subprocess
from pathlib import Path

import msgspec

from sim_exchange.errors import SettingsError
from sim_exchange.journal import FILE_NAME, in_use
from sim_exchange.server.access import KeyRecord, write_private

ADMIN_TOKEN = "admin-token"  # noqa: S105 (the name of a file)
DEMO_KEY = "demo-key.json"
KEYS = "keys.json"
RUNS = "runs"
KEPT_RUNS = 5


def private_folder(path: Path) -> Path:
    """Make a folder for its owner only, if it isn't there; return it.

    Raises:
        SettingsError: it can't be made.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"data folder {path}: {error.strerror}") from error
    return path


def fresh_run(home: Path) -> Path:
    """Make a new folder under ``home/runs``; keep the newest four others, and those in use."""
    runs = private_folder(private_folder(home) / RUNS)
    numbers = sorted(int(path.name) for path in runs.iterdir() if path.name.isdecimal())
    number = numbers[-1] + 1 if numbers else 1
    folder = private_folder(runs / f"{number:06d}")
    for old in numbers[: 1 - KEPT_RUNS]:
        path = runs / f"{old:06d}"
        if not in_use(path / FILE_NAME):
            shutil.rmtree(path, ignore_errors=True)
    return folder


def admin_token(folder: Path, given: str | None) -> str:
    """Return the admin token: the given one, or one made up and written to ``admin-token``."""
    if given is not None:
        return given
    token = secrets.token_urlsafe(24)
    write_private(folder / ADMIN_TOKEN, token.encode())
    return token


def write_demo_key(home: Path, name: str, record: KeyRecord) -> None:
    """Write a key to ``demo-key.json``, where ``mmbot run`` looks for one."""
    content = {"name": name, "key": record.key, "secret": record.secret}
    write_private(private_folder(home) / DEMO_KEY, msgspec.json.encode(content))


def certificate(home: Path) -> tuple[Path, Path]:
    """Return certificate and key for ``--tls``; make self-signed ones where there are none.

    Raises:
        SettingsError: they are missing and ``openssl`` can't make them.
    """
    cert, key = home / "tls-cert.pem", home / "tls-key.pem"
    if cert.exists() and key.exists():
        return cert, key
    program = shutil.which("openssl")
    if program is None:
        raise SettingsError(f"tls needs {cert} and {key}, or the program openssl to make them")
    private_folder(home)
    names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
    made = subprocess.run(  # noqa: S603 (a fixed list of words)
        [
            *(program, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "825"),
            *("-subj", "/CN=localhost", "-addext", names),
            *("-keyout", str(key), "-out", str(cert)),
        ],
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if made.returncode:
        lines = made.stderr.strip().splitlines() or ["no reason given"]
        raise SettingsError(f"tls: openssl could not make a certificate: {lines[-1]}")
    key.chmod(0o600)
    return cert, key
