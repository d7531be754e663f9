"""Making a bundle of the technology exchange: what a party may tell of one of its models, signed.

What leaves is what its sharing rules let out: the card and the scores must both be let out, the day forecasts
only where bulletins are. Never a model file, never a measured value.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from flows.bundle_content import Content, content_of, written
from flows.hindcast import whole_panel
from flows.model_evidence import replayed_days
from flows.node import own_key, parties
from flows.registration import card_path
from flows.workspace import Workspace, reporter
from pipeline.errors import ReviewError, UsageError
from pipeline.exchange.bundle import Bundle, pack_bundle
from pipeline.files import write_atomic
from pipeline.ledger.audit import append_audit
from pipeline.ledger.models import ModelRow, get_model
from pipeline.names import is_simulated
from pipeline.sharing import Sharing, sharing_of
from pipeline.times import iso

MADE: Final = "bundle.made"
CARD: Final = "model_card.md"

README: Final = """\
Bundle of the technology exchange: {model}
Given out by {party} at {at}; for agencies of the parties of the exchange only.
{simulated}
manifest.json    SHA-256 and size of every file, signed by {party} (Ed25519)
model_card.md    the model: what it learned from, inputs, scores, roles
verification.txt what the hindcast found, in short
definition.json  the hindcast, so that it can be made again: issues, cities, training, inputs, seeds, scores
forecasts.csv    the forecast of every issue and day: mean, quantiles, probabilities [ug m-3, 1]; times UTC
scores.csv/json  scores by city, lead, model, threshold, of the numbers in forecasts.csv
data.csv         how many values of every input were known, and a digest of them, to find where data differ
{without}
No measured value, no model file and no program is in it. Scores are of the giver's own measurements.
"""


@dataclass(frozen=True)
class Made:
    """A bundle that was written: where, its SHA-256, its files with their sizes, and what was left out."""

    path: Path
    digest: str
    files: dict[str, int]
    days: int
    left_out: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "file": str(self.path),
            "sha256": self.digest,
            "files": self.files,
            "days": self.days,
            "left_out": list(self.left_out),
        }


def make_bundle(ws: Workspace, model_id: str, out: Path, party: str = "") -> Made:
    """Write the bundle of a model, whole or not at all.

    Parameters
    ----------
    party : who gives it out; empty: the party of this node

    Raises
    ------
    UsageError
        no such model or party, or too few days were replayed with it
    ReviewError
        the sharing rules do not let it out, or this node does not sign for the party
    """
    party = party or ws.settings.party
    if party not in parties():
        raise UsageError(f"say who gives the bundle out: --party {' or '.join(parties())}")
    row = _model(ws, model_id)
    sharing = sharing_of(party, ws.settings.sharing_file)
    _check_leave(sharing, row.world)
    key = own_key(ws, party)
    tell = reporter.get()
    tell("reading and scoring", 0, 1)
    content = content_of(row, replayed_days(ws, row), whole_panel(ws, row.world), ws.clock())
    tell("reading and scoring", 1, 1)
    left_out = () if sharing.states("bulletin", row.world) else ("forecasts.csv",)
    files = _files(ws, row, content, party, left_out)
    packed = pack_bundle(Bundle(party, iso(ws.clock()), row.world, row.id, files), key)
    write_atomic(out, packed)
    made = Made(out, hashlib.sha256(packed).hexdigest(), _sizes(files), _days(content), left_out)
    with ws.ledger.write() as conn:
        told = {"sha256": made.digest, "world": row.world, "files": sorted(files)}
        append_audit(conn, at=ws.clock(), actor=party, action=MADE, subject=row.id, payload=told)
    return made


def _model(ws: Workspace, model_id: str) -> ModelRow:
    with ws.ledger.read() as conn:
        row = get_model(conn, model_id)
    if row is None:
        raise UsageError(f"there is no model {model_id}; see `sameair models list`")
    if "without_air_of" in row.details:
        raise UsageError(f"{model_id} was made for an experiment without one side's air; choose another")
    return row


def _check_leave(sharing: Sharing, world: str) -> None:
    """Refuse a bundle that the party's rules do not let out."""
    kept = [kind for kind in ("model_card", "verification") if not sharing.states(kind, world)]
    if kept:
        raise ReviewError(
            f"the sharing rules of {sharing.party} let no {' and no '.join(kept)} of the world {world} out; "
            f"who may decide that adds it to [{sharing.party}.statements] of SAMEAIR_SHARING_FILE"
        )


def _files(
    ws: Workspace, row: ModelRow, content: Content, party: str, left_out: Sequence[str]
) -> dict[str, bytes]:
    card = card_path(ws, row)
    if not card.is_file():
        raise UsageError(f"the card {card} is missing; `sameair models show {row.id}` tells what is known")
    computed = {name: text for name, text in written(content).items() if name not in left_out}
    head = {
        "model": row.id,
        "party": party,
        "at": iso(ws.clock()),
        "simulated": "SIMULATED WORLD: nothing in it was measured.\n" * is_simulated(row.world),
        "without": "forecasts.csv was left out: the giver's rules let no forecasts out.\n" * bool(left_out),
    }
    return {
        "readme.txt": README.format(**head).encode(),
        CARD: card.read_bytes(),
        "verification.txt": verification_text(row, content).encode(),
        **computed,
    }


def verification_text(row: ModelRow, content: Content) -> str:
    """Return what a hindcast found, in short and in text."""
    issues = content.definition["issues"]
    lines = [
        f"Verification of {row.id}, {row.quantity}, world {row.world}",
        f"{len(issues)} issues from {issues[0]} to {issues[-1]}; learned from values received by "
        f"{iso(row.data_until)}; weather: {content.definition['weather']}.",
        "Scores of local-day means. BSS: Brier skill score; intervals hold 90 % of resamples of blocks of "
        "5 days. A dash is undefined.",
        "",
    ]
    found = content.scores
    for city in content.definition["cities"]:
        lines += [f"{city}", _line(("lead", "model", "n", "RMSE", "CRPS"))]
        rows = [e for e in found["continuous"] if e["city"] == city]
        lines += [_line((e["lead"], e["model"], e["n"], _n(e["rmse"], 1), _n(e["crps"], 1))) for e in rows]
        lines += ["", _line(("lead", "> ug/m3", "events/n", "BSS climatology", "BSS persistence"))]
        rows = [e for e in found["exceedance"] if e["city"] == city and e["model"] == "sameair"]
        lines += [_line(_skills(e)) for e in rows if e["events"]]
        lines.append("")
    return "\n".join(lines)


def _skills(entry: Mapping[str, Any]) -> tuple[object, ...]:
    name = "brier_skill_score_climatology"
    low, high = entry.get(f"{name}_low"), entry.get(f"{name}_high")
    within = f" ({_n(low, 2)} to {_n(high, 2)})" * (low is not None and high is not None)
    beside = _n(entry.get("brier_skill_score_persistence"), 2)
    events = f"{entry['events']}/{entry['n']}"
    return entry["lead"], entry["threshold"], events, _n(entry.get(name), 2) + within, beside


def _line(cells: Sequence[object]) -> str:
    widths = (6, 12, 10, 24, 16)
    return "  ".join(str(cell).ljust(w) for cell, w in zip(cells, widths, strict=True)).rstrip()


def _n(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _sizes(files: Mapping[str, bytes]) -> dict[str, int]:
    return {name: len(content) for name, content in sorted(files.items())}


def _days(content: Content) -> int:
    """Return how many local days of a city were forecast, of the city with most."""
    return int(content.forecasts.groupby("city")["valid_end"].nunique().max())
