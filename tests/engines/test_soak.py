"""Hundreds of requests, some cancelled: the process holds no more memory than after the first ones."""

from __future__ import annotations

import gc
import random

import psutil

from cg2magic.engines.local.engine import LocalEngine
from cg2magic.engines.local.prefixes import PrefixCache
from cg2magic.models.memory import release
from cg2magic.request import Request, Sampling
from cg2magic.service.manager import Manager

REQUESTS = 200
#: Bytes that may come and go: arenas of the allocator, Python's own free lists.
SLACK = 24 << 20
KEPT = 12 << 20


def held() -> int:
    gc.collect()
    release()
    return psutil.Process().memory_info().rss


def wish(rng: random.Random) -> Request:
    """A request of any length and kind."""
    lines = [f"value_{rng.randrange(1000)} = function_{rng.randrange(9)}(x, {i})" for i in range(24)]
    text = "\n".join(rng.sample(lines, rng.randint(1, 24)))
    sampling = Sampling(
        n=rng.choice((1, 1, 1, 3)), max_new_tokens=rng.randint(2, 6), temperature=rng.choice((0.0, 0.8))
    )
    return Request((text + "\n", "\nprint(value)") if rng.random() < 0.4 else (text,), sampling)


def test_memory_is_flat_over_hundreds_of_requests_with_cancellations(request):
    rng = random.Random(0)
    manager = Manager()
    request.addfinalizer(manager.close)
    manager.load("mini")
    # A small bound is reached soon: from then on, what is kept takes the place of what was.
    manager._engine.prefixes = PrefixCache(limit=KEPT)
    cancelled = 0
    after: list[int] = []
    for number in range(REQUESTS):
        job = manager.submit(wish(rng))
        if number % 5 == 4:
            # On the worker's own thread: after the first tokens, however slow this one is.
            job.listen(lambda now, job=job: job.cancel() if now.tokens and not now.finished else None)
        job.wait()
        cancelled += job.snapshot().state == "stopped"
        if number + 1 in (REQUESTS // 3, REQUESTS):
            after.append(held())
    assert isinstance(manager._engine, LocalEngine)
    assert manager._engine.prefixes.memory <= KEPT
    assert cancelled > REQUESTS // 20
    assert after[1] - after[0] < SLACK
