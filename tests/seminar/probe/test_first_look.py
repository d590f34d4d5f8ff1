"""The first look is the mask that a probe on filters alone gives."""

from __future__ import annotations

import numpy as np
import pytest
from clicked_squares import OUTSIDE, MakeProbe, agreement, inside, picture, write
from PIL import Image

from seminar.config.probe_settings import ProbeConfig
from seminar.errors import DatasetError, SeminarError
from seminar.probe import first_look as module
from seminar.probe.first_look import FirstLook, first_look
from seminar.project.project import Project


def look(project: Project, shown: str = "f2") -> FirstLook:
    found = first_look(Project.open(project.path), ProbeConfig(), shown, split="train")
    assert found is not None
    return found


@pytest.mark.parametrize("band_pixels", [2**21, 1, 16 * 83])  # one band, and two of 16 rows
@pytest.mark.parametrize("classes", [2, 3])
def test_it_is_the_mask_of_the_filters(
    project: Project,
    make_probe: MakeProbe,
    monkeypatch: pytest.MonkeyPatch,
    band_pixels: int,
    classes: int,
) -> None:
    for name, value in (("BAND_PIXELS", band_pixels), ("HALO", 96)):
        monkeypatch.setattr(module, name, value)
    if classes == 3:
        write(project, "f1", inside(1), OUTSIDE, (2, 70, 2))
    probe = make_probe()
    for image_id in ("f0", "f1"):
        probe.learn(image_id)
    assert probe.fit()
    for shown in ("f1", "f2"):
        found, expected = look(project, shown), probe.predict(shown)
        assert (found.answer.labels == expected.labels).mean() > 0.998
        difference = found.answer.unsure.astype(int) - expected.unsure.astype(int)
        assert np.abs(difference).mean() < 0.5
        assert found.clicks == classes + 2
    assert agreement(found.answer.labels, 2) > 0.7
    assert found.image.shape == (3, *found.answer.labels.shape)


@pytest.mark.parametrize("limit", ["FIRST_IMAGES", "FIRST_PIXELS"])
def test_few_images_are_learnt_from_the_one_on_screen_first(
    project: Project, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(module, limit, 1)
    write(project, "f1", inside(1), OUTSIDE, (3, 3, 0))
    assert [look(project, shown).clicks for shown in ("f0", "f1", "f2")] == [2, 3, 2]


def test_large_images_are_learnt_from_until_there_are_two_classes(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIRST_PIXELS", 1)
    write(project, "f0", OUTSIDE)
    write(project, "f2", inside(2))
    assert [look(project, shown).clicks for shown in ("f0", "f2")] == [3, 2]


def test_images_outside_of_the_split_are_not_learnt_from(project: Project) -> None:
    path = project.split_path("train")
    path.parent.mkdir(parents=True)
    path.write_text("f1\nf2\n")
    assert look(project, "f0").clicks == 2


def test_there_is_none_of_one_class(project: Project) -> None:
    for image_id in ("f0", "f1"):
        write(project, image_id, OUTSIDE)
    assert first_look(project, ProbeConfig(), "f0", split="train") is None


def test_what_cannot_be_learnt_from_is_said(project: Project) -> None:
    Image.fromarray(picture(1, channels=1)).save(project.image_path("f1"))
    with pytest.raises(SeminarError, match="f1: 1 channels, f0 has 3"):
        look(project, "f0")
    project.clicks_path("f0").write_text("{")
    with pytest.raises(DatasetError, match=r"f0\.json"):
        look(project, "f0")
