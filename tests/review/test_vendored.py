"""What others wrote and we carry: whole, unaltered, with its licence, and asking nobody."""

import hashlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = (ROOT / "review/static/vendor", ROOT / "tests/vendor/axe")


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda f: f.name)
def test_every_carried_file_has_the_digest_that_is_noted(folder):
    lines = (folder / "SHA256SUMS.txt").read_text("utf-8").splitlines()
    noted = {name: digest for digest, name in (line.split() for line in lines)}
    there = {f.relative_to(folder).as_posix(): f for f in folder.rglob("*") if f.is_file()}
    del there["SHA256SUMS.txt"]
    assert noted == {name: hashlib.sha256(f.read_bytes()).hexdigest() for name, f in there.items()}


def test_each_work_has_its_licence_and_is_named_in_the_notice():
    notice = (ROOT / "NOTICE").read_text("utf-8")
    works = [f for f in FOLDERS[0].iterdir() if f.is_dir()] + [FOLDERS[1]]
    assert {f.name for f in works} == {"uplot", "leaflet", "axe"}
    for work in works:
        assert (work / "LICENSE").is_file()
        assert work.relative_to(ROOT).as_posix() + "/" in notice


def test_own_scripts_and_styles_name_no_other_host():
    own = [
        f
        for f in (ROOT / "review/static").rglob("*")
        if f.suffix in (".js", ".css") and "vendor" not in f.parts
    ]
    assert len(own) > 3
    for file in own:
        named = set(re.findall(r"https?://[^/\"' ]+", file.read_text("utf-8")))
        assert named <= {"http://www.w3.org"}, file
