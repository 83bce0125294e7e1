"""Candidates that came to nothing, or to no code, are drawn again, in the same way by all engines.

If some of several candidates are empty, they are drawn again with other seeds. If all are, the model wanted
to end, so it is asked once more with its first token barred: instruct models often write a blank line first.
But a model that was sure is right: behind ``SELECT name, count(*)`` there is nothing to add. So is one that
has only a comment to write then, a ruler as often as not.

A fill that leaves a hole in the code, as ``def connect(host, port=)``, or breaks it, is drawn again, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cg2magic.prompts.candidate import Candidate

#: A model was sure if it wrote its empty text with this probability. Qwen2.5-Coder-0.5B was behind statements
#: that are complete (0.49 to 0.72), and not where it had something to add after all (0.02 to 0.31).
SURE = 0.4
#: How often a candidate may be written again.
_ROUNDS = 2
#: Keeps the seeds of these rounds apart from those of other candidates.
_ROUND = 100_003

NOTHING = "the model had nothing to add"

#: Writes these candidates; the second sequence has the numbers for their seeds.
Write = Callable[[list[Candidate], Sequence[int]], None]


def write_again(candidates: list[Candidate], write: Write) -> None:
    """Replace candidates that came to nothing by new ones, and have these written.

    Parameters
    ----------
    candidates : list of Candidate
        All of a request; they have been written.
    write : callable
        Writes the new ones in their places.
    """
    for again in range(1, _ROUNDS + 1):
        blank = [i for i, each in enumerate(candidates) if each.says_nothing or each.is_broken]
        all_are = len(blank) == len(candidates)
        if all_are:
            if again > 1:
                return
            blank = [i for i in blank if candidates[i].is_broken or candidates[i].probability < SURE]
        if not blank:
            return
        before = {i: candidates[i] for i in blank}
        for i in blank:
            candidates[i] = candidates[i].anew(barred=all_are)
        write([candidates[i] for i in blank], [i + again * _ROUND for i in blank])
        for i, old in before.items():
            failed = candidates[i].says_nothing or (old.is_broken and candidates[i].is_broken)
            if failed and (old.is_blank or old.is_broken):
                candidates[i] = old


def notes_on_nothing(candidates: Sequence[Candidate]) -> tuple[str, ...]:
    """Say so if all candidates came to nothing."""
    return (NOTHING,) if all(candidate.is_blank for candidate in candidates) else ()
