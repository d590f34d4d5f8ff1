"""CVAT for images 1.1: one XML file, for *Upload annotations*.

Coordinates are counted from the edge. Every click is an element <points> of its own, so that it can
be moved, relabelled and deleted by itself (read by Datumaro 1.13.12: the same points).
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from seminar.clicks.writers.exported import ExportImage, Written, written_points
from seminar.io.files import atomic_file
from seminar.labels import ClassNames

NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def write_clicks(
    out: Path, images: Iterable[ExportImage], classes: ClassNames
) -> Iterator[Written]:
    """See `seminar.clicks.writers.format_table`."""
    with atomic_file(out, durable=False) as file:
        file.write(_head(classes).encode())
        names = [_attribute(name) for name in classes.names]
        for number, image in enumerate(images):
            clicks = image.clicks
            assert clicks is not None
            lines = [
                f'  <image id="{number}" name={_attribute(image.file.name)} '
                f'width="{image.width}" height="{image.height}">'
            ]
            from_edge = (written_points(clicks) + 0.5).tolist()
            for (y, x), class_id in zip(from_edge, clicks.class_ids.tolist(), strict=True):
                lines.append(
                    f'    <points label={names[class_id]} source="manual" occluded="0" '
                    f'points="{x:.2f},{y:.2f}" z_order="0"></points>'
                )
            lines.append("  </image>\n")
            file.write("\n".join(lines).encode())
            yield Written(len(clicks))
        file.write(b"</annotations>\n")


def _head(classes: ClassNames) -> str:
    labels = "".join(
        f"<label><name>{_escaped(name)}</name><color>#{bytes(colour).hex()}</color>"
        "<type>points</type><attributes></attributes></label>"
        for name, colour in zip(classes.names, classes.colours, strict=True)
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>\n'
        f"  <meta><task><labels>{labels}</labels></task></meta>\n"
    )


def _attribute(text: str) -> str:
    return f'"{_escaped(text)}"'


def _escaped(text: str) -> str:
    return html.escape(NOT_XML.sub("", text)).replace("\t", "&#9;")
