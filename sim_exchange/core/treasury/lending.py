"""The lending desk: offers, reservations and loans of every currency (E24).

Amounts are minor units of the coin lent; rates are pico a day, simple interest. A lent principal
moves from the lender's wallet to the borrower's by a ledger posting, so a loan changes no sum; what
is owed is kept here, per loan. Interest is an exact rational until it is paid: an integer numerator
over ``INTEREST_UNIT``.

The life of an offer's coins: left on offer -> reserved for an order -> lent -> left on offer again,
as long as the lender has not replaced the offer (offers renew themselves). Whoever lets money leave
a wallet must leave there what is ``on_offer``.
"""

from bisect import insort
from heapq import heappop, heappush

from sim_exchange.core.events import LoansChanged, Refused
from sim_exchange.core.treasury.ledger import FEES, Ledger, loan, user_wallet
from sim_exchange.core.types import DAY_NS, MINUTE_NS, PICO, SECOND_NS, Cause, Reason
from sim_exchange.errors import InvariantError

LOAN_NS = 60 * DAY_NS
"""How long a loan lasts before it must be borrowed anew."""
MAX_RATE_PICO = PICO // 20
"""The dearest rate that may be offered: 5 % a day."""
LENDER_PERCENT = 85
"""What the lender gets of the interest, rounded down; the rest is the exchange's."""
INTEREST_UNIT = PICO * 86_400
"""One minor unit of interest in (minor units * pico a day * seconds)."""
RETRY_NS = MINUTE_NS
"""How soon an ended loan that could not be borrowed anew is looked at again."""

_HALF_UNIT = INTEREST_UNIT // 2

Key = tuple[int, str]  # (account, currency)


class _Offer:
    """One offer; ``left`` is neither reserved nor lent, ``live`` ends when it is replaced."""

    __slots__ = ("currency", "left", "lender", "live", "offer_id", "rate", "reserved")

    def __init__(self, offer_id: int, lender: int, currency: str, rate: int, left: int) -> None:
        self.offer_id = offer_id
        self.lender = lender
        self.currency = currency
        self.rate = rate
        self.left = left
        self.reserved = 0
        self.live = True

    def rank(self) -> tuple[int, int]:
        """Cheapest first, then the older one."""
        return (self.rate, self.offer_id)


class _Reservation:
    """What one order holds of the offers, cheapest first: [offer, amount]."""

    __slots__ = ("borrower", "currency", "pieces")

    def __init__(self, borrower: int, currency: str) -> None:
        self.borrower = borrower
        self.currency = currency
        self.pieces: list[tuple[_Offer, int]] = []

    def total(self) -> int:
        return sum(amount for _, amount in self.pieces)


class _Loan:
    """One loan; ``accrued`` is unpaid interest over ``INTEREST_UNIT`` up to ``accrued_to``."""

    __slots__ = ("accrued", "accrued_to", "borrower", "end_ns", "loan_id", "offer", "principal")

    def __init__(
        self, loan_id: int, borrower: int, offer: _Offer, principal: int, at_ns: int
    ) -> None:
        self.loan_id = loan_id
        self.borrower = borrower
        self.offer = offer
        self.principal = principal
        self.accrued = 0
        self.accrued_to = at_ns
        self.end_ns = at_ns + LOAN_NS

    def rank(self) -> tuple[int, int]:
        """Dearest first, then the older one: the order in which loans are paid."""
        return (-self.offer.rate, self.loan_id)

    def interest(self, at_ns: int) -> int:
        """Return the interest owed in minor units, rounded half away from zero.

        A payment of a rounded-up half leaves ``accrued`` below 0 by that half: it reads 0 until
        time has made up for it, so that many small payments sum to one large one.
        """
        seconds = (at_ns - self.accrued_to) // SECOND_NS
        accrued = self.accrued + self.principal * self.offer.rate * seconds
        return (accrued + _HALF_UNIT) // INTEREST_UNIT

    def accrue(self, at_ns: int) -> None:
        """Take in whole seconds; the part of a second that is left over counts later."""
        seconds = (at_ns - self.accrued_to) // SECOND_NS
        self.accrued += self.principal * self.offer.rate * seconds
        self.accrued_to += seconds * SECOND_NS


class LendingDesk:
    """Who offers coins, which order holds some of them, and who owes how much to whom."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._offers: dict[str, list[_Offer]] = {}  # by currency, live ones, cheapest first
        self._reservations: dict[int, _Reservation] = {}  # by order id
        self._reserved_of: dict[Key, int] = {}  # by lender; replaced offers too
        self._loans: dict[Key, list[_Loan]] = {}  # by borrower, in order of payment
        self._by_id: dict[int, _Loan] = {}
        self._borrowed: dict[Key, int] = {}  # principal by borrower
        self._lent: dict[Key, int] = {}  # principal by lender
        self._ends: list[tuple[int, int]] = []  # heap of (end_ns, loan id), with dead entries
        self._interest_at: dict[Key, tuple[int, int]] = {}  # last answer of interest(): at, owed
        self._paid: dict[str, int] = {}  # interest by currency: paid by borrowers,
        self._to_lenders: dict[str, int] = {}  # received by lenders,
        self._to_exchange: dict[str, int] = {}  # and by the exchange
        self._next_offer = 1
        self._next_loan = 1

    # --- offers

    def replace_offers(
        self,
        lender: int,
        currency: str,
        offers: tuple[tuple[int, int], ...],
        at_ns: int,  # noqa: ARG002 - an offer renews itself, so its day never matters
    ) -> Refused | None:
        """Replace what ``lender`` offers in ``currency`` by ``offers`` of (amount, pico a day).

        Loans go on at the rate they were made; what orders have reserved stays theirs.

        Returns:
            None when done, else why not; nothing has changed then: ``BAD_AMOUNT`` (an amount is not
            positive), ``BAD_RATE`` (not above 0 and at most 5 % a day; ``detail`` is the most
            allowed), ``INSUFFICIENT_BALANCE`` (the wallet does not hold what is offered; ``detail``
            is what it would have to hold).
        """
        for amount, rate in offers:
            if amount <= 0:
                return Refused(
                    reason=Reason.BAD_AMOUNT,
                    detail=1,
                    text=f"offers: amount {amount} is not a positive count of minor units",
                )
            if not 0 < rate <= MAX_RATE_PICO:
                return Refused(
                    reason=Reason.BAD_RATE,
                    detail=MAX_RATE_PICO,
                    text=f"offers: rate {rate} is not in 1..{MAX_RATE_PICO} pico a day",
                )
        held = self._reserved_of.get((lender, currency), 0)
        needed = held + sum(amount for amount, _ in offers)
        balance = self._ledger.user_balance(lender, currency)
        if offers and needed > balance:
            return Refused(
                reason=Reason.INSUFFICIENT_BALANCE,
                detail=needed,
                text=f"offers: {needed} minor units of {currency} needed, {balance} in the wallet",
            )
        book = []
        for offer in self._offers.get(currency, []):
            if offer.lender == lender:
                offer.live = False
                offer.left = 0
            else:
                book.append(offer)
        for amount, rate in offers:
            book.append(_Offer(self._next_offer, lender, currency, rate, amount))
            self._next_offer += 1
        book.sort(key=_Offer.rank)
        self._offers[currency] = book
        return None

    def offers(self, currency: str) -> list[tuple[int, int]]:
        """Return (amount left, pico a day), cheapest first, older first among equals."""
        return [
            (offer.left, offer.rate) for offer in self._offers.get(currency, []) if offer.left > 0
        ]

    def best_rate(self, currency: str) -> int | None:
        """Return the cheapest rate on offer in pico a day; None when nothing is."""
        for offer in self._offers.get(currency, ()):
            if offer.left > 0:
                return offer.rate
        return None

    def on_offer(self, lender: int, currency: str) -> int:
        """Return what ``lender``'s wallet must keep for offers and reservations, minor units."""
        left = sum(o.left for o in self._offers.get(currency, ()) if o.lender == lender)
        return left + self._reserved_of.get((lender, currency), 0)

    # --- reservations

    def reserve(self, order_id: int, borrower: int, currency: str, amount: int) -> bool:
        """Reserve ``amount`` more for an order from the cheapest offers up, all or nothing.

        Nobody borrows from himself: the borrower's own offers are passed over.

        Returns:
            False when the offers do not cover it; nothing has changed then.
        """
        pieces = self._pick(borrower, currency, amount)
        if pieces is None:
            return False
        reservation = self._reservations.get(order_id)
        if reservation is None:
            if not pieces:
                return True
            reservation = self._reservations[order_id] = _Reservation(borrower, currency)
        if (reservation.borrower, reservation.currency) != (borrower, currency):
            raise InvariantError(f"order {order_id} reserves for two borrowers or currencies")
        held = {offer.offer_id: (offer, taken) for offer, taken in reservation.pieces}
        for offer, taken in pieces:
            self._hold(offer, taken)
            held[offer.offer_id] = (offer, taken + held.get(offer.offer_id, (offer, 0))[1])
        reservation.pieces = sorted(held.values(), key=_piece_rank)
        return True

    def release(self, order_id: int, amount: int | None = None) -> None:
        """Give back ``amount`` of an order's reservation, dearest first; None = all of it.

        What came from an offer that was replaced meanwhile does not come back on offer.
        """
        reservation = self._reservations.get(order_id)
        if reservation is None:
            return
        left = reservation.total() if amount is None else amount
        pieces = reservation.pieces
        while left > 0 and pieces:
            offer, held = pieces.pop()
            given = min(held, left)
            left -= given
            self._hold(offer, -given)
            if not offer.live:
                offer.left = 0
            if given < held:
                pieces.append((offer, held - given))
        if not pieces:
            del self._reservations[order_id]

    def reserved(self, order_id: int) -> int:
        """Return what an order has reserved and not yet borrowed, minor units."""
        reservation = self._reservations.get(order_id)
        return 0 if reservation is None else reservation.total()

    def _pick(self, borrower: int, currency: str, amount: int) -> list[tuple[_Offer, int]] | None:
        pieces = []
        for offer in self._offers.get(currency, ()):
            if amount <= 0:
                break
            if offer.left > 0 and offer.lender != borrower:
                taken = min(offer.left, amount)
                amount -= taken
                pieces.append((offer, taken))
        return pieces if amount <= 0 else None

    def _hold(self, offer: _Offer, amount: int) -> None:
        offer.left -= amount
        offer.reserved += amount
        key = (offer.lender, offer.currency)
        self._reserved_of[key] = self._reserved_of.get(key, 0) + amount

    # --- loans

    def borrow(self, order_id: int, borrower: int, currency: str, amount: int, at_ns: int) -> None:
        """Lend ``amount`` of what the order has reserved, cheapest first: one loan an offer.

        The principal moves from the lenders' wallets to the borrower's.

        Raises:
            InvariantError: the order has reserved less, or a lender has spent what was on offer.
        """
        if amount == 0:
            return
        reservation = self._reservations.get(order_id)
        if reservation is None or amount < 0 or reservation.total() < amount:
            raise InvariantError(
                f"order {order_id} borrows {amount} of {self.reserved(order_id)} reserved"
            )
        taken_of: dict[int, int] = {}
        pieces = reservation.pieces
        left = amount
        while left > 0:
            offer, held = pieces[0]
            taken = min(held, left)
            left -= taken
            if taken == held:
                del pieces[0]
            else:
                pieces[0] = (offer, held - taken)
            offer.reserved -= taken
            self._reserved_of[offer.lender, currency] -= taken
            taken_of[offer.lender] = taken_of.get(offer.lender, 0) + taken
            self._open(borrower, offer, taken, at_ns)
        if not pieces:
            del self._reservations[order_id]
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
        for held in loans:
            owed += held.interest(at_ns)
        self._interest_at[key] = (at_ns, owed)
        return owed

    def owed(self, borrower: int, currency: str, at_ns: int) -> int:
        """Return principal and interest owed, minor units."""
        return self.principal(borrower, currency) + self.interest(borrower, currency, at_ns)

    def borrowers(self, currency: str) -> list[int]:
        """Return the accounts that owe ``currency``, in order of id."""
        return sorted(account for account, owed in self._loans if owed == currency)

    def next_due_ns(self) -> int | None:
        """Return when the next loan ends; None without loans."""
        ends = self._ends
        while ends and ends[0][1] not in self._by_id:
            heappop(ends)
        return ends[0][0] if ends else None

    def due(self, at_ns: int) -> list[Key]:
        """Borrow anew every loan that has ended by ``at_ns``, principal and interest together.

        The new loans are taken from the offers of this moment, the ended loan's own among them
        where it is still live. Loans that the offers do not cover go on, are looked at again a
        minute later, and should be closed.

        Returns:
            The (borrower, currency) whose loans could not be borrowed anew, each once, in the order
            in which their loans ended.
        """
        must_close: dict[Key, None] = {}
        due = self.next_due_ns()
        while due is not None and due <= at_ns:
            _, loan_id = heappop(self._ends)
            ended = self._by_id[loan_id]
            key = (ended.borrower, ended.offer.currency)
            if self._renew(ended, at_ns):
                self._ledger.out.append(LoansChanged(account=key[0], currency=key[1]))
            else:
                must_close[key] = None
                heappush(self._ends, (at_ns + RETRY_NS, loan_id))
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

    # --- inside

    def _open(self, borrower: int, offer: _Offer, principal: int, at_ns: int) -> None:
        opened = _Loan(self._next_loan, borrower, offer, principal, at_ns)
        self._next_loan += 1
        self._by_id[opened.loan_id] = opened
        heappush(self._ends, (opened.end_ns, opened.loan_id))
        key = (borrower, offer.currency)
        insort(self._loans.setdefault(key, []), opened, key=_Loan.rank)
        _add(self._borrowed, key, principal)
        _add(self._lent, (offer.lender, offer.currency), principal)
        self._interest_at.pop(key, None)

    def _return(self, held: _Loan, amount: int) -> None:
        """Take ``amount`` off a loan's principal; the coins go back on a live offer."""
        offer = held.offer
        key = (held.borrower, offer.currency)
        held.principal -= amount
        _add(self._borrowed, key, -amount)
        _add(self._lent, (offer.lender, offer.currency), -amount)
        if offer.live:
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
                held.accrued -= paid * INTEREST_UNIT
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
        if offer.live:
            offer.left += principal
        pieces = self._pick(borrower, currency, principal + interest)
        if offer.live:
            offer.left -= principal
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

    def _check_offers(self) -> None:
        reserved: dict[int, int] = {}
        by_lender: dict[Key, int] = {}
        seen: dict[int, _Offer] = {}
        for reservation in self._reservations.values():
            for offer, amount in reservation.pieces:
                reserved[offer.offer_id] = reserved.get(offer.offer_id, 0) + amount
                seen[offer.offer_id] = offer
                _add(by_lender, (offer.lender, offer.currency), amount)
        for book in self._offers.values():
            seen.update((offer.offer_id, offer) for offer in book)
        for offer_id, offer in seen.items():
            if offer.left < 0 or offer.reserved != reserved.get(offer_id, 0):
                raise InvariantError(
                    f"offer {offer_id} has {offer.left} left and {offer.reserved} reserved,"
                    f" by orders {reserved.get(offer_id, 0)}"
                )
        kept = {key: amount for key, amount in self._reserved_of.items() if amount != 0}
        if kept != by_lender:
            raise InvariantError(f"reserved by lender is {kept}, by orders {by_lender}")
        for lender, currency in sorted({(o.lender, o.currency) for o in seen.values()}):
            needed = self.on_offer(lender, currency)
            balance = self._ledger.user_balance(lender, currency)
            if balance < needed:
                raise InvariantError(
                    f"account {lender} offers {needed} {currency} of a balance of {balance}"
                )


def _piece_rank(piece: tuple[_Offer, int]) -> tuple[int, int]:
    return piece[0].rank()


def _add(totals: dict[Key, int], key: Key, amount: int) -> None:
    """Add to a total that is absent while it is 0."""
    total = totals.get(key, 0) + amount
    if total:
        totals[key] = total
    else:
        totals.pop(key, None)
