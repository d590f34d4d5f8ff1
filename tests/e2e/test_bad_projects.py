"""Bad input at the command line: exit status 2, one sentence a fault, no traceback, nothing
half-written.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import command_line
import numpy as np
import pytest
import tifffile
from command_line import Result
from PIL import Image

from seminar.clicks.click_set import ClickSet
from seminar.io.label_png import write_label_png
from seminar.labels import ClassNames
from seminar.project.project import Project

ROOT = Path(__file__).parents[2]
HEIGHT, WIDTH = 20, 30


def seminar(*arguments: object, preexec_fn: Callable[[], None] | None = None) -> Result:
    """Run the command line as a person does: in its own process where that must be changed
    first, else quicker in this one.
    """
    if preexec_fn is None:
        return command_line.seminar(*arguments)
    process = subprocess.run(
        [sys.executable, "-m", "seminar", *map(str, arguments)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        timeout=200,
        preexec_fn=preexec_fn,
    )
    return Result(process.returncode, process.stdout, process.stderr)


def refused(*arguments: object, preexec_fn: Callable[[], None] | None = None) -> str:
    """Run a command that must refuse its input; return what it said."""
    result = seminar(*arguments, preexec_fn=preexec_fn)
    assert result.returncode == 2, result
    assert "Traceback" not in result.stderr
    assert result.stderr.startswith("seminar: ")
    return result.stderr.removeprefix("seminar: ")


def content(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def image(path: Path, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(
        np.random.default_rng(seed).integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    ).save(path)
    return path


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Two images with clicks and truth."""
    project = Project.create(
        tmp_path / "project",
        [image(tmp_path / "a.png"), image(tmp_path / "b.png", 1)],
        ClassNames.of("background", "nucleus"),
    )
    truth = np.zeros((HEIGHT, WIDTH), np.uint8)
    truth[5:15, 5:15] = 1
    for image_id in "ab":
        project.write_clicks(image_id, ClickSet(HEIGHT, WIDTH, [(1, 2), (9, 9)], [0, 1]))
        write_label_png(project.truth_path(image_id), truth, project.classes)
    return project


def test_a_good_project_passes(project: Project) -> None:
    result = seminar("check", project.path)
    assert result.returncode == 0, result
    assert (
        result.stdout.strip() == f"{project.path}: 2 images, 2 with clicks; no faults, 0 warnings"
    )
    assert result.stderr == ""


def empty_project(project: Project) -> None:
    for name in "ab":
        project.image_path(name).unlink()
    for folder in ("Clicks", "SegmentationClick", "SegmentationClass"):
        shutil.rmtree(project.path / folder)


def no_clicks(project: Project) -> None:
    for folder in ("Clicks", "SegmentationClick", "SegmentationClass"):
        shutil.rmtree(project.path / folder)


def class_without_clicks(project: Project) -> None:
    for image_id in "ab":
        project.write_clicks(image_id, ClickSet(HEIGHT, WIDTH, [(1, 2)], [0]))


def click_outside(project: Project) -> None:
    project.write_clicks("b", ClickSet(HEIGHT, WIDTH, [(1, 2), (9, -3)], [0, 1]))


def mask_of_another_size(project: Project) -> None:
    project.clicks_path("b").unlink()
    write_label_png(project.sparse_mask_path("b"), np.full((9, 9), 1), project.classes)


def truth_of_another_size(project: Project) -> None:
    write_label_png(project.truth_path("b"), np.full((9, 9), 1), project.classes)


def truncated_png(project: Project) -> None:
    path = project.image_path("b")
    path.write_bytes(path.read_bytes()[:500])


def mask_of_16_bit(project: Project) -> None:
    project.clicks_path("b").unlink()
    Image.fromarray(np.full((HEIGHT, WIDTH), 255, np.uint16)).save(project.sparse_mask_path("b"))


def class_beyond_classes_txt(project: Project) -> None:
    project.clicks_path("b").write_text(
        ClickSet(HEIGHT, WIDTH, [(1, 2), (9, 9)], [0, 21]).to_json()
    )


def nan_image(project: Project) -> None:
    project.image_path("b").unlink()
    tifffile.imwrite(
        project.path / "JPEGImages" / "b.tif", np.full((HEIGHT, WIDTH), np.nan, np.float32)
    )


def one_pixel_image(project: Project) -> None:
    Image.fromarray(np.zeros((1, 1, 3), np.uint8)).save(project.image_path("b"))
    for path in (project.clicks_path("b"), project.sparse_mask_path("b"), project.truth_path("b")):
        path.unlink()


def torn_clicks(project: Project) -> None:
    project.clicks_path("b").write_text('{"clicks": [')


def two_files_of_one_image(project: Project) -> None:
    shutil.copy(project.image_path("b"), project.path / "JPEGImages" / "b.jpg")


def split_that_leaves_the_project(project: Project) -> None:
    folder = project.path / "ImageSets" / "Segmentation"
    folder.mkdir(parents=True)
    (folder / "train.txt").write_text("a\n../../a\n")


def gigapixel_header(project: Project) -> None:
    path = project.image_path("b")
    data = bytearray(path.read_bytes())
    data[16:24] = (50_000).to_bytes(4, "big") * 2
    data[29:33] = zlib.crc32(bytes(data[12:29])).to_bytes(4, "big")
    path.write_bytes(data)
    for other in (project.clicks_path("b"), project.sparse_mask_path("b"), project.truth_path("b")):
        other.unlink()


FAULTS: list[tuple[Callable[[Project], None], str]] = [
    (empty_project, "JPEGImages: no image in it; put images there"),
    (no_clicks, "no image of the training set has clicks; click in the window"),
    (
        class_without_clicks,
        "Clicks: no clicks of class 1 'nucleus', and one class alone teaches nothing; click on",
    ),
    (click_outside, "Clicks/b.json, click 2: row 9, col -3 is outside the image of 20 x 30 pixels"),
    (
        mask_of_another_size,
        (
            "SegmentationClick/b.png: 9 x 9 pixels (height x width), but the image in JPEGImages"
            " has 20 x 30; make the mask again"
        ),
    ),
    (
        truth_of_another_size,
        (
            "SegmentationClass/b.png: 9 x 9 pixels (height x width), but the image in JPEGImages"
            " has 20 x 30; make the mask again"
        ),
    ),
    (truncated_png, "JPEGImages/b.png: damaged or cut short"),
    (
        mask_of_16_bit,
        (
            "SegmentationClick/b.png: expected an indexed or 8-bit grey PNG of class ids, got"
            " 16-bit grey; save it"
        ),
    ),
    (
        class_beyond_classes_txt,
        (
            "Clicks/b.json, click 2: class_id 21 is not in 0..1; fix the click or add the class to"
            " classes.txt"
        ),
    ),
    (
        nan_image,
        "JPEGImages/b.tif: 600 values are NaN or infinite, first at row 0, column 0; replace them",
    ),
    (one_pixel_image, "JPEGImages/b.png: 1 x 1 pixels (height x width) are too few to learn from"),
    (torn_clicks, "Clicks/b.json: not readable as JSON"),
    (
        two_files_of_one_image,
        "JPEGImages: b.jpg and b.png have the same image id 'b'; rename or remove one of them",
    ),
    (
        split_that_leaves_the_project,
        "ImageSets/Segmentation/train.txt, line 2: '../../a' cannot be an image id",
    ),
    (
        gigapixel_header,
        "JPEGImages/b.png: 50000 x 50000 pixels (height x width) are more than the 268,435,456",
    ),
]


@pytest.mark.parametrize(
    ("break_it", "sentence"), FAULTS, ids=[break_it.__name__ for break_it, _ in FAULTS]
)
def test_check_says_the_fault(
    project: Project, break_it: Callable[[Project], None], sentence: str
) -> None:
    break_it(project)
    before = content(project.path)
    head, *faults = refused("check", project.path).splitlines()
    assert head == f"{project.path}: 1 fault"
    assert len(faults) == 1
    assert faults[0].startswith(sentence)
    assert content(project.path) == before


def test_check_says_all_faults_at_once(project: Project) -> None:
    for break_it in (truncated_png, torn_clicks, truth_of_another_size, two_files_of_one_image):
        break_it(project)
    head, *faults = refused("check", project.path).splitlines()
    assert head == f"{project.path}: {len(faults)} faults"
    for part in ("b.jpg and b.png", "Clicks/b.json", "SegmentationClass/b.png", "JPEGImages/b"):
        assert any(part in fault for fault in faults), part


def test_an_image_without_clicks_warns_and_is_a_fault_only_when_strict(project: Project) -> None:
    for path in (project.clicks_path("b"), project.sparse_mask_path("b")):
        path.unlink()
    result = seminar("check", project.path)
    assert result.returncode == 0
    assert result.stdout.startswith(
        "warning: 1 image (b) of 2 in the training set: no clicks, so no step trains on them; "
        "click in the window"
    )
    assert "1 image (b) of 2 in the training set: no clicks" in refused(
        "check", project.path, "--strict"
    )


def test_the_script_says_the_same_as_a_process_of_its_own(project: Project) -> None:
    click_outside(project)
    assert refused("check", project.path, preexec_fn=lambda: None) == refused("check", project.path)


def test_no_project(tmp_path: Path) -> None:
    for command in ("check", "simulate-clicks"):
        assert "nowhere: no such folder; check the name" in refused(command, tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    assert "JPEGImages: missing, so this is not a project" in refused("check", tmp_path / "empty")


# --- new


def test_new_makes_a_project(tmp_path: Path) -> None:
    image(tmp_path / "in" / "x.png")
    result = seminar("new", tmp_path / "p", tmp_path / "in", "--classes", "background, nucleus")
    assert result.returncode == 0, result
    assert result.stdout.strip() == f"{tmp_path / 'p'}: 1 image, 2 classes (background, nucleus)"
    assert Project.open(tmp_path / "p").image_ids() == ("x",)
    (tmp_path / "classes.txt").write_text("background\nrim #010203\n")
    assert (
        seminar(
            "new", tmp_path / "q", tmp_path / "in", "--classes", tmp_path / "classes.txt"
        ).returncode
        == 0
    )
    assert Project.open(tmp_path / "q").classes.colours[1] == (1, 2, 3)


def test_new_refuses_what_cannot_be_a_project(tmp_path: Path) -> None:
    image(tmp_path / "in" / "x.png")
    (tmp_path / "in" / "torn.png").write_bytes((tmp_path / "in" / "x.png").read_bytes()[:99])
    said = refused(
        "new",
        tmp_path / "p",
        tmp_path / "in",
        tmp_path / "nowhere",
        "--classes",
        "background,nucleus",
    )
    assert "torn.png: damaged or cut short" in said
    assert "nowhere: no image found there" in said
    assert "--classes: expected 2 to 255 classes" in refused(
        "new", tmp_path / "p", tmp_path / "in" / "x.png", "--classes", "nucleus"
    )
    assert "missing.txt: no such file" in refused(
        "new", tmp_path / "p", tmp_path / "in" / "x.png", "--classes", "missing.txt"
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]


# --- clicks


def test_simulate_clicks_and_its_refusals(project: Project) -> None:
    before = content(project.path)
    assert "2 images have other clicks already" in refused("simulate-clicks", project.path)
    assert "no split 'test' in ImageSets/Segmentation" in refused(
        "simulate-clicks", project.path, "--split", "test"
    )
    assert content(project.path) == before
    result = seminar("simulate-clicks", project.path, "--overwrite", "--limit", "1", "--seed", "3")
    assert result.returncode == 0, result
    assert result.stdout.strip() == f"{project.path}: 2 clicks on 1 image (background 1, nucleus 1)"
    assert {name for name, data in content(project.path).items() if data != before[name]} == {
        os.path.join("Clicks", "a.json"),
        os.path.join("SegmentationClick", "a.png"),
    }


def test_simulated_clicks_have_a_style(project: Project) -> None:
    def counts(*options: object) -> str:
        result = seminar("simulate-clicks", project.path, "--overwrite", *options)
        assert result.returncode == 0, result
        return result.stdout.strip().removeprefix(f"{project.path}: ")

    assert counts("--background", 5) == "12 clicks on 2 images (background 10, nucleus 2)"
    assert counts("--background", 0) == "2 clicks on 2 images (nucleus 2)"
    assert counts("--share", 0.5) == "4 clicks on 2 images (background 2, nucleus 2)"
    # of ten clicks five are wrong: the nucleus's is beside it, four of the background's are nuclei
    wrong = counts("--background", 9, "--wrong", 0.5)
    assert wrong == "20 clicks on 2 images (background 10, nucleus 10)"
    assert counts("--background", 9) == "20 clicks on 2 images (background 18, nucleus 2)"
    assert counts("--spread") == "4 clicks on 2 images (background 2, nucleus 2)"
    spread = content(project.path)
    counts()
    assert content(project.path) != spread


@pytest.mark.parametrize(
    ("option", "value"),
    [("background", "-1"), ("share", "0"), ("share", "1.01"), ("wrong", "-0.1"), ("wrong", "nan")],
)
def test_styles_out_of_range_are_refused(project: Project, option: str, value: str) -> None:
    before = content(project.path)
    said = refused("simulate-clicks", project.path, "--overwrite", f"--{option}", value)
    assert said.startswith(f"{option}: expected the ")
    assert f"got {value}" in said
    assert said.count("\n") == 1
    assert content(project.path) == before


def test_import_clicks_tells_what_the_files_hold(project: Project, tmp_path: Path) -> None:
    clicks = {
        "a": [{"x": 3, "y": 4, "cls": 1, "rank": 1}, {"x": 900, "y": 4, "cls": 1, "rank": 2}],
        "other": [{"x": 600, "y": 1, "cls": 0}],
    }
    (tmp_path / "clicks.json").write_text(json.dumps(clicks))
    (tmp_path / "list.txt").write_text("a\nother\nthird\n")
    result = seminar(
        "import-clicks",
        project.path,
        tmp_path / "clicks.json",
        "--split-list",
        tmp_path / "list.txt",
        "--overwrite",
    )
    assert result.returncode == 0, result
    assert result.stdout.splitlines() == [
        f"2 images of 3 in {tmp_path / 'list.txt'}: 2 foreground clicks, 1 background clicks",
        (
            "out of range and dropped: 1 background, 1 foreground (on images that are not here:"
            " beyond 500 pixels)"
        ),
        f"{project.path}: 1 click on 1 image (nucleus 1); 1 image not in the project skipped",
    ]
    assert len(project.read_clicks("a") or ()) == 1
    assert "list2.txt: no such file" in refused(
        "import-clicks",
        project.path,
        tmp_path / "clicks.json",
        "--split-list",
        tmp_path / "list2.txt",
    )
    assert "expected an object with a list of clicks" in refused(
        *("import-clicks", project.path, project.clicks_path("a"), "--format", "whats-the-point")
    )


# --- the disk


def without_privileges() -> None:
    """Root may write anywhere: give that up in the child process."""
    if os.geteuid() == 0:
        libc = ctypes.CDLL(None, use_errno=True)
        for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
            if libc.prctl(24, capability, 0, 0, 0):  # PR_CAPBSET_DROP
                raise OSError(ctypes.get_errno(), "prctl")


@pytest.mark.skipif(sys.platform != "linux", reason="read-only for root needs Linux's capabilities")
def test_a_read_only_project_is_read_but_not_written(project: Project) -> None:
    for path in (project.clicks_path("b"), project.sparse_mask_path("b")):
        path.unlink()
    before = content(project.path)
    folders = [project.path, *(path for path in project.path.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    try:
        assert seminar("check", project.path, preexec_fn=without_privileges).returncode == 0
        said = refused(
            "simulate-clicks", project.path, "--overwrite", preexec_fn=without_privileges
        )
        new = refused(
            "new",
            project.path / "inner",
            project.image_path("a"),
            "--classes",
            "a,b",
            preexec_fn=without_privileges,
        )
    finally:
        for folder in folders:
            folder.chmod(0o755)
    assert (
        f"{project.path / 'Clicks' / 'a.json'}: Permission denied; make room or give access, then"
        " run the command again" in said
    )
    assert "Permission denied" in new
    assert content(project.path) == before


@pytest.mark.skipif(os.name == "nt", reason="no such limit on Windows")
def test_a_full_disk_leaves_every_file_whole(project: Project) -> None:
    import resource

    write_label_png(
        project.truth_path("a"), np.indices((HEIGHT, WIDTH)).sum(0) // 3 % 2, project.classes
    )
    before = content(project.path)

    def full() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (60, 60))

    said = refused("simulate-clicks", project.path, "--overwrite", preexec_fn=full)
    assert "a.json: File too large; make room or give access, then run the command again" in said
    assert content(project.path) == before
    image_file = project.image_path("a")
    assert "File too large" in refused(
        "new", project.path.parent / "new", image_file, "--classes", "a,b", preexec_fn=full
    )
    assert sorted(path.name for path in project.path.parent.iterdir()) == [
        "a.png",
        "b.png",
        "project",
    ]
