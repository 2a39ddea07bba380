"""After a run: its figures in one object, its report on disk."""

import contextlib
from pathlib import Path

import msgspec

from mmbot.app.trading import Ending
from mmbot.books.pnl import Attribution
from mmbot.books.summary import Summary, summarise
from mmbot.view.report import write_report


class RunFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the ending does not know."""

    event: str
    seed: int | None
    digest: str
    audit_ok: bool | None
    wall_s: float
    directory: Path | None


def finish(ending: Ending, facts: RunFacts) -> Summary | None:
    """Return the summary of a run and write its report; None when the books could not be closed.

    Raises:
        BooksError: the report can't be written.
    """
    store = ending.books.store
    with contextlib.closing(store) if store is not None else contextlib.nullcontext():
        return None if ending.result is None else _finish(ending, ending.result, facts)


def _finish(ending: Ending, result: Attribution, facts: RunFacts) -> Summary:
    contract = ending.market.contract
    coins = {contract.underlying} if ending.market.hedge_venue else set()
    coins |= ending.wallets.keys() - {contract.settl_currency}
    wallet = {contract.settl_currency: 0} | dict.fromkeys(sorted(coins), 0)
    wallet |= {currency: seen.amount for currency, seen in ending.wallets.items()}
    owed = {coin: ending.wallets.get(coin) for coin in sorted(coins)}
    report = facts.directory / "report.html" if facts.directory is not None else None
    summary = summarise(
        ending.books,
        result,
        event=facts.event,
        seed=facts.seed,
        digest=facts.digest,
        wallet=wallet,
        loans={coin: seen.borrowed if seen else 0 for coin, seen in owed.items()},
        interest_owed={coin: seen.interest_owed if seen else 0 for coin, seen in owed.items()},
        audit_ok=facts.audit_ok,
        report=str(report) if report is not None else "",
        slippage_bp=ending.slippage_bp,
        virtual_s=round(ending.lasted_s, 3),
        wall_s=round(facts.wall_s, 3),
    )
    store = ending.books.store
    if facts.directory is not None and store is not None:
        write_report(facts.directory, summary, store, contract, ending.market.spot)
    return summary
