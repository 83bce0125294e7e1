"""What the manager asks of an engine, be it in this process or elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from cg2magic.context.budget import choose
from cg2magic.families import FORMATS, family_of
from cg2magic.formats import Prompt, encode
from cg2magic.request import Request, Seen, Suggestion
from cg2magic.vocabulary import Vocabulary

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cg2magic.call import Tell
    from cg2magic.engines.remote_model import RemoteModel
    from cg2magic.likelihood import Score
    from cg2magic.models.loading import LoadedModel

#: Gets all the candidates as they stand.
Report = Callable[[tuple[Suggestion, ...]], None]


@dataclass(frozen=True, slots=True)
class Written:
    """What came of a request: its candidates, what the model read, and what the person should know."""

    suggestions: tuple[Suggestion, ...]
    seen: Seen
    notes: tuple[str, ...] = ()


class Engine(Protocol):
    """Writes the candidates of a request."""

    @property
    def loaded(self) -> LoadedModel | RemoteModel:
        """The model it writes with."""
        ...

    def generate(
        self,
        request: Request,
        report: Report = ...,
        cancelled: Callable[[], bool] = ...,
    ) -> Written:
        """Write them; `report` is called as they grow, and `cancelled` is asked whether to stop."""
        ...

    def score(self, text: str, tell: Tell, cancelled: Callable[[], bool]) -> Score:
        """Compute how likely the model finds a text."""
        ...

    def embed(self, texts: Sequence[str], tell: Tell, cancelled: Callable[[], bool]) -> NDArray[np.float32]:
        """Compute the features of texts, ``(len(texts), width)``."""
        ...

    def close(self) -> Callable[[], object | None]:
        """Let go of the model; what is known about it stays.

        Returns
        -------
        callable
            Gives the weights, as long as somebody else still holds them.
        """
        ...


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
    around = choose(request.context, room, whole, vocabulary.passage)
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
