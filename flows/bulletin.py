"""The page of a run: forecast, thresholds, map and, where there is one, the warning that goes with it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from alerts.bulletin import render_bulletin
from alerts.bulletin_data import RunFacts
from alerts.content import WarningContent
from alerts.message_view import NO_BACKGROUND
from flows.assess import policy_of
from flows.dust import dust_of_run
from flows.letters import background_of
from flows.origins import origins_of_run
from flows.runview import read_run
from flows.workspace import Workspace
from pipeline.cities import all_cities
from pipeline.files import write_atomic
from pipeline.ledger.runs import RunRow
from pipeline.ledger.warnings import VersionRow, list_versions
from pipeline.times import iso

PRODUCTS = ("joint_warning", "single_city_warning", "notice")
"""Which warning the page of a run shows when there are several: the widest first."""


def warnings_of_cycle(ws: Workspace, world: str, cycle: datetime) -> list[VersionRow]:
    """Return the versions that a cycle proposed and nobody rejected, the widest product first.

    Of a cycle that was repeated too, whichever of its runs was the first to say so.
    """
    with ws.ledger.read() as conn:
        rows = [r for r in list_versions(conn, world) if r.content["issue_time"] == iso(cycle)]
    alive = [r for r in rows if r.state not in ("rejected", "expired")]
    return sorted(alive, key=lambda r: (PRODUCTS.index(r.content["product"]), r.warning_id))


def write_bulletin(ws: Workspace, run_id: str) -> Path:
    """Write the bulletin of a run as one self-contained HTML file; writing it again replaces it."""
    view = read_run(ws, run_id)
    plan = view.plan
    proposed = warnings_of_cycle(ws, plan.world, plan.cycle)
    content = WarningContent.from_dict(proposed[0].content) if proposed else None
    facts = RunFacts(
        run_id=run_id,
        world=plan.world,
        issue_time=plan.cycle,
        as_of=plan.as_of,
        model_id=view.run.model_id or "none",
        code_version=view.run.code_version,
        degraded=view.run.degraded,
        calibrated=str(view.run.inputs.get("calibrated", "")),
        inputs_used=tuple(view.run.inputs["used"]),
        inputs_missing=tuple(view.run.inputs["missing"]),
        exercise=plan.mode == "replay" or plan.drill,
        origins=origins_of_run(ws, view.run),
        dust=dust_of_run(ws, view.run),
    )
    page = render_bulletin(
        content,
        view.forecast,
        view.paths,
        ws.store.stations(plan.world),
        list(all_cities().values()),
        run_facts=facts,
        background=background_of(ws, content, policy_of(ws)) if content else NO_BACKGROUND,
    )
    return write_atomic(bulletin_path(ws, view.run), page.encode("utf-8"))


def bulletin_path(ws: Workspace, run: RunRow) -> Path:
    """Return where the page of a run lies."""
    return ws.settings.data_dir / Path(run.products["forecast"]).parent / f"bulletin-{run.id}.html"
