"""Episodes in the ledger: opened by their owner, revised by runs, read as they stood at an instant."""

from datetime import UTC, datetime, timedelta

import pytest

from pipeline.errors import ContractError
from pipeline.ledger import open_ledger
from pipeline.ledger.audit import verify_audit
from pipeline.ledger.episodes import (
    EpisodeRevision,
    list_episodes,
    open_episode,
    open_episodes,
    revise_episode,
    run_episodes,
)

AT = datetime(2026, 1, 14, 8, tzinfo=UTC)
ID = "seoul-01KEX0000000000000000000S1"


def said(state="open", run="R1", peak=96.1):
    return EpisodeRevision(run, state, AT, AT + timedelta(days=2), {"peak_mean": peak})


@pytest.fixture
def conn(tmp_path):
    ledger = open_ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    with ledger.write() as connection:
        yield connection
    ledger.close()


def enter(conn, episode_id=ID, city="seoul", world="simulated-7"):
    open_episode(conn, episode_id, world=world, city=city, quantity="pm2p5", at=AT)


def test_runs_revise_one_episode(conn):
    enter(conn)
    assert revise_episode(conn, ID, said(), AT) == 1
    assert revise_episode(conn, ID, said(run="R2"), AT) == 1, "the same statement is not repeated"
    later = AT + timedelta(hours=6)
    assert revise_episode(conn, ID, said(run="R3", peak=120.0), later) == 2
    assert revise_episode(conn, ID, said(run="R4", state="ended"), later + timedelta(hours=6)) == 3
    as_of = [open_episodes(conn, "simulated-7", t) for t in (AT, later, later + timedelta(hours=6))]
    assert [[e.details["peak_mean"] for e in rows] for rows in as_of] == [[96.1], [120.0], []]
    (row,) = list_episodes(conn, "simulated-7")
    assert (row.party, row.city, row.revision, row.state, row.run_id) == ("seoul", "seoul", 3, "ended", "R4")
    assert verify_audit(conn).rows == 2, "opened and ended"


def test_a_run_tells_what_stood_after_it_whatever_was_said_before_and_since(conn):
    """R2 repeats R1, R3 ends it: neither R1 nor R2 has nothing to tell, and R4 does not tell of it."""
    enter(conn)
    times = [AT + timedelta(hours=6 * n) for n in range(4)]
    for n, state in enumerate(("open", "open", "ended"), 1):
        revise_episode(conn, ID, said(run=f"R{n}", state=state), times[n - 1])
    told = [run_episodes(conn, "simulated-7", f"R{n}", at) for n, at in enumerate(times, 1)]
    assert [[e.state for e in rows] for rows in told] == [["open"], ["open"], ["ended"], []]
    assert run_episodes(conn, "measured", "R1", AT) == []


def test_worlds_do_not_mix(conn):
    enter(conn)
    revise_episode(conn, ID, said(), AT)
    assert open_episodes(conn, "measured", AT) == []


def test_an_id_belongs_to_one_city_of_one_world(conn):
    enter(conn)
    enter(conn)
    for change in ({"city": "incheon"}, {"world": "measured"}):
        with pytest.raises(ContractError, match="is seoul pm2p5 of world simulated-7"):
            enter(conn, **change)
    with pytest.raises(ContractError, match="not party-ULID"):
        enter(conn, episode_id="01KEX")
