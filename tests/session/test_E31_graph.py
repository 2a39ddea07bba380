"""How a graph of objects is spelt: canonical, whole, and nothing in it is ever run."""

import os
from collections import deque
from fractions import Fraction
from functools import partial
from pathlib import Path

import msgspec
import pytest

from sim_exchange.core.exchange import Exchange
from sim_exchange.core.orders.book import Level
from sim_exchange.core.risk.index_row import IndexRow
from sim_exchange.core.risk.state import Snapshot
from sim_exchange.core.types import ExecInst, Side
from sim_exchange.errors import SnapshotError
from sim_exchange.history.bins import Bin
from sim_exchange.snapshots import Reader, Writer
from sim_exchange.snapshots.graph import Picture, Shape
from tests.interpreters import said_elsewhere

ROOT = Path(__file__).resolve().parents[2]


def again(root):
    """Write a root and read it back; it must be spelt the same then."""
    spelt = Writer().write(root)
    found = Reader().read(spelt)
    assert Writer().write(found) == spelt
    return found


@pytest.mark.parametrize(
    "value",
    [
        None, True, 0, -(1 << 63), 1 << 64, -(1 << 90), "é", b"x", (), (1, ("a", None)),
        Side.SELL, ExecInst.POST_ONLY | ExecInst.CLOSE, Fraction(-1, 3), frozenset({"b", "a"}),
        Snapshot("XBt", 1, 2, 3),
    ],
)  # fmt: skip
def test_a_value_comes_back_with_its_type(value):
    (found,) = again([value])
    assert found == value
    assert type(found) is type(value)


def test_containers_keep_their_order_and_their_bounds():
    root = {"b": [1, 2], ("a", 1): deque([3, 4], maxlen=2), "s": {"z", "y", "x"}}
    found = again(root)
    assert list(found) == ["b", ("a", 1), "s"]
    assert found == root
    assert found["a", 1].maxlen == 2


def test_objects_that_are_shared_or_go_in_circles_stay_so():
    level = Level(7)
    row = Bin("ETC7D", 1, 2, 3, 4, 5)
    root = [level, {"again": level}, row, row]
    root.append(root)
    found = again(root)
    assert found[0] is found[1]["again"]
    assert found[0].price == 7
    assert found[2] is found[3]
    assert found[2] == row
    assert found[4] is found


def test_what_was_never_set_is_not_set_afterwards():
    bare = IndexRow.__new__(IndexRow)
    bare.price = 5
    found = again([bare])[0]
    assert found.price == 5
    assert not hasattr(found, "spec")


def test_callbacks_are_methods_of_objects_in_the_graph():
    exchange = Exchange(0)
    found = again([exchange, exchange.check, partial(exchange.open_orders, 3)])
    assert found[1].__self__ is found[0]
    assert found[2].func.__self__ is found[0]
    assert found[2]() == []


def test_two_roots_share_what_they_have_in_common():
    shared = [1]
    writer, reader = Writer(), Reader()
    pictures = [writer.write({"a": shared}), writer.write({"b": shared})]
    first, second = (reader.read(picture) for picture in pictures)
    assert first["a"] is second["b"]


class Foreign:
    """A class of nobody's."""


@pytest.mark.parametrize(
    "thing",
    [
        Foreign(), 0.5, len, lambda: None, os, partial(print),
        partial(Exchange(0).position, symbol=""),
    ],
)  # fmt: skip
def test_anything_else_is_refused_by_name(thing):
    with pytest.raises(SnapshotError, match="can't be in a snapshot"):
        Writer().write([thing])


def picture(shapes, *objects):
    return msgspec.msgpack.encode(Picture(tuple(shapes), list(objects)))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"junk", "can't be read"),
        (picture([Shape("os", "system", ())], [0]), "no class os.system"),
        (picture([Shape("subprocess", "Popen", ())], [0]), "no class subprocess.Popen"),
        (picture([Shape("sim_exchange.core.exchange", "c.msgspec.Struct", ())], [0]), "no cl"),
        (picture([Shape("sim_exchange.core.orders.book", "Level", ("price",))], [0]), "has other"),
        (picture([], [-2, [99, 1]]), "unknown code 99"),
        (picture([], [-2, [0, 7]]), "can't be read"),
        (
            picture([Shape("sim_exchange.core.exchange", "Exchange", ())], [-2, [2, 0, 5]]),
            "Exchange is no Enum",
        ),
        (picture([], [-2, [7, 0, "pop"]]), "list has no method pop"),
    ],
)
def test_bytes_of_another_making_are_refused_and_call_nothing(data, words):
    with pytest.raises(SnapshotError, match=words):
        Reader().read(data)


def test_the_spelling_does_not_depend_on_the_hash_seed():
    program = (
        "from sim_exchange.snapshots import Writer, hash_of\n"
        "print(hash_of(Writer().write([{'a', 'b', 'c', ('d', 1)}, {'z': {'x', 'y'}}])))"
    )
    assert len(said_elsewhere("-c", program, hash_seeds=("1", "2", "3"))) == 1
