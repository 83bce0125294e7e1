"""What fails is asked for again after a while, each time a longer one. The clock is the test's."""

from __future__ import annotations

from cg2magic.frontends.inline.pause import Pause


class Clock:
    """Timers that ring when the test says so."""

    def __init__(self):
        self.seconds = []
        self.prevented = []
        self.rings = []

    def start(self, seconds, over):
        self.seconds.append(seconds)
        self.rings.append(over)
        return lambda: self.prevented.append(seconds)


def test_the_pauses_grow_to_a_minute_and_start_over_once_something_works():
    clock, told = Clock(), []
    pause = Pause(lambda: told.append((pause.lasts, pause.error)), clock.start)
    for _ in range(9):
        pause.begin("it is down")
        assert pause.lasts
        clock.rings[-1]()
        assert not pause.lasts
    assert clock.seconds == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert told == [(True, "it is down"), (False, "it is down")] * 9
    pause.forget()
    assert told[-1] == (False, "")
    pause.begin("again")
    assert clock.seconds[-1] == 1


def test_a_second_failure_in_a_pause_makes_it_no_longer():
    clock = Clock()
    pause = Pause(lambda: None, clock.start)
    pause.begin("one")
    pause.begin("two")
    assert clock.seconds == [1]
    assert pause.error == "two"


def test_a_pause_that_was_forgotten_does_not_end_the_next_one():
    clock = Clock()
    pause = Pause(lambda: None, clock.start)
    pause.begin("one")
    pause.forget()
    assert clock.prevented == [1]
    pause.begin("two")
    clock.rings[0]()  # it rang just when it was prevented
    assert pause.lasts


def test_where_nothing_failed_there_is_nothing_to_tell():
    told = []
    Pause(lambda: told.append(1), Clock().start).forget()
    assert told == []


def test_the_real_clock_rings():
    import threading

    over = threading.Event()
    pause = Pause(lambda: pause.lasts or over.set())
    pause.begin("it is down")
    assert over.wait(60)
