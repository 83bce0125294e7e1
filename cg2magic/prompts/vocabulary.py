"""What a tokenizer's tokens are, in bytes: for streaming, and for healing the seam at a hole."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property, lru_cache
from itertools import groupby
from typing import Any, Protocol

#: What may follow on a line that is blank so far, and on one that has not begun.
_CODE = (("x", "return", "self.x", "#", "(", "1"), ("    x", "\treturn"))


def _byte_of_character() -> dict[str, int]:
    """The printable stand-ins that GPT-2's byte-level BPE writes its 256 bytes with, undone.

    Bytes that are printable in Latin-1 stand for themselves; the others follow from U+0100 on.
    Source: *Language Models are Unsupervised Multitask Learners* (GPT-2), its published encoder.
    """
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in set(printable)]
    table = {chr(byte): byte for byte in printable}
    table.update({chr(0x100 + i): byte for i, byte in enumerate(others)})
    return table


def in_pieces(pieces: Iterable[bytes]) -> list[str]:
    """Read the pieces of one UTF-8 text; a character is in the piece that completes it."""
    reader = codecs.getincrementaldecoder("utf-8")("replace")
    texts = [reader.decode(piece) for piece in pieces]
    if texts:
        texts[-1] += reader.decode(b"", final=True)
    return texts


class Tokenizer(Protocol):
    """What is asked of a tokenizer: one of transformers, or a `FileTokenizer`."""

    def __len__(self) -> int: ...

    def __call__(self, text: str, /) -> Mapping[str, Any]:
        """Encode a text with what the tokenizer puts around it."""
        ...

    @property
    def all_special_tokens(self) -> list[str]:
        """Tokens that never become text."""
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
        """The tokens that were added to the trained ones, by id."""
        ...

    def get_vocab(self) -> dict[str, int]:
        """All tokens and their ids."""
        ...

    def convert_ids_to_tokens(self, ids: Any, /) -> Any:
        """Give the token of an id, or those of several; None where there is none."""
        ...

    def encode(self, text: str, /, *, add_special_tokens: bool, verbose: bool) -> list[int]:
        """Token ids of a text."""
        ...


class Vocabulary:
    """Tokens as bytes, and text as tokens, for any tokenizer of transformers.

    Parameters
    ----------
    tokenizer : Tokenizer
    steering : tuple of str
        Tokens with a meaning for the model (``<mask_1>``, ``<eom>``, …). Where a person's text
        spells one, it is encoded as plain text.
    """

    def __init__(self, tokenizer: Tokenizer, steering: tuple[str, ...] = ()) -> None:
        self.tokenizer = tokenizer
        # Not convert_tokens_to_ids: GPT-2's unknown token is <|endoftext|>, one of those looked for.
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
        """Take these tokens, as far as there are such, for steering ones from now on."""
        new = {t: self._ids[t] for t in tokens if t in self._ids and t not in self.steering}
        if not new and self.steering:
            return
        self.steering |= new
        self._spelled = re.compile("|".join(map(re.escape, sorted(self.steering, key=len, reverse=True))))
        for derived in ("steering_ids", "pieces", "passage", "_leading_to", "_ends_at"):
            self.__dict__.pop(derived, None)

    def id(self, token: str) -> int | None:
        """The id of a steering token, None where the vocabulary has none."""
        return self.steering.get(token)

    @cached_property
    def steering_ids(self) -> frozenset[int]:
        """Ids that never become text."""
        return frozenset(self.steering.values())

    @cached_property
    def pieces(self) -> list[bytes]:
        """The bytes of each token by its id; empty for steering tokens and for ids without one."""
        tokens = self.tokenizer.convert_ids_to_tokens(list(range(len(self))))
        added = {i: str(token) for i, token in self.tokenizer.added_tokens_decoder.items()}
        byte_level = self._is_byte_level()
        characters = _byte_of_character()

        def piece(i: int, token: str | None) -> bytes:
            if token is None or i in self.steering_ids:
                return b""
            if i in added:
                return added[i].encode()
            if byte_level:
                return b"".join(bytes([characters[c]]) if c in characters else c.encode() for c in token)
            if re.fullmatch(r"<0x[0-9A-Fa-f]{2}>", token):
                return bytes([int(token[3:5], 16)])
            return token.replace("\u2581", " ").encode()

        return [piece(i, token) for i, token in enumerate(tokens)]

    def _is_byte_level(self) -> bool:
        backend = getattr(self.tokenizer, "backend_tokenizer", None)
        if backend is None:
            # The slow tokenizers that are byte-level carry the table themselves.
            return hasattr(self.tokenizer, "byte_decoder")
        return "ByteLevel" in repr(backend.decoder)

    @cached_property
    def opening(self) -> tuple[int, ...]:
        """Ids that the tokenizer puts before every text: the beginning of text, for those trained with it."""
        begin = self.tokenizer.bos_token_id
        return tuple(i for i in self.tokenizer("")["input_ids"] if i == begin)

    @cached_property
    def _opens_with_space(self) -> bool:
        """Whether a text is read as if a space stood before it, as SentencePiece does."""
        return self.decode(self._encode("x")) == " x"

    def encode(self, text: str, *, inside: bool = False) -> list[int]:
        """Token ids of a person's text; nothing in it steers the model, nothing is added.

        Parameters
        ----------
        text : str
        inside : bool
            Whether other text comes before it: then no space is put in front, whatever the tokenizer does
            with a text that stands alone.
        """
        ids: list[int] = []
        start = 0
        if self._spelled.pattern:
            for spelled in self._spelled.finditer(text):
                # Cut inside of the spelled token: neither half is one.
                ids += self._encode(text[start : spelled.start() + 1], inside=inside or start > 0)
                start = spelled.start() + 1
        return ids + self._encode(text[start:], inside=inside or start > 0)

    @cached_property
    def passage(self) -> Callable[[str], tuple[int, ...]]:
        """`encode` for text that other text comes before, and that is asked for again and again."""
        return lru_cache(maxsize=4096)(lambda text: tuple(self.encode(text, inside=True)))

    def _encode(self, text: str, *, inside: bool = False) -> list[int]:
        if not text:
            return []
        # Not verbose: how long a text may be is looked at later, when it has been cut.
        if not (inside and self._opens_with_space):
            return self.tokenizer.encode(text, add_special_tokens=False, verbose=False)
        # A newline before it takes the space in its place, and no token reaches over it.
        ids = self.tokenizer.encode("\n" + text, add_special_tokens=False, verbose=False)
        read = b""
        for i, token in enumerate(ids):
            read += self.pieces[token]
            if read == b" \n":
                return ids[i + 1 :]
        return self.tokenizer.encode(text, add_special_tokens=False, verbose=False)

    def leads_to(self, start: bytes, i: int) -> bool:
        """Whether a token may come next where the text has to go on with `start`.

        Its bytes begin with that. White space may also come in several tokens: a model goes on from three
        spaces to four, where the last one belongs to the word, or to eight.
        """
        piece = self.pieces[i]
        return piece.startswith(start) or (bool(piece) and start.isspace() and start.startswith(piece))

    def leading_to(self, start: bytes) -> list[int]:
        """Ids of the tokens that may come next, see `leads_to`."""
        return self._leading_to(start)

    @cached_property
    def _leading_to(self) -> Callable[[bytes], list[int]]:
        # Asked for each candidate and each seam, and a vocabulary has up to some 250,000 tokens.
        return lru_cache(maxsize=64)(
            lambda start: [i for i in range(len(self.pieces)) if self.leads_to(start, i)]
        )

    def ends_at(self, blank: str) -> bool:
        r"""Whether tokens end where a line is blank so far, whatever code follows on it.

        So it is where runs of spaces have tokens of their own, as in CodeGen2's vocabulary. Others join the
        last space to the word, or a newline to the indentation behind it: text that is cut there has other
        tokens than the model was trained on.

        Parameters
        ----------
        blank : str
            Spaces and tabs; nothing for the begin of a line.
        """
        return self._ends_at(blank)

    @cached_property
    def _ends_at(self) -> Callable[[str], bool]:
        def ends_at(blank: str) -> bool:
            begun = self._encode(f"x\n{blank}", inside=True)
            further = [self._encode(f"x\n{blank}{code}", inside=True) for code in _CODE[not blank]]
            return all(ids[: len(begun)] == begun for ids in further)

        return lru_cache(maxsize=256)(ends_at)

    def text(self, i: int) -> str:
        """How a token is shown: its text, or the name of one that steers."""
        piece = self.pieces[i] if i < len(self.pieces) else b""
        return piece.decode("utf-8", errors="replace") or self.tokenizer.convert_ids_to_tokens(i) or ""

    def spelled(self, ids: Iterable[int]) -> str:
        """The text of tokens as a person can read it, those that steer by their names."""
        runs = groupby(ids, key=self.steering_ids.__contains__)
        return "".join(
            "".join(map(self.text, run)) if steers else self.decode(list(run)) for steers, run in runs
        )

    def texts(self, ids: Iterable[int]) -> list[str]:
        """The text of each token, see `in_pieces`; joined they are the whole."""
        return in_pieces(self.pieces[i] for i in ids)

    def decode(self, ids: list[int]) -> str:
        """The text of tokens; an unfinished UTF-8 sequence becomes U+FFFD."""
        return b"".join(self.pieces[i] for i in ids).decode("utf-8", errors="replace")
