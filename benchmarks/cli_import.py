"""How long importing the command line takes: its limit of 0.5 s, and how many times a bare start of Python.

Every start is a process of its own; the best of several counts, for other work on the machine only adds.
``python -m benchmarks.cli_import``
"""

from __future__ import annotations

import subprocess
import sys
import time

LIMIT_SECONDS = 0.5
MOST_STARTS = 8.0
REPEATS = 15


def seconds(code: str) -> float:
    """Return the shortest time in which a new interpreter runs some code."""
    best = float("inf")
    for _ in range(REPEATS):
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        best = min(best, time.perf_counter() - begun)
    return best


def main() -> int:
    """Print both figures and return 1 if one is over its limit."""
    bare, ours = seconds("pass"), seconds("import cli.main")
    print(f"python -c pass     {bare:.3f} s")
    print(f"import cli.main    {ours:.3f} s, limit {LIMIT_SECONDS} s")
    print(f"as many starts     {ours / bare:.1f}, limit {MOST_STARTS:.0f}")
    return int(ours > LIMIT_SECONDS or ours > MOST_STARTS * bare)


if __name__ == "__main__":
    sys.exit(main())
