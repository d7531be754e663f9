"""A cycle in a dozen lines: what was found, what was said to whom, where to look; from the ledger."""

from __future__ import annotations

from collections import Counter
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from alerts.content import WarningContent
from alerts.dust_lines import dust_lines
from alerts.episodes import lineage_of
from alerts.origin_lines import origin_lines
from alerts.rechecked import decision_left
from flows.assess import policy_of
from flows.bulletin import bulletin_files, bulletin_path, warnings_of_cycle
from flows.combine import combination_of_run
from flows.combine_lines import combination_lines
from flows.dust import dust_of_run
from flows.issue import cap_path
from flows.origins import origins_of_run
from flows.plan import CyclePlan
from flows.reasons import reasons_of_run
from flows.workspace import Workspace
from forecasting.reasons.stored import because
from pipeline.cities import all_cities
from pipeline.errors import UsageError
from pipeline.ledger.audit import verify_audit
from pipeline.ledger.deliveries import read_outbox
from pipeline.ledger.episodes import EpisodeRow, run_episodes
from pipeline.ledger.recipients import known_as, name_shown
from pipeline.ledger.runs import RunRow, current_run
from pipeline.ledger.warnings import VersionRow, read_signatures
from pipeline.names import is_simulated
from pipeline.storage.products import brought
from pipeline.surroundings import AROUND
from pipeline.times import iso, parse_instant

Plain = dict[str, Any]


def summary_of(ws: Workspace, plan: CyclePlan) -> Plain:
    """Return the facts of a cycle's current run as plain data; the same until something new happens."""
    with ws.ledger.read() as conn:
        run = current_run(conn, plan.world, plan.cycle)
        if run is None:
            raise UsageError(f"cycle {iso(plan.cycle)} of {plan.world} has not run; run it first")
        audit = verify_audit(conn)
        episodes = run_episodes(conn, plan.world, run.id, run.as_of)
    return {
        "world": plan.world,
        "simulated": is_simulated(plan.world),
        "mode": plan.mode,
        "cycle": iso(plan.cycle),
        "as_of": iso(run.as_of),
        "run": run.id,
        "model": run.model_id,
        "degraded": run.degraded,
        "calibrated": str(run.inputs.get("calibrated", "")),
        "inputs": run.inputs["used"],
        "missing": run.inputs["missing"],
        "batches": len(run.inputs["batches"]),
        "forecast": _outlook(ws, run),
        "reasons": reasons_of_run(ws, run),
        "others": _other_lines(ws, run),
        "origins": _origin_lines(ws, run),
        "dust": _dust_lines(ws, run),
        "episodes": [_episode(e) for e in episodes],
        "warnings": [_warning(ws, row) for row in warnings_of_cycle(ws, plan.world, plan.cycle)],
        "audit": {"ok": audit.ok, "rows": audit.rows},
        "products": {
            "bulletin": str(bulletin_path(ws, run)),
            "bulletins": [str(file.path) for file in bulletin_files(ws, run) if file.path.is_file()],
            "forecast": str(ws.settings.data_dir / run.products["forecast"]),
            "predictions": str(ws.settings.data_dir / run.products["predictions"]),
            "outbox": str(ws.settings.outbox_dir),
        },
    }


def summary_lines(found: Plain) -> list[str]:
    """Write the facts of a cycle as lines for a person."""
    label = {
        "simulated": f"SIMULATED world {found['world']}: an exercise, nothing of this happened",
        "replay": "REPLAY of measurements: an exercise, run as it would have been run then",
        "live": "live cycle on measurements",
    }[found["mode"]]
    lines = [
        label,
        f"cycle      {_kst(found['cycle'])}; run {found['run']}",
        f"inputs     {len(found['inputs'])} series known at {found['as_of']}, {found['batches']} batches"
        + (f"; missing {_missing(found['missing'])}" if found["missing"] else "; none missing"),
        f"model      {found['model']}" + (f"; DEGRADED: {found['degraded']}" if found["degraded"] else ""),
    ]
    lines += [f"levels     {found['calibrated']}"] * bool(found["calibrated"])
    lines += [f"forecast   {line}" for line in found["forecast"]]
    lines += [f"because    {line}" for line in (because(found["reasons"]) if found["reasons"] else ())]
    lines += [f"others     {line}" for line in found["others"]]
    lines += [f"origin     {line}" for line in found["origins"]]
    lines += [f"dust       {line}" for line in found["dust"]]
    lines += _episode_lines(found)
    lines += [line for warning in found["warnings"] for line in _warning_lines(warning)]
    if not found["warnings"]:
        lines.append("warning    none was proposed; nothing was sent to anybody")
    audit = found["audit"]
    lines.append(f"audit      {'whole' if audit['ok'] else 'BROKEN'}, {audit['rows']} rows")
    lines += [f"look at    {path}" for path in _places(found)]
    return lines


def _episode(row: EpisodeRow) -> Plain:
    times = {"onset": iso(row.onset), "until": iso(row.until)}
    return {"id": row.id, "city": row.city, **times, "state": row.state, "lineage": lineage_of(row.details)}


def _missing(names: list[str]) -> str:
    """Name what is missing in the cities themselves, and count it at the many places around."""
    upwind = [name for name in names if name.startswith(f"{AROUND}.")]
    own = [name for name in names if name not in upwind]
    counts = Counter(name.split(".")[1] for name in upwind)
    far = ", ".join(f"{quantity} {n} times" for quantity, n in counts.most_common())
    return "; ".join([", ".join(own)] * bool(own) + [f"around {far} (--json names them)"] * bool(upwind))


def _places(found: Plain) -> list[str]:
    places = [found["products"]["bulletin"], found["products"]["forecast"]]
    if found["warnings"]:
        places += [*(w["cap"] for w in found["warnings"]), found["products"]["outbox"]]
    return [p for p in places if p]


def _outlook(ws: Workspace, run: RunRow) -> list[str]:
    rows = pd.read_parquet(brought(ws.settings, run.products["predictions"]))
    rows = rows[(rows["model"] == "sameair") & rows["target"].isin(["daily", "outlook"])]
    rows = rows[(rows["target"] == "daily") | rows["mean"].notna()]
    lines = []
    for city in all_cities().values():
        own = rows[rows["city"] == city.id].sort_values("lead_day")
        if own.empty:
            lines.append(f"{city.name['en']:<8}no forecast: left out of this run")
            continue
        days = [
            f"{'outlook ' * (target == 'outlook')}D+{day} {mean:.0f} ({low:.0f}-{high:.0f})"
            for target, day, mean, low, high in own[["target", "lead_day", "mean", "q10", "q90"]]
            .to_numpy()
            .tolist()
        ]
        threshold = 75 if city.country == "CN" else 50
        peak = own.loc[own["target"] == "daily", f"p_gt_{threshold}"].max()
        lines.append(f"{city.name['en']:<8}{', '.join(days)} ug/m3; highest P(>{threshold}) {peak:.0%}")
    return lines


def _dust_lines(ws: Workspace, run: RunRow) -> list[str]:
    outlook = dust_of_run(ws, run)
    return dust_lines(outlook) if outlook else []


def _other_lines(ws: Workspace, run: RunRow) -> list[str]:
    """Return what others stated of the run's days; nothing where nobody did."""
    document = combination_of_run(ws, run)
    return combination_lines(document) if document else []


def _origin_lines(ws: Workspace, run: RunRow) -> list[str]:
    """Return a line for each city on where its air comes from, or why that is not known."""
    panel = origins_of_run(ws, run)
    return origin_lines(panel) if panel else []


def _warning(ws: Workspace, row: VersionRow) -> Plain:
    content = WarningContent.from_dict(row.content)
    with ws.ledger.read() as conn:
        signatures = read_signatures(conn, row.warning_id, row.version)
        messages = read_outbox(conn, row.warning_id, row.version)
        names = known_as(conn)
    path = cap_path(ws, row.warning_id, row.version)
    return {
        "id": row.warning_id,
        "version": row.version,
        "state": row.state,
        "product": content.product,
        "level": content.level,
        "cap_status": content.cap_status,
        "cities": [c.city for c in content.cities],
        "onset": content.onset,
        "expires": content.expires,
        "review_deadline": content.review_deadline,
        "decision": decision_left(policy_of(ws), row, parse_instant(content.as_of)),
        "links": [
            f"{x.upwind} to {x.downwind}, lift {x.lift:.1f}, lag {x.lag_hours:.0f} h"
            + ("" if x.path_share is None else f", passed on the way by {x.path_share:.0%} of the paths")
            for x in content.links
        ],
        "signed": [
            f"{s.party}: {s.decision} by {s.person}"
            for s in signatures
            if s.content_digest == row.content_digest
        ],
        "sent": [name_shown(names, m) for m in messages if m.state == "sent"],
        "not_sent": [
            f"{name_shown(names, m)} {m.state}: {m.last_error}" for m in messages if m.state != "sent"
        ],
        "cap": str(path) if path.exists() else "",
    }


def _episode_lines(found: Plain) -> list[str]:
    blind = [name for name in all_cities() if f"{name}.pm2p5.reference" in found["missing"]]
    lines = [
        f"episode    {e['city']} {e['onset']} to {e['until']}, {e['state']} ({e['id']})"
        + (f"; {e['lineage']}" if e["lineage"] else "")
        for e in found["episodes"]
    ]
    if blind:
        lines.append(f"episodes   not assessable: {', '.join(blind)}; nothing was received of the last 24 h")
    elif not lines:
        lines.append("episodes   none: no day exceeds the policy's thresholds with enough probability")
    return lines


def _warning_lines(warning: Plain) -> list[str]:
    name = f"{warning['product'].replace('_', ' ')} {warning['level']}".strip()
    where, which = " and ".join(warning["cities"]), f"({warning['id']} v{warning['version']})"
    nobody = f"by nobody yet: sameair warnings approve {warning['id']}, until {warning['review_deadline']}"
    nobody += f" (decision at {warning['decision']})" if warning["decision"] else ""
    lines = [f"warning    {name}, {warning['cap_status']}, {where}: {warning['state']} {which}"]
    lines += [f"link       {link}" for link in warning["links"]]
    lines.append(f"signed     {'; '.join(warning['signed']) or nobody}")
    if warning["sent"]:
        lines.append(f"sent to    {len(warning['sent'])} agencies: {', '.join(warning['sent'])}")
    lines += [f"NOT SENT   {line}" for line in warning["not_sent"]]
    return lines


def _kst(cycle: str) -> str:
    when = pd.Timestamp(cycle).to_pydatetime()
    local = when.astimezone(ZoneInfo("Asia/Seoul"))
    return f"{local:%Y-%m-%d %H} KST ({cycle})"
