"""The rims of regions."""

from __future__ import annotations

import numpy as np
import pytest

from seminar_napari.inspect.outlines import outline_width, outlines


@pytest.mark.parametrize("style", ["solid", "dashed", "dotted", "dash-dotted"])
def test_outlines_are_rims(style: str) -> None:
    labels = np.zeros((30, 30), dtype=np.uint8)
    labels[5:25, 5:25] = 3
    drawn = outlines(labels, 2, style=style)
    assert set(np.unique(drawn)) == {0, 3}
    assert not drawn[7:23, 7:23].any() and not drawn[:5].any()
    full = 20 * 20 - 16 * 16
    assert (
        np.count_nonzero(drawn) == full
        if style == "solid"
        else 0.3 * full < np.count_nonzero(drawn) < 0.9 * full
    )


def test_each_style_draws_dashes_of_its_own() -> None:
    labels = np.zeros((60, 60), dtype=np.uint8)
    labels[:30] = 1

    def rim(style: str) -> str:
        return "".join("-" if value else " " for value in outlines(labels, 1, style=style)[29])

    assert rim("solid") == "-" * 60
    for style, parts in (
        ("dashed", {"---", "--", "-"}),
        ("dotted", {"-"}),
        ("dash-dotted", {"------", "--"}),
    ):
        inside = rim(style).split()[1:-1]
        assert set(inside) <= parts and len(inside) > 5, style


def test_outline_width_grows_with_the_image() -> None:
    assert [outline_width(size) for size in ((100, 100), (512, 300), (2048, 2048))] == [1, 1, 5]
