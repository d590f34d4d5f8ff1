"""Predict with an exported ONNX model and onnxruntime alone: neither torch nor this library is
needed.

seminar export RUN --format onnx --out model.onnx
python examples/run_exported_onnx.py model.onnx IMAGE.png LABELS.png
"""

import json
import sys

import numpy as np
import onnxruntime
from PIL import Image

model, source, target = sys.argv[1:]
session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
about = json.loads(session.get_modelmeta().custom_metadata_map["seminar"])

pixels = np.atleast_3d(np.asarray(Image.open(source)))  # (H, W, C)
is_8_bit = pixels.dtype == np.uint8
pixels = pixels[:, :, about["channels"] or slice(None)].astype(np.float32)
if not is_8_bit or about["stretch"] != [
    0,
    100,
]:  # percentiles of each channel that become black and white, as in training
    black, white = np.percentile(pixels, about["stretch"], axis=(0, 1)).astype(np.float32)
    pixels = np.clip((pixels - black) * (255 / np.maximum(white - black, 1e-6)), 0, 255)
height, width = pixels.shape[:2]
multiple = about["multiple"]  # of which sides are multiples, from twice that up
padding = [(0, max(2 * multiple - side, -side % multiple)) for side in (height, width)]
image = np.pad(pixels, [*padding, (0, 0)], mode="edge").transpose(2, 0, 1)[np.newaxis]

(probabilities,) = session.run(None, {"image": image})
labels = probabilities[0, :, :height, :width].argmax(axis=0).astype(np.uint8)
Image.fromarray(labels).save(target)
for class_id, name in enumerate(about["classes"]):
    print(f"{name}: {(labels == class_id).mean():.1%} of the pixels")
