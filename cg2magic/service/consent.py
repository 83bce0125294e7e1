"""Who may run what a model wrote: nobody, until the person has agreed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

Allowed = Literal["nothing", "sandbox", "unconfined"]

#: GiB and seconds: importing torch alone takes two seconds.
MEMORY, SECONDS = 1.0, 6.0


class Consent(Protocol):
    """What the person has agreed to. In a notebook, these are the traits of `%config CG2`, and only they.

    Attributes
    ----------
    allow_execution : {"nothing", "sandbox", "unconfined"}
        ``"unconfined"`` is for systems without a sandbox: limits only.
    check_memory : float
        The memory that a candidate may use, in GiB.
    check_seconds : float
        The processor time that it may use; it may run five times as long by the clock.
    """

    allow_execution: Allowed
    check_memory: float
    check_seconds: float


@dataclass(slots=True)
class OwnConsent:
    """Consent where there are no magics: at first nothing is run."""

    allow_execution: Allowed = "nothing"
    check_memory: float = MEMORY
    check_seconds: float = SECONDS
