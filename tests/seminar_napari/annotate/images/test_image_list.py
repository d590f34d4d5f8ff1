"""The list of images: state, filter, choice."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from PIL import Image as PillowImage
from qtpy.QtCore import Qt

from seminar.project.project import Project
from seminar_napari.annotate.images.image_list import ID_ROLE, ImageModel
from seminar_napari.annotate.tab import AnnotateTab
from seminar_napari.inspect.keys import LEGEND as INSPECT_LEGEND
from seminar_napari.session.session import Session


def rows(tab: AnnotateTab) -> list[tuple[str, str, str]]:
    model = tab.images.view.model()
    return [
        tuple(model.index(row, column).data() for column in range(3))
        for row in range(model.rowCount())
    ]


def test_the_list_tells_state_name_and_clicks(tab: AnnotateTab, three_fields: Project) -> None:
    assert rows(tab) == [("●", "a", "1 obj · 1 bg"), ("○", "b", ""), ("○", "c", "")]
    tab._session.next_image()
    tab.annotation.edits.place((5, 5))
    assert rows(tab)[1] == ("◐", "b", "1 obj · 0 bg")
    assert "No background clicks here" in tab.warning.text()
    three_fields.clicks_path("c").write_text("{")
    tab._session.take_clicks_from_disk()
    assert tab._session.flush()
    tab._session.take_clicks_from_disk()
    assert rows(tab)[2][0] == "!"


def test_the_filter_to_do_keeps_the_shown_image(tab: AnnotateTab) -> None:
    tab._session.next_image()
    tab.images.filter.setCurrentText("to do")
    assert [row[1] for row in rows(tab)] == ["b", "c"]
    tab._session.set_class(0)
    tab.annotation.edits.place((5, 5))
    tab._session.set_class(1)
    tab.annotation.edits.place((15, 15))
    assert [row[1] for row in rows(tab)] == ["b", "c"], "the one at work does not vanish"
    tab._session.next_image()
    assert [row[1] for row in rows(tab)] == ["c"]
    tab.images.filter.setCurrentText("all")
    tab.images.search.setText("B")
    assert [row[1] for row in rows(tab)] == ["b", "c"]
    tab.images.search.clear()
    assert len(rows(tab)) == 3


def test_choosing_in_the_list_shows_the_image_and_leaves_the_keys_to_the_canvas(
    tab: AnnotateTab, qtbot: Any
) -> None:
    view = tab.images.view
    index = view.model().index(2, 1)
    qtbot.mouseClick(
        view.viewport(), Qt.MouseButton.LeftButton, pos=view.visualRect(index).center()
    )
    assert tab._session.image_id == "c"
    assert not view.hasFocus()
    assert tab.place.text() == "c  3/3"
    qtbot.mouseClick(tab.previous, Qt.MouseButton.LeftButton)
    assert tab._session.image_id == "b"


def test_choosing_the_shown_image_again_brings_back_what_was_deleted(
    tab: AnnotateTab, qtbot: Any, three_fields: Project
) -> None:
    said: list[str] = []
    tab._session.notice.connect(said.append)
    tab.annotation.viewer.layers.remove("Clicks")
    assert "choose the image again" in said[-1]
    view = tab.images.view
    index = view.model().index(0, 1)
    qtbot.mouseClick(
        view.viewport(), Qt.MouseButton.LeftButton, pos=view.visualRect(index).center()
    )
    assert [layer.name for layer in tab.annotation.viewer.layers] == ["a", "Clicks"]


def test_of_many_images_only_those_in_sight_are_drawn(
    qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four times the images: as many rows are drawn, and each image is looked at as often."""
    asked: dict[int, Counter[int]] = {}
    data = ImageModel.data
    for count in (100, 400):
        folder = tmp_path / str(count) / "JPEGImages"
        folder.mkdir(parents=True)
        (folder.parent / "classes.txt").write_text("background\nx\n")
        PillowImage.fromarray(np.zeros((16, 16), dtype=np.uint8)).save(folder / "000.png")
        for number in range(1, count):
            os.link(folder / "000.png", folder / f"{number:03d}.png")
        session, roles = Session(), Counter[int]()
        tab = AnnotateTab(session, ViewerModel(), more_keys=INSPECT_LEGEND)
        qtbot.addWidget(tab)
        tab.show()

        def counted(
            model: ImageModel, index: Any, role: int = 0, roles: Counter[int] = roles
        ) -> Any:
            roles[int(role)] += 1
            return data(model, index, role)

        monkeypatch.setattr(ImageModel, "data", counted)
        session.open_project(folder.parent)
        for _ in range(20):
            session.next_image()
            qtbot.wait(1)
        assert tab.images.view.model().rowCount() == count
        assert session.image_id == "020"
        asked[count] = roles
        tab.hide()
    display = int(Qt.ItemDataRole.DisplayRole)
    assert 0 < asked[100][display] < 1000
    assert abs(asked[400][display] - asked[100][display]) <= 0.2 * asked[100][display]
    assert 0 < asked[400][ID_ROLE] <= 50 * 400  # the filter, once an image that is shown
