"""The commands of docs/voc.md, on a stand-in for PASCAL VOC of a few small images."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import command_line
import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "voc.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^seminar (.+)$", PAGE, re.MULTILINE)
TINY = (
    "--start random --backbone mobilenet_v2 --weights none --crop-size 64 --batch-size 2"
    " --iterations 2 --validations 0 --device cpu"
)
SIZE = (72, 100)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """VOC's layout with six images, a bird or a cat in each, classes.txt from the page, and
    clicks as What's the Point has them.
    """
    rng = np.random.default_rng(0)
    clicks, background = {}, {}
    palette = [value for colour in range(256) for value in (colour, colour // 2, 255 - colour)]
    ids = [f"2007_00000{number}" for number in range(6)]
    for number, image_id in enumerate(ids):
        class_id = (3, 8)[number % 2]
        rows, cols = np.mgrid[: SIZE[0], : SIZE[1]]
        row, col = rng.integers(25, 45, 2)
        distance = np.hypot(rows - row, cols - col)
        truth = np.where(distance < 16, class_id, np.where(distance < 18, 255, 0)).astype(np.uint8)
        pixels = (
            60
            + 100 * (distance < 17)[..., None] * (1, number % 2, 0.5)
            + rng.normal(0, 3, (*SIZE, 3))
        )
        for name, picture in (
            ("JPEGImages", pixels.astype(np.uint8)),
            ("SegmentationClass", truth),
        ):
            path = tmp_path / "voc" / name / f"{image_id}.{'jpg' if picture.ndim == 3 else 'png'}"
            path.parent.mkdir(parents=True, exist_ok=True)
            image = Image.fromarray(picture)
            if picture.ndim == 2:
                image.putpalette(palette)
            image.save(path)
        clicks[image_id] = [{"x": int(col), "y": int(row), "cls": class_id, "rank": 1}]
        background[image_id] = [{"x": 96, "y": 5, "cls": 0}, {"x": 4, "y": 68, "cls": 0}]
    clicks[ids[0]].append(
        {"x": 100, "y": 10, "cls": 3, "rank": 2}
    )  # one pixel beyond the right rim
    write(tmp_path / "points" / "voc_whats_the_point.json", json.dumps(clicks))
    write(
        tmp_path / "points" / "voc_whats_the_point_bg_from_scribbles.json", json.dumps(background)
    )
    splits = tmp_path / "voc" / "ImageSets" / "Segmentation"
    write(splits / "train.txt", "\n".join(ids[:2]))
    write(splits / "train_aug.txt", "\n".join(ids[:4]))
    write(splits / "val.txt", "\n".join(ids[4:]))
    classes = re.search(r"<<END\n(.+?)\nEND", PAGE, re.DOTALL)
    assert classes
    write(tmp_path / "voc" / "classes.txt", classes[1])
    return tmp_path


def seminar(folder: Path, words: str) -> str:
    done = command_line.seminar(*shlex.split(words), cwd=folder)
    assert done.returncode == 0, f"seminar {words}\n{done.stderr}"
    return done.stdout


def the(*words: str) -> str:
    """The one command of the page that has these words."""
    (found,) = [command for command in COMMANDS if all(word in command for word in words)]
    return found


@pytest.mark.slow
def test_the_page_s_commands_from_clicks_to_scores(folder: Path) -> None:
    said = seminar(folder, the("import-clicks"))
    assert (
        "4 images of 4 in voc/ImageSets/Segmentation/train_aug.txt: 5 foreground clicks, 8"
        " background clicks" in said
    )
    assert "out of range and dropped: 0 background, 1 foreground" in said
    assert "12 clicks on 4 images (background 8, bird 2, cat 2)" in said
    assert "no faults" in seminar(folder, the("check"))
    trained = seminar(folder, f"{the('--run seminar', '--split')} {TINY}")
    assert "4 images, 12 clicks" in trained
    assert "Stage 2 of 2 (primary)" in trained
    middle = json.loads(
        seminar(folder, f"{the('evaluate', 'runs/seminar voc', 'center-crop')} --json")
    )
    whole = json.loads(seminar(folder, f"{COMMANDS[-1]} --json"))
    assert middle["images"] == whole["images"] == 2
    assert middle["per_class_iou"].keys() == whole["per_class_iou"].keys()
    assert len(whole["per_class_iou"]) == 21
    config = (folder / "voc" / "runs" / "seminar" / "config.toml").read_text(encoding="utf-8")
    for setting in (
        'crf_method = "lattice"',
        "lambda_pcons = 200.0",
        'convention = "paper"',
        'norm = "batch"',
    ):
        assert setting in config


@pytest.mark.slow
def test_the_page_s_other_systems(folder: Path) -> None:
    seminar(folder, the("import-clicks"))
    for run in ("whats_the_point", "full"):
        seminar(folder, f"{the(f'--run {run}')} {TINY}")
    assert "4 label maps" in seminar(folder, the("propagate voc"))
    seminar(folder, f"{the('--run scribblesup')} {TINY}")
    assert (folder / "voc" / "runs" / "scribblesup" / "primary" / "student.pt").exists()


def test_every_training_command_of_the_page_has_settings_that_exist() -> None:
    from seminar.config.settings import preset

    for command in COMMANDS:
        words = shlex.split(command)
        if words[0] == "train" and "--losses" in words:
            preset("paper").replace(losses=tuple(words[words.index("--losses") + 1].split(",")))
    assert {"voc/runs/seminar/ancillary/student.pt"} <= {
        word for command in COMMANDS for word in shlex.split(command)
    }
