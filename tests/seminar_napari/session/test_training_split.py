from __future__ import annotations

from pathlib import Path

import pytest

from seminar.errors import DatasetError
from seminar.project.project import Project
from seminar_napari.session.training_split import held_out


def write_split(project: Project, name: str, text: str) -> Path:
    path = project.path / "ImageSets" / "Segmentation" / f"{name}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_without_a_split_every_image_trains(three_fields: Project) -> None:
    assert held_out(three_fields, "train") == frozenset()
    write_split(three_fields, "train", "\n")  # as the trainer takes it
    assert held_out(three_fields, "train") == frozenset()


def test_what_a_split_does_not_list_is_held_out(three_fields: Project) -> None:
    write_split(three_fields, "train", "a\n")
    assert held_out(three_fields, "train") == {"b", "c"}
    write_split(three_fields, "train", "nowhere\n")
    with pytest.raises(DatasetError):
        held_out(three_fields, "train")
