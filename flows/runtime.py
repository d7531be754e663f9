"""How Prefect runs inside sameair: its server beside this process, all it keeps in the data folder."""

from __future__ import annotations

import atexit
import os
import socket
import subprocess
import sys
from pathlib import Path

from flows.retention_table import retention_table
from pipeline.configuration import pin_file
from pipeline.errors import StorageError
from pipeline.logs import readable_settings

STARTUP = 120
"""How long Prefect's server may take to start; it makes its database at the first start [s]."""

DAY_SECONDS = 86_400

LOGGING = Path(__file__).with_name("prefect_logging.json")
"""How Prefect and what it runs write their log lines: as ours."""

SERVER_ENDS = 10.0
"""How long Prefect's server may take to end [s]."""

SERVER = Path(__file__).with_name("prefect_server.py")

_servers: list[subprocess.Popen[bytes]] = []


def prepare_prefect(data_dir: Path, *, quiet: bool = True) -> None:
    """Set Prefect's environment before it is first imported; what the operator set already stays.

    Parameters
    ----------
    quiet : leave it to the caller to report what goes wrong in a flow, which Prefect else logs too
    """
    days = retention_table()["prefect"]["runs"]["days"]
    defaults = {
        "PREFECT_HOME": str((data_dir / "prefect").resolve()),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",
        "PREFECT_SERVER_UI_ENABLED": "false",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(days * DAY_SECONDS),
        "PREFECT_API_BLOCKS_REGISTER_ON_START": "false",
        "PREFECT_LOGGING_LEVEL": "CRITICAL" if quiet else readable_settings().log_level.upper(),
        "PREFECT_LOGGING_SETTINGS_PATH": str(LOGGING),
        "PREFECT_LOGGING_TO_API_ENABLED": "false" if quiet else "true",
        "PREFECT_SERVER_LOGGING_LEVEL": "ERROR",
        "PREFECT_CLI_PROMPT": "false",
        "DO_NOT_TRACK": "1",
    }
    pin_file()
    for name, value in defaults.items():
        os.environ.setdefault(name, value)


def begin_server(data_dir: Path, *, scheduling: bool = False) -> None:
    """Begin to start Prefect's server, unless one runs or the operator named one by PREFECT_API_URL.

    Returns at once; :func:`await_server` waits until it answers. It ends with this process.

    Parameters
    ----------
    scheduling : also run Prefect's own services, which make runs of what is scheduled
    """
    prepare_prefect(data_dir, quiet=not scheduling)
    if os.environ.get("PREFECT_API_URL"):
        return
    (data_dir / "prefect").mkdir(parents=True, exist_ok=True)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.set_inheritable(True)
        number = listening.fileno()
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-P", str(SERVER), str(number)],
            stdin=subprocess.PIPE,
            stdout=sys.stderr,
            pass_fds=[number],
            env={**os.environ} if scheduling else {**os.environ, "PREFECT__SERVER_EPHEMERAL": "1"},
        )
        os.environ["PREFECT_API_URL"] = f"http://127.0.0.1:{listening.getsockname()[1]}/api"
    _servers.append(process)
    atexit.register(end_server)
    _read_environment()


def _read_environment() -> None:
    """Have Prefect, where it was imported before, see the variables that were set since.

    It would else start a server of its own in the home of whoever runs this.
    """
    if "prefect.context" in sys.modules:
        from prefect.context import refresh_global_settings_context

        refresh_global_settings_context()


def await_server() -> str:
    """Wait until Prefect's server answers and return its URL; raises StorageError if it does not."""
    import requests

    url = os.environ["PREFECT_API_URL"]
    try:
        requests.get(f"{url}/health", timeout=STARTUP).raise_for_status()
    except requests.RequestException as error:
        raise StorageError(
            f"Prefect does not answer at {url} ({type(error).__name__}); see what it wrote above, "
            "unset PREFECT_API_URL, or remove prefect/ in the data folder"
        ) from None
    return url


def end_server() -> None:
    """End the server that this process started, if any."""
    while _servers:
        process = _servers.pop()
        os.environ.pop("PREFECT_API_URL", None)
        if process.stdin is not None:
            process.stdin.close()
        try:
            process.wait(SERVER_ENDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
