"""The tokenizer of a model on a server: read from its files, without transformers or torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cg2magic.errors import LoadError
from cg2magic.wording import one_line

if TYPE_CHECKING:
    from tokenizers import AddedToken

_NAMED = ("bos_token", "eos_token", "unk_token", "pad_token")


class FileTokenizer:
    """The part of a transformers tokenizer that `Vocabulary` needs, read from ``tokenizer.json``.

    Parameters
    ----------
    folder : Path
        Contains ``tokenizer.json``, and optionally ``tokenizer_config.json``.

    Raises
    ------
    LoadError
        If the files are missing or damaged.
    """

    def __init__(self, folder: Path) -> None:
        from tokenizers import Tokenizer

        try:
            self.backend_tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
            self.fields = _read(folder / "tokenizer_config.json")
            self._has_template_file = (folder / "chat_template.jinja").is_file()
        except Exception as error:  # noqa: BLE001 - tokenizers raises plain Exception
            raise LoadError(
                f"the tokenizer in {folder} can't be read: {one_line(error)}; give a folder with a complete "
                "tokenizer.json, as python -m cg2magic export writes it"
            ) from None
        self._vocabulary: dict[str, int] = self.backend_tokenizer.get_vocab(with_added_tokens=True)
        self._names = {i: token for token, i in self._vocabulary.items()}

    def __len__(self) -> int:
        return len(self._vocabulary)

    def __call__(self, text: str) -> dict[str, list[int]]:
        """Encode a text, including the special tokens that the tokenizer adds."""
        return {"input_ids": self.backend_tokenizer.encode(text).ids}

    @property
    def has_chat_template(self) -> bool:
        """Whether its model can be asked as in a chat."""
        return bool(self.fields.get("chat_template")) or self._has_template_file

    @property
    def all_special_tokens(self) -> list[str]:
        """The special tokens, which never become text."""
        named = (self._named(name) for name in _NAMED)
        more = self.fields.get("additional_special_tokens") or ()
        return [token for token in (*named, *map(_content, more)) if token is not None]

    @property
    def bos_token_id(self) -> int | None:
        """The id of the token that begins a text."""
        return self._vocabulary.get(self._named("bos_token") or "")

    @property
    def eos_token(self) -> str | None:
        """The token that ends a text."""
        return self._named("eos_token")

    @property
    def eos_token_id(self) -> int | None:
        """The id of the token that ends a text."""
        return self._vocabulary.get(self.eos_token or "")

    @property
    def added_tokens_decoder(self) -> dict[int, AddedToken]:
        """The tokens that were added after training the tokenizer, by id."""
        return self.backend_tokenizer.get_added_tokens_decoder()

    def get_vocab(self) -> dict[str, int]:
        """All tokens and their ids."""
        return self._vocabulary

    def convert_ids_to_tokens(self, ids: int | list[int]) -> Any:
        """Return the token of an id, or the tokens of several ids; None for an unknown id."""
        return self._names.get(ids) if isinstance(ids, int) else [self._names.get(i) for i in ids]

    def encode(self, text: str, *, add_special_tokens: bool, verbose: bool = False) -> list[int]:
        """Return the token ids of a text; `verbose` has no effect."""
        del verbose
        return self.backend_tokenizer.encode(text, add_special_tokens=add_special_tokens).ids

    def _named(self, name: str) -> str | None:
        return _content(self.fields.get(name))


def _read(path: Path) -> Mapping[str, Any]:
    fields = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    if not isinstance(fields, dict):
        raise TypeError(f"{path.name} is not an object")
    return fields


def _content(token: Any) -> str | None:
    """Return the text of a special token, which is stored as the text or as an object that contains it."""
    return token.get("content") if isinstance(token, dict) else token
