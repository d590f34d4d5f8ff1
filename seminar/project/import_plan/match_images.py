"""Which image of a project is meant by what another program calls it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from seminar.clicks.readers.found_clicks import Unanswered
from seminar.errors import DatasetError
from seminar.io.names import same_name, shown

UPLOAD = re.compile(r"[0-9a-f]{8}-(?=.)")
"""What Label Studio puts before the name of an uploaded file."""

PLANE = re.compile(r"(.+)_(\d{3,})")
"""Name of an image that `seminar new` made from a plane of a stack: the stack and the plane."""


class ImageMatch:
    """Looks up images by name, by plane of a stack, by the order of the project.

    Parameters
    ----------
    image_ids : iterable of str
        All images of the project, in its order.
    image : str or None
        Image or stack that clicks belong to whose file names none.
    by_frame : bool
        Frame n of a file that names no image is the project's nth image, from 0.

    Raises
    ------
    DatasetError
        `image` is not in the project.
    """

    def __init__(
        self, image_ids: Iterable[str], *, image: str | None = None, by_frame: bool = False
    ) -> None:
        self.image_ids = tuple(image_ids)
        self._by_name = {same_name(image_id): image_id for image_id in self.image_ids}
        self._stacks: dict[str, dict[int, str]] = {}
        for image_id in self.image_ids:
            if found := PLANE.fullmatch(image_id):
                self._stacks.setdefault(same_name(found[1]), {})[int(found[2])] = image_id
        self._by_frame = by_frame
        self._image = image
        if image is not None and not self._known(image):
            raise DatasetError(
                f"no image or stack '{shown(image)}' in the project; its images are "
                f"{', '.join(map(shown, self.image_ids[:5]))}"
                f"{', ...' if len(self.image_ids) > 5 else ''}"
            )

    def find(self, name: str, plane: int | None, file: Path) -> str | None:
        """The image id; None where the project does not have the image.

        Parameters
        ----------
        name : str
            As the file calls the image, with or without folder and ending; may be empty.
        plane : int or None
            Plane of a stack, from 0.
        file : Path
            Its name is taken for the image's where `name` is empty.

        Raises
        ------
        Unanswered
            Nothing says which image it is.
        """
        if self._image is not None:
            return self._lookup(self._image, plane)
        if name:
            return self._lookup(name, plane)
        if self._by_frame and plane is not None:
            return self.image_ids[plane] if plane < len(self.image_ids) else None
        if self._known(file.name):
            return self._lookup(file.name, plane)
        raise Unanswered(
            f"{file}: it does not name the image, and the project has no image or stack "
            f"'{shown(file.stem)}'; say which image it is"
            + ("" if plane is None else ", or that frame n is the project's nth image"),
            "image",
        )

    def _lookup(self, name: str, plane: int | None) -> str | None:
        for candidate in _candidates(name):
            if plane is not None and (planes := self._stacks.get(candidate)):
                return planes.get(plane)
            if image_id := self._by_name.get(candidate):
                return image_id if not plane else None
        return None

    def _known(self, name: str) -> bool:
        return any(one in self._by_name or one in self._stacks for one in _candidates(name))


def _candidates(name: str) -> Iterable[str]:
    """Image ids that a name may mean, the most literal first."""
    last = re.split(r"[/\\]", name)[-1]
    names = [last, last.rpartition(".")[0]]
    if names[1].lower().endswith(".ome"):
        names.append(names[1][: -len(".ome")])
    names += [UPLOAD.sub("", one, count=1) for one in names if UPLOAD.match(one)]
    return (same_name(one) for one in dict.fromkeys(names) if one)
