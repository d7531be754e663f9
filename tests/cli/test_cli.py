"""The command line as a new user meets it: help, folders, JSON, exit codes, and errors of one line."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from cli.main import app, main

ROOT = Path(__file__).parents[2]
START = [sys.executable, "-c", "from cli.main import main; main()"]
FUTURE = "2099-03-03T08:00Z"
HEAVY = (
    "pandas",
    "numpy",
    "xarray",
    "scipy",
    "prefect",
    "duckdb",
    "sqlalchemy",
    "matplotlib",
    "rich.console",
)


def commands(command, path=()):
    if hasattr(command, "commands"):
        return {k: v for name, c in command.commands.items() for k, v in commands(c, (*path, name)).items()}
    return {" ".join(path): command}


COMMANDS = commands(typer.main.get_command(app))
SERVERS = {"serve", "monitor", "review", "exchange serve", "worker"}
"""Commands that run until they are stopped and print no result."""


@dataclass(frozen=True)
class Done:
    """What a command left: exit code, standard output, standard error."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """An empty folder to work in, an empty home, and no settings from outside."""
    for name in ("work", "home"):
        (tmp_path / name).mkdir()
    for name in [k for k in os.environ if k.startswith(("SAMEAIR_", "PREFECT_", "XDG_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path


@pytest.fixture
def sameair(folders, monkeypatch, capfd):
    """Run a command in this process, in an empty folder."""

    def call(*words, data_dir=folders / "data"):
        folder = [] if data_dir is None else ["--data-dir", str(data_dir)]
        monkeypatch.setattr(sys, "argv", ["sameair", *words, *folder])
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        return Done(ended.value.code, *capfd.readouterr())

    return call


@pytest.fixture
def apart(folders):
    """Run a command in a process of its own."""

    def call(*words, **more):
        return subprocess.run(
            [*START, *words, "--data-dir", str(folders / "data")],
            env={**os.environ, "PYTHONPATH": str(ROOT), **more},
            capture_output=True,
            text=True,
            timeout=250,
        )

    return call


def test_importing_the_command_line_imports_nothing_heavy():
    code = "import sys, cli.main; print([m for m in sys.argv[1:] if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code, *HEAVY], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_explains_itself_and_takes_folder_and_json(name):
    runner = CliRunner()
    result = runner.invoke(app, [*name.split(), "--help"])
    assert result.exit_code == 0
    assert len(result.output.splitlines()) > 5
    options = {o for p in COMMANDS[name].params for o in p.opts}
    assert "--data-dir" in options
    assert name in SERVERS or "--json" in options
    assert all(p.help for p in COMMANDS[name].params if p.param_type_name == "option")


READERS = {
    "status": 0,
    "settings": 0,
    "health": 0,
    "warnings list": 0,
    "audit list": 0,
    "audit verify": 0,
    "issue": 0,
    "deliver": 0,
    "store repair": 0,
    "store compact": 0,
    "outbox list": 0,
    "ingest --at 2019-03-03T08:00Z": 0,
}
"""Commands that have an answer even in an empty folder, with their exit codes."""


@pytest.mark.slow
@pytest.mark.parametrize(("command", "code"), READERS.items())
def test_an_answer_is_one_json_document_and_lies_in_the_data_folder(sameair, folders, command, code):
    done = sameair(*command.split(), "--json")
    assert (done.returncode, done.stderr) == (code, "")
    assert json.loads(done.stdout) is not None
    text = sameair(*command.split())
    assert (text.returncode, text.stderr) == (code, "")
    assert text.stdout.strip()
    assert list((folders / "work").iterdir()) == []
    assert list((folders / "home").iterdir()) == []


WRONG = [
    ("", 2, "Missing command; see `sameair --help`"),
    ("nonsense", 2, "No such command"),
    ("warnings", 2, "see `sameair warnings --help`"),
    ("warnings dance", 2, "No such command"),
    ("propose", 2, "Missing argument"),
    ("propose 01ABC", 2, "run 01ABC is unknown; see `sameair status`"),
    ("run --seed many", 2, "--seed"),
    ("run --at yesterday", 2, "write it like 2019-03-03T08:00Z"),
    (f"run --at {FUTURE}", 2, "lies in the future"),
    ("run --at 2019-03-03T09:00Z", 2, "is no cycle (02, 08, 14, 20 UTC)"),
    ("run --world atlantis", 2, "write 'measured', simulated-SEED"),
    ("run --world simulated-1 --at 2019-03-03T08:00Z", 2, "--at is for measurements"),
    ("forecast --at 2019-03-03T08:00Z", 2, "sameair import-archive FOLDER"),
    ("warnings show 01ABC", 2, "see `sameair warnings list`"),
    ("warnings approve 01ABC --party seoul --person kim", 2, "see `sameair warnings list`"),
    ("warnings end 01ABC --party seoul --person kim --reason x", 2, "see `sameair warnings list`"),
    ("import-archive nowhere", 2, "is no folder"),
    ("hindcast --from 2019-12-01 --to 2019-12-32 --out out", 2, "2019-12-32"),
    (
        "hindcast --from 2019-12-01 --to 2019-12-02 --out o --cities seoul,atlantis --train-until 2019-11-30",
        2,
        "atlantis",
    ),
    (
        "hindcast --from 2019-12-01 --to 2019-12-02 --out out --train-until 2019-11-30",
        2,
        "sameair import-archive",
    ),
    ("replay", 2, "sameair import-archive"),
    ("outbox resolve 1 --resend --person kim --reason x", 2, "see `sameair outbox list`"),
    ("audit list --limit 0", 2, "--limit"),
    ("ingest --source cnemc", 2, "add --live"),
    ("ingest --live --source cnecm", 2, "there are airkorea, cnemc, ecmwf"),
    ("ingest --live --source kma", 2, "switched off or has no key"),
    ("fields --at yesterday", 2, "write it like 2019-03-03T08:00Z"),
    ("import-history previous-runs --from 2023-01-01 --to 2023-12-31", 2, "begin with 2024-01-01"),
    ("bulletins --at yesterday", 2, "write it like 2019-03-03T08:00Z"),
]


@pytest.mark.parametrize(("words", "code", "text"), WRONG, ids=[w[0] or "nothing" for w in WRONG])
def test_wrong_use_is_one_line_that_says_what_to_do(sameair, folders, words, code, text):
    bare = words in ("", "warnings", "nonsense")
    done = sameair(*words.split(), **({"data_dir": None} if bare else {}))
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("sameair: ")
    assert text in done.stderr
    assert list((folders / "work").iterdir()) == []


@pytest.mark.parametrize("command", ["status", "warnings list", "audit verify", "run --at 2019-03-03T08:00Z"])
@pytest.mark.parametrize("kind", ["a file", "a damaged ledger", "a ledger that is a folder"])
def test_a_data_folder_that_cannot_be_used_is_said_in_one_line(sameair, folders, command, kind):
    folder = folders / "data"
    if kind == "a file":
        folder.write_text("not a folder")
    elif kind == "a damaged ledger":
        folder.mkdir()
        (folder / "ledger.sqlite").write_bytes(b"no database" * 1000)
    else:
        (folder / "ledger.sqlite").mkdir(parents=True)
    done = sameair(*command.split())
    assert (done.returncode, done.stdout) == (6, ""), done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert str(folder) in done.stderr


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("SAMEAIR_CHANNEL", "pigeon", "SAMEAIR_CHANNEL"),
        ("SAMEAIR_SMTP_PORT", "many", "SAMEAIR_SMTP_PORT"),
        ("SAMEAIR_LEDGER_URL", "nonsense://", "nonsense"),
        ("SAMEAIR_SOURCES_OFF", "ecmwf", "SAMEAIR_SOURCES_OFF: this is no JSON"),
        ("SAMEAIR_SOURCE_URLS", "http://relay", "SAMEAIR_SOURCE_URLS: this is no JSON"),
    ],
)
def test_a_setting_that_cannot_be_read_is_named(sameair, monkeypatch, name, value, text):
    monkeypatch.setenv(name, value)
    done = sameair("status")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert text in done.stderr


def test_settings_hide_the_password(sameair, monkeypatch):
    monkeypatch.setenv("SAMEAIR_SMTP_PASSWORD", "correct-horse")
    done = sameair("settings")
    assert done.returncode == 0
    assert "correct-horse" not in done.stdout + done.stderr
    assert "***" in done.stdout


def test_the_option_wins_over_the_variable_and_var_is_the_default(sameair, folders, monkeypatch):
    monkeypatch.setenv("SAMEAIR_DATA_DIR", str(folders / "other"))
    sameair("status")
    assert (folders / "data" / "ledger.sqlite").exists()
    assert not (folders / "other").exists()
    sameair("status", data_dir=None)
    assert (folders / "other" / "ledger.sqlite").exists()
    monkeypatch.delenv("SAMEAIR_DATA_DIR")
    sameair("status", data_dir=None)
    assert (folders / "work" / "var" / "ledger.sqlite").exists()


def test_an_unexpected_error_is_one_line_and_shows_its_place_on_request(sameair, monkeypatch):
    monkeypatch.setattr("flows.status.status_of", lambda *given: 1 / 0)
    done = sameair("status")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "ZeroDivisionError" in done.stderr
    monkeypatch.setenv("SAMEAIR_TRACEBACK", "1")
    with pytest.raises(ZeroDivisionError):
        sameair("status")


@pytest.mark.slow
def test_in_a_process_of_its_own_it_writes_only_below_the_data_folder(apart, folders):
    done = apart("status", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    shown = {"observations", "profiles", "models", "drift", "runs", "policy", "warnings"}
    assert set(json.loads(done.stdout)) == shown
    assert list((folders / "work").iterdir()) == []
    assert list((folders / "home").iterdir()) == []
    assert (folders / "data" / "ledger.sqlite").exists()


def test_a_pipe_that_closes_early_is_no_error(folders):
    words = f"'{sys.executable}' -c 'from cli.main import main; main()' settings"
    done = subprocess.run(
        ["bash", "-c", f"{words} | head -1"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.stderr == ""


@pytest.mark.slow
def test_the_demonstration_writes_nothing_outside_its_folder(apart, folders):
    done = apart("run", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    first = json.loads(done.stdout)
    assert first["warnings"][0]["state"] == "issued"
    assert list((folders / "work").iterdir()) == []
    assert list((folders / "home").iterdir()) == []
    again = apart("run", "--json")
    assert json.loads(again.stdout) == first | {"done_before": True}
    run = first["run"]
    for words in (
        f"propose {run}",
        "warnings list",
        f"warnings show {first['warnings'][0]['id']} --language ko",
        "outbox list",
        "audit verify",
        "status",
    ):
        step = apart(*words.split(), "--json")
        assert (step.returncode, step.stderr) == (0, ""), step.stderr
        assert json.loads(step.stdout)
    assert "SIMULATED" in apart("run").stdout
    text = apart("run", "--world", "simulated-5").stdout
    assert first["run"] in text


@pytest.mark.slow
def test_a_quiet_season_gives_no_warning(apart):
    quiet = apart("run", "--seed", "4", "--quiet-season", "--json")
    assert quiet.returncode == 0
    found = json.loads(quiet.stdout)
    assert found["world"] == "simulated-4-quiet"
    assert (found["episodes"], found["warnings"]) == ([], [])
    text = apart("run", "--world", "simulated-4-quiet").stdout
    assert "none was proposed; nothing was sent to anybody" in text
