"""The clicks that train now, followed while people change them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from seminar.clicks.click_set import ClickSet
from seminar.errors import DatasetError
from seminar.project.layout import CLICKS
from seminar.project.project import Project
from seminar.project.write_clicks import clicks_faults


@dataclass(frozen=True)
class ClickChanges:
    """Clicks that changed on disk.

    Attributes
    ----------
    image_ids : tuple of str
        Images whose clicks changed.
    added, removed : int
        Clicks.
    faults : tuple of str
        Changes that were not used, a sentence each.
    """

    image_ids: tuple[str, ...]
    added: int
    removed: int
    faults: tuple[str, ...] = ()


class LiveClicks:
    """The click sets that train now, by image id in `now`.

    Parameters
    ----------
    project : Project
    image_ids : sequence of str
        Images that may train; those without clicks wait until they have some.
    """

    def __init__(self, project: Project, image_ids: Sequence[str]) -> None:
        self._project, self._image_ids = project, image_ids
        self._stamps: dict[str, int] = {}
        self.now: dict[str, ClickSet] = {}

    def waiting(self) -> tuple[str, ...]:
        """The images that have no clicks now."""
        return tuple(image_id for image_id in self._image_ids if image_id not in self.now)

    def refresh(self) -> ClickChanges:
        """Read the clicks that changed on disk since the last call.

        Changes that would end a run are reported and not used: a file that cannot be read, a class
        that was added after the network was built, the removal of the last click.

        Raises
        ------
        DatasetError
            At the first call: a file that cannot be read.
        """
        stamps, before = self._project.clicks_stamps(), self.now
        clicks, changed, faults = dict(before), list[str](), list[str]()
        added = removed = 0
        for image_id in self._image_ids:
            if stamps.get(image_id) == self._stamps.get(image_id):
                continue
            try:
                new = self._read(image_id)
            except DatasetError as error:  # half a save, or a fault made during the run
                if not before:
                    raise
                faults += error.faults[:1]
                continue
            old_points, points = _points(clicks.pop(image_id, None)), _points(new)
            if old_points != points:
                changed.append(image_id)
                added += len(points - old_points)
                removed += len(old_points - points)
            if new.inside().any():
                clicks[image_id] = new
        self._stamps = stamps
        if not clicks and before:
            return ClickChanges((), 0, 0, ("no click is left; training goes on with those before",))
        self.now = {
            image_id: clicks[image_id] for image_id in self._image_ids if image_id in clicks
        }
        return ClickChanges(tuple(changed), added, removed, tuple(faults))

    def _read(self, image_id: str) -> ClickSet:
        """The clicks of an image; during a run, only such as its network can learn from."""
        clicks = self._project.read_clicks(image_id) or ClickSet(0, 0)
        if self.now and len(clicks):  # at first the project is checked as a whole
            size = self._project.image_size(image_id)
            where = f"{CLICKS}/{image_id}.json"
            if faults := clicks_faults(clicks, self._project.classes, where, size):
                raise DatasetError([f"{fault}; this run goes on without them" for fault in faults])
        return clicks


def _points(clicks: ClickSet | None) -> set[tuple[float, float, int]]:
    if clicks is None:
        return set()
    pairs = zip(clicks.points.tolist(), clicks.class_ids.tolist(), strict=True)
    return {(row, col, class_id) for (row, col), class_id in pairs}
