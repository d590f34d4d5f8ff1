"""The live mask's process: when it runs, what it is told, what becomes of it. A small process that
speaks the probe's language stands in for it.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from seminar.clicks.click_set import ClickSet
from seminar.labels import ClassNames
from seminar.project.layout import PROBE, preview_path
from seminar.project.project import Project
from seminar_napari.annotate.live_mask import PAUSES, LiveMask, described, follow_command
from seminar_napari.session.probe import Mask
from seminar_napari.session.session import Session
from seminar_napari.session.start_weights import remember_weights

STAND_IN = Path(__file__).parents[1] / "small_probe.py"
BACKGROUND_ONLY = ClickSet(40, 60, np.array([[30.0, 40.0]]), np.array([0]))
TWO_CLASSES = ClickSet(40, 60, np.array([[15.0, 15.0], [30.0, 40.0]]), np.array([1, 0]))


class Window:
    """A session with a live mask, whose clock stands still unless the test sets it."""

    def __init__(self, project: Project) -> None:
        self.project, self.mode, self.now = project, "answer", 0.0
        self.session = Session(retry_seconds=0.01)
        self.live = LiveMask(self.session, self.command, lambda: self.now)
        self.notices: list[str] = []
        self.written: list[str] = []
        self.saved: list[None] = []
        self.started: list[Path] = []
        self.session.notice.connect(self.notices.append)
        self.session.mask_written.connect(self.written.append)
        self.session.probe_saved.connect(lambda: self.saved.append(None))

    def command(self, project: Path, split: str, channels: tuple[int, ...]) -> tuple[str, ...]:
        self.started.append(project)
        self.split, self.channels = split, channels
        return (sys.executable, str(STAND_IN), str(project), self.mode)

    def open(self) -> None:
        self.session.open_project(self.project.path)
        self.session.image_states.wait(5)

    def wait(self, condition: Callable[[], object], seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, (self.live.text, self.notices)
            self.session.poll()
            self.live.poll()
            time.sleep(0.005)

    def heard(self) -> list[dict[str, str]]:
        path = self.project.path / "heard"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def processes(self) -> list[psutil.Process]:
        """The probes of this project that run now."""
        found = []
        for process in psutil.Process().children():
            try:
                if str(self.project.path) in process.cmdline():
                    found.append(process)
            except psutil.Error:
                continue
        return found


@pytest.fixture
def window(three_fields: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Window]:
    monkeypatch.setattr("seminar_napari.annotate.live_mask.NEEDED_CLASSES", 2)
    window = Window(three_fields)
    yield window
    window.live.close()
    assert window.session.flush()
    window.wait(lambda: not window.processes())


def test_it_starts_with_the_second_class_and_answers_the_shown_image_first(
    window: Window, three_fields: Project
) -> None:
    three_fields.write_clicks("a", BACKGROUND_ONLY)
    window.open()
    window.session.show_image("b")
    window.live.poll()
    assert window.live.pid is None and not window.session.has_live_mask
    assert "Click on two classes" in window.live.text
    window.session.set_clicks("b", replace_class(BACKGROUND_ONLY, 2))
    assert window.session.has_live_mask, "at once, not when the click is on disk"
    window.live.poll()
    assert window.live.pid is not None and window.live.text == "The live mask is starting …"
    window.wait(lambda: window.written)
    assert window.live.text == "From 2 clicks · unsure on 50 % · edges fit poorly"
    assert window.heard()[0] == {"look": "b"} and window.live.features == "filters"


def replace_class(clicks: ClickSet, class_id: int) -> ClickSet:
    return ClickSet(clicks.height, clicks.width, clicks.points, np.array([class_id]))


def test_it_is_told_which_image_is_shown_and_which_clicks_are_on_disk(window: Window) -> None:
    window.open()
    window.wait(lambda: window.written)
    window.session.show_image("c")
    window.session.set_clicks("c", TWO_CLASSES)
    window.wait(lambda: window.written.count("c") >= 2)
    assert window.heard() == [{"look": "a"}, {"look": "c"}, {"clicks": "c"}]
    assert window.project.read_clicks("c") == TWO_CLASSES, "it was told once they were written"
    assert "From 4 clicks" in window.live.text
    window.session.show_image("b")
    assert window.live.text == "Looking at this image …"


def test_without_a_second_class_any_more_it_says_so_and_the_masks_are_withdrawn(
    window: Window,
) -> None:
    withdrawn: list[None] = []
    window.session.masks_withdrawn.connect(lambda: withdrawn.append(None))
    window.open()
    window.wait(lambda: window.written)
    assert preview_path(window.project.path, "a", PROBE).exists()
    window.session.set_clicks("a", BACKGROUND_ONLY)
    window.wait(lambda: withdrawn)
    assert window.live.text == "Only one class has clicks: click on another one."
    assert not preview_path(window.project.path, "a", PROBE).exists()
    window.session.set_clicks("a", TWO_CLASSES)
    window.wait(lambda: "From 2 clicks" in window.live.text)


def test_the_switch_ends_it_and_starts_it_again(window: Window) -> None:
    window.open()
    window.wait(lambda: window.written)
    first = window.live.pid
    window.live.is_on = False
    assert window.live.pid is None and window.live.text == "" and not window.session.has_live_mask
    window.session.set_clicks("a", TWO_CLASSES)
    window.live.is_on = True
    assert window.live.is_at_work
    window.written.clear()
    window.wait(lambda: window.written)
    assert window.live.pid not in (None, first)
    window.live.is_on = False
    window.wait(lambda: not window.live.is_at_work)
    window.session.show_image("b")
    assert window.live.pid is None and not window.processes()


def test_never_two_at_once_even_if_the_first_is_slow_to_end(
    window: Window, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seminar_napari.workers.talking_child.PATIENCE_SECONDS", 0.1)
    window.mode = "deaf"
    window.open()
    window.wait(lambda: window.written)
    window.live.is_on = False
    window.live.is_on = True
    for _ in range(5):
        window.live.poll()
    assert window.live.pid is None and len(window.processes()) == 1
    window.written.clear()
    window.wait(lambda: window.written)
    assert len(window.processes()) == 1 and len(window.started) == 2


def test_another_project_has_one_of_its_own_and_no_project_none(
    window: Window, three_fields: Project, tmp_path: Path
) -> None:
    other = Path(shutil.copytree(three_fields.path, tmp_path / "other"))
    window.open()
    window.wait(lambda: window.written)
    window.session.open_project(other)
    assert window.live.pid is None
    window.written.clear()
    window.wait(lambda: window.written)
    assert window.started == [three_fields.path, other]
    window.session.close_project()
    window.wait(lambda: not window.live.is_at_work)
    assert window.live.pid is None and window.live.text == ""


def test_after_a_crash_it_is_started_again_with_growing_pauses_and_then_no_more(
    window: Window,
) -> None:
    window.mode = "crash"
    window.open()
    for number, pause in enumerate(PAUSES, start=1):
        window.wait(lambda: window.live.pid is not None)
        window.wait(lambda: window.live.pid is None)
        assert len(window.started) == number
        window.now += pause - 0.01
        window.wait(lambda: not window.processes())
        window.live.poll()
        assert window.live.pid is None, "not yet"
        window.now += 0.02
    window.wait(lambda: window.live.pid is not None)
    window.wait(lambda: window.live.pid is None)
    sentence = (
        "The live mask has stopped (unexpected error, ZeroDivisionError: a defect): switch it off "
        "and on to try again; clicks are saved all the same."
    )
    assert window.live.text == sentence and window.notices == [sentence]
    window.now += 1000
    window.session.set_clicks("a", TWO_CLASSES)
    window.wait(lambda: not window.live.is_at_work)
    assert len(window.started) == len(PAUSES) + 1 and not window.session.has_live_mask
    window.mode = "answer"
    window.live.is_on = False
    window.live.is_on = True
    window.wait(lambda: window.written)


def test_one_that_ran_for_long_may_crash_again(window: Window) -> None:
    window.mode = "die"
    window.open()
    for _ in range(len(PAUSES) + 2):
        window.wait(lambda: window.live.pid is not None and window.written)
        window.written.clear()
        window.now += 1000
        window.session.set_clicks("a", TWO_CLASSES)
        window.wait(lambda: window.live.pid is None)
        window.now += PAUSES[0]
    assert window.notices == []


def test_a_mistake_of_the_user_is_told_and_nothing_is_started_again(window: Window) -> None:
    window.mode = "refuse"
    window.open()
    window.wait(lambda: window.notices)
    assert (
        window.live.text == "No live mask: classes.txt: expected two classes, got one; add a class"
    )
    window.now += 1000
    window.wait(lambda: not window.live.is_at_work)
    assert len(window.started) == 1


def test_a_program_that_cannot_be_started_is_told(
    window: Window, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(window.live, "_command", lambda project, *_: (str(project / "nothing"),))
    window.open()
    window.live.poll()
    assert "cannot be started" in window.live.text and len(window.notices) == 1
    assert not window.live.is_at_work


def test_its_model_is_made_known(window: Window) -> None:
    window.open()
    window.wait(lambda: window.saved)
    assert window.saved == [None]


def test_other_classes_and_another_split_are_learnt_by_another_one(window: Window) -> None:
    window.open()
    window.wait(lambda: window.written)
    assert window.split == "train"
    window.session.set_classes(ClassNames.of("background", "cell", "fibre", "vessel"))
    assert window.live.pid is None and window.session.has_live_mask, "the mask stays until then"
    window.written.clear()
    window.wait(lambda: window.written)
    window.session.use_split("all")
    window.session.use_channels([0])
    window.written.clear()
    window.wait(lambda: window.written)
    assert (window.split, window.channels) == ("all", (0,))
    assert len(window.started) == 3 and window.notices == []


def test_nothing_listens_after_closing(three_fields: Project) -> None:
    session = Session()
    signals = (session.project_changed, session.image_changed, session.clicks_written)
    before = [len(signal) for signal in signals]
    live = LiveMask(session)
    assert [len(signal) for signal in signals] == [number + 1 for number in before]
    assert len(session.image_states.changed) == 1
    live.close()
    assert [len(signal) for signal in signals] == before and not len(session.image_states.changed)


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        (Mask("a", 31, 0.07, 0.35), "From 31 clicks · unsure on 7 % · edges fit well"),
        (Mask("a", 1200, 0.001, None), "From 1,200 clicks · unsure on less than 1 %"),
        (Mask("a", 2, 1.0, 0.2), "From 2 clicks · unsure on 100 % · edges fit fairly"),
    ],
)
def test_how_far_a_mask_can_be_trusted_in_plain_words(mask: Mask, words: str) -> None:
    assert described(mask) == words


def test_the_command_is_the_one_in_a_terminal(tmp_path: Path) -> None:
    command = follow_command(Path("p"), "all")
    assert command[1:] == ("-m", "seminar", *["probe", "p", "--split", "all", "--follow", "--json"])
    (tmp_path / "lite0.pth").write_bytes(b"")
    remember_weights("efficientnet_lite0", str(tmp_path / "lite0.pth"))
    command = follow_command(Path("p"), "all", (0, 2))
    assert command[command.index("--channels") + 1] == "0,2"
    assert command[command.index("--weights") + 1] == str(tmp_path / "lite0.pth")
