"""Which world a page shows: the one that is asked for, else the measured one, else a simulated one."""

from __future__ import annotations

from fastapi import HTTPException, Request
from sqlalchemy import Connection, func, select

from pipeline.ledger.tables import runs
from pipeline.names import is_simulated


def world_of(request: Request, conn: Connection) -> str:
    """Return the world that a request asks for by ``?world=``, or the one that is worked in.

    That is the measured world with the newest run, else the simulated one with the newest run, else nothing:
    an installation without runs. A world without runs is answered 404.
    """
    known = worlds(conn)
    asked = request.query_params.get("world", "")
    if asked and asked not in known:
        raise HTTPException(404, "There is no such world.")
    return asked or next(iter(known), "")


def worlds(conn: Connection) -> list[str]:
    """Return the worlds that have runs: measured ones first, then by their newest run.

    Examples
    --------
    >>> import tempfile
    >>> from pipeline.ledger import open_ledger
    >>> from pipeline.ledger.runs import begin_run
    >>> from pipeline.times import parse_instant
    >>> given = [("measured", "2019-03-03T08:00Z"), ("simulated-1", "2024-03-03T08:00Z")]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     ledger = open_ledger(f"sqlite:///{folder}/ledger.sqlite")
    ...     with ledger.write() as conn:
    ...         for world, at in given:
    ...             when = parse_instant(at)
    ...             run = begin_run(conn, world=world, cycle=when, as_of=when, code_version="1", at=when)
    ...         print(worlds(conn))
    ...     ledger.close()
    ['measured', 'simulated-1']
    """
    newest = select(runs.c.world, func.max(runs.c.id)).group_by(runs.c.world)
    found = sorted((row[1], row[0]) for row in conn.execute(newest))[::-1]
    return sorted((world for _, world in found), key=is_simulated)
