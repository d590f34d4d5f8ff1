"""Class ids, their names and colours."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seminar.errors import DatasetError

IGNORE_INDEX = 255
"""Label of a pixel that is ignored: unclicked, void or unsure."""

BACKGROUND = 0
"""Class id of the background, always the first line of classes.txt."""

MAX_CLASSES = 255

Colour = tuple[int, int, int]
LabelMap = npt.NDArray[np.uint8]
"""(H, W) uint8 class ids, `IGNORE_INDEX` where unknown."""


def voc_colour(class_id: int) -> Colour:
    """Colour of a class id in the PASCAL VOC colour map, RGB in 0..255."""
    red = green = blue = 0
    for bit in range(8):
        red |= ((class_id >> (3 * bit)) & 1) << (7 - bit)
        green |= ((class_id >> (3 * bit + 1)) & 1) << (7 - bit)
        blue |= ((class_id >> (3 * bit + 2)) & 1) << (7 - bit)
    return red, green, blue


@functools.cache
def _voc_palette() -> bytes:
    return bytes(channel for class_id in range(256) for channel in voc_colour(class_id))


@dataclass(frozen=True)
class ClassNames:
    """The classes of a project in the order of their ids; the first one is the background."""

    names: tuple[str, ...]
    colours: tuple[Colour, ...]

    @classmethod
    def of(cls, *names: str) -> ClassNames:
        """Classes of these names in the VOC colours."""
        return cls.parse("\n".join(names))

    @classmethod
    def parse(cls, text: str, where: str = "classes.txt") -> ClassNames:
        """Read the text of a classes.txt.

        It has one class per line and optional ``#rrggbb`` after the name; empty lines are skipped.

        Raises
        ------
        DatasetError
            No class, fewer than two, more than 255, a name twice.
        """
        names: list[str] = []
        colours: list[Colour] = []
        faults: list[str] = []
        for number, line in enumerate(text.splitlines(), start=1):
            if not (line := line.strip()):
                continue
            match = re.fullmatch(r"(.*?)\s*#([0-9a-fA-F]{6})", line)
            name = match[1] if match else line
            if not name:
                faults.append(
                    f"{where}, line {number}: a colour without a name; write the class's name "
                    "before it"
                )
            if name in names:
                faults.append(
                    f"{where}, line {number}: class '{name}' is named twice; give every class its "
                    "own name"
                )
            red, green, blue = bytes.fromhex(match[2]) if match else voc_colour(len(names))
            names.append(name)
            colours.append((red, green, blue))
        if not 2 <= len(names) <= MAX_CLASSES:
            faults.append(
                f"{where}: expected 2 to {MAX_CLASSES} classes, one a line with the background "
                f"first, got {len(names)}"
            )
        if faults:
            raise DatasetError(faults)
        return cls(tuple(names), tuple(colours))

    def format(self) -> str:
        """Text of a classes.txt that `parse` reads back as an equal value."""
        lines = ""
        for class_id, (name, colour) in enumerate(zip(self.names, self.colours, strict=True)):
            suffix = "" if colour == voc_colour(class_id) else f" #{bytes(colour).hex()}"
            lines += f"{name}{suffix}\n"
        return lines

    @property
    def num_classes(self) -> int:
        """Number of classes with the background, without `IGNORE_INDEX`."""
        return len(self.names)

    def palette(self) -> npt.NDArray[np.uint8]:
        """(256, 3) uint8 RGB palette for indexed PNGs: these colours, then the VOC map's."""
        palette = np.frombuffer(_voc_palette(), dtype=np.uint8).reshape(256, 3).copy()
        palette[: self.num_classes] = self.colours
        return palette
