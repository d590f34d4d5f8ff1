"""Classes of a project by what other programs call them."""

from __future__ import annotations

import pytest

from seminar.clicks.readers.found_clicks import Unanswered
from seminar.errors import DatasetError
from seminar.labels import ClassNames
from seminar.project.import_plan.match_labels import LabelRules, match_labels

CLASSES = ClassNames.of("background", "nucleus", "Rim")


def test_by_name_by_case_by_number() -> None:
    found = match_labels(["nucleus", "RIM", 2, "other"], CLASSES, LabelRules())
    assert found.class_ids == {"nucleus": 1, "RIM": 2, 2: 2}
    assert found.unknown == ("other",)
    assert found.classes == CLASSES


def test_the_mapping_goes_first_and_a_name_before_a_pattern() -> None:
    rules = LabelRules({"Tumor*": "nucleus", "Tumor: dead": "", "nucleus": "Rim"})
    labels = ["Tumor: alive", "Tumor: dead", "nucleus"]
    found = match_labels(labels, CLASSES, rules)
    assert found.class_ids == {"Tumor: alive": 1, "Tumor: dead": None, "nucleus": 2}


def test_new_classes_are_added_in_their_order() -> None:
    found = match_labels(["b", "a", "b", "A"], CLASSES, LabelRules(add=True))
    assert found.classes.names == ("background", "nucleus", "Rim", "b", "a")
    assert found.class_ids == {"b": 3, "a": 4, "A": 4}


@pytest.mark.parametrize("name", ["two\nlines", " ", "x #ff0000", "\u2028", "\ud800"])
def test_what_cannot_be_the_name_of_a_class(name: str) -> None:
    with pytest.raises(DatasetError, match="cannot be the name of a class"):
        match_labels([name], CLASSES, LabelRules(add=True))


def test_clicks_without_a_class() -> None:
    with pytest.raises(Unanswered, match="which class they are") as caught:
        match_labels([""], CLASSES, LabelRules())
    assert caught.value.question == "label"
    assert match_labels([""], CLASSES, LabelRules(unnamed="Rim")).class_ids == {"": 2}


@pytest.mark.parametrize(
    "rules", [LabelRules({"x": "nowhere"}), LabelRules(unnamed="nowhere")], ids=["map", "class"]
)
def test_answers_that_are_no_classes(rules: LabelRules) -> None:
    with pytest.raises(DatasetError, match=r"no class 'nowhere'; name one of background, nucleus"):
        match_labels(["x"], CLASSES, rules)
