"""Measurements between nodes: ours leave under our rules, those of others enter our store under their marks.

A value leaves once, when its rule lets it; its correction leaves as a correction. What comes is checked in
its handler and stored by a later step, each value when its embargo is over; until then it stands in the
received envelope alone, where nothing that forecasts, shows or reports can read it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
import pandas as pd
from sqlalchemy import Connection

from flows.node import Node
from flows.workspace import Workspace
from ingest.quality_arrival import flag_arrivals
from ingest.wire import flags
from pipeline.cities import all_cities
from pipeline.errors import EnvelopeRefused
from pipeline.exchange.envelope import Envelope, unseal
from pipeline.exchange.measurements import (
    MOST_VALUES,
    body_of,
    mark_of,
    rows_of,
    source_of,
    stations_of,
)
from pipeline.exchange.post import Message, post, why_silent
from pipeline.ledger.audit import append_audit, rows_about
from pipeline.ledger.batches import hold_receipts
from pipeline.ledger.envelopes import ReceivedRow
from pipeline.ledger.settled import envelopes_of, last_occasion, progress, rows_of_action, unsettled
from pipeline.names import MEASURED
from pipeline.schema import OBSERVATION_COLUMNS
from pipeline.sharing import Rule, Sharing, sharing_of
from pipeline.times import from_ns, parse_instant, to_ns

KINDS: Final = ("observations", "correction")
STORED: Final = "observations.stored"
MARKED: Final = "mark.received"
KEY: Final = ["station", "quantity", "time"]
RECENT: Final = timedelta(hours=48)
CLOCKS: Final = timedelta(minutes=10)
"""How far an interval may end after its envelope was written: clocks differ."""
REVISED: Final = "revised or withdrawn by its source"


def say_observations(ws: Workspace, node: Node, at: datetime) -> list[str]:
    """Put into our chain what may leave by now and has not; returns a line for each rule and world."""
    sharing = sharing_of(node.party, ws.settings.sharing_file)
    lines = []
    for world in ws.store.worlds():
        for rule in sharing.rules:
            if rule.is_of(world):
                counts = [_say(ws, node, peer, (sharing, rule, world), at) for peer in node.peers]
                lines += [f"{rule.name}: {sum(counts)} values of {world} said"] * bool(sum(counts))
    return lines


def _say(ws: Workspace, node: Node, peer: str, what: tuple[Sharing, Rule, str], at: datetime) -> int:
    """Say what one rule lets out of one world; returns how many values."""
    sharing, rule, world = what
    prefix = f"data|{world}|{rule.name}.{_terms(rule)}|"
    first = at - timedelta(hours=rule.look_back_hours)
    with ws.ledger.write() as conn:
        if why_silent(conn, node.sender, peer):
            return 0
        hold_receipts(conn, world)
        last = last_occasion(conn, peer, prefix)
        cursor = parse_instant(last.split("|")[3]) if last else first
        versions = ws.store.versions(world=world, quantities=rule.quantities, start=first, end=at, as_of=at)
        fresh, revised = due(sharing.may_leave(rule, versions), cursor, at)
        listed = ws.store.stations(world)
        until = at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        for kind, rows in zip(KINDS, (fresh, revised), strict=True):
            more = {"what": "observations", "reason": REVISED} if kind == "correction" else {}
            for number, part in enumerate(_parts(rows)):
                body = body_of(part, listed, rule.mark) | more
                occasion = f"{prefix}{until}|{kind}|{number}"
                post(conn, node.sender, Message(peer, kind, world, occasion, body), at)
    return len(fresh) + len(revised)


def _terms(rule: Rule) -> str:
    """Return what tells the terms of a rule from others: what leaves under new ones is said anew."""
    return hashlib.sha256(repr(rule).encode()).hexdigest()[:8]


def due(rows: pd.DataFrame, after: datetime, until: datetime) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return what may leave after one instant, up to another: of keys not yet said, and of those said before.

    Of several versions of a key the newest counts. The other side holds what was newest at the first instant;
    a value where it holds none is said anew, a withdrawal of what it does not hold is nothing.

    Parameters
    ----------
    rows : VERSION_COLUMNS and ``leaves_at``, sorted by key and receipt
    """
    leaves_at = rows["leaves_at"].to_numpy()
    before, now = leaves_at <= to_ns(after), (leaves_at > to_ns(after)) & (leaves_at <= to_ns(until))
    newest = rows[now].drop_duplicates(KEY, keep="last")
    held = rows[before].drop_duplicates(KEY, keep="last")
    said = held[held["value"].notna()][KEY]
    known = newest[KEY].merge(said, on=KEY, how="left", indicator=True)["_merge"].to_numpy() == "both"
    columns = list(OBSERVATION_COLUMNS)
    return newest.loc[~known & newest["value"].notna().to_numpy(), columns], newest.loc[known, columns]


def _parts(rows: pd.DataFrame) -> Iterator[pd.DataFrame]:
    for start in range(0, len(rows), MOST_VALUES):
        yield rows.iloc[start : start + MOST_VALUES]


def handle_observations(conn: Connection, envelope: Envelope, at: datetime) -> str:
    """Check measurements of another party and write down their mark; raises EnvelopeRefused."""
    rows, mark = rows_of(envelope.body), mark_of(envelope.body)
    latest = to_ns(parse_instant(envelope.created_at) + CLOCKS)
    if (rows["time"].to_numpy() > latest).any():
        raise EnvelopeRefused("malformed", "an interval ends after the envelope was written")
    source = source_of(envelope.sender, mark)
    if not rows_about(conn, source, MARKED):
        append_audit(conn, at=at, actor=envelope.sender, action=MARKED, subject=source, payload=asdict(mark))
    said = f"{len(rows)} values of {rows['station'].nunique()} stations under {source}"
    return f"{said}; kept and not used" if mark.redistribution == "none" else said


def received_marks(ws: Workspace) -> list[dict[str, Any]]:
    """Return the marks under which data of other parties came, each with the source that it stands for."""
    with ws.ledger.read() as conn:
        return [{"source": row["subject"], **row["payload"]} for row in rows_of_action(conn, MARKED)]


def store_observations(ws: Workspace, node: Node, at: datetime) -> list[str]:
    """Store what was received and may be used by now; doing it again stores nothing new."""
    lines = []
    for peer in node.peers:
        with ws.ledger.read() as conn:
            before = progress(conn, peer, STORED)
            done = [n for n, until in before.items() if until is None]
            waiting = envelopes_of(conn, peer, unsettled(conn, peer, KINDS, done))
        envelopes = _opened(node, waiting)
        for world in sorted({e.world for e in envelopes} & {MEASURED, *ws.store.worlds()}):
            mine = [e for e in envelopes if e.world == world]
            lines += _store(ws, peer, mine, before, at)
    return lines


def _opened(node: Node, rows: Sequence[ReceivedRow]) -> list[Envelope]:
    """Return envelopes whose signing key is still trusted; of the others nothing is stored any more."""
    found = []
    for row in rows:
        with suppress(EnvelopeRefused):
            found.append(unseal(row.packed, node.receiver.key_of))
    return found


def _store(
    ws: Workspace, peer: str, envelopes: Sequence[Envelope], before: dict[int, datetime | None], at: datetime
) -> list[str]:
    """Store what may be used of envelopes of one sender and world, and write down how far that is."""
    sharing = sharing_of(peer, ws.settings.sharing_file)
    by_source: dict[str, list[pd.DataFrame]] = {}
    left_out: set[str] = set()
    whole: list[int] = []
    for envelope in envelopes:
        rows, mark = rows_of(envelope.body), mark_of(envelope.body)
        mine = rows["station"].map(sharing.speaks_for).to_numpy(dtype=bool)
        left_out |= set(rows["station"][~mine])
        usable = rows["time"].to_numpy("datetime64[ns]") + np.timedelta64(
            round(mark.embargo_hours * 3600), "s"
        )
        last = before.get(envelope.sequence)
        now = (usable <= to_ns(at)) & (mine if last is None else mine & (usable > to_ns(last)))
        unused = mark.redistribution == "none"
        if unused or not (usable > to_ns(at)).any():
            whole.append(envelope.sequence)
        if now.any() and not unused:
            by_source.setdefault(source_of(peer, mark), []).append(rows[now])
            _store_stations(ws, sharing, envelope)
    written = 0
    for source, parts in by_source.items():
        written += _append(ws, source, envelopes[0].world, pd.concat(parts), at)
    _write_down(ws, peer, [e.sequence for e in envelopes], whole, at)
    lines = [f"{written} values of {peer} stored in {envelopes[0].world}"] * bool(written)
    told = ", ".join(sorted(left_out)[:5])
    return lines + [f"{peer} does not speak for {told}: left out"] * bool(left_out)


def _store_stations(ws: Workspace, sharing: Sharing, envelope: Envelope) -> None:
    """Store the stations of an envelope that are its sender's; none counts for a city of another party."""
    stations = stations_of(envelope.body)
    own = {c.id for c in all_cities().values() if c.party == envelope.sender} | {""}
    fits = stations["station"].map(sharing.speaks_for).to_numpy(dtype=bool) & stations["city"].isin(own)
    source = source_of(envelope.sender, mark_of(envelope.body))
    if fits.any():
        ws.store.append_stations(stations[fits].reset_index(drop=True), source=source, world=envelope.world)


def _append(ws: Workspace, source: str, world: str, rows: pd.DataFrame, at: datetime) -> int:
    """Store rows as received now, with the flags of their arrival; returns how many were new."""
    rows = rows.drop_duplicates(KEY, keep="last", ignore_index=True)
    checked = np.maximum(rows["qc"].to_numpy(), flags(rows["quantity"].tolist(), rows["value"].to_numpy()))
    rows = rows.assign(qc=np.where(rows["value"].isna(), rows["qc"], checked).astype(np.int8))
    times = rows["time"].to_numpy()
    recent = ws.store.read(
        world=world,
        as_of=at,
        stations=rows["station"].unique().tolist(),
        start=from_ns(times.min()) - RECENT,
        end=from_ns(times.max()),
    )
    there = rows["value"].notna().to_numpy()
    flagged = rows.copy()
    flagged.loc[there, "qc"] = flag_arrivals(rows[there], recent, ws.store.stations(world))["qc"]
    store = replace(ws.store, clock=lambda: at)
    return store.append(flagged, source=source, world=world).rows_written


def _write_down(ws: Workspace, peer: str, all_of: list[int], whole: list[int], at: datetime) -> None:
    """Write down how far the step is: with some envelopes it is done, with the others up to an instant."""
    rest = [n for n in all_of if n not in whole]
    with ws.ledger.write() as conn:
        for numbers, is_whole in ((whole, True), (rest, False)):
            if numbers:
                payload: dict[str, Any] = {"sequences": numbers, "whole": is_whole, "until": at.isoformat()}
                subject = f"{peer}-{numbers[0]}-{numbers[-1]}"
                append_audit(conn, at=at, actor=peer, action=STORED, subject=subject, payload=payload)
