"""Clicks of other programs come into the window's project, and go back as a whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
from qtpy.QtGui import QDropEvent
from qtpy.QtWidgets import QComboBox, QDoubleSpinBox

from seminar.clicks.click_set import ClickSet
from seminar.project.project import Project
from seminar_napari.annotate.import_dialog import (
    BY_FRAME,
    LEAVE_OUT,
    NEW,
    ClassesDialog,
    QuestionDialog,
)
from seminar_napari.annotate.tab import AnnotateTab

Settled = Callable[[], list[str]]


@pytest.fixture
def settled(tab: AnnotateTab, qtbot: Any) -> Settled:
    """Waits until an import is done or asks; the notices since the last call."""
    notices: list[str] = []
    tab._session.notice.connect(notices.append)

    def wait() -> list[str]:
        def is_done() -> bool:
            tab.importing.poll()
            job = tab.importing.job
            return not job.is_busy and (bool(notices) or tab.importing.dialog is not None)

        qtbot.waitUntil(is_done, timeout=10_000)
        said = list(notices)
        notices.clear()
        return said

    return wait


def via(folder: Path, *clicks: tuple[str, int, int, str]) -> Path:
    """A file of VIA: picture, row, col, class."""
    pictures: dict[str, Any] = {}
    for name, row, col, label in clicks:
        picture = pictures.setdefault(name, {"filename": name, "regions": []})
        shape = {"name": "point", "cx": col, "cy": row}
        about = {"type": label} if label else {}
        picture["regions"].append({"shape_attributes": shape, "region_attributes": about})
    path = folder / "via.json"
    path.write_text(json.dumps({"_via_img_metadata": pictures}))
    return path


def on_disk(project: Project) -> dict[str, ClickSet | None]:
    return {image_id: project.read_clicks(image_id) for image_id in project.image_ids()}


def test_an_import_is_undone_as_a_whole(
    tab: AnnotateTab, three_fields: Project, settled: Settled, tmp_path: Path
) -> None:
    before = on_disk(three_fields)
    session = tab._session
    session.show_image("b")
    tab.annotation.edits.place((5, 5))
    path = via(
        tmp_path,
        ("a.png", 15, 15, "cell"),
        ("b.png", 5, 6, "cell"),
        ("b.png", 99, 6, "cell"),
        ("c.png", 7, 8, "fibre"),
        ("z.png", 1, 1, "fibre"),
    )
    tab.importing.start([path])
    (said,) = settled()
    assert said == (
        "2 clicks on 2 images came in from via.json; left out: 1 doubled, 1 outside of their"
        " image, 1 on images that are not in the project. Undo import takes them back."
    )
    assert np.array_equal(session.clicks("b").points, [(5, 5), (5, 6)])
    assert len(tab.annotation.clicks.layer.data) == 2  # type: ignore[union-attr]
    assert three_fields.read_clicks("c") == ClickSet(40, 60, [(7, 8)], [2])
    assert tab.importing.undo.isVisible()
    tab.annotation.edits.undo()
    assert settled() == ["The imported clicks are out again."]
    assert np.array_equal(session.clicks("b").points, [(5, 5)])
    assert not tab.importing.undo.isVisible()
    assert on_disk(three_fields) == before | {"b": session.clicks("b")}
    tab.annotation.edits.undo()  # the click before the import
    assert len(session.clicks("b")) == 0


def test_clicks_made_since_stay(
    tab: AnnotateTab, three_fields: Project, settled: Settled, tmp_path: Path
) -> None:
    session = tab._session
    session.show_image("b")
    tab.importing.start([via(tmp_path, ("b.png", 5, 6, "cell"), ("c.png", 7, 8, "fibre"))])
    settled()
    tab.annotation.edits.place((20, 20))
    tab.annotation.edits.undo()  # that click alone
    assert np.array_equal(session.clicks("b").points, [(5, 6)])
    tab.annotation.edits.place((30, 30))
    tab.importing.undo.click()
    settled()
    assert np.array_equal(session.clicks("b").points, [(30, 30)])
    assert three_fields.read_clicks("c") is None
    tab.annotation.edits.undo()
    assert np.array_equal(session.clicks("b").points, [(30, 30)])


def test_unknown_classes_are_asked_for(
    tab: AnnotateTab, three_fields: Project, settled: Settled, tmp_path: Path
) -> None:
    path = via(
        tmp_path,
        ("b.png", 1, 1, "Kern"),
        ("b.png", 2, 2, "mitosis"),
        ("b.png", 3, 3, "junk"),
        ("b.png", 4, 4, "Cell"),
    )
    tab.importing.start([path])
    settled()
    dialog = tab.importing.dialog
    assert isinstance(dialog, ClassesDialog)
    for label, choice in (("Kern", "cell"), ("mitosis", NEW), ("junk", LEAVE_OUT)):
        field = dialog.fields[label]
        field.setCurrentIndex(field.findData(choice))
    assert "Cell" not in dialog.fields
    dialog.import_button.click()
    notices = []
    while not any("came in" in said for said in notices):
        notices += settled()
    names = ("background", "cell", "fibre", "mitosis")
    assert tab._session.project is not None
    assert tab._session.project.classes.names == names
    assert tab._session.clicks("b").class_ids.tolist() == [1, 3, 1]
    tab.importing.undo.click()
    notices = []
    while "The imported clicks are out again." not in notices:
        notices += settled()
    assert tab._session.project.classes.names == names[:3]
    assert Project.open(three_fields.path).classes.names == names[:3]


def test_what_a_file_does_not_say_is_asked_for(
    tab: AnnotateTab, settled: Settled, tmp_path: Path
) -> None:
    path = tmp_path / "Results.csv"
    path.write_text(" ,X,Y\n1,1.5,2.5\n2,3,4\n")
    tab.importing.start([path])
    for question, field, value in (
        ("pixel_size", QDoubleSpinBox, 0.5),
        ("image", QComboBox, "c"),
        ("label", QComboBox, "fibre"),
    ):
        assert settled() == []
        dialog = tab.importing.dialog
        assert isinstance(dialog, QuestionDialog)
        assert dialog.question == question
        assert isinstance(dialog.field, field)
        if isinstance(dialog.field, QComboBox):
            assert (dialog.field.findData(BY_FRAME) >= 0) == (question == "image")
            dialog.field.setCurrentIndex(dialog.field.findData(value))
        else:
            dialog.field.setValue(value)
        tab.importing.dialog = None
        dialog.import_button.click()
    assert settled()[0].startswith("2 clicks on 1 image came in from Results.csv")
    assert tab._session.clicks("c") == ClickSet(40, 60, [(5, 3), (8, 6)], [2, 2])


def test_a_damaged_file_changes_nothing(
    tab: AnnotateTab, three_fields: Project, settled: Settled, tmp_path: Path
) -> None:
    before = on_disk(three_fields)
    path = tmp_path / "x.json"
    path.write_text('{"shapes": [')
    tab.importing.start([path])
    (said,) = settled()
    assert said.startswith(f"Nothing was imported: {path}: not readable as JSON")
    tab.importing.start([via(tmp_path, ("z.png", 1, 1, "cell"))])
    assert settled() == ["No clicks came in: 1 on images that are not in the project."]
    assert on_disk(three_fields) == before


def test_dropped_files_with_clicks_come_in(
    tab: AnnotateTab, settled: Settled, tmp_path: Path
) -> None:
    kept = []  # Qt does not own what is dropped

    def drop(path: Path) -> QDropEvent:
        data = QMimeData()
        kept.append(data)
        data.setUrls([QUrl.fromLocalFile(str(path))])
        return QDropEvent(
            QPointF(5, 5),
            Qt.DropAction.CopyAction,
            data,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
        )

    drops = tab.importing._drops
    (tmp_path / "other.json").write_text("{}")
    assert not drops.eventFilter(None, drop(tmp_path / "other.json"))  # napari's business
    assert drops.eventFilter(None, drop(via(tmp_path, ("b.png", 1, 1, "cell"))))
    assert "1 click on 1 image came in" in settled()[0]
    tab.dropEvent(drop(via(tmp_path, ("c.png", 1, 1, "cell"))))
    assert "1 click on 1 image came in" in settled()[0]
