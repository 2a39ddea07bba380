"""The strategies that come along, and how any strategy is found."""

from pathlib import Path
from typing import Any

import pytest

from mmbot.errors import StrategyLoadError
from mmbot.strategy.api import Explains, Quotes, View
from mmbot.strategy.builtin.basis_skew import BasisSkew
from mmbot.strategy.builtin.fixed_spread import FixedSpread
from mmbot.strategy.loader import FunctionStrategy, load_strategy
from mmbot.types import Side
from tests.bot.instruments import ETC7D, MONDAY_NS
from tests.bot.script import World


def view(**changes: Any) -> View:
    facts: dict[str, Any] = {
        "now_ns": MONDAY_NS,
        "instrument": ETC7D,
        "spot_bid": 0.01999,
        "spot_ask": 0.02001,
        "spot": 0.02,
        "best_bid": None,
        "best_ask": None,
        "mark": None,
        "index": None,
        "position": 0,
        "target_position": 0,
        "years_to_settlement": 7 / 365,
        "home_rate": 0.0,
        "foreign_rate": 0.5,
        "spot_taker_fee": 0.0025,
        "wallet_balance": 10**9,
    }
    return View(**{**facts, **changes})


# --- fixed_spread ---------------------------------------------------------------------------------


def test_fixed_spread_is_the_lessons_quote_of_300_at_199_and_201():
    quotes = FixedSpread(size_value=6.0).quote(view())

    levels = (*quotes.bids, *quotes.asks)
    assert [level.price for level in levels] == pytest.approx([0.0199, 0.0201])
    assert [level.size for level in levels] == [300, 300]


def test_fixed_spread_does_not_care_for_the_position():
    strategy = FixedSpread()

    assert strategy.quote(view(position=1000)) == strategy.quote(view(position=-1000))


# --- basis_skew -----------------------------------------------------------------------------------


def basis_skew(**params: Any) -> BasisSkew:
    lesson: dict[str, Any] = {
        "half_spread": 0.005, "levels": 1, "size_value": 6.0, "volatility_weight": 0.0,
    }  # fmt: skip
    return BasisSkew(**{**lesson, **params})


def test_basis_skew_quotes_around_spot_times_one_plus_basis():
    strategy = basis_skew()

    quotes = strategy.quote(view())

    assert strategy.explain()["basis"] == pytest.approx(-0.0094979647)
    assert quotes.bids[0].price == pytest.approx(0.01981004071 * 0.995)
    assert quotes.asks[0].price == pytest.approx(0.01981004071 * 1.005)


def test_basis_skew_leans_against_the_position():
    strategy = basis_skew()

    flat = strategy.quote(view())
    long = strategy.quote(view(position=150))

    assert strategy.explain()["skew"] == pytest.approx(-0.0025)
    assert long.bids[0].price < flat.bids[0].price
    assert long.asks[0].price < flat.asks[0].price


def test_basis_skew_leans_towards_its_target():
    strategy = basis_skew()

    strategy.quote(view(position=150, target_position=150))

    assert strategy.explain()["skew"] == 0


def test_basis_skew_stops_leaning_at_its_limit():
    strategy = basis_skew(max_skew_size=2.0)

    strategy.quote(view(position=30_000))

    assert strategy.explain()["skew"] == pytest.approx(-0.01)


def test_basis_skew_makes_its_width_out_of_the_fees():
    strategy = basis_skew(half_spread=0.0, profit=0.004)

    strategy.quote(view(spot_bid=0.01998, spot_ask=0.02002))

    assert strategy.explain()["half_spread"] == pytest.approx((0.005 + 0.002 + 0.004) / 2)


def test_basis_skew_ladder_gets_wider_and_larger():
    quotes = basis_skew(levels=3, interval=0.0025, size_value=2.0, size_growth=2.0).quote(view())

    middle = 0.02 * (1 - 0.0094979647)
    assert [level.size for level in quotes.asks] == [100, 200, 400]
    assert [level.price / middle - 1 for level in quotes.asks] == pytest.approx(
        [0.005, 0.0075, 0.01], abs=1e-6
    )


def test_basis_skew_widens_when_spot_is_wild():
    strategy = basis_skew(volatility_weight=1.0, volatility_horizon_s=4.0)

    for second in range(100):
        price = 0.02 * (1.001 if second % 2 else 1.0)
        strategy.quote(view(spot=price, now_ns=MONDAY_NS + second * 10**9))

    assert strategy.explain()["half_spread"] == pytest.approx(0.007, rel=0.01)


@pytest.mark.parametrize(
    ("position", "bid_sizes"),
    [(0, []), (200, []), (-100, [100]), (-350, [300, 50]), (-900, [300, 300])],
)
def test_basis_skew_bids_only_for_its_short_when_nobody_lends(position, bid_sizes):
    quotes = basis_skew(levels=2, size_growth=1.0).quote(view(foreign_rate=None, position=position))

    assert [level.size for level in quotes.bids] == bid_sizes
    assert [level.size for level in quotes.asks] == [300, 300]


def test_basis_skew_buys_all_of_a_short_back_but_no_more():
    world = World(basis_skew(), lending_symbol="", foreign_rate=None)
    assert world.quotes[0] == []

    world.hit(Side.SELL, 200)
    world.run(5)

    assert [qty for _, qty in world.quotes[0]] == [200]


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"levels": 0}, "levels=0"),
        ({"size_value": 0.0}, "size_value=0.0"),
        ({"half_spread": -0.1}, "half_spread=-0.1"),
        ({"interval": -0.1}, "interval=-0.1"),
    ],
)
def test_basis_skew_refuses_parameters_that_make_no_quote(params, words):
    with pytest.raises(ValueError, match=words):
        BasisSkew(**params)


def test_built_in_strategies_explain_themselves():
    assert isinstance(FixedSpread(), Explains)
    assert isinstance(BasisSkew(), Explains)


# --- loader ---------------------------------------------------------------------------------------

PLUGIN = """
from dataclasses import dataclass, field
from mmbot.strategy.api import Level, Quotes, View

LOUD = 3

@dataclass
class Mine:
    half_spread: float = 0.01
    size: int = 300
    _hidden: list[int] = field(default_factory=list, init=False)

    def quote(self, view: View) -> Quotes:
        return Quotes(bids=(Level(view.spot * (1 - self.half_spread), self.size),))

@dataclass
class Child(Mine):
    more: bool = False

class Plain:
    def __init__(self, size=1):
        self.size = size
    def quote(self, view):
        return Quotes()

class Broken:
    def __init__(self):
        raise RuntimeError("not today")
    def quote(self, view):
        return Quotes()

class Mute:
    pass

def simple(view, half=0.01):
    return Quotes(asks=(Level(view.spot * (1 + half), 1),))

ready = Plain(5)
"""


@pytest.fixture
def plugin(tmp_path: Path) -> str:
    path = tmp_path / "my_quotes.py"
    path.write_text(PLUGIN)
    return str(path)


def test_short_names_are_the_built_in_strategies():
    assert isinstance(load_strategy("basis_skew"), BasisSkew)
    assert load_strategy("fixed_spread", {"half_spread": 0.01}) == FixedSpread(half_spread=0.01)


def test_module_and_name():
    strategy = load_strategy("mmbot.strategy.builtin.basis_skew:BasisSkew", {"levels": 3})

    assert strategy == BasisSkew(levels=3)


def test_file_and_name(plugin):
    strategy: Any = load_strategy(f"{plugin}:Mine", {"half_spread": 1})
    child: Any = load_strategy(f"{plugin}:Child", {"size": 7, "more": True})

    assert (strategy.half_spread, strategy.size) == (1.0, 300)
    assert (child.size, child.more) == (7, True)
    assert isinstance(strategy.quote(view()), Quotes)


def test_plain_function_is_wrapped(plugin):
    strategy = load_strategy(f"{plugin}:simple", {"half": 0.5})

    assert isinstance(strategy, FunctionStrategy)
    assert strategy.quote(view()).asks[0].price == pytest.approx(0.03)


def test_ready_made_object_and_plain_class(plugin):
    ready: Any = load_strategy(f"{plugin}:ready")
    plain: Any = load_strategy(f"{plugin}:Plain", {"size": 9})

    assert (ready.size, plain.size) == (5, 9)


@pytest.mark.parametrize(
    ("name", "params", "words"),
    [
        ("Nobody", {}, "has no 'Nobody'; it has Broken, Child, Mine, Mute, Plain, ready, simple"),
        ("LOUD", {}, "has no method quote"),
        ("Mute", {}, "has no method quote"),
        ("Broken", {}, "raised when made: RuntimeError: not today"),
        ("Mine", {"halfspread": 1}, "no parameter halfspread; it has half_spread, size"),
        ("Mine", {"_hidden": []}, "no parameter _hidden; it has half_spread, size"),
        ("Mine", {"size": "many"}, "parameter size='many': Expected `int`, got `str`"),
        ("Plain", {"sizes": 1}, "no parameter sizes; it has size"),
        ("simple", {"halves": 1}, "can't be called as quote"),
        ("ready", {"size": 1}, "takes no params: size"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(plugin, name, params, words):
    with pytest.raises(StrategyLoadError, match=words):
        load_strategy(f"{plugin}:{name}", params)


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("nothing", "no strategy 'nothing'; there are basis_skew, fixed_spread"),
        ("no.such.module:X", "no module 'no.such.module'"),
        ("/no/such/file.py:X", "no file /no/such/file.py"),
        ("mmbot.strategy.builtin.basis_skew:Bases", "it has BasisSkew"),
        ("mmbot.strategy.builtin.basis_skew:", "it has BasisSkew"),
    ],
)
def test_what_is_wrong_with_a_reference_is_said(reference, words):
    with pytest.raises(StrategyLoadError, match=words):
        load_strategy(reference)


def test_wrong_parameter_of_a_built_in_strategy_is_said():
    with pytest.raises(StrategyLoadError, match="levels=0"):
        load_strategy("basis_skew", {"levels": 0})


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("raise RuntimeError('sick')", "raised when loaded: RuntimeError: sick"),
        ("import no_such_module", "raised when loaded: ModuleNotFoundError"),
        ("def", "raised when loaded: SyntaxError"),
    ],
)
def test_file_that_raises_when_loaded(tmp_path, source, words):
    path = tmp_path / "sick.py"
    path.write_text(source)

    with pytest.raises(StrategyLoadError, match=words):
        load_strategy(f"{path}:X")


def test_module_that_raises_when_loaded(tmp_path, monkeypatch):
    (tmp_path / "sick_module_of_a_test.py").write_text("import no_such_module")
    monkeypatch.syspath_prepend(str(tmp_path))

    with pytest.raises(StrategyLoadError, match="no_such_module"):
        load_strategy("sick_module_of_a_test:X")
