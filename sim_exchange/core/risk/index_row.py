"""A listed index as the exchange remembers it: its terms and what was published last (E9)."""

from typing import TYPE_CHECKING

from sim_exchange.core.specs import IndexSpec

if TYPE_CHECKING:
    from sim_exchange.core.types import TickDirection


class IndexRow:
    """A listed index; readers see it as ``views.IndexLike``."""

    __slots__ = (
        "began_ns",
        "changed_ns",
        "direction",
        "index",
        "price",
        "removed",
        "spec",
        "stale",
    )

    def __init__(self, index: int, spec: IndexSpec) -> None:
        self.index = index
        self.spec = spec
        self.price = 0
        self.direction: TickDirection | None = None
        self.removed = False
        self.began_ns = 0  # instant of the first good print of a constituent; 0 = none yet
        self.stale = False  # a composite of which nothing counts: its last value is held
        self.changed_ns = 0
