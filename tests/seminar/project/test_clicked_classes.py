"""Which classes lack clicks, and when that stops training."""

from __future__ import annotations

import pytest

from seminar.labels import ClassNames
from seminar.project.clicked_classes import CLASSES_SHOWN, unclicked_classes

CLASSES = ClassNames.of("background", "cell", "fibre")


def test_nothing_to_say_where_all_classes_have_clicks() -> None:
    assert unclicked_classes({0: 1, 1: 1, 2: 5}, CLASSES) == ("", False)


@pytest.mark.parametrize(
    ("counts", "sentence", "is_fault"),
    [
        ({0: 1, 1: 1}, "no clicks of class 2 'fibre', so never predicted", False),
        ({1: 1, 2: 1}, "no clicks of class 0 'background', so never predicted", False),
        ({2: 9}, "no clicks of class 0 'background', 1 'cell', and one class alone", True),
    ],
)
def test_two_classes_are_needed(counts: dict[int, int], sentence: str, is_fault: bool) -> None:
    found = unclicked_classes(counts, CLASSES)
    assert found[0].startswith(f"Clicks: {sentence}")
    assert found[1] is is_fault


def test_of_many_classes_the_first_are_named() -> None:
    classes = ClassNames.of(*(f"class {number}" for number in range(CLASSES_SHOWN + 3)))
    sentence, _ = unclicked_classes({0: 1, 1: 1}, classes)
    assert f"{CLASSES_SHOWN + 1} 'class {CLASSES_SHOWN + 1}', ..., so" in sentence
    shown, _ = unclicked_classes({0: 1, 1: 1, 2: 1}, classes)
    assert "..." not in shown
