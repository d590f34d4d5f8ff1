"""The supervisor follows real processes and real run folders; no Qt."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path

import psutil
import pytest

from seminar.run import events
from seminar.run.folder import RunFolder
from seminar_napari.run.past_events import HISTORY_STEPS, Entry, is_finished, thinned
from seminar_napari.run.supervisor import News, Supervisor
from seminar_napari.run.trainer_process import trainer_process

SCRIPT = Path(__file__).parents[1] / "small_trainer.py"


def command(folder: RunFolder, mode: str, iterations: int = 20) -> list[str]:
    return [sys.executable, str(SCRIPT), str(folder.path), mode, str(iterations)]


def follow(
    supervisor: Supervisor,
    *,
    until: Callable[[News], bool] = lambda news: news.over,
    seconds: float = 60,
) -> list[News]:
    """All news until `until`; the follower goes on to its end in any case."""
    seen: list[News] = []
    deadline = time.monotonic() + seconds
    for news in supervisor.follow():
        seen.append(news)
        if until(news):
            return seen
        assert time.monotonic() < deadline, seen[-1]
    return seen


def kinds(seen: list[News]) -> list[str]:
    return [type(event).__name__ for news in seen for event, _ in news.events]


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path / "project" / "runs" / "run-1")


@pytest.fixture(autouse=True)
def _no_process_left(folder: RunFolder) -> Iterator[None]:
    yield
    left = [
        child
        for child in psutil.Process().children(recursive=True)
        if str(folder.path) in " ".join(child.cmdline() if child.is_running() else [])
    ]
    for child in left:
        child.kill()
    assert not left
    assert not [
        child for child in psutil.Process().children() if child.status() == psutil.STATUS_ZOMBIE
    ]


def test_a_run_from_start_to_end(folder: RunFolder) -> None:
    supervisor = Supervisor(folder, command(folder, "well"))
    seen = follow(supervisor)
    assert seen[0].state == "starting"
    assert [news.state for news in seen if news.state == "running"]
    assert (seen[-1].state, seen[-1].over, seen[-1].message) == ("finished", True, "")
    names = kinds(seen)
    assert names[0] == "Started" and names[-1] == "Finished" and names.count("Step") == 20
    assert supervisor.saved is not None and supervisor.saved.iteration == 10
    assert folder.log_path.exists()


def test_stop_saves_and_ends(folder: RunFolder) -> None:
    supervisor = Supervisor(folder, command(folder, "well", 10_000))
    states = []
    for news in supervisor.follow():
        if supervisor.stop_wanted:
            states.append(news.state)
        elif "Step" in kinds([news]):
            supervisor.stop()
    shown = [state for state, _ in groupby(states)]  # the process takes its time to end
    assert shown in (["stopping", "stopped"], ["stopped"]), (
        "reported at once, unless the trainer was quicker than the next look"
    )


def test_stop_before_the_first_event_ends_at_once(folder: RunFolder) -> None:
    supervisor = Supervisor(folder, command(folder, "well", 10_000))
    following = supervisor.follow()
    assert next(following).state == "starting"
    supervisor.stop()
    begun = time.monotonic()
    states = [news.state for news in following]
    assert states[-1] == "stopped"
    assert time.monotonic() - begun < 5


def test_pause_and_go_on(folder: RunFolder) -> None:
    supervisor = Supervisor(folder, command(folder, "well", 10_000))
    following = supervisor.follow()

    def wait_for(state: str) -> None:
        deadline = time.monotonic() + 30
        assert any(news.state == state or time.monotonic() > deadline for news in following)

    wait_for("running")
    supervisor.pause()
    wait_for("paused")
    before = supervisor.offset
    time.sleep(0.3)
    assert next(following).state == "paused" and supervisor.offset == before, (
        "nothing is learnt in a pause"
    )
    supervisor.go_on()
    wait_for("running")
    supervisor.pause()
    wait_for("paused")
    supervisor.stop()
    assert [news.state for news in following][-1] == "stopped", (
        "a pause does not keep a run from stopping"
    )


def test_a_failure_is_told_in_the_trainers_words(folder: RunFolder) -> None:
    last = follow(Supervisor(folder, command(folder, "fail")))[-1]
    assert (last.state, last.message) == ("failed", "memory ran out; choose a smaller crop size")


def test_a_refusal_is_told_from_the_log(folder: RunFolder) -> None:
    last = follow(Supervisor(folder, command(folder, "refuse")))[-1]
    assert (last.state, last.message) == (
        "failed",
        "classes.txt: expected two classes, got one; add a class",
    )


def test_a_defect_is_told_with_its_last_line(folder: RunFolder) -> None:
    last = follow(Supervisor(folder, command(folder, "crash")))[-1]
    assert last.state == "failed"
    assert "ZeroDivisionError: a defect" in last.message and "log" in last.message


def test_a_killed_process_is_lost(folder: RunFolder) -> None:
    supervisor = Supervisor(folder, command(folder, "die"))
    last = follow(supervisor)[-1]
    assert last.state == "lost"
    assert "signal 9" in last.message
    assert supervisor.saved is not None and supervisor.saved.iteration == 10


def test_a_deaf_process_can_be_ended(folder: RunFolder) -> None:
    supervisor = Supervisor(folder, command(folder, "deaf", 10_000))
    states = []
    for news in supervisor.follow():
        states.append(news.state)
        if news.state == "running":
            supervisor.stop()
        if news.state == "stopping":
            supervisor.end_now()
    assert states[-1] == "lost"


def test_a_program_that_is_missing_fails_with_a_sentence(folder: RunFolder) -> None:
    last = follow(Supervisor(folder, ["/no/such/program"]))[-1]
    assert last.state == "failed" and last.over and "/no/such/program" in last.message


def test_leaving_lets_the_process_go_on_and_attaching_finds_it(folder: RunFolder) -> None:
    first = Supervisor(folder, command(folder, "well", 10_000))
    follow(first, until=lambda news: news.state == "running" and bool(news.events))
    first.leave()
    first.release()
    second = Supervisor(folder)
    seen = follow(second, until=lambda news: news.state == "running")
    assert kinds(seen)[0] == "Started"
    second.stop()
    assert follow_on(second).state == "stopped"
    assert first.pid is not None
    psutil.wait_procs(
        [psutil.Process(first.pid)] if psutil.pid_exists(first.pid) else [], timeout=10
    )


def follow_on(supervisor: Supervisor) -> News:
    again = Supervisor(supervisor.folder, offset=supervisor.offset)
    again.stop()
    return follow(again)[-1]


def test_attaching_to_another_programs_run_that_is_killed(folder: RunFolder) -> None:
    folder.path.mkdir(parents=True)
    with subprocess.Popen(command(folder, "well", 10_000)) as other:
        supervisor = Supervisor(folder)
        while not folder.events_path.exists() or folder.is_alive() is False:
            time.sleep(0.02)
        states = []
        for news in supervisor.follow():
            states.append(news.state)
            if news.state == "running" and news.events:
                other.kill()  # and it stays a zombie, nobody reaps it here
    assert states[-1] == "lost"


def test_a_finished_run_is_over_at_once(folder: RunFolder) -> None:
    subprocess.run(
        command(folder, "well") if folder.path.mkdir(parents=True) is None else [], check=True
    )
    seen = follow(Supervisor(folder))
    assert {news.state for news in seen} == {"finished"}


def test_resuming_is_not_confused_by_how_the_run_ended_before(folder: RunFolder) -> None:
    folder.path.mkdir(parents=True)
    subprocess.run(command(folder, "fail"), check=False)
    seen = follow(Supervisor(folder, command(folder, "well")))
    assert seen[0].state == "starting" and "failed" not in {news.state for news in seen}
    assert seen[-1].state == "finished"


def test_a_silent_run_on_another_machine(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.path.mkdir(parents=True)
    folder.append_event(
        events.Started(
            stages=("ancillary",), class_names=("a", "b"), images=1, clicks=2, device="cuda"
        )
    )
    folder.process_path.write_text(
        json.dumps({"pid": os.getpid(), "host": "another-machine", "start": 0.0})
    )
    supervisor = Supervisor(folder)
    following = supervisor.follow()
    assert next(following).state == "running"
    monkeypatch.setattr("seminar_napari.run.supervisor.SILENCE_SECONDS", -1.0)
    news = [next(following), next(following)][-1]
    assert (news.state, news.over) == ("lost", False)
    monkeypatch.undo()
    folder.append_event(events.Continued(stage="ancillary", iteration=3))
    assert next(following).state == "running", "it may come back"
    folder.append_event(events.Paused(stage="ancillary", iteration=3))
    monkeypatch.setattr("seminar_napari.run.supervisor.SILENCE_SECONDS", -1.0)
    assert next(following).state == "paused", "a paused run says nothing"
    folder.append_event(events.Finished(reason="completed", stage="ancillary", iteration=3))
    last = next(following)
    assert (last.state, last.over) == ("finished", True)


def test_a_folder_where_nothing_trains(folder: RunFolder) -> None:
    folder.path.mkdir(parents=True)
    folder.append_event(events.StageStarted(stage="ancillary", iteration=0, iterations=3))
    assert follow(Supervisor(folder))[-1].state == "lost"
    assert trainer_process(folder) is None


def test_looks_are_few(folder: RunFolder) -> None:
    folder.path.mkdir(parents=True)
    folder.process_path.write_text(
        json.dumps({"pid": os.getpid(), "host": "another-machine", "start": 0.0})
    )
    begun, looks = time.monotonic(), 0
    for _ in Supervisor(folder).follow():
        looks += 1
        if time.monotonic() - begun > 1:
            break
    assert 1 <= looks <= 12


def test_a_long_past_is_thinned() -> None:
    entries: list[Entry] = [(events.CheckpointSaved(stage="ancillary", iteration=0), 0.0)]
    for iteration in range(1, 20_001):
        entries.append((a_step(iteration), float(iteration)))
    for iteration in (5, 6):
        entries.append(
            (
                events.Preview(
                    stage="ancillary", iteration=iteration, image_id="a", layers=("student",)
                ),
                0.0,
            )
        )
    few = thinned(entries)
    steps = [event.iteration for event, _ in few if isinstance(event, events.Step)]
    assert HISTORY_STEPS // 2 < len(steps) <= HISTORY_STEPS + 1
    assert steps == sorted(steps) and steps[-1] == 20_000
    assert few[0] == entries[0] and [
        event.iteration for event, _ in few if isinstance(event, events.Preview)
    ] == [6]


def a_step(iteration: int) -> events.Step:
    return events.Step(
        stage="ancillary",
        iteration=iteration,
        iterations=20_000,
        losses={"pce": 1.0},
        lr=1e-3,
        iterations_per_second=1.0,
        seconds_left=1.0,
        memory_bytes=1,
    )


def test_a_finished_run_is_known_from_its_last_line(folder: RunFolder) -> None:
    assert not is_finished(folder)
    folder.path.mkdir(parents=True)
    for iteration in range(200):
        folder.append_event(a_step(iteration))
    assert not is_finished(folder)
    folder.append_event(events.Finished(reason="stopped", stage="ancillary", iteration=200))
    assert not is_finished(folder)
    folder.append_event(events.Finished(reason="completed", stage="primary", iteration=200))
    assert is_finished(folder)


def test_a_request_that_cannot_be_written_is_said(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.path.mkdir(parents=True)
    folder.append_event(
        events.Started(
            stages=("ancillary",), class_names=("a", "b"), images=1, clicks=2, device="cuda"
        )
    )
    folder.process_path.write_text(
        json.dumps({"pid": os.getpid(), "host": "another-machine", "start": 0.0})
    )

    def refuse(self: RunFolder) -> None:
        raise PermissionError(13, "Permission denied", str(self.path / "pause.request"))

    monkeypatch.setattr(RunFolder, "request_pause", refuse)
    supervisor = Supervisor(folder)
    following = supervisor.follow()
    next(following)
    supervisor.pause()
    news = [next(following), next(following)][-1]
    assert news.state == "running" and "pause.request: Permission denied" in news.message


def goes_on_elsewhere(folder: RunFolder) -> None:
    """A run of another machine, seen through a shared disk."""
    folder.path.mkdir(parents=True)
    folder.append_event(
        events.Started(
            stages=("ancillary",), class_names=("a", "b"), images=1, clicks=2, device="cuda"
        )
    )
    folder.process_path.write_text(
        json.dumps({"pid": os.getpid(), "host": "another-machine", "start": 0.0})
    )


@contextmanager
def unreadable(path: Path) -> Iterator[None]:
    """Reading this file is an OSError for a while, as on a disk that is away."""
    aside = path.with_name("aside")
    path.rename(aside)
    path.mkdir()
    yield
    path.rmdir()
    aside.rename(path)


def test_a_disk_that_is_away_for_a_moment_does_not_end_following(folder: RunFolder) -> None:
    goes_on_elsewhere(folder)
    supervisor = Supervisor(folder)
    following = supervisor.follow()
    assert next(following).state == "running"
    with unreadable(folder.events_path):
        news = [next(following), next(following)][-1]
        assert (news.state, news.over) == ("running", False)
        assert "events.jsonl: " in news.message and "tried again" in news.message
        supervisor.stop()
        assert next(following).state == "stopping" and folder.stop_requested(), (
            "a wish reaches the run all the same"
        )
    folder.append_event(a_step(1))
    news = next(following)
    assert (kinds([news]), news.message) == (["Step"], ""), "nothing that was written is missed"
    folder.append_event(events.Finished(reason="stopped", stage="ancillary", iteration=1))
    last = next(following)
    assert (last.state, last.over) == ("stopped", True)


def test_a_process_that_cannot_be_asked_for_a_moment_is_not_lost(folder: RunFolder) -> None:
    goes_on_elsewhere(folder)
    folder.process_path.write_text(
        json.dumps(
            {"pid": 1, "host": socket.gethostname(), "start": psutil.Process(1).create_time()}
        )
    )
    supervisor = Supervisor(folder)
    following = supervisor.follow()
    assert next(following).state == "running"
    with unreadable(folder.process_path):
        assert [next(following).over for _ in range(12)] == [False] * 12, "asked once a second"
    assert next(following).state == "running"


def test_what_ended_while_its_disk_was_away_is_told_once_it_is_back(folder: RunFolder) -> None:
    supervisor = Supervisor(folder, command(folder, "well", 5))
    following = supervisor.follow()
    assert next(following).state == "starting"
    deadline = time.monotonic() + 60
    while (not is_finished(folder) or folder.is_alive()) and time.monotonic() < deadline:
        time.sleep(0.02)
    with unreadable(folder.events_path):
        assert [next(following).over for _ in range(3)] == [False] * 3
    last = list(following)[-1]
    assert (last.state, last.over, kinds([last]).count("Step")) == ("finished", True, 5)
