"""Where to click next: the place, over all images, where a click would teach most."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from seminar.project.project import Project
from seminar.run.folder import RunFolder
from seminar_napari.inspect.next_click.doubts import Doubts, Kind, Stamps
from seminar_napari.inspect.next_click.spots import Spot, near_radius, spots

LOOKED_AT = 24
"""Images of the live mask that are looked at in one search, those that it is most unsure of: it
writes all of them again after each click.
"""


@dataclass(frozen=True)
class NextClick:
    """The place to click next, and why."""

    image_id: str
    spot: Spot
    kind: Kind


@dataclass
class NextClickFinder:
    """Searches what a run and the live mask have written; remembers what files have shown."""

    project: Project
    run: RunFolder | None
    has_live_mask: bool = True
    _found: dict[str, tuple[tuple[Stamps, int], tuple[NextClick, ...]]] = field(
        default_factory=dict
    )
    _shown: dict[str, list[tuple[int, int]]] = field(default_factory=dict)

    def find(
        self, held_out: Collection[str] = (), unsure: Mapping[str, float] | None = None
    ) -> NextClick | None:
        """The worst place that was not shown yet; None where nothing is in doubt.

        When all places were shown, it starts again. Images that are held out of training are
        skipped: a click there teaches nothing.

        Parameters
        ----------
        unsure : mapping, optional
            Share of each image that the live mask is unsure of, where it is known.
        """
        self._look(held_out, unsure or {})
        if not (best := self._best()) and self._shown:
            self._shown.clear()
            best = self._best()
        if best is not None:
            self._shown.setdefault(best.image_id, []).append((best.spot.row, best.spot.col))
        return best

    @property
    def has_looked(self) -> bool:
        """Whether there was a picture of any image to look at."""
        return bool(self._found)

    def _best(self) -> NextClick | None:
        return max(self._open_places(), key=lambda candidate: candidate.spot.score, default=None)

    def _open_places(self) -> Iterator[NextClick]:
        for image_id, (_, found) in self._found.items():
            shown = self._shown.get(image_id, ())
            radius = near_radius(self.project.image_size(image_id)) if shown else 0.0
            for place in found:
                at = (place.spot.row, place.spot.col)
                if all(np.hypot(*np.subtract(at, other)) > radius for other in shown):
                    yield place
                    break

    def _look(self, held_out: Collection[str], unsure: Mapping[str, float]) -> None:
        """Bring the places up to date with the files."""
        doubts = Doubts(self.project, self.run, self.has_live_mask)
        images = set(self.project.image_ids()).difference(held_out)
        clicked = self.project.clicks_stamps()
        stamps = {
            image_id: stamp for image_id, stamp in doubts.stamps().items() if image_id in images
        }
        for image_id in self._found.keys() - stamps.keys():
            del self._found[image_id]
        news: dict[str, tuple[Stamps, int]] = {}
        for image_id, stamp in stamps.items():
            key = (stamp, clicked.get(image_id, 0))
            if image_id not in self._found or self._found[image_id][0] != key:
                news[image_id] = key
        of_live_mask = [image_id for image_id in news if not stamps[image_id][0]]

        def rank(image_id: str) -> tuple[bool, float]:
            """Images with new clicks first: what was found there may be clicked."""
            before = self._found.get(image_id)
            has_same_clicks = before is None or before[0][1] == news[image_id][1]
            return has_same_clicks, -unsure.get(image_id, 1.0)

        for image_id in sorted(of_live_mask, key=rank)[LOOKED_AT:]:
            del news[image_id]
        for image_id, key in news.items():
            clicks = self.project.read_clicks(image_id) if image_id in clicked else None
            points = np.zeros((0, 2)) if clicks is None else clicks.points
            found = [
                NextClick(image_id, spot, kind)
                for kind, picture, least in doubts.pictures(image_id, stamps[image_id])
                for spot in spots(picture, points, least=least)
            ]
            self._found[image_id] = (key, tuple(sorted(found, key=lambda place: -place.spot.score)))
