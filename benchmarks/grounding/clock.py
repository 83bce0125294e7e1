"""Processor time of the code that grounds, by itself: other programs on the machine do not count."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any

from cg2magic.grounding.allowed import Allowed
from cg2magic.prompts.grounded import GroundedFill


class Clock:
    """Adds up what calls of `GroundedFill` and `Allowed` take in their own thread."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._depth = 0
        for of, names in ((GroundedFill, ("__init__", "against", "took", "names")), (Allowed, ("ids",))):
            for name in names:
                setattr(of, name, self._timed(getattr(of, name)))

    def _timed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            began = time.thread_time()
            self._depth += 1
            try:
                return function(*args, **kwargs)
            finally:
                self._depth -= 1
                if not self._depth:
                    self.seconds += time.thread_time() - began

        return timed
