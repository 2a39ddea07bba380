"""Announcements: every change with user impact is published first, and done at its instant (E32).

The change is made by a timer of the class ``BEFORE_PRINTS``, and the door runs those before
anything else of their instant: from the effective time on, that instant included, nobody sees the
old state. What is due is read from the announcement then, so a superseded one does nothing.
"""

from collections.abc import Callable, Container, Mapping
from functools import partial
from typing import Any

from sim_exchange.core import commands as c
from sim_exchange.core.contracts.instrument import (
    composition_fault,
    instrument_fault,
    interval_fault,
)
from sim_exchange.core.events import Accepted, AnnouncementChanged, Refused
from sim_exchange.core.guards.announcement import Announcement, kind_of, symbol_of
from sim_exchange.core.office.terms import Changes, Terms
from sim_exchange.core.office.withdrawals import Withdrawals
from sim_exchange.core.risk.state import Handlers, State
from sim_exchange.core.timers import BEFORE_PRINTS
from sim_exchange.core.types import HOUR_NS, SECOND_NS, AnnouncementState, Reason

_PENDING = AnnouncementState.PENDING

INTERVAL_NOTICE_NS = 8 * HOUR_NS
"""A change of the funding interval is published 8 hours before, at least (E10)."""


class Announcements:
    """Publishes announcements and makes their changes."""

    def __init__(
        self,
        state: State,
        terms: Terms,
        withdrawals: Withdrawals,
        commands: Mapping[type, Callable[[Any], None]],
    ) -> None:
        """Take the rooms that make the changes.

        Args:
            state: the exchange.
            terms: changes ticks, fees and margins.
            withdrawals: runs rounds.
            commands: what each command does; it may still grow.
        """
        self._state = state
        self._terms = terms
        self._changes: Changes = {
            **terms.changes(),
            c.WithdrawalRound: self._withdrawal_round,
        }
        self._withdrawals = withdrawals
        self._commands = commands

    def handlers(self) -> Handlers:
        """Return what each command does."""
        return {c.Announce: self._announce}

    def _announce(self, command: c.Announce) -> None:
        state, now_ns = self._state, self._state.now_ns
        change = command.change
        earlier = state.announcements.get(command.supersedes)
        if command.effective_ns < now_ns:
            state.refuse(Reason.IN_THE_PAST, now_ns, f"effective_ns {command.effective_ns} is over")
            return
        if command.supersedes and earlier is None:
            state.refuse(Reason.UNKNOWN_ANNOUNCEMENT, command.supersedes)
            return
        if earlier is not None and earlier.state is not _PENDING:
            state.refuse(
                Reason.NO_LONGER_PENDING,
                command.supersedes,
                f"announcement {command.supersedes} is {earlier.state.value}",
            )
            return
        fault = self._fault(command, earlier)
        if fault:
            state.refuse(Reason.BAD_ANNOUNCEMENT, text=fault)
            return
        number = len(state.announcements) + 1
        made = state.announcements[number] = Announcement(
            number=number,
            change=change,
            text=command.text,
            published_ns=now_ns,
            effective_ns=command.effective_ns,
            supersedes=command.supersedes,
        )
        state.out.append(Accepted(ref=number))
        self._tell(made)
        if earlier is not None:
            earlier.state = AnnouncementState.SUPERSEDED
            earlier.superseded_by = number
            self._tell(earlier)
        if command.effective_ns == now_ns:
            self._take_effect(made)
        else:
            state.timers.at(command.effective_ns, BEFORE_PRINTS, partial(self._take_effect, made))

    def _fault(self, command: c.Announce, earlier: Announcement | None) -> str:
        """Return what is wrong with an announcement in one sentence, or ""."""
        change = command.change
        if earlier is not None and (kind_of(change), symbol_of(change)) != (
            earlier.kind,
            earlier.symbol,
        ):
            return (
                f"supersedes {earlier.number} is of kind {earlier.kind} for {earlier.symbol!r};"
                " only the same is superseded"
            )
        match change:
            case c.WithdrawalRound():
                return ""
            case c.ListInstrument():
                return instrument_fault(change.spec)
            case c.SetMode():
                return self._mode_fault(change, command.effective_ns)
            case c.SetReference():
                return self._unlisted(change.symbol, self._state.markets)
            case c.SplitChain() if change.index == change.other:
                return f"other {change.other} must be another index than the first"
            case c.SplitChain():
                listed = self._state.indices
                both = (self._unlisted(name, listed) for name in (change.index, change.other))
                return next(filter(None, both), "")
            case c.SetComposition():
                fault = composition_fault(change.constituents)
                return fault or self._unlisted(change.index, self._state.indices)
            case c.SetFundingInterval():
                return self._interval_fault(change, command.effective_ns)
            case _:
                return self._terms.fault(change)

    def _unlisted(self, symbol: str, listed: Container[str]) -> str:
        return "" if symbol in listed else f"symbol {symbol} is not listed"

    def _interval_fault(self, change: c.SetFundingInterval, effective_ns: int) -> str:
        notice_ns = effective_ns - self._state.now_ns
        if notice_ns < INTERVAL_NOTICE_NS:
            least_s = INTERVAL_NOTICE_NS // SECOND_NS
            return f"notice of {notice_ns // SECOND_NS} s must be {least_s} s at least"
        market = self._state.markets.get(change.symbol)
        if market is None or not market.is_perpetual:
            return f"symbol {change.symbol} is not a listed perpetual"
        return interval_fault(change.interval_ns)

    def _mode_fault(self, change: c.SetMode, effective_ns: int) -> str:
        if change.until_ns is not None and change.until_ns <= effective_ns:
            return f"until_ns {change.until_ns} must be after {effective_ns}"
        if change.cancel_only_ns < 0:
            return f"cancel_only_ns {change.cancel_only_ns} must not be negative"
        return self._unlisted(change.symbol, self._state.markets) if change.symbol else ""

    def _withdrawal_round(self, _change: c.WithdrawalRound) -> None:
        self._withdrawals.plan(self._state.now_ns)

    def _take_effect(self, made: Announcement) -> None:
        """Make the announced change, if it was not superseded; tell of it what it did."""
        if made.state is not _PENDING:
            return
        out = self._state.out
        start = len(out)
        change = made.change
        make = self._changes.get(type(change)) or self._commands[type(change)]
        make(change)
        # Nobody asked for it in this command: its answer stands in the row.
        told, out[start:] = out[start:], []
        made.state = AnnouncementState.EFFECTIVE
        for event in told:
            if isinstance(event, Refused):
                made.state = AnnouncementState.FAILED
                made.fault = event.text or event.reason.value
            elif not isinstance(event, Accepted):
                out.append(event)
        self._tell(made)

    def _tell(self, made: Announcement) -> None:
        self._state.out.append(AnnouncementChanged(number=made.number, state=made.state))
