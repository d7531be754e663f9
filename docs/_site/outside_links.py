"""Links to files of the repository that are no pages (code, tables, the licence) become plain names of files.

Readers of the Markdown follow them; the site holds no address of a repository.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform


class OutsideLinks(SphinxTransform):
    """Replace references that leave the folder of pages by the path from the repository's root."""

    default_priority = 5

    def apply(self, **kwargs: Any) -> None:
        """Go through the document's unresolved references."""
        here = Path(self.env.doc2path(self.env.docname)).parent
        pages = Path(self.env.srcdir).resolve()
        for kind in (addnodes.pending_xref, addnodes.download_reference):
            for link in list(self.document.findall(kind)):
                target = str(link.get("reftarget", "")).partition("#")[0]
                found = (here / target).resolve()
                leaves = not found.is_relative_to(pages) or (found.suffix not in ("", ".md"))
                if target and found.exists() and leaves:
                    link.replace_self(_named(link, found, pages.parent))


def _named(link: nodes.Element, found: Path, root: Path) -> list[nodes.Node]:
    """Return the words of a link, with the file's path where they do not say it already."""
    path = found.relative_to(root).as_posix()
    words = link.astext()
    kept = [child.deepcopy() for child in link.children]
    return kept if path in words else [*kept, nodes.Text(" ("), nodes.literal(path, path), nodes.Text(")")]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the transform."""
    app.add_transform(OutsideLinks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
