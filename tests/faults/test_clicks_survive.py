"""A click that was acknowledged is never lost; JSON and sparse mask agree, or it is said."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from command_line import seminar
from hypothesis import given
from hypothesis import strategies as st

from seminar.clicks.click_set import ClickSet, merged
from seminar.io.label_png import read_label_png, write_label_png
from seminar.project.check.project import inspect_project
from seminar.project.project import Project

ROOT = Path(__file__).parents[2]


def clicks(*points: tuple[float, float]) -> ClickSet:
    return ClickSet(64, 64, np.array(points).reshape(-1, 2), np.ones(len(points)))


def with_one_more(old: ClickSet, row: float, col: float) -> ClickSet:
    return replace(old, points=[*old.points.tolist(), (row, col)], class_ids=[*old.class_ids, 1])


def points_of(found: ClickSet | None) -> set[tuple[float, float]]:
    assert found is not None
    return {(row, col) for row, col in found.points.tolist()}


def is_in_step(project: Project, image_id: str) -> bool:
    found = project.read_clicks(image_id)
    return found is not None and bool(
        (read_label_png(project.sparse_mask_path(image_id)) == found.rasterize()).all()
    )


def is_mended(project: Project, image_id: str) -> bool:
    """In step after what `seminar check` and the start of a run do."""
    project.mend_masks([image_id])
    return is_in_step(project, image_id)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    from click_kills import make_project

    return make_project(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork and SIGKILL")
def test_killed_while_clicking_nothing_acknowledged_is_lost(
    run_script: Callable[..., str], tmp_path: Path
) -> None:
    from records import read

    run_script("click_kills.py", "--kills", 10, "--record", tmp_path / "record.jsonl")
    outcomes = read(tmp_path / "record.jsonl")
    assert len(outcomes) == 10
    assert sum(outcome["acknowledged"] for outcome in outcomes) > 10
    for outcome in outcomes:
        assert (outcome["lost"], outcome["torn"], outcome["out of step"]) == ([], [], []), outcome


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_killed_between_json_and_mask_the_mask_is_repaired(project: Project) -> None:
    project.write_clicks("field_0", clicks((1, 1)))
    code = f"""
import os, signal
from seminar.clicks.click_set import ClickSet
from seminar.project.project import Project
from seminar.project import write_clicks
write_clicks.write_sparse_mask = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
clicks = ClickSet(64, 64, [(1, 1), (5, 6)], [1, 2])
Project.open({str(project.path)!r}).write_clicks("field_0", clicks)
"""
    done = subprocess.run([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert done.returncode == -signal.SIGKILL
    assert (
        read_label_png(project.sparse_mask_path("field_0")) != 255
    ).sum() == 1  # it lags, as it should here
    (warning,) = [text for text in inspect_project(project).warnings if "SegmentationClick" in text]
    assert "SegmentationClick/field_0.png: damaged or older than Clicks/field_0.json" in warning
    assert points_of(project.read_clicks("field_0")) == {(1, 1), (5, 6)}
    assert is_mended(project, "field_0")


@pytest.mark.parametrize("jump", [-3600, -1, 0, 1, 3600])
def test_a_clock_that_jumps_hides_no_mask_that_lags(project: Project, jump: int) -> None:
    project.write_clicks("field_0", clicks((1, 1)))
    old = project.sparse_mask_path("field_0").read_bytes()
    project.write_clicks("field_0", clicks((1, 1), (5, 6)))
    project.sparse_mask_path("field_0").write_bytes(old)  # killed before the mask
    now = time.time_ns()
    os.utime(project.sparse_mask_path("field_0"), ns=(now, now))
    os.utime(project.clicks_path("field_0"), ns=(now + jump * 10**9, now + jump * 10**9))
    assert points_of(project.read_clicks("field_0")) == {(1, 1), (5, 6)}
    assert is_mended(project, "field_0")


def test_a_clock_that_jumps_hides_no_new_clicks(project: Project) -> None:
    project.write_clicks("field_0", clicks((1, 1)))
    stamp = project.clicks_stamps()["field_0"]
    project.write_clicks("field_0", clicks((1, 1), (5, 6)))
    os.utime(project.clicks_path("field_0"), ns=(stamp - 10**12, stamp - 10**12))
    assert project.clicks_stamps()["field_0"] != stamp


def test_a_mask_that_a_power_cut_left_empty_is_repaired(project: Project) -> None:
    project.write_clicks("field_0", clicks((1, 1)))
    project.sparse_mask_path("field_0").write_bytes(b"")
    assert len(inspect_project(project).warnings) == 2  # this, and five images without clicks
    assert points_of(project.read_clicks("field_0")) == {(1, 1)}
    assert is_mended(project, "field_0")


def test_check_reports_a_mask_that_lags_and_mends_it_where_there_are_no_faults(
    project: Project,
) -> None:
    def check() -> str:
        done = seminar("check", project.path)
        return done.stdout + done.stderr

    project.write_clicks("field_0", ClickSet(64, 64, [(1, 1), (9, 9)], [0, 1]))
    project.sparse_mask_path("field_0").write_bytes(b"")
    project.clicks_path("field_1").write_text("{")
    assert "field_1.json: " in check()
    assert project.sparse_mask_path("field_0").read_bytes() == b""
    project.clicks_path("field_1").unlink()
    assert "`seminar check` and the next run write it again" in check()
    assert is_in_step(project, "field_0")
    assert "SegmentationClick" not in check()


def test_a_mask_that_another_program_drew_is_reported_and_not_overwritten(project: Project) -> None:
    project.write_clicks("field_0", clicks((1, 1)))
    drawn = np.full((64, 64), 255, np.uint8)
    drawn[9] = 1
    write_label_png(project.sparse_mask_path("field_0"), drawn, project.classes)
    assert points_of(project.read_clicks("field_0")) == {(1, 1)}
    assert not is_mended(project, "field_0")
    assert (read_label_png(project.sparse_mask_path("field_0")) == drawn).all()
    warnings = [text for text in inspect_project(project).warnings if "SegmentationClick" in text]
    assert len(warnings) == 1
    assert "another program changed it, but clicks are read from Clicks/field_0.json" in warnings[0]
    project.clicks_path("field_0").unlink()  # as the sentence says
    assert len(project.read_clicks("field_0") or ()) == 64


def test_a_mask_in_step_is_not_reported_whatever_its_time(project: Project) -> None:
    project.write_clicks("field_0", clicks((1, 1)))
    os.utime(project.sparse_mask_path("field_0"), ns=(0, 0))  # as after unpacking a copy
    assert not [text for text in inspect_project(project).warnings if "SegmentationClick" in text]


# --- two windows on one project


def test_two_windows_keep_each_others_clicks(project: Project) -> None:
    pytest.importorskip("psygnal")
    from seminar_napari.session.session import Session

    one, other = Session(), Session()
    for session in (one, other):
        session.open_project(project.path, show=False)
        session.clicks("field_0")
    for number in range(6):  # neither has looked at the disk since
        session = (one, other)[number % 2]
        session.set_clicks("field_0", with_one_more(session.clicks("field_0"), number, number))
        assert session.flush()
    everything = {(number, number) for number in range(6)}
    assert points_of(project.read_clicks("field_0")) == everything
    assert is_in_step(project, "field_0")
    for session in (one, other):
        assert session.take_clicks_from_disk() == ("field_0",)
        assert points_of(session.clicks("field_0")) == everything
    kept = one.clicks("field_0")
    is_kept = kept.points[:, 0] != 0
    one.set_clicks(
        "field_0", replace(kept, points=kept.points[is_kept], class_ids=kept.class_ids[is_kept])
    )
    other.set_clicks("field_0", with_one_more(other.clicks("field_0"), 40, 40))
    for session in (one, other):
        assert session.flush()
        session.close_project()
    assert points_of(project.read_clicks("field_0")) == (everything | {(40, 40)}) - {(0, 0)}


def test_two_processes_at_the_same_moment_lose_no_click(project: Project) -> None:
    code = """
import sys
from seminar.clicks.click_set import ClickSet
from seminar.project.project import Project
project, column, base = Project.open(sys.argv[1]), float(sys.argv[2]), ClickSet(64, 64)
for row in range(25):
    clicks = ClickSet(64, 64, [*base.points.tolist(), (row, column)], [*base.class_ids.tolist(), 1])
    project.write_clicks("field_0", clicks, base=base)
    base = clicks
"""
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(project.path), str(column)],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
        for column in (3, 40)
    ]
    assert [writer.wait(300) for writer in writers] == [0, 0]
    assert points_of(project.read_clicks("field_0")) == {
        (row, column) for row in range(25) for column in (3, 40)
    }
    assert is_in_step(project, "field_0")


rows = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 2)), max_size=6)


def as_clicks(values: list[tuple[int, int, int]]) -> ClickSet:
    return ClickSet(5, 5, [value[:2] for value in values], [value[2] for value in values])


@given(rows, rows, rows)
def test_merging_keeps_what_either_added_and_drops_what_either_removed(
    base: list[tuple[int, int, int]],
    ours: list[tuple[int, int, int]],
    theirs: list[tuple[int, int, int]],
) -> None:
    was, here, there = as_clicks(base), as_clicks(ours), as_clicks(theirs)
    assert merged(was, here, was) == here
    assert sorted(merged(was, was, there).points.tolist()) == sorted(there.points.tolist())
    found = merged(was, here, there)
    together = {tuple(row) for row in np.column_stack([found.points, found.class_ids]).tolist()}
    for added in {*ours, *theirs} - {*base}:
        assert added in together
    for removed in {*base} - {*theirs} - {*ours}:
        assert removed not in together


def test_clicks_of_an_image_of_another_size_are_not_merged() -> None:
    ours = clicks((1, 1))
    assert merged(ours, ours, ClickSet(9, 9, [(2, 2)], [1])) == ours
