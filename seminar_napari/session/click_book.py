"""The clicks of a project's images: in memory at once, on disk soon after."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import partial

from seminar.clicks.click_set import ClickSet
from seminar.project.project import Project
from seminar_napari.workers.worker import Worker


class ClickBook:
    """Holds and writes the clicks of one project.

    Parameters
    ----------
    project : Project
    writer : Worker
        Writes in the background; the outcome of an image is the time at which it was written.
    when_written : callable
        Called with the image id in the writer's thread, as soon as its clicks are on disk.

    Attributes
    ----------
    project : Project
        Its classes may change while clicks wait: they are written with the newest ones.

    Raises
    ------
    OSError
        The folder of the clicks cannot be read.
    """

    def __init__(
        self, project: Project, writer: Worker[float], when_written: Callable[[str], object]
    ) -> None:
        self.project = project
        self._stamps = project.clicks_stamps()
        self._writer = writer
        self._when_written = when_written
        self._clicks: dict[str, ClickSet] = {}
        self._bases: dict[str, ClickSet] = {}  # as last written or read

    def __contains__(self, image_id: str) -> bool:
        """Whether the image had clicks on disk at the last look."""
        return image_id in self._stamps

    def __getitem__(self, image_id: str) -> ClickSet:
        """The clicks of an image, read on first use; empty where there are none.

        Raises
        ------
        DatasetError
            Its file is damaged.
        """
        if image_id not in self._clicks:
            self.read(image_id)
        return self._clicks[image_id]

    def __setitem__(self, image_id: str, clicks: ClickSet) -> None:
        """Change the clicks in memory; `write` brings them to disk."""
        self._clicks[image_id] = clicks

    def write(self, image_id: str) -> None:
        """Have the clicks of this image written soon; what others wrote meanwhile is kept."""
        self._writer.submit(image_id, partial(self._write, image_id, self._clicks[image_id]))

    def read(self, image_id: str) -> bool:
        """Replace the clicks by those on disk; return whether they differ.

        Raises
        ------
        SeminarError, OSError
            Its file is damaged or not readable, or the image is.
        """
        clicks = self.project.read_clicks(image_id)
        if clicks is None:
            clicks = ClickSet(*self.project.image_size(image_id))
        differ = clicks != self._clicks.get(image_id)
        self._clicks[image_id] = self._bases[image_id] = clicks
        return differ

    def changed_on_disk(self, image_ids: Iterable[str]) -> list[str]:
        """Those of the images whose click files changed since the last look."""
        try:
            stamps = self.project.clicks_stamps()
        except OSError:  # a network disk that is away for a moment: at the next look
            return []
        before, self._stamps = self._stamps, stamps
        return [image_id for image_id in image_ids if stamps.get(image_id) != before.get(image_id)]

    def _write(self, image_id: str, clicks: ClickSet) -> float:
        self.project.write_clicks(image_id, clicks, base=self._bases.get(image_id))
        self._bases[image_id] = clicks
        self._when_written(image_id)
        return time.time()
