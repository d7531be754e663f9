"""What one version of a warning says; the exact thing that both parties sign.

A :class:`WarningContent` is plain data. Its canonical JSON is digested, and approvals sign that digest, so
nothing that a reader sees (level, hours, numbers, reasons) can change without new signatures. Times are
ISO strings in UTC, concentrations [ug m-3].
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from alerts.origin_note import OriginNote

Product = Literal["joint_warning", "notice", "single_city_warning"]
Kind = Literal["alert", "update", "all_clear", "cancel"]
CapStatus = Literal["Actual", "Exercise", "Test"]
LEFT_OUT: Final = ("calibrated", "origins")
"""Fields that a content without them does not state, so that what was signed of old keeps its digest."""
LEFT_OUT_OF_LINKS: Final = ("path_share", "confidence")
LEFT_OUT_OF_CITIES: Final = ("onset_range", "end_range")


@dataclass(frozen=True)
class DayOutlook:
    """One city's local calendar day: best estimate, central 80 % interval and probabilities [ug m-3, 1].

    ``probability`` maps a threshold (as text, ``"35"``) to the probability that the unrounded day mean of
    PM2.5 exceeds it; ``observed_share`` is the part of the day that was already measured.
    """

    day: str
    lead_day: int
    mean: float
    q10: float
    q90: float
    probability: dict[str, float]
    observed_share: float


@dataclass(frozen=True)
class RuleFinding:
    """What one national rule says for one city and day; stands beside the joint level, never equated with it.

    ``level`` is the rule's own level id (``kr.grade.bad``); ``probability`` is None where the rule is not
    decidable at the data's resolution, and ``note`` then says why. ``basis`` is observed, forecast or mixed.
    """

    rule: str
    version: str
    city: str
    day: str
    level: str
    probability: float | None
    basis: str
    evidence: str
    note: str = ""


@dataclass(frozen=True)
class CityOutlook:
    """One city's part of a warning: when it starts and ends, how bad, and each day.

    ``onset_range`` and ``end_range`` are the earliest and latest time by the joint samples (80 % of those
    that exceed lie between), empty where none are known.
    """

    city: str
    party: str
    onset: str
    end: str
    peak_day: str
    peak_mean: float
    days: tuple[DayOutlook, ...]
    episode_id: str
    onset_range: tuple[str, ...] = ()
    end_range: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain data; what outlooks of old lack is left out where it is empty."""
        return {k: v for k, v in asdict(self).items() if v or k not in LEFT_OUT_OF_CITIES}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> CityOutlook:
        """Rebuild an outlook from :meth:`to_dict`, also after a trip through JSON."""
        ranges = {name: tuple(data.get(name, ())) for name in LEFT_OUT_OF_CITIES}
        return cls(**{**data, **ranges, "days": tuple(DayOutlook(**d) for d in data["days"])})


@dataclass(frozen=True)
class LinkEvidence:
    """Why an upwind and a downwind episode belong together: lag [h], lift of the risk, sample size.

    ``path_share`` of the paths of forecast winds passed upwind while it exceeded [1], None where no such
    paths are known: 0 says that they do not support the link;
    ``confidence`` is the measured word, empty where nothing was measured.
    """

    upwind: str
    downwind: str
    lag_hours: float
    lift: float
    sample_size: int
    method: str
    path_share: float | None = None
    confidence: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain data; what links of old lack is left out where it is empty."""
        return {k: v for k, v in asdict(self).items() if v not in (None, "") or k not in LEFT_OUT_OF_LINKS}


@dataclass(frozen=True)
class Reference:
    """An earlier version still in force, as CAP and e-mail threads name it."""

    version: int
    identifier: str
    sent: str


@dataclass(frozen=True)
class WarningContent:
    """One version of a warning, complete; ``level`` is J1–J3 for joint warnings, else an empty string.

    ``calibrated`` says on which years the forecast was, until its levels follow live observations;
    ``origins`` says of joint warnings where the air comes from.
    """

    warning_id: str
    version: int
    product: Product
    kind: Kind
    level: str
    cap_status: CapStatus
    world: str
    simulated: bool
    parties: tuple[str, ...]
    cities: tuple[CityOutlook, ...]
    links: tuple[LinkEvidence, ...]
    rules: tuple[RuleFinding, ...]
    run_id: str
    issue_time: str
    as_of: str
    model_id: str
    degraded: str
    inputs_missing: tuple[str, ...]
    onset: str
    expires: str
    review_deadline: str
    policy_version: str
    references: tuple[Reference, ...] = ()
    reason: str = ""
    schema_version: int = 1
    calibrated: str = ""
    origins: tuple[OriginNote, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-ready data; what versions of old lack is left out where it is empty."""
        data = asdict(self) | {
            "links": tuple(link.to_dict() for link in self.links),
            "cities": tuple(city.to_dict() for city in self.cities),
        }
        return {k: v for k, v in data.items() if v or k not in LEFT_OUT}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> WarningContent:
        """Rebuild a content from :meth:`to_dict`, also after a trip through JSON."""
        nested = {
            "cities": tuple(CityOutlook.from_dict(c) for c in data["cities"]),
            "links": tuple(LinkEvidence(**x) for x in data["links"]),
            "rules": tuple(RuleFinding(**x) for x in data["rules"]),
            "references": tuple(Reference(**x) for x in data["references"]),
            "parties": tuple(data["parties"]),
            "inputs_missing": tuple(data["inputs_missing"]),
            "origins": tuple(OriginNote.from_dict(x) for x in data.get("origins", ())),
        }
        return cls(**{**data, **nested})
