"""How a replay is told: statements in plain words, tables, and a Markdown page."""

from __future__ import annotations

from datetime import date
from typing import Any

import pandas as pd

from alerts.policy import Policy
from forecasting.issue import OPERATIONAL
from forecasting.signals import PERSISTENCE, DayVerdict, Signal
from pipeline.cities import city

Table = tuple[str, tuple[str, ...], list[list[object]]]

ORANGE_DAYS = (date(2019, 3, 2), date(2019, 3, 3), date(2019, 3, 4))
"""Days of Beijing's orange alert, announced on 1 March 2019."""

ORANGE_LEVEL = 150
"""Day mean [ug m-3] at which the Chinese index of PM2.5 reaches 200 (HJ 633-2012)."""


def level_of(policy: Policy, verdict: DayVerdict) -> str:
    """Return the joint level to which a city's threshold belongs."""
    return policy.level_id(policy.thresholds(verdict.city).index(verdict.threshold) + 1)


def height_statements(days: pd.DataFrame) -> list[str]:
    """Say for every city how much of its highest measured day each lead missed."""
    found = []
    for name, rows in days[days["observed"].notna()].groupby("city", sort=False):
        top = rows.iloc[int(rows["observed"].astype(float).to_numpy().argmax())]
        parts = [_missed(top, lead) for lead in (1, 2, 3)]
        said = "; ".join(p for p in parts if p) or "no replayed 08 UTC cycle spoke of it"
        label = city(str(name)).name["en"]
        found.append(f"{label}, {top['day']}, the highest day: measured {top['observed']:.0f} µg/m³. {said}.")
    return found


def alarm_statements(found: list[DayVerdict]) -> list[str]:
    """Count, for every city, what was caught, missed and warned of in vain, beside persistence."""
    said = []
    for name in dict.fromkeys(v.city for v in found):
        mine = [v for v in found if v.city == name]
        above = [v for v in mine if v.outcome in ("hit", "late", "missed")]
        ahead = [sum(getattr(v, who).ahead for v in above) for who in (OPERATIONAL, PERSISTENCE)]
        vain = [
            sum(v.outcome.startswith("false alarm") and getattr(v, who).first_cycle is not None for v in mine)
            for who in (OPERATIONAL, PERSISTENCE)
        ]
        said.append(
            f"{city(name).name['en']}: of {len(above)} times that a day exceeded a level, {ahead[0]} were "
            f"warned of before the day began (persistence: {ahead[1]}); false alarms: {vain[0]} "
            f"(persistence: {vain[1]})."
        )
    return said


def _missed(day: pd.Series, lead: int) -> str:
    mean, q90 = day.get(f"{OPERATIONAL}_mean_d{lead}"), day.get(f"{OPERATIONAL}_q90_d{lead}")
    if mean is None or q90 is None:
        return ""
    gap = day["observed"] - mean
    verb = f"missed {gap:.0f} ({gap / day['observed']:.0%})" if gap > 0 else f"was {-gap:.0f} too high"
    above = "above" if day["observed"] > q90 else "below"
    return f"D+{lead} said {mean:.0f} and {verb}; the measurement lies {above} its 90 % quantile, {q90:.0f}"


def orange_statement(days: pd.DataFrame) -> list[str]:
    """Say on what Beijing's orange alert of March 2019 rested, when its days were replayed and measured."""
    rows = days[(days["city"] == "beijing") & days["observed"].notna()]
    measured = dict(zip(rows["day"], rows["observed"].astype(float), strict=True))
    dates = [d.isoformat() for d in ORANGE_DAYS]
    if not set(dates) <= set(measured):
        return []
    means = [measured[d] for d in dates]
    above = sum(m > ORANGE_LEVEL for m in means)
    return [
        f"Beijing's day means were {means[0]:.0f}, {means[1]:.0f} and {means[2]:.0f} µg/m³ on 2, 3 and "
        f"4 March 2019; {above} of the 3 lay above {ORANGE_LEVEL}, where the index reaches 200. An orange "
        "alert asks for three such days, so the one in force on these days, announced on 1 March, rested on "
        "forecast, not on measurement."
    ]


SHORT = 7
"""Columns of the table of first signals that fit a terminal; the page shows all."""


def signal_table(policy: Policy, found: list[DayVerdict]) -> Table:
    """Return the table of first signals."""
    columns = (
        "city",
        "level",
        "day",
        "seen",
        "outcome",
        "sameair",
        "persistence",
        "p then",
        "held",
        "highest p",
    )
    rows: list[list[object]] = [
        [
            v.city,
            f"{level_of(policy, v)} >{v.threshold}",
            v.day[5:],
            "" if v.observed is None else f"{v.observed:.0f}",
            v.outcome,
            _first(v.sameair),
            _first(v.persistence),
            "" if v.sameair.probability is None else f"{v.sameair.probability:.2f}",
            f"{v.sameair.held}/{v.sameair.cycles_after}" if v.sameair.first_cycle else "",
            f"{v.sameair.highest:.2f}",
        ]
        for v in found
    ]
    return f"first cycle with a probability of at least {policy.probability.open:g}", columns, rows


def shortened(table: Table) -> Table:
    """Return a table without the columns that do not fit a terminal."""
    title, columns, rows = table
    return title, columns[:SHORT], [row[:SHORT] for row in rows]


def _first(signal: Signal) -> str:
    if signal.first_cycle is None:
        return "never"
    return f"{signal.first_cycle[5:10]} {signal.first_cycle[11:13]}Z D+{signal.lead_day}"


def day_table(days: pd.DataFrame) -> Table:
    """Return the table of measured days beside the forecasts of 08 UTC."""
    columns = ("city", "day", "seen", "D+1", "D+2", "D+3", "persist. D+1")
    rows: list[list[object]] = [
        [
            row["city"],
            str(row["day"])[5:],
            _whole(row["observed"]),
            *(_pair(row, OPERATIONAL, n) for n in (1, 2, 3)),
            _pair(row, PERSISTENCE, 1),
        ]
        for row in days.to_dict("records")
    ]
    return "day means seen, and forecast by the 08 UTC cycles: mean (q90) [µg/m³]", columns, rows


def _pair(row: dict[Any, Any], model: str, lead: int) -> str:
    mean, q90 = row.get(f"{model}_mean_d{lead}"), row.get(f"{model}_q90_d{lead}")
    return "" if mean is None else f"{_whole(mean)} ({_whole(q90)})"


def _whole(value: float | None) -> str:
    return "" if value is None else f"{value:.0f}"


def markdown(policy: Policy, shown: list[Table], document: dict[str, Any]) -> str:
    """Return a replay's report as a Markdown page."""
    facts = document["replay"]
    ids = [one["id"] for models in facts["models"] for one in models.values() if one]
    parts = [
        f"# Replay {facts['from']} to {facts['to']}",
        f"{facts['issues']} cycles, each with what had been received by then; models: "
        f"{', '.join(ids) or 'none'}. They learned from values received by the end of "
        f"{facts['train_until']}. Probability needed: {policy.probability.open:g} "
        f"(policy {policy.version}). Nothing was tuned on this episode.",
        "## In words",
        "\n".join(f"- {line}" for line in document["statements"]),
    ]
    for title, columns, rows in shown:
        lines = ["| " + " | ".join(str(cell) for cell in row) + " |" for row in (columns, *rows)]
        lines.insert(1, "|" + "---|" * len(columns))
        parts += [f"## {title[0].upper()}{title[1:]}", "\n".join(lines)]
    parts.append(
        "sameair, persistence: the first cycle (month-day, UTC hour) that reached the probability, and its "
        "lead in local days. Outcome: hit, before the day began; late, when it had begun. p then: the "
        "probability that sameair gave. Held: of the cycles after it until the day ended, how many kept it. "
        "Days that only persistence warned of in vain are in the JSON file."
    )
    return "\n\n".join(parts) + "\n"
