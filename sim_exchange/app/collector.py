"""When Python's collector of cycles looks, in a process that lives on what it has built.

By default it looks after every 700 objects more, and at all there are again and again; orders that
rest and rows that are kept are then walked a dozen times each, a tenth of a command's cost.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

THRESHOLDS = (50_000, 20, 50)


@contextmanager
def rare_collections() -> Iterator[None]:
    """Leave alone what is there already, and look at the rest seldom, while the block lasts."""
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
