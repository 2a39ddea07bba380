"""The door: every kind of command has a room that takes it."""

from typing import get_args

from sim_exchange.core import commands as c
from sim_exchange.core.exchange import Exchange


def test_every_command_is_taken_by_a_room() -> None:
    exchange = Exchange(0)
    taken = set(exchange._handlers)

    assert taken == set(get_args(c.AnyCommand))


def test_a_room_takes_no_command_of_another() -> None:
    names = [kind.__name__ for kind in get_args(c.AnyCommand)]

    assert len(names) == len(set(names))
