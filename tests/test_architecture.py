"""What holds for every file: small, documented, finished, packaged, and free of addresses of one machine."""

import ast
import fnmatch
import io
import re
import subprocess
import tokenize
import tomllib
from functools import cache
from pathlib import Path

import pytest
from setuptools import find_namespace_packages

ROOT = Path(__file__).parents[1]
PACKAGES = ("pipeline", "ingest", "forecasting", "alerts", "flows", "review", "cli")
LONGEST_FILE = 300
LONGEST_FUNCTION = 40

LONGER_FILES: dict[str, str] = {}
"""Files that may be longer than LONGEST_FILE lines, each with the reason."""

LONGER_FUNCTIONS = {
    "alerts/examples.py:_rules": "a worked example, one value a line; there is nothing to follow in it",
    "alerts/policy_checks.py:faults": "one table of conditions with their complaints",
    "pipeline/migrations/versions/0001_base.py:_store": "a migration lists its tables and is never changed",
    "pipeline/migrations/versions/0001_base.py:_runs_and_models": "a migration, as above",
    "pipeline/migrations/versions/0002_warnings.py:_warnings": "a migration, as above",
    "pipeline/migrations/versions/0002_warnings.py:_deliveries": "a migration, as above",
}
"""Functions that may have more than LONGEST_FUNCTION lines of code, each with the reason."""

UNFINISHED = re.compile(
    r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b|raise NotImplemented" + r"Error"
)
MACHINE_PATH = re.compile(
    r"(?<![\w.<}\"'])/(?:ho" + r"me/\w|ro" + r"ot/|wo" + r"rk/|Us" + r"ers/\w|tm" + r"p/\w)"
)
REGISTRY = re.compile(r"(?:py" + r"pi\.org|python" + r"hosted|np" + r"mjs|rubygems\.org|proxy\.go" + r"lang)")


def tracked() -> list[str]:
    """Return what git tracks, or every file of the folder where there is no repository."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode == 0 and listed.stdout:
        return [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]
    return [p.relative_to(ROOT).as_posix() for p in ROOT.rglob("*") if p.is_file() and ".venv" not in p.parts]


TRACKED = tracked()
MODULES = [name for name in TRACKED if name.endswith(".py") and name.split("/")[0] in PACKAGES]
OWN_CODE = [
    *MODULES,
    *(n for n in TRACKED if n.endswith(".py") and n.split("/")[0] in ("docs", "benchmarks")),
]
TEXTS = [
    name
    for name in TRACKED
    if Path(name).suffix in {".py", ".toml", ".md", ".j2", ".css", ".in", ".lock", ".txt", ""}
    and not name.startswith("alerts/fonts/OFL")
    and name != "LICENSE"
]


def read(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def code_lines(source: str, tree: ast.Module) -> set[int]:
    """Return the numbers of lines that hold code: no comment, no blank line, no docstring."""
    skipped = (
        tokenize.COMMENT,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENDMARKER,
    )
    lines = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in skipped:
            lines |= set(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        first = body[0] if isinstance(body, list) and body else None
        if (
            isinstance(first, ast.Expr)
            and isinstance(first.value, ast.Constant)
            and isinstance(first.value.value, str)
        ):
            lines -= set(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    return lines


def functions(source: str, tree: ast.Module, longer_than: int = 0) -> dict[str, int]:
    """Return the number of code lines in the body of every function that takes more lines, by name."""
    bodies = [
        (node.name, range(node.body[0].lineno, (node.end_lineno or node.lineno) + 1))
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    bodies = [(name, inside) for name, inside in bodies if len(inside) > longer_than]
    lines = code_lines(source, tree) if bodies else set()
    found = dict[str, int]()
    for name, inside in bodies:
        found[name] = max(found.get(name, 0), sum(n in lines for n in inside))
    return found


@cache
def parsed(name: str) -> tuple[str | None, dict[str, int]]:
    """Return what a module says it is for, and its long functions; each file is parsed once."""
    tree = ast.parse(read(name))
    return ast.get_docstring(tree), functions(read(name), tree, LONGEST_FUNCTION)


def test_the_counting_of_lines():
    docstring = '    """Say.\n\n    More.\n    """\n'
    source = f"def f():\n{docstring}    # why\n    a = (\n        1\n    )\n\n    return a\n"
    assert functions(source, ast.parse(source)) == {"f": 4}


def test_files_are_short():
    long = {name: len(read(name).splitlines()) for name in OWN_CODE}
    long = {name: n for name, n in long.items() if n > LONGEST_FILE and name not in LONGER_FILES}
    assert not long, f"split by purpose (more than {LONGEST_FILE} lines): {long}"


def test_functions_are_short():
    long = {
        f"{name}:{function}": n
        for name in OWN_CODE
        for function, n in parsed(name)[1].items()
        if n > LONGEST_FUNCTION
    }
    long = {key: n for key, n in long.items() if key not in LONGER_FUNCTIONS}
    assert not long, f"split (more than {LONGEST_FUNCTION} lines of code): {long}"


def test_exceptions_are_still_needed():
    assert all(len(read(name).splitlines()) > LONGEST_FILE for name in LONGER_FILES)
    for key in LONGER_FUNCTIONS:
        name, _, function = key.partition(":")
        assert parsed(name)[1][function] > LONGEST_FUNCTION, f"{key} needs no exception any more"


@pytest.mark.parametrize(
    ("what", "pattern"), [("unfinished", UNFINISHED), ("path of one machine", MACHINE_PATH)]
)
def test_texts_hold_no_leftovers(what, pattern):
    found = [
        f"{name}:{number}: {line.strip()[:90]}"
        for name in TEXTS
        for number, line in enumerate(read(name).splitlines(), start=1)
        if pattern.search(line)
    ]
    assert not found, f"{what}: {found}"


def test_compressed_test_data_carry_no_clock():
    """Workers that collect the same tests in different seconds must find the same names."""
    assert [
        f"{name}:{call.lineno}"
        for name in sorted(n for n in TRACKED if n.startswith("tests/") and n.endswith(".py"))
        if "compress(" in read(name)
        for call in ast.walk(ast.parse(read(name)))
        if isinstance(call, ast.Call)
        and ast.unparse(call.func) == "gzip.compress"
        and "mtime" not in [named.arg for named in call.keywords]
    ] == []


def test_pins_name_no_registry_and_hold_no_address():
    locks = [name for name in TRACKED if name.endswith(".lock")]
    assert len(locks) >= 3
    for name in (*locks, *(n for n in TRACKED if n.endswith(".in"))):
        assert "://" not in read(name), f"{name} holds an address; make it with `make lock`"
    named = [name for name in TEXTS if REGISTRY.search(read(name))]
    assert not named, f"these name a package registry: {named}"


def test_every_pin_has_a_hash():
    for name in (n for n in TRACKED if n.endswith(".lock")):
        for pin in re.split(r"\n(?=\S)", read(name).strip()):
            if not pin.startswith("#"):
                assert "--hash=sha256:" in pin, f"{name}: {pin.splitlines()[0]} has no hash"


def test_every_module_says_what_it_is_for():
    silent = [name for name in MODULES if not parsed(name)[0]]
    assert not silent, f"modules without a docstring: {silent}"


def test_folders_of_code_are_packages():
    folders = {str(Path(name).parent) for name in MODULES}
    without = sorted(f for f in folders if f"{f}/__init__.py" not in TRACKED)
    assert not without, f"these would not be in the wheel: {without}"


def test_the_wheel_takes_every_data_file():
    table = tomllib.loads(read("pyproject.toml"))["tool"]["setuptools"]
    packages = set(find_namespace_packages(str(ROOT), include=table["packages"]["find"]["include"]))
    patterns = table["package-data"]["*"]
    data = [n for n in TRACKED if n.split("/")[0] in PACKAGES and not n.endswith(".py")]
    left_out = [
        name
        for name in data
        if Path(name).parent.as_posix().replace("/", ".") not in packages
        or not any(fnmatch.fnmatch(Path(name).name, pattern) for pattern in patterns)
    ]
    assert data
    assert not left_out, f"package-data in pyproject.toml leaves out {left_out}"
