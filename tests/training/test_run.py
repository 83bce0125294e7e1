"""The command line of the recipe."""

from __future__ import annotations

from datetime import datetime, timedelta

from training.run import _next


def test_until_names_the_next_time_the_clock_shows_it():
    now = datetime.now().astimezone()
    for away in (timedelta(hours=-1), timedelta(hours=1)):
        moment = datetime.fromtimestamp(_next((now + away).strftime("%H:%M"))).astimezone()
        assert moment.strftime("%H:%M") == (now + away).strftime("%H:%M")
        assert timedelta(0) < moment - now <= timedelta(days=1)
