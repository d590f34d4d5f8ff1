"""The run folder: events followed while they are written, requests, previews, and who trains."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seminar.config.settings import TrainConfig, preset
from seminar.errors import SeminarError
from seminar.labels import ClassNames
from seminar.run.events import Event, Finished, Warned, to_json_line
from seminar.run.folder import RunFolder, stage_names


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    folder = RunFolder.of(tmp_path, "june")
    folder.path.mkdir(parents=True)
    return folder


@pytest.fixture
def sleeper() -> Iterator[psutil.Process]:
    """Another living process."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    yield psutil.Process(child.pid)
    child.kill()
    child.wait()


def read_all(run: RunFolder) -> list[Event]:
    return [event for event, _, _ in run.read_events()]


def write_process(run: RunFolder, **values: object) -> None:
    run.process_path.write_text(
        json.dumps({"pid": 1, "host": socket.gethostname(), "start": 0.0} | values)
    )


@pytest.mark.parametrize(
    ("changes", "stages"),
    [
        ({}, ("ancillary", "primary")),
        ({"modules": 0}, ("ancillary",)),
        ({"modules": 3}, ("ancillary", "primary", "primary-2", "primary-3")),
        ({"losses": ("pce", "crf", "pcons")}, ("ancillary",)),
        ({"losses": ("full",)}, ("full",)),
        ({"pseudo_labels": "masks"}, ("primary",)),
        ({"self_generation": "reset"}, ("ancillary", "self-generation")),
    ],
)
def test_stages_of_a_run(changes: dict[str, Any], stages: tuple[str, ...]) -> None:
    assert stage_names(TrainConfig(**changes)) == stages


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "../x", "a\\b", "a\nb", "a\0b", "x" * 101, "é" * 200]
)
def test_a_name_that_cannot_be_a_folder_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(SeminarError, match="choose another"):
        RunFolder.of(tmp_path, name)


@given(st.text(max_size=110))
def test_an_accepted_name_is_a_folder_right_under_runs(name: str) -> None:
    project = Path("project")
    try:
        folder = RunFolder.of(project, name)
    except SeminarError:
        return
    assert folder.path.parent == project / "runs"
    assert folder.path.name == name
    assert folder.project == project
    assert os.path.normpath(folder.path) == str(folder.path)


def test_the_config_reads_back(run: RunFolder) -> None:
    run.write_config(preset("quick"))
    assert run.read_config() == preset("quick")


def test_no_events_before_the_first(run: RunFolder) -> None:
    assert read_all(run) == []


def test_events_are_read_from_where_the_last_call_ended(run: RunFolder) -> None:
    run.append_event(Warned(message="one"))
    ((event, when, offset),) = run.read_events()
    assert event == Warned(message="one")
    assert abs(when - time.time()) < 60
    assert list(run.read_events(offset)) == []
    run.append_event(Warned(message="two"))
    assert [event for event, _, _ in run.read_events(offset)] == [Warned(message="two")]


def test_a_line_that_is_being_written_waits_for_its_end(run: RunFolder) -> None:
    run.append_event(Warned(message="one"))
    line = to_json_line(Warned(message="zwei ü"), 1.0).encode()
    *_, (_, _, offset) = run.read_events()
    for cut in range(len(line)):
        with run.events_path.open("ab") as file:
            file.write(line[cut : cut + 1])
        found = [event for event, _, _ in run.read_events(offset)]
        assert found == ([Warned(message="zwei ü")] if cut == len(line) - 1 else [])


@given(cut=st.integers(1, 60))
def test_a_line_torn_by_a_crash_costs_only_itself(
    cut: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    run = RunFolder(tmp_path_factory.mktemp("run"))
    run.append_event(Warned(message="one"))
    with run.events_path.open("ab") as file:
        file.write(to_json_line(Warned(message="torn"), 1.0).encode()[:cut])
    run.append_event(Warned(message="three"))
    run.append_event(Warned(message="four"))
    assert read_all(run) == [Warned(message=message) for message in ("one", "three", "four")]


def test_unknown_lines_are_passed_over_and_not_read_again(run: RunFolder) -> None:
    run.append_event(Warned(message="one"))
    with run.events_path.open("ab") as file:
        file.write(b'{"event": "Teleported", "time": 1.0}\n\xff\xfe\n\n')
    run.append_event(Warned(message="two"))
    *_, (last, _, offset) = run.read_events()
    assert last == Warned(message="two")
    assert offset == run.events_path.stat().st_size


def test_following_a_run_while_it_is_written_loses_nothing_and_repeats_nothing(
    run: RunFolder,
) -> None:
    messages = [f"{number} " + "ü" * (number % 50) for number in range(400)]

    def write() -> None:
        for message in messages:
            run.append_event(Warned(message=message))
        run.append_event(Finished(reason="completed", stage="primary", iteration=1))

    writer = threading.Thread(target=write)
    writer.start()
    followed: list[Event] = []
    offset, until = 0, time.monotonic() + 60
    while not (followed and isinstance(followed[-1], Finished)) and time.monotonic() < until:
        for event, _, behind in run.read_events(offset):
            followed.append(event)
            offset = behind
    writer.join()
    assert followed[:-1] == [Warned(message=message) for message in messages]


def test_requests_reach_the_trainer_and_are_cleared(run: RunFolder) -> None:
    assert not run.stop_requested()
    assert not run.pause_requested()
    run.request_pause()
    assert run.pause_requested()
    run.request_continue()
    run.request_continue()
    assert not run.pause_requested()
    run.request_stop()
    run.request_pause()
    assert run.stop_requested()
    run.clear_requests()
    assert not run.stop_requested()
    assert not run.pause_requested()


def test_a_preview_is_asked_for_by_image_id(run: RunFolder) -> None:
    assert run.preview_requested() is None
    run.request_preview("field 017 é")
    assert run.preview_requested() == "field 017 é"
    run.request_preview("")
    assert run.preview_requested() is None


@pytest.mark.parametrize("layer", ["student", "disagreement"])
def test_a_preview_reads_back(run: RunFolder, layer: str) -> None:
    labels = np.random.default_rng(0).integers(0, 256, (7, 5), dtype=np.uint8)
    assert run.read_preview("a", layer) is None
    run.write_preview("a", layer, labels, ClassNames.of("background", "cell"))
    read = run.read_preview("a", layer)
    assert read is not None
    np.testing.assert_array_equal(read, labels)


def test_a_damaged_preview_is_none(run: RunFolder) -> None:
    run.write_preview(
        "a", "student", np.zeros((50, 50), dtype=np.uint8), ClassNames.of("background", "cell")
    )
    path = run.preview_path("a", "student")
    path.write_bytes(path.read_bytes()[:40])
    assert run.read_preview("a", "student") is None
    path.write_bytes(b"")
    assert run.read_preview("a", "student") is None


def test_nobody_trains_in_a_new_folder(run: RunFolder) -> None:
    assert run.is_alive() is False


def test_a_claim_is_released(run: RunFolder) -> None:
    run.claim()
    assert json.loads(run.process_path.read_text())["pid"] == os.getpid()
    run.release()
    run.release()
    assert not run.process_path.exists()


def test_a_run_that_another_process_trains_cannot_be_claimed(
    run: RunFolder, sleeper: psutil.Process
) -> None:
    write_process(run, pid=sleeper.pid, start=sleeper.create_time())
    assert run.is_alive() is True
    with pytest.raises(SeminarError, match="another process trains in this run folder"):
        run.claim()


def test_a_killed_trainer_is_not_alive_even_before_its_parent_noticed(
    run: RunFolder, sleeper: psutil.Process
) -> None:
    write_process(run, pid=sleeper.pid, start=sleeper.create_time())
    sleeper.kill()
    until = time.monotonic() + 10
    while psutil.Process(sleeper.pid).status() != psutil.STATUS_ZOMBIE and time.monotonic() < until:
        time.sleep(0.01)
    assert run.is_alive() is False
    sleeper.wait()
    assert run.is_alive() is False
    run.claim()


def test_a_process_number_that_was_given_out_again_is_not_the_trainer(
    run: RunFolder, sleeper: psutil.Process
) -> None:
    write_process(run, pid=sleeper.pid, start=sleeper.create_time() - 1000)
    assert run.is_alive() is False


def test_another_machine_cannot_be_asked(run: RunFolder) -> None:
    write_process(run, host="another-machine")
    assert run.is_alive() is None


def test_a_note_that_cannot_be_read_at_the_moment_does_not_say_that_nobody_trains(
    run: RunFolder,
) -> None:
    run.process_path.mkdir()
    assert run.is_alive() is None


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '"x"', "{}", '{"pid": "x"}'])
def test_a_damaged_note_of_the_process_is_nobody(run: RunFolder, text: str) -> None:
    run.process_path.write_text(text)
    assert run.is_alive() is False


@pytest.mark.parametrize(
    "values", [{"pid": -1}, {"pid": 10**30}, {"pid": None}, {"start": "noon"}, {"start": None}]
)
def test_a_process_that_cannot_be_is_nobody(run: RunFolder, values: dict[str, object]) -> None:
    write_process(run, **({"pid": os.getppid()} | values))
    assert run.is_alive() is False


def test_a_run_is_renamed_and_removed(run: RunFolder) -> None:
    run.append_event(Warned(message="one"))
    taken = run.path.with_name("taken")
    taken.mkdir()
    for name, reason in (
        ("taken", "there is a run of this name"),
        ("probe", "the live mask's"),
        ("a/b", "without slashes"),
        ("", "up to 100 characters"),
    ):
        with pytest.raises(SeminarError, match=reason):
            run.renamed(name)
    assert run.renamed("june") == run
    other = run.renamed("july")
    assert other.path.name == "july" and not run.path.exists() and len([*other.read_events()]) == 1
    other.remove()
    assert not other.path.exists() and taken.exists()
    for gone in (other.remove, lambda: other.renamed("may")):
        with pytest.raises(SeminarError, match="no such run any more"):
            gone()


def test_a_run_in_which_a_process_trains_keeps_its_name_and_stays(
    run: RunFolder, sleeper: psutil.Process
) -> None:
    write_process(run, pid=sleeper.pid, start=sleeper.create_time())
    with pytest.raises(SeminarError, match="june: a process trains in it; rename it once that has"):
        run.renamed("july")
    write_process(run, host="another-machine")
    with pytest.raises(SeminarError, match="a process elsewhere may train in it; delete it once"):
        run.remove()
