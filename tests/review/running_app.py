"""A review application on a real server of this machine, with a clock that a test sets."""

import socket
import threading
import time

import uvicorn

from pipeline.settings import Settings
from pipeline.times import parse_instant

NOW = parse_instant("2026-01-14T08:20Z")


class RunningApp:
    """Serve the application that ``make`` builds on a data folder; ``base`` is its address."""

    def __init__(self, folder, make):
        self.settings, self.now = Settings(data_dir=folder), NOW
        self.app = make(self.settings, clock=lambda: self.now)
        self.ledger = self.app.state.ledger
        config = uvicorn.Config(self.app, host="127.0.0.1", port=0, log_level="error", lifespan="off")
        self.server, self.socket = uvicorn.Server(config), socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.base = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.socket]}, daemon=True)
        self.thread.start()
        until = time.monotonic() + 20
        while not self.server.started and time.monotonic() < until:
            time.sleep(0.02)

    def close(self):
        """Stop the server and let go of the ledger."""
        self.server.should_exit = True
        self.thread.join(20)
        self.socket.close()
        self.ledger.close()
