"""Whose episode is whose: two nodes see the same days from their own runs and name episodes themselves.

An agreed text names episodes as the node that wrote it does. Where this node has one of its own about the
same days, a table notes that they are the same; where it has none, the text's is entered as the text states
it, so that later cycles here follow, update and end it under the same name as the other node's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from alerts.content import CityOutlook, WarningContent
from alerts.episodes import Episode, EpisodeRevision
from alerts.policy import load_policy
from alerts.recipient_checks import LEVELS
from alerts.versions import OPEN
from pipeline.ledger import episodes as ledger
from pipeline.ledger.agreement import insert_alias, read_aliases
from pipeline.ledger.warnings import VersionRow
from pipeline.times import parse_instant


def note_episodes(conn: Connection, content: WarningContent, at: datetime) -> None:
    """Find or enter this node's episode for each that an agreed text names; repeating it changes nothing."""
    if content.kind not in ("alert", "update"):
        return
    held = ledger.list_episodes(conn, content.world, parse_instant(content.issue_time))
    known, aliases = {row.id for row in held}, read_aliases(conn)
    for city in content.cities:
        named = city.episode_id
        if named in known or named in aliases or ledger.read_episodes(conn, content.world, [named]):
            continue
        mine = _same_days([r for r in held if (r.city, r.state) == (city.city, "open")], city)
        if mine:
            insert_alias(conn, named, mine, at)
        else:
            _enter(conn, content, city)


def own_names(conn: Connection, rows: Sequence[VersionRow]) -> list[VersionRow]:
    """Return versions as this node's own cycles read them.

    Drafts that only the other node wrote are left out, and its episodes bear the names of our own.
    """
    aliases = read_aliases(conn)
    found = []
    for row in rows:
        if row.written_by in row.content["parties"] and row.state in (*OPEN, "expired", "rejected"):
            continue
        cities = [
            c | {"episode_id": aliases.get(c["episode_id"], c["episode_id"])} for c in row.content["cities"]
        ]
        found.append(replace(row, content={**row.content, "cities": cities}))
    return found


def _same_days(rows: Sequence[ledger.EpisodeRow], city: CityOutlook) -> str:
    """Return the id of the episode that shares the longest time with an outlook, or nothing."""
    onset, end = parse_instant(city.onset), parse_instant(city.end)
    shared = {row.id: (min(row.until, end) - max(row.onset, onset)).total_seconds() for row in rows}
    best = max(sorted(shared), key=lambda i: shared[i], default="")
    return best if best and shared[best] > 0 else ""


def _enter(conn: Connection, content: WarningContent, city: CityOutlook) -> None:
    """Enter an episode as a text states it."""
    lowest = str(load_policy().thresholds(city.city)[0])
    coming = [d.probability.get(lowest, 0.0) for d in city.days if d.lead_day >= 0]
    revision = EpisodeRevision(
        run_id=content.run_id,
        issue_time=content.issue_time,
        turn="new",
        status="open",
        level=1 + LEVELS.index(content.level) if content.level else 0,
        probability=max(coming, default=0.0),
        onset=city.onset,
        end=city.end,
        peak_day=city.peak_day,
        peak_mean=city.peak_mean,
        cycles_met=1,
        cycles_missed=0,
        onset_range=city.onset_range,
        end_range=city.end_range,
    )
    episode = Episode(city.episode_id, content.world, city.party, city.city, "pm2p5", (revision,))
    at = parse_instant(content.as_of)
    ledger.open_episode(
        conn, episode.id, world=episode.world, city=episode.city, quantity=episode.quantity, at=at
    )
    entered = ledger.EpisodeRevision(
        run_id=content.run_id,
        state="open",
        onset=parse_instant(city.onset),
        until=parse_instant(city.end),
        details=episode.to_dict(),
    )
    ledger.revise_episode(conn, episode.id, entered, at)
