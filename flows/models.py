"""Which model a forecast may use: the champion, else the newest that learned nothing late; or train one."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from functools import partial

from flows.heavy import heavy_of
from flows.promotion import judged_thresholds
from flows.registration import register, variant_of
from flows.signed_models import check_signed
from flows.workspace import Workspace, reporter
from forecasting.held_out import held_out_scores
from forecasting.hindcast import without_year
from forecasting.issue import QUANTITIES
from forecasting.model import Model
from forecasting.registry import load_model
from forecasting.situation_memory import Read, Remembered
from forecasting.train import train
from forecasting.weather_ahead import AHEAD, Weather
from pipeline.asof import AsOfPanel
from pipeline.cities import all_cities
from pipeline.errors import NoUsableModel, StorageError
from pipeline.heavy import HERE, Heavy
from pipeline.ledger.locks import LockHeld, ledger_lock
from pipeline.ledger.model_roles import model_in_use
from pipeline.ledger.models import STANDARD, ModelRow, Purpose, get_model, newest_model
from pipeline.names import is_simulated
from pipeline.series import load_panel
from pipeline.storage.products import brought
from pipeline.threads import single_threaded
from pipeline.times import to_ns, to_utc

Models = dict[str, Model | None]
log = logging.getLogger(__name__)

LONGEST_TRAINING = 1800
"""How long to wait for another process that trains the same model [s]."""


def models_for(
    ws: Workspace,
    world: str,
    known_at: datetime,
    *,
    panel: AsOfPanel | None = None,
    quantities: Sequence[str] = QUANTITIES,
    aside: list[str] | None = None,
) -> Models:
    """Return, per quantity, the model in use that learned only what was known at an instant.

    That is the champion as it was known then, else the newest without another role (see
    ``pipeline.ledger.model_roles.model_in_use``). Where there is none, one is trained on what had been
    received by the beginning of that UTC day and registered, so that all cycles of a day share it; so it is
    when the installation's cities are no longer those of the model. None
    where the past is too short to learn from, or training fails, which the log tells.

    Parameters
    ----------
    panel : the world's whole series, if at hand; else they are read when training is needed
    aside : takes what has to be said of models that should have forecast and cannot be read
    """
    found: Models = {}
    for quantity in quantities:
        found[quantity] = _of_cities(in_use(ws, world, quantity, known_at, aside=aside))
        if found[quantity] is None:
            try:
                panel = panel or load_panel(ws.store, all_cities().values(), world, as_of=known_at)
                found |= train_until(ws, panel, day_start(known_at), quantities=[quantity])
            except Exception:
                log.exception("no model of %s could be trained: baselines forecast", quantity)
    return found


def _of_cities(model: Model | None) -> Model | None:
    """Return a model that knows the cities of this installation; None once others were chosen."""
    known = model is not None and {target.city for target in model.targets} == set(all_cities())
    return model if known else None


def train_until(  # noqa: PLR0913 - one argument per way in which models differ
    ws: Workspace,
    panel: AsOfPanel,
    data_until: datetime,
    *,
    quantities: Sequence[str] = QUANTITIES,
    leave_out_year: int | None = None,
    effort: str | None = None,
    weather: Weather = "observed",
    without_air_of: str | None = None,
    heavy: Heavy | None = None,
) -> Models:
    """Return models that learned from what was received by ``data_until``, trained unless they exist.

    All cities are pooled. A model is taken from the registry only when it was trained on just these data;
    two processes that want the same model train it once. A model that leaves out a year is registered, but
    never used operationally.

    Parameters
    ----------
    effort : see ``forecasting.train``; default "full" for measurements, "quick" for simulated worlds
    weather : "ahead" for models that also read the weather of the days forecast
    without_air_of : whose side's air the panel lacks; such a model is never used operationally either
    heavy : where it is computed; None: where the setting says
    """
    chosen = effort or ("quick" if is_simulated(panel.world) else "full")
    seen = panel if leave_out_year is None else without_year(panel, leave_out_year)
    data = fingerprint(seen, data_until)
    place = _place(ws, heavy, chosen)
    found: Models = {}
    with place as at:
        read = Remembered(at)
        for quantity in quantities:
            details: dict[str, object] = {
                "effort": chosen,
                "data": data,
                "leave_out_year": leave_out_year,
                "weather": weather,
            }
            if without_air_of is not None:
                details["without_air_of"] = without_air_of
            name = f"{panel.world}-{quantity}-{data_until:%Y%m%dT%H%M}-{leave_out_year or 'all'}-{weather}"
            with _training_lock(ws, name):
                found[quantity] = _existing(ws, panel.world, quantity, data_until, details)
                if found[quantity] is None:
                    found[quantity] = _trained(ws, seen, quantity, data_until, details, (read, at))
    return found


def day_start(when: datetime) -> datetime:
    """Return the beginning of an instant's UTC day.

    >>> from pipeline.times import iso, parse_instant
    >>> iso(day_start(parse_instant("2019-03-03T08:00Z")))
    '2019-03-03T00:00:00Z'
    """
    return to_utc(when).replace(hour=0, minute=0, second=0, microsecond=0)


def fingerprint(panel: AsOfPanel, known_at: datetime) -> str:
    """Return a digest of every version in a panel that had been received by an instant."""
    digest = hashlib.sha256()
    limit = to_ns(known_at)
    for key in sorted(panel):
        series = panel[key]
        known = series.received <= limit
        if known.any():
            digest.update(key.encode())
            for part in (series.times, series.received, series.values):
                digest.update(part[known].tobytes())
    return digest.hexdigest()


def in_use(
    ws: Workspace,
    world: str,
    quantity: str,
    known_at: datetime,
    variant: str = STANDARD,
    aside: list[str] | None = None,
) -> Model | None:
    """Return the model in use of a variant, or the next best where its file cannot be read."""
    damaged: list[str] = []
    while True:
        with ws.ledger.read() as conn:
            row = model_in_use(
                conn,
                world=world,
                quantity=quantity,
                known_at=known_at,
                variant=variant,
                excluding=tuple(damaged),
            )
        if row is None:
            return None
        model = load_registered(ws, row)
        if model is not None:
            return model
        damaged.append(row.id)
        if aside is not None:
            aside.append(f"model {row.id} cannot be read, another forecasts {quantity}")


def _existing(
    ws: Workspace, world: str, quantity: str, data_until: datetime, details: dict[str, object]
) -> Model | None:
    if details["leave_out_year"] is not None or "without_air_of" in details:
        return None
    with ws.ledger.read() as conn:
        row = newest_model(
            conn, world=world, quantity=quantity, known_at=data_until, variant=variant_of(details)
        )
    same = row is not None and row.data_until == data_until and details.items() <= row.details.items()
    return load_registered(ws, row) if row is not None and same else None


def load_registered(ws: Workspace, row: ModelRow) -> Model | None:
    """Return a registered model; None where it cannot be read, which the log says, and the cycle goes on."""
    try:
        path = brought(ws.settings, row.path)
        check_signed(ws, path, row.id, row.digest)
        return load_model(path, row.digest)
    except (NoUsableModel, StorageError) as error:
        log.warning("model %s cannot be used: %s", row.id, error)
        return None


def _trained(
    ws: Workspace,
    panel: AsOfPanel,
    quantity: str,
    data_until: datetime,
    details: dict[str, object],
    how: tuple[Read, Heavy],
) -> Model | None:
    year = details["leave_out_year"]
    apart = year is not None or "without_air_of" in details
    purpose: Purpose = "leave_out" if apart else "operational"
    try:
        with _progress(quantity) as tell:
            learn = partial(
                train,
                panel,
                list(all_cities().values()),
                quantity,
                data_until=data_until,
                leave_out_years=() if year is None else (int(str(year)),),
                effort=str(details["effort"]),
                weather=AHEAD if details["weather"] == AHEAD else "observed",
                progress=tell,
                read=how[0],
                heavy=how[1],
            )
            model = single_threaded(learn)
    except NoUsableModel as error:
        log.warning("no model of %s: %s", quantity, error)
        return None
    _register(ws, model, purpose, details, panel)
    return model


def _place(ws: Workspace, given: Heavy | None, effort: str) -> AbstractContextManager[Heavy]:
    """Return where to train: a quick training is not worth a journey."""
    if effort != "full":
        return nullcontext(HERE)
    return heavy_of(ws) if given is None else nullcontext(given)


def _register(
    ws: Workspace, model: Model, purpose: Purpose, details: dict[str, object], panel: AsOfPanel
) -> None:
    """File a model, unless the same one lies there whole."""
    with ws.ledger.read() as conn:
        row = get_model(conn, model.model_id)
    if row is None or load_registered(ws, row) is None:
        scores = held_out_scores(model, judged_thresholds(ws, model.quantity))
        register(ws, model, purpose, details, panel, scores)


@contextmanager
def _training_lock(ws: Workspace, name: str) -> Iterator[None]:
    """Let one process of this ledger at a time train a model; a dead holder's lock is freed."""
    try:
        with ledger_lock(ws.ledger, f"training {name}", wait_s=LONGEST_TRAINING):
            yield
    except LockHeld:
        raise StorageError(f"another process has long been training {name}; wait for it or end it") from None


@contextmanager
def _progress(quantity: str) -> Iterator[Callable[[str, int, int], None]]:
    """Pass the progress of a training on to the reporter, and finish every bar that it began."""
    tell, sizes = reporter.get(), dict[str, int]()

    def step(what: str, done: int, total: int) -> None:
        label = f"training {quantity}: {what}"
        sizes[label] = total
        tell(label, done, total)

    yield step
    for label, total in sizes.items():
        tell(label, total, total)
