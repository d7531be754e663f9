"""Trying every source once for its newest instant: which work, which need a key, and what each adds."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from flows.doctor import Check
from flows.workspace import Workspace
from ingest.due import grid
from ingest.feeds import WHOLE, About, Due, Feed, RawAnswer
from ingest.storing import Intake, read_answer, units_of
from ingest.wire import Parsed
from pipeline.errors import NotYetAvailable, SourceError, SourceUnavailable
from pipeline.http import Http
from pipeline.names import MEASURED


def live_checks(
    ws: Workspace, http: Http, feeds: Sequence[Feed], abouts: Iterable[About], now: datetime
) -> list[Check]:
    """Ask every feed once for its newest instant and say what came; nothing of it is stored.

    The requests count towards the quotas, and a source without its key is named with how to get one.
    """
    found = []
    for about in abouts:
        own = [feed for feed in feeds if feed.source == about.source]
        if not own:
            found.append(_unasked(ws, about))
        found += [_tried(ws, http, feed, about, now) for feed in own]
    return found


def _unasked(ws: Workspace, about: About) -> Check:
    """Say why a source has nothing to ask."""
    if about.source in ws.settings.sources_off:
        return Check(about.source, "note", "switched off by SAMEAIR_SOURCES_OFF; it would add " + about.adds)
    if about.key_setting:
        return Check(
            about.source,
            "note",
            f"no key; it would add {about.adds}",
            f"{about.how_to_get_key}; set {about.key_setting}",
        )
    return Check(about.source, "note", f"nothing to ask; it would add {about.adds}", "see docs/sources.md")


def _tried(ws: Workspace, http: Http, feed: Feed, about: About, now: datetime) -> Check:
    """Ask one feed for its newest instant."""
    instants = grid(feed.timing, now - feed.timing.delay - 2 * feed.timing.step, now - feed.timing.delay)
    intake = Intake(ws.store, MEASURED, Path(os.devnull))
    try:
        unit = min(units_of(intake, feed), default=WHOLE)
        asks = feed.asks(Due(now, {unit: tuple(instants[-1:])}))
        if not asks:
            return Check(feed.name, "note", "nothing to ask for at present")
        ask = asks[0]
        payload = feed.fetch(http, ask)
        asked = {**ask.parameters, "operation": ask.operation}
        answer = RawAnswer(feed.source, payload, ask.description, now, asked, feed.name)
        return Check(feed.name, "ok", f"{_contents(read_answer(feed, answer))}; adds {about.adds}")
    except NotYetAvailable as error:
        return Check(feed.name, "note", error.what, "it answers, and has nothing for now")
    except SourceUnavailable as error:
        return Check(feed.name, "trouble", error.what, error.remedy)
    except SourceError as error:
        return Check(feed.name, "trouble", str(error), "compare with docs/sources.md; it may have changed")


def _contents(parsed: Parsed) -> str:
    """Say in words what an answer held."""
    parts = [
        f"{len(parsed.observations)} values" * bool(len(parsed.observations)),
        f"{len(parsed.stations)} stations" * bool(len(parsed.stations)),
        f"{len(parsed.bulletins)} bulletins" * bool(parsed.bulletins),
        f"{len(parsed.forecasts)} forecasts" * bool(parsed.forecasts),
        f"{len(parsed.left_out)} rows that do not read" * bool(parsed.left_out),
    ]
    said = ", ".join(p for p in parts if p) or "an empty answer"
    if len(parsed.observations):
        newest = parsed.observations["time"].max().to_numpy().astype("M8[s]")
        said += f", newest {newest}Z"
    return said
