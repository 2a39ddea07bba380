"""The exchange as its users meet it: ``sim-exchange serve`` in a process of its own."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import selectors
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "operator-of-the-tests"
FUTURE = "ETC7D"
SPOT = "ETC_XBT"
XBT = 10**8
START_S = 60
STOP_S = 20

_numbers = itertools.count(1)


class Key(NamedTuple):
    """An account's API key, and its number."""

    key: str
    secret: str
    account: int


class Served:
    """One exchange on a free port of the loopback; ``options`` are those of ``serve``."""

    def __init__(self, home: Path, *options: str) -> None:
        environ = {k: v for k, v in os.environ.items() if not k.startswith("SIM_EXCHANGE_")}
        self.home = home
        self._log = home / "stderr.txt"
        words = ["serve", "--port", "0", "--data", str(home / "data"), "--durability", "none"]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "sim_exchange", *words, "--admin-token", TOKEN, *options],
                cwd=ROOT,
                env={**environ, "SIM_EXCHANGE_HOME": str(home)},
                stdout=subprocess.PIPE,
                stderr=log,
            )
        ready = json.loads(self._first_line())
        assert ready["event"] == "ready"
        self.rest: str = ready["rest"]
        self.ws: str = ready["ws"]
        self.base = self.rest.removesuffix("/api/v1")
        self.address = urlsplit(self.base).netloc

    def _first_line(self) -> bytes:
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            line = self._process.stdout.readline() if selector.select(START_S) else b""
        if not line:
            self._end()
            raise AssertionError(f"no ready line; standard error: {self.log()}")
        return line

    def log(self) -> str:
        """What it wrote to standard error so far."""
        return self._log.read_text()

    def stop(self) -> int:
        """Interrupt it as Ctrl-C does and return its exit code."""
        self._process.send_signal(signal.SIGINT)
        try:
            return self._process.wait(STOP_S)
        finally:
            self._end()

    def _end(self) -> None:
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def tell(self, path: str, fields: dict[str, Any], verb: str = "POST") -> Any:
        """POST, or another verb, to the admin interface, which must agree."""
        connection = http.client.HTTPConnection(self.address, timeout=10)
        try:
            bearer = {"Authorization": f"Bearer {TOKEN}"}
            connection.request(verb, f"/admin/v1{path}", json.dumps(fields), bearer)
            response = connection.getresponse()
            answer = json.loads(response.read())
        finally:
            connection.close()
        assert response.status == 200, answer
        return answer

    def account(self, xbt: float = 10, etc: float = 0) -> Key:
        """Open an account with coins of its own; no name is used twice."""
        coins = {"XBt": round(xbt * XBT), "ETC": round(etc * XBT)}
        balances = {currency: amount for currency, amount in coins.items() if amount}
        row = self.tell("/account", {"name": f"client-{next(_numbers)}", "balances": balances})
        return Key(row["key"], row["secret"], row["id"])
