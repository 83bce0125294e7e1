"""How likely a model finds a text: the noun `Score`."""

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
    """A text's likelihood, token by token.

    Nothing predicts the first token of a text, so for a model that has no token for "here begins a text"
    that one is left out: `tokens` starts at the second, and `logprob` is what transformers computes with
    ``labels``, ``-loss * (len(ids) - 1)``. Where the tokenizer itself puts such a token first (Llama's
    ``<s>``), all of the text is predicted.

    Attributes
    ----------
    text : str
        What was scored.
    start : str
        The text of the first token where nothing predicted it, else empty.
    tokens : tuple of TokenLogprob
        Every predicted token with its log-probability in nats, given all the tokens before it. ``start`` and
        the texts of the tokens add up to the text; a character of several tokens is in the last of them.
    model : str
    window : int
        Tokens that the model saw at once.
    windows : int
        How many it took; above 1, the text is longer than the model's context, and a token was predicted from
        at least half a window before it instead of from everything.
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
        """Mean per token, in nats; the negative of the cross-entropy."""
        return self.logprob / len(self.tokens)

    @property
    def perplexity(self) -> float:
        """``exp(-logprob / len(tokens))``: among how many equally likely tokens it was a guess."""
        return math.exp(-self.mean_logprob)

    @property
    def bits_per_byte(self) -> float:
        """``-logprob / ln 2`` over the UTF-8 bytes of the predicted text.

        Unlike perplexity, models with different vocabularies can be compared by it.
        """
        length = len(self.text.encode(errors="replace")) - len(self.start.encode())
        return -self.logprob / math.log(2) / max(1, length)

    def to_frame(self) -> pd.DataFrame:
        """Give the tokens as a table, one row each.

        Returns
        -------
        pandas.DataFrame
            Columns ``id``, ``text``, ``logprob`` (nats), ``probability``, ``bits`` (the surprise) and
            ``likeliest`` (the token the model would have bet on).

        Raises
        ------
        UsageError
            Without pandas.
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
