"""A scored text as a heat map: HTML that needs neither a kernel nor a script, and plain text.

Each token is the label of a radio button, so that Tab enters the map once and the arrow keys move between the
tokens. If a notebook is not trusted, JupyterLab removes the style sheet, and with it the rules that make the
buttons appear; a token's own attributes remain: its colour, its underline and its tooltip.
"""

from __future__ import annotations

import uuid
from functools import cache
from html import escape
from typing import TYPE_CHECKING

from cg2magic.frontends.panel.heat import LEVEL_NAMES, LOOKS, Cell, cells, described
from cg2magic.frontends.panel.render import STATIC
from cg2magic.frontends.visible import visible

if TYPE_CHECKING:
    from cg2magic.likelihood import Score

_HINT = "Point at a token, or move with the arrow keys, to see its probability and what else was likely."
#: Keeps keys pressed here from the notebook: Lumino looks for this on the focused element and its parents.
_OWN_KEYS = "data-lm-suppress-shortcuts"
#: The levels under a line of plain text.
_MARKS = " .-~=#"


@cache
def _style_sheet() -> str:
    return "\n".join((STATIC / name).read_text(encoding="utf-8") for name in ("card.css", "heat.css"))


def _look(level: int) -> str:
    return f' style="{LOOKS[level]}"' if level else ""


def _token(cell: Cell, group: str) -> str:
    text = escape(visible(cell.text))
    # A line break can't be seen; the style sheet draws it.
    kind = "cg2-token cg2-break" if cell.text.startswith("\n") else "cg2-token"
    return (
        f'<label class="{kind}" title="{escape(described(cell))}">'
        f'<input type="radio" name="{group}" hidden="hidden" {_OWN_KEYS}>'
        f"<span{_look(cell.level)}>{text}</span></label>"
    )


def summary(score: Score) -> list[str]:
    """List the figures of a score, and how the text was read."""
    said = [
        f"{len(score.tokens):,} tokens",
        f"logprob {score.logprob:.2f}".replace("-", "−"),
        f"mean {score.mean_logprob:.2f}".replace("-", "−"),
        f"perplexity {score.perplexity:,.2f}",
        f"{score.bits_per_byte:.2f} bits per byte",
    ]
    if score.windows > 1:
        said.append(f"read in {score.windows} windows of {score.window:,} tokens that overlap by half")
    return said


def render_html(score: Score) -> str:
    """Draw the map: self-contained, in JupyterLab's colours if there are any."""
    group = f"cg2-{uuid.uuid4().hex[:12]}"
    first = f'<span title="nothing predicts the first token">{escape(visible(score.start))}</span>'
    code = "".join(_token(cell, group) for cell in cells(score.tokens))
    legend = "".join(f"<span{_look(level)}> {name} </span> " for level, name in enumerate(LEVEL_NAMES))
    return (
        f'<div class="cg2 cg2-scored"><style>{_style_sheet()}</style>'
        f'<div class="cg2-head"><span class="cg2-model">{escape(score.model)}</span> '
        f'<span class="cg2-status">{escape(" · ".join(summary(score)))}</span></div>'
        f'<pre class="cg2-code">{first}{code}</pre>'
        f'<div class="cg2-told">{_HINT}</div>'
        f'<div class="cg2-legend">probability: {legend}</div></div>'
    )


def render_text(score: Score) -> str:
    """Write the text with a mark under each character that surprised the model."""
    line, marks, lines = "", "", []

    def end_line() -> None:
        lines.append(line)
        if marks.strip():
            lines.append(marks.rstrip())

    pieces = [(score.start, 0), *((cell.text, cell.level) for cell in cells(score.tokens))]
    for text, level in pieces:
        for i, part in enumerate(visible(text).split("\n")):
            if i:
                # The surprising token may be the line break itself.
                marks += _MARKS[level] if i == 1 else ""
                end_line()
                line, marks = "", ""
            line += part
            marks += "".join("\t" if c == "\t" else _MARKS[level] for c in part)
    end_line()
    legend = ", ".join(
        f"{mark.strip() or 'no mark'} {name}" for mark, name in zip(_MARKS, LEVEL_NAMES, strict=True)
    )
    return "\n".join([" · ".join([score.model, *summary(score)]), *lines, f"probability: {legend}"])


def mimebundle(score: Score) -> dict[str, str]:
    """Return both forms, as in a notebook's output."""
    return {"text/plain": render_text(score), "text/html": render_html(score)}
