"""Runs and what they stored: lists, forecasts as numbers, and the CF NetCDF file itself."""

from __future__ import annotations

from fastapi import HTTPException, Request
from fastapi.responses import Response

from pipeline.dust_outlook import read_outlook
from pipeline.ledger.runs import RunRow, get_run, list_runs
from pipeline.names import is_simulated
from pipeline.origin_panel import read_panel
from review.embargo import seen_until
from review.read_api.answers import NETCDF, Before, Id, Limit, World, answer, file_answer
from review.read_api.documents import run_document
from review.read_api.forecasts import read_forecast
from review.read_api.models import DustOfRun, OriginsOfRun, Runs, WholeRun
from review.removed import not_there, note_of_run
from review.security import dust_file, origins_file, product_file

NO_RUN = "there is no such run, or it is under embargo"


def runs(request: Request, world: World = None, limit: Limit = 50, before: Before = None) -> Response:
    """Return the newest runs; an observer those whose embargo is over."""
    with request.app.state.ledger.read() as conn:
        last = None if before is None else get_run(conn, before)
        if before is not None and (last is None or not is_open(request, last)):
            raise HTTPException(404, "no row has the id given as before; begin again without it")
        found = list_runs(conn, world, limit + 1, after=last, until=seen_until(request))
    page = found[:limit]
    following = page[-1].id if len(found) > limit else None
    return answer(
        request, Runs(runs=[run_document(run) for run in page], next=following), following=following
    )


def run(request: Request, run_id: Id) -> Response:
    """Return one run."""
    row = seen_run(request, run_id)
    went = [vars(one) for one in note_of_run(row, request.app.state.settings).values()]
    return answer(request, WholeRun.model_validate({**run_document(row).model_dump(), "removed": went}))


def forecast(request: Request, run_id: Id) -> Response:
    """Return the forecast of a run: quantiles and probabilities of exceedance, by city, hour and day."""
    row = seen_run(request, run_id)
    path = product_file(row, "forecast", request.app.state.settings)
    if path is None:
        raise not_there(row, request.app.state.settings, "forecast", "this run stored no forecast")
    return answer(request, read_forecast(path, row))


def netcdf(request: Request, run_id: Id) -> Response:
    """Return the forecast of a run as it was written: CF-1.11 NetCDF."""
    row = seen_run(request, run_id)
    path = product_file(row, "forecast", request.app.state.settings)
    if path is None:
        raise not_there(row, request.app.state.settings, "forecast", "this run stored no forecast")
    return file_answer(request, path, f"sameair-{row.world}-{row.id}.nc", NETCDF)


def origins(request: Request, run_id: Id) -> Response:
    """Return the origin panel of a run: hours of paths over regions, local air, readings upwind, paths."""
    row = seen_run(request, run_id)
    path = origins_file(row, request.app.state.settings)
    panel = read_panel(path) if path else None
    if panel is None:
        raise not_there(row, request.app.state.settings, "origins", "this run stored no origins")
    found = {"run": run_id, "simulated": is_simulated(panel.world), **panel.to_dict()}
    return answer(request, OriginsOfRun.model_validate(found))


def dust(request: Request, run_id: Id) -> Response:
    """Return the dust outlook of a run: verdict, probability, measurements and signs by city and day."""
    row = seen_run(request, run_id)
    path = dust_file(row, request.app.state.settings)
    outlook = read_outlook(path) if path else None
    if outlook is None:
        raise not_there(row, request.app.state.settings, "dust", "this run stored no dust outlook")
    found = {"run": run_id, "simulated": is_simulated(outlook.world), **outlook.to_dict()}
    return answer(request, DustOfRun.model_validate(found))


def seen_run(request: Request, run_id: str) -> RunRow:
    """Return a run that the one who asks may see; 404 otherwise."""
    with request.app.state.ledger.read() as conn:
        found = get_run(conn, run_id)
    if found is None or not is_open(request, found):
        raise HTTPException(404, NO_RUN)
    return found


def is_open(request: Request, row: RunRow) -> bool:
    """Tell whether the one who asks may see a run: an observer waits for the end of its embargo."""
    until = seen_until(request)
    return until is None or max(row.cycle, row.as_of) <= until
