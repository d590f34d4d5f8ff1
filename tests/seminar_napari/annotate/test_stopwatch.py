from __future__ import annotations

from seminar_napari.annotate.stopwatch import Stopwatch


def test_pauses_do_not_count() -> None:
    now = [100.0]
    watch = Stopwatch(idle_seconds=10, clock=lambda: now[0])
    watch.restart(3.0)
    for later, expected in ((2, 5.0), (9, 14.0), (11, 14.0), (1, 15.0), (3600, 15.0)):
        now[0] += later
        watch.tick()
        assert watch.seconds == expected
    watch.restart(0.0)
    assert watch.seconds == 0.0
