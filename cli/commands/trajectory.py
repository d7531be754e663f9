"""``sameair trajectory``: paths of air through gridded winds, forward or back in time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import AsJson, DataDir, Instant, World, instant_of, make_settings
from cli.output import print_json, print_lines, print_table

if TYPE_CHECKING:
    from flows.trajectory import Made
    from forecasting.transport.trajectories import Method

DEGRADED = 3
VERTICAL = {
    "model": "model",
    "model-over-terrain": "model over terrain",
    "isobaric": "isobaric",
    "constant-height": "constant height",
}
"""How ``--vertical`` is typed, and what the engine calls it."""


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("trajectory")(trajectory)


def trajectory(  # noqa: PLR0913 - one argument per option
    met: Annotated[
        list[str],
        typer.Option("--met", help="Winds: ARL-packed, CF or GRIB 2 file (may be repeated), or 'stored'."),
    ],
    start: Annotated[list[str], typer.Option("--start", help="TIME,LAT,LON,HEIGHT_M; may be repeated.")],
    hours: Annotated[float, typer.Option("--hours", help="Length of the paths; negative: back in time.")],
    out: Annotated[Path, typer.Option("--out", help="File to write: NetCDF for .nc, else tdump.")],
    vertical: Annotated[
        str, typer.Option("--vertical", help=f"Vertical motion: {', '.join(VERTICAL)}.")
    ] = "model",
    step: Annotated[
        float | None, typer.Option("--step", help="Longest step in minutes.", show_default=False)
    ] = None,
    below: Annotated[
        str, typer.Option("--below", help="Below the lowest level: surface-layer or refuse.")
    ] = "surface-layer",
    roughness: Annotated[
        float, typer.Option("--roughness", help="Roughness length of the surface layer in metres.")
    ] = 0.1,
    format_: Annotated[
        str | None, typer.Option("--format", help="tdump or netcdf; default by suffix.", show_default=False)
    ] = None,
    compare: Annotated[
        Path | None,
        typer.Option("--compare", help="Trajectories (tdump or NetCDF) to compare with.", show_default=False),
    ] = None,
    world: World = None,
    at: Instant = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Compute the paths of air parcels through winds, and write them as NOAA tdump or CF NetCDF."""
    from flows.trajectory import STORED, Wanted, format_of, make_trajectories, start_of
    from pipeline.names import MEASURED

    wanted = Wanted(
        met, [start_of(text) for text in start], hours, out,
        _method(vertical, step, below, roughness), format_of(format_, out), compare,
        world or MEASURED, None if at is None else instant_of(at),
    )  # fmt: skip
    if STORED in met:
        from flows.workspace import open_workspace

        made = make_trajectories(wanted, open_workspace(make_settings(data_dir)))
    else:
        made = make_trajectories(wanted)
    _print(made, as_json)
    if made.short:
        raise typer.Exit(DEGRADED)


def _method(vertical: str, step: float | None, below: str, roughness: float) -> Method:
    """Return the method that the options name."""
    from forecasting.transport.trajectories import Method
    from pipeline.errors import UsageError

    if vertical not in VERTICAL:
        raise UsageError(f"--vertical {vertical}: choose one of {', '.join(VERTICAL)}")
    if below not in ("surface-layer", "refuse"):
        raise UsageError(f"--below {below}: choose surface-layer or refuse")
    if step is not None and not 0 < step <= 60:
        raise UsageError(f"--step {step:g}: give minutes, more than 0 and at most 60")
    if not 1e-5 <= roughness <= 5:
        raise UsageError(f"--roughness {roughness:g}: give metres, from 0.00001 to 5")
    return Method(
        VERTICAL[vertical],  # type: ignore[arg-type]
        step,
        "refuse" if below == "refuse" else "surface layer",
        roughness_m=roughness,
    )


def _print(made: Made, as_json: bool) -> None:
    rows, attrs = made.rows(), made.paths.attrs
    if as_json:
        print_json({"out": str(made.out), **{k: attrs[k] for k in ("source", "kind", "world", "method")},
                    "paths": rows})  # fmt: skip
        return
    print_table(f"paths in winds of {attrs['source']}", list(rows[0]), [list(r.values()) for r in rows])
    print_lines([f"{attrs['kind']} winds of the world {attrs['world']}; {attrs['method']}"])
    if made.short:
        short = f"short {made.short} of {len(rows)} paths end before {made.paths['age'].to_numpy()[-1]:g} h"
        print_lines([f"{short}; the column ended says why"], styles={"short": "yellow"})
    print_lines([f"wrote {made.out}"])
