"""What either side forecast of an episode's days as issued, where the air came from, and what changed."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import pandas as pd

from flows.combine_claims import claims_in, day_number
from flows.dossier_subjects import EPOCH, Subject
from flows.origins import origins_of_run
from flows.reasons import reasons_of_run
from flows.workspace import Workspace
from forecasting.issue import OPERATIONAL
from pipeline.bulletins import StoredBulletin, read_versions
from pipeline.cities import all_cities
from pipeline.errors import ContractError
from pipeline.ledger.runs import RunRow, list_runs
from pipeline.storage.products import brought
from pipeline.times import FORECAST_DAYS, iso, local_date

Plain = dict[str, Any]

MANY: Final = 1_000_000
AHEAD: Final = timedelta(days=FORECAST_DAYS + 1)
"""Runs so long before an episode may have spoken of it."""

MOST_REASONS: Final = 5
MOST_REGIONS: Final = 6
TOLD: Final = 0.15
"""A change of the probability by so much from one cycle to the next is told with its reasons [1]."""


def runs_about(ws: Workspace, subject: Subject, as_of: datetime) -> list[RunRow]:
    """Return the current runs of the cycles that could speak of an episode, oldest first."""
    with ws.ledger.read() as conn:
        known = list_runs(conn, subject.world, limit=MANY)
    good = [r for r in known if r.is_current and r.status == "finished" and r.as_of <= as_of]
    return sorted((r for r in good if subject.onset - AHEAD <= r.cycle < subject.end), key=lambda r: r.cycle)


def is_replay(run: RunRow) -> bool:
    """Tell whether a run was made later from past data, so that nobody was warned by it at the time."""
    return bool((run.inputs.get("plan") or {}).get("mode") == "replay")


def ours_of(ws: Workspace, subject: Subject, runs: Sequence[RunRow]) -> list[Plain]:
    """Return what each run forecast of each day of an episode, as it stands in the run's table."""
    return [row for run in runs for row in _of_run(ws, subject, run)]


def _of_run(ws: Workspace, subject: Subject, run: RunRow) -> Iterator[Plain]:
    path = ws.settings.data_dir / run.products.get("predictions", "")
    if not path.is_file():
        return
    only = [("city", "==", subject.city), ("model", "==", OPERATIONAL), ("target", "==", "daily")]
    rows = pd.read_parquet(path, filters=only).dropna(subset=["mean"]).sort_values("valid_start")
    zone, column = all_cities()[subject.city].timezone, f"p_gt_{subject.threshold}"
    for row in rows.to_dict("records"):
        day = local_date(row["valid_start"].to_pydatetime(), zone)
        if subject.first <= day <= subject.last:
            yield {
                "cycle": iso(run.cycle),
                "run": run.id,
                "model": run.model_id or "",
                "degraded": run.degraded,
                "day": day.isoformat(),
                "lead_day": int(row["lead_day"]),
                **{name: round(float(row[name]), 1) for name in ("mean", "q10", "q90")},
                "probability": round(float(row[column]), 3),
                "measured_share": round(float(row["observed_share"]), 2),
            }


def theirs_of(ws: Workspace, subject: Subject, as_of: datetime) -> list[Plain]:
    """Return what others stated of an episode's days, each version from its receipt on.

    A statement that cannot be read as a range of PM2.5 is told as such and with its reason.
    """
    since = subject.onset - AHEAD - timedelta(days=1)
    with ws.ledger.read() as conn:
        stored = read_versions(conn, subject.world, since=since, as_of=as_of, kinds=("forecast", "over50"))
    return [row for one in stored for row in _stated(subject, one)]


def _stated(subject: Subject, stored: StoredBulletin) -> Iterator[Plain]:
    first, last = day_number(subject.first), day_number(subject.last)
    said = {
        "source": stored.bulletin.source,
        "party": str(stored.bulletin.content.get("sender") or ""),
        "kind": stored.bulletin.kind,
        "issued": iso(stored.bulletin.issued_at),
        "received": iso(stored.received_at),
    }
    try:
        claims = [c for c in claims_in(stored) if c.city == subject.city and first <= c.day <= last]
    except ContractError as error:
        yield said | {"day": "", "low": None, "high": None, "unread": str(error)}
        return
    for claim in claims:
        yield said | {
            "day": (EPOCH + timedelta(days=claim.day)).isoformat(),
            "low": claim.low,
            "high": None if math.isinf(claim.high) else claim.high,
            "unread": "",
        }


def changes_of(ws: Workspace, ours: Sequence[Plain], runs: Sequence[RunRow]) -> list[Plain]:
    """Return where the probability of a day moved by TOLD or more between cycles, and what moved it then.

    The reasons are those of the later run: its inputs with the greatest effect on that day's median [ug m-3].
    """
    by_id, found = {run.id: run for run in runs}, []
    for day in sorted({row["day"] for row in ours}):
        mine = [row for row in ours if row["day"] == day]
        for before, after in pairwise(mine):
            if abs(after["probability"] - before["probability"]) >= TOLD:
                found.append(
                    {
                        "day": day,
                        "from": before["cycle"],
                        "to": after["cycle"],
                        "before": before["probability"],
                        "after": after["probability"],
                        "reasons": _reasons(ws, by_id[after["run"]], day),
                    }
                )
    return found


def _reasons(ws: Workspace, run: RunRow, day: str) -> list[Plain]:
    document = reasons_of_run(ws, run)
    cities: Sequence[Any] = document["cities"] if document else ()
    days = [d for city in cities for d in city["days"] if d["date"] == day]
    moved = sorted(days[0]["moved"], key=lambda m: -abs(m["effect"])) if days else []
    named = [m for m in moved if m.get("text")]
    return [{"effect": m["effect"], "text": dict(m["text"])} for m in named[:MOST_REASONS]]


def origin_of(ws: Workspace, subject: Subject, runs: Sequence[RunRow]) -> Plain:
    """Return where the air came from by the last run that told it before the episode ended, and the links."""
    found: Plain = {"run": "", "missing": "no run stored origins", "regions": [], "links": []}
    for run in reversed(runs):
        panel = origins_of_run(ws, run)
        mine = next((c for c in panel.cities if c.city == subject.city), None) if panel else None
        if panel is None or mine is None:
            continue
        found = {
            "run": run.id,
            "cycle": iso(run.cycle),
            "winds": panel.winds,
            "missing": mine.missing or panel.missing,
            "regions": [],
            "links": found["links"],
        }
        if not found["missing"]:
            found["arrivals"] = list(mine.arrivals)
            found["local"] = {"word": mine.local.word, "hours": mine.local.hours}
            found["regions"] = [
                {"region": r.region, "hours": r.hours, "low": r.low, "high": r.high}
                for r in sorted(mine.regions, key=lambda r: -r.hours)[:MOST_REGIONS]
            ]
            break
    return found | {"links": _links(ws, subject, runs)}


def _links(ws: Workspace, subject: Subject, runs: Sequence[RunRow]) -> list[Plain]:
    """Return the transport links to the city of the last run that stored any."""
    names = ("upwind", "downwind", "lag_hours", "lift", "p_value", "method", "path_share", "confidence")
    for run in reversed(runs):
        path = brought(ws.settings, Path(run.products["forecast"]).with_name("links.json"))
        if path.is_file():
            listed = json.loads(path.read_text("utf-8"))
            mine = [row for row in listed if row["downwind"] == subject.city]
            return [{n: row.get(n) for n in names} | {"run": run.id} for row in mine]
    return []
