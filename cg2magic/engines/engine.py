"""What the manager asks of an engine, be it in this process or elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from cg2magic.engines.written import Report, Written
from cg2magic.progress import Watch
from cg2magic.request import Request

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cg2magic.engines.remote.model import RemoteModel
    from cg2magic.likelihood import Score
    from cg2magic.models.loading import LoadedModel


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

    def score(self, text: str, watch: Watch) -> Score:
        """Compute how likely the model finds a text."""
        ...

    def embed(self, texts: Sequence[str], watch: Watch) -> NDArray[np.float32]:
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
