"""``sameair install-service``: write the units that start it after a reboot, and what lies beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.options import AsJson, DataDir, make_settings
from cli.output import print_json, print_lines


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("install-service")(install_service)


def install_service(
    to: Annotated[Path, typer.Option("--to", help="Folder into which the files are written.")],
    user: Annotated[str, typer.Option("--user", help="Account of the service.")] = "sameair",
    config: Annotated[
        Path, typer.Option("--config-file", help="Configuration file that the units name.")
    ] = Path("/etc/sameair/sameair.toml"),
    program: Annotated[
        Path | None, typer.Option("--program", help="The installed program; default: this one.")
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Write units, a Containerfile, prefect.yaml and example rules for alerts; nothing is installed."""
    import sys

    from cli.install_units import ENABLED, UNITS, Installation, write_units

    settings = make_settings(data_dir)
    found = program or Path(sys.argv[0])
    installation = Installation(found.absolute(), user, config, settings.data_dir.resolve())
    written = write_units(to, installation)
    if as_json:
        print_json({"written": [str(path) for path in written], "enable": list(ENABLED)})
        return
    folder = installation.data_dir
    print_lines(
        [
            *(f"written: {path}" for path in written),
            "then, as root:",
            f"  useradd --system --home-dir {folder} --shell /usr/sbin/nologin {user}",
            f"  install -d -o {user} -g {user} -m 0700 {folder} {config.parent}",
            f"  sameair settings --example > {config}; chown {user}: {config}; chmod 600 {config}",
            f"  cp {' '.join(str(to / name) for name in UNITS)} /etc/systemd/system/",
            f"  systemctl daemon-reload; systemctl enable --now {' '.join(ENABLED)}",
            f"  sudo -u {user} {installation.program} --config {config} doctor --data-dir {folder}",
        ]
    )
