"""The chance that at least one of k samples works, estimated from n samples of which c work."""

from __future__ import annotations

from collections.abc import Iterable


def pass_at_k(n: int, c: int, k: int) -> float:
    r"""Estimate pass@k for one problem, without bias.

    .. math:: 1 - \binom{n - c}{k} / \binom{n}{k} = 1 - \prod_{i = n - c + 1}^{n} (1 - k / i)

    This is the chance that `k` samples, drawn without replacement from the `n`, include one that works. (The
    simpler ``1 - (1 - c / n) ** k`` is too low.) Chen et al., *Evaluating Large Language Models Trained on
    Code*, section 2.1, arXiv 2107.03374.

    Parameters
    ----------
    n : int
        The number of samples.
    c : int
        How many of them work.
    k : int
        At most `n`: fewer samples allow no unbiased estimate.

    Raises
    ------
    ValueError
        If it can't be estimated.
    """
    if not 0 <= c <= n:
        raise ValueError(f"{c} of {n} samples can't work")
    if not 1 <= k <= n:
        raise ValueError(f"pass@{k} needs at least {max(k, 1)} samples, but there are {n}")
    if n - c < k:
        return 1.0
    miss = 1.0
    for i in range(n - c + 1, n + 1):
        miss *= 1 - k / i
    return 1 - miss


def mean_pass_at_k(counts: Iterable[tuple[int, int]], k: int) -> float:
    """Average pass@k over problems, each given as ``(n, c)``."""
    values = [pass_at_k(n, c, k) for n, c in counts]
    return sum(values) / len(values)
