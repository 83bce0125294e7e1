"""Suggestions in the cell while somebody types: ghost text.

A page sends an `Ask` over a `Channel`; the `Writer` lets the resident model answer the newest question, and
`shown` decides how much of an answer is worth showing. The page's side is in `labextension/`. When a cell
waits for its suggestion, `Pages` asks for the document over the same channel.
"""

from cg2magic.frontends.inline.switch import Switch

__all__ = ["Switch"]
