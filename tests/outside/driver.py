"""The exchange as somebody outside drives it: a process, HTTP, and the admin interface.

Nothing of the product is imported. Requests are signed as protocol.md 1.5 says.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "operator-token"
XBT = 10**8
ETC = 10**8
EXPIRES = "4000000000"
SECRETS = {"alice": "hidden-of-alice", "bob": "hidden-of-bob", "carol": "hidden-of-carol"}
WAIT_S = 30
ANSWER_S = 120  # a week of the manual clock, all contracts marked every five seconds


def environment(home: Path) -> dict[str, str]:
    """The environment of a program whose data folder is ``home``."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SIM_EXCHANGE_", "MMBOT_"))
    }
    return {**kept, "SIM_EXCHANGE_HOME": str(home), "PYTHONPATH": str(ROOT)}


def run(home: Path, *words: object, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a program of the house to its end."""
    return subprocess.run(
        [sys.executable, "-m", *map(str, words)],
        cwd=home,
        env={**environment(home), **more},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


class Exchange:
    """A served exchange with accounts alice, bob (10.5 XBT and 500 ETC) and carol."""

    def __init__(self, home: Path, *options: object, start: str = "2018-01-15T10:00:00Z") -> None:
        self.home = home
        self.data = home / "data"
        clock = ("--start", start) if start else ()
        words = (
            *("serve", "--port", 0, "--market", "none", "--clock", "manual", *clock),
            *("--limits", "off", "--durability", "none"),
            *("--data", self.data, "--admin-token", TOKEN),
            *("--account", f"alice:alice:{SECRETS['alice']}:10"),
            *("--account", f"bob:bob:{SECRETS['bob']}:10.5,ETC=500"),
            *("--account", f"carol:carol:{SECRETS['carol']}:1"),
            *options,
        )
        self.secrets = dict(SECRETS)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "sim_exchange", *map(str, words)],
            cwd=home,
            env=environment(home),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(self.end())
        self.ready = json.loads(line)
        self.base = self.ready["rest"].removesuffix("/api/v1")
        self.http = httpx.Client(base_url=self.base, timeout=ANSWER_S, trust_env=False)

    def end(self, number: int = signal.SIGINT) -> tuple[int, str, str]:
        """Signal it; return exit code, standard output and standard error."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=WAIT_S)
        return self.process.returncode, out, err

    def close(self) -> None:
        """Leave nothing running."""
        self.http.close()
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()

    # the operator

    def admin(self, verb: str, path: str, body: Any = None, token: str = TOKEN) -> httpx.Response:
        """One request of the operator."""
        content = None if body is None else json.dumps(body)
        headers = {"authorization": f"Bearer {token}"} if token else {}
        return self.http.request(verb, f"/admin/v1{path}", content=content, headers=headers)

    def look(self, path: str) -> Any:
        """GET of the operator."""
        answer = self.admin("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def tell(self, path: str, **fields: Any) -> Any:
        """POST of the operator, which must be agreed to."""
        answer = self.admin("POST", path, fields)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refusal(self, path: str, **fields: Any) -> str:
        """POST of the operator, which must be refused; the message."""
        answer = self.admin("POST", path, fields)
        assert 400 <= answer.status_code < 500, (fields, answer.text)
        error = answer.json()["error"]
        assert error.keys() == {"message", "name"}
        return str(error["message"])

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.tell("/clock", advance_s=seconds)

    def until(self, instant: str) -> None:
        """Let time pass up to an instant."""
        self.tell("/clock", to=instant)

    def audited(self) -> None:
        """Every invariant holds."""
        audit = self.look("/audit")
        assert audit["ok"] is True, audit

    def journal(self, first: int = 1) -> list[dict[str, Any]]:
        """The committed commands from ``first`` on."""
        answer = self.admin("GET", f"/journal?from={first}")
        assert answer.status_code == 200, answer.text
        return [json.loads(line) for line in answer.text.splitlines()]

    def open(self, name: str, **balances: int) -> str:
        """Open an account; its name is its key."""
        secret = f"hidden-of-{name}"
        self.tell("/account", name=name, balances=balances, key=name, secret=secret)
        self.secrets[name] = secret
        return name

    # clients

    def call(self, verb: str, path: str, who: str = "", **fields: Any) -> httpx.Response:
        """One request of a client; signed when ``who`` is given."""
        target = f"/api/v1{path}"
        body = json.dumps(fields, separators=(",", ":")) if fields else ""
        headers = {"content-type": "application/json"}
        if who:
            message = f"{verb}{target}{EXPIRES}{body}".encode()
            digest = hmac.new(self.secrets[who].encode(), message, hashlib.sha256).hexdigest()
            headers |= {"api-key": who, "api-expires": EXPIRES, "api-signature": digest}
        return self.http.request(verb, target, content=body or None, headers=headers)

    def ask(self, verb: str, path: str, who: str = "", **fields: Any) -> Any:
        """One request of a client, which must succeed."""
        answer = self.call(verb, path, who, **fields)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def reject(self, verb: str, path: str, who: str = "", **fields: Any) -> str:
        """One request of a client, which must be answered 400; the message."""
        answer = self.call(verb, path, who, **fields)
        assert answer.status_code == 400, answer.text
        return str(answer.json()["error"]["message"])

    def order(self, who: str, qty: int | None, price: float | None = None, **more: Any) -> Any:
        """Enter an order; a negative quantity sells."""
        fields = {"orderQty": qty, "price": price, **more}
        return self.ask("POST", "/order", who, **{k: v for k, v in fields.items() if v is not None})

    def row(self, symbol: str) -> Any:
        """The instrument's row."""
        (row,) = self.ask("GET", f"/instrument?symbol={symbol}&count=1")
        return row

    def wallet(self, who: str, currency: str = "XBt") -> int:
        """The wallet's amount in minor units."""
        return int(self.ask("GET", f"/user/wallet?currency={currency}", who)["amount"])

    def margin(self, who: str) -> Any:
        """The XBt margin row."""
        return self.ask("GET", "/user/margin", who)

    def position(self, who: str, symbol: str) -> Any:
        """The position's row, None before there was one."""
        rows = self.ask("GET", "/position", who)
        return next((row for row in rows if row["symbol"] == symbol), None)

    def trades(self, who: str, symbol: str) -> list[Any]:
        """Executions that moved money, oldest first."""
        return list(self.ask("GET", f"/execution/tradeHistory?symbol={symbol}&count=500", who))

    def book(self, symbol: str) -> dict[str, list[tuple[float, int]]]:
        """Levels by side, best first."""
        rows = self.ask("GET", f"/orderBook/L2?symbol={symbol}&depth=0")
        levels: dict[str, list[tuple[float, int]]] = {"Buy": [], "Sell": []}
        for row in rows:
            levels[row["side"]].append((row["price"], row["size"]))
        levels["Sell"].reverse()
        return levels


def taken(sock, seconds=0.5):
    """Frames of tables until nothing comes any more."""
    frames: list[Any] = []
    while True:
        try:
            frame = json.loads(sock.recv(timeout=seconds))
        except TimeoutError:
            return frames
        if "table" in frame:
            frames.append(frame)
