"""Servers to measure, each in a process of its own, and signed requests to send them."""

import hmac
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from scripts.benches.figures import wait_until

ROOT = Path(__file__).resolve().parents[2]
KEY, SECRET = "bench-key", "bench-secret"
MOVER_KEY, MOVER_SECRET = "mover-key", "mover-secret"


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """A running server: where, and which process."""

    host: str
    port: int
    pid: int

    def cpu_s(self) -> float:
        """CPU time that its threads have had."""
        tasks = Path(f"/proc/{self.pid}/task")
        ran = (int((task / "schedstat").read_text().split()[0]) for task in tasks.iterdir())
        return sum(ran) / 1e9

    def peak_mb(self) -> float:
        """Its peak memory."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        line = next(row for row in status.splitlines() if row.startswith("VmHWM"))
        return int(line.split()[1]) / 1024


@contextmanager
def exchange(*options: str) -> Iterator[Server]:
    """A ``sim-exchange serve`` with no traders, no limits and no disk to wait for."""
    words = ["--port", "0", "--market", "none", "--limits", "off", "--durability", "none"]
    words += ["--account", f"bench:{KEY}:{SECRET}:1000"]
    words += ["--account", f"mover:{MOVER_KEY}:{MOVER_SECRET}:1000,ETC=1000000"]
    with tempfile.TemporaryDirectory() as home:
        command = ["-m", "sim_exchange", "serve", *words, "--data", f"{home}/data", *options]
        with _process(command, {"SIM_EXCHANGE_HOME": home}) as (process, line):
            ready = msgspec.json.decode(line, type=dict[str, object])
            host, _, port = str(ready["rest"]).split("/")[2].rpartition(":")
            yield Server(host=host, port=int(port), pid=process.pid)


@contextmanager
def canned() -> Iterator[Server]:
    """The yardstick: uvicorn and an application that checks a signature and answers one row."""
    with _process(["-m", "scripts.benches.canned", KEY, SECRET], {}) as (process, line):
        server = Server(host="127.0.0.1", port=int(line), pid=process.pid)
        wait_until(lambda: _listens(server), "the yardstick")
        yield server


@contextmanager
def _process(
    words: list[str], environment: dict[str, str]
) -> Iterator[tuple[subprocess.Popen[bytes], bytes]]:
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [sys.executable, *words],
            stdout=subprocess.PIPE,
            stderr=said,
            cwd=ROOT,
            env={**os.environ, **environment},
        )
        try:
            line = process.stdout.readline() if process.stdout else b""
            if not line:
                code = process.wait()
                said.seek(0)
                last = said.read().decode(errors="replace").strip().rpartition("\n")[2]
                raise RuntimeError(f"{' '.join(words[:3])} ended with {code}: {last}")
            yield process, line
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=10)


def _listens(server: Server) -> bool:
    try:
        socket.create_connection((server.host, server.port), 1).close()
    except OSError:
        return False
    return True


def signed(method: str, path: str, body: bytes, *, key: str = KEY, secret: str = SECRET) -> bytes:
    """Return the bytes of a signed request."""
    target = f"/api/v1{path}"
    expires = int(time.time()) + 600  # noqa: TID251 - what is signed is the host's time
    message = f"{method}{target}{expires}".encode() + body
    signature = hmac.new(secret.encode(), message, "sha256").hexdigest()
    head = (
        f"{method} {target} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        f"api-key: {key}\r\napi-expires: {expires}\r\napi-signature: {signature}\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Connection:
    """A kept-alive connection that sends prepared bytes and reads one answer at a time."""

    def __init__(self, server: Server) -> None:
        self._socket = socket.create_connection((server.host, server.port), 10)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, request: bytes) -> None:
        """Send without waiting."""
        self._socket.sendall(request)

    def receive(self) -> tuple[int, bytes]:
        """Return status and body of the next answer."""
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._some()
        head, _, body = data.partition(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        length = next(int(row[15:]) for row in lines if row.startswith(b"content-length:"))
        while len(body) < length:
            body += self._some()
        return int(lines[0].split()[1]), body

    def ask(self, request: bytes) -> bytes:
        """Send, and return the body of the answer.

        Raises:
            RuntimeError: it was refused.
        """
        self.send(request)
        status, body = self.receive()
        if status != 200:
            raise RuntimeError(f"refused with {status}: {body[:300].decode(errors='replace')}")
        return body

    def close(self) -> None:
        """Close it."""
        self._socket.close()

    def _some(self) -> bytes:
        some = self._socket.recv(65_536)
        if not some:
            raise RuntimeError("the server closed the connection")
        return some
