"""One hour of the measured world: ask the sources, write figures, tell the operator, review, watch."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from flows.delivering import channel_of
from flows.drift import drift_conditions, models_now, watch_if_due
from flows.exchange_late import watch_exchange
from flows.health import coverage_of, health_of
from flows.ingest import SourceReport, ingest_live
from flows.live import feeds_of
from flows.metrics import metrics_text, write_metrics
from flows.metrics_operations import Operations
from flows.operator import conditions_of, doubts_of, report_text, tell_operator
from flows.quality import review_if_due
from flows.recheck import keep_timetable
from flows.season_watch import watch_season
from flows.verification_kept import keep_runs_if_due
from flows.workspace import Workspace
from ingest.sources import MODULES
from pipeline.errors import UsageError
from pipeline.ledger.verdicts import newest_verdicts
from pipeline.names import MEASURED

log = logging.getLogger(__name__)


def take_hour(ws: Workspace, *, services: bool | None = None, only: Sequence[str] = ()) -> list[SourceReport]:
    """Take in the measured world's hour and look after its sources; returns what each source gave.

    Where no service is asked, only the folder of exchange files is looked into.

    Parameters
    ----------
    services, only : see :func:`flows.ingest.ingest_live`

    Raises
    ------
    UsageError
        ``only`` names what is no source, is switched off, or lacks its key
    """
    _check_names(ws, only)
    found = ingest_live(ws, services=services, only=only)
    _keep_timetable(ws)
    _watch_exchange(ws)
    if ws.settings.live_sources if services is None else services:
        look_after(ws)
        review_if_due(ws, MEASURED, ws.clock())
        _watch(ws)
        _watch_season(ws)
    _keep_scores(ws)
    return found


def _keep_timetable(ws: Workspace) -> None:
    """Look at drafts again as the other side's bulletin comes in; a fault there must not stop the hour."""
    try:
        keep_timetable(ws, MEASURED)
    except Exception:
        log.exception("warnings could not be compared with bulletins; it is tried again within minutes")


def _watch_exchange(ws: Workspace) -> None:
    """Tell what of the exchange is late, also when no round runs any more; a fault must not stop the hour."""
    try:
        watch_exchange(ws, ws.clock())
    except Exception:
        log.exception("the exchange could not be looked over; it is tried again within the hour")


def _watch_season(ws: Workspace) -> None:
    """Tell what of the season is late: rota, dossiers, outlook; a fault there must not stop the hour."""
    try:
        watch_season(ws, ws.clock())
    except Exception:
        log.exception("the season could not be looked over; it is tried again within the hour")


def _keep_scores(ws: Workspace) -> None:
    """Score the stored runs for the page once a day; a fault there must not stop the hour."""
    try:
        keep_runs_if_due(ws, MEASURED, ws.clock())
    except Exception:
        log.exception("the stored runs could not be scored; it is tried again within the hour")


def _watch(ws: Workspace) -> None:
    """Watch the models; what the sources gave is stored already, and a watch that fails must not undo it."""
    try:
        watch_if_due(ws, MEASURED, ws.clock())
    except Exception:
        log.exception("the models could not be watched for drift; it is tried again within the hour")


def _check_names(ws: Workspace, only: Sequence[str]) -> None:
    asked = {feed.source for feed in feeds_of(ws, MEASURED)}
    for name in only:
        if name not in MODULES:
            raise UsageError(f"there is no source '{name}'; there are {', '.join(sorted(MODULES))}")
        if name not in asked:
            raise UsageError(f"{name} is switched off or has no key; `sameair doctor --live` says which")


def look_after(ws: Workspace) -> int:
    """Write the figures of the sources and mail the operator what is news; returns how many lines of it."""
    now = ws.clock()
    health = health_of(ws, feeds_of(ws, MEASURED), MEASURED, now)
    coverage = coverage_of(ws, MEASURED, now)
    models = models_now(ws, MEASURED, now)
    write_metrics(ws.settings.data_dir, metrics_text(health, coverage, now, models, [Operations(ws, now)]))
    stations = ws.store.stations(MEASURED)
    own = set(stations[stations["city"] != ""]["station"])
    with ws.ledger.read() as conn:
        verdicts = [v for v in newest_verdicts(conn, MEASURED) if v.station in own]
    conditions = [*conditions_of(health, coverage), *doubts_of(verdicts), *drift_conditions(models)]
    report = report_text(health, coverage, now)
    return tell_operator(ws, MEASURED, conditions, channel_of(ws.settings), report, now)
