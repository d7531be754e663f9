"""What every answer of the review pages carries so that a browser does nothing but show it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from fastapi import Request, Response

from alerts.edition import bulletin_name
from pipeline.ledger.runs import RunRow
from pipeline.settings import Settings
from pipeline.storage.products import brought

PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; frame-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
BULLETIN_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; font-src data:; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"
)
LETTER_POLICY: Final = BULLETIN_POLICY.replace("frame-ancestors 'none'", "frame-ancestors 'self'")
"""For a mail that is shown inside one of our own pages: nothing in it runs, nothing is loaded."""
HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
TLS_ONLY: Final = "max-age=31536000"
"""A browser that came over TLS once comes over TLS alone for a year."""
LOOPBACK_HOSTS: Final = ("127.0.0.1", "localhost", "[::1]")
"""Names under which the pages answer; any other Host header is refused (DNS rebinding)."""


def is_secure(request: Request) -> bool:
    """Tell whether the person reaches us over TLS, here or at a web server in front."""
    return request.url.scheme == "https" or bool(request.app.state.settings.review_url.startswith("https:"))


async def add_headers(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """Add the security headers; an answer may have set a policy of its own."""
    response = await call_next(request)
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Content-Security-Policy", PAGE_POLICY)
    if is_secure(request):
        response.headers["Strict-Transport-Security"] = TLS_ONLY
    if not request.url.path.startswith("/static/"):
        response.headers.setdefault("Cache-Control", "no-store")
    return response


def bulletin_file(run: RunRow, settings: Settings, city: str = "", language: str = "") -> Path | None:
    """Return a bulletin of a run if it is a plain file inside the folder of runs, else None.

    It is the product ``bulletin``, or lies beside the forecast under the run's name. The ledger names
    products by path; one that leads outside the folder, also over a link, is not served.

    Parameters
    ----------
    city, language : ids that there are; empty for both cities together, and for the page of all languages
    """
    own = not city and not language and "bulletin" in run.products
    named = [Path(run.products["bulletin"])] if own else []
    if "forecast" in run.products:
        named.append(Path(run.products["forecast"]).parent / bulletin_name(run.id, city, language))
    return _among_runs(named, settings, changes=True)


def product_file(run: RunRow, name: str, settings: Settings) -> Path | None:
    """Return a product of a run if it is a plain file inside the folder of runs, else None."""
    return _among_runs([Path(run.products[name])] if name in run.products else [], settings)


def origins_file(run: RunRow, settings: Settings) -> Path | None:
    """Return the origin panel of a run if it is a plain file inside the folder of runs, else None."""
    return _among_runs([Path(run.products["origins"])] if "origins" in run.products else [], settings)


def dust_file(run: RunRow, settings: Settings) -> Path | None:
    """Return the dust outlook of a run if it is a plain file inside the folder of runs, else None."""
    return _among_runs([Path(run.products["dust"])] if "dust" in run.products else [], settings)


def _among_runs(named: list[Path], settings: Settings, *, changes: bool = False) -> Path | None:
    """Return the first of some files of the data folder that truly lies in the folder of runs."""
    inside = settings.runs_dir.resolve()
    for path in (brought(settings, name, changes=changes).resolve() for name in named):
        if path.is_relative_to(inside) and path.is_file():
            return path
    return None
