"""What `seminar import-clicks` and `seminar export-clicks` print, and how they end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click_samples import SAMPLES
from command_line import Result, seminar

from seminar.project.project import Project


@pytest.fixture
def via(tmp_path: Path) -> Path:
    """Two clicks on disc_0, one on an image that is not there; classes disc and dust."""

    def region(row: int, col: int, label: str) -> object:
        return {
            "shape_attributes": {"name": "point", "cx": col, "cy": row},
            "region_attributes": {"type": label},
        }

    pictures = {
        "1": {"filename": "disc_0.png", "regions": [region(1, 2, "disc"), region(3, 4, "dust")]},
        "2": {"filename": "z.png", "regions": [region(1, 2, "disc"), {"shape_attributes": {}}]},
    }
    path = tmp_path / "via.json"
    path.write_text(json.dumps(pictures))
    return path


def refused(result: Result) -> str:
    assert result.returncode == 2, result
    assert "Traceback" not in result.stderr
    return result.stderr


def test_a_dry_run_shows_what_would_come_in(tiny_project: Project, via: Path) -> None:
    before = tiny_project.read_clicks("disc_0")
    result = seminar("import-clicks", tiny_project.path, via, "--dry-run")
    assert result.returncode == 0, result
    assert [line.rstrip() for line in result.stdout.splitlines()] == [
        "image   new  doubled  other class  outside  there now",
        "disc_0    1        0            0        0          2",
        "1 click on 1 image would come in",
        "classes: disc 1",
        f"{tiny_project.classes_path}: the project has no class 'dust' (1 click)",
        "images not in the project: 'z.png' (1 click)",
        "via.json: 1 region that is not a point is left out",
        "dry run: nothing was written",
    ]
    assert tiny_project.read_clicks("disc_0") == before


def test_new_classes_have_to_be_wanted(tiny_project: Project, via: Path) -> None:
    said = refused(seminar("import-clicks", tiny_project.path, via))
    assert "no class 'dust' (1 click); add --add-classes, or say which they are" in said
    result = seminar("import-clicks", tiny_project.path, via, "--add-classes")
    assert result.stdout.splitlines()[0] == (
        f"{tiny_project.path}: 2 clicks on 1 image (disc 1, dust 1); 1 image not in the project "
        "skipped"
    )
    again = seminar("import-clicks", tiny_project.path, via, "--map", "dust=")
    assert "left out: 1 doubled, 1 of classes that are left out" in again.stdout


def test_what_a_file_does_not_say_names_the_option(tiny_project: Project, tmp_path: Path) -> None:
    table = tmp_path / "Results.csv"
    table.write_text(" ,X,Y\n1,3,4\n")
    words: list[object] = ["import-clicks", tiny_project.path, table]
    for option, value in (
        ("--pixel-size", 0.5),
        ("--image", "disc_1"),
        ("--class", "disc"),
    ):
        assert refused(seminar(*words)).rstrip().endswith((option, f"{option}, or --by-frame"))
        words += [option, value]
    assert seminar(*words).returncode == 0
    clicks = tiny_project.read_clicks("disc_1")
    assert clicks is not None
    assert clicks.points[-1].tolist() == [8, 6]


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["--format", "docx"], "--format docx: expected auto or one of imagej"),
        (["--map", "nonsense"], "--map nonsense: expected what the files call the class"),
        (["--origin", "corner"], "--origin corner: expected centre"),
        (["--pixel-size", "0"], "--pixel-size 0.0: expected a number above 0"),
        (["--pixel-size", "nan"], "--pixel-size nan: expected a number above 0"),
        (["--image", "x"], "no image or stack 'x' in the project"),
    ],
)
def test_bad_options(words: list[str], fault: str, tiny_project: Project, via: Path) -> None:
    assert fault in refused(seminar("import-clicks", tiny_project.path, via, *words))


def test_faults_of_several_files_come_at_once(tiny_project: Project, tmp_path: Path) -> None:
    for name in ("a.json", "b.json"):
        (tmp_path / name).write_text("{")
    said = refused(
        seminar("import-clicks", tiny_project.path, tmp_path / "a.json", tmp_path / "b.json")
    )
    assert "a.json: not readable as JSON" in said
    assert "b.json: not readable as JSON" in said


def test_no_image_of_the_project_is_in_the_files(tiny_project: Project, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(SAMPLES["coco"][1])
    assert "none of the images in the files is in the project: 'field.png' (2 clicks)" in refused(
        seminar("import-clicks", tiny_project.path, path, "--map", "*=disc")
    )


def test_export_says_what_was_written(tiny_project: Project, tmp_path: Path) -> None:
    out = tmp_path / "rois"
    result = seminar("export-clicks", tiny_project.path, "--format", "imagej", "--out", out)
    assert result.stdout == f"{out}: 8 clicks on 4 images written (ImageJ RoiSets)\n"
    back = seminar("import-clicks", tiny_project.path, *sorted(out.iterdir()))
    assert "left out: 8 doubled" in back.stdout
    said = refused(
        seminar("export-clicks", tiny_project.path, "--format", "voc", "--out", tmp_path / "v")
    )
    assert "--format voc: clicks cannot be written to it" in said
    said = refused(
        seminar(
            *("export-clicks", tiny_project.path, "--format", "coco", "--out", tmp_path / "c.json"),
            *("--objects", tmp_path / "nowhere"),
        )
    )
    assert "nowhere: no such folder" in said
