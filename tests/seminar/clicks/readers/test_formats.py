"""Every format by a good file of it: what is read, what is asked, what is refused."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
import roifile
from click_samples import ANSWERS, SAMPLES, selection

from seminar.clicks.readers.format_table import READERS, format_of, read_clicks
from seminar.clicks.readers.found_clicks import Answers, FoundClick, Unanswered
from seminar.clicks.readers.source import Source
from seminar.errors import DatasetError, SeminarError

WHOLE = "all coordinates are whole numbers: taken for the middles of pixels"

EXPECTED: dict[str, list[FoundClick]] = {
    "imagej": [
        FoundClick(4, 3.25, "cell"),
        FoundClick(7.75, 10.5, "cell"),
        FoundClick(0, 0, "fibre"),
    ],
    "imagej-results": [
        FoundClick(4, 3.25, "counter 0", "", 0),
        FoundClick(7.75, 10.5, "counter 1", "", 4),
    ],
    "cell-counter": [
        FoundClick(4, 3, "cell", "field.tif", 0),
        FoundClick(7, 10, "type 2", "field.tif", 1),
    ],
    "napari": [FoundClick(4, 3.25, "cell", "", 0), FoundClick(7.75, 10.5, "fibre", "", 1)],
    "qupath": [
        FoundClick(4, 3.25, "cell"),
        FoundClick(7.75, 10.5, "fibre: thin", "", 1),
        FoundClick(0, 0, "fibre: thin", "", 1),
    ],
    "cvat": [
        FoundClick(4, 3.25, "cell", "field.png"),
        FoundClick(7.75, 10.5, "cell", "field.png"),
        FoundClick(0, 0, "fibre", "", 2),
    ],
    "label-studio": [FoundClick(4, 3.25, "cell", "/data/upload/1/0a1b2c3d-field.png")],
    "labelme": [
        FoundClick(4, 3.25, "cell", "..\\pictures\\field.png"),
        FoundClick(19.5, 29.5, "fibre", "..\\pictures\\field.png"),
    ],
    "coco": [FoundClick(4, 3, "nose", "field.png"), FoundClick(7, 10, "cell", "field.png")],
    "via": [FoundClick(4, 3, "cell", "field.png"), FoundClick(7, 10, "fibre", "field.png")],
    "whats-the-point": [FoundClick(4, 3, 1, "field"), FoundClick(7.5, 10.5, 0, "field")],
}
SIZED = ("cvat", "label-studio", "labelme", "coco")


def sample(folder: Path, format: str, content: bytes | None = None) -> Path:
    ending, good = SAMPLES[format]
    path = folder / f"field{ending}"
    path.write_bytes(good if content is None else content)
    return path


@pytest.mark.parametrize("format", READERS)
def test_a_good_file_is_recognised_and_read(format: str, tmp_path: Path) -> None:
    path = sample(tmp_path, format)
    assert format_of(Source(path)) == format
    reading = read_clicks(path, answers=ANSWERS)
    assert list(reading.clicks) == EXPECTED[format]
    assert set(reading.sizes.values()) == ({(20, 30)} if format in SIZED else set())


@pytest.mark.parametrize("format", READERS)
@pytest.mark.parametrize(
    "content", [b"", b" \n", b"{", b"[]", b"\xff\xfe\0\0", b"<a", b"x,y\n1,2\n"]
)
def test_what_is_no_such_file_is_refused(format: str, content: bytes, tmp_path: Path) -> None:
    path = sample(tmp_path, format, content)
    for name in ("auto", format):
        try:
            reading = read_clicks(path, name, ANSWERS)
        except DatasetError as error:
            assert str(error).startswith(str(path))
        else:
            assert (list(reading.clicks), name) == ([], format)


@pytest.mark.parametrize("format", READERS)
def test_files_that_are_not_there_or_a_folder(format: str, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no such file"):
        read_clicks(tmp_path / "nowhere.json", format)
    with pytest.raises(DatasetError, match="a folder"):
        read_clicks(tmp_path, format)
    (tmp_path / "clicks.docx").write_bytes(b"x")
    with pytest.raises(DatasetError, match=r"expected \.roi, \.zip, "):
        read_clicks(tmp_path / "clicks.docx")


# --- XML and archives of bad intent


@pytest.mark.parametrize("format", ["cvat", "cell-counter"])
@pytest.mark.parametrize(
    "declared",
    [
        '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>',
        '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">',
        "<!DOCTYPE annotations>",
    ],
)
def test_document_types_are_refused(format: str, declared: str, tmp_path: Path) -> None:
    good = SAMPLES[format][1].decode()
    head, _, rest = good.partition("?>")
    text = f"{head}?>{declared}{rest.replace('cell', '&a;')}"
    for encoding in ("utf-8", "utf-16"):
        data = text.replace('"utf-8"', f'"{encoding}"').replace('"UTF-8"', f'"{encoding}"')
        path = sample(tmp_path, format, data.encode(encoding))
        with pytest.raises(
            DatasetError, match=r"declares a document type|its content is not|expected <"
        ):
            read_clicks(path, answers=ANSWERS)


def zipped(*members: tuple[str, bytes]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return data.getvalue()


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (zipped(("../../x.roi", b"Iout")), "leads out of the archive"),
        (zipped(("/x.roi", b"Iout")), "leads out of the archive"),
        (zipped(("x.roi", b"\0" * 2**28)), "would unpack to"),
        (
            zipped(("annotations.xml", b"<annotations/>")),
            "but annotations.xml; unzip it and import",
        ),
        (zipped(("x.roi", b"hello")), "not readable as selections of ImageJ"),
        (b"PK\3\4 and no more", "not readable as a zip"),
        (b"Iout", "not readable as selections of ImageJ"),
    ],
)
def test_archives_of_bad_intent(content: bytes, fault: str, tmp_path: Path) -> None:
    with pytest.raises(SeminarError, match=fault):
        read_clicks(sample(tmp_path, "imagej", content))


@pytest.mark.parametrize("format", ["labelme", "coco", "via", "qupath", "label-studio"])
def test_deep_and_endless_json(format: str, tmp_path: Path) -> None:
    for content in (b"[" * 100_000, b'{"shapes": [' * 50_000, b'{"x": ' + b"9" * 10_000 + b"}"):
        with pytest.raises(DatasetError, match="not readable as JSON"):
            read_clicks(sample(tmp_path, format, content))


@pytest.mark.parametrize(
    "value", ["NaN", "Infinity", "1e999", "1" + "0" * 400, "true", '"3"', "null"]
)
def test_numbers_that_are_no_coordinates(value: str, tmp_path: Path) -> None:
    for format, good, bad in (
        ("labelme", "3.75", value),
        ("qupath", "3.75", value),
        ("coco", "[3, 4, 2", f"[{value}, 4, 2"),
        ("via", '"cx": 3', f'"cx": {value}'),
        ("label-studio", "12.5", value),
    ):
        content = SAMPLES[format][1].decode().replace(good, bad, 1)
        with pytest.raises(DatasetError, match="expected"):
            read_clicks(sample(tmp_path, format, content.encode()))


# --- ImageJ


def roi(path: Path, name: str = "", **fields: Any) -> Path:
    one = roifile.ImagejRoi.frompoints([(3, 4), (10, 7)], name=name)
    one.roitype = roifile.ROI_TYPE.POINT
    one.counters = fields.pop("counters", [0, 0])
    for field, value in fields.items():
        setattr(one, field, value)
    path.write_bytes(one.tobytes())
    return path


def test_a_selection_saved_by_itself_has_no_class(tmp_path: Path) -> None:
    path = roi(tmp_path / "nuclei.roi", "nuclei")
    assert [click.label for click in read_clicks(path).clicks] == ["", ""]
    automatic = roi(tmp_path / "x.roi", "0004-0003")
    assert [click.label for click in read_clicks(automatic).clicks] == ["", ""]


def test_the_class_is_a_name_a_counter_or_a_group(tmp_path: Path) -> None:
    path = roi(tmp_path / "x.roi", "cell", counters=[0, 5], group=3)
    with pytest.raises(Unanswered, match="names and counters and groups") as caught:
        read_clicks(path)
    assert caught.value.question == "classes_from"
    assert caught.value.choices == ("name", "counter", "group")
    for way, labels in (
        ("name", ["cell", "cell"]),
        ("counter", ["counter 0", "counter 5"]),
        ("group", ["group 3", "group 3"]),
    ):
        clicks = read_clicks(path, answers=Answers(classes_from=way)).clicks
        assert [click.label for click in clicks] == labels
    with pytest.raises(DatasetError, match="not by 'colour'"):
        read_clicks(path, answers=Answers(classes_from="colour"))


def test_planes_of_selections(tmp_path: Path) -> None:
    def planes(name: str = "", answers: Answers | None = None, **fields: Any) -> list[int | None]:
        clicks = read_clicks(roi(tmp_path / "x.roi", name, **fields), answers=answers).clicks
        return [click.plane for click in clicks]

    assert planes() == [None, None]
    assert planes(position=4) == [3, 3]
    assert planes(counter_positions=[2, 5]) == [1, 4]
    assert planes(c_position=0, z_position=3) == [2, 2]
    assert planes("0007-0003-0004") == [6, 6]
    with pytest.raises(Unanswered, match="how many slices") as caught:
        planes(z_position=2, t_position=3)
    assert caught.value.question == "slices"
    assert planes(answers=Answers(slices=5), z_position=2, t_position=3) == [11, 11]


def test_selections_with_decimals_may_be_qupath_s(tmp_path: Path) -> None:
    (tmp_path / "x.roi").write_bytes(selection("cell", [(3.75, 4.5)], [0]))
    with pytest.raises(Unanswered, match="which program made them") as caught:
        read_clicks(tmp_path / "x.roi")
    assert caught.value.choices == ("centre", "edge")
    for origin, place in (("centre", (4.5, 3.75)), ("edge", (4.0, 3.25))):
        (click,) = read_clicks(tmp_path / "x.roi", answers=Answers(origin=origin)).clicks  # type: ignore[arg-type]
        assert click[:2] == place
    one = roifile.ImagejRoi.frombytes((tmp_path / "x.roi").read_bytes())
    one.props = "qupath.object.id: 7\nqupath.object.classification: Tumor: Positive\n"
    (tmp_path / "x.roi").write_bytes(one.tobytes())
    assert list(read_clicks(tmp_path / "x.roi").clicks) == [
        FoundClick(4.0, 3.25, "Tumor: Positive")
    ]


def test_areas_are_no_points(tmp_path: Path) -> None:
    area = roifile.ImagejRoi.frompoints([(0, 0), (5, 0), (5, 5)], name="area").tobytes()
    content = zipped(("a.roi", area), ("b.roi", selection("cell", [(1, 2)], [0])))
    reading = read_clicks(sample(tmp_path, "imagej", content))
    assert (len(reading.clicks), reading.notes) == (
        1,
        ("1 selection that is not a point is left out",),
    )
    with pytest.raises(DatasetError, match="no points or multi-points among its 1"):
        read_clicks(sample(tmp_path, "imagej", zipped(("a.roi", area))))


def test_results_ask_for_the_pixel_size_and_the_slices(tmp_path: Path) -> None:
    path = sample(tmp_path, "imagej-results")
    with pytest.raises(Unanswered, match="the size of a pixel") as caught:
        read_clicks(path)
    assert caught.value.question == "pixel_size"
    with pytest.raises(Unanswered, match="how many slices"):
        read_clicks(path, answers=Answers(pixel_size=0.5))
    coarse = b" ,X,Y\n1,0.012,0.008\n"
    reading = read_clicks(
        sample(tmp_path, "imagej-results", coarse), answers=Answers(pixel_size=0.0004)
    )
    assert "3 decimals are too few for pixels of 0.0004" in reading.notes[0]


def test_results_of_areas_are_counted_from_the_edge(tmp_path: Path) -> None:
    content = b" ,Label,Area,X,Y\n1,field.tif,9,3.5,4.5\n2,field.tif:0002,0,3,4\n"
    reading = read_clicks(
        sample(tmp_path, "imagej-results", content), answers=Answers(pixel_size=1)
    )
    assert list(reading.clicks) == [
        FoundClick(4, 3, "", "field.tif"),
        FoundClick(4, 3, "", "field.tif"),
    ]
    assert reading.notes == ("1 rows are the middles of areas, not points",)


# --- napari, VIA


def test_the_column_of_the_class(tmp_path: Path) -> None:
    def labels(columns: str, values: str, answers: Answers | None = None) -> list[str | int]:
        content = f"index,axis-0,axis-1,{columns}\n0,1,2,{values}\n".encode()
        clicks = read_clicks(sample(tmp_path, "napari", content), answers=answers).clicks
        return [click.label for click in clicks]

    assert labels("kind", "cell") == ["cell"]
    assert labels("class_id", "2.0") == [2]
    assert labels("size,label", "7,cell") == ["cell"]
    assert labels("size,kind", "7,cell", Answers(classes_from="kind")) == ["cell"]
    with pytest.raises(Unanswered, match="size, kind"):
        labels("size,kind", "7,cell")
    with pytest.raises(DatasetError, match="no column 'colour'"):
        labels("kind", "cell", Answers(classes_from="colour"))
    with pytest.raises(DatasetError, match="expected points with 2 axes, or 3 on a stack, got 4"):
        labels("axis-2,axis-3", "7,8")


def test_columns_are_told_by_name_not_by_order(tmp_path: Path) -> None:
    content = b"axis-1,class,axis-0,index\n2.5,cell,1.25,0\n"
    assert list(read_clicks(sample(tmp_path, "napari", content)).clicks) == [
        FoundClick(1.25, 2.5, "cell")
    ]


def test_the_region_attribute_of_the_class(tmp_path: Path) -> None:
    data = json.loads(SAMPLES["via"][1])
    region = data["_via_img_metadata"]["field.png123"]["regions"][0]
    region["region_attributes"]["who"] = "me"
    path = sample(tmp_path, "via", json.dumps(data).encode())
    with pytest.raises(Unanswered, match="type, who"):
        read_clicks(path)
    clicks = read_clicks(path, answers=Answers(classes_from="who")).clicks
    assert [click.label for click in clicks] == ["me", ""]


# --- Label Studio, COCO


def test_turned_pictures_and_cancelled_annotations_of_label_studio(tmp_path: Path) -> None:
    data = json.loads(SAMPLES["label-studio"][1])
    (annotation,) = data[0]["annotations"]
    annotation["result"][0]["image_rotation"] = 90
    with pytest.raises(DatasetError, match="rotated by 90 degrees"):
        read_clicks(sample(tmp_path, "label-studio", json.dumps(data).encode()))
    annotation["was_cancelled"] = True
    path = sample(tmp_path, "label-studio", json.dumps(data).encode())
    assert list(read_clicks(path).clicks) == []


def test_label_studio_s_coco_export_refers_to_its_json(tmp_path: Path) -> None:
    data = json.loads(SAMPLES["coco"][1])
    data["info"] = {"contributor": "Label Studio"}
    notes = read_clicks(sample(tmp_path, "coco", json.dumps(data).encode())).notes
    assert notes[0] == WHOLE
    assert "export as JSON for all of them" in notes[1]


def test_coco_with_decimals_counts_from_the_edge(tmp_path: Path) -> None:
    content = SAMPLES["coco"][1].replace(b"[3, 4, 2", b"[3.5, 4, 2")
    clicks = read_clicks(sample(tmp_path, "coco", content)).clicks
    assert [click[:2] for click in clicks] == [(3.5, 3.0), (6.5, 9.5)]
