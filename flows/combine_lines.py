"""What others stated of a run's days, and how far each was heard, in lines for a person."""

from __future__ import annotations

from typing import Any

from flows.combine import USED

Plain = dict[str, Any]


def combination_lines(document: Plain, city: str | None = None) -> list[str]:
    """Return a line for every day of which somebody stated something.

    >>> said = {"source": "airkorea", "low": 35.5, "high": 75.5, "weight": 0.4, "gain": 0.8, "cases": 90}
    >>> alone, both = {"median": 41.0, "p_gt": {"50": 0.3}}, {"median": 47.0, "p_gt": {"50": 0.4}}
    >>> day = {"city": "seoul", "lead_day": 1, "members": [said], "alone": alone, "combined": both}
    >>> combination_lines({"mode": "beside", "days": [day]})[0]
    'seoul D+1: airkorea 36 to 75 (weight 0.40, 90 days); median 41 → 47, P(>50) 30 → 40 %, not used'
    """
    used = "used" if document["mode"] == USED else "not used"
    days = [d for d in document["days"] if city in (None, d["city"]) and d["alone"] and d["combined"]]
    return [f"{_said(d)}; {_moved(d)}, {used}" if _heard(d) else f"{_said(d)}; not heard" for d in days]


def _heard(day: Plain) -> bool:
    return any(member["weight"] > 0 for member in day["members"])


def _said(day: Plain) -> str:
    members = ", ".join(_member(member) for member in day["members"])
    return f"{day['city']} D+{day['lead_day']}: {members}"


def _member(member: Plain) -> str:
    high = member["high"]
    least = f"{member['low'] + 0.5:.0f}" if member["low"] else "0"
    span = f"above {member['low'] - 0.5:.0f}" if high is None else f"{least} to {high - 0.5:.0f}"
    why = member.get("not_heard")
    told = why or f"weight {member['weight']:.2f}, {member['cases']} days"
    return f"{member['source']} {span} ({told})"


def _moved(day: Plain) -> str:
    alone, both = day["alone"], day["combined"]
    chances = [
        f"P(>{at}) {100 * alone['p_gt'][at]:.0f} → {100 * share:.0f} %" for at, share in both["p_gt"].items()
    ]
    return f"median {alone['median']:.0f} → {both['median']:.0f}, {', '.join(chances)}"
