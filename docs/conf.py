"""How the pages of this folder become a site: `make site`, without a network, warnings as errors."""

import sys
from pathlib import Path

from pygments.lexers.special import TextLexer
from sphinx.highlighting import lexers

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "_site"))

project = "sameair"
project_copyright = "the authors of sameair, Apache-2.0"
extensions = ["myst_parser", "mathml", "outside_links"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_site", "images/README.md"]
root_doc = "index"
lexers["csv"] = TextLexer()

myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 6
nitpicky = True

html_theme = "furo"
html_title = "sameair"
html_math_renderer = "mathml"
html_copy_source = False
html_show_sphinx = False
html_static_path = ["_site/static"]
html_css_files = ["site.css"]
html_last_updated_fmt = None
