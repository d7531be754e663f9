"""The daily watch on the models in use: whether errors, intervals and inputs still look as they did."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from flows.model_evidence import judged_days, stored_days
from flows.operator import TELL_FROM
from flows.promotion import judged_thresholds, settle_shadows
from flows.registration import reference_of, score_tables, write_card
from flows.workspace import Workspace
from forecasting.input_reference import WINDOW_DAYS, input_findings
from forecasting.issue import QUANTITIES
from forecasting.model_scores import ALL_LEADS, Entry, day_scores, score_findings
from pipeline.cities import all_cities
from pipeline.ledger.model_reports import append_report, read_reports
from pipeline.ledger.model_roles import model_in_use
from pipeline.ledger.models import ModelRow
from pipeline.ledger.notices import Condition
from pipeline.series import load_panel
from pipeline.times import iso

EVERY: Final = timedelta(hours=24)
SLACK: Final = timedelta(minutes=10)
WINDOW: Final = timedelta(days=WINDOW_DAYS)
FEWEST_DAYS: Final = 30
"""With stored forecasts of fewer days than this, errors are not judged."""

SHOWN: Final = 5


@dataclass(frozen=True)
class ModelHealth:
    """How the model in use of one quantity is: its age, and what the newest watch found.

    Parameters
    ----------
    checked : when the watch last looked; None: never
    scores : of the days of the last 90, over all leads, by city
    findings : in which way it is no longer what was validated, a line each
    notes : what could not be judged, and why
    """

    model_id: str
    quantity: str
    data_until: datetime
    checked: datetime | None
    scores: tuple[Entry, ...] = ()
    findings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def row(self) -> dict[str, str]:
        """Return what a table shows of it."""
        checked = "" if self.checked is None else iso(self.checked)
        found = "; ".join(self.findings[:SHOWN]) or ("none" if self.checked else "not looked for yet")
        names = {"model": self.model_id, "quantity": self.quantity, "checked": checked}
        return {**names, "drift": found, "not judged": "; ".join(self.notes)}


def watch_if_due(ws: Workspace, world: str, now: datetime) -> list[ModelHealth]:
    """Watch the models in use once a day, and put shadows to the promotion gate; else nothing."""
    last = [health.checked for health in models_now(ws, world, now)]
    if not last or all(at is not None and now - at < EVERY - SLACK for at in last):
        return []
    settle_shadows(ws, world)
    return watch(ws, world, now)


def watch(ws: Workspace, world: str, now: datetime) -> list[ModelHealth]:
    """Compare the last 90 days of every model in use with its validation, and record what was found.

    Parameters
    ----------
    now : nothing received later is read; forecasts issued in the 90 days before are judged
    """
    for row in _in_use(ws, world, now):
        content = drift_of(ws, row, now)
        with ws.ledger.write() as conn:
            append_report(conn, row.id, "drift", content, at=now)
        write_card(ws, row.id)
    return models_now(ws, world, now)


def drift_of(ws: Workspace, row: ModelRow, now: datetime) -> dict[str, Any]:
    """Return in which way a model is no longer what was validated: scores, findings, what was not judged."""
    since = now - WINDOW
    limits = judged_thresholds(ws, row.quantity)
    rows = stored_days(ws, row.world, row.quantity, [row], since=since, until=now)
    days = judged_days(ws, row.world, row.quantity, rows, as_of=now)
    recent = day_scores(days, row.id, limits)
    with ws.ledger.read() as conn:
        tables = score_tables(read_reports(conn, row.id))
    enough = [e for e in recent if e["lead_day"] == ALL_LEADS and e["days"] >= FEWEST_DAYS]
    expected = next(iter(tables.values()), [])
    reference = reference_of(ws, row)
    notes = [f"{c}: fewer than {FEWEST_DAYS} days with stored forecasts" for c in sorted(limits)
             if c not in {e["city"] for e in enough}]  # fmt: skip
    notes += ["there are no scores to compare with"] * (not expected)
    notes += ["it was not kept how its inputs usually are"] * (not len(reference))
    cities = list(all_cities().values())
    panel = load_panel(ws.store, cities, row.world, start=since, end=now, as_of=now)
    findings = [*score_findings(enough, expected), *input_findings(panel, reference, now)]
    return {"from": iso(since), "to": iso(now), "scores": recent, "findings": findings, "notes": notes}


def models_now(ws: Workspace, world: str, now: datetime) -> list[ModelHealth]:
    """Return how the models in use are, by the newest watch."""
    found = []
    for row in _in_use(ws, world, now):
        with ws.ledger.read() as conn:
            newest = read_reports(conn, row.id, "drift", limit=1)
        head = (row.id, row.quantity, row.data_until)
        if not newest:
            found.append(ModelHealth(*head, None))
            continue
        content = newest[0].content
        scores = tuple(e for e in content["scores"] if e["lead_day"] == ALL_LEADS)
        texts = tuple(f["text"] for f in content["findings"])
        found.append(ModelHealth(*head, newest[0].at, scores, texts, tuple(content["notes"])))
    return found


def drift_conditions(models: Sequence[ModelHealth]) -> list[Condition]:
    """Return how each model stands, for the operator; a doubled number of findings is told again."""
    found = []
    for one in (m for m in models if m.checked is not None):
        drifting = len(one.findings)
        severity = TELL_FROM + int(math.log2(drifting)) if drifting else 0
        said = "; ".join(one.findings[:SHOWN]) or "no drift"
        more = f"; and {drifting - SHOWN} more" if drifting > SHOWN else ""
        state = "drifting" if drifting else "ok"
        text = f"model of {one.quantity} ({one.model_id}): {said}{more}"
        found.append(Condition(f"model {one.quantity}", state, severity, text))
    return found


def _in_use(ws: Workspace, world: str, now: datetime) -> list[ModelRow]:
    with ws.ledger.read() as conn:
        rows = [model_in_use(conn, world=world, quantity=q, known_at=now) for q in QUANTITIES]
    return [row for row in rows if row is not None]
