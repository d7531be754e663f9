"""Warnings that earlier cycles left, as decisions need them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from alerts.content import CapStatus, WarningContent
from alerts.versions import CLOSED, IN_FORCE, OPEN
from pipeline.ledger.warnings import VersionRow
from pipeline.times import iso


@dataclass(frozen=True)
class OpenWarning:
    """A warning as the ledger holds it: every version as (state, content), oldest first."""

    warning_id: str
    versions: tuple[tuple[str, WarningContent], ...]

    @classmethod
    def from_rows(cls, rows: Sequence[VersionRow]) -> OpenWarning:
        """Take the versions of one warning as the ledger returns them."""
        versions = tuple((r.state, WarningContent.from_dict(r.content)) for r in rows)
        return cls(rows[0].warning_id, versions)

    @property
    def closed(self) -> bool:
        """Tell whether nothing more is said under this id."""
        return any(state in CLOSED for state, _ in self.versions)

    @property
    def cap_status(self) -> CapStatus:
        """Return whether it is in earnest, an exercise or a test, which no later version changes."""
        return self.versions[-1][1].cap_status

    def in_force(self, before: datetime) -> WarningContent | None:
        """Return the newest issued version that a cycle before this instant wrote."""
        return self._newest(IN_FORCE, before)

    def latest(self, before: datetime) -> WarningContent | None:
        """Return the newest statement of an earlier cycle: one still under review, else the one in force."""
        return self._newest(OPEN, before) or self.in_force(before)

    def drafted_by(self, cycle: datetime) -> bool:
        """Tell whether its newest version is an untouched draft of this very cycle."""
        state, content = self.versions[-1]
        return state == "draft" and content.issue_time == iso(cycle)

    def said_by(self, cycle: datetime) -> WarningContent | None:
        """Return the newest issued version of this very cycle, which a repeat need not say again."""
        found = [c for state, c in self.versions if state in IN_FORCE and c.issue_time == iso(cycle)]
        return found[-1] if found else None

    def _newest(self, states: Sequence[str], before: datetime) -> WarningContent | None:
        found = [c for state, c in self.versions if state in states and c.issue_time < iso(before)]
        return found[-1] if found else None
