"""The list of images: state, filter, choice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from napari.components import ViewerModel
from PIL import Image as PillowImage
from qtpy.QtCore import Qt

from seminar.project.project import Project
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


def test_ten_thousand_images_are_listed_fast(qtbot: Any, tmp_path: Path) -> None:
    import time

    folder = tmp_path / "many" / "JPEGImages"
    folder.mkdir(parents=True)
    (tmp_path / "many" / "classes.txt").write_text("background\nx\n")
    PillowImage.fromarray(np.zeros((16, 16), dtype=np.uint8)).save(folder / "00000.png")
    content = (folder / "00000.png").read_bytes()
    for number in range(1, 10_000):
        (folder / f"{number:05d}.png").write_bytes(content)
    session = Session()
    tab = AnnotateTab(session, ViewerModel(), more_keys=INSPECT_LEGEND)
    qtbot.addWidget(tab)
    tab.show()
    start = time.process_time()
    session.open_project(tmp_path / "many")
    for _ in range(20):
        session.next_image()
    assert time.process_time() - start < 5
    assert tab.images.view.model().rowCount() == 10_000
