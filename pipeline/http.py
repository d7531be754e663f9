"""The one door to other people's servers: polite, patient within limits, and silent about keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from pydantic import SecretStr


@dataclass(frozen=True)
class Limits:
    """How many requests a service allows; None: it does not say. A day begins at midnight in ``zone``."""

    per_minute: int | None = None
    per_hour: int | None = None
    per_day: int | None = None
    zone: str = "UTC"


@dataclass(frozen=True)
class Service:
    """What must be known of a service to ask it: its name, its limits, and what may never be printed."""

    source: str
    limits: Limits = field(default_factory=Limits)
    secrets: tuple[SecretStr, ...] = ()
    largest_bytes: int = 64 * 2**20


@dataclass(frozen=True)
class Request:
    """One request.

    Parameters
    ----------
    data : form fields, or a body; an empty body is sent as such
    check : raises the typed error of a refusal that came with HTTP 200; a plain SourceUnavailable is retried
        like a time-out, its subclasses and other errors are not
    expect : content types that are taken (``application/json``); empty: any
    """

    method: str
    url: str = field(repr=False)
    params: Mapping[str, str] = field(default_factory=dict, repr=False)
    data: Mapping[str, str] | bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    check: Callable[[bytes], Any] | None = None
    expect: tuple[str, ...] = ()


class Http(Protocol):
    """Asks a service; see ``PoliteHttp``."""

    def ask(self, service: Service, request: Request) -> bytes:
        """Return the body of an answer that passed the request's check.

        Raises
        ------
        SourceUnavailable
            no answer after the retries
        QuotaSpent
            the service's limits, as counted here or as it says
        Refused
            401, 403 or a redirect elsewhere
        BadPayload
            an answer that is too large, or of another content type
        """

    def stop(self, service: Service, until: datetime, reason: str) -> None:
        """Ask this service nothing more before an instant; remembered across restarts."""
