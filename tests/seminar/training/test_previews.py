"""Live previews: the asked image, tile by tile, seldom enough."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from seminar.data.transforms import Image
from seminar.errors import DatasetError
from seminar.labels import IGNORE_INDEX, ClassNames
from seminar.run.folder import RunFolder
from seminar.training import previews
from seminar.training.previews import Previewer

CPU = torch.device("cpu")


class Threshold(nn.Module):
    """Class 1 where the first channel is above `level`."""

    def __init__(self, level: float) -> None:
        super().__init__()
        self.level = level

    def forward(self, image: Tensor) -> Tensor:
        score = 100 * (image[:, 0] - self.level).sign()
        return torch.stack([-score, score], dim=1)


def picture(height: int, width: int) -> Image:
    return np.random.default_rng(0).integers(0, 256, (1, height, width)).astype(np.float32)


def previewer_of(tmp_path: Path, pictures: dict[str, Image]) -> tuple[Previewer, RunFolder]:
    run = RunFolder(tmp_path / "run")
    return (
        Previewer(
            run, ClassNames.of("background", "cell"), pictures.__getitem__, tuple(pictures), 1
        ),
        run,
    )


def test_label_maps_and_disagreement_of_the_asked_image(tmp_path: Path) -> None:
    pictures = {"a": picture(9, 7), "b": picture(40, 30)}
    previewer, run = previewer_of(tmp_path, pictures)
    run.request_preview("b")
    event = previewer.draw(
        {"student": Threshold(100.5), "teacher": Threshold(150.5)},
        stage="ancillary",
        iteration=3,
        device=CPU,
    )
    assert (event.image_id, event.layers) == ("b", ("student", "teacher", "disagreement"))
    student, teacher, disagreement = (run.read_preview("b", layer) for layer in event.layers)
    np.testing.assert_array_equal(student, pictures["b"][0] > 100)
    np.testing.assert_array_equal(teacher, pictures["b"][0] > 150)
    np.testing.assert_array_equal(disagreement, 255 * (np.asarray(student) != np.asarray(teacher)))


def test_an_unknown_or_absent_request_shows_the_first_image(tmp_path: Path) -> None:
    previewer, run = previewer_of(tmp_path, {"a": picture(8, 8)})
    networks = {"student": Threshold(100.5), "teacher": Threshold(100.5)}
    assert previewer.draw(networks, stage="ancillary", iteration=1, device=CPU).image_id == "a"
    run.request_preview("../../etc/passwd")
    assert previewer.draw(networks, stage="ancillary", iteration=2, device=CPU).image_id == "a"


def test_a_large_image_fills_up_over_several_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(previews, "TILE", 16)
    monkeypatch.setattr(previews, "MIN_INTERVAL", 0.0)
    pictures = {"a": picture(20, 40)}
    previewer, run = previewer_of(tmp_path, pictures)
    networks = {
        "student": Threshold(100.5),
        "teacher": Threshold(100.5),
        "pseudo_label": Threshold(50.5),
    }
    unknown = []
    for iteration in range(6):  # 2 x 3 tiles
        previewer.draw(networks, stage="primary", iteration=iteration, device=CPU)
        preview = run.read_preview("a", "student")
        assert preview is not None
        unknown.append(int((preview == IGNORE_INDEX).sum()))
    assert unknown == sorted(unknown, reverse=True)
    assert unknown[0] > 0 == unknown[-1]
    np.testing.assert_array_equal(run.read_preview("a", "student"), pictures["a"][0] > 100)


def test_they_take_a_small_share_of_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [100.0]
    monkeypatch.setattr("seminar.training.previews.time.monotonic", lambda: clock[0])

    class Slow(Threshold):
        def forward(self, image: Tensor) -> Tensor:
            clock[0] += 0.1
            return super().forward(image)

    previewer, _ = previewer_of(tmp_path, {"a": picture(8, 8)})
    assert previewer.is_due(clock[0])
    previewer.draw(
        {"student": Slow(1), "teacher": Slow(1)}, stage="ancillary", iteration=1, device=CPU
    )
    assert not previewer.is_due(clock[0] + 0.2 / previews.MAX_SHARE - 0.01)
    assert previewer.is_due(clock[0] + 0.2 / previews.MAX_SHARE + 0.01)


def test_the_student_stays_in_training_mode(tmp_path: Path) -> None:
    previewer, _ = previewer_of(tmp_path, {"a": picture(8, 8)})
    student = Threshold(3).train()
    previewer.draw(
        {"student": student, "teacher": Threshold(3).eval()},
        stage="ancillary",
        iteration=1,
        device=CPU,
    )
    assert student.training


def test_every_few_pictures_another_image_gets_its_turn(tmp_path: Path) -> None:
    pictures = {name: picture(8, 8) for name in "abc"}
    previewer, run = previewer_of(tmp_path, pictures)
    run.request_preview("b")
    networks = {"student": Threshold(100.5), "teacher": Threshold(100.5)}
    drawn = [
        previewer.draw(networks, stage="ancillary", iteration=i, device=CPU).image_id
        for i in range(4 * previews.OTHERS_EVERY)
    ]
    others = drawn[previews.OTHERS_EVERY - 1 :: previews.OTHERS_EVERY]
    assert others == ["c", "a", "c", "a"]
    assert drawn.count("b") == len(drawn) - len(others)


def test_an_image_that_cannot_be_drawn_costs_its_picture_only(tmp_path: Path) -> None:
    pictures = {
        "a": picture(8, 8),
        "colour": np.zeros((3, 8, 8), dtype=np.float32),
        "b": picture(8, 8),
    }

    def read(image_id: str) -> Image:
        if image_id == "damaged":
            raise DatasetError(["damaged.png: cut short"])
        return pictures[image_id]

    run = RunFolder(tmp_path / "run")
    previewer = Previewer(
        run, ClassNames.of("background", "cell"), read, ("a", "colour", "damaged", "b"), 1
    )
    networks = {"student": Threshold(100.5), "teacher": Threshold(100.5)}
    drawn = [
        previewer.draw(networks, stage="ancillary", iteration=number, device=CPU)
        for number in range(12)
    ]
    assert [event.image_id if event else None for event in drawn[3::4]] == [None, None, "b"]
    run.request_preview("damaged")
    assert previewer.draw(networks, stage="ancillary", iteration=13, device=CPU) is None
    run.request_preview("b")
    assert previewer.draw(networks, stage="ancillary", iteration=14, device=CPU) is not None


def test_in_the_second_stage_the_student_is_compared_with_the_pseudo_label(tmp_path: Path) -> None:
    pictures = {"a": picture(9, 7)}
    previewer, run = previewer_of(tmp_path, pictures)
    networks = {
        "student": Threshold(100.5),
        "teacher": Threshold(100.5),
        "pseudo_label": Threshold(150.5),
    }
    assert previewer.draw(networks, stage="primary", iteration=3, device=CPU) is not None
    between = (pictures["a"][0] > 100) & (pictures["a"][0] <= 150)
    assert between.any()
    np.testing.assert_array_equal(run.read_preview("a", "disagreement"), 255 * between)
