"""Runs: attempts at a cycle, never overwritten, of which exactly one can be current."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, insert, select, tuple_, update
from sqlalchemy.exc import IntegrityError
from ulid import ULID

from pipeline.errors import StorageError
from pipeline.ledger.tables import runs


@dataclass(frozen=True)
class RunRow:
    """One run as the ledger holds it; ``status`` is running, finished or failed."""

    id: str
    world: str
    cycle: datetime
    as_of: datetime
    code_version: str
    begun_at: datetime
    ended_at: datetime | None
    status: str
    is_current: bool
    model_id: str | None
    inputs: dict[str, Any]
    degraded: str
    products: dict[str, str]
    error: str


def begin_run(
    conn: Connection, *, world: str, cycle: datetime, as_of: datetime, code_version: str, at: datetime
) -> str:
    """Record that a run of a cycle begins, and return its id (ULID).

    Examples
    --------
    >>> import tempfile
    >>> from pipeline.ledger import open_ledger
    >>> from pipeline.times import parse_instant
    >>> when = parse_instant("2019-03-03T08:00Z")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     ledger = open_ledger(f"sqlite:///{folder}/ledger.sqlite")
    ...     with ledger.write() as conn:
    ...         run = begin_run(conn, world="measured", cycle=when, as_of=when, code_version="1", at=when)
    ...         finish_run(conn, run, at=when, model_id="m1", inputs={}, degraded="", products={})
    ...         print(make_current(conn, run, expected=None), make_current(conn, run, expected=None))
    ...     ledger.close()
    True False
    """
    run_id = str(ULID.from_datetime(at))
    conn.execute(
        insert(runs).values(
            id=run_id,
            world=world,
            cycle=cycle,
            as_of=as_of,
            code_version=code_version,
            begun_at=at,
            status="running",
            is_current=False,
        )
    )
    return run_id


def finish_run(
    conn: Connection,
    run_id: str,
    *,
    at: datetime,
    model_id: str | None,
    inputs: Mapping[str, Any],
    degraded: str,
    products: Mapping[str, str],
) -> None:
    """Record what a running run has made, once.

    Parameters
    ----------
    model_id : the model used, or None for a baseline
    inputs : what was read: batch ids, digests, what was missing (JSON values)
    degraded : why the forecast is degraded; empty when it is not
    products : path of every product by name

    Raises
    ------
    StorageError
        the run has ended before, or does not exist
    """
    _end(
        conn,
        run_id,
        at,
        status="finished",
        model_id=model_id,
        inputs=dict(inputs),
        degraded=degraded,
        products=dict(products),
    )


def fail_run(conn: Connection, run_id: str, *, at: datetime, error: str) -> None:
    """Record that a running run has failed, and why; it can never become current."""
    _end(conn, run_id, at, status="failed", error=error)


def note_under_way(conn: Connection, run_id: str, leg: Mapping[str, Any] | None) -> None:
    """Note in a running run what its process is in the midst of, or that it is in the midst of nothing.

    Examples
    --------
    >>> import tempfile
    >>> from pipeline.ledger import open_ledger
    >>> from pipeline.times import parse_instant
    >>> when = parse_instant("2019-03-03T08:00Z")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     ledger = open_ledger(f"sqlite:///{folder}/ledger.sqlite")
    ...     with ledger.write() as conn:
    ...         run = begin_run(conn, world="measured", cycle=when, as_of=when, code_version="1", at=when)
    ...         note_under_way(conn, run, {"step": "reading", "cities": ["seoul"]})
    ...         fail_run(conn, run, at=when, error="killed")
    ...         print([one.inputs for one in runs_of_cycle(conn, "measured", when)])
    ...     ledger.close()
    [{'under_way': {'step': 'reading', 'cities': ['seoul']}}]
    """
    running = update(runs).where(runs.c.id == run_id, runs.c.status == "running")
    conn.execute(running.values(inputs={"under_way": dict(leg)} if leg else {}))


def count_no_longer(conn: Connection, world: str, cycle: datetime) -> None:
    """Let what processes of a cycle died in be history that keeps nothing from being begun again."""
    for run in runs_of_cycle(conn, world, cycle):
        if run.status == "failed" and run.inputs.get("under_way"):
            held = {"died_in": run.inputs["under_way"]}
            conn.execute(update(runs).where(runs.c.id == run.id).values(inputs=held))


def make_current(conn: Connection, run_id: str, *, expected: str | None) -> bool:
    """Make a finished run the current one of its cycle if the current one is still the expected one.

    Parameters
    ----------
    expected : id of the run that the caller found to be current, or None if there was none

    Returns
    -------
    False, with nothing changed, when another run has become current meanwhile

    Raises
    ------
    StorageError
        the run is not finished, or does not exist
    """
    run = get_run(conn, run_id)
    if run is None or run.status != "finished":
        raise StorageError(
            f"run {run_id} is {run.status if run else 'unknown'}; only a finished one is current"
        )
    present = current_run(conn, run.world, run.cycle)
    if (present.id if present else None) != expected:
        return False
    # Where the database lets two writers come this far, its unique index lets one of them through.
    try:
        with conn.begin_nested():
            if expected is not None:
                released = update(runs).where(runs.c.id == expected, runs.c.is_current.is_(True))
                if conn.execute(released.values(is_current=False)).rowcount != 1:
                    return False
            conn.execute(update(runs).where(runs.c.id == run_id).values(is_current=True))
    except IntegrityError:
        return False
    return True


def get_run(conn: Connection, run_id: str) -> RunRow | None:
    """Return one run by id, or None."""
    return _first(conn, select(runs).where(runs.c.id == run_id))


def current_run(conn: Connection, world: str, cycle: datetime) -> RunRow | None:
    """Return the current run of a cycle, or None."""
    return _first(
        conn, select(runs).where(runs.c.world == world, runs.c.cycle == cycle, runs.c.is_current.is_(True))
    )


def newest_current_run(conn: Connection, world: str) -> RunRow | None:
    """Return the current run of the newest cycle that has one, or None."""
    current = select(runs).where(runs.c.world == world, runs.c.is_current.is_(True))
    return _first(conn, current.order_by(runs.c.cycle.desc()))


def list_runs(
    conn: Connection,
    world: str | None = None,
    limit: int = 20,
    *,
    after: RunRow | None = None,
    until: datetime | None = None,
) -> list[RunRow]:
    """Return the newest runs first, of one world or of all.

    Parameters
    ----------
    after : the last run of the page before; None: from the newest on
    until : runs of a later cycle or snapshot are left out
    """
    query = select(runs).order_by(runs.c.begun_at.desc(), runs.c.id.desc()).limit(limit)
    if world is not None:
        query = query.where(runs.c.world == world)
    if after is not None:
        query = query.where(tuple_(runs.c.begun_at, runs.c.id) < (after.begun_at, after.id))
    if until is not None:
        query = query.where(runs.c.cycle <= until, runs.c.as_of <= until)
    return [_run_row(row) for row in conn.execute(query)]


def runs_of_cycle(conn: Connection, world: str, cycle: datetime) -> list[RunRow]:
    """Return the runs of a cycle, the oldest first."""
    of_it = select(runs).where(runs.c.world == world, runs.c.cycle == cycle)
    return [_run_row(row) for row in conn.execute(of_it.order_by(runs.c.begun_at, runs.c.id))]


def runs_known(conn: Connection, world: str, as_of: datetime, limit: int) -> list[RunRow]:
    """Return the runs of a world whose snapshot was taken by an instant, the newest cycle first."""
    query = select(runs).where(runs.c.world == world, runs.c.as_of <= as_of)
    newest = query.order_by(runs.c.cycle.desc(), runs.c.id.desc()).limit(limit)
    return [_run_row(row) for row in conn.execute(newest)]


def predicted_between(
    conn: Connection, world: str, start: datetime, end: datetime, as_of: datetime
) -> list[tuple[datetime, str]]:
    """Return cycle and path of the predictions of the current runs of some cycles, oldest first.

    What a run read is as long as the past of its world and is not loaded.

    Parameters
    ----------
    start, end : cycles from the first to before the second
    as_of : runs whose snapshot was taken later are left out
    """
    c = runs.c
    query = select(c.cycle, c.products).where(
        c.world == world, c.is_current.is_(True), c.cycle >= start, c.cycle < end, c.as_of <= as_of
    )
    found = [(row.cycle, (row.products or {}).get("predictions", "")) for row in conn.execute(query)]
    return sorted((cycle, path) for cycle, path in found if path)


def _end(conn: Connection, run_id: str, at: datetime, **values: object) -> None:
    """End a run that is running."""
    running = update(runs).where(runs.c.id == run_id, runs.c.status == "running")
    if conn.execute(running.values(ended_at=at, **values)).rowcount != 1:
        raise StorageError(f"run {run_id} is not running; begin a new one, for runs are never overwritten")


def _first(conn: Connection, query: Select[Any]) -> RunRow | None:
    """Return the first row of a query, or None."""
    row = conn.execute(query.limit(1)).one_or_none()
    return _run_row(row) if row is not None else None


def _run_row(row: Row[Any]) -> RunRow:
    """Read a row; what a run without an end lacks is empty."""
    held = dict(row._mapping)
    for name, empty in (("inputs", {}), ("products", {}), ("degraded", ""), ("error", "")):
        held[name] = held[name] if held[name] is not None else empty
    return RunRow(**held)
