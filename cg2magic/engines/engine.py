"""What the manager asks of an engine, be it in this process or elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from cg2magic.families import FORMATS, family_of
from cg2magic.formats import Prompt, encode
from cg2magic.request import Request, Suggestion
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
    """What came of a request: its candidates, and what the person should know about it."""

    suggestions: tuple[Suggestion, ...]
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
    return encode(request.parts, form, vocabulary, context - answer)


def notes_on(prompt: Prompt, context: int) -> tuple[str, ...]:
    """Tell what the person should know about a prompt."""
    if not prompt.cut:
        return ()
    return (f"prompt cut to {len(prompt.ids):,} tokens: the model's context is {context:,}",)
