"""When a busy server is asked again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from httpx_retries import Retry

if TYPE_CHECKING:
    import httpx

#: Status codes of a busy server, how often we try, and the pauses in seconds: the first one, which is doubled
#: after each try, and the longest.
BUSY = (429, 503)
_TRIES, _PAUSE, _LONGEST_PAUSE = 5, 0.5, 30.0


class _BusyError(Exception):
    """The server is busy; try again."""


class Patience(Retry):
    """When to try a busy server again.

    If the server asks for a longer wait than we allow, httpx-retries alone would wait less and try again too
    early. So the status code does not decide here. `_check_busy` does, which sees the whole response.
    """

    def is_retryable_status_code(self, status_code: int) -> bool:
        """Leave the decision to `_check_busy`."""
        del status_code
        return False

    def parse_retry_after(self, retry_after: str) -> float:
        """Return the seconds to wait; 0, which means the usual pause, if the header can't be parsed."""
        try:
            return super().parse_retry_after(retry_after)
        except ValueError:
            return 0.0  # httpx-retries would log a warning, which would appear in the cell


def patience() -> Patience:
    """Return what decides when a request is sent again."""
    return Patience(
        total=_TRIES - 1,
        allowed_methods=("GET", "POST"),
        retry_on_exceptions=(_BusyError,),
        # The first pause is twice this factor. Up to half of each pause is random: all notebooks of a class
        # get the same response, and should not try again at the same moment.
        backoff_factor=_PAUSE / 2,
        backoff_jitter=0.5,
        max_backoff_wait=_LONGEST_PAUSE,
        validate_response=_check_busy,
    )


def _check_busy(answer: httpx.Response) -> None:
    """Raise `_BusyError` if the server is busy, unless it asks for too long a wait."""
    wait = Patience().parse_retry_after(answer.headers.get("retry-after", ""))
    if answer.status_code in BUSY and wait <= _LONGEST_PAUSE:
        raise _BusyError
