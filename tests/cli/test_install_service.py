"""What `sameair install-service` writes: units that systemd accepts, a container of committed parts."""

import configparser
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from cli.install_units import DEPLOYMENTS, ENABLED, PLAIN, UNITS, Installation, unit_texts
from cli.main import app
from flows.parents import FAREWELL, LEAVING
from flows.runtime import SERVER_ENDS
from pipeline.errors import UsageError

ROOT = Path(__file__).parents[2]
CONTAINER = (ROOT / "cli" / "units" / "Containerfile").read_text("utf-8")
WORST_EXPOSURE = 2.5
"""Of 10, by `systemd-analyze security`; it calls up to 4 OK."""
CLOSED = {
    "NoNewPrivileges": "yes",
    "ProtectSystem": "strict",
    "PrivateTmp": "yes",
    "CapabilityBoundingSet": "",
    "RestrictSUIDSGID": "yes",
    "UMask": "0077",
}


def installation(**changed):
    given = {"program": Path(sys.executable), "user": "sameair", "config": Path("/etc/sameair/sameair.toml")}
    return Installation(**{**given, "data_dir": Path("/var/lib/sameair"), **changed})


def parsed(text):
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str
    unit.read_string(text)
    return unit


TEXTS = unit_texts(installation())
SERVICES = [name for name in UNITS if name.endswith(".service")]


def command_is_known(words):
    """Read the words as the program would, without doing anything."""
    command = typer.main.get_command(app)
    with command.make_context("sameair", list(words), resilient_parsing=False) as context:
        name, inner, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        inner.make_context(name, rest, parent=context)
    return True


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_starts_a_command_that_there_is_and_may_write_in_one_folder(name):
    unit = parsed(TEXTS[name])["Service"]
    program, *words = shlex.split(unit["ExecStart"])
    assert program == sys.executable
    assert command_is_known(words)
    assert unit["ReadWritePaths"] == unit["WorkingDirectory"] == "/var/lib/sameair"
    assert unit["User"] == "sameair"
    assert {key: unit[key] for key in CLOSED} == CLOSED


def test_the_standing_services_come_back_however_often_they_fail():
    for name in ("sameair-serve.service", "sameair-review.service"):
        unit = parsed(TEXTS[name])
        assert unit["Service"]["Restart"] == "always"
        assert unit["Unit"]["StartLimitIntervalSec"] == "0"
        assert unit["Install"]["WantedBy"] == "multi-user.target"


def test_the_schedule_has_the_time_it_needs_to_end_in_good_order():
    unit = parsed(TEXTS["sameair-serve.service"])["Service"]
    needed = FAREWELL + LEAVING + SERVER_ENDS
    assert needed < int(unit["TimeoutStopSec"])
    assert (unit["KillSignal"], unit["KillMode"]) == ("SIGTERM", "mixed"), "it ends its runs itself"
    assert instructions("STOPSIGNAL") == ["SIGTERM"]
    page = (ROOT / "docs" / "operations.md").read_text("utf-8")
    assert needed < int(re.search(r"--stop-timeout (\d+)", page)[1])
    assert f"within {needed:.0f} s" in page


def test_the_timer_looks_without_relying_on_what_it_looks_at():
    timer, service = TEXTS["sameair-health.timer"], TEXTS["sameair-health.service"]
    assert parsed(timer)["Install"]["WantedBy"] == "timers.target"
    for text in (timer, service):
        assert not re.search(r"^(After|Requires|BindsTo|PartOf|Wants)=.*sameair-", text, re.MULTILINE)
    assert set(ENABLED) < set(UNITS)


@given(st.text(min_size=1, max_size=20))
def test_no_path_or_name_adds_a_line_to_a_unit(text):
    for changed in ({"program": Path(f"/{text}")}, {"data_dir": Path(f"/{text}")}, {"user": text}):
        try:
            made = unit_texts(installation(**changed))
        except UsageError:
            continue
        for name in UNITS:
            assert len(made[name].splitlines()) == len(TEXTS[name].splitlines())
            assert "%" not in made[name].replace("%%", "")


@pytest.fixture
def written(tmp_path):
    for name in UNITS:
        (tmp_path / name).write_text(TEXTS[name].replace("User=sameair", "User=root"))
    return [str(tmp_path / name) for name in UNITS]


def systemd_analyze(*words):
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("needs systemd-analyze, which is not here")
    done = subprocess.run([program, *words], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def test_systemd_accepts_the_units(written):
    assert systemd_analyze("verify", *written) == (0, "")


def test_systemd_finds_the_services_closed_in(written):
    for name in (one for one in written if one.endswith(".service")):
        _, said = systemd_analyze("security", "--offline=yes", "--no-pager", name)
        found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said)
        assert found, said
        assert float(found[1]) <= WORST_EXPOSURE


def test_systemd_would_tell_a_mistake(written, tmp_path):
    path = tmp_path / "sameair-serve.service"
    path.write_text(path.read_text().replace("Restart=always", "Restart=sometimes"))
    assert systemd_analyze("verify", str(path))[1] != ""


@pytest.mark.slow
def test_the_command_writes_every_file_and_says_what_to_do(tmp_path):
    code = "from cli.main import main; main()"
    command = [sys.executable, "-c", code, "install-service", "--to", str(tmp_path / "units")]
    command += ["--data-dir", str(tmp_path / "air"), "--program", sys.executable]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "SAMEAIR_CONFIG": ""}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert {p.name for p in (tmp_path / "units").iterdir()} == {*UNITS, *PLAIN, DEPLOYMENTS}
    assert (tmp_path / "units" / DEPLOYMENTS).read_text() == (ROOT / DEPLOYMENTS).read_text()
    assert not (tmp_path / "air").exists()
    for name in ENABLED:
        assert name in done.stdout.split("enable --now")[1]
    refused = subprocess.run([*command, "--user", "a b"], env=environment, capture_output=True, text=True)
    assert (refused.returncode, len(refused.stderr.splitlines())) == (2, 1)


def instructions(word):
    return re.findall(rf"^{word} (.*)$", CONTAINER, re.MULTILINE)


def sources_of_copy():
    lines = [line for line in instructions("COPY") if not line.startswith("--from")]
    return [part for line in lines for part in line.split()[:-1]]


def test_the_container_names_no_registry_runs_for_nobody_special_and_looks_at_its_health():
    assert "://" not in CONTAINER
    assert set(instructions("FROM")) == {"${BASE} AS build", "${BASE}"}
    assert instructions("ARG")[0] == "BASE"
    uid, _, gid = instructions("USER")[-1].partition(":")
    assert int(uid) > 1000
    assert int(gid) > 1000
    program = "/opt/sameair/bin/sameair"
    health = re.search(r"CMD (\[.*\])$", instructions("HEALTHCHECK")[0])[1]
    for words in (json.loads(health), [program, *json.loads(instructions("CMD")[0])]):
        assert words[0] == program
        assert command_is_known(words[1:])
    installs = [line for line in instructions("RUN") if "pip install" in line]
    assert ["--require-hashes -r requirements.lock" in installs[0], "--no-index" in installs[1]] == [
        True,
        True,
    ]


def test_everything_the_container_copies_is_committed_and_is_every_package():
    copied = sources_of_copy()
    listed = subprocess.run(["git", "ls-files", "--", *copied], cwd=ROOT, capture_output=True, text=True)
    tracked = listed.stdout
    for name in copied:
        assert re.search(rf"^{re.escape(name)}(/|$)", tracked, re.MULTILINE), name
    packages = {p.parent.name for p in ROOT.glob("*/__init__.py")} - {"tests", "benchmarks", "docs"}
    assert packages <= set(copied)


@pytest.mark.slow
def test_the_containers_own_install_works_in_a_clean_folder(tmp_path):
    """Run its second `pip install` on just what it copies; dependencies come from this environment."""
    for name in sources_of_copy():
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / "src" / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            (tmp_path / "src").mkdir(exist_ok=True)
            shutil.copyfile(source, tmp_path / "src" / name)
    line = next(one for one in instructions("RUN") if "--no-index" in one)
    words = [sys.executable, *shlex.split(line)[1:], "--quiet", "--target", str(tmp_path / "site")]
    subprocess.run(words, cwd=tmp_path / "src", check=True, timeout=250)
    dependencies = next(p for p in map(Path, sys.path) if (p / "prefect").is_dir())
    code = f"import sys; sys.path[:0] = [{str(tmp_path / 'site')!r}, {str(dependencies)!r}]\n"
    code += "import cli.main as m; print(m.__file__, file=sys.stderr); m.main()"
    command = [sys.executable, "-I", "-S", "-c", code, "health", "--data-dir", str(tmp_path / "air")]
    environment = {"PATH": os.environ["PATH"]}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment)
    assert str(tmp_path / "site") in done.stderr
    assert (done.returncode, done.stdout.count("ready ")) == (0, 3), done.stderr
