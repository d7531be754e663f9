"""``sameair models``: which models there are, which forecasts, how they compare, and who decided so."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.options import AsJson, DataDir, World, make_settings
from cli.output import print_json, print_lines, print_table, progress_bars

if TYPE_CHECKING:
    from flows.workspace import Workspace

app = typer.Typer(help="Trained models: list, compare, promote, watch.")

ModelId = Annotated[str, typer.Argument(metavar="MODEL", help="Id of a model.")]
By = Annotated[str, typer.Option("--by", metavar="NAME", help="Your name; it stands in the record.")]
Why = Annotated[str, typer.Option("--why", metavar="TEXT", help="The reason; it stands in the record.")]


@app.command("list")
def list_(world: World = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List models, newest first: data window, role, and which one forecasts."""
    from flows.model_views import model_rows

    _show("models", model_rows(_open(data_dir), world), as_json)


@app.command()
def show(model: ModelId, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show what is on record of a model: data, inputs, scores, roles, comparisons, drift."""
    from flows.model_views import model_document

    document = model_document(_open(data_dir), model)
    if as_json:
        print_json(document)
        return
    plain = {k: v for k, v in document.items() if not isinstance(v, (dict, list))}
    facts = {k: v for k, v in document["details"].items() if not isinstance(v, (dict, list))}
    print_table("model", ("what", "value"), list({**plain, **facts}.items()))
    print_table("roles", ("at", "role", "by", "why", "forced"), [list(r.values()) for r in document["roles"]])
    for source, entries in document["scores"].items():
        columns = ("city", "lead_day", "n", "rmse", "crps", "bss", "coverage_80")
        print_table(source, columns, [[e.get(c) for c in columns] for e in entries])


@app.command()
def card(model: ModelId, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Write a model's card anew from what is on record, and print it."""
    from flows.registration import write_card

    path = write_card(_open(data_dir), model)
    if as_json:
        print_json({"card": str(path)})
    else:
        print_lines([*path.read_text("utf-8").splitlines(), str(path)])


@app.command()
def compare(
    champion: Annotated[str, typer.Argument(metavar="CHAMPION", help="Id of the model to beat.")],
    challenger: Annotated[str, typer.Argument(metavar="CHALLENGER", help="Id of the other model.")],
    predictions: Annotated[
        list[Path] | None,
        typer.Option("--predictions", metavar="FILE", help="Further predictions*.parquet of a hindcast."),
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Compare two models on the same issues of stored forecasts, and put one to the promotion gate."""
    from flows.promotion import compare_models, known_model

    ws = _open(data_dir)
    found = compare_models(
        ws, known_model(ws, champion), known_model(ws, challenger), files=predictions or ()
    )
    _show_comparison(found, as_json)


@app.command()
def promote(
    model: ModelId,
    by: By,
    why: Why,
    force: Annotated[bool, typer.Option("--force", help="Promote it though the gate refuses.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Make a model the champion, if it is shown to be better than the one in use."""
    from flows import promotion

    found = promotion.promote(_open(data_dir), model, person=by, why=why, force=force)
    if found is not None:
        _show_comparison(found, as_json)
    elif as_json:
        print_json({"champion": model})
    if not as_json:
        print_lines([f"{model} is the champion"])


@app.command()
def assign(
    model: ModelId,
    role: Annotated[str, typer.Argument(metavar="ROLE", help="challenger, shadow or retired.")],
    by: By,
    why: Why,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Give a model another role: shadow (forecasts beside the champion), challenger, retired."""
    from flows.promotion import assign as give
    from pipeline.errors import UsageError

    if role not in ("challenger", "shadow", "retired", "champion"):
        raise UsageError(f"there is no role {role}; there are challenger, shadow and retired")
    give(_open(data_dir), model, role, person=by, why=why)  # type: ignore[arg-type]
    if as_json:
        print_json({"model": model, "role": role})
    else:
        print_lines([f"{model} is {role}"])


@app.command()
def train(world: World = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Train models on everything received by today; they forecast as shadows until shown to be better."""
    from flows.retraining import retrain
    from flows.workspace import reporter
    from pipeline.names import MEASURED

    with progress_bars(enabled=not as_json) as report:
        reporter.set(report)
        found = retrain(_open(data_dir), world or MEASURED)
    _show("trained", [vars(one) for one in found], as_json)


@app.command()
def drift(world: World = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Compare the last 90 days of the models in use with their validation (exit code 3 if they drift)."""
    from flows.drift import watch
    from flows.promotion import decided_at
    from pipeline.names import MEASURED

    ws = _open(data_dir)
    name = world or MEASURED
    found = watch(ws, name, decided_at(ws, name))
    _show("models watched", [one.row() for one in found], as_json)
    if any(one.findings for one in found):
        raise typer.Exit(3)


def _open(data_dir: Path | None) -> Workspace:
    from flows.workspace import open_workspace

    return open_workspace(make_settings(data_dir))


def _show(title: str, rows: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        print_json(rows)
    else:
        print_table(title, list(rows[0]) if rows else [], [list(row.values()) for row in rows])


def _show_comparison(found: Any, as_json: bool) -> None:
    from flows.model_views import gain_rows

    if as_json:
        print_json(found.to_dict())
        return
    rows = gain_rows(found)
    pairs = ", ".join(f"{city} {n} forecasts of {found.days[city]} days" for city, n in found.pairs.items())
    _show(f"gains of the challenger ({pairs})", rows, as_json)
    print_lines(
        [("passes the gate: " if found.promote else "does not pass the gate: ") + "; ".join(found.reasons)]
    )
