"""Scores as the window shows them."""

from __future__ import annotations

import numpy as np
import pytest

from seminar.inference.metrics import class_iou, confusion_matrix, mean_of_present
from seminar.project.project import Project
from seminar.run.events import Validated
from seminar.run.folder import RunFolder
from seminar_napari.inspect.scores import (
    MEASURE,
    RunScore,
    Scores,
    image_score,
    last_score,
    score_line,
)
from seminar_napari.session.session import Session


def validated(mean_iou: float, network: str = "student", images: int = 3) -> Validated:
    return Validated(
        stage="primary",
        iteration=1,
        network=network,
        mean_iou=mean_iou,
        per_class_iou={},
        images=images,
    )


def test_the_last_score_of_the_student_counts(followed_run: RunFolder) -> None:
    assert last_score(followed_run).mean_iou is None
    for event in (validated(0.5), validated(0.7), validated(0.9, "teacher")):
        followed_run.append_event(event)
    assert last_score(followed_run) == RunScore(followed_run, 0.7, 3)


def test_the_image_is_scored_by_its_mean_iou() -> None:
    truth = np.zeros((4, 4), dtype=np.uint8)
    truth[:2] = 1
    predicted = np.zeros((4, 4), dtype=np.uint8)
    predicted[0] = 1
    assert image_score(truth, predicted, 3) == pytest.approx((4 / 8 + 8 / 12) / 2)
    assert image_score(truth, np.full((4, 4), 7, dtype=np.uint8), 3) is None


def test_the_line_says_what_is_known(followed_run: RunFolder) -> None:
    now, earlier = (
        RunScore(followed_run, 0.86, 20),
        RunScore(RunFolder(followed_run.path.parent / "run-2"), 0.82, 20),
    )
    assert score_line(None, None, None) == ""
    assert score_line(0.91, None, None) == f"{MEASURE}: this image 0.91"
    assert score_line(0.91, now, earlier) == (
        f"{MEASURE}: this image 0.91 · 20 images 0.86 (+0.04 against run-2)"
    )
    assert (
        score_line(None, now, RunScore(earlier.run, 0.9, 7))
        == f"{MEASURE}: 20 images 0.86 (run-2: 0.90 on 7 other images)"
    )
    assert score_line(None, RunScore(followed_run, None), earlier) == ""


def test_the_shown_image_is_scored_in_the_background_once_for_each_pair_of_frames() -> None:
    session = Session()
    scores = Scores(session)
    seen: list[float | None] = []
    scores.changed.connect(lambda: seen.append(scores.image))
    truth = np.zeros((4, 4), dtype=np.uint8)
    truth[:2] = 1
    frames = (("truth.png", 1), ("student.png", 1))
    for _ in range(3):
        scores.score_image(frames, truth, truth, 2)
        assert scores._image_reader.wait(5)
        scores.poll()
    assert seen == [1.0], "counted once"
    newer = (("truth.png", 1), ("student.png", 2))
    scores.score_image(newer, truth, np.zeros_like(truth), 2)
    assert scores.image == 1.0, "kept until the new one is there"
    assert scores._image_reader.wait(5)
    scores.poll()
    assert scores.image == pytest.approx(0.25)
    scores.score_image(frames, truth, truth, 2)
    scores.forget_image()
    assert scores.image is None, "another image"
    assert scores._image_reader.wait(5)
    scores.poll()
    assert scores.image is None, "the score of the one before comes too late"
    scores.close()


def test_a_large_image_is_scored_strip_by_strip() -> None:
    rng = np.random.default_rng(0)
    truth, predicted = rng.integers(0, 3, (2, 50, 40)).astype(np.uint8)
    whole = mean_of_present(class_iou(confusion_matrix(truth, predicted, 3)))
    assert image_score(truth, predicted, 3, strip_pixels=300) == whole
    assert image_score(truth, predicted[:30], 3, strip_pixels=300) is None


def test_the_followed_run_is_held_against_an_earlier_one(
    three_fields: Project, followed_run: RunFolder
) -> None:
    earlier = RunFolder.of(three_fields.path, "earlier")
    earlier.path.mkdir()
    earlier.append_event(validated(0.6))
    session = Session()
    session.open_project(three_fields.path)
    session.set_run(followed_run)
    scores = Scores(session)
    assert scores.earlier_runs() == ("earlier",)
    session.receive(validated(0.75))
    session.receive(validated(0.1, "teacher"))
    scores.compare_with("earlier")
    assert scores._reader.wait(5)
    scores.poll()
    assert score_line(None, scores.current, scores.earlier).endswith(
        " 0.75 (+0.15 against earlier)"
    )
    scores.compare_with("")
    assert score_line(None, scores.current, scores.earlier).endswith(" 0.75")
    session.set_run(earlier)
    assert scores.current == RunScore(earlier, None) and scores.earlier_runs() == ("first",)
    scores.close()
    assert len(session.run_changed) == len(session.event_received) == 0


def test_earlier_runs_are_offered_the_newest_first(
    three_fields: Project, followed_run: RunFolder
) -> None:
    for name in ("run-1", "run-2", "run-10"):
        folder = RunFolder.of(three_fields.path, name)
        folder.path.mkdir()
    session = Session()
    session.open_project(three_fields.path)
    scores = Scores(session)
    names = three_fields.runs()
    assert set(names) == {"first", "run-1", "run-2", "run-10"}
    assert scores.earlier_runs() == names[::-1]
    session.set_run(followed_run)
    assert "first" not in scores.earlier_runs() and len(scores.earlier_runs()) == 3
    scores.close()


@pytest.mark.parametrize("meanwhile", ["another run", "no comparison"])
def test_an_earlier_score_counts_for_the_run_it_was_asked_for_alone(
    three_fields: Project, followed_run: RunFolder, meanwhile: str
) -> None:
    earlier = RunFolder.of(three_fields.path, "earlier")
    earlier.path.mkdir()
    earlier.append_event(validated(0.6))
    session = Session()
    session.open_project(three_fields.path)
    session.set_run(followed_run)
    scores = Scores(session)
    scores.compare_with("earlier")
    reading = scores._reader
    assert reading.wait(5)
    if meanwhile == "another run":
        session.set_run(RunFolder.of(three_fields.path, "second"))
    else:
        scores.compare_with("")
    scores.poll()
    assert scores.earlier is None, "it was read, and comes too late"
    scores.compare_with("earlier")
    assert scores._reader.wait(5)
    scores.poll()
    assert scores.earlier == RunScore(earlier, 0.6, 3)
    session.set_run(None)
    assert scores.earlier is None and scores.current is None
    scores.close()
