"""Who may import whom: the drawing of the house, checked on the source without importing it.

A module belongs to the longest name in the tables that its own name starts with. It may import
names of its own entry and of the lines below its own; entries of one line, with a bar between
them, do not see each other. ``__init__`` files above an entry, such as ``mmbot.venue``, import
nothing of ours. Imports inside functions and under TYPE_CHECKING count like any other.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TABLE = "tests/house/test_layers.py"

LAYERS = {
    "mmbot": """
        __main__
        cli
        app
        bundled
        settings | log
        view
        engine | books | venue.bitmex | venue.inprocess | strategy.loader | strategy.builtin
        state
        execution | hedge
        strategy.api | venue.port
        pricing
        types
        errors | clock
    """,
    "sim_exchange": """
        __main__
        app
        settings | log
        server | market
        session | snapshots
        journal | wire
        history
        core.exchange
        core.invariants
        core.office
        core.fixings
        core.risk
        core.orders | core.timers
        core.treasury | core.guards
        core.contracts
        core.views
        core.events | core.commands
        core.specs
        core.types
        errors | clock
    """,
}
PURE = (
    "sim_exchange.core", "mmbot.engine", "mmbot.state", "mmbot.execution", "mmbot.hedge",
    "mmbot.strategy.api", "mmbot.pricing", "mmbot.types",
)  # fmt: skip
UNCLEAN = {
    "asyncio", "time", "datetime", "random", "uuid", "os", "socket", "json", "logging",
    "structlog", "httpx", "websockets", "pydantic",
}  # fmt: skip
BY_NAME = ("import_module", "__import__")
EDGE, EDGE_USER, EDGE_USES = "mmbot.bundled", "mmbot.app", "sim_exchange.app"

RANK = {
    f"{package}.{entry.strip()}": rank
    for package, drawing in LAYERS.items()
    for rank, line in enumerate(drawing.strip().splitlines())
    for entry in line.split("|")
}


def within(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(prefix + ".")


def entry_of(name: str) -> str | None:
    """Return the entry of the tables that ``name`` belongs to."""
    return max((entry for entry in RANK if within(name, entry)), key=len, default=None)


def modules_under(root: Path) -> dict[str, Path]:
    """Return each module of both packages by its dotted name."""
    found = {}
    for package in LAYERS:
        for path in sorted((root / package).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports_of(name: str, path: Path, modules: dict[str, Path]) -> Iterator[tuple[str, int, bool]]:
    """Yield what a module imports: dotted name, line, and whether it is at the top of the file."""
    tree = ast.parse(path.read_bytes())
    home = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                up = ".".join(home.split(".")[: len(home.split(".")) - node.level + 1])
                base = f"{up}.{base}" if base else up
            for alias in node.names:  # `from mmbot.venue import port` means mmbot.venue.port
                deeper = f"{base}.{alias.name}"
                names.append(deeper if deeper in modules or entry_of(deeper) == deeper else base)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(BY_NAME):
            names = [str(arg.value) for arg in node.args[:1] if isinstance(arg, ast.Constant)]
        for imported in names:
            yield imported, getattr(node, "lineno", 0), node in tree.body


def complaint(name: str, imported: str, at_top: bool) -> str | None:
    """Return why ``name`` may not import ``imported``; None when it may."""
    top = imported.partition(".")[0]
    if top in UNCLEAN and any(within(name, pure) for pure in PURE):
        return f"{name} is pure and must not import {top}"
    if top not in LAYERS or imported == top:
        return None
    if top != name.partition(".")[0]:
        if name == EDGE and within(imported, EDGE_USES):
            return None
        return f"{name} must not import {imported}: only {EDGE} may cross, to {EDGE_USES}"
    if imported == EDGE:
        if name != EDGE_USER:
            return f"{name} must not import {EDGE}: only {EDGE_USER} may"
        return f"{name} must import {EDGE} inside a function, not at the top" if at_top else None
    mine, other = entry_of(name), entry_of(imported)
    if other is None:
        return f"{name} imports {imported}, which has no line in LAYERS of {TABLE}"
    if mine is None:
        return f"{name} imports {imported}, and a doorway above the layers must import nothing"
    if mine == other or RANK[mine] < RANK[other]:
        return None
    return f"{name} must not import {imported}: {other} is not on a line below {mine}"


def complaints(root: Path) -> list[str]:
    modules = modules_under(root)
    found = []
    for name, path in modules.items():
        if entry_of(name) is None and not any(entry.startswith(name + ".") for entry in RANK):
            found.append(f"{path}: {name} has no line in LAYERS of {TABLE}")
            continue
        found += [
            f"{path}:{line}: {why}"
            for imported, line, at_top in imports_of(name, path, modules)
            if (why := complaint(name, imported, at_top))
        ]
    return found


def test_every_import_points_down() -> None:
    assert not complaints(ROOT), "\n".join(complaints(ROOT))


@pytest.mark.parametrize(
    ("file", "source", "words"),
    [
        ("mmbot/state.py", "import mmbot.engine", "not on a line below"),
        ("mmbot/hedge/delta.py", "from mmbot.execution import orders", "not on a line below"),
        ("mmbot/strategy/api.py", "from mmbot.strategy import loader", "strategy.loader"),
        ("mmbot/venue/bitmex/rest.py", "from ..inprocess import lane", "mmbot.venue.inprocess"),
        ("mmbot/venue/__init__.py", "from mmbot.venue.port import Port", "doorway"),
        ("mmbot/pricing/basis.py", "def f():\n    import time", "pure"),
        ("sim_exchange/core/risk/margin.py", "from random import Random", "pure"),
        ("sim_exchange/core/orders/book.py", "import sim_exchange.core.risk", "not on a line"),
        ("sim_exchange/app.py", "import mmbot.types", "only mmbot.bundled may cross"),
        ("mmbot/engine.py", "__import__('sim_exchange.app')", "may cross"),
        ("mmbot/bundled.py", "import sim_exchange.session", "to sim_exchange.app"),
        ("mmbot/cli/demo.py", "def f():\n    import mmbot.bundled", "only mmbot.app may"),
        ("mmbot/app.py", "from mmbot import bundled", "inside a function"),
        ("mmbot/newcomer.py", "", "mmbot.newcomer has no line"),
        ("mmbot/app.py", "from mmbot.newcomer import x", "mmbot.newcomer, which has no line"),
    ],
)
def test_a_planted_wrong_import_is_found(
    tmp_path: Path, file: str, source: str, words: str
) -> None:
    plant(tmp_path, file, source)

    found = complaints(tmp_path)

    assert len(found) == 1
    assert words in found[0]
    assert file in found[0]


def test_the_imports_that_the_drawing_allows_pass(tmp_path: Path) -> None:
    plant(tmp_path, "mmbot/app.py", "import mmbot\ndef demo():\n    from mmbot import bundled")
    plant(tmp_path, "mmbot/bundled.py", "from sim_exchange import app")
    plant(tmp_path, "mmbot/engine.py", "from mmbot.strategy import api\nfrom mmbot import state")
    plant(tmp_path, "mmbot/venue/bitmex/rest.py", "import time\nfrom . import codec")
    plant(tmp_path, "sim_exchange/core/exchange.py", "from sim_exchange.core.types import Ticks")

    assert complaints(tmp_path) == []


def plant(root: Path, file: str, source: str) -> None:
    path = root / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source, encoding="utf-8")
