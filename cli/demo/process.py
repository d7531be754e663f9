"""The two nodes as processes: started, told what to do, ended; and commands on their data folders."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from pipeline.errors import SameairError

Plain = dict[str, Any]
ENDED_WITHIN_S: Final = 30
PROGRAM: Final = (sys.executable, "-m", "cli.demo.node")
COMMAND: Final = "from cli.main import main; main()"


class NodeFault(SameairError):
    """A node answered with a fault, or its process ended."""


class NodeProcess:
    """One party's node on a data folder, with settings of its own.

    Parameters
    ----------
    settings : SAMEAIR_ variables of this node, without the prefix
    program : what is run, of which ``cli.demo.node.main`` is the heart
    """

    def __init__(
        self, party: str, folder: Path, settings: dict[str, str], program: Sequence[str] = PROGRAM
    ) -> None:
        self.party, self.folder = party, folder
        mine = {"PARTY": party, "DATA_DIR": str(folder), **settings}
        outside = {name: value for name, value in os.environ.items() if not name.startswith("SAMEAIR_")}
        self.environment = {**outside, "OMP_NUM_THREADS": "1"} | {f"SAMEAIR_{k}": v for k, v in mine.items()}
        folder.mkdir(parents=True, exist_ok=True)
        self._log = (folder / "node.log").open("ab")
        self.process = subprocess.Popen(  # noqa: S603 - a fixed program on a folder of ours
            list(program),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=self.environment,
            text=True,
        )

    def tell(self, do: str, **order: Any) -> None:
        """Give an order and do not wait for its answer."""
        if self.process.stdin is not None:
            try:
                self.process.stdin.write(json.dumps({"do": do, **order}) + "\n")
                self.process.stdin.flush()
            except BrokenPipeError:
                raise NodeFault(f"the process of {self.party} has ended; see {self._log.name}") from None

    def answer(self) -> Plain:
        """Wait for an answer; raises NodeFault where it tells a fault or the process has ended."""
        line = self.process.stdout.readline() if self.process.stdout is not None else ""
        if not line:
            raise NodeFault(f"the process of {self.party} has ended; {self._last_words()}")
        found: Plain = json.loads(line)
        if "fault" in found:
            raise NodeFault(f"{self.party}: {found['fault']}")
        return found

    def _last_words(self) -> str:
        """Return the last line that the process wrote, and where the others are."""
        lines = (self.folder / "node.log").read_text("utf-8", errors="replace").splitlines()
        return f"{lines[-1] if lines else 'it wrote nothing'} (see {self._log.name})"

    def ask(self, do: str, **order: Any) -> Plain:
        """Give an order and wait for its answer."""
        self.tell(do, **order)
        return self.answer()

    def command(self, *words: str) -> Plain:
        """Run a ``sameair`` command on this node's data folder, as a person would; returns its JSON."""
        done = subprocess.run(  # noqa: S603 - as above
            [sys.executable, "-c", COMMAND, *words, "--json"],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise NodeFault(f"{self.party}: sameair {' '.join(words)}: {done.stderr.strip()}")
        found: Plain = json.loads(done.stdout)
        return found

    def close(self) -> None:
        """Let the process end by itself."""
        if self.process.stdin is not None and not self.process.stdin.closed:
            self.process.stdin.close()
        try:
            self.process.wait(ENDED_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self._reap()

    def _reap(self) -> None:
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self._log):
            if stream is not None and not stream.closed:
                try:
                    stream.close()
                except BrokenPipeError:
                    continue


def ask_all(nodes: Sequence[NodeProcess], do: str, **order: Any) -> list[Plain]:
    """Give several nodes the same order, at once, and wait for all answers."""
    for node in nodes:
        node.tell(do, **order)
    return [node.answer() for node in nodes]
