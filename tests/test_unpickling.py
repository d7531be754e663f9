"""Nothing that comes from outside is ever unpickled: a pickle is a program."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("pipeline", "ingest", "forecasting", "alerts", "flows", "review", "cli")
UNPICKLERS = {"pickle", "cPickle", "dill", "joblib", "shelve", "marshal", "cloudpickle"}
OWN_FILES = {
    "forecasting/registry.py",
    *("pipeline/heavy.py", "pipeline/heavy_inputs.py"),
}
"""Where the program reads back what it wrote: models with a signed digest, and a child's own errand."""

RECEIVING = (
    *("pipeline.exchange.arrivals", "pipeline.exchange.bodies", "pipeline.exchange.statements"),
    *("pipeline.exchange.bundle", "flows.bundle_check"),
)


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def imported(path: Path) -> set[str]:
    """Return the dotted names that a file imports; of a `from` import also what may be modules."""
    found = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def file_of(module: str) -> Path | None:
    """Return the file of a module of the program, None for anything else."""
    base = ROOT / module.replace(".", "/")
    return next((p for p in (base.with_suffix(".py"), base / "__init__.py") if p.is_file()), None)


def reachable(start: str) -> set[Path]:
    """Return every file of the program that importing a module can reach."""
    seen: set[Path] = set()
    left = [start]
    while left:
        path = file_of(left.pop())
        if path is not None and path not in seen:
            seen.add(path)
            left += imported(path)
    return seen


def unpickles(path: Path) -> list[str]:
    """Return what in a file can unpickle."""
    found = [name for name in imported(path) if name.split(".")[0] in UNPICKLERS]
    calls = [n for n in ast.walk(tree(path)) if isinstance(n, ast.keyword) and n.arg == "allow_pickle"]
    found += [
        "allow_pickle" for n in calls if not (isinstance(n.value, ast.Constant) and n.value.value is False)
    ]
    attributes = [n.attr for n in ast.walk(tree(path)) if isinstance(n, ast.Attribute)]
    return found + [name for name in attributes if name in ("read_pickle", "unpickle")]


@pytest.mark.parametrize("start", RECEIVING)
def test_what_takes_envelopes_reaches_nothing_that_unpickles(start):
    files = reachable(start)
    assert len(files) > 1
    assert {p.relative_to(ROOT).as_posix(): unpickles(p) for p in files if unpickles(p)} == {}


def test_handlers_of_envelopes_unpickle_nothing_themselves():
    files = [ROOT / "flows" / "exchange_parts.py", *(ROOT / "flows").glob("exchange*.py")]
    files += (ROOT / "flows").glob("joint*.py")
    assert {p.name: unpickles(p) for p in files if unpickles(p)} == {}


@pytest.mark.slow
def test_the_program_unpickles_its_own_files_alone():
    files = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    assert {p.relative_to(ROOT).as_posix() for p in files if unpickles(p)} == OWN_FILES
