"""Write docs/glossary.md from alerts/glossary.toml; run by `make docs`."""

from __future__ import annotations

from pathlib import Path

from alerts.glossary import glossary_page

TARGET = Path(__file__).with_name("glossary.md")

if __name__ == "__main__":
    TARGET.write_text(glossary_page(), "utf-8")
