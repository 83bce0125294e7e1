"""Suggestions in the cell while somebody types: ghost text.

A page asks over a `Channel`, with an `Ask`; the `Writer` lets the resident model answer the newest
question, and `shown` decides how much of an answer is worth showing. The page's side is in `labextension/`.
`Pages` asks over the same channel for the document, for a cell that waits for its suggestion.
"""

from cg2magic.frontends.inline.switch import Switch

__all__ = ["Switch"]
