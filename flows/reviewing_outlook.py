"""What the pages of the season can have done with weekly outlooks, and what its calendar says."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from alerts.asked_for import Remark
from alerts.vocabulary import LANGUAGES, Language
from flows.dossier_subjects import present_in
from flows.outlook import approvals_of, approve_outlook, build_outlook, current_outlook, lacking
from flows.outlook_offered import offered_by
from flows.outlook_paper import outlook_file, outlook_paper
from flows.outlook_send import send_outlook, sent_of
from flows.papers import FORMS
from flows.said import Speaker, words
from flows.said_again import check_shown, said_before
from flows.workspace import Workspace
from pipeline.errors import UsageError
from pipeline.exchange.canonical import digest
from pipeline.ledger.season import DocumentRow, newest_documents, read_documents
from pipeline.season import Row, calendar_of
from pipeline.season_file import WEEKDAYS
from pipeline.times import iso

Plain = dict[str, Any]


class ReviewingOutlook:
    """The part of ``review.doing.Doing`` that keeps the weekly outlooks and tells the calendar."""

    ws: Workspace

    def season(self, world: str, language: Language) -> Plain:
        """Return the calendar of both sides at the present of a world."""
        calendar, now = calendar_of(self.ws.settings.season_file), present_in(self.ws, world)
        day, rhythm = calendar.day_of(now), calendar.rhythm
        return {
            "mode": calendar.active(day),
            "changes": calendar.next_change(day).isoformat(),
            "winter": calendar.winter_of(day),
            "version": calendar.version,
            "day": day.isoformat(),
            "in_force": [_row(*one, language) for one in calendar.in_force(day)],
            "ahead": [_row(*one, language) for one in calendar.ahead(day)],
            "outlook_day": WEEKDAYS[rhythm.outlook_weekday],
            "outlook_time": f"{rhythm.outlook_time:%H:%M}",
            "outlook_zone": rhythm.outlook_timezone,
            "shifts": ", ".join(f"{shift:%H:%M}" for shift in rhythm.shifts),
            "within": rhythm.dossier.days,
        }

    def outlooks(self, world: str) -> list[Plain]:
        """Return every week's outlook with how it stands, newest first."""
        with self.ws.ledger.read() as conn:
            rows = newest_documents(conn, "outlook", world)
        return [self._listed_outlook(current_outlook(self.ws, world, row.subject)) for row in rows[::-1]]

    def outlook(self, world: str, name: str, version: int, language: Language) -> Plain:
        """Return a version of an outlook as it is shown, 0: the one that counts, with who signed it off."""
        current = current_outlook(self.ws, world, name)
        row, newest = self._outlook_version(current, version)
        missing, sent = lacking(self.ws, row), sent_of(self.ws, world, name)
        return {
            **self._listed_outlook(row),
            "paper": outlook_paper(row, missing, language),
            "approvals": approvals_of(self.ws, row),
            "sent": sent,
            "counts": row.version == current.version,
            "offered_by": offered_by(self.ws, row),
            "versions": list(range(newest, 0, -1)),
            "shown": self._outlook_standing(row),
        }

    def outlook_file(self, world: str, name: str, version: int, language: str, kind: str) -> bytes:
        """Return a version of an outlook as a file; UsageError for a kind that there is not."""
        row, _ = self._outlook_version(current_outlook(self.ws, world, name), version)
        spoken = next((one for one in LANGUAGES if one == language), None)
        if kind not in (*FORMS, "json") or spoken is None:
            raise UsageError(f"an outlook has no file {language}.{kind}")
        return outlook_file(row, lacking(self.ws, row), spoken, kind)

    def draft_outlook(self, world: str, person: str) -> str:
        """Draft the outlook whose day is nearest, and return its name."""
        return build_outlook(self.ws, world, actor=words("--person", person)).subject

    def approve_outlook(self, remark: Remark) -> Plain:
        """Sign off the version that counts for the party; sent twice it is signed once."""
        row = current_outlook(self.ws, remark.world, remark.subject)
        if said_before(self.ws, remark, "outlook", {"digest": row.digest}):
            return {}
        check_shown(remark, self._outlook_standing(row))
        return approve_outlook(self.ws, row, Speaker(remark.party, remark.person))

    def send_outlook(self, remark: Remark, to: Sequence[str]) -> list[Plain]:
        """Mail the version that counts, if every party signed it; a form that was sent twice is refused."""
        row = current_outlook(self.ws, remark.world, remark.subject)
        check_shown(remark, self._outlook_standing(row))
        return send_outlook(self.ws, row.world, row.subject, to, actor=words("--person", remark.person))

    def _listed_outlook(self, row: DocumentRow) -> Plain:
        sent = [one for one in sent_of(self.ws, row.world, row.subject) if one["version"] == row.version]
        missing = lacking(self.ws, row)
        return {
            "outlook": row.subject,
            "due": row.content["due"],
            "cycle": row.content["cycle"],
            "version": row.version,
            "digest": row.digest,
            "lacks": missing,
            "state": "sent" if sent else "draft" if missing else "signed",
        }

    def _outlook_version(self, current: DocumentRow, version: int) -> tuple[DocumentRow, int]:
        """Return a version, 0 for the current one, and the newest number; UsageError where there is none."""
        with self.ws.ledger.read() as conn:
            rows = read_documents(conn, "outlook", current.world, current.subject)
        found = [row for row in rows if row.version == (version or current.version)]
        if not found:
            raise UsageError(
                f"no outlook {current.subject} of {current.world} was drafted in version {version}"
            )
        return found[0], rows[-1].version

    def _outlook_standing(self, row: DocumentRow) -> str:
        """Return the digest of a text with its sign-offs and how often it left."""
        times = [iso(one["at"]) for one in sent_of(self.ws, row.world, row.subject)]
        return digest({"text": row.digest, "signed": approvals_of(self.ws, row), "sent": times})


def _row(row: Row, first: date, last: date, language: Language) -> Plain:
    return {
        "party": row.party,
        "what": row.names[language],
        "first": first.isoformat(),
        "last": last.isoformat(),
        "mark": row.mark,
        "source": row.source,
    }
