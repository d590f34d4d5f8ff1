"""The Annotate tab: saving, advice, keys."""

from __future__ import annotations

from qtpy.QtWidgets import QLabel

from seminar.project.project import Project
from seminar_napari.annotate.keys_and_mouse import LEGEND
from seminar_napari.annotate.tab import AnnotateTab
from seminar_napari.inspect.keys import LEGEND as INSPECT_LEGEND


def rows(tab: AnnotateTab) -> list[tuple[str, str, str]]:
    model = tab.images.view.model()
    return [
        tuple(model.index(row, column).data() for column in range(3))
        for row in range(model.rowCount())
    ]


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
