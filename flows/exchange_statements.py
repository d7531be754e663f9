"""Statements between nodes: forecasts of one's own city, emergency measures, model cards, verification.

Each leaves where the party's sharing rules let it, once for each version. What comes may speak of the
sender's own cities alone; forecasts and measures enter as bulletins, known from when they were received.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pandas as pd
from sqlalchemy import Connection

from alerts.index_ranges import index_range
from flows.combine_claims import claims_in
from flows.combine_past import alone_rows
from flows.node import Node
from flows.registration import card_path, score_tables
from flows.workspace import Workspace
from pipeline.bulletins import Bulletin, StoredBulletin, append_bulletins, read_bulletins
from pipeline.cities import City, all_cities
from pipeline.errors import ContractError, EnvelopeRefused
from pipeline.exchange.envelope import Envelope
from pipeline.exchange.post import Message, post, why_silent
from pipeline.ledger.envelopes import sent_for
from pipeline.ledger.model_reports import read_reports
from pipeline.ledger.models import ModelRow, get_model
from pipeline.ledger.runs import RunRow, newest_current_run
from pipeline.names import MEASURED
from pipeline.sharing import RECEIVED, sharing_of
from pipeline.times import from_ns, iso, local_date, parse_instant, to_ns

SOURCE: Final = "exchange"
"""Where forecasts of the other side stand, whether they came as a file or as an envelope."""
CLOCKS: Final = timedelta(minutes=10)
FRESH: Final = timedelta(days=1)
"""How old a run may be of which is still told."""
MODEL: Final = "sameair"
FIGURES: Final = ("rmse", "bias", "crps", "skill_persistence", "bss")
NO_SKILL: Final = ("skill_persistence", "bss")
"""Figures that are 0 for a forecast as good as its reference."""
Body = dict[str, Any]


def say_statements(ws: Workspace, node: Node, at: datetime) -> list[str]:
    """Put into our chain the statements that may leave and were not made yet; returns a line for each."""
    sharing = sharing_of(node.party, ws.settings.sharing_file)
    said = []
    for world in dict.fromkeys((MEASURED, *ws.store.worlds())):
        for kind, occasion, body in _statements(ws, node, world, at):
            if not sharing.states(kind, world):
                continue
            for peer in node.peers:
                with ws.ledger.write() as conn:
                    if not (why_silent(conn, node.sender, peer) or sent_for(conn, peer, occasion)):
                        post(conn, node.sender, Message(peer, kind, world, occasion, body), at)
                        said.append(f"{kind} of {world}: {occasion}")
    return said


def _statements(ws: Workspace, node: Node, world: str, at: datetime) -> Iterator[tuple[str, str, Body]]:
    """Yield kind, occasion and body of everything that there is to state of a world."""
    yield from _measures(ws, node, world, at)
    with ws.ledger.read() as conn:
        run = newest_current_run(conn, world)
        model = get_model(conn, run.model_id) if run is not None and run.model_id else None
    if run is None or not at - FRESH < run.cycle <= at:
        return
    stated = bulletin_body(ws, run, node.party)
    if stated["bulletins"]:
        yield "bulletin", f"bulletin|{world}|{iso(run.cycle)}|{run.id}", stated
    if model is not None:
        yield from _of_model(ws, model)


def bulletin_body(ws: Workspace, run: RunRow, party: str) -> Body:
    """Return a run's forecast of a party's own cities: a bulletin for each day and index or concentration.

    It is always that of our model alone, so that nobody gets back as ours what it stated itself.
    """
    stored = alone_rows(ws, run)
    rows = _in_utc(stored) if len(stored) else stored
    own = [c for c in all_cities().values() if c.party == party]
    found = [one for city in own for one in _days(rows, city, run)] if len(rows) else []
    return {"bulletins": found}


def _in_utc(rows: pd.DataFrame) -> pd.DataFrame:
    """Return predictions with their days as datetime64 in UTC, as everything inside has them."""
    days = {n: pd.to_datetime(rows[n], utc=True).dt.tz_localize(None) for n in ("valid_start", "valid_end")}
    return rows.assign(**days)


def _days(rows: pd.DataFrame, city: City, run: RunRow) -> Iterator[Body]:
    """Yield what is stated of the days of a city that begin after the issue."""
    mine = rows[(rows["city"] == city.id) & (rows["model"] == MODEL) & (rows["target"] == "daily")]
    ahead = mine[(mine["valid_start"] >= to_ns(run.cycle)) & mine["q50"].notna()]
    for row in ahead.sort_values("valid_start").to_dict("records"):
        start, end = (from_ns(row[name].to_datetime64()) for name in ("valid_start", "valid_end"))
        day = local_date(start, city.timezone)
        low, middle, high = (round(float(row[q]), 1) for q in ("q10", "q50", "q90"))
        index = index_range([float(row["q25"]), float(row["q75"])], day)
        for pollutant, unit, numbers in (
            ("pm2p5", "ug m-3", {"low": low, "value": middle, "high": high}),
            ("aqi", "1", {"low": float(index[0]), "high": float(index[1]), "primary": "PM2.5"}),
        ):
            yield {
                "key": f"{city.party} {pollutant} {day} issued {iso(run.cycle)}",
                "issued_at": iso(run.cycle),
                "valid_from": iso(start),
                "valid_until": iso(end),
                "content": {
                    "sender": city.party,
                    "pollutant": pollutant,
                    "unit": unit,
                    "target_date": day.isoformat(),
                    "regions": {city.name["en"]: {"city": city.id, **numbers}},
                },
            }


def handle_bulletin(conn: Connection, envelope: Envelope, at: datetime) -> str:
    """Keep another party's forecasts of its own cities, as known from now on; raises EnvelopeRefused."""
    found = [_bulletin(envelope, said) for said in envelope.body["bulletins"]]
    written = append_bulletins(conn, found, world=envelope.world, now=at)
    return f"{written} of {len(found)} forecasts are new"


def _bulletin(envelope: Envelope, said: Mapping[str, Any]) -> Bulletin:
    content = said["content"]
    if content["sender"] != envelope.sender:
        raise EnvelopeRefused("overreach", f"{envelope.sender} states a forecast of {content['sender']}")
    for region in content["regions"].values():
        _check_own(envelope.sender, region["city"])
    issued, start, end = (_instant(said[name]) for name in ("issued_at", "valid_from", "valid_until"))
    if issued > parse_instant(envelope.created_at) + CLOCKS or start >= end:
        raise EnvelopeRefused("malformed", f"{said['key']}: dated after it was sent, or its days reversed")
    content = {"overall": "", "cause": "", **content}
    found = Bulletin(SOURCE, "forecast", said["key"], issued, start, end, content)
    try:
        list(claims_in(StoredBulletin(found, issued)))
    except ContractError as error:
        raise EnvelopeRefused("malformed", f"{said['key']}: {error}") from None
    return found


def handle_measures(conn: Connection, envelope: Envelope, at: datetime) -> str:
    """Keep another party's emergency measures in its own cities; raises EnvelopeRefused."""
    found = []
    for said in envelope.body["measures"]:
        _check_own(envelope.sender, said["city"])
        found.append(measure_bulletin(envelope.sender, said, parse_instant(envelope.created_at)))
    written = append_bulletins(conn, found, world=envelope.world, now=at)
    return f"{written} of {len(found)} measures are new or changed"


def measure_bulletin(party: str, said: Mapping[str, Any], issued: datetime) -> Bulletin:
    """Return emergency measures as the bulletin under which they are stored; raises EnvelopeRefused.

    Parameters
    ----------
    said : of the form of ``measures-1.schema.json``
    """
    start = _instant(said["start"])
    stop = None if said["stop"] is None else _instant(said["stop"])
    if stop is not None and stop <= start:
        raise EnvelopeRefused("malformed", f"measures {said['id']}: they stop before they start")
    named = {name: said[name] for name in ("city", "level", "area", "legal_basis", "state", "note")}
    return Bulletin(f"{RECEIVED}{party}", "measures", said["id"], issued, start, stop, named)


def handle_document(_conn: Connection, envelope: Envelope, _at: datetime) -> str:
    """Say what a model card or a verification summary is of; its text is read from the envelope itself."""
    return f"{envelope.kind} of {envelope.body['model']}"


def _measures(ws: Workspace, node: Node, world: str, at: datetime) -> Iterator[tuple[str, str, Body]]:
    with ws.ledger.read() as conn:
        rows = read_bulletins(conn, world, as_of=at, kind="measures", source=f"{RECEIVED}{node.party}")
    for stored in reversed(rows):
        said = stored.bulletin
        stop = None if said.valid_until is None else iso(said.valid_until)
        body = {"id": said.key, "start": iso(said.valid_from), "stop": stop, **said.content}
        yield "measures", f"measures|{world}|{said.key}|{said.digest[:16]}", {"measures": [body]}


def _of_model(ws: Workspace, model: ModelRow) -> Iterator[tuple[str, str, Body]]:
    """Yield the card and the scores of the model that forecasts."""
    card = card_path(ws, model)
    if card.is_file():
        yield _card(card, model)
    with ws.ledger.read() as conn:
        tables = score_tables(read_reports(conn, model.id))
    for title, entries in tables.items():
        scores = [
            {
                "city": e["city"],
                "quantity": model.quantity,
                "lead_day": e["lead_day"],
                "name": name,
                "value": float(e[name]),
                "reference": _reference(name, e),
                "cases": int(e["n"]),
            }
            for e in entries
            for name in FIGURES
            if isinstance(e.get("lead_day"), int) and e.get(name) is not None
        ]
        if scores:
            until = iso(model.data_until)
            since = str(model.details.get("data_from") or until)
            body = {"from": since, "until": until, "model": model.id, "scores": scores, "report": title}
            digest = hashlib.sha256(repr(body).encode()).hexdigest()[:16]
            yield "verification", f"verification|{model.id}|{digest}", body


def _reference(name: str, entry: Mapping[str, Any]) -> float | None:
    """Return beside a figure what persistence scored on the same days; of a skill, where no skill is."""
    if name in NO_SKILL:
        return 0.0
    beside = entry.get(f"{name}_persistence")
    return None if beside is None else float(beside)


def _card(path: Path, model: ModelRow) -> tuple[str, str, Body]:
    text = path.read_text("utf-8")
    facts = {"world": model.world, "quantity": model.quantity, "digest": model.digest}
    facts |= {"data_until": iso(model.data_until), "trained_at": iso(model.trained_at)}
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    return "model_card", f"model_card|{model.id}|{digest}", {"model": model.id, "card": text, "facts": facts}


def _check_own(sender: str, city: str) -> None:
    """Refuse a statement of a city that is another party's; an unnamed one is none of ours."""
    known = all_cities().get(city)
    if city and (known is None or known.party != sender):
        raise EnvelopeRefused("overreach", f"{sender} does not speak for {city}")


def _instant(text: str) -> datetime:
    try:
        return parse_instant(text)
    except ValueError:
        raise EnvelopeRefused("malformed", "an instant is none") from None
