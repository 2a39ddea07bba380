"""Rows as CSV: quoted column names first, numbers bare, strings quoted, null empty (1.10)."""

from sim_exchange.wire.rows import Row


def to_csv(rows: list[Row]) -> str:
    r"""Spell rows of one table; no rows give no text.

    >>> to_csv([{"symbol": "ETC7D", "price": 1.5, "side": None}])
    '"symbol","price","side"\n"ETC7D",1.5,\n'
    """
    if not rows:
        return ""
    lines = [",".join(_quoted(name) for name in rows[0])]
    lines.extend(",".join(_cell(value) for value in row.values()) for row in rows)
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    doubled = text.replace('"', '""')
    return f'"{doubled}"'


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else _quoted(str(value))
