"""Projects, splits and classes of a session."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from seminar.clicks.click_set import ClickSet
from seminar.errors import DatasetError, SeminarError
from seminar.labels import ClassNames
from seminar.project.images.changes import put_back, remove_images, removed_images
from seminar.project.project import Project
from seminar_napari.session.session import Session


class Heard(list[Any]):
    """What a signal said."""

    def __init__(self, signal_: Any) -> None:
        super().__init__()
        signal_.connect(self._hear)

    def _hear(self, value: Any) -> None:
        self.append(value)


def one_more(clicks: ClickSet, row: float, col: float, class_id: int) -> ClickSet:
    return replace(
        clicks,
        points=np.append(clicks.points, [[row, col]], axis=0),
        class_ids=np.append(clicks.class_ids, class_id),
    )


def test_opening_shows_the_first_image_and_knows_the_states(session: Session) -> None:
    assert session.image_id == "a"
    assert session.image_ids == ("a", "b", "c")
    assert len(session.clicks("a")) == 2
    assert (session.clicks("b").height, session.clicks("b").width) == (40, 60)
    session.image_states.wait(5)
    assert session.image_states["a"].kind == "ready"


def test_images_of_different_channels_are_named_when_the_project_is_opened(
    three_fields: Project,
) -> None:
    path = three_fields.image_path("b")
    with Image.open(path) as image:
        other = image.convert("RGB" if image.mode == "L" else "L")
    other.save(path)
    session = Session()
    told = Heard(session.notice)
    session.open_project(three_fields.path)
    assert session._channels.wait(5)
    session.poll()
    (said,) = told
    assert said.startswith("Images with different numbers of channels: ")
    assert "2 images (a, c)" in said and "1 image (b)" in said and "They do not train" in said
    assert session.warnings()[0] == said
    other.convert("L" if other.mode == "RGB" else "RGB").save(path)
    session.open_project(three_fields.path)
    assert session._channels.wait(5)
    session.poll()
    assert told == [said] and said not in session.warnings()


def test_classes_are_written_and_the_current_one_stays_within(
    session: Session, three_fields: Project
) -> None:
    told = Heard(session.classes_changed)
    session.set_class(2)
    session.set_class(7)
    assert session.current_class == 2
    session.set_classes(ClassNames.of("background", "cell"))
    assert session.current_class == 1
    assert Project.open(three_fields.path).classes.names == ("background", "cell")
    assert [classes.num_classes for classes in told] == [2]


def test_classes_that_an_editor_changed_are_taken_up_and_a_damaged_file_is_said_once(
    session: Session, three_fields: Project
) -> None:
    path, told, notices = (
        three_fields.path / "classes.txt",
        Heard(session.classes_changed),
        Heard(session.notice),
    )
    session.take_clicks_from_disk()
    assert told == notices == []
    path.write_text("background\ncell #ff8000\nfibre\nyeast\n")
    session.take_clicks_from_disk()
    assert session.project is not None and session.project.classes.names[3] == "yeast"
    assert len(told) == 1 and "classes.txt" in notices.pop()
    for text in ("background\n", "background\n", "background\ncell\ncell\n"):
        path.write_text(text)
        session.take_clicks_from_disk()
    assert (
        len(notices) == 2
        and "expected 2 to 255 classes" in notices[0]
        and "named twice" in notices[1]
    )
    assert len(told) == 1 and session.project.classes.num_classes == 4
    with pytest.raises(DatasetError, match="named twice"):
        session.set_classes(ClassNames.of("background", "cell", "fibre", "yeast", "debris"))
    assert path.read_text() == "background\ncell\ncell\n", (
        "an edit that is not done yet is not overwritten"
    )
    path.unlink()
    session.take_clicks_from_disk()
    assert "missing" in notices[2]


def test_a_class_that_another_window_added_is_kept_and_its_clicks_are_saved(
    session: Session, three_fields: Project
) -> None:
    other = Session(retry_seconds=0.02)
    other.open_project(three_fields.path)
    assert session.project is not None and other.project is not None
    session.set_classes(with_a_class(session, "yeast"))
    session.set_clicks("a", one_more(session.clicks("a"), 3, 4, 3))
    assert session.flush()
    other.set_clicks(
        "a", one_more(session.clicks("a"), 5, 6, 0)
    )  # looked at the clicks, not yet at the classes
    assert not other.flush(0.1) and "class_id 3 is not in 0..2" in other.not_saved["a"]
    other.take_clicks_from_disk()
    assert other.project.classes.names == ("background", "cell", "fibre", "yeast")
    assert other.flush(), "what waits is written with the classes there are now"
    session.set_classes(with_a_class(session, "moss"))
    other.set_classes(with_a_class(other, "debris"))  # has not looked since
    names = ("background", "cell", "fibre", "yeast", "moss", "debris")
    assert other.project.classes.names == Project.open(three_fields.path).classes.names == names
    session.take_clicks_from_disk()
    assert session.project.classes.names == names


def with_a_class(session: Session, name: str) -> ClassNames:
    assert session.project is not None
    return ClassNames.parse(session.project.classes.format() + name)


def test_a_project_of_new_images(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((8, 9), dtype=np.uint8)).save(tmp_path / "x.png")
    session = Session()
    session.create_project(
        tmp_path / "made", [tmp_path / "x.png"], ClassNames.of("background", "thing")
    )
    assert session.image_id == "x"
    assert session.warnings()[0].startswith("No image has clicks")


def test_clicks_outside_the_training_split_are_said_once_and_one_call_mends_it(
    session: Session, three_fields: Project
) -> None:
    splits = three_fields.path / "ImageSets" / "Segmentation"
    splits.mkdir(parents=True)
    (splits / "train.txt").write_text("a\n")
    (splits / "val.txt").write_text("b\nc\n")
    session.close_project()
    session.open_project(three_fields.path)
    notices = Heard(session.notice)
    assert session.image_states["b"].kind == "held out"
    for row in (3, 5):
        session.set_clicks("b", one_more(session.clicks("b"), row, 4, 2))
    assert len(notices) == 1 and "b is not in train.txt" in notices.pop()
    assert "Clicks in b are not trained on" in session.warnings()[0]
    session.train_on(["b"])
    assert "b is in train.txt now, and no longer in val.txt" in notices.pop()
    assert session.image_states["b"].kind == "objects only"
    assert three_fields.split("train") == ("a", "b") and three_fields.split("val") == ("c",)
    assert not any("not trained on" in line for line in session.warnings())
    session.use_split("val")
    assert (
        session.image_states["a"].kind == "held out"
        and "a, b are not trained on" in session.warnings()[0]
    )


def test_a_damaged_split_is_a_warning(session: Session, three_fields: Project) -> None:
    splits = three_fields.path / "ImageSets" / "Segmentation"
    splits.mkdir(parents=True)
    (splits / "train.txt").write_text("nowhere\n")
    session.close_project()
    session.open_project(three_fields.path)
    assert "no image nowhere" in session.warnings()[0]
    assert not session.image_states.held_out


def test_opening_what_is_no_project_keeps_the_open_one(session: Session, tmp_path: Path) -> None:
    with pytest.raises(SeminarError):
        session.open_project(tmp_path)
    assert session.image_id == "a"
    session.close_project()
    assert session.project is None
    assert session.image_ids == ()
    assert session.image_id == ""


def test_an_open_that_fails_halfway_leaves_the_open_project(
    session: Session, three_fields: Project, tmp_path: Path
) -> None:
    other = Project.create(tmp_path / "other", [three_fields.image_path("b")], three_fields.classes)
    shutil.rmtree(other.path / "Clicks", ignore_errors=True)
    (other.path / "Clicks").symlink_to("Clicks")  # leads round in a circle: cannot be read
    told = Heard(session.project_changed)
    with pytest.raises(OSError, match="Clicks"):
        session.open_project(other.path)
    assert told == [] and session.project is not None and session.project.path == three_fields.path
    assert session.image_ids == ("a", "b", "c") and session.image_id == "a"
    session.set_clicks("b", one_more(session.clicks("b"), 3, 4, 2))
    assert session.flush()
    assert three_fields.read_clicks("b") == session.clicks("b")


def test_images_come_and_go_while_the_window_goes_on(
    session: Session, three_fields: Project
) -> None:
    session.image_states.wait(5)
    session.show_image("b")
    changes, shown = Heard(session.images_changed), Heard(session.image_changed)
    session.hold_out(["c"])
    assert session.image_states["c"].kind == "held out"
    remove_images(three_fields.path, ["b"])
    session.take_images_from_disk()
    assert changes == [("a", "c")] and shown == ["c"] and session.image_ids == ("a", "c")
    assert session.image_states["c"].kind == "held out" and session.image_states["a"].counts
    clicks = session.clicks("a")
    remove_images(three_fields.path, ["a"])
    session.take_images_from_disk()
    put_back(three_fields.path, removed_images(three_fields.path))
    session.take_images_from_disk()
    session.image_states.wait(5)
    assert session.image_ids == ("a", "b", "c") and session.clicks("a") == clicks
    assert session.image_states["a"].kind == "ready", "clicks and split are as before"
    assert len(changes) == 3 and not session.image_states["b"].held_out
    session.take_images_from_disk()
    assert len(changes) == 3, "nothing has changed"
