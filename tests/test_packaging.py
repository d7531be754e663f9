"""A wheel, installed outside the checkout, brings everything that the demonstration needs."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("pipeline", "ingest", "forecasting", "alerts", "flows", "review", "cli")

pytestmark = pytest.mark.slow


def run(command, **options):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=280, **options)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Build the wheel of what is tracked, without network and without touching the checkout."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    listed = run(["git", "ls-files", "-z"], cwd=ROOT).split("\0")
    for name in filter(None, listed):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, source / name)
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", out, source]
    run([sys.executable, "-m", "pip", "wheel", "-q", *options])
    (made,) = out.glob("sameair-*.whl")
    return made


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """Install the wheel into a folder of its own, where the checkout is out of sight; returns the program.

    Dependencies come from this environment; a path file of the checkout is not followed there.
    """
    folder = tmp_path_factory.mktemp("installed")
    options = ["--no-deps", "--no-index", "--target", folder / "site", wheel]
    run([sys.executable, "-m", "pip", "install", "-q", *options])
    dependencies = next(p for p in map(Path, sys.path) if (p / "prefect").is_dir())
    program = folder / "start.py"
    program.write_text(
        "import sys\n"
        f"sys.path[:0] = [{str(folder / 'site')!r}, {str(dependencies)!r}]\n"
        "from cli.main import main\n"
        "main()\n"
    )
    keep = {k: v for k, v in os.environ.items() if not k.startswith(("SAMEAIR_", "PREFECT_", "PYTHONPATH"))}

    def sameair(*words):
        command = [sys.executable, "-I", "-S", program, *words]
        return run(command, cwd=folder, env={**keep, "HOME": str(folder)})

    return sameair


def test_the_wheel_holds_the_packages_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.split("/")[0] for name in names}
    assert tops == {*PACKAGES, *(t for t in tops if t.endswith(".dist-info"))}
    assert any(name.endswith(".woff2") or name.endswith(".ttf") for name in names)
    assert {"CAP-v1.2.xsd", "bulletin.html.j2", "policy.toml"} <= {name.split("/")[-1] for name in names}
    assert any(".dist-info" in name and "LICENSE" in name for name in names)


def test_the_installed_program_lists_its_commands(installed):
    text = installed("--help")
    for command in ("run", "import-archive", "hindcast", "replay", "warnings", "audit", "status", "review"):
        assert f"  {command} " in text


def test_the_installed_program_runs_the_demonstration(installed, tmp_path):
    found = json.loads(installed("run", "--data-dir", str(tmp_path / "var"), "--json"))
    assert found["simulated"] is True
    (warning,) = found["warnings"]
    assert (warning["state"], warning["product"]) == ("issued", "joint_warning")
    page = Path(found["products"]["bulletin"]).read_text("utf-8")
    assert "@font-face" in page
    assert "<svg" in page
    assert Path(warning["cap"]).is_file()
    assert len(list((tmp_path / "var" / "outbox").glob("*.eml"))) == len(warning["sent"])
    again = json.loads(installed("run", "--data-dir", str(tmp_path / "var"), "--json"))
    assert again == found | {"done_before": True}
