"""Roles of models: which one operations use, which run beside it, which are done with; events only."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import Connection, func, insert, select

from pipeline.ledger.audit import append_audit
from pipeline.ledger.model_tables import model_roles
from pipeline.ledger.models import STANDARD, ModelRow, get_model, newest_model

Role = Literal["champion", "challenger", "shadow", "retired"]
CHAMPION: Final = "champion"


@dataclass(frozen=True)
class RoleEvent:
    """One role that a model was given; see ``pipeline.ledger.model_tables.model_roles``."""

    seq: int
    at: datetime
    model_id: str
    world: str
    quantity: str
    variant: str
    role: Role
    forced: bool
    actor: str
    why: str
    evidence: dict[str, Any]


def give_role(  # noqa: PLR0913 - one argument per column
    conn: Connection,
    model: ModelRow,
    role: Role,
    *,
    at: datetime,
    actor: str,
    why: str,
    forced: bool = False,
    evidence: Mapping[str, Any] | None = None,
) -> None:
    """Give a model a role, in the audit trail too; a champion's predecessor retires with the same event.

    Parameters
    ----------
    at : from when on it holds; a forecast made as of an earlier instant does not know of it
    actor, why : a person or the program itself, and the reason
    forced : a person decided so against the promotion gate
    evidence : the comparison that the decision rests on

    Examples
    --------
    >>> import tempfile
    >>> from pipeline.ledger import open_ledger
    >>> from pipeline.ledger.models import register_model
    >>> from pipeline.times import parse_instant
    >>> until, at = parse_instant("2018-12-31T00:00Z"), parse_instant("2019-03-03T08:00Z")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     ledger = open_ledger(f"sqlite:///{folder}/ledger.sqlite")
    ...     with ledger.write() as conn:
    ...         register_model(conn, model_id="m1", world="measured", quantity="pm2p5", data_until=until,
    ...             trained_at=at, purpose="operational", path="m1.model", digest="0" * 64, details={})
    ...         give_role(conn, get_model(conn, "m1"), "champion", at=at, actor="kim", why="the first one")
    ...         print(roles_at(conn, world="measured", quantity="pm2p5", at=at))
    ...         print(roles_at(conn, world="measured", quantity="pm2p5", at=until))
    ...     ledger.close()
    {'m1': 'champion'}
    {}
    """
    held = roles_at(conn, world=model.world, quantity=model.quantity, at=at, variant=model.variant)
    if role == CHAMPION:
        for name in [i for i, r in held.items() if r == CHAMPION and i != model.id]:
            before = get_model(conn, name)
            if before is not None:
                same = replace(before, variant=model.variant)
                _append(conn, same, "retired", at, actor, f"followed by {model.id}", forced, {})
    _append(conn, model, role, at, actor, why, forced, dict(evidence or {}))


def roles_at(
    conn: Connection, *, world: str, quantity: str, at: datetime, variant: str = STANDARD
) -> dict[str, Role]:
    """Return the role that each model had at an instant, by id; models without one are left out."""
    c = model_roles.c
    wanted = (c.world == world, c.quantity == quantity, c.variant == variant, c.at <= at)
    last = select(func.max(c.seq)).where(*wanted).group_by(c.model_id)
    rows = conn.execute(select(c.model_id, c.role).where(c.seq.in_(last)).order_by(c.seq))
    return {model_id: role for model_id, role in rows}


def model_in_use(
    conn: Connection,
    *,
    world: str,
    quantity: str,
    known_at: datetime,
    variant: str = STANDARD,
    excluding: Collection[str] = (),
) -> ModelRow | None:
    """Return the model that a forecast made with the knowledge of an instant uses, or None.

    The champion as it was known at that instant; before there was one, the operational model with the newest
    data that has no other role. A model that learned from anything received later is never taken.

    Parameters
    ----------
    excluding : ids that are not taken, such as that of a model whose file is damaged
    """
    roles = roles_at(conn, world=world, quantity=quantity, at=known_at, variant=variant)
    for name in (i for i, r in roles.items() if r == CHAMPION and i not in excluding):
        row = get_model(conn, name)
        if row is not None and row.data_until <= known_at:
            return row
    spoken_for = [*(i for i, r in roles.items() if r != CHAMPION), *excluding]
    return newest_model(
        conn, world=world, quantity=quantity, known_at=known_at, excluding=spoken_for, variant=variant
    )


def role_events(conn: Connection, model_id: str | None = None, limit: int = 100) -> list[RoleEvent]:
    """Return the roles that a model, or any, was ever given, newest first."""
    query = select(model_roles).order_by(model_roles.c.seq.desc()).limit(limit)
    if model_id is not None:
        query = query.where(model_roles.c.model_id == model_id)
    return [RoleEvent(**row._mapping) for row in conn.execute(query)]


def _append(  # noqa: PLR0913 - one argument per column
    conn: Connection,
    model: ModelRow,
    role: Role,
    at: datetime,
    actor: str,
    why: str,
    forced: bool,
    evidence: dict[str, Any],
) -> None:
    """Append one event and its line in the audit trail."""
    key = {"world": model.world, "quantity": model.quantity, "variant": model.variant}
    what = {"role": role, "forced": forced, "why": why}
    values = {"at": at, "model_id": model.id, "actor": actor, "evidence": evidence, **key, **what}
    conn.execute(insert(model_roles).values(**values))
    append_audit(conn, at=at, actor=actor, action=f"model.{role}", subject=model.id, payload={**key, **what})
