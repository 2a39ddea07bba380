"""How an index gets a new value, and how its decimals meet those of others."""

from sim_exchange.core.events import IndexPublished
from sim_exchange.core.risk.index_row import IndexRow
from sim_exchange.core.risk.state import State
from sim_exchange.core.types import TickDirection, rha

# Looked up once: a member of an enum costs a tenth of a microsecond each time.
_MINUS = TickDirection.MINUS
_ZERO_MINUS = TickDirection.ZERO_MINUS
_ZERO_PLUS = TickDirection.ZERO_PLUS
_PLUS = TickDirection.PLUS


def publish(state: State, row: IndexRow, price: int) -> None:
    """Give an index its value of now, in 10**-decimals of its spec, and tell it."""
    row.direction = _direction(row, price)
    row.price = price
    row.changed_ns = state.now_ns
    state.out.append(IndexPublished(symbol=row.spec.symbol, price=price, at_ns=state.now_ns))


def rescale(value: int, decimals: int, wanted: int) -> int:
    """Return a price of 10**-decimals in 10**-wanted, to nearest.

    >>> rescale(201_450, 8, 6), rescale(2014, 6, 8)
    (2015, 201400)
    """
    if wanted == decimals:
        return value
    if wanted > decimals:
        finer: int = 10 ** (wanted - decimals)
        return value * finer
    return rha(value, 10 ** (decimals - wanted))


def _direction(row: IndexRow, price: int) -> TickDirection:
    before = row.direction
    if before is None or price == row.price:
        if before is _MINUS or before is _ZERO_MINUS:
            return _ZERO_MINUS
        return _ZERO_PLUS
    return _PLUS if price > row.price else _MINUS
