"""First signals: which cycle first gave a day's exceedance the probability that a policy asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from forecasting.issue import OPERATIONAL
from pipeline import cities
from pipeline.times import iso, local_date

PERSISTENCE = "persistence"
PERSISTENCE_ONLY = "false alarm of persistence"


@dataclass(frozen=True)
class Signal:
    """What one model said of one day and threshold, over all cycles that spoke of it.

    Parameters
    ----------
    first_cycle : first cycle that reached the probability needed; None when none did
    lead_day : local days from that cycle to the day
    hours_before : from that cycle to the beginning of the day [h]; negative within the day
    probability : at that cycle
    highest : highest probability of any cycle
    held, cycles_after : of the later cycles before the day ended, how many kept the probability
    cycles : how many of the cycles given spoke of the day at all
    """

    first_cycle: str | None
    lead_day: int | None
    hours_before: int | None
    probability: float | None
    highest: float
    held: int
    cycles_after: int
    cycles: int

    @property
    def ahead(self) -> bool:
        """Tell whether the first cycle came no later than the beginning of the day."""
        return self.hours_before is not None and self.hours_before >= 0


@dataclass(frozen=True)
class DayVerdict:
    """One local day of one city and threshold: what was measured, and when it was first warned of.

    ``outcome`` of the operational forecast: for a day measured above, "hit" (warned of before it began),
    "late" (only when it had begun) or "missed"; for another, "false alarm"; or "false alarm of persistence",
    or "not measured".
    """

    city: str
    threshold: int
    day: str
    observed: float | None
    outcome: str
    sameair: Signal
    persistence: Signal

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-ready data."""
        return asdict(self)


def verdicts(
    predictions: pd.DataFrame,
    truth: pd.DataFrame,
    thresholds: Mapping[str, Sequence[int]],
    needed: float,
) -> list[DayVerdict]:
    """Judge every day that was measured above a threshold, or warned of.

    Parameters
    ----------
    predictions : rows of ``forecasting.predictions``, of the models ``sameair`` and ``persistence``
    truth : rows of ``forecasting.verify.observed_truth``
    thresholds : for every city, day means [ug m-3] that are columns ``p_gt_…``
    needed : probability from which a cycle warns

    Returns
    -------
    by city, threshold and day; quiet days that nobody warned of are left out, and so are days that had not
    begun at the last issue
    """
    daily = predictions[predictions["target"] == "daily"].merge(
        truth[truth["target"] == "daily"], on=["city", "target", "valid_end"], how="left"
    )
    found = []
    for city, wanted in thresholds.items():
        for threshold in wanted:
            for _, rows in daily[daily["city"] == city].groupby("valid_end", sort=True):
                if (rows["lead_day"] == 0).any():
                    found.append(_verdict(rows, city, threshold, needed))
    return [v for v in found if v is not None]


def _verdict(rows: pd.DataFrame, city: str, threshold: int, needed: float) -> DayVerdict | None:
    ours = _signal(rows[rows["model"] == OPERATIONAL], threshold, needed)
    theirs = _signal(rows[rows["model"] == PERSISTENCE], threshold, needed)
    observed = rows["observed"].iloc[0]
    outcome = _outcome(observed, threshold, ours, theirs)
    if outcome is None:
        return None
    return DayVerdict(
        city=city,
        threshold=threshold,
        day=local_date(rows["valid_start"].iloc[0].to_pydatetime(), cities.city(city).timezone).isoformat(),
        observed=None if pd.isna(observed) else round(float(observed), 1),
        outcome=outcome,
        sameair=ours,
        persistence=theirs,
    )


def _outcome(observed: float | None, threshold: int, ours: Signal, theirs: Signal) -> str | None:
    warned = ours.first_cycle is not None
    if pd.isna(observed):
        return "not measured" if warned else None
    if observed > threshold:
        return "missed" if not warned else "hit" if ours.ahead else "late"
    if warned:
        return "false alarm"
    return PERSISTENCE_ONLY if theirs.first_cycle is not None else None


def _signal(rows: pd.DataFrame, threshold: int, needed: float) -> Signal:
    rows = rows.sort_values("issue_time")
    probability = rows[f"p_gt_{threshold}"]
    reached = probability >= needed
    highest = round(float(probability.max()), 3)
    if not reached.any():
        return Signal(None, None, None, None, highest, 0, 0, len(rows))
    first = rows[reached].iloc[0]
    later = reached[rows["issue_time"] > first["issue_time"]]
    before = (first["valid_start"] - first["issue_time"]) / pd.Timedelta(hours=1)
    return Signal(
        first_cycle=iso(first["issue_time"].to_pydatetime()),
        lead_day=int(first["lead_day"]),
        hours_before=int(before),
        probability=round(float(first[f"p_gt_{threshold}"]), 3),
        highest=highest,
        held=int(later.sum()),
        cycles_after=len(later),
        cycles=len(rows),
    )
