"""``sameair consult``: sealed probabilities, questions to the other party, and calls where nobody answers."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import AsJson, DataDir, instant_of, make_settings
from cli.output import print_json, print_lines, print_table

if TYPE_CHECKING:
    from flows.workspace import Workspace

app = typer.Typer(help="Consult the other party: seal a probability, ask, answer, write down a call.")

Person = Annotated[str, typer.Option("--person", help="Your name; it stands in the record.")]
Party = Annotated[
    str, typer.Option("--party", help="The party for which you speak, where one node serves both.")
]
Question = Annotated[str, typer.Argument(help="Id of the question, or the end of it.")]


def opened(data_dir: object) -> Workspace:
    """Open the workspace of the options."""
    from flows.workspace import open_workspace

    return open_workspace(make_settings(data_dir))  # type: ignore[arg-type]


def tell(found: dict[str, object], *, as_json: bool) -> None:
    """Print what was done."""
    if as_json:
        print_json(found)
    else:
        print_lines([f"{name:<10} {value}" for name, value in found.items()])


def tables(found: dict[str, list[dict[str, object]]]) -> None:
    """Print rows as tables."""
    for name, rows in found.items():
        columns = list(dict.fromkeys(column for row in rows for column in row))
        print_table(name, columns, [[row.get(column, "") for column in columns] for row in rows])


@app.command("list")
def list_(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List questions, with whom to ring where one is overdue, and sealed subjects with what was opened."""
    from flows.consult import consultations

    found = consultations(opened(data_dir))
    if as_json:
        print_json(found)
        return
    tables(found)


@app.command()
def seal(  # noqa: PLR0913 - one argument per option
    city: Annotated[str, typer.Option("--city", help="City.")],
    day: Annotated[str, typer.Option("--day", help="Local day, like 2026-01-15.")],
    above: Annotated[float, typer.Option("--above", help="Threshold of the day mean [ug m-3].")],
    probability: Annotated[float, typer.Option("--probability", help="Your probability, 0 to 1.")],
    cycle: Annotated[str, typer.Option("--cycle", help="Cycle, ISO 8601.")],
    opens: Annotated[str, typer.Option("--opens", help="When it is opened at the latest, ISO 8601.")],
    person: Person,
    world: Annotated[str, typer.Option("--world", help="World.")] = "measured",
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Commit to a probability before you see the other side's; both are opened once both are sealed."""
    from alerts.sealed import subject_of
    from flows.consult import seal_number
    from pipeline.times import iso

    subject = subject_of(world, iso(instant_of(cycle)), city, day, above)
    until = instant_of(opens)
    tell(seal_number(opened(data_dir), subject, probability, person, until), as_json=as_json)


@app.command()
def score(
    world: Annotated[str, typer.Option("--world", help="World.")] = "measured",
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show how sealed probabilities came out: both sides on the same days, with counts; no ranking."""
    from flows.consult_scores import consult_scores

    found = consult_scores(opened(data_dir), world)
    if as_json:
        print_json(found)
    else:
        tables(found)


@app.command()
def ask(
    text: Annotated[str, typer.Argument(help="The question.")],
    subject: Annotated[str, typer.Option("--about", help="Warning, cycle or day it is about.")],
    person: Person,
    within: Annotated[int, typer.Option("--within", min=1, help="Minutes to answer.")] = 60,
    party: Party = "",
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Ask the other party; unanswered in time, the list shows the number to ring."""
    from flows.consult import ask as put

    found = put(opened(data_dir), subject, text, person, timedelta(minutes=within), party=party)
    tell(found, as_json=as_json)


@app.command()
def answer(
    question: Question,
    text: Annotated[str, typer.Argument(help="The answer.")],
    person: Person,
    party: Party = "",
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Answer a question of the other party, once."""
    from flows.consult import answer as give

    tell(give(opened(data_dir), question, text, person, party=party), as_json=as_json)


@app.command()
def call(
    question: Question,
    outcome: Annotated[str, typer.Option("--outcome", help="What came of it.")],
    person: Person,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Write down a telephone call about a question."""
    from flows.consult import log_call

    tell(log_call(opened(data_dir), question, person, outcome), as_json=as_json)
