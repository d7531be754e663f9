"""``sameair import-files``: what it prints, its exit codes, and its JSON."""

import json

import pytest
from typer.testing import CliRunner

from cli.main import app
from tests.ingest.published_samples import QUOTSOFT, STATEAIR

LIDAR = """
version = 1
source = "lidar"
time = { columns = ["time"], zone = "UTC", label = "end" }
height = { column = "range" }
values = [{ column = "beta", quantity = "attenuated_backscatter", unit = "Mm-1 sr-1" }]
[stations]
network = "lidar"
places = [{ id = "seoul", latitude = 37.57, longitude = 126.97, altitude = 86.0 }]
"""


@pytest.fixture
def run(tmp_path):
    def call(*arguments):
        done = CliRunner().invoke(
            app, ["import-files", *map(str, arguments), "--data-dir", str(tmp_path / "var")]
        )
        return done.exit_code, done.output

    return call


def test_exit_codes_and_what_is_printed(run, tmp_path):
    embassy, sites = tmp_path / "embassy.csv", tmp_path / "china_sites_20190303.csv"
    embassy.write_text(STATEAIR)
    sites.write_text(QUOTSOFT)
    code, output = run(embassy)
    assert code == 0
    assert "archive-stateair" in output
    code, output = run(embassy, sites)
    assert code == 3
    assert "held 10 values of 3 stations that no list has (cnemc:1001A, cnemc:1002A, cnemc:1003A)" in output
    code, output = run(sites, "--accept-unknown")
    assert code == 0
    sites.write_text(QUOTSOFT + "20190304,1,PM2.5\n")
    code, output = run(sites)
    assert code == 5
    assert "left out 1 rows or cells; first: china_sites_20190303.csv: line 8" in output


def test_a_profile_by_its_mapping_as_json(run, tmp_path):
    (tmp_path / "lidar.toml").write_text(LIDAR)
    (tmp_path / "lidar.csv").write_text("time,range,beta\n2019-03-05T01:00,500,2.5\n")
    code, output = run(tmp_path / "lidar.csv", "--mapping", tmp_path / "lidar.toml", "--json")
    assert code == 0
    found = json.loads(output)
    assert found["sources"]["files-lidar"]["written"] == 1
    assert found["files"][0]["format"] == "mapping"
    status = CliRunner().invoke(app, ["status", "--data-dir", str(tmp_path / "var"), "--json"]).output
    assert "attenuated_backscatter" in status


def test_a_wrong_mapping_stores_nothing(run, tmp_path):
    (tmp_path / "x.toml").write_text("version = 1")
    (tmp_path / "x.csv").write_text("a\n1\n")
    done = CliRunner().invoke(
        app,
        [
            "import-files",
            str(tmp_path / "x.csv"),
            "--mapping",
            str(tmp_path / "x.toml"),
            "--data-dir",
            str(tmp_path),
        ],
    )
    assert done.exit_code == 1
    assert "source: Field required" in str(done.exception)
