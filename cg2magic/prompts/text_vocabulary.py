"""Words in the place of tokens: the vocabulary of a server that is sent text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

from cg2magic.prompts.vocabulary import Vocabulary, before_blanks

#: The token at which a text ends; the server says that it ended, not with what.
END = "<end>"

#: Pieces that are about as long as the tokens of code models, so that they can be counted as such.
_PIECE = re.compile(r" ?[^\W\d_]{1,6}|\d|[ \t]+(?= )|\s|_|[^\w\s]{1,3}|.", re.DOTALL)
#: What a text is broken off before: white space, or a word with the sign in front of it, which most
#: vocabularies join to it.
_LOOSE = re.compile(r"[ \t]+\Z|[^\w\n\"']?\w+\Z")


class TextVocabulary(Vocabulary):
    """Numbers pieces of text as they come, so that what reads tokens can read text.

    Parameters
    ----------
    steering : tuple of str
        The special tokens that the server reads as such in a text.
    joins_spaces : bool
        Whether the model's vocabulary joins the last space of an indentation to the next word, as most do.
    """

    def __init__(self, steering: tuple[str, ...] = (), *, joins_spaces: bool = True) -> None:
        self._words = _Words()
        self._joins_spaces = joins_spaces
        super().__init__(self._words, (END, *steering))

    def steer(self, tokens: Iterable[str]) -> None:
        """Treat these tokens as special tokens from now on; any text can be one."""
        tokens = tuple(tokens)
        for token in tokens:
            self._words.add(token)
        super().steer(tokens)

    @property
    def end(self) -> int:
        """The id of `END`."""
        return self._words.eos_token_id

    def token(self, piece: bytes) -> int:
        """Return the id of a piece of text, or of the special token that it spells."""
        special = self.id(piece.decode("utf-8", errors="replace"))
        return self._words.number(piece) if special is None else special

    @cached_property
    def pieces(self) -> list[bytes]:
        """The bytes of each piece by its id, empty for special tokens; it grows."""
        return self._words.pieces

    @cached_property
    def separator(self) -> tuple[int, ...]:
        """Nothing: it is not known what stood between two texts in training."""
        return ()

    def unsettled(self, text: str, *, inside: bool = False) -> int:
        """How many bytes of white space at the end of a line the vocabulary joins to the next word."""
        del inside
        return len(text) - len(text.rstrip(" \t")) if self._joins_spaces else 0

    def leading_to(self, start: bytes) -> list[int]:
        """Return the numbers of the pieces so far that may come next; there are more with each text."""
        parts = before_blanks(start)
        return [i for i, piece in enumerate(self.pieces) if piece.startswith(start) or piece in parts]

    def open_word(self, text: str, ids: list[int]) -> int:
        """Nothing more than `loose_end`: what its tokens would be is not known."""
        del text, ids
        return 0

    def loose_end(self, text: str, *, inside: bool = False) -> int:
        """How many bytes at the end of a text the answer should begin with, see `Vocabulary.loose_end`."""
        if not text[text.rfind("\n") + 1 :].strip():
            return self.unsettled(text, inside=inside)
        found = _LOOSE.search(text)
        return len(found[0].encode()) if found else 0


class _Words:
    """The tokenizer: numbers for special tokens, and for pieces of text as they are first read."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self._known: dict[bytes, int] = {}
        self._special: dict[str, int] = {}
        self.add(END)

    def __len__(self) -> int:
        return len(self.pieces)

    def __call__(self, text: str, /) -> Mapping[str, list[int]]:
        """Encode a text; nothing is put before it."""
        return {"input_ids": self.encode(text)}

    def add(self, token: str) -> None:
        """Give a number to a special token."""
        if token not in self._special:
            self._special[token] = len(self.pieces)
            self.pieces.append(b"")

    def number(self, piece: bytes) -> int:
        """Return the number of a piece of text."""
        if piece not in self._known:
            self._known[piece] = len(self.pieces)
            self.pieces.append(piece)
        return self._known[piece]

    @property
    def all_special_tokens(self) -> list[str]:
        """The special tokens."""
        return list(self._special)

    @property
    def bos_token_id(self) -> None:
        """Nothing: the server begins the text."""
        return

    @property
    def eos_token_id(self) -> int:
        """The id of the token that ends a text."""
        return self._special[END]

    @property
    def added_tokens_decoder(self) -> Mapping[int, object]:
        """Nothing."""
        return {}

    def get_vocab(self) -> dict[str, int]:
        """The special tokens and their ids; a piece of text is never one of them."""
        return self._special

    def convert_ids_to_tokens(self, ids: int, /) -> Any:
        """Return the name of a special token; None for a piece of text."""
        return next((token for token, i in self._special.items() if i == ids), None)

    def encode(self, text: str, /, *, add_special_tokens: bool = False, verbose: bool = False) -> list[int]:
        """Return the numbers of the pieces of a text."""
        del add_special_tokens, verbose
        return [self.number(found[0].encode()) for found in _PIECE.finditer(text)]
