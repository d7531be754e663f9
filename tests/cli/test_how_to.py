"""What the how-to guides name is there: files, commands, options, settings, names of the code."""

import re
from pathlib import Path

import pytest
from typer.main import get_command

from cli.main import app
from pipeline.settings import Settings

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "how-to.md").read_text("utf-8")
NAMED = re.findall(r"`([^`]+)`", TEXT)
FILES = sorted({name for name in NAMED if re.fullmatch(r"[\w./-]+/([\w-]+\.\w+)?", name)})
COMMANDS = sorted({name for name in NAMED if name.startswith("sameair ")})
WORDS = sorted({name.split("(")[0] for name in NAMED if re.fullmatch(r"\w+(\(\w*\))?", name)})
ROOMS = ("pipeline", "ingest", "forecasting", "alerts", "flows", "review", "cli")
CODE = "\n".join(p.read_text("utf-8") for room in ROOMS for p in (ROOT / room).rglob("*.py"))


@pytest.mark.parametrize("name", FILES)
def test_a_file_or_folder_that_a_guide_names_exists(name):
    path = ROOT / name
    assert path.is_dir() if name.endswith("/") else path.is_file()


@pytest.mark.parametrize("said", COMMANDS)
def test_a_command_that_a_guide_names_exists_with_its_options(said):
    found = get_command(app)
    words = said.split()[1:]
    while words and hasattr(found, "commands") and words[0] in found.commands:
        found = found.commands[words.pop(0)]
    assert not hasattr(found, "commands"), f"{said} names no whole command"
    known = {option for one in found.params for option in one.opts}
    assert {word for word in words if word.startswith("--")} <= known


@pytest.mark.parametrize("name", WORDS)
def test_a_name_of_the_code_that_a_guide_names_is_defined_or_said_there(name):
    if name.startswith("SAMEAIR_"):
        assert name.removeprefix("SAMEAIR_").lower() in Settings.model_fields
        return
    defined = rf"^\s*(def |class )?{name}\b\s*[(:=]"
    assert re.search(defined, CODE, re.MULTILINE) or re.search(rf"[\"']{name}[\"']", CODE)


def test_the_guides_are_those_that_were_asked_for():
    asked = ("source", "city", "rule", "language", "model", "live", "drill", "Restore", "keys", "shift")
    heads = re.findall(r"^## (.+)$", TEXT, re.MULTILINE)
    assert all(any(word in head for head in heads) for word in asked)
    assert len(FILES) > 15
    assert len(COMMANDS) > 20
