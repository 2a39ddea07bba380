"""E29: contests and their awards."""

from sim_exchange.core import commands as c
from sim_exchange.core.events import AwardPaid
from sim_exchange.core.risk.contest import best
from sim_exchange.core.types import Award, Cause, Reason
from tests.core.world import BUY, SELL, XBT, XBTUSD, World, inverse_world, world

PRIZE = 200_000_000


def xbt(text: str) -> int:
    whole, _, part = text.partition(".")
    return int(whole) * XBT + int(part.ljust(8, "0"))


def trade(w: World, buyer: int, seller: int, qty: int, price: int, symbol: str = "XBTUSD") -> None:
    w.place(seller, SELL, qty, price, symbol)
    w.place(buyer, BUY, qty, price, symbol)


def paid(w: World) -> dict[Award, list[tuple[int, int]]]:
    found: dict[Award, list[tuple[int, int]]] = {}
    for event in w.of(AwardPaid):
        assert isinstance(event, AwardPaid)
        found.setdefault(event.award, []).append((event.account, event.amount))
    return found


def crowd(*names: str) -> tuple[World, list[int]]:
    w = inverse_world()
    accounts = [w.account(name, XBt=100 * XBT) for name in names]
    w.ok(c.OpenContest())
    return w, accounts


def test_E29_highest_score_wins() -> None:
    turnovers = ("2354.87", "4237.76", "1894.32")
    assert best({key: (xbt(score), 5) for key, score in enumerate(turnovers)}) == [1]
    profits = ("14.16", "15.14", "14.48")
    assert best({key: (xbt(score), 5) for key, score in enumerate(profits)}) == [1]
    assert best({}) == []
    assert best({3: (7, 30), 2: (7, 20), 1: (6, 10)}) == [2, 3]  # the earliest first


def test_E29_prize_comes_from_promo_which_the_venue_fills() -> None:
    w, (alice, bob, carol) = crowd("alice", "bob", "carol")
    trade(w, alice, bob, 1_000, 20_000)
    trade(w, alice, carol, 500, 20_000)
    before = w.wallet(alice)
    net = w.x._state.ledger.net_external("XBt")
    w.ok(c.HoldAwards(seed=1))

    assert paid(w)[Award.BIG_SPENDER] == [(alice, PRIZE)]
    assert w.wallet(alice) == before + PRIZE * len(
        [a for a in paid(w).values() if a[0][0] == alice]
    )
    assert w.x._state.ledger.balance("XBt", "exchange:promo") == 0
    assert w.x._state.ledger.net_external("XBt") == net + PRIZE * len(w.of(AwardPaid))
    causes = {getattr(event, "cause", None) for event in w.events}
    assert Cause.AWARD in causes
    score = next(e.score for e in w.of(AwardPaid) if isinstance(e, AwardPaid))
    assert score == 15_000_000  # 1,500 contracts at 10,000


def test_E29_profit_counts_what_is_realised_and_what_is_not() -> None:
    w, (alice, bob, carol, dave) = crowd("alice", "bob", "carol", "dave")
    trade(w, alice, bob, 1_000, 20_000)
    trade(w, carol, dave, 2_000, 20_000)
    w.index(".BXBT", "10100")
    trade(w, dave, carol, 2_000, 20_200)  # carol takes her profit
    w.ok(c.HoldAwards(seed=1))

    # Each contract made 99 XBt; carol paid two fees on 2,000, alice one on 1,000.
    assert paid(w)[Award.YACHT_CLUB] == [(carol, PRIZE)]
    (score,) = (
        e.score for e in w.of(AwardPaid) if isinstance(e, AwardPaid) and e.award is Award.YACHT_CLUB
    )
    assert (
        score == 198_000 - 15_000 + 4_951
    )  # as a taker 0.075 %, as a maker back 0.025 % (4,950.5)


def test_E29_what_was_made_before_the_contest_does_not_count() -> None:
    w = inverse_world()
    alice, bob = w.account("alice", XBt=XBT), w.account("bob", XBt=XBT)
    trade(w, alice, bob, 1_000, 20_000)
    w.index(".BXBT", "10100")
    w.ok(c.OpenContest())
    w.index(".BXBT", "10050")
    w.ok(c.HoldAwards(seed=1))
    assert paid(w) == {Award.YACHT_CLUB: [(bob, PRIZE)]}


def test_E29_profit_outlives_the_contract_that_made_it() -> None:
    w, (alice, bob) = crowd("alice", "bob")
    trade(w, alice, bob, 1_000, 20_000)
    w.index(".BXBT", "10100")
    trade(w, bob, alice, 1_000, 20_200)
    w.ok(c.ExpireNow(symbol="XBTUSD"))
    w.enlist(XBTUSD, listing_ns=w.now, expiry_ns=w.now + 10**15)
    w.ok(c.HoldAwards(seed=1))
    assert paid(w)[Award.YACHT_CLUB] == [(alice, PRIZE)]


def test_E29_largest_single_liquidation_shoots_the_moon() -> None:
    w = inverse_world()
    thin, thinner = w.account("thin", XBt=2_000_000), w.account("thinner", XBt=1_000_000)
    rich = w.account("rich", XBt=100 * XBT)
    w.ok(c.OpenContest())
    for account, qty in ((thin, 10_000), (thinner, 5_000)):
        w.place(rich, SELL, qty, 20_000, "XBTUSD")
        w.place(account, BUY, qty, 20_000, "XBTUSD")
    w.index(".BXBT", "9000")
    w.ok(c.HoldAwards(seed=1))
    assert paid(w)[Award.SHOOT_THE_MOON] == [(thin, PRIZE)]


def test_E29_matches_of_linked_accounts_count_for_nothing() -> None:
    w, (alice, bob) = crowd("alice", "bob")
    sub = w.ok(c.OpenAccount(name="sub", owner=alice))
    w.ok(c.Deposit(to_account=sub, currency="XBt", amount=10 * XBT))
    trade(w, alice, sub, 50_000, 20_000)
    trade(w, sub, alice, 50_000, 20_000)
    w.ok(c.HoldAwards(seed=1))
    assert paid(w) == {}
    assert bob


def test_E29_linked_accounts_can_not_shift_profit_to_one_of_them() -> None:
    w, (alice, bob, carol) = crowd("alice", "bob", "carol")
    sub = w.ok(c.OpenAccount(name="sub", owner=alice))
    w.ok(c.Deposit(to_account=sub, currency="XBt", amount=10 * XBT))
    trade(w, alice, sub, 50_000, 20_000)
    trade(w, bob, carol, 1_000, 20_000)
    w.index(".BXBT", "10100")
    w.ok(c.HoldAwards(seed=1))
    assert paid(w)[Award.YACHT_CLUB] == [(bob, PRIZE)]


def test_E29_tie_splits_the_prize_and_the_odd_satoshi_goes_to_the_earliest() -> None:
    w, (one, other, three) = crowd("one", "other", "three")
    trade(w, one, other, 1_000, 20_000)
    w.now += 1
    trade(w, three, one, 500, 20_000)
    trade(w, three, other, 500, 20_000)
    # one and other: 1,500 each, one first; three 1,000.
    w.ok(c.HoldAwards(seed=1, prize=3))
    spenders = paid(w)[Award.BIG_SPENDER]
    assert spenders == [(one, 2), (other, 1)]


def test_E29_lucky_one_is_drawn_by_the_seed_among_those_who_chatted() -> None:
    winners: set[int] = set()
    accounts: list[int] = []
    for seed in range(40):
        w, accounts = crowd("a", "b", "c", "d")
        w.ok(c.HoldAwards(seed=seed, chatters=tuple(accounts[:3])))
        ((winner, amount),) = paid(w)[Award.FEELING_LUCKY]
        assert amount == PRIZE
        winners.add(winner)
        if seed < 3:
            w, accounts = crowd("a", "b", "c", "d")
            w.ok(c.HoldAwards(seed=seed, chatters=tuple(reversed(accounts[:3]))))
            assert paid(w)[Award.FEELING_LUCKY] == [(winner, PRIZE)]
    assert winners == set(accounts[:3])


def test_E29_hidden_names_are_blank_and_the_market_s_own_do_not_take_part() -> None:
    w, (alice, bob) = crowd("alice", "bob")
    w.ok(c.SetFlags(to_account=alice, flags=("hiddenName",)))
    w.ok(c.SetFlags(to_account=bob, flags=("background",)))
    trade(w, alice, bob, 1_000, 20_000)
    w.ok(c.HoldAwards(seed=1, chatters=(alice, bob)))
    for event in w.of(AwardPaid):
        assert isinstance(event, AwardPaid)
        assert (event.account, event.name) == (alice, "")


def test_E29_spot_counts_its_cost() -> None:
    w = world()
    alice, bob = w.account("alice", XBt=10 * XBT), w.account("bob", ETC=1_000 * XBT)
    w.ok(c.OpenContest())
    trade(w, alice, bob, 100 * XBT, 2_000_000, "ETC_XBT")
    w.ok(c.HoldAwards(seed=1))
    assert paid(w)[Award.BIG_SPENDER] == [(bob, PRIZE // 2), (alice, PRIZE // 2)] or paid(w)[
        Award.BIG_SPENDER
    ] == [(alice, PRIZE // 2), (bob, PRIZE // 2)]
    assert all(e.score == 2 * XBT for e in w.of(AwardPaid) if isinstance(e, AwardPaid))


def test_E29_bad_contests() -> None:
    w, (alice,) = crowd("alice")
    assert w.refused(c.HoldAwards(seed=1, prize=0)).reason is Reason.BAD_AMOUNT
    assert w.refused(c.HoldAwards(seed=1, chatters=(99,))).reason is Reason.UNKNOWN_ACCOUNT
    assert w.refused(c.HoldAwards(seed=1, chatters=(0,))).reason is Reason.UNKNOWN_ACCOUNT
    w.ok(c.HoldAwards(seed=1))
    assert w.refused(c.HoldAwards(seed=1)).reason is Reason.BAD_TIME
    assert alice
