"""L2: the stateful machines, run as tests."""

from .stateful_book import BookAgainstNaive
from .stateful_exchange import AnyCommands


class TestBookAgainstNaive(BookAgainstNaive.TestCase):  # type: ignore[name-defined,misc]
    """The book against a naive one."""


class TestAnyCommands(AnyCommands.TestCase):  # type: ignore[name-defined,misc]
    """Random commands, every invariant after each."""
