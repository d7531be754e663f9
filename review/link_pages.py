"""What the pages behind signed links of mails share: texts, policy, and how a link is refused."""

from __future__ import annotations

import tomllib
from importlib import resources
from typing import Any, Final

from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined

from alerts.sealed_links import LinkError

CONTENT_POLICY: Final = (
    "default-src 'none'; style-src 'self'; font-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
FORBIDDEN: Final = 403
GONE: Final = 410

Words = dict[str, dict[str, Any]]

_ENVIRONMENT: Final = Environment(
    loader=PackageLoader("review"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)


def page_words(name: str) -> Words:
    """Return the texts of a page by language, from a file beside this one.

    >>> sorted(page_words("acknowledge.toml"))
    ['en', 'ko', 'zh']
    """
    return tomllib.loads((resources.files("review") / name).read_text("utf-8"))


def link_page(template: str, status: int = 200, **values: object) -> Response:
    """Return a page; it may load nothing but our own style and fonts, and run no script."""
    html = _ENVIRONMENT.get_template(template).render(**values)
    return HTMLResponse(html, status, headers={"Content-Security-Policy": CONTENT_POLICY})


def refused(error: LinkError, words: Words) -> Response:
    """Say in three languages that a link does not count."""
    kind, status = ("expired", GONE) if error.is_expired else ("wrong", FORBIDDEN)
    return link_page("acknowledge_refused.html.j2", status, kind=kind, words=words)
