"""The command line of the recipe."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from training.run import _next, parse


def test_until_names_the_next_time_the_clock_shows_it():
    now = datetime.now().astimezone()
    for away in (timedelta(hours=-1), timedelta(hours=1)):
        moment = datetime.fromtimestamp(_next((now + away).strftime("%H:%M"))).astimezone()
        assert moment.strftime("%H:%M") == (now + away).strftime("%H:%M")
        assert timedelta(0) < moment - now <= timedelta(days=1)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--copies", "1.5"], "copies is a share"),
        (["--functions", "0.9"], "together more than 1"),
        (["--rows", "1"], "--rows 1: each of the 2 processes"),
    ],
)
def test_what_is_no_share_or_too_few_rows_is_refused_in_one_line(arguments, said, capsys):
    with pytest.raises(SystemExit):
        parse(arguments)
    assert said in capsys.readouterr().err.splitlines()[-1]
