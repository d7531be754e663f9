"""What pages and the public feed cost with 10,000 warnings and 50,000 runs, beside the same with a tenth.

``python -m benchmarks.long_lists [--warnings 10000] [--runs 50000]`` fills a ledger of its own, asks for each
several times, and ends with code 1 where one takes longer than its limit or, of ten times as much, more than
four times as long: what is shown is a page, so its cost must not follow what there is.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any

from sqlalchemy import Connection, insert

from alerts.examples import example_content
from alerts.versions import CLOSED
from flows.workspace import Workspace, open_workspace
from flows.worlds import present_of, worlds_with_warnings
from pipeline.exchange.canonical import canonical_json
from pipeline.ledger.publications import publish
from pipeline.ledger.runs import runs_known
from pipeline.ledger.tables import runs
from pipeline.ledger.warning_tables import warning_events, warning_versions, warnings
from pipeline.names import MEASURED
from pipeline.settings import Settings
from pipeline.times import parse_instant
from review.agency.issued import notices
from review.read_api.public import newest_public
from review.warnings_page.listing import Filters, listed

NOW = parse_instant("2026-01-14T08:00Z")
LIMIT_SECONDS, LIMIT_RATIO, REPEATS, QUARTER = 0.5, 4.0, 5, timedelta(hours=6)
EXAMPLE = example_content(world=MEASURED, simulated=False, cap_status="Actual")
TEXT = canonical_json(EXAMPLE.to_dict()).decode()
INPUTS = {"batches": [f"{n:064x}" for n in range(200)], "missing": []}


def fill(conn: Connection, warned: int, ran: int) -> None:
    """Enter warnings that are over, a few in force, and finished runs."""
    for start in range(0, warned, 500):
        rows: dict[Any, list[dict[str, Any]]] = {warnings: [], warning_versions: [], warning_events: []}
        for number in range(start, min(start + 500, warned)):
            _warning(rows, number, warned)
        for table, values in rows.items():
            conn.execute(insert(table), values)
    for start in range(0, ran, 1000):
        conn.execute(insert(runs), [_run(number) for number in range(start, min(start + 1000, ran))])


def _warning(rows: dict[Any, list[dict[str, Any]]], number: int, warned: int) -> None:
    name, at = f"01K{number:023d}", NOW - (warned - number) * QUARTER
    state = "issued" if number >= warned - 3 else CLOSED[0]
    rows[warnings].append({"id": name, "world": MEASURED, "product": "joint_warning", "created_at": at})
    version = {"warning_id": name, "version": 1}
    rows[warning_versions].append(
        {
            **version,
            "revision": 1,
            "content": TEXT.replace(EXAMPLE.warning_id, name),
            "content_digest": f"{number:064x}",
            "review_deadline": at,
            "expires": at,
            "written_by": "sameair",
            "at": at,
        }
    )
    for step, one in enumerate(("issued", state) if state != "issued" else ("issued",), 1):
        event = {"step": step, "state": one, "actor": "sameair", "reason": "", "at": at}
        rows[warning_events].append({**version, **event})


def _run(number: int) -> dict[str, Any]:
    at = NOW - number * QUARTER
    return {
        "id": f"01R{number:023d}",
        "world": MEASURED,
        "cycle": at,
        "as_of": at,
        "code_version": "1",
        "begun_at": at,
        "ended_at": at,
        "status": "finished",
        "is_current": True,
        "inputs": INPUTS,
        "degraded": "",
        "products": {"forecast": f"runs/{number}/forecast.nc"},
    }


def reads(ws: Workspace) -> dict[str, Callable[[Connection], object]]:
    """Return what is measured, by name."""
    return {
        "page of warnings": lambda conn: listed(conn, Filters(MEASURED), issued_only=False, until=None),
        "second page of one city": lambda conn: listed(
            conn, Filters(MEASURED, city="seoul", skip=50), issued_only=True, until=None
        ),
        "public feed": lambda conn: newest_public(conn),
        "page of an agency": lambda conn: notices(conn, MEASURED, "seoul", "en", ""),
        "runs of an episode page": lambda conn: runs_known(conn, MEASURED, NOW, 400),
        "worlds with warnings": lambda _: worlds_with_warnings(ws, None),
        "present of the world": lambda _: present_of(ws, MEASURED),
    }


def measured(warned: int, ran: int) -> dict[str, float]:
    """Return the median time of each [s]."""
    with tempfile.TemporaryDirectory() as folder:
        ws = open_workspace(Settings(data_dir=Path(folder)), lambda: NOW)
        with ws.ledger.write() as conn:
            fill(conn, warned, ran)
            for party in EXAMPLE.parties:
                publish(conn, party, "warnings", public=True, by="kim", at=NOW)
        found = {}
        for name, read in reads(ws).items():
            took = []
            for _ in range(REPEATS):
                with ws.ledger.read() as conn:
                    begun = time.process_time()
                    read(conn)
                    took.append(time.process_time() - begun)
            found[name] = median(took)
        ws.ledger.close()
    return found


def main() -> int:
    """Measure, print, and tell whether every limit holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--warnings", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=50_000)
    asked = parser.parse_args()
    small, large = (measured(asked.warnings // n, asked.runs // n) for n in (10, 1))
    over = 0
    for name, took in large.items():
        ratio = took / max(small[name], 1e-3)
        bad = took > LIMIT_SECONDS or (ratio > LIMIT_RATIO and took > LIMIT_SECONDS / 10)
        over += bad
        print(f"{name:<26}{small[name]:8.3f} s {took:8.3f} s  x{ratio:.1f}{'  OVER' * bad}")
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
