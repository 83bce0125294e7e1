"""How Sphinx builds the documentation: ``nox -s docs``."""

from __future__ import annotations

import sys
from pathlib import Path

from numpydoc import xref

import cg2magic

HERE = Path(__file__).parent
# magics_reference.py stands beside this file.
sys.path.insert(0, str(HERE))

project = "cg2magic"
author = "cg2magic contributors"
version = release = cg2magic.__version__

extensions = ["magics_reference", "myst_nb", "numpydoc", "sphinx.ext.autodoc", "sphinx_copybutton"]
exclude_patterns = ["_build"]

# These have no pages below them.
html_sidebars: dict[str, list[str]] = {"index": [], "api": [], "architecture": []}
html_theme = "pydata_sphinx_theme"
html_title = "cg2magic"
html_static_path = ["_static"]
html_css_files = ["outputs.css"]
html_copy_source = html_show_sourcelink = False
html_theme_options = {"show_prev_next": False, "navigation_with_keys": False}

# Notebooks are shown with the outputs that are stored in them: store_outputs.py makes those.
nb_execution_mode = "off"
# What has HTML is shown as HTML; the terminal's text is for terminals.
nb_mime_priority_overrides = [("html", "text/html", 0)]

myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "none"
numpydoc_show_class_members = False
# Types of ours are links. Those of Python's own would need the internet.
xref.DEFAULT_LINKS.clear()
numpydoc_xref_param_type = True
numpydoc_xref_ignore = "all"
numpydoc_xref_aliases = {name: f"cg2magic.{name}" for name in cg2magic.__all__ if name[0].isupper()}
# IPython's sign for code.
default_role = "code"
# An option's two hyphens are no dash.
smartquotes = False
nitpicky = True

# Only with `nox -s docs -- --links`, since this needs the internet.
linkcheck_timeout = 20
linkcheck_ignore = [r"https?://([\w.]+\.)?example\.org"]
