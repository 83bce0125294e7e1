"""The interface of an engine, whether it runs in this process or on a server."""

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
    """Generates the candidates of a request."""

    @property
    def loaded(self) -> LoadedModel | RemoteModel:
        """The model it uses."""
        ...

    def generate(
        self,
        request: Request,
        report: Report = ...,
        cancelled: Callable[[], bool] = ...,
    ) -> Written:
        """Generate them; call `report` as they grow, and `cancelled` to find out whether to stop."""
        ...

    def score(self, text: str, watch: Watch) -> Score:
        """Compute how likely the model finds a text."""
        ...

    def embed(self, texts: Sequence[str], watch: Watch) -> NDArray[np.float32]:
        """Compute the features of texts, ``(len(texts), width)``."""
        ...

    def close(self) -> Callable[[], object | None]:
        """Release the model; keep the information about it.

        Returns
        -------
        callable
            Returns the weights, as long as something else still refers to them.
        """
        ...
