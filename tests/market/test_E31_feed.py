"""E31: rows of the feed that come twice ("overlap mismatch") are rejected; the first one holds."""

import pytest
from structlog.testing import capture_logs

from sim_exchange.app import build_world, load
from sim_exchange.core.commands import IndexPrints
from sim_exchange.server import admin_faults
from sim_exchange.server.admin_input import Fields

START = "2018-01-15T10:00:00Z"
SECOND_NS = 10**9


def build():
    return build_world(load({"clock": "manual", "start": START, "catalogue": "coins"}, environ={}))


def live(world, seconds):
    session = world.session
    session.clock.move_to(session.at_ns + seconds * SECOND_NS)
    session.run_due(session.clock.now_ns())


@pytest.mark.parametrize(
    ("mismatch", "reason"), [(False, "the same again"), (True, "overlap mismatch")]
)
def test_E31_doubled_feed_rows_are_rejected_and_change_nothing(mismatch, reason):
    plain, struck = build(), build()
    fault = {"name": "feed-doubled", "mismatch": mismatch}
    admin_faults.add(struck.venue, Fields(fault))

    with capture_logs() as logs:
        for world in (plain, struck):
            live(world, 60)

    assert struck.digest == plain.digest
    assert struck.memory.state_hash() == plain.memory.state_hash()
    rejected = [entry["reason"] for entry in logs if entry["event"] == "feed row rejected"]
    prints = [r for r in struck.session.journal.read() if isinstance(r.command, IndexPrints)]
    assert (
        len(rejected)
        == 12
        == len([r for r in prints if r.at_ns > plain.session.at_ns - 60 * SECOND_NS])
    )
    assert set(rejected) == {reason}
    (row,) = admin_faults.every_fault(struck.venue)
    assert (row["rejected"], row["fired"]) == (12, 12)


def test_feed_rows_are_doubled_with_the_probability_that_was_asked_for():
    world = build()
    admin_faults.add(world.venue, Fields({"name": "feed-doubled", "probability": 0.5}))
    with capture_logs():
        live(world, 600)
    (row,) = admin_faults.every_fault(world.venue)
    assert row["seen"] == 120
    assert row["rejected"] == row["fired"]
    assert row["fired"] in range(30, 91)
