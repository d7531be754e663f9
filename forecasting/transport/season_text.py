"""What a summary of seasons says in words, and what it cannot tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pandas as pd

from forecasting.transport.seasonal import Season
from pipeline.cities import City
from pipeline.regions import region_name

LIMITS: Final = (
    "Not told: how much dust came from where. Air that passed one region on its way from another shows both;",
    "hours and concentrations of passing air are no amounts, and no share of any region follows from them.",
    "What changes in the course of a season or from year to year is taken off before chance is asked; that "
    "slow air gathers its own dust is not.",
)
OF_KIND: Final = {
    "surrogate": "Winds of one level, without vertical motion, good to some hundred km after a day: regions "
    "side by side cannot be told apart, and no path is drawn.",
    "forecast": "Winds of stored forecasts, for each hour that with the shortest lead; errors of paths grow "
    "to 10-20 % of their length.",
    "analysis": "Winds of analyses; errors of paths grow to 10-20 % of their length.",
}
"""Of trajectories' errors: Stohl (1998), https://doi.org/10.1016/S1352-2310(97)00457-3."""

HEADER: Final = f"{'region':<40}{'hours per arrival':>20}{'PM2.5 on arrival (CWT)':>26}{'PSCF':>20}"
LEAST_HOURS: Final = 0.5
"""Regions where an arrival's paths stay for less are left to the table [h]."""


def season_lines(seasons: Sequence[Season], city: City, facts: Mapping[str, Any]) -> list[str]:
    """Return the summary as text.

    Parameters
    ----------
    facts : ``from``, ``to``, ``world``, ``simulated``, ``winds``, ``kind`` and ``hours``
    """
    simulated = " (SIMULATED: nothing of this happened)" if facts["simulated"] else ""
    span = f"{facts['from']} to {facts['to']}"
    lines = [
        f"{city.name['en']}, air that arrived {span}, world {facts['world']}{simulated}",
        f"Winds: {facts['winds']}. Paths of {facts['hours']} h, arriving every 6 h.",
        OF_KIND[str(facts["kind"])],
        *LIMITS,
        "In brackets the central 90 % of resampled blocks of five days; * more than chance, at a false "
        "discovery rate of 10 %.",
    ]
    for season in seasons:
        lines += ["", *_season(season)]
    return lines


def _season(season: Season) -> list[str]:
    if season.refused:
        return [f"Refused: {season.refused}"]
    lines = [
        f"{season.name}: {season.arrivals} arrivals, {season.independent} of them independent, "
        f"{season.first} to {season.last}; mean {season.mean:.0f} ug m-3, high above {season.threshold:.0f}; "
        f"paths known for {season.known_hours:.0f} h on average",
        HEADER,
    ]
    shown = season.regions[season.regions["hours"] >= LEAST_HOURS]
    lines += [_region(row) for row in shown.to_dict("records")]
    if len(season.groups):
        lines.append(_groups_heading(season.groups))
        lines += [_group(row) for row in season.groups.to_dict("records")]
    return lines


def _region(row: Mapping[Any, Any]) -> str:
    hours = f"{row['hours']:.1f} ({row['hours_low']:.1f}-{row['hours_high']:.1f})"
    cwt = f"{row['cwt']:.0f} ({row['cwt_low']:.0f}-{row['cwt_high']:.0f}){_star(row['cwt_significant'])}"
    pscf = f"{row['pscf']:.2f} ({row['pscf_low']:.2f}-{row['pscf_high']:.2f}){_star(row['pscf_significant'])}"
    return f"{region_name(row['region'], 'en'):<40}{hours:>20}{cwt:>26}{pscf:>20}"


def _star(significant: bool) -> str:
    return "*" if significant else " "


def _groups_heading(groups: pd.DataFrame) -> str:
    hours = float(groups["hours"].iloc[0])
    return f"Groups of paths by their first {hours:.0f} h back, and where the mean path was then:"


def _group(row: Mapping[Any, Any]) -> str:
    where = f"{row['begins_latitude']:.1f} N, {row['begins_longitude']:.1f} E"
    mean = f"{row['mean']:.0f} ({row['mean_low']:.0f}-{row['mean_high']:.0f}) ug m-3"
    return (
        f"  {row['group']}: {row['arrivals']} arrivals, mean {mean}, "
        f"{region_name(row['begins_over'], 'en')} ({where})"
    )
