"""The tokens of a tokenizer as bytes: for streaming, and for token healing at the seams of a hole."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property, lru_cache, reduce
from itertools import groupby
from typing import Any, Protocol

from cg2magic.grounding.allowed import TokenIndex

#: Code that may follow behind white space, and with an indentation of its own.
_CODE = ("x", "return", "self.x", "#", "(", "'", "1")
_INDENTED = ("    x", " x", "\treturn")
#: A word that may not be whole yet. Where it is very long, as in a script without spaces, its end is enough.
_OPEN_WORD = re.compile(r"[^\W\d]\w{0,31}\Z")
#: What a byte of a name costs, in nats: about one letter in seven would go on with it.
_PER_BYTE = 2.0
#: A text longer than this says nothing about the tokens at its end.
_FAR = 200


def _byte_of_character() -> dict[str, int]:
    """Return the byte that each character stands for in GPT-2's byte-level BPE.

    Bytes that are printable in Latin-1 stand for themselves; the others are numbered from U+0100.
    Source: *Language Models are Unsupervised Multitask Learners* (GPT-2), its published encoder.
    """
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in set(printable)]
    table = {chr(byte): byte for byte in printable}
    table.update({chr(0x100 + i): byte for i, byte in enumerate(others)})
    return table


_BYTES = _byte_of_character()
#: Writes each character as that of Latin-1 with its byte. One of Latin-1 that stands for no byte becomes one
#: that is not in Latin-1, so that it does not pass for its own.
_LATIN = dict.fromkeys(range(0x80, 0x100), "\ue000") | {ord(c): chr(byte) for c, byte in _BYTES.items()}


def _bytes_of(token: str) -> bytes:
    """Return the bytes of a token in byte-level BPE; characters that stand for none are in UTF-8."""
    try:
        return token.translate(_LATIN).encode("latin-1")  # at once, as there may be 150,000 of them
    except UnicodeEncodeError:
        return b"".join(bytes([_BYTES[c]]) if c in _BYTES else c.encode() for c in token)


def _common(ids: list[int], others: list[int]) -> list[int]:
    """Return what both begin with."""
    at = next((at for at, (i, other) in enumerate(zip(ids, others, strict=False)) if i != other), len(others))
    return ids[:at]


def before_blanks(start: bytes) -> set[bytes]:
    """Return what `start` begins with before a part of the white space at its end."""
    return {start[:k] for k in range(1, len(start)) if start[k:].isspace()}


def in_pieces(pieces: Iterable[bytes]) -> list[str]:
    """Decode the pieces of one UTF-8 text; a character belongs to the piece that completes it."""
    reader = codecs.getincrementaldecoder("utf-8")("replace")
    texts = [reader.decode(piece) for piece in pieces]
    if texts:
        texts[-1] += reader.decode(b"", final=True)
    return texts


class Tokenizer(Protocol):
    """The interface that we use of a tokenizer: one of transformers, or a `FileTokenizer`."""

    def __len__(self) -> int: ...

    def __call__(self, text: str, /) -> Mapping[str, Any]:
        """Encode a text, including the special tokens that the tokenizer adds."""
        ...

    @property
    def all_special_tokens(self) -> list[str]:
        """The special tokens, which never become text."""
        ...

    @property
    def bos_token_id(self) -> int | None:
        """The id of the token that begins a text."""
        ...

    @property
    def eos_token_id(self) -> int | None:
        """The id of the token that ends a text."""
        ...

    @property
    def added_tokens_decoder(self) -> Mapping[int, object]:
        """The tokens that were added after training the tokenizer, by id."""
        ...

    def get_vocab(self) -> dict[str, int]:
        """All tokens and their ids."""
        ...

    def convert_ids_to_tokens(self, ids: Any, /) -> Any:
        """Return the token of an id, or the tokens of several ids; None for an unknown id."""
        ...

    def encode(self, text: str, /, *, add_special_tokens: bool, verbose: bool) -> list[int]:
        """Return the token ids of a text."""
        ...


class Vocabulary:
    """Converts tokens to bytes and text to tokens, for any tokenizer of transformers.

    Parameters
    ----------
    tokenizer : Tokenizer
    steering : tuple of str
        More special tokens, such as ``<mask_1>`` and ``<eom>``. If the user's text contains the name of a
        special token, it is encoded as plain text.
    """

    def __init__(self, tokenizer: Tokenizer, steering: tuple[str, ...] = ()) -> None:
        self.tokenizer = tokenizer
        # Don't use convert_tokens_to_ids: GPT-2's unknown token is <|endoftext|>, which we also look up.
        self._ids: dict[str, int] = tokenizer.get_vocab()
        self.steering: dict[str, int] = {}
        self.steer((*tokenizer.all_special_tokens, *steering))

    def __len__(self) -> int:
        return len(self.tokenizer)

    def __contains__(self, token: object) -> bool:
        return token in self._ids

    def __iter__(self) -> Iterator[str]:
        return iter(self._ids)

    def steer(self, tokens: Iterable[str]) -> None:
        """Treat those of these tokens that exist as special tokens from now on."""
        new = {t: self._ids[t] for t in tokens if t in self._ids and t not in self.steering}
        if not new and self.steering:
            return
        self.steering |= new
        self._spelled = re.compile("|".join(map(re.escape, sorted(self.steering, key=len, reverse=True))))
        for derived in (
            "steering_ids",
            "pieces",
            "passage",
            "token_index",
            "_leading_to",
            "_deeper",
            "_unsettled",
        ):
            self.__dict__.pop(derived, None)

    def id(self, token: str) -> int | None:
        """Return the id of a special token; None if the vocabulary doesn't have it."""
        return self.steering.get(token)

    @cached_property
    def steering_ids(self) -> frozenset[int]:
        """Ids of the special tokens, which never become text."""
        return frozenset(self.steering.values())

    @cached_property
    def pieces(self) -> list[bytes]:
        """The bytes of each token by its id; empty for special tokens and for unused ids."""
        tokens = self.tokenizer.convert_ids_to_tokens(list(range(len(self))))
        added = {i: str(token) for i, token in self.tokenizer.added_tokens_decoder.items()}
        byte_level = self._is_byte_level()

        def piece(i: int, token: str | None) -> bytes:
            if token is None or i in self.steering_ids:
                return b""
            if i in added:
                return added[i].encode()
            if byte_level:
                return _bytes_of(token)
            if re.fullmatch(r"<0x[0-9A-Fa-f]{2}>", token):
                return bytes([int(token[3:5], 16)])
            return token.replace("\u2581", " ").encode()

        return [piece(i, token) for i, token in enumerate(tokens)]

    @cached_property
    def token_index(self) -> TokenIndex:
        """The tokens by their bytes."""
        return TokenIndex(self.pieces)

    def _is_byte_level(self) -> bool:
        backend = getattr(self.tokenizer, "backend_tokenizer", None)
        if backend is None:
            # Slow tokenizers that are byte-level have the table themselves.
            return hasattr(self.tokenizer, "byte_decoder")
        return "ByteLevel" in repr(backend.decoder)

    @cached_property
    def opening(self) -> tuple[int, ...]:
        """Ids that the tokenizer puts before every text: the beginning-of-text token, if it uses one."""
        begin = self.tokenizer.bos_token_id
        return tuple(i for i in self.tokenizer("")["input_ids"] if i == begin)

    @cached_property
    def separator(self) -> tuple[int, ...]:
        """The id that stood between two texts in training; empty if the tokenizer has none."""
        known = self._ids.get("<|endoftext|>"), self.tokenizer.bos_token_id, self.tokenizer.eos_token_id
        return tuple(i for i in known if i is not None)[:1]

    @cached_property
    def opens_with_space(self) -> bool:
        """Whether the tokenizer adds a space before a text, like SentencePiece."""
        return self.decode(self._encode("x")) == " x"

    def encode(self, text: str, *, inside: bool = False) -> list[int]:
        """Return the token ids of a user's text; without special tokens, even if it contains their names.

        Parameters
        ----------
        text : str
        inside : bool
            Whether other text comes before it: then no space is added, whatever the tokenizer does with a
            separate text.
        """
        ids: list[int] = []
        start = 0
        if self._spelled.pattern:
            for spelled in self._spelled.finditer(text):
                # Cut inside the name: neither half is a special token.
                ids += self._encode(text[start : spelled.start() + 1], inside=inside or start > 0)
                start = spelled.start() + 1
        return ids + self._encode(text[start:], inside=inside or start > 0)

    @cached_property
    def passage(self) -> Callable[[str], tuple[int, ...]]:
        """`encode` with a cache, for text that follows other text and is used again and again."""
        return lru_cache(maxsize=4096)(lambda text: tuple(self.encode(text, inside=True)))

    def _encode(self, text: str, *, inside: bool = False) -> list[int]:
        if not text:
            return []
        # verbose=False: no warning about the length, because the text is cut later.
        if not (inside and self.opens_with_space):
            return self.tokenizer.encode(text, add_special_tokens=False, verbose=False)
        # Put a newline before the text: the space goes before that, and no token crosses it.
        ids = self.tokenizer.encode("\n" + text, add_special_tokens=False, verbose=False)
        read = b""
        for i, token in enumerate(ids):
            read += self.pieces[token]
            if read == b" \n":
                return ids[i + 1 :]
        return self.tokenizer.encode(text, add_special_tokens=False, verbose=False)

    def leads_to(self, start: bytes, i: int) -> bool:
        """Whether a token may come next if the text must continue with `start`.

        The bytes of the token must begin with `start`, or be the most of it that a token has and leave a part
        of a word, so that any word can be written. White space may also be split over several tokens in other
        ways: a model may continue three spaces to four, if the last one belongs to the word, or to eight.
        """
        piece = self.pieces[i]
        if piece.startswith(start):
            return True
        if not piece or not start.startswith(piece):
            return False
        return start[len(piece) :].isspace() or piece == self.token_index.longest_part(start)

    def leading_to(self, start: bytes) -> list[int]:
        """Return the ids of the tokens that may come next, see `leads_to`."""
        return self._leading_to(start)

    @cached_property
    def _leading_to(self) -> Callable[[bytes], list[int]]:
        def leading_to(start: bytes) -> list[int]:
            index = self.token_index
            pieces = {*index.beginning(start), *before_blanks(start), index.longest_part(start)}
            return sorted(i for piece in pieces for i in index.whole(piece))

        # Called for each candidate and each seam.
        return lru_cache(maxsize=64)(leading_to)

    def handicaps(self, start: bytes) -> dict[int, float]:
        """How much less likely tokens are than the model says, in nats, as they write only a part of `start`.

        The tokens behind them have to write the rest, which the model may not have in mind: behind ``np`` the
        beginning of ``.linalg`` is likelier than all of ``.linspace``, but not if ``.lins`` is there already.
        """
        part = self.token_index.longest_part(start)
        return dict.fromkeys(self.token_index.whole(part), _PER_BYTE * (len(start) - len(part)))

    def deeper(self, start: bytes) -> frozenset[int]:
        """Return the ids of the tokens that begin with `start` and go on with a space or a tab."""
        return self._deeper(start)

    @cached_property
    def _deeper(self) -> Callable[[bytes], frozenset[int]]:
        def deeper(start: bytes) -> frozenset[int]:
            pieces = (piece for blank in (b" ", b"\t") for piece in self.token_index.beginning(start + blank))
            return frozenset(i for piece in pieces for i in self.token_index.whole(piece))

        return lru_cache(maxsize=64)(deeper)

    def loose_end(self, text: str, *, inside: bool = False) -> int:
        """How many bytes at the end of a text its answer has to begin with; all of the token they are in.

        Those that depend on what follows (`unsettled`), and behind anything but a blank line one at least.
        """
        line = text[text.rfind("\n") + 1 :]
        return max(bool(line.strip()), self.unsettled(text, inside=inside))

    def open_word(self, text: str, ids: list[int]) -> int:
        """How many bytes of a word at the end of a text its answer has to begin with; all of their tokens.

        Half a word has other tokens than the whole one, and so may have the sign before it: ``plt.sho``
        ends in ``.s`` and ``ho``, ``np.ze`` in ``.`` and ``ze``, but ``.show`` and ``.zeros`` are one token
        each. So all that such a token may begin with is written again.

        Parameters
        ----------
        text : str
        ids : list of int
            The tokens at its end.
        """
        found = _OPEN_WORD.search(text)
        word = len(found[0].encode()) if found else 0
        length, end = 0, b""
        for i in reversed(ids):
            if len(end) > word or not word:
                break
            end = self.pieces[i] + end
            if any(self.token_index.beginning(end)):
                length = len(end)
        return length

    def unsettled(self, text: str, *, inside: bool = False) -> int:
        r"""How many bytes at the end of a text have other tokens once code follows.

        Most vocabularies join the last space to the next word, or a newline to the indentation after it: a
        text cut there has other tokens than those the model was trained on. If runs of spaces have their own
        tokens, as in CodeGen2's vocabulary, there are none.

        Parameters
        ----------
        text : str
            Behind anything but white space there are none either, as far as this is concerned.
        inside : bool
            As in `encode`.
        """
        stripped = text.rstrip(" \t\n")
        if stripped == text:
            return 0
        # The line that is written on may be short, and so may those above it be.
        near = text[max(0, text.rfind("\n", 0, len(stripped)) + 1, len(stripped) - _FAR) :]
        return self._unsettled(near, inside or len(near) < len(text))

    @cached_property
    def _unsettled(self) -> Callable[[str, bool], int]:
        def unsettled(text: str, inside: bool) -> int:  # noqa: FBT001 - as it is cached
            ids = self.encode(text, inside=inside)

            def settled(before: list[int], codes: tuple[str, ...]) -> list[int]:
                return reduce(_common, (self.encode(text + code, inside=inside) for code in codes), before)

            # Where a token ends before code, an indentation is meant as it is.
            kept = settled(ids, _CODE)
            if kept == ids and not text.endswith("\n"):
                return 0
            kept = settled(kept, _INDENTED)
            run = len(text) - len(text.rstrip(" \t"))
            return max(run, sum(len(self.pieces[i]) for i in ids[len(kept) :]))

        return lru_cache(maxsize=256)(unsettled)

    def text(self, i: int) -> str:
        """Return how to show a token: its text, or the name of a special token."""
        piece = self.pieces[i] if i < len(self.pieces) else b""
        return piece.decode("utf-8", errors="replace") or self.tokenizer.convert_ids_to_tokens(i) or ""

    def spelled(self, ids: Iterable[int]) -> str:
        """Return the readable text of tokens, with the names of special tokens."""
        runs = groupby(ids, key=self.steering_ids.__contains__)
        return "".join(
            "".join(map(self.text, run)) if special else self.decode(list(run)) for special, run in runs
        )

    def texts(self, ids: Iterable[int]) -> list[str]:
        """Return the text of each token, see `in_pieces`; joined, they are the whole text."""
        return in_pieces(self.pieces[i] for i in ids)

    def decode(self, ids: list[int]) -> str:
        """Return the text of tokens; an incomplete UTF-8 sequence becomes U+FFFD."""
        return b"".join(self.pieces[i] for i in ids).decode("utf-8", errors="replace")
