"""What a person wants to know of a run, in words."""

from __future__ import annotations

import pytest

from seminar.run import events
from seminar_napari.train.progress import RunProgress, clock, duration, taken_text


def step(stage: str, iteration: int, rate: float = 5.2) -> events.Step:
    return events.Step(
        stage=stage,
        iteration=iteration,
        iterations=250,
        losses={"total": 1.0},
        lr=1e-3,
        iterations_per_second=rate,
        seconds_left=41.0,
        memory_bytes=1717986918,
    )


STARTED = events.Started(
    stages=("ancillary", "primary"), class_names=("a", "b"), images=1, clicks=2, device="cpu"
)


def test_stage_and_numbers() -> None:
    progress = RunProgress()
    assert (progress.stage_text, progress.numbers_text) == ("", "")
    progress.take(STARTED)
    progress.take(events.StageStarted(stage="ancillary", iteration=0, iterations=250))
    progress.take(step("ancillary", 143))
    assert progress.stage_text == "Stage 1 of 2 (ancillary) 143/250"
    assert progress.numbers_text == "0:41 left · 5.2 it/s · 1.6 GB"
    progress.take(step("primary", 10, rate=0.2))
    assert (progress.done, progress.total) == (260, 500)
    assert "5.0 s/it" in progress.numbers_text


def test_a_resumed_run_forgets_the_old_speed_but_not_what_was_saved() -> None:
    progress = RunProgress()
    for event in (
        STARTED,
        step("ancillary", 143),
        events.CheckpointSaved(stage="ancillary", iteration=120),
        STARTED,
    ):
        progress.take(event)
    assert progress.numbers_text == ""
    assert progress.saved is not None and progress.saved.iteration == 120


@pytest.mark.parametrize(
    ("added", "removed", "text"),
    [
        (1, 0, "1 new click used since iteration 120"),
        (3, 2, "3 new clicks and 2 removed clicks used since iteration 120"),
        (0, 0, "Changed clicks used since iteration 120"),
    ],
)
def test_clicks_taken(added: int, removed: int, text: str) -> None:
    assert (
        taken_text(
            events.ClicksTaken(
                stage="ancillary", iteration=120, image_ids=("a",), added=added, removed=removed
            )
        )
        == text
    )


def test_notes_say_what_happened_last() -> None:
    progress = RunProgress()
    progress.take(events.BatchHalved(stage="ancillary", iteration=3, part_size=2))
    assert "2 at a time" in progress.note
    progress.take(events.Warned(message="class fibre has no clicks"))
    assert progress.note == "class fibre has no clicks"
    progress.take(
        events.Warned(message="try a smaller --lambda-crf (now 20), or a larger --iterations")
    )
    assert progress.note == "try a smaller CRF weight (now 20), or a larger Budget"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0:00"),
        (41.4, "0:41"),
        (725, "12:05"),
        (11220, "3:07:00"),
        (float("inf"), "?"),
        (float("nan"), "?"),
        (-1, "?"),
    ],
)
def test_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (1, "5 s"),
        (42, "40 s"),
        (54, "55 s"),
        (56, "1 min"),
        (120, "2 min"),
        (89 * 60, "89 min"),
        (91 * 60, "1.5 h"),
        (7200, "2.0 h"),
        (47 * 3600, "47.0 h"),
        (49 * 3600, "2 days"),
        (4e5, "5 days"),
    ],
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_resumed_run_and_a_new_stage_begin_without_a_speed() -> None:
    progress = RunProgress()
    for event in (STARTED, step("ancillary", 250)):
        progress.take(event)
    progress.take(events.StageStarted(stage="primary", iteration=0, iterations=250))
    assert progress.numbers_text == "" and progress.stage_text == "Stage 2 of 2 (primary) 0/250"
    progress.take(step("primary", 1))
    assert progress.numbers_text != ""
    progress.take(STARTED)
    assert progress.numbers_text == ""


def test_a_speed_of_nothing_is_no_division_by_it() -> None:
    progress = RunProgress()
    progress.take(step("ancillary", 1, rate=0.0))
    assert progress.numbers_text == "0:41 left · 0.0 it/s · 1.6 GB"


@pytest.mark.parametrize(("images", "word"), [(1, "1 image"), (2, "2 images"), (8, "8 images")])
def test_the_score_says_how_many_images(images: int, word: str) -> None:
    progress = RunProgress()
    assert progress.score_text == ""
    progress.take(
        events.Validated(
            stage="primary",
            iteration=9,
            network="student",
            mean_iou=0.864,
            per_class_iou={},
            images=images,
        )
    )
    assert progress.score_text == f"mean IoU 0.86 on {word} (student)"


def judged(stage: str, network: str, score: float, is_best: bool) -> events.Judged:
    return events.Judged(
        stage=stage, network=network, score=score, measure="mean IoU", is_best=is_best
    )


def test_it_says_which_network_is_the_model_and_which_is_dropped() -> None:
    progress = RunProgress()
    progress.take(judged("probe", "student", 0.75, True))
    assert progress.note == "Best so far, and the run's model: the live mask (mean IoU: 0.75 of 1)"
    progress.take(judged("ancillary", "teacher", 0.82, True))
    assert (progress.best, progress.note) == (
        "teacher of ancillary",
        "Best so far, and the run's model: teacher of ancillary (mean IoU: 0.82 of 1)",
    )
    progress.take(judged("primary", "student", 0.66, False))
    assert progress.note == (
        "The student of primary is no better (mean IoU: 0.66 of 1): the model stays that of "
        "teacher of ancillary"
    )


def test_a_step_back_is_told_in_the_window_s_words() -> None:
    progress = RunProgress()
    back = events.SteppedBack(
        stage="ancillary", iteration=40, to_iteration=20, lost_classes=(0,), crf_share=0.25
    )
    progress.take(back)
    assert progress.note == (
        "Classes were vanishing at iteration 40: training went back to iteration 20 and goes on "
        "with 25% of the CRF weight"
    )


def test_before_the_first_stage_it_says_what_the_start_has_learnt_from() -> None:
    progress = RunProgress()
    progress.take(STARTED)
    progress.take(events.StartLearnt(part="masks", images=3, of=20))
    assert progress.stage_text == "Start: masks of 3/20 images"
    assert progress.part == (3, 20)
    progress.take(STARTED)  # again, after it was killed
    assert progress.stage_text == ""
    progress.take(events.StageStarted(stage="ancillary", iteration=0, iterations=250))
    assert progress.stage_text == "Stage 1 of 2 (ancillary) 0/250"
    assert progress.part == (0, 250)
