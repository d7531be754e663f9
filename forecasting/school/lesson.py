"""One lesson: a past local day in every city, what was known of it before, and what came."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any, Final

import numpy as np

from pipeline.asof import AsOfSeries
from pipeline.errors import ContractError
from pipeline.times import iso, parse_instant, to_ns

VERSION: Final = 1
MODEL: Final = "model"
PERSISTENCE: Final = "persistence"
SHOWN_LEVELS: Final = ("q05", "q25", "q50", "q75", "q95")
"""Quantiles of a day mean that a lesson keeps."""
Texts = dict[str, list[str]]


@dataclass(frozen=True)
class Said:
    """What model or persistence said of one local day of a city.

    Parameters
    ----------
    issued : the cycle, from which on it was known [UTC]
    start, end : of the local day [UTC]
    quantiles : of the day mean, those of SHOWN_LEVELS [ug m-3]
    probabilities : of the day mean above each threshold asked for [ug m-3: 1]
    """

    city: str
    source: str
    issued: datetime
    start: datetime
    end: datetime
    quantiles: tuple[float, ...]
    probabilities: Mapping[int, float]


@dataclass(frozen=True)
class Target:
    """The local day that a lesson asks about in one city; ``outcome`` is its mean, None while sealed."""

    city: str
    start: datetime
    end: datetime
    thresholds: tuple[int, ...]
    outcome: float | None

    def happened(self, threshold: int) -> bool:
        """Tell whether the day mean came to lie above a threshold; ContractError while it is sealed."""
        if self.outcome is None:
            raise ContractError("the outcome of this lesson is sealed")
        return self.outcome > threshold


@dataclass(frozen=True)
class Lesson:
    """A past day to foresee.

    Parameters
    ----------
    id : world and day, which say nothing of the outcome
    day : local day that is asked about
    asks : instants at which a probability is asked for [UTC], ascending
    said : what model and persistence said, cycle by cycle
    readings : series with every version, as ``city.quantity`` or ``around.quantity.place``
    reasons : of each ask, what moved the model, by city and language
    made : how the model's figures came about: ``how`` (``held-out`` or ``replayed``), ``model``, ``note``
    """

    id: str
    world: str
    day: date
    targets: tuple[Target, ...]
    asks: tuple[datetime, ...]
    said: tuple[Said, ...]
    readings: Mapping[str, AsOfSeries] = field(repr=False)
    reasons: tuple[Mapping[str, Texts], ...]
    made: Mapping[str, str]

    @property
    def end(self) -> datetime:
        """Return the instant at which the last city's day is over [UTC]."""
        return max(t.end for t in self.targets)

    def target(self, city: str) -> Target:
        """Return the target of a city; KeyError for another one."""
        return {t.city: t for t in self.targets}[city]

    def newest_said(self, source: str, city: str, at: datetime) -> list[Said]:
        """Return what a source's newest cycle by an instant said of a city, day by day."""
        known = [s for s in self.said if (s.source, s.city) == (source, city) and s.issued <= at]
        newest = max((s.issued for s in known), default=None)
        return sorted((s for s in known if s.issued == newest), key=lambda s: s.start)

    def probability(self, source: str, city: str, threshold: int, at: datetime) -> float | None:
        """Return what a source gave the day that is asked about, None where it said nothing of it."""
        day = self.target(city).end
        found = [s for s in self.newest_said(source, city, at) if s.end == day]
        return found[0].probabilities[threshold] if found else None

    def as_known(self, at: datetime) -> Lesson:
        """Return the lesson as it was known at an instant: what came later is not in it, nor is the outcome.

        Examples
        --------
        >>> hour = np.array(["2020-01-08T09", "2020-01-08T10"], "M8[ns]")
        >>> at = parse_instant("2020-01-08T09:30Z")
        >>> lesson = Lesson("w.2020-01-11", "w", date(2020, 1, 11), (), (), (),
        ...                 {"seoul.pm2p5": AsOfSeries(hour, hour, np.array([40.0, 44.0]))}, (), {})
        >>> lesson.as_known(at).readings["seoul.pm2p5"].values
        array([40.])
        """
        limit = to_ns(at)
        readings = {}
        for key, series in self.readings.items():
            known = series.received <= limit
            readings[key] = AsOfSeries(
                series.times[known], series.received[known], series.values[known], series.interval_hours
            )
        return replace(
            self,
            targets=tuple(replace(t, outcome=None) for t in self.targets),
            said=tuple(s for s in self.said if s.issued <= at),
            readings=readings,
            reasons=(),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "version": VERSION,
            "id": self.id,
            "world": self.world,
            "day": self.day.isoformat(),
            "targets": [
                {
                    "city": t.city,
                    "start": iso(t.start),
                    "end": iso(t.end),
                    "thresholds": list(t.thresholds),
                    "outcome": t.outcome,
                }
                for t in self.targets
            ],
            "asks": [iso(t) for t in self.asks],
            "said": [_said_dict(s) for s in self.said],
            "readings": {key: _series_dict(series) for key, series in self.readings.items()},
            "reasons": [dict(one) for one in self.reasons],
            "made": dict(self.made),
        }

    @staticmethod
    def from_dict(found: Mapping[str, Any]) -> Lesson:
        """Read plain data back; ContractError for a document of another version."""
        if found.get("version") != VERSION:
            raise ContractError(f"a lesson of version {found.get('version')}, not {VERSION}")
        return Lesson(
            id=found["id"],
            world=found["world"],
            day=date.fromisoformat(found["day"]),
            targets=tuple(
                Target(
                    t["city"],
                    parse_instant(t["start"]),
                    parse_instant(t["end"]),
                    tuple(t["thresholds"]),
                    t["outcome"],
                )
                for t in found["targets"]
            ),
            asks=tuple(parse_instant(t) for t in found["asks"]),
            said=tuple(_said_of(s) for s in found["said"]),
            readings={key: _series_of(series) for key, series in found["readings"].items()},
            reasons=tuple(found["reasons"]),
            made=found["made"],
        )


def lesson_id(world: str, day: date) -> str:
    """Return the id of a world's lesson about a day.

    >>> lesson_id("measured", date(2019, 3, 5))
    'measured.2019-03-05'
    """
    return f"{world}.{day.isoformat()}"


def ask_times(day: date, hour: int, leads: tuple[int, ...]) -> tuple[datetime, ...]:
    """Return the instants at which a day is asked about: at an hour [UTC], so many days before, ascending.

    >>> [iso(t) for t in ask_times(date(2019, 3, 5), 8, (2, 1))]
    ['2019-03-03T08:00:00Z', '2019-03-04T08:00:00Z']
    """
    start = parse_instant(f"{day.isoformat()}T{hour:02d}:00Z")
    return tuple(start - timedelta(days=lead) for lead in sorted(leads, reverse=True))


def _said_dict(said: Said) -> dict[str, Any]:
    return {
        "city": said.city,
        "source": said.source,
        "issued": iso(said.issued),
        "start": iso(said.start),
        "end": iso(said.end),
        "quantiles": [round(v, 1) for v in said.quantiles],
        "probabilities": {str(k): round(v, 4) for k, v in said.probabilities.items()},
    }


def _said_of(found: Mapping[str, Any]) -> Said:
    return Said(
        found["city"],
        found["source"],
        parse_instant(found["issued"]),
        parse_instant(found["start"]),
        parse_instant(found["end"]),
        tuple(found["quantiles"]),
        {int(k): float(v) for k, v in found["probabilities"].items()},
    )


def _series_dict(series: AsOfSeries) -> dict[str, Any]:
    """Return a series with its instants in seconds since 1970."""
    return {
        "interval_hours": series.interval_hours,
        "times": (series.times.astype("M8[s]").astype(np.int64)).tolist(),
        "received": np.ceil(series.received.astype("M8[ns]").astype(np.int64) / 1e9).astype(int).tolist(),
        "values": [round(v, 2) if math.isfinite(v) else None for v in series.values.tolist()],
    }


def _series_of(found: Mapping[str, Any]) -> AsOfSeries:
    return AsOfSeries(
        np.array(found["times"], "M8[s]").astype("M8[ns]"),
        np.array(found["received"], "M8[s]").astype("M8[ns]"),
        np.array([math.nan if v is None else v for v in found["values"]], float),
        found["interval_hours"],
    )
