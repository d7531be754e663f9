"""Writing a page: the frame, the person's language and zone, and filters that escape what is foreign."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from alerts.plain_text import one_line
from alerts.vocabulary import LANGUAGES
from pipeline.names import is_simulated
from pipeline.times import iso, to_utc
from review.access import SAFE
from review.accounts.roles import Action, Role, may
from review.accounts.sessions import Visitor
from review.texts import Texts, preferred, texts

LANGUAGE_COOKIE: Final = "sameair_language"
THEME_COOKIE: Final = "sameair_theme"
THEMES: Final = ("light", "dark")
DEFAULT_ZONE: Final = "UTC"


@dataclass(frozen=True)
class Place:
    """One of the pages that the frame leads to."""

    path: str
    key: str
    action: Action


PLACES: Final = (
    Place("/", "common.desk", Action.see_forecasts),
    Place("/warnings", "common.warnings", Action.see_issued),
    Place("/season", "common.season", Action.see_forecasts),
    Place("/verification", "common.verification", Action.see_past),
    Place("/archive", "common.archive", Action.see_past),
    Place("/operations", "common.operations", Action.see_operations),
    Place("/school", "common.school", Action.train),
    Place("/agency", "common.agency", Action.see_issued),
)
"""Where the frame leads; a page is named there as soon as the application has it."""


def render(request: Request, template: str, *, status: int = 200, **context: Any) -> HTMLResponse:
    """Return a page in the language and zone of who looks at it."""
    visitor: Visitor | None = getattr(request.state, "visitor", None)
    t = words_of(request)
    html = _ENVIRONMENT.get_template(template).render(
        t=t,
        language=t.language,
        zone=visitor.account.timezone if visitor else DEFAULT_ZONE,
        visitor=visitor,
        csrf=visitor.csrf if visitor else "",
        places=_places(request, visitor),
        path=request.url.path,
        here=here_of(request),
        theme=theme_of(request),
        now=request.app.state.clock(),
        **context,
    )
    return HTMLResponse(html, status)


def show_error(request: Request, status: int, detail: str) -> HTMLResponse:
    """Show an error as a page."""
    return render(request, "error.html.j2", status=status, code=status, detail=detail)


def words_of(request: Request) -> Texts:
    """Return the words of the person's language: of the account, else as chosen, else as the browser asks."""
    visitor: Visitor | None = getattr(request.state, "visitor", None)
    chosen = visitor.account.language if visitor else request.cookies.get(LANGUAGE_COOKIE, "")
    return texts(chosen if chosen in LANGUAGES else preferred(request.headers.get("accept-language", "")))


def theme_of(request: Request) -> str:
    """Return ``light`` or ``dark`` if somebody chose it in this browser, else nothing."""
    chosen = request.cookies.get(THEME_COOKIE, "")
    return chosen if chosen in THEMES else ""


def here_of(request: Request) -> str:
    """Return where a form leads back to: this page, after a change the start page."""
    if request.method not in SAFE:
        return "/"
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def _places(request: Request, visitor: Visitor | None) -> list[Place]:
    known = {getattr(route, "path", "") for route in request.app.state.guarded}
    if visitor is None:
        return []
    return [p for p in PLACES if p.path in known and may(visitor.role, p.action)]


def first_place(request: Request) -> str:
    """Return where somebody begins who may not see the desk; nothing for who may, or is not signed in."""
    visitor: Visitor | None = getattr(request.state, "visitor", None)
    if visitor is None or visitor.program is not None or may(visitor.role, Action.see_forecasts):
        return ""
    paths = [place.path for place in _places(request, visitor)]
    own = "/agency" if visitor.role is Role.agency else next(iter(paths), "")
    return own if own in paths else ""


@pass_context
def _moment(context: Context, when: datetime | None, form: str = "%Y-%m-%d %H:%M") -> Markup:
    """Write an instant in the person's zone, with UTC beside it for who points at it."""
    if when is None:
        return Markup("–")
    zone = ZoneInfo(context["zone"])
    local = to_utc(when).astimezone(zone)
    utc = f"{to_utc(when):%Y-%m-%d %H:%M} UTC"
    return Markup('<time datetime="{}" title="{}">{} {}</time>').format(
        iso(when), utc, local.strftime(form), local.tzname() or ""
    )


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("review"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(languages=LANGUAGES, is_simulated=is_simulated)
    environment.filters.update(
        moment=_moment,
        plain=one_line,
    )
    return environment


_ENVIRONMENT: Final = _environment()
