#!/usr/bin/env bash
# napari 0.9.2 ends with a segmentation fault where points are the only layer shown and an image is added that brings a
# slider: the slider is shown in the middle of adding the image, Qt paints the canvas at once, and a draw call crashes
# (glDrawArrays in the driver). So exchanging a picture under points for one with more planes is fatal if the old picture
# is removed first, and harmless if it is removed last, if its data is replaced, or if the points are hidden meanwhile.
#
# Seen with napari 0.9.2, vispy 0.17.0, PyQt6 6.11.0 and Mesa 22.3.6's software OpenGL (llvmpipe) under Xvfb, every time.
#
# Needs xvfb-run and Mesa. Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    napari==0.9.2 vispy==0.17.0 PyQt6==6.11.0 PyQt6-Qt6==6.11.2 numpy==2.4.6
cat >"$folder/exchange.py" <<'PYTHON'
import faulthandler, sys, time

import napari
import numpy as np
from qtpy.QtWidgets import QApplication
from vispy.gloo import gl

faulthandler.enable()


def settle():
    until = time.monotonic() + 0.5
    while time.monotonic() < until:
        QApplication.processEvents()


viewer = napari.Viewer()
image = viewer.add_image(np.zeros((120, 160)))
viewer.add_points([[30, 40]])
settle()
print(napari.__version__, gl.glGetParameter(gl.GL_VERSION), flush=True)
if sys.argv[1] == "first":
    viewer.layers.remove(image)
viewer.add_image(np.zeros((2, 120, 160)))
if sys.argv[1] == "last":
    viewer.layers.remove(image)
settle()
viewer.close()
print("went well", flush=True)
PYTHON
export HOME="$folder" XDG_CONFIG_HOME="$folder" XDG_CACHE_HOME="$folder"
for order in last first; do
    status=0 expected=$([ $order = last ] && echo 0 || echo 139)
    xvfb-run -a -s "-screen 0 1600x1200x24" "$folder/venv/bin/python" -W ignore "$folder/exchange.py" $order \
        >"$folder/out" 2>&1 || status=$?
    echo "the old image removed $order: exit status $status"
    grep -E "^[0-9]|Fatal|went well|in glDraw|in paintGL|in _update_display" "$folder/out"
    [ $status -eq $expected ]
done
echo "as described"
