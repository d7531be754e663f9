"""Models: what was trained on data until when, and which may be used at an instant."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import Connection, Row, insert, select

from pipeline.errors import StorageError
from pipeline.ledger.tables import models

Purpose = Literal["operational", "leave_out"]
STANDARD: Final = "standard"
"""The variant that operations use; another one, such as a model with other inputs, never replaces it."""


@dataclass(frozen=True)
class ModelRow:
    """One trained model: nothing received after ``data_until`` went into it."""

    id: str
    world: str
    quantity: str
    data_until: datetime
    trained_at: datetime
    purpose: Purpose
    path: str
    digest: str
    details: dict[str, Any]
    variant: str = STANDARD


def register_model(  # noqa: PLR0913 - one argument per column
    conn: Connection,
    *,
    model_id: str,
    world: str,
    quantity: str,
    data_until: datetime,
    trained_at: datetime,
    purpose: Purpose,
    path: str,
    digest: str,
    details: Mapping[str, Any],
    variant: str = STANDARD,
) -> None:
    """List a trained model whose file is in place; repeating it changes nothing.

    Parameters
    ----------
    data_until : everything fitted used only values received by then
    purpose : ``operational``, or ``leave_out`` for a model fitted without the year being scored
    digest : SHA-256 of the file at ``path``

    Raises
    ------
    StorageError
        another model has this id

    Examples
    --------
    >>> import tempfile
    >>> from pipeline.ledger import open_ledger
    >>> from pipeline.times import parse_instant
    >>> until, later = parse_instant("2018-12-31T23:59Z"), parse_instant("2019-03-03T08:00Z")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     ledger = open_ledger(f"sqlite:///{folder}/ledger.sqlite")
    ...     with ledger.write() as conn:
    ...         register_model(conn, model_id="m1", world="measured", quantity="pm2p5", data_until=until,
    ...             trained_at=later, purpose="operational", path="m1.joblib", digest="0" * 64, details={})
    ...         model = newest_model(conn, world="measured", quantity="pm2p5", known_at=later)
    ...     ledger.close()
    >>> model.id
    'm1'
    """
    present = get_model(conn, model_id)
    if present is not None:
        if present.digest != digest:
            raise StorageError(f"another model is registered as {model_id}; give this one an id of its own")
        return
    conn.execute(
        insert(models).values(
            id=model_id,
            world=world,
            quantity=quantity,
            data_until=data_until,
            trained_at=trained_at,
            purpose=purpose,
            path=path,
            digest=digest,
            details=dict(details),
            variant=variant,
        )
    )


def get_model(conn: Connection, model_id: str) -> ModelRow | None:
    """Return one model by id, or None."""
    row = conn.execute(select(models).where(models.c.id == model_id)).one_or_none()
    return _model_row(row) if row is not None else None


def newest_model(
    conn: Connection,
    *,
    world: str,
    quantity: str,
    known_at: datetime,
    excluding: Collection[str] = (),
    variant: str = STANDARD,
) -> ModelRow | None:
    """Return the operational model with the newest data that had been received by an instant, or None.

    Of several with data until the same instant the one trained last is taken; ids ``excluding`` never.
    """
    usable = select(models).where(
        models.c.world == world,
        models.c.quantity == quantity,
        models.c.purpose == "operational",
        models.c.data_until <= known_at,
        models.c.variant == variant,
        models.c.id.not_in(list(excluding)),
    )
    order = (models.c.data_until.desc(), models.c.trained_at.desc(), models.c.id.desc())
    row = conn.execute(usable.order_by(*order).limit(1)).one_or_none()
    return _model_row(row) if row is not None else None


def list_models(conn: Connection, world: str | None = None, limit: int = 20) -> list[ModelRow]:
    """Return the models trained last, of one world or of all."""
    query = select(models).order_by(models.c.trained_at.desc(), models.c.id.desc()).limit(limit)
    if world is not None:
        query = query.where(models.c.world == world)
    return [_model_row(row) for row in conn.execute(query)]


def _model_row(row: Row[Any]) -> ModelRow:
    """Read a row of the table."""
    return ModelRow(**row._mapping)
