"""Write prefect.yaml from the timetable; run by `make docs`."""

from __future__ import annotations

from pathlib import Path

from flows.starts import prefect_file

TARGET = Path(__file__).parents[1] / "prefect.yaml"

if __name__ == "__main__":
    TARGET.write_text(prefect_file(), "utf-8")
