"""Filing a trained model: its file, its row in the ledger, how its inputs usually are, scores, card."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from flows.signed_models import sign_model, signature_path
from flows.version import code_version
from flows.workspace import Workspace
from forecasting.input_reference import input_reference
from forecasting.model_card import model_card
from forecasting.model_scores import Entry
from forecasting.registry import FORMAT, Trained, save_model
from pipeline.asof import AsOfPanel
from pipeline.errors import UsageError
from pipeline.files import write_atomic, write_with
from pipeline.ledger.model_reports import ModelReport, append_report, read_reports
from pipeline.ledger.model_roles import role_events
from pipeline.ledger.models import STANDARD, ModelRow, Purpose, get_model, register_model
from pipeline.names import is_simulated
from pipeline.storage.products import brought, keep_files
from pipeline.times import from_ns, iso

log = logging.getLogger(__name__)


def register(
    ws: Workspace,
    model: Trained,
    purpose: Purpose,
    details: Mapping[str, Any],
    panel: AsOfPanel,
    scores: Sequence[Entry] = (),
) -> None:
    """File a model with everything that is known of it.

    Parameters
    ----------
    details : how it was trained; what the model itself tells is added
    panel : what it learned from, whose inputs are remembered for the watch on drift
    scores : held out in training, unless the model itself tells them

    Raises
    ------
    StorageError
        the disk cannot be written, or another model has its id
    """
    saved = save_model(model, ws.settings.models_dir)
    sign_model(ws, saved.path, model.model_id, saved.digest)
    keep_files(ws.settings, [saved.path, signature_path(saved.path)])
    facts = model.facts()
    held_out = facts.pop("scores", []) or list(scores)
    made = {"format": FORMAT, "code_version": code_version(), "data_from": _first(panel, facts["inputs"])}
    with ws.ledger.write() as conn:
        register_model(
            conn,
            model_id=model.model_id,
            world=model.world,
            quantity=model.quantity,
            data_until=model.data_until,
            trained_at=ws.clock(),
            purpose=purpose,
            path=str(saved.path.relative_to(ws.settings.data_dir)),
            digest=saved.digest,
            details={**facts, **made, **details},
            variant=variant_of(facts),
        )
        if held_out:
            append_report(conn, model.model_id, "validation", {"scores": held_out}, at=ws.clock())
    if purpose == "operational":
        reference = input_reference(panel, facts["inputs"], model.data_until)
        path = _beside(ws, model.world, model.model_id, "inputs.parquet")
        write_with(path, lambda to: reference.to_parquet(to, index=False))
        keep_files(ws.settings, [path])
    write_card(ws, model.model_id)


def variant_of(facts: Mapping[str, Any]) -> str:
    """Return the variant of a model: the standard one, or what it reads beside observations.

    >>> variant_of({"weather": "observed"}), variant_of({"weather": "ahead"})
    ('standard', 'ahead')
    """
    weather = str(facts.get("weather", "observed"))
    return STANDARD if weather == "observed" else weather


def report_hindcast(ws: Workspace, model_id: str, content: Mapping[str, Any]) -> None:
    """Write down what a hindcast found out about a model, and write its card anew."""
    with ws.ledger.write() as conn:
        append_report(conn, model_id, "hindcast", content, at=ws.clock())
    write_card(ws, model_id)


def write_card(ws: Workspace, model_id: str) -> Path:
    """Write a model's card beside its file, from what the ledger knows of it now.

    Raises
    ------
    UsageError
        there is no such model
    """
    with ws.ledger.read() as conn:
        row = get_model(conn, model_id)
        if row is None:
            raise UsageError(f"there is no model {model_id}; see `sameair models list`")
        reports = read_reports(conn, model_id)
        events = role_events(conn, model_id)
    history = [f"{iso(e.at)}: {e.role} by {e.actor}{' (forced)' * e.forced}, {e.why}" for e in events]
    history += [said for report in reports for said in _line(report)]
    card = model_card(
        _head(row), row.details, score_tables(reports), history, simulated=is_simulated(row.world)
    )
    path = write_atomic(_beside(ws, row.world, row.id, "md"), card.encode())
    keep_files(ws.settings, [path])
    return path


def score_tables(reports: Sequence[ModelReport]) -> dict[str, list[Entry]]:
    """Return the scores among a model's reports by where they are from."""
    tables: dict[str, list[Entry]] = {}
    for report in reports:
        scores = report.content.get("scores")
        if report.kind == "validation" and scores:
            tables.setdefault("Held out in training", scores)
        elif report.kind == "hindcast" and scores:
            c = report.content
            caveats = f" ({'; '.join(c['caveats'])})" if c.get("caveats") else ""
            tables.setdefault(f"Hindcast {c['from']} to {c['to']}{caveats}", scores)
    return tables


def reference_of(ws: Workspace, row: ModelRow) -> pd.DataFrame:
    """Return how a model's inputs usually are; empty when that was not kept."""
    path = brought(ws.settings, _beside(ws, row.world, row.id, "inputs.parquet"))
    return pd.read_parquet(path) if path.exists() else pd.DataFrame()


def card_path(ws: Workspace, row: ModelRow) -> Path:
    """Return where a model's card lies."""
    return brought(ws.settings, _beside(ws, row.world, row.id, "md"), changes=True)


def _beside(ws: Workspace, world: str, model_id: str, ending: str) -> Path:
    return ws.settings.models_dir / world / f"{model_id}.{ending}"


def _first(panel: AsOfPanel, keys: Sequence[str]) -> str | None:
    """Return the first interval end of the cities' own series that could be learned from."""
    own = [k for k in keys if k.endswith(".reference")] or keys
    starts = [panel[k].times[0] for k in own if k in panel and len(panel[k].times)]
    return iso(from_ns(min(starts))) if starts else None


def _head(row: ModelRow) -> dict[str, str]:
    d = row.details
    rows = {"model": row.id, "world": row.world, "quantity": row.quantity, "variant": row.variant}
    data = {
        "learned from": f"{d.get('data_from') or 'not recorded'} to {iso(row.data_until)} (received by then)",
        "left out": str(d.get("leave_out_year") or "nothing"),
        "purpose": row.purpose.replace("_", " "),
        "trained": f"{iso(row.trained_at)} by sameair {d.get('code_version', 'of unknown version')}",
        "kind": f"{d.get('kind', 'unknown')}, effort {d.get('effort', 'unknown')}",
        "format": str(d.get("format", 1)),
        "size": f"{d.get('columns', '?')} columns, rows: {_rows(d.get('rows'))}",
        "file": f"{Path(row.path).name}, SHA-256 {row.digest}",
    }
    return {**rows, **data}


def _rows(rows: object) -> str:
    """Write how many rows were learned from, in all or by cycle."""
    parts = [f"{k} {n}" for k, n in rows.items()] if isinstance(rows, dict) else []
    return ", ".join(parts) or str(rows or "not recorded")


def _line(report: ModelReport) -> list[str]:
    """Return a comparison or a watch on drift in a line; scores have tables of their own."""
    content = report.content
    if report.kind == "comparison":
        said = "passes the gate" if content["promote"] else "does not pass the gate"
        return [f"{iso(report.at)}: against {content['champion']} it {said}: {'; '.join(content['reasons'])}"]
    if report.kind == "drift":
        found = [f["text"] for f in content["findings"]]
        return [f"{iso(report.at)}: {'; '.join(found[:3]) or 'no drift found'}"]
    return []
