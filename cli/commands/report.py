"""``sameair report``: the joint verification report of a month or a season, in one command."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.options import AsJson, DataDir, World, make_settings
from cli.output import print_json, print_lines, progress_bars

if TYPE_CHECKING:
    from datetime import datetime


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command("report")(report)


def report(  # noqa: PLR0913 - one argument per option
    month: Annotated[
        str | None, typer.Option("--month", metavar="YYYY-MM", help="A month.", show_default=False)
    ] = None,
    season: Annotated[
        str | None,
        typer.Option(
            "--season", metavar="YYYY-YY", help="A winter of Seasonal Management.", show_default=False
        ),
    ] = None,
    hindcast: Annotated[
        Path | None,
        typer.Option(
            "--hindcast",
            metavar="DIR",
            help="Folder of a hindcast, instead of stored runs.",
            show_default=False,
        ),
    ] = None,
    without: Annotated[
        list[Path] | None,
        typer.Option(
            "--without",
            metavar="DIR",
            help="The same hindcast without a party's air; can be given again.",
            show_default=False,
        ),
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option(
            "--as-of",
            metavar="INSTANT",
            help="What counts was known by then; default: ten days after the period, or now.",
            show_default=False,
        ),
    ] = None,
    lang: Annotated[
        str | None,
        typer.Option("--lang", help="One language only: en, ko or zh; else all.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            help="Folder that gets the report's own; default: the reports of the data folder.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the resamples.")] = 0,
    world: World = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Write the joint verification report: HTML, PDF, figures and numbers, in three languages."""
    from flows.joint_report.files import write_report
    from flows.joint_report.gather import Asked, joint_report
    from flows.workspace import open_workspace, reporter
    from forecasting.verification.score_tables import Options
    from pipeline.names import MEASURED

    settings = make_settings(data_dir)
    asked = Asked(
        period=_period(month, season, settings.season_file),
        world=world or MEASURED,
        as_of=_as_of(as_of),
        hindcast=hindcast,
        without=_without(hindcast, without or []),
        options=Options(seed=seed),
    )
    languages = _languages(lang)
    with progress_bars(enabled=not as_json) as progress:
        reporter.set(progress)
        found = joint_report(open_workspace(settings), asked)
    files = write_report(found, out or settings.reports_dir, languages)
    if as_json:
        print_json({**found, "files": {name: str(path) for name, path in files.items()}})
        return
    _show(found, files)


def _period(month: str | None, season: str | None, file: Path | None) -> Any:
    from flows.joint_report.period import month_of, season_of
    from pipeline.errors import UsageError
    from pipeline.season import calendar_of

    if (month is None) == (season is None):
        raise UsageError("name one period: --month YYYY-MM or --season YYYY-YY")
    if month is not None:
        return month_of(month)
    return season_of(str(season), calendar_of(file))


def _as_of(text: str | None) -> datetime | None:
    from pipeline.errors import UsageError
    from pipeline.times import parse_instant

    if text is None:
        return None
    try:
        return parse_instant(text)
    except ValueError as error:
        raise UsageError(f"--as-of {text:.40}: {error}; write it like 2019-04-10T00:00Z") from None


def _without(hindcast: Path | None, folders: list[Path]) -> tuple[Path, ...]:
    from pipeline.errors import UsageError

    if folders and hindcast is None:
        raise UsageError("--without compares hindcasts: name the one with all data by --hindcast")
    return tuple(folders)


def _languages(lang: str | None) -> Any:
    from alerts.vocabulary import LANGUAGES
    from pipeline.errors import UsageError

    if lang is None:
        return LANGUAGES
    if lang not in LANGUAGES:
        raise UsageError(f"--lang {lang:.20}: there are {', '.join(sorted(LANGUAGES))}")
    return (lang,)


def _show(found: dict[str, Any], files: dict[str, Path]) -> None:
    """Print title, caveats and findings in English, and where the report lies."""
    from flows.joint_report.sections import document_of, finding_text
    from flows.joint_report.words import words_of

    words = words_of("en")
    document = document_of(found, words)
    print_lines([document.title, document.subtitle])
    print_lines(document.caveats, styles={caveat: "yellow" for caveat in document.caveats})
    for city in found["thresholds"]:
        mine = [finding_text(one, words) for one in found["findings"] if one["city"] == city]
        print_lines([words.city(city), *[f"  {line}" for line in mine]])
    shown = [str(path) for name, path in files.items() if name.endswith((".html", ".pdf", ".json"))]
    print_lines([*shown, f"{len(files)} files"])
