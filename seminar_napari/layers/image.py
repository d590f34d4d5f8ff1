"""The napari layer that shows the project's image."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Image

from seminar.project.project import Project
from seminar_napari.layers.geometry import Geometry, with_leading_axes
from seminar_napari.layers.picture import Picture


def make_image_layer(shown: Picture, project: Project, image_id: str, geometry: Geometry) -> Image:
    """An image layer, named after its image, at the place of earlier layers."""
    planes = 0 if shown.rgb else shown.data.ndim - 2
    return Image(
        shown.data,
        name=image_id,
        metadata=_metadata(project, image_id),
        rgb=shown.rgb,
        contrast_limits=shown.contrast_limits[0] if shown.contrast_limits else None,
        **with_leading_axes(geometry, planes),
    )


def offer_layer_data(
    shown: Picture, project: Project, image_id: str
) -> tuple[Any, dict[str, Any], str]:
    """Layer data for napari's samples, which must return a layer; `take_over` finds it again."""
    meta = {"name": image_id, "rgb": shown.rgb, "metadata": _metadata(project, image_id)}
    if not shown.rgb:
        meta["contrast_limits"] = shown.contrast_limits[0]
    return shown.data, meta, "image"


def take_over(layers: Any, shown: Picture, project: Project, image_id: str) -> Image | None:
    """The layer of this image from `offer_layer_data` or an earlier dock; None without one.

    It is brought up to date. Other images of an earlier dock are removed: they would lie over it.
    """
    images = [layer for layer in layers if isinstance(layer, Image)]
    wanted = _metadata(project, image_id)
    same = (layer for layer in images if layer.metadata == wanted and fits(layer, shown))
    found = next(same, None)
    for layer in images:
        # a person's copy of such a layer has another name
        if layer is not found and layer.name == layer.metadata.get("seminar", {}).get("image_id"):
            layers.remove(layer)
    if found is not None and not np.array_equal(found.data, shown.data):
        show_picture(found, shown, project, image_id)
    return found


def _metadata(project: Project, image_id: str) -> dict[str, Any]:
    return {"seminar": {"project": str(project.path.absolute()), "image_id": image_id}}


def fits(layer: Image, shown: Picture) -> bool:
    """Whether this layer can show the picture after a change of its data."""
    return bool(
        layer.rgb == shown.rgb
        and layer.data.ndim == shown.data.ndim
        and layer.data.dtype == shown.data.dtype
    )


def show_picture(layer: Image, shown: Picture, project: Project, image_id: str) -> None:
    """Show another picture in the same layer; its contrast is left to `Contrast`."""
    layer.data = shown.data
    layer.name, layer.metadata = image_id, _metadata(project, image_id)
