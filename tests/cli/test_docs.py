"""The pages say what the program does: every command and option, setting, contract and link."""

import importlib.util
import re
from pathlib import Path

import pytest
import typer

from cli.main import app
from pipeline.settings import Settings

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
MOST_README_LINES = 200


def commands(command, path):
    """Return every command that does something, by what is typed."""
    if hasattr(command, "commands"):
        inner = [commands(c, (*path, name)) for name, c in command.commands.items()]
        return {name: c for part in inner for name, c in part.items()}
    return {" ".join(path): command}


COMMANDS = commands(typer.main.get_command(app), ("sameair",))


def sections() -> dict[str, str]:
    """Return the sections of the page of commands by their heading."""
    text = (ROOT / "docs" / "commands.md").read_text("utf-8")
    parts = re.split(r"^## `(sameair [a-z -]+)`$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def usage(section: str) -> str:
    """Return the first code block of a section: how the command is typed."""
    return section.split("```")[1]


def test_the_page_has_just_the_commands_that_exist():
    assert set(sections()) == set(COMMANDS)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_option_is_documented(name):
    shown = usage(sections().get(name, "``````"))
    wanted = set()
    for parameter in COMMANDS[name].params:
        if parameter.param_type_name == "option" and not parameter.hidden:
            wanted |= {o for o in (*parameter.opts, *parameter.secondary_opts) if o.startswith("--")}
        elif parameter.param_type_name == "argument":
            wanted.add((parameter.name or "").upper())
    missing = sorted(
        o for o in wanted - {"--help"} if not re.search(rf"(?<![\w-]){re.escape(o)}(?![\w-])", shown)
    )
    assert not missing, f"docs/commands.md does not document {missing} of {name}"


@pytest.mark.parametrize("name", sorted(sections()))
def test_no_option_is_invented(name):
    known = {o for p in getattr(COMMANDS.get(name), "params", []) for o in (*p.opts, *p.secondary_opts)}
    invented = sorted(set(re.findall(r"--[a-z-]+", usage(sections()[name]))) - known)
    assert not invented, f"{name} has no {invented}"


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_exit_codes_and_an_example(name):
    section = sections().get(name, "")
    assert "Exit codes:" in section
    assert re.search(rf"```sh\n(?:SAMEAIR_\w+=\S+ )?{name}\b", section)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_takes_the_data_folder(name):
    assert "--data-dir" in {o for p in COMMANDS[name].params for o in p.opts}


def test_the_documented_exit_codes_are_those_of_the_errors():
    from pipeline import errors

    text = (ROOT / "docs" / "commands.md").read_text("utf-8").split("\n## ")[0]
    codes = {e.exit_code for e in vars(errors).values() if isinstance(e, type) and hasattr(e, "exit_code")}
    assert {str(c) for c in codes} <= set(re.findall(r"^\| (\d+) \|", text, flags=re.MULTILINE))


@pytest.mark.parametrize("page", ["contracts", "reference", "sources"])
def test_generated_pages_are_up_to_date(page):
    spec = importlib.util.spec_from_file_location(f"make_{page}", ROOT / "docs" / f"make_{page}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    written = module.TARGET.read_text("utf-8")
    assert written == getattr(module, f"{page}_text")(), (
        f"{module.TARGET.name} is out of date; run `make docs`"
    )


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_is_on_the_operations_card(name):
    page = (ROOT / "docs" / "operations.md").read_text("utf-8")
    assert re.search(rf"\bSAMEAIR_{name.upper()}\b", page)


def test_no_setting_is_invented():
    known = {f"SAMEAIR_{name.upper()}" for name in Settings.model_fields} | {
        "SAMEAIR_CONFIG",
        "SAMEAIR_NO_SKIPS",
        "SAMEAIR_TRACEBACK",
        "SAMEAIR_YEAR_DAYS",
        "SAMEAIR_YEAR_SEED",
    }
    for page in PAGES:
        named = set(re.findall(r"\bSAMEAIR_[A-Z_]+[A-Z]\b", page.read_text("utf-8")))
        assert named <= known, f"{page.name} names {sorted(named - known)}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_relative_links_lead_somewhere(page):
    targets = [
        t.split("#")[0] for t in LINK.findall(page.read_text("utf-8")) if "://" not in t and t[0] != "#"
    ]
    broken = [t for t in targets if t and not (page.parent / t).exists()]
    assert not broken, f"{page.name} links to {broken}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_named_files_of_code_exist(page):
    rooms = "pipeline|ingest|forecasting|alerts|flows|review|cli|tests|docs|benchmarks"
    named = set(re.findall(rf"`((?:{rooms})/[\w/.-]+\.\w+)(?::(\w+))?`", page.read_text("utf-8")))
    gone = [f"{file}:{name}" for file, name in sorted(named) if not holds(ROOT / file, name)]
    assert not gone, f"{page.name} names what is not there: {gone}"


def holds(path: Path, name: str) -> bool:
    """Tell whether a file exists and, if a name is given, defines it."""
    if not path.is_file():
        return False
    return not name or bool(
        re.search(rf"^(?:(?:def|class) )?{name}\b", path.read_text("utf-8"), re.MULTILINE)
    )


def test_every_page_is_linked_from_the_readme():
    linked = set(LINK.findall((ROOT / "README.md").read_text("utf-8")))
    pages = {p.relative_to(ROOT).as_posix() for p in (ROOT / "docs").glob("*.md")}
    assert pages <= linked


def test_the_readme_is_short_and_its_picture_is_labelled_and_small():
    text = (ROOT / "README.md").read_text("utf-8")
    assert len(text.splitlines()) < MOST_README_LINES
    assert text.count("Simulated: nothing of this happened.") == 2
    for name in ("warning", "desk", "episode"):
        assert f"(docs/images/{name}.png)" in text
        assert 10_000 < (ROOT / "docs" / "images" / f"{name}.png").stat().st_size < 300_000


def test_every_pinned_dependency_has_a_reason():
    reasons = (ROOT / "docs" / "dependencies.md").read_text("utf-8").lower()
    for line in (ROOT / "requirements.in").read_text("utf-8").splitlines():
        name = re.match(r"[a-z0-9-]+", line.lower())
        assert not name or name[0] in reasons, f"docs/dependencies.md does not say why {line} is here"
