"""The books of a run while it runs: what is kept, what is counted, what it has earned so far.

What the app calls::

    books = Books(contract, spot, store)        # spot None: nothing is hedged; store None: no file
    books = Books(contract, spot, opening=Opening(coins=...))     # the account holds something
    books.on_note(note)                         # every note of the engine, as it is drained
    books.estimate()                            # running P&L by part, floats, marked to mid
    books.position, books.flips, books.fills_buy, books.fills_sell, books.prints
    result = books.close(wallet_change=..., interest=interest_paid(rows, "ETC"), prints=())

``close`` shares out exactly (``mmbot.books.pnl``); the estimate is for the eye and for pictures. It
marks what is open: contracts at fair value, coins at the spot mid, and interest at what the fills
and the spot row differ by. What was held at the start counts from the prices of the first note.
"""

from collections.abc import Iterable, Sequence

from msgspec import structs

from mmbot.books.parts import BooksError, Opening, Part
from mmbot.books.pnl import Attribution, attribute
from mmbot.books.sharing import MS_NS
from mmbot.books.store import EquitySample, Store
from mmbot.books.wallet_rows import InterestPaid
from mmbot.books.worth import minor_decimals
from mmbot.types import SECOND_NS, FillNote, FillRole, Instrument, Kind, Note, QuoteNote

EQUITY_EVERY_NS = 60 * SECOND_NS
PRINTS = 30
"""Samples of a settlement price (E14)."""


class Books:
    """Counts, keeps and values what the engine notes; one contract and its spot."""

    def __init__(
        self,
        contract: Instrument,
        spot: Instrument | None,
        store: Store | None = None,
        *,
        opening: Opening | None = None,
    ) -> None:
        """Begin with what the account holds already.

        Args:
            contract: that is quoted.
            spot: where it is hedged; None = nowhere.
            store: where all is kept; None = in memory, what the last account needs.
            opening: what is held already; its prices are those of the first note.
        """
        opening = opening or Opening()
        self.contract = contract
        self.spot = spot
        self.store = store
        self.fills_buy = 0
        self.fills_sell = 0
        self.hedges = 0
        self.flips = 0
        self.position = opening.position
        self.spot_position = opening.coins
        self.settled_price: float | None = None
        self.mid = 0.0
        self.fair = 0.0
        self._opening = structs.replace(
            opening, contract=contract.symbol, spot=spot.symbol if spot else ""
        )
        self._began_ns: int | None = None
        self._notes: list[FillNote] = []
        self._prints: dict[int, float] = {}
        self._earned = dict.fromkeys(Part, 0.0)
        self._traded_coins = opening.coins
        self._last_spot_ns = 0
        self._equity_due_ns = 0
        scale = 10 ** minor_decimals(spot.settl_currency if spot else contract.settl_currency)
        self._coin_value = scale / 10 ** minor_decimals(contract.underlying)
        if store is not None:
            store.set_facts(contract=contract, spot=spot)

    @property
    def fills(self) -> int:
        """Trades in the contract, both sides."""
        return self.fills_buy + self.fills_sell

    @property
    def prints(self) -> tuple[float, ...]:
        """The sampled prints that slices stood against, in order; all 30 or none."""
        if len(self._prints) != PRINTS:
            return ()
        return tuple(self._prints[number] for number in sorted(self._prints))

    def on_note(self, note: Note) -> None:
        """Keep a note, count it and fold it into the estimate."""
        if self._began_ns is None:
            self._began_ns = note.at_ns
            if isinstance(note, FillNote) and note.fill.venue_ns:
                self._began_ns = min(note.at_ns, note.fill.venue_ns)
        if self.store is not None:
            self.store.add_note(note)
        match note:
            case FillNote():
                self._on_fill(note)
            case QuoteNote():
                self._on_quote(note)
            case _:
                return
        if self.mid and not self._opening.mid:
            self._price_opening()
        if self.mid and note.at_ns >= self._equity_due_ns:
            self._equity_due_ns = note.at_ns + EQUITY_EVERY_NS
            self._sample(note.at_ns, self.estimate())

    def _price_opening(self) -> None:
        # What is there at the start is worth what it is worth then: nothing is earned yet.
        self._opening = opening = structs.replace(self._opening, mid=self.mid, fair=self.fair)
        at_mid = self._value(opening.position, self.mid)
        self._earned[Part.INVENTORY] -= at_mid + opening.coins * self._coin_value * self.mid
        self._earned[Part.BASIS] -= self._value(opening.position, self.fair) - at_mid

    def _on_quote(self, note: QuoteNote) -> None:
        self.mid = note.spot
        self.fair = note.spot * (1 + note.terms.get("basis", 0.0))
        if self.spot is not None and note.at_ns - self._last_spot_ns > SECOND_NS:
            # Rows of position and of execution come apart; a second later they agree.
            self.spot_position = note.spot_position

    def _on_fill(self, note: FillNote) -> None:
        if self.store is None:
            self._notes.append(note)
        self.mid, self.fair = note.mid, note.fair
        fill = note.fill
        self._earned[Part.FEES] -= fill.exec_comm
        if note.sample is not None and note.slice_no:
            # A last slice that is repeated has later prints; the settlement took the first.
            self._prints.setdefault(note.slice_no, note.sample)
        if fill.exec_type == "Funding":
            self._earned[Part.FEES] += fill.exec_comm
            self._earned[Part.BASIS] -= fill.exec_comm
        elif self.spot is not None and fill.symbol == self.spot.symbol:
            self._on_spot_fill(note)
        else:
            self._on_contract_fill(note)

    def _on_spot_fill(self, note: FillNote) -> None:
        fill = note.fill
        qty = (fill.side or 0) * fill.qty
        aim = note.decided_mid or note.mid
        slippage = Part.HEDGE_SLIPPAGE
        if note.role is FillRole.SLICE:
            aim, slippage = note.sample or aim, Part.SETTLEMENT_SLIPPAGE
        else:
            self.hedges += 1
        at_aim = qty * aim * self._coin_value
        self._earned[Part.INVENTORY] -= at_aim
        self._earned[slippage] -= fill.exec_cost - at_aim
        self._traded_coins += qty
        self.spot_position += qty
        self._last_spot_ns = note.at_ns

    def _on_contract_fill(self, note: FillNote) -> None:
        fill = note.fill
        settled = note.role is FillRole.SETTLEMENT
        qty = -self.position if settled else (fill.side or 0) * fill.qty
        if settled:
            self.settled_price = fill.price
            self._earned[Part.INVENTORY] -= fill.exec_cost
        else:
            at_mid, at_fair = self._value(qty, note.mid), self._value(qty, note.fair)
            self._earned[Part.INVENTORY] -= at_mid
            self._earned[Part.BASIS] -= at_fair - at_mid
            self._earned[Part.SPREAD] -= fill.exec_cost - at_fair
            self.fills_buy += qty > 0
            self.fills_sell += qty < 0
        before, self.position = self.position, self.position + qty
        # A flip is a change of sign or a return to flat.
        self.flips += before != 0 and before * self.position <= 0

    def _value(self, qty: int, price: float) -> float:
        """Cost of contracts at a price, in the wire's sign; 0 when none are held."""
        if not qty:
            return 0.0
        if self.contract.kind is Kind.INVERSE:
            return qty * self.contract.multiplier / price
        return qty * self.contract.multiplier * price

    def estimate(self) -> dict[Part, float]:
        """Return the running P&L by part, minor units, what is open marked to mid and fair."""
        parts = dict(self._earned)
        if not self.mid:
            return parts
        coins = self._coin_value * self.mid
        at_mid = self._value(self.position, self.mid)
        parts[Part.INVENTORY] += at_mid + self._traded_coins * coins
        parts[Part.BASIS] += self._value(self.position, self.fair) - at_mid
        parts[Part.INTEREST] -= (self._traded_coins - self.spot_position) * coins
        return parts

    def _sample(self, at_ns: int, parts: dict[Part, float]) -> None:
        if self.store is not None:
            self.store.add_equity(
                EquitySample(
                    at_ns=at_ns,
                    mid=self.mid,
                    position=self.position,
                    spot_position=self.spot_position,
                    parts=parts,
                )
            )

    def close(
        self,
        *,
        wallet_change: int,
        interest: Iterable[InterestPaid] = (),
        prints: Sequence[float] = (),
        at_ns: int | None = None,
    ) -> Attribution:
        """Share the whole run out exactly and keep the last sample; the store stays open.

        A run that ends flat has the exact account as its last sample. Where something is left open,
        the wallet holds its cost and not its worth, so the estimate stays.

        Args:
            wallet_change: of the settlement currency, minor units, without transfers.
            interest: what was paid, in coins; what is older than the first note is left out,
                because an earlier run paid it.
            prints: the sampled prints of the settlement; empty: those that slices stood against.
            at_ns: when the run ended; the last sample of equity stands there.

        Raises:
            BooksError: an execution is of neither the contract nor its spot.
        """
        rows = {row.symbol: row for row in (self.contract, self.spot) if row is not None}
        began_ns = (self._began_ns or 0) // MS_NS * MS_NS
        result = attribute(
            self._notes if self.store is None else self.store.fills(),
            rows,
            wallet_change=wallet_change,
            interest=[paid for paid in interest if paid.at_ns >= began_ns],
            prints=prints or self.prints,
            currency=self.contract.settl_currency,
            detail=self.store is None,
            opening=self._opening,
        )
        if result.position != self.position:
            raise BooksError(f"position {self.position} by counting, {result.position} by cost")
        if at_ns is not None:
            flat = not (result.position or result.spot_position)
            exact = {part: float(units) for part, units in result.parts.items()}
            self._sample(at_ns, exact if flat else self.estimate())
        if self.store is not None:
            self.store.set_facts(
                pnl=result.parts,
                wallet_change=wallet_change,
                unexplained=result.unexplained,
                statement=result.statement(),
                prints=list(prints or self.prints),
            )
        return result
