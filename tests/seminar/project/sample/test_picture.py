"""The demo's picture: a panel for each map, the classes' colours where they belong, and nothing
where they do not.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from seminar.clicks.click_set import ClickSet
from seminar.errors import SeminarError
from seminar.labels import ClassNames, LabelMap
from seminar.project.sample.picture import FILL, FONT_SIZE, GAP, PANEL_HEIGHT, draw_demo_picture

CLASSES = ClassNames.parse("background\ncell #00c800\nvoid place #0000ff")
GREY = 100


def draw(
    path: Path,
    panels: dict[str, LabelMap],
    clicks: ClickSet | None = None,
    shape: tuple[int, int, int] = (60, 60, 3),
) -> npt.NDArray[np.uint8]:
    image = np.full(shape, GREY, dtype=np.uint8)
    draw_demo_picture(image, clicks or ClickSet(*shape[:2]), panels, CLASSES, path)
    return np.asarray(Image.open(path).convert("RGB"))


def panel(
    picture: npt.NDArray[np.uint8], number: int, width: int = PANEL_HEIGHT
) -> npt.NDArray[np.uint8]:
    """The pixels of one panel, (height, width, 3)."""
    left = GAP + number * (width + GAP)
    top = FONT_SIZE + GAP + GAP // 2
    return picture[top : top + PANEL_HEIGHT, left : left + width]


def half(shape: tuple[int, int] = (60, 60)) -> LabelMap:
    labels = np.zeros(shape, dtype=np.uint8)
    labels[:, : shape[1] // 2] = 1
    return labels


def test_a_panel_shows_its_classes_over_the_image(tmp_path: Path) -> None:
    labels = half()
    labels[40:, 40:] = 255
    picture = draw(tmp_path / "deep" / "picture.png", {"student": labels, "truth": 1 - half()})
    student, truth = panel(picture, 1), panel(picture, 2)
    filled = [round((1 - FILL) * GREY + FILL * value) for value in (0, 200, 0)]
    np.testing.assert_allclose(student[100, 90], filled, atol=1)
    assert student[100, 270].tolist() == [GREY] * 3
    assert student[330, 330].tolist() == [GREY] * 3  # 255 stays clear
    assert student[100, 179].tolist() == [0, 200, 0]  # the rim in full colour
    assert truth[100, 90].tolist() == [GREY] * 3
    np.testing.assert_allclose(truth[100, 270], filled, atol=1)


def test_clicks_are_dots_of_their_class_in_the_first_panel_only(tmp_path: Path) -> None:
    points = np.array([[20.0, 10.0], [40.0, 50.0], [-5.0, 3.0]])
    clicks = ClickSet(60, 60, points, np.array([1, 0, 2]))
    picture = draw(
        tmp_path / "picture.png", {"student": np.zeros((60, 60), dtype=np.uint8)}, clicks
    )
    first, second = panel(picture, 0), panel(picture, 1)
    np.testing.assert_allclose(first[int(20.5 * 6), int(10.5 * 6)], (0, 200, 0), atol=3)
    assert (
        np.ptp(first[int(40.5 * 6), int(50.5 * 6)].astype(int)) < 4
    )  # the background's dot is grey, not black
    assert first[int(40.5 * 6), int(50.5 * 6)].min() > 110
    assert not (first == (0, 0, 255)).all(axis=2).any()  # outside the image
    assert (second == GREY).all()


def test_the_legend_names_every_class_in_its_colour(tmp_path: Path) -> None:
    picture = draw(tmp_path / "picture.png", {"student": np.zeros((60, 60), dtype=np.uint8)})
    legend = picture[-(GAP + 30) :]
    for colour in ((150, 150, 150), (0, 200, 0), (0, 0, 255)):
        assert (legend == colour).all(axis=2).sum() > 150


def test_many_classes_wrap_into_lines_inside_the_picture(tmp_path: Path) -> None:
    classes = ClassNames.of(
        "background", *(f"a class with a long name {number}" for number in range(20))
    )
    labels = np.zeros((60, 60), dtype=np.uint8)
    draw_demo_picture(
        np.zeros((60, 60, 3), dtype=np.uint8),
        ClickSet(60, 60),
        {"student": labels},
        classes,
        tmp_path / "a.png",
    )
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.width == 3 * GAP + 2 * PANEL_HEIGHT
        assert (np.asarray(picture)[:, -GAP // 2 :] == 255).all()
        assert picture.height > PANEL_HEIGHT + 8 * 30


def test_a_long_caption_stays_over_its_panel(tmp_path: Path) -> None:
    picture = draw(tmp_path / "a.png", {"primary student, mean IoU 0.912": half(), "": half()})
    gap = GAP + 2 * (PANEL_HEIGHT + GAP) - GAP
    assert (picture[:30, gap + 2 : gap + GAP - 2] == 255).all()


@pytest.mark.parametrize(
    "shape", [(1, 1, 3), (60, 60, 1), (60, 60, 2), (60, 60, 5), (3, 400, 3), (400, 3, 3)]
)
def test_any_image_can_be_drawn(shape: tuple[int, int, int], tmp_path: Path) -> None:
    picture = draw(tmp_path / "a.png", {"student": half(shape[:2])}, shape=shape)
    assert picture.shape[0] > 20
    assert not (picture == 255).all()


def test_a_map_of_another_size_is_refused_and_nothing_written(tmp_path: Path) -> None:
    with pytest.raises(
        SeminarError,
        match=r"panel 'teacher': expected \(60, 60\) pixels as in the image, got \(30, 60\)",
    ):
        draw(tmp_path / "a.png", {"teacher": half((30, 60))})
    assert list(tmp_path.iterdir()) == []
