"""Snapshots of the whole exchange: what it is made of as bytes, and the files with them."""

from sim_exchange.snapshots.files import (
    KEPT,
    Meta,
    Snapshot,
    found_in,
    hash_of,
    program,
    read,
    write,
    write_whole,
)
from sim_exchange.snapshots.graph import Reader, Writer

__all__ = [
    "KEPT",
    "Meta",
    "Reader",
    "Snapshot",
    "Writer",
    "found_in",
    "hash_of",
    "program",
    "read",
    "write",
    "write_whole",
]
