"""No row of the audit trail can be altered, removed or moved without it showing."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.ledger.audit import append_audit, verify_audit
from pipeline.ledger.tables import audit, audit_head

START = datetime(2019, 3, 3, 8, tzinfo=UTC)
ROWS = 6


CHANGES = [
    {"actor": "beijing.li"},
    {"action": "y"},
    {"subject": "t"},
    {"payload": {"n": 99}},
    {"at": START - timedelta(days=1)},
    {"digest": "0" * 63 + "1"},
    {"previous": "f" * 64},
]


@pytest.fixture
def conn(ledger):
    with ledger.write() as conn:
        for n in range(ROWS):
            payload = {"n": n, "한글": ["중국", 1.5, None]}
            at = START + timedelta(hours=n)
            append_audit(conn, at=at, actor="seoul.kim", action="x", subject="s", payload=payload)
        yield conn


def verified_after(conn, statement):
    """What the trail says after a change that is then taken back."""
    with conn.begin_nested() as change:
        conn.execute(statement)
        report = verify_audit(conn)
        change.rollback()
    return report


def test_a_whole_trail_is_whole(conn):
    report = verify_audit(conn)
    assert (report.ok, report.rows, report.first_bad_seq) == (True, ROWS, None)


def test_an_empty_trail_is_whole(ledger):
    with ledger.read() as conn:
        assert verify_audit(conn).ok


def test_an_altered_row_is_named(conn):
    for seq in range(1, ROWS + 1):
        for change in CHANGES:
            report = verified_after(conn, sa.update(audit).where(audit.c.seq == seq).values(**change))
            assert (report.ok, report.first_bad_seq) == (False, seq), change
            assert f"row {seq}" in report.message
    assert verify_audit(conn).ok


def test_a_removed_row_is_named_even_the_last(conn):
    for seq in range(1, ROWS + 1):
        report = verified_after(conn, sa.delete(audit).where(audit.c.seq == seq))
        assert (report.ok, report.first_bad_seq) == (False, seq)


def test_a_removed_row_is_named_when_the_rest_moves_up(conn):
    conn.execute(sa.delete(audit).where(audit.c.seq == 3))
    for seq in range(4, ROWS + 1):
        conn.execute(sa.update(audit).where(audit.c.seq == seq).values(seq=seq - 1))
    assert verify_audit(conn).first_bad_seq == 3


def test_rows_that_changed_places_are_named(conn):
    for old, new in ((2, 99), (4, 2), (99, 4)):
        conn.execute(sa.update(audit).where(audit.c.seq == old).values(seq=new))
    assert verify_audit(conn).first_bad_seq == 2


def test_a_trail_that_was_emptied_is_noticed(conn):
    conn.execute(sa.delete(audit))
    report = verify_audit(conn)
    assert (report.ok, report.first_bad_seq) == (False, 1)


def test_a_lost_head_is_noticed(conn):
    conn.execute(sa.delete(audit_head))
    assert not verify_audit(conn).ok


def test_values_that_json_cannot_hold_are_refused(conn):
    with pytest.raises(ValueError, match="JSON"):
        append_audit(conn, at=START, actor="a", action="b", subject="c", payload={"x": float("nan")})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(payload=st.dictionaries(st.text(), json_values, max_size=4))
def test_every_json_payload_survives_the_database(conn, payload):
    append_audit(conn, at=START, actor="a", action="b", subject="c", payload=payload)
    assert verify_audit(conn).ok
