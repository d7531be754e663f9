"""Equations as MathML, which browsers draw by themselves: no script and no font from elsewhere."""

from __future__ import annotations

from html import escape
from typing import Any

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx


def mathml_of(text: str, display: str) -> str:
    """Return an equation in LaTeX as MathML; ``display`` is inline or block.

    >>> mathml_of("x^2", "inline").startswith("<math")
    True
    """
    return convert(text, display=display)


def _inline(self: Any, node: nodes.math) -> None:
    self.body.append(mathml_of(node.astext(), "inline"))
    raise nodes.SkipNode


def _block(self: Any, node: nodes.math_block) -> None:
    number = node.get("number")
    label = f'<span class="equation-number">({escape(str(number))})</span>' if number else ""
    self.body.append(f'<div class="equation">{mathml_of(node.astext(), "block")}{label}</div>\n')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the renderer under the name ``mathml``."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
