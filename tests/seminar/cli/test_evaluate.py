"""`seminar evaluate` as a person types it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from seminar.cli.evaluate import PROTOCOLS
from seminar.inference.evaluate import Protocol
from seminar.io.label_png import write_label_png
from seminar.labels import ClassNames
from seminar.project.project import Project

CLASSES = ClassNames.of("background", "cell #00ff00")
Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def project(images: Path, tmp_path: Path) -> Project:
    made = Project.create(tmp_path / "project", sorted(images.iterdir()), CLASSES)
    for image_id in "ab":
        write_label_png(made.truth_path(image_id), np.zeros((40, 50), np.uint8), CLASSES)
    (made.path / "ImageSets" / "Segmentation").mkdir(parents=True, exist_ok=True)
    (made.path / "ImageSets" / "Segmentation" / "val.txt").write_text("a\n")
    return made


def test_evaluate_prints_only_the_json(
    cli: Cli, model: Path, project: Project, tmp_path: Path
) -> None:
    status, out, _ = cli("evaluate", model, project.path, "--json", "--device", "cpu")
    assert status == 0
    scores = json.loads(out)
    assert set(scores) == {"mean_iou", "per_class_iou", "per_image_iou", "images"}
    cli("predict", model, project.path, "--out", tmp_path / "out")
    assert json.loads(cli("evaluate", tmp_path / "out", project.path, "--json")[1]) == scores


def test_evaluate_prints_percent(cli: Cli, project: Project) -> None:
    status, out, _ = cli(
        "evaluate", project.path / "SegmentationClass", project.path, "--split", "all"
    )
    assert status == 0
    assert "100.0" in out and "absent" in out and "2 images" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere", "project"], "nowhere: no such file or folder"),
        (["empty", "project"], "neither a run (no model.pt) nor masks"),
        (["MODEL", "empty"], "missing, so this is not a project"),
        (["MODEL", "project", "--split", "test"], "no split 'test'"),
        (
            ["MODEL", "project", "--protocol", "corner"],
            "--protocol corner: expected one of full, center-crop",
        ),
    ],
)
def test_mistakes_in_evaluate(
    cli: Cli,
    model: Path,
    project: Project,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    status, out, err = cli(
        "evaluate", *(model if word == "MODEL" else word for word in words), "--json"
    )
    assert (status, out) == (2, "")
    assert message in err


def test_protocols_of_command_and_library_are_the_same() -> None:
    assert get_args(Protocol) == PROTOCOLS
