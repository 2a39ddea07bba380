"""A seeded walk through everything that can be asked of the exchange, one command a step.

A walk reads the exchange as its clients do, between commands, so that what it asks is mostly
sensible: prices near the mark, amends of orders that are there. The same seed asks the same.
"""

import random
from collections.abc import Callable

from scripts.soaking.orders import OrderMoves
from scripts.soaking.venue import VenueMoves
from sim_exchange.journal import Journal


class Walk(OrderMoves, VenueMoves):
    """A walk: each step asks for one thing."""

    def __init__(self, seed: str, journal: Journal | None = None) -> None:
        """Open the market of ``seed``; nobody has traded yet. ``journal`` keeps every command."""
        super().__init__(seed, journal)
        self._moves = self._weighed()

    def step(self) -> None:
        """Ask for one thing, drawn by weight."""
        moves, weights = self._moves
        self.rng.choices(moves, cum_weights=weights)[0]()

    def move(self, number: int, rng: random.Random) -> None:
        """Ask for the thing of this number, its details drawn from ``rng``."""
        self.rng = rng
        moves, _ = self._moves
        moves[number % len(moves)]()

    def _weighed(self) -> tuple[list[Callable[[], None]], list[int]]:
        table: tuple[tuple[int, Callable[[], None]], ...] = (
            (420, self._place),
            (90, self._take),
            (60, self._stop),
            (20, self._link),
            (40, self._close),
            (120, self._amend),
            (180, self._cancel),
            (8, self._cancel_all),
            (50, self._print),
            (20, self._wait),
            (6, self._offer),
            (6, self._lend),
            (2, self._mode),
            (10, self._choose),
            (8, self._withdraw),
            (4, self._chain),
            (3, self._transfer),
            (2, self._announce),
            (1, self._operate),
            (4, self._dead_man),
            (6, self._deposit),
            (1, self._expire),
        )
        total, weights = 0, []
        for weight, _ in table:
            total += weight
            weights.append(total)
        return [move for _, move in table], weights
