"""How Sphinx builds the documentation: ``nox -s docs``."""

from __future__ import annotations

import sys
from pathlib import Path

import cg2magic

HERE = Path(__file__).parent
# magics_reference.py stands beside this file.
sys.path.insert(0, str(HERE))

project = "cg2magic"
author = "cg2magic contributors"
version = release = cg2magic.__version__

extensions = ["magics_reference", "myst_nb", "numpydoc", "sphinx.ext.autodoc", "sphinx_copybutton"]
exclude_patterns = ["_build"]

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
numpydoc_xref_param_type = False

# Names that the docstrings mention and that no page here describes.
nitpicky = True
nitpick_ignore_regex: list[tuple[str, str]] = []
default_role = "code"

# Only with `nox -s docs -- --links`, since this needs the internet.
linkcheck_timeout = 20
linkcheck_ignore = [r"https?://([\w.]+\.)?example\.org"]
