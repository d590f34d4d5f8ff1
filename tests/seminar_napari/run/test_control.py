"""Runs as the window handles them, with a small real process in place of the trainer."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest
from pytestqt.qtbot import QtBot

from seminar.config.settings import TrainConfig
from seminar.errors import SeminarError
from seminar.project.project import Project
from seminar.run.events import Finished, Preview, Started, Step
from seminar.run.folder import RunFolder
from seminar_napari.run import control
from seminar_napari.run.control import RunControl
from seminar_napari.run.supervisor import News, Supervisor
from seminar_napari.session.session import Session

SCRIPT = Path(__file__).parents[1] / "small_trainer.py"
SECONDS = 60_000


class Stage:
    """A session with a control, and all that it was told."""

    def __init__(self, project: Project) -> None:
        self.session = Session()
        self.session.open_project(project.path)
        self.control = RunControl(self.session)
        self.events: list[Any] = []
        self.states: list[str] = []
        self.failures: list[str] = []
        self.session.event_received.connect(lambda event, when: self.events.append(event))
        self.session.state_changed.connect(self.states.append)
        self.control.failed.connect(self.failures.append)

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
def stage(
    three_fields: Project, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Stage]]:
    """Makes a stage whose runs behave as `mode` says."""
    made: list[Stage] = []
    before = {child.pid for child in psutil.Process().children()}

    def make(mode: str = "well", iterations: int = 20) -> Stage:
        def command(arguments: Sequence[str]) -> tuple[str, ...]:
            folder = RunFolder.of(Path(arguments[1]), arguments[3]).path
            return (sys.executable, str(SCRIPT), str(folder), mode, str(iterations))

        monkeypatch.setattr(control, "seminar_command", command)
        made.append(Stage(three_fields))
        return made[-1]

    yield make
    for one in made:
        one.control.stop()
        one.control.close()
    ours = [child for child in psutil.Process().children() if child.pid not in before]
    _, alive = psutil.wait_procs(ours, timeout=15)
    assert not alive


def until(qtbot: QtBot, condition: Callable[[], object]) -> None:
    qtbot.waitUntil(lambda: bool(condition()), timeout=SECONDS)


def test_a_run_reaches_the_session(
    stage: Callable[..., Stage], qtbot: QtBot, three_fields: Project
) -> None:
    here = stage()
    here.session.show_image("b")
    here.control.start("run-1", TrainConfig())
    assert here.states == ["starting"] and here.session.run == RunFolder.of(
        three_fields.path, "run-1"
    )
    until(qtbot, lambda: here.session.state == "finished")
    assert here.states == ["starting", "running", "finished"]
    assert [type(here.events[0]), type(here.events[-1])] == [Started, Finished]
    assert len(here.of(Step)) == 20
    assert here.of(Preview)[0].image_id == "b"
    assert not here.control.is_going and not here.failures


def test_another_image_is_asked_for_when_it_is_shown(
    stage: Callable[..., Stage], qtbot: QtBot
) -> None:
    here = stage(iterations=10_000)
    here.control.start("run-1", TrainConfig())
    until(qtbot, lambda: here.of(Step))
    here.session.show_image("c")
    run = here.session.run
    assert run is not None
    until(qtbot, lambda: run.preview_requested() == "c")


def test_stop_is_acknowledged_at_once_and_done_soon(
    stage: Callable[..., Stage], qtbot: QtBot
) -> None:
    here = stage(iterations=100_000)
    here.control.start("run-1", TrainConfig())
    until(qtbot, lambda: here.of(Step))
    begun = time.monotonic()
    here.control.stop()
    assert here.session.state == "stopping"
    assert time.monotonic() - begun < 0.3
    until(qtbot, lambda: here.session.state == "stopped")
    assert here.states == [
        "starting",
        "running",
        "stopping",
        "stopped",
    ], "no flicker back to running"


def test_pause_and_go_on(stage: Callable[..., Stage], qtbot: QtBot) -> None:
    here = stage(iterations=100_000)
    here.control.start("run-1", TrainConfig())
    until(qtbot, lambda: here.of(Step))
    here.control.pause()
    until(qtbot, lambda: here.session.state == "paused")
    here.control.go_on()
    until(qtbot, lambda: here.session.state == "running")


def test_a_failure_is_told_once_and_resuming_reads_on(
    stage: Callable[..., Stage], qtbot: QtBot
) -> None:
    here = stage("fail")
    here.control.start("run-1", TrainConfig())
    until(qtbot, lambda: here.session.state == "failed")
    qtbot.wait(300)
    assert (
        here.failures == ["memory ran out; choose a smaller crop size"]
        and here.control.message == here.failures[0]
    )
    run = here.session.run
    assert run is not None
    steps = len(here.of(Step))
    again = stage("well")  # the process behaves from now on
    again.control.close()
    here.control.resume(run)
    until(qtbot, lambda: here.session.state == "finished")
    assert len(here.of(Step)) == steps + 20, "what was passed on already is not passed on again"
    assert here.of(Started)[-1].resumed


def test_looking_at_an_old_failed_run_is_no_news(
    stage: Callable[..., Stage], qtbot: QtBot, three_fields: Project
) -> None:
    folder = RunFolder.of(three_fields.path, "old")
    folder.path.mkdir(parents=True)
    subprocess.run([sys.executable, str(SCRIPT), str(folder.path), "fail"], check=False)
    here = stage()
    here.control.attach(folder)
    until(qtbot, lambda: here.session.state == "failed")
    qtbot.wait(200)
    assert not here.failures and "running" not in here.states
    assert here.control.message.startswith("memory ran out")


def test_one_run_at_a_time_and_no_name_twice(
    stage: Callable[..., Stage], qtbot: QtBot, three_fields: Project, tmp_path: Path
) -> None:
    here = stage(iterations=100_000)
    here.control.start("run-1", TrainConfig())
    until(qtbot, lambda: here.of(Step))
    with pytest.raises(SeminarError, match="run-1 is still going"):
        here.control.start("run-2", TrainConfig())
    with pytest.raises(SeminarError, match="exists already"):
        here.control.start("run-1", TrainConfig())
    with pytest.raises(SeminarError, match="attach to it"):
        here.control.resume(RunFolder.of(three_fields.path, "run-1"))
    with pytest.raises(SeminarError, match="expected a run folder"):
        here.control.attach(RunFolder(tmp_path))


def test_detaching_leaves_the_run_to_another_window(
    stage: Callable[..., Stage], qtbot: QtBot
) -> None:
    here = stage(iterations=100_000)
    here.control.start("run-1", TrainConfig())
    until(qtbot, lambda: here.of(Step))
    run = here.session.run
    assert run is not None
    here.control.detach()
    assert (here.session.run, here.session.state) == (None, "none")
    assert run.is_alive()
    there = stage()
    there.control.attach(run)
    until(qtbot, lambda: there.session.state == "running" and there.of(Step))
    there.control.stop()
    until(qtbot, lambda: there.session.state == "stopped")


def test_another_project_lets_go_of_the_run(stage: Callable[..., Stage], qtbot: QtBot) -> None:
    here = stage(iterations=100_000)
    here.control.start("run-1", TrainConfig())
    until(qtbot, lambda: here.of(Step))
    run = here.session.run
    assert run is not None
    here.session.close_project()
    qtbot.wait(300)
    count = len(here.events)
    qtbot.wait(300)
    assert len(here.events) == count and here.session.state == "none"
    run.request_stop()
    until(qtbot, lambda: run.is_alive() is False)


def test_another_project_lets_go_of_the_run_with_a_word_and_its_own_follows_it_again(
    stage: Callable[..., Stage], qtbot: QtBot, three_fields: Project
) -> None:
    here = stage(iterations=100_000)
    said: list[str] = []
    here.session.notice.connect(said.append)
    here.control.start("run-1", TrainConfig())
    until(qtbot, lambda: here.of(Step))
    run = here.session.run
    here.session.close_project()
    assert said == [
        "run-1 trains on without the window; it is followed again when three is opened."
    ]
    here.session.open_project(three_fields.path)
    assert here.session.run == run and here.control.is_going
    steps = len(here.of(Step))
    until(qtbot, lambda: len(here.of(Step)) > steps)


def test_a_run_that_ended_meanwhile_is_shown_as_it_ended(
    stage: Callable[..., Stage], qtbot: QtBot, three_fields: Project
) -> None:
    here = stage(iterations=100_000)
    here.control.start("run-1", TrainConfig())
    until(qtbot, lambda: here.of(Step))
    run = here.session.run
    here.control.stop()
    said: list[str] = []
    here.session.notice.connect(said.append)
    here.session.close_project()
    assert said == ["run-1 saves and ends without the window."]
    assert run is not None
    until(qtbot, lambda: run.is_alive() is False)
    here.events.clear()
    here.session.open_project(three_fields.path)
    assert here.session.run == run
    until(qtbot, lambda: here.session.state == "stopped")
    assert here.of(Step) and here.of(Finished) and not here.failures


def test_a_run_whose_folder_is_deleted_is_lost_with_a_sentence(three_fields: Project) -> None:
    run = RunFolder.of(three_fields.path, "run-1")
    run.path.mkdir(parents=True)
    run.claim()
    supervisor = Supervisor(run)
    supervisor.request_preview("a")
    shutil.rmtree(run.path)
    (news,) = supervisor.follow()
    assert (news.state, news.over) == ("lost", True)
    assert news.message == "its folder was deleted; start a new run with Train"
    assert not run.path.exists(), "a request does not make it again"


@pytest.mark.parametrize("leave", ["detach", "close", "another project"])
def test_a_paused_run_that_is_left_trains_on(
    stage: Callable[..., Stage], qtbot: QtBot, leave: str
) -> None:
    here = stage(iterations=100_000)
    here.control.start("run-1", TrainConfig())
    until(qtbot, lambda: here.of(Step))
    here.control.pause()
    until(qtbot, lambda: here.session.state == "paused")
    run = here.session.run
    assert run is not None
    if leave == "another project":
        here.session.close_project()
    else:
        getattr(here.control, leave)()
    until(qtbot, lambda: not run.pause_requested())
    assert run.is_alive() and not run.stop_requested()
    run.request_stop()
    until(qtbot, lambda: run.is_alive() is False)


def test_silence_is_told_as_it_grows(stage: Callable[..., Stage], qtbot: QtBot) -> None:
    here = stage(iterations=100_000)
    here.control.start("run-1", TrainConfig())
    until(qtbot, lambda: here.of(Step))
    here.control.pause()
    until(qtbot, lambda: here.session.state == "paused")
    told: list[float] = []
    here.control.changed.connect(lambda: told.append(here.control.silent_seconds))
    qtbot.wait(2500)
    assert 2 <= len(told) <= 3 and told == sorted(told), "once a second, not at every look"


def test_closing_ends_the_workers_thread(stage: Callable[..., Stage], qtbot: QtBot) -> None:
    here = stage(iterations=100_000)
    here.control.start("run-1", TrainConfig())
    until(qtbot, lambda: here.of(Step))
    run = here.session.run
    begun = time.monotonic()
    here.control.close()
    assert time.monotonic() - begun < 1.5
    assert not here.control._unfinished
    assert run is not None and run.is_alive()
    run.request_stop()
    until(qtbot, lambda: run.is_alive() is False)


def test_nothing_starts_without_a_project(qtbot: QtBot) -> None:
    control = RunControl(Session())
    with pytest.raises(SeminarError, match="no project is open"):
        control.start("run-1", TrainConfig())
    control.close()


def test_news_of_a_run_that_is_no_longer_followed_reach_nobody(
    three_fields: Project, qtbot: QtBot
) -> None:
    session = Session()
    session.open_project(three_fields.path)
    control = RunControl(session)
    heard: list[Any] = []
    session.event_received.connect(lambda event, when: heard.append(event))
    old = Supervisor(RunFolder.of(three_fields.path, "old"))
    control._supervisor = Supervisor(RunFolder.of(three_fields.path, "new"))
    event = Finished(reason="completed", stage="ancillary", iteration=9)
    control._take(old, News(((event, 1.0),), "finished", "of the old run"))
    assert heard == [] and session.state == "none" and control.message == ""
    control._take(control._supervisor, News(((event, 1.0),), "finished"))
    assert heard == [event] and session.state == "finished"
    control._supervisor = None
    control.close()


def test_nothing_listens_after_closing() -> None:
    session = Session()
    signals = ("image_changed", "run_changed", "project_changed")
    control = RunControl(session)
    assert [len(getattr(session, name)) for name in signals] == [1, 1, 1]
    control.close()
    assert [len(getattr(session, name)) for name in signals] == [0, 0, 0]


def test_a_run_that_was_left_is_followed_again_once(
    three_fields: Project, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    attached: list[RunFolder] = []
    monkeypatch.setattr(RunControl, "attach", lambda self, folder: attached.append(folder))
    monkeypatch.setattr(RunFolder, "is_alive", lambda self: True)
    session = Session()
    session.open_project(three_fields.path)
    control, run = RunControl(session), RunFolder.of(three_fields.path, "run-1")
    control._supervisor = Supervisor(run)
    session.set_run(run)
    session.set_state("running")
    for _ in range(2):  # the second time nobody followed it
        session.close_project()
        session.open_project(three_fields.path)
    assert attached == [run]
    control.close()
