"""The bulletins of a run: page and PDFs of both cities together, and of each city by its own party."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Literal

from alerts.bulletin import page_of
from alerts.bulletin_data import RunFacts
from alerts.bulletin_pdf import bulletin_pdf
from alerts.bulletin_view import Bulletin, make_bulletin
from alerts.content import WarningContent
from alerts.edition import Edition, bulletin_name
from alerts.message_view import NO_BACKGROUND
from alerts.vocabulary import LANGUAGES
from flows.assess import policy_of
from flows.credits import credits_of
from flows.dust import dust_of_run
from flows.letters import background_of
from flows.origins import origins_of_run
from flows.own_statement import stated_of_run
from flows.runview import RunView, read_run
from flows.steps import Steps
from flows.told_readings import told_to_others
from flows.workspace import Workspace
from pipeline.cities import all_cities
from pipeline.files import write_atomic
from pipeline.ledger.runs import RunRow
from pipeline.ledger.warnings import VersionRow
from pipeline.ledger.warnings_newest import versions_saying
from pipeline.paths import cities_in
from pipeline.storage.products import keep_files
from pipeline.times import iso

PRODUCTS = ("joint_warning", "single_city_warning", "notice")
"""Which warning the page of a run shows when there are several: the widest first."""
SIGNED = ("issued", "updated", "ended", "cancelled")
"""States that a version reaches only with the signatures of all its parties."""
IN_FORCE = ("issued", "updated")


@dataclass(frozen=True)
class BulletinFile:
    """One file: of which city, empty for both together; in which language, empty for the page of all."""

    city: str
    language: str
    kind: Literal["html", "pdf"]
    path: Path


def warnings_of_cycle(ws: Workspace, world: str, cycle: datetime) -> list[VersionRow]:
    """Return the versions that a cycle proposed and nobody rejected, the widest product first.

    Of a cycle that was repeated too, whichever of its runs was the first to say so.
    """
    with ws.ledger.read() as conn:
        rows = versions_saying(conn, world, "issue_time", iso(cycle))
    alive = [r for r in rows if r.state not in ("rejected", "expired")]
    return sorted(alive, key=lambda r: (PRODUCTS.index(r.content["product"]), r.warning_id))


def write_bulletin(ws: Workspace, run_id: str) -> Path:
    """Write every bulletin of a run; writing them again replaces them. Returns the page of both cities.

    The page of both cities shows what is proposed, and says so until both parties have signed. Then it may go
    to both, so it repeats no reading that may not leave this node (``flows.told_readings``). A city's own
    bulletin shows only what its party issued, and nothing of other cities. The page of both is written last:
    where it lies, all others do.
    """
    view = read_run(ws, run_id)
    rows = warnings_of_cycle(ws, view.plan.world, view.plan.cycle)
    facts = _facts(ws, view)
    steps = Steps()
    for city in all_cities():
        with steps.tried(f"the bulletin of {city}"):
            _write_edition(ws, view, rows, facts, city)
    steps.settle()
    _write_edition(ws, view, rows, facts, "")
    return bulletin_path(ws, view.run)


def _write_edition(ws: Workspace, view: RunView, rows: list[VersionRow], facts: RunFacts, city: str) -> None:
    """Write the files of a city, empty for both together."""
    edition, content = chosen(rows, city)
    origins = told_to_others(ws, facts.origins) if edition.signed else facts.origins
    shown = _bulletin(ws, view, content, replace(facts, edition=edition, origins=origins))
    for file in sorted(_of_city(ws, view.run, city), key=lambda f: f.kind, reverse=True):
        made = page_of(shown).encode("utf-8") if file.kind == "html" else _pdf(shown, file.language)
        keep_files(ws.settings, [write_atomic(file.path, made)])


def chosen(rows: list[VersionRow], city: str) -> tuple[Edition, WarningContent | None]:
    """Return the edition for a city, empty for both together, with the warning that it shows.

    Parameters
    ----------
    rows : the versions of a cycle that nobody rejected, the widest product first
    """
    if not city:
        first = _newest([r for r in rows if r.warning_id == rows[0].warning_id])
        signed = first is not None and first.content["product"] == "joint_warning" and first.state in SIGNED
        return Edition(signed=signed), WarningContent.from_dict(first.content) if first else None
    mine = [r for r in rows if r.state in SIGNED and city in [c["city"] for c in r.content["cities"]]]
    own = _newest([r for r in mine if r.content["product"] == "single_city_warning"])
    in_joint = any(r.content["product"] == "joint_warning" and r.state in IN_FORCE for r in mine)
    return Edition(city, in_joint=in_joint), WarningContent.from_dict(own.content) if own else None


def _newest(rows: list[VersionRow]) -> VersionRow | None:
    """Return the newest version that is signed, else the newest; None of none."""
    return max(rows, key=lambda r: (r.state in SIGNED, r.version), default=None)


def _facts(ws: Workspace, view: RunView) -> RunFacts:
    plan = view.plan
    return RunFacts(
        run_id=view.run.id,
        world=plan.world,
        issue_time=plan.cycle,
        as_of=plan.as_of,
        model_id=view.run.model_id or "none",
        code_version=view.run.code_version,
        degraded=view.run.degraded,
        calibrated=str(view.run.inputs.get("calibrated", "")),
        inputs_used=tuple(view.run.inputs["used"]),
        inputs_missing=tuple(view.run.inputs["missing"]),
        exercise=plan.mode == "replay" or plan.drill,
        origins=origins_of_run(ws, view.run),
        dust=dust_of_run(ws, view.run),
        stated=stated_of_run(ws, view.run),
        credits=credits_of(ws, view.run),
    )


def _bulletin(ws: Workspace, view: RunView, content: WarningContent | None, facts: RunFacts) -> Bulletin:
    return make_bulletin(
        content,
        view.forecast,
        view.paths,
        ws.store.stations(view.plan.world),
        cities_in(view.paths),
        run_facts=facts,
        background=background_of(ws, content, policy_of(ws)) if content else NO_BACKGROUND,
    )


def _pdf(shown: Bulletin, language: str) -> bytes:
    return bulletin_pdf(shown, next(known for known in LANGUAGES if known == language))


def bulletin_files(ws: Workspace, run: RunRow) -> list[BulletinFile]:
    """Return where the bulletins of a run lie, those of both cities first, whether written yet or not."""
    return [file for city in ("", *all_cities()) for file in _of_city(ws, run, city)]


def _of_city(ws: Workspace, run: RunRow, city: str) -> Iterator[BulletinFile]:
    page = bulletin_path(ws, run)
    yield BulletinFile(city, "", "html", page.with_name(bulletin_name(run.id, city)))
    for language in LANGUAGES:
        yield BulletinFile(city, language, "pdf", page.with_name(bulletin_name(run.id, city, language)))


def bulletin_path(ws: Workspace, run: RunRow) -> Path:
    """Return where the page of a run lies."""
    return ws.settings.data_dir / Path(run.products["forecast"]).parent / bulletin_name(run.id)
