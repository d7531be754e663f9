"""What another node's joint text rests on, beside what this node's own run says of the same days.

Both forecasters look at the same evidence before they decide: the numbers of the offered text stand beside
those of the own text of the decision, or of the own run of that cycle, and where they differ is marked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from alerts.content import DayOutlook, WarningContent
from alerts.joint_compare import compared
from alerts.joint_texts import offered_text
from flows.node import node_of
from flows.policy_source import FORECAST_COLUMNS
from flows.workspace import Workspace
from forecasting.issue import OPERATIONAL
from pipeline.cities import all_cities
from pipeline.ledger.agreement import StatementRow, offer_of, statements_of
from pipeline.ledger.runs import current_run
from pipeline.ledger.warnings import VersionRow
from pipeline.names import PM_THRESHOLDS
from pipeline.storage.products import brought
from pipeline.times import local_date, parse_instant


def evidence_lines(ws: Workspace, row: VersionRow) -> list[str]:
    """Return in lines what the other node's texts of a decision rest on, beside the own numbers."""
    node = node_of(ws)
    with ws.ledger.read() as conn:
        offer = offer_of(conn, row.content_digest)
        rows = [] if offer is None else statements_of(conn, offer.slot)
    if node is None or offer is None:
        return []
    mine, theirs = _own_text(rows), _texts(rows, own=False)
    numbers = _numbers(mine) if mine else own_numbers(ws, WarningContent.from_dict(row.content))
    source = "own text" if mine else "own run" if numbers else "nothing of its own"
    lines: list[str] = []
    for digest, (party, text) in theirs.items():
        if mine is not None and mine.to_dict() == text.to_dict():
            lines.append(f"text {digest[:16]} of {party} is this node's own text, word for word")
            continue
        lines.append(f"text {digest[:16]} of {party}, beside this node's {source}")
        lines += compared(text, mine, numbers, node.terms.disagreement)
    return lines


def own_numbers(ws: Workspace, content: WarningContent) -> Mapping[tuple[str, str], DayOutlook]:
    """Return what the own run of a text's cycle said of each city and day; empty where it has none."""
    issued = parse_instant(content.issue_time)
    with ws.ledger.read() as conn:
        run = current_run(conn, content.world, issued)
    path = None if run is None else run.products.get("predictions")
    if path is None or not brought(ws.settings, path).is_file():
        return {}
    rows = pd.read_parquet(brought(ws.settings, path))
    rows = rows[(rows["model"] == OPERATIONAL) & (rows["target"] == "daily")].dropna(subset=["mean"])
    found = {}
    for record in rows[["city", "valid_start", *FORECAST_COLUMNS]].to_dict("records"):
        city = all_cities()[str(record["city"])]
        day = local_date(record["valid_start"].to_pydatetime(), city.timezone).isoformat()
        found[(city.id, day)] = _outlook(day, {str(k): v for k, v in record.items()})
    return found


def _outlook(day: str, record: Mapping[str, Any]) -> DayOutlook:
    """Return a row of predictions as an outlook."""
    chances = {str(t): float(record[f"p_gt_{t}"]) for t in PM_THRESHOLDS}
    mean, q10, q90, share = (float(record[name]) for name in ("mean", "q10", "q90", "observed_share"))
    return DayOutlook(day, int(record["lead_day"]), mean, q10, q90, chances, share)


def _texts(rows: Sequence[StatementRow], *, own: bool) -> dict[str, tuple[str, WarningContent]]:
    """Return the texts that this node, or the other, offered in a decision, by digest."""
    offers = [r for r in rows if r.kind == "offer" and r.own == own]
    return {r.digest: (r.party, WarningContent.from_dict(offered_text(r))) for r in offers}


def _own_text(rows: Sequence[StatementRow]) -> WarningContent | None:
    """Return the newest text that this node offered."""
    texts = [text for _, text in _texts(rows, own=True).values()]
    return texts[-1] if texts else None


def _numbers(text: WarningContent) -> dict[tuple[str, str], DayOutlook]:
    return {(c.city, d.day): d for c in text.cities for d in c.days}
