"""Images that come, leave and come back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from seminar.errors import DatasetError
from seminar.project.check.project import inspect_project
from seminar.project.images.changes import add_images, put_back, remove_images, removed_images
from seminar.project.images.split_files import hold_out, train_on
from seminar.project.project import Project


def picture(path: Path, channels: int = 3) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((20, 30, channels), 7, dtype=np.uint8)
    Image.fromarray(pixels.squeeze()).save(path)
    return path


def test_images_come_in_and_each_that_does_not_says_why(project: Project, tmp_path: Path) -> None:
    more = tmp_path / "more"
    for name in ("d.png", "B.png", "e.png"):
        picture(more / name)
    picture(more / "grey.png", channels=1)
    picture(more / "d.jpg")
    (more / "cut.png").write_bytes((more / "e.png").read_bytes()[:60])
    project.image_path("a").write_bytes(b"damaged")
    seen: list[tuple[int, int]] = []
    added = add_images(project.path, [more], progress=lambda *n: seen.append(n))
    assert added.image_ids == ("d", "e") and seen == [(0, 2), (1, 2)]
    assert project.image_ids() == ("a", "b", "c", "d", "e")
    text = "\n".join(added.left_out)
    assert "cut.png: damaged or cut short" in text
    assert "d.png: would get the same image id as" in text
    assert "B.png: the project has an image 'B'; rename the file" in text
    assert "grey.png: 1 channels, where the images of the project have 3" in text
    assert len(added.left_out) == 4
    with pytest.raises(DatasetError, match="no image found there"):
        add_images(project.path, [tmp_path / "nowhere"])


@pytest.mark.parametrize("axes", ["ZYX", "CYX"])
def test_pages_of_a_tif_come_in_as_they_fit(project: Project, tmp_path: Path, axes: str) -> None:
    tifffile.imwrite(
        tmp_path / "s.tif",
        np.zeros((3, 20, 30), dtype=np.uint8),
        photometric="minisblack",
        metadata={"axes": axes},
    )
    assert add_images(project.path, [tmp_path / "s.tif"]).image_ids == ("s",)
    assert project.read_image("s").shape == (20, 30, 3)
    grey = Project.create(tmp_path / "grey", [picture(tmp_path / "g.png", 1)], project.classes)
    assert add_images(grey.path, [tmp_path / "s.tif"]).image_ids == ("s_000", "s_001", "s_002")


def test_an_image_that_leaves_and_comes_back_keeps_its_clicks(project: Project) -> None:
    hold_out(project.path, ["c"])
    clicks = project.read_clicks("a")
    remove_images(project.path, ["a", "c"])
    assert project.image_ids() == ("b",)
    assert project.split("train") == ("b",) and project.split("val") is None
    assert project.read_clicks("a") == clicks
    assert not [said for said in inspect_project(project).warnings if "no image in" in said]
    picture(project.path / "JPEGImages" / "C.png")
    back = put_back(project.path, removed_images(project.path))
    assert back.image_ids == ("a",) and "c.png: the project has an image" in back.left_out[0]
    assert project.split("train") == ("b", "a") and project.read_clicks("a") == clicks
    with pytest.raises(DatasetError, match="a project needs an image"):
        remove_images(project.path, project.image_ids())


def test_a_removed_image_replaces_no_other_that_was_removed(project: Project) -> None:
    remove_images(project.path, ["a"])
    picture(project.path / "JPEGImages" / "a.png")
    remove_images(project.path, ["a"])
    assert [path.name for path in removed_images(project.path)] == ["a-2.png", "a.png"]


def test_images_are_held_out_and_trained_on_again(project: Project) -> None:
    hold_out(project.path, ["b"])
    assert project.split("train") == ("a", "c") and project.split("val") == ("b",)
    with pytest.raises(DatasetError, match=r"2 images \(a, c\): without them no image"):
        hold_out(project.path, ["a", "c"])
    assert train_on(project.path, ["b"]) == {"b"}
    assert project.split("train") == ("a", "c", "b") and project.split("val") is None
    assert train_on(project.path, ["b"]) == frozenset()
    assert not inspect_project(project).faults


def test_a_split_keeps_its_order_and_another_may_be_added_to(project: Project) -> None:
    train = project.split_path("train")
    train.parent.mkdir(parents=True)
    train.write_bytes(b"c\r\na")
    assert train_on(project.path, ["b"]) == frozenset()
    assert train.read_text() == "c\na\nb\n"
    train_on(project.path, ["b", "c"], "val")
    assert project.split("val") == ("b", "c")
