"""Which class of a project is meant by what another program calls it."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from seminar.clicks.readers.found_clicks import Unanswered
from seminar.errors import DatasetError
from seminar.io.names import shown
from seminar.labels import ClassNames
from seminar.project.layout import CLASSES

Label = str | int


@dataclass(frozen=True)
class LabelRules:
    """What a person says about the classes of a file.

    Attributes
    ----------
    mapping : mapping of str to str
        Name in the file -> name in the project, "" to leave these clicks out. Names in the file may
        have * and ?; a name without them goes first.
    unnamed : str or None
        Class of clicks for which the file names none.
    add : bool
        Classes that the project lacks are added to it.
    """

    mapping: Mapping[str, str] = field(default_factory=dict)
    unnamed: str | None = None
    add: bool = False


@dataclass(frozen=True)
class MatchedLabels:
    """Labels as class ids.

    Attributes
    ----------
    class_ids : mapping of label to int or None
        None for clicks that are left out. Labels that are `unknown` are not among them.
    classes : ClassNames
        Those of the project, and those added.
    unknown : tuple of str
    """

    class_ids: Mapping[Label, int | None]
    classes: ClassNames
    unknown: tuple[str, ...]


def match_labels(labels: Iterable[Label], classes: ClassNames, rules: LabelRules) -> MatchedLabels:
    """Find or add the class of each label: by the mapping, by name, by name whatever the case.

    Raises
    ------
    DatasetError
        A class id that the project does not have, or a mapping to a class that is not there.
    Unanswered
        Clicks without a class, and nobody said which it is.
    """
    if rules.unnamed is not None and rules.unnamed not in classes.names and not rules.add:
        raise DatasetError(_no_such_class(rules.unnamed, classes))
    found: dict[Label, int | None] = {}
    unknown: list[str] = []
    for label in dict.fromkeys(labels):
        if isinstance(label, int):
            found[label] = label
            continue
        name = _mapped(label, rules)
        if name == "":
            found[label] = None
            continue
        class_id = _class_id(name, classes)
        if class_id is None and rules.add:
            classes = _with(classes, name)
            class_id = classes.num_classes - 1
        if class_id is not None:
            found[label] = class_id
        elif name != label:
            raise DatasetError(_no_such_class(name, classes))
        else:
            unknown.append(label)
    highest = max((class_id for class_id in found.values() if class_id is not None), default=0)
    if highest >= classes.num_classes:
        raise DatasetError(
            f"{CLASSES}: {classes.num_classes} classes, but the clicks name class {highest}; write "
            f"all {highest + 1} or more names into it"
        )
    return MatchedLabels(found, classes, tuple(unknown))


def _mapped(label: str, rules: LabelRules) -> str:
    """What the label is called in the project; empty to leave it out."""
    if label == "":
        if rules.unnamed is None:
            raise Unanswered(
                "clicks without a class, and the file does not name one; say which class they are",
                "label",
            )
        return rules.unnamed
    if label in rules.mapping:
        return rules.mapping[label]
    for pattern, name in rules.mapping.items():
        if fnmatch.fnmatchcase(label, pattern):
            return name
    return label


def _class_id(name: str, classes: ClassNames) -> int | None:
    if name in classes.names:
        return classes.names.index(name)
    folded = [one.casefold() for one in classes.names]
    return folded.index(name.casefold()) if folded.count(name.casefold()) == 1 else None


def _with(classes: ClassNames, name: str) -> ClassNames:
    try:
        more = ClassNames.parse(f"{classes.format()}{name}\n")
        name.encode()  # half a character, which JSON can hold, cannot be written
    except (DatasetError, UnicodeEncodeError):
        more = classes
    if more.names != (*classes.names, name):
        raise DatasetError(f"'{shown(name)}' cannot be the name of a class; map it to another name")
    return more


def _no_such_class(name: str, classes: ClassNames) -> str:
    return (
        f"{CLASSES}: no class '{shown(name)}'; name one of "
        f"{', '.join(map(shown, classes.names[:20]))}, or let new classes be added"
    )
