"""Episodes: runs of exceeding days of one city, with everything that successive runs said of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Literal

from ulid import ULID

from alerts.assessment import CityAssessment, RunFacts
from pipeline.times import iso, to_utc

Status = Literal["candidate", "open", "ended", "withdrawn"]
Turn = Literal["new", "continued", "missed", "not_assessed", "ended", "merged", "split", "withdrawn"]


@dataclass(frozen=True)
class EpisodeRevision:
    """What one run says of an episode; times are ISO in UTC, concentrations day means [ug m-3].

    ``level`` is the number of the highest level of the policy that holds, ``probability`` that of its lowest
    threshold on the likeliest day from today on. ``cycles_met`` and ``cycles_missed`` count cycles running.
    ``onset`` is where its first local day begins, ``begun`` the measured hour of it, or empty. ``split_from``
    names the episode of which it was a part, ``merged_into`` the one in which it goes on, ``merged_from``
    those that go on in it.
    """

    run_id: str
    issue_time: str
    turn: Turn
    status: Status
    level: int
    probability: float
    onset: str
    end: str
    peak_day: str
    peak_mean: float
    cycles_met: int
    cycles_missed: int
    onset_range: tuple[str, ...] = ()
    end_range: tuple[str, ...] = ()
    begun: str = ""
    split_from: str = ""
    merged_into: str = ""
    merged_from: tuple[str, ...] = ()

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> EpisodeRevision:
        """Rebuild a revision from plain data; those of old lack what was added since."""
        listed = {name: tuple(data.get(name, ())) for name in ("onset_range", "end_range", "merged_from")}
        return cls(**{**data, **listed})


@dataclass(frozen=True)
class Episode:
    """One continuous exceedance of one city, owned by the city's party, with every revision, oldest first."""

    id: str
    world: str
    party: str
    city: str
    quantity: str
    revisions: tuple[EpisodeRevision, ...]

    @property
    def now(self) -> EpisodeRevision:
        """Return the newest revision."""
        return self.revisions[-1]

    @property
    def ledger_state(self) -> Literal["open", "ended", "withdrawn"]:
        """Return the state under which the ledger files it; a candidate is open there, and waits."""
        status = self.now.status
        return "open" if status == "candidate" else status

    def before(self, issue_time: datetime) -> Episode | None:
        """Return the episode as it stood before a cycle, from which a repeated cycle starts again."""
        limit = iso(issue_time)
        known = tuple(r for r in self.revisions if r.issue_time < limit)
        return replace(self, revisions=known) if known else None

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-ready data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Episode:
        """Rebuild an episode from :meth:`to_dict`, also after a trip through JSON."""
        return cls(**{**data, "revisions": tuple(EpisodeRevision.from_dict(r) for r in data["revisions"])})


def heirs(episodes: Iterable[Episode]) -> dict[str, Episode]:
    """Return by id the episode in which one lives on: itself, what it merged into, or its first later part.

    Ids that are missing are over. ``episodes`` are those of one run, ended ones too.
    """
    living = sorted((e for e in episodes if e.ledger_state == "open"), key=lambda e: (e.now.onset, e.id))
    found = {e.id: e for e in living}
    for episode in living:
        for merged in episode.now.merged_from:
            found.setdefault(merged, episode)
    for episode in living:
        if episode.now.split_from:
            found.setdefault(episode.now.split_from, episode)
    return found


def lineage_of(details: Mapping[str, Any]) -> str:
    """Return in words what an episode was part of, and what it goes on in; empty where neither.

    >>> lineage_of({"revisions": [{"split_from": "seoul-A", "merged_into": "", "merged_from": ["seoul-B"]}]})
    'split from seoul-A; seoul-B merged into it'
    """
    now = details["revisions"][-1]
    parts = [f"split from {now['split_from']}"] if now.get("split_from") else []
    parts += [f"merged into {now['merged_into']}"] if now.get("merged_into") else []
    parts += [f"{', '.join(now['merged_from'])} merged into it"] if now.get("merged_from") else []
    return "; ".join(parts)


def episode_id(city: CityAssessment, run: RunFacts, onset: datetime) -> str:
    """Return the id of an episode that a cycle opens; the same cycle always gives the same id."""
    key = f"{run.world}|{iso(run.issue_time)}|{city.city}|pm2p5|{iso(onset)}"
    return f"{city.party}-{stable_ulid(run.issue_time, key)}"


def stable_ulid(when: datetime, key: str) -> str:
    """Return a ULID (48 bit of time, 80 bit random) whose random part is a digest of ``key``.

    >>> from pipeline.times import parse_instant
    >>> stable_ulid(parse_instant("2026-01-14T08:00Z"), "a")
    '01KEXR9J00...'
    """
    stamp = int(to_utc(when).timestamp() * 1000).to_bytes(6, "big")
    return str(ULID(stamp + hashlib.sha256(key.encode()).digest()[:10]))
