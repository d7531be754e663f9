"""One round of questions to one feed: ask, read, store, mark as answered; what fails is kept and told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from ingest.feeds import Ask, Due, Feed, Hour, RawAnswer, Unit
from ingest.quarantine import quarantine
from ingest.storing import (
    Intake,
    Read,
    newest_of,
    read_answer,
    store_content,
    store_stations,
    unknown_stations,
)
from ingest.wire import Parsed
from pipeline.errors import (
    BadPayload,
    NotYetAvailable,
    QuotaSpent,
    Refused,
    SourceError,
    SourceUnavailable,
    StorageError,
)
from pipeline.http import Http
from pipeline.ledger.asked import mark_answered
from pipeline.ledger.calls import next_midnight

STORE_AFTER: Final = 25
"""After so many answers they are stored, so that a kill loses no more of a day's quota than these."""
PATIENCE: Final = 3
"""After so many failures in a row the feed is left alone until the next round."""
OUT_OF_TIME: Final = "the time of this round was over before all was asked"
NEXT_ROUND: Final = "it is asked again at the next round"


@dataclass(frozen=True)
class FeedReport:
    """What one feed gave in a round.

    Parameters
    ----------
    outcome : as in ``pipeline.ledger.attempts``, or ``idle``: nothing was due
    answers, read, rows : answers that could be read, rows in them, and those that were new or changed
    newest : newest interval end, issue or model run in the answers
    errors : what failed; ``notes`` is what is not there yet, left out or held
    lost : what was noticed to be gone for good
    """

    feed: str
    source: str
    outcome: str
    answers: int = 0
    read: int = 0
    rows: int = 0
    newest: datetime | None = None
    errors: tuple[SourceError, ...] = ()
    notes: tuple[SourceError, ...] = ()
    lost: tuple[Hour, ...] = ()


@dataclass
class Round:
    """The state of one round; see :func:`ingest.collect.collect_feed`.

    Parameters
    ----------
    in_time : tells whether there is time for one more request
    """

    intake: Intake
    http: Http
    feed: Feed
    units: frozenset[Unit]
    in_time: Callable[[], bool] = lambda: True
    _waiting: list[Read] = field(default_factory=list)
    _failures: int = 0
    _stopped: bool = False
    _answers: int = 0
    _read: int = 0
    _rows: int = 0
    _newest: datetime | None = None
    _errors: list[SourceError] = field(default_factory=list)
    _notes: list[SourceError] = field(default_factory=list)

    def ask_all(self, due: Due) -> FeedReport:
        """Make every request that is needed for what is due, and report.

        Raises
        ------
        StorageError
            disk or ledger cannot be used
        """
        for ask in self._asks(due):
            if not self.in_time():
                self._errors.append(SourceUnavailable(self.feed.source, OUT_OF_TIME, remedy=NEXT_ROUND))
                break
            self._ask(ask)
            if len(self._waiting) >= STORE_AFTER:
                self._store()
            if self._stopped or self._failures >= PATIENCE:
                break
        self._store()
        return FeedReport(
            self.feed.name,
            self.feed.source,
            self._outcome(),
            self._answers,
            self._read,
            self._rows,
            self._newest,
            tuple(self._errors),
            tuple(self._notes),
        )

    def _asks(self, due: Due) -> list[Ask]:
        try:
            return self.feed.asks(due)
        except StorageError:
            raise
        except SourceError as error:
            self._errors.append(error)
        except Exception as error:  # noqa: BLE001 - a fault in one feed must not stop the others
            self._errors.append(self._unforeseen("what to ask could not be decided", error))
        return []

    def _ask(self, ask: Ask) -> None:
        """Make one request and read the answer; what fails is noted."""
        answer: RawAnswer | None = None
        try:
            answer = self._fetch(ask)
            parsed = read_answer(self.feed, answer)
        except NotYetAvailable as error:
            self._notes.append(error)
        except BadPayload as error:
            self._keep(ask, answer, error)
        except SourceUnavailable as error:
            self._failed(error)
        except SourceError as error:
            self._errors.append(error)
        else:
            self._failures = 0
            self._answers += 1
            self._waiting.append(Read(ask, answer, parsed))

    def _fetch(self, ask: Ask) -> RawAnswer:
        try:
            payload = self.feed.fetch(self.http, ask)
        except (SourceError, StorageError):
            raise
        except Exception as error:  # noqa: BLE001 - a fault in one feed must not stop the others
            # Not chained: the text of an unforeseen error may show what was asked with which key.
            raise self._unforeseen("the request could not be made", error) from None
        return self._answer(ask, payload)

    def _answer(self, ask: Ask, payload: bytes) -> RawAnswer:
        asked = {**ask.parameters, "operation": ask.operation}
        feed = self.feed
        return RawAnswer(feed.source, payload, ask.description, self.intake.clock(), asked, feed.name)

    def _failed(self, error: SourceUnavailable) -> None:
        """Note a refusal; one that concerns every further request ends the round."""
        self._errors.append(error)
        self._failures += 1
        if isinstance(error, QuotaSpent):
            service = self.feed.service
            until = error.until or next_midnight(service.limits.zone, self.intake.clock())
            self.http.stop(service, until, error.what)
        if isinstance(error, QuotaSpent | Refused):
            self._stopped = True

    def _keep(self, ask: Ask, answer: RawAnswer | None, error: BadPayload) -> None:
        """Keep an answer that could not be read, also one that was refused before it was read."""
        self._errors.append(error)
        if answer is None and error.payload is not None:
            answer = self._answer(ask, error.payload)
        if answer is not None:
            self._quarantine(ask, answer, error)
            self._settle(ask, False)

    def _quarantine(self, ask: Ask, answer: RawAnswer, error: SourceError) -> None:
        quarantine(self.intake.ledger, self.intake.quarantine_dir, self.intake.world, answer, ask, error)

    def _store(self) -> None:
        """Store the answers that wait; where that fails together, one by one, and keep the one at fault."""
        reads, self._waiting = self._waiting, []
        try:
            self._store_together(reads)
        except StorageError:
            raise
        except Exception as error:  # noqa: BLE001 - one answer must stop neither this feed nor the others
            if len(reads) == 1:
                what = f"the answer could not be stored ({type(error).__name__})"
                problem = BadPayload(
                    self.feed.source, what, remedy="tell a developer; the other answers count"
                )
                self._keep(reads[0].ask, reads[0].answer, problem)
                return
            for read in reads:
                self._waiting = [read]
                self._store()

    def _store_together(self, reads: Sequence[Read]) -> None:
        """Store answers, keep what of them could not be read, then mark them as answered."""
        if not reads:
            return
        store_stations(self.intake, self.feed, reads)
        known = self.intake.store.stations(self.intake.world)
        rows = store_content(self.intake, self.feed, reads, known)
        for read in reads:
            for error in flaws(read.parsed, unknown_stations(read.parsed, known, self.feed.source)):
                self._notes.append(error)
                self._quarantine(read.ask, read.answer, error)
        self._rows += rows
        with self.intake.ledger.write() as conn:
            for read in reads:
                hours = answered_hours(read.parsed, read.ask.fills, self.units)
                mark_answered(conn, self.intake.world, self.feed.name, hours, read.answer.fetched_at)
        for read in reads:
            self._read += len(read.parsed.observations)
            self._newest = max((t for t in (self._newest, newest_of(read)) if t is not None), default=None)
            self._settle(read.ask, True)

    def _settle(self, ask: Ask, stored: bool) -> None:
        try:
            self.feed.settle(ask, stored)
        except SourceError as error:
            self._errors.append(error)
        except OSError as error:
            self._errors.append(self._unforeseen("what was stored could not be filed away", error))

    def _unforeseen(self, what: str, error: Exception) -> SourceUnavailable:
        remedy = "tell a developer; the other feeds go on"
        return SourceUnavailable(self.feed.source, f"{what} ({type(error).__name__})", remedy=remedy)

    def _outcome(self) -> str:
        if any(isinstance(error, QuotaSpent) for error in self._errors):
            return "stopped"
        if self._errors:
            return "partial" if self._answers else "failed"
        return "ok" if self._answers else "nothing"


def flaws(parsed: Parsed, unknown: SourceError | None) -> list[SourceError]:
    """Return why an answer that was read is kept as well: values held, else rows left out; at most one."""
    if unknown is not None:
        return [unknown]
    if not parsed.left_out:
        return []
    first = parsed.left_out[0]
    more = f" (and {len(parsed.left_out) - 1} more rows)" if len(parsed.left_out) > 1 else ""
    return [BadPayload(first.source, f"{first.what}{more}", field=first.field, remedy=first.remedy)]


def answered_hours(parsed: Parsed, fills: Iterable[Hour], units: frozenset[Unit]) -> set[Hour]:
    """Return for which instants of which units an answer stands.

    >>> from ingest.wire import nothing
    >>> from pipeline.times import parse_instant
    >>> hour = parse_instant("2025-01-01T00:00Z")
    >>> asked = [("cnemc:1001A", hour), ("cnemc:9999A", hour)]
    >>> answered_hours(nothing(), asked, frozenset({"cnemc:1001A"})) == {("cnemc:1001A", hour)}
    True
    """
    covered = fills if parsed.covered is None else parsed.covered
    return {(unit, hour) for unit, hour in covered if unit in units}
