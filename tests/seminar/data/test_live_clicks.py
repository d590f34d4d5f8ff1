"""Clicks that change while a run uses them."""

from __future__ import annotations

import numpy as np
import pytest

from seminar.clicks.click_set import ClickSet
from seminar.data.live_clicks import LiveClicks
from seminar.errors import DatasetError
from seminar.project.project import Project


def clicks_of(project: Project) -> LiveClicks:
    live = LiveClicks(project, project.image_ids())
    live.refresh()
    return live


def test_changed_clicks_are_found_and_counted(tiny_project: Project) -> None:
    live = clicks_of(tiny_project)
    assert live.refresh().image_ids == ()
    clicks = tiny_project.read_clicks("disc_1")
    assert clicks is not None
    points = np.vstack([clicks.points[:1], [[10, 60], [70, 60]]])  # one removed, two added
    tiny_project.write_clicks("disc_1", ClickSet(80, 72, points, np.array([1, 0, 0])))
    changes = live.refresh()
    assert (changes.image_ids, changes.added, changes.removed) == (("disc_1",), 2, 1)
    assert len(live.now["disc_1"]) == 3


def test_an_image_joins_when_it_is_clicked_and_leaves_when_its_clicks_go(
    tiny_project: Project,
) -> None:
    tiny_project.write_clicks("disc_3", ClickSet(80, 72))
    live = clicks_of(tiny_project)
    assert set(live.now) == {"disc_0", "disc_1", "disc_2"}
    tiny_project.write_clicks("disc_3", ClickSet(80, 72, np.array([[1, 1]]), np.array([0])))
    tiny_project.write_clicks("disc_0", ClickSet(80, 72))
    live.refresh()
    assert set(live.now) == {"disc_1", "disc_2", "disc_3"}


def test_changes_of_several_images_are_summed_and_a_changed_class_is_one_less_and_one_more(
    tiny_project: Project,
) -> None:
    live = clicks_of(tiny_project)
    for image_id, class_ids in (("disc_0", [0, 0]), ("disc_3", [1, 0, 1])):
        old = tiny_project.read_clicks(image_id)
        assert old is not None
        points = [*old.points.tolist(), (60, 60)][: len(class_ids)]
        tiny_project.write_clicks(image_id, ClickSet(80, 72, points, class_ids))
    changes = live.refresh()
    assert (changes.image_ids, changes.added, changes.removed) == (("disc_0", "disc_3"), 2, 1)
    assert live.refresh().image_ids == ()
    tiny_project.write_clicks("disc_3", ClickSet(80, 72))
    changes = live.refresh()
    assert (changes.image_ids, changes.added, changes.removed) == (("disc_3",), 0, 3)


def test_clicks_beside_the_image_alone_train_nothing(tiny_project: Project) -> None:
    tiny_project.write_clicks("disc_1", ClickSet(80, 72, [(-3, 4), (10, 99)], [0, 1]))
    live = clicks_of(tiny_project)
    assert tuple(live.now) == ("disc_0", "disc_2", "disc_3")
    tiny_project.write_clicks("disc_1", ClickSet(80, 72, [(3, 4)], [0]))
    live.refresh()
    assert tuple(live.now) == (
        "disc_0",
        "disc_1",
        "disc_2",
        "disc_3",
    )  # in the order of the images


def test_clicks_damaged_during_a_run_are_reported_once_and_train_as_they_were(
    tiny_project: Project,
) -> None:
    live = clicks_of(tiny_project)
    before = live.now["disc_2"]
    whole = tiny_project.clicks_path("disc_2").read_bytes()
    tiny_project.clicks_path("disc_2").write_bytes(whole[:-20])
    changes = live.refresh()
    assert (changes.image_ids, changes.added, changes.removed) == ((), 0, 0)
    assert [fault.split(":")[0][-11:] for fault in changes.faults] == ["disc_2.json"]
    assert live.now["disc_2"] == before
    assert live.refresh().faults == ()
    tiny_project.write_clicks("disc_2", ClickSet(80, 72, [(1, 1)], [0]))
    assert live.refresh().image_ids == ("disc_2",)
    tiny_project.clicks_path("disc_2").write_bytes(whole[:-20])
    with pytest.raises(
        DatasetError, match=r"disc_2\.json: not readable"
    ):  # at the start there is nothing to go on with
        clicks_of(tiny_project)
