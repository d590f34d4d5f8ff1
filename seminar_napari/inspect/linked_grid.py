"""The 2 x 2 grid: the image with its clicks and three overlays, moved and zoomed as one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from napari.layers import Image, Points

from seminar_napari.inspect.overlay_kinds import OVERLAYS
from seminar_napari.inspect.overlay_layers import MARK, selection_kept
from seminar_napari.inspect.overlays import Overlays
from seminar_napari.layers.geometry import GEOMETRY, set_geometry
from seminar_napari.session.session import Session

CELLS = 3
"""Cells next to the image; the first overlays of which there is something to show get them."""

SPACING = 4.0
"""Screen pixels between the cells."""


class LinkedGrid:
    """napari's grid with the image repeated under every overlay; all is put back when it is left.

    napari's grid gives each pair of neighbouring layers a cell. So the layers are brought into the
    order image, clicks | copy, overlay | copy, overlay | copy, overlay | all that is hidden or came
    later. They are kept in it while others add, move or remove layers.

    Attributes
    ----------
    wanted : bool
        The person asked for the grid; it is `on` as soon as there is something to compare.
    """

    def __init__(self, viewer: Any, session: Session, overlays: Overlays) -> None:
        self._viewer = viewer
        self._session = session
        self._overlays = overlays
        self._copies: list[Image] = []
        self._holders: list[Image] = []  # those of the copies that show nothing
        self.wanted = self._changing = False
        self._image: Image | None = None
        self._order: list[Any] = []
        self._hidden: list[Any] = []
        self._pairs: list[Any] = []
        self._came: list[Any] = []  # while the grid was on
        self._names: tuple[str, ...] = ()
        self._before: dict[str, Any] = {}

    @property
    def on(self) -> bool:
        """Whether the grid is shown."""
        return bool(self._copies)

    def available(self) -> tuple[str, ...]:
        """What would fill the cells now."""
        return tuple(name for name in OVERLAYS if self._overlays.has(name))[:CELLS]

    def enter(self) -> None:
        """Show the grid as soon as there is an image and something to compare."""
        self.wanted = True
        self.refresh()

    def leave(self) -> None:
        """Put back what `enter` changed."""
        self.wanted = False
        self._take_down()
        self._came.clear()

    def refresh(self) -> None:
        """Follow another image, or overlays that have appeared or gone."""
        image, names = self._session.image_layer, self.available()
        if not self.wanted or self._changing:
            return
        if (
            self.on
            and image is self._image
            and names in ((), self._names)
            and _fit(self._copies, image)
        ):
            _follow(self._copies, image)
            return
        self._changing = True  # showing and hiding overlays emits their `changed`
        try:
            self._take_down()
            if names and image is not None and image in self._viewer.layers:
                self._set_up(image, names)
        finally:
            self._changing = False

    def _set_up(self, image: Image, names: tuple[str, ...]) -> None:
        layers, overlays = self._viewer.layers, self._overlays
        self._order, self._names, self._image = list(layers), names, image
        shown = [overlays.layers[name] for name in names]
        clicks = [layer for layer in layers if _holds_clicks(layer) and layer.visible][-1:]
        kept = [image, *clicks, *shown]
        self._hidden = [
            layer for layer in layers if layer.visible and layer not in (*kept, *self._came)
        ]
        for layer in self._hidden:
            layer.visible = False
        overlays.choice.show_together(names)
        copies = [_copy(image, OVERLAYS[name].title) for name in names]
        self._copies = list(copies)
        with selection_kept(self._viewer):
            for copy in copies:
                layers.append(copy)
            partner = clicks[0] if clicks else self._place_holder(0)
            pairs = [(image, partner), *zip(copies, shown, strict=True)]
            self._pairs = [layer for pair in pairs for layer in pair]
            _arrange(layers, self._pairs)
        self._divide(True)
        for layer in (image, *shown):
            layer.name_overlay.visible = True
        self._listen(True)

    # the layers while the grid is on
    def _listen(self, listens: bool) -> None:
        events = self._viewer.layers.events
        for emitter, heard in (
            (events.inserted, self._on_inserted),
            (events.removed, self._on_removed),
            (events.reordered, self._on_reordered),
        ):
            (emitter.connect if listens else emitter.disconnect)(heard)

    def _on_inserted(self, event: Any) -> None:
        if self._changing or not self.on:
            return
        layer, partner = event.value, self._pairs[1]
        self._came.append(layer)
        if _holds_clicks(layer) and partner in self._holders:  # the clicks are back
            self._pairs[1] = layer
            self._copies.remove(partner)
            self._holders.remove(partner)
            with self._at_work():
                self._viewer.layers.remove(partner)
        self._on_reordered()

    def _on_removed(self, event: Any) -> None:
        layer = event.value
        if self._changing or not self.on or layer is self._image or layer not in self._pairs:
            return
        if layer in self._holders:  # another one in its place, and `layers.clear` would never end
            return
        place = self._pairs.index(layer)
        with self._at_work():
            self._pairs[place] = self._place_holder(place)
        self._on_reordered()

    def _on_reordered(self, _event: object = None) -> None:
        if not self._changing and self.on:
            with self._at_work():
                _arrange(
                    self._viewer.layers,
                    [layer for layer in self._pairs if layer in self._viewer.layers],
                )

    def _place_holder(self, place: int) -> Image:
        """A layer that shows nothing, so that the pairs behind it stay pairs."""
        assert self._image is not None
        layer = _copy(self._image, "nothing", visible=False)
        self._viewer.layers.insert(place, layer)
        self._copies.append(layer)
        self._holders.append(layer)
        return layer

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        """Ignore the events of our own changes in this block; the selection stays."""
        self._changing = True
        try:
            with selection_kept(self._viewer):
                yield
        finally:
            self._changing = False

    def _divide(self, divided: bool) -> None:
        """Turn napari's grid on or off; each cell shows what the whole window showed."""
        canvas, layers, camera = self._viewer.canvas, self._viewer.layers, self._viewer.scene.camera
        before = min(canvas.viewbox_size(layers))
        grid = canvas.grid
        if divided:
            self._before = {"stride": grid.stride, "shape": grid.shape, "spacing": grid.spacing}
            grid.update({"stride": 2, "shape": (-1, -1), "spacing": SPACING})
        grid.enabled = divided
        if not divided:
            grid.update(self._before)
        camera.zoom *= min(canvas.viewbox_size(layers)) / before

    def _take_down(self) -> None:
        if not self.on:
            return
        layers, copies, partner = self._viewer.layers, self._copies, self._pairs[1]
        self._listen(False)
        self._copies, self._holders = [], []
        self._divide(False)
        with selection_kept(self._viewer):
            for copy in copies:
                if copy in layers:
                    layers.remove(copy)
            order = [layer for layer in self._order if layer in layers]
            clicks = [index for index, layer in enumerate(order) if isinstance(layer, Points)]
            place = clicks[-1] if clicks else len(order)
            order[place:place] = [layer for layer in layers if layer not in order]
            if isinstance(partner, Points) and partner in order and partner not in self._order:
                # clicks that came back lie on top again
                order.append(order.pop(order.index(partner)))
            _arrange(layers, order)
        for layer in layers:
            layer.name_overlay.visible = False
        for layer in self._hidden:
            if layer in layers:
                layer.visible = True
        self._overlays.choice.show_together(())


def _holds_clicks(layer: Any) -> bool:
    """Not the ring around the next one."""
    return isinstance(layer, Points) and MARK not in layer.metadata


def _copy(image: Image, name: str, *, visible: bool = True) -> Image:
    """The same pixels again; they take memory only on the graphics card."""
    options: dict[str, Any] = {name: getattr(image, name) for name in GEOMETRY}
    if not image.rgb:
        options |= {
            "contrast_limits": image.contrast_limits,
            "colormap": image.colormap,
            "gamma": image.gamma,
        }
    return Image(image.data, name=f"image under {name}", rgb=image.rgb, visible=visible, **options)


def _fit(copies: list[Image], image: Image) -> bool:
    return all(
        copy.rgb == image.rgb
        and copy.data.ndim == image.data.ndim
        and copy.data.dtype == image.data.dtype
        for copy in copies
    )


def _follow(copies: list[Image], image: Image) -> None:
    for copy in copies:
        if copy.data is not image.data:
            copy.data = image.data
        if not image.rgb:
            copy.contrast_limits = image.contrast_limits
        set_geometry(copy, {name: getattr(image, name) for name in GEOMETRY})


def _arrange(layers: Any, wanted: list[Any]) -> None:
    """Move layers until `wanted` is the order from the bottom up."""
    for index, layer in enumerate(wanted):
        here = layers.index(layer)
        if here != index:
            layers.move(here, index)
