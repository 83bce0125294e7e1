"""The prompt of a request: what of its surroundings fits, and what a person should know about it."""

from __future__ import annotations

from cg2magic.prompts.budget import choose
from cg2magic.prompts.encoding import Prompt, encode
from cg2magic.prompts.families import FORMATS, family_of
from cg2magic.prompts.vocabulary import Vocabulary
from cg2magic.request import Request, Seen
from cg2magic.syntax.languages import find


def prompt_for(request: Request, vocabulary: Vocabulary, context: int) -> Prompt:
    """Write a request's prompt, with room left for its answer.

    Parameters
    ----------
    request : Request
    vocabulary : Vocabulary
    context : int
        The most tokens the model can see at once.

    Raises
    ------
    FormatError
        If the model can't do what is asked, see `formats.encode`.
    """
    # A short context is not given away to an answer that hardly ever becomes so long.
    answer = min(request.sampling.max_new_tokens * request.holes, context // 2)
    # Asked each time: a format may be registered while the model is loaded.
    form = request.form or FORMATS[family_of(vocabulary)]
    vocabulary.steer(form.steering)
    prompt = encode(request.parts, form, vocabulary, context - answer)
    if request.context is None:
        return prompt
    whole = min(request.context.tokens, context)
    # One token may be needed more where text comes before the prompt.
    room = max(0, whole - answer - len(prompt.ids) - 1)
    comments = find(request.language).comments
    gap = "\n" if comments and request.parts[0].startswith(comments) else ""
    around = choose(request.context, room, whole, vocabulary.passage, gap=gap)
    if around.before:
        prompt = encode(request.parts, form, vocabulary, context - answer, inside=True)
    return prompt.within(around)


def seen(prompt: Prompt, vocabulary: Vocabulary) -> Seen:
    """Tell what the model read, for people who want to look."""
    around = prompt.around
    return Seen(vocabulary.spelled(prompt.ids), around.cells, around.variables, len(around))


def notes_on(request: Request, prompt: Prompt, context: int) -> tuple[str, ...]:
    """Tell what the person should know about a prompt."""
    notes = [request.context.note] if request.context is not None and request.context.note else []
    if prompt.cut:
        notes.append(f"prompt cut to {len(prompt.ids):,} tokens: the model's context is {context:,}")
    return tuple(notes)
