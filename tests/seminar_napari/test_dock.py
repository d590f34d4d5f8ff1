"""The dock's Qt parts on a viewer without a window."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image
from PIL import Image as PillowImage
from qtpy.QtCore import Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QLabel

from seminar.labels import ClassNames
from seminar.project.project import Project
from seminar_napari.annotate.keys_and_mouse import LEGEND
from seminar_napari.annotate.tab import AnnotateTab
from seminar_napari.dock.header import Header
from seminar_napari.dock.new_project_dialog import NewProjectDialog
from seminar_napari.dock.recent import recent_projects, remember_project
from seminar_napari.inspect.keys import LEGEND as INSPECT_LEGEND
from seminar_napari.session.session import Session


@pytest.fixture
def tab(qtbot: Any, three_fields: Project) -> Iterator[AnnotateTab]:
    session = Session()
    tab = AnnotateTab(session, ViewerModel(), more_keys=INSPECT_LEGEND)
    qtbot.addWidget(tab)
    session.open_project(three_fields.path)
    session.image_states.wait(5)
    tab.resize(360, 640)
    tab.show()
    yield tab
    assert session.flush()


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


def test_an_image_held_out_says_so_and_one_click_adds_it(
    tab: AnnotateTab, three_fields: Project
) -> None:
    splits = three_fields.path / "ImageSets" / "Segmentation"
    splits.mkdir(parents=True)
    (splits / "train.txt").write_text("a\n")
    tab._session.close_project()
    tab._session.open_project(three_fields.path)
    tab._session.image_states.wait(5)
    assert rows(tab) == [("●", "a", "1 obj · 1 bg"), ("–", "b", "held out"), ("–", "c", "held out")]
    assert not tab.train_on.isVisible()
    tab._session.show_image("b")
    assert "Kept for scoring: train.txt does not list this image" in tab.warning.text()
    tab.annotation.edits.place((5, 5))
    assert rows(tab)[1] == ("–", "b", "1 obj · 0 bg")
    assert "Clicks here are not trained on" in tab.warning.text()
    tab.train_on.click()
    assert three_fields.split("train") == ("a", "b")
    assert rows(tab)[1] == ("◐", "b", "1 obj · 0 bg") and not tab.train_on.isVisible()


def test_the_legend_tells_the_keys_of_all_tabs(tab: AnnotateTab) -> None:
    told = [label.text() for label in tab.legend.findChildren(QLabel)]
    assert all(keys in told for keys, _ in (*LEGEND, *INSPECT_LEGEND))


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


def test_saved_is_said_once_it_is_true(tab: AnnotateTab) -> None:
    tab.annotation.edits.place((5, 5))
    assert "Saved" not in tab.saved.text()
    assert tab._session.flush()
    assert tab.saved.text().startswith("Saved 0.")
    assert "on this image" in tab.saved.text()
    tab._session.not_saved["a"] = "No space left on device"
    tab._show_saved()
    assert "Not on disk yet: No space left on device" in tab.saved.text()
    tab._session.not_saved.clear()


def test_classes_are_chosen_renamed_and_added_in_the_bar(
    tab: AnnotateTab, qtbot: Any, three_fields: Project
) -> None:
    bar = tab.classes
    assert [button.text() for button in bar.buttons()] == ["0 background", "1 cell", "2 fibre"]
    qtbot.mouseClick(bar.buttons()[2], Qt.MouseButton.LeftButton)
    assert tab._session.current_class == 2
    assert [button.isChecked() for button in bar.buttons()] == [False, False, True]
    tab._session.set_class(0)
    assert bar.buttons()[0].isChecked()
    qtbot.mouseDClick(bar.buttons()[1], Qt.MouseButton.LeftButton)
    bar._editor.setText("nucleus")
    qtbot.keyClick(bar._editor, Qt.Key.Key_Return)
    bar._add()
    bar._editor.setText("dust")
    qtbot.keyClick(bar._editor, Qt.Key.Key_Return)
    classes = Project.open(three_fields.path).classes
    assert classes.names == ("background", "nucleus", "fibre", "dust")
    assert classes.colours[1] == (255, 128, 0), "the colour stays with the class"
    assert tab._session.current_class == 3
    said: list[str] = []
    tab._session.notice.connect(said.append)
    bar._add()
    bar._editor.setText("dust")
    qtbot.keyClick(bar._editor, Qt.Key.Key_Return)
    assert "twice" in said[-1]
    assert Project.open(three_fields.path).classes == classes


def test_the_bar_changes_one_line_of_what_another_window_has_written(
    tab: AnnotateTab, qtbot: Any, three_fields: Project
) -> None:
    bar, session, path = tab.classes, tab._session, three_fields.path / "classes.txt"
    said: list[str] = []
    session.notice.connect(said.append)
    bar._add()
    path.write_text("background\nnucleus #ff8000\nfibre\nyeast\n")
    session.take_clicks_from_disk()
    bar._editor.setText("debris")
    qtbot.keyClick(bar._editor, Qt.Key.Key_Return)
    assert path.read_text() == "background\nnucleus #ff8000\nfibre\nyeast\ndebris\n"
    assert session.current_class == 4
    path.write_text(path.read_text() + "moss\n")  # and nobody has looked yet
    bar._recolour("fibre", QColor("#102030"))
    assert path.read_text() == "background\nnucleus #ff8000\nfibre #102030\nyeast\ndebris\nmoss\n"
    qtbot.mouseDClick(bar.buttons()[3], Qt.MouseButton.LeftButton)
    path.write_text("background\nnucleus\nfibre\n")
    bar._editor.setText("candida")
    qtbot.keyClick(bar._editor, Qt.Key.Key_Return)
    assert "class 3 'yeast'" in said[-1] and path.read_text() == "background\nnucleus\nfibre\n"
    assert [button.text() for button in bar.buttons()] == ["0 background", "1 nucleus", "2 fibre"]
    qtbot.keyClick(bar._editor, Qt.Key.Key_Return)
    assert "yeast" in said[-1] and path.read_text() == "background\nnucleus\nfibre\n"


def test_many_classes_do_not_widen_the_dock(tab: AnnotateTab) -> None:
    tab._session.set_classes(
        ClassNames.of(
            "background", *(f"a rather long name of class {number}" for number in range(1, 60))
        )
    )
    assert tab.minimumSizeHint().width() <= 400
    assert tab.classes.height() < 200


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


def test_header(qtbot: Any, three_fields: Project) -> None:
    session, called = Session(), []
    header = Header(session, {"Keys and mouse": lambda: called.append("keys")})
    qtbot.addWidget(header)
    assert header.numbers.text() == ""
    session.open_project(three_fields.path)
    session.image_states.wait(5)
    assert header.name.text() == "three"
    assert header.numbers.text() == "3 images · 1 ready"
    next(action for action in header.menu.actions() if action.text() == "Keys and mouse").trigger()
    assert called == ["keys"]
    remember_project(three_fields.path)
    chosen: list[Path] = []
    header.project_chosen.connect(chosen.append)
    header._fill_recent()
    header._recent.actions()[0].trigger()
    assert chosen == [three_fields.path]


def test_recent_projects_newest_first_without_those_that_are_gone(
    three_fields: Project, tmp_path: Path
) -> None:
    assert recent_projects() == ()
    other = tmp_path / "other"
    (other / "JPEGImages").mkdir(parents=True)
    (other / "classes.txt").write_text("a\nb\n")
    for path in (three_fields.path, other, three_fields.path):
        remember_project(path)
    assert recent_projects() == (three_fields.path, other)
    (other / "classes.txt").unlink()
    assert recent_projects() == (three_fields.path,)


def test_a_project_is_remembered_once_by_whatever_way_it_was_opened(
    three_fields: Project, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(three_fields.path)
    for path in (three_fields.path, tmp_path / "link", three_fields.path / ".." / "three"):
        remember_project(path)
    assert recent_projects() == (three_fields.path.resolve(),)


def test_eight_recent_projects_are_kept(tmp_path: Path) -> None:
    folders = [tmp_path / f"project-{number}" for number in range(10)]
    for folder in folders:
        (folder / "JPEGImages").mkdir(parents=True)
        (folder / "classes.txt").write_text("a\nb\n")
        remember_project(folder)
    assert recent_projects() == tuple(folders[:1:-1])
    (folders[9] / "classes.txt").unlink()
    assert recent_projects() == tuple(folders[8:1:-1]), "the ninth was not kept in secret"


def test_the_form_for_a_new_project(qtbot: Any, tmp_path: Path) -> None:
    layers = [
        Image(np.zeros((3, 16, 16), dtype=np.uint8), name="stack"),
        Image(np.zeros((16, 16), dtype=np.uint8), name="flat"),
    ]
    dialog = NewProjectDialog(layers)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
    qtbot.addWidget(dialog)
    assert "3 planes become 3 images" in dialog.layer_list.item(0).text()
    dialog.folder.setText(str(tmp_path / "new"))
    dialog.classes._names[1].setText("background")
    dialog.create_project()
    assert "twice" in dialog.message.text()
    dialog.classes._names[1].setText("cell")
    dialog.classes.add("vessel")
    with qtbot.waitSignal(dialog.created, timeout=20_000) as signal:
        dialog.create_project()
    assert signal.args == [tmp_path / "new", layers[0]]
    project = Project.open(tmp_path / "new")
    assert len(project.image_ids()) == 4
    assert project.classes.names == ("background", "cell", "vessel")


def test_the_form_says_why_a_project_cannot_be_made(qtbot: Any, three_fields: Project) -> None:
    dialog = NewProjectDialog([Image(np.zeros((16, 16), dtype=np.uint8), name="flat")])
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
    qtbot.addWidget(dialog)
    dialog.folder.setText(str(three_fields.path))
    with qtbot.capture_exceptions():
        dialog.create_project()
        qtbot.waitUntil(lambda: dialog.create_button.isEnabled(), timeout=20_000)
    assert "three" in dialog.message.text()
