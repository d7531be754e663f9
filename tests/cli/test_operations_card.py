"""The one-page card holds every signal that the program gives and no other, collected from the code."""

import ast
import importlib
import re
from pathlib import Path
from typing import get_args

import pytest
import typer
import yaml

from cli.main import STOPPED, app
from flows import doctor, health, operator, upkeep
from pipeline import errors
from pipeline.ledger import jobs
from pipeline.ledger.notices import Condition, Notice
from pipeline.ledger.tables import runs
from pipeline.readiness import PARTS
from pipeline.times import parse_instant
from review.world_states import WorldState

ROOT = Path(__file__).parents[2]
CARD = (ROOT / "docs" / "operations-card.md").read_text("utf-8")
NOW = parse_instant("2026-01-05T03:00Z")
TOLD_BEFORE = {("flows.delivery_alarm", "name"), ("flows.recheck", "subject")}
"""Subjects that are read back from the ledger."""


def shown(kind):
    """Return what the card shows of a kind of signal: the words after it."""
    cells = [line.split("|")[1] for line in CARD.splitlines() if line.startswith("| `")]
    return {m for cell in cells for m in re.findall(rf"`{kind} ([a-z0-9]+)`", cell)}


def test_every_exit_code_is_on_it():
    kinds = [e for e in vars(errors).values() if isinstance(e, type) and hasattr(e, "exit_code")]
    usage = typer.TyperException("x").exit_code if hasattr(typer, "TyperException") else 1
    assert shown("exit") == {str(c) for c in (0, usage, STOPPED, 3, *(e.exit_code for e in kinds))}


def test_every_state_of_a_feed_is_on_it():
    assert shown("feed") == set(get_args(health.State))


def test_every_state_of_a_message_is_on_it():
    assert shown("message") == set(upkeep.STATES)


def test_every_state_of_a_job_is_on_it():
    assert shown("job") == set(get_args(jobs.State))


def test_every_verdict_of_the_doctor_is_on_it():
    assert shown("doctor") == set(get_args(doctor.Verdict))


def test_every_part_of_readiness_is_on_it():
    assert shown("ready") == set(PARTS)


def health_words():
    """Return what a world's health can be called, from the code that says so."""
    tree = ast.parse((ROOT / "review" / "world_states.py").read_text("utf-8"))
    (said,) = [f for f in ast.walk(tree) if isinstance(f, ast.FunctionDef) and f.name == "health"]
    returned = [c for r in ast.walk(said) if isinstance(r, ast.Return) for c in ast.walk(r)]
    assert isinstance(WorldState.health, property)
    return {c.value for c in returned if isinstance(c, ast.Constant)}


def test_every_state_of_runs_and_worlds_is_on_it():
    (allowed,) = [str(c.sqltext) for c in runs.constraints if getattr(c, "sqltext", None) is not None]
    assert shown("run") == set(re.findall(r"'(\w+)'", allowed)) | health_words()


def values_of(name, tree):
    """Return what a file gives a name: by itself, or among several that a function of the file returns."""
    functions = {f.name: f for f in ast.walk(tree) if isinstance(f, ast.FunctionDef)}
    found = []
    for given in (a for a in ast.walk(tree) if isinstance(a, ast.Assign)):
        (target,) = given.targets
        if isinstance(target, ast.Name) and target.id == name:
            found.append(given.value)
        if isinstance(target, ast.Tuple) and isinstance(given.value, ast.Call):
            (several,) = [
                r.value for r in ast.walk(functions[given.value.func.id]) if isinstance(r, ast.Return)
            ]
            names = [getattr(one, "id", "") for one in target.elts]
            found = [*([several.elts[names.index(name)]] if name in names else []), *found]
    return found or values_given(name, functions, tree)


def values_given(name, functions, tree):
    """Return with what a function of the file is called for its parameter of that name."""
    calls = [c for c in ast.walk(tree) if isinstance(c, ast.Call) and isinstance(c.func, ast.Name)]
    for function in functions.values():
        names = [a.arg for a in function.args.args]
        if name in names:
            place = names.index(name)
            found = [c.args[place] for c in calls if c.func.id == function.name and len(c.args) > place]
            if found:
                return found
    return []


def first_word(node, tree, module):
    """Return the first word of a subject: of a text, a formatted text, or a name that stands for one."""
    if isinstance(node, ast.Constant):
        return str(node.value).split()[0]
    if isinstance(node, ast.JoinedStr):
        first = node.values[0]
        return first_word(first.value if isinstance(first, ast.FormattedValue) else first, tree, module)
    if isinstance(node, ast.Name):
        if (module.__name__, node.id) in TOLD_BEFORE:
            return ""
        if isinstance(getattr(module, node.id, None), str):
            return getattr(module, node.id).split()[0]
        for value in values_of(node.id, tree):
            return first_word(value, tree, module)
    raise AssertionError(f"{module.__name__}: what is told by {ast.unparse(node)}?")


def told_subjects():
    """Return the first words of everything that an operator may be told of."""
    found = set()
    for path in sorted((ROOT / "flows").rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        calls = [n for n in ast.walk(tree) if isinstance(n, ast.Call)]
        conditions = [
            c for c in calls if isinstance(c.func, ast.Name) and c.func.id == "Condition" and c.args
        ]
        if conditions:
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            module = importlib.import_module(name)
            found |= {first_word(c.args[0], tree, module) for c in conditions}
    return found - {""}


def test_everything_an_operator_is_told_of_is_on_it():
    assert len(told_subjects()) > 8
    assert shown("notice") == told_subjects()


@pytest.mark.parametrize("kind", sorted(shown("notice")))
def test_each_notice_stands_under_the_subject_with_which_its_mail_goes_out(kind):
    notice = Notice(1, Condition(f"{kind} x", "late", 3, "x"), NOW)
    mail = operator.operator_mail("a@b.example", "c@d.example", "measured", [notice], "")
    (line,) = [one for one in CARD.splitlines() if f"`notice {kind}`" in one]
    about = re.search(r"\[sameair (\w+)\]", mail["Subject"])[1]
    assert f"`mail {about}`" in line
    over = Notice(1, Condition(f"{kind} x", "ok", 0, "x"), NOW)
    assert "well again" in operator.operator_mail("a@b.c", "c@d.e", "measured", [over], "")["Subject"]
    assert "`well again`" in CARD


def test_every_alert_of_the_example_rules_is_on_it():
    held = yaml.safe_load((ROOT / "cli" / "units" / "sameair.rules.yml").read_text())
    alerts = {rule["alert"] for group in held["groups"] for rule in group["rules"]}
    assert set(re.findall(r"`(Sameair\w+)`", CARD)) == alerts


def test_every_command_on_it_exists():
    command = typer.main.get_command(app)
    for line in set(re.findall(r"`sameair ([a-z][^`]*)`", CARD)):
        words, found = line.split(), command
        while words and hasattr(found, "commands") and words[0] in found.commands:
            found = found.commands[words.pop(0)]
        assert not hasattr(found, "commands"), line
        known = {o for p in found.params for o in (*p.opts, *p.secondary_opts)}
        assert {w for w in words if w.startswith("--")} <= known, line


def test_it_is_one_page_when_printed():
    assert len(CARD.splitlines()) <= 60
    assert len(CARD) < 6000
