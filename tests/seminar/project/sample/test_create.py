"""The sample: complete, offline, free of torch, and its clicks lie on what they name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from seminar.errors import SeminarError
from seminar.project.check.project import check
from seminar.project.project import Project
from seminar.project.sample.create import create_sample_project, sample_data_folder


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return create_sample_project(tmp_path_factory.mktemp("sample") / "nuclei")


def test_the_project_opens_without_a_fault(sample: Project) -> None:
    project = Project.open(sample.path)
    assert project == sample
    assert project.classes.names == ("background", "nucleus")
    train, val = project.split("train"), project.split("val")
    assert train is not None
    assert val is not None
    assert check(project, train) == ()
    assert (len(train), len(val)) == (8, 4)
    assert sorted(train + val) == list(project.image_ids())


def test_every_nucleus_of_six_images_has_one_click_on_it(sample: Project) -> None:
    counts = np.zeros(2, dtype=int)
    for image_id in (sample.split("train") or ())[:6]:
        clicks, truth = sample.read_clicks(image_id), sample.read_truth(image_id)
        objects = sample.read_objects(image_id)
        assert clicks is not None
        assert truth is not None
        assert objects is not None
        np.testing.assert_array_equal(truth, objects > 0)
        rows, cols = clicks.points.astype(int).T
        np.testing.assert_array_equal(truth[rows, cols], clicks.class_ids)
        owners = objects[rows, cols]
        assert sorted(owners[owners > 0]) == list(range(1, objects.max() + 1))
        counts += np.bincount(clicks.class_ids, minlength=2)
    assert counts.tolist() == [36, 117]
    assert all(sample.read_clicks(image_id) is None for image_id in sample.split("val") or ())


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
        create_sample_project(tmp_path / "nuclei")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_sample_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "seminar.project.sample.create.__file__", str(tmp_path / "seminar" / "sample_project.py")
    )
    with pytest.raises(SeminarError, match="install seminar-napari again"):
        sample_data_folder()
