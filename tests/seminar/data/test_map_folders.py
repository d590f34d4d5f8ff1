"""Folders with a map for each image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from seminar.data.map_folders import check_objectness, check_pseudo_labels, read_objectness
from seminar.errors import DatasetError
from seminar.io.label_png import write_label_png
from seminar.project.project import Project


def test_an_objectness_prior_must_fit(tiny_project: Project, tmp_path: Path) -> None:
    ids = tiny_project.image_ids()
    with pytest.raises(DatasetError, match=r"4 of 4 images have no map \(first .*disc_0.png\)"):
        check_objectness(tmp_path, ids)
    for image_id in ids:
        write_label_png(
            tmp_path / f"{image_id}.png", np.zeros((72, 80), dtype=np.uint8), tiny_project.classes
        )
    check_objectness(tmp_path, ids)
    with pytest.raises(DatasetError, match=r"72 x 80 pixels .*, but the image has 80 x 72"):
        read_objectness(tiny_project, tmp_path, "disc_0")


@pytest.mark.parametrize(
    ("count", "last"), [(20, "image_19.png"), (22, "2 more faults like these")]
)
def test_the_first_twenty_faults_of_label_maps_are_named_and_the_others_counted(
    tiny_project: Project, tmp_path: Path, count: int, last: str
) -> None:
    image_ids = [f"image_{number}" for number in range(count)]
    with pytest.raises(DatasetError) as caught:
        check_pseudo_labels(tiny_project, tmp_path / "nowhere", image_ids)
    assert len(caught.value.faults) == min(count, 21)
    assert last in caught.value.faults[-1]
