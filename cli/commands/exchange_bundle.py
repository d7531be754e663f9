"""``sameair exchange bundle`` and ``verify-bundle``: what one model can do, for the other side to try."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.options import AsJson, DataDir, World, make_settings
from cli.output import print_json, print_lines, print_table, progress_bars

if TYPE_CHECKING:
    from flows.bundle_check import Checked
    from flows.bundle_rerun import Rerun

MOST_SPANS = 20
"""So many spans of differing data are printed; --json prints all."""
COLUMNS = (
    *("city", "lead", "measure", "days", "stated", "theirs, our measurements", "made again here"),
    *("difference", "90 %"),
)


def register(app: typer.Typer) -> None:
    """Add the commands of this file to the group."""
    app.command()(bundle)
    app.command("verify-bundle")(verify_bundle)


def bundle(
    model: Annotated[str, typer.Option("--model", metavar="ID", help="Of `sameair models list`.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The ZIP file to write.")],
    party: Annotated[
        str, typer.Option("--party", help="Who gives it out; default: this node's party.", show_default=False)
    ] = "",
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Write a signed bundle of a model: card, hindcast with its forecasts, scores, digests of its data."""
    from flows.exchange_bundle import make_bundle
    from flows.workspace import open_workspace, reporter

    with progress_bars(enabled=not as_json) as report:
        reporter.set(report)
        made = make_bundle(open_workspace(make_settings(data_dir)), model, out, party)
    if as_json:
        print_json(made.to_dict())
        return
    print_lines([f"{name}: {size:,} bytes" for name, size in made.files.items()])
    print_lines([f"{name} left out: the sharing rules let no forecasts out" for name in made.left_out])
    print_lines(
        [
            f"{made.path}: hindcast of {made.days} days, SHA-256 {made.digest}",
            f"The other side runs: sameair exchange verify-bundle {made.path.name} --rerun",
        ]
    )


def verify_bundle(
    file: Annotated[Path, typer.Argument(help="The ZIP file.")],
    again: Annotated[
        bool, typer.Option("--rerun", help="Make its hindcast again from our own data and compare.")
    ] = False,
    workers: Annotated[
        int, typer.Option("--workers", min=0, help="Processes; 0: where SAMEAIR_HEAVY_WORK says.")
    ] = 0,
    world: World = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Check signature, digests and form of a bundle; nothing in it is run or written to disk."""
    from flows.bundle_check import check_bundle
    from flows.bundle_rerun import rerun
    from flows.workspace import open_workspace, reporter

    ws = open_workspace(make_settings(data_dir))
    checked = check_bundle(ws, file)
    if not as_json:
        _show(checked)
    if not again:
        if as_json:
            print_json(checked.to_dict())
        return
    with progress_bars(enabled=not as_json) as report:
        reporter.set(report)
        found = rerun(ws, checked.received, world or "", workers=workers)
    if as_json:
        print_json({**checked.to_dict(), "rerun": found.to_dict()})
        return
    _show_rerun(found)


def _show(checked: Checked) -> None:
    told = checked.to_dict()
    size = sum(told["files"].values())
    print_lines(
        [
            f"signed by {told['party']} (key {told['key']}) at {told['created_at']}; the signature and all "
            f"{len(told['files'])} files are as signed ({size:,} bytes)",
            f"model {told['model']}, {told['quantity']}, world {told['world']}; {told['card']}",
            f"hindcast of {', '.join(told['cities'])}: {told['issues']} issues from {told['first_issue']} to "
            f"{told['last_issue']}, learned from values received by {told['training']['received_by']}",
            f"may be handed on to: {told['redistribution']}",
        ]
    )


def _show_rerun(found: Rerun) -> None:
    print_table("Scores", COLUMNS, [_row(entry) for entry in found.rows])
    print_lines(
        [
            f"{found.issues} of {found.of} issues made again. stated: the giver's figure, by its own "
            "measurements. The next two are of the same issues and days, by our measurements; difference: "
            "made again minus theirs, with the interval that holds 90 % of resamples of blocks of 5 days. "
            "RMSE and CRPS in µg/m³; Brier: of exceeding the day mean named. Smaller is better in all three.",
            *found.notes,
        ]
    )
    spans = found.data.to_dict("records")
    if not spans:
        print_lines([f"Data: all {found.spans} spans of series are the same on both sides"])
        return
    title = f"Data that differ: {len(spans)} of {found.spans} spans of series"
    rows = [[s["series"], s["span"], s["values_ours"], s["values_theirs"], s["what"]] for s in spans]
    print_table(title, ("series", "span", "values here", "there", "what"), rows[:MOST_SPANS])
    print_lines([f"and {len(rows) - MOST_SPANS} more; --json prints all"] * (len(rows) > MOST_SPANS))


def _row(entry: dict[str, Any]) -> list[object]:
    digits = 3 if entry["measure"] == "brier" else 1
    name = entry["measure"] + (f" > {entry['threshold']}" if entry["threshold"] is not None else "")
    low, high = (_number(entry[end], digits) for end in ("low", "high"))
    figures = [_number(entry[name], digits) for name in ("stated", "theirs", "ours", "difference")]
    within = f"{low} to {high}" if low and high else ""
    return [entry["city"], f"D+{entry['lead_day']}", name, entry["days"], *figures, within]


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{round(value, digits) + 0.0:.{digits}f}"
