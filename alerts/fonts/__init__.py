"""Fonts of pages and charts: small subsets of Noto Sans KR and Noto Sans SC (SIL Open Font Licence 1.1).

Latin, Hangul and symbols come from the Korean face, Han and full-width signs from the Chinese one, so that a
page without any installed font still shows all three languages. ``build_subset.py`` makes the files.
"""

from __future__ import annotations

import base64
from functools import cache
from importlib import resources

FOLDER = resources.files("alerts") / "fonts"
FAMILIES = {"Sameair KR": "noto-sans-kr", "Sameair SC": "noto-sans-sc"}
WEIGHTS = (400, 600)


def font_bytes(package: str, weight: int) -> bytes:
    """Return one subset file, WOFF2.

    >>> font_bytes("noto-sans-kr", 400)[:4]
    b'wOF2'
    """
    return (FOLDER / f"{package}-{weight}-subset.woff2").read_bytes()


@cache
def font_face_css() -> str:
    """Return ``@font-face`` rules with the fonts inside, for pages that must not ask any server.

    >>> font_face_css().count("@font-face")
    4
    """
    rules = []
    for family, package in FAMILIES.items():
        for weight in WEIGHTS:
            data = base64.b64encode(font_bytes(package, weight)).decode("ascii")
            rules.append(
                f'@font-face{{font-family:"{family}";font-weight:{weight};font-style:normal;'
                f'src:url(data:font/woff2;base64,{data}) format("woff2")}}'
            )
    return "\n".join(rules)
