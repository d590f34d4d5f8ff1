#!/usr/bin/env bash
# Datumaro's COCO key point exporter leaves out points that are in a group without a box or a mask, and says nothing.
# find_solitary_points hands an itertools group to a function that uses it up, and then looks for points in what is
# left. Points in no group (0) are written. Tools that give every annotation a group of its own lose all of them.
#
# Seen with datumaro 1.13.12 on Python 3.11: the same point is one annotation with group 0, none with group 1.
#
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check datumaro==1.13.12
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import json
from pathlib import Path

import datumaro as dm
import numpy as np
from datumaro.components.annotation import AnnotationType, LabelCategories, Points, PointsCategories

categories = {
    AnnotationType.label: LabelCategories.from_iterable(["cell"]),
    AnnotationType.points: PointsCategories.from_iterable([(0, ["cell"])]),
}
written = {}
for group in (0, 1):
    item = dm.DatasetItem(
        "a",
        subset="default",
        media=dm.Image.from_numpy(data=np.zeros((20, 30, 3), np.uint8)),
        annotations=[Points([3.5, 4.5], [2], label=0, id=1, group=group)],
    )
    dataset = dm.Dataset.from_iterable([item], categories=categories)
    dataset.export(f"group{group}", "coco_person_keypoints")
    (path,) = Path(f"group{group}").glob("annotations/*.json")
    written[group] = len(json.loads(path.read_text())["annotations"])
    print(f"one point in group {group}: {written[group]} annotations written")
assert written == {0: 1, 1: 0}
PYTHON
echo "as described"
