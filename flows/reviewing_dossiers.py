"""What the pages of dossiers can have done: lists, documents, findings with answers, sign-offs, files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from alerts.asked_for import Remark
from alerts.vocabulary import LANGUAGES, Language
from flows.dossier import LOOK_BACK, build_dossier, listed_dossiers, newest_dossier, status_of
from flows.dossier_paper import dossier_file, dossier_paper
from flows.dossier_subjects import present_in
from flows.dossier_words import season_words
from flows.findings import (
    Answer,
    answer_finding,
    close_dossier,
    closings_of,
    findings_of,
    holds,
    propose_finding,
)
from flows.node import parties
from flows.papers import FORMS
from flows.said import Speaker, words
from flows.said_again import check_shown, said_before
from flows.workspace import Workspace
from pipeline.errors import UsageError
from pipeline.exchange.canonical import digest
from pipeline.ledger.season import DocumentRow, newest_documents, read_documents
from pipeline.ledger.tables import runs
from pipeline.season import calendar_of

Plain = dict[str, Any]


class ReviewingDossiers:
    """The part of ``review.doing.Doing`` that keeps the joint dossiers."""

    ws: Workspace

    def dossiers(self, world: str, winter: str) -> Plain:
        """Return the ended episodes of a winter, or of the last 60 days, with how their dossiers stand."""
        ws, calendar = self.ws, calendar_of(self.ws.settings.season_file)
        now = present_in(ws, world)
        try:
            span = calendar.span_of(winter) if winter else (now - LOOK_BACK, now)
        except ValueError as error:
            raise UsageError(str(error)) from None
        rows = listed_dossiers(ws, world, *span, now)
        return {
            "rows": [row | {"sides": _sides(row)} for row in reversed(rows)],
            "winter": winter,
            "winters": self._winters_of_dossiers(world),
            "within": calendar.rhythm.dossier.days,
            "now": now,
        }

    def dossier(self, world: str, name: str, language: Language) -> Plain:
        """Return the newest version of a dossier as it is shown: its words, findings, sides and standing."""
        ws = self.ws
        row = newest_dossier(ws, world, name)
        findings, status = findings_of(ws, world, name), self._dossier_status(row)
        paper = dossier_paper(row, findings, status, language)
        said = season_words(language).say("findings")
        with ws.ledger.read() as conn:
            versions = read_documents(conn, "dossier", world, name)
        return {
            "paper": paper,
            "parts": [part for part in paper.parts if part.title != said],
            "findings": findings,
            "closings": [c | {"holds": holds(c, row.digest, findings)} for c in closings_of(ws, world, name)],
            "status": status,
            "sides": _sides(status),
            "shown": self._dossier_standing(row),
            "exercise": any(one["status"] != "Actual" for one in row.content["decisions"]),
            "replay": bool(row.content.get("replay")),
            "versions": [(v.version, v.as_of, v.digest) for v in versions],
        }

    def dossier_file(self, world: str, name: str, language: str, kind: str) -> bytes:
        """Return the newest version of a dossier as a file; UsageError for a kind that there is not."""
        row = newest_dossier(self.ws, world, name)
        spoken = next((one for one in LANGUAGES if one == language), None)
        if kind not in (*FORMS, "json") or spoken is None:
            raise UsageError(f"a dossier has no file {language}.{kind}")
        findings = findings_of(self.ws, world, name)
        return dossier_file(row, findings, self._dossier_status(row), spoken, kind)

    def build_dossier(self, world: str, name: str, person: str) -> Plain:
        """Build the dossier of an ended episode as the world's present knows it."""
        when = present_in(self.ws, world).replace(microsecond=0)
        row = build_dossier(self.ws, world, name, when, actor=words("--person", person))
        return {"dossier": row.subject, "version": row.version}

    def propose_finding(self, remark: Remark, text: str) -> Plain:
        """Propose a finding for the party; sent twice it is proposed once."""
        body = {"text": words("--text", text)}
        if said_before(self.ws, remark, "finding", body):
            return {}
        self._check_dossier(remark)
        return propose_finding(self.ws, remark.world, remark.subject, _speaker(remark), text)

    def answer_finding(self, remark: Remark, finding: str, answer: Answer, text: str) -> Plain:
        """Agree with a finding of the other party, or dissent in words; sent twice it is said once."""
        body = {"finding": finding, "answer": answer, "text": words("--text", text) if text else ""}
        if said_before(self.ws, remark, "answer", body):
            return {}
        self._check_dossier(remark)
        if finding not in {one["id"] for one in findings_of(self.ws, remark.world, remark.subject)}:
            raise UsageError(f"dossier {remark.subject} has no such finding")
        return answer_finding(self.ws, remark.world, finding, _speaker(remark), answer, text)

    def close_dossier(self, remark: Remark) -> Plain:
        """Sign off the newest text for the party; sent twice it is signed once."""
        row = newest_dossier(self.ws, remark.world, remark.subject)
        if said_before(self.ws, remark, "close", {"digest": row.digest}):
            return {}
        self._check_dossier(remark)
        return close_dossier(self.ws, remark.world, remark.subject, _speaker(remark), row.digest)

    def _check_dossier(self, remark: Remark) -> None:
        check_shown(remark, self._dossier_standing(newest_dossier(self.ws, remark.world, remark.subject)))

    def _dossier_standing(self, row: DocumentRow) -> str:
        """Return the digest of a text with all that was said of it."""
        said = findings_of(self.ws, row.world, row.subject), closings_of(self.ws, row.world, row.subject)
        return digest({"text": row.digest, "findings": said[0], "closings": said[1]})

    def _dossier_status(self, row: DocumentRow) -> Plain:
        return status_of(self.ws, row, present_in(self.ws, row.world))

    def _winters_of_dossiers(self, world: str) -> list[str]:
        """Return the winters of which there are runs or dossiers, newest first."""
        calendar = calendar_of(self.ws.settings.season_file)
        with self.ws.ledger.read() as conn:
            cycles = conn.execute(select(runs.c.cycle).where(runs.c.world == world).distinct()).scalars()
            days = {calendar.day_of(cycle) for cycle in cycles}
            built = {str(row.content["winter"]) for row in newest_documents(conn, "dossier", world)}
        return sorted({calendar.winter_of(day) for day in days} | built - {""}, reverse=True)


def _sides(status: Plain) -> dict[str, str]:
    """Return for each party whether it has to answer or to sign, or has signed."""
    return {party: _side(status, party) for party in parties()}


def _side(status: Plain, party: str) -> str:
    if not status["version"]:
        return "nothing"
    waits: Sequence[str] = status["waits_for"]
    return "answers" if party in waits else "signed" if party in status["signed_off"] else "signs"


def _speaker(remark: Remark) -> Speaker:
    return Speaker(remark.party, remark.person)
