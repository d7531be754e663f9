"""The few figures by which a model is known: scores of its day means, and whether they still hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from forecasting.day_losses import DAY_KEYS, Floats, brier_of, crps_of, sums_by_day
from forecasting.verification.intervals import block_counts, interval

Entry = dict[str, Any]
ALL_LEADS: Final = "all"


def day_scores(
    days: pd.DataFrame,
    model_id: str,
    thresholds: Mapping[str, Sequence[int]],
    *,
    seed: int = 0,
    draws: int = 500,
) -> list[Entry]:
    """Score a model's day means by city and lead day, and over all lead days together.

    Parameters
    ----------
    days : rows of ``forecasting.day_losses.day_rows`` of a model and of both baselines
    thresholds : of each city [ug m-3]; ``bss`` is the Brier skill over all of them
    seed, draws : of the bootstrap over blocks of 5 days that gives the 90 % intervals

    Returns
    -------
    one entry per city and lead day (``all``: D+1 to D+3): n, days, rmse, crps, bias [ug m-3],
    crps_relative (to the mean measured), coverage_80, coverage_90, rmse_persistence (None unless it forecast
    all of them), skill_persistence (1 − MSE/MSE) and bss (against climatology), each with ``_low`` and
    ``_high``; None where undefined
    """
    rng = np.random.default_rng(seed)
    ours = days[days["model_id"] == model_id].drop_duplicates(list(DAY_KEYS), keep="last")
    beside = {name: days[days["model"] == name] for name in ("persistence", "climatology")}
    entries = []
    for city, levels in sorted(thresholds.items()):
        own = ours[ours["city"] == city]
        leads = [(lead, own[own["lead_day"] == lead]) for lead in sorted(own["lead_day"].unique())]
        for lead, rows in [*leads, (ALL_LEADS, own)]:
            if len(rows):
                key = {"city": city, "lead_day": lead if lead == ALL_LEADS else int(lead)}
                entries.append({**key, **_scores(rows, beside, levels, rng, draws)})
    return entries


def _scores(
    rows: pd.DataFrame,
    beside: Mapping[str, pd.DataFrame],
    levels: Sequence[int],
    rng: np.random.Generator,
    draws: int,
) -> Entry:
    """Return the scores of some rows with their intervals."""
    sums = sums_by_day(rows, _columns(rows, beside, levels))
    figures = _figures(block_counts(len(sums), rng, draws=draws) @ sums)
    entry: Entry = {"n": len(rows), "days": len(sums)}
    for name, values in figures.items():
        low, high = interval(values[1:])
        named = {name: values[0], f"{name}_low": low, f"{name}_high": high}
        entry |= {k: _plain(float(v)) for k, v in named.items()}
    return entry


def _columns(rows: pd.DataFrame, beside: Mapping[str, pd.DataFrame], levels: Sequence[int]) -> list[Floats]:
    """Return the losses of every row; those that need a baseline count only where it forecast the same."""
    error = (rows["mean"] - rows["observed"]).to_numpy(float)
    seen = rows["observed"].to_numpy(float)
    inside = [
        ((rows[low] <= rows["observed"]) & (rows["observed"] <= rows[high])).to_numpy(float)
        for low, high in (("q10", "q90"), ("q05", "q95"))
    ]
    persistence, climate = (_beside(rows, beside[n]) for n in ("persistence", "climatology"))
    theirs = (persistence["mean"] - seen).to_numpy(float) ** 2
    reference = np.sum([brier_of(climate.assign(observed=seen), t) for t in levels], axis=0)
    brier = np.sum([brier_of(rows, t) for t in levels], axis=0)
    brier, reference = (np.where(np.isfinite(climate["mean"]), b, 0.0) for b in (brier, reference))
    paired = np.isfinite(theirs)
    return [
        np.ones(len(rows)), error**2, error, crps_of(rows), seen, *inside,
        np.where(paired, error**2, 0.0), np.where(paired, theirs, 0.0), paired.astype(float),
        brier, reference,
    ]  # fmt: skip


def _beside(rows: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """Return what a baseline forecast for the same issues and days, in the order of ``rows``."""
    keys = list(DAY_KEYS)
    table = other.drop_duplicates(keys, keep="last").set_index(keys)
    return table.reindex(pd.MultiIndex.from_frame(rows[keys])).reset_index(drop=True)


def _figures(sums: Floats) -> dict[str, Floats]:
    """Return the scores that follow from sums over days, one per row of ``sums``."""
    n, squared, error, crps, seen, in80, in90, ours, theirs, pairs, brier, reference = sums.T
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "rmse": np.sqrt(squared / n),
            "crps": crps / n,
            "bias": error / n,
            "crps_relative": crps / seen,
            "coverage_80": in80 / n,
            "coverage_90": in90 / n,
            "rmse_persistence": np.where(pairs == n, np.sqrt(theirs / n), np.nan),
            "skill_persistence": 1 - ours / theirs,
            "bss": 1 - brier / reference,
        }


def _plain(value: float) -> float | None:
    return round(float(value), 4) if np.isfinite(value) else None


def score_findings(recent: Sequence[Entry], expected: Sequence[Entry]) -> list[Entry]:
    """Return in which way recent forecasts were worse than the validation promised, beyond noise.

    Parameters
    ----------
    recent, expected : entries of :func:`day_scores`, or of a model's own held-out scores

    Returns
    -------
    findings: subject, value, low, high, expected, text; a figure is drifting when the whole interval of
    the recent value lies on the wrong side of the expected one, by more than its tolerance

    Examples
    --------
    >>> now = [{"city": "seoul", "lead_day": "all", "coverage_80": 0.6, "coverage_80_low": 0.5,
    ...         "coverage_80_high": 0.7}]
    >>> then = [{"city": "seoul", "lead_day": lead, "coverage_80": 0.8} for lead in (1, 2, 3)]
    >>> [f["text"] for f in score_findings(now, then)]
    ['seoul: coverage_80 is 0.6 (0.5 to 0.7), 0.8 was expected']
    """
    found = []
    for entry in (e for e in recent if e["lead_day"] == ALL_LEADS):
        for name, (below, above) in TOLERANCE.items():
            wanted = _expected(expected, entry["city"], name)
            low, high = entry.get(f"{name}_low"), entry.get(f"{name}_high")
            if wanted is None or low is None or high is None:
                continue
            if high < wanted - below or low > wanted + above:
                values = {"value": entry[name], "low": low, "high": high, "expected": wanted}
                said = f"{name} is {entry[name]:g} ({low:g} to {high:g}), {wanted:g} was expected"
                text = f"{entry['city']}: {said}"
                found.append({"subject": f"{entry['city']} {name}", **values, "text": text})
    return found


TOLERANCE: Final = {
    "coverage_80": (0.03, 0.08),
    "coverage_90": (0.03, 0.08),
    "crps_relative": (np.inf, 0.02),
    "skill_persistence": (0.05, np.inf),
}
"""How far below and above the expected value the interval may begin; infinite: that side is no worsening."""


def _expected(entries: Sequence[Entry], city: str, name: str) -> float | None:
    """Return the validation's value for D+1 to D+3: of all together, else the mean of the three."""
    own = {e.get("lead_day"): e[name] for e in entries if e.get("city") == city and e.get(name) is not None}
    if ALL_LEADS in own:
        return float(own[ALL_LEADS])
    days = [own[lead] for lead in (1, 2, 3) if lead in own]
    return round(float(np.mean(days)), 4) if days else None
