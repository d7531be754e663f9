"""A cycle's forecast together with what others stated of the same days: by skill, and with its evidence."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from alerts.stated import VERSION, read_combined
from flows.combine_claims import Claims, claims_of, day_number
from flows.combine_past import ALONE, COMBINED, HISTORY, NO_DAYS, PRODUCT, cases_of, past_days
from flows.plan import CyclePlan
from flows.reasons import told_thresholds
from flows.workspace import Workspace
from forecasting.combine import Claim, Member
from forecasting.combine_fit import LEAST_CASES, fit_members
from forecasting.combine_samples import Heard, combined_days, combined_samples, own_days
from forecasting.issue import OPERATIONAL, IssueForecast
from forecasting.predictions import prediction_rows
from forecasting.targets import Floats
from pipeline.asof import AsOfPanel
from pipeline.cities import City, all_cities
from pipeline.files import write_atomic, write_with
from pipeline.ledger.runs import RunRow
from pipeline.paths import cities_in, join_paths
from pipeline.storage.products import brought
from pipeline.threads import single_threaded
from pipeline.times import FORECAST_DAYS, iso, local_date

OFF, USED = "off", "used"
ABOUT: Final = (
    "what others stated of these days, as ranges of the mean of PM2.5, and how far each was heard: weight 0 "
    "is not heard; gain is the mean CRPS it saved on days that it was not fitted to"
)
Plain = dict[str, Any]
Day = tuple[str, int]


@dataclass(frozen=True)
class Combination:
    """What a cycle publishes, the rows that stand beside it, and the evidence.

    Parameters
    ----------
    made : the operational forecast: that of our model alone, unless the setting is ``used``
    beside : rows of the other of the two
    document : plain data, see docs/combining.md
    """

    made: IssueForecast
    beside: pd.DataFrame
    document: Plain


def combine_run(ws: Workspace, plan: CyclePlan, panel: AsOfPanel, made: IssueForecast) -> Combination | None:
    """Combine an issue with what others had stated by its snapshot; None where nobody stated anything.

    Parameters
    ----------
    panel : of the cycle, as known at the snapshot
    made : by our model alone
    """
    if ws.settings.combine == OFF:
        return None
    since = plan.as_of - HISTORY
    claims = claims_of(ws, plan.world, since, plan.as_of, plan.cycle.hour)
    cities = cities_in(made.paths["pm2p5"])
    said = _stated(claims, cities, plan)
    unread = claims.unread(plan.as_of)
    if not said and not unread:
        return None
    past = past_days(ws, plan, panel, cities) if said else NO_DAYS
    found = single_threaded(_members, past, claims, cities, said)
    combined = _combine(ws, plan, panel, made, found)
    combined.document["left_out"] = [
        {"source": one.source, "key": one.key, "why": one.why, "received_at": iso(one.received)}
        for one in unread
    ]
    return combined


def _stated(claims: Claims, cities: Sequence[City], plan: CyclePlan) -> dict[Day, list[Claim]]:
    """Return by city and lead what each source stated last; only days of which there is something."""
    found: dict[Day, list[Claim]] = {}
    for city in cities:
        today = day_number(local_date(plan.cycle, city.timezone))
        for lead in range(1, FORECAST_DAYS + 1):
            known = [claims.known(s, city.id, today + lead, plan.as_of) for s in claims.sources]
            if any(known):
                found[city.id, lead] = [claim for claim in known if claim]
    return found


def _members(
    past: pd.DataFrame, claims: Claims, cities: Sequence[City], said: Mapping[Day, Sequence[Claim]]
) -> dict[Day, list[Heard]]:
    """Return by city and lead every source that spoke, as it has been found to speak."""
    by_id = {city.id: city for city in cities}
    found = {}
    for (city, lead), stated in said.items():
        members = {m.source: m for m in fit_members(cases_of(past, claims, by_id[city], lead))}
        found[city, lead] = [Heard(members[claim.source], claim) for claim in stated]
    return found


def _combine(
    ws: Workspace, plan: CyclePlan, panel: AsOfPanel, made: IssueForecast, found: Mapping[Day, list[Heard]]
) -> Combination:
    paths = made.paths["pm2p5"]
    cities = cities_in(paths)
    heard = {day: [h for h in each if h.member.weight > 0] for day, each in found.items()}
    heard = {day: each for day, each in heard.items() if each}
    days = combined_days(paths, cities, heard)
    samples = combined_samples(made.samples["pm2p5"], paths, cities, days)
    sources = sorted({h.member.source for each in heard.values() for h in each})
    samples.attrs["combined_with"] = ",".join(sources)
    joined = join_paths(panel, samples, cities)
    rows = prediction_rows(joined, cities, model=COMBINED)
    rows["model_id"] = rows["model_id"] + "+combined"
    document = {
        "version": VERSION,
        "mode": ws.settings.combine,
        "issue_time": iso(plan.cycle),
        "as_of": iso(plan.as_of),
        "about": ABOUT,
        "days": [_day(ws, plan, day, each, (paths, days)) for day, each in found.items()],
    }
    if ws.settings.combine != USED or not days:
        return Combination(made, rows, document)
    own = made.rows["pm2p5"]
    ours = own["model"] == OPERATIONAL
    whole = pd.concat([rows.assign(model=OPERATIONAL), own[~ours]], ignore_index=True)
    used = replace(
        made,
        samples={**made.samples, "pm2p5": samples},
        paths={**made.paths, "pm2p5": joined},
        rows={**made.rows, "pm2p5": whole},
    )
    return Combination(used, own[ours].assign(model=ALONE), document)


def _day(
    ws: Workspace, plan: CyclePlan, at: Day, each: Sequence[Heard], means: tuple[Any, Mapping[Day, Floats]]
) -> Plain:
    """Return the evidence of one city and day: who said what, and what that made of our forecast."""
    name, lead = at
    city = all_cities()[name]
    alone = own_days(means[0], city).get(lead)
    thresholds = told_thresholds(ws)[name]
    return {
        "city": name,
        "lead_day": lead,
        "day": (local_date(plan.cycle, city.timezone) + timedelta(days=lead)).isoformat(),
        "members": [_member(h.member, h.claim) for h in each],
        "alone": _figures(alone, thresholds),
        "combined": _figures(means[1].get(at, alone), thresholds),
    }


def _member(member: Member, claim: Claim) -> Plain:
    few = member.cases < LEAST_CASES
    why = f"{member.cases} of {LEAST_CASES} days judged" if few else "gain within noise"
    return {
        "source": claim.source,
        "low": claim.low,
        "high": claim.high if np.isfinite(claim.high) else None,
        "received_at": iso(claim.received),
        "bias": member.bias,
        "spread": member.spread,
        "weight": round(member.weight, 3),
        "cases": member.cases,
        "gain": member.gain,
        "not_heard": "" if member.weight > 0 else why,
    }


def _figures(means: Floats | None, thresholds: Sequence[int]) -> Plain | None:
    if means is None:
        return None
    low, middle, high = (round(float(q), 1) for q in np.quantile(means, (0.1, 0.5, 0.9)))
    above = {str(at): round(float((means > at).mean()), 3) for at in thresholds}
    return {"q10": low, "median": middle, "q90": high, "p_gt": above}


def write_combination(found: Combination | None, folder: Path) -> dict[str, Path]:
    """Write the evidence and the rows beside a run; nothing where nobody stated anything."""
    if found is None:
        return {}
    text = json.dumps(found.document, ensure_ascii=False, indent=1, allow_nan=False)
    path = folder / f"{PRODUCT}.parquet"
    write_with(path, lambda to: found.beside.to_parquet(to, index=False, compression="zstd"))
    return {"combined": write_atomic(folder / "combined.json", text.encode()), PRODUCT: path}


def combination_of_run(ws: Workspace, run: RunRow) -> Plain | None:
    """Return the evidence that a run stored; None where it stored none, or of another version."""
    if "combined" not in run.products:
        return None
    return read_combined(brought(ws.settings, run.products["combined"]))
