"""The sample: complete, offline, free of torch, and its clicks lie on what they name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from skimage import data

from seminar.errors import SeminarError
from seminar.labels import IGNORE_INDEX
from seminar.project.check.project import check
from seminar.project.project import Project
from seminar.project.sample.create import create_sample_project, sample_data_folder, sample_fields


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return create_sample_project(tmp_path_factory.mktemp("sample") / "glands")


def test_the_project_opens_without_a_fault(sample: Project) -> None:
    project = Project.open(sample.path)
    assert project == sample
    assert project.classes.names == ("background", "gland", "lumen")
    train, val = project.split("train"), project.split("val")
    assert train is not None
    assert val is not None
    assert check(project, train) == ()
    assert (len(train), len(val)) == (6, 3)
    assert sorted(train + val) == list(project.image_ids())


def test_the_fields_are_scikit_images_pixels_and_do_not_overlap(sample: Project) -> None:
    picture = data.immunohistochemistry()
    fields = sample_fields()
    assert sum(field.size for field in fields.values()) == picture.size
    for number, (image_id, field) in enumerate(fields.items()):
        top, left = ((0, 171, 341)[number // 3], (0, 171, 341)[number % 3])
        np.testing.assert_array_equal(sample.read_image(image_id), field)
        np.testing.assert_array_equal(
            field, picture[top : top + field.shape[0], left : left + field.shape[1]]
        )


def test_every_click_lies_on_its_class(sample: Project) -> None:
    counts = np.zeros(3, dtype=int)
    for image_id in sample.split("train") or ():
        clicks, truth = sample.read_clicks(image_id), sample.read_truth(image_id)
        assert clicks is not None
        assert truth is not None
        assert clicks.inside().all()
        rows, cols = clicks.points.astype(int).T
        np.testing.assert_array_equal(truth[rows, cols], clicks.class_ids)
        counts += np.bincount(clicks.class_ids, minlength=3)
    assert counts.tolist() == [23, 24, 7]
    assert all(sample.read_clicks(image_id) is None for image_id in sample.split("val") or ())


def test_the_masks_have_the_size_of_their_images_and_every_class(sample: Project) -> None:
    for split in ("train", "val"):
        seen: set[int] = set()
        for image_id in sample.split(split) or ():
            truth = sample.read_truth(image_id)
            assert truth is not None
            assert truth.shape == sample.image_size(image_id)
            assert (truth == IGNORE_INDEX).mean() < 0.15
            seen |= set(np.unique(truth).tolist())
        assert seen == {0, 1, 2, IGNORE_INDEX}


def test_an_existing_project_is_left_as_it_is(sample: Project) -> None:
    before = {path: path.stat().st_mtime_ns for path in sample.path.rglob("*")}
    with pytest.raises(SeminarError):
        create_sample_project(sample.path)
    assert {path: path.stat().st_mtime_ns for path in sample.path.rglob("*")} == before


def test_a_full_disk_leaves_no_half_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Project, "write_clicks", full)
    with pytest.raises(OSError, match="No space left"):
        create_sample_project(tmp_path / "glands")
    assert list(tmp_path.iterdir()) == []


def test_no_picture_of_others_is_in_the_repository() -> None:
    kinds = {
        path.suffix
        for path in sample_data_folder().rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert kinds == {".json", ".md", ".png", ".py", ".toml", ".txt"}
    pictures = [
        path
        for path in sample_data_folder().rglob("*.png")
        if path.parent.name != "SegmentationClass"
    ]
    assert pictures == []


def test_a_missing_sample_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "seminar.project.sample.create.__file__", str(tmp_path / "seminar" / "sample_project.py")
    )
    with pytest.raises(SeminarError, match="install seminar-napari again"):
        sample_data_folder()
