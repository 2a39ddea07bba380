"""Reads of tables: filter, columns, count, start, reverse, times (protocol.md 1.2, 1.3)."""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

import msgspec

from sim_exchange.errors import BadRequestError
from sim_exchange.wire.parse import Params, flag_of, list_of, quantity_of
from sim_exchange.wire.rows import Row
from sim_exchange.wire.times import parse_time

_T = TypeVar("_T")

FAR_FUTURE_NS = 1 << 62
_TERMINAL = frozenset({"Filled", "Canceled", "Rejected", "Expired", "DoneForDay", "Stopped"})
_WEEK_DAYS = 7
# Where the parts of 2017-04-04T22:07:46.035Z lie.
_TEXT_PARTS = {"date": slice(0, 10), "time": slice(11, 16), "month": slice(0, 7)}
_NUMBER_PARTS = {
    "mm": slice(5, 7),
    "dd": slice(8, 10),
    "hh": slice(11, 13),
    "uu": slice(14, 16),
    "minute": slice(14, 16),
    "ss": slice(17, 19),
    "second": slice(17, 19),
}

_decode = msgspec.json.Decoder().decode


class TableQuery(msgspec.Struct, frozen=True):
    """What a client wants of a table; times are inclusive, ns since the epoch."""

    symbol: str | None
    conditions: Mapping[str, object]
    columns: tuple[str, ...] | None
    count: int
    start: int
    reverse: bool
    start_ns: int
    end_ns: int


def read_query(
    params: Params, *, most: int = 500, count: int = 100, reverse: bool = False
) -> TableQuery:
    """Read the parameters that all tables share.

    Args:
        params: of the request.
        most: largest count allowed.
        count: count when absent.
        reverse: order when absent.

    Raises:
        BadRequestError: a value is of the wrong kind or out of range.
    """
    conditions = _filter_of(params)
    wanted = quantity_of(params, "count")
    count = count if wanted is None else wanted
    if count < 0:
        raise BadRequestError("Invalid count")
    if count > most:
        raise BadRequestError(f"Maximum result count is {most}")
    start = quantity_of(params, "start") or 0
    if start < 0:
        raise BadRequestError("Invalid start")
    symbol = params.get("symbol")
    if symbol is not None and not isinstance(symbol, str):
        raise BadRequestError("Invalid symbol")
    return TableQuery(
        symbol or None,
        conditions,
        _columns_of(params),
        count,
        start,
        flag_of(params, "reverse", reverse),
        _time_of(params, conditions, "startTime", 0),
        _time_of(params, conditions, "endTime", FAR_FUTURE_NS),
    )


def select(
    items: Iterable[_T], render: Callable[[_T], Row], query: TableQuery, keys: tuple[str, ...]
) -> list[Row]:
    """Render, filter, skip and count.

    Args:
        items: in the wanted order, already inside the wanted times.
        render: makes the row of an item.
        query: what is wanted.
        keys: columns of the table that are always returned.
    """
    rows: list[Row] = []
    if not query.count:
        return rows
    skip = query.start
    conditions = query.conditions
    for item in items:
        row = render(item)
        if conditions and not matches(row, conditions):
            continue
        if skip:
            skip -= 1
            continue
        rows.append(row)
        if len(rows) >= query.count:
            break
    return pick(rows, query.columns, keys)


def pick(rows: list[Row], columns: tuple[str, ...] | None, keys: tuple[str, ...]) -> list[Row]:
    """Keep the wanted columns, and the key columns always, in the table's order."""
    if columns is None:
        return rows
    wanted = {*columns, *keys}
    return [{name: value for name, value in row.items() if name in wanted} for row in rows]


def matches(row: Row, conditions: Mapping[str, object]) -> bool:
    """Tell whether a row meets all members of a filter."""
    return all(_meets(row, name, wanted) for name, wanted in conditions.items())


def _meets(row: Row, name: str, wanted: object) -> bool:
    if name in ("startTime", "endTime"):
        return True
    if name == "open" and "ordStatus" in row:
        return (row["ordStatus"] not in _TERMINAL) is (wanted is True)
    if name == "ordStatus.isTerminated":
        return (row.get("ordStatus") in _TERMINAL) is (wanted is True)
    if name.startswith("timestamp."):
        return _time_part(row, name.partition(".")[2]) == str(wanted)
    if name not in row:
        return wanted is None
    value = row[name]
    if isinstance(wanted, list):
        return any(_same(value, each) for each in wanted)
    return _same(value, wanted)


def _same(value: object, wanted: object) -> bool:
    if value == wanted:
        return True
    if isinstance(value, str) and isinstance(wanted, str):
        return value.lower() == wanted.lower()
    if isinstance(value, bool):
        return isinstance(wanted, str) and wanted.lower() == str(value).lower()
    return isinstance(value, int | float) and str(value) == str(wanted)


def _time_part(row: Row, part: str) -> str | None:
    text = row.get("timestamp")
    if not isinstance(text, str):
        return None
    if part in ("ww", "week"):
        # 1970-01-01 was a Thursday; the database counts Saturday as 0, so Friday is 6.
        days = parse_time(text) // (86_400 * 10**9)
        return str((days + 5) % _WEEK_DAYS)
    if part in _TEXT_PARTS:
        return text[_TEXT_PARTS[part]]
    return str(int(text[_NUMBER_PARTS[part]])) if part in _NUMBER_PARTS else None


def _filter_of(params: Params) -> Mapping[str, object]:
    value = params.get("filter")
    if value is None or value == "":
        return {}
    if isinstance(value, str):
        try:
            value = _decode(value)
        except msgspec.DecodeError as error:
            raise BadRequestError("Invalid filter: not a JSON object") from error
    if not isinstance(value, dict):
        raise BadRequestError("Invalid filter: not a JSON object")
    return value


def _columns_of(params: Params) -> tuple[str, ...] | None:
    names = list_of(params, "columns")
    if not names:
        return None
    return tuple(part.strip() for name in names for part in name.split(","))


def _time_of(params: Params, conditions: Mapping[str, object], name: str, default: int) -> int:
    value = params.get(name)
    if value is None or value == "":
        value = conditions.get(name)
    if value is None or value == "":
        return default
    try:
        return parse_time(value)
    except (ValueError, OverflowError) as error:
        raise BadRequestError(f"Invalid {name}") from error
