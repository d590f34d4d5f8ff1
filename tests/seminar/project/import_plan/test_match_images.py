"""Images of a project by what other programs call them."""

from __future__ import annotations

from pathlib import Path

import pytest

from seminar.clicks.readers.found_clicks import Unanswered
from seminar.errors import DatasetError
from seminar.project.import_plan.match_images import ImageMatch

IDS = ("a.b", "field_001", "Größe", "stack_000", "stack_001", "stack_010", "two.ome")
FILE = Path("clicks.json")


@pytest.mark.parametrize(
    ("name", "image_id"),
    [
        ("field_001", "field_001"),
        ("FIELD_001.TIF", "field_001"),
        ("/data/scans/field_001.png", "field_001"),
        ("C:\\scans\\field_001.jpg", "field_001"),
        ("field_001.ome.tif", "field_001"),
        ("0a1b2c3d-field_001.png", "field_001"),
        ("a.b", "a.b"),
        ("a.b.png", "a.b"),
        ("Gro\u0308\u00dfe.png", "Größe"),  # as macOS decomposes it
        ("two.ome.tif", "two.ome"),
        ("field_002.png", None),
        ("xyz-field_001.png", None),
        ("field_001.png/", None),
        ("..", None),
    ],
)
def test_by_name(name: str, image_id: str | None) -> None:
    assert ImageMatch(IDS).find(name, None, FILE) == image_id


@pytest.mark.parametrize(
    ("name", "plane", "image_id"),
    [
        ("stack.tif", 0, "stack_000"),
        ("stack.tif", 10, "stack_010"),
        ("stack.tif", 2, None),
        ("stack.tif", None, None),
        ("field_001.png", 0, "field_001"),
        ("field_001.png", 1, None),
        ("stack_001.tif", None, "stack_001"),
    ],
)
def test_by_plane(name: str, plane: int | None, image_id: str | None) -> None:
    assert ImageMatch(IDS).find(name, plane, FILE) == image_id


def test_a_file_that_names_no_image() -> None:
    match = ImageMatch(IDS)
    assert match.find("", None, Path("x/field_001.zip")) == "field_001"
    assert match.find("", 1, Path("stack.csv")) == "stack_001"
    with pytest.raises(Unanswered, match=r"RoiSet\.zip: it does not name the image") as caught:
        match.find("", None, Path("RoiSet.zip"))
    assert caught.value.question == "image"
    with pytest.raises(Unanswered, match="or that frame n"):
        match.find("", 3, Path("RoiSet.zip"))
    assert ImageMatch(IDS, image="stack").find("", 1, Path("RoiSet.zip")) == "stack_001"
    assert ImageMatch(IDS, image="field_001").find("other.png", None, FILE) == "field_001"
    by_frame = ImageMatch(IDS, by_frame=True)
    assert by_frame.find("", 1, FILE) == "field_001"
    assert by_frame.find("", len(IDS), FILE) is None
    assert by_frame.find("a.b.png", 1, FILE) is None  # named: an image has no plane 1


def test_an_answer_that_is_no_image() -> None:
    with pytest.raises(DatasetError, match=r"no image or stack 'x' .* a\.b, field_001, .*, \.\.\."):
        ImageMatch(IDS, image="x")
