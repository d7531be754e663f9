"""The pages of episodes: a list, and for each of them the evidence beside the decision."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Final

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy import Connection

from alerts.path_map import origin_texts
from alerts.policy import load_policy
from alerts.stated import source_name, stated_range
from alerts.versions import OPEN
from alerts.vocabulary import vocabulary
from pipeline.cities import all_cities
from pipeline.errors import UsageError
from pipeline.ledger.episodes import list_episodes
from pipeline.ledger.warnings import VersionRow
from pipeline.names import is_simulated
from pipeline.observations import ObservationStore
from pipeline.storage.opening import OBSERVATIONS, stored_in
from pipeline.times import parse_instant
from review.access import add
from review.accounts.roles import Action
from review.decide.panel import Panel, decision_panel
from review.desk.known import present_of
from review.episode.courses import course_chart, measured_of, stated_days
from review.episode.proof import (
    alike_of,
    bars_of,
    expected_of,
    proof_of,
    record_of,
    tipping_of,
    without_course,
    without_of,
)
from review.episode.region import map_of, origin_of, panel_of
from review.episode.screen import on_screen
from review.episode.stability import stability_of
from review.episode.subject import (
    Subject,
    find_episode,
    history_of,
    runs_until,
    subject_of,
    warnings_of,
    world_of_episode,
)
from review.page import render, words_of
from review.worlds import world_of

ROWS: Final = 100


def episode_routes() -> APIRouter:
    """Return the routes of the pages of episodes."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
    add(router, "/episodes", episodes, Action.see_forecasts, ["GET"])
    add(router, "/episodes/{episode_id}", episode, Action.see_forecasts, ["GET"])
    return router


def episodes(request: Request, before: str = "") -> Response:
    """List the episodes of a world, the open ones first, then the newest."""
    with request.app.state.ledger.read() as conn:
        world = world_of(request, conn)
        found = list_episodes(conn, world) if world else []
    rows = sorted(found, key=lambda row: (row.state == "open", row.onset, row.id), reverse=True)
    seen = next((n for n, row in enumerate(rows, 1) if row.id == before), 0)
    following = rows[seen + ROWS - 1].id if len(rows) > seen + ROWS else ""
    return render(
        request,
        "episode/list.html.j2",
        rows=rows[seen : seen + ROWS],
        following=following,
        cities=all_cities(),
        world=world,
        simulated=is_simulated(world),
    )


def episode(
    request: Request,
    episode_id: str,
    run: str | None = None,
    as_of: str | None = None,
    day: str | None = None,
    threshold: int | None = None,
    warning: str | None = None,
) -> Response:
    """Show the evidence for and against an episode, as a run had it.

    ``run`` names an earlier run; ``as_of`` an instant after which nothing is shown; ``day`` and ``threshold``
    what the page tells of; ``warning`` which of the texts about the episode is decided here.
    """
    subject = _subject(request, episode_id, run, as_of, (_day(day), threshold))
    evidence = _evidence(request, subject)
    with request.app.state.ledger.read() as conn:
        is_past = as_of is not None or _is_earlier(conn, subject)
        warnings = [] if is_past else warnings_of(conn, episode_id)
        panel = _panel(request, conn, subject, _of_warning(warnings, warning), evidence, len(warnings) == 1)
    return render(
        request,
        "episode/page.html.j2",
        subject=subject,
        warnings=warnings,
        panel=panel,
        is_past=is_past,
        kept={"run": subject.run.id if is_past else None, "as_of": as_of, "warning": warning},
        world=subject.row.world,
        simulated=is_simulated(subject.row.world),
        **evidence,
    )


def _panel(
    request: Request,
    conn: Connection,
    subject: Subject,
    warnings: list[VersionRow],
    shown: dict[str, Any],
    is_only: bool,
) -> Panel | None:
    """Return where the first text that waits is decided, with what stands on this page.

    Its forms lead back here only if no other text can then take its place; else to the warning's own page.
    """
    chosen = next((row for row in warnings if row.state in OPEN), warnings[0] if warnings else None)
    if chosen is None:
        return None
    back = f"/episodes/{subject.row.id}" if is_only else ""
    return decision_panel(request, conn, chosen.warning_id, back=back, shown=on_screen(subject, shown))


def _of_warning(warnings: list[VersionRow], name: str | None) -> list[VersionRow]:
    """Return the texts about an episode, only the one that was asked for if one was; 404 for another's."""
    if name is None:
        return warnings
    found = [row for row in warnings if row.warning_id == name]
    if warnings and not found:
        raise HTTPException(404, "There is no such warning about this episode.")
    return found


def _is_earlier(conn: Connection, subject: Subject) -> bool:
    """Tell whether another run counts now than the one that is looked at."""
    newest = runs_until(conn, subject.row.world, None, subject.at)
    return newest[0].id != subject.run.id


def _subject(
    request: Request,
    episode_id: str,
    run: str | None,
    as_of: str | None,
    asked: tuple[date | None, int | None],
) -> Subject:
    settings = request.app.state.settings
    with request.app.state.ledger.read() as conn:
        world = world_of_episode(conn, episode_id)
        row = find_episode(conn, world, episode_id) if world is not None else None
        if world is None or row is None:
            raise HTTPException(404, "There is no such episode.")
        at = present_of(conn, world, request.app.state.clock(), _instant(as_of)).at
        runs = runs_until(conn, world, run, at)
    if not runs:
        raise HTTPException(404, "No run of this world counts here; take the page without ?run= and ?as_of=.")
    return subject_of(row, runs, at, load_policy(settings.policy_file), settings, asked)


def _evidence(request: Request, subject: Subject) -> dict[str, Any]:
    settings, t = request.app.state.settings, words_of(request)
    store = ObservationStore(
        stored_in(settings, OBSERVATIONS), request.app.state.ledger, request.app.state.clock
    )
    proof, focus = proof_of(subject, settings), subject.focus
    measured = measured_of(store, subject)
    panel = panel_of(subject, settings)
    extra = without_course(proof, subject.run.cycle)
    return {
        "measured": measured,
        "course": course_chart(subject, measured, settings, t, extra),
        "stated": stated_days(subject, settings),
        "stability": stability_of(subject, focus, settings, t) if focus else None,
        "record": record_of(proof, focus, t) if focus else None,
        "is_kept": proof.evidence is not None,
        "tipping": tipping_of(proof, t.language),
        "expected": expected_of(proof, t.language),
        "without": without_of(proof),
        "bars": bars_of(proof, focus, t) if focus else [],
        "alike": alike_of(proof, focus) if focus else None,
        "region": map_of(store, subject, panel, t),
        "origin": origin_of(panel, t),
        "history": history_of(subject, load_policy(settings.policy_file)),
        "origin_words": origin_texts,
        "note_of": vocabulary(t.language).phrase,
        "source_of": lambda source: source_name(source, vocabulary(t.language)),
        "product_of": lambda row: str(vocabulary(t.language)["products"][row.content["product"]]),
        "parsed": parse_instant,
        "range_of": lambda said: stated_range(said, t.language),
        "name_of_city": {city.id: city.name[t.language] for city in all_cities().values()},
    }


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise HTTPException(422, "day is a date such as 2019-03-05.") from error


def _instant(text: str | None) -> datetime | None:
    try:
        return parse_instant(text) if text else None
    except (UsageError, ValueError) as error:
        raise HTTPException(422, "as_of is an instant such as 2019-03-05T08:00Z.") from error
