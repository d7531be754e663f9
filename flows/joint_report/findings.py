"""Key findings: what the figures of a report bear out, never more than their intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from forecasting.verification.score_tables import OPERATIONAL

Plain = dict[str, Any]
FEWEST_DAYS: Final = 10
"""Fewer days above a threshold than this bear no statement on skill."""

LEAD: Final = "D+1"
LEADS: Final = ("D+1", "D+2", "D+3")


def findings_of(report: Mapping[str, Any]) -> list[Plain]:
    """Return the findings of every city, in order of reading; each with ``key``, ``city`` and its figures."""
    found: list[Plain] = []
    for city, thresholds in report["thresholds"].items():
        mine = [_outcome(report, city, thresholds[0])]
        if report["source"]["kind"] != "none":
            mine += _skill(report, city, thresholds[0])
            mine += _beside(report, city, thresholds[0])
            mine += _episodes(report, city)
        mine += _lead(report, city)
        found += [{"city": city, **one} for one in mine]
    return found


def _outcome(report: Mapping[str, Any], city: str, threshold: int) -> Plain:
    known = report["outcome"][city]
    if not known["measured"]:
        return {"key": "found_nothing_measured", "days": known["days"]}
    told = {k: known[k] for k in ("days", "measured", "mean", "highest", "highest_day")}
    return {"key": "found_outcome", "threshold": threshold, "above": known["above"][str(threshold)], **told}


def _skill(report: Mapping[str, Any], city: str, threshold: int) -> list[Plain]:
    """Return what is found of skill against climatology at every lead day, and of detection at D+1."""
    events = report["outcome"][city]["above"][str(threshold)]
    rows = [r for r in report["scores"]["exceedance"] if _is(r, city, OPERATIONAL, threshold)]
    if not rows:
        return [{"key": "found_nothing_scored"}]
    if events < FEWEST_DAYS:
        return [{"key": "found_too_few", "events": events, "threshold": threshold, "needed": FEWEST_DAYS}]
    found: list[Plain] = []
    for row in (r for r in rows if r["lead"] in LEADS):
        found.append(
            _verdict("found_skill", row["bss_climatology"], {"lead": row["lead"], "threshold": threshold})
        )
    at = next((r for r in rows if r["lead"] == LEAD), None)
    if at is not None and at["events"]:
        counts = {k: at[k] for k in ("n", "events", "said", "hits", "false")}
        found.append(
            {"key": "found_detection", "threshold": threshold, "lead": LEAD, **counts}
            | {"pod": at["pod"], "far": at["far"]}
        )
    return found


def _verdict(key: str, measure: Mapping[str, Any], told: Plain) -> Plain:
    """Return which statement a measure with its interval bears: better, worse, or neither shown."""
    value, low, high = (measure[name] for name in ("value", "low", "high"))
    if value is None or low is None or high is None:
        return {"key": f"{key}_unknown", **told}
    word = "better" if low > 0 else "worse" if high < 0 else "open"
    return {"key": f"{key}_{word}", "measure": dict(measure), **told}


def _beside(report: Mapping[str, Any], city: str, threshold: int) -> list[Plain]:
    """Return what is found beside persistence at D+1, by the paired difference of Brier scores."""
    if report["outcome"][city]["above"][str(threshold)] < FEWEST_DAYS:
        return []
    for row in report["scores"]["difference"]:
        paired = (row["measure"], row["other"], row["lead"]) == ("brier_score", "persistence", LEAD)
        if paired and _is(row, city, OPERATIONAL, threshold):
            gained = {"value": _minus(row["value"]), "low": _minus(row["high"]), "high": _minus(row["low"])}
            return [_verdict("found_persistence", gained, {"lead": LEAD, "threshold": threshold})]
    return []


def _minus(value: float | None) -> float | None:
    return None if value is None else -value + 0.0


def _episodes(report: Mapping[str, Any], city: str) -> list[Plain]:
    known = report["episodes"].get(city)
    if known is None:
        return []
    listed = known["episodes"]
    if not listed:
        return [
            {"key": "found_no_episode", "threshold": known["threshold"], "false": known["counts"]["false"]}
        ]
    told = {"threshold": known["threshold"], "n": len(listed), **known["counts"]}
    warned = sum(e["warned"] is not None and e["warned"] <= e["begins"] for e in listed)
    return [{"key": "found_episodes", **told, "warned": warned}]


def _lead(report: Mapping[str, Any], city: str) -> list[Plain]:
    for one in report["lead"]:
        if one["city"] == city:
            told = {"other": one["without_air_of"], "n": one["episodes"]}
            if not one["episodes"] or one["low"] is None:
                return [{"key": "found_lead_none", **told}]
            if one["episodes"] < FEWEST_DAYS:
                measure = {"value": one["hours"], "low": one["low"], "high": one["high"]}
                return [{"key": "found_lead_few", "measure": measure, **told}]
            measure = {"value": one["hours"], "low": one["low"], "high": one["high"]}
            return [_verdict("found_lead", measure, told)]
    return []


def _is(row: Mapping[str, Any], city: str, model: str, threshold: int) -> bool:
    return (row["city"], row["model"], row.get("threshold")) == (city, model, threshold)


def shown_keys() -> Sequence[str]:
    """Return every key that a finding can have."""
    words = ("better", "worse", "open", "unknown")
    verdicts = [f"{key}_{w}" for key in ("found_skill", "found_persistence", "found_lead") for w in words]
    plain = (
        "found_outcome", "found_nothing_measured", "found_nothing_scored", "found_too_few", "found_detection",
        "found_episodes", "found_no_episode", "found_lead_none", "found_lead_few",
    )  # fmt: skip
    return [*plain, *verdicts]
