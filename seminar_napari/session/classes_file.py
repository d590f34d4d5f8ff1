"""Reads and writes classes.txt, which other windows and editors change, too."""

from __future__ import annotations

from seminar.errors import DatasetError
from seminar.io.files import locked, write_text
from seminar.labels import ClassNames, voc_colour
from seminar.project.layout import CLASSES
from seminar.project.project import Project


def read_classes(project: Project) -> ClassNames:
    """The classes as they are on disk now.

    Raises
    ------
    DatasetError
        classes.txt is missing or damaged.
    """
    return Project.open(project.path).classes


def change_classes(project: Project, classes: ClassNames) -> ClassNames:
    """Apply the changes from `project.classes` to `classes` to the file; return its classes then.

    Raises
    ------
    DatasetError
        classes.txt is damaged, and left as it is; or another program changed the same class, see
        `merged`.
    OSError
        Disk full, no permission.
    """
    with locked(project.path):
        classes = merged(project.classes, classes, read_classes(project))
        write_text(project.path / CLASSES, classes.format())
    return classes


def merged(base: ClassNames, ours: ClassNames, theirs: ClassNames) -> ClassNames:
    """Apply the names, colours and classes that are new in `ours` since `base` to `theirs`.

    A class that both added counts once. No class of `theirs` gets another id, as clicks refer to
    ids.

    Raises
    ------
    DatasetError
        A class that `ours` changed is another one in `theirs`, or a name is used twice.
    """
    if theirs == base:
        return ours
    names, colours = list(theirs.names), list(theirs.colours)
    for class_id, (name, colour) in enumerate(zip(ours.names, ours.colours, strict=True)):
        if class_id >= base.num_classes:
            if name not in names:
                colours.append(voc_colour(len(names)) if colour == voc_colour(class_id) else colour)
                names.append(name)
            continue
        known, known_colour = base.names[class_id], base.colours[class_id]
        if (name, colour) == (known, known_colour):
            continue
        if class_id >= len(names) or names[class_id] not in (known, name):
            fault = f"{CLASSES}: another program changed class {class_id} '{known}' meanwhile"
            raise DatasetError(f"{fault}; change it again")
        names[class_id] = name if name != known else names[class_id]
        colours[class_id] = colour if colour != known_colour else colours[class_id]
    return ClassNames.parse(ClassNames(tuple(names), tuple(colours)).format())
