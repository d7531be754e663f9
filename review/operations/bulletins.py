"""The bulletins of a run, as they were written."""

from __future__ import annotations

from fastapi import Request
from fastapi.responses import FileResponse, Response

from alerts.vocabulary import LANGUAGES
from pipeline.cities import all_cities
from pipeline.ledger.runs import get_run
from review.removed import no_bulletin
from review.security import BULLETIN_POLICY, bulletin_file


def bulletin(request: Request, run_id: str, city: str = "", language: str = "") -> Response:
    """Return a bulletin of a run: the page, or with a language the PDF in it."""
    with request.app.state.ledger.read() as conn:
        run = get_run(conn, run_id)
    known = city in ("", *all_cities()) and language in ("", *LANGUAGES)
    path = bulletin_file(run, request.app.state.settings, city, language) if run and known else None
    if path is None:
        raise no_bulletin(run, request.app.state.settings, city, language, "This run has no such bulletin.")
    if language:
        return FileResponse(path, media_type="application/pdf", filename=path.name)
    return FileResponse(path, media_type="text/html", headers={"Content-Security-Policy": BULLETIN_POLICY})
