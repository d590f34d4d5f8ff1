"""A whole run on a tiny project: events, files, stop, resume, clicks taken up."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.models import mobilenet_v2

from seminar.clicks.click_set import ClickSet
from seminar.config.settings import TrainConfig
from seminar.data.batch import Batch
from seminar.errors import DatasetError, SeminarError
from seminar.io.label_png import write_label_png
from seminar.labels import ClassNames
from seminar.models.checkpoint import load_checkpoint, load_model
from seminar.project.project import Project
from seminar.run import events
from seminar.run.folder import RunFolder
from seminar.training.learner import Learner
from seminar.training.loss_settings import loss_settings
from seminar.training.recording import record
from seminar.training.trainer import train


def run_of(project: Project, name: str) -> RunFolder:
    return RunFolder.of(project.path, name)


def weights(run: RunFolder, stage: str) -> list[torch.Tensor]:
    content, _ = load_checkpoint(run.checkpoint_path(stage))
    assert content is not None
    return [*content["student"].values(), *content["teacher"].values()]


small = pytest.mark.usefixtures("small_networks")
"""The real network is tried by the first test, and in tests/faults and tests/e2e."""


def of_kind(stream: Iterator[events.Event], kind: type) -> list[events.Event]:
    return [event for event in stream if isinstance(event, kind)]


def test_a_run_goes_through_both_stages_and_leaves_what_predicts(
    tiny_project: Project, tiny_config: TrainConfig
) -> None:
    run = run_of(tiny_project, "both")
    config = tiny_config.replace(validations=1, val_split="train")
    (tiny_project.path / "ImageSets" / "Segmentation").mkdir(parents=True, exist_ok=True)
    (tiny_project.path / "ImageSets" / "Segmentation" / "train.txt").write_text(
        "disc_0\ndisc_1\ndisc_2\n"
    )
    seen = list(record(run, train(tiny_project, run, config)))
    assert isinstance(seen[0], events.Started)
    assert (seen[0].stages, seen[0].images, seen[0].clicks) == (("ancillary", "primary"), 3, 6)
    assert seen[-1] == events.Finished(reason="completed", stage="primary", iteration=4)
    steps = [event for event in seen if isinstance(event, events.Step) and event.stage == "primary"]
    assert set(steps[-1].losses) == {"pce", "crf", "pcons", "pseudo", "total"}
    scored = [(event.stage, event.network) for event in seen if isinstance(event, events.Validated)]
    assert scored == list(itertools.product(("ancillary", "primary"), ("student", "teacher")))
    previews = [event for event in seen if isinstance(event, events.Preview)]
    assert set(previews[-1].layers) == {"student", "teacher", "pseudo_label", "disagreement"}
    for layer in previews[-1].layers:
        preview = run.read_preview(previews[-1].image_id, layer)
        assert preview is not None
        assert preview.shape == (80, 72)
    assert [event for event, _, _ in run.read_events()] == seen
    assert run.read_config() == config
    primary, ancillary = load_model(run.path), load_model(run.student_path("ancillary"))
    pairs = zip(primary.network.parameters(), ancillary.network.parameters(), strict=True)
    assert any(not torch.equal(one, other) for one, other in pairs)
    assert run.is_alive() is False


@small
def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(
    tiny_project: Project, tiny_config: TrainConfig
) -> None:
    whole, parts = run_of(tiny_project, "whole"), run_of(tiny_project, "parts")
    list(train(tiny_project, whole, tiny_config))
    for stop_at in ((0, 2), (1, 1)):  # stage number and iteration
        stream = train(tiny_project, parts, tiny_config, resume=parts.config_path.exists())
        for event in stream:
            done = isinstance(event, events.Preview | events.Step) and event.iteration >= stop_at[1]
            if done and event.stage == ("ancillary", "primary")[stop_at[0]]:
                parts.request_stop()
        assert not (parts.student_path("primary")).exists()
    finished = list(train(tiny_project, parts, tiny_config, resume=True))
    assert isinstance(finished[-1], events.Finished)
    assert finished[-1].reason == "completed"
    for stage in ("ancillary", "primary"):
        for one, other in zip(weights(whole, stage), weights(parts, stage), strict=True):
            assert torch.equal(one, other)


@pytest.mark.parametrize(("losses", "is_planned"), [(("pce", "crf"), True), (("pce",), False)])
@small
def test_the_loader_makes_the_plan_of_the_crf(
    tiny_project: Project,
    tiny_config: TrainConfig,
    monkeypatch: pytest.MonkeyPatch,
    losses: tuple[str, ...],
    is_planned: bool,
) -> None:
    seen = []
    step = Learner.step

    def spied(self: Learner, batch: Batch, *rest: object) -> object:
        seen.append(batch.crf_plan is not None)
        return step(self, batch, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Learner, "step", spied)
    list(
        train(
            tiny_project,
            run_of(tiny_project, "plan"),
            tiny_config.replace(losses=losses, iterations=2),
        )
    )
    assert seen == [is_planned] * 2


@small
def test_a_stop_ends_within_one_iteration_and_saves(
    tiny_project: Project, tiny_config: TrainConfig
) -> None:
    run = run_of(tiny_project, "stopped")
    stream = train(tiny_project, run, tiny_config.replace(iterations=1000))
    seen = []
    for event in stream:
        seen.append(event)
        if isinstance(event, events.Step):
            run.request_stop()
    assert isinstance(seen[-1], events.Finished)
    asked = next(event.iteration for event in seen if isinstance(event, events.Step))
    assert seen[-1].reason == "stopped"
    assert seen[-1].iteration == asked
    assert load_model(run.path).classes == tiny_project.classes


@small
def test_clicks_changed_on_disk_are_taken_up(
    tiny_project: Project, tiny_config: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seminar.training.stage.REFRESH_INTERVAL", 0.0)
    run = run_of(tiny_project, "clicks")
    taken = []
    for event in train(tiny_project, run, tiny_config.replace(losses=("pce",), iterations=6)):
        if isinstance(event, events.Step) and not taken and event.iteration < 4:
            points = np.array([[40, 36], [3, 3], [70, 60]])
            tiny_project.write_clicks("disc_2", ClickSet(80, 72, points, np.array([1, 0, 0])))
        if isinstance(event, events.ClicksTaken):
            taken.append(event)
    assert [(event.image_ids, event.added, event.removed) for event in taken] == [
        (("disc_2",), 2, 1)
    ]


@small
def test_a_pause_holds_until_it_is_withdrawn(
    tiny_project: Project, tiny_config: TrainConfig
) -> None:
    run = run_of(tiny_project, "paused")
    kinds = []
    for event in train(tiny_project, run, tiny_config.replace(losses=("pce",))):
        kinds.append(type(event).__name__)
        if isinstance(event, events.StageStarted):
            run.request_pause()
        if isinstance(event, events.Paused):
            run.request_continue()
    assert kinds.index("Paused") < kinds.index("Continued") < kinds.index("Step")
    assert kinds[-1] == "Finished"


@pytest.mark.parametrize(
    ("changes", "stages"),
    [
        ({"losses": ("full",)}, ("full",)),
        ({"losses": ("pce", "pcons")}, ("ancillary",)),
        ({"modules": 2}, ("ancillary", "primary", "primary-2")),
        ({"self_generation": "reset"}, ("ancillary", "self-generation")),
        ({"self_generation": "unchanged"}, ("ancillary", "self-generation")),
    ],
)
@small
def test_every_row_of_the_paper_can_be_run(
    tiny_project: Project,
    tiny_config: TrainConfig,
    changes: dict[str, object],
    stages: tuple[str, ...],
) -> None:
    run = run_of(tiny_project, "row")
    seen = list(train(tiny_project, run, tiny_config.replace(iterations=1, **changes)))
    started = seen[0]
    assert isinstance(started, events.Started)
    assert started.stages == stages
    assert isinstance(seen[-1], events.Finished)


@small
def test_self_generation_goes_on_with_the_same_student(
    tiny_project: Project, tiny_config: TrainConfig
) -> None:
    run = run_of(tiny_project, "self")
    list(train(tiny_project, run, tiny_config.replace(self_generation="unchanged", iterations=3)))
    assert list(run.read_events()) == []  # nothing is written unless `record` is asked to
    pairs = zip(weights(run, "ancillary"), weights(run, "self-generation"), strict=True)
    moved = [float((one - other).abs().max()) for one, other in pairs if one.is_floating_point()]
    assert 0 < max(moved) < 0.05


@small
def test_pseudo_labels_from_a_folder_train_one_stage(
    tiny_project: Project, tiny_config: TrainConfig, tmp_path: Path
) -> None:
    write_label_png(
        tmp_path / "sam" / "disc_1.png", np.ones((80, 72), dtype=np.uint8), tiny_project.classes
    )
    run = run_of(tiny_project, "sam")
    seen = list(
        train(
            tiny_project,
            run,
            tiny_config.replace(pseudo_labels=str(tmp_path / "sam"), iterations=2),
        )
    )
    assert isinstance(seen[0], events.Started)
    assert (seen[0].stages, seen[0].images) == (("primary",), 1)
    with pytest.raises(SeminarError, match="found none"):
        list(train(tiny_project, run, tiny_config.replace(pseudo_labels=str(tmp_path / "nowhere"))))


def test_without_clicks_it_says_so_and_writes_nothing(
    tiny_project: Project, tiny_config: TrainConfig
) -> None:
    for image_id in tiny_project.image_ids():
        tiny_project.write_clicks(image_id, ClickSet(80, 72))
    run = run_of(tiny_project, "none")
    with pytest.raises(DatasetError, match="click"):
        list(train(tiny_project, run, tiny_config))
    assert not run.path.exists()


def test_two_trainers_do_not_share_a_run_folder(
    tiny_project: Project, tiny_config: TrainConfig
) -> None:
    import subprocess
    import sys

    run = run_of(tiny_project, "shared")
    code = (
        "import sys, time; from pathlib import Path; from seminar.run.folder import RunFolder; "
        f"RunFolder(Path({str(run.path)!r})).claim(); print('claimed', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "claimed\n"
        with pytest.raises(SeminarError, match="another process trains"):
            list(train(tiny_project, run, tiny_config))
        other.kill()


@small
def test_a_failure_is_the_last_event(tiny_project: Project, tiny_config: TrainConfig) -> None:
    run = run_of(tiny_project, "diverged")
    with pytest.raises(SeminarError, match="diverged"):
        list(
            record(
                run,
                train(
                    tiny_project,
                    run,
                    tiny_config.replace(
                        iterations=40, base_lr=10.0, optimizer="sgd", head_lr_factor=1000.0
                    ),
                ),
            )
        )
    *_, (last, _, _) = run.read_events()
    assert isinstance(last, events.Failed)
    assert "--base-lr" in last.message


@pytest.mark.parametrize(("guessing_counts_as", "is_told"), [(0.0, True), (100.0, False)])
@small
def test_a_run_whose_clicks_are_not_learnt_says_so_once(
    tiny_project: Project,
    tiny_config: TrainConfig,
    monkeypatch: pytest.MonkeyPatch,
    guessing_counts_as: float,
    is_told: bool,
) -> None:
    monkeypatch.setattr("seminar.training.judging.scoring.OVERRUN", guessing_counts_as)
    monkeypatch.setattr("seminar.training.clock.RECENT", 2)
    run = run_of(tiny_project, "overrun")
    config = tiny_config.replace(losses=("pce", "crf"), iterations=4)
    told = [
        event.message
        for event in train(tiny_project, run, config)
        if isinstance(event, events.Warned)
    ]
    assert len([message for message in told if "--lambda-crf" in message]) == is_told


@small
def test_what_nobody_trains_on_cannot_end_a_run(
    tiny_project: Project, tiny_config: TrainConfig
) -> None:
    (tiny_project.path / "JPEGImages" / "a_damaged.png").write_bytes(b"\x89PNG\r\n\x1a\n cut short")
    grey = np.zeros((80, 72), dtype=np.uint8)
    Image.fromarray(grey).save(tiny_project.path / "JPEGImages" / "b_grey.png")
    splits = tiny_project.path / "ImageSets" / "Segmentation"
    splits.mkdir(parents=True)
    (splits / "train.txt").write_text("disc_0\ndisc_1\n")
    run = run_of(tiny_project, "others")
    run.request_preview("b_grey")
    seen = list(train(tiny_project, run, tiny_config.replace(losses=("pce",))))
    assert isinstance(seen[-1], events.Finished)


@pytest.mark.parametrize("fault", ["a class more", "no click left", "half a file"])
@small
def test_clicks_that_cannot_be_learnt_from_mid_run_are_told(
    tiny_project: Project, tiny_config: TrainConfig, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setattr("seminar.training.stage.REFRESH_INTERVAL", 0.0)
    for image_id in ("disc_1", "disc_2", "disc_3"):
        tiny_project.write_clicks(image_id, ClickSet(80, 72))
    run = run_of(tiny_project, "faults")
    done, told = False, []
    for event in train(tiny_project, run, tiny_config.replace(losses=("pce",), iterations=8)):
        if isinstance(event, events.Step) and not done:
            done = True
            if fault == "a class more":
                clicks = ClickSet(80, 72, np.array([[40, 36], [3, 3]]), np.array([2, 0]))
                tiny_project.clicks_path("disc_0").write_text(clicks.to_json())
            elif fault == "no click left":
                tiny_project.write_clicks("disc_0", ClickSet(80, 72))
            else:
                tiny_project.clicks_path("disc_1").write_text('{"height": 80, "wid')
        if isinstance(event, events.Warned):
            told.append(event.message)
    expected = {
        "a class more": "class_id 2",
        "no click left": "no click is left",
        "half a file": "disc_1.json",
    }
    assert len(told) == 1 and expected[fault] in told[0]
    assert isinstance(event, events.Finished) and event.reason == "completed"


@small
def test_faults_of_what_is_scored_are_told_before_the_start(
    tiny_project: Project, tiny_config: TrainConfig
) -> None:
    splits = tiny_project.path / "ImageSets" / "Segmentation"
    splits.mkdir(parents=True)
    (splits / "val.txt").write_text("disc_3\n")
    write_label_png(
        tiny_project.truth_path("disc_3"),
        np.full((80, 72), 3, dtype=np.uint8),
        ClassNames.of("a", "b", "c", "d"),
    )
    run = run_of(tiny_project, "val")
    with pytest.raises(DatasetError, match="class ids 3"):
        list(train(tiny_project, run, tiny_config.replace(validations=1)))
    assert not run.path.exists()
    list(train(tiny_project, run, tiny_config.replace(validations=0, losses=("pce",))))


@small
def test_a_mask_damaged_during_the_run_costs_its_score(
    tiny_project: Project, tiny_config: TrainConfig
) -> None:
    splits = tiny_project.path / "ImageSets" / "Segmentation"
    splits.mkdir(parents=True)
    (splits / "val.txt").write_text("disc_3\n")
    seen = []
    for event in train(
        tiny_project,
        run_of(tiny_project, "val"),
        tiny_config.replace(validations=1, losses=("pce",)),
    ):
        seen.append(event)
        if isinstance(event, events.StageStarted):
            tiny_project.truth_path("disc_3").write_bytes(b"\x89PNG\r\n\x1a\n cut short")
    assert isinstance(seen[-1], events.Finished)
    assert any(isinstance(event, events.Warned) and "not scored" in event.message for event in seen)


@small
def test_pseudo_labels_that_do_not_fit_are_refused(
    tiny_project: Project, tiny_config: TrainConfig, tmp_path: Path
) -> None:
    write_label_png(
        tmp_path / "sam" / "disc_0.png", np.ones((20, 20), dtype=np.uint8), tiny_project.classes
    )
    write_label_png(
        tmp_path / "sam" / "disc_1.png",
        np.full((80, 72), 3, dtype=np.uint8),
        ClassNames.of("a", "b", "c", "d"),
    )
    run = run_of(tiny_project, "sam")
    with pytest.raises(DatasetError) as caught:
        list(train(tiny_project, run, tiny_config.replace(pseudo_labels=str(tmp_path / "sam"))))
    assert len(caught.value.faults) == 2
    assert not run.path.exists()


@small
def test_resuming_the_second_stage_leaves_the_model_of_the_second_stage(
    tiny_project: Project, tiny_config: TrainConfig, tmp_path: Path
) -> None:
    run = run_of(tiny_project, "model")
    weights_file = tmp_path / "start.pth"
    torch.save(mobilenet_v2().state_dict(), weights_file)
    config = tiny_config.replace(weights=str(weights_file))
    for event in train(tiny_project, run, config):
        if isinstance(event, events.Step) and event.stage == "primary":
            run.request_stop()
    stopped = run.model_path.read_bytes()
    weights_file.unlink()  # what was started from is not needed any more
    for event in train(tiny_project, run, config, resume=True):
        if isinstance(event, events.StageStarted) and event.stage == "primary":
            assert run.model_path.read_bytes() == stopped
    assert isinstance(event, events.Finished) and event.reason == "completed"


def test_start_weights_that_are_missing_leave_the_run_s_name_free(
    tiny_project: Project, tiny_config: TrainConfig
) -> None:
    run = run_of(tiny_project, "early")
    with pytest.raises(SeminarError, match="no such file"):
        list(train(tiny_project, run, tiny_config.replace(weights="nowhere.pth")))
    assert not run.path.exists()


@pytest.mark.parametrize("images", [4, 400, 100_000])
def test_the_consistency_s_weight_grows_however_long_an_epoch_is(images: int) -> None:
    config = TrainConfig(iterations=250)
    weights = [
        loss_settings(config, [1, 1], i, max(1, images // config.batch_size)).weights["pcons"]
        for i in range(250)
    ]
    assert weights[-1] == config.lambda_pcons
    assert 0.2 < weights[100] / config.lambda_pcons < 0.7


def test_a_split_without_a_file_is_no_other_name_for_all_images(
    tiny_project: Project, tiny_config: TrainConfig
) -> None:
    with pytest.raises(DatasetError, match="trian"):
        list(train(tiny_project, run_of(tiny_project, "split"), tiny_config.replace(split="trian")))
