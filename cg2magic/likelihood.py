"""How likely a text is according to a model: `Score`."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cg2magic.errors import UsageError
from cg2magic.request import TokenLogprob

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, repr=False)
class Score:
    """The likelihood of a text, token by token.

    Nothing predicts the first token of a text. So if a model has no special token for the beginning of a
    text, the first token is left out: `tokens` starts at the second, and `logprob` is what transformers
    computes with ``labels``, ``-loss * (len(ids) - 1)``. If the tokenizer adds such a token (Llama's
    ``<s>``), the whole text is predicted.

    Attributes
    ----------
    text : str
        The scored text.
    start : str
        The text of the first token if nothing predicted it, otherwise empty.
    tokens : tuple of TokenLogprob
        Every predicted token with its log-probability in nats, given all the tokens before it. ``start`` and
        the texts of the tokens add up to the text. If a character is split over several tokens, the last one
        contains it.
    model : str
    window : int
        Number of tokens that the model read at once.
    windows : int
        Number of windows. If there are several, the text is longer than the model's context, and tokens were
        predicted from at least half a window of text before them, not from all of it.
    """

    text: str
    start: str
    tokens: tuple[TokenLogprob, ...] = field(compare=False)
    model: str
    window: int
    windows: int = 1

    @property
    def logprob(self) -> float:
        """Log-probability of the text in nats: the sum over its tokens."""
        return math.fsum(token.logprob for token in self.tokens)

    @property
    def mean_logprob(self) -> float:
        """Mean log-probability per token in nats: the negative cross-entropy."""
        return self.logprob / len(self.tokens)

    @property
    def perplexity(self) -> float:
        """``exp(-logprob / len(tokens))``: as uncertain as a choice among this many equally likely tokens."""
        return math.exp(-self.mean_logprob)

    @property
    def bits_per_byte(self) -> float:
        """``-logprob / ln 2`` over the UTF-8 bytes of the predicted text.

        Unlike perplexity, it allows comparing models with different vocabularies.
        """
        length = len(self.text.encode(errors="replace")) - len(self.start.encode())
        return -self.logprob / math.log(2) / max(1, length)

    def to_frame(self) -> pd.DataFrame:
        """Return the tokens as a table, with one row for each.

        Returns
        -------
        pandas.DataFrame
            Columns ``id``, ``text``, ``logprob`` (nats), ``probability``, ``bits`` (the surprise) and
            ``likeliest`` (the token that the model considers most likely).

        Raises
        ------
        UsageError
            If pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError:
            raise UsageError(
                "to_frame() needs pandas: pip install pandas, or use .tokens, which holds the same"
            ) from None
        columns: dict[str, list[Any]] = {
            "id": [token.id for token in self.tokens],
            "text": [token.text for token in self.tokens],
            "logprob": [token.logprob for token in self.tokens],
            "probability": [math.exp(token.logprob) for token in self.tokens],
            "bits": [-token.logprob / math.log(2) for token in self.tokens],
            "likeliest": [token.alternatives[0].text for token in self.tokens],
        }
        return pd.DataFrame(columns)

    def __repr__(self) -> str:
        return (
            f"Score({len(self.tokens)} tokens, logprob={self.logprob:.2f}, perplexity={self.perplexity:.3g}, "
            f"bits_per_byte={self.bits_per_byte:.3f})"
        )

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        from cg2magic.frontends.panel.heatmap import mimebundle

        return mimebundle(self)
