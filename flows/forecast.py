"""Steps 2 and 3 of a cycle: the snapshot of what is known, and the forecast made from it alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
from flows.leg_diary import Beside, RunDiary
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
from forecasting.issue import IssueForecast, forecast_issue, join_issues
from forecasting.levels import calibrated_on
from forecasting.samples import NO_MODEL, RECENT_DAYS
from forecasting.weather_ahead import AS_USUAL, Manner
from pipeline.asof import AsOfPanel, join_panels
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

RECENT = timedelta(days=RECENT_DAYS)
"""How far back a forecast of a trained model looks."""

READING, FORECASTING = "reading the series of", "forecasting"
"""The legs of a run."""


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
    troubles, diary = list(troubles), RunDiary(ws, run_id)
    beside = Beside(diary, list(all_cities().values()))
    until = None if plan.mode == "replay" else plan.as_of
    beside.make("the air on its way", lambda: keep_arriving(ws, plan.world, plan.cycle, until), None)
    models = models_for(ws, plan.world, plan.as_of, aside=troubles)
    panel, issued, left_out = _legs(ws, plan, models, diary, troubles)
    manner, made = issued
    folder, model = ws.run_folder(plan.world, iso(plan.cycle), run_id), models.get("pm2p5")
    products = beside.products(
        "reasons", lambda: write_run_reasons(explain_run(ws, plan, panel, model, made, manner), folder)
    )
    published, written = _published(ws, plan, panel, made, folder, beside)
    products |= written
    ran = Ran(plan, panel, model, published.paths["pm2p5"], manner)
    products |= beside.products("the evidence", lambda: write_evidence_of(ws, ran, folder))
    samples = published.samples["pm2p5"]
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


def _legs(
    ws: Workspace, plan: CyclePlan, models: Models, diary: RunDiary, troubles: list[str]
) -> tuple[AsOfPanel, tuple[Manner, IssueForecast], dict[str, str]]:
    """Read and forecast what can be of every party; return by city why it is left out, too.

    What a reader should know of it is added to the ``troubles``.
    """
    cities = list(all_cities().values())
    read = spare_legs(cities, lambda some: recent_panel(ws, plan, list(some)), join_panels, READING, diary)
    panel, cities = read.made, read.cities
    beside = Beside(diary, cities)
    issued = spare_legs(
        cities,
        lambda some: _issue(ws, plan, panel, models, some, beside),
        lambda parts: (parts[0][0], join_issues(panel, [made for _, made in parts])),
        FORECASTING,
        diary,
    )
    for leg in (read, issued):
        troubles += [f"made of each party's cities alone: {leg.apart}"] * bool(leg.apart)
        troubles += [f"{city}: left out, {why}" for city, why in leg.left_out.items()]
    made, nothing = issued.made[1], dict[str, pd.DataFrame]()
    told = beside.make(
        "what a model told forecast weather says",
        lambda: ahead_tables(ws, panel, issued.cities, plan.cycle, plan.as_of),
        nothing,
    )
    for quantity, rows in told.items():
        made.rows[quantity] = pd.concat([made.rows[quantity], rows], ignore_index=True)
    return panel, issued.made, read.left_out | issued.left_out


def _issue(
    ws: Workspace, plan: CyclePlan, panel: AsOfPanel, models: Models, cities: Sequence[City], beside: Beside
) -> tuple[Manner, IssueForecast]:
    """Forecast cities together with what is known of these and others."""
    tell = reporter.get()
    tell("forecasting 200 joint futures", 0, 1)
    manner = beside.make(
        "use of forecast weather",
        lambda: manner_for(ws, panel, models.values(), plan.cycle, plan.as_of),
        AS_USUAL,
    )
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
    ws: Workspace, plan: CyclePlan, panel: AsOfPanel, made: IssueForecast, folder: Path, beside: Beside
) -> tuple[IssueForecast, dict[str, Path]]:
    """Combine a forecast with those of others and write it; return what is published, and the paths."""
    nothing: Combination | None = None
    combination = beside.make("the forecasts of others", lambda: combine_run(ws, plan, panel, made), nothing)
    made = combination.made if combination else made
    products = write_products(folder, made, cities_in(made.paths["pm2p5"]))
    products |= beside.products("what others stated", lambda: write_combination(combination, folder))
    return made, products | _write_beside(ws, plan, panel, made, folder, beside)


def _write_beside(
    ws: Workspace, plan: CyclePlan, panel: AsOfPanel, made: IssueForecast, folder: Path, beside: Beside
) -> dict[str, Path]:
    """Write what stands beside a forecast, and return the paths by name; what fails is left out."""
    cities, paths = cities_in(made.paths["pm2p5"]), made.paths["pm2p5"]

    def of_stations() -> dict[str, Path]:
        rows = station_table(ws, plan, panel, made, cities)
        return {"stations": write_table(rows, folder / "stations.parquet")}

    def of_shadows() -> dict[str, Path]:
        tables = shadow_tables(ws, panel, cities, plan.cycle, plan.as_of)
        return {name: write_table(rows, folder / f"{name}.parquet") for name, rows in tables.items()}

    products = beside.products(
        "the table of events",
        lambda: {"events": write_table(events_of(made.rows), folder / "events.parquet")},
    )
    products |= beside.products(
        "the statement for the exchange", lambda: write_statements(plan, made, folder)
    )
    products |= beside.products("the forecasts of stations", of_stations)
    products |= beside.products("the forecasts of shadows", of_shadows)
    products |= beside.products(
        "where the air comes from", lambda: write_origins(*origins_of(ws, plan, panel, paths), folder)
    )
    trajectories = products.get("trajectories")
    return products | beside.products(
        "dust", lambda: write_dust(*dust_of(ws, plan, panel, made, trajectories), folder)
    )


def write_table(rows: pd.DataFrame, path: Path) -> Path:
    """Write a table as Parquet, atomically."""
    return write_with(path, lambda beside: rows.to_parquet(beside, index=False, compression="zstd"))
