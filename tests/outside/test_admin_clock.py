"""design.md 6: the token, the state, the audit, and a clock that the operator moves."""

import pytest


def test_state_says_where_the_exchange_is(exchange):
    state = exchange.look("/state")

    assert state["clock"] == {
        "at": "2018-01-15T10:00:00.000Z", "kind": "manual", "factor": 1, "paused": False,
    }  # fmt: skip
    assert (state["era"], state["seed"]) == ("2018", 7)
    assert state["seq"] == exchange.journal()[-1]["seq"]
    assert len(state["digest"]) >= 32
    assert state["counts"]["openOrders"] == 0


def test_state_moves_with_every_command(exchange):
    before = exchange.look("/state")
    placed = exchange.order("alice", 1, 0.003, symbol="ETC7D")
    after = exchange.look("/state")
    exchange.ask("DELETE", "/order", "alice", orderID=placed["orderID"])

    assert after["seq"] == before["seq"] + 1
    assert after["digest"] != before["digest"]
    assert after["counts"]["openOrders"] == 1


def test_audit_names_its_invariants(exchange):
    audit = exchange.look("/audit")

    assert audit["ok"] is True
    assert audit["checked"]
    assert audit["at"] == exchange.look("/state")["clock"]["at"]


@pytest.mark.parametrize("token", ["", "wrong", "operator-token2"])
@pytest.mark.parametrize(("verb", "path"), [("GET", "/state"), ("POST", "/clock"), ("GET", "/no")])
def test_without_the_token_nothing_is_answered(exchange, token, verb, path):
    before = exchange.look("/state")

    answer = exchange.admin(verb, path, {"advance_s": 5} if verb == "POST" else None, token=token)

    assert answer.status_code in {401, 403}
    assert answer.json()["error"].keys() == {"message", "name"}
    assert exchange.look("/state") == before


def test_the_key_of_a_client_is_no_token_and_unknown_calls_are_404(exchange):
    assert exchange.call("GET", "/state", "alice").status_code == 404
    assert exchange.admin("GET", "/nothing").status_code == 404
    assert exchange.admin("POST", "/nothing", {}).status_code == 404


@pytest.mark.parametrize(
    ("fields", "named", "allowed"),
    [
        ({}, "advance_s", "one of"),
        ({"advance_s": 1, "to": "2019-01-01T00:00:00Z"}, "advance_s and to", "one of"),
        ({"advance_s": -1}, "advance_s: -1", "from 0"),
        ({"advance_s": "60"}, "advance_s: '60'", "a number"),
        ({"advance_s": True}, "advance_s: True", "a number"),
        ({"advance_s": None}, "advance_s: None", "a number"),
        ({"advance_s": [1]}, "advance_s: [1]", "a number"),
        ({"to": "soon"}, "to: 'soon'", "ISO 8601"),
        ({"to": None}, "to: None", "ISO 8601"),
        ({"to": "2018-01-01T00:00:00Z"}, "to: '2018-01-01T00:00:00.000Z'", "not before 2018-01-15"),
        ({"seconds": 5}, "seconds: 5", "advance_s, to, factor, paused"),
        ({"factor": 5}, "factor", "manual"),
        ({"paused": True}, "paused", "manual"),
    ],
)
def test_a_bad_move_is_refused_and_moves_nothing(exchange, fields, named, allowed):
    before = exchange.look("/state")

    said = exchange.refusal("/clock", **fields)

    assert named in said
    assert allowed in said
    assert exchange.look("/state") == before


@pytest.mark.parametrize("body", [b"{", b"[]", b"5", b'"x"', b"\xff", b'{"advance_s": NaN}'])
def test_a_body_that_is_no_json_object_is_refused(exchange, body):
    headers = {"authorization": "Bearer operator-token"}

    answer = exchange.http.post("/admin/v1/clock", content=body, headers=headers)

    assert answer.status_code == 400
    assert answer.json()["error"]["message"]


def test_every_timer_on_the_way_runs_at_its_own_instant_and_in_order(exchange):
    state = exchange.look("/state")
    assert exchange.tell("/clock", to="2018-01-15T10:07:00Z")["clock"]["at"] == (
        "2018-01-15T10:07:00.000Z"
    )

    records = exchange.journal(state["seq"] + 1)
    assert [r["seq"] for r in records] == list(range(state["seq"] + 1, records[-1]["seq"] + 1))
    assert [r["at_ns"] for r in records] == sorted(r["at_ns"] for r in records)
    # What nobody moves prints at whole minutes, all of it together.
    prints = [r for r in records if r["command"]["type"] == "FeedPrints"]
    assert [r["at"][11:19] for r in prints] == [f"10:0{minute}:00" for minute in range(1, 8)]
    assert all(".ETCXBT" in {row[0] for row in r["command"]["rows"]} for r in prints)
    # The prints of an instant come before the timers of that instant (E14).
    at_10_07 = [r["command"]["type"] for r in records if r["at"].startswith("2018-01-15T10:07:00")]
    assert at_10_07 == ["FeedPrints", "Advance"]
    # Publications that only repeat what they said before are run by one command.
    advances = [r["at"][11:19] for r in records if r["command"]["type"] == "Advance"]
    assert advances[-3:] == ["10:06:00", "10:06:55", "10:07:00"]


def test_time_moves_by_parts_of_a_second_and_not_at_all(exchange):
    exchange.advance(0.25)
    assert exchange.look("/state")["clock"]["at"].endswith(".250Z")

    exchange.advance(0)
    exchange.advance(0.75)
    assert exchange.look("/state")["clock"]["at"] == "2018-01-15T10:07:01.000Z"


def test_a_clock_that_runs_is_paused_and_sped_up_but_not_moved(serve):
    running = serve("--clock", "x2", "--start", "2018-01-15T10:00:00Z")

    assert running.look("/state")["clock"]["kind"] == "factor"
    assert "manual" in running.refusal("/clock", advance_s=5)
    assert "manual" in running.refusal("/clock", to="2019-01-01T00:00:00Z")
    assert "factor: 0" in running.refusal("/clock", factor=0)
    assert "paused: 1" in running.refusal("/clock", paused=1)
    assert running.tell("/clock", factor=100)["clock"]["factor"] == 100
    assert running.tell("/clock", paused=True)["clock"]["paused"] is True
    still = running.look("/state")
    assert running.look("/state") == still
    assert running.tell("/clock", paused=False)["clock"]["paused"] is False
    assert running.end() == (0, "", "")
