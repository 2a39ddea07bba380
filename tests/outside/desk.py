"""What the tests of contracts share: a contract on an index of its own, and trades in it."""

from __future__ import annotations

import itertools
from typing import Any

from tests.outside.conftest import INVERSE, LINEAR
from tests.outside.driver import XBT, Exchange

RICH = 10_000 * XBT
NO_FEES = {"makerFee": 0, "takerFee": 0, "settlementFee": 0}
SWAP = {**INVERSE, "typ": "FFWCSX", "expiry": None}
QUANTO = {
    **SWAP,
    "rootSymbol": "ETH",
    "underlying": "ETH",
    "multiplier": 100,
    "tickSize": 0.05,
    "initMargin": 0.02,
    "maintMargin": 0.01,
    "riskLimit": 5_000_000_000,
    "riskStep": 5_000_000_000,
}
numbers = itertools.count()


class Desk:
    """One contract, its index, and whoever trades it."""

    def __init__(
        self, exchange: Exchange, price: float, base: dict[str, Any] = INVERSE, **fields: Any
    ) -> None:
        """List an index that stands at ``price`` and a contract like ``base`` that it marks."""
        self.exchange = exchange
        number = next(numbers)
        self.index = fields.pop("referenceSymbol", "")
        if not self.index:
            decimals = fields.pop("decimals", 8 if base is LINEAR else 2)
            self.index = new_index(exchange, price, decimals)
        fields.pop("decimals", None)
        self.symbol = f"C{number}"
        given = {**base, "symbol": self.symbol, "referenceSymbol": self.index, **fields}
        self.listed = exchange.tell("/instrument", **given)

    def price(self, price: float) -> None:
        """Move the index, and with it what is marked by it."""
        self.exchange.tell("/index", index=self.index, price=price)
        self.exchange.advance(5)

    def row(self) -> Any:
        """The instrument's row."""
        return self.exchange.row(self.symbol)

    def order(self, who: str, qty: int | None, price: float | None = None, **more: Any) -> Any:
        """Enter an order."""
        return self.exchange.order(who, qty, price, symbol=self.symbol, **more)

    def reject(self, who: str, **fields: Any) -> str:
        """Enter an order that must be refused."""
        return self.exchange.reject("POST", "/order", who, symbol=self.symbol, **fields)

    def match(self, taker: str, maker: str, qty: int, price: float) -> None:
        """``taker`` takes ``qty`` (negative: sells) from an order of ``maker``."""
        assert self.order(maker, -qty, price)["ordStatus"] == "New"
        taken = self.order(taker, qty, price)
        assert taken["ordStatus"] == "Filled", taken

    def position(self, who: str) -> Any:
        """The position's row."""
        return self.exchange.position(who, self.symbol)

    def leverage(self, who: str, leverage: float) -> Any:
        """Choose a leverage; 0 is cross."""
        fields = {"symbol": self.symbol, "leverage": leverage}
        return self.exchange.ask("POST", "/position/leverage", who, **fields)

    def trades(self, who: str) -> list[Any]:
        """Executions that moved money, oldest first."""
        return self.exchange.trades(who, self.symbol)

    def book(self) -> dict[str, list[tuple[float, int]]]:
        """The book's levels."""
        return self.exchange.book(self.symbol)


def new_index(exchange: Exchange, price: float, decimals: int = 2, *names: str) -> str:
    """List an index of equal members that stands at ``price``."""
    symbol = f".I{next(numbers)}"
    members = [{"name": name, "weight": 1} for name in names or ("A",)]
    exchange.tell("/instrument", symbol=symbol, constituents=members, decimals=decimals, outlier=1)
    exchange.tell("/index", index=symbol, price=price)
    exchange.advance(5)
    return symbol


def trader(exchange: Exchange, **balances: int) -> str:
    """Open an account with 10,000 XBT or what is said."""
    return exchange.open(f"t{next(numbers)}", **(balances or {"XBt": RICH}))


def shown(row: Any, names: str) -> tuple[Any, ...]:
    """Some columns of a row."""
    return tuple(row[name] for name in names.split())
