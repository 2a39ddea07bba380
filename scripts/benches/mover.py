"""Moves the spot market to and fro: two orders that are amended together.

    python -m scripts.benches.mover HOST PORT MOVES PAUSE_S

It prints a line when its orders stand, and moves them once a line comes in.
"""

import sys
import time

import msgspec

from scripts.benches.serving import MOVER_KEY, MOVER_SECRET, Connection, Server, signed

MOVE = 0.006  # of the price: more than what makes the bot quote at once
HALF_GAP = 0.0005
SYMBOL = "ETC_XBT"


class Mover:
    """Two spot orders around a middle."""

    def __init__(self, server: Server) -> None:
        """Place them at the index."""
        self._connection = Connection(server)
        rows = self._ask("GET", "/instrument?symbol=.ETCXBT", None)
        self._index = rows[0]["lastPrice"] or rows[0]["markPrice"]
        bid, ask = self._prices(self._index)
        orders = [
            {"symbol": SYMBOL, "side": side, "orderQty": 10**11, "price": price, "clOrdID": side}
            for side, price in (("Buy", bid), ("Sell", ask))
        ]
        for order in orders:
            self._ask("POST", "/order", order)

    def move(self, share: float) -> None:
        """Amend both so that their middle is ``share`` above the index."""
        bid, ask = self._prices(self._index * (1 + share))
        amends = [
            {"origClOrdID": "Buy", "price": bid},
            {"origClOrdID": "Sell", "price": ask},
        ]
        # The one that goes away first, or they would trade with each other.
        self._ask("PUT", "/order/bulk", {"orders": amends[::-1] if share > 0 else amends})

    def _prices(self, middle: float) -> tuple[float, float]:
        return round(middle * (1 - HALF_GAP), 8), round(middle * (1 + HALF_GAP), 8)

    def _ask(self, method: str, path: str, body: object) -> list[dict[str, float]]:
        content = b"" if body is None else msgspec.json.encode(body)
        request = signed(method, path, content, key=MOVER_KEY, secret=MOVER_SECRET)
        rows: list[dict[str, float]] = msgspec.json.decode(self._connection.ask(request))
        return rows


def main(host: str, port: str, moves: str, pause_s: str) -> None:
    """Move when told."""
    mover = Mover(Server(host=host, port=int(port), pid=0))
    print("ready", flush=True)
    while sys.stdin.readline():
        for number in range(int(moves)):
            mover.move(0.0 if number % 2 else MOVE)
            time.sleep(float(pause_s))
        print("moved", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
