"""The session that all requests go through: TLS verified always, no cookies, no redirects of its own."""

from __future__ import annotations

import ssl
from http.cookiejar import DefaultCookiePolicy
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import requests
from requests.adapters import DEFAULT_POOLSIZE, HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.util.ssl_ import create_urllib3_context

from pipeline.errors import UsageError


class TrustingAdapter(HTTPAdapter):
    """Trusts one more certificate authority besides the usual ones."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__(pool_connections=DEFAULT_POOLSIZE)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Give every connection the context."""
        super().init_poolmanager(*args, **kwargs, ssl_context=self._context)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        """Give every connection through a proxy the context."""
        return super().proxy_manager_for(*args, **kwargs, ssl_context=self._context)


def new_session(ca_file: Path | None = None) -> requests.Session:
    """Return a session that keeps no cookies and says who asks.

    Parameters
    ----------
    ca_file : PEM file of one more authority to trust, such as the one of a service whose chain is incomplete

    Raises
    ------
    UsageError
        the file cannot be read or holds no certificate

    Examples
    --------
    >>> new_session().headers["User-Agent"].startswith("sameair/")
    True
    """
    session = requests.Session()
    session.headers["User-Agent"] = f"sameair/{_version()}"
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    if ca_file is not None:
        session.mount("https://", TrustingAdapter(_context(ca_file)))
    return session


def _version() -> str:
    try:
        return version("sameair")
    except PackageNotFoundError:
        return "unknown"


def _context(ca_file: Path) -> ssl.SSLContext:
    context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED)
    context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
    try:
        context.load_verify_locations(ca_file)
    except (OSError, ssl.SSLError) as error:
        raise UsageError(
            f"the authority {ca_file} cannot be used ({error}); give a file of PEM certificates"
        ) from error
    return context
