"""Figures of a verification report, drawn from its tables; each is one PNG."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

Tables = Mapping[str, pd.DataFrame]
Draw = Callable[[Axes, pd.DataFrame, str], None]

COLOURS = ("#0b5394", "#b45f06", "#38761d", "#741b47", "#7f6000", "#666666")
DOTS_PER_INCH = 110
RELIABILITY_LEADS = ("D+1", "D+2", "D+3")


def figures(tables: Tables, thresholds: Mapping[str, int], models: Sequence[str]) -> dict[str, bytes]:
    """Draw the figures that the tables have rows for.

    Parameters
    ----------
    tables : of ``tables.verify``, of one quantity
    thresholds : for every city the threshold whose exceedance is shown [ug m-3]
    models : names in the order of their colours

    Returns
    -------
    PNG by name: ``skill``, ``error``, ``reliability``, ``roc``, ``value``, ``coverage``
    """
    colours = {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(models)}
    wanted: dict[str, tuple[str, Callable[..., bytes | None]]] = {
        "skill": ("exceedance", _skill),
        "error": ("continuous", _error),
        "reliability": ("reliability", _reliability),
        "roc": ("economic_value", _roc),
        "value": ("economic_value", _value),
        "coverage": ("continuous", _coverage),
    }
    drawn = {
        name: draw(tables[table], thresholds, colours)
        for name, (table, draw) in wanted.items()
        if table in tables
    }
    return {name: png for name, png in drawn.items() if png is not None}


def _skill(table: pd.DataFrame, thresholds: Mapping[str, int], colours: Mapping[str, str]) -> bytes | None:
    reference = (
        "bss_trend" if table.get("bss_trend", pd.Series(dtype=float)).notna().any() else "bss_climatology"
    )
    if reference not in table:
        return None

    def draw(axes: Axes, rows: pd.DataFrame, city: str) -> None:
        rows = rows[rows["threshold"] == thresholds[city]]
        _by_lead(axes, rows, reference, colours)
        axes.axhline(0, color="black", linewidth=0.8)
        axes.set_ylim(-0.6, 1)
        axes.set_ylabel(f"Brier skill score ({'trend' if 'trend' in reference else 'season'} climatology)")
        axes.set_title(f"{city}: day mean above {thresholds[city]} µg/m³")

    return _panels(_whole_days(table), thresholds, draw)


def _error(table: pd.DataFrame, thresholds: Mapping[str, int], colours: Mapping[str, str]) -> bytes | None:
    def draw(axes: Axes, rows: pd.DataFrame, city: str) -> None:
        _by_lead(axes, rows, "rmse", colours)
        axes.set_ylim(bottom=0)
        axes.set_ylabel("RMSE of day means [µg/m³]")
        axes.set_title(city)

    return _panels(_whole_days(table), thresholds, draw)


def _by_lead(axes: Axes, rows: pd.DataFrame, measure: str, colours: Mapping[str, str]) -> None:
    leads = sorted(rows["lead"].unique())
    for i, (name, colour) in enumerate(colours.items()):
        mine = rows[rows["model"] == name].set_index("lead").reindex(leads)
        middle = mine[measure].to_numpy(np.float64)
        ends = mine[[f"{measure}_low", f"{measure}_high"]].to_numpy(np.float64)
        at = np.arange(len(leads)) + 0.06 * (i - len(colours) / 2)
        whiskers = np.abs(np.nan_to_num(ends - middle[:, None])).T
        axes.errorbar(
            at, middle, yerr=whiskers, color=colour, marker="o", capsize=3, linewidth=1.2, label=name
        )
    axes.set_xticks(np.arange(len(leads)), leads)


def _reliability(
    table: pd.DataFrame, thresholds: Mapping[str, int], colours: Mapping[str, str]
) -> bytes | None:
    subject = next(iter(colours))
    table = table[(table["model"] == subject) & table["lead"].isin(RELIABILITY_LEADS)]

    def draw(axes: Axes, rows: pd.DataFrame, city: str) -> None:
        rows = rows[rows["threshold"] == thresholds[city]]
        axes.plot([0, 1], [0, 1], color="black", linewidth=0.8)
        for i, lead in enumerate(RELIABILITY_LEADS):
            mine = rows[rows["lead"] == lead].sort_values("bin")
            colour = COLOURS[i]
            p = mine["mean_probability"]
            axes.fill_between(p, mine["band_low"], mine["band_high"], color=colour, alpha=0.12)
            axes.plot(p, mine["observed_frequency"], color=colour, marker="o", label=lead)
        axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="forecast probability", ylabel="observed frequency")
        axes.set_title(f"{subject}, {city}: day mean above {thresholds[city]} µg/m³")

    return _panels(_whole_days(table), thresholds, draw)


def _roc(table: pd.DataFrame, thresholds: Mapping[str, int], colours: Mapping[str, str]) -> bytes | None:
    def draw(axes: Axes, rows: pd.DataFrame, city: str) -> None:
        axes.plot([0, 1], [0, 1], color="black", linewidth=0.8)
        for name, colour in colours.items():
            mine = rows[(rows["model"] == name) & (rows["threshold"] == thresholds[city])]
            mine = mine.sort_values("cost_loss", ascending=False)
            false, hit = ([0.0, *mine[k], 1.0] for k in ("pofd", "pod"))
            axes.plot(false, hit, color=colour, marker=".", label=name)
        axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="probability of false detection", ylabel="POD")
        axes.set_title(f"{city}, D+1: day mean above {thresholds[city]} µg/m³")

    return _panels(_whole_days(table[table["lead"] == "D+1"]), thresholds, draw)


def _value(table: pd.DataFrame, thresholds: Mapping[str, int], colours: Mapping[str, str]) -> bytes | None:
    def draw(axes: Axes, rows: pd.DataFrame, city: str) -> None:
        for name, colour in colours.items():
            mine = rows[(rows["model"] == name) & (rows["threshold"] == thresholds[city])]
            axes.plot(mine["cost_loss"], mine["value"], color=colour, label=name)
        axes.axhline(0, color="black", linewidth=0.8)
        axes.set(xlim=(0, 1), ylim=(-0.3, 1), xlabel="cost of acting / loss averted", ylabel="economic value")
        axes.set_title(f"{city}, D+1: day mean above {thresholds[city]} µg/m³")

    return _panels(_whole_days(table[table["lead"] == "D+1"]), thresholds, draw)


def _coverage(table: pd.DataFrame, thresholds: Mapping[str, int], colours: Mapping[str, str]) -> bytes | None:
    subject = next(iter(colours))
    rows = table[(table["model"] == subject) & (table["target"] == "daily") & (table["lead"] == "D+1")]
    rows = rows[rows["part"].isin(["all", "year", "season"])]

    def draw(axes: Axes, mine: pd.DataFrame, city: str) -> None:
        labels = [of or "all" for of in mine["of"]]
        for level, colour in zip((50, 80, 90), COLOURS, strict=False):
            axes.plot(labels, mine[f"coverage_{level}"], "o", color=colour, label=f"{level} % interval")
            axes.axhline(level / 100, color=colour, linewidth=0.8, linestyle="--")
        axes.set_ylim(0, 1)
        axes.set_ylabel("share of days inside")
        axes.set_title(f"{subject}, {city}, D+1")
        axes.tick_params(axis="x", rotation=45)

    return _panels(rows, thresholds, draw)


def _whole_days(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["target"].isin(["daily", "outlook"]) & (table["part"] == "all")]


def _panels(table: pd.DataFrame, thresholds: Mapping[str, int], draw: Draw) -> bytes | None:
    """Draw one panel for each city that has rows; None when none has."""
    cities = [city for city in thresholds if (table["city"] == city).any()]
    if not cities:
        return None
    figure = Figure(figsize=(5.6 * len(cities), 4.0), dpi=DOTS_PER_INCH, layout="constrained")
    panels: Any = figure.subplots(1, len(cities), squeeze=False)[0]
    for axes, city in zip(panels, cities, strict=True):
        draw(axes, table[table["city"] == city], city)
        axes.grid(color="#dddddd", linewidth=0.6)
        axes.legend(fontsize=8, frameon=False)
    target = io.BytesIO()
    figure.savefig(target, format="png", metadata={"Software": None})
    return target.getvalue()
