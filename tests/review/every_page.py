"""Finds every page of an application: each route by an example that some other page links to."""

import re
from urllib.parse import urlsplit

import requests
from lxml import html
from starlette.routing import compile_path

from tests.review.signed_in import cookies


def page_routes(app):
    """Return the paths of the routes that people look at."""
    return sorted(
        {route.path for route in app.state.guarded if "GET" in route.methods and not is_machine(route.path)}
    )


def is_machine(path):
    """Tell whether a path answers programs: data, styles, feeds."""
    return path.startswith(("/api/", "/static/", "/map/", "/feed", "/healthz", "/readyz", "/metrics"))


def examples(running, starts=(), *, most=400, **who):
    """Return for each route an address under which it answers with a whole page, found by following links.

    ``starts`` are addresses that no page links to.
    """
    jar = cookies(running.ledger, running.now, **who)
    known = [(path, compile_path(path)[0]) for path in page_routes(running.app)]
    waiting = [path for path, _ in known if "{" not in path] + list(starts)
    found, seen = {}, {}
    session = requests.Session()
    session.cookies.update(jar)
    while waiting and len(seen) < most:
        address = waiting.pop(0)
        route = next((path for path, form in known if form.match(urlsplit(address).path)), None)
        if route is None or address in seen or seen_often(seen, route):
            continue
        answer = session.get(running.base + address, timeout=120)
        seen[address] = route
        assert answer.status_code < 500, (address, answer.text[:300])
        assert answer.status_code != 404 or route == address, f"a page links to {address}, which is not there"
        if answer.ok and answer.headers["content-type"].startswith("text/html"):
            if 'class="page-head"' in answer.text:
                found.setdefault(route, address)
            waiting += links(answer.text, urlsplit(answer.url).path)
    return found


def seen_often(seen, route, often=3):
    """Tell whether a route was tried under enough addresses."""
    return sum(one == route for one in seen.values()) >= often


def links(text, here):
    """Return the addresses inside the application to which a page links."""
    hrefs = html.fromstring(text).xpath("//a/@href")
    inside = [h if h.startswith("/") else here + h for h in hrefs if re.match(r"[/?]", h)]
    return [h.split("#")[0] for h in inside]
