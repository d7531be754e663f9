"""A real cycle of the nine East Asian Clean Air Cities on a simulated world, as a user would run it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.cities import cities_of

CHOSEN = ["east-asian-clean-air-cities"]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_cycle_of_the_nine_cities(tmp_path: Path) -> None:
    environment = {**os.environ, "SAMEAIR_CITIES": json.dumps(CHOSEN), "SAMEAIR_TRACEBACK": "1"}
    command = [sys.executable, "-c", "from cli.main import main; main()", "run", "--data-dir", str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    cities = cities_of(CHOSEN)
    for one in cities.values():
        assert f"forecast   {one.name['en']}" in done.stdout, done.stdout
    (folder,) = (tmp_path / "runs").glob("*/*/*/")
    stated = {path.stem.removeprefix("statement-") for path in folder.glob("statement-*.json")}
    assert stated == {c.id for c in cities.values() if c.party}, "nobody states what nobody signs"
    alone = {c.id for c in cities.values() if not c.party}
    for cap in (tmp_path / "warnings").glob("*.cap.xml"):
        text = cap.read_text("utf-8")
        assert not any(cities[name].name["en"] in text for name in alone), "nobody would sign it"
