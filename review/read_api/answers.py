"""Answers of the API: documents with validators, so that who asks again is told that nothing changed."""

from __future__ import annotations

import hashlib
import pathlib
from collections.abc import Sequence
from typing import Annotated, Final, TypeVar
from urllib.parse import urlencode

from fastapi import HTTPException, Path, Query, Request
from fastapi.responses import FileResponse, Response
from pydantic import BaseModel

NO_ROW: Final = "no row has the id given as before; begin again without it"
NOT_MODIFIED: Final = 304
NETCDF: Final = "application/netcdf"
CACHING: Final = {"Cache-Control": "private, no-cache"}
"""A copy may be kept and is asked about each time."""

WORLD: Final = "^[a-z0-9][a-z0-9_-]{0,63}$"
World = Annotated[str | None, Query(description="only this world, such as measured", pattern=WORLD)]
Limit = Annotated[int, Query(ge=1, le=500, description="at most so many rows, newest first")]
Before = Annotated[
    str | None,
    Query(description="`next` of the page before: rows older than it", pattern="^[A-Za-z0-9_.:-]{1,120}$"),
]
Id = Annotated[str, Path(description="id of a run or warning", pattern="^[0-9A-Za-z-]{1,64}$")]

Row = TypeVar("Row")


def answer(request: Request, document: BaseModel, *, following: str | None = None) -> Response:
    """Return a document, or that the asker has it already.

    Parameters
    ----------
    following : cursor of the next page; it stands in a Link header, too (RFC 8288)
    """
    body = document.model_dump_json().encode()
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": tag, **CACHING}
    if following is not None:
        values = {**request.query_params, "before": following}
        headers["Link"] = f'<{request.url.path}?{urlencode(values)}>; rel="next"'
    if is_known(request, tag):
        return Response(status_code=NOT_MODIFIED, headers=headers)
    return Response(body, media_type="application/json", headers=headers)


def bytes_answer(request: Request, body: bytes, media_type: str) -> Response:
    """Return bytes, or that the asker has them already."""
    headers = {"ETag": f'"{hashlib.sha256(body).hexdigest()[:32]}"', **CACHING}
    if is_known(request, headers["ETag"]):
        return Response(status_code=NOT_MODIFIED, headers=headers)
    return Response(body, media_type=f"{media_type}; charset=utf-8", headers=headers)


def file_answer(request: Request, path: pathlib.Path, name: str, media_type: str) -> Response:
    """Return a file that is never changed once it is written, or that the asker has it already."""
    stat = path.stat()
    tag = f'"{hashlib.sha256(f"{name} {stat.st_size} {stat.st_mtime_ns}".encode()).hexdigest()[:32]}"'
    headers = {"ETag": tag, **CACHING}
    if is_known(request, tag):
        return Response(status_code=NOT_MODIFIED, headers=headers)
    return FileResponse(path, media_type=media_type, filename=name, headers=headers)


def is_known(request: Request, tag: str) -> bool:
    """Tell whether the asker's copy bears a tag (RFC 9110 §13.1.2)."""
    given = request.headers.get("if-none-match", "")
    return given.strip() == "*" or tag in [t.strip().removeprefix("W/") for t in given.split(",")]


def page_of(
    rows: Sequence[Row], ids: Sequence[str], before: str | None, limit: int
) -> tuple[list[Row], str | None]:
    """Return the rows after a cursor, and the cursor of the page after them.

    Parameters
    ----------
    ids : of each row its cursor

    Raises
    ------
    HTTPException
        404: no row has the cursor

    Examples
    --------
    >>> page_of([1, 2, 3], ["a", "b", "c"], None, 2), page_of([1, 2, 3], ["a", "b", "c"], "b", 2)
    (([1, 2], 'b'), ([3], None))
    """
    if before is not None and before not in ids:
        raise HTTPException(404, NO_ROW)
    start = 0 if before is None else list(ids).index(before) + 1
    page = list(rows[start : start + limit])
    more = start + limit < len(rows)
    return page, ids[start + limit - 1] if more else None
