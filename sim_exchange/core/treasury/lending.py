"""The lending desk: offers, reservations and loans of every currency (E24).

Amounts are minor units of the coin lent; rates are pico a day; interest is simple, or compounded
daily where the offer says so. A lent principal
moves from the lender's wallet to the borrower's by a ledger posting, so a loan changes no sum; what
is owed is kept here, per loan. Interest is an exact rational until it is paid: an integer numerator
over ``INTEREST_UNIT``.
"""

from bisect import insort
from heapq import heappop, heappush

from typing_extensions import override

from sim_exchange.core.events import LoansChanged
from sim_exchange.core.treasury.ledger import FEES, Ledger, loan, user_wallet
from sim_exchange.core.treasury.offers import Key, Offer, OfferBook, add
from sim_exchange.core.types import DAY_NS, MINUTE_NS, PICO, SECOND_NS, Cause
from sim_exchange.core.views import LoanView, OfferView
from sim_exchange.errors import InvariantError

LENDER_PERCENT = 85
"""What the lender gets of the interest, rounded down; the rest is the exchange's."""
INTEREST_UNIT = PICO * 86_400
"""One minor unit of interest in (minor units * pico a day * seconds)."""
RETRY_NS = MINUTE_NS
"""How soon an ended loan that could not be borrowed anew is looked at again."""

_HALF_UNIT = INTEREST_UNIT // 2


class _Loan:
    """One loan; ``accrued`` is unpaid interest over ``INTEREST_UNIT`` up to ``accrued_to``.

    ``pace`` is what accrues in a second: it is asked for far more often than the principal changes.
    """

    __slots__ = (
        "accrued",
        "accrued_to",
        "borrower",
        "end_ns",
        "loan_id",
        "offer",
        "opened_ns",
        "pace",
        "principal",
    )

    def __init__(
        self, loan_id: int, borrower: int, offer: Offer, principal: int, at_ns: int
    ) -> None:
        self.loan_id = loan_id
        self.borrower = borrower
        self.offer = offer
        self.principal = principal
        self.pace = principal * offer.rate
        self.accrued = 0
        self.accrued_to = at_ns
        self.opened_ns = at_ns
        self.end_ns = at_ns + offer.days * DAY_NS

    def rank(self) -> tuple[int, int]:
        """Dearest first, then the older one: the order in which loans are paid."""
        return (-self.offer.rate, self.loan_id)

    def interest(self, at_ns: int) -> int:
        """Return the interest owed in minor units, rounded half away from zero.

        A payment of a rounded-up half leaves ``accrued`` below 0 by that half: it reads 0 until
        time has made up for it, so that many small payments sum to one large one.
        """
        seconds = (at_ns - self.accrued_to) // SECOND_NS
        return (self.accrued + self.pace * seconds + _HALF_UNIT) // INTEREST_UNIT

    def accrue(self, at_ns: int) -> None:
        """Take in whole seconds; the part of a second that is left over counts later."""
        seconds = (at_ns - self.accrued_to) // SECOND_NS
        self.accrued += self.pace * seconds
        self.accrued_to += seconds * SECOND_NS

    def pay(self, amount: int) -> None:
        """Take a payment of interest in, minor units, after ``accrue``."""
        self.accrued -= amount * INTEREST_UNIT


class _CompoundLoan(_Loan):
    """A loan whose unpaid interest bears interest from the next day on; a day from its opening.

    ``bearing`` is the interest that does, over ``INTEREST_UNIT``, until ``day_end``.
    """

    __slots__ = ("bearing", "day_end")

    def __init__(
        self, loan_id: int, borrower: int, offer: Offer, principal: int, at_ns: int
    ) -> None:
        super().__init__(loan_id, borrower, offer, principal, at_ns)
        self.bearing = 0
        self.day_end = at_ns + DAY_NS

    @override
    def interest(self, at_ns: int) -> int:
        return (self._grown(at_ns)[0] + _HALF_UNIT) // INTEREST_UNIT

    @override
    def accrue(self, at_ns: int) -> None:
        self.accrued, self.accrued_to, self.bearing, self.day_end = self._grown(at_ns)

    @override
    def pay(self, amount: int) -> None:
        super().pay(amount)
        self.bearing = max(0, min(self.bearing, self.accrued))

    def _grown(self, at_ns: int) -> tuple[int, int, int, int]:
        """Return ``accrued``, ``accrued_to``, ``bearing`` and ``day_end`` as of an instant."""
        accrued, since, bearing, day_end = (
            self.accrued,
            self.accrued_to,
            self.bearing,
            self.day_end,
        )
        while day_end <= at_ns:
            accrued += self._gain(bearing, (day_end - since) // SECOND_NS)
            since, bearing, day_end = day_end, max(0, accrued), day_end + DAY_NS
        seconds = (at_ns - since) // SECOND_NS
        return accrued + self._gain(bearing, seconds), since + seconds * SECOND_NS, bearing, day_end

    def _gain(self, bearing: int, seconds: int) -> int:
        return (self.pace + bearing * self.offer.rate // INTEREST_UNIT) * seconds


class LendingDesk(OfferBook):
    """Who offers coins, which order holds some of them, and who owes how much to whom."""

    afresh = ("_interest_at",)
    """What is worked out anew when it is asked for: no part of the exchange's state."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger)
        self._loans: dict[Key, list[_Loan]] = {}  # by borrower, in order of payment
        self._by_id: dict[int, _Loan] = {}
        self._borrowed: dict[Key, int] = {}  # principal by borrower
        self._lent: dict[Key, int] = {}  # principal by lender
        self.ends: list[tuple[int, int]] = []  # heap of (end_ns, loan id), with dead entries
        self._interest_at: dict[Key, tuple[int, int]] = {}  # last answer of interest(): at, owed
        self._paid: dict[str, int] = {}  # interest by currency: paid by borrowers,
        self._to_lenders: dict[str, int] = {}  # received by lenders,
        self._to_exchange: dict[str, int] = {}  # and by the exchange
        self._next_loan = 1
        self._compounds = False  # whether any loan ever did

    def borrow(self, order_id: int, borrower: int, currency: str, amount: int, at_ns: int) -> None:
        """Lend ``amount`` of what the order has reserved, cheapest first: one loan an offer.

        The principal moves from the lenders' wallets to the borrower's.

        Raises:
            InvariantError: the order has reserved less, or a lender has spent what was on offer.
        """
        if amount == 0:
            return
        taken_of: dict[int, int] = {}
        for offer, taken in self._take(order_id, amount):
            taken_of[offer.lender] = taken_of.get(offer.lender, 0) + taken
            self._open(borrower, offer, taken, at_ns)
        for lender, taken in taken_of.items():
            balance = self._ledger.user_balance(lender, currency)
            if balance < taken:
                raise InvariantError(
                    f"account {lender} lends {taken} {currency} of a balance of {balance}"
                )
        self._ledger.post(
            Cause.BORROW,
            currency,
            (
                *((user_wallet(lender), -taken) for lender, taken in taken_of.items()),
                (user_wallet(borrower), amount),
            ),
        )

    def repay(self, borrower: int, currency: str, amount: int, at_ns: int) -> int:
        """Pay up to ``amount`` of what is owed out of the borrower's wallet; return what was used.

        The interest of all loans first, then principal, each from the dearest rate down and older
        loans first. Of each loan's payment of interest the lender gets 85 % rounded down, the
        exchange the rest. One posting of interest and one of principal, whatever the loans.
        """
        loans = self._loans.get((borrower, currency))
        if not loans or amount <= 0:
            return 0
        self._interest_at.pop((borrower, currency), None)
        left = amount - self._pay_interest(borrower, currency, amount, at_ns)
        left -= self._pay_principal(borrower, currency, left)
        return amount - left

    def principal(self, borrower: int, currency: str) -> int:
        """Return the principal that ``borrower`` owes, minor units."""
        return self._borrowed.get((borrower, currency), 0)

    def offer_views(self, lender: int) -> list[OfferView]:
        """Return what ``lender`` offers, with what is lent of each offer."""
        lent: dict[int, int] = {}
        for held in self._by_id.values():
            number = held.offer.offer_id
            lent[number] = lent.get(number, 0) + held.principal
        return [
            OfferView(
                number=offer.offer_id,
                currency=offer.currency,
                left=offer.left,
                reserved=offer.reserved,
                lent=lent.get(offer.offer_id, 0),
                rate=offer.rate,
                days=offer.days,
                auto_renew=offer.renews,
                compound=offer.compound,
            )
            for offer in self.offers_of(lender)
        ]

    def loan_views(self, account: int, at_ns: int) -> list[LoanView]:
        """Return the loans of which ``account`` is lender or borrower, oldest first."""
        return [
            LoanView(
                number=held.loan_id,
                lender=held.offer.lender,
                borrower=held.borrower,
                currency=held.offer.currency,
                principal=held.principal,
                interest=held.interest(at_ns),
                rate=held.offer.rate,
                compound=held.offer.compound,
                opened_ns=held.opened_ns,
                end_ns=held.end_ns,
            )
            for held in self._by_id.values()
            if account in (held.offer.lender, held.borrower)
        ]

    def lent(self, lender: int, currency: str) -> int:
        """Return the principal that ``lender`` has out on loan, minor units."""
        return self._lent.get((lender, currency), 0)

    def interest(self, borrower: int, currency: str, at_ns: int) -> int:
        """Return the interest owed: the sum over loans, each rounded half away from zero."""
        key = (borrower, currency)
        loans = self._loans.get(key)
        if not loans:
            return 0
        known = self._interest_at.get(key)
        if known is not None and known[0] == at_ns:
            return known[1]
        owed = 0
        if self._compounds:
            owed = sum(held.interest(at_ns) for held in loans)
            self._interest_at[key] = (at_ns, owed)
            return owed
        unit, half, second = INTEREST_UNIT, _HALF_UNIT, SECOND_NS
        for held in loans:  # _Loan.interest, spelt out: this runs at every print of the index
            seconds = (at_ns - held.accrued_to) // second
            owed += (held.accrued + held.pace * seconds + half) // unit
        self._interest_at[key] = (at_ns, owed)
        return owed

    def owed(self, borrower: int, currency: str, at_ns: int) -> int:
        """Return principal and interest owed, minor units."""
        return self.principal(borrower, currency) + self.interest(borrower, currency, at_ns)

    def borrowers(self, currency: str) -> list[int]:
        """Return the accounts that owe ``currency``, in order of id."""
        if not self._loans:
            return []
        return sorted(account for account, owed in self._loans if owed == currency)

    def interest_kept(self, currency: str) -> int:
        """Return the exchange's part of all interest paid in ``currency`` so far, minor units."""
        return self._to_exchange.get(currency, 0)

    def next_due_ns(self) -> int | None:
        """Return when the next loan ends; None without loans."""
        ends = self.ends
        if not ends:
            return None
        while ends and ends[0][1] not in self._by_id:
            heappop(ends)
        return ends[0][0] if ends else None

    def due(self, at_ns: int) -> list[Key]:
        """Borrow anew every loan that has ended by ``at_ns``, principal and interest together.

        The new loans are taken from the offers of this moment, the ended loan's own among them
        unless it was replaced. Loans that the offers do not cover go on, are looked at again a
        minute later, and should be closed.

        Returns:
            The (borrower, currency) whose loans could not be borrowed anew, each once, in the order
            in which their loans ended.
        """
        must_close: dict[Key, None] = {}
        due = self.next_due_ns()
        while due is not None and due <= at_ns:
            _, loan_id = heappop(self.ends)
            ended = self._by_id[loan_id]
            key = (ended.borrower, ended.offer.currency)
            if self._renew(ended, at_ns):
                self._ledger.out.append(LoansChanged(account=key[0], currency=key[1]))
            else:
                must_close[key] = None
                heappush(self.ends, (at_ns + RETRY_NS, loan_id))
            due = self.next_due_ns()
        return list(must_close)

    def check(self) -> list[str]:
        """Verify reservations, principals and interest (L2-11); return what was checked.

        Raises:
            InvariantError: lent is not borrowed, paid is not received, a reservation is not backed
                by its offers, or a lender's wallet holds less than is on offer.
        """
        self._check_offers()
        lent: dict[Key, int] = {}
        borrowed: dict[Key, int] = {}
        for held in self._by_id.values():
            if held.principal <= 0:
                raise InvariantError(f"{loan(held.loan_id)} has a principal of {held.principal}")
            currency = held.offer.currency
            for side, account in ((lent, held.offer.lender), (borrowed, held.borrower)):
                side[account, currency] = side.get((account, currency), 0) + held.principal
        for name, kept, found in (
            ("lent", self._lent, lent),
            ("borrowed", self._borrowed, borrowed),
        ):
            if kept != found:
                raise InvariantError(f"principal {name} is {kept}, by loans {found}")
        for currency, paid in self._paid.items():
            received = self._to_lenders[currency] + self._to_exchange[currency]
            if paid != received:
                raise InvariantError(f"interest in {currency}: paid {paid}, received {received}")
        return ["offers are funded", "lent = borrowed", "interest paid = received"]

    def _open(self, borrower: int, offer: Offer, principal: int, at_ns: int) -> None:
        kind = _CompoundLoan if offer.compound else _Loan
        self._compounds = self._compounds or offer.compound
        opened = kind(self._next_loan, borrower, offer, principal, at_ns)
        self._next_loan += 1
        self._by_id[opened.loan_id] = opened
        heappush(self.ends, (opened.end_ns, opened.loan_id))
        key = (borrower, offer.currency)
        insort(self._loans.setdefault(key, []), opened, key=_Loan.rank)
        add(self._borrowed, key, principal)
        add(self._lent, (offer.lender, offer.currency), principal)
        self._interest_at.pop(key, None)

    def _return(self, held: _Loan, amount: int) -> None:
        """Take ``amount`` off a loan's principal; the coins go back to its offer."""
        offer = held.offer
        key = (held.borrower, offer.currency)
        held.principal -= amount
        held.pace = held.principal * offer.rate
        add(self._borrowed, key, -amount)
        add(self._lent, (offer.lender, offer.currency), -amount)
        if offer.renews:
            offer.left += amount
        if held.principal == 0:
            del self._by_id[held.loan_id]
            loans = self._loans[key]
            loans.remove(held)
            if not loans:
                del self._loans[key]
        self._interest_at.pop(key, None)

    def _pay_interest(self, borrower: int, currency: str, amount: int, at_ns: int) -> int:
        shares: dict[int, int] = {}
        left = amount
        for held in self._loans[borrower, currency]:
            held.accrue(at_ns)
            paid = min(held.interest(at_ns), left)
            if paid > 0:
                left -= paid
                held.pay(paid)
                lender = held.offer.lender
                shares[lender] = shares.get(lender, 0) + paid * LENDER_PERCENT // 100
        self._post_interest(borrower, currency, amount - left, shares)
        return amount - left

    def _post_interest(
        self, borrower: int, currency: str, paid: int, shares: dict[int, int]
    ) -> None:
        to_lenders = sum(shares.values())
        for kept, amount in (
            (self._paid, paid),
            (self._to_lenders, to_lenders),
            (self._to_exchange, paid - to_lenders),
        ):
            kept[currency] = kept.get(currency, 0) + amount
        self._ledger.post(
            Cause.INTEREST,
            currency,
            (
                (user_wallet(borrower), -paid),
                *((user_wallet(lender), share) for lender, share in shares.items()),
                (FEES, paid - to_lenders),
            ),
        )

    def _pay_principal(self, borrower: int, currency: str, amount: int) -> int:
        shares: dict[int, int] = {}
        left = amount
        for held in list(self._loans[borrower, currency]):
            if left == 0:
                break
            paid = min(held.principal, left)
            left -= paid
            lender = held.offer.lender
            shares[lender] = shares.get(lender, 0) + paid
            self._return(held, paid)
        self._ledger.post(
            Cause.REPAY,
            currency,
            (
                (user_wallet(borrower), left - amount),
                *((user_wallet(lender), share) for lender, share in shares.items()),
            ),
        )
        return amount - left

    def _renew(self, ended: _Loan, at_ns: int) -> bool:
        offer, borrower = ended.offer, ended.borrower
        currency, principal = offer.currency, ended.principal
        interest = ended.interest(at_ns)
        back = principal if offer.renews else 0
        offer.left += back
        pieces = self._pick(borrower, currency, principal + interest)
        offer.left -= back
        if pieces is None:
            return False
        self._return(ended, principal)
        # One posting of differences: no wallet goes below zero on the way, and a lender who lends
        # on to the same borrower moves nothing.
        change = {borrower: interest, offer.lender: principal}
        for source, taken in pieces:
            source.left -= taken
            change[source.lender] = change.get(source.lender, 0) - taken
            self._open(borrower, source, taken, at_ns)
        self._ledger.post(
            Cause.BORROW,
            currency,
            tuple((user_wallet(account), amount) for account, amount in change.items()),
        )
        share = {offer.lender: interest * LENDER_PERCENT // 100}
        self._post_interest(borrower, currency, interest, share)
        return True
