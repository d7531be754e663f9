"""How Prefect runs inside sameair: in this process, without telemetry, its database in the data folder."""

from __future__ import annotations

import os
from pathlib import Path


def prepare_prefect(data_dir: Path) -> None:
    """Set Prefect's environment before it is first imported; what the operator set already stays.

    The ephemeral server may take longer than Prefect's default 20 s to start on a small machine.
    """
    defaults = {
        "PREFECT_HOME": str((data_dir / "prefect").resolve()),
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "true",
        "PREFECT_LOGGING_LEVEL": "WARNING",
        "PREFECT_SERVER_LOGGING_LEVEL": "ERROR",
        "PREFECT_CLI_PROMPT": "false",
        "DO_NOT_TRACK": "1",
    }
    for name, value in defaults.items():
        os.environ.setdefault(name, value)
