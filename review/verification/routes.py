"""The route of the verification page."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from alerts.policy import load_policy
from forecasting.verification.kept import facts_of
from forecasting.verification.reviewed import REVIEWED
from pipeline.cities import all_cities, home_of
from pipeline.place_names import name_of
from pipeline.times import parse_instant
from review.access import add, visitor
from review.accounts.roles import Action
from review.embargo import seen_until
from review.page import render, words_of
from review.verification import views
from review.verification.choice import MEASURES, Choice, Options, chosen, newest_of
from review.verification.trained import trained_scores
from review.worlds import world_of

INSTANTS: Final = ("first_issue", "last_issue", "measured_as_of")


def verification_routes() -> APIRouter:
    """Return the route of the page."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
    add(router, "/verification", verification, Action.see_past, ["GET"])
    return router


def verification(request: Request) -> HTMLResponse:
    """Show the scores kept of a world, or where there are none what its models scored in training."""
    settings, until = request.app.state.settings, seen_until(request)
    with request.app.state.ledger.read() as conn:
        world = world_of(request, conn)
        trained = trained_scores(conn, world, request.app.state.clock())
    kept = newest_of(settings.verification_dir / world, until) if world else {}
    if not kept:
        return render(
            request,
            "verification/empty.html.j2",
            world=world,
            trained=trained,
            until=until,
            place=_place(request),
        )
    choice, options = chosen(
        request.query_params,
        world,
        kept,
        city=_own_city(request),
        limits={city: load_policy(settings.policy_file).thresholds(city)[0] for city in all_cities()},
    )
    folder = kept[choice.source].folder
    shown = _shown(request, choice, options, folder, until)
    return render(request, "verification/page.html.j2", **shown)


def _shown(
    request: Request, choice: Choice, options: Options, folder: Path, until: datetime | None
) -> dict[str, Any]:
    t, facts = words_of(request), facts_of(folder)
    found = views.lines(folder, choice)
    summary, listed = views.episodes(folder, choice, f"{until:%Y-%m-%d}" if until else "")
    return {
        "world": choice.world,
        "choice": choice,
        "options": options,
        "measures": MEASURES,
        "facts": facts,
        "times": {name: parse_instant(facts[name]) for name in INSTANTS},
        "late_runs": facts["runs"] - facts["live"] if "runs" in facts else 0,
        "caveats": facts["caveats"] if "runs" not in facts else (),
        "until": until,
        "lines": found,
        "subject": next((one for one in found if one.model == views.SUBJECT), None),
        "reviewed": REVIEWED,
        "few": views.FEW,
        "figures": {
            "lead": views.by_lead(folder, choice, options, t),
            "season": views.by_season(folder, choice, options, t),
            "reliability": views.reliability(folder, choice, t),
            "roc": views.roc(folder, choice, t),
        },
        "summary": summary,
        "listed": listed,
        "place": _place(request),
    }


def _place(request: Request) -> Callable[[str], str]:
    language = words_of(request).language
    return lambda city: name_of(city, language)


def _own_city(request: Request) -> str:
    """Return the first city of the person's party."""
    party = visitor(request).party
    return home_of(party)
