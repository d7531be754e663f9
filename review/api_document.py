"""The OpenAPI document of the read API: for those who may read, and with the ways to say who one is."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, FastAPI, Request

from review.access import COOKIE, add
from review.access import SECURE_COOKIE as SECURE
from review.accounts.roles import Action
from review.security import is_secure

PATH: Final = "/api/v1/openapi.json"


def document_routes() -> APIRouter:
    """Return the route of the document."""
    router = APIRouter(include_in_schema=False)
    add(router, PATH, document, Action.see_issued, ["GET"])
    return router


def document(request: Request) -> dict[str, Any]:
    """Return what can be asked, how, and what is answered."""
    app: FastAPI = request.app
    cookie = SECURE if is_secure(request) else COOKIE
    return described(app.openapi(), cookie)


def described(found: dict[str, Any], cookie: str) -> dict[str, Any]:
    """Return an OpenAPI document with the two ways in: a program's token, or the cookie of a browser.

    >>> described({"paths": {}}, "c")["security"]
    [{'token': []}, {'session': []}]
    """
    schemes = {
        "token": {"type": "http", "scheme": "bearer", "description": "a token made under Your account"},
        "session": {"type": "apiKey", "in": "cookie", "name": cookie, "description": "of who signed in"},
    }
    components = {**found.get("components", {}), "securitySchemes": schemes}
    return {**found, "components": components, "security": [{"token": []}, {"session": []}]}
