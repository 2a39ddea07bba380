"""Who lists the contracts of an era, and lists them again by the calendar.

A perpetual and a spot market are listed once, and so is a contract that has its own dates: at its
listing, or later while it lasts. Of a weekly series the contract of this week trades,
of a quarterly one the next few that expire; when one has expired the next is listed a few seconds
later: at the instant of settlement the contract is expired (E14), and whoever looks between sees it
settled. From the second listing on each is announced (E32), with the notice that the era gives.
"""

from collections.abc import Callable, Mapping
from itertools import islice

import msgspec
import structlog

from sim_exchange.core.commands import Announce, ListIndex, ListInstrument
from sim_exchange.core.contracts.option import barrier, strike
from sim_exchange.core.specs import InstrumentSpec, OptionTerms
from sim_exchange.core.types import DAY_NS, PICO, SECOND_NS, AnnouncementState, MarkMethod, State
from sim_exchange.core.views import ExchangeView
from sim_exchange.market.calendar import expiries
from sim_exchange.market.catalogue import tick_pico, week_of
from sim_exchange.market.era import Era, Series
from sim_exchange.market.prices import Priced
from sim_exchange.market.worth import option_worth
from sim_exchange.session import Session

PAUSE_NS = 5 * SECOND_NS
"""From the settlement of a contract to the listing of the next."""

_SOURCE = 1 << 20  # its place in the order of an instant: after every trader
_YEAR_NS = 400 * DAY_NS

log = structlog.get_logger()


class Planned(msgspec.Struct, frozen=True):
    """A contract that is to be listed: its month's code ("" without one) and its instants."""

    code: str
    listing_ns: int
    expiry_ns: int | None


class Registrar:
    """Lists what an era has; ``on_listed(series, spec)`` hears of each contract once."""

    def __init__(
        self,
        session: Session,
        view: ExchangeView,
        era: Era,
        prices: Mapping[str, Priced],
        on_listed: Callable[[Series, InstrumentSpec], None],
    ) -> None:
        """List by ``era``; what depends on a price is found from ``prices``, by index symbol."""
        self._session = session
        self._view = view
        self._era = era
        self._prices = prices
        self._on_listed = on_listed
        self._told: set[str] = set()

    def list_indices(self) -> None:
        """List the era's indices that are not there."""
        for spec in self._era.index_specs():
            if spec.symbol not in self._view.indices:
                self._session.submit(ListIndex(spec=spec))

    def begin(self, at_ns: int, *, relists: bool) -> None:
        """List what trades at ``at_ns``, unless it is there; with ``relists`` go by the calendar.

        Without ``relists`` a series that was ever listed is left as it is.
        """
        for series in self._era.series:
            keeps = not relists and self._was_listed(series)
            for planned in planned_at(series, at_ns):
                self._list(series, planned, at_ns, again=relists, keeps=keeps)
            if relists:
                self._watch(series, at_ns)

    def review(self, series: Series, at_ns: int) -> None:
        """List what a series lacks now, announced; and go on."""
        for planned in planned_at(series, at_ns):
            now = msgspec.structs.replace(planned, listing_ns=at_ns)
            self._list(series, now, at_ns, again=True, announced=True)
        self._watch(series, at_ns)

    def _watch(self, series: Series, at_ns: int) -> None:
        """Plan the next review of a series, and the announcement before it."""
        due_ns = next_listing(series, at_ns)
        if due_ns is None:
            return
        scheduler = self._session.scheduler
        scheduler.at(due_ns, _SOURCE, lambda now_ns: self.review(series, now_ns))
        if series.notice_days:
            announce_ns = max(at_ns, due_ns - series.notice_ns)
            scheduler.at(announce_ns, _SOURCE, lambda _: self._announce_next(series, due_ns))

    def _announce_next(self, series: Series, due_ns: int) -> None:
        planned = planned_at(series, due_ns)[-1]
        spec = self._spec(series, msgspec.structs.replace(planned, listing_ns=due_ns), due_ns)
        known = spec.symbol in self._view.markets or any(
            each.symbol == spec.symbol and each.state is AnnouncementState.PENDING
            for each in self._view.announcements.values()
            if isinstance(each.change, ListInstrument)
        )
        if not known:
            self._announce(spec, due_ns)

    def _announce(self, spec: InstrumentSpec, effective_ns: int) -> None:
        self._session.submit(
            Announce(
                change=ListInstrument(spec=spec),
                effective_ns=effective_ns,
                text=f"{spec.symbol} is listed",
            )
        )

    def _list(
        self,
        series: Series,
        planned: Planned,
        at_ns: int,
        *,
        again: bool,
        keeps: bool = False,
        announced: bool = False,
    ) -> None:
        """List one contract, unless it trades, is to come, or (not ``again``) has settled.

        ``keeps``: no contract that isn't there is listed.
        """
        symbol = series.template(planned.code).symbol
        market = self._view.markets.get(symbol)
        if market is not None:
            expiry_ns = market.spec.expiry_ns
            over = market.state is State.SETTLED and expiry_ns is not None and expiry_ns <= at_ns
            if not over or not again:
                self._tell(series, market.spec)
                return
        elif keeps:
            return
        spec = self._spec(series, planned, at_ns)
        if announced:
            self._announce(spec, self._session.at_ns)
        else:
            self._session.submit(ListInstrument(spec=spec))
        listed = self._view.markets.get(symbol)
        if listed is None or listed.state is State.SETTLED:
            log.error("not listed", symbol=symbol)
            return
        self._tell(series, spec)

    def _tell(self, series: Series, spec: InstrumentSpec) -> None:
        if spec.symbol not in self._told:
            self._told.add(spec.symbol)
            self._on_listed(series, spec)

    def _was_listed(self, series: Series) -> bool:
        """Whether a contract of a quarterly series is or was listed."""
        head = series.template("").symbol
        return series.every == "quarter" and any(
            symbol.startswith(head) and len(symbol) == len(head) + 3
            for symbol, market in self._view.markets.items()
            if market.spec.expiry_ns is not None
        )

    def _spec(self, series: Series, planned: Planned, at_ns: int) -> InstrumentSpec:
        more: dict[str, object] = {
            "listing_ns": planned.listing_ns
            if planned.expiry_ns is not None
            else self._session.at_ns,
            "expiry_ns": planned.expiry_ns,
        }
        plain = series.template(planned.code)
        index = plain.reference_symbol
        if series.tick_by_price:
            more["tick_pico"] = tick_pico(self._prices[index].price(at_ns))
        past = [ppm for from_ns, ppm in plain.settlement_fees if from_ns <= planned.listing_ns]
        if past:  # in force already: no need to say since when
            more["settlement_fee_ppm"] = past[-1]
            more["settlement_fees"] = plain.settlement_fees[len(past) :]
        spec = series.template(planned.code, **more)
        return self._struck(series, spec, at_ns) if series.strike_percent else spec

    def _struck(self, series: Series, spec: InstrumentSpec, at_ns: int) -> InstrumentSpec:
        """Give an option its strike, its barrier and the price that it opens at (E16)."""
        index_pico = self._index_pico(spec.reference_symbol, at_ns)
        struck = strike(index_pico, series.strike_percent, series.strike_round)
        option = OptionTerms(
            call=not series.put,
            strike_pico=struck,
            barrier_pico=barrier(struck) if series.put else None,
        )
        spec = msgspec.structs.replace(spec, option=option, mark_method=MarkMethod.LAST)
        entry = self._era.of(spec.reference_symbol)
        volatility = entry.volatility if entry is not None else 0.0
        worth = option_worth(spec, index_pico, at_ns, volatility)
        unit: int = 10 ** (12 - spec.mark_decimals)
        ticks = max(1, round(worth / spec.tick_pico))
        return msgspec.structs.replace(spec, opening_reference=ticks * spec.tick_pico // unit)

    def _index_pico(self, symbol: str, at_ns: int) -> int:
        """Return the 30-minute mean of an index, else the index itself, else what it follows."""
        for name in (f"{symbol}30M", symbol):
            index = self._view.indices.get(name)
            if index is not None and index.price:
                return int(index.price * PICO // 10**index.spec.decimals)
        return self._prices[symbol].price(at_ns)


def planned_at(series: Series, at_ns: int) -> list[Planned]:
    """Return the contracts of a series that trade at an instant, the first to expire first."""
    if series.every == "once":
        return [Planned("", at_ns, None)]
    if series.every == "dated":
        listing_ns, expiry_ns = series.dates_ns
        if listing_ns <= at_ns < expiry_ns:
            return [Planned(series.code, listing_ns, expiry_ns)]
        return []
    if series.every == "week":
        return [Planned("", *week_of(at_ns))]
    # From well before: when one was listed is when one expired.
    found = list(islice(expiries(at_ns - _YEAR_NS * series.ahead, series.months), 12 * 8))
    first = next(i for i, (_, expiry_ns) in enumerate(found) if expiry_ns > at_ns)
    return [
        Planned(found[i][0], found[i - series.ahead][1], found[i][1])
        for i in range(first, first + series.ahead)
    ]


def next_listing(series: Series, at_ns: int) -> int | None:
    """Return when a series has something to list again after an instant; None = never."""
    if series.every == "dated":
        listing_ns, _ = series.dates_ns
        return listing_ns if at_ns < listing_ns else None
    ends = [one.expiry_ns for one in planned_at(series, at_ns) if one.expiry_ns is not None]
    return ends[0] + PAUSE_NS if ends else None
