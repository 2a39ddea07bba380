"""L2: faults planted in the money code itself; each one is caught by a test.

A mutant is one small change of the source: a sign, a rounding, a release that is missed, a fee to
the wrong side. It is made in a copy of the tree, and the tests that are named must fail there.
"""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
CORE = "sim_exchange/core"


class Mutant(NamedTuple):
    """One planted fault and the tests that must see it."""

    what: str
    file: str
    good: str
    bad: str
    tests: str


MUTANTS = (
    Mutant(
        "the sign of an inverse contract's cost is lost",
        "risk/clearing.py",
        "cost = market.maths.sign * side * value",
        "cost = side * value",
        "test_E1_exchange.py",
    ),
    Mutant(
        "a fee is rounded down, not to nearest",
        "contracts/value.py",
        "return -((PPM - 2 * rate_ppm * value) // (2 * PPM))",
        "return rate_ppm * value // PPM",
        "test_E0_integers.py",
    ),
    Mutant(
        "a lot's value is cut, not rounded half away from zero",
        "contracts/value.py",
        "        return (2 * self._tick_num * ticks + self._den) // (2 * self._den)",
        "        return self._tick_num * ticks // self._den",
        "test_E1_value.py test_E0_integers.py",
    ),
    Mutant(
        "the released cost of a partial close is cut",
        "orders/account.py",
        "released = rha(self.cost * qty, size)",
        "released = self.cost * qty // size + 1",
        "test_E2_average_cost.py",
    ),
    Mutant(
        "a partial close releases no margin that was moved in",
        "orders/account.py",
        "self.pos_cross -= rha(self.pos_cross * qty, size)",
        "self.pos_cross -= 0",
        "test_E12_accounts.py test_E13_tiers.py test_E12_position_margin.py",
    ),
    Mutant(
        "the hold of a canceled buy is not given back",
        "risk/state.py",
        "held[spec.settl_currency] -= order.held_quote",
        "held[spec.settl_currency] -= 0",
        "test_E23_spot.py",
    ),
    Mutant(
        "fees go to the insurance fund",
        "treasury/ledger.py",
        "entries = ((first, -paid), (second, -also), (FEES, total))",
        "entries = ((first, -paid), (second, -also), (FUND, total))",
        "test_L1_ledger.py test_E3_fees.py",
    ),
    Mutant(
        "a settlement charges its fee on the side that it pays",
        "fixings/settlement.py",
        "cost = market.maths.sign * side * value",
        "cost = market.maths.sign * side * value + comm",
        "test_E14_settlement.py",
    ),
    Mutant(
        "longs are paid by a positive funding rate",
        "fixings/funding.py",
        "owed.append((position, fee(rate, value * (qty // lot))))",
        "owed.append((position, fee(-rate, value * (qty // lot))))",
        "test_E10_funding.py",
    ),
    Mutant(
        "the exchange keeps a sixth of the interest",
        "treasury/lending.py",
        "LENDER_PERCENT = 85",
        "LENDER_PERCENT = 84",
        "test_E24_lending.py",
    ),
    Mutant(
        "spot executions cost a unit more when they don't divide",
        "contracts/value.py",
        "return qty * ticks * self._tick_num // self._den",
        "return -(-qty * ticks * self._tick_num // self._den)",
        "test_E23_spot.py",
    ),
    Mutant(
        "the bankruptcy value of an inverse long is rounded up",
        "risk/position_margin.py",
        "return max(0, (cost + loss) // lots)",
        "return max(0, (cost + loss) // lots + 1)",
        "test_E12_position_margin.py",
    ),
    Mutant(
        "unrealised profit of one position backs another",
        "risk/margin.py",
        "                if pnl < 0:\n                    free += pnl",
        "                free += pnl",
        "test_E12_accounts.py test_E5_order_margin.py test_E12_position_margin.py",
    ),
    Mutant(
        "the short way forgets what an order takes of what is free",
        "risk/quick.py",
        "room.free -= hold",
        "room.free -= 0",
        "test_E4_quick.py",
    ),
    Mutant(
        "the short way charges the maker what the taker pays",
        "risk/quick_fill.py",
        "maker_ppm = making.maker_ppm",
        "maker_ppm = making.taker_ppm",
        "test_E4_quick.py test_E3_fees.py",
    ),
    Mutant(
        "the short way leaves the value of a canceled buy in the hold",
        "risk/quick.py",
        "            position.buy_value -= worth\n",
        "            position.buy_value -= 0\n",
        "test_E4_quick.py",
    ),
    Mutant(
        "sells are not charged beside buys",
        "risk/order_margin.py",
        "    cost = _reserve(position, opening_sells)\n",
        "    cost = 0\n",
        "test_E5_order_margin.py",
    ),
    Mutant(
        "a takeover is at the liquidation value",
        "risk/takeover.py",
        "value = ends.bankrupt_value * (qty // maths.lot_size)",
        "value = ends.liquidation_value * (qty // maths.lot_size)",
        "test_E13_liquidation.py",
    ),
    Mutant(
        "victims are deleveraged at the mark",
        "risk/deleveraging.py",
        "value = order.bankrupt_value * (qty // maths.lot_size)",
        "value = market.mark_value * (qty // maths.lot_size)",
        "test_E13c_deleveraging.py",
    ),
    Mutant(
        "a canceled withdrawal keeps its network fee",
        "office/withdrawals.py",
        "state.ledger.move(Cause.WITHDRAWAL, held.currency, PENDING, account.wallet, held.total)",
        "state.ledger.move(Cause.WITHDRAWAL, held.currency, PENDING, account.wallet, held.amount)",
        "test_E27_withdrawals.py",
    ),
    Mutant(
        "a dividend is rounded up",
        "fixings/dividends.py",
        "got = {one: floor(each * one.qty) for one in held if one.qty > 0}",
        "got = {one: ceil(each * one.qty) for one in held if one.qty > 0}",
        "test_E25_mining.py",
    ),
)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the tests of the core need."""
    root = tmp_path_factory.mktemp("mutants")
    ignore = shutil.ignore_patterns("__pycache__", "*.csv")
    for folder in ("sim_exchange", "tests/core", "scripts"):
        shutil.copytree(ROOT / folder, root / folder, ignore=ignore)
    for file in ("pyproject.toml", "tests/conftest.py"):
        shutil.copy(ROOT / file, root / file)
    return root


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.what)
def test_L2_a_fault_planted_in_the_money_code_is_caught(mutant: Mutant, copy: Path) -> None:
    path = copy / CORE / mutant.file
    source = path.read_text("utf-8")
    assert source.count(mutant.good) == 1, f"{mutant.file}: {mutant.good!r} must be there once"
    path.write_text(source.replace(mutant.good, mutant.bad), "utf-8")
    try:
        tests = [f"tests/core/{name}" for name in mutant.tests.split()]
        done = subprocess.run(
            [sys.executable, "-B", "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests],
            cwd=copy,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
    finally:
        path.write_text(source, "utf-8")

    assert done.returncode == 1, f"nobody saw that {mutant.what}:\n{done.stdout[-2_000:]}"


def test_the_copy_without_a_fault_passes(copy: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-B", "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider",
         "tests/core/test_E1_exchange.py", "tests/core/test_E25_mining.py"],
        cwd=copy,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout[-2_000:]
