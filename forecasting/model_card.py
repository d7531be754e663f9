"""The model card: what a model is, learned, can and cannot do, in one Markdown page beside its file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pipeline.surroundings import AROUND

Entry = Mapping[str, Any]
FIGURES: Final = (
    ("rmse", "RMSE", 1),
    ("bias", "bias", 1),
    ("crps", "CRPS", 2),
    ("bss", "BSS clim.", 2),
    ("skill_persistence", "skill pers.", 2),
    ("coverage_80", "80 % holds", 2),
    ("coverage_90", "90 % holds", 2),
)
USE: Final = """\
Day means and hourly (Seoul: 3-hourly) means of {quantity} for Seoul and Beijing, to the end of local day D+3,
as joint probabilities, for forecasters who decide on warnings. Not for the public without a forecaster, not
for other cities, not for exposure or health studies, and no statement about where the air came from."""
LIMITS: Final = (
    "It learned from observations only. Weather that breaks with the last days is foreseen as far as the"
    " stations around show it.",
    "Days above 75 µg/m³ in Seoul are rare; scores there have wide intervals.",
    "Emissions change. A trend since the data ended is followed only as far as recent days show it.",
    "Instruments and station networks changed within the record; their values are taken as published.",
    "In a year unlike those learned from, such as 2020, the spread may be too narrow or too wide.",
)
TERMS: Final = """\
The model file is made by this program (Apache-2.0) from measurements of others. Seoul Metropolitan Government
and AirKorea: KOGL type 1, attribution. KMA: attribution. CNEMC and BJMEMC: public real-time publication,
terms not confirmed. US Department of State: public domain. Berkeley Earth: CC BY-NC. A model trained on data
of unclear or non-commercial terms is for development and evaluation until they are confirmed."""


def model_card(
    head: Mapping[str, str],
    details: Mapping[str, Any],
    tables: Mapping[str, Sequence[Entry]],
    history: Sequence[str],
    *,
    simulated: bool,
) -> str:
    """Write the card.

    Parameters
    ----------
    head : what the model is called and is, name: value, in order
    details : the model's facts, ``inputs`` among them
    tables : scores by where they are from; entries of ``forecasting.model_scores.day_scores`` or alike
    history : roles, comparisons and findings, newest first, a line each
    simulated : the world is an invented one

    Examples
    --------
    >>> card = model_card({"model": "m1", "quantity": "pm2p5"}, {"inputs": ["seoul.pm2p5.reference"]}, {}, [],
    ...                   simulated=False)
    >>> card.splitlines()[0], "None were recorded." in card
    ('# Model m1', True)
    """
    lines = [f"# Model {head['model']}", ""]
    if simulated:
        lines += ["**Trained on a simulated world: for exercises only.**", ""]
    lines += ["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in head.items()), ""]
    lines += ["## Intended use", "", USE.format(quantity=head["quantity"]), "", "## Inputs", ""]
    lines += [*_inputs(details.get("inputs", [])), "", "## Scores of day means", ""]
    for source, entries in tables.items():
        lines += [f"### {source}", "", *_table(entries), ""]
    if not any(tables.values()):
        lines += ["None were recorded.", ""]
    lines += [
        "## Calibration",
        "",
        _calibration(tables),
        "",
        "## Limits",
        "",
        *(f"- {x}" for x in LIMITS),
        "",
    ]
    lines += ["## Roles, comparisons, drift", "", *(f"- {x}" for x in history or ["none yet"]), ""]
    return "\n".join([*lines, "## Terms", "", TERMS, ""])


def _inputs(keys: Sequence[str]) -> list[str]:
    """Count inputs by quantity and role; several hundred names help nobody."""
    parts = [key.split(".") for key in keys]
    counts = Counter((p[1], AROUND if p[0] == AROUND else p[-1]) for p in parts if len(p) == 3)
    kinds = [f"- {quantity}, {role}: {n} series" for (quantity, role), n in sorted(counts.items())]
    return kinds or ["- not recorded"]


def _table(entries: Sequence[Entry]) -> list[str]:
    """Write scores as a table, with 90 % intervals where there are any [ug m-3]."""
    if not entries:
        return ["None."]
    shown = [f for f in FIGURES if any(e.get(f[0]) is not None for e in entries)]
    head = ["city", "day", "n", *(title for _, title, _ in shown)]
    rows = [
        [str(e.get("city", "")), _lead(e), str(e.get("n", "")), *(_figure(e, f, d) for f, _, d in shown)]
        for e in entries
    ]
    written = [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]
    return [*written, "", "In brackets 90 % intervals of a bootstrap over blocks of 5 days; errors in µg/m³."]


def _lead(entry: Entry) -> str:
    lead = entry.get("lead_day", "")
    return f"D+{lead}" if isinstance(lead, int) else str(lead)


def _figure(entry: Entry, name: str, digits: int) -> str:
    value, low, high = (entry.get(k) for k in (name, f"{name}_low", f"{name}_high"))
    if value is None:
        return "–"
    bounds = f" ({low:.{digits}f} to {high:.{digits}f})" if low is not None and high is not None else ""
    return f"{value:.{digits}f}{bounds}"


def _calibration(tables: Mapping[str, Sequence[Entry]]) -> str:
    """Say in a sentence how often the central intervals held."""
    held = [e for entries in tables.values() for e in entries if e.get("coverage_80") is not None]
    if not held:
        return "How often its intervals hold was not recorded."
    values = [float(e["coverage_80"]) for e in held]
    return (
        f"Its central 80 % intervals held in {min(values):.0%} to {max(values):.0%} of the days, by city,"
        " lead and table above. They are widened or narrowed while it forecasts, by errors known then."
    )
