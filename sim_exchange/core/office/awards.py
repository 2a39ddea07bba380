"""Leaderboard awards: contests that open, end and are paid for by the venue (E29).

Each award is 2 XBT unless the operator says otherwise. What ``exchange:promo`` lacks for the prizes
comes from outside first: the venue's own money, never its clients'. Ties split a prize; what does
not divide goes to whoever was first.
"""

from sim_exchange.core import commands as c
from sim_exchange.core.events import Accepted, AwardPaid
from sim_exchange.core.risk.contest import CURRENCY, Contest, best, draw, split, takes_part
from sim_exchange.core.risk.state import Handlers, State
from sim_exchange.core.treasury.ledger import EXTERNAL, PROMO
from sim_exchange.core.types import Award, Cause, Reason

HIDDEN = "hiddenName"
"""Flag of accounts that are shown without their name."""
_RANKED = (Award.BIG_SPENDER, Award.YACHT_CLUB, Award.SHOOT_THE_MOON)


class Awards:
    """Opens contests and pays their winners."""

    def __init__(self, state: State) -> None:
        self._state = state

    def handlers(self) -> Handlers:
        """Return what each command does."""
        return {c.OpenContest: self._open, c.HoldAwards: self._hold}

    def _open(self, _command: c.OpenContest) -> None:
        state = self._state
        state.contest = Contest(state.accounts.values(), state.now_ns)
        state.out.append(Accepted())

    def _hold(self, command: c.HoldAwards) -> None:
        state = self._state
        contest = state.contest
        if contest is None:
            state.refuse(Reason.BAD_TIME, text="no contest is open")
            return
        if type(command.prize) is not int or command.prize <= 0:
            state.refuse(Reason.BAD_AMOUNT, text=f"prize {command.prize} must be positive")
            return
        for key in command.chatters:
            if key not in state.accounts or key == 0:
                state.refuse(Reason.UNKNOWN_ACCOUNT, key)
                return
        state.out.append(Accepted())
        state.contest = None
        for award in _RANKED:
            scores = contest.scores(award, state.accounts, state.now_ns)
            winners = best(scores)
            self._pay(award, winners, command.prize, scores[winners[0]][0] if winners else 0)
        chatters = sorted({key for key in command.chatters if takes_part(state.accounts[key])})
        if chatters:
            lucky = chatters[draw(command.seed, len(chatters))]
            self._pay(Award.FEELING_LUCKY, [lucky], command.prize, 0)

    def _pay(self, award: Award, winners: list[int], prize: int, score: int) -> None:
        if not winners:
            return
        state = self._state
        lacks = prize - state.ledger.balance(CURRENCY, PROMO)
        if lacks > 0:
            state.ledger.move(Cause.DEPOSIT, CURRENCY, EXTERNAL, PROMO, lacks)
        for key, amount in zip(winners, split(prize, len(winners)), strict=True):
            account = state.accounts[key]
            state.ledger.move(Cause.AWARD, CURRENCY, PROMO, account.wallet, amount)
            state.tell_wallet(account, CURRENCY, amount, Cause.AWARD, "")
            state.touch_margin(account, CURRENCY)
            state.out.append(
                AwardPaid(
                    award=award,
                    account=key,
                    name="" if HIDDEN in account.flags else account.name,
                    amount=amount,
                    score=score,
                    at_ns=state.now_ns,
                )
            )
