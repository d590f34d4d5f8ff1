"""A mask from the clicks of a project, without training.

python examples/live_mask.py PROJECT IMAGE_ID OUT.png [BACKBONE]
"""

import sys
from pathlib import Path

from seminar import Project
from seminar.config.probe_settings import ProbeConfig
from seminar.io.label_png import write_label_png
from seminar.probe.probe import Probe

project, image_id, out, *backbone = sys.argv[1:]
probe = Probe(Project.open(project), ProbeConfig(backbone=(backbone or ["efficientnet_lite0"])[0]))
for clicked in probe.project.image_ids():
    probe.learn(clicked)
if not probe.fit():
    sys.exit("click on two classes first")
write_label_png(Path(out), probe.predict(image_id).labels, probe.project.classes)
