"""The operator's requests about accounts, money and loans (design.md 6)."""

import re
from collections.abc import Mapping
from decimal import Decimal
from ipaddress import ip_network

import msgspec

from sim_exchange.core.commands import (
    AddWithdrawalRound,
    AnnounceDeposit,
    ChainBlocks,
    Command,
    Deposit,
    DepositFund,
    HoldAwards,
    LinkAccount,
    OfferLoans,
    OpenAccount,
    OpenContest,
    SetFeePlan,
    SetFlags,
    SetWalletRules,
)
from sim_exchange.core.events import Accepted, AwardPaid
from sim_exchange.core.types import Kind, currency_decimals
from sim_exchange.core.views import AccountLike
from sim_exchange.errors import NotFoundError
from sim_exchange.server.access import PERMISSIONS, KeyRecord, new_key_pair
from sim_exchange.server.admin_input import (
    MAX_MONEY,
    Fields,
    bad,
    check,
    currency_code,
    decimal,
    instant,
    part,
    whole,
)
from sim_exchange.server.venue import Venue
from sim_exchange.server.wallets import mail
from sim_exchange.wire.rows import Row
from sim_exchange.wire.times import to_iso

LENDER = "lender"
"""Name of the account that lends what the operator offers; it is funded from outside."""

FLAGS = ("anchorMM", "background", "hiddenName", "suspended")
"""What an account may be: E30, a trader of the venue's own, shown without its name (E29), E4."""

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,32}")
_PRIZE = 200_000_000
_CHANGES = frozenset({"flags", "linked", "permissions", "cidr", "feePlan"})
_CHEAPEST = Decimal("1e-12")
_DEAREST = Decimal("0.05")  # a day (E24)


def find_account(venue: Venue, name: str) -> AccountLike | None:
    """Return the account of a name."""
    found = (a for a in venue.exchange.accounts.values() if a.name == name)
    return next(found, None)


def account_number(venue: Venue, field: str, name: str) -> int:
    """Return the number of the account whose name stands in a field."""
    found = find_account(venue, name)
    if found is None:
        raise bad(field, name, "no account has this name")
    return found.account_id


def open_account(venue: Venue, name: str, flags: tuple[str, ...] = (), owner: int = 0) -> int:
    """Open an account through the door and return its id."""
    command = OpenAccount(name=name, flags=flags, owner=owner)
    events = check(venue.submit(command), "linked" if owner else "name", name)
    return next(event.ref for event in events if isinstance(event, Accepted))


def all_accounts(venue: Venue) -> list[Row]:
    """GET /account."""
    # Number 0 is the engine, which takes over positions; it is nobody's account.
    accounts = venue.exchange.accounts.values()
    return [_account_row(venue, account) for account in accounts if account.account_id]


def one_account(venue: Venue, name: str) -> Row:
    """GET /account/NAME."""
    account = find_account(venue, name)
    if account is None:
        raise NotFoundError(f"name: {name!r} is no account")
    return _account_row(venue, account)


def _quality_row(venue: Venue, number: int) -> Row:
    past = venue.history.accounts.get(number)
    if past is None:
        return {}
    now, quality = venue.now_ns(), past.quality
    week, qfr, qvr = quality.week(now), quality.fill_ratio(now), quality.value_ratio(now)
    return {
        "quotes": week.quotes,
        "fills": week.fills,
        "quotesToday": quality.day(now).quotes,
        "quoteFillRatio": None if qfr is None else float(qfr),
        "poor": quality.is_poor(now),
        "quoteValueRatio": None if qvr is None else float(qvr),
    }


def _account_row(venue: Venue, account: AccountLike) -> Row:
    number = account.account_id
    exchange = venue.exchange
    wallets = [exchange.wallet(number, each) for each in exchange.wallet_currencies(number)]
    return {
        "id": number,
        "name": account.name,
        "flags": list(account.flags),
        "feePlan": account.fee_plan or None,
        "quality": _quality_row(venue, number),
        "balances": {wallet.currency: wallet.amount for wallet in wallets},
        "borrowed": {w.currency: w.borrowed for w in wallets if w.borrowed},
        "interest": {w.currency: w.interest_owed for w in wallets if w.interest_owed},
        "keys": [
            {
                "key": record.key,
                "permissions": list(record.permissions),
                "enabled": record.enabled,
                "cidr": record.cidr or None,
            }
            for record in venue.keys.keys_of(number)
        ],
        "linked": exchange.accounts[account.owner].name if account.owner else None,
        "mail": mail(venue, number),
    }


def account(venue: Venue, fields: Fields) -> Row:
    """POST /account: create, or deposit to an account that is there."""
    fields.only(
        "name", "balances", "deposit", "announced", "key", "secret", "flags", "permissions", "cidr",
        "linked", "feePlan",
    )  # fmt: skip
    name = fields.text("name")
    known = find_account(venue, name)
    if "deposit" in fields.values:
        if known is None:
            raise bad("name", name, "no account has this name; create it without 'deposit'")
        fields.only("name", "deposit", "announced")
        amounts = _amounts(fields)
        _check_depositable(venue, amounts, "deposit")
        if fields.flag("announced"):
            _announce(venue, known.account_id, amounts)
        else:
            _deposit(venue, known.account_id, amounts, "deposit")
        return _account_row(venue, known)
    changes = fields.values.keys() - {"name"}
    if known is not None and changes and changes <= _CHANGES:
        return _change(venue, fields, known)
    if known is not None:
        raise bad("name", name, "an account of this name is there already")
    if not _NAME.fullmatch(name):
        raise bad("name", name, "1 to 32 letters, digits, _ . - are allowed")
    if "feePlan" in fields.values:
        raise bad("feePlan", fields.values["feePlan"], "create the account without it first")
    balances = fields.money("balances")
    _check_depositable(venue, balances, "balances")
    flags = _flags(fields)
    permissions = _permissions(fields)
    cidr = _cidr(fields)
    owner = _owner(venue, fields)
    key, secret = _pair(venue, fields)
    number = open_account(venue, name, flags or (), owner)
    _deposit(venue, number, balances, "balances")
    record = KeyRecord(key=key, secret=secret, account=number, permissions=permissions, cidr=cidr)
    venue.keys.add(record)
    row = _account_row(venue, venue.exchange.accounts[number])
    # The only time that a secret is shown: to whoever made the account.
    return {**row, "key": key, "secret": secret}


def _amounts(fields: Fields) -> dict[str, int]:
    amounts = fields.money("deposit")
    if not amounts:
        raise bad("deposit", fields.values.get("deposit"), "currencies and amounts are needed")
    return amounts


def _change(venue: Venue, fields: Fields, known: AccountLike) -> Row:
    """Change flags, links, and permissions and networks of all keys of an account."""
    number = known.account_id
    permissions = _permissions(fields) if "permissions" in fields.values else None
    cidr = _cidr(fields) if "cidr" in fields.values else None
    flags = _flags(fields)
    if "linked" in fields.values and "feePlan" in fields.values:
        # Either may be refused, and then nothing is to have changed.
        raise bad("feePlan", fields.values["feePlan"], "linked is changed by a request of its own")
    if "linked" in fields.values:
        command = LinkAccount(to_account=number, owner=_owner(venue, fields))
        check(venue.submit(command), "linked", fields.values["linked"])
    if "feePlan" in fields.values:
        _choose_plan(venue, fields, number)
    if flags is not None:
        check(venue.submit(SetFlags(to_account=number, flags=flags)), "flags", flags)
    for record in venue.keys.keys_of(number):
        changed = record
        if permissions is not None:
            changed = msgspec.structs.replace(changed, permissions=permissions)
        if cidr is not None:
            changed = msgspec.structs.replace(changed, cidr=cidr)
        if changed is not record:
            venue.keys.add(changed)
    return _account_row(venue, known)


def _choose_plan(venue: Venue, fields: Fields, number: int) -> None:
    """Let an account pay by a plan of the contracts that have one; null = their own fees (E3)."""
    value = fields.values["feePlan"]
    plan = "" if value is None else fields.text("feePlan")
    check(venue.submit(SetFeePlan(account=number, plan=plan)), "feePlan", value)


def _owner(venue: Venue, fields: Fields) -> int:
    """Read the account to link to, 0 when none is named."""
    if fields.values.get("linked") is None:
        return 0
    return account_number(venue, "linked", fields.text("linked"))


def _cidr(fields: Fields) -> str:
    """Read the network of a key, "" when none is named."""
    value = fields.values.get("cidr")
    if value is None:
        return ""
    text = fields.text("cidr")
    try:
        return str(ip_network(text))
    except ValueError as error:
        raise bad("cidr", text, "a network is needed, such as 10.0.0.0/8") from error


def _flags(fields: Fields) -> tuple[str, ...] | None:
    """Read flags, None when absent; one that means nothing is a mistake."""
    given = fields.words("flags")
    for word in given or ():
        if word not in FLAGS:
            raise bad("flags", word, f"allowed are {', '.join(FLAGS)}")
    return given


def _permissions(fields: Fields) -> tuple[str, ...]:
    given = fields.words("permissions")
    if given is None:
        return PERMISSIONS
    for word in given:
        if word not in PERMISSIONS:
            raise bad("permissions", word, f"allowed are {', '.join(PERMISSIONS)}")
    return given


def _pair(venue: Venue, fields: Fields) -> tuple[str, str]:
    key, secret = new_key_pair()
    if fields.values.get("key") is not None:
        key = fields.text("key")
        if venue.keys.get(key) is not None:
            raise bad("key", key, "another account has this key")
    if fields.values.get("secret") is not None:
        secret = fields.text("secret")
    return key, secret


def _announce(venue: Venue, number: int, amounts: dict[str, int]) -> None:
    for currency, amount in amounts.items():
        command = AnnounceDeposit(to_account=number, currency=currency, amount=amount)
        check(venue.submit(command), f"deposit.{currency}", amount)


def awards(venue: Venue, fields: Fields) -> Row:
    """POST /awards: open a contest, or end it and pay its winners (E29)."""
    fields.only("open", "seed", "chatters", "prize")
    if fields.one_of("open", "seed") == "open":
        if not fields.flag("open"):
            raise bad("open", False, "true opens a contest; a seed ends it")
        check(venue.submit(OpenContest()), "open", True)
        return {"open": True, "awards": []}
    values = fields.values
    chatters = fields.words("chatters") or ()
    command = HoldAwards(
        seed=whole("seed", values["seed"], 0, MAX_MONEY),
        chatters=tuple(account_number(venue, "chatters", name) for name in chatters),
        prize=whole("prize", values.get("prize", _PRIZE), 1, MAX_MONEY),
    )
    events = check(venue.submit(command), "seed", values["seed"])
    return {
        "open": False,
        "awards": [
            {"award": e.award.value, "name": e.name, "amount": e.amount, "score": e.score}
            for e in events
            if isinstance(e, AwardPaid)
        ],
    }


def chain(venue: Venue, fields: Fields) -> Row:
    """POST /chain: a currency's network: blocks, confirmations, fee, withdrawals, a round."""
    fields.only("currency", "blocks", "confirmations", "minFee", "withdrawals", "round")
    values = fields.values
    currency = currency_code("currency", values.get("currency"))
    if not values.keys() - {"currency"}:
        raise bad("currency", currency, "say what happens to it: blocks, confirmations, minFee...")
    rules = SetWalletRules(
        currency=currency,
        min_fee=whole("minFee", values["minFee"], 0, MAX_MONEY) if "minFee" in values else None,
        confirmations=(
            whole("confirmations", values["confirmations"], 1, 1_000)
            if "confirmations" in values
            else None
        ),
        withdrawals=fields.flag("withdrawals") if "withdrawals" in values else None,
    )
    commands: list[tuple[str, Command]] = []
    if "round" in values:
        round_ns = instant("round", values["round"])
        if round_ns <= venue.exchange.now_ns:
            now = to_iso(venue.exchange.now_ns)
            raise bad("round", values["round"], f"an instant after {now} is needed")
        commands.append(("round", AddWithdrawalRound(round_ns=round_ns)))
    if values.keys() & {"minFee", "confirmations", "withdrawals"}:
        commands.append(("currency", rules))
    if "blocks" in values:
        count = whole("blocks", values["blocks"], 1, 10_000)
        commands.append(("blocks", ChainBlocks(currency=currency, count=count)))
    for name, command in commands:
        check(venue.submit(command), name, values[name])
    exchange = venue.exchange
    return {
        "currency": currency,
        "minFee": exchange.min_withdrawal_fee(currency),
        "withdrawals": exchange.withdrawals_enabled(currency),
    }


def _check_depositable(venue: Venue, amounts: Mapping[str, int], field: str) -> None:
    """Refuse before anything has changed: a request may be of several currencies (E18)."""
    for currency, amount in amounts.items():
        if not venue.exchange.deposits_enabled(currency):
            raise bad(f"{field}.{currency}", amount, f"{currency} can be withdrawn, not deposited")


def _deposit(venue: Venue, number: int, amounts: dict[str, int], field: str) -> None:
    for currency, amount in amounts.items():
        command = Deposit(to_account=number, currency=currency, amount=amount)
        check(venue.submit(command), f"{field}.{currency}", amount)


def fund(venue: Venue) -> Row:
    """GET /fund: the insurance fund by currency, minor units."""
    specs = [market.spec for market in venue.exchange.markets.values()]
    settled = [spec.settl_currency for spec in specs if spec.kind is not Kind.SPOT]
    currencies = list(dict.fromkeys(["XBt", *settled]))
    return {currency: venue.exchange.fund(currency) for currency in currencies}


def deposit_fund(venue: Venue, fields: Fields) -> Row:
    """POST /fund."""
    fields.only("deposit")
    amounts = _amounts(fields)
    funds = fund(venue)
    for currency in amounts:
        if currency not in funds:
            raise bad("deposit", currency, f"the funds are those of {', '.join(funds)}")
    for currency, amount in amounts.items():
        command = DepositFund(currency=currency, amount=amount)
        check(venue.submit(command), f"deposit.{currency}", amount)
    return fund(venue)


def borrow(venue: Venue, fields: Fields) -> Row:
    """POST /borrow: replace what the operator's lender offers in a currency; amounts in coins."""
    fields.only("currency", "offers")
    currency = currency_code("currency", fields.values.get("currency"))
    offers = _offers(fields, currency)
    total = sum(amount for amount, _ in offers)
    if total > MAX_MONEY:
        raise bad("offers", total, f"{MAX_MONEY} minor units are the most")
    if total:
        _check_depositable(venue, {currency: total}, "offers")
    lender = find_account(venue, LENDER)
    number = open_account(venue, LENDER) if lender is None else lender.account_id
    # What orders have reserved of earlier offers stays theirs.
    offered = sum(o.left for o in venue.exchange.own_offers(number) if o.currency == currency)
    missing = total - offered - venue.exchange.margin(number, currency).available
    if missing > 0:
        _deposit(venue, number, {currency: missing}, "offers")
    command = OfferLoans(account=number, currency=currency, offers=offers)
    check(venue.submit(command), "offers", fields.values["offers"])
    scale = 10 ** currency_decimals(currency)
    return {
        "currency": currency,
        "offers": [
            {"amount": amount / scale, "rate_per_day": rate / 10**12}
            for amount, rate in venue.exchange.loan_offers(currency)
        ],
    }


def _offers(fields: Fields, currency: str) -> tuple[tuple[int, int], ...]:
    given = fields.values.get("offers")
    if not isinstance(given, list):
        raise bad("offers", given, "a list of {amount, rate_per_day} is needed")
    scale = 10 ** currency_decimals(currency)
    offers: list[tuple[int, int]] = []
    for item in given:
        of = part("offers", item, "amount", "rate_per_day").values
        amount, rate = decimal(of.get("amount")), decimal(of.get("rate_per_day"))
        minor = None if amount is None else amount * scale
        if minor is None or not 0 < minor < MAX_MONEY or minor != minor.to_integral_value():
            raise bad(
                "offers.amount",
                of.get("amount"),
                f"coins above 0 are needed, with up to {currency_decimals(currency)} decimals",
            )
        if rate is None or not _CHEAPEST <= rate <= _DEAREST:
            allowed = f"from {_CHEAPEST} to {_DEAREST} is needed"
            raise bad("offers.rate_per_day", of.get("rate_per_day"), allowed)
        offers.append((int(minor), int((rate * 10**12).to_integral_value())))
    return tuple(offers)
