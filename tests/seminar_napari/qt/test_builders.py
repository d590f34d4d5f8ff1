"""Buttons, rows and sections behave as the tabs rely on."""

from __future__ import annotations

from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QProgressBar, QWidget

from seminar_napari.qt.builders import (
    Fold,
    boxed,
    button,
    column,
    row,
    scrolled,
    show_progress,
    timer,
    wrapped_label,
)


def test_a_button_calls_its_action_without_qts_arguments(qtbot: QtBot) -> None:
    pressed: list[tuple[object, ...]] = []
    made = button("Go", "tip", lambda *given: pressed.append(given), takes_focus=False)
    qtbot.addWidget(made)

    made.click()

    assert pressed == [()]
    assert made.toolTip() == "tip"
    assert made.focusPolicy() == Qt.FocusPolicy.NoFocus
    assert not made.isCheckable()
    assert button("Keeps", checkable=True).isCheckable()
    assert button("Keeps").focusPolicy() != Qt.FocusPolicy.NoFocus


def test_rows_and_columns_take_widgets_and_layouts_in_order(qtbot: QtBot) -> None:
    first, second, third = QLabel("1"), QLabel("2"), QLabel("3")
    layout = column(first, row(second, third, stretch=1), margin=5)
    box = boxed(layout)
    qtbot.addWidget(box)

    assert first.parentWidget() is second.parentWidget() is third.parentWidget() is box
    inner = layout.itemAt(1).layout()
    assert (inner.stretch(0), inner.stretch(1)) == (0, 1)
    assert layout.contentsMargins().left() == 5
    assert inner.contentsMargins().left() == 0


def test_long_text_wraps_and_does_not_widen_what_holds_it(qtbot: QtBot) -> None:
    area = scrolled(boxed(column(wrapped_label("many words " * 100))))
    qtbot.addWidget(area)

    area.resize(200, 100)
    area.show()

    content = area.widget()
    assert isinstance(content, QWidget)
    assert content.width() <= 200
    assert content.height() > 100


def test_a_fold_is_closed_at_first_and_shows_its_state_in_the_title(qtbot: QtBot) -> None:
    inside = QLabel("inside")
    fold = Fold("More", inside)
    qtbot.addWidget(fold)
    assert fold.text() == "▸ More"
    assert not fold.isExpanded()

    fold.expand(animate=False)
    assert fold.text() == "▾ More"

    fold.set_title("More (2 changed)")
    assert fold.text() == "▾ More (2 changed)"

    fold.collapse(animate=False)
    assert fold.text() == "▸ More (2 changed)"


def test_a_timer_waits_for_its_start(qtbot: QtBot) -> None:
    parent = QWidget()
    qtbot.addWidget(parent)
    calls: list[int] = []
    once = timer(parent, 0, lambda: calls.append(1), once=True)
    assert not once.isActive()

    once.start()
    qtbot.waitUntil(lambda: calls == [1])

    assert not once.isActive()
    assert not timer(parent, 5, lambda: None).isSingleShot()


def test_a_bar_without_a_total_stands_still(qtbot: QtBot) -> None:
    bar = QProgressBar()
    qtbot.addWidget(bar)
    show_progress(bar, 0, 0)
    assert (bar.minimum(), bar.maximum(), bar.value(), bar.text()) == (0, 1, 0, "")
    show_progress(bar, 3, 12)
    assert (bar.maximum(), bar.value(), bar.text()) == (12, 3, "25%")
    show_progress(bar, 5, 0)
    assert (bar.maximum(), bar.value(), bar.text()) == (1, 0, "")
