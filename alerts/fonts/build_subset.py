"""Make the subset fonts from the pinned packages: the characters of the repository's own texts and some more.

The Korean face holds the 2,350 syllables of KS X 1001, so that any ordinary text is covered; the Chinese face
holds ``common_characters.txt`` (frequent characters, place and station names, words of air quality).
Run by ``make fonts`` after a text has gained a new character; needs npm (for the two packages) and brotli.
The packages are Noto Sans KR and SC as cut into slices by Fontsource; the slices are subset and merged again.
"""

from __future__ import annotations

import base64
import hashlib
import io
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable
from pathlib import Path

from fontTools import merge, subset  # type: ignore[import-untyped]
from fontTools.ttLib import TTFont  # type: ignore[import-untyped]

from alerts.fonts import FAMILIES, WEIGHTS
from pipeline.errors import SourceError

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
VERSION = "5.3.0"
SHA512 = {
    "noto-sans-kr": "/JnpTjaCOXW7xUoqOyCVYSr05VOkDy5Yla9O+WAEiS7u+yYLsmHoqj6v"
    "1W0bf91G8G3XA2+NnRS3CX2Tf/FVZg==",
    "noto-sans-sc": "HeqIlGm0+ohOKxZLuHj1qW6r6avHH0OWdKERAcSDI0RQ+MXrteuLKA+M"
    "+5eOA8rYy0MFvOR5AT0fQo2rUkye0Q==",
}
TIMESTAMP = 1_767_225_600 + 2_082_844_800
"""2026-01-01 in seconds since 1904, so that the same texts give the same bytes."""
TEXT_FOLDERS = ("alerts", "pipeline", "ingest", "forecasting", "flows", "review", "cli")
TEXT_SUFFIXES = {".py", ".toml", ".j2", ".txt", ".html", ".css", ".md", ".json", ".csv"}
LATIN = "".join(map(chr, [*range(0x20, 0x7F), *range(0xA0, 0x100)]))
ALWAYS = LATIN + "–—‘’“”…′″→←↑↓↗↘·•×±≤≥≠≈−µμ²³※▲▼◆■□●○△▽◇★☆℃№"


def ks_x_1001() -> set[str]:
    """Return the 2,350 Hangul syllables of KS X 1001.

    >>> len(ks_x_1001())
    2350
    """
    rows = (bytes([high, low]) for high in range(0xB0, 0xC9) for low in range(0xA1, 0xFF))
    return {pair.decode("euc_kr") for pair in rows}


def repository_characters(root: Path = ROOT) -> set[str]:
    """Return every printable non-ASCII character that a text file of the packages holds."""
    found: set[str] = set()
    for folder in TEXT_FOLDERS:
        for file in (root / folder).rglob("*"):
            if file.suffix in TEXT_SUFFIXES and "__pycache__" not in file.parts:
                found |= set(file.read_text("utf-8"))
    return {c for c in found if c.isprintable() and ord(c) > 0x7F}


def is_han(character: str) -> bool:
    """Tell whether the Chinese face draws this character: Han, CJK punctuation, full-width forms.

    >>> [is_han(c) for c in "北，한a"]
    [True, True, False, False]
    """
    code = ord(character)
    return 0x2E80 <= code <= 0x303F or 0x3400 <= code <= 0x9FFF or 0xF900 <= code <= 0xFAFF or code >= 0xFF00


def share_out(characters: Iterable[str]) -> dict[str, set[str]]:
    """Divide characters between the two faces; quotation marks go to both, as their width differs."""
    wanted = set(characters) | set(ALWAYS) | ks_x_1001()
    han = {c for c in wanted if is_han(c)}
    return {"noto-sans-kr": wanted - han, "noto-sans-sc": han | set("“”‘’…—")}


def fetch(package: str, folder: Path) -> Path:
    """Download the pinned package with npm, check its digest and unpack its woff2 slices and licence."""
    command = ["npm", "pack", "--silent", f"@fontsource/{package}@{VERSION}"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=600)  # noqa: S603
    archive = folder / f"fontsource-{package}-{VERSION}.tgz"
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode("ascii")
    if digest != SHA512[package]:
        raise SourceError(package, f"the package's digest is {digest}", remedy="check the pinned version")
    with tarfile.open(archive) as tar:
        tar.extractall(folder / package, filter="data")
    return folder / package / "package"


def slices(package_dir: Path, package: str, weight: int, wanted: set[str]) -> list[tuple[Path, set[str]]]:
    """Return the slice files of one weight that hold wanted characters, each character once, Latin first."""
    css = (package_dir / f"{weight}.css").read_text("utf-8")
    pattern = re.compile(rf"files/({package}-[\w-]+?-{weight}-normal\.woff2).*?unicode-range:([^;}}]+)", re.S)
    found, left = [], set(wanted)
    for name, ranges in sorted(pattern.findall(css), key=lambda pair: "-latin-" not in pair[0]):
        claimed = {chr(c) for part in ranges.split(",") for c in _code_range(part.strip())}
        path = package_dir / "files" / name
        if left & claimed and (here := left & {chr(c) for c in TTFont(path).getBestCmap()}):
            found.append((path, here))
            left -= here
    return found


def _code_range(text: str) -> range:
    low, _, high = text.removeprefix("U+").partition("-")
    return range(int(low, 16), int(high or low, 16) + 1)


def build_face(parts: list[tuple[Path, set[str]]], folder: Path) -> bytes:
    """Subset every slice to its characters, merge them, and return WOFF2 bytes."""
    options = subset.Options(layout_features=["kern", "mark", "mkmk", "ccmp", "tnum"], hinting=False)
    options.name_IDs = [0, 1, 2, 13, 14]
    options.notdef_outline = True
    options.drop_tables = ["GSUB", "GDEF", "vhea", "vmtx", "VORG", "BASE", "STAT"]
    files = []
    for number, (path, characters) in enumerate(parts):
        font = TTFont(path)
        small = subset.Subsetter(options)
        small.populate(text="".join(sorted(characters)))
        small.subset(font)
        font.flavor = None
        files.append(folder / f"part{number}.ttf")
        font.save(files[-1])
    whole = merge.Merger().merge([str(f) for f in files])
    whole.recalcTimestamp = False
    whole["head"].created = whole["head"].modified = TIMESTAMP
    whole.flavor = "woff2"
    out = io.BytesIO()
    whole.save(out)
    return out.getvalue()


def main() -> int:
    """Write the four subset files and the licence beside this script."""
    faces = share_out(repository_characters())
    with tempfile.TemporaryDirectory() as scratch:
        for package in FAMILIES.values():
            package_dir = fetch(package, Path(scratch))
            for weight in WEIGHTS:
                parts = slices(package_dir, package, weight, faces[package])
                data = build_face(parts, Path(scratch))
                target = HERE / f"{package}-{weight}-subset.woff2"
                target.write_bytes(data)
                held = {chr(code) for code in TTFont(target).getBestCmap()}
                lacking = sorted(faces[package] - held)
                sys.stdout.write(f"{target.name}: {len(data) / 1000:.0f} kB, lacks {lacking}\n")
            (HERE / f"OFL-{package}.txt").write_bytes((package_dir / "LICENSE").read_bytes())
    return 0


if __name__ == "__main__":
    sys.exit(main())
