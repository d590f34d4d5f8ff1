"""How the masks and clicks in this folder were made; run it to make them again: python
sample_data/make_masks.py

The outlines were drawn by hand on the enlarged picture, about 3 px true; a random walker then moves
each border to the colour edge within a band of a few pixels, and the last pixel on either side of a
border is void (255), as in PASCAL VOC. Places that we could not tell apart ourselves are void too.
The clicks were placed by hand.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import numpy.typing as npt
from skimage import color, data, draw, filters, morphology, segmentation

from seminar.clicks.click_set import ClickSet
from seminar.io.files import write_text
from seminar.io.label_png import write_label_png
from seminar.labels import ClassNames

FOLDER = Path(__file__).parent
BAND = 3  # px on either side of a drawn outline in which the border may move
BACKGROUND, GLAND, LUMEN, VOID = 0, 1, 2, 255

# (col, row) in the picture, 512 x 512; drawn in this order, the later over the earlier
OUTLINES: list[tuple[int, list[tuple[float, float]]]] = [
    # the two upper glands, which touch each other along a dark seam
    (GLAND, [(-9, -9), (420, -9), (424, 0), (429, 20), (436, 40), (442, 60), (449, 80), (455, 100), (459, 120), (460, 140),
             (461, 160), (459, 180), (450, 200), (442, 220), (444, 240), (441, 250), (437, 260), (432, 270), (429, 280),
             (423, 290), (411, 297), (403, 294), (395, 282), (359, 279), (350, 268), (340, 259), (328, 247), (315, 234),
             (306, 221), (299, 200), (294, 187), (286, 169), (281, 153), (276, 140), (272, 156), (271, 177), (266, 192),
             (262, 208), (255, 221), (249, 227), (240, 240), (223, 251), (211, 259), (199, 258), (173, 258), (163, 254),
             (146, 240), (120, 230), (103, 221), (95, 217), (74, 216), (62, 209), (48, 196), (30, 178), (12, 163), (-9, 150)]),
    # the gland at the left
    (GLAND, [(-9, 158), (10, 168), (30, 185), (48, 203), (62, 214), (72, 219), (74, 223), (83, 240), (91, 257), (103, 272),
             (110, 286), (122, 303), (134, 317), (143, 332), (149, 351), (153, 370), (157, 384), (159, 406), (159, 437),
             (157, 454), (157, 490), (158, 521), (38, 521), (38, 511), (39, 490), (38, 466), (39, 442), (43, 423), (47, 406),
             (49, 382), (51, 370), (52, 353), (51, 339), (45, 324), (33, 310), (22, 293), (10, 279), (0, 267), (-9, 260)]),
    # the round gland
    (GLAND, [(288, 302), (280, 307), (274, 317), (270, 329), (258, 337), (252, 351), (252, 368), (255, 385), (253, 404),
             (257, 419), (266, 436), (275, 448), (285, 464), (294, 479), (300, 491), (300, 501), (303, 521), (335, 521),
             (340, 506), (362, 503), (368, 493), (375, 474), (378, 455), (382, 438), (384, 419), (380, 404), (379, 385),
             (372, 370), (369, 351), (355, 341), (340, 333), (328, 322), (319, 317), (304, 310)]),
    (LUMEN, [(-9, 260), (0, 267), (10, 279), (22, 293), (33, 310), (45, 324), (51, 339), (52, 353), (51, 370), (49, 382),
             (47, 406), (43, 423), (39, 442), (38, 466), (39, 490), (38, 521), (-9, 521)]),
    (LUMEN, [(51, -9), (51, 0), (57, 11), (68, 18), (78, 12), (91, 3), (96, -9)]),
    (LUMEN, [(145, -9), (144, 0), (139, 14), (137, 31), (144, 41), (156, 41), (160, 30), (160, 14), (155, -9)]),
    (LUMEN, [(275, -9), (275, 0), (286, 21), (301, 44), (303, 68), (311, 94), (318, 117), (331, 138), (341, 159), (354, 177),
             (364, 190), (377, 196), (382, 194), (381, 183), (372, 159), (362, 146), (351, 114), (340, 99), (328, 86),
             (315, 65), (306, 44), (293, 23), (282, 5), (280, -9)]),
    (LUMEN, [(440, 396), (460, 399), (470, 408), (472, 440), (463, 456), (452, 459), (440, 454), (438, 462), (438, 478),
             (436, 488), (428, 491), (421, 480), (421, 462), (424, 452), (430, 440), (428, 425), (427, 412), (433, 402)]),
]  # fmt: skip

UNSURE: list[list[tuple[float, float]]] = [
    # a torn lumen, half filled
    [(155, 41), (160, 36), (190, 58), (180, 66), (186, 104), (178, 120), (168, 104), (158, 70)],
    # a lumen's thin end
    [(272, -9), (282, -9), (284, 5), (295, 22), (307, 46), (300, 50), (285, 24), (272, 2)],
    [(271, 137), (280, 137), (284, 152), (270, 152)],  # the tip of a wedge of tissue
    [(97, 408), (110, 408), (112, 427), (98, 427)],  # a vacuole in the left gland
    # the seam of two glands
    [(-9, 134), (14, 140), (20, 166), (74, 212), (80, 222), (66, 222), (-9, 180)],
    [(444, 206), (460, 206), (460, 240), (442, 238)],  # stain beside the right gland
    [(158, 474), (206, 474), (206, 521), (158, 521)],  # loose tissue, stained
    [(372, 378), (396, 385), (396, 402), (382, 402)],  # stain beside the round gland
]  # fmt: skip

# (row, col) in the picture; the fields for validation have none
CLICKS: dict[int, list[tuple[float, float]]] = {
    GLAND: [
        (41, 198), (118, 222), (88, 291), (32, 318), (152, 309),  # glands_2
        (231, 38), (288, 71), (322, 104), (203, 121), (236, 152),  # glands_4
        (219, 188), (243, 214), (192, 312), (326, 303),  # glands_5
        (222, 368), (259, 402), (211, 431),  # glands_6
        (398, 309), (452, 318), (381, 274), (489, 327),  # glands_8
        (378, 361), (431, 358), (472, 352),  # glands_9
    ],
    BACKGROUND: [
        (164, 277),
        (246, 117), (271, 132), (309, 152), (301, 166),
        (281, 189), (236, 276), (299, 228), (257, 291),
        (251, 468), (312, 419), (292, 352), (201, 489), (326, 481),
        (379, 221), (441, 214), (488, 262), (352, 188),
        (359, 422), (442, 497), (481, 478), (489, 391), (402, 407),
    ],
    LUMEN: [(99, 321), (72, 308), (311, 14), (331, 29), (186, 371), (424, 454), (468, 429)],
}  # fmt: skip


def polygon(points: list[tuple[float, float]], shape: tuple[int, int]) -> npt.NDArray[np.bool_]:
    return draw.polygon2mask(shape, np.array(points)[:, ::-1])


def make_truth(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The mask of the whole picture, (512, 512) uint8."""
    shape = image.shape[:2]
    pad = 12  # outlines run past the rim
    drawn = np.zeros((shape[0] + 2 * pad, shape[1] + 2 * pad), dtype=np.uint8)
    for class_id, points in OUTLINES:
        drawn[polygon([(col + pad, row + pad) for col, row in points], drawn.shape)] = class_id
    drawn = drawn[pad:-pad, pad:-pad]
    seeds = np.zeros(shape, dtype=np.int32)
    for class_id in (BACKGROUND, GLAND, LUMEN):
        inner = morphology.erosion(
            np.pad(drawn == class_id, BAND, mode="edge"), morphology.disk(BAND)
        )
        seeds[inner[BAND:-BAND, BAND:-BAND]] = class_id + 1
    lab = color.rgb2lab(filters.gaussian(image, 1.0, channel_axis=-1))
    lab = (lab - lab.mean((0, 1))) / lab.std((0, 1))
    walked = segmentation.random_walker(lab, seeds, beta=60, mode="bf", channel_axis=-1)
    truth = (walked - 1).astype(np.uint8)
    for class_id in (GLAND, LUMEN):  # no ragged borders
        region = morphology.opening(
            morphology.closing(truth == class_id, morphology.disk(2)), morphology.disk(1)
        )
        truth[region] = class_id
    truth[segmentation.find_boundaries(truth, mode="thick")] = VOID
    for points in UNSURE:
        truth[polygon(points, shape)] = VOID
    return truth


def write_fields(truth: npt.NDArray[np.uint8]) -> None:
    """Cut the mask and the clicks into the fields of fields.toml."""
    classes = ClassNames.parse((FOLDER / "classes.txt").read_text(encoding="utf-8"))
    points = np.array([click for clicks in CLICKS.values() for click in clicks], dtype=np.float64)
    class_ids = np.repeat(list(CLICKS), [len(clicks) for clicks in CLICKS.values()])
    wrong = truth[points[:, 0].astype(int), points[:, 1].astype(int)] != class_ids
    if wrong.any():
        raise SystemExit(f"clicks that do not lie on their class: {points[wrong].tolist()}")
    train, val = [], []
    for image_id, field in tomllib.loads((FOLDER / "fields.toml").read_text())["images"][
        "immunohistochemistry"
    ].items():
        (top, bottom), (left, right) = field["rows"], field["cols"]
        write_label_png(
            FOLDER / "SegmentationClass" / f"{image_id}.png", truth[top:bottom, left:right], classes
        )
        here = ((points >= (top, left)) & (points < (bottom, right))).all(axis=1)
        (train if here.any() else val).append(image_id)
        if here.any():
            clicks = ClickSet(
                bottom - top, right - left, points[here] - (top, left), class_ids[here]
            )
            write_text(FOLDER / "Clicks" / f"{image_id}.json", clicks.to_json())
    for name, image_ids in (("train", train), ("val", val)):
        write_text(
            FOLDER / "ImageSets" / "Segmentation" / f"{name}.txt",
            "".join(f"{image_id}\n" for image_id in image_ids),
        )


if __name__ == "__main__":
    write_fields(make_truth(data.immunohistochemistry()))
