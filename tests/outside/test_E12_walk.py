"""E1 to E5, E11, E12: a walk through four kinds of contract, each number found anew by the rules.

Fills are taken from what the exchange tells of them; what they make of positions, wallets, margins,
reserves and prices is worked out here in exact fractions, as the rules say it, and compared.
"""

import random
from fractions import Fraction
from math import ceil, floor
from typing import Any

import pytest

from tests.outside.conftest import INVERSE, LINEAR
from tests.outside.desk import QUANTO, SWAP, Desk, trader
from tests.outside.driver import XBT

USDT = 10**6
KINDS: dict[str, tuple[dict[str, Any], float, dict[str, Any]]] = {
    "inverse": (INVERSE, 10_000, {"tickSize": 0.1, "lotSize": 100, "takerFee": 0.0005}),
    "linear": (LINEAR, 0.00001819, {"tickSize": 1e-8, "makerFee": -0.00025, "takerFee": 0.00075}),
    "quanto": (QUANTO, 500, {"fundingRate": 0.0001, "lotSize": 7}),
    "usdt": (
        SWAP, 1_963, {
            "quoteCurrency": "USDT", "settlCurrency": "USDt", "underlying": "ETH",
            "rootSymbol": "ETH", "multiplier": 10, "tickSize": 0.05, "lotSize": 1_000,
            "initMargin": 0.02, "maintMargin": 0.01, "riskLimit": 10**12, "riskStep": 10**12,
            "fundingRate": -0.0002,
        },
    ),
}  # fmt: skip
VARIANTS: tuple[Any, ...] = (
    lambda _lot, _lots: {},
    lambda _lot, _lots: {},
    lambda lot, lots: {"displayQty": lot * ceil(lots / 3)},
    lambda _lot, _lots: {"displayQty": 0},
    lambda _lot, _lots: {"timeInForce": "FillOrKill"},
)
STEPS = 35


def fraction(number: float) -> Fraction:
    """Read a JSON number as the decimal that it is."""
    return Fraction(str(number))


def rha(number: Fraction) -> int:
    """Round half away from zero."""
    return floor(number + Fraction(1, 2)) if number >= 0 else -floor(-number + Fraction(1, 2))


class Rules:
    """The formulas of E0, E1, E5 and E12 for one contract."""

    def __init__(self, row: Any) -> None:
        self.inverse = row["isInverse"]
        self.sign = -1 if self.inverse else 1
        self.unit = abs(row["multiplier"]) * row["lotSize"]
        self.lot = row["lotSize"]
        self.tick, self.most = fraction(row["tickSize"]), fraction(row["maxPrice"])
        self.taker, self.maint = fraction(row["takerFee"]), fraction(row["maintMargin"])
        self.init = fraction(row["initMargin"])
        self.funding = fraction(row["fundingRate"] or 0)

    def value(self, price: Fraction) -> int:
        """Value of one lot."""
        return rha(self.unit / price if self.inverse else self.unit * price)

    def worth(self, price: Fraction, qty: int) -> int:
        """Value of a quantity, lot by lot."""
        return self.value(price) * (qty // self.lot)

    def charge(
        self, qty: int, orders: list[tuple[int, Fraction, int]], rate: Fraction, mark: Fraction
    ) -> tuple[int, int]:
        """What orders reserve and their gross open premium (E5)."""
        cost = premium = 0
        opening: dict[int, list[tuple[Fraction, int]]] = {1: [], -1: []}
        for side in (1, -1):
            own = sorted((o for o in orders if o[0] == side), key=lambda order: -side * order[1])
            skipped = max(0, -side * qty)
            for _, price, left in own:
                reduces = min(skipped, left)
                skipped -= reduces
                opening[side].append((price, left - reduces))
            whole = sum(order[2] for order in own)
            gaps = sum(
                max(0, self.sign * side * (self.value(p) - self.value(mark))) * (left // self.lot)
                for _, p, left in own
            )
            if whole:
                premium += ceil(Fraction(gaps * max(0, min(whole, side * qty + whole)), whole))
        charged = list(opening[-1])
        net = max(0, sum(n for _, n in opening[1]) - sum(n for _, n in opening[-1]))
        for price, left in opening[1]:
            charged.append((price, min(net, left)))
            net -= charged[-1][1]
        per_value = rate + self.taker + (1 + rate) * self.taker
        for price, left in charged:
            cost += ceil(self.worth(price, left) * per_value)
        return cost, premium

    def shown(self, side: int, cost: int, loss: int, lots: int) -> Fraction:
        """Price at which a position has lost ``loss``, as its row shows it (E12)."""
        if self.inverse:
            value = floor(Fraction(cost + loss, lots)) if side > 0 else ceil(
                Fraction(cost - loss, lots)
            )  # fmt: skip
            if value <= 0:
                return Fraction(XBT)
            price = Fraction(self.unit, value)
        else:
            price = max(Fraction(0), Fraction(cost - side * loss, lots * self.unit))
        ticks = ceil(price / self.tick) if side > 0 else floor(price / self.tick)
        return Fraction(XBT) if ticks * self.tick > self.most else ticks * self.tick


class Held:
    """One account's position, as its executions make it (E2)."""

    def __init__(self, wallet: int) -> None:
        self.wallet = wallet
        self.qty = self.cost = self.profit = self.fees = self.cross = self.seen = 0
        self.leverage = Fraction(0)

    def take(self, execution: Any) -> None:
        """Take in an execution."""
        qty, cost = execution["lastQty"], execution["execCost"]
        signed = qty if execution["side"] == "Buy" else -qty
        profit = 0
        if self.qty * signed >= 0:
            self.cost += cost
        elif qty < abs(self.qty):
            released = rha(Fraction(self.cost * qty, abs(self.qty)))
            profit = -(released + cost)
            self.cost -= released
            self.cross -= rha(Fraction(self.cross * qty, abs(self.qty)))
        else:
            closing = cost * abs(self.qty) // qty
            profit, self.cost, self.cross = -(self.cost + closing), cost - closing, 0
        self.qty += signed
        self.profit += profit
        self.fees += execution["execComm"]
        self.wallet += profit - execution["execComm"]


def compare(exchange, desk, rules, who, held):
    """Compare an account's rows with the rules."""
    rows = {order["orderID"]: order for order in exchange.ask("GET", "/order?count=500", who)}
    orders = [
        (1 if o["side"] == "Buy" else -1, fraction(o["price"]), o["leavesQty"])
        for o in rows.values() if o["symbol"] == desk.symbol and o["workingIndicator"]
    ]  # fmt: skip
    row, market = desk.position(who), desk.row()
    margin = exchange.ask("GET", f"/user/margin?currency={market['settlCurrency']}", who)
    if row is None:
        assert not held.qty
        assert not orders
        return
    mark = fraction(market["markPrice"])
    cost, side, lots = abs(held.cost), 1 if held.qty > 0 else -1, abs(held.qty) // rules.lot
    rate = max(rules.init, 1 / held.leverage) if held.leverage else rules.init
    init = ceil(rate * cost)
    comm = ceil(rules.taker * (cost + init + held.cross))
    pos_margin = init + comm + held.cross if held.qty else 0
    adverse = rules.maint + max(Fraction(0), side * rules.funding)
    value = rules.sign * side * rules.worth(mark, abs(held.qty))
    profit = value - held.cost if held.qty else 0
    reserve, premium = rules.charge(held.qty, orders, rate, mark)
    available = held.wallet - pos_margin - reserve - premium
    available += 0 if held.leverage else min(0, profit)
    wanted = {
        "currentQty": held.qty, "posCost": held.cost, "posCross": held.cross,
        "posInit": init, "posComm": comm, "posMargin": pos_margin, "unrealisedPnl": profit,
        "posMaint": ceil(adverse * cost + comm) if held.qty else 0,
        "maintMargin": pos_margin + profit, "initMargin": reserve + premium,
        "grossOpenPremium": premium, "realisedPnl": held.profit - held.fees,
    }  # fmt: skip
    assert {name: row[name] for name in wanted} == wanted
    assert margin["walletBalance"] == held.wallet
    assert margin["initMargin"] == reserve + premium
    assert margin["availableMargin"] == max(0, available)
    if not held.qty:
        return
    if held.leverage:
        losses = (pos_margin - ceil(adverse * cost + comm), pos_margin - comm)
    else:
        behind = held.wallet - reserve - premium
        per = 1 + rules.taker
        losses = (
            floor((behind - (adverse + rules.taker) * cost) / per),
            floor((behind - rules.taker * cost) / per),
        )
    for name, loss in zip(("liquidationPrice", "bankruptPrice"), losses, strict=True):
        assert fraction(row[name] or 0) == rules.shown(side, cost, loss, lots), name


@pytest.mark.parametrize("kind", KINDS)
def test_E12_a_walk_is_by_the_rules(exchange, kind):
    base, price, fields = KINDS[kind]
    desk = Desk(exchange, price, base, **fields)
    rules = Rules(desk.row())
    start = fraction(price)
    funds = {"XBt": 40 * XBT, "USDt": 1_000_000 * USDT}
    held = {trader(exchange, **funds): Held(0) for _ in range(2)}
    held[trader(exchange, XBt=10**14, USDt=10**15)] = Held(0)
    for who, one in held.items():
        one.wallet = exchange.wallet(who, desk.row()["settlCurrency"])
    draw = random.Random(kind)
    step = max(1, rha(start / rules.tick / 2_000))
    for _ in range(STEPS):
        who = draw.choice(list(held))
        what = draw.random()
        if what < 0.75:
            ticks = rha(start / rules.tick) + step * draw.randint(-3, 3)
            lots = draw.choice((1, 7, 120)) * draw.randint(1, 9)
            qty = rules.lot * lots * draw.choice((1, -1))
            more = draw.choice(VARIANTS)(rules.lot, lots)
            at = float(ticks * rules.tick)
            answer = exchange.call(
                "POST", "/order", who, symbol=desk.symbol, orderQty=qty, price=at, **more
            )
            assert answer.status_code == 200 or "required" in answer.text, answer.text
        elif what < 0.85:
            leverage = draw.choice((0, 1, 3.33, 10, 20))
            changed = {"symbol": desk.symbol, "leverage": leverage}
            if exchange.call("POST", "/position/leverage", who, **changed).status_code == 200:
                held[who].leverage = fraction(leverage)
                held[who].cross *= leverage != 0
        elif what < 0.9:
            amount = draw.randint(-20_000, 50_000)
            moved = {"symbol": desk.symbol, "amount": amount}
            if exchange.call("POST", "/position/transferMargin", who, **moved).status_code == 200:
                held[who].cross += amount
        else:
            move = rha(start * draw.randint(9_970, 10_030) / 10_000 / rules.tick)
            desk.price(float(move * rules.tick))
        for name, one in held.items():
            trades = desk.trades(name)
            for execution in trades[one.seen :]:
                one.take(execution)
            one.seen = len(trades)
            compare(exchange, desk, rules, name, one)
    assert sum(one.seen for one in held.values()) > 10
    exchange.audited()
