"""Classes are chosen, renamed, recoloured and added."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QColor

from seminar.labels import ClassNames
from seminar.project.project import Project
from seminar_napari.annotate.tab import AnnotateTab


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
