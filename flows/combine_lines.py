"""What others stated of a run's days, and how far each was heard, in lines for a person."""

from __future__ import annotations

import math
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
    said = [f"{_said(d)}; {_moved(d)}, {used}" if _heard(d) else f"{_said(d)}; not heard" for d in days]
    return said + [f"{one['source']}: left out, {one['why']} ({one['key']})" for one in _left_out(document)]


def evidence_lines(document: Plain, city: str | None = None) -> list[str]:
    """Return for each source that spoke how it has been found to speak, and why it is heard so far.

    >>> said = {"source": "airkorea", "low": 35.5, "high": 75.5, "received_at": "2019-03-04T08:00:00Z",
    ...     "weight": 0.4, "gain": 0.8, "cases": 90, "bias": 0.095, "spread": 0.3, "not_heard": ""}
    >>> day = {"city": "seoul", "lead_day": 1, "members": [said]}
    >>> evidence_lines({"days": [day]})[0]
    'seoul D+1, airkorea: received 2019-03-04T08:00:00Z; over 90 days it stated 10 % too much, give or ...
    """
    days = [d for d in document["days"] if city in (None, d["city"])]
    return [line for d in days for m in d["members"] for line in _evidence(d, m)]


def _evidence(day: Plain, member: Plain) -> list[str]:
    head = f"{day['city']} D+{day['lead_day']}, {member['source']}: received {member['received_at']}"
    if member["spread"] == 0:
        return [f"{head}; not heard: {member['not_heard']}"]
    bias, spread = (100 * (math.exp(member[name]) - 1) for name in ("bias", "spread"))
    much = f"{abs(bias):.0f} % too {'much' if bias >= 0 else 'little'}"
    found = f"{head}; over {member['cases']} days it stated {much}, give or take {spread:.0f} %"
    if member["not_heard"]:
        return [f"{found};", f"  not heard: {member['not_heard']}"]
    gain = f"it saved {member['gain']:.2f} ug/m3 of CRPS on days it was not fitted to"
    return [f"{found};", f"  weight {member['weight']:.2f} of 1: {gain}, shrunk as the days are few"]


def _left_out(document: Plain) -> list[Plain]:
    return list(document.get("left_out", []))


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
