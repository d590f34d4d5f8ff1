"""Clicks of other programs become clicks of the project, and are taken back."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from seminar.clicks.click_set import ClickSet
from seminar.clicks.readers.format_table import read_clicks
from seminar.clicks.readers.found_clicks import FoundClick, Reading
from seminar.errors import DatasetError
from seminar.io.label_png import read_label_png
from seminar.labels import ClassNames
from seminar.project import import_clicks
from seminar.project.import_clicks import (
    ImportStatistics,
    import_statistics,
    take_back,
    write_import,
)
from seminar.project.import_plan.match_labels import LabelRules
from seminar.project.import_plan.plan_import import ImportPlan, plan_import
from seminar.project.layout import read_split
from seminar.project.new_clicks import NewClicks
from seminar.project.project import Project

FILE = Path("clicks.json")


def last(states: Iterator[NewClicks]) -> NewClicks:
    return deque(states, maxlen=1)[0]


def human(x: float, y: float, label: int | str, image: str) -> FoundClick:
    """At x, y from the upper left corner of the image."""
    return FoundClick(y - 0.5, x - 0.5, label, image)


def planned(
    project: Project, *clicks: FoundClick, rules: LabelRules | None = None, overwrite: bool = False
) -> ImportPlan:
    return plan_import(project, {FILE: Reading(clicks)}, rules=rules, overwrite=overwrite)


def files(project: Project) -> dict[str, bytes]:
    return {
        str(path.relative_to(project.path)): path.read_bytes()
        for path in project.path.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


def test_clicks_of_others_become_coordinates_and_those_outside_are_dropped(
    unclicked: Project,
) -> None:
    plan = planned(
        unclicked,
        human(0, 0, 1, "a"),
        human(29.9, 19.9, 0, "a"),
        human(30, 5, 1, "a"),
        human(7.25, 3.5, 2, "a"),
        human(99, 99, 0, "b"),
        human(1, 1, 1, "elsewhere"),
    )
    assert (plan.total("new"), plan.total("outside")) == (3, 2)
    assert plan.unknown_images == {"elsewhere": 1}
    assert plan.per_class == {0: 1, 1: 1, 2: 1}
    done = last(write_import(unclicked, plan))
    assert done == NewClicks(1, Counter({0: 1, 1: 1, 2: 1}), 1)
    assert unclicked.read_clicks("a") == ClickSet(
        20, 30, [(-0.5, -0.5), (19.4, 29.4), (3, 6.75)], [1, 0, 2]
    )
    assert unclicked.read_clicks("b") is None
    mask = read_label_png(unclicked.sparse_mask_path("a"))
    assert {(row, col): mask[row, col] for row, col in np.argwhere(mask != 255).tolist()} == {
        (0, 0): 1,
        (19, 29): 0,
        (3, 7): 2,
    }


def test_statistics_count_by_image_size_where_the_image_is_here(project: Project) -> None:
    clicks = [
        human(31, 1, 1, "a"),
        human(1, 1, 0, "a"),
        human(31, 1, 1, "elsewhere"),
        human(500, 1, 0, "elsewhere"),
        human(499.9, 1, 2, "elsewhere"),
    ]
    reading = Reading(clicks, ("a", "elsewhere"))
    assert import_statistics(project, reading) == ImportStatistics(2, 2, 3, 2, 1, 1)
    assert import_statistics(project, reading, ["a", "elsewhere", "third"]).listed == 3


def test_classes_that_the_project_lacks_are_said(unclicked: Project) -> None:
    with pytest.raises(
        DatasetError,
        match=r"classes\.txt: 3 classes, but the clicks name class 20; write all 21 or more names",
    ):
        planned(unclicked, human(1, 1, 20, "a"))
    plan = planned(unclicked, human(1, 1, "mitosis", "a"), human(2, 2, "Nucleus", "a"))
    assert plan.unknown_labels == {"mitosis": 1}
    assert plan.total("new") == 1
    assert unclicked.clicks_stamps() == {}


def test_new_classes_are_added_and_taken_back(project: Project) -> None:
    before = files(project)
    rules = LabelRules({"junk*": "", "Kern": "nucleus"}, add=True)
    clicks = [human(1, 1, "mitosis", "c"), human(3, 1, "junk 7", "c"), human(5, 1, "Kern", "a")]
    plan = planned(project, *clicks, rules=rules)
    assert plan.skipped == 1
    last(write_import(project, plan))
    opened = Project.open(project.path)
    assert opened.classes.names == ("background", "nucleus", "rim", "mitosis")
    assert opened.read_clicks("c") == ClickSet(20, 30, [(0.5, 0.5)], [3])
    take_back(project, plan)
    assert files(project) == before


def test_merging_keeps_what_is_there(project: Project) -> None:
    plan = planned(
        project,
        human(6.5, 5.5, 1, "b"),  # there already
        human(6.6, 5.6, 1, "b"),  # on the same pixel
        human(8.5, 7.5, 2, "b"),  # has another class there
        human(1, 1, 1, "b"),
        human(1.1, 1.1, 1, "b"),  # twice in the file
    )
    image = plan.images["b"]
    assert (image.new, image.doubled, image.contradicting, image.outside) == (1, 3, 1, 0)
    last(write_import(project, plan))
    assert project.read_clicks("b") == ClickSet(20, 30, [(5, 6), (7, 8), (0.5, 0.5)], [1, 0, 1])
    again = planned(project, human(1, 1, 1, "b"))
    assert (again.total("new"), again.total("doubled")) == (0, 1)


def test_imported_clicks_replace_others_only_when_asked(project: Project) -> None:
    before = files(project)
    plan = planned(project, human(1, 1, 1, "b"), overwrite=True)
    last(write_import(project, plan))
    assert project.read_clicks("b") == ClickSet(20, 30, [(0.5, 0.5)], [1])
    take_back(project, plan)
    assert files(project) == before


def test_clicks_made_during_an_import_stay(project: Project) -> None:
    plan = planned(project, human(1, 1, 1, "b"), human(2, 2, 1, "c"))
    later = ClickSet(20, 30, [(5, 6), (7, 8), (9, 9)], [1, 0, 2])
    project.write_clicks("b", later)
    last(write_import(project, plan))
    b = project.read_clicks("b")
    assert b is not None
    assert set(map(tuple, b.points.tolist())) == {(5, 6), (7, 8), (9, 9), (0.5, 0.5)}
    project.write_clicks("c", ClickSet(20, 30, [(1.5, 1.5), (4, 4)], [1, 1]))
    take_back(project, plan)
    assert project.read_clicks("b") == later
    assert project.read_clicks("c") == ClickSet(20, 30, [(4, 4)], [1])


def test_classes_changed_since_stay(project: Project) -> None:
    plan = planned(project, human(1, 1, "mitosis", "c"), rules=LabelRules(add=True))
    last(write_import(project, plan))
    project.classes_path.write_text("background\nnucleus\nrim\nmitosis!\nnew\n")
    opened = Project.open(project.path)
    opened.write_clicks("b", ClickSet(20, 30, [(9, 9)], [4]))
    take_back(project, plan)
    assert Project.open(project.path).classes == opened.classes
    assert project.read_clicks("c") is None
    with pytest.raises(DatasetError, match=r"classes\.txt: another program changed it meanwhile"):
        last(write_import(project, plan))
    assert Project.open(project.path).classes == opened.classes


def test_on_a_full_disk_images_without_clicks_have_none_again(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    from seminar.project import write_clicks

    before = files(project)
    plan = planned(project, human(1, 1, 1, "c"), human(1, 1, 1, "b"))
    states = write_import(project, plan)
    next(states)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(write_clicks, "write_bytes", full)
    with pytest.raises(OSError, match="No space"):
        next(states)
    assert files(project) == before


@pytest.mark.parametrize("how", ["error", "closed"])
def test_an_import_that_does_not_end_leaves_nothing(
    project: Project, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files(project)
    plan = planned(
        project,
        *(human(1, 1, "mitosis", name) for name in "abc"),
        rules=LabelRules(add=True),
    )
    states = write_import(project, plan)
    next(states)
    next(states)
    assert files(project) != before
    if how == "closed":
        states.close()
    else:
        write = import_clicks.write_click_files

        def full(folder: Path, image_id: str, *arguments: Any, **options: Any) -> None:
            if image_id == "c":
                raise OSError(28, "No space left on device")
            write(folder, image_id, *arguments, **options)

        monkeypatch.setattr(import_clicks, "write_click_files", full)
        with pytest.raises(OSError, match="No space"):
            next(states)
    assert files(project) == before


def test_a_picture_of_another_size_is_refused(project: Project) -> None:
    reading = Reading([human(1, 1, 1, "a.png")], sizes={"a.png": (20, 31)})
    with pytest.raises(
        DatasetError, match=r"a\.png is 20 x 31 pixels .* there, but the image a has 20 x 30"
    ):
        plan_import(project, {FILE: reading})
    plan_import(project, {FILE: replace(reading, sizes={"a.png": (20, 30)})})


def test_a_picture_that_a_camera_s_note_turns_is_refused(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (24, 24)).save(tmp_path / "turned.jpg", exif=exif)
    project = Project.create(
        tmp_path / "p", [tmp_path / "turned.jpg"], ClassNames.of("background", "cell")
    )
    for from_edges in (True, False):
        reading = Reading([human(1, 1, 1, "turned.jpg")], from_edges=from_edges)
        with pytest.raises(DatasetError, match=r"turned\.jpg is turned by a camera's note \(EXIF"):
            plan_import(project, {FILE: reading})


def test_two_pictures_that_would_be_one_image_are_refused(project: Project) -> None:
    with pytest.raises(DatasetError, match=r"'x/a\.png' and 'y/a\.png' would both be the image a"):
        planned(project, human(1, 1, 1, "x/a.png"), human(1, 1, 1, "y/a.png"))


@pytest.mark.parametrize(("x", "y"), [(30, 20), (30, 0), (0, 20)])
def test_the_far_edge_belongs_to_the_last_pixel(unclicked: Project, x: float, y: float) -> None:
    for offset in (0, -0.5):  # whole numbers come without the offset
        clicks = [FoundClick(y + offset, x + offset, 1, "a")]
        plan = plan_import(unclicked, {FILE: Reading(clicks, from_edges=True)})
        (pixel,) = np.argwhere(plan.images["a"].after.rasterize() == 1).tolist()
        assert pixel == [min(y, 19), min(x, 29)]
        assert planned(unclicked, *clicks).total("outside") == 1


def of(clicks: Sequence[FoundClick], listed: Sequence[str]) -> Reading:
    known = set(listed)
    return Reading([click for click in clicks if click.image in known], tuple(listed))


def test_the_published_clicks_on_train_aug(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "voc2012_points"
    Image.fromarray(np.zeros((20, 30), np.uint8)).save(tmp_path / "x.png")
    project = Project.create(
        tmp_path / "p",
        [tmp_path / "x.png"],
        ClassNames.of("background", *(f"class {number}" for number in range(1, 21))),
    )
    listed = [image_id for _, image_id in read_split(folder / "pascal_2012_trainaug_ids.txt") or ()]
    clicks = [
        click
        for name in ("voc_whats_the_point.json", "voc_whats_the_point_bg_from_scribbles.json")
        for click in read_clicks(folder / name).clicks
    ]
    assert import_statistics(project, of(clicks, listed), listed) == ImportStatistics(
        listed=10_582,
        images=10_582,
        foreground=29_070,
        background=28_784,
        foreground_outside=18,
        background_outside=43,
    )
