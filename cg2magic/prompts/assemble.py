"""Assemble the prompt of a request, with as much context as fits, and the notes to users about it."""

from __future__ import annotations

from cg2magic.prompts.budget import choose
from cg2magic.prompts.encoding import Prompt, encode
from cg2magic.prompts.families import FORMATS, family_of
from cg2magic.prompts.vocabulary import Vocabulary
from cg2magic.request import Request, Seen
from cg2magic.syntax.languages import find


def prompt_for(request: Request, vocabulary: Vocabulary, context: int) -> Prompt:
    """Write the prompt of a request, leaving room for the answer.

    Parameters
    ----------
    request : Request
    vocabulary : Vocabulary
    context : int
        Maximum number of tokens that the model can process at once.

    Raises
    ------
    FormatError
        If the model can't fill these holes, see `encoding.encode`.
    """
    # Reserve at most half of a short context: answers are hardly ever that long.
    answer = min(request.sampling.max_new_tokens * request.holes, context // 2)
    # Look this up each time: a format may be registered after the model was loaded.
    form = request.form or FORMATS[family_of(vocabulary)]
    vocabulary.steer(form.steering)
    prompt = encode(request.parts, form, vocabulary, context - answer)
    if request.context is None:
        return prompt
    whole = min(request.context.tokens, context)
    # With text before it, the prompt may need one more token.
    room = max(0, whole - answer - len(prompt.ids) - 1)
    comments = find(request.language).comments
    gap = "\n" if comments and request.parts[0].startswith(comments) else ""
    around = choose(request.context, room, whole, vocabulary.passage, gap=gap)
    # Such a tokenizer reads a text that stands alone in another way, and a single token is all that was read.
    if around.before and (vocabulary.opens_with_space or len(prompt.ids) < 2):
        prompt = encode(request.parts, form, vocabulary, context - answer, inside=True)
    return prompt.within(around)


def seen(prompt: Prompt, vocabulary: Vocabulary) -> Seen:
    """Describe what the model read, for people who want to see it."""
    around = prompt.around
    return Seen(vocabulary.spelled(prompt.ids), around.cells, around.variables, len(around))


def notes_on(request: Request, prompt: Prompt, context: int) -> tuple[str, ...]:
    """Return what users should know about a prompt."""
    notes = [request.context.note] if request.context is not None and request.context.note else []
    if prompt.cut:
        notes.append(f"prompt cut to {len(prompt.ids):,} tokens: the model's context is {context:,}")
    return tuple(notes)
