"""The measurements of an image's objects, and how they stand on screen."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from seminar.inference.instances.measure import Columns, measure_objects
from seminar.io.pixel_size import read_pixel_size
from seminar.project.project import Project
from seminar_napari.inspect.objects.dividing import Objects

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


def measure(project: Project, found: Objects) -> Measured:
    """Measure the objects of an image of the project.

    Raises
    ------
    SeminarError, OSError
        The image cannot be read, or has another size.
    """
    assert found.numbers is not None
    columns = measure_objects(
        found.numbers,
        project.read_image(found.image_id),
        labels=found.mask.labels if found.mask is not None else None,
        classes=project.classes,
        clicks=found.clicks,
        pixel_size=read_pixel_size(project.image_path(found.image_id)),
    )
    return Measured(found.image_id, columns)


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
