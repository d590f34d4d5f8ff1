"""Label Studio's JSON (not JSON-MIN): key points.

x and y are percentages of original_width and original_height (sdk 2.1.2, run), counted from the
edge (source); the class is the first of keypointlabels; item_index is the page of a document. All
annotations of a task count, but for cancelled ones; predictions do not. Results with
image_rotation are refused: old editors rotated the coordinates with the picture, newer ones do not,
and the file does not say which.

The image is named by the task's data: an upload has eight characters and a hyphen before its name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from seminar.clicks.readers.found_clicks import (
    Answers,
    Faults,
    FoundClick,
    Reading,
    counted_from_edges,
    others_note,
)
from seminar.clicks.readers.source import Source, cut, is_number, size_of
from seminar.errors import DatasetError

KIND = "keypointlabels"


def is_this(source: Source) -> bool:
    data = source.json
    return (
        isinstance(data, list)
        and bool(data)
        and isinstance(data[0], dict)
        and "data" in data[0]
        and ("annotations" in data[0] or "completions" in data[0] or "predictions" in data[0])
    )


def read(source: Source, answers: Answers) -> Reading:
    """See `seminar.clicks.readers.format_table.read_clicks`."""
    tasks = source.json
    if not isinstance(tasks, list) or not all(
        isinstance(task, dict) and isinstance(task.get("data"), dict) for task in tasks
    ):
        raise DatasetError(
            f'{source}: expected a list of tasks with "data" and "annotations"; in Label Studio '
            "export as JSON, not as JSON-MIN"
        )
    clicks: list[FoundClick] = []
    sizes: dict[str, tuple[int, int]] = {}
    faults = Faults()
    others = 0
    for number, task in enumerate(tasks, start=1):
        where = f"{source}, task {number}"
        for result in _results(task, where, faults):
            if result.get("type") != KIND:
                others += 1
                continue
            image = _image(task["data"], result)
            if click := _click(result, image, where, faults):
                clicks.append(click)
                if size := size_of(result["original_width"], result["original_height"]):
                    sizes[image] = size
    faults.raise_any()
    notes = others_note(others, "result")
    moved, more = counted_from_edges(clicks)
    images = [_image(task["data"], {}) for task in tasks]
    return Reading(moved, images, sizes, (*notes, *more), from_edges=True)


def _results(task: Mapping[str, Any], where: str, faults: Faults) -> Iterator[Mapping[str, Any]]:
    annotations = task.get("annotations", task.get("completions")) or []
    for annotation in annotations if isinstance(annotations, list) else [None]:
        about = annotation if isinstance(annotation, dict) else {}
        results = about.get("result")
        if not isinstance(results, list) or not all(isinstance(one, dict) for one in results):
            faults.add(f'{where}: expected annotations with a list "result"; export them again')
        elif not about.get("was_cancelled"):
            yield from results


def _click(result: Mapping[str, Any], image: str, where: str, faults: Faults) -> FoundClick | None:
    found = result.get("value")
    value: Mapping[str, Any] = found if isinstance(found, dict) else {}
    x: object = value.get("x")
    y: object = value.get("y")
    size = size_of(result.get("original_width"), result.get("original_height"))
    labels = value.get(KIND)
    if not is_number(x) or not is_number(y) or size is None or not isinstance(labels, list):
        faults.add(
            f"{where}: expected a key point with x, y, {KIND}, original_width and original_height,"
            f" got {cut(result)}; correct or delete it"
        )
        return None
    if result.get("image_rotation"):
        faults.add(
            f"{where}: a key point on a picture rotated by {cut(result['image_rotation'])} degrees,"
            " whose coordinates depend on the version of the editor; turn the picture back in Label"
            " Studio and place the points again"
        )
        return None
    height, width = size
    page = result.get("item_index")
    plane = page if type(page) is int and 0 <= page < 2**31 else None
    label = str(labels[0]) if labels else ""
    return FoundClick(y / 100 * height, x / 100 * width, label, image, plane)


def _image(data: Mapping[str, Any], result: Mapping[str, Any]) -> str:
    """The task's picture: what the result is about, or the first text that looks like a file."""
    texts = {key: value for key, value in data.items() if isinstance(value, str)}
    named = texts.get(str(result.get("to_name")))
    address = named or next((text for text in texts.values() if "." in text), "")
    return unquote(address.rpartition("?d=")[2])  # of local files
