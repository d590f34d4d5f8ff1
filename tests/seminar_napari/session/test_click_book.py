"""Clicks through a session: on disk soon, kept until then, shared with other programs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seminar.clicks.click_set import ClickSet
from seminar.errors import DatasetError, SeminarError
from seminar.io.files import locked
from seminar.project.project import Project
from seminar_napari.session.session import Session


class Heard(list[Any]):
    """What a signal said."""

    def __init__(self, signal_: Any) -> None:
        super().__init__()
        signal_.connect(self._hear)

    def _hear(self, value: Any) -> None:
        self.append(value)


def one_more(clicks: ClickSet, row: float, col: float, class_id: int) -> ClickSet:
    return replace(
        clicks,
        points=np.append(clicks.points, [[row, col]], axis=0),
        class_ids=np.append(clicks.class_ids, class_id),
    )


def test_a_click_is_acknowledged_once_it_is_on_disk(
    session: Session, three_fields: Project
) -> None:
    changed, saved = Heard(session.clicks_changed), Heard(session.clicks_saved)
    session.set_clicks("b", one_more(session.clicks("b"), 3, 4, 2))
    assert changed == ["b"]
    assert saved == []  # nothing is said before poll or flush
    assert session.flush()
    assert saved == ["b"]
    assert time.time() - session.saved_at < 60
    assert three_fields.read_clicks("b") == session.clicks("b")


def test_a_read_only_disk_is_said_in_one_sentence_and_nothing_is_lost(
    three_fields: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = Session(retry_seconds=0.02)
    session.open_project(three_fields.path)
    notices, real = Heard(session.notice), Project.write_clicks

    is_read_only = True

    def write(self: Project, image_id: str, clicks: ClickSet, **options: Any) -> None:
        if is_read_only:
            raise OSError(30, "Read-only file system", str(self.clicks_path(image_id)))
        real(self, image_id, clicks, **options)

    monkeypatch.setattr(Project, "write_clicks", write)
    session.set_clicks("b", one_more(session.clicks("b"), 3, 4, 2))
    assert not session.flush(0.1)
    assert notices
    assert "Read-only file system" in notices[0]
    assert "kept here" in notices[0]
    assert len(notices) == 1, "said once, however often it is tried"
    with pytest.raises(SeminarError, match="not on disk yet"):
        session.close_project()
    assert session.project is not None
    is_read_only = False
    assert session.flush()
    assert session.not_saved == {}
    assert "on disk now" in notices[-1]
    assert three_fields.read_clicks("b") == session.clicks("b")


def test_kill_9_loses_nothing_that_was_acknowledged(three_fields: Project) -> None:
    script = textwrap.dedent("""
        import sys
        from dataclasses import replace
        import numpy as np
        from seminar_napari.session.session import Session
        session = Session()
        session.open_project(sys.argv[1])
        session.clicks_saved.connect(lambda image_id: print(counts[image_id], flush=True))
        counts, number = {}, 0
        while True:
            number += 1
            clicks = session.clicks("b")
            points = np.append(clicks.points, [[number % 40, number % 60]], axis=0)
            counts["b"] = number
            class_ids = np.append(clicks.class_ids, 1)
            session.set_clicks("b", replace(clicks, points=points, class_ids=class_ids))
            while session.unsaved():
                session.poll()
            session.poll()
    """)
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(three_fields.path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    acknowledged = [int(process.stdout.readline()) for _ in range(20)]
    os.kill(process.pid, signal.SIGKILL)
    acknowledged += [int(line) for line in process.stdout]
    process.wait()
    process.stdout.close()
    clicks = three_fields.read_clicks("b")
    assert clicks is not None
    assert len(clicks) >= acknowledged[-1] >= 20


def test_clicks_of_another_program_are_taken_up_and_our_own_are_not_news(
    session: Session, three_fields: Project
) -> None:
    session.set_clicks("c", one_more(session.clicks("c"), 3, 4, 2))
    assert session.flush()
    assert session.take_clicks_from_disk() == ()
    three_fields.write_clicks("b", one_more(ClickSet(40, 60), 9, 9, 1))
    changed = Heard(session.clicks_changed)
    assert session.take_clicks_from_disk() == ("b",)
    assert changed == ["b"]
    assert len(session.clicks("b")) == 1


def test_damaged_clicks_are_an_error_and_never_overwritten(
    session: Session, three_fields: Project
) -> None:
    path = three_fields.clicks_path("b")
    path.write_text("{ not json")
    with pytest.raises(DatasetError, match=r"b\.json"):
        session.clicks("b")
    assert path.read_text() == "{ not json"


def test_the_mark_of_a_damaged_file_goes_when_the_file_is_mended(
    session: Session, three_fields: Project
) -> None:
    path, was = three_fields.clicks_path("a"), session.clicks("a")
    text = path.read_bytes()
    for content, kind in ((b"{ not json", "fault"), (text, "ready")):
        path.write_bytes(content)
        os.utime(path, ns=(1, len(content)))  # another time, however coarse the disk's clock is
        session.take_clicks_from_disk()
        assert session.image_states["a"].kind == kind
    assert session.clicks("a") == was


def test_a_write_that_ends_after_its_project_is_no_base_for_the_next_ones_clicks(
    session: Session, three_fields: Project, tmp_path: Path
) -> None:
    other = Project.create(tmp_path / "other", [three_fields.image_path("a")], three_fields.classes)
    other.write_clicks("a", ClickSet(40, 60, np.array([[1.0, 1.0]]), np.array([1])))
    late = one_more(session.clicks("a"), 3, 4, 2)
    # as the time spent on an image is kept when it is left
    session.image_wanted.connect(lambda image_id: image_id or session.set_clicks("a", late))
    with locked(three_fields.path):  # the disk is slow
        session.open_project(other.path)
        assert len(session.clicks("a")) == 1
    assert session.flush()
    session.set_clicks("a", ClickSet(40, 60))
    assert session.flush()
    assert three_fields.read_clicks("a") == late
    assert other.read_clicks("a") == ClickSet(40, 60), "a click that was deleted stays away"
