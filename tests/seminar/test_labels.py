"""classes.txt in and out, and the colours of PASCAL VOC."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seminar.errors import DatasetError
from seminar.labels import ClassNames, voc_colour

NAMES = (
    st.text(
        st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_characters="#\x85"),
        min_size=1,
        max_size=20,
    )
    .map(str.strip)
    .filter(bool)
)
COLOURS = st.tuples(*[st.integers(0, 255)] * 3)


def test_colours_are_those_of_pascal_voc() -> None:
    known = {
        0: (0, 0, 0),
        1: (128, 0, 0),
        2: (0, 128, 0),
        3: (128, 128, 0),
        15: (192, 128, 128),
        20: (0, 64, 128),
        255: (224, 224, 192),
    }
    assert {class_id: voc_colour(class_id) for class_id in known} == known


@given(st.lists(st.tuples(NAMES, COLOURS), min_size=2, max_size=255, unique_by=lambda one: one[0]))
def test_format_is_read_back(classes: list[tuple[str, tuple[int, int, int]]]) -> None:
    names = ClassNames(tuple(name for name, _ in classes), tuple(colour for _, colour in classes))
    assert ClassNames.parse(names.format()) == names


def test_colours_empty_lines_and_line_ends_are_read() -> None:
    names = ClassNames.parse("background\r\n\r\n nucleus #FF8000 \nrim#010203\n")
    assert names.names == ("background", "nucleus", "rim")
    assert names.colours == ((0, 0, 0), (255, 128, 0), (1, 2, 3))
    assert names.num_classes == 3


def test_a_hash_that_is_no_colour_belongs_to_the_name() -> None:
    assert ClassNames.parse("background\nclone #12\n").names == ("background", "clone #12")


def test_the_palette_begins_with_the_classes() -> None:
    palette = ClassNames.parse("background #0a0b0c\nnucleus\n").palette()
    assert palette.shape == (256, 3)
    assert palette.dtype == np.uint8
    assert palette[0].tolist() == [10, 11, 12]
    assert palette[1].tolist() == [128, 0, 0]
    assert palette[255].tolist() == list(voc_colour(255))
    palette[0] = 9
    assert ClassNames.of("background", "nucleus").palette()[0].tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "classes.txt: expected 2 to 255 classes, one a line with the background first, got 0"),
        ("background\n", "got 1"),
        ("\n".join(str(number) for number in range(256)), "got 256"),
        ("background\n\nnucleus\nnucleus\n", "classes.txt, line 4: class 'nucleus' is named twice"),
        ("background\n#ff0000\n", "classes.txt, line 2: a colour without a name"),
    ],
)
def test_what_cannot_be_classes_is_said(text: str, fault: str) -> None:
    with pytest.raises(DatasetError) as caught:
        ClassNames.parse(text)
    assert fault in str(caught.value)


def test_every_fault_is_said_at_once() -> None:
    with pytest.raises(DatasetError) as caught:
        ClassNames.parse("a\na\n#000000\n", "here.txt")
    assert len(caught.value.faults) == 2
    assert all(fault.startswith("here.txt") for fault in caught.value.faults)
