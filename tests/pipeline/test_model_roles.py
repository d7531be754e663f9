"""Which model forecasts: the champion as it was known then, and never one that learned something later."""

import tempfile
from datetime import timedelta

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.ledger import model_tables, open_ledger
from pipeline.ledger.audit import newest_rows, verify_audit
from pipeline.ledger.model_reports import append_report, read_reports
from pipeline.ledger.model_roles import give_role, model_in_use, role_events, roles_at
from pipeline.ledger.models import get_model, register_model
from pipeline.times import parse_instant

START = parse_instant("2020-01-01T00:00Z")
DAY = timedelta(days=1)
KIND = {"world": "measured", "quantity": "pm2p5"}


def register(conn, model_id, until, **more):
    given = {"purpose": "operational", "trained_at": until, **KIND, **more}
    register_model(
        conn,
        model_id=model_id,
        data_until=until,
        path=f"{model_id}.model",
        digest=model_id,
        details={},
        **given,
    )


def give(conn, model_id, role, at, **more):
    give_role(conn, get_model(conn, model_id), role, at=at, actor="kim", why="because", **more)


def used(conn, at, **more):
    row = model_in_use(conn, known_at=at, **KIND, **more)
    return row.id if row is not None else None


@pytest.fixture
def conn(ledger):
    with ledger.write() as conn:
        for n in range(3):
            register(conn, f"m{n}", START + n * DAY)
        yield conn


def test_without_a_champion_the_newest_that_learned_nothing_later_is_used(conn):
    assert used(conn, START - DAY) is None
    assert used(conn, START + DAY) == "m1"
    assert used(conn, START + 9 * DAY) == "m2"


def test_a_champion_is_used_from_the_instant_of_its_promotion_on_and_not_before(conn):
    give(conn, "m0", "champion", START + 5 * DAY)
    assert used(conn, START + 5 * DAY) == "m0"
    assert used(conn, START + 5 * DAY - timedelta(seconds=1)) == "m2", "a replay does not know of it"


def test_a_newer_champion_retires_the_old_one_and_both_stay_on_record(conn):
    give(conn, "m0", "champion", START + 5 * DAY)
    give(conn, "m1", "champion", START + 6 * DAY, forced=True, evidence={"gains": []})
    assert roles_at(conn, at=START + 6 * DAY, **KIND) == {"m0": "retired", "m1": "champion"}
    assert used(conn, START + 6 * DAY) == "m1"
    assert used(conn, START + 5.5 * DAY) == "m0"
    assert [(e.role, e.forced, e.actor) for e in role_events(conn, "m1")] == [("champion", True, "kim")]
    assert role_events(conn, "m0")[0].why == "followed by m1"
    assert verify_audit(conn).ok
    assert {r["action"] for r in newest_rows(conn)} == {"model.champion", "model.retired"}


def test_a_shadow_or_a_retired_model_is_never_used_however_new(conn):
    give(conn, "m2", "shadow", START + 5 * DAY)
    give(conn, "m1", "retired", START + 5 * DAY)
    assert used(conn, START + 6 * DAY) == "m0"


def test_a_champion_that_learned_something_later_than_the_instant_is_not_used(conn):
    register(conn, "late", START + 9 * DAY)
    give(conn, "late", "champion", START + 2 * DAY)
    assert used(conn, START + 3 * DAY) == "m2"
    assert used(conn, START + 9 * DAY) == "late"


def test_a_damaged_champion_is_left_out_and_the_next_one_is_used(conn):
    give(conn, "m0", "champion", START + 5 * DAY)
    assert used(conn, START + 6 * DAY, excluding=("m0",)) == "m2"


def test_another_variant_never_replaces_the_standard_one(conn):
    register(conn, "ahead", START + 3 * DAY, variant="ahead")
    give(conn, "ahead", "champion", START + 4 * DAY)
    assert used(conn, START + 5 * DAY) == "m2"
    assert used(conn, START + 5 * DAY, variant="ahead") == "ahead"


@pytest.mark.parametrize("table", [model_tables.model_roles, model_tables.model_reports])
@pytest.mark.parametrize("verb", ["UPDATE {} SET actor = 'x'", "DELETE FROM {}"])
def test_what_was_decided_cannot_be_changed(ledger, table, verb):
    with ledger.write() as conn:
        register(conn, "m", START)
        give(conn, "m", "champion", START)
        append_report(conn, "m", "drift", {"findings": []}, at=START)
    statement = verb.format(table.name).replace("actor", "model_id")
    with pytest.raises(sa.exc.IntegrityError, match="never changed"), ledger.write() as conn:
        conn.execute(sa.text(statement))


def test_a_report_that_says_the_same_again_is_not_repeated_but_a_watch_is(conn):
    for kind in ("hindcast", "hindcast", "drift", "drift"):
        append_report(conn, "m0", kind, {"findings": []}, at=START)
    assert [r.kind for r in read_reports(conn, "m0")] == ["drift", "drift", "hindcast"]


events = st.lists(
    st.tuples(
        st.integers(0, 3), st.sampled_from(["champion", "challenger", "shadow", "retired"]), st.integers(0, 8)
    ),
    max_size=8,
)


@pytest.mark.slow
@settings(max_examples=40)
@given(events=events, at=st.integers(0, 9))
def test_whatever_was_decided_the_model_in_use_knew_nothing_later_and_is_no_shadow(events, at):
    with tempfile.TemporaryDirectory() as folder:
        check_sequence(f"sqlite:///{folder}/ledger.sqlite", events, at)


def check_sequence(url, events, at):
    ledger = open_ledger(url)
    ordered = sorted(events, key=lambda e: e[2])
    with ledger.write() as conn:
        for n in range(4):
            register(conn, f"m{n}", START + n * DAY)
        for n, role, day in ordered:
            give(conn, f"m{n}", role, START + day * DAY)
        roles = roles_at(conn, at=START + at * DAY, **KIND)
        row = model_in_use(conn, known_at=START + at * DAY, **KIND)
        assert sum(r == "champion" for r in roles.values()) <= 1
        if row is not None:
            assert row.data_until <= START + at * DAY
            assert roles.get(row.id, "champion") == "champion"
        expected = {f"m{n}": role for n, role, day in ordered if day <= at}
        assert {k: v for k, v in roles.items() if v != "retired"}.items() <= expected.items()
    ledger.close()
