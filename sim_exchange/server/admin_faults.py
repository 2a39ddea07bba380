"""The operator's faults (design.md 6): list, add, clear; what each does is in ``faults.KINDS``.

``{"name": ..., "account": ..., "probability": 0.1}`` strikes one match in ten, by seeded draws;
``"at": 3`` or ``[3, 5]`` these matches, ``"at": ISO`` the first one from that instant on; neither,
each one. ``"times"`` ends it, ``"seed"`` makes its draws others.
"""

from collections.abc import Callable, Mapping
from typing import Any

from sim_exchange.errors import NotFoundError
from sim_exchange.server.admin_accounts import account_number
from sim_exchange.server.admin_input import Fields, bad, decimal, instant, whole
from sim_exchange.server.faults import KINDS, SLOW_DISK, Fault
from sim_exchange.server.venue import Venue
from sim_exchange.wire.rows import Row
from sim_exchange.wire.tables import TABLES
from sim_exchange.wire.times import to_iso

TEXTS = ("Invalid API Key.", "Signature not valid.", "Authorization Required", "expired")
"""Words of a 401 (protocol.md 1.6); ``expired`` stands for the sentence with the time in it."""

_COMMON = ("name", "account", "probability", "at", "times", "seed")
_METHODS = ("GET", "POST", "PUT", "DELETE")
_MOST = 1_000_000_000
_Reader = Callable[[str, object], Any]


def known() -> list[Row]:
    """GET /fault/known: every kind, with what it does and its fields."""
    return [
        {"name": name, "does": kind.does, "fields": [*_COMMON, *kind.fields]}
        for name, kind in KINDS.items()
    ]


def every_fault(venue: Venue) -> list[Row]:
    """GET /fault: those that were added, with how often each was met and has fired."""
    return [_row(venue, fault) for fault in venue.faults.all.values()]


def add(venue: Venue, fields: Fields) -> Row:
    """POST /fault: let one strike from now on."""
    name = fields.values.get("name")
    kind = KINDS.get(name) if isinstance(name, str) else None
    if kind is None or not isinstance(name, str):
        raise bad("name", name, f"allowed are {', '.join(KINDS)}")
    fields.only(*_COMMON, *kind.fields)
    faults, values = venue.faults, fields.values
    if kind.where == "disk" and faults.on_disk is None:
        raise bad("name", name, "answers don't wait for the disk: it needs --durability sync")
    if kind.where == "feed" and venue.feed is None:
        raise bad("name", name, "nothing feeds the indices here")
    if "probability" in values and "at" in values:
        raise bad("at", values["at"], "it is absent where probability is given")
    own = {field: _READERS[field](field, values[field]) for field in kind.fields if field in values}
    if name in _NEEDED and _NEEDED[name] not in own:
        raise bad(_NEEDED[name], None, f"{name} needs it")
    seed = None if "seed" not in values else whole("seed", values["seed"], 0, _MOST)
    fault = Fault(
        number=faults.next_number,
        name=name,
        account=0
        if values.get("account") is None
        else account_number(venue, "account", fields.text("account")),
        draws=faults.draws(name, seed),
        **_when(values),
        **own,
    )
    faults.add(fault)
    return _row(venue, fault)


def clear(venue: Venue, path: str, fields: Fields) -> Row:
    """DELETE /fault: all of them, or one by ``/fault/ID`` or ``{"id": ID}``."""
    fields.only("id")
    number = None
    if path:
        if not path.isdecimal():
            raise NotFoundError("Not Found")
        number = int(path)
    elif "id" in fields.values:
        number = whole("id", fields.values["id"], 1, _MOST)
    gone = venue.faults.clear(number)
    if number is not None and not gone:
        raise bad("id", number, "no fault has this id")
    return {"cleared": gone}


def _when(values: Mapping[str, object]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if "times" in values:
        found["times"] = whole("times", values["times"], 1, _MOST)
    if "probability" in values:
        number = decimal(values["probability"])
        if number is None or not 0 < number <= 1:
            raise bad("probability", values["probability"], "above 0 and at most 1 is")
        found["probability"] = float(number)
    at = values.get("at")
    if isinstance(at, str):
        found["from_ns"] = instant("at", at)
        found.setdefault("times", 1)
    elif "at" in values:
        found["matches"] = tuple(
            whole("at", one, 1, _MOST) for one in (at if isinstance(at, list) else [at])
        )
        if not found["matches"]:
            raise bad("at", at, "a number, numbers or an ISO 8601 time is needed")
    return found


def _row(venue: Venue, fault: Fault) -> Row:
    kind = KINDS[fault.name]
    account = venue.exchange.accounts[fault.account].name if fault.account else None
    row: Row = {"id": fault.number, "name": fault.name, "does": kind.does, "account": account}
    if fault.matches:
        row["at"] = list(fault.matches)
    elif fault.from_ns:
        row["at"] = to_iso(fault.from_ns)
    else:
        row["probability"] = fault.probability
    row["times"] = fault.times or None
    row |= {field: getattr(fault, field) for field in kind.fields}
    if kind.where == "feed" and venue.feed is not None:
        row["rejected"] = venue.feed.rejected
    return row | {"seen": fault.seen, "fired": fault.fired}


def _one_of(*allowed: str) -> _Reader:
    def read(name: str, value: object) -> str:
        if value not in allowed or not isinstance(value, str):
            raise bad(name, value, f"allowed are {', '.join(allowed)}")
        return value

    return read


def _path(name: str, value: object) -> str:
    if not isinstance(value, str) or not value.startswith("/") or value.startswith("/api/"):
        raise bad(name, value, "a path after /api/v1 is needed, such as /order")
    return value


def _seconds(name: str, value: object) -> float:
    number = decimal(value)
    if number is None or not 0 < number <= 600:
        raise bad(name, value, "seconds above 0, at most 600, are needed")
    return float(number)


def _code(name: str, value: object) -> int:
    code = whole(name, value, 1000, 4999)
    if code in {1004, 1005, 1006, 1015}:
        raise bad(name, value, "no frame may carry it; leave it out to cut the socket")
    return code


def _flag(name: str, value: object) -> bool:
    return Fields({name: value}).flag(name)


_READERS: dict[str, _Reader] = {
    "method": _one_of(*_METHODS),
    "path": _path,
    "table": _one_of(*TABLES),
    "text": _one_of(*TEXTS),
    "delay_s": _seconds,
    "retry_s": lambda name, value: whole(name, value, 1, 3_600),
    "factor": lambda name, value: whole(name, value, 2, 10 * SLOW_DISK),
    "code": _code,
    "halt_min": lambda name, value: whole(name, value, 1, 10_000),
    "mismatch": _flag,
}
_NEEDED = {"slow": "delay_s", "limit-store-slow": "delay_s"}
