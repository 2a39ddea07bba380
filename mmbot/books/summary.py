"""The figures of a finished run: what the last table, the report and ``--json`` all print.

summary = Summary(seed=7, symbol="ETC7D", ..., pnl=result.parts, unexplained=result.unexplained)
print(summary.json_line())          # design.md section 5, money in minor units
"""

from typing import Any

import msgspec

from mmbot.books.pnl import Attribution
from mmbot.books.running import Books


class Fills(msgspec.Struct, frozen=True):
    """Trades of ours in the contract."""

    buy: int
    sell: int


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """One finished run.

    Money is in minor units of the currency that is its key; ``wallet_change`` is over the run;
    ``virtual_s`` is how long the run lasted on the contract's clock, ``wall_s`` on ours;
    ``statement`` says whether the parts add up; ``slippage_bp`` is what taking so many coins from
    the spot book costs beside its mid, both sides and all hours of the run, basis points;
    ``marked`` is the P&L with what was left open valued at the market, None when nothing was;
    ``carried_in`` is what the wallet got for what was held before the run, which is not earned.
    """

    event: str = "demo"
    seed: int | None
    symbol: str
    digest: str
    settled_price: float | None
    fills: Fills
    flips: int
    position: int
    wallet: dict[str, int]
    loans: dict[str, int]
    interest_owed: dict[str, int]
    pnl: dict[str, int]
    wallet_change: dict[str, int]
    unexplained: int
    audit_ok: bool | None
    report: str
    virtual_s: float
    wall_s: float
    statement: str = ""
    hedges: int = 0
    slippage_bp: dict[str, float] = {}
    marked: int | None = None
    carried_in: int = 0

    @property
    def net(self) -> int:
        """P&L of the run: the sum of the parts, minor units."""
        return sum(self.pnl.values())

    def json_line(self) -> str:
        """Return the line of ``--json``."""
        return msgspec.json.encode(self).decode()


def summarise(books: Books, result: Attribution, **facts: Any) -> Summary:
    """Return the summary of a run: what the books know, and ``facts`` for the other fields.

    It is kept in the run's file too, so that the report can be written again.
    """
    left_open = result.position or result.spot_position
    summary = Summary(
        symbol=books.contract.symbol,
        settled_price=books.settled_price,
        fills=Fills(buy=books.fills_buy, sell=books.fills_sell),
        hedges=books.hedges,
        marked=round(sum(books.estimate().values())) if left_open else None,
        flips=books.flips,
        position=books.position,
        pnl={str(part): units for part, units in result.parts.items()},
        unexplained=result.unexplained,
        carried_in=result.carried_in,
        statement=result.statement(),
        wallet_change={result.currency: result.wallet_change},
        **facts,
    )
    if books.store is not None:
        books.store.set_facts(summary=summary)
    return summary
