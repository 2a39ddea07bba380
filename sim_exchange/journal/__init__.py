"""How the log of committed commands is stored, checked, mended and read back.

The journal is the list of (sequence, instant in ns, command). Its digest covers these records as
MessagePack: changing any one command, its account or its instant changes it.

| file | what |
| --- | --- |
| ``records.py`` | header and records, their digest, a journal in memory |
| ``blocks.py`` | checksummed blocks, and how two copies of a file mend each other |
| ``files.py`` | a journal on the disk, its reading and its replay |
"""

from sim_exchange.journal.blocks import Mended, copy_of, good_bytes, mend
from sim_exchange.journal.files import (
    FILE_NAME,
    FileJournal,
    Replayed,
    in_use,
    read,
    read_header,
    replay,
    sync,
    walk,
)
from sim_exchange.journal.records import (
    FORMAT,
    DigestState,
    Header,
    Journal,
    MemoryJournal,
    Position,
    Record,
)

__all__ = [
    "FILE_NAME",
    "FORMAT",
    "DigestState",
    "FileJournal",
    "Header",
    "Journal",
    "MemoryJournal",
    "Mended",
    "Position",
    "Record",
    "Replayed",
    "copy_of",
    "good_bytes",
    "in_use",
    "mend",
    "read",
    "read_header",
    "replay",
    "sync",
    "walk",
]
