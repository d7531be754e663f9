"""Ends a server and removes its folder when the process that started it ends, however that ends."""

import os
import shutil
import signal
import sys
import time
from pathlib import Path

PATIENCE_SECONDS = 30


def main(folder):
    """Wait until standard input ends, which the system sees to even where the other side was killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while os.read(0, 4096):
        pass
    end_server(folder / "data" / "postmaster.pid")
    shutil.rmtree(folder, ignore_errors=True)


def end_server(note):
    """End the server whose note of its process id is still there; it removes the note as its last act."""
    for _ in range(PATIENCE_SECONDS * 10):
        try:
            number = int(note.read_text("utf-8").split()[0])
            if not _is_at(number, note.parent):
                return
            os.kill(number, signal.SIGQUIT)
        except (OSError, ValueError, IndexError):
            return
        time.sleep(0.1)


def _is_at(number, folder):
    """Tell whether a process works in a folder, so that no other that got its number is hit."""
    place = Path(f"/proc/{number}/cwd")
    return not place.parent.exists() or place.resolve() == folder.resolve()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
