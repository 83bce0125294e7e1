"""Score an existing text: the log-probabilities of its tokens, and its features.

The logits of a long text would not fit into memory (tokens times vocabulary size). So we process it in
pieces, each with the KV cache of the ones before, and keep the logits of the actual and the likeliest tokens
only.

Shapes: S is the tokens of a piece, V the vocabulary size of the model, B the batch size, L the longest text
in a batch, W the width of the model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from cg2magic.errors import GenerationError, UsageError
from cg2magic.likelihood import Score
from cg2magic.models.threads import threads_for
from cg2magic.progress import Progress, Watch
from cg2magic.prompts.vocabulary import Vocabulary
from cg2magic.request import TokenLogprob

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    from cg2magic.engines.local.forward import Cache, Forward
    from cg2magic.models.loading import LoadedModel

#: Tokens in a piece: with a vocabulary size of 51,200, their logits take 26 MB in float32.
_PIECE = 128
_ALTERNATIVES = 5
#: Maximum number of tokens per pass when computing features, and per window of a text.
_BATCH, _WINDOW = 4096, 2048


def score(
    text: str,
    loaded: LoadedModel,
    vocabulary: Vocabulary,
    forward: Forward,
    new_cache: Callable[[], Cache],
    watch: Watch,
) -> Score:
    """Compute the log-probability of each token of a text, given the tokens before it.

    Raises
    ------
    UsageError
        If there is nothing to predict.
    GenerationError
        If it was cancelled.
    """
    import torch

    text = text.encode(errors="replace").decode()
    opening = vocabulary.opening
    ids = [*opening, *vocabulary.encode(text)]
    if len(ids) < 2:
        raise UsageError("the text to score is a single token with nothing before it: add more text")
    spans = list(windows(len(ids), loaded.context))
    tokens: list[TokenLogprob] = []
    with threads_for(loaded.parameters), torch.inference_mode():
        for begin, first, end in spans:
            cache = new_cache()
            for at, size in _pieces(begin, first, end):
                if watch.cancelled():
                    raise GenerationError("the scoring was stopped")
                piece = torch.tensor([ids[at : at + size]], device=loaded.model.device)  # [1, S]
                # Where the window overlaps the one before, we need only the KV cache.
                wanted = size if at + 1 >= first else 1
                logits = forward(piece, cache, keep=wanted)[0]  # [S, V], or [1, V]
                if at + 1 >= first:
                    tokens += _chosen(logits, ids[at + 1 : at + 1 + size], vocabulary)
                    watch.send(Progress(at + size, len(ids), "tokens", "scoring"))
    texts = vocabulary.texts(ids)[len(opening) :]
    start = "" if opening else texts.pop(0)
    tokens = [
        TokenLogprob(t.id, piece, t.logprob, t.alternatives) for t, piece in zip(tokens, texts, strict=True)
    ]
    return Score(text, start, tuple(tokens), loaded.name, min(loaded.context, len(ids)), len(spans))


def windows(length: int, window: int) -> Iterator[tuple[int, int, int]]:
    """Split a text of `length` tokens into windows that overlap by half.

    Yields
    ------
    begin, first, end : int
        The model reads the tokens ``begin`` to ``end``, and predicts those from ``first`` on.
    """
    begin, first = 0, 1
    while True:
        end = min(length, begin + window)
        yield begin, first, end
        if end == length:
            return
        # Continue with the token at `end`; the model reads at least half a window before it.
        begin, first = end - window // 2, end


def _pieces(begin: int, first: int, end: int) -> Iterator[tuple[int, int]]:
    """Cut a window into pieces, ``(start, size)``; one starts at the token that predicts `first`.

    The last token predicts nothing in this window and is not fed.
    """
    for start, stop in ((begin, first - 1), (first - 1, end - 1)):
        for at in range(start, stop, _PIECE):
            yield at, min(_PIECE, stop - at)


def _chosen(logits: torch.Tensor, ids: Sequence[int], vocabulary: Vocabulary) -> list[TokenLogprob]:
    """Return the log-probabilities of the actual and the likeliest tokens from logits ``[S, V]``."""
    import torch

    # Over the checkpoint's whole vocabulary, trained or not, like the loss.
    logprobs = logits.float().log_softmax(-1)  # [S, V]
    # [S, V] -> [S]
    own = logprobs.gather(1, torch.tensor(ids, device=logits.device)[:, None])[:, 0].tolist()
    # [S, _ALTERNATIVES] each
    best, best_ids = (each.tolist() for each in logprobs[:, : len(vocabulary)].topk(_ALTERNATIVES))
    return [
        TokenLogprob(
            i,
            "",
            logprob,
            tuple(TokenLogprob(j, vocabulary.text(j), p) for j, p in zip(others, ps, strict=True)),
        )
        for i, logprob, others, ps in zip(ids, own, best_ids, best, strict=True)
    ]


def embed(
    texts: Sequence[str],
    loaded: LoadedModel,
    vocabulary: Vocabulary,
    watch: Watch,
) -> NDArray[np.float32]:
    """Compute the mean of the last hidden states of each text, ``(len(texts), width)``.

    Texts of similar length share a batch, padded on the right. A token does not attend to the tokens on its
    right, so padding changes nothing, and it is left out of the mean. A text longer than a window (the
    model's context, 2,048 tokens at most) is read window by window, and the mean is over all its tokens.
    """
    import numpy as np
    import torch

    opening = vocabulary.opening
    window = min(loaded.context, _WINDOW) - len(opening)
    inputs: list[tuple[int, list[int]]] = []  # (index of the text, ids of a window)
    for number, text in enumerate(texts):
        ids = vocabulary.encode(text.encode(errors="replace").decode())
        if not ids:
            raise UsageError(f"text {number} is empty: a text needs at least one token")
        inputs += [(number, [*opening, *ids[at : at + window]]) for at in range(0, len(ids), window)]
    inputs.sort(key=lambda item: len(item[1]))

    width = loaded.model.config.get_text_config().hidden_size
    sums = np.zeros((len(texts), width))
    counts = np.zeros(len(texts))
    done = 0
    with threads_for(loaded.parameters), torch.inference_mode():
        for batch in _batches(inputs):
            if watch.cancelled():
                raise GenerationError("the embedding was stopped")
            longest = len(batch[-1][1])
            padded = torch.tensor(  # [B, L]
                [ids + [0] * (longest - len(ids)) for _, ids in batch], device=loaded.model.device
            )
            # The hidden states have the shape [B, L, W].
            hidden = loaded.model.base_model(input_ids=padded, use_cache=False).last_hidden_state
            for (number, ids), states in zip(batch, hidden, strict=True):
                sums[number] += states[len(opening) : len(ids)].cpu().double().sum(0).numpy()
                counts[number] += len(ids) - len(opening)
            done += len(batch)
            watch.send(Progress(done, len(inputs), "texts", "embedding"))
    return (sums / counts[:, None]).astype(np.float32)


def _batches(inputs: Sequence[tuple[int, list[int]]]) -> Iterator[Sequence[tuple[int, list[int]]]]:
    """Split inputs sorted by length into batches of limited size in tokens, including padding."""
    start = 0
    for end, (_, ids) in enumerate(inputs):
        if (end + 1 - start) * len(ids) > _BATCH and end > start:
            yield inputs[start:end]
            start = end
    if inputs:
        yield inputs[start:]
