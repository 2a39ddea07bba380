"""Objects that refer to each other, as bytes and back: what a snapshot of the exchange is made of.

Only classes of this house's own packages (``ROOMS``) are written and made again, by name, without
calling anything that a file could choose: no function, no constructor but those of values (enums,
frozen structs, named tuples). A callback is an object and the name of its method, with what it is
called with.

The bytes are canonical: one state has one spelling, whatever the hash seed, however it was reached.
Objects are numbered as they are met from the roots on, in the order of their attributes' names;
sets are sorted; what is worked out anew when it is asked for (``afresh``, and dictionaries of a
class of their own, which remember values) is left out.

An object is written as ``[class, value of each attribute...]``, a container as
``[code, members...]``; among values a list is ``[code, ...]`` (see ``_Code``) and anything else is
itself.
"""

import sys
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from fractions import Fraction
from functools import partial
from operator import attrgetter
from types import MethodType
from typing import Any, Final

import msgspec

from sim_exchange.errors import SnapshotError

ROOMS = ("sim_exchange.core.", "sim_exchange.history.", "sim_exchange.market.heard")
"""Where classes may come from."""

# Of a value that is a list.
_REF, _TUPLE, _ENUM, _STRUCT, _FROZENSET, _BIG, _FRACTION, _METHOD, _PARTIAL, _TYPE, _NAMED = range(
    11
)
# Of a container among the objects; those of a class have its number, 0 or more.
_DICT, _LIST, _SET, _DEQUE = -1, -2, -3, -4

_PLAIN: Final = frozenset({type(None), bool, str, bytes})
_LEAST, _MOST = -(1 << 63), (1 << 64) - 1
_encode = msgspec.msgpack.Encoder().encode
_ABSENT: Final = object()


class Shape(msgspec.Struct, frozen=True, array_like=True):
    """A class as a snapshot knows it: module and name, and its attributes in the order written."""

    module: str
    name: str
    fields: tuple[str, ...]


class Picture(msgspec.Struct, frozen=True, array_like=True):
    """A graph of objects: its classes, and each object's entry."""

    shapes: tuple[Shape, ...]
    objects: list[list[Any]]


def attributes_of(cls: type) -> tuple[str, ...]:
    """Return the names of a class's slots and fields, sorted; those of its bases, too."""
    if issubclass(cls, msgspec.Struct):
        return cls.__struct_fields__
    names = {
        name
        for base in cls.__mro__
        for name in _slots(base)
        if name not in {"__dict__", "__weakref__"}
    }
    return tuple(sorted(names))


def _slots(cls: type) -> Iterable[str]:
    slots = cls.__dict__.get("__slots__", ())
    return (slots,) if isinstance(slots, str) else slots


def _of_now(thing: object, name: str) -> Any:
    """Return an attribute, a new empty one of what is worked out anew when it is asked for."""
    found = getattr(thing, name, _ABSENT)
    return type(found)() if name in getattr(thing, "afresh", ()) else found


class Writer:
    """Turns graphs into pictures; several roots share the objects that they have in common."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._shapes: list[Shape] = []
        self._numbers: dict[type, int] = {}
        self._getters: dict[type, Callable[[Any], tuple[Any, ...]] | None] = {}
        self._objects: list[Any] = []  # kept alive, so that no other gets the same id
        self._places: dict[int, int] = {}
        self._members: dict[int, list[Any]] = {}  # of enums, by id: they live for ever
        self._entries: list[list[Any]] = []

    def write(self, root: object) -> bytes:
        """Return the picture of ``root``: what was not written before, the root first of all.

        Raises:
            SnapshotError: something can't be written.
        """
        first_shape, first = len(self._shapes), len(self._objects)
        self._place(root)
        entries = []
        at = first
        while at < len(self._objects):
            entries.append(self._entry(self._objects[at]))
            at += 1
        return _encode(Picture(tuple(self._shapes[first_shape:]), entries))

    def _place(self, thing: object) -> int:
        key = id(thing)
        place = self._places.get(key)
        if place is None:
            place = self._places[key] = len(self._objects)
            self._objects.append(thing)
        return place

    def _entry(self, thing: Any) -> list[Any]:
        cls = type(thing)
        value = self._value
        if cls is dict:
            return [_DICT, *[value(one) for pair in thing.items() for one in pair]]
        if cls is list:
            return [_LIST, *[value(one) for one in thing]]
        if cls is set:
            return [_SET, *self._sorted(thing)]
        if cls is deque:
            return [_DEQUE, thing.maxlen, *[value(one) for one in thing]]
        number = self._number(cls)
        fields = self._shapes[number].fields
        entry = [number, *[value(one) for one in self._found(thing, fields)]]
        for name in sorted(getattr(thing, "__dict__", ())):
            entry += [name, value(_of_now(thing, name))]
        return entry

    def _found(self, thing: object, fields: Sequence[str]) -> Sequence[Any]:
        """Return the slots or fields of an object; what was never set is ``_ABSENT``."""
        getter = self._getters[type(thing)]
        if getter is not None:
            try:
                return getter(thing)
            except AttributeError:
                pass  # one was never set: one by one, then
        return [_of_now(thing, name) for name in fields]

    def _sorted(self, members: Iterable[Any]) -> list[Any]:
        return sorted((self._value(one) for one in members), key=_encode)

    def _number(self, cls: type) -> int:
        number = self._numbers.get(cls)
        if number is not None:
            return number
        if (
            not cls.__module__.startswith(ROOMS)
            or resolve(cls.__module__, cls.__qualname__) is not cls
        ):
            raise SnapshotError(f"{cls.__module__}.{cls.__qualname__} can't be in a snapshot")
        fields = () if issubclass(cls, (Enum, tuple)) else attributes_of(cls)
        number = self._numbers[cls] = len(self._shapes)
        self._shapes.append(Shape(cls.__module__, cls.__qualname__, fields))
        quick = len(fields) > 1 and not getattr(cls, "afresh", ())
        self._getters[cls] = attrgetter(*fields) if quick else None
        return number

    def _value(self, one: Any) -> Any:
        cls = type(one)
        if cls in _PLAIN:
            return one
        if cls is int:
            return one if _LEAST <= one <= _MOST else [_BIG, str(one)]
        if cls is tuple:
            return [_TUPLE, *[self._value(part) for part in one]]
        if isinstance(one, Enum):
            known = self._members.get(id(one))
            if known is None:
                known = self._members[id(one)] = [_ENUM, self._number(cls), one.value]
            return known
        if isinstance(one, msgspec.Struct) and cls.__struct_config__.frozen:
            number = self._number(cls)
            return [_STRUCT, number, *[self._value(part) for part in msgspec.structs.astuple(one)]]
        return self._other(one, cls)

    def _other(self, one: Any, cls: type) -> list[Any]:
        if cls is frozenset:
            return [_FROZENSET, *self._sorted(one)]
        if cls is Fraction:
            return [_FRACTION, self._value(one.numerator), self._value(one.denominator)]
        if cls is MethodType:
            return [_METHOD, self._place(one.__self__), one.__name__]
        if cls is partial:
            if one.keywords:
                raise SnapshotError(f"{one!r} has keywords and can't be in a snapshot")
            return [_PARTIAL, self._value(one.func), *[self._value(part) for part in one.args]]
        if isinstance(one, type):
            return [_TYPE, self._number(one)]
        if isinstance(one, tuple):
            return [_NAMED, self._number(cls), *[self._value(part) for part in one]]
        if one is _ABSENT:
            return [_REF]
        if callable(one) or isinstance(one, float):
            raise SnapshotError(f"{one!r} can't be in a snapshot")
        return [_REF, self._place(one)]


class Reader:
    """Makes graphs from pictures, in the order in which a ``Writer`` wrote them."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._shapes: list[Shape] = []
        self._classes: list[type] = []
        self._objects: list[Any] = []

    def read(self, data: bytes | memoryview) -> Any:
        """Return the root of one picture.

        Raises:
            SnapshotError: this program has no such classes, or it is not a picture.
        """
        try:
            picture = msgspec.msgpack.decode(data, type=Picture)
            for shape in picture.shapes:
                self._classes.append(_class_of(shape))
                self._shapes.append(shape)
            first = len(self._objects)
            for entry in picture.objects:
                self._objects.append(self._shell(entry))
            for thing, entry in zip(self._objects[first:], picture.objects, strict=True):
                self._fill(thing, entry)
            return self._objects[first]
        except (msgspec.MsgspecError, LookupError, TypeError, ValueError, AttributeError) as error:
            raise SnapshotError(f"it can't be read: {error}") from error

    def _shell(self, entry: Sequence[Any]) -> Any:
        code = entry[0]
        if code == _DICT:
            return {}
        if code == _LIST:
            return []
        if code == _SET:
            return set()
        if code == _DEQUE:
            return deque(maxlen=entry[1])
        cls = self._classes[code]
        if issubclass(cls, msgspec.Struct):
            return cls(**dict.fromkeys(cls.__struct_fields__))
        return cls.__new__(cls)

    def _fill(self, thing: Any, entry: Sequence[Any]) -> None:
        value, code = self._value, entry[0]
        if code == _DICT:
            for at in range(1, len(entry), 2):
                thing[value(entry[at])] = value(entry[at + 1])
        elif code in {_LIST, _SET}:
            members = [value(one) for one in entry[1:]]
            thing.extend(members) if code == _LIST else thing.update(members)
        elif code == _DEQUE:
            thing.extend([value(one) for one in entry[2:]])
        else:
            fields = self._shapes[code].fields
            for name, one in zip(fields, entry[1:], strict=False):
                if one != [_REF]:
                    setattr(thing, name, value(one))
            rest = entry[1 + len(fields) :]
            for at in range(0, len(rest), 2):
                thing.__dict__[rest[at]] = value(rest[at + 1])

    def _value(self, one: Any) -> Any:
        if type(one) is not list:
            return one
        code = one[0]
        if code == _REF:
            return self._objects[one[1]]
        if code == _TUPLE:
            return tuple([self._value(part) for part in one[1:]])
        if code == _ENUM:
            return self._class(one[1], Enum)(one[2])
        if code == _STRUCT:
            cls = self._class(one[1], msgspec.Struct)
            parts = [self._value(part) for part in one[2:]]
            return cls(**dict(zip(self._shapes[one[1]].fields, parts, strict=True)))
        return self._other(code, one)

    def _other(self, code: int, one: Sequence[Any]) -> Any:
        if code == _FROZENSET:
            return frozenset(self._value(part) for part in one[1:])
        if code == _BIG:
            return int(one[1])
        if code == _FRACTION:
            return Fraction(self._value(one[1]), self._value(one[2]))
        if code == _METHOD:
            return self._method(self._objects[one[1]], one[2])
        if code == _PARTIAL:
            return partial(self._value(one[1]), *[self._value(part) for part in one[2:]])
        if code == _TYPE:
            return self._classes[one[1]]
        if code == _NAMED:
            return self._class(one[1], tuple)(*[self._value(part) for part in one[2:]])
        raise SnapshotError(f"a value has the unknown code {code}")

    def _class(self, number: int, kind: type) -> Any:
        """Return a class of values; no other is ever called."""
        cls = self._classes[number]
        if not issubclass(cls, kind):
            raise SnapshotError(f"{cls.__qualname__} is no {kind.__name__}")
        return cls

    def _method(self, thing: Any, name: str) -> Any:
        cls = type(thing)
        for base in cls.__mro__ if cls.__module__.startswith(ROOMS) else ():
            found = base.__dict__.get(name)
            if callable(found):
                return MethodType(found, thing)
        raise SnapshotError(f"{cls.__qualname__} has no method {name}")


def resolve(module: str, name: str) -> object:
    """Return what ``name`` is in a module that is loaded; None where there is nothing."""
    found: object = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def _class_of(shape: Shape) -> type:
    cls = resolve(shape.module, shape.name) if shape.module.startswith(ROOMS) else None
    # Not what such a module has only imported.
    if not isinstance(cls, type) or cls.__module__ != shape.module:
        raise SnapshotError(f"this program has no class {shape.module}.{shape.name}")
    fields = () if issubclass(cls, (Enum, tuple)) else attributes_of(cls)
    if fields != shape.fields:
        raise SnapshotError(f"{shape.module}.{shape.name} has other attributes in this program")
    return cls
