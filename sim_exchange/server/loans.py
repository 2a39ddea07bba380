"""Routes of our own: loans of coins between accounts (E24); no client of the venue knows them.

Amounts are minor units of the coin, as everywhere; rates are plain fractions a day.
"""

from decimal import Decimal

from sim_exchange.core.commands import CancelOffer, Command, PostOffer, SetMaxLoanRate
from sim_exchange.core.events import Accepted, Refused
from sim_exchange.core.types import PICO, Reason
from sim_exchange.core.views import LoanView, OfferView
from sim_exchange.errors import BadRequestError, CoreError
from sim_exchange.server.requests import Request
from sim_exchange.server.venue import Venue
from sim_exchange.wire.numbers import pico_number, to_decimal, to_integer
from sim_exchange.wire.parse import Params, flag_of, quantity_of
from sim_exchange.wire.rows import Row
from sim_exchange.wire.texts import ENGINE
from sim_exchange.wire.times import to_iso

_DEFAULT_DAYS = 60
_TEXTS = {
    Reason.BAD_AMOUNT: "Invalid amount",
    Reason.BAD_RATE: "Invalid ratePerDay, above 0 and at most 0.05 are allowed",
    Reason.BAD_DAYS: "Invalid days, 2 to 60 are allowed",
    Reason.NOT_WITHDRAWABLE: "Account has insufficient Withdrawable Balance",
    Reason.UNKNOWN_OFFER: "Invalid offerID",
}


def loans(venue: Venue, request: Request) -> Row:
    """GET /loan: one's own offers and loans, and the dearest rate that one's orders take."""
    account = request.account
    exchange = venue.exchange
    return {
        "account": account,
        "maxRatePerDay": pico_number(exchange.max_loan_rate(account)),
        "offers": [_offer(offer) for offer in exchange.own_offers(account)],
        "loans": [_loan(held, account) for held in exchange.loans(account)],
    }


def loan_book(venue: Venue, request: Request) -> Row:
    """GET /loan/book: what is on offer and what open orders are going to borrow, in public."""
    currency = _coin(venue, request.params)
    exchange = venue.exchange
    return {
        "currency": currency,
        "offers": [
            {"amount": amount, "ratePerDay": pico_number(rate)}
            for amount, rate in exchange.loan_offers(currency)
        ],
        "demands": [
            {"amount": amount, "maxRatePerDay": pico_number(rate)}
            for amount, rate in exchange.loan_demands(currency)
        ],
    }


def post_offer(venue: Venue, request: Request) -> Row:
    """POST /loan: offer coins to borrowers."""
    params = request.params
    days = quantity_of(params, "days")
    amount = to_integer(params.get("amount"))
    if amount is None or abs(amount) >= 1 << 60:
        raise BadRequestError("Invalid amount")
    command = PostOffer(
        account=request.account,
        currency=_coin(venue, params),
        amount=amount,
        rate=_rate(params),
        days=_DEFAULT_DAYS if days is None else days,
        auto_renew=flag_of(params, "autoRenew", True),
        compound=flag_of(params, "compound"),
    )
    number = _do(venue, command)
    return next(_offer(o) for o in venue.exchange.own_offers(request.account) if o.number == number)


def cancel_offer(venue: Venue, request: Request) -> Row:
    """DELETE /loan: take an offer back; answers what is left of one's own."""
    number = quantity_of(request.params, "offerID")
    if number is None:
        raise BadRequestError(_TEXTS[Reason.UNKNOWN_OFFER])
    _do(venue, CancelOffer(account=request.account, offer=number))
    return loans(venue, request)


def set_max_rate(venue: Venue, request: Request) -> Row:
    """POST /loan/maxRate: the dearest rate that one's orders borrow at."""
    _do(venue, SetMaxLoanRate(account=request.account, rate=_rate(request.params)))
    return loans(venue, request)


def _do(venue: Venue, command: Command) -> int:
    for event in venue.submit(command):
        if type(event) is Refused:
            text = _TEXTS.get(event.reason) or f"Refused: {event.reason.value}"
            raise BadRequestError(text, name=ENGINE)
        if type(event) is Accepted:
            return event.ref
    raise CoreError(f"no answer to {command!r}")


def _coin(venue: Venue, params: Params) -> str:
    if params.get("currency") is None:
        raise BadRequestError("Invalid currency")
    currency = venue.currency_of(params)
    if currency == "all":
        raise BadRequestError("Invalid currency")
    return currency


def _rate(params: Params) -> int:
    """Read a rate in pico a day; what is finer than that is not."""
    rate = to_decimal(params.get("ratePerDay"))
    if rate is None or not Decimal(-1) < rate < 1 or rate * PICO != int(rate * PICO):
        raise BadRequestError(_TEXTS[Reason.BAD_RATE])
    return int(rate * PICO)


def _offer(offer: OfferView) -> Row:
    return {
        "offerID": offer.number,
        "currency": offer.currency,
        "amount": offer.left,
        "reserved": offer.reserved,
        "lent": offer.lent,
        "ratePerDay": pico_number(offer.rate),
        "days": offer.days,
        "autoRenew": offer.auto_renew,
        "compound": offer.compound,
    }


def _loan(held: LoanView, account: int) -> Row:
    return {
        "loanID": held.number,
        "side": "Lend" if held.lender == account else "Borrow",
        "currency": held.currency,
        "principal": held.principal,
        "interest": held.interest,
        "ratePerDay": pico_number(held.rate),
        "compound": held.compound,
        "opened": to_iso(held.opened_ns),
        "ends": to_iso(held.end_ns),
    }
