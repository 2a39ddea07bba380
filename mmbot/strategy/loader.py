"""How a strategy is found: ``module:name``, ``file.py:name`` or a short name.

    mmbot run --strategy basis_skew                 comes along
    mmbot run --strategy my_quotes.py:FixedSpread   a file
    mmbot run --strategy my_package.quotes:Fancy    an installed module
    mmbot run --strategy fancy                      entry point group ``mmbot.strategies``

The name is a class whose fields are the parameters, a plain function ``quote(view)``, or an object
that has ``quote``.
"""

import dataclasses
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec

from mmbot.errors import StrategyLoadError
from mmbot.strategy.api import Quotes, Strategy, View

GROUP = "mmbot.strategies"
BUILTIN = {
    "fixed_spread": "mmbot.strategy.builtin.fixed_spread:FixedSpread",
    "basis_skew": "mmbot.strategy.builtin.basis_skew:BasisSkew",
}


class FunctionStrategy:
    """A plain function as a strategy."""

    def __init__(self, function: Callable[..., Quotes], params: Mapping[str, object]) -> None:
        """Call ``function(view, **params)`` for each quote."""
        self._function = function
        self._params = dict(params)

    def quote(self, view: View) -> Quotes:
        """Return what the function returns."""
        return self._function(view, **self._params)


def load_strategy(reference: str, params: Mapping[str, object] | None = None) -> Strategy:
    """Return the strategy that ``reference`` names, made with ``params``.

    Args:
        reference: see the top of this file.
        params: values of the class's fields, or keyword arguments of the function.

    Raises:
        StrategyLoadError: it can't be found, imported or made; the text says what there is.
    """
    target, where = _find(reference)
    values = dict(params or {})
    if inspect.isclass(target):
        made = _make(target, values, where)
    elif inspect.isfunction(target):
        made = _wrap(target, values, where)
    elif values:
        raise StrategyLoadError(f"{where} is ready made and takes no params: {', '.join(values)}")
    else:
        made = target
    if not callable(getattr(made, "quote", None)):
        raise StrategyLoadError(f"{where} has no method quote(view)")
    strategy: Strategy = made
    return strategy


def _find(reference: str) -> tuple[Any, str]:
    if ":" not in reference:
        return _short_name(reference)
    place, _, name = reference.rpartition(":")
    module = _from_file(place) if place.endswith(".py") else _from_module(place)
    target: Any = module
    for part in name.split("."):
        if not part or not hasattr(target, part):
            raise StrategyLoadError(
                f"{place} has no {name!r}; it has {', '.join(_public(module)) or 'nothing public'}"
            )
        target = getattr(target, part)
    return target, reference


def _short_name(name: str) -> tuple[Any, str]:
    if name in BUILTIN:
        return _find(BUILTIN[name])
    found = {point.name: point for point in entry_points(group=GROUP)}
    if name not in found:
        names = ", ".join(sorted({*BUILTIN, *found}))
        raise StrategyLoadError(
            f"no strategy {name!r}; there are {names}, or use module:name or file.py:name"
        )
    try:
        return found[name].load(), name
    except Exception as error:  # the user's code may raise anything while it is imported
        raise StrategyLoadError(f"strategy {name!r} raised when loaded: {_words(error)}") from error


def _from_module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(error.name + ".")):
            raise StrategyLoadError(f"no module {name!r} to load a strategy from") from error
        raise StrategyLoadError(f"{name} raised when loaded: {_words(error)}") from error
    except Exception as error:  # the user's code may raise anything while it is imported
        raise StrategyLoadError(f"{name} raised when loaded: {_words(error)}") from error


def _from_file(place: str) -> ModuleType:
    path = Path(place).expanduser().resolve()
    if not path.is_file():
        raise StrategyLoadError(f"no file {place} to load a strategy from")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise StrategyLoadError(f"{place} can't be read as a Python file")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up by name while they are made; a stem such as "types" must not
    # stay in the way of the real one.
    before = sys.modules.get(path.stem)
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # the user's code may raise anything while it is imported
        sys.modules.pop(path.stem, None)
        raise StrategyLoadError(f"{place} raised when loaded: {_words(error)}") from error
    finally:
        if before is not None:
            sys.modules[path.stem] = before
    return module


def _public(module: ModuleType) -> list[str]:
    return sorted(
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and (inspect.isclass(value) or inspect.isfunction(value) or hasattr(value, "quote"))
        and getattr(value, "__module__", module.__name__) == module.__name__
    )


def _make(target: type[Any], values: dict[str, object], where: str) -> Any:
    names = _parameters(target)
    unknown = [name for name in values if name not in names]
    if unknown:
        raise StrategyLoadError(
            f"{where} has no parameter {', '.join(unknown)}; it has {', '.join(names) or 'none'}"
        )
    try:
        if dataclasses.is_dataclass(target):
            values = _typed(target, values)
        return target(**values)
    except msgspec.ValidationError as error:
        raise StrategyLoadError(f"{where}: {error}") from error
    except Exception as error:  # a constructor of the user's may raise anything
        raise StrategyLoadError(f"{where} raised when made: {_words(error)}") from error


def _parameters(target: type[Any]) -> list[str]:
    if dataclasses.is_dataclass(target):
        return [field.name for field in dataclasses.fields(target) if field.init]
    return list(inspect.signature(target).parameters)


def _typed(target: type[Any], values: dict[str, object]) -> dict[str, object]:
    types = inspect.get_annotations(target, eval_str=True)
    for base in target.__mro__[1:]:
        types = {**inspect.get_annotations(base, eval_str=True), **types}
    typed = {}
    for name, value in values.items():
        try:
            typed[name] = msgspec.convert(value, types[name])
        except msgspec.ValidationError as error:
            raise msgspec.ValidationError(f"parameter {name}={value!r}: {error}") from error
    return typed


def _wrap(function: Callable[..., Quotes], values: dict[str, object], where: str) -> Strategy:
    try:
        inspect.signature(function).bind(None, **values)
    except TypeError as error:
        raise StrategyLoadError(f"{where} can't be called as quote(view): {error}") from error
    return FunctionStrategy(function, values)


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
