"""What every reader of this folder returns: clicks as another program has them, not yet matched
with the images and classes of a project.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from seminar.errors import DatasetError

EDGE = -0.5
"""Added to coordinates that are counted from the left and upper edge of the image."""

DECIMALS = 6
"""Coordinates are rounded to this: percentages and float32 land a hair beside what was meant."""

FAULTS_SHOWN = 20

Origin = Literal["centre", "edge"]
Question = Literal["pixel_size", "origin", "classes_from", "channels", "slices", "image", "label"]


class FoundClick(NamedTuple):
    """A click of an image whose size the file need not know.

    Attributes
    ----------
    row, col : float
        In pixels, whole numbers are pixel centres; each reader adds the offset of its format.
    label : str or int
        What the file calls the class, "" where it names none; a number is a class id.
    image : str
        What the file calls the image, with or without folder and ending; "" where it names none.
    plane : int or None
        Plane of a stack or frame of a film, from 0; None where the file tells none.
    """

    row: float
    col: float
    label: str | int
    image: str = ""
    plane: int | None = None

    def is_inside(self, height: int, width: int) -> bool:
        """Whether the click falls on an image of this size."""
        return -0.5 <= self.row < height - 0.5 and -0.5 <= self.col < width - 0.5


@dataclass(frozen=True)
class Reading:
    """The clicks of one file.

    Attributes
    ----------
    clicks : sequence of FoundClick
    images : sequence of str
        All images that the file names; those with clicks need not be among them.
    sizes : mapping of str to (int, int)
        (height, width) that the file notes of the images it names.
    notes : tuple of str
        What the user should know: what was left out, which offset was used.
    from_edges : bool
        The format counts from the edge, so a click may lie exactly on the far edge.
    with_channels : bool
        Planes count the channels of a stack as well, which vary fastest (ImageJ).
    """

    clicks: Sequence[FoundClick]
    images: Sequence[str] = ()
    sizes: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    from_edges: bool = False
    with_channels: bool = False


@dataclass(frozen=True)
class Answers:
    """What a person says about files that do not say it themselves; None where not asked yet.

    Attributes
    ----------
    pixel_size : float
        Side of a pixel in the unit of the file.
    origin : "centre" or "edge"
        Where (0, 0) is: in the middle or in the upper left corner of the first pixel.
    classes_from : str
        What tells the class: name, counter or group of an ImageJ selection, a column of a napari
        CSV, a region attribute of VIA.
    channels, slices : int
        Of an ImageJ stack.
    max_rank : int
        Of each class in an image take the first so many clicks only (What's the Point).
    """

    pixel_size: float | None = None
    origin: Origin | None = None
    classes_from: str | None = None
    channels: int | None = None
    slices: int | None = None
    max_rank: int | None = None


class Unanswered(DatasetError):
    """The file does not say it, and it is not guessed.

    Attributes
    ----------
    question : Question
        Which answer is missing.
    choices : tuple of str
        The possible answers, where there are only some.
    """

    def __init__(self, sentence: str, question: Question, choices: Sequence[str] = ()) -> None:
        super().__init__(sentence)
        self.question = question
        self.choices = tuple(choices)


class Faults:
    """Collects what is wrong with a file; many faults of a kind are cut short."""

    def __init__(self) -> None:
        self.sentences: list[str] = []

    def add(self, sentence: str) -> None:
        self.sentences.append(sentence)

    def raise_any(self) -> None:
        """Raise a `DatasetError` if there are faults."""
        shown = self.sentences[:FAULTS_SHOWN]
        if more := len(self.sentences) - len(shown):
            shown.append(f"{more} more fault{'' if more == 1 else 's'} like these")
        if shown:
            raise DatasetError(shown)


def counted_from_edges(clicks: Sequence[FoundClick]) -> tuple[list[FoundClick], tuple[str, ...]]:
    """Clicks counted from the edge, given as they stand in the file, and a note.

    Where the file has whole numbers only, as programs write that round, they are taken for the
    middles of pixels: the same pixels, without the ties.
    """
    rows = [round(click.row, DECIMALS) for click in clicks]
    cols = [round(click.col, DECIMALS) for click in clicks]
    is_whole = bool(rows) and all(place % 1 == 0 for places in (rows, cols) for place in places)
    offset = 0 if is_whole else EDGE
    moved = [
        FoundClick(row + offset, col + offset, label, image, plane)
        for row, col, (_, _, label, image, plane) in zip(rows, cols, clicks, strict=True)
    ]
    notes = ("all coordinates are whole numbers: taken for the middles of pixels",)
    return moved, notes if is_whole else ()


def others_note(count: int, what: str) -> tuple[str, ...]:
    """The note that so many `what` ("region") are no points; none where there are none."""
    if not count:
        return ()
    if count == 1:
        return (f"1 {what} that is not a point is left out",)
    return (f"{count:,} {what}s that are not points are left out",)


def per_image(clicks: Sequence[FoundClick]) -> dict[str, list[FoundClick]]:
    """The clicks by what the file calls their image."""
    found: dict[str, list[FoundClick]] = {}
    for click in clicks:
        found.setdefault(click.image, []).append(click)
    return found
