"""One candidate being written: tokens go in, text comes out, and it knows when it is finished.

The engine asks two things of it: which token to feed next, and, when there is none, what the next
token may be. Everything about endings is decided here, in text.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import replace

from cg2magic.prompts.encoding import Prompt
from cg2magic.prompts.grounded import GroundedFill
from cg2magic.prompts.vocabulary import Vocabulary, in_pieces
from cg2magic.request import FinishReason, NameFound, Request, Suggestion, TokenLogprob
from cg2magic.syntax import endings, fills, statements
from cg2magic.syntax.languages import find
from cg2magic.syntax.places import Hole, is_indented
from cg2magic.syntax.seams import fitting, is_broken

#: Characters before the cursor in which a block's header is looked for, at every token.
_FAR = 20_000
_CLOSING = (b")", b"]", b"}")


class Candidate:
    """Reads the tokens of one sequence into the fills of its holes.

    Parameters
    ----------
    request : Request
    prompt : Prompt
    vocabulary : Vocabulary
    barred : frozenset of int
        Ids that the first token must not have.

    Attributes
    ----------
    feed : deque of int
        Tokens the model has to see next. Only when there are none is one to be chosen.
    finish_reason : {"stop", "length", "cancelled"} or None
        None while it goes on.
    """

    def __init__(
        self,
        request: Request,
        prompt: Prompt,
        vocabulary: Vocabulary,
        *,
        barred: frozenset[int] = frozenset(),
    ) -> None:
        self.request = request
        self.prompt = prompt
        self.vocabulary = vocabulary
        self.feed: deque[int] = deque()
        self.finish_reason: FinishReason | None = None
        self._spans: list[str] = []
        self._tokens: list[TokenLogprob] = []
        self._places: list[int] = []
        self._names: list[NameFound] = []
        self._taken: list[TokenLogprob] = []
        self._replaying = False
        self._cuts: list[int] = []
        self._met_stop = False
        self._filled: int | None = None  # where the rules of fills ended the hole
        # A model that is shown cells knows what stands between them, and says so where the cell is complete.
        between = request.context.separator.strip() if request.context is not None else ""
        self._stops = (*request.sampling.stop, between) if between else request.sampling.stop
        self._language = find(request.language)
        self._barred = barred
        self._first: int | None = None  # the first token that was not given back
        self._open_hole()

    @property
    def barred(self) -> frozenset[int]:
        """Ids that the next token must not have: the first one that is more than what was given back."""
        if self._first is not None or not self._owed:
            return self._barred if self._first is None else frozenset()
        return frozenset(i for i in self._barred if len(self.vocabulary.pieces[i]) > len(self._owed))

    @property
    def deeper(self) -> frozenset[int]:
        """Ids of tokens that would indent the first line deeper than the person's, where that can't be."""
        return frozenset() if self._written or not self._is_indented else self.vocabulary.deeper(self._owed)

    @property
    def is_blank(self) -> bool:
        """Whether it ended with nothing written, though there might have been more.

        What ends at a stop text of the request is no such case: after a finished line, nothing is the right
        answer to somebody who types.
        """
        return (
            self.finish_reason in ("stop", "length")
            and not self._met_stop
            and not self.request.begin
            and not self.request.may_be_empty
            and not "".join(self._spans).strip()
        )

    @property
    def says_nothing(self) -> bool:
        """Whether it ended with no code, though there might have been some: it is blank, or only comments."""
        text = "".join(self._spans)
        if self.is_blank or not text.strip():
            return self.is_blank
        ended = self.finish_reason in ("stop", "length") and not self._met_stop
        asked = not self.request.begin and not self.request.may_be_empty
        begun = self._before[self._before.rfind("\n") + 1 :]
        lines = (line.strip() for line in text.split("\n") if line.strip())
        comments = all(line.startswith(self._language.comments) for line in lines)
        return ended and asked and not begun.strip() and comments

    @property
    def is_broken(self) -> bool:
        """Whether the cell doesn't parse with it, though it does with a name in the place of the hole."""
        ended = self.finish_reason == "stop" and not self._met_stop
        asked = not self.request.begin and not self.request.may_be_empty
        alone = self.request.is_infill and self.request.holes == 1
        return ended and asked and alone and is_broken(self._hole, self._spans[0])

    @property
    def probability(self) -> float:
        """How likely the model was to write just this, from its first token to the one that ended it.

        0.0 where a server does not say how likely its tokens were.
        """
        logprob = sum(token.logprob for token in self._taken)
        return 0.0 if math.isnan(logprob) else math.exp(logprob)

    def anew(self, *, barred: bool) -> Candidate:
        """Make a candidate in the place of this one, which came to nothing.

        Parameters
        ----------
        barred : bool
            Whether it must not begin in the same way.
        """
        not_first = self.begins_nothing() if barred else frozenset()
        return Candidate(self.request, self.prompt, self.vocabulary, barred=not_first)

    def begins_nothing(self) -> frozenset[int]:
        """The first token, if the text came to nothing, and those that would come to the same.

        What begins with the same bracket closes the text around the hole as well; a comment is one by its
        first sign. Where code is missing, neither may it begin with what follows the hole.
        """
        pieces = self.vocabulary.pieces
        first = b"" if self._first is None else pieces[self._first].lstrip()
        marks = (*_CLOSING, *(mark.encode() for mark in self._language.comments))
        barred = tuple(mark for mark in marks if first.startswith(mark))
        if self.is_broken and self._hole.after.strip():
            barred += (self._hole.after.strip()[0].encode(),)
        same = (
            i
            for i, piece in enumerate(pieces)
            if (piece.isspace() and b"\n" in piece) or piece.lstrip().startswith(barred)
        )
        return frozenset((*(() if self._first is None else (self._first,)), *self.prompt.ends, *same))

    def _open_text(self) -> None:
        self._written = b""
        self._hole_tokens: list[TokenLogprob] = []
        self._hole_places: list[int] = []  # where in `_taken` each of them is
        self._ends: list[int] = []  # bytes written after each of the hole's tokens
        grounding, (before, behind) = self.request.grounding, self._around
        self._grounded = grounding and GroundedFill(grounding, before, behind, self._owed, self.vocabulary)

    def _open_hole(self) -> None:
        self._chosen = 0  # tokens of the hole that count against its length
        hole = len(self._spans)
        self._owed = self.prompt.starts[hole]
        parts = [part.replace("\r\n", "\n") for part in self.request.parts]
        before = (
            "".join(text for pair in zip(parts, self._spans, strict=False) for text in pair) + parts[hole]
        )
        # The block that a completion ends with began in the last screens of a long cell.
        self._before = before if len(before) <= _FAR else before[before.find("\n", len(before) - _FAR) + 1 :]
        self._is_indented = is_indented(self._before, self._language)
        if self.request.is_infill:
            self._hole = Hole.between(before, parts[hole + 1], self.request.language)
        self._around: tuple[str, str] = before, "".join(parts[hole + 1 :])
        self._open_text()

    @property
    def start(self) -> bytes:
        """What the text has to go on with, see `Vocabulary.leading_to`; empty where it is free."""
        return self._owed

    @property
    def allowed(self) -> GroundedFill | None:
        """What tells whether the next token may come, where it writes a name; None if all may."""
        return self._grounded or None

    def take(self, token: TokenLogprob) -> None:
        """Read the token that was chosen; `token.text` is made here, from its bytes."""
        start = self._owed
        self._taken.append(token)
        if self._first is None and (not start or len(self.vocabulary.pieces[token.id]) > len(start)):
            self._first = token.id
        if token.id in self.prompt.ends:
            self._close_hole(self._text())
            return
        piece = self.vocabulary.pieces[token.id]
        self._owed = start[len(piece) :] if start.startswith(piece) else b""
        self._written += piece[len(start) :]
        if self._grounded:
            self._grounded.took(token, self._written, self._owed)
        self.feed.append(token.id)
        if not self._ends and not self._written:
            return  # what was given back, unchanged: nothing new was written
        if start:
            token = self._healed_text(token, len(start))
        self._hole_tokens.append(token)
        self._hole_places.append(len(self._taken) - 1)
        self._chosen += not self._replaying
        self._ends.append(len(self._written))
        if not self.request.is_infill and endings.is_opening_fence(self._before, self._text()):
            self._open_text()
            return
        kept = self._ending(self._text())
        if kept is not None:
            self._close_hole(self._text()[:kept], by_rule=kept == self._filled)
        elif self._is_long:
            self._cut(self._text())

    def _cut(self, text: str) -> None:
        """End a hole that has its length: where a rule ends it without another token, else as a whole."""
        end = fills.fill_end(self._hole, text, done=True) if self.request.is_infill else None
        if end is None:
            self._cuts.append(len(self._taken))
            self._close_hole(self._whole(text))
        else:
            self._close_hole(text[:end], by_rule=True)

    @property
    def _is_long(self) -> bool:
        """Whether the hole has its length, or had it when these tokens were first chosen."""
        if self._replaying:
            return len(self._taken) in self.request.cuts
        return self._chosen >= self.request.sampling.max_new_tokens

    def replay(self) -> None:
        """Take the tokens that the request begins with; what they are followed by has a length of its own."""
        self._replaying = True
        for token in self.request.begin:
            if self.finish_reason is None:
                self.take(token)
        self._replaying = False

    def cancel(self) -> None:
        """End it here; what was written stays."""
        self._break_off(self._text(), "cancelled")

    def cut(self) -> None:
        """End it here because a server did, by the length it was given."""
        if self.finish_reason is None:
            self._cut(self._text())

    def run_out(self) -> None:
        """The model's context is full: end it as any text that is cut by its length, but it can't go on."""
        self._break_off(self._whole(self._text()), "length")

    def _break_off(self, text: str, reason: FinishReason) -> None:
        if self.finish_reason is not None:
            return
        self._keep(text)
        self._spans += [""] * (self.request.holes - len(self._spans))
        self.finish_reason = reason
        if reason == "length":
            self._cuts.clear()

    def suggestion(self) -> Suggestion:
        """What has been written so far, without what may still turn out not to belong to it."""
        spans, tokens, places = tuple(self._spans), tuple(self._tokens), tuple(self._places)
        names = tuple(self._names)
        if self.finish_reason is None:
            text = self._text()
            shown = text[: endings.settled(text, self._stops)]
            more, more_places = self._readable(shown)
            names += self._names_in(shown)
            spans, tokens, places = (*spans, shown), (*tokens, *more), (*places, *more_places)
        return Suggestion(
            self.request.parts,
            spans,
            tokens,
            self.finish_reason,
            header=self.request.header,
            taken=tuple(self._taken),
            places=places,
            cuts=tuple(self._cuts),
            names=names,
        )

    def _names_in(self, text: str) -> tuple[NameFound, ...]:
        """Where the kernel had a say in the hole that is open."""
        return tuple(self._grounded.names(len(self._spans), text)) if self._grounded else ()

    def _healed_text(self, token: TokenLogprob, length: int) -> TokenLogprob:
        """The token and its alternatives without the text that was given back, so as they are read."""
        alternatives = tuple(
            replace(other, text=self.vocabulary.pieces[other.id][length:].decode("utf-8", errors="replace"))
            for other in token.alternatives
        )
        return replace(token, alternatives=alternatives)

    def _text(self) -> str:
        # An unfinished character at the end is left out until its other bytes have come.
        return self._written.decode("utf-8", errors="ignore")

    def _ending(self, text: str) -> int | None:
        """The length to keep if one of the rules says that the text ends."""
        request = self.request
        self._met_stop |= endings.first_stop(text, request.sampling.stop) is not None
        kept = [endings.first_stop(text, self._stops), self._loop_end(text)]
        if request.is_infill:
            self._filled = fills.fill_end(self._hole, text)
            kept.append(self._filled)
        else:
            kept.append(endings.block_end(self._before, text, request.language))
        return min((length for length in kept if length is not None), default=None)

    def _loop_end(self, text: str) -> int | None:
        """Where a text that repeats itself ends, with a whole statement."""
        end = endings.loop_end(text)
        return None if end is None else len(self._whole(text[:end]))

    def _whole(self, text: str) -> str:
        """The text up to its last whole statement, or line of a string, where the hole is one for such."""
        # Quotes of one character end with their line.
        if self.request.is_infill and self._hole.place == "within a line" and len(self._hole.quote) < 2:
            return text
        return text[: statements.whole(self._before, text, self.request.language)]

    def _close_hole(self, text: str, *, by_rule: bool = False) -> None:
        hole = len(self._spans)
        self._keep(self._fitting(text, by_rule=by_rule))
        if hole + 1 == self.request.holes:
            self.finish_reason = "length" if self._cuts else "stop"
            self.feed.clear()
        else:
            self.feed.extend(self.prompt.between[hole])
            self._open_hole()

    def _fitting(self, text: str, *, by_rule: bool) -> str:
        """A text as it is given, now that nothing follows."""
        if self.request.is_infill:
            # What a rule has ended is not judged again: it lacks what was seen to follow.
            end = len(text) if by_rule else fills.fill_end(self._hole, text, done=True)
            return self._seam(text[:end])
        # Whether its last line is prose can be told now.
        end = endings.block_end(self._before, f"{text}\n", self.request.language)
        return text if end is None and self._cuts else text[:end].rstrip()

    def _seam(self, fill: str) -> str:
        """Make the fill fit the texts around it."""
        fill = fitting(self._hole, fill)
        # The card's example gives the suffix without the newline before it, and as a line all the same.
        joined = self._hole.place == "own line" and not self.request.parts[len(self._spans) + 1].startswith(
            "\n"
        )
        return f"{fill}\n" if joined and not self.prompt.newlines[len(self._spans)] else fill

    def _keep(self, text: str) -> None:
        tokens, places = self._readable(text)
        self._names += self._names_in(text)
        self._tokens += tokens
        self._places += places
        self._spans.append(text)

    def _readable(self, text: str) -> tuple[list[TokenLogprob], list[int]]:
        """The hole's tokens that the kept text is made of, each with its own text, and their places."""
        kept = text.encode()
        starts = [0, *self._ends][:-1]
        within = [
            (token, place, kept[start:end])
            for token, place, start, end in zip(
                self._hole_tokens, self._hole_places, starts, self._ends, strict=True
            )
            if start < min(end, len(kept))
        ]
        texts = in_pieces(piece for _, _, piece in within)
        tokens = [
            token if token.text == text else replace(token, text=text)
            for (token, _, _), text in zip(within, texts, strict=True)
        ]
        return tokens, [place for _, place, _ in within]
