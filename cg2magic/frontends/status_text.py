"""What we say about a job: the same words in the live panel, in the static panel and in a terminal."""

from __future__ import annotations

from cg2magic.frontends.visible import visible
from cg2magic.progress import Progress
from cg2magic.request import CheckResult, Suggestion
from cg2magic.service.job import Snapshot
from cg2magic.wording import percent


def count(number: int, noun: str) -> str:
    """Format ``1 token``, ``42 tokens``, ``1,900 tokens``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def about(snapshot: Snapshot) -> str:
    """Return the text beside the model's name: how many candidates, their context, and the notes."""
    n = sum(suggestion.count for suggestion in snapshot.suggestions) or snapshot.request.sampling.n
    said = (count(n, "candidate") if n > 1 else "", context(snapshot), *snapshot.notes)
    return " · ".join(filter(None, said))


def context(snapshot: Snapshot) -> str:
    """Say what the model read besides the prompt: ``4 cells, 3 variables, 812 tokens``; empty for nothing."""
    seen = snapshot.seen
    if seen is None or not seen.tokens:
        return ""
    parts = [count(seen.cells, "cell")] if seen.cells else []
    parts += [count(seen.variables, "variable")] if seen.variables else []
    return ", ".join([*parts, count(seen.tokens, "token")])


def status(snapshot: Snapshot, seconds_left: float | None = None) -> str:
    """Say what the job is doing, and how far it has come."""
    if snapshot.state == "queued":
        return f"waiting for {count(snapshot.position, 'request')}" if snapshot.position else "waiting"
    if snapshot.state == "loading":
        return loading(snapshot.progress, seconds_left)
    if snapshot.state == "checking":
        return f"checking · {snapshot.progress.amounts}" if snapshot.progress else "checking"
    said: list[str] = [snapshot.state] if snapshot.state in ("stopped", "failed") else []
    if snapshot.tokens or not snapshot.finished:
        said.append(count(snapshot.tokens, "token"))
    if snapshot.tokens_per_second:
        speed = snapshot.tokens_per_second
        said.append(f"{speed:,.{0 if speed >= 9.95 else 1}f} tokens/s")
    return " · ".join(said)


def loading(progress: Progress | None, seconds_left: float | None = None) -> str:
    """Say what is being loaded, how much of it is done, and how long the rest will take."""
    if progress is None:
        return "loading"
    said = [f"loading {progress.what}".strip()]
    if progress.total:
        said.append(progress.amounts)
    if seconds_left is not None:
        said.append(f"{duration(seconds_left)} left")
    return " · ".join(said)


def duration(seconds: float) -> str:
    """Format a remaining time, no more exactly than it is known."""
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def mark(suggestion: Suggestion) -> str:
    """Return the mark of a candidate that was checked; empty for others."""
    if suggestion.check is None:
        return ""
    return "✓" if suggestion.check.passed else "✗"


def _found(check: CheckResult) -> str:
    return "passes the check" if check.passed else visible(check.reason)


def verdict(snapshot: Snapshot, candidate: int) -> str:
    """Say what the check, the model and the kernel found of a candidate, and why it ended early if so."""
    suggestion = snapshot.suggestions[candidate]
    said = [f"{mark(suggestion)} {_found(suggestion.check)}"] if suggestion.check else []
    if suggestion.count > 1:
        said.append(f"×{suggestion.count}")
    if suggestion.has_logprobs:
        # The geometric mean, as the model multiplies the probabilities of its tokens.
        said.append(f"mean probability {percent(suggestion.logprob)}")
    elif suggestion.finish_reason is not None and not suggestion.tokens:
        said.append("nothing written")
    said += suggestion.notes
    if suggestion.finish_reason == "length":
        most = snapshot.request.sampling.max_new_tokens
        is_more = bool(snapshot.request.begin)
        said.append(f"cut after {most:,} more tokens" if is_more else f"cut at {count(most, 'token')}")
    elif suggestion.finish_reason == "cancelled" and len(snapshot.suggestions) > 1:
        # For a single one the status says it.
        said.append("stopped")
    return " · ".join(said)
