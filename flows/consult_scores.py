"""Sealed numbers against what was measured: which can be scored, and how both came out."""

from __future__ import annotations

from datetime import date
from typing import Any

import pandas as pd

from alerts.sealed import parts_of
from alerts.sealed_scores import SealedCase, SealedScores, sealed_scores
from flows.policy_source import Means, measured_means
from flows.workspace import Workspace
from pipeline.cities import all_cities
from pipeline.errors import UsageError
from pipeline.ledger.consultation import OpeningRow, SealRow, is_late, read_openings, read_seals
from pipeline.times import local_day_bounds

Plain = dict[str, Any]


def consult_scores(ws: Workspace, world: str) -> Plain:
    """Return each sealed subject of a world with both numbers and what came, and the scores of both.

    Only subjects that both parties sealed in time, and opened as sealed, whose day is over and was measured
    for the most part, are scored: both on the same ones. The others say why they are not.

    Raises
    ------
    UsageError
        the world has no such subject
    """
    with ws.ledger.read() as conn:
        seals, openings = read_seals(conn), read_openings(conn)
    subjects = {s.subject: parts for s in seals if (parts := parts_of(s.subject)) and parts[0] == world}
    if not subjects:
        raise UsageError(f"no probability was sealed in the world '{world}'; see `sameair consult seal`")
    means = measured_means(ws, world, pd.Timestamp(ws.clock()))
    rows, cases, parties = [], [], sorted({s.party for s in seals if s.subject in subjects})
    for subject, (_, cycle, city, day, threshold) in sorted(subjects.items()):
        mine = [s for s in seals if s.subject == subject]
        opened = {o.party: o for o in openings if o.subject == subject}
        why = _why_not(mine, opened, means, city, day)
        row: Plain = {"cycle": cycle, "city": city, "day": day, "above": threshold}
        row |= {s.party: f"{opened[s.party].probability:g}" for s in mine if s.party in opened}
        if not why:
            value = means[city][date.fromisoformat(day)]
            first, second = (opened[p].probability for p in parties)
            cases.append(SealedCase(f"{city}|{day}|{threshold:g}", first, second, value > threshold))
            row |= {"measured": f"{value:.1f}", "came": "yes" if value > threshold else "no"}
        rows.append(row | {"not scored": why})
    return {"subjects": rows, "scores": _scores(sealed_scores(cases), parties)}


def _why_not(seals: list[SealRow], opened: dict[str, OpeningRow], means: Means, city: str, day: str) -> str:
    """Return why a subject cannot be scored for both, or nothing."""
    if len(seals) < 2:
        return f"only {seals[0].party} sealed"
    over = (
        local_day_bounds(date.fromisoformat(day), all_cities()[city].timezone)[1]
        if city in all_cities()
        else None
    )
    if over is None:
        return f"there is no city {city}"
    for seal in seals:
        found = opened.get(seal.party)
        if found is None:
            return f"{seal.party} has not opened"
        if not found.fits:
            return f"what {seal.party} opened is not what it sealed"
        if is_late(seal, seals) or seal.at >= over:
            return f"{seal.party} sealed late"
    return "" if date.fromisoformat(day) in means[city] else "the day is not measured yet"


def _scores(found: SealedScores | None, parties: list[str]) -> list[Plain]:
    """Return the scores as rows: both parties on the same cases, in alphabetical order."""
    if found is None:
        return []
    figures = (*zip(parties, (found.first, found.second), strict=True), ("frequency", found.frequency))
    note = f"fewer than wanted: {found.cases} cases say little" if found.says_little else ""
    rows = [
        {"of": name, "cases": found.cases, "came": found.came, "Brier score": f"{value:.3f}", "note": note}
        for name, value in figures
    ]
    low, high = found.interval
    rows.append(
        {
            "of": f"{parties[1]} less {parties[0]}",
            "cases": found.cases,
            "came": found.came,
            "Brier score": f"{found.difference:+.3f} [{low:+.3f}, {high:+.3f}]",
            "note": note,
        }
    )
    return rows
