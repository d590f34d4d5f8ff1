"""A good file with clicks of each format that is read."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping

import numpy as np
import roifile

from seminar.clicks.readers.found_clicks import Answers

ANSWERS = Answers(pixel_size=0.5, origin="centre", classes_from=None, channels=1, slices=3)


def selection(name: str, points: list[tuple[float, float]], counters: list[int]) -> bytes:
    """A multi-point of ImageJ; points as (x, y)."""
    roi = roifile.ImagejRoi.frompoints(points, name=name)
    roi.roitype = roifile.ROI_TYPE.POINT
    roi.counters = np.array(counters, dtype=np.uint8)
    return roi.tobytes()


def roi_set() -> bytes:
    """Two multi-points in a zip, named as classes."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("0.roi", selection("cell", [(3.25, 4.0), (10.5, 7.75)], [0, 0]))
        archive.writestr("1.roi", selection("fibre", [(0.0, 0.0)], [0]))
    return data.getvalue()


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


SAMPLES: Mapping[str, tuple[str, bytes]] = {
    "imagej": (".zip", roi_set()),
    "imagej-results": (
        ".csv",
        b" ,Area,Mean,X,Y,Ch,Slice,Frame,Counter,Count\n1,0,96.0,1.625,2,1,1,1,0,2\n"
        b"2,0,61.5,5.25,3.875,1,2,2,1,1\n",
    ),
    "cell-counter": (
        ".xml",
        b'<?xml version="1.0" encoding="UTF-8"?>\n<CellCounter_Marker_File>\n'
        b" <Image_Properties>\n"
        b"  <Image_Filename>field.tif</Image_Filename>\n </Image_Properties>\n <Marker_Data>\n"
        b"  <Current_Type>1</Current_Type>\n  <Marker_Type>\n   <Type>1</Type>\n"
        b"   <Name>cell</Name>"
        b"\n   <Marker><MarkerX>3</MarkerX><MarkerY>4</MarkerY><MarkerZ>1</MarkerZ></Marker>\n"
        b"  </Marker_Type>\n  <Marker_Type>\n   <Type>2</Type>\n   <Marker><MarkerX>10</MarkerX>"
        b"<MarkerY>7</MarkerY><MarkerZ>2</MarkerZ></Marker>\n  </Marker_Type>\n </Marker_Data>\n"
        b"</CellCounter_Marker_File>\n",
    ),
    "napari": (
        ".csv",
        b"index,axis-0,axis-1,axis-2,class\n0.0,0.0,4.0,3.25,cell\n1.0,1.0,7.75,10.5,fibre\n",
    ),
    "qupath": (
        ".geojson",
        _json(
            {
                "type": "FeatureCollection",
                "features": [
                    {
                        "type": "Feature",
                        "geometry": {"type": "Point", "coordinates": [3.75, 4.5]},
                        "properties": {"classification": {"name": "cell", "color": [1, 2, 3]}},
                    },
                    {
                        "type": "Feature",
                        "geometry": {
                            "type": "MultiPoint",
                            "coordinates": [[11.0, 8.25], [0.5, 0.5]],
                            "plane": {"c": -1, "z": 1, "t": 0},
                        },
                        "properties": {"classification": {"names": ["fibre", "thin"]}},
                    },
                    {
                        "type": "Feature",
                        "geometry": {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1]]]},
                        "properties": {},
                    },
                ],
            }
        ),
    ),
    "cvat": (
        ".xml",
        b'<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n <version>1.1</version>\n'
        b' <image id="0" name="field.png" width="30" height="20">\n'
        b'  <points label="cell" source="manual" occluded="0" points="3.75,4.50;11.00,8.25">'
        b"</points>\n"
        b'  <box label="cell" xtl="1" ytl="1" xbr="2" ybr="2"/>\n </image>\n'
        b' <track id="0" label="fibre"><points frame="2" outside="0" points="0.50,0.50"/>'
        b'<points frame="3" outside="1" points="0.50,0.50"/></track>\n</annotations>\n',
    ),
    "label-studio": (
        ".json",
        _json(
            [
                {
                    "id": 1,
                    "data": {"image": "/data/upload/1/0a1b2c3d-field.png"},
                    "annotations": [
                        {
                            "was_cancelled": False,
                            "result": [
                                {
                                    "type": "keypointlabels",
                                    "original_width": 30,
                                    "original_height": 20,
                                    "image_rotation": 0,
                                    "to_name": "image",
                                    "value": {
                                        "x": 12.5,
                                        "y": 22.5,
                                        "width": 0.5,
                                        "keypointlabels": ["cell"],
                                    },
                                },
                                {"type": "choices", "value": {"choices": ["good"]}},
                            ],
                        }
                    ],
                }
            ]
        ),
    ),
    "labelme": (
        ".json",
        _json(
            {
                "version": "6.3.1",
                "shapes": [
                    {"label": "cell", "points": [[3.75, 4.5]], "shape_type": "point"},
                    {"label": "cell", "points": [[0, 0], [3, 4]], "shape_type": "rectangle"},
                    {"label": "fibre", "points": [[30, 20]], "shape_type": "point"},
                ],
                "imagePath": "..\\pictures\\field.png",
                "imageData": None,
                "imageHeight": 20,
                "imageWidth": 30,
            }
        ),
    ),
    "coco": (
        ".json",
        _json(
            {
                "images": [{"id": 7, "file_name": "field.png", "width": 30, "height": 20}],
                "categories": [
                    {"id": 1, "name": "animal", "keypoints": ["nose", "tail"]},
                    {"id": 2, "name": "cell"},
                ],
                "annotations": [
                    {"id": 1, "image_id": 7, "category_id": 1, "keypoints": [3, 4, 2, 0, 0, 0]},
                    {"id": 2, "image_id": 7, "category_id": 2, "keypoints": [10, 7, 1]},
                    {"id": 3, "image_id": 7, "category_id": 2, "bbox": [0, 0, 1, 1]},
                ],
            }
        ),
    ),
    "via": (
        ".json",
        _json(
            {
                "_via_settings": {},
                "_via_img_metadata": {
                    "field.png123": {
                        "filename": "field.png",
                        "size": 123,
                        "regions": [
                            {
                                "shape_attributes": {"name": "point", "cx": 3, "cy": 4},
                                "region_attributes": {"type": "cell"},
                            },
                            {
                                "shape_attributes": {"name": "point", "cx": 10, "cy": 7},
                                "region_attributes": {"type": {"fibre": True, "cell": False}},
                            },
                            {"shape_attributes": {"name": "rect"}, "region_attributes": {}},
                        ],
                    }
                },
            }
        ),
    ),
    "whats-the-point": (
        ".json",
        _json({"field": [{"x": 3.5, "y": 4.5, "cls": 1, "rank": 1}, {"x": 11, "y": 8, "cls": 0}]}),
    ),
}
"""Ending and content by the name of the format."""
