"""What lenders offer and what orders hold of it: offers and reservations of every currency (E24).

Amounts are minor units of the coin lent; rates are pico a day. The life of an offer's coins: left
on offer -> reserved for an order -> lent -> left on offer again, as long as the lender has not
replaced or canceled the offer and it renews itself; else they are in the lender's wallet. Whoever
lets money leave a wallet must leave there what is ``on_offer``.
"""

from sim_exchange.core.events import Refused
from sim_exchange.core.treasury.ledger import Ledger
from sim_exchange.core.types import PICO, Reason
from sim_exchange.errors import InvariantError

MAX_RATE_PICO = PICO // 20
"""The dearest rate that may be offered: 5 % a day."""

LEAST_DAYS, MOST_DAYS = 2, 60
"""How long a loan may last, days."""

Key = tuple[int, str]
"""(account, currency)."""


class Offer:
    """One offer; ``left`` is neither reserved nor lent.

    A replaced offer stands in no list any more: coins that come back to it are in the lender's
    wallet, and nobody can take them from here.
    """

    __slots__ = (
        "compound",
        "currency",
        "days",
        "left",
        "lender",
        "offer_id",
        "rate",
        "renews",
        "reserved",
    )

    def __init__(
        self,
        offer_id: int,
        lender: int,
        currency: str,
        rate: int,
        left: int,
        *,
        days: int = MOST_DAYS,
        renews: bool = True,
        compound: bool = False,
    ) -> None:
        self.offer_id = offer_id
        self.lender = lender
        self.currency = currency
        self.rate = rate
        self.left = left
        self.reserved = 0
        self.days = days
        self.renews = renews
        self.compound = compound

    def rank(self) -> tuple[int, int]:
        """Cheapest first, then the older one."""
        return (self.rate, self.offer_id)


class Reservation:
    """What one order holds of the offers: (offer, amount), cheapest first."""

    __slots__ = ("borrower", "currency", "pieces")

    def __init__(self, borrower: int, currency: str) -> None:
        self.borrower = borrower
        self.currency = currency
        self.pieces: list[tuple[Offer, int]] = []

    def total(self) -> int:
        """Return what is held altogether, minor units."""
        return sum(amount for _, amount in self.pieces)


class OfferBook:
    """The offers of all currencies, cheapest first, and the orders that hold some of them."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._offers: dict[str, list[Offer]] = {}  # by currency, cheapest first
        self._reservations: dict[int, Reservation] = {}  # by order id
        self._reserved_of: dict[Key, int] = {}  # by lender; replaced offers too
        self._next_offer = 1
        self.max_rates: dict[int, int] = {}  # by borrower, where it is not MAX_RATE_PICO

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
        book = [offer for offer in self._offers.get(currency, ()) if offer.lender != lender]
        for amount, rate in offers:
            book.append(Offer(self._next_offer, lender, currency, rate, amount))
            self._next_offer += 1
        book.sort(key=Offer.rank)
        self._offers[currency] = book
        return None

    def post_offer(
        self,
        lender: int,
        currency: str,
        amount: int,
        rate: int,
        *,
        days: int,
        renews: bool,
        compound: bool,
    ) -> Refused | int:
        """Add one offer to what ``lender`` offers; return its number, or why not.

        Why not: ``BAD_AMOUNT``, ``BAD_RATE``, ``BAD_DAYS`` (``detail`` is the most allowed).
        Whether the wallet holds the coins is for the caller to know.
        """
        if type(amount) is not int or amount <= 0 or not currency:
            text = f"amount {amount} is not a positive count of minor units"
            return Refused(reason=Reason.BAD_AMOUNT, detail=1, text=text)
        if type(rate) is not int or not 0 < rate <= MAX_RATE_PICO:
            text = f"rate {rate} is not in 1..{MAX_RATE_PICO} pico a day"
            return Refused(reason=Reason.BAD_RATE, detail=MAX_RATE_PICO, text=text)
        if type(days) is not int or not LEAST_DAYS <= days <= MOST_DAYS:
            text = f"days {days} is not in {LEAST_DAYS}..{MOST_DAYS}"
            return Refused(reason=Reason.BAD_DAYS, detail=MOST_DAYS, text=text)
        number = self._next_offer
        self._next_offer += 1
        offer = Offer(
            number, lender, currency, rate, amount, days=days, renews=renews, compound=compound
        )
        # What is used up and does not come back needs no place any more.
        book = [o for o in self._offers.get(currency, ()) if o.renews or o.left or o.reserved]
        book.append(offer)
        book.sort(key=Offer.rank)
        self._offers[currency] = book
        return number

    def cancel_offer(self, lender: int, number: int) -> str | None:
        """Take an offer back; return its currency, None when the lender has no such offer."""
        for currency, book in self._offers.items():
            for offer in book:
                if offer.offer_id == number and offer.lender == lender:
                    self._offers[currency] = [other for other in book if other is not offer]
                    return currency
        return None

    def offers_of(self, lender: int) -> list[Offer]:
        """Return what ``lender`` offers, in order of currency, cheapest first."""
        return [
            offer
            for currency in sorted(self._offers)
            for offer in self._offers[currency]
            if offer.lender == lender
        ]

    def offered(self, lender: int, currency: str) -> int:
        """Return what is left of a lender's offers, neither reserved nor lent, minor units."""
        return sum(o.left for o in self._offers.get(currency, ()) if o.lender == lender)

    def reserved_of(self, lender: int, currency: str) -> int:
        """Return what orders have reserved of a lender's coins, minor units."""
        return self._reserved_of.get((lender, currency), 0)

    def demands(self, currency: str) -> list[tuple[int, int]]:
        """Return (amount reserved, the borrower's dearest rate) of each order, oldest first."""
        return [
            (held.total(), self.max_rate(held.borrower))
            for _, held in sorted(self._reservations.items())
            if held.currency == currency
        ]

    def max_rate(self, borrower: int) -> int:
        """Return the dearest rate that an account borrows at, pico a day."""
        return self.max_rates.get(borrower, MAX_RATE_PICO)

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
        return self.offered(lender, currency) + self._reserved_of.get((lender, currency), 0)

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
            reservation = self._reservations[order_id] = Reservation(borrower, currency)
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
            if given < held:
                pieces.append((offer, held - given))
        if not pieces:
            del self._reservations[order_id]

    def reserved(self, order_id: int) -> int:
        """Return what an order has reserved and not yet borrowed, minor units."""
        reservation = self._reservations.get(order_id)
        return 0 if reservation is None else reservation.total()

    def reserving(self, currency: str) -> list[int]:
        """Return the orders that hold something of the offers of ``currency``, oldest first."""
        if not self._reservations:
            return []
        return [order for order, held in self._reservations.items() if held.currency == currency]

    def _pick(self, borrower: int, currency: str, amount: int) -> list[tuple[Offer, int]] | None:
        pieces = []
        limit = self.max_rate(borrower)
        for offer in self._offers.get(currency, ()):
            if amount <= 0 or offer.rate > limit:
                break
            if offer.left > 0 and offer.lender != borrower:
                taken = min(offer.left, amount)
                amount -= taken
                pieces.append((offer, taken))
        return pieces if amount <= 0 else None

    def _hold(self, offer: Offer, amount: int) -> None:
        offer.left -= amount
        offer.reserved += amount
        add(self._reserved_of, (offer.lender, offer.currency), amount)

    def _take(self, order_id: int, amount: int) -> list[tuple[Offer, int]]:
        """Take ``amount`` out of an order's reservation, cheapest first, to be lent."""
        reservation = self._reservations.get(order_id)
        if reservation is None or amount < 0 or reservation.total() < amount:
            raise InvariantError(
                f"order {order_id} borrows {amount} of {self.reserved(order_id)} reserved"
            )
        taken_pieces = []
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
            add(self._reserved_of, (offer.lender, offer.currency), -taken)
            taken_pieces.append((offer, taken))
        if not pieces:
            del self._reservations[order_id]
        return taken_pieces

    def _check_offers(self) -> None:
        reserved: dict[int, int] = {}
        by_lender: dict[Key, int] = {}
        seen: dict[int, Offer] = {}
        for reservation in self._reservations.values():
            for offer, amount in reservation.pieces:
                reserved[offer.offer_id] = reserved.get(offer.offer_id, 0) + amount
                seen[offer.offer_id] = offer
                add(by_lender, (offer.lender, offer.currency), amount)
        for book in self._offers.values():
            seen.update((offer.offer_id, offer) for offer in book)
        for offer_id, offer in seen.items():
            if offer.left < 0 or offer.reserved != reserved.get(offer_id, 0):
                raise InvariantError(
                    f"offer {offer_id} has {offer.left} left and {offer.reserved} reserved,"
                    f" by orders {reserved.get(offer_id, 0)}"
                )
        if self._reserved_of != by_lender:
            raise InvariantError(
                f"reserved by lender is {self._reserved_of}, by orders {by_lender}"
            )
        for lender, currency in sorted({(o.lender, o.currency) for o in seen.values()}):
            needed = self.on_offer(lender, currency)
            balance = self._ledger.user_balance(lender, currency)
            if balance < needed:
                raise InvariantError(
                    f"account {lender} offers {needed} {currency} of a balance of {balance}"
                )


def _piece_rank(piece: tuple[Offer, int]) -> tuple[int, int]:
    return piece[0].rank()


def add(totals: dict[Key, int], key: Key, amount: int) -> None:
    """Add to a total that is absent while it is 0."""
    total = totals.get(key, 0) + amount
    if total:
        totals[key] = total
    else:
        totals.pop(key, None)
