"""Errors of the API as problem details (RFC 9457)."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field

MEDIA_TYPE: Final = "application/problem+json"
UNAUTHORIZED: Final = 401


class Problem(BaseModel):
    """What went wrong with a request."""

    type: str = Field("about:blank", description="always about:blank: title and status say which kind it is")
    title: str = Field(description="the kind of problem, as of HTTP")
    status: int = Field(description="status of the answer")
    detail: str = Field(description="what is wrong with this request, and what to do")


def problem(status: int, detail: str) -> Response:
    """Return a problem as an answer.

    >>> problem(404, "there is no such run").body.decode()
    '{"type":"about:blank","title":"Not Found","status":404,"detail":"there is no such run"}'
    """
    known = {s.value: s.phrase for s in HTTPStatus}
    body = Problem(type="about:blank", title=known.get(status, "Error"), status=status, detail=detail)
    headers = {"WWW-Authenticate": "Bearer"} if status == UNAUTHORIZED else {}
    return JSONResponse(body.model_dump(), status, headers, MEDIA_TYPE)


def invalid(errors: Sequence[Any]) -> Response:
    """Return that a request's parameters are not good, named one by one."""
    found = [f"{'.'.join(str(part) for part in e['loc'][1:])}: {e['msg']}" for e in errors]
    return problem(422, "; ".join(found))


_SAID: Final = {
    401: "Nobody is signed in, and no token was given.",
    403: "The role does not allow this, or it is under embargo.",
    404: "There is no such thing, or it is not for the one who asks.",
    410: "It was there and is removed by retention; the detail says when, and its SHA-256.",
    409: "It cannot be done as things stand.",
    422: "A parameter is not good.",
    503: "The ledger or a file cannot be read at the moment.",
}


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return how a route's answers other than 200 stand in the OpenAPI document."""
    answers: dict[int | str, dict[str, Any]] = {
        s: {"description": _SAID[s], "content": {MEDIA_TYPE: {"schema": Problem.model_json_schema()}}}
        for s in (*statuses, 503)
    }
    return answers | {304: {"description": "The asker's copy (If-None-Match) is still the newest."}}
