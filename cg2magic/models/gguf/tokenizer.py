"""The tokenizer of a GGUF: its vocabulary is in the file's fields, and llama.cpp splits texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import Any

from cg2magic.errors import LoadError
from cg2magic.models.gguf.header import Header
from cg2magic.models.gguf.llama import LlamaModel

_PREFIX = "tokenizer.ggml."
#: Kinds of tokenizers whose tokens are bytes: GPT-2's byte-level BPE, and SentencePiece's.
_BYTE_LEVEL, _SENTENCEPIECE = "gpt2", "llama"
#: The fields with the tokens around a hole, by their meaning; each has an older and a newer name.
_FIM = {
    "prefix": ("fim_pre_token_id", "prefix_token_id"),
    "suffix": ("fim_suf_token_id", "suffix_token_id"),
    "middle": ("fim_mid_token_id", "middle_token_id"),
}


class _Kind(IntEnum):
    """The kind of a token, as the file has it."""

    NORMAL = 1
    UNKNOWN = 2
    CONTROL = 3
    USER_DEFINED = 4
    UNUSED = 5
    BYTE = 6


class GgufTokenizer:
    """The part of a transformers tokenizer that `Vocabulary` needs.

    Parameters
    ----------
    header : Header
    model : LlamaModel

    Raises
    ------
    LoadError
        If the file has no vocabulary that we can read.
    """

    def __init__(self, header: Header, model: LlamaModel) -> None:
        self._model = model
        self._fields = header.fields
        kind = header.text(f"{_PREFIX}model")
        if kind not in (_BYTE_LEVEL, _SENTENCEPIECE):
            raise LoadError(
                f"its tokenizer is of the kind {kind!r}, which code models don't have; load another file"
            )
        tokens = self._fields[f"{_PREFIX}tokens"]
        self._kinds = self._fields.get(f"{_PREFIX}token_type") or [_Kind.NORMAL] * len(tokens)
        used = [i for i, kind in enumerate(self._kinds) if kind != _Kind.UNUSED]
        # The vocabulary is rounded up, and nothing was trained behind the last token that is used.
        self._tokens = [token.decode(errors="replace") for token in tokens[: used[-1] + 1 if used else 0]]
        self._ids = {token: i for i, token in enumerate(self._tokens) if self._kinds[i] != _Kind.UNUSED}
        if kind == _BYTE_LEVEL:
            #: `Vocabulary` looks for this to know that tokens are spelled in GPT-2's characters.
            self.byte_decoder = True

    def __len__(self) -> int:
        return len(self._tokens)

    def __call__(self, text: str, /) -> Mapping[str, list[int]]:
        """Encode a text, including the special tokens that the tokenizer adds."""
        return {"input_ids": self._model.tokenize(text, opening=True)}

    @property
    def all_special_tokens(self) -> list[str]:
        """The special tokens, which never become text."""
        named = (self.named(name) for name in ("bos_token_id", "eos_token_id", "eot_token_id"))
        return [token for token in (*named, *self._of_kind(_Kind.CONTROL)) if token is not None]

    @property
    def bos_token_id(self) -> int | None:
        """The id of the token that begins a text."""
        return self._fields.get(f"{_PREFIX}bos_token_id")

    @property
    def eos_token_id(self) -> int | None:
        """The id of the token that ends a text."""
        return self._fields.get(f"{_PREFIX}eos_token_id")

    @property
    def added_tokens_decoder(self) -> Mapping[int, str]:
        """The tokens that are spelled as they are: those that were added after training the tokenizer."""
        kinds = (_Kind.USER_DEFINED, _Kind.CONTROL)
        return {i: token for i, token in enumerate(self._tokens) if self._kinds[i] in kinds}

    @property
    def hole(self) -> tuple[str | None, ...]:
        """The tokens that the file names for infills: before the prefix, the suffix and the middle."""
        return tuple(
            next((token for token in map(self.named, names) if token is not None), None)
            for names in _FIM.values()
        )

    def named(self, field: str) -> str | None:
        """Return the token that a field names by its id."""
        i = self._fields.get(f"{_PREFIX}{field}")
        return self._tokens[i] if isinstance(i, int) and 0 <= i < len(self._tokens) else None

    def get_vocab(self) -> dict[str, int]:
        """All tokens and their ids."""
        return self._ids

    def convert_ids_to_tokens(self, ids: int | Iterable[int], /) -> Any:
        """Return the token of an id, or the tokens of several ids; None for one that is not used."""
        return self._token(ids) if isinstance(ids, int) else [self._token(i) for i in ids]

    def encode(self, text: str, /, *, add_special_tokens: bool = False, verbose: bool = False) -> list[int]:
        """Return the token ids of a text; `verbose` has no effect."""
        del verbose
        return self._model.tokenize(text, opening=add_special_tokens)

    def _token(self, i: int) -> str | None:
        is_used = 0 <= i < len(self._tokens) and self._kinds[i] != _Kind.UNUSED
        return self._tokens[i] if is_used else None

    def _of_kind(self, kind: _Kind) -> list[str]:
        return [token for i, token in enumerate(self._tokens) if self._kinds[i] == kind]
