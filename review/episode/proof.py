"""The evidence that a run stored, made ready to be looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from alerts.vocabulary import Language, vocabulary
from forecasting.evidence.stored import read_evidence
from forecasting.reasons.stored import read_reasons
from forecasting.reasons.what_if import wilson
from forecasting.reasons.words import said_what_if
from pipeline.settings import Settings
from pipeline.times import parse_instant
from review.episode.subject import Choice, Subject
from review.figures import Dot, DotPlot
from review.security import product_file
from review.texts import Texts

Plain = Mapping[str, Any]
WIDTH: Final = 120.0
"""Half the width of the bars of reasons, in units of their drawing."""


@dataclass(frozen=True)
class Bar:
    """One step of the way from the usual to the forecast: text, effect [ug m-3], and its drawing."""

    text: str
    effect: float
    kind: str
    x: float
    width: float


@dataclass(frozen=True)
class Proof:
    """What a run stored of one city; None where it stored nothing."""

    evidence: Plain | None
    reasons: Plain | None


def proof_of(subject: Subject, settings: Settings) -> Proof:
    """Return what the run stored of the city of an episode."""
    evidence_path = product_file(subject.run, "evidence", settings)
    reasons_path = product_file(subject.run, "reasons", settings)
    evidence = read_evidence(evidence_path) if evidence_path is not None else None
    reasons = read_reasons(reasons_path) if reasons_path is not None else None
    return Proof(
        _of_city(evidence, subject.city.id, ("records", "tipping", "without")),
        _of_city(reasons, subject.city.id, ("days", "analogs", "what_if")),
    )


def _of_city(document: Plain | None, city: str, parts: Sequence[str]) -> Plain | None:
    """Return what a document says of a city, None where it is not whole: a damaged file is no proof."""
    found = document.get("cities") if document is not None else None
    rows = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    whole = [one for one in rows if all(part in one for part in ("city", *parts))]
    return next((one for one in whole if one["city"] == city), None)


def record_of(proof: Proof, focus: Choice, t: Texts) -> dict[str, Any] | None:
    """Return the last such forecasts: dots at what was measured, and how many came true."""
    records = proof.evidence["records"] if proof.evidence else []
    mine = (focus.lead_day, focus.threshold)
    record = next((r for r in records if (r["lead_day"], r["threshold"]) == mine), None)
    if record is None:
        return None
    past = record["past"]
    came = [one for one in past if one["came"]]
    low, high = wilson(len(came) / len(past), len(past)) if past else (0.0, 1.0)
    issued = sum(one["kind"] == "issued" for one in past)
    words = {
        "n": len(past), "came": len(came), "probability": round(100 * record["probability"]),
        "low": round(100 * low), "high": round(100 * high), "issued": issued, "learned": len(past) - issued,
    }  # fmt: skip
    groups = [
        (t("episode.came"), [_dot(one, t) for one in came]),
        (t("episode.came_not"), [_dot(one, t) for one in past if not one["came"]]),
    ]
    top = max([focus.threshold * 1.4, *(one["mean"] for one in past)]) * 1.05
    plot = DotPlot(
        "record", t("episode.record_title"), "µg/m³", groups, (0.0, round(top)), float(focus.threshold),
        t("episode.limit", level=focus.level), t("episode.record_note"),
    )  # fmt: skip
    return {"plot": plot if past else None, "words": words}


def _dot(one: Plain, t: Texts) -> Dot:
    said = t("episode.dot", issue=one["issue_time"][:10], probability=round(100 * one["probability"]))
    return Dot(float(one["mean"]), said, "yes" if one["came"] else "no")


def tipping_of(proof: Proof, language: Language) -> dict[str, Any] | None:
    """Return which readings would have tipped the decision that hangs by least."""
    found = proof.evidence["tipping"] if proof.evidence else None
    if found is None:
        return None
    words = vocabulary(language)
    rows = [{"series": words.series(flip["key"]), **flip} for flip in found["flips"]]
    met = found["probability"] >= found["decision"]["needed"]
    return {**found, "rows": rows, "is_met": met}


def expected_of(proof: Proof, language: Language) -> list[str]:
    """Return which reading of the coming hours would move the decisive probability, in sentences."""
    found = proof.reasons["what_if"] if proof.reasons else None
    return said_what_if(found, language) if found else []


def without_of(proof: Proof) -> Plain | None:
    """Return the forecast without the other side's air."""
    return proof.evidence["without"] if proof.evidence else None


def without_course(proof: Proof, issue: datetime) -> dict[datetime, float]:
    """Return the hourly medians without the other side's air by interval end [ug m-3]."""
    found = without_of(proof)
    if found is None:
        return {}
    hours = zip(found["hours"], found["course"], strict=True)
    return {issue + timedelta(hours=h): float(v) for h, v in hours}


def bars_of(proof: Proof, focus: Choice, t: Texts) -> list[Bar]:
    """Return the steps from the usual of the season to the median of the day, which add up [ug m-3]."""
    days = proof.reasons["days"] if proof.reasons else []
    day = next((d for d in days if d["lead_day"] == focus.lead_day), None)
    if day is None:
        return []
    named = [one for one in day["moved"] if one["named"]]
    others = sum(one["effect"] for one in day["moved"] if not one["named"]) + day["rest"]
    steps = [(one["text"][t.language], one["effect"], "moved") for one in named]
    steps += [(t("episode.rest"), others, "rest"), (t("episode.recent"), day["recent_errors"], "rest")]
    widest = max([abs(effect) for _, effect, _ in steps] + [1.0])
    bars = [_bar(text, effect, kind, widest) for text, effect, kind in steps]
    ends = (day["usual"], day["median"])
    return [
        Bar(t("episode.usual"), ends[0], "end", 0.0, 0.0),
        *bars,
        Bar(t("episode.median"), ends[1], "end", 0.0, 0.0),
    ]


def _bar(text: str, effect: float, kind: str, widest: float) -> Bar:
    width = WIDTH * abs(effect) / widest
    return Bar(text, float(effect), kind, round(WIDTH - width if effect < 0 else WIDTH, 1), round(width, 1))


def alike_of(proof: Proof, focus: Choice) -> dict[str, Any] | None:
    """Return the past situations most like this one with the day means that followed."""
    found = proof.reasons["analogs"] if proof.reasons else None
    if not found:
        return None
    lead, threshold = str(focus.lead_day), str(focus.threshold)
    rows = [
        {
            "issue": parse_instant(one["issue_time"]),
            "likeness": one["likeness"],
            "days": [(day, one["followed"].get(day)) for day in _leads(found["shown"])],
        }
        for one in found["shown"]
    ]
    return {
        "rows": rows,
        "leads": _leads(found["shown"]),
        "like_none": found["like_none"],
        "counted": found["counted"].get(lead, 0),
        "exceeded": found["exceeded"].get(lead, {}).get(threshold),
    }


def _leads(shown: Sequence[Plain]) -> list[str]:
    return sorted({day for one in shown for day in one["followed"]})
