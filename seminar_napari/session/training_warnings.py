"""Warnings before training."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from seminar.labels import BACKGROUND, ClassNames
from seminar.project.clicked_classes import unclicked_classes
from seminar_napari.session.image_states import ImageState


def warnings_before_training(
    states: Iterable[tuple[str, ImageState]], classes: ClassNames, split: str = "train"
) -> Iterator[str]:
    """Warnings before training on these images, one sentence each."""
    everything = list(states)
    training = [(image_id, state) for image_id, state in everything if not state.held_out]
    wasted = [image_id for image_id, state in everything if state.held_out and state.counts]
    totals: Counter[int] = Counter()
    for _, state in training:
        totals.update(dict(state.counts))
    yield from (state.fault for _, state in training if state.fault)
    if wasted:
        yield (
            f"Clicks in {some(wasted)} are not trained on, as {split}.txt does not list "
            f"{'it' if len(wasted) == 1 else 'them'}: show the image in the tab Annotate and "
            "choose 'Train on this image'."
        )
    if not totals:
        yield (
            "No image has clicks yet: click a few objects and some background in at least one "
            "image."
        )
        return
    sentence, _ = unclicked_classes(totals, classes)
    if sentence:
        yield sentence
    unknown = sorted(class_id for class_id in totals if class_id >= classes.num_classes)
    if unknown:
        yield (
            f"Clicks of class {', '.join(map(str, unknown))} are not in classes.txt: add the class "
            "or delete the clicks."
        )
    outside = [image_id for image_id, state in training if state.outside]
    if outside:
        yield f"Clicks outside the image in {some(outside)} are ignored: move or delete them."
    one_sided = [image_id for image_id, state in training if state.objects and not state.background]
    if one_sided and totals[BACKGROUND]:
        yield f"No background clicks in {some(one_sided)}: add a few between the objects."
    empty = sum(state.kind == "nothing" for _, state in training)
    if empty:
        yield (
            f"{empty} of {len(training)} images have no clicks: at most the start learns from them."
        )


def some(image_ids: Sequence[str]) -> str:
    """The first three ids, and how many more there are."""
    shown = ", ".join(image_ids[:3])
    return shown if len(image_ids) <= 3 else f"{shown} and {len(image_ids) - 3} more"
