"""Classes without clicks: one rule and one sentence for `seminar check` and the window."""

from __future__ import annotations

from collections.abc import Mapping

from seminar.labels import ClassNames
from seminar.project.layout import CLICKS

CLASSES_SHOWN = 20
"""A sentence about many classes names so many of them."""


def unclicked_classes(counts: Mapping[int, int], classes: ClassNames) -> tuple[str, bool]:
    """Report the classes without clicks in the training images, and whether that stops training.

    Parameters
    ----------
    counts : mapping of int to int
        Number of clicks of each class that has any.

    Returns
    -------
    sentence : str
        Empty where every class has clicks.
    is_fault : bool
        Fewer than two classes have clicks: there is nothing to tell apart.
    """
    missing = [
        f"{class_id} '{name}'"
        for class_id, name in enumerate(classes.names)
        if not counts.get(class_id)
    ]
    if not missing:
        return "", False
    named = ", ".join(missing[:CLASSES_SHOWN]) + (", ..." if len(missing) > CLASSES_SHOWN else "")
    if len(counts) < 2:
        return (
            f"{CLICKS}: no clicks of class {named}, and one class alone teaches nothing; click on "
            "places that show another",
            True,
        )
    return (
        f"{CLICKS}: no clicks of class {named}, so never predicted; click on places that show it, "
        "or ignore this where no image does",
        False,
    )
