"""Predict every image of a folder and count the objects in each.

python examples/predict_folder.py RUN_OR_MODEL IMAGES OUT
"""

import sys
from pathlib import Path

from seminar import Predictor
from seminar.inference.instances.divide import instances_from_shape
from seminar.inference.instances.files import write_instances
from seminar.inference.outputs import find_images
from seminar.io.images import read_image
from seminar.io.label_png import write_label_png

model, images, out = sys.argv[1:]
predictor = Predictor.from_folder(model)
for path in find_images([images]):
    labels = predictor.predict(read_image(path))
    instances = instances_from_shape(labels)
    write_label_png(Path(out) / f"{path.stem}.png", labels, predictor.classes)
    write_instances(Path(out) / f"{path.stem}_instances.tif", instances)
    print(f"{path.name}: {instances.max()} objects")
