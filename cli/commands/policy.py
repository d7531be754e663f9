"""``sameair policy``: what the agreed policy would have done, and from which probability it is to act."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.options import AsJson, DataDir, World, make_settings
from cli.output import print_json, print_lines, print_table

app = typer.Typer(help="What the agreed policy would have done, and from which probability it is to act.")

SCORES = {
    "city": "city",
    "rule": "rule",
    "alarms": "alarms",
    "episodes": "episodes",
    "hits": "hits",
    "late": "late",
    "missed": "missed",
    "false_alarms": "false",
    "false_with_measures": "false, measures",
    "not_measured": "unknown",
    "lead_hours": "lead h",
    "warned": "hours warned",
    "over_warned": "over-warned",
    "under_warned": "under-warned",
    "reversals": "reversals",
}
EPISODES = ("city", "outcome", "onset", "end", "first_issue", "lead_hours", "highest", "measures")

FLIPS = {
    "city": "city",
    "season": "season",
    "rule": "rule",
    "opened": "opened",
    "taken_back": "taken back",
    "reopened": "reopened",
    "level_changes": "levels",
    "swings": "swings",
    "splits": "splits",
    "merges": "merges",
    "per_episode": "per episode",
    "lead_hours_lost": "lead lost h",
    "warned_less": "warned less",
}

From = Annotated[str, typer.Option("--from", metavar="DATE", help="First UTC day of issues.")]
To = Annotated[str, typer.Option("--to", metavar="DATE", help="Last UTC day of issues.")]
Hindcast = Annotated[
    Path | None,
    typer.Option(
        "--hindcast", metavar="DIR", help="Folder of a hindcast [default: the runs]", show_default=False
    ),
]


@app.command()
def explain(
    first: From,
    last: To,
    hindcast: Hindcast = None,
    world: World = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Play the policy over stored predictions: alarms, hits, misses, hours over-warned, lead time."""
    from flows.policy_explain import explain_policy
    from flows.policy_source import Asked
    from flows.workspace import open_workspace

    asked = Asked(world or "measured", _day("--from", first), _day("--to", last), hindcast)
    found = explain_policy(open_workspace(make_settings(data_dir)), asked)
    if as_json:
        print_json(found)
        return
    _show(found)


@app.command()
def choose(
    first: From,
    last: To,
    hindcast: Hindcast = None,
    world: World = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Choose from which probability each level opens, by cost and loss; write a proposal for the policy."""
    from flows.assess import policy_of
    from flows.policy_choice import choose_policy
    from flows.policy_proposal import write_proposal
    from flows.policy_source import Asked
    from flows.workspace import open_workspace

    asked = Asked(world or "measured", _day("--from", first), _day("--to", last), hindcast)
    ws = open_workspace(make_settings(data_dir))
    found = choose_policy(ws, asked)
    path = write_proposal(ws, policy_of(ws), found)
    if as_json:
        print_json({**found, "proposal": str(path)})
        return
    _show_choice(found)
    print_lines([str(path)])


@app.command("lead-gained")
def lead_gained(
    first: From,
    last: To,
    hindcast: Annotated[Path, typer.Option("--hindcast", metavar="DIR", help="Hindcast with all data.")],
    without: Annotated[
        list[Path],
        typer.Option("--without", metavar="DIR", help="Hindcast without one side's air; may be repeated."),
    ],
    world: World = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Say how much sooner warnings came by the other party's data, at the same number of alarms."""
    from flows.lead_gained import Compared
    from flows.lead_gained import lead_gained as compare
    from flows.workspace import open_workspace

    days = _day("--from", first), _day("--to", last)
    asked = Compared(world or "measured", *days, hindcast, tuple(without))
    found = compare(open_workspace(make_settings(data_dir)), asked)
    if as_json:
        print_json(found)
        return
    _show_lead(found)


def _show_lead(found: dict[str, Any]) -> None:
    columns = ("model", "factor", "alarms", "hits", "late", "missed", "false", "hours warned")
    keys = ("factor", "alarms", "hits", "late", "missed", "false_alarms", "warned")
    names = {"full": "all data", "poorer": "without", "poorer_at_equal_rate": "without, equal alarms"}
    for city in found["cities"]:
        rows = [
            [name, f"{city[kind]['factor']:g}", *(_text(city[kind][key]) for key in keys[1:])]
            for kind, name in names.items()
        ]
        above = f"{city['city']} > {city['threshold']} µg/m³"
        print_table(f"{above}, without air of the side of {city['without_air_of']}", columns, rows)
        for kind, days in (("gained", "all days"), ("gained_without_measures", "days without measures")):
            print_lines([f"lead gained, {days}: {_gain_told(city[kind])}"])
        plain = _gain_told(city["gained_at_equal_probability"])
        print_lines([f"lead gained at the same probabilities, more or fewer alarms: {plain}"])
    print_lines(found["caveats"], styles={caveat: "yellow" for caveat in found["caveats"]})


def _gain_told(gained: dict[str, Any]) -> str:
    if gained["hours"] is None:
        return "no episode"
    seasons = ", ".join(f"{name} {hours:+.1f}" for name, hours in gained["seasons"].items())
    bounds = f"[{gained['low']:+.1f}, {gained['high']:+.1f}]"
    return f"{gained['hours']:+.1f} h {bounds} over {gained['episodes']} episodes; by season: {seasons}"


def _show_choice(found: dict[str, Any]) -> None:
    from flows.policy_choice import values_told

    columns = (
        "city", "level", "lead", "ratio", "from", "events", "near: said, came", "always, never, climate",
        "now", "chosen", "value now", "value chosen",
    )  # fmt: skip
    rows = []
    for row in found["cells"]:
        near, spent = row["near"], row["expense"]
        rows.append(
            [
                *(row["city"], row["level"], f"D+{row['lead']}", f"{row['ratio']:g}", f"{row['chosen']:g}"),
                f"{row['events']}/{row['days']}",
                "" if near["mean"] is None else f"{near['mean']:.2f}, {near['frequency']:.2f}",
                ", ".join(f"{spent[name]:.3f}" for name in ("always", "never", "climate")),
                *(f"{spent[name]:.3f}" for name in ("now", "chosen")),
                *(values_told(row, name) for name in ("now", "chosen")),
            ]
        )
    years = ", ".join(str(year) for year in found["years"])
    print_table(f"what acting from a probability costs, each of {years} scored by the others", columns, rows)
    print_lines(found["caveats"], styles={caveat: "yellow" for caveat in found["caveats"]})


def _show(found: dict[str, Any]) -> None:
    above = ", ".join(f"{city} > {value} µg/m³" for city, value in found["thresholds"].items())
    print_lines([f"policy {found['policy']}, {found['cycles']} cycles, day means {above}"])
    rows = [[_text(row[key]) for key in SCORES] for row in found["scores"]]
    print_table("the policy, and the same policy without damping", tuple(SCORES.values()), rows)
    rows = [[_text(row[key]) for key in SCORES] for row in found["without_measures"]]
    days = ", ".join(f"{count} of {city}" for city, count in found["measure_days"].items())
    print_table(f"without days on which measures ran ({days})", tuple(SCORES.values()), rows)
    flips = sorted(found["flip_flop"], key=lambda row: (row["city"], row["season"] != "all", row["season"]))
    rows = [["" if row.get(key) is None else f"{row[key]}" for key in FLIPS] for row in flips]
    print_table("changes of mind, with and without each way of damping", tuple(FLIPS.values()), rows)
    rows = [[_text(row[key]) for key in EPISODES] for row in found["episodes"]]
    print_table("episodes and false alarms", EPISODES, rows)
    lines = [f"joint alarms: {found['joint_alarms']['policy']}"]
    for city, damping in found["damping"].items():
        gained = damping["lead_hours_gained"]
        lead = "lead unknown" if gained is None else f"lead {gained:+.0f} h"
        lines.append(
            f"{city}: damping against none: {lead} on {damping['episodes']} episodes warned of either way, "
            f"{damping['reversals_more']:+d} reversals"
        )
    print_lines([*lines, *found["caveats"]], styles={caveat: "yellow" for caveat in found["caveats"]})


def _text(value: Any) -> str:
    if value is None or value is False:
        return ""
    if value is True:
        return "in force"
    return f"{value:.0f}" if isinstance(value, float) else str(value)


def _day(option: str, text: str) -> date:
    from pipeline.errors import UsageError

    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{option} {text} is no date; write it like 2019-12-01") from None
