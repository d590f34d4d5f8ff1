"""The table of objects, its histogram and its file."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import Qt

from seminar.errors import SeminarError
from seminar.project.project import Project
from seminar_napari.inspect.objects.columns import Measured, measure, shown, title
from seminar_napari.inspect.objects.dividing import Mask, Objects
from seminar_napari.inspect.objects.histogram import MOST_BINS, bins
from seminar_napari.inspect.objects.table import ObjectTable


@pytest.fixture
def measured() -> Measured:
    columns = {
        "object": np.array([2, 5, 9]),
        "class": np.array(["cell", "", "fibre"]),
        "area": np.array([90, 300, 20]),
        "mean_1": np.array([1.5, 0.25, 1234.5]),
        "touches_border": np.array([False, True, False]),
    }
    return Measured("field", columns)


@pytest.fixture
def table(qtbot: Any, measured: Measured) -> ObjectTable:
    table = ObjectTable()
    qtbot.addWidget(table)
    table.show_objects(measured)
    return table


def cells(table: ObjectTable) -> list[list[str]]:
    model = table.view.model()
    return [
        [model.index(row, column).data() for column in range(model.columnCount())]
        for row in range(model.rowCount())
    ]


def test_a_row_an_object_sorted_by_number_not_by_text(table: ObjectTable) -> None:
    assert cells(table)[0] == ["2", "cell", "90", "1.50", "no"]
    table.view.sortByColumn(2, Qt.SortOrder.AscendingOrder)
    assert [row[2] for row in cells(table)] == ["20", "90", "300"]
    assert [table.column.itemText(place) for place in range(table.column.count())] == [
        "Area (px)",
        "Mean of channel 1",
    ]
    assert table.count.text() == "field: 3 objects"


def test_a_row_chooses_its_object_and_back_and_stays_chosen(
    qtbot: Any, table: ObjectTable, measured: Measured
) -> None:
    table.view.sortByColumn(2, Qt.SortOrder.AscendingOrder)
    chosen: list[int] = []
    table.chosen.connect(chosen.append)
    table.view.clicked.emit(table.view.model().index(0, 1))
    assert chosen == [9]
    table.choose(5)
    assert table.chosen_number == 5
    table.column.setCurrentIndex(1)
    table.show_objects(measured)
    assert table.chosen_number == 5 and table.column.currentText() == "Mean of channel 1"
    table.choose(4)
    assert table.chosen_number is None
    table.show_objects(None)
    assert not table.save.isEnabled() and cells(table) == []


def test_the_file_has_what_the_table_has_with_all_digits(
    table: ObjectTable, tmp_path: Path
) -> None:
    table.write(tmp_path / "objects.csv")
    with (tmp_path / "objects.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[2]["image"] == "field" and rows[2]["mean_1"] == "1234.5"
    assert [row["object"] for row in rows] == ["2", "5", "9"]
    (tmp_path / "in the way").write_text("")
    table.write(tmp_path / "in the way" / "objects.csv")
    assert "not written" in table.count.text()


def test_measures_are_in_micrometres_where_the_image_has_them(three_fields: Project) -> None:
    path = three_fields.path / "JPEGImages" / "c.png"
    path.unlink()
    tifffile.imwrite(
        path.with_suffix(".tif"),
        np.full((2, 40, 60), 7, dtype=np.uint16),
        imagej=True,
        resolution=(2, 2),
        metadata={"axes": "CYX", "unit": "um"},
    )
    numbers = np.zeros((40, 60), dtype=np.uint16)
    numbers[10:20, 10:20] = 4
    mask = Mask((numbers > 0).astype(np.uint8), "live mask", ("", 1))
    found = measure(three_fields, Objects("c", numbers, None, mask))
    assert found.columns["area_um2"].tolist() == [25] and found.columns["object"].tolist() == [4]
    assert found.columns["class"].tolist() == ["cell"] and found.columns["sum_2"].tolist() == [700]
    assert {"Area (µm²)", "Sum of channel 2"} <= set(map(title, found.numeric()))
    with pytest.raises(SeminarError, match="size"):
        measure(three_fields, Objects("c", numbers[:9]))
    assert len(measure(three_fields, Objects("a", numbers * 0))) == 0


def test_histograms_of_anything() -> None:
    counts, edges = bins(np.array([1.0, 2.0, np.nan, np.inf, 2.0]))
    assert counts.sum() == 3 and (edges[0], edges[-1]) == (1, 2)
    assert bins(np.zeros(0))[0].sum() == 0 and bins(np.full(9, 3.0))[0].sum() == 9
    assert len(bins(np.append(np.linspace(0, 1, 5000), 1e12))[0]) == MOST_BINS
    assert [shown(value) for value in (True, "x", 3, 0.0123, 45.678, 12345.67)] == [
        "yes",
        "x",
        "3",
        "0.0123",
        "45.68",
        "12345.7",
    ]
