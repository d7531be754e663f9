"""Who forecasts: comparing models on stored forecasts, and giving them roles, by a person or by the gate."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from alerts.policy import load_policy
from flows.model_evidence import judged_days, of_climate, of_model, stored_days
from flows.workspace import Workspace
from forecasting.compare import compare, paired_days
from forecasting.promotion_gate import Comparison, long_enough
from forecasting.weather_ahead import AHEAD
from pipeline.cities import all_cities, of_city
from pipeline.errors import UsageError
from pipeline.ledger.model_reports import append_report
from pipeline.ledger.model_roles import CHAMPION, Role, give_role, model_in_use, role_events, roles_at
from pipeline.ledger.models import STANDARD, ModelRow, get_model
from pipeline.ledger.runs import newest_current_run
from pipeline.names import is_simulated

PROGRAM: Final = "sameair"
"""The actor of what the program does by itself."""

PM10_THRESHOLDS: Final = {"seoul": (75, 150), "beijing": (150, 250)}
"""Day means of PM10 by which models are judged: nearest to AirKorea's 80 and 150, HJ 633's 150 and 250."""

log = logging.getLogger(__name__)


def compare_models(
    ws: Workspace, champion: ModelRow, challenger: ModelRow, *, files: Sequence[Path] = ()
) -> Comparison:
    """Compare two models on the same issues of stored forecasts, and record what was found.

    Parameters
    ----------
    files : further tables of ``sameair hindcast``; what runs, shadows and hindcasts left is always read

    Raises
    ------
    UsageError
        the models are not of the same world and quantity, or a file is no such table
    """
    if (champion.world, champion.quantity) != (challenger.world, challenger.quantity):
        raise UsageError(
            f"{champion.id} and {challenger.id} do not forecast the same; compare like with like"
        )
    rows = stored_days(ws, challenger.world, challenger.quantity, [champion, challenger], files=files)
    days = judged_days(ws, challenger.world, challenger.quantity, rows)
    policy = load_policy(ws.settings.policy_file)
    pairs = paired_days(of_model(days, champion.id), of_model(days, challenger.id), of_climate(days))
    limits = judged_thresholds(ws, challenger.quantity)
    found = compare(pairs, limits, probability=policy.probability.open)
    if challenger.variant != champion.variant:
        found = long_enough(found)
    content = {"champion": champion.id, "challenger": challenger.id, **found.to_dict()}
    with ws.ledger.write() as conn:
        append_report(conn, challenger.id, "comparison", content, at=ws.clock())
    return found


def judged_thresholds(ws: Workspace, quantity: str) -> dict[str, tuple[int, ...]]:
    """Return the day means of each city by which models are judged [ug m-3]: the policy's, or PM10's own."""
    if quantity == "pm10":
        return {name: of_city(name, PM10_THRESHOLDS) for name in all_cities()}
    policy = load_policy(ws.settings.policy_file)
    return {name: policy.thresholds(name) for name in all_cities()}


def promote(ws: Workspace, model_id: str, *, person: str, why: str, force: bool = False) -> Comparison | None:
    """Make a model the champion because a person says so; None if there was nothing to compare it with.

    Raises
    ------
    UsageError
        no name or reason, an unknown model or one that was made for a hindcast only, or the gate refuses
        and ``force`` is not given
    """
    row = usable_model(ws, model_id, person, why)
    before = in_use(ws, row)
    with ws.ledger.read() as conn:
        roles = role_events(conn, model_id, limit=1)
    if before is not None and before.id == row.id and roles and roles[0].role == CHAMPION:
        raise UsageError(f"{model_id} is the champion already")
    same = before is None or before.id == row.id
    found = None if before is None or same else compare_models(ws, before, row)
    if found is not None and not found.promote and not force:
        raise UsageError(
            f"{model_id} is not shown to be better than {before.id if before else ''}: "
            f"{'; '.join(found.reasons)}; --force promotes it all the same and puts that on record"
        )
    forced = found is not None and not found.promote
    _appoint(ws, row, person, why, forced=forced, found=found)
    return found


def promote_if_better(ws: Workspace, model_id: str) -> Comparison | None:
    """Make a model the champion if the gate lets it, without a person; call it after training or new runs.

    Returns
    -------
    the comparison with the model in use; None if there is none, and this one became champion
    """
    row = known_model(ws, model_id)
    before = in_use(ws, row, excluding=row.id)
    if before is None and row.variant != STANDARD:
        raise UsageError(f"{model_id} is not promoted by itself: there is no champion to compare it with")
    if before is None:
        _appoint(ws, row, PROGRAM, "the only model there is", forced=False, found=None)
        return None
    found = compare_models(ws, before, row)
    if found.promote:
        _appoint(ws, row, PROGRAM, "; ".join(found.reasons), forced=False, found=found)
        log.warning("model %s follows %s: %s", row.id, before.id, "; ".join(found.reasons))
    return found


def assign(ws: Workspace, model_id: str, role: Role, *, person: str, why: str) -> None:
    """Give a model another role than champion.

    Raises
    ------
    UsageError
        no name or reason, an unknown model, one made for a hindcast only, or the role of champion
    """
    if role == CHAMPION:
        raise UsageError("a champion is made by `sameair models promote`, which compares it first")
    row = usable_model(ws, model_id, person, why)
    at = decided_at(ws, row.world)
    with ws.ledger.write() as conn:
        held = roles_at(conn, world=row.world, quantity=row.quantity, at=at)
        if held.get(row.id) == CHAMPION:
            row = replace(row, variant=STANDARD)
        give_role(conn, row, role, at=at, actor=person, why=why)


def settle_shadows(ws: Workspace, world: str) -> list[str]:
    """Put every shadow and challenger of a world to the gate; returns the ids of new champions."""
    promoted = []
    for quantity in ("pm2p5", "pm10"):
        with ws.ledger.read() as conn:
            roles = roles_at(conn, world=world, quantity=quantity, at=decided_at(ws, world))
        for name in [i for i, r in roles.items() if r in ("shadow", "challenger")]:
            found = promote_if_better(ws, name)
            if found is None or found.promote:
                promoted.append(name)
        if _ahead_passes(ws, world, quantity):
            promoted.append(f"{quantity} with forecast weather")
    return promoted


def _ahead_passes(ws: Workspace, world: str, quantity: str) -> bool:
    """Put the newest model that reads forecast weather to the gate; tell whether it is champion now."""
    at = decided_at(ws, world)
    with ws.ledger.read() as conn:
        row = model_in_use(conn, world=world, quantity=quantity, known_at=at, variant=AHEAD)
        champion = model_in_use(conn, world=world, quantity=quantity, known_at=at)
    if row is None or champion is None or champion.id == row.id:
        return False
    found = promote_if_better(ws, row.id)
    return found is not None and found.promote


def known_model(ws: Workspace, model_id: str) -> ModelRow:
    """Return a model by id; UsageError when there is none."""
    with ws.ledger.read() as conn:
        row = get_model(conn, model_id)
    if row is None:
        raise UsageError(f"there is no model {model_id}; see `sameair models list`")
    return row


def usable_model(ws: Workspace, model_id: str, person: str, why: str) -> ModelRow:
    """Return a model that a named person may give a role; UsageError says what is lacking."""
    if not person.strip() or not why.strip():
        raise UsageError("say who decides (--by) and why (--why); both stand in the audit trail")
    row = known_model(ws, model_id)
    if row.purpose != "operational":
        raise UsageError(f"{model_id} was trained without a year, to be scored in it; it never forecasts")
    return row


def in_use(ws: Workspace, row: ModelRow, excluding: str = "") -> ModelRow | None:
    """Return the model that forecasts now, or would if some model did not count; None if there is none."""
    with ws.ledger.read() as conn:
        return model_in_use(
            conn,
            world=row.world,
            quantity=row.quantity,
            known_at=decided_at(ws, row.world),
            excluding=(excluding,) if excluding else (),
        )


def decided_at(ws: Workspace, world: str) -> datetime:
    """Return when a decision about a world's models is made: now, in a simulated world in its own time."""
    if not is_simulated(world):
        return ws.clock()
    with ws.ledger.read() as conn:
        run = newest_current_run(conn, world)
    return run.as_of if run is not None else ws.clock()


def _appoint(
    ws: Workspace, row: ModelRow, actor: str, why: str, *, forced: bool, found: Comparison | None
) -> None:
    evidence: dict[str, Any] = found.to_dict() if found is not None else {}
    with ws.ledger.write() as conn:
        give_role(
            conn,
            replace(row, variant=STANDARD),
            CHAMPION,
            at=decided_at(ws, row.world),
            actor=actor,
            why=why,
            forced=forced,
            evidence=evidence,
        )
