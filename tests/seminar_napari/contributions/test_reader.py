from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.settings import get_settings
from PIL import Image

from seminar.clicks.click_set import ClickSet
from seminar.io.label_png import read_label_png
from seminar.project.project import Project
from seminar_napari.contributions.reader import get_reader
from seminar_napari.contributions.writer import write_clicks
from seminar_napari.dock.reader_rules import prefer_readers


def test_only_projects_and_indexed_pngs_are_read(three_fields: Project, tmp_path: Path) -> None:
    assert get_reader(str(three_fields.path)) is not None
    assert get_reader(str(tmp_path)) is None
    assert get_reader([str(three_fields.sparse_mask_path("a"))] * 2) is None
    assert get_reader(str(three_fields.sparse_mask_path("a"))) is not None
    Image.fromarray(np.zeros((4, 4, 3), dtype=np.uint8)).save(tmp_path / "rgb.png")
    assert get_reader(str(tmp_path / "rgb.png")) is None
    Image.fromarray(np.zeros((4, 4), dtype=bool)).save(tmp_path / "black and white.png")
    assert get_reader(str(tmp_path / "black and white.png")) is None
    (tmp_path / "broken.png").write_bytes(b"x")
    assert get_reader(str(tmp_path / "broken.png")) is None


@pytest.mark.usefixtures("plugins")
def test_a_sparse_mask_opens_as_points_in_the_colours_of_its_project(three_fields: Project) -> None:
    (layer,) = ViewerModel().open(str(three_fields.sparse_mask_path("a")), plugin="seminar-napari")
    assert layer.data.tolist() == [[15, 15], [30, 40]]
    assert layer.features["class_id"].tolist() == [1, 0]
    np.testing.assert_allclose(
        layer.face_color[0, :3], np.array([0xFF, 0x80, 0x00]) / 255, atol=0.01
    )


@pytest.mark.usefixtures("plugins")
def test_what_napari_saves_is_what_it_opens(three_fields: Project, tmp_path: Path) -> None:
    viewer = ViewerModel()
    (layer,) = viewer.open(str(three_fields.sparse_mask_path("a")), plugin="seminar-napari")
    layer.add([7.4, 8.6])
    layer.features = {"class_id": [1, 0, 2]}
    assert layer.save(str(tmp_path / "mask.png"), plugin="seminar-napari") == [
        str(tmp_path / "mask.png")
    ]
    with Image.open(tmp_path / "mask.png") as image:
        assert image.mode == "P"
        assert image.getpalette()[3:6] == [128, 0, 0]  # type: ignore[index]
    mask = read_label_png(tmp_path / "mask.png")
    assert mask.shape == (40, 60)
    np.testing.assert_array_equal(
        mask,
        ClickSet(40, 60, np.array([[15, 15], [30, 40], [7, 9]]), np.array([1, 0, 2])).rasterize(),
    )


def test_points_of_anybody_can_be_saved(tmp_path: Path) -> None:
    path = str(tmp_path / "mask.png")
    assert write_clicks(path, np.array([[2.0, 9.0], [4.0, 3.0]]), {}) == [path]
    mask = read_label_png(Path(path))
    assert mask.shape == (5, 10)
    assert mask[2, 9] == mask[4, 3] == 1
    assert (mask == 255).sum() == 48


def test_the_smallest_size_holds_every_pixel_and_no_more(tmp_path: Path) -> None:
    path = tmp_path / "mask.png"
    write_clicks(str(path), np.array([[2.4, 9.4], [1.6, -0.2]]), {})
    mask = read_label_png(path)
    assert mask.shape == (3, 10) and mask[2, 9] == mask[2, 0] == 1 and (mask == 1).sum() == 2
    write_clicks(str(path), np.array([[2.6, 8.6]]), {})
    assert read_label_png(path).shape == (4, 10)


@pytest.mark.parametrize(
    ("points", "attributes", "words"),
    [
        (np.zeros((0, 2)), {}, "no points"),
        (np.zeros((1, 3)), {}, "plane"),
        (np.zeros((1, 2)), {"features": {"class_id": [300]}}, "300"),
    ],
)
def test_what_cannot_be_saved_is_said(
    tmp_path: Path, points: np.ndarray, attributes: dict, words: str
) -> None:
    from seminar.errors import SeminarError

    with pytest.raises(SeminarError, match=words):
        write_clicks(str(tmp_path / "mask.png"), points, attributes)


@pytest.fixture
def reader_rules() -> Iterator[Any]:
    """napari's rules which reader takes which file, put back after the test."""
    plugins = get_settings().plugins
    before = dict(plugins.extension2reader)
    yield plugins
    plugins.extension2reader = before


@pytest.mark.usefixtures("plugins")
def test_rules_are_written_once_and_the_users_go_first(reader_rules: Any) -> None:
    reader_rules.extension2reader = {"*.tif": "somebody-else"}
    prefer_readers()
    ours = {"*/SegmentationClick/*.png": "seminar-napari"}
    assert reader_rules.extension2reader == {"*.tif": "somebody-else", "*.png": "napari", **ours}
    reader_rules.extension2reader = {}  # the user takes them out
    prefer_readers()
    assert reader_rules.extension2reader == {}


@pytest.mark.usefixtures("plugins")
def test_what_the_user_chose_for_png_stays(reader_rules: Any) -> None:
    reader_rules.extension2reader = {"*.png": "somebody-else"}
    prefer_readers()
    assert reader_rules.extension2reader["*.png"] == "somebody-else"


def test_with_another_png_reader_napari_asks_as_before(
    reader_rules: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = {"napari": "napari", "seminar-napari": "Seminar", "other": "Other"}
    monkeypatch.setattr("seminar_napari.dock.reader_rules.get_readers", lambda path: known)
    reader_rules.extension2reader = {}
    prefer_readers()
    assert reader_rules.extension2reader == {"*/SegmentationClick/*.png": "seminar-napari"}
