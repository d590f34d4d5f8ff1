"""supervision reads objects as polygons."""

from __future__ import annotations

from collections import deque
from pathlib import Path

import numpy as np
import pytest

from seminar.clicks.writers.exported import ExportImage
from seminar.clicks.writers.format_table import WRITERS
from seminar.labels import ClassNames

supervision = pytest.importorskip("supervision", reason="heavy: see other_programs/run.sh")


def test_supervision_reads_our_objects(
    tmp_path: Path, objects: list[ExportImage], classes: ClassNames
) -> None:
    """Every object is there with its class; supervision fills polygons with OpenCV, which adds
    the pixels beyond the right and lower edge.
    """
    path = tmp_path / "objects.json"
    deque(WRITERS["coco"].writers["objects"](path, objects, classes), maxlen=0)
    dataset = supervision.DetectionDataset.from_coco(
        str(objects[0].file.parent), str(path), force_masks=True
    )
    by_name = {Path(name).stem: found for name, _, found in dataset}
    for image in objects:
        found = by_name[image.image_id]
        assert len(found) == len(image.object_classes)
        names = [dataset.classes[class_id] for class_id in found.class_id]
        assert names == [classes.names[one] for one in image.object_classes.values()]
        for number, mask in enumerate(found.mask, start=1):
            assert mask[image.objects == number].all()
            assert np.count_nonzero(mask) >= np.count_nonzero(image.objects == number)
