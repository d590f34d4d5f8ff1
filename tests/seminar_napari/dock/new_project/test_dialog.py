"""The form for a new project."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from napari.layers import Image
from PIL import Image as PillowImage
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from seminar.errors import SeminarError
from seminar.labels import ClassNames
from seminar.project.project import Project
from seminar_napari.dock.new_project.dialog import NewProjectDialog
from seminar_napari.dock.new_project.file_choice import FileChoice
from seminar_napari.dock.new_project.layer_choice import LayerChoice

Open = Callable[..., NewProjectDialog]


@pytest.fixture
def opened(qtbot: Any, tmp_path: Path) -> Open:
    def open_(images: LayerChoice | FileChoice, *, other: str = "") -> NewProjectDialog:
        dialog = NewProjectDialog(images, tmp_path / "new", other=other)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
        qtbot.addWidget(dialog)
        dialog.show()
        qtbot.waitUntil(lambda: isinstance(images, LayerChoice) or images.found is not None)
        return dialog

    return open_


def pictures(folder: Path, count: int = 3, channels: int = 3, name: str = "field") -> Path:
    folder.mkdir(exist_ok=True)
    for number in range(count):
        pixels = np.full((20, 30, channels), 40 * number, dtype=np.uint8)
        PillowImage.fromarray(pixels.squeeze()).save(folder / f"{name}_{number}.png")
    return folder


def test_layers_become_a_project(opened: Open, qtbot: Any, tmp_path: Path) -> None:
    layers = [
        Image(np.zeros((3, 16, 16), dtype=np.uint8), name="stack"),
        Image(np.zeros((16, 16), dtype=np.uint8), name="flat"),
    ]
    dialog = opened(LayerChoice(layers))
    assert isinstance(dialog.images, LayerChoice)
    item = dialog.images.list.item(0)
    assert item is not None and "3 planes become 3 images" in item.text()
    dialog.classes.names[1].setText("background")
    dialog.create_project()
    assert "twice" in dialog.message.text()
    dialog.classes.names[1].setText("cell")
    dialog.classes.add("vessel")
    with qtbot.waitSignal(dialog.created, timeout=20_000) as signal:
        dialog.create_project()
    assert signal.args == [tmp_path / "new", layers[0]]
    project = Project.open(tmp_path / "new")
    assert len(project.image_ids()) == 4
    assert project.classes.names == ("background", "cell", "vessel")


def test_a_folder_that_is_taken_is_said(opened: Open, qtbot: Any, three_fields: Project) -> None:
    dialog = opened(LayerChoice([Image(np.zeros((16, 16), dtype=np.uint8), name="flat")]))
    dialog.folder.setText(str(three_fields.path))
    dialog.create_project()
    qtbot.waitUntil(lambda: dialog.create_button.isEnabled(), timeout=20_000)
    assert "three: already there and not empty" in dialog.message.text()


def test_a_folder_becomes_a_project_by_typing_a_name_and_enter(
    opened: Open, qtbot: Any, tmp_path: Path
) -> None:
    dialog = opened(FileChoice([pictures(tmp_path / "plate")]))
    assert dialog.windowTitle() == "3 images found: make a project?"
    assert isinstance(dialog.images, FileChoice)
    assert dialog.images.summary.text().endswith("<br>From plate, RGB; they are copied.")
    assert not dialog.images.kind.isVisible() and not dialog.images.pages.isVisible()
    dialog.activateWindow()
    qtbot.waitUntil(lambda: QApplication.focusWidget() is dialog.classes.names[1])
    focused = dialog.classes.names[1]
    QTest.keyClicks(focused, "nucleus")  # over the suggested name
    with qtbot.waitSignal(dialog.created, timeout=20_000) as signal:
        QTest.keyClick(focused, Qt.Key.Key_Return)
        assert dialog.isVisible() and QApplication.focusWidget() is dialog.create_button
        QTest.keyClick(dialog.create_button, Qt.Key.Key_Return)
    assert signal.args == [tmp_path / "new", None]
    project = Project.open(tmp_path / "new")
    assert project.classes.names == ("background", "nucleus")
    assert project.image_ids() == ("field_0", "field_1", "field_2")


def test_what_cannot_be_used_is_said_and_the_rest_is(
    opened: Open, qtbot: Any, tmp_path: Path
) -> None:
    folder = pictures(tmp_path / "mixed")
    pictures(folder, count=2, channels=1, name="mask")
    (folder / "field_1.jpg").write_bytes((folder / "field_1.png").read_bytes())
    (folder / "empty.png").touch()
    dialog = opened(FileChoice([folder]))
    assert isinstance(dialog.images, FileChoice)
    images = dialog.images
    assert [images.kind.itemText(row) for row in range(2)] == ["3 images: RGB", "2 images: grey"]
    assert "empty.png: an empty file" in images.left_out.text()
    assert (
        "⚠ field_1.png: would get the same image id as field_1.jpg, 'field_1'; rename one of them"
        in images.left_out.text()
    )
    images.kind.setCurrentIndex(1)
    images.kind.activated.emit(1)
    assert dialog.windowTitle() == "2 images found: make a project?"
    with qtbot.waitSignal(dialog.created, timeout=20_000):
        dialog.create_project()
    assert Project.open(tmp_path / "new").image_ids() == ("mask_0", "mask_1")
    nothing = tmp_path / "nothing"
    nothing.mkdir()
    (nothing / "a.png").touch()
    dialog = opened(FileChoice([nothing]))
    assert not dialog.create_button.isEnabled()
    assert isinstance(dialog.images, FileChoice)
    assert "a.png: an empty file" in dialog.images.left_out.text()


def test_channels_of_a_tif_are_asked_for(opened: Open, qtbot: Any, tmp_path: Path) -> None:
    (tmp_path / "tifs").mkdir()
    tifffile.imwrite(
        tmp_path / "tifs" / "a.tif", np.zeros((4, 20, 30), np.uint16), photometric="minisblack"
    )
    dialog = opened(FileChoice([tmp_path / "tifs"]))
    assert isinstance(dialog.images, FileChoice)
    images = dialog.images
    assert images.summary.text().endswith("From tifs, 4 channels; they are copied.")
    assert images.pages.isVisible() and images.channels.isVisible()
    assert images.chosen_channels() == ()
    for text in ("4", "red", "1-2", "-1", ",", "99999999999"):
        images.channels.setText(text)
        dialog.create_project()
        assert "expected numbers from 0 to 3" in dialog.message.text()
    images.channels.setText("2, 0 2")
    assert images.chosen_channels() == (2, 0)
    images.pages.setCurrentIndex(images.pages.findData("planes"))
    images.pages.activated.emit(0)
    qtbot.waitUntil(lambda: images.found is not None)
    assert (
        images.summary.text().endswith("From tifs, grey; they are copied.")
        and images.pages.isVisible()
    )
    with qtbot.waitSignal(dialog.created, timeout=20_000):
        dialog.create_project()
    assert len(Project.open(tmp_path / "new").image_ids()) == 4


def test_cancelling_leaves_nothing(opened: Open, qtbot: Any, tmp_path: Path) -> None:
    dialog = opened(FileChoice([pictures(tmp_path / "plate")]), other="Add to june")
    assert dialog.other.isVisible() and dialog.other.text() == "Add to june"
    make = dialog.images.maker(tmp_path / "new", ClassNames.of("background", "cell"))
    dialog.reject()
    with pytest.raises(SeminarError, match="cancelled"):
        make(dialog._on_progress)
    assert [path.name for path in tmp_path.iterdir() if path.name != "user"] == ["plate"]
