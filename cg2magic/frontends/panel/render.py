"""The static panel, for places without widgets: as HTML for the stored notebook, and as plain text."""

from __future__ import annotations

from functools import cache
from html import escape
from itertools import groupby
from pathlib import Path

from cg2magic.frontends import status_text
from cg2magic.frontends.visible import UNKNOWN, Segment, line_classes, lines, looked_at, visible
from cg2magic.request import Suggestion
from cg2magic.service.job import Snapshot

STATIC = Path(__file__).parent / "static"

#: What is said of a name that is not there; the live panel says the same.
NOT_FOUND = "not found in this kernel"

#: What is in the notebook now, or not wanted: of such a suggestion one line is enough, as in the live panel.
_USED = frozenset(("inserted below", "replaced", "dismissed"))

# In plain text, at the left of each line: whether the model wrote something in it.
_BAR, _NO_BAR = "▌ ", "  "


@cache
def _style() -> str:
    return (STATIC / "card.css").read_text(encoding="utf-8")


def _segment(segment: Segment) -> str:
    text = escape(visible(segment.text))
    title = f' title="{NOT_FOUND}"' if UNKNOWN in segment.style else ""
    return f'<span class="{segment.style}"{title}>{text}</span>' if segment.style else text


def _line(line: list[Segment]) -> str:
    by_author = groupby(line, key=lambda segment: segment.written)
    texts = ((written, "".join(map(_segment, segments))) for written, segments in by_author)
    return "".join(f"<mark>{text}</mark>" if written and text else text for written, text in texts)


def _code(suggestion: Suggestion, language: str) -> str:
    all_lines = looked_at(lines(suggestion, language))
    drawn = "".join(f'<span class="{line_classes(line)}">{_line(line)}\n</span>' for line in all_lines)
    return f'<pre class="cg2-code">{drawn}</pre>'


def render_html(snapshot: Snapshot, candidate: int = 0, outcome: str = "") -> str:
    """Draw the static panel, without buttons: self-contained, in the colours of JupyterLab's theme if any.

    Parameters
    ----------
    snapshot : Snapshot
    candidate : int
        The candidate that is shown open; the others are folded below it.
    outcome : str
        What became of it, such as ``"inserted below"``; the panel of a used one is folded.
    """
    suggestions = snapshot.suggestions
    several = len(suggestions) > 1
    status = [status_text.status(snapshot)]
    body = []
    if suggestions:
        status.append(status_text.verdict(snapshot, candidate))
        body.append(_code(suggestions[candidate], snapshot.request.language))
    status.append(outcome)
    if snapshot.error:
        body.insert(0, f'<p class="cg2-error">{escape(visible(snapshot.error))}</p>')
    for i, suggestion in enumerate(suggestions):
        if i != candidate:
            title = " · ".join(filter(None, (f"candidate {i + 1}", status_text.verdict(snapshot, i))))
            code = _code(suggestion, snapshot.request.language)
            body.append(f'<details class="cg2-other"><summary>{escape(title)}</summary>{code}</details>')
    if snapshot.seen is not None and snapshot.seen.tokens:
        prompt = escape(visible(snapshot.seen.text))
        code = f'<pre class="cg2-code cg2-prompt">{prompt}</pre>'
        body.append(f'<details class="cg2-other"><summary>Prompt</summary>{code}</details>')
    about = " · ".join(
        filter(None, (status_text.about(snapshot), f"candidate {candidate + 1}" if several else ""))
    )
    head = (
        f'<span class="cg2-model">{escape(snapshot.model or "cg2magic")}</span> '
        f'<span class="cg2-about">{escape(about)}</span> '
        f'<span class="cg2-status">{escape(" · ".join(filter(None, status)))}</span>'
    )
    if outcome in _USED:
        card = (
            f'<details class="cg2-used"><summary class="cg2-head">{head}</summary>{"".join(body)}</details>'
        )
    else:
        card = f'<div class="cg2-head">{head}</div>{"".join(body)}'
    return f'<div class="cg2 cg2-saved"><style>{_style()}</style>{card}</div>'


def render_text(snapshot: Snapshot) -> str:
    """Write the panel as plain text: the whole code, with a bar left of the lines the model wrote in."""
    head = [snapshot.model or "cg2magic", status_text.about(snapshot), status_text.status(snapshot)]
    suggestions = snapshot.suggestions
    if len(suggestions) == 1:
        head.append(status_text.verdict(snapshot, 0))
    blocks = [" · ".join(filter(None, head))]
    if snapshot.error:
        blocks.append(visible(snapshot.error))
    for i, suggestion in enumerate(suggestions):
        if len(suggestions) > 1:
            blocks.append(" · ".join(filter(None, (f"── {i + 1}", status_text.verdict(snapshot, i)))))
        for line in looked_at(lines(suggestion, snapshot.request.language)):
            bar = _BAR if any(segment.written for segment in line) else _NO_BAR
            blocks.append((bar + visible("".join(segment.text for segment in line))).rstrip())
    return "\n".join(blocks)


def mimebundle(snapshot: Snapshot, candidate: int = 0, outcome: str = "") -> dict[str, str]:
    """Return both forms, as in a notebook's output."""
    return {"text/plain": render_text(snapshot), "text/html": render_html(snapshot, candidate, outcome)}


def hinted(bundle: dict[str, str]) -> dict[str, str]:
    """Add to a static panel why it has no buttons, for a page that can't draw the live one."""
    return _with_hint(
        bundle,
        "To show the panel with its buttons, Jupyter itself needs the packages anywidget and ipywidgets: "
        "pip install anywidget ipywidgets where it runs, and reload the page. %cg2 accept inserts the "
        "suggestion.",
    )


def acceptable(bundle: dict[str, str]) -> dict[str, str]:
    """Add to a static panel how to take what the model wrote, for a console, which has no buttons at all."""
    if _BAR not in bundle["text/plain"]:
        return bundle
    return _with_hint(bundle, "%cg2 accept puts it into the next prompt.")


def _with_hint(bundle: dict[str, str], hint: str) -> dict[str, str]:
    html = bundle["text/html"].removesuffix("</div>") + f'<p class="cg2-about">{hint}</p></div>'
    return {"text/plain": f"{bundle['text/plain']}\n\n{hint}", "text/html": html}


def display_static(snapshot: Snapshot) -> None:
    """Show a finished job in the running cell's output, for clients where nobody can press a button."""
    from IPython.display import display

    display(mimebundle(snapshot), raw=True)
