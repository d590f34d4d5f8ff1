"""The measurements of an image's objects, as they stand on screen and in a CSV file."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from seminar.inference.instances.measure import Columns, measure_objects
from seminar.io.files import write_bytes
from seminar.io.pixel_size import read_pixel_size
from seminar.labels import LabelMap
from seminar.project.project import Project
from seminar_napari.inspect.objects.dividing import Numbers

OBJECT, CLASS, BORDER = "object", "class", "touches_border"

TITLES = {
    OBJECT: "Object",
    CLASS: "Class",
    "area": "Area (px)",
    "equivalent_diameter": "Diameter (px)",
    "row": "Row",
    "col": "Column",
    BORDER: "At the border",
    "area_um2": "Area (µm²)",
    "equivalent_diameter_um": "Diameter (µm)",
    "row_um": "Row (µm)",
    "col_um": "Column (µm)",
}


@dataclass(frozen=True, eq=False)
class Measured:
    """The objects of one image, measured."""

    image_id: str
    columns: Columns

    def __len__(self) -> int:
        return len(self.columns[OBJECT])

    def numeric(self) -> tuple[str, ...]:
        """The columns of which there can be a histogram."""
        return tuple(
            name
            for name, values in self.columns.items()
            if name not in (OBJECT, CLASS, BORDER) and np.issubdtype(values.dtype, np.number)
        )


def measure(project: Project, image_id: str, numbers: Numbers, labels: LabelMap | None) -> Measured:
    """Measure the objects of an image of the project.

    Raises
    ------
    SeminarError, OSError
        The image cannot be read, or has another size.
    """
    path = project.image_path(image_id)
    columns = measure_objects(
        numbers,
        project.read_image(image_id),
        labels=labels,
        classes=project.classes,
        pixel_size=read_pixel_size(path),
    )
    return Measured(image_id, columns)


def title(name: str) -> str:
    """What stands over a column."""
    if found := re.fullmatch(r"(mean|sum)_(\d+)", name):
        return f"{found[1].capitalize()} of channel {found[2]}"
    return TITLES.get(name, name)


def shown(value: object) -> str:
    """A value of the table in few characters."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        size = abs(value)
        return f"{value:.1f}" if size >= 100 else f"{value:.2f}" if size >= 0.1 else f"{value:.3g}"
    return str(value)


def write_csv(path: Path, measured: Measured) -> None:
    """Write the table, one object a line, whole or not at all.

    Raises
    ------
    OSError
        It cannot be written.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["image", *measured.columns])
    columns: list[npt.NDArray[np.generic]] = list(measured.columns.values())
    for row in zip(*(column.tolist() for column in columns), strict=True):
        writer.writerow([measured.image_id, *row])
    write_bytes(path, text.getvalue().encode())
