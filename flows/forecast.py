"""Steps 2 and 3 of a cycle: the snapshot of what is known, and the forecast made from it alone."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from flows.arriving import keep_arriving
from flows.combine import Combination, combine_run, write_combination
from flows.dust import dust_of, write_dust
from flows.event_rules import events_of
from flows.evidence import Ran, write_evidence_of
from flows.legs import spare_legs
from flows.models import Models, models_for
from flows.origins import origins_of, write_origins
from flows.own_statement import write_statements
from flows.plan import CyclePlan
from flows.reasons import explain_run, write_run_reasons
from flows.shadow import ahead_tables, manner_for, shadow_tables
from flows.stations import station_table
from flows.version import code_version
from flows.workspace import Workspace, reporter
from forecasting.exceedance import summarise
from forecasting.issue import IssueForecast, forecast_issue
from forecasting.levels import calibrated_on
from forecasting.samples import NO_MODEL, RECENT_DAYS
from forecasting.weather_ahead import AS_USUAL, Manner
from pipeline.asof import AsOfPanel
from pipeline.cities import City, all_cities
from pipeline.errors import UsageError
from pipeline.fields import write_netcdf
from pipeline.files import write_with
from pipeline.ledger.runs import begin_run, current_run, fail_run, finish_run, make_current
from pipeline.logs import logged_about
from pipeline.names import is_simulated
from pipeline.paths import cities_in
from pipeline.run_cost import cost_kept
from pipeline.series import load_panel
from pipeline.storage.products import keep_files
from pipeline.times import iso

log = logging.getLogger(__name__)

RECENT = timedelta(days=RECENT_DAYS)
"""How far back a forecast of a trained model looks."""


def forecast_cycle(ws: Workspace, plan: CyclePlan, troubles: Sequence[str] = ()) -> str:
    """Forecast a cycle from what had been received by its snapshot, and return the run's id.

    A run is never overwritten: calling this again makes another run of the cycle, which becomes current.
    Products: ``forecast.nc`` (CF), ``samples.nc``, ``predictions.parquet``, ``predictions_pm10.parquet``, and
    what stands beside the forecast, which the run goes on without where it fails: ``events.parquet``,
    ``stations.parquet``, tables of shadows, ``origins.json``, ``trajectories.nc``, ``reasons.json``,
    ``statement-CITY.json`` (an exchange file), ``evidence.json``, and where others stated something,
    ``combined.json``.

    Parameters
    ----------
    troubles : what went wrong with the sources of this cycle, which makes the forecast a degraded one

    Raises
    ------
    UsageError
        nothing at all is stored of this world
    StorageError
        the products cannot be written; the run is then recorded as failed
    """
    if plan.world not in ws.store.worlds():
        first = "sameair ingest" if is_simulated(plan.world) else "sameair import-archive FOLDER"
        raise UsageError(f"nothing is stored of the world {plan.world}; call `{first}` first")
    with ws.ledger.write() as conn:
        run_id = begin_run(
            conn,
            world=plan.world,
            cycle=plan.cycle,
            as_of=plan.as_of,
            code_version=code_version(),
            at=ws.clock(),
        )
    try:
        folder = ws.run_folder(plan.world, iso(plan.cycle), run_id)
        with logged_about(run=run_id, cycle=iso(plan.cycle)), cost_kept(folder):
            _forecast(ws, plan, run_id, troubles)
    except Exception as error:
        with ws.ledger.write() as conn:
            fail_run(conn, run_id, at=ws.clock(), error=f"{type(error).__name__}: {error}")
        raise
    return run_id


def _forecast(ws: Workspace, plan: CyclePlan, run_id: str, troubles: Sequence[str]) -> None:
    cities = list(all_cities().values())
    troubles = list(troubles)
    with _spared("the air on its way"):
        keep_arriving(ws, plan.world, plan.cycle, None if plan.mode == "replay" else plan.as_of)
    models = models_for(ws, plan.world, plan.as_of, aside=troubles)
    panel, cities, unread = spare_legs(cities, lambda chosen: recent_panel(ws, plan, list(chosen)))
    issued, cities, failed = spare_legs(cities, lambda chosen: _issue(ws, plan, panel, models, chosen))
    (manner, made), left_out = issued, unread | failed
    troubles += [f"{city}: left out, {why}" for city, why in left_out.items()]
    with _spared("the model that is told forecast weather"):
        for quantity, rows in ahead_tables(ws, panel, cities, plan.cycle, plan.as_of).items():
            made.rows[quantity] = pd.concat([made.rows[quantity], rows], ignore_index=True)
    folder, model = ws.run_folder(plan.world, iso(plan.cycle), run_id), models.get("pm2p5")
    products: dict[str, Path] = {}
    with _spared("reasons"):
        products |= write_run_reasons(explain_run(ws, plan, panel, model, made, manner), folder)
    made, written = _published(ws, plan, panel, made, folder)
    products |= written
    with _spared("the evidence beside the forecast"):
        products |= write_evidence_of(ws, Ran(plan, panel, model, made.paths["pm2p5"], manner), folder)
    samples = made.samples["pm2p5"]
    inputs = _inputs(ws, plan, samples, models) | {"left_out": left_out}
    inputs["calibrated"] = calibrated_on(model, panel, plan.as_of) if model is not None else ""
    keep_files(ws.settings, products.values())
    with ws.ledger.write() as conn:
        before = current_run(conn, plan.world, plan.cycle)
        finish_run(
            conn,
            run_id,
            at=ws.clock(),
            model_id=None if samples.attrs["model_id"] == NO_MODEL else str(samples.attrs["model_id"]),
            inputs=inputs,
            degraded=degradation(str(samples.attrs["degraded"]), inputs["missing"], troubles),
            products={name: str(path.relative_to(ws.settings.data_dir)) for name, path in products.items()},
        )
        make_current(conn, run_id, expected=before.id if before else None)


def _issue(
    ws: Workspace, plan: CyclePlan, panel: AsOfPanel, models: Models, cities: Sequence[City]
) -> tuple[Manner, IssueForecast]:
    """Forecast cities together with what is known of these and others."""
    tell = reporter.get()
    tell("forecasting 200 joint futures", 0, 1)
    manner = AS_USUAL
    with _spared("forecast weather"):
        manner = manner_for(ws, panel, models.values(), plan.cycle, plan.as_of)
    made = forecast_issue(panel, models, cities, issue_time=plan.cycle, as_of=plan.as_of, manner=manner)
    tell("forecasting 200 joint futures", 1, 1)
    return manner, made


def _inputs(ws: Workspace, plan: CyclePlan, samples: xr.Dataset, models: Models) -> dict[str, Any]:
    """Return what a run read, for its record."""
    start = plan.as_of - RECENT
    return {
        "batches": ws.store.batch_ids(world=plan.world, start=start, end=plan.as_of, as_of=plan.as_of),
        "used": [name for name in str(samples.attrs["inputs_used"]).split(",") if name],
        "missing": [name for name in str(samples.attrs["inputs_missing"]).split(",") if name],
        "models": {q: m.model_id if m else None for q, m in models.items()},
        "combined_with": str(samples.attrs.get("combined_with", "")),
        "plan": plan.to_dict(),
    }


def degradation(said: str, missing: Iterable[str], troubles: Sequence[str] = ()) -> str:
    """Return why a forecast is degraded: its own reasons, troubled sources, references silent for a day.

    >>> degradation("", ["seoul.pm2p5.reference", "seoul.air_temperature.weather"])
    'seoul.pm2p5.reference: nothing received of the last 24 h'
    >>> degradation("no usable model", [], ["cnemc: no answer"])
    'no usable model; cnemc: no answer'
    """
    silent = [n for n in missing if n.endswith(".reference") and n not in said]
    reasons = [*[said] * bool(said), *troubles, *(f"{n}: nothing received of the last 24 h" for n in silent)]
    return "; ".join(reasons)


def recent_panel(ws: Workspace, plan: CyclePlan, cities: list[City]) -> AsOfPanel:
    """Return the series of the last weeks as known at the snapshot; nothing received later is loaded."""
    return load_panel(
        ws.store, cities, plan.world, start=plan.as_of - RECENT, end=plan.as_of, as_of=plan.as_of
    )


def write_products(folder: Path, made: IssueForecast, cities: list[City]) -> dict[str, Path]:
    """Write what a run made, each file whole or not at all, and return the paths by name."""
    forecast = summarise(made.samples["pm2p5"], made.paths["pm2p5"], cities)
    products = {
        "forecast": write_netcdf(forecast, folder / "forecast.nc"),
        "samples": write_netcdf(made.samples["pm2p5"], folder / "samples.nc", exact=True),
    }
    names = {"pm2p5": "predictions", "pm10": "predictions_pm10"}
    for quantity, rows in made.rows.items():
        products[names[quantity]] = write_table(rows, folder / f"{names[quantity]}.parquet")
    return products


def _published(
    ws: Workspace, plan: CyclePlan, panel: AsOfPanel, made: IssueForecast, folder: Path
) -> tuple[IssueForecast, dict[str, Path]]:
    """Combine a forecast with those of others and write it; return what is published, and the paths."""
    combination: Combination | None = None
    with _spared("the forecasts of others"):
        combination = combine_run(ws, plan, panel, made)
    made = combination.made if combination else made
    products = write_products(folder, made, cities_in(made.paths["pm2p5"]))
    with _spared("what others stated"):
        products |= write_combination(combination, folder)
    return made, products | _write_beside(ws, plan, panel, made, folder)


def _write_beside(
    ws: Workspace,
    plan: CyclePlan,
    panel: AsOfPanel,
    made: IssueForecast,
    folder: Path,
) -> dict[str, Path]:
    """Write what stands beside a forecast, and return the paths by name; what fails is left out."""
    cities = cities_in(made.paths["pm2p5"])
    products: dict[str, Path] = {}
    with _spared("the table of events"):
        products["events"] = write_table(events_of(made.rows), folder / "events.parquet")
    with _spared("the statement for the exchange"):
        products |= write_statements(plan, made, folder)
    with _spared("the forecasts of stations"):
        stations = station_table(ws, plan, panel, made, cities)
        products["stations"] = write_table(stations, folder / "stations.parquet")
    with _spared("the forecasts of shadows"):
        for name, rows in shadow_tables(ws, panel, cities, plan.cycle, plan.as_of).items():
            products[name] = write_table(rows, folder / f"{name}.parquet")
    with _spared("where the air comes from"):
        products |= write_origins(*origins_of(ws, plan, panel, made.paths["pm2p5"]), folder)
    with _spared("dust"):
        products |= write_dust(*dust_of(ws, plan, panel, made, products.get("trajectories")), folder)
    return products


@contextmanager
def _spared(what: str) -> Iterator[None]:
    """Let what no warning needs fail alone, with a line in the log: the forecast goes on without it."""
    try:
        yield
    except Exception:
        log.exception("the run goes on without %s", what)


def write_table(rows: pd.DataFrame, path: Path) -> Path:
    """Write a table as Parquet, atomically."""
    return write_with(path, lambda beside: rows.to_parquet(beside, index=False, compression="zstd"))
