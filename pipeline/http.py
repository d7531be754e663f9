"""The one door to other people's servers: polite, patient within limits, and silent about keys."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

import requests
from pydantic import SecretStr
from tenacity import RetryCallState, Retrying, retry_if_exception_type

from pipeline.errors import BadPayload, QuotaSpent, SourceError, SourceUnavailable
from pipeline.http_transfer import Answer, Deadline, NeverSent, TransferFailed, transfer
from pipeline.http_verdict import LATER, LONGEST_STOP, judge
from pipeline.ledger.calls import (
    Period,
    Stop,
    count_call,
    next_midnight,
    periods,
    record_stop,
    stopped,
    uncount_call,
)
from pipeline.ledger.connect import Ledger
from pipeline.redaction import REDACTOR, guard_logs
from pipeline.retry_after import told_wait
from pipeline.times import Clock, iso


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
    absent : statuses that say "not there (yet)", such as 404 of a folder of files: NotYetAvailable
    """

    method: str
    url: str = field(repr=False)
    params: Mapping[str, str] = field(default_factory=dict, repr=False)
    data: Mapping[str, str] | bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    check: Callable[[bytes], Any] | None = None
    expect: tuple[str, ...] = ()
    absent: tuple[int, ...] = ()


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
            401, 403, another request that cannot succeed, a redirect elsewhere, an untrusted certificate
        NotYetAvailable
            a status of ``absent``
        BadPayload
            an answer that is too large, or of another content type; its ``payload`` is the body
        """

    def stop(self, service: Service, until: datetime, reason: str) -> None:
        """Ask this service nothing more before an instant; remembered across restarts."""


@dataclass(frozen=True)
class Patience:
    """How long one request may take [s] and how often it is tried.

    ``read_s`` is between two pieces of an answer, ``total_s`` holds for all tries without the pauses;
    ``longest_wait_s`` is how long a service's limit may make us wait before it counts as spent.
    """

    connect_s: float = 10.0
    read_s: float = 30.0
    total_s: float = 180.0
    tries: int = 4
    first_wait_s: float = 1.0
    longest_backoff_s: float = 30.0
    longest_wait_s: float = 75.0


WAITS: Final = 3
"""How often one try waits for a period to end."""


class _Again(Exception):
    """A failure that can pass, and how long the service asks us to wait, if it says so."""

    def __init__(self, error: SourceError, wait_s: float | None = None) -> None:
        self.error, self.wait_s = error, wait_s
        super().__init__(str(error))


@dataclass(frozen=True)
class PoliteHttp:
    """Asks services through one session, within their limits, which the ledger counts for all processes.

    Parameters
    ----------
    session : see ``pipeline.http_session.new_session``
    ledger : holds what was asked and which services are left alone
    clock : dates requests
    sleep, rng, monotonic : how it waits, draws jitter and measures time-outs
    until : reading of ``monotonic`` at which every request ends, also one that waits or is being answered
    silent : services that did not answer a request however often it was tried; until they answer they are
        tried once a request, so that an outage does not use up the day's quota
    """

    session: requests.Session
    ledger: Ledger
    clock: Clock
    sleep: Callable[[float], None] = time.sleep
    rng: random.Random = field(default_factory=random.SystemRandom)
    monotonic: Callable[[], float] = time.monotonic
    patience: Patience = field(default_factory=Patience)
    until: float = math.inf
    silent: set[str] = field(default_factory=set, repr=False)

    def ask(self, service: Service, request: Request) -> bytes:
        """Return the body of an answer that passed the request's check; see :meth:`Http.ask`."""
        guard_logs()
        REDACTOR.learn(service.secrets)
        deadline = Deadline(min(self.monotonic() + self.patience.total_s, self.until), self.monotonic)
        retrying = Retrying(
            stop=lambda state: self._enough(state, deadline, service),
            wait=self._backoff,
            sleep=lambda wait_s: self._pause(wait_s, deadline, service),
            retry=retry_if_exception_type(_Again),
            reraise=True,
        )
        problem: SourceError
        try:
            body: bytes = retrying(self._once, service, request, deadline)
            self.silent.discard(service.source)
            return body
        except _Again as again:
            problem = self._give_up(service, again)
        except SourceError as error:
            problem = error
        # Raised out here and cleaned, so that no chained exception shows what was asked.
        raise self._cleaned(service, problem)

    def stop(self, service: Service, until: datetime, reason: str) -> None:
        """Ask this service nothing more before an instant; remembered across restarts."""
        with self.ledger.write() as conn:
            record_stop(conn, service.source, Stop(until, REDACTOR.clean(reason)))

    def _cleaned(self, service: Service, problem: SourceError) -> SourceError:
        """Return an error without secrets and chain; a quota that is spent is remembered."""
        problem.what = REDACTOR.clean(problem.what)
        problem.args = tuple(REDACTOR.clean(a) if isinstance(a, str) else a for a in problem.args)
        problem.__cause__ = problem.__context__ = None
        if isinstance(problem, QuotaSpent):
            problem.until = problem.until or next_midnight(service.limits.zone, self.clock())
            self.stop(service, problem.until, problem.what)
        return problem

    def _give_up(self, service: Service, again: _Again) -> SourceError:
        """Return the error of the last try; a service that wants a long pause gets it."""
        self.silent.add(service.source)
        if again.wait_s is not None and again.wait_s > self.patience.longest_wait_s:
            pause = min(timedelta(seconds=min(again.wait_s, 1e6)), LONGEST_STOP)
            self.stop(service, self.clock() + pause, again.error.what)
        return again.error

    def _enough(self, state: RetryCallState, deadline: Deadline, service: Service) -> bool:
        """Tell whether to give up: tries or time are used up, or the service wants a longer pause."""
        if (_told(state) or 0.0) > self.patience.longest_wait_s:
            return True
        tries = 1 if service.source in self.silent else self.patience.tries
        return state.attempt_number >= tries or deadline.left() <= 0

    def _backoff(self, state: RetryCallState) -> float:
        """Return how long to wait: as the service says, else twice as long each time, with full jitter."""
        most = self.patience.first_wait_s * 2 ** (state.attempt_number - 1)
        return (_told(state) or 0.0) + self.rng.uniform(0, min(most, self.patience.longest_backoff_s))

    def _pause(self, wait_s: float, deadline: Deadline, service: Service) -> None:
        """Wait; pauses are no part of the time that a request may take, but end with all else."""
        if self.monotonic() + wait_s >= self.until:
            raise SourceUnavailable(service.source, "no time left to wait for an answer", remedy=LATER)
        self.sleep(wait_s)
        deadline.at = min(deadline.at + wait_s, self.until)

    def _once(self, service: Service, request: Request, deadline: Deadline) -> bytes:
        """Make one try: count it, send it, judge the answer."""
        counted_at = self._reserve(service, deadline)
        try:
            answer = transfer(self.session, service, request, self.patience, deadline)
        except TransferFailed as failed:
            what = f"no whole answer ({failed})"
            if isinstance(failed, NeverSent):
                what = f"cannot be reached ({failed})"
                with self.ledger.write() as conn:
                    uncount_call(conn, service.source, service.limits, counted_at)
        else:
            return self._judge(service, request, answer)
        raise _Again(SourceUnavailable(service.source, what, remedy=LATER))

    def _reserve(self, service: Service, deadline: Deadline) -> datetime:
        """Count a request before it is made, waiting for the end of a period where that is soon."""
        waits = WAITS
        while True:
            now = self.clock()
            full = self._count(service, now)
            if full is None:
                return now
            wait_s = (full.until - now).total_seconds()
            if wait_s > self.patience.longest_wait_s or not waits:
                what = f"the {full.allowed} requests of this {full.kind} are used"
                raise QuotaSpent(service.source, what, until=full.until, remedy=_again_at(full.until))
            self._pause(wait_s, deadline, service)
            waits -= 1

    def _count(self, service: Service, now: datetime) -> Period | None:
        with self.ledger.read() as conn:
            stop = stopped(conn, service.source, now)
        if stop is not None:
            raise QuotaSpent(service.source, stop.reason, until=stop.until, remedy=_again_at(stop.until))
        if not periods(service.limits, now):
            return None
        with self.ledger.write() as conn:
            return count_call(conn, service.source, service.limits, now)

    def _judge(self, service: Service, request: Request, answer: Answer) -> bytes:
        """Return the body of a good answer; raise what a bad one means."""
        body = REDACTOR.clean_body(answer.body)
        problem = judge(service, request, Answer(answer.status, answer.headers, body), self.clock())
        if problem is None:
            return body
        if isinstance(problem, BadPayload):
            problem.payload = body
        if type(problem) is SourceUnavailable or (answer.status == 429 and isinstance(problem, QuotaSpent)):
            raise _Again(problem, told_wait(answer.headers, self.clock()))
        raise problem


def _told(state: RetryCallState) -> float | None:
    """Return how long the service asked us to wait after the last try."""
    error = state.outcome.exception() if state.outcome is not None else None
    return error.wait_s if isinstance(error, _Again) else None


def _again_at(until: datetime) -> str:
    return f"asked again at {iso(until)}"
