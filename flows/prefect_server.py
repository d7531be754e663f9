"""A Prefect server as a process of its own that ends with the process that started it, however that ends."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from pathlib import Path

from filelock import FileLock

GRACE = 5.0
"""How long an orderly end may take before the process is ended [s]."""


def serve(listening: socket.socket) -> None:
    """Serve Prefect's API on a listening socket until the parent closes this process's standard input."""
    import uvicorn

    threading.Thread(target=_end_with_parent, daemon=True).start()
    config = uvicorn.Config(
        "prefect.server.api.server:create_app",
        factory=True,
        log_level="error",
        log_config=None,
        lifespan="on",
    )
    # Two that begin at once in a new folder would both make Prefect's tables.
    lock = FileLock(Path(os.environ["PREFECT_HOME"]) / "starting.lock", thread_local=False)

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            with lock:
                await super().startup(sockets)

    Server(config).run(sockets=[listening])


def _end_with_parent() -> None:
    """Wait until standard input ends, which the system sees to even where the parent was killed."""
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(GRACE)
    os._exit(1)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
