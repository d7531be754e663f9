"""What people did in the school: their answers beside those of model and persistence, and what came."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from sqlalchemy import Connection

from forecasting.school.lesson import MODEL, PERSISTENCE, Lesson
from forecasting.school.scores import Bin, Pair, Tally, calibration, skill, tally
from forecasting.school.shelf import read_lesson
from pipeline.ledger.school import AnswerRow, BegunRow, answers_by, begun_by, people_of

OWN: Final = "own"
SOURCES: Final = (OWN, MODEL, PERSISTENCE)
FEWEST_PEOPLE: Final = 3
"""Below so many people a party's summary would tell of persons."""


@dataclass(frozen=True)
class Result:
    """One answer of a finished lesson beside what model and persistence gave at the same instant."""

    lesson: str
    account_id: str
    lead: int
    city: str
    threshold: int
    given: dict[str, float]
    happened: bool

    def pair(self, source: str) -> Pair:
        """Return what a source gave, and whether it happened."""
        return self.given[source], self.happened


@dataclass(frozen=True)
class Scores:
    """Scores of the same answers of a person, model and persistence."""

    label: str
    tallies: dict[str, Tally]

    @property
    def skill(self) -> float | None:
        """Return by which part the person's Brier score is better than the model's."""
        return skill(self.tallies[OWN], self.tallies[MODEL])


@dataclass(frozen=True)
class Taken:
    """A lesson that somebody began: how far they are, and the scores once it is finished."""

    begun: BegunRow
    answered: int
    asked: int
    scores: Scores | None
    lesson: Lesson | None


@dataclass(frozen=True)
class History:
    """All that some people did."""

    taken: tuple[Taken, ...]
    results: tuple[Result, ...]

    def total(self) -> Scores:
        """Return the scores of all answers together."""
        return scores("", self.results)

    def by_lead(self) -> list[Scores]:
        """Return the scores by the number of days ahead."""
        leads = sorted({one.lead for one in self.results})
        return [scores(str(lead), [r for r in self.results if r.lead == lead]) for lead in leads]

    def calibrations(self) -> dict[str, list[Bin]]:
        """Return the classes of what was said, by source."""
        return {source: calibration([r.pair(source) for r in self.results]) for source in SOURCES}


@dataclass(frozen=True)
class PartySummary:
    """How a party's people do together, without who did what; no history below FEWEST_PEOPLE."""

    people: int
    finished: int
    history: History | None


def scores(label: str, results: Sequence[Result]) -> Scores:
    """Return the scores of some answers."""
    return Scores(label, {source: tally([r.pair(source) for r in results]) for source in SOURCES})


def results_of(lesson: Lesson, answers: Iterable[AnswerRow]) -> list[Result]:
    """Return the answers to a lesson that model and persistence gave, too, with what came."""
    found = []
    for row in answers:
        at = lesson.asks[row.step]
        given = {OWN: row.probability}
        for source in (MODEL, PERSISTENCE):
            said = lesson.probability(source, row.city, row.threshold, at)
            if said is not None:
                given[source] = said
        happened = lesson.target(row.city).happened(row.threshold)
        if len(given) == len(SOURCES):
            lead = lead_days(lesson, at)
            found.append(Result(lesson.id, row.account_id, lead, row.city, row.threshold, given, happened))
    return found


def lead_days(lesson: Lesson, at: datetime) -> int:
    """Return how many days before the day asked about an instant is."""
    return (lesson.day - at.date()).days


def steps_done(answers: Iterable[AnswerRow]) -> int:
    """Return how many questions were answered."""
    return len({row.step for row in answers})


def history_of(conn: Connection, folder: Path, account_ids: Sequence[str]) -> History:
    """Return what some people did, oldest first; only finished lessons count in scores."""
    every = answers_by(conn, account_ids)
    taken, results = [], []
    for begun in begun_by(conn, account_ids):
        mine = [r for r in every if (r.account_id, r.lesson) == (begun.account_id, begun.lesson)]
        found = read_lesson(folder, begun.lesson)
        lesson, digest = found or (None, "")
        if lesson is None or digest != begun.digest:
            taken.append(Taken(begun, steps_done(mine), 0, None, None))
            continue
        done, asked = steps_done(mine), len(lesson.asks)
        own = results_of(lesson, mine) if done == asked else []
        taken.append(Taken(begun, done, asked, scores(lesson.id, own) if done == asked else None, lesson))
        results += own
    return History(tuple(taken), tuple(results))


def party_summary(conn: Connection, folder: Path, party: str) -> PartySummary:
    """Return how the people of a party do together."""
    history = history_of(conn, folder, people_of(conn, party))
    people = {one.account_id for one in history.results}
    finished = sum(one.scores is not None for one in history.taken)
    enough = len(people) >= FEWEST_PEOPLE
    return PartySummary(len(people), finished, history if enough else None)
