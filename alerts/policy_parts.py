"""The parts of the policy, as its file has them; each is a table or a row of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

CONFIDENCE: Final = ("none", "weak", "moderate", "strong")
"""Words for the measured confidence in a link, the least first."""


@dataclass(frozen=True)
class Level:
    """One joint level: the day mean of PM2.5 that each city must exceed [ug m-3]."""

    id: str
    threshold: Mapping[str, int]


@dataclass(frozen=True)
class Probability:
    """Probability that opens a level, that keeps it, and the classes whose change is worth an update."""

    open: float
    keep: float
    classes: tuple[float, ...]
    class_margin: float


@dataclass(frozen=True)
class Persistence:
    """Over how many cycles a signal must stand, or be missing, before an episode opens or ends."""

    immediate_lead_days: int
    immediate_probability: float
    cycles_to_open: int
    cycles_to_end: int
    merge_gap_hours: int


@dataclass(frozen=True)
class AssessmentTerms:
    """Share of the last hours [h, 1] that must have been received for a city to be assessed."""

    recent_hours: int
    minimum_share: float


@dataclass(frozen=True)
class LinkTerms:
    """What evidence makes an upwind and a downwind episode linked.

    ``minimum_path_share`` counts where forecast winds tell paths; ``minimum_confidence``: see CONFIDENCE.
    """

    maximum_lag_days: int
    minimum_lift: float
    maximum_p_value: float
    minimum_sample: int
    minimum_joint_probability: float
    minimum_path_share: float
    minimum_confidence: str


@dataclass(frozen=True)
class Change:
    """Shift of onset or end [h] that is worth an update."""

    onset_hours: int
    end_hours: int


@dataclass(frozen=True)
class Review:
    """Deadlines of review: by local hour of the cycle (``deadline``), else hours after the issue."""

    timezone: str
    decision: str
    deadline: Mapping[str, str]
    hours_otherwise: int
    silence: str


@dataclass(frozen=True)
class Products:
    """Which product is proposed when, and what one party's approval alone issues."""

    joint_needs_link: bool
    single_party_approval: str
    notice_probability: float


@dataclass(frozen=True)
class Expiry:
    """Bounds of a version's validity [h after the issue]."""

    minimum_hours: int
    maximum_hours: int
    all_clear_hours: int


@dataclass(frozen=True)
class Findings:
    """Which findings of national rules go into a warning."""

    minimum_probability: float


@dataclass(frozen=True)
class DeliveryTerms:
    """From which level on a message of unknown fate is sent again, once; ``never``: at none.

    ``digest_at`` is the local time of the daily digest, in the time zone of the review.
    """

    resend_unknown_from: str
    digest_at: str


@dataclass(frozen=True)
class Observers:
    """How old a cycle must be before partner organisations that look on may see it [h]."""

    embargo_hours: float = 168.0


@dataclass(frozen=True)
class Drill:
    """How a drill differs from earnest."""

    approves_for_all: bool
    cap_status: str


@dataclass(frozen=True)
class Choice:
    """How the probabilities that issue were chosen, and by when the choice is to be looked at again.

    ``keep_share`` is the share of a probability that opens which still keeps [1].
    """

    decided: date
    next_review: date
    evidence: str
    keep_share: float


@dataclass(frozen=True)
class Expense:
    """What a level costs in vain, as a share of what it saves when it was needed [1], by city."""

    level: str
    ratio: Mapping[str, float]
    mark: str
    reason: str


@dataclass(frozen=True)
class Chosen:
    """Probabilities from which a day opens and keeps a level in a city [1], by lead from D+0 on."""

    city: str
    level: str
    open: tuple[float, ...]
    keep: tuple[float, ...]


@dataclass(frozen=True)
class Signature:
    """Which role put its name to a version of this file, when and why."""

    version: str
    role: str
    date: date
    reason: str
