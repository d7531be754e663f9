"""What agencies have stated of a day beside what was measured, and beside our forecast known at that time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
import pandas as pd

from forecasting.verification.nier import Grades
from forecasting.verification.pairs import DAYS, Group
from pipeline.cities import all_cities
from pipeline.times import local_date, to_ns

Rows = list[dict[str, Any]]

GRADE_WORDS: Final = {
    "좋음": 0, "보통": 1, "나쁨": 2, "매우나쁨": 3, "매우 나쁨": 3,
    "优": 0, "良": 1, "轻度污染": 2, "中度污染": 3, "重度污染": 4, "严重污染": 5,
}  # fmt: skip
"""Grades as the agencies write them, the cleanest 0."""


@dataclass(frozen=True)
class Statement:
    """A forecast of one day by an agency: a grade in its words, or a mean [ug m-3]."""

    source: str
    city: str
    day: int
    received: datetime
    grade: str | None = None
    value: float | None = None

    def graded(self, grades: Grades) -> int | None:
        """Return the grade stated, or None if none can be read.

        >>> when = datetime.fromisoformat("2020-01-01T08:00+00:00")
        >>> Statement("airkorea", "seoul", 18262, when, grade="나쁨").graded(Grades((15, 35, 75)))
        2
        """
        if self.grade in GRADE_WORDS:
            return GRADE_WORDS[str(self.grade)]
        if self.value is None:
            return None
        return int(grades.of(np.array([self.value]))[0])


def stated_rows(
    statements: Sequence[Statement], groups: Sequence[Group], grades: Mapping[str, Grades], subject: str
) -> Rows:
    """Score statements by source, city and lead, and our grade of the same days as known at their receipt.

    Only days count that were measured and of which ``subject`` had a forecast issued by then, so that both
    are judged on the same days; of several statements of a day and lead the last counts.

    Returns
    -------
    rows with ``n``, ``high_days``, and of both the share of right grades, POD and FAR of high ones
    """
    if not statements:
        return []
    ours = _our_grades(groups, grades, subject)
    found: dict[tuple[str, str, int, int], dict[str, int]] = {}
    for said in sorted(statements, key=lambda s: s.received):
        days = ours.get((said.city, said.day))
        grade = said.graded(grades[said.city]) if said.city in grades else None
        if days is None or grade is None:
            continue
        known = days[days["issue"] <= to_ns(said.received)]
        if len(known):
            last = known.iloc[-1]
            issued = local_date(said.received, all_cities()[said.city].timezone)
            lead = said.day - int(np.datetime64(issued, "D").astype(np.int64))
            row = {"theirs": grade, "ours": int(last["grade"]), "observed": int(last["observed"])}
            found[said.source, said.city, lead, said.day] = row
    if not found:
        return []
    index = pd.MultiIndex.from_tuples(list(found), names=["source", "city", "lead", "day"])
    table = pd.DataFrame(list(found.values()), index=index)
    return [
        {"source": source, "city": city, "lead": f"D+{lead}", **_scores(part, grades[str(city)].high)}
        for (source, city, lead), part in table.groupby(level=["source", "city", "lead"])
    ]


def _our_grades(
    groups: Sequence[Group], grades: Mapping[str, Grades], subject: str
) -> dict[tuple[str, int], pd.DataFrame]:
    parts: dict[tuple[str, int], list[pd.DataFrame]] = {}
    for group in groups:
        if group.target not in DAYS or subject not in group.models or group.city not in grades:
            continue
        scale = grades[group.city]
        table = pd.DataFrame(
            {
                "day": group.day,
                "issue": group.issue,
                "grade": scale.of(group.mean[group.of(subject)]),
                "observed": scale.of(group.observed),
            }
        )
        for day, part in table.groupby("day"):
            parts.setdefault((group.city, int(str(day))), []).append(part)
    return {key: pd.concat(found).sort_values("issue") for key, found in parts.items()}


def _scores(part: pd.DataFrame, high: int) -> dict[str, Any]:
    seen = part["observed"] >= high
    found: dict[str, Any] = {"n": len(part), "high_days": int(seen.sum())}
    for who in ("theirs", "ours"):
        said = part[who] >= high
        found[f"accuracy_{who}"] = float((part[who] == part["observed"]).mean())
        found[f"high_pod_{who}"] = float((said & seen).sum() / seen.sum()) if seen.any() else None
        found[f"high_far_{who}"] = float((said & ~seen).sum() / said.sum()) if said.any() else None
    return found
